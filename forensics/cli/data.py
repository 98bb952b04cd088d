"""`forensics data`: look at datasets, and turn labelled faces into the cache that training reads."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import click

from forensics.cli.data_options import ToolChoice, sample_options, sample_settings
from forensics.cli.data_preview import preview_command
from forensics.cli.dataset_options import PLAIN, allow_options, chosen_dataset, dataset_options
from forensics.cli.datasets import check_command, datasets_command, manifest_command
from forensics.cli.options import debug_option, device_option, store_options
from forensics.cli.presets import preset_option
from forensics.cli.sections import SectionedCommand
from forensics.cli.tower_options import tower_options, training_config


@click.group("data", short_help="Prepare training material.")
def data_group() -> None:
    """Prepare training material."""


@click.command("extract", cls=SectionedCommand, short_help="Cache faces, and pseudo-fakes made of real ones.")
@click.argument("material", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder for the cache.")
@preset_option
@dataset_options(default=PLAIN)
@allow_options
@tower_options
@click.option(
    "--pairs",
    type=click.IntRange(min=0, max=15),
    default=1,
    show_default=True,
    help="Pseudo-fakes made of each real face; with 0 the dataset's own fakes are the only ones.",
)
@sample_options
@click.option("--masks", is_flag=True, help="Keep the masks of the blends, as a target to train on.")
@click.option(
    "--max-unreadable",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="Records that may be unreadable; they are listed and left out.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes that share the work; they do not change the result.",
)
@device_option
@store_options
@debug_option
def extract_command(
    material: Path,
    output: Path,
    preset: str | None,
    backbone: str,
    embedder: str,
    face_ratio: float,
    pairs: int,
    augment: str,
    landmarks: str,
    seed: int,
    masks: bool,
    max_unreadable: int,
    jobs: int,
    device: str,
    offline: bool,
    cache_dir: Path | None,
    allow_missing: bool,
    allow_leaks: bool,
    **chosen: Any,
) -> None:
    """Cache the faces of the pictures and videos of MATERIAL, with self-blended pseudo-fakes of real ones.

    MATERIAL is a CSV or JSON lines with the columns path, label, split, method, identity, group, or with --as
    the folder of a published dataset. A killed extraction goes on where it stopped when the same command is
    given again.
    """
    from forensics.cli.progress import frame_bar
    from forensics.data.cache import CacheSpec
    from forensics.data.dataset import refuse_faults
    from forensics.data.extract import extract, material_sha256
    from forensics.settings import choose_device
    from weights.store import Store

    logging.getLogger("forensics.data").setLevel(logging.INFO)
    config = training_config(backbone, embedder, face_ratio=face_ratio)
    settings = sample_settings(augment=augment, seed=seed, pairs=pairs)
    dataset = chosen_dataset(material, **chosen)
    refuse_faults(dataset, allow_missing=allow_missing, allow_leaks=allow_leaks)
    records = dataset.records
    store = Store(cache_dir, offline=offline)
    tools = ToolChoice(config, store, str(choose_device(device)), landmarks)
    spec = CacheSpec(
        crop=config.crop,
        preprocess=f"squash {config.face_pixels}, CLIP mean/std, zero border to {config.canvas_pixels}",
        tower_sha256=store.fetch(config.image_weights).sha256,
        embedder=config.embedder,
        pairs=repr(settings.pairs) if pairs == 1 else f"{pairs} of {settings.pairs!r}",
        material_sha256=material_sha256(records),
        seed=seed,
        backbone=backbone,
        landmarks=landmarks,
        masks=masks,
    )
    with frame_bar("shards") as bar:
        account = extract(
            records,
            output,
            make_tools=tools.load,
            spec=spec,
            settings=settings,
            jobs=jobs,
            max_unreadable=max_unreadable,
            progress=bar,
        )
    click.echo(
        f"{account.samples} faces in {output}; {len(account.failed)} records gave none, of which "
        f"{account.unreadable} cannot be read"
    )
    for sentence in account.failed:
        click.echo(sentence, err=True)


for command in (check_command, datasets_command, extract_command, manifest_command, preview_command):
    data_group.add_command(command)
