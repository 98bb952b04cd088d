"""Face crops against cv2, scikit-image, torchvision, insightface, dlib and plain formulas."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from skimage.data import astronaut
from skimage.transform import SimilarityTransform
from torchvision.transforms.v2.functional import resize

from face.align import ARCFACE_TEMPLATE, DLIB_TEMPLATE, estimate_similarity, make_crops, margin_squares
from face.errors import FaceError
from face.types import Alignment, CropSpec, FaceDetections

# The astronaut's face as MTCNN finds it.
BOX = [180.3, 60.7, 268.4, 172.2]
LANDMARKS = [[205.4, 101.5], [246.9, 103.1], [225.1, 129.2], [201.2, 139.6], [245.1, 141.1]]

# Points 17 to 67 of dlib's mean face in the unit square, from dlib/image_transforms/interpolation.h.
# fmt: off
DLIB_MEAN_X = [
    0.000213256, 0.0752622, 0.18113, 0.29077, 0.393397, 0.586856, 0.689483, 0.799124, 0.904991, 0.98004,
    0.490127, 0.490127, 0.490127, 0.490127, 0.36688, 0.426036, 0.490127, 0.554217, 0.613373, 0.121737,
    0.187122, 0.265825, 0.334606, 0.260918, 0.182743, 0.645647, 0.714428, 0.793132, 0.858516, 0.79751,
    0.719335, 0.254149, 0.340985, 0.428858, 0.490127, 0.551395, 0.639268, 0.726104, 0.642159, 0.556721,
    0.490127, 0.423532, 0.338094, 0.290379, 0.428096, 0.490127, 0.552157, 0.689874, 0.553364, 0.490127,
    0.42689,
]
DLIB_MEAN_Y = [
    0.106454, 0.038915, 0.0187482, 0.0344891, 0.0773906, 0.0773906, 0.0344891, 0.0187482, 0.038915, 0.106454,
    0.203352, 0.307009, 0.409805, 0.515625, 0.587326, 0.609345, 0.628106, 0.609345, 0.587326, 0.216423,
    0.178758, 0.179852, 0.231733, 0.245099, 0.244077, 0.231733, 0.179852, 0.178758, 0.216423, 0.244077,
    0.245099, 0.780233, 0.745405, 0.727388, 0.742578, 0.727388, 0.745405, 0.780233, 0.864805, 0.902192,
    0.909281, 0.902192, 0.864805, 0.784792, 0.778746, 0.785343, 0.778746, 0.784792, 0.824182, 0.831803,
    0.824182,
]
# fmt: on


def detections(
    *boxes: list[float], landmarks: list[list[float]] = LANDMARKS, frame: int = 0
) -> FaceDetections:
    return FaceDetections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array([landmarks] * len(boxes), np.float32).reshape(-1, 5, 2),
        np.ones(len(boxes), np.float32),
        np.full(len(boxes), frame, np.int64),
    )


def frames() -> torch.Tensor:
    return torch.from_numpy(astronaut())[None]


def greys_apart(ours: torch.Tensor, theirs: npt.NDArray[np.uint8] | torch.Tensor) -> torch.Tensor:
    return (ours.int() - torch.as_tensor(np.asarray(theirs)).int()).abs()


def random_faces(count: int) -> npt.NDArray[np.float32]:
    """The ArcFace points turned (all the way round), scaled, shifted, and each moved a little."""
    rng = np.random.default_rng(5)
    angle, scale = rng.uniform(-np.pi, np.pi, (count, 1, 1)), rng.uniform(0.3, 8, (count, 1, 1))
    x, y = ARCFACE_TEMPLATE[None, :, :1], ARCFACE_TEMPLATE[None, :, 1:]
    turned = np.concatenate([x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)], 2)
    moved = turned * scale + rng.uniform(-500, 500, (count, 1, 2)) + rng.normal(0, 4, (count, 5, 2))
    return moved.astype(np.float32)


def test_similarity_agrees_with_scikit_image() -> None:
    faces = random_faces(20)
    ours = estimate_similarity(faces, ARCFACE_TEMPLATE)
    for face, matrix in zip(faces, ours, strict=True):
        theirs = SimilarityTransform.from_estimate(face.astype(float), ARCFACE_TEMPLATE.astype(float))
        np.testing.assert_allclose(matrix, theirs.params[:2], rtol=1e-4, atol=1e-3)


def test_similarity_of_mirrored_points_is_not_a_reflection() -> None:
    mirrored = (ARCFACE_TEMPLATE * [-1, 1]).astype(np.float32)[None]
    assert np.linalg.det(estimate_similarity(mirrored, ARCFACE_TEMPLATE)[0, :, :2]) > 0


def test_landmarks_on_one_point_are_an_error() -> None:
    with pytest.raises(FaceError, match="landmarks"):
        estimate_similarity(np.full((1, 5, 2), 7, np.float32), ARCFACE_TEMPLATE)


def test_arcface_template_is_that_of_insightface() -> None:
    face_align = pytest.importorskip("insightface.utils.face_align")
    np.testing.assert_allclose(ARCFACE_TEMPLATE, face_align.arcface_dst, atol=1e-4)


def test_dlib_template_is_dlibs_mean_face() -> None:
    """dlib cuts the face that already looks like its mean face in place: unturned, and the whole chip."""
    dlib = pytest.importorskip("dlib")
    mean_face = (np.array([DLIB_MEAN_X, DLIB_MEAN_Y]).T + 0.25) / 1.5 * 150
    enlargement = 1000  # dlib's points are whole pixels.
    jaw = [dlib.point(0, 0)] * 17  # Not looked at.
    parts = jaw + [dlib.point(*map(int, np.rint(point * enlargement))) for point in mean_face]
    whole = dlib.rectangle(0, 0, 150 * enlargement, 150 * enlargement)
    chip = dlib.get_face_chip_details(dlib.full_object_detection(whole, parts), size=150, padding=0.25)
    assert chip.angle == pytest.approx(0, abs=1e-4)
    edges = [chip.rect.left(), chip.rect.top(), chip.rect.right(), chip.rect.bottom()]
    np.testing.assert_allclose(np.array(edges) / enlargement, [0, 0, 150, 150], atol=0.01)

    def of_68(*numbers: int) -> npt.NDArray[np.float64]:
        return mean_face[[number - 17 for number in numbers]].mean(axis=0)

    five = [of_68(*range(36, 42)), of_68(*range(42, 48)), of_68(30), of_68(48), of_68(54)]
    np.testing.assert_allclose(DLIB_TEMPLATE, five, atol=1e-3)


def test_margin_square_is_the_longer_side_times_the_margin_around_the_centre() -> None:
    boxes = np.array([[10, 20, 50, 100], [-3, 0, 7, 4]], np.float32)
    assert margin_squares(boxes, 1.5).tolist() == [[-30, 0, 120], [-6, -6, 15]]
    assert margin_squares(np.zeros((0, 4), np.float32), 1.3).shape == (0, 3)


@pytest.mark.parametrize("size", [24, 112, 224, 300])
@pytest.mark.parametrize("box", [BOX, [100.2, 90.0, 420.0, 500.9], [10, 10, 17, 15]])
def test_margin_crop_is_torchvisions_antialiased_resize_of_the_square(size: int, box: list[float]) -> None:
    crop = make_crops(frames(), detections(box), CropSpec(size, margin_ratio=1.3)).data[0]
    left, top, side = margin_squares(np.array([box], np.float32), 1.3)[0]
    padded = np.pad(astronaut(), ((200, 200), (200, 200), (0, 0)))
    square = padded[top + 200 : top + 200 + side, left + 200 : left + 200 + side]
    expected = resize(torch.from_numpy(square).permute(2, 0, 1), [size, size], antialias=True)
    assert greys_apart(crop, expected).max() <= 1


@pytest.mark.parametrize("spec", [CropSpec(64, 2.0), CropSpec(112, alignment=Alignment.ARCFACE)])
def test_outside_the_frame_is_black(spec: CropSpec) -> None:
    white = torch.full((1, 100, 100, 3), 255, dtype=torch.uint8)
    at_corner = (ARCFACE_TEMPLATE - 56).tolist()
    crop = make_crops(white, detections([-50, -50, 50, 50], landmarks=at_corner), spec).data[0]
    half = spec.size // 2
    assert crop[:, : half - 3, :].max() == 0
    assert crop[:, :, : half - 3].max() == 0
    assert crop[:, half + 3 : half + 10, half + 3 : half + 10].min() == 255
    far_off = make_crops(
        white, detections([900, 900, 950, 950], landmarks=(ARCFACE_TEMPLATE + 5000).tolist()), spec
    )
    assert far_off.data.max() == 0


@pytest.mark.parametrize("alignment", [Alignment.ARCFACE, Alignment.DLIB])
def test_enlarging_aligned_crop_is_cv2s_warp(alignment: Alignment) -> None:
    template, native = (ARCFACE_TEMPLATE, 112) if alignment is Alignment.ARCFACE else (DLIB_TEMPLATE, 150)
    size = 2 * native
    crop = make_crops(frames(), detections(BOX), CropSpec(size, alignment=alignment)).data[0]
    matrix = estimate_similarity(np.array([LANDMARKS], np.float32), template * 2)[0]
    expected = cv2.warpAffine(astronaut(), matrix.astype(np.float64), (size, size), flags=cv2.INTER_LINEAR)
    # cv2 rounds positions to 1/32 pixel, which moves a steep edge by several greys.
    apart = greys_apart(crop, expected.transpose(2, 0, 1))
    assert apart.float().mean() < 0.5
    assert apart.max() <= 10


def test_shrinking_aligned_crop_keeps_no_stripes() -> None:
    """Stripes of one pixel, 8 to a crop pixel: plain bilinear sampling would turn them into noise."""
    stripes = torch.zeros((1, 1000, 1000, 3), dtype=torch.uint8)
    stripes[:, :, ::2] = 255
    large = (ARCFACE_TEMPLATE * 8.1 + 40).tolist()
    spec = CropSpec(112, alignment=Alignment.ARCFACE)
    crop = make_crops(stripes, detections([0, 0, 900, 900], landmarks=large), spec).data.float()
    assert crop.mean() == pytest.approx(127.5, abs=3)
    assert crop.std() < 12


def test_shrinking_aligned_crop_puts_landmarks_on_the_template() -> None:
    frame = torch.zeros((1, 800, 800, 3), dtype=torch.uint8)
    points = (DLIB_TEMPLATE @ np.array([[0.8, 0.6], [-0.6, 0.8]]) * 4 + [150, 100]).round()
    for x, y in points.astype(int):
        frame[0, y - 6 : y + 7, x - 6 : x + 7] = 255
    spec = CropSpec(150, alignment=Alignment.DLIB)
    crop = make_crops(frame, detections([0, 0, 9, 9], landmarks=points.tolist()), spec).data[0, 0].double()
    for x, y in DLIB_TEMPLATE:
        left, top = int(x) - 5, int(y) - 5
        patch = crop[top : top + 12, left : left + 12]
        columns, rows = torch.arange(12) + left, torch.arange(12) + top
        assert (patch.sum(0) * columns).sum() / patch.sum() == pytest.approx(x, abs=0.3)
        assert (patch.sum(1) * rows).sum() / patch.sum() == pytest.approx(y, abs=0.3)


def test_each_crop_comes_from_its_own_frame() -> None:
    two = torch.stack([torch.full((60, 60, 3), 10), torch.full((60, 60, 3), 200)]).to(torch.uint8)
    second = make_crops(two, detections([20, 20, 40, 40], frame=1), CropSpec(8))
    assert second.data.unique().tolist() == [200]
    with pytest.raises(ValueError, match="frames"):
        make_crops(two, detections([20, 20, 40, 40], frame=2), CropSpec(8))


@pytest.mark.parametrize("alignment", list(Alignment))
def test_no_detections_give_no_crops(alignment: Alignment) -> None:
    crops = make_crops(frames(), FaceDetections.empty(), CropSpec(40, alignment=alignment))
    assert crops.data.shape == (0, 3, 40, 40)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("alignment", list(Alignment))
def test_gpu_and_cpu_agree(alignment: Alignment) -> None:
    spec = CropSpec(96, alignment=alignment)
    found = detections(BOX, [100.2, 90.0, 420.0, 500.9])
    gpu = make_crops(frames().cuda(), found, spec)
    assert gpu.data.is_cuda
    assert greys_apart(gpu.data.cpu(), make_crops(frames(), found, spec).data).max() <= 1


@pytest.mark.parametrize("spec", [CropSpec(64, margin_ratio=1.3), CropSpec(112, alignment=Alignment.ARCFACE)])
def test_a_face_far_larger_than_the_frame_costs_no_memory(spec: CropSpec) -> None:
    far = [[1e5 * x, 1e5 * y] for x, y in [[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.3, 0.8], [0.7, 0.8]]]
    with pytest.raises(FaceError, match="of a frame of 512 x 512 px; drop the detection"):
        make_crops(frames(), detections([0, 0, 1e5, 1e5], landmarks=far), spec)
