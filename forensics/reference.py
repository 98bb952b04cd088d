"""The reference person of a comparison: one identity from photos that each show one clear face."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from face.embed import embedder_facts
from face.manual import ManualFaces
from face.track import Tracker, TrackSettings
from face.types import QualityReason
from forensics.errors import ReferencePhotoError
from forensics.evidence import Evidence, FrontHalf
from forensics.identity_drift import robust_identity
from forensics.reference_finding import margin_around
from forensics.report.facts import storable
from forensics.report.reference import ReferenceFacts, ReferencePhoto
from forensics.report.words import abstention_words
from video.errors import printable
from video.isolated import open_video
from weights.streams import sha256_of

# The largest face is the one that is meant where its longer side is so many times that of the next.
CLEARLY_LARGER = 1.5


@dataclass(frozen=True)
class ReferencePerson:
    """`identity` [D] float64 of length 1 by `facts.embedder`; `warnings` are for the report."""

    identity: npt.NDArray[np.float64]
    facts: ReferenceFacts
    warnings: tuple[str, ...]

    def similarity(self, unit_embeddings: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """[N] cosines of unit vectors [N,D] by the same embedder to the reference person."""
        return unit_embeddings.astype(np.float64) @ self.identity


@dataclass(frozen=True)
class _Face:
    """The face of one photo with its unit vector [D]."""

    photo: ReferencePhoto
    vector: npt.NDArray[np.float64]


def check_photos(paths: Sequence[Path], evidence: Path) -> None:
    """Raise VideoError or ReferencePhotoError unless each of them is a picture that opens, named once.

    The evidence itself is no reference either: it would always be consistent with itself.
    """
    seen = {sha256_of(evidence): evidence}
    for path in paths:
        with open_video(path) as reader:
            if not reader.info.still:
                raise ReferencePhotoError(
                    f"{printable(path)}: is a video; name still images with --reference"
                )
        sha256 = sha256_of(path)
        if sha256 in seen:
            raise ReferencePhotoError(
                f"{printable(path)}: is the same picture as {printable(seen[sha256])}; name each photo once"
            )
        seen[sha256] = path


def load_reference(paths: Sequence[Path], front: FrontHalf, *, evidence: Path) -> ReferencePerson:
    """The person that the photos (at least one) show, by the encoder that also tracks the video's faces.

    Photos that do not show one person among themselves are no error: the report warns of them. Raises
    what `check_photos` raises, and ReferencePhotoError for a photo without one clear face.
    """
    check_photos(paths, evidence)
    faces = [_face(path, front) for path in paths]
    vectors = np.stack([face.vector for face in faces])
    photos = tuple(
        replace(face.photo, similarity_to_others=_to_others(vectors, number))
        for number, face in enumerate(faces)
    )
    embedder = front.embedders[0]
    point = embedder.same_person_similarity
    margin = margin_around(point)
    alike = [photo.similarity_to_others for photo in photos if photo.similarity_to_others is not None]
    facts = ReferenceFacts(
        photos=photos,
        embedder=embedder.name,
        operating_point=point,
        margin=margin,
        basis=embedder_facts(embedder.name).basis,
        one_person=all(cosine >= point - margin for cosine in alike),
    )
    return ReferencePerson(robust_identity(vectors), facts, tuple(_warnings(facts)))


def _face(path: Path, front: FrontHalf) -> _Face:
    """The face of a photo, found, aligned, embedded and judged exactly as those of a video are."""
    embedder = front.embedders[0]
    tracker = Tracker(TrackSettings(same_person_similarity=embedder.same_person_similarity))
    with open_video(path) as reader:
        (batch,) = reader.batches(1)
    evidence = front.gather(batch, tracker, ManualFaces(()))
    meant = _meant(path, evidence)
    if QualityReason.NOT_FINITE in evidence.quality.reasons[meant]:
        raise ReferencePhotoError(
            f"{printable(path)}: {embedder.name} gave no numbers for the face in this reference; try another "
            "photo, or `forensics weights verify`"
        )
    x1, y1, x2, y2 = (float(value) for value in evidence.detections.boxes_xyxy[meant])
    photo = ReferencePhoto(
        file_name=storable(path.name),
        size_bytes=path.stat().st_size,
        sha256=sha256_of(path),
        box_xyxy=(x1, y1, x2, y2),
        poor=tuple(reason.value for reason in evidence.quality.reasons[meant]),
        similarity_to_others=None,
    )
    return _Face(photo, evidence.identities[embedder.name].unit()[meant].double().cpu().numpy())


def _meant(path: Path, evidence: Evidence) -> int:
    """The number of the face that the photo is of: the only one, or the largest by far."""
    boxes = evidence.detections.boxes_xyxy
    if len(boxes) == 0:
        raise ReferencePhotoError(
            f"{printable(path)}: no face was found in this reference; give a photo of the person's face"
        )
    sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    largest = int(sides.argmax())
    rivals = [
        f"{side:.0f} px at {x:.0f},{y:.0f}"
        for side, (x, y) in zip(sides.tolist(), boxes[:, :2].tolist(), strict=True)
        if side * CLEARLY_LARGER > sides[largest]
    ]
    if len(rivals) > 1:
        raise ReferencePhotoError(
            f"{printable(path)}: shows several faces of similar size ({'; '.join(rivals)}); "
            "cut out the one that is meant"
        )
    return largest


def _to_others(vectors: npt.NDArray[np.float64], number: int) -> float | None:
    if len(vectors) == 1:
        return None
    return float(vectors[number] @ robust_identity(np.delete(vectors, number, axis=0)))


def _warnings(facts: ReferenceFacts) -> Iterator[str]:
    """By the photos' numbers: a repetition may find the files under other names."""
    for number, photo in enumerate(facts.photos, start=1):
        if photo.poor:
            reasons = ", ".join(abstention_words(code) for code in photo.poor)
            yield f"reference photo {number}: too poor to compare with ({reasons}); give a better one"
        cosine = photo.similarity_to_others
        if cosine is not None and cosine < facts.operating_point:
            yield (
                f"reference photo {number}: its similarity to the others lies below the operating point; "
                "they may not show one person"
            )
