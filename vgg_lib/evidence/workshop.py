"""The folder where runs are trained, and the one way from a run to its record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack

from filelock import FileLock, Timeout

from vgg_lib.basics.errors import InputError
from vgg_lib.basics.folders import way_out
from vgg_lib.evidence.hardware import steps
from vgg_lib.evidence.origin import origin
from vgg_lib.evidence.records import Record
from vgg_lib.evidence.store import Store
from vgg_lib.evidence.testing import Wanted, failed, record
from vgg_lib.training.checkpoints import DamagedError, load_state
from vgg_lib.training.loop import Watch, train
from vgg_lib.training.runs import Run
from vgg_lib.training.trained import Trained
from vgg_lib.training.weights import load_net, save_net

#: Seconds to wait for a run that another process may only look at, and not train.
PATIENCE = 0.1


class BusyError(InputError):
    """Another process is training the run."""


class Training(TypedDict, total=False):
    """Keywords of :func:`~vgg_lib.training.loop.train`: the data's folder, who watches the steps, whether bars show."""

    root: Path | None
    watch: Watch | None
    progress: bool


class Work(Training, total=False):
    """How a run is trained, and what becomes of its net.

    ``wanted`` is measured beside the error under the run's own protocol; ``weights`` is the file to save the weights
    to, if not the workshop's: a net that diverged is not saved there.
    """

    wanted: Wanted | None
    weights: Path | None


@dataclass(frozen=True)
class Workshop:
    """The folder where runs are trained: it holds their checkpoints, locks and weights, each named by the run's key.

    :meth:`do` is the whole way from a run to its record. On a cluster its two halves happen on two hosts:
    :meth:`attempt` where the run is trained, :meth:`finish` where the records are.
    """

    folder: Path

    def checkpoint(self, run: Run) -> Path:
        """The file with the state of a training that is not finished."""
        return self.folder / f"{run.key}.checkpoint"

    def weights(self, key: str) -> Path:
        """The file with the weights of the run of that key."""
        return self.folder / f"{key}.safetensors"

    @contextmanager
    def lock(self, run: Run, *, wait: bool = True) -> Iterator[None]:
        """Keep other processes from training the run; raises :class:`BusyError` while one of them does.

        It waits a moment for one that only looks whether the run is trained; without ``wait`` it raises for that too.
        """
        lock = FileLock(self._lock(run), timeout=PATIENCE if wait else 0)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout:  # which is an OSError too
            raise BusyError(
                f"run {run.key} is being trained by another process: wait for it, or choose another seed"
            ) from None
        except OSError as error:
            raise InputError(f"{self.folder} cannot be written ({error}): {way_out(self.folder)}") from error
        try:
            yield
        finally:
            lock.release()

    def is_being_trained(self, run: Run) -> bool:
        """Whether a process of this machine is training the run. Writes nothing where none ever did."""
        if not self._lock(run).exists():
            return False
        try:
            with self.lock(run, wait=False):
                return False
        except BusyError:
            return True

    def share_done(self, run: Run) -> float:
        """The share of its steps that a training has behind it, by its checkpoint; 0 where there is none."""
        try:
            state = load_state(self.checkpoint(run))
        except InputError:
            return 0.0
        return len(state["trained"]["steps"]) / steps(run) if state else 0.0

    def do(
        self,
        run: Run,
        store: Store,
        *,
        enough: Callable[[Record], bool] | None = None,
        attended: bool = False,
        **more: Unpack[Work],
    ) -> Record:
        """Train a run from where it stopped, test it, save its weights and its record, and return the record.

        A record that is in the store and is ``enough`` is returned at once; without ``enough`` the run is trained and
        its record added whatever is there. A run that fails gets a record with the reason, unless the training is
        ``attended``: then the error is raised. ``more`` is what :class:`Work` says.

        Raises :class:`BusyError` while another process trains the run, and :class:`InputError` for what is not the
        run's fault: photographs that cannot be read, no data for what is measured, a full disk, a store that takes no
        record.
        """
        with self.lock(run):
            if enough and (found := store.find(run)) and enough(found):
                return found
            store.check()
            result = self.attempt(run, attended=attended, **more)
            self.finish(result, store, anew=enough is None)
        return result

    def assist(self, run: Run, **training: Unpack[Training]) -> None:
        """Train a run in a process of ``torchrun`` that does not lead: the leading one does the rest in :meth:`do`."""
        self._train(run, **training)

    def attempt(self, run: Run, *, attended: bool = False, **more: Unpack[Work]) -> Record:
        """Train and test a run and save its weights; where that fails, the record has the reason.

        For the process that holds the lock. A checkpoint that is damaged, or half written, is removed first. Raises
        :class:`InputError` for what is not the run's fault. Where the training is ``attended`` every error is raised,
        and no checkpoint is removed.
        """
        if not attended:
            self._remove_what_is_broken(run)
        (more.get("wanted") or Wanted()).check(more.get("root"))  # data that is not here is no fault of the run
        try:
            return self._train_and_test(run, **more)
        except Exception as error:
            if attended or (isinstance(error, InputError) and isinstance(error.__cause__, OSError)):
                raise
            return failed(run, f"{type(error).__name__}: {error}")

    def finish(self, result: Record, store: Store, *, anew: bool = False) -> None:
        """Add a record to the store, then remove the checkpoint that led to it.

        A run that has a result in the store gets no second one, unless it was trained ``anew`` for that, or the first
        is of other photographs than the published ones, and not of these. Tests alone are no result of a training.
        """
        found = store.find(result.run)
        if anew or found is None or found.of_tests_alone or found.outcome == "failed" or not _is_of(found, result):
            store.add(result)
        if result.outcome != "failed":
            self.checkpoint(result.run).unlink(missing_ok=True)

    def _train_and_test(
        self, run: Run, *, wanted: Wanted | None = None, weights: Path | None = None, **training: Unpack[Training]
    ) -> Record:
        trained = self._train(run, **training)
        if weights is None or trained.outcome == "finished":
            save_net(trained.net, weights or self.weights(run.key), classes=trained.classes, run=run)
        return record(trained, root=training.get("root"), wanted=wanted, progress=training.get("progress", True))

    def _train(self, run: Run, **training: Unpack[Training]) -> Trained:
        start_from = load_net(self.weights(run.warm_start))[0] if run.warm_start else None
        engine = origin().engine  # now: files may change while it trains
        return train(run, start_from=start_from, checkpoint=self.checkpoint(run), engine=engine, **training)

    def _remove_what_is_broken(self, run: Run) -> None:
        """Remove a damaged checkpoint, and what killed processes had begun to write of a run.

        Raises :class:`InputError` for a checkpoint that cannot be read: it may hold days of work.
        """
        for part in self.folder.glob(f".{run.key}.*.part"):
            part.unlink(missing_ok=True)
        try:
            load_state(self.checkpoint(run))
        except DamagedError:
            self.checkpoint(run).unlink()  # no worse than a kill before the first epoch's end

    def _lock(self, run: Run) -> Path:
        return self.folder / f"{run.key}.lock"


def _is_of(found: Record, result: Record) -> bool:
    """Whether a record is of the published photographs, or of the same others as a result."""
    return not found.of_other_photographs or found.data == result.data
