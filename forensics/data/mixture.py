"""The mixture of pseudo-fakes: which kinds are made, how often, and how strongly they are jittered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from forensics.data.hull import Region


class Family(StrEnum):
    """How the pasted face is made.

    `SELF` is the published recipe: the picture's own face, jittered in colour, frequency and place.
    `SWAP` mimics an autoencoder: the own face at a low resolution, smoothed, bent, a little off in colour
    and place. `CROSS` pastes another person's face, colour-matched (Face X-ray, Li et al., CVPR 2020), in
    part at a swap's low resolution.
    """

    SELF = "self_blend"
    SWAP = "swap_like"
    CROSS = "cross_identity"


@dataclass(frozen=True)
class BlendSettings:
    """The mixture of pseudo-fakes. Shares and weights are relative; `*_ratio` are shares of the face's side.

    `translate_ratio` (x, y), `scale_ratio`, `opacities` and `target_share` (how often the surroundings are
    jittered instead of the face) are the published ones. The defaults were chosen on held-out identities
    and held-out families of the training photographs.
    """

    family_weights: tuple[tuple[Family, float], ...] = (
        (Family.SELF, 0.4),
        (Family.SWAP, 0.3),
        (Family.CROSS, 0.3),
    )
    region_weights: tuple[tuple[Region, float], ...] = (
        (Region.FACE, 0.3),
        (Region.BROWS_TO_CHIN, 0.3),
        (Region.INNER, 0.2),
        (Region.MOUTH, 0.1),
        (Region.EYES_NOSE, 0.1),
    )
    opacities: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)
    target_share: float = 0.5
    translate_ratio: tuple[float, float] = (0.03, 0.015)
    scale_ratio: float = 0.05
    elastic_ratio: float = 0.02
    erode_ratio: tuple[float, float] = (0.01, 0.06)
    blur_ratio: tuple[float, float] = (0.01, 0.06)
    swap_resolution: tuple[float, float] = (0.25, 0.8)
    swap_bend_ratio: float = 0.015
    swap_smooth_share: float = 0.5
    cross_colour_strength: tuple[float, float] = (0.6, 1.0)
    cross_swap_share: float = 0.5

    def __post_init__(self) -> None:
        for name in ("family_weights", "region_weights"):
            weights = [weight for _, weight in getattr(self, name)]
            if not weights or min(weights) < 0 or sum(weights) <= 0:
                raise ValueError(f"{name} needs weights that are not negative and not all zero: {weights}")
        if not all(0 < opacity <= 1 for opacity in self.opacities):
            raise ValueError(f"opacities lie above 0 and up to 1, not {self.opacities}")


DEFAULT_MIXTURE = BlendSettings()
