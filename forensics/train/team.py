"""The processes that train together: who they are, how they add up, and which one of them writes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed

from forensics.errors import UsageFault


@dataclass(frozen=True)
class Team:
    """`size` processes of which this is number `rank`, and number `local_rank` of its machine.

    Each of them makes the same steps with the same parameters; a step's faces are shared among them and
    the gradients added, so that a team trains what a single process would.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def leads(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def add(self, tensors: Iterable[torch.Tensor]) -> None:
        """Give each tensor the sum that it has over the processes, in place."""
        if self.size > 1:
            for tensor in tensors:
                distributed.all_reduce(tensor)

    def leaders(self, value: float, device: torch.device) -> float:
        """The leader's `value`, for decisions that all must make alike."""
        if self.size == 1:
            return value
        # float32 is all that some devices have.
        told = torch.tensor([value if self.leads else 0.0], dtype=torch.float32, device=device)
        self.add([told])
        return float(told)

    def wait(self) -> None:
        """Go on when all have come this far."""
        if self.size > 1:
            distributed.barrier()

    def device(self, chosen: torch.device) -> torch.device:
        """The device of this process where `chosen` names a kind: each has a GPU of its own."""
        if self.size > 1 and chosen.type == "cuda" and chosen.index is None:
            return torch.device("cuda", self.local_rank)
        return chosen


ALONE = Team()


@contextmanager
def join_team(chosen: torch.device) -> Iterator[Team]:
    """The team that a launcher such as torchrun (or accelerate's, which sets the same variables) started.

    Without a launcher it is `ALONE`. Raises UsageFault where all processes were told to use one GPU, and
    where a machine has fewer GPUs than processes.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    team = Team(int(os.environ["RANK"]), size, int(os.environ.get("LOCAL_RANK", "0")))
    if chosen.type == "cuda":
        if chosen.index is not None:
            raise UsageFault(f"--device {chosen}: {size} processes cannot share one GPU; give --device cuda")
        if team.local_rank >= torch.cuda.device_count():
            raise UsageFault(
                f"{torch.cuda.device_count()} GPUs are too few for process {team.local_rank + 1} of this "
                "machine; launch one process for each"
            )
        torch.cuda.set_device(team.local_rank)
    distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield team
    finally:
        distributed.destroy_process_group()
