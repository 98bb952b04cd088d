"""`forensics train`: train the detectors that this project ships weights for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from forensics.cli.options import debug_option, device_option, store_options
from forensics.cli.tower_options import tower_options, training_config
from forensics.cli.train_clip_linear import train_clip_linear
from forensics.cli.train_code import train_code


@click.group("train", short_help="Train detectors.")
def train_group() -> None:
    """Train detectors."""


train_group.add_command(train_code)
train_group.add_command(train_clip_linear)


@train_group.command("repdfd", short_help="Train RepDFD on pairs of faces.")
@click.option(
    "--cache",
    "cache_folders",
    type=click.Path(file_okay=False, path_type=Path),
    multiple=True,
    required=True,
    help="Faces made by `forensics data extract`; repeatable.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder of the training.",
)
@tower_options
@click.option("--steps", type=click.IntRange(min=1), help="Steps of the text side [default: 1500].")
@click.option("--lr", type=click.FloatRange(min=0, min_open=True), help="Its learning rate [default: 0.002].")
@click.option(
    "--border-steps",
    type=click.IntRange(min=0),
    help="Steps of the border, after those [default: 0].",
)
@click.option(
    "--border-lr", type=click.FloatRange(min=0, min_open=True), help="Its learning rate [default: 0.03]."
)
@click.option(
    "--border-batch", type=click.IntRange(min=2), help="Faces of pairs in a border step [default: 16]."
)
@click.option(
    "--prompt",
    type=click.Choice(["face", "fixed", "random"]),
    default="face",
    show_default=True,
    help="The fake prompt speaks of this face, of none (fixed) or of a random one.",
)
@click.option(
    "--two-prompts",
    is_flag=True,
    help="Let generated faces answer to the fake prompt instead of one of their own.",
)
@click.option("--seed", type=int, default=7, show_default=True, help="Of all that is drawn by chance.")
@device_option
@click.option("--resume", is_flag=True, help="Go on where a killed training of the same options stopped.")
@store_options
@debug_option
def train_repdfd(
    cache_folders: tuple[Path, ...],
    output: Path,
    backbone: str,
    embedder: str,
    steps: int | None,
    lr: float | None,
    border_steps: int | None,
    border_lr: float | None,
    border_batch: int | None,
    prompt: str,
    two_prompts: bool,
    seed: int,
    device: str,
    resume: bool,
    offline: bool,
    cache_dir: Path | None,
) -> None:
    """Train RepDFD's border, pseudo-word map and small text tower on pairs of real and blended faces.

    The text side learns first, on cached features under an empty border; then, with --border-steps, the
    border jointly, kept only if it raises the validation AUC. The published schedule is
    --border-steps 18000 --border-batch 32 --border-lr 1.0. Use the result with `analyze --weights FILE`,
    which then runs on the same CLIP and asks for the same identities.
    """
    from forensics.cli.progress import frame_bar
    from forensics.data.cache import GENERATED, check_spec, load_caches
    from forensics.face2text import PromptMode
    from forensics.repdfd import build_image_tower
    from forensics.settings import choose_device
    from forensics.train.faces import Draw
    from forensics.train.repdfd import CHECKPOINT_FILE, TrainSettings, train, with_generated_prompt
    from weights.store import Store

    store, on = Store(cache_dir, offline=offline), choose_device(device)
    config = replace(training_config(backbone, embedder), prompt=PromptMode(prompt))
    # Before the tower is fetched, which may be large.
    for folder in cache_folders:
        check_spec(folder, {"backbone": backbone, "embedder": embedder, "crop": config.crop})
    tower_sha256 = store.fetch(config.image_weights).sha256
    cache = load_caches(cache_folders, expected={"tower_sha256": tower_sha256})
    if (cache.label == GENERATED).any() and not two_prompts:
        config = with_generated_prompt(config)
    default = TrainSettings(seed=seed, prompt=config.prompt)
    settings = replace(
        default,
        text=replace(default.text, steps=steps or default.text.steps, lr=lr or default.text.lr),
        border=replace(default.border, steps=border_steps or 0, lr=border_lr or default.border.lr),
        border_draw=default.border_draw
        if border_batch is None
        else Draw(border_batch // 2, generated=border_batch // 8),
    )
    tower = build_image_tower(config.backbone, store.tensors(config.image_weights)).to(on)
    with frame_bar("steps") as bar:
        scores = train(
            cache,
            config,
            tower,
            output,
            settings=settings,
            device=on,
            resume=resume,
            on_step=lambda step, total, loss: bar(step, total),
        )
    for stage, auc in scores.items():
        click.echo(f"validation AUC, {stage}: {auc:.4f}")
    if "border" in scores and scores["border"] <= scores["text on the same faces"]:
        click.echo("the border did not raise the AUC and was left empty")
    click.echo(f"written: {output / CHECKPOINT_FILE}")
