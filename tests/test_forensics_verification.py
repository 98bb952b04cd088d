"""Figures of face pairs against cases worked by hand, and pairs files that are right and wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from face.types import CropSpec, FaceCrops, FaceDetections, IdentityEmbeddings
from forensics.data.faces import DatasetError
from forensics.errors import ExitCode
from forensics.pairs import FacePair, read_pairs
from forensics.verification import VerificationFigures, verification_figures, verify_pairs
from video.errors import VideoError

CPU = torch.device("cpu")


def figures(
    same: Sequence[float], different: Sequence[float], *, similarity: float = 0.5
) -> VerificationFigures:
    labels = np.array([True] * len(same) + [False] * len(different))
    return verification_figures(np.array([*same, *different], np.float64), labels, similarity=similarity)


def test_separated_pairs_make_no_error() -> None:
    found = figures([0.9, 0.8], [0.1, 0.2, 0.3])
    assert (found.pairs, found.same) == (5, 2)
    assert found.auc == pytest.approx(1)
    assert (found.auc_interval.low, found.auc_interval.high) == (1, 1)
    assert found.equal_error_rate == pytest.approx(0)
    assert found.equal_error_similarity == pytest.approx(0.8)
    assert (found.accuracy, found.false_match_rate, found.false_non_match_rate) == (1, 0, 0)


def test_overlapping_pairs_as_worked_by_hand() -> None:
    # Of the 4 x 4 comparisons the genuine cosine is the higher one in 4 + 4 + 3 + 2: AUC 13/16. From 0.6 on
    # three of four genuine pairs pass and one of four others: both error rates are 1/4.
    found = figures([0.9, 0.8, 0.6, 0.4], [0.7, 0.5, 0.2, 0.1], similarity=0.45)
    assert found.auc == pytest.approx(13 / 16)
    assert found.equal_error_rate == pytest.approx(0.25)
    assert found.equal_error_similarity == pytest.approx(0.6)
    # From 0.45 on 0.7 and 0.5 pass wrongly and 0.4 fails wrongly.
    assert found.false_match_rate == 0.5
    assert found.false_non_match_rate == 0.25
    assert found.accuracy == pytest.approx(5 / 8)


def test_the_equal_error_rate_lies_between_the_points_of_the_curve() -> None:
    # The curve goes from (FMR 0, FNMR 1/2) at 0.9 to (FMR 1, FNMR 1/2) at 0.7: it is 1/2 half-way.
    found = figures([0.9, 0.1], [0.7])
    assert found.equal_error_rate == pytest.approx(0.5)
    assert found.equal_error_similarity == pytest.approx(0.8)


def test_a_cosine_at_the_operating_point_passes() -> None:
    found = figures([0.5, 0.4], [0.5, 0.4])
    assert (found.false_match_rate, found.false_non_match_rate) == (0.5, 0.5)


def test_strict_rates_are_read_where_no_more_than_that_many_strangers_pass() -> None:
    # 3000 strangers at 0.000, 0.0001, ...: 1 % of them, 30, lie at 0.2970 and above; 0.1 %, 3, at 0.2997.
    strangers = [number / 10_000 for number in range(3000)]
    known = [0.29685, 0.29705, 0.2998, 0.9]
    loose, strict = figures(known, strangers).strict
    assert (loose.false_match_rate, strict.false_match_rate) == (0.01, 0.001)
    # The limit is the lowest cosine of a pair that still keeps the rate.
    assert loose.similarity == pytest.approx(0.297)
    assert loose.false_non_match_rate == pytest.approx(1 / 4)
    assert strict.similarity == pytest.approx(0.2997)
    assert strict.false_non_match_rate == pytest.approx(2 / 4)


@pytest.mark.parametrize(
    ("strangers", "rates"), [(299, []), (300, [0.01]), (2999, [0.01]), (3000, [0.01, 0.001])]
)
def test_strict_rates_need_three_expected_false_matches(strangers: int, rates: list[float]) -> None:
    found = figures([0.9], [number / strangers for number in range(strangers)])
    assert [point.false_match_rate for point in found.strict] == rates


def test_a_strict_limit_that_nothing_passes_is_a_number() -> None:
    (point,) = figures([0.9], [1.0] * 300).strict
    assert point.similarity > 1
    assert np.isfinite(point.similarity)
    assert point.false_non_match_rate == 1


def test_the_interval_holds_the_auc_and_narrows_with_more_pairs() -> None:
    rng = np.random.default_rng(0)
    widths = []
    for count in (30, 1000):
        found = figures(list(rng.normal(1, 1, count)), list(rng.normal(0, 1, count)))
        low, high = found.auc_interval.low, found.auc_interval.high
        assert low < found.auc < high
        widths.append(high - low)
        # Two normals one deviation apart: AUC = Phi(1 / sqrt 2) = 0.760.
        assert low < 0.760 < high
    # The error of an AUC falls with the root of the number: sqrt(1000 / 30) = 5.8.
    assert widths[0] / widths[1] == pytest.approx(5.8, rel=0.3)


def test_the_interval_is_the_same_every_time() -> None:
    assert figures([0.9, 0.4, 0.3], [0.5, 0.2]) == figures([0.9, 0.4, 0.3], [0.5, 0.2])


@pytest.mark.parametrize("labels", [[True, True], [False, False]])
def test_one_kind_alone_has_no_figures(labels: list[bool]) -> None:
    with pytest.raises(ValueError, match="pairs of two"):
        verification_figures(np.array([0.1, 0.2]), np.array(labels), similarity=0.5)


# Pictures are flat colours: the colour stands for the person, black for a picture without a face.
COLOURS = {"red.png": (200, 0, 0), "rose.png": (190, 20, 0), "blue.png": (0, 0, 200), "dark.png": (0, 0, 0)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, colour in COLOURS.items():
        Image.new("RGB", (40, 40), colour).save(tmp_path / name)
    return tmp_path


class SeesLight:
    """Finds two faces in any picture that is not black: a small sure one, then a larger one."""

    name = "light"

    def detect(self, frames: npt.NDArray[np.uint8]) -> FaceDetections:
        if not frames.any():
            return FaceDetections.empty()
        boxes = np.float32([[0, 0, 10, 10], [20, 20, 39, 39]])
        return FaceDetections(
            boxes, np.zeros((2, 5, 2), np.float32), np.float32([0.9, 0.8]), np.zeros(2, np.int64)
        )

    def files(self) -> tuple[tuple[str, str], ...]:
        return ()


class MeanColour:
    """The mean colour of a crop as its identity."""

    dimension = 3
    spec = CropSpec(size=8)

    def __init__(self, name: str = "colour", similarity: float = 0.9) -> None:
        self.name = name
        self.same_person_similarity = similarity
        self.batches: list[int] = []

    def embed(self, crops: FaceCrops) -> IdentityEmbeddings:
        self.batches.append(len(crops))
        return IdentityEmbeddings(crops.data.float().mean(dim=(2, 3)), self.name)


def sheet(folder: Path, text: str) -> Path:
    path = folder / "pairs.csv"
    path.write_text("first,second,same\n" + text, encoding="utf-8")
    return path


def test_pairs_are_compared_and_those_without_a_face_named(folder: Path) -> None:
    text = "red.png,rose.png,1\nred.png,blue.png,0\nrose.png,blue.png,0\nred.png,dark.png,1\n"
    pairs = read_pairs(sheet(folder, text))
    assert pairs.pairs[0] == FacePair("red.png", "rose.png", same=True)
    strict = MeanColour("strict", similarity=0.9999)
    plain = MeanColour()
    seen: list[tuple[int, int | None]] = []
    found = verify_pairs(
        pairs, SeesLight(), [plain, strict], device=CPU, progress=lambda *at: seen.append(at)
    )
    assert (found.pairs, found.pairs_without_face) == (4, 1)
    assert (found.pictures, found.pictures_without_face) == (4, ("dark.png",))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    # red and rose: cosine (200 * 190) / (200 * sqrt(190^2 + 20^2)) = 0.9945.
    assert found.figures["colour"].equal_error_similarity == pytest.approx(0.9945, abs=1e-4)
    assert found.figures["colour"].false_non_match_rate == 0
    assert found.figures["strict"].false_non_match_rate == 1
    # A picture in several pairs is embedded once.
    assert plain.batches == [3]


def test_the_largest_face_counts(folder: Path) -> None:
    for name, small, large in (("a.png", "red", "blue"), ("b.png", "lime", "blue"), ("c.png", "blue", "red")):
        picture = Image.new("RGB", (40, 40), small)
        picture.paste(large, (15, 15, 40, 40))
        picture.save(folder / name)
    found = verify_pairs(
        read_pairs(sheet(folder, "a.png,b.png,1\na.png,c.png,0\n")), SeesLight(), [MeanColour()], device=CPU
    )
    assert found.figures["colour"].accuracy == 1


def test_pictures_without_faces_that_leave_one_kind_are_an_error(folder: Path) -> None:
    pairs = read_pairs(sheet(folder, "red.png,dark.png,1\nred.png,blue.png,0\n"))
    with pytest.raises(DatasetError, match=r"pairs\.csv: 0 usable pairs of one person and 1 of two.*detect"):
        verify_pairs(pairs, SeesLight(), [MeanColour()], device=CPU)


def test_a_picture_that_cannot_be_read_is_named(folder: Path) -> None:
    (folder / "broken.png").write_bytes((folder / "red.png").read_bytes()[:40])
    pairs = read_pairs(sheet(folder, "red.png,broken.png,1\nred.png,blue.png,0\n"))
    with pytest.raises(VideoError, match=r"broken\.png: .*; "):
        verify_pairs(pairs, SeesLight(), [MeanColour()], device=CPU)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no column first, second, same; its first line"),
        (b"first,second\nred.png,blue.png\n", "no column same; its first line"),
        (b"first,second,same\nred.png,blue.png,yes\n", "line 2: .*'yes'; give"),
        (b"first,second,same\nred.png,blue.png,1\nred.png\n", "line 3: .*; give"),
        (b"first,second,same\nred.png,red.png,1\n", "line 2: .*two different"),
        (b"first,second,same\n", "0 usable pairs of one person and 0 of two"),
        (b"first,second,same\nred.png,rose.png,1\n", "1 usable pairs of one person and 0 of two.*; add"),
        (
            b"first,second,same\nred.png,rose.png,1\nred.png,gone.png,0\n",
            r"1 .*first 'gone\.png'; their names",
        ),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_a_wrong_pairs_file_is_refused_by_name(folder: Path, content: bytes, words: str) -> None:
    path = folder / "pairs.csv"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=rf"pairs\.csv.*{words}") as caught:
        read_pairs(path)
    assert caught.value.exit_code is ExitCode.INPUT


def test_a_pairs_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"gone\.csv: cannot be read .*; give"):
        read_pairs(tmp_path / "gone.csv")


def test_a_byte_order_mark_of_spreadsheets_is_no_part_of_a_column(folder: Path) -> None:
    path = folder / "pairs.csv"
    path.write_text("first,second,same\nred.png,rose.png,1\nred.png,blue.png,0\n", encoding="utf-8-sig")
    assert len(read_pairs(path).pairs) == 2
