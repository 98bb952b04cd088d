"""Face detectors compared on pictures and clips whose answers are known."""

from __future__ import annotations

from pathlib import Path

import media
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from face.types import FaceDetections
from forensics.data.faces import DatasetError
from forensics.face_finding import WARM_UP_SEARCHES, compare_detectors, list_media


class Boxes:
    """Finds the same boxes in every picture that is wider than `least_width`."""

    def __init__(self, name: str, boxes: list[list[float]], *, least_width: int = 0) -> None:
        self.name = name
        self._boxes = np.array(boxes, np.float32).reshape(-1, 4)
        self._least_width = least_width
        self.searches = 0

    def detect(self, frames: npt.NDArray[np.uint8]) -> FaceDetections:
        self.searches += 1
        assert len(frames) == 1
        boxes = self._boxes if frames.shape[2] > self._least_width else self._boxes[:0]
        count = len(boxes)
        return FaceDetections(
            boxes, np.zeros((count, 5, 2), np.float32), np.ones(count, np.float32), np.zeros(count, np.int64)
        )

    def files(self) -> tuple[tuple[str, str], ...]:
        return ()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, size in (("a.png", (40, 20)), ("b.jpg", (40, 20)), ("c.PNG", (80, 40))):
        Image.new("RGB", size).save(folder / name, format="PNG" if name != "b.jpg" else "JPEG")
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_a_box_counts_where_it_covers_the_middle_and_else_as_extra(pictures: Path) -> None:
    # The middles are (20, 10), (20, 10) and (40, 20): the first box covers the first two.
    sees = Boxes("sees", [[10, 5, 30, 15], [0, 0, 5, 5]])
    blind = Boxes("blind", [])
    figures = compare_detectors([sees, blind], list_media([pictures]), frames_per_video=4)
    assert list(figures) == ["sees", "blind"]
    found = figures["sees"].pictures
    assert found is not None
    assert (found.pictures, found.recall) == (3, pytest.approx(2 / 3))
    # One extra box in the first two pictures, two in the third.
    assert found.extra_boxes == pytest.approx(4 / 3)
    missed = figures["blind"].pictures
    assert missed is not None
    assert (missed.recall, missed.extra_boxes) == (0, 0)
    assert figures["sees"].videos == ()
    assert sees.searches == blind.searches == 3 + WARM_UP_SEARCHES


def test_two_boxes_over_the_middle_are_one_find_and_one_extra(pictures: Path) -> None:
    twice = Boxes("twice", [[10, 5, 30, 15], [12, 6, 31, 16]])
    found = compare_detectors([twice], [pictures / "a.png"], frames_per_video=1)["twice"].pictures
    assert found is not None
    assert (found.recall, found.extra_boxes) == (1, 1)


def test_a_video_gives_the_share_of_frames_with_a_face(tmp_path: Path, pictures: Path) -> None:
    clip = media.h264(tmp_path / "clip.mp4", count=20)
    always, never = Boxes("always", [[0, 0, 5, 5]]), Boxes("never", [], least_width=0)
    figures = compare_detectors([always, never], [clip], frames_per_video=5)
    (video,) = figures["always"].videos
    assert (video.name, video.frames, video.with_face) == ("clip.mp4", 5, 1)
    assert figures["never"].videos[0].with_face == 0
    assert figures["always"].pictures is None
    both = compare_detectors([always], [pictures / "a.png", clip], frames_per_video=5)["always"]
    assert both.pictures is not None
    assert (both.pictures.pictures, both.videos[0].frames) == (1, 5)


def test_the_time_is_the_median_of_single_searches(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    durations = iter([0.010, 0.500, 0.020])
    now = [0.0]

    def clock() -> float:
        return now[0]

    class Slow(Boxes):
        def detect(self, frames: npt.NDArray[np.uint8]) -> FaceDetections:
            # Warming up takes a second each, which must not count.
            now[0] += next(durations) if self.searches >= WARM_UP_SEARCHES else 1.0
            return super().detect(frames)

    monkeypatch.setattr("forensics.face_finding.time.perf_counter", clock)
    figures = compare_detectors([Slow("slow", [])], list_media([pictures]), frames_per_video=1)
    assert figures["slow"].milliseconds == pytest.approx(20)


def test_folders_are_searched_for_pictures_and_videos_in_name_order(tmp_path: Path, pictures: Path) -> None:
    named = tmp_path / "named.dat"
    named.write_bytes((pictures / "a.png").read_bytes())
    listed = list_media([named, tmp_path, pictures / "a.png"])
    # What is named itself is taken whatever it is called, and nothing twice.
    assert [path.name for path in listed] == ["named.dat", "a.png", "b.jpg", "c.PNG"]


def test_a_path_that_is_not_there_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"gone: no such file or folder; give"):
        list_media([tmp_path / "gone"])
    with pytest.raises(DatasetError, match=r"holds no picture and no video; give"):
        list_media([tmp_path])
