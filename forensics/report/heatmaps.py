"""Keeps the highest-scored face of each tracklet during a pass, and draws where its score came from."""

from __future__ import annotations

import base64
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from face.track import Tracks
from forensics.attribution import Each
from forensics.detector import Detector, Explains, FaceInputs
from forensics.evidence import Evidence
from forensics.report.pictures import jpeg
from forensics.report.rows import FaceHeatmap
from forensics.report.verdict import DetectorRun
from forensics.scores import FrameScores
from forensics.workers import model_workers

LOGGER = logging.getLogger(__name__)
# Each costs seconds of a processor core.
MAX_HEATMAPS = 3
# Tracklets with a face in memory, some 75 kB each; beyond so many, those with the lowest scores go.
MAX_KEPT = 256
# Perceptually uniform, and the same to readers with and without full colour vision.
COLOURS = cv2.COLORMAP_CIVIDIS
OPACITY = 0.6


@dataclass(frozen=True)
class _Kept:
    score: float
    frame_index: int
    inputs: FaceInputs

    @property
    def rank(self) -> tuple[float, int]:
        """Of equal scores the earlier counts more, whatever the chunks."""
        return (self.score, -self.frame_index)


class HeatmapKeeper:
    """Collects faces chunk by chunk for one detector; none for one that cannot explain itself."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector if isinstance(detector, Explains) else None
        self._highest: dict[int, _Kept] = {}

    def add(self, evidence: Evidence, scores: dict[str, FrameScores]) -> None:
        """Look at the faces of the next chunk, whose tracks are still provisional."""
        if self._detector is None or self._detector.name not in scores:
            return
        given = scores[self._detector.name]
        frames = evidence.frame_index
        for track in np.unique(evidence.track[np.isfinite(given.score)]).tolist():
            faces = np.flatnonzero((evidence.track == track) & np.isfinite(given.score))
            top = int(faces[np.argmax(given.score[faces])])
            before = self._highest.get(track)
            if before is not None and before.rank >= (float(given.score[top]), -int(frames[top])):
                continue
            inputs = self._detector.inputs(evidence, np.array([top]))
            held = FaceInputs(inputs.crops.clone(), inputs.identities.clone())
            self._highest[track] = _Kept(float(given.score[top]), int(frames[top]), held)
        if len(self._highest) > MAX_KEPT:
            ranked = sorted(self._highest, key=lambda track: self._highest[track].rank, reverse=True)
            self._highest = {track: self._highest[track] for track in ranked[:MAX_KEPT]}

    def heatmaps(
        self, tracks: Tracks, runs: Sequence[DetectorRun]
    ) -> tuple[tuple[FaceHeatmap, ...], tuple[str, ...]]:
        """Explain the highest-scored face of each of the MAX_HEATMAPS people with the highest mean scores.

        Also gives the report's warnings: that it could not be done, and why.
        """
        detector = self._detector
        finding = next((run.finding for run in runs if detector and run.name == detector.name), None)
        if detector is None or finding is None:
            return (), ()
        people: dict[int, _Kept] = {}
        for provisional, kept in self._highest.items():
            person = int(tracks.resolve(np.array([provisional]))[0])
            people[person] = max(people.get(person, kept), kept, key=lambda one: one.rank)
        means = {found.track: found.mean_score or 0.0 for found in finding.tracks}
        shown = sorted(people, key=lambda person: (-means[person], person))[:MAX_HEATMAPS]
        try:
            return _all_explained(detector, {person: people[person] for person in shown}), ()
        except Exception as error:
            # A heatmap is a remark beside the scores: whatever goes wrong with it must not cost them.
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            LOGGER.error("no heatmap by %s: %s", detector.name, reason)
            LOGGER.debug("where the heatmap failed", exc_info=True)
            return (), (f"no heatmap of what drove the scores of {detector.name}: {reason}",)


def _all_explained(detector: Explains, people: dict[int, _Kept]) -> tuple[FaceHeatmap, ...]:
    if not people:
        return ()
    device = next(iter(people.values())).inputs.crops.device
    with model_workers(device) as workers:
        return tuple(_explained(detector, person, kept, workers.each) for person, kept in people.items())


def _explained(detector: Explains, person: int, kept: _Kept, each: Each) -> FaceHeatmap:
    heat = detector.explain(kept.inputs, each=each)[0].cpu().numpy()
    crop = np.ascontiguousarray(kept.inputs.crops[0].permute(1, 2, 0).cpu().numpy())
    return FaceHeatmap(
        track=person,
        frame_index=kept.frame_index,
        detector=detector.name,
        method=detector.explanation,
        crop_jpeg_base64=_base64(crop),
        overlay_jpeg_base64=_base64(overlay(crop, heat)),
    )


def overlay(crop: npt.NDArray[np.uint8], heat: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """An [H,W,3] uint8 RGB crop in grey under the colours of a [h,w] heat, from 0 to the most there is."""
    size = crop.shape[1], crop.shape[0]
    most = float(heat.max())
    level = np.zeros_like(heat) if most == 0 else heat / most
    spread = cv2.resize((level * 255).round().astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    colours = cv2.cvtColor(cv2.applyColorMap(spread, COLOURS), cv2.COLOR_BGR2RGB)
    grey = cv2.cvtColor(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(colours, OPACITY, grey, 1 - OPACITY, 0).astype(np.uint8)


def _base64(picture: npt.NDArray[np.uint8]) -> str:
    return base64.b64encode(jpeg(picture)).decode("ascii")
