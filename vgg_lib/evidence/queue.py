"""The queue that trains what is on an agenda: several runs at once, each in a process of its own.

Nothing is lost when any of them is killed. A run's state is in its checkpoint, its record in the store, and a lock,
which the system releases when its process ends, says that it is being trained. So any number of queues may work on one
store. A process that is stopped for a while, or whose machine sleeps, is not dead: only the end of a process is one.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import NoReturn

import torch
from tqdm.auto import tqdm

from vgg_lib.basics import machine
from vgg_lib.basics.errors import InputError
from vgg_lib.basics.folders import way_out
from vgg_lib.basics.processes import processes
from vgg_lib.basics.progress import bar
from vgg_lib.evidence.agenda import Agenda, read_photographs
from vgg_lib.evidence.queue_worker import Answer, Order, work
from vgg_lib.evidence.reporting import StudyLine, redraw_after
from vgg_lib.evidence.store import Known
from vgg_lib.evidence.testing import failed
from vgg_lib.evidence.workshop import BusyError, Workshop
from vgg_lib.training.runs import Run

#: So often may a run's process die (killed, out of memory) before the run gets a record that says so.
DEATHS = 3

#: Seconds after which a queue with a free worker looks again for what other queues have done or given up.
LOOK_AGAIN = 5.0

#: Seconds between two drawings of the study's line.
DRAW_AGAIN = 1.0

#: A worker starts from nothing: a forked one would inherit threads' locks.
_SPAWN = get_context("spawn")


@dataclass
class _Job:
    """A run that is being trained, as the queue sees it."""

    run: Run
    process: SpawnProcess
    pipe: Connection
    line: tqdm[NoReturn]
    share: float = 0.0  #: of its steps that are done
    answer: Answer | InputError | None = None

    def receive(self) -> None:
        """Take in what the worker has sent."""
        try:
            while self.answer is None and self.pipe.poll():
                message = self.pipe.recv()
                if isinstance(message, tuple):
                    self._show(*message)
                else:
                    self.answer = message
        except (EOFError, OSError):  # the process ended, perhaps in the middle of a message
            self.answer = "died"

    def _show(self, done: int, total: int, loss: float) -> None:
        if not self.share:  # the first step since it started or went on
            self.line.total, self.line.initial, self.line.n = total, done - 1, done - 1
        self.share = done / total
        self.line.set_postfix(loss=f"{loss:.3f}", refresh=False)
        self.line.update(done - self.line.n)

    def end(self) -> None:
        """End the process, if it has not ended, and its line."""
        if self.answer is None:
            self.process.kill()  # not terminate: one that is stopped would get to know when it goes on
        self.pipe.close()
        self.process.join()
        self.line.close()


@dataclass
class Queue:
    """Trains what is on an agenda. ``workers`` processes share the processor's threads.

    With 0 ``workers`` there is one for each core, or a single one for a GPU: two trainings of one thread are at
    least as fast as one of two, and suffer less from whatever else is running. Raises :class:`InputError` for fewer
    than 0.
    """

    agenda: Agenda
    workers: int = 0
    root: Path | None = None

    def __post_init__(self) -> None:
        if self.workers < 0:
            raise InputError(f"workers is {self.workers}: choose 1 or more, or 0 for one a core")
        self.workers = self.workers or (1 if torch.cuda.is_available() else machine.cores())
        self.threads = max(1, machine.cores() // self.workers)
        self._deaths: Counter[str] = Counter()

    def run(self) -> None:
        """Train until nothing is missing.

        Raises :class:`InputError` for what would stop every run: no photographs, a full disk, no data for what is
        measured, several processes that ``torchrun`` started.
        """
        open_workshop(self.agenda.workshop)
        known = self.agenda.known()
        runs = self.agenda.missing(known)
        read_photographs(runs, self.root, whole=not self.agenda.other_photographs)
        self.agenda.check_measures(known, self.root)
        jobs: list[_Job] = []
        with closing(StudyLine(self.agenda)) as line:
            try:
                while missing := self.agenda.missing(known):
                    self._start(missing, known, jobs)
                    line.count(known, missing)
                    self._wait(jobs, line)
                    known = self.agenda.known()
                line.count(known, [])
                line.draw({})
            finally:
                for job in jobs:
                    job.end()

    def _start(self, missing: list[Run], known: Known, jobs: list[_Job]) -> None:
        """Give each free worker the next run that nobody trains."""
        agenda, given = self.agenda, {job.run.key for job in jobs}
        free = (run for run in missing if run.key not in given and not agenda.workshop.is_being_trained(run))
        for run in itertools.islice(free, self.workers - len(jobs)):
            order = Order(
                run,
                agenda.workshop,
                agenda.store,
                self.root,
                self.threads,
                agenda.again,
                other_photographs=agenda.other_photographs,
                for_weights=agenda.is_done(run.key, known),  # done and missing: its weights are
                wanted=agenda.wanted(run, known),
            )
            ours, theirs = _SPAWN.Pipe(duplex=False)
            process = _SPAWN.Process(target=work, args=(order, theirs), name=run.key, daemon=True)
            process.start()
            theirs.close()  # so that the end of the process is the end of the pipe
            taken = {-job.line.pos for job in jobs}
            place = next(i for i in itertools.count(1) if i not in taken)
            line = bar(1, str(run), "step", leave=False, position=place, mininterval=redraw_after())
            jobs.append(_Job(run, process, ours, line))

    def _wait(self, jobs: list[_Job], line: StudyLine) -> None:
        """Wait until a run has ended, or until a worker that has none should look for one again."""
        began = time.monotonic()
        while True:
            line.draw({job.run.key: job.share for job in jobs})
            if self._collect(jobs):
                return
            if len(jobs) < self.workers and time.monotonic() > began + LOOK_AGAIN:
                return

    def _collect(self, jobs: list[_Job]) -> bool:
        """Wait a moment for what the workers send; whether a run has ended."""
        if not jobs:  # all that is missing is being trained by other queues
            time.sleep(DRAW_AGAIN)
        ready = connection.wait([job.pipe for job in jobs], timeout=DRAW_AGAIN) if jobs else []
        ended = False
        for job in [job for job in jobs if job.pipe in ready]:
            job.receive()
            if job.answer is not None:
                jobs.remove(job)
                job.end()
                self._settle(job)
                ended = True
        return ended

    def _settle(self, job: _Job) -> None:
        """Act on how a run ended; raises :class:`InputError` for what would stop the others too."""
        if isinstance(job.answer, InputError):
            raise job.answer
        if job.answer == "failed":
            self.agenda.give_up(job.run)
        if job.answer == "died":  # it goes on from its checkpoint, but not for ever
            self._deaths[job.run.key] += 1
            if self._deaths[job.run.key] >= DEATHS:
                self._give_up(job.run, job.process.exitcode)

    def _give_up(self, run: Run, exitcode: int | None) -> None:
        """Record that a run cannot be trained here."""
        workshop = self.agenda.workshop
        reason = f"its process ended {DEATHS} times, last with exit code {exitcode} (out of memory?)"
        with suppress(BusyError), workshop.lock(run):
            workshop.finish(failed(run, reason), self.agenda.store)
        self.agenda.give_up(run)


def open_workshop(workshop: Workshop) -> None:
    """Make the folder to train in; raises :class:`InputError` where that fails, and under ``torchrun``."""
    if processes() > 1:
        raise InputError(f"torchrun started {processes()} queues as one: start it alone, with --workers")
    try:
        workshop.folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise InputError(f"{workshop.folder} cannot be used ({error}): make it a folder") from error
    except OSError as error:
        raise InputError(f"{workshop.folder} cannot be written ({error}): {way_out(workshop.folder)}") from error
