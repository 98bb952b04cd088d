"""The same input gives the same report, to the byte, in whichever process."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import media
from figures.same_bytes import digest, repeated, with_stand_ins

REPETITIONS = 20


def test_twenty_analyses_of_one_file_give_one_report() -> None:
    digests = repeated(REPETITIONS, None)
    assert len(digests) == REPETITIONS
    assert len(set(digests)) == 1


def test_the_digest_tells_reports_apart_and_passes_over_the_run(tmp_path: Path) -> None:
    report = with_stand_ins(media.h264(tmp_path / "clip.mp4", count=10))
    assert digest(dataclasses.replace(report, warnings=("x",))) != digest(report)
    later = dataclasses.replace(report.run, started="2000-01-01T00:00:00+00:00")
    assert digest(dataclasses.replace(report, run=later)) == digest(report)
