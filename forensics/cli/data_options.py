"""How pseudo-fakes are made: the options that extraction and its preview share, and the tools they choose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from forensics.cli.sections import together

if TYPE_CHECKING:
    from forensics.data.samples import FindLandmarks, SampleSettings
    from forensics.data.tools import Sight, Tools
    from forensics.repdfd_config import RepDFDConfig
    from weights.store import Store

sample_options = together(
    click.option(
        "--augment",
        type=click.Choice(["none", "mild", "world"]),
        default="mild",
        show_default=True,
        help="What real and fake faces go through alike: nothing; a little of light, blur, noise, JPEG and "
        "H.264; or more of it, with HEVC and chains of resizing.",
    ),
    click.option(
        "--landmarks",
        type=click.Choice(["five", "dense"]),
        default="five",
        show_default=True,
        help="Blends follow an outline estimated from the detector's five points, or dlib's 68 points "
        "(weights for non-commercial use only).",
    ),
    click.option("--seed", type=int, default=7, show_default=True, help="Of all that is drawn by chance."),
)


def sample_settings(*, augment: str, seed: int, pairs: int = 1) -> SampleSettings:
    """What `sample_options` ask for."""
    from forensics.data.pair import TREATMENTS
    from forensics.data.samples import SampleSettings

    return SampleSettings(pairs=TREATMENTS[augment], pairs_per_face=pairs, seed=seed)


@dataclass(frozen=True)
class ToolChoice:
    """Which tools an extraction runs, told so that each of its processes can load its own."""

    config: RepDFDConfig
    store: Store
    device: str
    landmarks: str

    def load(self) -> Tools:
        """All of them."""
        import torch

        from forensics.data.tools import analysis_tools
        from forensics.models import load_named_detector, load_named_embedder
        from forensics.repdfd import build_image_tower

        config, on = self.config, torch.device(self.device)
        encoder = config.identity_encoder
        tower = build_image_tower(config.backbone, self.store.tensors(config.image_weights))
        return analysis_tools(
            load_named_detector("mtcnn", self.store, on),
            None if encoder is None else load_named_embedder(encoder, self.store, on),
            tower.to(on, torch.bfloat16),
            device=on,
            canvas_pixels=config.canvas_pixels,
            face_pixels=config.face_pixels,
            landmarks=self._landmarks(),
        )

    def load_sight(self) -> Sight:
        """What finds faces alone, for looking at pairs."""
        import torch

        from forensics.data.tools import sight
        from forensics.models import load_named_detector

        on = torch.device(self.device)
        return sight(load_named_detector("mtcnn", self.store, on), device=on, landmarks=self._landmarks())

    def _landmarks(self) -> FindLandmarks | None:
        from forensics.models import load_dense_landmarks

        return load_dense_landmarks(self.store).find if self.landmarks == "dense" else None
