"""Where one shot ends and the next begins: cuts, found while the frames of a video pass by."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import Interpolation, VideoReformatter
from scenedetect import AdaptiveDetector, ContentDetector, FrameTimecode

from video.frames import Shot, Timed

T = TypeVar("T")
SmallPicture = npt.NDArray[np.uint8]

# The longer side of the pictures compared. Larger ones find the same cuts at a higher price.
SMALL_SIDE_PIXELS = 160
# Mean change of hue, saturation and value, in levels, that a cut makes at least. Within the shots of 13 clips
# of people talking and on stage it reached 21; cuts between them made 36 and more.
MIN_CHANGE = 25.0
# A cut changes the picture this many times as much as its neighbours are changed by what moves in them:
# PySceneDetect's default. None of 936 clips made from those by panning, shaking and jerking reached it.
MIN_RATIO = 3.0
# So many frames on either side are those neighbours. With PySceneDetect's own 2, one cut hides the next:
# of 336 shots of a single frame put between two clips, 136 were found at both ends, with 4 333.
NEIGHBOURS = 4
# A picture that is back after so many frames or fewer was not cut: a flash, a flicker, a faulty frame.
LONGEST_FLASH_FRAMES = 5
# So many frames later it is known whether a frame begins a shot.
DELAY_FRAMES = max(NEIGHBOURS, LONGEST_FLASH_FRAMES)
# PySceneDetect wants a frame rate, though only the order of frames matters here.
_ANY_RATE = 25.0


def small_size(width: int, height: int) -> tuple[int, int]:
    """(width, height) at which a picture of that size is looked at for cuts; never enlarged."""
    scale = min(1.0, SMALL_SIDE_PIXELS / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


class SmallPictures:
    """Makes the small pictures of decoded frames, all of the first one's size."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()
        self._size: tuple[int, int] | None = None

    def of(self, frame: av.VideoFrame) -> SmallPicture:
        """[H,W,3] uint8 BGR."""
        if self._size is None:
            self._size = small_size(frame.width, frame.height)
        small = self._reformatter.reformat(
            frame,
            *self._size,
            format="bgr24",
            # Single samples are the cheapest, and tell shots apart as well as means do.
            interpolation=Interpolation.POINT | Interpolation.BITEXACT,
            threads=1,
        )
        return np.asarray(small.to_ndarray(), dtype=np.uint8)


class ShotDetector:
    """Says of each frame, `DELAY_FRAMES` frames later, whether it begins a shot.

    PySceneDetect's AdaptiveDetector proposes abrupt changes; those from which the picture comes back at once
    are taken for flashes. Fades and dissolves are no abrupt changes and are not found. An inserted shot of
    `LONGEST_FLASH_FRAMES` or fewer, with the same picture before and after it, counts as a flash as well.
    """

    def __init__(self) -> None:
        self._adaptive = AdaptiveDetector(
            adaptive_threshold=MIN_RATIO,
            min_scene_len=0,
            window_width=NEIGHBOURS,
            min_content_val=MIN_CHANGE,
        )
        self._shown = 0
        self._newest = -1
        # From the frame before the oldest undecided one to the newest.
        self._pictures: dict[int, SmallPicture] = {}
        self._changes: set[int] = set()
        self._flash_until = -1

    def push(self, picture: SmallPicture) -> Iterator[bool]:
        """Take the next frame's small picture, [H,W,3] uint8 BGR of one size for the whole video.

        Gives the answer for the frame `DELAY_FRAMES` before, once there is one.
        """
        if self._newest < 0:
            self._show_neighbours(picture)
        self._show(picture)
        self._newest += 1
        self._pictures[self._newest] = picture
        if self._newest >= DELAY_FRAMES:
            yield self._begins_shot(self._newest - DELAY_FRAMES)

    def finish(self) -> Iterator[bool]:
        """The answers for the last frames, which have not been given yet."""
        if self._newest < 0:
            return
        self._show_neighbours(self._pictures[self._newest])
        for index in range(max(0, self._newest - DELAY_FRAMES + 1), self._newest + 1):
            yield self._begins_shot(index)

    def _show_neighbours(self, picture: SmallPicture) -> None:
        """Let the first or the last frame stand still, as all frames need neighbours to be judged by.

        In a shaking picture it may therefore be taken for a shot of its own.
        """
        for _ in range(NEIGHBOURS):
            self._show(picture)

    def _show(self, picture: SmallPicture) -> None:
        found = self._adaptive.process_frame(_timecode(self._shown), picture)
        self._shown += 1
        self._changes.update(timecode.frame_num - NEIGHBOURS for timecode in found)

    def _begins_shot(self, index: int) -> bool:
        before = self._pictures.pop(index - 1, None)
        if before is None:
            return True
        if index not in self._changes:
            return False
        self._changes.remove(index)
        if index <= self._flash_until:
            return False
        for later in range(index + 1, min(index + LONGEST_FLASH_FRAMES, self._newest) + 1):
            if _alike(before, self._pictures[later]):
                self._flash_until = later
                return False
        return True


def with_shots(
    frames: Iterable[Timed[T]], small_picture: Callable[[T], SmallPicture], shots: list[Shot]
) -> Iterator[Timed[T]]:
    """The frames of a video from its first, with the numbers of their shots; each new shot joins `shots`.

    At most `DELAY_FRAMES` frames are held back.
    """
    detector = ShotDetector()
    held: deque[Timed[T]] = deque()

    def released(answers: Iterator[bool]) -> Iterator[Timed[T]]:
        for begins in answers:
            frame = held.popleft()
            if begins:
                shots.append(Shot(frame.index, float(frame.seconds)))
            yield replace(frame, shot=len(shots) - 1)

    for frame in frames:
        held.append(frame)
        yield from released(detector.push(small_picture(frame.frame)))
    yield from released(detector.finish())


def _alike(one: SmallPicture, other: SmallPicture) -> bool:
    """Whether two pictures differ by less than a cut makes."""
    content = ContentDetector(threshold=MIN_CHANGE, min_scene_len=0)
    content.process_frame(_timecode(0), one)
    return not content.process_frame(_timecode(1), other)


def _timecode(number: int) -> FrameTimecode:
    return FrameTimecode(number, _ANY_RATE)
