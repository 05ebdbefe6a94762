"""What a study still needs: which runs, in which order, how far they are, and how long they will take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from vgg_lib.basics.errors import InputError
from vgg_lib.data.archive import check_whole
from vgg_lib.evidence.hardware import training_macs
from vgg_lib.evidence.records import Record
from vgg_lib.evidence.store import Known, Store
from vgg_lib.evidence.studies import Study
from vgg_lib.evidence.testing import Wanted
from vgg_lib.evidence.workshop import Workshop
from vgg_lib.training.photographs import photographs
from vgg_lib.training.runs import Run


@dataclass(frozen=True)
class Status:
    """Where a study stands: numbers of runs, the failures, and the hours left (``None`` until a run is finished)."""

    done: int
    diverged: int
    running: int
    failures: list[Record]
    to_do: int
    hours_left: float | None

    @property
    def failed(self) -> int:
        """How many runs have a record that says why there is no result."""
        return len(self.failures)


@dataclass
class Agenda:
    """What a study still needs. Runs with a record in ``store`` are done; the others are to be trained in ``workshop``.

    ``seeds`` is the largest number of runs of each arm, if not what the study says; a rule may want fewer. With
    ``again`` failed runs count as missing until they fail once more. Unless ``other_photographs`` than the published
    ones are meant, they are refused, and what was trained on them counts as missing. Raises :class:`InputError` for
    fewer than 1 seed.
    """

    study: Study
    store: Store
    workshop: Workshop
    seeds: int | None = None
    again: bool = False
    other_photographs: bool = False
    _given_up: set[str] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        if self.seeds is not None and self.seeds < 1:
            raise InputError(f"seeds is {self.seeds}: choose 1 or more")

    def known(self) -> Known:
        """What is known of each run that was trained, by its key."""
        latest = self.store.latest()
        return {key: record for key, record in latest.items() if self.takes(record)}

    def takes(self, record: Record) -> bool:
        """Whether a record tells of a training, on the photographs that are meant."""
        return not record.of_tests_alone and (self.other_photographs or not record.of_other_photographs)

    def runs(self, known: Known) -> list[Run]:
        """All runs that the study can name so far."""
        return self.study.runs(known, self.seeds)

    def missing(self, known: Known) -> list[Run]:
        """The runs without a record, in order; for a warm start whose weights are missing, the run that makes them.

        A run that is done and on this list all the same is there for its weights.
        """
        runs = self.runs(known)
        sources = {run.key: run for run in [*(record.run for record in known.values()), *runs]}
        missing = []
        for run in runs:
            if self.is_done(run.key, known):
                continue
            while (
                (source := sources.get(run.warm_start or ""))
                and not self.workshop.weights(source.key).exists()
                and not self._failed(source.key, known)
            ):
                run = source
            missing.append(run)
        return list(dict.fromkeys(missing))

    def wanted(self, run: Run, known: Known) -> Wanted:
        """What to measure of the net of a run that is missing: nothing of one that is there for its weights."""
        return Wanted() if self.is_done(run.key, known) else self.study.wanted(run)

    def check_measures(self, known: Known, root: Path | None = None) -> None:
        """See that all that is to be measured can be; raises :class:`InputError` where data for it is missing.

        Each measure is looked at once, also of runs that start from the weights of one that is to be trained first.
        """
        names = dict.fromkeys(name for run in self.runs(known) for name in self.wanted(run, known).measures)
        Wanted(measures=tuple(names)).check(root)

    def give_up(self, run: Run) -> None:
        """Count a run that has failed as done from now on."""
        self._given_up.add(run.key)

    def status(self, workers: int) -> Status:
        """Where the study stands. The hours left are for so many ``workers``, at the pace of what is done."""
        known = self.known()
        runs = self.runs(known)
        found = [known[run.key] for run in runs if run.key in known]
        missing = [run for run in runs if run.key not in known]
        running = sum(self.workshop.is_being_trained(run) for run in missing)
        diverged = sum(record.outcome == "diverged" for record in found)
        finished = [record for record in found if record.outcome == "finished"]
        return Status(
            done=len(finished) + diverged,
            diverged=diverged,
            running=running,
            failures=[record for record in found if record.outcome == "failed"],
            to_do=len(missing) - running,
            hours_left=self._hours(finished, missing, workers) if finished else None,
        )

    def _hours(self, finished: list[Record], missing: list[Run], workers: int) -> float:
        pace = sum(map(training_seconds, finished)) / sum(cost(record.run) for record in finished)
        work = sum(cost(run) * (1 - self.workshop.share_done(run)) for run in missing)
        return pace * work / min(workers, max(1, len(missing))) / 3600

    def is_done(self, key: str, known: Known) -> bool:
        """Whether nothing is to be trained for the run of that key: it has a result, or has failed for good."""
        if key not in known:
            return False
        return known[key].outcome != "failed" or not self.again or key in self._given_up

    def _failed(self, key: str, known: Known) -> bool:
        """Whether there will never be weights of a run."""
        return self.is_done(key, known) and (known[key].outcome == "failed" or key in self._given_up)


def cost(run: Run) -> float:
    """Multiply-adds of a training in units of 10¹²: what its time grows with; 0 for a net that cannot be built."""
    try:
        return training_macs(run) / 1e12
    except InputError:  # the run's own process will find out, and record why
        return 0.0


def training_seconds(record: Record) -> float:
    """Seconds of a training; where the record tells the processor's time, without pauses and other programs' work."""
    if record.processor_seconds is None or record.machine["device"] != "cpu":
        return record.seconds
    return record.processor_seconds / record.machine["threads"]


def read_photographs(runs: Iterable[Run], root: Path | None = None, *, whole: bool = True) -> None:
    """Find the photographs of runs and decode them, once, before several workers need them.

    Raises what the data set raises, and :class:`InputError` where they are to be the ``whole`` of the published ones,
    and are not.
    """
    wanted = {}
    for run in runs:
        for split in ("train", "val") if run.test_set == "validation" else ("train",):
            wanted[run.preset.data, run.preset.size, run.preset.squash, split] = run.preset
    for (*_, split), preset in wanted.items():
        photos = photographs(preset, split, root)
        if whole:
            check_whole(photos)
