"""Keeping count while a video is read, and saying afterwards what was missing or broken."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

# How much shorter than declared the pictures may last before it is worth a word: containers declare the
# longest of their streams, and sound commonly runs on for a moment.
DURATION_SLACK_SECONDS = Fraction(1, 2)
DURATION_SLACK_RATIO = Fraction(1, 50)


@dataclass
class Tally:
    """What a reader has met so far.

    `discarded_packets` are those that an edit list hides on purpose; `undecodable_packets` gave an error
    instead of a frame; `damaged_frames` came out but the decoder had to invent parts of them.
    `stopped_by` is the error that ended the reading early, `at_end` says that there was no more to read.
    """

    frames: int = 0
    discarded_packets: int = 0
    undecodable_packets: int = 0
    damaged_frames: int = 0
    untimed_frames: int = 0
    backward_frames: int = 0
    first_seconds: Fraction | None = None
    last_seconds: Fraction | None = None
    damaged_seconds: Fraction | None = None
    stopped_by: str | None = None
    at_end: bool = False

    def time(self, seconds: Fraction | None, *, step: Fraction) -> Fraction:
        """Count one frame shown at `seconds`; where it has no time, one `step` after the last frame."""
        if seconds is None:
            self.untimed_frames += 1
            seconds = Fraction(0) if self.last_seconds is None else self.last_seconds + step
        if self.last_seconds is not None and seconds <= self.last_seconds:
            self.backward_frames += 1
        self.first_seconds = seconds if self.first_seconds is None else self.first_seconds
        self.last_seconds = seconds
        self.frames += 1
        return seconds

    def damage(self, seconds: Fraction | None) -> None:
        """Count one damaged frame."""
        self.damaged_frames += 1
        self.damaged_seconds = seconds if self.damaged_seconds is None else self.damaged_seconds

    @property
    def span_seconds(self) -> Fraction:
        """From the first frame to the last; a mean frame more, as the last one is shown too."""
        if self.first_seconds is None or self.last_seconds is None or self.frames < 2:
            return Fraction(0)
        span = self.last_seconds - self.first_seconds
        return span + span / (self.frames - 1)


def shortcomings(
    tally: Tally, *, declared_frames: int | None, declared_seconds: Fraction | None
) -> list[str]:
    """Sentences for the report on everything that did not go as the file declares."""
    sentences = []
    if tally.stopped_by is not None:
        sentences.append(f"reading stopped early: {tally.stopped_by}")
    if tally.at_end:
        sentences += _missing(tally, declared_frames, declared_seconds)
    if tally.undecodable_packets:
        sentences.append(f"corrupt: {tally.undecodable_packets} packets could not be decoded")
    if tally.damaged_frames:
        where = (
            "" if tally.damaged_seconds is None else f", the first at {float(tally.damaged_seconds):.3f} s"
        )
        sentences.append(
            f"corrupt: {tally.damaged_frames} frames were decoded from damaged data{where}; "
            "frames that build on them may show errors too"
        )
    if tally.untimed_frames:
        sentences.append(f"{tally.untimed_frames} frames have no time; the frame rate was used instead")
    if tally.backward_frames:
        sentences.append(f"{tally.backward_frames} frames are not later than the frame before them")
    return sentences


def _missing(tally: Tally, declared_frames: int | None, declared_seconds: Fraction | None) -> list[str]:
    if declared_frames is not None:
        missing = declared_frames - tally.frames - tally.discarded_packets
        if missing <= 0:
            return []
        return [
            f"incomplete: {tally.frames} frames came out of {declared_frames} declared ({missing} missing)"
        ]
    if declared_seconds is None:
        return []
    slack = max(DURATION_SLACK_SECONDS, declared_seconds * DURATION_SLACK_RATIO)
    if tally.frames < 2 or tally.span_seconds >= declared_seconds - slack:
        return []
    return [
        f"incomplete: the pictures last {float(tally.span_seconds):.2f} s "
        f"of {float(declared_seconds):.2f} s declared"
    ]
