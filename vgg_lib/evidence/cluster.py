"""A study's runs on a Dask cluster: many runs over many hosts.

The process of the queue alone writes records and weights, and holds each run's lock while the run is out there. A
worker keeps the checkpoint of what it trains: when it is killed, the next worker that sees its folder goes on from
there, and any other starts over.
"""

from __future__ import annotations

import ctypes
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import torch
from filelock import FileLock, Timeout

from vgg_lib._version import __version__
from vgg_lib.basics.errors import InputError
from vgg_lib.basics.files import replacing
from vgg_lib.basics.folders import data_folder
from vgg_lib.evidence.queue import Abandoned, Queue, read_photographs, telling
from vgg_lib.evidence.records import Record
from vgg_lib.evidence.testing import failed
from vgg_lib.evidence.workshop import Workshop, finish, perform
from vgg_lib.training.runs import Run

if TYPE_CHECKING:
    from distributed import Client, Future

#: Seconds in which a scheduler must answer.
PATIENCE = 5.0

#: PyTorch's random numbers belong to the process: a worker of many threads trains one run at a time all the same.
_ONE_AT_A_TIME = threading.Lock()

#: What comes back of a run: its record, the content of its file of weights unless it failed, and who trained it.
Returned = tuple[Record, bytes | None, str]


@dataclass
class _There:
    """A run that is out there: which worker it was given to, and what will come of it."""

    run: Run
    lock: FileLock
    worker: str
    future: Future[Returned]
    share: float = 0.0  #: of its steps that are done


@dataclass
class ClusterQueue(Queue):
    """Trains what a study still needs on the Dask cluster whose ``scheduler`` has that address.

    Each worker trains one run at a time, on as many threads as it was started with. ``root`` and ``folder`` are
    folders as the workers see them: the photographs (else each worker looks for its own), and where checkpoints are
    kept (else in each worker's own user data folder). ``workers`` becomes the number that the cluster has.
    """

    scheduler: str = ""
    folder: Path | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.root = self.root and self.root.absolute()
        self.folder = self.folder and self.folder.absolute()
        if self.folder == self.workshop.folder.absolute():
            raise InputError(f"folder {self.folder} is where the queue keeps what comes back: choose another one")
        self._fit: set[str] = set()  # workers that may have a run
        self._waits = False

    def __call__(self) -> None:
        """Train until nothing is missing, on the workers that are there at any time; waits while there is none.

        Raises :class:`InputError` for a scheduler that does not answer, or is gone; for a worker that has other
        versions, or no photographs; for a full disk; and where Dask is not installed.
        """
        self._open()
        with _connected(self.scheduler) as client, self._line() as everything:
            there: dict[str, _There] = {}

            def hear(event: tuple[float, tuple[str, float]]) -> None:
                _, (key, share) = event
                if key in there:
                    there[key].share = share

            client.subscribe_topic(_topic(client), hear)
            try:
                known = self.store.latest()
                while missing := self.missing(known):
                    self._send(client, missing, there)
                    self._show(everything, self.named(known), missing, there.values())
                    self._take(client, there)
                    known = self.store.latest()
                self._show(everything, self.named(known), [])
            finally:
                if there:
                    with suppress(OSError):  # a scheduler that is gone has nothing to cancel
                        client.cancel([job.future for job in there.values()])
                for job in there.values():
                    job.lock.release()

    def _send(self, client: Client, missing: list[Run], there: dict[str, _There]) -> None:
        """Give each free worker the next run that nobody trains."""
        free = self._free(client, {job.worker for job in there.values()})
        for run in missing:
            if not free:
                return
            lock = self.workshop.lock(run)
            try:
                lock.acquire()
            except Timeout:  # out there already, or another queue's
                continue
            if run in self.missing(self.store.latest()):
                worker = free.pop(0)
                there[run.key] = _There(run, lock, worker, self._submit(client, run, worker))
            else:  # another queue did it since we looked
                lock.release()

    def _free(self, client: Client, given: set[str]) -> list[str]:
        """The workers that have nothing to do and are fit for a run."""
        with _answering(self.scheduler):
            busy = client.processing()
            new = [worker for worker in busy if worker not in self._fit]
            found = client.run(versions, workers=new, on_error="return") if new else {}
        if not busy and not self._waits:
            print(f"there are no workers: start some with `dask worker {self.scheduler}`", file=sys.stderr)
        self._waits, self.workers = not busy, max(1, len(busy))
        for worker, has in found.items():
            if isinstance(has, OSError):  # it is gone again
                continue
            if has != versions():
                raise InputError(f"worker {worker} has {has}, and here is {versions()}: install the same there")
            self._fit.add(worker)
        return [worker for worker, tasks in busy.items() if not tasks and worker not in given and worker in self._fit]

    def _submit(self, client: Client, run: Run, worker: str) -> Future[Returned]:
        """Send a run to a worker, or to any other when that one is gone; with it the weights that it starts from."""
        import dask

        source = self.workshop.weights(run.warm_start) if run.warm_start else None
        start_from = source.read_bytes() if source and source.exists() else None
        # Dask warns of large arguments, and is right; these go out once for a training of minutes or more.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"}):
            return client.submit(
                work,
                *(run, start_from, self.folder, self.root, _topic(client)),
                workers=[worker],
                allow_other_workers=True,
                key=f"{run.key}-{uuid4().hex}",
            )

    def _take(self, client: Client, there: dict[str, _There]) -> None:
        """Wait a second for what comes back, and put it into the store."""
        from distributed import wait

        if not there:
            time.sleep(1)
            return
        with _answering(self.scheduler), suppress(TimeoutError), client.as_current():
            wait([job.future for job in there.values()], timeout=1, return_when="FIRST_COMPLETED")
        for job in [job for job in there.values() if job.future.done()]:
            del there[job.run.key]
            try:
                made = self._result(client, job)
            finally:
                job.lock.release()
            if made.outcome == "failed":
                self._failed_here.add(job.run.key)

    def _result(self, client: Client, job: _There) -> Record:
        """The record of a run that came back, now in the store, its weights in the workshop."""
        from distributed import KilledWorker

        try:
            with _answering(self.scheduler):
                made, weights, worker = job.future.result()
        except InputError:
            raise
        except KilledWorker as error:
            deaths, last = error.allowed_failures + 1, error.last_worker.address
            made = failed(job.run, f"its worker died {deaths} times, last {last} (out of memory?)")
        except Exception as error:
            made = failed(job.run, f"{type(error).__name__}: {error}")
        else:
            if weights is not None:
                with replacing(self.workshop.weights(job.run.key)) as part:
                    part.write_bytes(weights)
        finish(made, self.workshop, self.store)
        if made.outcome != "failed":
            with _answering(self.scheduler):
                client.run(tidy, job.run, self.folder, workers=[worker], on_error="ignore")
        return made


@contextmanager
def _connected(scheduler: str) -> Iterator[Client]:
    """A client of the cluster; raises :class:`InputError` without Dask, and where no scheduler answers."""
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError(f"a cluster needs Dask ({error}): pip install 'vgg-lib[cluster]'") from error
    try:
        client = Client(scheduler, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answers at {scheduler} ({error}): start one with `dask scheduler`, "
            "and give the address that it prints"
        ) from error
    with client:
        yield client


@contextmanager
def _answering(scheduler: str) -> Iterator[None]:
    """Raise :class:`InputError` for a scheduler that went away."""
    try:
        yield
    except (OSError, CancelledError) as error:
        raise InputError(
            f"the Dask scheduler at {scheduler} is gone ({type(error).__name__}): start it again, then this command; "
            "what was being trained goes on from its checkpoint"
        ) from error


def _topic(client: Client) -> str:
    """What workers name their progress by."""
    return f"vgg_lib {client.id}"


def versions() -> str:
    """What must be the same on all hosts."""
    return f"vgg_lib {__version__} with PyTorch {torch.__version__.split('+')[0]}"


def work(run: Run, start_from: bytes | None, folder: Path | None, root: Path | None, topic: str) -> Returned:
    """On a worker: train a run from where it stopped, telling ``topic`` how far it is.

    ``start_from`` is the content of the file of weights that the run starts from. Ends with :class:`Abandoned` when
    nobody waits for the run any more. Raises :class:`InputError`, naming the worker, for photographs that it does not
    have, and for a folder that it cannot write to.
    """
    from distributed import get_worker

    worker = get_worker()
    task, name = worker.get_current_task(), f"worker {worker.address} on {socket.gethostname()}"

    def tell(said: tuple[int, int, float]) -> None:
        state = worker.state.tasks.get(task)
        if state is None or state.state == "cancelled":
            raise Abandoned
        worker.log_event(topic, (run.key, said[0] / said[1]))

    workshop = shop(folder)
    try:
        workshop.folder.mkdir(parents=True, exist_ok=True)
        # Against a worker that was given up and trains on. Not the queue's lock: that may be in the same folder.
        with _ONE_AT_A_TIME, FileLock(workshop.folder / f"{run.key}.worker.lock"):
            torch.set_num_threads(worker.state.nthreads)
            _keep_freed_memory()
            try:
                read_photographs([run], root)
            except InputError as error:
                raise InputError(f"{error} (each worker looks for its own)") from error
            if run.warm_start and start_from is not None:
                with replacing(workshop.weights(run.warm_start)) as part:
                    part.write_bytes(start_from)
            made = perform(run, workshop, root=root, watch=telling(tell))
            weights = None if made.outcome == "failed" else workshop.weights(run.key).read_bytes()
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    except OSError as error:
        raise InputError(f"{name}: {workshop.folder} cannot be worked in ({error}): choose another folder") from error
    return made, weights, worker.address


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


def tidy(run: Run, folder: Path | None) -> None:
    """On a worker: remove what the queue has now."""
    shop(folder).checkpoint(run).unlink(missing_ok=True)
    shop(folder).weights(run.key).unlink(missing_ok=True)


def shop(folder: Path | None) -> Workshop:
    """Where a worker works: in the folder that it was told, or else in its own user's data folder."""
    return Workshop(folder or data_folder() / "cluster")
