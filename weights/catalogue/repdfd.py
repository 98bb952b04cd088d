"""RepDFD: this project's starter and the official checkpoint."""

from __future__ import annotations

from weights.sources import Converted, Starter, Url
from weights.spec import WeightSpec

REPDFD_PAPER = "Lin et al., AAAI 2025, arXiv 2409.02664"

REPDFD: tuple[WeightSpec, ...] = (
    WeightSpec(
        name="repdfd-starter",
        file="repdfd_starter.safetensors",
        sources=(Starter("repdfd_starter.safetensors"),),
        sha256="b1a088eb0f2a5474d5d18cd97d24b5101c2c7a30bc611a000597e8f4e958813f",
        licence="CC BY-NC 4.0",
        commercial_use=False,
        converter=None,
        trained_with="real faces, pseudo-fakes of them, StyleGAN faces; see the model card beside the file",
        paper=REPDFD_PAPER,
        size_bytes=2_531_068,
        description="this project's RepDFD on CLIP ViT-B/16: border, pseudo-word map, small text tower",
        used_by=("repdfd (starter)",),
    ),
    WeightSpec(
        name="repdfd-official-checkpoint",
        file="Deepfakes_best.pth",
        sources=(
            Url(
                "https://raw.githubusercontent.com/KQL11/RepDFD/"
                "065a64d8ba253ecd92bd3ef8d141920c6b42f73a/checkpoints/Deepfakes_best.pth"
            ),
        ),
        sha256="53e57d9f5e7c75113d0a1040822de5002c4605e59f35b2959601483d1b19f17d",
        licence="MIT",
        commercial_use=True,
        converter=None,
        trained_with="FaceForensics++ (whose own terms allow research only)",
        paper=REPDFD_PAPER,
        size_bytes=3_381_900,
        description="the published pickle of the official RepDFD checkpoint; only ever converted",
    ),
    WeightSpec(
        name="repdfd-official",
        file="repdfd-official.safetensors",
        sources=(Converted("repdfd-official-checkpoint"),),
        sha256="b6e2be55055cd496481685fca5be6b2affa2089b32ac3a14a26e7035b20cf78e",
        licence="MIT",
        commercial_use=True,
        converter="repdfd",
        trained_with="FaceForensics++ (whose own terms allow research only)",
        paper=REPDFD_PAPER,
        size_bytes=2_175_264,
        description="official RepDFD for CLIP ViT-L/14 and TransFace-L: border [3,224,224], map [768,512]",
        used_by=("repdfd (official)",),
    ),
)
