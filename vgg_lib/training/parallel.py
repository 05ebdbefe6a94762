"""One training over several GPUs or hosts (§3.3: four GPUs, each a part of every batch, gradients averaged).

Started with ``torchrun``, each process computes its part of a batch and PyTorch's DistributedDataParallel averages the
gradients: the step is that of the full batch. Without ``torchrun`` there is one process and nothing of this happens.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from vgg_lib.basics.errors import InputError
from vgg_lib.basics.processes import processes


@dataclass(frozen=True, slots=True)
class Team:
    """The processes that train one run together: how many, which one this is, the device it computes on."""

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes and reports."""
        return self.rank == 0

    def share(self, batch_size: int) -> slice:
        """This process's part of a batch: parts follow each other and differ by one image at most.

        Raises :class:`InputError` for a batch that leaves a process without an image.

        >>> [Team(torch.device("cpu"), rank, 3).share(50) for rank in range(3)]
        [slice(0, 16, None), slice(16, 33, None), slice(33, 50, None)]
        """
        if batch_size < self.size:
            raise InputError(f"a batch of {batch_size} is too small for {self.size} processes: start fewer")
        return slice(batch_size * self.rank // self.size, batch_size * (self.rank + 1) // self.size)

    def wrap(self, net: nn.Module) -> nn.Module:
        """The net as this team trains it: gradients averaged over the processes, normalised over the full batch.

        Raises :class:`InputError` for batch normalisation on processors, where PyTorch cannot share its statistics.
        """
        if self.size == 1:
            return net
        if any(isinstance(module, nn.BatchNorm2d) for module in net.modules()):
            if self.device.type != "cuda":
                raise InputError("batch normalisation over several processes needs GPUs: train with one process")
            net = nn.SyncBatchNorm.convert_sync_batchnorm(net)
        return nn.parallel.DistributedDataParallel(net)

    def all_reduce(self, value: Tensor) -> Tensor:
        """The sum of a tensor over the processes, the same on each."""
        if self.size > 1:
            dist.all_reduce(value)
        return value

    def broadcast(self, value: Any) -> Any:
        """The ``value`` of the process of rank 0, whatever the others give."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, device=self.device if self.device.type == "cuda" else None)
        return box[0]

    def gather(self, value: Any) -> list[Any]:
        """Each process's ``value``, in order of rank: on every process."""
        if self.size == 1:
            return [value]
        boxes: list[Any] = [None] * self.size
        dist.all_gather_object(boxes, value)
        return boxes

    @contextmanager
    def leader_first(self) -> Iterator[None]:
        """Let the leading process through before the others: what it decodes and stores they find.

        What cannot be used on one host ends the training on all: an :class:`InputError` of one process is raised on
        each, so that none waits for one that is gone. Inside, nothing may wait for another process.
        """
        if self.size > 1 and not self.leads:
            dist.barrier()
        own: InputError | None = None
        try:
            yield
        except InputError as error:
            own = error
        finally:
            if self.size > 1 and self.leads:
                dist.barrier()
        for raised in [own, *self.gather(own)]:
            if raised is not None:
                raise raised


def join_team(device: torch.device) -> Team:
    """The team that ``torchrun`` started, or this process alone on ``device``.

    Raises :class:`InputError` where the environment tells of several processes and not of which this is, and where
    there are fewer GPUs than processes on this host.
    """
    if processes() == 1:
        return Team(device)
    for name in ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        if not os.environ.get(name):
            raise InputError(
                f"WORLD_SIZE is {processes()} and {name} is not set: start it with torchrun, or unset WORLD_SIZE"
            )
    if device.type == "cuda":
        local, gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if local >= gpus:
            raise InputError(f"process {local} of this host has no GPU: start torchrun with --nproc-per-node {gpus}")
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    if not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        # Not after each training: a second group would look for the addresses of the first.
        atexit.register(_leave)
    return Team(device, dist.get_rank(), dist.get_world_size())


def _leave() -> None:
    """Let go of the other processes, as PyTorch asks for."""
    if dist.is_initialized():
        dist.destroy_process_group()
