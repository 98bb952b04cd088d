"""What runs on a machine of a Ray cluster: models that are loaded once; jobs come in, JSON goes out."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from forensics.batch.outcome import Fault, Outcome
from forensics.batch.work import Job, Order, analyse_one, key_of
from forensics.batch.worker import not_loaded
from forensics.models import Models
from forensics.run_facts import package_versions, tool_version
from video.errors import printable


@dataclass(frozen=True)
class Site:
    """What every machine takes over from the one that gives the command.

    `folder` is where relative paths begin. `shared` are folders that are there: a machine that does not see
    them has another file system. With the same number of `threads` everywhere it does not matter to the last
    bits of a score which machine analysed.
    """

    folder: Path
    shared: tuple[Path, ...]
    threads: int


@dataclass(frozen=True)
class Facts:
    """What decides an analysis on `machine`: equal ones give equal reports.

    `weights` are digests by name.
    """

    machine: str
    key: str
    versions: Mapping[str, str | None]
    device: str
    weights: Mapping[str, str]

    def unlike(self, first: Facts) -> str | None:
        """One line on what differs from the first machine and what to do, `None` where nothing does."""
        for name in sorted({*first.versions, *self.versions}):
            here, there = self.versions.get(name), first.versions.get(name)
            if here != there:
                return (
                    f"{self.machine}: has {name} {here or 'not'}, {first.machine} {there or 'not'}; "
                    "install the same versions on every machine"
                )
        for name in sorted({*first.weights, *self.weights}):
            here, there = self.weights.get(name), first.weights.get(name)
            if here != there:
                return (
                    f"{self.machine}: has other weights than {first.machine}, {name} with sha256 {here} "
                    f"instead of {there}; give every machine the same files"
                )
        if self.device != first.device:
            return (
                f"{self.machine}: computes on {self.device}, {first.machine} on {first.device}; "
                "pass --device cpu or take only machines of one kind"
            )
        if self.key != first.key:
            return (
                f"{self.machine}: would analyse otherwise than {first.machine} (keys {self.key} and "
                f"{first.key}); give every machine the same files under the same paths"
            )
        return None


class Analyst:
    """The actor. Only `Order`, `Job` and JSON go through Ray; reports are written where they are made."""

    def __init__(self, order: Order, site: Site) -> None:
        self._order = order
        self._site = site
        self._loaded: tuple[Models, str] | None = None

    def begin(self) -> str:
        """Load the models: `Facts` as JSON, or `refused` and `exit_code` where they cannot be loaded."""
        # Where the folder is missing, whatever relative path is needed is missed by its name.
        with suppress(OSError):
            os.chdir(self._site.folder)
        torch.set_num_threads(self._site.threads)
        machine = platform.node()
        unseen = [path for path in self._site.shared if not path.is_dir()]
        if unseen:
            text = f"does not see {printable(unseen[0])}; every machine needs the same folders, shared"
            return json.dumps({"refused": f"{machine}: {text}", "exit_code": 2})
        try:
            models = self._order.loaded()
            key = key_of(models, self._order)
        except Exception as error:
            refused = not_loaded(error)
            return json.dumps({"refused": f"{machine}: {refused.text}", "exit_code": refused.exit_code})
        self._loaded = models, key
        return json.dumps(asdict(facts_of(models, key, machine=machine)))

    def analyse(self, job: Job) -> str:
        """The outcome of one video, as JSON."""
        if self._loaded is None:
            raise RuntimeError("an actor is asked to begin before it is asked to analyse")
        models, key = self._loaded
        if not job.path.exists():
            text = f"{printable(job.path)}: {platform.node()} does not see it; every machine needs the same"
            outcome = Outcome.failed(f"{text} folders, shared", Fault.READING)
        else:
            outcome = analyse_one(job, models, self._order, key=key)
        return json.dumps(outcome.plain())


def facts_of(models: Models, key: str, *, machine: str) -> Facts:
    """What this machine tells of itself."""
    return Facts(
        machine=machine,
        key=key,
        versions={"face-video-forensics": tool_version(), **package_versions()},
        device=models.device.type,
        weights={f"{file.name} ({file.used_by})": file.sha256 for file in models.files},
    )


def facts_from(plain: dict[str, Any]) -> Facts:
    """What an actor told."""
    return Facts(**plain)
