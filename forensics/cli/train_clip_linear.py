"""`forensics train clip_linear`: fit the linear probe that RepDFD is measured against."""

from __future__ import annotations

from pathlib import Path

import click

from forensics.cli.options import debug_option


@click.command("clip_linear", short_help="Fit a linear probe on RepDFD's features.")
@click.argument(
    "caches", metavar="CACHE...", nargs=-1, required=True, type=click.Path(file_okay=False, path_type=Path)
)
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder of the probe.",
)
@click.option(
    "--pairs-only", is_flag=True, help="Leave out faces without a counterpart, such as generated ones."
)
@debug_option
def train_clip_linear(caches: tuple[Path, ...], output: Path, pairs_only: bool) -> None:
    """Fit a logistic regression on the features in CACHE, made by `forensics data extract`.

    It needs neither the tower nor a GPU. C is chosen on the validation faces. Use the result with
    `analyze --detector clip_linear --weights FILE`, which then runs on the same CLIP and crops.
    """
    from forensics.data.cache import load_caches, read_spec
    from forensics.train.clip_linear import PROBE_FILE, fit

    spec = read_spec(caches[0])
    alike = {name: getattr(spec, name) for name in ("backbone", "tower_sha256", "crop", "preprocess")}
    found = fit(load_caches(caches, expected=alike), spec, output, pairs_only=pairs_only)
    for strength, auc in found.validation_auc.items():
        kept = "  kept" if strength == found.strength else ""
        click.echo(f"validation AUC, C = {strength:g}: {auc:.4f}{kept}")
    click.echo(f"written: {output / PROBE_FILE}")
