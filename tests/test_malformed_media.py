"""Malformed media of every accepted kind: an error of the file, never of the process that reads it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from figures.malformed import TOOK_DOWN, command_line_faults, outcomes, overdue
from mutants import DAMAGES, mutants, samples

from forensics.errors import ExitCode
from video.opening import FORMATS
from video.reader import open_video

COUNT = 2000
SEED = 7


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Half of the files are read with warnings, which are not what is looked at here."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return samples(tmp_path_factory.mktemp("sound"))


def test_the_samples_are_sound_and_of_nearly_every_accepted_container(
    sound: dict[str, bytes], tmp_path: Path
) -> None:
    containers = set()
    for name, data in sound.items():
        (tmp_path / name).write_bytes(data)
        with open_video(tmp_path / name) as reader:
            containers.add(reader.info.container)
            assert sum(len(batch) for batch in reader.batches(4)) > 0
    # No encoder here writes the others: Ogg Theora, raw AV1 and MPEG-4, and the recordings of Dahua cameras.
    assert set(FORMATS) - containers == {"ogg", "av1", "m4v", "dhav"}
    assert containers - set(FORMATS) == {"jpeg", "png", "webp", "bmp", "tiff"}


def test_a_number_and_a_seed_name_a_mutant(sound: dict[str, bytes]) -> None:
    some = list(mutants(sound, 200, SEED))
    assert some == list(mutants(sound, 400, SEED))[:200]
    assert {(mutant.sample, mutant.damage) for mutant in some} == {*product(sound, DAMAGES)}
    assert all(mutant.data != sound[mutant.sample] for mutant in some)
    other = list(mutants(sound, 200, SEED + 1))
    assert sum(one == two for one, two in zip(some, other, strict=True)) < 5


@pytest.mark.slow
def test_each_malformed_file_gives_frames_or_a_named_error_in_time(
    sound: dict[str, bytes], tmp_path: Path
) -> None:
    found = outcomes(mutants(sound, COUNT, SEED), tmp_path)
    assert len(found) == COUNT
    assert overdue(found) == []
    assert [each.said for each in found if any(words in each.said for words in TOOK_DOWN)] == []
    # Damage shows, and damage need not stop anything.
    assert {each.kind for each in found} == {"frames", "unreadable", "refused"}
    assert all("mutant.mp4: " in each.said and "; " in each.said for each in found if each.said)


@pytest.mark.slow
def test_through_the_command_line_none_leaves_half_a_result(sound: dict[str, bytes], tmp_path: Path) -> None:
    codes, breaches = command_line_faults(mutants(sound, 50, SEED + 1), tmp_path)
    assert breaches == []
    assert codes.total() == 50
    assert codes[ExitCode.INPUT] >= 10
