"""From records to samples: the faces found in pictures and clips, and the pairs made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from face.align import estimate_similarity
from face.types import FaceDetections
from forensics.data.cache import FAKE, GENERATED, PAIRS_IN_RECORD, REAL
from forensics.data.faces import FaceRecord, Label
from forensics.data.hull import move
from forensics.data.media import files_of
from forensics.data.pair import DEFAULT_PAIR, PairSettings, TrainingPair, training_pair, treated_single
from forensics.data.paste import Donor, Image, Mask
from video.errors import VideoError
from video.isolated import open_video
from video.sampling import Sampling

Detect = Callable[[Image], FaceDetections]
DensePoints = npt.NDArray[np.float64]
FindLandmarks = Callable[[Image, FaceDetections], DensePoints | None]

REAL_METHOD = "real"
# Frames of one clip differ little: two a second give its poses and light.
CLIP_FRAMES_PER_SECOND = 2.0
# A sequence of pictures does not tell its rate; videos have about 25 a second.
_SEQUENCE_STEP = 12
_BATCH_FRAMES = 16
# Face X-ray searches its whole set for a donor of like landmarks; the best of so many is close enough, and
# the choice stays varied.
_DONOR_CANDIDATES = 24
# Below this the face is a blur and no blend can be seen.
MIN_FACE_PIXELS = 40
_LABELS = {Label.REAL: REAL, Label.FAKE: FAKE, Label.GENERATED: GENERATED}


@dataclass(frozen=True)
class FoundFace:
    """The largest face of one picture of a record. `number` is that of the record in its list, `frame`
    counts the record's pictures that showed a face. `dense` are its landmarks [68,2], if they were looked
    for and found."""

    record: FaceRecord
    number: int
    frame: int
    image: Image
    detection: FaceDetections
    dense: DensePoints | None = None


@dataclass(frozen=True)
class Failure:
    """Why a record gave no face: a sentence that names the file, and whether it could not be read at all."""

    sentence: str
    unreadable: bool


@dataclass(frozen=True)
class Sample:
    """One treated picture and the face in it. Members of a pair share `pair`; `label` is the cache's. `mask`
    [H,W] in [0,1] is how much is pasted where, `None` where nothing is or nobody knows."""

    record: FaceRecord
    image: Image
    detection: FaceDetections
    label: int
    method: str
    pair: int
    mask: Mask | None = None


@dataclass(frozen=True)
class SampleSettings:
    """How many pairs each real face gives (with none it stays alone), how they are made, and the seed of
    every draw."""

    pairs: PairSettings = DEFAULT_PAIR
    pairs_per_face: int = 1
    seed: int = 7


def find_faces(
    records: Sequence[tuple[int, FaceRecord]],
    detect: Detect,
    failed: list[Failure],
    *,
    landmarks: FindLandmarks | None = None,
) -> Iterator[FoundFace]:
    """The faces of numbered records, several of a clip. A record that gives none, or cannot be read, is added
    to `failed`. With `landmarks` dense ones are looked for."""
    for number, record in records:
        found = 0
        try:
            for image in _pictures(record):
                detection = _largest(detect(image))
                if detection is not None:
                    dense = None if landmarks is None else landmarks(image, detection)
                    yield FoundFace(record, number, found, image, detection, dense)
                    found += 1
        except VideoError as error:
            failed.append(Failure(str(error), unreadable=True))
            continue
        if not found:
            sentence = f"{record.path}: no face of {MIN_FACE_PIXELS} pixels or more"
            failed.append(Failure(sentence, unreadable=False))


def make_samples(faces: Sequence[FoundFace], settings: SampleSettings) -> Iterator[Sample]:
    """Both members of every pair of a real face, its donors being other identities of the same split among
    `faces`; any other face is treated and given as it is, with its record's method."""
    for face in faces:
        paired = face.record.label is Label.REAL and settings.pairs_per_face > 0
        for variant in range(settings.pairs_per_face if paired else 1):
            number = _pair_number(face, variant)
            if not paired:
                rng = _generator(face, variant, settings)
                image, detection = treated_single(face.image, face.detection, rng, settings.pairs)
                method = REAL_METHOD if face.record.label is Label.REAL else face.record.method
                yield Sample(face.record, image, detection, _LABELS[face.record.label], method, number)
                continue
            made = make_pair(face, faces, settings, variant=variant)
            yield Sample(face.record, made.real, made.detection, REAL, REAL_METHOD, number)
            yield Sample(
                face.record, made.fake, made.detection, FAKE, made.family.value, number, mask=made.mask
            )


def make_pair(
    face: FoundFace, faces: Sequence[FoundFace], settings: SampleSettings, *, variant: int = 0
) -> TrainingPair:
    """Pair number `variant` of a real face, its donor chosen among `faces`."""
    rng = _generator(face, variant, settings)
    donor = _choose_donor(face, faces, rng)
    return training_pair(face.image, face.detection, rng, settings.pairs, donor=donor, dense=face.dense)


def _generator(face: FoundFace, variant: int, settings: SampleSettings) -> np.random.Generator:
    return np.random.default_rng([settings.seed, face.number, face.frame, variant])


def _pair_number(face: FoundFace, variant: int) -> int:
    """One number for the three; a clip gives less than a million frames, a face less than 16 pairs."""
    return face.number * PAIRS_IN_RECORD + face.frame * 16 + variant


def _pictures(record: FaceRecord) -> Iterator[Image]:
    with closing(files_of(record.path, every=_SEQUENCE_STEP)) as files:
        for path in files:
            with open_video(path, sampling=Sampling.fps(CLIP_FRAMES_PER_SECOND)) as reader:
                for batch in reader.batches(_BATCH_FRAMES):
                    yield from batch.data


def _largest(found: FaceDetections) -> FaceDetections | None:
    if len(found) == 0:
        return None
    sides = (found.boxes_xyxy[:, 2:] - found.boxes_xyxy[:, :2]).max(axis=1)
    best = int(sides.argmax())
    if sides[best] < MIN_FACE_PIXELS:
        return None
    return FaceDetections(
        found.boxes_xyxy[best : best + 1],
        found.landmarks[best : best + 1],
        found.confidence[best : best + 1],
        np.zeros(1, np.int64),
    )


def _choose_donor(face: FoundFace, faces: Sequence[FoundFace], rng: np.random.Generator) -> Donor | None:
    others = [
        other
        for other in (faces[int(place)] for place in rng.integers(len(faces), size=_DONOR_CANDIDATES))
        if other.record.identity != face.record.identity
        and other.record.split is face.record.split
        and other.record.label is Label.REAL
    ]
    if not others:
        return None
    best = min(others, key=lambda other: _mismatch(other.detection, face.detection))
    # One kind of landmarks for both faces, so that one is laid onto the other as measured.
    dense = best.dense if face.dense is not None else None
    return Donor(best.image, best.detection.landmarks[0] if dense is None else dense)


def _mismatch(donor: FaceDetections, face: FaceDetections) -> float:
    """How far the donor's landmarks miss the face's after a similarity transform, in face sizes."""
    source, target = donor.landmarks[0].astype(np.float64), face.landmarks[0].astype(np.float64)
    residual = move(source, estimate_similarity(source[None], target)[0]) - target
    return float(np.sqrt((residual**2).mean()) / np.ptp(target, axis=0).max())
