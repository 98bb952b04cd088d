"""Those who analyse the videos of a batch on the machines of a Ray cluster: one actor for each share."""

from __future__ import annotations

import json
from collections import deque
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch

from forensics.batch.crew import CrewError
from forensics.batch.folders import partial_folder
from forensics.batch.outcome import Fault, Outcome
from forensics.batch.ray_actor import Analyst, Facts, Site, facts_from
from forensics.batch.ray_cluster import Share, connected, machines, shares
from forensics.batch.work import Job, Order
from forensics.errors import ExitCode
from forensics.run_facts import tool_version
from video.errors import printable

# How often machines that join are looked for.
_LOOK_SECONDS = 1.0
# An actor that dies while it loads would do so again.
_FAILED_STARTS = 3
_CPU = "cpu"


class RayCrew:
    """Actors on all machines of a cluster, also on those that join later; one that dies is replaced.

    Ray itself never tries anything again: what became of each attempt is for the batch to count.
    """

    def __init__(self, order: Order, *, address: str) -> None:
        self._order = order
        self._address = address
        self._actors: list[_Actor] = []
        self._queue: deque[Job] = deque()
        self._first: Facts | None = None
        self._failed_starts = 0
        self._seen: set[str] = set()
        self._connection = ExitStack()
        partial = partial_folder(order.out, order.shard)
        self._site = Site(
            folder=Path.cwd(),
            shared=(partial,) if partial.is_dir() else (),
            threads=max(1, torch.get_num_threads() // order.jobs),
        )

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(connected(self._address))
            self._look_for_machines()
            self._connection = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._connection:
            actors, self._actors = self._actors, []
            for actor in actors:
                _kill(actor)

    def key(self) -> str:
        while self._first is None:
            self._look()
        return self._first.key

    def has_room(self) -> bool:
        return len(self._queue) + sum(actor.job is not None for actor in self._actors) < len(self._actors)

    def give(self, job: Job) -> None:
        # Whoever is ready first shall have it: an actor may wait for its share of a busy cluster for long.
        self._queue.append(job)
        self._hand_out()

    def take(self) -> tuple[Job, Outcome]:
        while True:
            if (ended := self._look()) is not None:
                return ended

    def _hand_out(self) -> None:
        for actor in self._actors:
            if self._queue and actor.ready and actor.job is None:
                actor.job = self._queue.popleft()
                actor.answer = actor.handle.analyse.remote(actor.job)

    def _look_for_machines(self) -> None:
        """Raises CrewError where nobody is left."""
        for machine, resources in machines().items():
            if machine not in self._seen:
                self._seen.add(machine)
                gpu = self._order.settings.device != _CPU
                for share in shares(machine, resources, jobs=self._order.jobs, gpu=gpu):
                    self._hire(share)
        if not self._actors:
            raise CrewError(
                f"--ray {self._address}: no machine with a processor to give is left in the cluster; "
                "what is finished is kept: give the same command again when there is one"
            )

    def _hire(self, share: Share) -> None:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        options = {
            "num_cpus": share.cpus,
            "num_gpus": share.gpus,
            "max_restarts": 0,
            "max_task_retries": 0,
            "scheduling_strategy": NodeAffinitySchedulingStrategy(share.machine, soft=False),
        }
        handle = ray.remote(Analyst).options(**options).remote(self._order, self._site)
        self._actors.append(_Actor(handle, share, handle.begin.remote()))

    def _look(self) -> tuple[Job, Outcome] | None:
        """Wait until an actor says something or dies; the job that ended by that, if one did."""
        import ray

        asked = {actor.answer: actor for actor in self._actors if actor.answer is not None}
        said = ray.wait(list(asked), num_returns=1, timeout=_LOOK_SECONDS)[0] if asked else ()
        if not said:
            self._look_for_machines()
            return None
        actor = asked[said[0]]
        actor.answer = None
        try:
            answer = json.loads(ray.get(said[0]))
        except ray.exceptions.RayError as error:
            return self._died(actor, error)
        if not actor.ready:
            self._is_ready(actor, answer)
            return None
        job, actor.job = actor.job, None
        self._hand_out()
        if job is None:
            raise TypeError(f"an actor said {answer!r} unasked")
        return job, Outcome.from_plain(answer)

    def _is_ready(self, actor: _Actor, answer: dict[str, Any]) -> None:
        if "refused" in answer:
            raise CrewError(answer["refused"], ExitCode(answer["exit_code"]))
        facts = facts_from(answer)
        if self._first is None:
            check_version(facts)
            self._first = facts
        elif (text := facts.unlike(self._first)) is not None:
            raise CrewError(text)
        self._failed_starts = 0
        actor.ready = True
        actor.name = facts.machine
        self._hand_out()

    def _died(self, actor: _Actor, error: Exception) -> tuple[Job, Outcome] | None:
        """Replace the actor if its machine is there still. Its job has failed."""
        self._actors.remove(actor)
        _kill(actor)
        if actor.share.machine in machines():
            if not actor.ready:
                self._failed_starts += 1
            if self._failed_starts >= _FAILED_STARTS:
                text = " ".join(str(error).split())
                raise CrewError(f"a process of the cluster died while it loaded the models: {text}")
            self._hire(actor.share)
        if actor.job is None:
            return None
        text = f"{printable(actor.job.path)}: the process that analysed it on {actor.name} died; it may need"
        return actor.job, Outcome.failed(f"{text} more memory", Fault.CRASH)


class _Actor:
    """An actor, the answer it owes, and what it is doing; `ready` once its models are loaded."""

    def __init__(self, handle: Any, share: Share, answer: Any) -> None:
        self.handle = handle
        self.share = share
        self.answer = answer
        self.job: Job | None = None
        self.ready = False
        self.name = ""


def check_version(facts: Facts) -> None:
    """Raise CrewError for a machine whose tool is not the one that gives the command."""
    here, there = tool_version(), facts.versions.get("face-video-forensics")
    if here != there:
        raise CrewError(
            f"{facts.machine}: has face-video-forensics {there}, this machine {here}; "
            "install the same version on every machine"
        )


def _kill(actor: _Actor) -> None:
    """By force: what an actor wrote is whole or goes."""
    import ray

    with suppress(ray.exceptions.RayError, ValueError):
        ray.kill(actor.handle)
