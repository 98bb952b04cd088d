"""Faces that the user points out, for those a detector misses."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from face.boxes import overlap
from face.errors import FaceError
from face.search import joined
from face.types import FaceDetections

LOGGER = logging.getLogger(__name__)

# Where the landmarks lie in an upright frontal face's box, in parts of its width and height: the mean of
# MTCNN's over 199 faces of LFW, made symmetrical. Single faces differ by 0.08 across and 0.03 down.
MEAN_LANDMARKS: npt.NDArray[np.float32] = np.array(
    [[0.275, 0.388], [0.725, 0.388], [0.5, 0.589], [0.305, 0.759], [0.695, 0.759]], np.float32
)
# What a person says is a face is one.
CONFIDENCE = 1.0
# A detected face that shares more with the user's box than this (intersection over union) is the same one.
SAME_FACE_OVERLAP = 0.4
# Of the user's box inside the picture; with less of a face nothing could be done, so it is a slip.
LEAST_INSIDE_RATIO = 0.5


@dataclass(frozen=True)
class ManualFace:
    """A box in pixels of the decoded frame, and the presentation time from which on it is looked for."""

    box_xyxy: tuple[float, float, float, float]
    seconds: float


def parse_manual_face(text: str) -> ManualFace:
    """The face in `x,y,w,h@seconds`: left, top, width and height in pixels. Raises FaceError otherwise."""
    try:
        place, time = text.split("@")
        x, y, width, height = (float(part) for part in place.split(","))
        seconds = float(time)
    except ValueError:
        raise FaceError(f"{text!r} is no face: write x,y,w,h@seconds, as in 320,80,120,150@12.5") from None
    if not np.isfinite([x, y, width, height, seconds]).all() or min(width, height) < 1 or seconds < 0:
        raise FaceError(f"{text!r} is no face: width and height are at least 1 pixel, the time at least 0")
    return ManualFace((x, y, x + width, y + height), seconds)


class ManualFaces:
    """Adds the user's faces to the detections of a video's chunks, which must come in order of time.

    A face joins the first sampled frame at or after its time. What the detector found there at the same
    place stays instead, since its landmarks are measured.
    """

    def __init__(self, faces: Sequence[ManualFace]) -> None:
        self._waiting = sorted(faces, key=lambda face: (face.seconds, face.box_xyxy))

    @property
    def unused(self) -> tuple[ManualFace, ...]:
        """Those whose time no frame has reached yet."""
        return tuple(self._waiting)

    @contextmanager
    def kept_on_failure(self) -> Iterator[None]:
        """Where the block fails, the faces that waited before it wait again."""
        waiting = list(self._waiting)
        try:
            yield
        except BaseException:
            self._waiting = waiting
            raise

    def add(
        self,
        detections: FaceDetections,
        pts_seconds: npt.NDArray[np.float64],
        *,
        frame_height: int,
        frame_width: int,
    ) -> tuple[FaceDetections, npt.NDArray[np.bool_]]:
        """The detections of a chunk of T frames, whose times are `pts_seconds` [T], with the faces due in it.

        Beside them, [N]: which of them the user points out, be it that the detector found them too.
        Raises FaceError for a box that is larger than the frame or lies by more than half outside it.
        """
        parts = []
        pointed_out: list[bool] = []
        for position, seconds in enumerate(pts_seconds.tolist()):
            found = detections.chosen(detections.frame == position)
            pointed_out_here = np.zeros(len(found), dtype=bool)
            own: list[FaceDetections] = []
            while self._waiting and self._waiting[0].seconds <= seconds:
                face = self._waiting.pop(0)
                _check_inside(face, frame_height=frame_height, frame_width=frame_width)
                shared = overlap(np.array([face.box_xyxy]), found.boxes_xyxy)[0]
                if shared.max(initial=0.0) > SAME_FACE_OVERLAP:
                    LOGGER.info("the detector found the face given at %s s itself", face.seconds)
                    pointed_out_here[shared.argmax()] = True
                else:
                    own.append(_as_detection(face, position))
            # Detections come by descending confidence, and nobody is surer than the user.
            parts += [*own, found]
            pointed_out += [True] * len(own) + pointed_out_here.tolist()
        return joined(parts), np.array(pointed_out, dtype=bool)


def _as_detection(face: ManualFace, position: int) -> FaceDetections:
    box = np.array(face.box_xyxy, np.float32)
    return FaceDetections(
        box[None],
        (box[:2] + MEAN_LANDMARKS * (box[2:] - box[:2]))[None].astype(np.float32),
        np.array([CONFIDENCE], np.float32),
        np.array([position], np.int64),
    )


def _check_inside(face: ManualFace, *, frame_height: int, frame_width: int) -> None:
    left, top, right, bottom = face.box_xyxy
    width, height = right - left, bottom - top
    picture = f"the picture of {frame_width} x {frame_height} px"
    if max(width, height) > max(frame_width, frame_height):
        raise FaceError(f"the face given at {face.seconds} s is larger than {picture}")
    seen = max(0, min(right, frame_width) - max(left, 0)) * max(0, min(bottom, frame_height) - max(top, 0))
    if seen < LEAST_INSIDE_RATIO * width * height:
        raise FaceError(f"the face given at {face.seconds} s lies by more than half outside {picture}")
