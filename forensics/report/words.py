"""The sentences that say what was found, the same in every output."""

from __future__ import annotations

from collections.abc import Sequence

from forensics.detector import Scope
from forensics.findings import Label, Reason, Thresholds, TrackFinding, VideoFinding
from forensics.report.facts import PackageVersion, SettingsFacts
from forensics.segments import Segment, SegmentKind
from video.sampling import SamplingMode

# What a finding means to someone who did not make it. None of them says what the video is.
_UNDECIDED = "The material does not allow a finding either way; the reason is given above."
LABEL_MEANING = {
    Scope.FACE: {
        Label.CUES: (
            "At least one face scores as manipulated faces did in the material the detector learnt from. "
            "That is a cue and no proof: some unaltered videos score the same. Look at the frames below, and "
            "at where the video comes from."
        ),
        Label.NO_CUE: (
            "The faces that could be judged score as unaltered faces did in the material the detector learnt "
            "from. That does not show that the video is authentic: a manipulation of a kind the detector "
            "does not know leaves no cue."
        ),
        Label.INCONCLUSIVE: _UNDECIDED,
    },
    Scope.FRAME: {
        Label.CUES: (
            "The frames as a whole score as generated pictures did in the material the detector learnt from. "
            "That is a cue and no proof: some unaltered videos score the same. No face was judged. Look at "
            "the timeline below, and at where the video comes from."
        ),
        Label.NO_CUE: (
            "The frames that could be judged score as photographs did in the material the detector learnt "
            "from. That does not show that the video is authentic: no face was judged, and a manipulation of "
            "a kind the detector does not know leaves no cue."
        ),
        Label.INCONCLUSIVE: _UNDECIDED,
    },
}
_PART_MEANING = {
    Scope.FACE: (
        "On the whole the faces score as unaltered ones do, but for a part of the time one face scores far "
        "above the rest of its own frames, by the score or by one prompt in it. That may be a manipulated "
        "part, a change of light or pose, or compression: look at the segments below."
    ),
    Scope.FRAME: (
        "On the whole the frames score as photographs do, but for a part of the time they score far above "
        "the rest. That may be a generated part, a change of scene or light, or compression: look at the "
        "segments below."
    ),
}
_REASONS = {
    Reason.NO_FACE: "no face found",
    Reason.NOTHING_SCORED: "no {item} could be scored",
    Reason.TOO_FEW_FRAMES: "too few scored frames",
    Reason.BETWEEN_THRESHOLDS: "the score lies between the thresholds",
    Reason.PART_STANDS_OUT: "the mean shows no cue, but a part stands out",
    Reason.DETECTOR_FAILED: "no detector ran",
}
_ABSTENTIONS = {
    "too_small": "face too small",
    "blurred": "blurred",
    "extreme_pose": "turned too far away",
    "cut_off": "cut off by the frame",
    "occluded": "covered",
    "not_finite": "the model gave no number",
    "frame_too_small": "frame too small",
}
_SAMPLING = {
    SamplingMode.FPS: "{amount} frames a second",
    SamplingMode.EVERY: "every frame of {amount}",
    SamplingMode.SPREAD: "{amount} frames spread over the video",
    SamplingMode.ALL: "every frame",
}
_PINS = {
    "sha256": "the table of weights",
    "first use": "what this machine first got",
    "as given": "nothing: the user's own file",
}
# The key of the timeline: what each kind of mark stands for.
MARKS = {
    SegmentKind.OVER_THRESHOLD.value: "shaded: a segment with scores over the threshold",
    SegmentKind.STANDS_OUT.value: (
        "shaded with a border: a segment that stands out of the rest, by the score or by one prompt in it"
    ),
    "threshold": "dashed across: a threshold, named under its chart",
    "silent": "tick at the foot: looked at, but without a score (the detector abstained)",
    "faceless": "tick at the top: a frame that was looked at and shows no face",
    "cut": "line from top to foot: a new shot begins",
}


def meaning_of(label: Label, reason: Reason | None, *, scope: Scope) -> str:
    """What the video's finding means to someone who did not make it; `scope` is what was judged."""
    return _PART_MEANING[scope] if reason is Reason.PART_STANDS_OUT else LABEL_MEANING[scope][label]


def reason_sentence(reason: Reason, *, scope: Scope) -> str:
    """The reason of an inconclusive finding in words, to follow "inconclusive: "."""
    return _REASONS[reason].format(item=scope.value)


def found_sentence(found: TrackFinding | VideoFinding) -> str:
    """A finding in words, with the reason where it is inconclusive."""
    if found.reason is None:
        return found.label.value
    scope = Scope.FRAME if found.of_whole_frames else Scope.FACE
    sentence = f"{found.label.value}: {reason_sentence(found.reason, scope=scope)}"
    if found.reason_detail is None:
        return sentence
    others = "" if found.reason is Reason.NOTHING_SCORED else "the others "
    return f"{sentence} ({others}mostly: {abstention_words(found.reason_detail)})"


def thresholds_sentence(thresholds: Thresholds) -> str:
    """From where on a mean score counts, and where nothing is known of a margin."""
    cue, clear = f"{thresholds.cue:+z.2f}", f"{thresholds.clear:+z.2f}"
    if thresholds.has_margin:
        return f"{cue} or more is a cue, {clear} or less is none"
    return f"{cue} or more is a cue, less is none; no margin around this threshold is known"


def margin_words(thresholds: Thresholds | None, label: Label) -> str:
    """What a decided finding must add where a bare threshold decided it, else nothing."""
    if thresholds is None or thresholds.has_margin or label is Label.INCONCLUSIVE:
        return ""
    return ", by a threshold without a known margin"


def peaks_sentence(found: TrackFinding) -> str:
    """How high the highest crops of the frames score, beside the mean that decides; empty without any."""
    if found.peaks is None:
        return ""
    return (
        f"highest crop of each frame: mean {found.peaks.mean:+z.2f}, highest of all "
        f"{found.peaks.highest:+z.2f} (an addition of this tool; the mean over all crops decides)"
    )


def components_sentence(found: TrackFinding) -> str:
    """What each prompt makes of the faces beside the score, which joins them; empty without any."""
    if not found.components:
        return ""
    means = ", ".join(f"{name} {mean:+z.2f}" for name, mean in found.components.items())
    return f"by prompt, log-odds against real (above 0 it fits better): {means}"


def segment_sentence(segment: Segment) -> str:
    """Where a segment lies and why it is one."""
    why = {
        SegmentKind.OVER_THRESHOLD: "scores over the threshold",
        SegmentKind.STANDS_OUT: "stands out of the rest",
    }[segment.kind]
    if segment.component is not None:
        why += f" in the {component_words(segment.component)}"
    rest = "" if segment.rest_score is None else f" (rest {segment.rest_score:+z.2f})"
    return (
        f"{segment.first_seconds:.2f} - {segment.last_seconds:.2f} s {why}: mean {segment.mean_score:+z.2f}"
        f"{rest}, highest {segment.peak_score:+z.2f}, {segment.scored} scored"
    )


def component_words(component: str) -> str:
    """What a component of a score is, by its name."""
    return f"{component} prompt"


def settings_sentence(settings: SettingsFacts) -> str:
    """The settings that decide what was looked at and by what; the whole list is longer."""
    start, end = settings.start_seconds, settings.end_seconds
    first = "the start" if start is None else f"{float(start):g} s"
    last = "the end" if end is None else f"{float(end):g} s"
    said = [
        _SAMPLING[settings.sampling].format(amount=f"{float(settings.sampling_amount):g}"),
        f"from {first} to {last}",
        f"faces found by {settings.face_detector}",
        f"identities by {settings.tracking_embedder}",
        f"detectors: {', '.join(settings.detectors) or 'none'}",
        f"whole frames: {'yes' if settings.whole_frame else 'no'}",
        f"precision {settings.precision.value}",
        f"at least {settings.min_frames} scored frames for a finding",
    ]
    choices = {"weights": settings.weights, "prompt": settings.prompt, "head": settings.head}
    return ", ".join([*said, *(f"{name} {choice}" for name, choice in choices.items() if choice is not None)])


def versions_sentence(packages: Sequence[PackageVersion]) -> str:
    """Names with versions, for reading."""
    return ", ".join(f"{one.name} {one.version or 'not installed'}" for one in packages)


def pin_words(pinned: str) -> str:
    """What a model file's digest was compared with, in words."""
    return _PINS.get(pinned, pinned)


def clock_time(seconds: float) -> str:
    """A presentation time as readers of timelines write it: 0:04.25, 1:02:03.50."""
    hundredths = round(abs(seconds) * 100)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}:{minutes:02d}" if hours else str(minutes)
    sign = "-" if seconds < 0 and hundredths else ""
    return f"{sign}{clock}:{rest // 100:02d}.{rest % 100:02d}"


def abstention_words(code: str) -> str:
    """The reason code of an abstention in words."""
    return _ABSTENTIONS.get(code, code.replace("_", " "))
