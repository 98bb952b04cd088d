"""dlib's identity vectors, with its weights where the local cache has them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from skimage.data import astronaut

from face.align import make_crops
from face.detect import load_detector
from face.embed import IdentityEmbedder, embedder_names, load_embedder, weights_needed
from face.errors import FaceError
from face.types import CropSpec, FaceCrops
from weights.cache import default_cache_dir

CPU = torch.device("cpu")
WEIGHT = "dlib-face-recognition-resnet"
FILE = default_cache_dir() / WEIGHT / "dlib_face_recognition_resnet_model_v1.dat"


@pytest.fixture(scope="module")
def embedder() -> IdentityEmbedder:
    if not FILE.is_file():
        pytest.skip(f"the weight {WEIGHT} is not in the local cache")
    return load_embedder("dlib", {WEIGHT: FILE}, device=CPU)


def faces(picture: npt.NDArray[np.uint8], spec: CropSpec) -> FaceCrops:
    found = load_detector(device=CPU).detect(picture[None])
    return make_crops(torch.from_numpy(picture)[None], found, spec)


def test_one_person_is_alike_and_two_are_not(embedder: IdentityEmbedder) -> None:
    person = astronaut()
    matrix = cv2.getRotationMatrix2D((256, 256), 12, 0.7)
    changed = cv2.convertScaleAbs(cv2.warpAffine(person, matrix, (512, 512)), alpha=0.8, beta=20)
    package = importlib.util.find_spec("insightface")
    assert package is not None
    assert package.origin is not None
    others = cv2.imread(str(Path(package.origin).parent / "data" / "images" / "t1.jpg"))
    crops = [
        faces(np.ascontiguousarray(picture).astype(np.uint8), embedder.spec)
        for picture in (person, changed, others[:, :, ::-1])
    ]
    assert [len(each) for each in crops] == [1, 1, 6]
    unit = torch.cat([embedder.embed(each).unit() for each in crops])
    similarity = unit[0] @ unit.T
    assert similarity[1] > 0.96 > embedder.same_person_similarity
    assert similarity[2:].max() < embedder.same_person_similarity


def test_vectors_are_dlibs_own_and_do_not_depend_on_the_batch(embedder: IdentityEmbedder) -> None:
    import dlib

    generator = torch.Generator().manual_seed(3)
    chips = torch.randint(0, 256, (35, 3, 150, 150), dtype=torch.uint8, generator=generator)
    vectors = embedder.embed(FaceCrops(chips, embedder.spec))
    assert vectors.data.shape == (35, embedder.dimension)
    assert vectors.embedder == "dlib"
    torch.testing.assert_close(
        embedder.embed(FaceCrops(chips, embedder.spec)).data, vectors.data, rtol=0, atol=0
    )
    network = dlib.face_recognition_model_v1(str(FILE))
    for i in (0, 31, 34):
        alone = network.compute_face_descriptor(np.ascontiguousarray(chips[i].permute(1, 2, 0).numpy()))
        np.testing.assert_allclose(vectors.data[i].numpy(), np.array(alone), atol=1e-5)


def test_no_crops_give_no_vectors(embedder: IdentityEmbedder) -> None:
    none = FaceCrops(torch.zeros((0, 3, 150, 150), dtype=torch.uint8), embedder.spec)
    assert embedder.embed(none).data.shape == (0, 128)


def test_other_crops_are_refused(embedder: IdentityEmbedder) -> None:
    crops = FaceCrops(torch.zeros((1, 3, 150, 150), dtype=torch.uint8), CropSpec(150))
    with pytest.raises(ValueError, match="dlib"):
        embedder.embed(crops)


def test_embedders_and_their_weights_are_listed() -> None:
    assert embedder_names()[0] == "dlib"
    assert weights_needed("dlib") == (WEIGHT,)
    with pytest.raises(FaceError, match="dlib"):
        weights_needed("squeeze")
    with pytest.raises(FaceError, match="dlib"):
        load_embedder("squeeze", {}, device=CPU)


def test_missing_and_broken_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(FaceError, match=WEIGHT):
        load_embedder("dlib", {}, device=CPU)
    with pytest.raises(FaceError, match="no such file"):
        load_embedder("dlib", {WEIGHT: tmp_path / "absent.dat"}, device=CPU)
    broken = tmp_path / "broken.dat"
    broken.write_bytes(b"not a network")
    with pytest.raises(FaceError, match=r"broken\.dat"):
        load_embedder("dlib", {WEIGHT: broken}, device=CPU)
