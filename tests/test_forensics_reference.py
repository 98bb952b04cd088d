"""Comparing with a person: what cosines allow to be found, and which photos are references at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import media
import numpy as np
import people
import pytest
from stubs import ANY_QUALITY, CPU, LANDMARKS, ColourIdentity, OneFace

from face.detect import FaceDetector
from face.quality import QualityLimits
from face.types import FaceDetections
from forensics.errors import ExitCode, ReferencePhotoError
from forensics.evidence import FrontHalf
from forensics.reference import CLEARLY_LARGER, ReferencePerson, load_reference
from forensics.reference_finding import LEAST_SHARE, find_against_reference, margin_around
from forensics.report.reference import ReferenceFacts, ReferenceOutcome, ReferencePhoto
from video.errors import VideoError

POINT, MARGIN = 0.92, 0.03
PHOTO = ReferencePhoto("a.jpg", 1, "0" * 64, (0.0, 0.0, 9.0, 9.0), (), None)
FACTS = ReferenceFacts((PHOTO,), "dlib", POINT, MARGIN, "measured", one_person=True)
BOX = (10.0, 4.0, 60.0, 54.0)


def outcome(
    cosines: Sequence[float], facts: ReferenceFacts = FACTS, *, min_faces: int = 3
) -> ReferenceOutcome:
    return find_against_reference(np.array(cosines), facts, min_faces=min_faces).outcome


@pytest.mark.parametrize(
    ("cosines", "expected"),
    [
        ([0.96, 0.97, 0.98], ReferenceOutcome.CONSISTENT),
        ([0.88, 0.80, 0.85], ReferenceOutcome.NOT_CONSISTENT),
        # Both sides of the operating point, nearer than the margin.
        ([0.94, 0.94, 0.94], ReferenceOutcome.INCONCLUSIVE),
        ([0.90, 0.90, 0.90], ReferenceOutcome.INCONCLUSIVE),
        # Nobody but the median decides: one odd face changes nothing.
        ([0.96, 0.97, 0.98, 0.97, 0.10], ReferenceOutcome.CONSISTENT),
        ([0.80, 0.81, 0.82, 0.80, 0.99], ReferenceOutcome.NOT_CONSISTENT),
        # A third of the faces is someone else's.
        ([0.96, 0.97, 0.98, 0.97, 0.80, 0.80], ReferenceOutcome.INCONCLUSIVE),
        ([0.99, 0.99], ReferenceOutcome.INCONCLUSIVE),
        ([], ReferenceOutcome.INCONCLUSIVE),
    ],
)
def test_cosines_are_judged_by_the_operating_point(cosines: list[float], expected: ReferenceOutcome) -> None:
    assert outcome(cosines) is expected
    assert outcome(cosines[::-1]) is expected


def test_the_figures_are_those_of_the_cosines() -> None:
    found = find_against_reference(np.array([0.90, 0.92, 0.97, 0.99]), FACTS, min_faces=3)
    assert found.usable_faces == 4
    assert found.median_similarity == pytest.approx(0.945)
    assert found.mean_similarity == pytest.approx(0.945)
    # The operating point itself is reached.
    assert found.share_at_or_above == LEAST_SHARE == 0.75


def test_without_a_usable_face_there_are_no_figures() -> None:
    found = find_against_reference(np.array([]), FACTS, min_faces=1)
    assert (found.mean_similarity, found.median_similarity, found.share_at_or_above) == (None, None, None)
    assert "no face is good enough" in found.reason


def test_a_still_image_may_be_enough_where_one_face_is_asked_for() -> None:
    assert outcome([0.99], min_faces=1) is ReferenceOutcome.CONSISTENT


def test_photos_of_two_people_or_of_poor_faces_allow_no_finding() -> None:
    for cosines in ([0.99] * 5, [0.1] * 5):
        assert outcome(cosines, replace(FACTS, one_person=False)) is ReferenceOutcome.INCONCLUSIVE
        poor = replace(PHOTO, poor=("blurred",))
        assert outcome(cosines, replace(FACTS, photos=(poor, poor))) is ReferenceOutcome.INCONCLUSIVE
    assert outcome([0.99] * 5, replace(FACTS, photos=(poor, PHOTO))) is ReferenceOutcome.CONSISTENT


def test_the_margin_of_dlib_is_as_measured() -> None:
    assert margin_around(POINT) == pytest.approx(MARGIN)


class Boxes:
    """Finds these faces in every picture."""

    name = "boxes"

    def __init__(self, *boxes: tuple[float, float, float, float]) -> None:
        self._boxes = boxes

    def detect(self, frames: np.ndarray) -> FaceDetections:
        count = len(self._boxes)
        return FaceDetections(
            np.float32(self._boxes),
            np.tile(np.float32(LANDMARKS), (count, 1, 1)),
            np.ones(count, np.float32),
            np.zeros(count, np.int64),
        )

    def files(self) -> tuple[tuple[str, str], ...]:
        return ()


def loaded(
    photos: Sequence[Path],
    faces: FaceDetector | None = None,
    limits: QualityLimits = ANY_QUALITY,
) -> ReferencePerson:
    evidence = photos[0].parent / "evidence"
    evidence.write_bytes(b"another file")
    front = FrontHalf(faces or OneFace(), [ColourIdentity()], limits, CPU)
    return load_reference(photos, front, evidence=evidence)


def test_the_person_is_the_same_in_whatever_order_the_photos_are_named(tmp_path: Path) -> None:
    colours = (people.RED, people.DARK_RED, (180, 60, 40))
    photos = [people.photo(tmp_path / f"{number}.png", colour) for number, colour in enumerate(colours)]
    made = [loaded(order) for order in permutations(photos)]
    for person in made:
        assert person.identity.tobytes() == made[0].identity.tobytes()
        assert set(person.facts.photos) == set(made[0].facts.photos)
    assert np.linalg.norm(made[0].identity) == pytest.approx(1.0)


def test_similarity_is_the_cosine_to_the_photos(tmp_path: Path) -> None:
    person = loaded([people.photo(tmp_path / "red.png", people.RED)])
    red, blue = (np.array(colour) / np.linalg.norm(colour) for colour in (people.RED, people.BLUE))
    assert person.similarity(np.stack([red, blue])) == pytest.approx([1.0, red @ blue], abs=1e-6)
    assert person.facts.photos[0].similarity_to_others is None
    assert person.facts.one_person
    assert person.warnings == ()


def test_photos_that_do_not_show_one_person_are_warned_of(tmp_path: Path) -> None:
    colours = {"red.png": people.RED, "dark.png": people.DARK_RED, "blue.png": people.BLUE}
    person = loaded([people.photo(tmp_path / name, colour) for name, colour in colours.items()])
    assert not person.facts.one_person
    assert any("reference photo 3" in warning and "one person" in warning for warning in person.warnings)


def test_a_poor_photo_is_said_to_be_one(tmp_path: Path) -> None:
    photo = people.photo(tmp_path / "flat.png", people.RED)
    person = loaded([photo], limits=QualityLimits(min_size_pixels=1.0))
    assert person.facts.photos[0].poor == ("blurred",)
    (warning,) = person.warnings
    assert "reference photo 1" in warning
    assert "blurred" in warning


def test_of_several_faces_the_clearly_largest_is_meant(tmp_path: Path) -> None:
    photo = people.photo(tmp_path / "two.png", people.RED)
    side = 50.0 / CLEARLY_LARGER
    small = (0.0, 0.0, side - 1, side - 1)
    assert loaded([photo], Boxes(small, BOX)).facts.photos[0].box_xyxy == BOX
    with pytest.raises(ReferencePhotoError, match=r"two\.png: shows several faces .*; cut out the one"):
        loaded([photo], Boxes((0.0, 0.0, side + 1, side + 1), BOX))


def second_copy(folder: Path) -> list[Path]:
    first = people.photo(folder / "red.png", people.RED)
    (folder / "copy.png").write_bytes(first.read_bytes())
    return [first, folder / "copy.png"]


def of_text(folder: Path) -> list[Path]:
    (folder / "text.jpg").write_text("no picture")
    return [folder / "text.jpg"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda folder: [media.h264(folder / "clip.mp4", count=2)],
            ["clip.mp4", "is a video", "still images"],
        ),
        (lambda folder: [folder / "none.jpg"], ["none.jpg", "does not exist"]),
        (of_text, ["text.jpg", ";"]),
        (second_copy, ["copy.png: is the same picture as", "red.png", "once"]),
    ],
)
def test_what_is_no_reference_is_refused_with_cause_and_remedy(
    tmp_path: Path, make: Callable[[Path], list[Path]], words: list[str]
) -> None:
    with pytest.raises((ReferencePhotoError, VideoError)) as refused:
        loaded(make(tmp_path))
    message = str(refused.value)
    assert all(word in message for word in words), message
    assert "\n" not in message


def test_a_photo_without_a_face_is_refused(tmp_path: Path) -> None:
    photo = people.photo(tmp_path / "wall.png", people.RED)
    with pytest.raises(
        ReferencePhotoError, match=r"wall\.png: no face was found .*; give a photo"
    ) as refused:
        loaded([photo], OneFace(found=False))
    assert refused.value.exit_code is ExitCode.INPUT


def test_the_evidence_is_no_reference_for_itself(tmp_path: Path) -> None:
    photo = people.photo(tmp_path / "red.png", people.RED)
    front = FrontHalf(OneFace(), [ColourIdentity()], ANY_QUALITY, CPU)
    with pytest.raises(ReferencePhotoError, match="is the same picture"):
        load_reference([photo], front, evidence=photo)
