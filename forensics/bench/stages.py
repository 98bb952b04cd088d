"""The stages of an analysis one after the other, each timed alone, chunk by chunk as an analysis has them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import torch

from face.align import make_crops
from face.quality import QUALITY_SPEC, assess
from face.track import Tracker, TrackSettings
from face.types import IdentityEmbeddings
from forensics.bench.meter import Cost
from forensics.custody import FramesDigest
from forensics.detector import Detector, Scope
from forensics.detectors.repdfd import RepDFDDetector
from forensics.evidence import Evidence
from forensics.face_scores import score_faces
from forensics.models import Models
from forensics.repdfd import fake_logit
from forensics.report.heatmaps import HeatmapKeeper
from forensics.report.model import Report
from forensics.report.outputs import write_outputs
from forensics.report.pictures import PictureKeeper
from forensics.scores import FrameScores, joined
from forensics.settings import AnalysisSettings
from forensics.side_by_side import parts_at_once
from video import isolated
from video.frames import FrameBatch
from video.reader import open_video
from weights.streams import sha256_of

# In the order in which a frame meets them; further face detectors follow under their own names.
STAGES = (
    "decode",
    "digest",
    "detect",
    "crop",
    "embed",
    "track",
    "text",
    "image tower",
    "whole frame",
    "report",
)
PER_FACE = ("crop", "embed", "track", "text", "image tower")


@dataclass
class StageCosts:
    """What each stage cost so far, and on how many frames and faces."""

    costs: defaultdict[str, Cost] = field(default_factory=lambda: defaultdict(Cost))
    frames: int = 0
    faces: int = 0


def run_stages(path: Path, models: Models, settings: AnalysisSettings, report: Report) -> StageCosts:
    """Do the work of an analysis once, a stage at a time, and say what each cost.

    `report` is that of an analysis of the same clip: its findings say what is explained and written. Scores
    and pictures are made as there; a face the user points out is not looked for.
    """
    done = StageCosts()
    device, cost = models.device, done.costs
    embedder = models.front.embedders[0]
    tracker = Tracker(TrackSettings(same_person_similarity=embedder.same_person_similarity))
    digest = FramesDigest()
    ranking = next((each for each in models.detectors.values() if each.scope is Scope.FACE), None)
    keeper = PictureKeeper(ranking.name if ranking else None) if settings.pictures else None
    heat = HeatmapKeeper(ranking) if settings.pictures and ranking else None
    cost["decode"].of(device, lambda: _decode(path, settings))
    for _ in ("before", "after"):
        cost["digest"].of(device, lambda: sha256_of(path))
    # Decoded again: the other process would go on decoding while other stages are timed.
    with open_video(
        path, sampling=settings.sampling, limits=settings.limits, backend=settings.backend
    ) as reader:
        for batch in reader.batches(settings.chunk_frames):
            with cost["digest"].measured(device):
                digest.update(batch)
            evidence = _evidence(batch, models, tracker, cost)
            scores = _scores(evidence, models, cost)
            with cost["report"].measured(device):
                if keeper is not None:
                    keeper.add(evidence, scores)
                if heat is not None:
                    heat.add(evidence, scores)
            done.frames += len(batch)
            done.faces += len(evidence.detections)
    with cost["track"].measured(device):
        tracks = tracker.finish()
    with cost["report"].measured(device), TemporaryDirectory() as folder:
        if keeper is not None:
            keeper.pictures(tracks)
        if heat is not None:
            heat.heatmaps(tracks, report.detectors)
        write_outputs(report, Path(folder))
    return done


def _decode(path: Path, settings: AnalysisSettings) -> None:
    """Read the whole clip as an analysis does, in another process."""
    isolated.probe(path)
    with isolated.open_video(
        path, sampling=settings.sampling, limits=settings.limits, backend=settings.backend
    ) as reader:
        for _ in reader.batches(settings.chunk_frames):
            pass


def _evidence(batch: FrameBatch, models: Models, tracker: Tracker, cost: defaultdict[str, Cost]) -> Evidence:
    """What `FrontHalf.gather` does, stage by stage."""
    front, device = models.front, models.device
    height, width = batch.data.shape[1:3]
    with cost["crop"].measured(device):
        frames = torch.from_numpy(batch.data).to(device)
    claimed = cost["detect"].of(device, lambda: front.detector.detect(batch.data))
    faces = claimed.chosen(claimed.finite)
    specs = {QUALITY_SPEC, *(each.spec for each in front.embedders)}
    specs |= {each.crop for each in models.detectors.values() if isinstance(each, RepDFDDetector)}
    with cost["crop"].measured(device):
        crops = {spec: make_crops(frames, faces, spec) for spec in specs}
        quality = assess(
            faces, crops[QUALITY_SPEC], frame_height=height, frame_width=width, limits=front.limits
        )
    identities: dict[str, IdentityEmbeddings] = {}
    for embedder in front.embedders:
        with cost["embed"].measured(device):
            identities[embedder.name] = embedder.embed(crops[embedder.spec])
    with cost["track"].measured(device):
        usable = np.array([not reasons for reasons in quality.reasons], dtype=bool)
        unit = identities[front.embedders[0].name].unit().cpu().numpy()
        track = tracker.update(faces, unit, usable, batch.index, batch.pts_seconds, batch.shot)
    return Evidence(frames, batch, faces, quality, track, identities, 0, crops)


def _scores(evidence: Evidence, models: Models, cost: defaultdict[str, Cost]) -> dict[str, FrameScores]:
    """Every detector's scores, of as many frames at once as in an analysis."""
    parts = [evidence.part(*part) for part in parts_at_once(len(evidence.batch), models.device)]
    return {
        name: joined([_scores_by(detector, part, models.device, cost) for part in parts])
        for name, detector in models.detectors.items()
    }


def _scores_by(
    detector: Detector, evidence: Evidence, device: torch.device, cost: defaultdict[str, Cost]
) -> FrameScores:
    if isinstance(detector, RepDFDDetector):
        return _repdfd_scores(detector, evidence, device, cost)
    with cost[_stage_of(detector)].measured(device):
        return detector.score(evidence)


def _stage_of(detector: Detector) -> str:
    return "whole frame" if detector.scope is Scope.FRAME else detector.name


def _repdfd_scores(
    detector: RepDFDDetector, evidence: Evidence, device: torch.device, cost: defaultdict[str, Cost]
) -> FrameScores:
    """RepDFD's scores, its two towers timed apart."""

    def logits_of(chosen: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
        inputs = detector.inputs(evidence, chosen)
        with torch.inference_mode():
            text = cost["text"].of(device, lambda: detector.model.face2text(inputs.identities))
            with cost["image tower"].measured(device):
                image = detector.model.image_features(inputs.crops)
                return np.asarray(fake_logit(detector.model.compare(image, text).double()).cpu())

    return score_faces(detector.name, evidence, logits_of)
