"""One training over several GPUs or hosts (§3.3: four GPUs, each a part of every batch, gradients averaged).

Started with ``torchrun``, each process computes its part of a batch and PyTorch's DistributedDataParallel averages the
gradients: the step is that of the full batch. Without ``torchrun`` there is one process and nothing of this happens.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from vgg_lib.errors import InputError


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

        >>> [Team(torch.device("cpu"), rank, 3).share(50) for rank in range(3)]
        [slice(0, 16, None), slice(16, 33, None), slice(33, 50, None)]
        """
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

    def sum(self, value: Tensor) -> Tensor:
        """The sum of a tensor over the processes, the same on each."""
        if self.size > 1:
            dist.all_reduce(value)
        return value

    def told(self, value: Any) -> Any:
        """What the leading process has for ``value``."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, device=self.device if self.device.type == "cuda" else None)
        return box[0]

    def all(self, value: Any) -> list[Any]:
        """Each process's ``value``, in order of rank."""
        if self.size == 1:
            return [value]
        boxes: list[Any] = [None] * self.size
        dist.all_gather_object(boxes, value)
        return boxes

    @contextmanager
    def leader_first(self) -> Iterator[None]:
        """Let the leading process through before the others: what it decodes and stores they find."""
        if self.size > 1 and not self.leads:
            dist.barrier()
        try:
            yield
        finally:
            if self.size > 1 and self.leads:
                dist.barrier()


def leads() -> bool:
    """Whether this process is the one of a team that writes and reports, or alone."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def team(device: torch.device) -> Iterator[Team]:
    """The team that ``torchrun`` started, or this process alone on ``device``.

    Raises :class:`InputError` where there are fewer GPUs than processes on this host.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Team(device)
        return
    if device.type == "cuda":
        local, gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if local >= gpus:
            raise InputError(f"process {local} of this host has no GPU: start torchrun with --nproc-per-node {gpus}")
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    started = not dist.is_initialized()
    if started:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Team(device, dist.get_rank(), size)
    finally:
        if started:
            dist.destroy_process_group()
