"""The queue that trains a study's runs: several at once, each in a process of its own, resumed where they stopped.

Nothing here is lost by a kill. A run's state is in its checkpoint, its record in the store, and who trains it is told
by a lock that the system lets go of when the process ends. So any number of queues may work on one store.
"""

from __future__ import annotations

import itertools
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import NoReturn, Protocol

import torch
from filelock import Timeout
from tqdm.auto import tqdm

from vgg_lib.basics import machine
from vgg_lib.basics.errors import InputError
from vgg_lib.basics.processes import processes
from vgg_lib.basics.progress import bar
from vgg_lib.evidence.hardware import training_macs
from vgg_lib.evidence.records import Record
from vgg_lib.evidence.store import Known, Store
from vgg_lib.evidence.studies import Study
from vgg_lib.evidence.testing import failed
from vgg_lib.evidence.workshop import Workshop, finish, perform
from vgg_lib.training.loop import Watch
from vgg_lib.training.photographs import photographs
from vgg_lib.training.runs import Run

#: So often may a run's process die (killed, out of memory) before the run is recorded as failed.
DEATHS = 3

#: Seconds after which a queue with a free worker looks again for what other queues have done or given up.
LOOK_AGAIN = 5.0

#: A worker starts from nothing: a forked one would inherit threads' locks.
_SPAWN = get_context("spawn")

#: The line for all runs of a study.
_ALL = "{desc}: {percentage:3.0f}%|{bar}| {postfix} [{elapsed}<{remaining}]"


def _interval() -> float:
    """Seconds between two drawings of a line: a log file wants fewer than a terminal."""
    return 0.2 if sys.stderr.isatty() else 60.0


class Abandoned(BaseException):
    """The queue that wanted a run is gone: no fault of the run's, so no ``except Exception`` may take it for one."""


def cost(run: Run) -> float:
    """Multiply-adds of a training in units of 10¹²: what its time grows with; 0 for a net that cannot be built."""
    try:
        return training_macs(run) / 1e12
    except InputError:  # the run's own process will find out, and record why
        return 0.0


def read_photographs(runs: Iterable[Run], root: Path | None = None) -> None:
    """See that the photographs of runs are there, and decode them once, before several workers want them."""
    wanted = {}
    for run in runs:
        for split in ("train", "val") if run.test_set == "validation" else ("train",):
            wanted[run.preset.data, run.preset.size, run.preset.squash, split] = run.preset
    for (*_, split), preset in wanted.items():
        photographs(preset, split, root)


def _work(
    run: Run, workshop: Workshop, store: Store, root: Path | None, again: bool, threads: int, queue: Connection
) -> None:
    """The life of a worker's process: one run, unless it is done or another process is at it. Ends with the queue."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the queue is told, and ends its workers
    torch.set_num_threads(threads)
    try:
        with workshop.lock(run):
            known = store.find(run)  # since the queue looked, another one may have done it
            if known is not None:
                needed = again if known.outcome == "failed" else not workshop.weights(run.key).exists()
                if not needed:
                    queue.send("done")
                    return
            made = perform(run, workshop, root=root, watch=telling(queue.send))
            finish(made, workshop, store)
        queue.send("failed" if made.outcome == "failed" else "done")
    except Timeout:
        queue.send("elsewhere")
    except InputError as error:
        queue.send(InputError(str(error)))
    except (Abandoned, BrokenPipeError):  # the queue was killed: the checkpoint waits for the next one
        sys.exit(1)


def telling(send: Callable[[tuple[int, int, float]], None]) -> Watch:
    """Tell the queue of a step, twice a second at most."""
    last = 0.0

    def tell(done: int, total: int, loss: float) -> None:
        nonlocal last
        if time.monotonic() - last > 0.5:
            try:
                send((done, total, loss))
            except BrokenPipeError as error:
                raise Abandoned from error
            last = time.monotonic()

    return tell


class Job(Protocol):
    """A run that is being trained, and the share of its steps that is done."""

    run: Run
    share: float


@dataclass
class _Job:
    """A run that is being trained, as the queue sees it."""

    run: Run
    process: SpawnProcess
    line: tqdm[NoReturn]
    share: float = 0.0  #: of its steps that are done
    answer: str | InputError | None = None

    def hear(self, child: Connection) -> None:
        """Take in what the worker says."""
        try:
            while child.poll() and self.answer is None:
                said = child.recv()
                if not isinstance(said, tuple):
                    self.answer = said
                    continue
                done, total, loss = said
                if not self.share:  # the first step since it started or went on
                    self.line.total, self.line.initial, self.line.n = total, done - 1, done - 1
                self.share = done / total
                self.line.set_postfix(loss=f"{loss:.3f}", refresh=False)
                self.line.update(done - self.line.n)
        except (EOFError, OSError):  # nothing more, or half a word
            self.answer = "died"

    def end(self) -> None:
        """Let go of the process, gently or not, and of its line."""
        if self.answer is None:
            self.process.terminate()
        self.process.join()
        self.line.close()


@dataclass(frozen=True)
class Status:
    """Where a study stands: numbers of runs, the failures, and the hours left (``None`` while no run tells)."""

    done: int
    diverged: int
    running: int
    failures: list[Record]
    to_do: int
    hours_left: float | None

    @property
    def failed(self) -> int:
        """Runs whose record says why there is no result."""
        return len(self.failures)


@dataclass
class Queue:
    """Trains what a study still needs. ``workers`` processes share the processor's threads.

    With 0 ``workers`` there is one for each core, or a single one for a GPU: two trainings of one thread are at
    least as fast as one of two, and suffer less from whatever else is running. ``again`` trains failed runs again.
    Raises :class:`InputError` for fewer than 0 workers or 1 seed.
    """

    study: Study
    store: Store
    workshop: Workshop
    seeds: int | None = None
    workers: int = 0
    root: Path | None = None
    again: bool = False

    def __post_init__(self) -> None:
        if self.workers < 0:
            raise InputError(f"workers is {self.workers}: choose 1 or more, or 0 for one a core")
        if self.seeds is not None and self.seeds < 1:
            raise InputError(f"seeds is {self.seeds}: choose 1 or more")
        self.workers = self.workers or (1 if torch.cuda.is_available() else machine.cores())
        self.threads = max(1, machine.cores() // self.workers)
        self._deaths: Counter[str] = Counter()
        self._failed_here: set[str] = set()
        self._shown = False

    def named(self, known: Known) -> list[Run]:
        """All runs that the study can name with the records so far."""
        return self.study.runs(known, self.seeds)

    def missing(self, known: Known) -> list[Run]:
        """The runs that have no record yet, in order; before a warm start the run whose weights it wants."""
        named = self.named(known)
        sources = {run.key: run for run in [*(record.run for record in known.values()), *named]}
        missing = []
        for run in named:
            if self._is_done(run.key, known):
                continue
            source = sources.get(run.warm_start or "")
            if source and not self.workshop.weights(source.key).exists() and not self._given_up(source.key, known):
                run = source
            missing.append(run)
        return list(dict.fromkeys(missing))

    def _is_done(self, key: str, known: Known) -> bool:
        return key in known and not (_failed(key, known) and self.again and key not in self._failed_here)

    def _given_up(self, key: str, known: Known) -> bool:
        return self._is_done(key, known) and (_failed(key, known) or key in self._failed_here)

    def status(self) -> Status:
        """Where the study stands; the hours left follow from the pace of what is done."""
        known = self.store.latest()
        named = self.named(known)
        found = [known[run.key] for run in named if run.key in known]
        missing = [run for run in named if run.key not in known]
        running = sum(self.workshop.is_being_trained(run) for run in missing)
        trained = [record for record in found if record.outcome == "finished"]
        hours = None
        if trained:
            pace = sum(record.seconds for record in trained) / sum(cost(record.run) for record in trained)
            hours = pace * sum(map(cost, missing)) / min(self.workers, max(1, len(missing))) / 3600
        return Status(
            done=len(trained) + sum(record.outcome == "diverged" for record in found),
            diverged=sum(record.outcome == "diverged" for record in found),
            running=running,
            failures=[record for record in found if record.outcome == "failed"],
            to_do=len(missing) - running,
            hours_left=hours,
        )

    def __call__(self) -> None:
        """Train until nothing is missing.

        Raises :class:`InputError` for what would stop every run: no photographs, a full disk, several processes that
        ``torchrun`` started.
        """
        self._open()
        known = self.store.latest()
        read_photographs(self.missing(known), self.root)
        jobs: dict[Connection, _Job] = {}
        with self._line() as everything:
            try:
                while missing := self.missing(known):
                    named = self.named(known)
                    self._start(missing, jobs)
                    self._show(everything, named, missing, jobs.values())
                    looked = time.monotonic()
                    while not self._listen(jobs):
                        self._show(everything, named, missing, jobs.values())
                        if len(jobs) < self.workers and time.monotonic() > looked + LOOK_AGAIN:
                            break
                    known = self.store.latest()
                self._show(everything, self.named(known), [])
            finally:
                for job in jobs.values():
                    job.end()

    def _open(self) -> None:
        """See that this is the only process that works here as this queue, and that it can."""
        if processes() > 1:
            raise InputError(f"torchrun started {processes()} queues as one: start it alone, with --workers")
        try:
            self.workshop.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self.workshop.folder} cannot be worked in ({error}): make it a folder") from error

    def _start(self, missing: list[Run], jobs: dict[Connection, _Job]) -> None:
        """Give each free worker the next run that nobody trains."""
        taken = {job.run.key for job in jobs.values()}
        free = (run for run in missing if run.key not in taken and not self.workshop.is_being_trained(run))
        for run in itertools.islice(free, self.workers - len(jobs)):
            ours, theirs = _SPAWN.Pipe(duplex=False)
            args = (run, self.workshop, self.store, self.root, self.again, self.threads, theirs)
            process = _SPAWN.Process(target=_work, args=args, name=run.key, daemon=True)
            process.start()
            theirs.close()  # so that the end of the process is the end of the pipe
            lines = {-job.line.pos for job in jobs.values()}
            place = next(i for i in itertools.count(1) if i not in lines)
            line = bar(1, str(run), "step", leave=False, position=place, mininterval=_interval())
            jobs[ours] = _Job(run, process, line)

    def _listen(self, jobs: dict[Connection, _Job]) -> bool:
        """Wait a second for what the workers say, and let those go that are done. Whether one was."""
        if not jobs:  # all that is missing is trained by other queues
            time.sleep(1)
        ended = False
        for child in connection.wait(list(jobs), timeout=1) if jobs else []:
            assert isinstance(child, Connection)
            job = jobs[child]
            job.hear(child)
            if job.answer is None:
                continue
            del jobs[child]
            child.close()
            job.end()
            if isinstance(job.answer, InputError):
                raise job.answer
            if job.answer == "died":
                self._died(job.run, job.process.exitcode)
            if job.answer == "failed":
                self._failed_here.add(job.run.key)
            ended = True
        return ended

    def _died(self, run: Run, code: int | None) -> None:
        """A worker's process ended without a word: its run goes on from its checkpoint, but not for ever."""
        self._deaths[run.key] += 1
        if self._deaths[run.key] >= DEATHS:
            with suppress(Timeout), self.workshop.lock(run):
                reason = f"its process ended {DEATHS} times, last with exit code {code} (out of memory?)"
                finish(failed(run, reason), self.workshop, self.store)
            self._failed_here.add(run.key)

    def _line(self) -> tqdm[NoReturn]:
        """The line for all runs."""
        return bar(1, self.study.name, "run", bar_format=_ALL, position=0, mininterval=_interval())

    def _show(self, everything: tqdm[NoReturn], named: list[Run], missing: list[Run], jobs: Iterable[Job] = ()) -> None:
        """Draw the line for all runs: its unit is work, so that the time left counts a long run as long."""
        everything.total = sum(map(cost, named))
        shares = {job.run.key: job.share for job in jobs}
        done = everything.total - sum(cost(run) * (1 - shares.get(run.key, 0)) for run in missing)
        if not self._shown:
            everything.initial = everything.n = done
            self._shown = True
        everything.set_postfix_str(f"{len(named) - len(missing)} of {len(named)} runs", refresh=False)
        everything.update(done - everything.n)


def _failed(key: str, known: Known) -> bool:
    return key in known and known[key].outcome == "failed"
