"""Many analyses in one process: memory, descriptors and threads stay what they were."""

from __future__ import annotations

from pathlib import Path

import pytest
from figures.endurance import grown_by

# `python -m tests.figures.endurance` runs the 500 that the README names.
ANALYSES = 200
MEGABYTES_PER_HUNDRED = 1.0


@pytest.mark.slow
def test_analyses_in_one_process_leave_nothing_behind(tmp_path: Path) -> None:
    growth = grown_by(ANALYSES, tmp_path)
    assert growth.megabytes_per_hundred < MEGABYTES_PER_HUNDRED, growth
    assert growth.last.processes == growth.first.processes
    assert growth.last.descriptors == growth.first.descriptors
    assert growth.last.threads == growth.first.threads
