"""`forensics weights` says what is here, what it costs and under which licence, and exits by the rules."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from weights_local import CONTENT, LocalServer, digest, forbid_sockets, local_server, registry, spec

from forensics.cli.weights import weights_group
from weights.errors import CorruptWeightsError, MissingWeightsError, UnknownWeightsError
from weights.sources import Imported, Url
from weights.store import Store

Run = Callable[..., Result]


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with local_server(file=CONTENT) as running:
        yield running


@pytest.fixture
def run(tmp_path: Path, server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The commands on a registry of three tiny weights and a cache in the test's folder."""
    tiny = registry(
        spec("free", Url(server.url("/file")), size_bytes=len(CONTENT)),
        spec("gone", Url(server.url("/gone")), sha256=None),
        spec("restricted", Imported("its authors"), licence="CC BY-NC 4.0", commercial_use=False),
    )
    monkeypatch.setattr("forensics.cli.weights.Store", functools.partial(Store, registry=tiny))

    def invoke(*arguments: str | Path) -> Result:
        command = [str(argument) for argument in arguments]
        return CliRunner().invoke(weights_group, [*command, "--cache-dir", str(tmp_path / "cache")])

    return invoke


def test_list_shows_presence_size_licence_and_source(run: Run) -> None:
    result = run("list")
    assert result.exit_code == 0
    assert "free" in result.stdout
    assert "36.0 kB" in result.stdout
    assert "CC BY-NC 4.0 (no commercial use)" in result.stdout
    assert "a file you import (its authors)" in result.stdout
    run("fetch", "free")
    records = {record["name"]: record for record in json.loads(run("list", "--json").stdout)["weights"]}
    assert [records[name]["present"] for name in ("free", "gone", "restricted")] == [True, False, False]
    assert records["free"]["sha256"] == digest(CONTENT)


def test_a_plan_fetches_nothing(run: Run, server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_sockets(monkeypatch)
    result = run("fetch", "all", "--plan")
    assert result.exit_code == 0
    assert server.url("/file") in result.stdout
    assert "restricted" not in result.stdout, "a file only the user can bring is not fetched by `all`"
    assert "36.0 kB and 1 of unknown size" in result.stdout


def test_fetch_reports_path_and_digest_on_standard_output(run: Run, tmp_path: Path) -> None:
    (record,) = json.loads(run("fetch", "free", "--json").stdout)["weights"]
    assert Path(record["path"]).read_bytes() == CONTENT
    assert (record["sha256"], record["pinned"]) == (digest(CONTENT), "sha256")
    assert run("fetch", "free", "--offline").exit_code == 0


def test_one_dead_source_does_not_keep_the_other_weights_away(run: Run) -> None:
    result = run("fetch", "gone", "free")
    assert isinstance(result.exception, MissingWeightsError)
    assert "1 of 2 weights could not be fetched: gone" in str(result.exception)
    assert "404" in result.stderr
    assert "free" in result.stdout


def test_a_single_failure_is_the_error_itself(run: Run) -> None:
    result = run("fetch", "gone")
    assert isinstance(result.exception, MissingWeightsError)
    assert "404" in str(result.exception)
    assert isinstance(run("fetch", "fre").exception, UnknownWeightsError)


def test_offline_fetch_of_an_absent_weight_fails_without_a_socket(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid_sockets(monkeypatch)
    result = run("fetch", "free", "--offline")
    assert isinstance(result.exception, MissingWeightsError)
    assert "not asked while offline" in str(result.exception)


def test_the_licence_is_shown_before_a_restricted_weight_is_taken(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.bin").write_bytes(CONTENT)
    result = run("import", "restricted", tmp_path / "mine.bin")
    assert result.exit_code == 0
    assert result.stderr.startswith("restricted: the licence forbids commercial use (CC BY-NC 4.0)")


def test_verify_finds_a_flipped_bit_and_fetch_repairs_it(run: Run) -> None:
    assert "no weights are here yet" in run("verify").stdout
    (record,) = json.loads(run("fetch", "free", "--json").stdout)["weights"]
    assert run("verify").stdout.startswith("ok       free")
    Path(record["path"]).write_bytes(b"!" + CONTENT[1:])
    result = run("verify")
    assert isinstance(result.exception, CorruptWeightsError)
    assert result.stdout.startswith("REFUSED  free")
    assert [entry["sound"] for entry in json.loads(run("verify", "--json").stdout)["weights"]] == [False]
    assert run("fetch", "free").exit_code == 0
    assert run("verify").exit_code == 0


def test_a_bundle_goes_from_one_cache_to_another(run: Run, tmp_path: Path) -> None:
    run("fetch", "free")
    assert run("export", tmp_path / "weights.tar").exit_code == 0
    (tmp_path / "cache").rename(tmp_path / "elsewhere")
    result = run("import", tmp_path / "weights.tar", "--offline")
    assert result.exit_code == 0
    assert result.stdout.startswith("free")


def test_import_asks_for_the_file(run: Run) -> None:
    result = run("import", "free")
    assert result.exit_code == 2
    assert "weights import free FILE" in result.stderr
