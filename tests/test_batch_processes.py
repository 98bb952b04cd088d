"""A batch in processes: workers that die, batches that are asked to end or killed, and who is left after."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from batches import Place, clips, finished, place

from forensics.batch.crew import CrewError, Processes
from forensics.batch.run import run_batch
from forensics.errors import ExitCode
from forensics.models import Models
from forensics.settings import AnalysisSettings
from weights.errors import MissingWeightsError
from weights.store import Store

__all__ = ["place"]

ROOT = Path(__file__).parents[1]
# What `forensics batch` is asked to end within.
SECONDS_TO_END = 5.0
USUAL = ("--all-frames", "--no-crops")
# The command line with stand-ins for the models, in a process of its own.
COMMAND_LINE = """
import sys
sys.path.insert(0, sys.argv.pop(1))
if __name__ == "__main__":
    import batches, forensics.batch.plan, forensics.models
    from forensics.cli import main
    forensics.batch.plan.load_models = batches.load_stubs
    forensics.models.fetch_weights = lambda *_, **__: ()
    main()
"""


def test_a_worker_that_is_killed_is_an_error_of_its_video_alone(place: Place) -> None:
    clips(place.source, 5)
    place.behave(kill=(1,), kill_once=(3,))
    result = run_batch(place.batch(crew=Processes, jobs=2, retries=1))
    assert (result.done, result.failed) == (4, 1)
    rows = {row.path: row for row in result.merged.rows}
    assert rows["1.mp4"].error is not None
    assert "was killed (SIGKILL)" in rows["1.mp4"].error
    assert (rows["1.mp4"].attempts, rows["3.mp4"].attempts) == (2, 2)
    assert sorted(place.behaviour.begun()) == [0, 1, 1, 2, 3, 3, 4]
    assert not list(place.out.glob(".partial*"))


def refuse(settings: AnalysisSettings, store: Store) -> Models:
    raise MissingWeightsError("clip: not here; forensics weights fetch clip")


def die(settings: AnalysisSettings, store: Store) -> Models:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


@pytest.mark.parametrize(
    ("load", "words", "code"),
    [
        (refuse, "forensics weights fetch clip", ExitCode.WEIGHTS),
        (die, "SIGKILL.*while it loaded the models", ExitCode.FAULT),
    ],
)
def test_models_that_cannot_be_loaded_end_the_batch(
    place: Place, monkeypatch: pytest.MonkeyPatch, load: object, words: str, code: ExitCode
) -> None:
    clips(place.source, 1)
    monkeypatch.setattr("forensics.batch.plan.load_models", load)
    monkeypatch.setattr("forensics.batch.crew._FAILED_STARTS", 2)
    with pytest.raises(CrewError, match=words) as refused:
        run_batch(place.batch(crew=Processes))
    assert refused.value.exit_code is code
    assert not place.behaviour.begun()


def started(place: Place, *options: str) -> subprocess.Popen[str]:
    """`forensics batch` on the clips, once it has begun an analysis."""
    script = place.root / "command_line.py"
    script.write_text(COMMAND_LINE)
    process = subprocess.Popen(
        [sys.executable, script, ROOT / "tests", "batch", place.source, "-o", place.out, *USUAL, *options],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    due = time.monotonic() + 120
    while len(place.behaviour.begun()) < 2:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < due
        time.sleep(0.05)
    return process


def processes_of(session: int) -> list[int]:
    """The processes of a session that still run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(status[3]) == session and status[0] != "Z":
                found.append(int(entry.name))
    return found


def assert_all_ended(session: int, due: float) -> None:
    """Also decoders, which see by themselves that their worker has ended."""
    while left := processes_of(session):
        assert time.monotonic() < due, left
        time.sleep(0.05)


# A terminal tells every process, a person the one, a scheduler either.
@pytest.mark.parametrize(("number", "to_all"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_a_batch_that_is_asked_to_end_does_so_in_time_and_goes_on_later(
    place: Place, number: signal.Signals, to_all: bool
) -> None:
    clips(place.source, 4)
    place.behave(seconds=2.0)
    process = started(place)
    asked = time.monotonic()
    (os.killpg if to_all else os.kill)(process.pid, number)
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - asked < SECONDS_TO_END
    assert process.returncode == ExitCode.INTERRUPTED
    assert err.splitlines()[-1].startswith("forensics: interrupted; what is finished is kept")
    assert "Traceback" not in err
    assert_all_ended(process.pid, asked + SECONDS_TO_END)
    assert not list(place.out.glob(".partial*"))
    done = finished(place.out)
    assert len(done) == 1
    assert (place.out / "index.csv").read_text().count(",done,") == 1
    place.behave()
    result = run_batch(place.batch())
    assert (result.analysed, result.done) == (3, 4)
    assert all(finished(place.out)[name] == files for name, files in done.items())


def test_nobody_outlives_a_batch_that_was_killed(place: Place) -> None:
    clips(place.source, 4)
    place.behave(seconds=3.0)
    process = started(place, "--jobs", "2")
    process.kill()
    process.communicate()
    assert_all_ended(process.pid, time.monotonic() + SECONDS_TO_END)


def test_a_batch_killed_at_random_moments_loses_nothing_and_ends_the_same() -> None:
    # In a process that has computed nothing: it forks, which torch's threads would not survive.
    answer = subprocess.run(
        [sys.executable, "-m", "tests.figures.killed_batch", "--count", "10", "--forked"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.startswith("10 kills in ")
    assert "finished videos lost: 0;" in answer.stdout
    assert answer.stdout.endswith("undisturbed one: 0\n")
