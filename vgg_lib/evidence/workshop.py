"""The folder where runs are worked on, and how one is done there: trained, tested, kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from vgg_lib.basics.errors import InputError
from vgg_lib.evidence.records import Record
from vgg_lib.evidence.store import Store
from vgg_lib.evidence.testing import failed, record
from vgg_lib.training.checkpoints import load_state
from vgg_lib.training.loop import Watch, train
from vgg_lib.training.runs import Run
from vgg_lib.training.weights import load_net, save_net


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
        """Held by the process that trains the run; taking it raises ``Timeout`` while another one holds it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return FileLock(self.folder / f"{run.key}.lock", timeout=0)

    def is_being_trained(self, run: Run) -> bool:
        """Whether some process of this machine trains the run now. Writes nothing where none ever did."""
        if not (self.folder / f"{run.key}.lock").exists():
            return False
        try:
            with self.lock(run):
                return False
        except Timeout:
            return True

    def sweep(self, run: Run) -> None:
        """Remove what killed processes had begun to write of a run. For the one that holds its lock."""
        for part in self.folder.glob(f".{run.key}.*.part"):
            part.unlink(missing_ok=True)


def perform(
    run: Run, workshop: Workshop, *, root: Path | None = None, watch: Watch | None = None, progress: bool = False
) -> Record:
    """Train a run from where it stopped, test it, keep its weights: its record, with the reason where it failed.

    Raises :class:`InputError` for what is not the run's fault: photographs that cannot be read, a full disk.
    """
    checkpoint = workshop.checkpoint(run)
    workshop.sweep(run)
    try:
        load_state(checkpoint)
    except InputError:
        checkpoint.unlink()  # no worse than a kill before the first epoch's end
    try:
        start_from = load_net(workshop.weights(run.warm_start))[0] if run.warm_start else None
        trained = train(run, root=root, start_from=start_from, checkpoint=checkpoint, watch=watch, progress=progress)
        made = record(trained, root=root, progress=progress)
        save_net(trained.net, workshop.weights(run.key), classes=trained.classes, run=run)
    except Exception as error:
        if isinstance(error, InputError) and isinstance(error.__cause__, OSError):
            raise
        return failed(run, f"{type(error).__name__}: {error}")
    return made


def finish(made: Record, workshop: Workshop, store: Store) -> None:
    """Put a record into the store, unless the run is there already, and remove the checkpoint that led to a result."""
    before = store.find(made.run)
    if before is None or before.outcome == "failed":
        store.add(made)
    if made.outcome != "failed":
        workshop.checkpoint(made.run).unlink(missing_ok=True)
