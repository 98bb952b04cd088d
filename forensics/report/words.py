"""The sentences that say what was found, the same in every output."""

from __future__ import annotations

from forensics.aggregate import Label, Reason
from forensics.segments import Segment, SegmentKind

# What a finding means to someone who did not make it. None of them says what the video is.
LABEL_MEANING = {
    Label.CUES: (
        "At least one face scores as manipulated faces did in the material the detector learnt from. "
        "That is a cue and no proof: some unaltered videos score the same. Look at the frames below, and at "
        "where the video comes from."
    ),
    Label.NO_CUE: (
        "The faces that could be judged score as unaltered faces did in the material the detector learnt "
        "from. That does not show that the video is authentic: a manipulation of a kind the detector does "
        "not know leaves no cue."
    ),
    Label.INCONCLUSIVE: "The material does not allow a finding either way; the reason is given above.",
}
_PART_MEANING = (
    "On the whole the faces score as unaltered ones do, but for a part of the time one face scores far above "
    "the rest of its own frames. That may be a manipulated part, a change of light or pose, or compression: "
    "look at the segments below."
)
_ABSTENTIONS = {
    "too_small": "face too small",
    "blurred": "blurred",
    "extreme_pose": "turned too far away",
    "cut_off": "cut off by the frame",
    "occluded": "covered",
    "not_finite": "the model gave no number",
    "frame_too_small": "frame too small",
}


def meaning_of(label: Label, reason: Reason | None) -> str:
    """What the video's finding means to someone who did not make it."""
    return _PART_MEANING if reason is Reason.PART_STANDS_OUT else LABEL_MEANING[label]


def found_sentence(label: Label, reason: Reason | None) -> str:
    """A finding in words, with the reason where it is inconclusive."""
    return label.value if reason is None else f"{label.value}: {reason.sentence}"


def segment_sentence(segment: Segment) -> str:
    """Where a segment lies and why it is one."""
    why = {
        SegmentKind.OVER_THRESHOLD: "scores over the threshold",
        SegmentKind.STANDS_OUT: "stands out of the rest",
    }[segment.kind]
    return (
        f"{segment.first_seconds:.2f} - {segment.last_seconds:.2f} s {why}: mean {segment.mean_score:+.2f}, "
        f"highest {segment.peak_score:+.2f}, {segment.scored} scored"
    )


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
