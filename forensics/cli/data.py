"""`forensics data`: look at datasets, and turn labelled faces into the cache that training reads."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import click

from forensics.cli.dataset_options import PLAIN, allow_options, chosen_dataset, dataset_options
from forensics.cli.datasets import check_command, datasets_command, manifest_command
from forensics.cli.options import debug_option, device_option, store_options
from forensics.cli.sections import SectionedCommand
from forensics.cli.tower_options import tower_options, training_config


@click.group("data", short_help="Prepare training material.")
def data_group() -> None:
    """Prepare training material."""


for command in (check_command, datasets_command, manifest_command):
    data_group.add_command(command)


@data_group.command("extract", cls=SectionedCommand, short_help="Make pairs of real and self-blended faces.")
@click.argument("material", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder for the cache.")
@dataset_options(default=PLAIN)
@allow_options
@tower_options
@click.option("--seed", type=int, default=7, show_default=True, help="Of all that is drawn by chance.")
@device_option
@store_options
@debug_option
def extract_command(
    material: Path,
    output: Path,
    backbone: str,
    embedder: str,
    face_ratio: float,
    seed: int,
    device: str,
    offline: bool,
    cache_dir: Path | None,
    allow_missing: bool,
    allow_leaks: bool,
    **chosen: Any,
) -> None:
    """Make pairs of real and self-blended faces from the pictures and videos of MATERIAL.

    MATERIAL is a CSV or JSON lines with the columns path, label, split, method, identity, group, or with --as
    the folder of a published dataset. A killed extraction goes on where it stopped when the same command is
    given again.
    """
    import torch

    from forensics.data.cache import CacheSpec
    from forensics.data.dataset import refuse_faults
    from forensics.data.extract import extract, material_sha256
    from forensics.data.samples import SampleSettings
    from forensics.data.tools import analysis_tools
    from forensics.models import load_named_detector, load_named_embedder
    from forensics.repdfd import build_image_tower
    from forensics.settings import choose_device
    from weights.store import Store

    logging.getLogger("forensics.data").setLevel(logging.INFO)
    config = training_config(backbone, embedder, face_ratio=face_ratio)
    settings = SampleSettings(seed=seed)
    dataset = chosen_dataset(material, **chosen)
    refuse_faults(dataset, allow_missing=allow_missing, allow_leaks=allow_leaks)
    records = dataset.records
    store, on = Store(cache_dir, offline=offline), choose_device(device)
    tower = build_image_tower(config.backbone, store.tensors(config.image_weights))
    tools = analysis_tools(
        load_named_detector("mtcnn", store, on),
        None if config.identity_encoder is None else load_named_embedder(config.embedder, store, on),
        tower.to(on, torch.bfloat16),
        device=on,
        canvas_pixels=config.canvas_pixels,
        face_pixels=config.face_pixels,
    )
    spec = CacheSpec(
        crop=config.crop,
        preprocess=f"squash {config.face_pixels}, CLIP mean/std, zero border to {config.canvas_pixels}",
        tower_sha256=store.fetch(config.image_weights).sha256,
        embedder=config.embedder,
        pairs=repr(settings.pairs),
        material_sha256=material_sha256(records),
        seed=seed,
        backbone=backbone,
    )
    account = extract(records, output, tools=tools, spec=spec, settings=settings)
    click.echo(f"{account.samples} faces in {output}; {len(account.failed)} records gave none")
    for sentence in account.failed:
        click.echo(sentence, err=True)
