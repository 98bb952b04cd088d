"""A batch on a Ray cluster: two machines, one of which goes, ones that do not fit, and the end when asked."""

from __future__ import annotations

import csv
import os
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from batch_ray_stubs import LoadStaged, LoadUnlike, refuse
from batches import BEHAVIOUR, Place, clips, finished, load_stubs, place
from click.testing import CliRunner
from test_batch_processes import SECONDS_TO_END, assert_all_ended, started

from forensics.batch.crew import CrewError
from forensics.batch.export import RUN_COLUMNS
from forensics.batch.ray_actor import Facts
from forensics.batch.ray_cluster import Share, check_ray, shares
from forensics.batch.ray_crew import RayCrew, check_version
from forensics.batch.run import BatchResult, run_batch
from forensics.cli import main
from forensics.errors import ExitCode, UsageFault
from forensics.run_facts import tool_version

__all__ = ["place"]

TESTS = Path(__file__).parent
SMALL = {"object_store_memory": 80 << 20, "include_dashboard": False}
# How soon the cluster notices that a machine has gone.
QUICK = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 5,
}
FACTS = Facts("here", "key", {"face-video-forensics": "1", "torch": "2"}, "cpu", {"clip (repdfd)": "a" * 64})


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster whose head analyses nothing; it has no other machine."""
    with (
        pytest.MonkeyPatch.context() as patch,
        # Sockets lie in it: the names of pytest's own folders are too long.
        tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as logs,
    ):
        # Where actors find the stand-ins.
        patch.setenv("PYTHONPATH", str(TESTS))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_TMPDIR", logs)
        utils = pytest.importorskip("ray.cluster_utils", reason="ray is not installed")
        made = utils.Cluster(
            initialize_head=True, head_node_args={"num_cpus": 0, "_system_config": QUICK, **SMALL}
        )
        yield made
        made.shutdown()


@pytest.fixture(scope="module")
def machine(cluster: Any) -> Any:
    """One that stays, of one processor."""
    return cluster.add_node(num_cpus=1, **SMALL)


def run(place: Place, cluster: Any, **asked: Any) -> BatchResult:
    return run_batch(place.batch(crew=partial(RayCrew, address=cluster.address), **asked))


def lasting(out: Path) -> dict[str, dict[str, str]]:
    """The rows of the table without what may differ between two runs."""
    with (out / "index.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {row["path"]: {name: row[name] for name in row if name not in RUN_COLUMNS} for row in rows}


def test_a_cluster_that_has_no_processor_to_give_is_refused(place: Place, cluster: Any) -> None:
    clips(place.source, 1)
    with pytest.raises(CrewError, match="no machine with a processor"):
        run(place, cluster)


@pytest.mark.slow
def test_a_machine_that_goes_costs_one_attempt_and_nothing_else(
    place: Place,
    cluster: Any,
    machine: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    clips(place.source, 5)
    (place.source / "text.mp4").write_text("none")
    undisturbed = tmp_path / "undisturbed"
    run_batch(place.batch(out=undisturbed))
    Path(place.behaviour.log).unlink()
    place.behave(kill=(4,))
    goes, hangs = cluster.add_node(num_cpus=1, **SMALL), tmp_path / "hangs"
    load = LoadStaged(os.environ[BEHAVIOUR], hangs, goes.node_id)
    monkeypatch.setattr("forensics.batch.plan.load_models", load)

    def remove() -> None:
        while not hangs.exists():
            time.sleep(0.05)
        cluster.remove_node(goes, allow_graceful=False)

    removing = Thread(target=remove, daemon=True)
    removing.start()
    result = run(place, cluster, retries=1)
    removing.join()

    # Ray has a lot to say about every death.
    assert capfd.readouterr() == ("", "")
    rows = {row.path: row for row in result.merged.rows}
    # Clip 4 kills whoever analyses it, each time; the one that the machine was at began elsewhere.
    assert sorted(place.behaviour.begun()) == [0, 1, 2, 3, 4, 4]
    assert (result.done, result.failed) == (4, 2)
    assert rows["4.mp4"].error is not None
    assert "the process that analysed it on" in rows["4.mp4"].error
    assert rows["4.mp4"].attempts == 2
    assert sorted(row.attempts for row in rows.values()) == [1, 1, 1, 1, 2, 2]
    same, expected = lasting(place.out), lasting(undisturbed)
    assert {**same, "4.mp4": None} == {**expected, "4.mp4": None}
    assert not list(place.out.glob(".partial*"))

    place.behave()
    monkeypatch.setattr("forensics.batch.plan.load_models", load_stubs)
    again = run_batch(place.batch())
    assert (again.analysed, again.done, again.failed) == (1, 5, 1)
    assert finished(place.out) == finished(undisturbed)
    assert lasting(place.out) == expected


def test_a_machine_with_other_weights_is_refused(
    place: Place, cluster: Any, machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips(place.source, 1)
    place.behave(seconds=3600)
    load = LoadUnlike(place.root / "mark", os.environ[BEHAVIOUR])
    monkeypatch.setattr("forensics.batch.plan.load_models", load)
    with pytest.raises(CrewError, match=r"other weights than.*with sha256 f{64} instead of.*the same files"):
        run(place, cluster, jobs=2)


def test_weights_that_are_missing_on_a_machine_end_the_batch(
    place: Place, cluster: Any, machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips(place.source, 1)
    monkeypatch.setattr("forensics.batch.plan.load_models", refuse)
    with pytest.raises(CrewError, match=r"\w: clip: not here; forensics weights fetch clip") as refused:
        run(place, cluster)
    assert refused.value.exit_code is ExitCode.WEIGHTS


def test_an_address_where_nothing_answers_is_told_at_once(place: Place) -> None:
    pytest.importorskip("ray", reason="ray is not installed")
    clips(place.source, 1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        # Bound, and not listening.
        with pytest.raises(CrewError, match=rf"--ray 127.0.0.1:{port}: nothing answers there"):
            run_batch(place.batch(crew=partial(RayCrew, address=f"127.0.0.1:{port}")))


@pytest.mark.slow
def test_a_batch_on_ray_that_is_asked_to_end_does_so_in_time_and_goes_on_later(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason="ray is not installed")
    clips(place.source, 4)
    place.behave(seconds=2.0)
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    process = started(place, "--ray", "local")
    asked = time.monotonic()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - asked < SECONDS_TO_END
    assert process.returncode == ExitCode.INTERRUPTED
    assert err.splitlines()[-1].startswith("forensics: interrupted; what is finished is kept")
    assert "Traceback" not in err
    assert "ray" not in out.lower()
    assert_all_ended(process.pid, asked + SECONDS_TO_END)
    assert not list(place.out.glob(".partial*"))
    assert (place.out / "index.csv").read_text().count(",done,") == len(finished(place.out)) == 1
    place.behave()
    result = run_batch(place.batch())
    assert (result.analysed, result.done) == (3, 4)


@pytest.mark.parametrize(
    ("there", "words"),
    [
        (replace(FACTS, versions={**FACTS.versions, "torch": "3"}), "there: has torch 3, here 2; install"),
        (replace(FACTS, versions={"torch": "2"}), "there: has face-video-forensics not, here 1; install"),
        (replace(FACTS, weights={"clip (repdfd)": "b" * 64}), "there: has other weights than here, clip"),
        (replace(FACTS, device="cuda"), "there: computes on cuda, here on cpu"),
        (replace(FACTS, key="other"), "there: would analyse otherwise than here"),
    ],
)
def test_what_differs_between_machines_is_told_in_one_line(there: Facts, words: str) -> None:
    text = replace(there, machine="there").unlike(FACTS)
    assert text is not None
    assert text.startswith(words)
    assert "\n" not in text
    assert replace(FACTS, machine="there").unlike(FACTS) is None


def test_a_machine_with_another_version_than_the_one_that_asks_is_refused() -> None:
    check_version(replace(FACTS, versions={"face-video-forensics": tool_version()}))
    with pytest.raises(CrewError, match=r"here: has face-video-forensics 1, this machine"):
        check_version(FACTS)


@pytest.mark.parametrize(
    ("resources", "jobs", "gpu", "expected"),
    [
        ({"CPU": 8.0}, 1, True, [(8.0, 0.0)]),
        ({"CPU": 8.0}, 3, True, [(2.0, 0.0)] * 3),
        ({"CPU": 1.0}, 2, True, [(0.5, 0.0)] * 2),
        # One for each GPU, and no process has parts of two.
        ({"CPU": 8.0, "GPU": 4.0}, 1, True, [(2.0, 1.0)] * 4),
        ({"CPU": 8.0, "GPU": 4.0}, 6, True, [(1.0, 0.5)] * 6),
        ({"CPU": 8.0, "GPU": 4.0}, 1, False, [(8.0, 0.0)]),
        ({"GPU": 1.0}, 1, True, []),
    ],
)
def test_a_machine_is_shared_by_its_jobs_or_its_gpus(
    resources: dict[str, float], jobs: int, gpu: bool, expected: list[tuple[float, float]]
) -> None:
    assert shares("m", resources, jobs=jobs, gpu=gpu) == [Share("m", *one) for one in expected]


def test_without_the_package_the_extra_is_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    clips(place.source, 1)
    monkeypatch.setattr("forensics.batch.ray_cluster.find_spec", lambda _: None)
    answer = CliRunner().invoke(main, ["batch", str(place.source), "-o", str(place.out), "--ray", "auto"])
    assert answer.exit_code == ExitCode.USAGE
    assert answer.output.splitlines()[-1].endswith("pip install 'face-video-forensics[ray]'")
    assert not place.out.exists()


@pytest.mark.parametrize("address", ["", "head", "ray://head:10001", "http://head:8265"])
def test_an_address_that_is_not_served_is_refused(address: str) -> None:
    pytest.importorskip("ray", reason="ray is not installed")
    with pytest.raises(UsageFault, match="HOST:PORT"):
        check_ray(address)
