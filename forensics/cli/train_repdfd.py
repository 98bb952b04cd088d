"""`forensics train repdfd`: its options, the recipe made from them, and the run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forensics.cli.options import debug_option, device_option, store_options
from forensics.cli.presets import preset_option
from forensics.cli.sections import together
from forensics.cli.tower_options import tower_options, training_config

if TYPE_CHECKING:
    from forensics.train.faces import Draw
    from forensics.train.repdfd_stages import TrainSettings

_RATE = click.FloatRange(min=0, min_open=True)
_COUNT = click.IntRange(min=1)

_recipe_options = together(
    click.option(
        "--text",
        type=click.Choice(["small", "clip"]),
        default="small",
        show_default=True,
        help="The text tower: a small one that learns, or CLIP's own, frozen, as published.",
    ),
    click.option("--steps", type=_COUNT, help="Steps of the text side [default: 1500]."),
    click.option("--lr", type=_RATE, help="Its learning rate [default: 0.002]."),
    click.option(
        "--border-steps",
        type=click.IntRange(min=0),
        help="Steps of the border, after those [default: 0].",
    ),
    click.option("--border-lr", type=_RATE, help="Its learning rate [default: 0.03]."),
    click.option("--border-batch", type=click.IntRange(min=2), help="Faces in a border step [default: 16]."),
    click.option(
        "--draw",
        type=click.Choice(["pairs", "videos"]),
        default="pairs",
        show_default=True,
        help="A step sees real faces with their own pseudo-fakes, or one frame each of real and fake videos.",
    ),
    click.option("--check-every", type=_COUNT, help="Border steps between validations [default: 20]."),
    click.option(
        "--patience",
        type=_COUNT,
        help="Stop after so many validations without a better video AUC [default: never].",
    ),
    click.option(
        "--precision",
        type=click.Choice(["fp32", "bf16", "fp16"]),
        default="bf16",
        show_default=True,
        help="The tower's arithmetic in a border step.",
    ),
    click.option(
        "--accumulate",
        type=_COUNT,
        default=1,
        show_default=True,
        help="Pass the faces of a border step in so many parts, to need less memory.",
    ),
    click.option(
        "--prompt",
        type=click.Choice(["face", "fixed", "random"]),
        default="face",
        show_default=True,
        help="The fake prompt speaks of this face, of none (fixed) or of a random one.",
    ),
    click.option(
        "--two-prompts",
        is_flag=True,
        help="Let generated faces answer to the fake prompt instead of one of their own.",
    ),
    click.option("--seed", type=int, default=7, show_default=True, help="Of all that is drawn by chance."),
)


@click.command("repdfd", short_help="Train RepDFD on cached faces.")
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
@preset_option
@tower_options
@_recipe_options
@device_option
@click.option("--tensorboard", is_flag=True, help="Write TensorBoard's curves beside the CSV log.")
@click.option("--resume", is_flag=True, help="Go on where a killed training of the same options stopped.")
@store_options
@debug_option
def train_repdfd(
    cache_folders: tuple[Path, ...],
    output: Path,
    preset: str | None,
    backbone: str,
    embedder: str,
    face_ratio: float,
    device: str,
    tensorboard: bool,
    resume: bool,
    offline: bool,
    cache_dir: Path | None,
    **recipe: Any,
) -> None:
    """Train RepDFD's border, pseudo-word map and text tower on the faces in the caches.

    The text side learns first, on cached features under an empty border; then, with --border-steps, the
    border jointly, kept only if it raises the validation AUC. With --preset paper the border alone learns, on
    CLIP's own text tower. For several GPUs: torchrun --no-python --nproc-per-node N forensics train repdfd.
    Use the result with `analyze --weights FILE`, which then runs on the same CLIP and asks for the same
    identities.
    """
    import numpy as np

    from forensics.cli.progress import frame_bar
    from forensics.data.cache import GENERATED, check_spec, load_caches, read_spec
    from forensics.face2text import PromptMode
    from forensics.repdfd_load import towers_of
    from forensics.settings import choose_device
    from forensics.train.log import require_tensorboard
    from forensics.train.record import write_record
    from forensics.train.repdfd import CHECKPOINT_FILE, train, with_generated_prompt
    from forensics.train.team import join_team
    from weights.store import Store

    if tensorboard:
        require_tensorboard()
    store, chosen = Store(cache_dir, offline=offline), choose_device(device)
    config = training_config(
        backbone,
        embedder,
        face_ratio=face_ratio,
        prompt=PromptMode(recipe["prompt"]),
        clip_text=recipe["text"] == "clip",
    )
    expected: dict[str, object] = {"backbone": backbone, "crop": config.crop}
    if config.identity_encoder is not None:
        expected["embedder"] = embedder
    # Before the tower is fetched, which may be large.
    for folder in cache_folders:
        check_spec(folder, expected)
    tower_sha256 = store.fetch(config.image_weights).sha256
    cache = load_caches(cache_folders, expected={"tower_sha256": tower_sha256})
    if config.identity_encoder is None:
        cache = replace(cache, embeddings=np.zeros((len(cache), 0), np.float32))
    if (cache.label == GENERATED).any() and not recipe["two_prompts"]:
        config = with_generated_prompt(config)
    settings = _settings_of(recipe)
    with join_team(chosen) as team:
        on = team.device(chosen)
        if team.leads:
            write_record(
                output,
                options=click.get_current_context().params,
                settings=settings,
                config=config,
                caches={str(folder): read_spec(folder) for folder in cache_folders},
                processes=team.size,
                device=str(on),
            )
        tower, clip = towers_of(config, store.tensors(config.image_weights))
        with frame_bar("steps") as bar:
            scores = train(
                cache,
                config,
                tower.to(on),
                output,
                clip=clip,
                settings=settings,
                device=on,
                resume=resume,
                on_step=lambda step, total, loss: bar(step, total),
                team=team,
                tensorboard=tensorboard,
            )
    if not team.leads:
        return
    for stage, auc in scores.items():
        click.echo(f"validation AUC, {stage}: {auc:.4f}")
    if "border" in scores and scores["border"] <= scores["text on the same faces"]:
        click.echo("the border did not raise the AUC and was left empty")
    click.echo(f"written: {output / CHECKPOINT_FILE}")


def _settings_of(recipe: dict[str, Any]) -> TrainSettings:
    """The recipe that the options ask for; what was left out keeps its default."""
    from forensics.detector import Precision
    from forensics.face2text import PromptMode
    from forensics.train.faces import Draw
    from forensics.train.repdfd_stages import TrainSettings

    default = TrainSettings()
    batch = recipe["border_batch"]
    text_draw, border_draw = default.text_draw, default.border_draw
    if batch is not None:
        border_draw = Draw(batch // 2, generated=batch // 8)
    if recipe["draw"] == "videos":
        text_draw, border_draw = (_by_video(draw) for draw in (text_draw, border_draw))
    return TrainSettings(
        text=replace(
            default.text,
            steps=recipe["steps"] or default.text.steps,
            lr=recipe["lr"] or default.text.lr,
            patience_checks=recipe["patience"],
        ),
        border=replace(
            default.border,
            steps=recipe["border_steps"] or 0,
            lr=recipe["border_lr"] or default.border.lr,
            check_every=recipe["check_every"] or default.border.check_every,
            patience_checks=recipe["patience"],
        ),
        text_draw=text_draw,
        border_draw=border_draw,
        prompt=PromptMode(recipe["prompt"]),
        seed=recipe["seed"],
        precision=Precision(recipe["precision"]),
        accumulate=recipe["accumulate"],
    )


def _by_video(draw: Draw) -> Draw:
    """As many real and fake videos as the draw has pairs, each once an epoch."""
    return replace(draw, pairs=0, fakes=draw.pairs, by_epoch=True)
