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
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import NoReturn

import torch
from filelock import FileLock, Timeout
from tqdm.auto import tqdm

from vgg_lib import machine
from vgg_lib.checkpoints import load_state
from vgg_lib.errors import InputError
from vgg_lib.geometry import macs
from vgg_lib.progress import bar
from vgg_lib.recording import failed, record
from vgg_lib.runs import Record, Run, Store
from vgg_lib.studies import Known, Study
from vgg_lib.training import Watch, photographs, train
from vgg_lib.weights import load_net, save_net

#: So often may a run's process die (killed, out of memory) before the run is recorded as failed.
DEATHS = 3

#: Seconds until a run that another queue trains is asked for again.
ASK_AGAIN = 5.0

#: A worker starts from nothing: a forked one would inherit threads' locks.
_SPAWN = get_context("spawn")

#: The line for all runs of a study.
_ALL = "{desc}: {percentage:3.0f}%|{bar}| {postfix} [{elapsed}<{remaining}]"


def _interval() -> float:
    """Seconds between two drawings of a line: a log file wants fewer than a terminal."""
    return 0.2 if sys.stderr.isatty() else 60.0


@dataclass(frozen=True)
class Workshop:
    """The folder where runs are worked on: their checkpoints, locks, and weights, each under the run's key."""

    folder: Path

    def checkpoint(self, run: Run) -> Path:
        """The state of a training that is not done."""
        return self.folder / f"{run.key}.checkpoint"

    def weights(self, key: str) -> Path:
        """What came out of a training."""
        return self.folder / f"{key}.safetensors"

    def lock(self, run: Run) -> FileLock:
        """Held by the process that trains the run."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return FileLock(self.folder / f"{run.key}.lock", blocking=False)

    def is_being_trained(self, run: Run) -> bool:
        """Whether some process of this machine trains the run now."""
        if not self.folder.is_dir():
            return False
        try:
            with self.lock(run):
                return False
        except Timeout:
            return True


def cost(run: Run) -> float:
    """Multiply-adds of a training's forward passes, in units of 10¹²: what its time grows with."""
    p = run.preset
    images = {"embedded": 2000, "imagenette": 9469}[p.data]
    return macs(run.network, image_size=p.crop, num_classes=10, width=p.width) * images * p.epochs / 1e12


def perform(run: Run, workshop: Workshop, *, root: Path | None = None, watch: Watch | None = None) -> Record:
    """Train a run from where it stopped, test it, keep its weights: its record, with the reason where it failed.

    Raises :class:`InputError` for what is not the run's fault: photographs that cannot be read, a full disk.
    """
    checkpoint = workshop.checkpoint(run)
    try:
        load_state(checkpoint)
    except InputError:
        checkpoint.unlink()  # no worse than a kill before the first epoch's end
    try:
        start_from = load_net(workshop.weights(run.warm_start))[0] if run.warm_start else None
        trained = train(run, root=root, start_from=start_from, checkpoint=checkpoint, watch=watch, progress=False)
        made = record(trained, root=root, progress=False)
        save_net(trained.net, workshop.weights(run.key), classes=trained.classes, run=run)
    except Exception as error:
        if isinstance(error, InputError) and isinstance(error.__cause__, OSError):
            raise
        return failed(run, f"{type(error).__name__}: {error}")
    return made


def finish(made: Record, workshop: Workshop, store: Store) -> None:
    """Put a record into the store, unless the run is there already, and remove the checkpoint that led to it."""
    before = store.find(made.run)
    if before is None or before.outcome == "failed":
        store.add(made)
    workshop.checkpoint(made.run).unlink(missing_ok=True)


def _work(
    run: Run, workshop: Workshop, store: Store, root: Path | None, again: bool, threads: int, queue: Connection
) -> None:
    """The life of a worker's process: one run, unless it is done or another process is at it. Ends with the queue."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the queue is told, and ends its workers
    torch.set_num_threads(threads)
    try:
        with workshop.lock(run):
            known = store.find(run)
            retry = known is not None and known.outcome == "failed" and again
            if known is not None and not retry and workshop.weights(run.key).exists():
                queue.send("done")
                return
            made = perform(run, workshop, root=root, watch=_telling(queue))
            finish(made, workshop, store)
        queue.send("failed" if made.outcome == "failed" else "done")
    except Timeout:
        queue.send("elsewhere")
    except InputError as error:
        queue.send(InputError(str(error)))
    except BrokenPipeError:  # the queue was killed: the checkpoint waits for the next one
        sys.exit(1)


def _telling(queue: Connection) -> Watch:
    """Tell the queue of a step, twice a second at most."""
    last = 0.0

    def tell(done: int, total: int, loss: float) -> None:
        nonlocal last
        if time.monotonic() - last > 0.5:
            queue.send((done, total, loss))
            last = time.monotonic()

    return tell


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
        except EOFError:
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
    Raises :class:`InputError` for a negative number of workers or seeds.
    """

    study: Study
    store: Store
    workshop: Workshop
    seeds: int | None = None
    workers: int = 0
    root: Path | None = None
    again: bool = False

    def __post_init__(self) -> None:
        for name, number in (("workers", self.workers), ("seeds", self.seeds)):
            if number is not None and number < 0:
                raise InputError(f"{name} is {number}: choose 1 or more")
        self.workers = self.workers or (1 if torch.cuda.is_available() else machine.cores())
        self.threads = max(1, machine.cores() // self.workers)
        self._deaths: Counter[str] = Counter()
        self._failed_here: set[str] = set()
        self._elsewhere: dict[str, float] = {}  # runs that another queue trains: until when not to ask again
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
            if source and not self.workshop.weights(source.key).exists() and not _failed(source.key, known):
                run = source
            missing.append(run)
        return list(dict.fromkeys(missing))

    def _is_done(self, key: str, known: Known) -> bool:
        return key in known and not (_failed(key, known) and self.again and key not in self._failed_here)

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

        Raises :class:`InputError` for what would stop every run: no photographs, a full disk.
        """
        known = self.store.latest()
        for preset in dict.fromkeys(run.preset for run in self.missing(known)):
            photographs(preset, "train", self.root)  # decoded once, before several workers want them
        jobs: dict[Connection, _Job] = {}
        with bar(1, self.study.name, "run", bar_format=_ALL, position=0, mininterval=_interval()) as everything:
            try:
                while missing := self.missing(known):
                    self._start(missing, jobs)
                    self._show(everything, self.named(known), missing, jobs)
                    while not self._listen(jobs):
                        self._show(everything, self.named(known), missing, jobs)
                    known = self.store.latest()
                self._show(everything, self.named(known), [], jobs)
            finally:
                for job in jobs.values():
                    job.end()

    def _start(self, missing: list[Run], jobs: dict[Connection, _Job]) -> None:
        """Give each free worker the next run that nobody is known to train."""
        now = time.monotonic()
        taken = {job.run.key for job in jobs.values()} | {k for k, until in self._elsewhere.items() if until > now}
        for run in [run for run in missing if run.key not in taken][: self.workers - len(jobs)]:
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
        """Wait a second for what the workers say, and let those go that are done. Whether there is something new."""
        if not jobs:  # all that is missing is trained by other queues
            time.sleep(1)
        ended = len(jobs) < self.workers and bool(self._elsewhere)
        for child in connection.wait(list(jobs), timeout=1) if jobs else []:
            assert isinstance(child, Connection)
            job = jobs[child]
            job.hear(child)
            if job.answer is None:
                continue
            del jobs[child]
            job.end()
            if isinstance(job.answer, InputError):
                raise job.answer
            if job.answer == "elsewhere":
                self._elsewhere[job.run.key] = time.monotonic() + ASK_AGAIN
            if job.answer == "died":
                self._died(job.run, job.process.exitcode)
            if job.answer == "failed":
                self._failed_here.add(job.run.key)
            ended = True
        return ended or not jobs

    def _died(self, run: Run, code: int | None) -> None:
        """A worker's process ended without a word: its run goes on from its checkpoint, but not for ever."""
        self._deaths[run.key] += 1
        if self._deaths[run.key] == DEATHS:
            with suppress(Timeout), self.workshop.lock(run):
                reason = f"its process ended {DEATHS} times, last with exit code {code} (out of memory?)"
                finish(failed(run, reason), self.workshop, self.store)
            self._failed_here.add(run.key)

    def _show(
        self, everything: tqdm[NoReturn], named: list[Run], missing: list[Run], jobs: dict[Connection, _Job]
    ) -> None:
        """The line for all runs: its unit is work, so that the time left counts a long run as long."""
        shares = {job.run.key: job.share for job in jobs.values()}
        everything.total = sum(map(cost, named))
        done = everything.total - sum(cost(run) * (1 - shares.get(run.key, 0)) for run in missing)
        if not self._shown:
            everything.initial = everything.n = done
            self._shown = True
        everything.set_postfix_str(f"{len(named) - len(missing)} of {len(named)} runs", refresh=False)
        everything.update(done - everything.n)


def _failed(key: str, known: Known) -> bool:
    return key in known and known[key].outcome == "failed"
