"""`--preset`: whole recipes as the defaults of the other options, which still win where they are given."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import click

# The options of `data extract` and of `train repdfd` by the names of their parameters.
PRESETS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        # Lin et al., AAAI 2025, and the official code: the border alone learns, for 100 epochs of 180 steps;
        # in an epoch one random frame of each video, as many real as fake, as they are.
        "paper": {
            "backbone": "vit-l14",
            "embedder": "transface",
            "face_ratio": 0.7,
            "pairs": 0,
            "augment": "none",
            "text": "clip",
            "two_prompts": True,
            "prompt": "face",
            "draw": "videos",
            "border_steps": 18_000,
            "border_lr": 1.0,
            "border_batch": 32,
            "check_every": 180,
            "precision": "fp16",
            "seed": 7,
        },
        # What weights/starter/MODEL_CARD.md says of the starter.
        "starter": {
            "backbone": "vit-b16-int8",
            "embedder": "dlib",
            "face_ratio": 0.7,
            "pairs": 1,
            "augment": "mild",
            "text": "small",
            "prompt": "face",
            "draw": "pairs",
            "steps": 1500,
            "lr": 2e-3,
            "border_steps": 0,
            "seed": 7,
        },
    }
)


def _apply(ctx: click.Context, _: click.Parameter, name: str | None) -> str | None:
    if name is not None:
        ctx.default_map = {**(ctx.default_map or {}), **PRESETS[name]}
    return name


preset_option = click.option(
    "--preset",
    type=click.Choice(tuple(PRESETS)),
    is_eager=True,
    callback=_apply,
    help="A whole recipe: the published one or the starter's. Options given beside it win.",
)
