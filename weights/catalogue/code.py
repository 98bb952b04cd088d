"""CoDE: the whole-frame ViT-Tiny and its three heads."""

from __future__ import annotations

from weights.convert.layout import TensorShapes
from weights.sources import Converted, HuggingFace
from weights.spec import WeightSpec

CODE_PAPER = "Baraldi et al., ECCV 2024, arXiv 2407.20337"
CODE_DATA = "D3: 2.3 million real photographs, each with four diffusion images"
CODE_REPO = "aimagelab/CoDE"
# Only an abbreviated commit of this repository could be verified, and the Hub takes full ones; the digest
# recorded at first use is what holds the files.
CODE_REVISION = "main"
# Of the embedding that the heads decide on.
WIDTH = 192


def _code_head(
    kind: str, file: str, description: str, *, tensors: TensorShapes
) -> tuple[WeightSpec, WeightSpec]:
    """The published pickle of one of CoDE's heads and the safetensors file converted from it."""
    raw = WeightSpec(
        name=f"code-head-{kind}-pickle",
        file=file,
        sources=(HuggingFace(CODE_REPO, CODE_REVISION, f"sklearn/{file}"),),
        sha256=None,
        licence="MIT",
        commercial_use=True,
        converter=None,
        trained_with=CODE_DATA,
        paper=CODE_PAPER,
        size_bytes=None,
        description=f"the published scikit-learn pickle of {description}; only ever converted",
    )
    converted = WeightSpec(
        name=f"code-head-{kind}",
        file=f"code-head-{kind}.safetensors",
        sources=(Converted(raw.name),),
        sha256=None,
        licence="MIT",
        commercial_use=True,
        converter="sklearn_heads",
        trained_with=CODE_DATA,
        paper=CODE_PAPER,
        size_bytes=None,
        description=description,
        used_by=("code",),
        tensors=tensors,
    )
    return raw, converted


CODE: tuple[WeightSpec, ...] = (
    WeightSpec(
        name="code-vit-tiny",
        file="code-vit-tiny.safetensors",
        sources=(HuggingFace(CODE_REPO, CODE_REVISION, "model.safetensors"),),
        sha256=None,
        licence="MIT",
        commercial_use=True,
        converter=None,
        trained_with=CODE_DATA,
        paper=CODE_PAPER,
        size_bytes=None,
        description="CoDE's ViT-Tiny/16 in the transformers layout",
        used_by=("code",),
        tensors=(
            ("embeddings.patch_embeddings.projection.weight", (WIDTH, 3, 16, 16)),
            ("encoder.layer.11.output.dense.weight", (WIDTH, 4 * WIDTH)),
        ),
    ),
    *_code_head(
        "linear",
        "linear_tot_classifier_epoch-32.sav",
        "CoDE's logistic regression head",
        tensors=(("coef", (WIDTH,)), ("intercept", (1,))),
    ),
    *_code_head(
        "knn",
        "knn_tot_classifier_epoch-32.sav",
        "CoDE's 1-nearest-neighbour head (cosine)",
        tensors=(("points", (None, WIDTH)), ("labels", (None,))),
    ),
    *_code_head(
        "svm",
        "ocsvm_kernel_poly_gamma_auto_nu_0_1_crop.joblib",
        "CoDE's one-class SVM head (polynomial)",
        tensors=(("support_vectors", (None, WIDTH)), ("dual_coef", (None,))),
    ),
)
