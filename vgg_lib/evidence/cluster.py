"""The queue that trains what is on an agenda on a Dask cluster: many runs over many hosts.

The process of the queue alone writes records and weights, and holds each run's lock while a worker trains it. A worker
keeps the checkpoint of what it trains: when it is killed, the next worker that sees its folder goes on from there, and
any other starts over.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from vgg_lib.basics.errors import InputError
from vgg_lib.basics.files import replacing
from vgg_lib.basics.folders import expanded
from vgg_lib.evidence.agenda import Agenda
from vgg_lib.evidence.cluster_worker import Result, discard, train_run, versions
from vgg_lib.evidence.queue import open_workshop
from vgg_lib.evidence.records import Record
from vgg_lib.evidence.reporting import StudyLine
from vgg_lib.evidence.testing import Wanted, failed
from vgg_lib.evidence.workshop import BusyError
from vgg_lib.training.runs import Run

if TYPE_CHECKING:
    from distributed import Client, Future

#: Seconds in which a scheduler must answer.
PATIENCE = 5.0


@dataclass
class _RemoteJob:
    """A run that a worker is training: its lock, the worker that it was given to, and what will come back."""

    run: Run
    lock: ExitStack
    worker: str
    future: Future[Result]
    share: float = 0.0  #: of its steps that are done


@dataclass
class ClusterQueue:
    """Trains what is on an agenda on the Dask cluster whose ``scheduler`` has that address.

    Each worker trains one run at a time, on as many threads as it was started with. ``root`` and ``folder`` are
    folders as the workers see them: the photographs (else each worker looks for its own), and where checkpoints are
    kept (else in each worker's own user data folder). ``workers`` becomes the number that the cluster has.
    """

    agenda: Agenda
    scheduler: str
    folder: Path | None = None
    root: Path | None = None
    workers: int = 1

    def __post_init__(self) -> None:
        self.root = self.root and expanded(self.root).absolute()
        self.folder = self.folder and expanded(self.folder).absolute()
        if self.folder == self.agenda.workshop.folder.absolute():
            raise InputError(f"folder {self.folder} is where the queue saves what comes back: choose another one")
        self._fit: set[str] = set()  # workers that may have a run
        self._waits = False

    def run(self) -> None:
        """Train until nothing is missing, on the workers that are there at any time; waits while there is none.

        Raises :class:`InputError` for a scheduler that does not answer, or is gone; for a worker that has other
        versions, no photographs, or no data for what is measured; for a full disk; and where Dask is not installed.
        """
        open_workshop(self.agenda.workshop)
        with _connected(self.scheduler) as client, closing(StudyLine(self.agenda)) as line:
            jobs: dict[str, _RemoteJob] = {}

            def receive(event: tuple[float, tuple[str, float]]) -> None:
                _, (key, share) = event
                if key in jobs:
                    jobs[key].share = share

            client.subscribe_topic(_topic(client), receive)
            try:
                known = self.agenda.known()
                while missing := self.agenda.missing(known):
                    self._submit_missing(client, missing, jobs)
                    line.count(known, missing)
                    line.draw({key: job.share for key, job in jobs.items()})
                    self._collect(client, jobs)
                    known = self.agenda.known()
                line.count(known, [])
                line.draw({})
            finally:
                if jobs:
                    with suppress(OSError):  # a scheduler that is gone has nothing to cancel
                        client.cancel([job.future for job in jobs.values()])
                for job in jobs.values():
                    job.lock.close()

    def _submit_missing(self, client: Client, missing: list[Run], jobs: dict[str, _RemoteJob]) -> None:
        """Give each free worker the next run that nobody trains."""
        free = self._free(client, {job.worker for job in jobs.values()})
        for run in missing:
            if not free:
                return
            with ExitStack() as lock:
                try:
                    lock.enter_context(self.agenda.workshop.lock(run, wait=False))
                except BusyError:  # by a worker of this queue, or by another queue
                    continue
                known = self.agenda.known()
                if run in self.agenda.missing(known):  # no other queue has done it since we looked
                    worker, wanted = free.pop(0), self.agenda.wanted(run, known)
                    jobs[run.key] = _RemoteJob(run, lock.pop_all(), worker, self._submit(client, run, wanted, worker))

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

    def _submit(self, client: Client, run: Run, wanted: Wanted, worker: str) -> Future[Result]:
        """Send a run to a worker, or to any other when that one is gone; with it the weights that it starts from."""
        import dask

        source = self.agenda.workshop.weights(run.warm_start) if run.warm_start else None
        start_from = source.read_bytes() if source and source.exists() else None
        # Dask warns of large arguments, and is right; these go out once for a training of minutes or more.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"}):
            return client.submit(
                train_run,
                *(run, wanted, start_from, self.folder, self.root, _topic(client)),
                whole=not self.agenda.other_photographs,
                workers=[worker],
                allow_other_workers=True,
                key=f"{run.key}-{uuid4().hex}",
            )

    def _collect(self, client: Client, jobs: dict[str, _RemoteJob]) -> None:
        """Wait a second for what comes back, and save it."""
        from distributed import wait

        if not jobs:
            time.sleep(1)
            return
        with _answering(self.scheduler), suppress(TimeoutError), client.as_current():
            wait([job.future for job in jobs.values()], timeout=1, return_when="FIRST_COMPLETED")
        for job in [job for job in jobs.values() if job.future.done()]:
            del jobs[job.run.key]
            with job.lock:
                record = self._save(client, job)
            if record.outcome == "failed":
                self.agenda.give_up(job.run)

    def _save(self, client: Client, job: _RemoteJob) -> Record:
        """Save the weights and the record of a run that came back, and return the record."""
        from distributed import KilledWorker

        workshop = self.agenda.workshop
        try:
            with _answering(self.scheduler):
                record, weights, worker = job.future.result()
        except InputError:
            raise
        except KilledWorker as error:
            deaths, last = error.allowed_failures + 1, error.last_worker.address
            record = failed(job.run, f"its worker died {deaths} times, last {last} (out of memory?)")
        except Exception as error:
            record = failed(job.run, f"{type(error).__name__}: {error}")
        else:
            if weights is not None:
                with replacing(workshop.weights(job.run.key)) as part:
                    part.write_bytes(weights)
        workshop.finish(record, self.agenda.store)
        if record.outcome != "failed":
            with _answering(self.scheduler):
                client.run(discard, job.run, self.folder, workers=[worker], on_error="ignore")
        return record


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
    """The name under which workers log how far they are."""
    return f"vgg_lib {client.id}"
