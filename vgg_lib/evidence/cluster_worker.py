"""What a worker of a Dask cluster does with a run: it trains and tests it in a folder of its own."""

from __future__ import annotations

import ctypes
import socket
import threading
from contextlib import suppress
from pathlib import Path

import torch
from filelock import FileLock

from vgg_lib._version import __version__
from vgg_lib.basics.errors import InputError
from vgg_lib.basics.files import replacing
from vgg_lib.basics.folders import data_folder
from vgg_lib.evidence.agenda import read_photographs
from vgg_lib.evidence.records import Record
from vgg_lib.evidence.reporting import Abandoned, Report, reporter
from vgg_lib.evidence.testing import Wanted
from vgg_lib.evidence.workshop import Workshop
from vgg_lib.training.runs import Run

#: PyTorch's random numbers belong to the process: a worker of many threads trains one run at a time all the same.
_ONE_AT_A_TIME = threading.Lock()

#: What comes back of a run: its record, the content of its file of weights unless it failed, and the worker's address.
Result = tuple[Record, bytes | None, str]


def versions() -> str:
    """What must be the same on all hosts."""
    return f"vgg_lib {__version__} with PyTorch {torch.__version__.split('+')[0]}"


def train_run(
    run: Run,
    wanted: Wanted,
    start_from: bytes | None,
    folder: Path | None,
    root: Path | None,
    topic: str,
    *,
    whole: bool = True,
) -> Result:
    """Train a run from where it stopped, logging to ``topic`` how far it is.

    ``wanted`` is what to measure of its net, ``start_from`` the content of the file of weights that it starts from.
    Raises :class:`Abandoned` when the queue no longer waits for the run, and :class:`InputError`, naming the worker,
    for photographs that it does not have, or not ``whole``, for data that measuring needs, and for a folder that it
    cannot write to.
    """
    from distributed import get_worker

    worker = get_worker()
    task, name = worker.get_current_task(), f"worker {worker.address} on {socket.gethostname()}"

    def send(report: Report) -> None:
        state = worker.state.tasks.get(task)
        if state is None or state.state == "cancelled":
            raise Abandoned
        worker.log_event(topic, (run.key, report[0] / report[1]))

    workshop = _workshop(folder)
    try:
        workshop.folder.mkdir(parents=True, exist_ok=True)
        # Against a worker that was given up and trains on. Not the queue's lock: that may be in the same folder.
        with _ONE_AT_A_TIME, FileLock(workshop.folder / f"{run.key}.worker.lock"):
            torch.set_num_threads(worker.state.nthreads)
            _keep_freed_memory()
            try:
                read_photographs([run], root, whole=whole)
            except InputError as error:
                raise InputError(f"{error} (each worker looks for its own)") from error
            if run.warm_start and start_from is not None:
                with replacing(workshop.weights(run.warm_start)) as part:
                    part.write_bytes(start_from)
            record = workshop.attempt(run, root=root, watch=reporter(send), progress=False, wanted=wanted)
            weights = None if record.outcome == "failed" else workshop.weights(run.key).read_bytes()
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    except OSError as error:
        raise InputError(f"{name}: {workshop.folder} cannot be used ({error}): choose another folder") from error
    return record, weights, worker.address


def discard(run: Run, folder: Path | None) -> None:
    """Remove what the queue has now."""
    _workshop(folder).checkpoint(run).unlink(missing_ok=True)
    _workshop(folder).weights(run.key).unlink(missing_ok=True)


def _workshop(folder: Path | None) -> Workshop:
    """Where a worker trains: in the folder that it was given, or else in its own user's data folder."""
    return Workshop(folder or data_folder() / "cluster")


def _keep_freed_memory() -> None:
    """Let glibc keep what is freed, as it does by itself: a step takes again what the one before gave back.

    Dask's nanny sets ``MALLOC_TRIM_THRESHOLD_``, with which each large array is new to the system: that takes up to
    four times as long.
    """
    trim_threshold, mmap_threshold = -1, -3  # of malloc.h
    with suppress(AttributeError, OSError, TypeError):  # not glibc: then none of this
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(mmap_threshold, 32 * 2**20)
        mallopt(trim_threshold, 64 * 2**20)
