"""The help of every command: nothing unexplained, nothing cut off, one word for one thing."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from forensics.cli import main
from forensics.errors import ExitCode


def commands(command: click.Command, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from commands(below, *path, name)


ALL = {" ".join(path): command for path, command in commands(main)}
OPTIONS = {
    f"{name} {option.opts[0]}": option
    for name, command in ALL.items()
    for option in command.params
    if isinstance(option, click.Option)
}


def help_of(name: str) -> str:
    result = CliRunner().invoke(main, [*name.split(), "--help"], prog_name="forensics")
    assert result.exit_code == ExitCode.DONE, result.output
    return result.stdout


@pytest.mark.parametrize("name", [name for name in ALL if name])
def test_every_command_says_what_it_does_in_a_line_that_is_not_cut_off(name: str) -> None:
    assert ALL[name].help
    above, _, own = name.rpartition(" ")
    (line,) = (line for line in help_of(above).splitlines() if line.strip().startswith(f"{own} "))
    short = line.strip().removeprefix(own).strip()
    assert short == ALL[name].short_help
    assert short.endswith(".")
    assert not short.endswith("..")


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_says_what_it_is_for(name: str) -> None:
    told = OPTIONS[name].help or ""
    assert told.partition("[default")[0].strip(), "it has no words of its own"


@pytest.mark.parametrize("name", ALL)
def test_every_option_is_in_the_help_once(name: str) -> None:
    _, _, listed = help_of(name).partition("\nOptions:\n")
    shown = [line.split()[0].rstrip(",") for line in listed.splitlines() if line.startswith("  -")]
    declared = [option.opts[0] for option in ALL[name].params if isinstance(option, click.Option)]
    assert sorted(shown) == sorted([*declared, "-h"])


def test_options_of_one_name_and_kind_are_explained_alike() -> None:
    for name in ("--device", "--offline", "--cache-dir", "--debug", "--detect-size", "--min-face", "--seed"):
        told = {option.help for key, option in OPTIONS.items() if key.endswith(f" {name}")}
        assert len(told) == 1, (name, told)


def test_the_ways_of_choosing_frames_say_that_they_exclude_each_other() -> None:
    ways = ("--fps", "--every", "--frames", "--all-frames")
    for way in ways:
        told = OPTIONS[f"analyze {way}"].help or ""
        assert "excludes" in told
        assert all(other in told for other in ways if other != way)
    assert "[default: 4]" in (OPTIONS["analyze --fps"].help or "")
    assert "spread over the shots" in (OPTIONS["analyze --frames"].help or "")


def test_analyze_lists_its_options_by_what_they_are_about() -> None:
    text = help_of("analyze")
    places = [
        text.index(f"\n{title}:\n") for title in ("Options", "Frames", "Faces", "Models", "Report", "Weights")
    ]
    assert places == sorted(places)
    assert text.index("\nFrames:\n") < text.index("--fps") < text.index("\nFaces:\n")


def test_every_exit_code_is_listed() -> None:
    text = help_of("")
    listed = text[text.index("Exit codes:") :]
    for code in ExitCode:
        assert re.search(rf"\b{int(code)}\b", listed), code
