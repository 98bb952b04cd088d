"""`forensics data preview`: pairs to look at before hours are spent on extracting them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from forensics.cli.data_options import ToolChoice, sample_options, sample_settings
from forensics.cli.dataset_options import PLAIN, allow_options, chosen_dataset, dataset_options
from forensics.cli.options import debug_option, device_option, store_options
from forensics.cli.sections import SectionedCommand
from forensics.errors import OutputError


@click.command("preview", cls=SectionedCommand, short_help="Show pseudo-fakes on a page.")
@click.argument("material", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="A new .html or .png file."
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=12,
    show_default=True,
    help="Real pictures or videos to show, drawn by the seed.",
)
@dataset_options(default=PLAIN)
@allow_options
@sample_options
@device_option
@store_options
@debug_option
def preview_command(
    material: Path,
    output: Path,
    count: int,
    augment: str,
    landmarks: str,
    seed: int,
    device: str,
    offline: bool,
    cache_dir: Path | None,
    allow_missing: bool,
    allow_leaks: bool,
    **chosen: Any,
) -> None:
    """Show real faces of MATERIAL beside the pseudo-fakes, masks and differences that extraction would make.

    MATERIAL and its options are those of `forensics data extract`; other people's faces come from among those
    shown.
    """
    from forensics.data.dataset import refuse_faults
    from forensics.data.preview import ENDINGS, choose_real, draw_examples, write_preview
    from forensics.settings import choose_device
    from forensics.train.repdfd import config_before_training
    from weights.store import Store

    if output.suffix not in ENDINGS:
        raise OutputError(f"{output}: a preview ends in {' or '.join(ENDINGS)}; name it so")
    if output.exists():
        raise OutputError(f"{output}: is there already; name a new file")
    dataset = chosen_dataset(material, **chosen)
    refuse_faults(dataset, allow_missing=allow_missing, allow_leaks=allow_leaks)
    config, store = config_before_training(), Store(cache_dir, offline=offline)
    tools = ToolChoice(config, store, str(choose_device(device)), landmarks).load_sight()
    settings = sample_settings(augment=augment, seed=seed)
    records = choose_real(dataset.records, count, seed=seed)
    examples = draw_examples(records, tools, config.crop, settings=settings)
    write_preview(examples, output)
    click.echo(f"{len(examples)} pairs: {output}")
