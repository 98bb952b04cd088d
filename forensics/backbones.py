"""The CLIPs that RepDFD runs on: open_clip's model, the registered weights and the input size of each."""

from __future__ import annotations

from dataclasses import dataclass

CLIP_SIDE_PIXELS = 224
# RepDFD: the face takes 0.7 of the input's side, the rest is border.
PUBLISHED_FACE_RATIO = 0.7


@dataclass(frozen=True)
class Backbone:
    """One CLIP: `name` as options say it, `architecture` as open_clip does, `weights` as the registry does.

    `canvas_pixels` is the side of its square input; `text_tower` says whether the weights hold one. OpenAI's
    weights need an architecture with QuickGELU: open_clip's plain names build another activation.
    """

    name: str
    architecture: str
    weights: str
    canvas_pixels: int = CLIP_SIDE_PIXELS
    text_tower: bool = True

    @property
    def face_pixels(self) -> int:
        """The side of the face inside the border, by the published ratio."""
        return int(self.canvas_pixels * PUBLISHED_FACE_RATIO)


STARTER = Backbone("vit-b16-int8", "ViT-B-16-quickgelu", "clip-vit-b16-image", text_tower=False)
PUBLISHED = Backbone("vit-l14", "ViT-L-14-quickgelu", "clip-vit-l14-openai")
BACKBONES = {
    backbone.name: backbone
    for backbone in (
        STARTER,
        Backbone("vit-b32", "ViT-B-32-quickgelu", "clip-vit-b32-openai"),
        Backbone("vit-b16", "ViT-B-16-quickgelu", "clip-vit-b16-openai"),
        PUBLISHED,
        Backbone("vit-l14-336", "ViT-L-14-336-quickgelu", "clip-vit-l14-336-openai", 336),
    )
}
