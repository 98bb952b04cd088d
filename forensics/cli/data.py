"""`forensics data`: turn labelled faces into the cache that training reads."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from forensics.cli.options import debug_option, device_option, store_options
from forensics.cli.tower_options import tower_options, training_config


@click.group("data", short_help="Prepare training material.")
def data_group() -> None:
    """Prepare training material."""


@data_group.command("extract", short_help="Make pairs of real and self-blended faces.")
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder for the cache.")
@tower_options
@click.option("--seed", type=int, default=7, show_default=True, help="Of all that is drawn by chance.")
@device_option
@store_options
@debug_option
def extract_command(
    manifest: Path,
    output: Path,
    backbone: str,
    embedder: str,
    seed: int,
    device: str,
    offline: bool,
    cache_dir: Path | None,
) -> None:
    """Make pairs of real and self-blended faces from the pictures and videos of MANIFEST.

    MANIFEST is a CSV or JSON lines with the columns path, label, split, method, identity, group. A killed
    extraction goes on where it stopped when the same command is given again.
    """
    import torch

    from forensics.data.cache import CacheSpec
    from forensics.data.extract import extract, material_sha256
    from forensics.data.faces import read_manifest
    from forensics.data.samples import SampleSettings
    from forensics.data.tools import analysis_tools
    from forensics.models import load_named_detector, load_named_embedder
    from forensics.repdfd import build_image_tower
    from forensics.settings import choose_device
    from weights.store import Store

    logging.getLogger("forensics.data").setLevel(logging.INFO)
    config, settings = training_config(backbone, embedder), SampleSettings(seed=seed)
    records = read_manifest(manifest)
    store, on = Store(cache_dir, offline=offline), choose_device(device)
    tower = build_image_tower(config.backbone, store.tensors(config.image_weights))
    tools = analysis_tools(
        load_named_detector("mtcnn", store, on),
        load_named_embedder(config.embedder, store, on),
        tower.to(on, torch.bfloat16),
        device=on,
        canvas_pixels=config.canvas_pixels,
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
