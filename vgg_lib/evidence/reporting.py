"""How far runs are: what their workers report, and the line that shows it for a whole study."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NoReturn

from tqdm.auto import tqdm

from vgg_lib.basics.progress import bar
from vgg_lib.evidence.agenda import Agenda, cost
from vgg_lib.evidence.store import Known
from vgg_lib.training.loop import Watch
from vgg_lib.training.runs import Run

#: Of a training: steps done, steps in all, the loss.
Report = tuple[int, int, float]

_FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {postfix} [{elapsed}<{remaining}]"


class Abandoned(BaseException):
    """The queue that wanted a run is gone. No fault of the run, so ``except Exception`` must not catch it."""


def reporter(send: Callable[[Report], None]) -> Watch:
    """A watch that sends a report of a step, twice a second at most; raises :class:`Abandoned` where nobody listens."""
    last = 0.0

    def report(done: int, total: int, loss: float) -> None:
        nonlocal last
        if time.monotonic() - last > 0.5:
            try:
                send((done, total, loss))
            except BrokenPipeError as error:
                raise Abandoned from error
            last = time.monotonic()

    return report


def redraw_after() -> float:
    """Seconds between two drawings of a line: a log file wants fewer than a terminal."""
    return 0.2 if sys.stderr.isatty() else 60.0


class StudyLine:
    """The line for all runs of a study. Its unit is work, so that the time left counts a long run as long."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda
        name, interval = agenda.study.name, redraw_after()
        self._bar: tqdm[NoReturn] = bar(1, name, "run", bar_format=_FORMAT, position=0, mininterval=interval)
        self._left: dict[str, float] = {}  # the costs of missing runs, by their keys
        self._started = False

    def count(self, known: Known, missing: Iterable[Run]) -> None:
        """Count what is to be trained, after a change of the records.

        What is ``missing`` has other runs in it where weights that a warm start wants are to be made again.
        """
        costs = {run.key: cost(run) for run in self._agenda.runs(known)}
        to_do = {key: work for key, work in costs.items() if not self._agenda.is_done(key, known)}
        self._left = to_do | {run.key: cost(run) for run in missing}
        self._bar.total = sum((costs | self._left).values())
        self._bar.set_postfix_str(f"{len(costs) - len(to_do)} of {len(costs)} runs", refresh=False)

    def draw(self, shares: Mapping[str, float]) -> None:
        """Draw what is done, given the ``shares`` that are done of runs in training, by their keys."""
        left = sum(work * (1 - shares.get(key, 0)) for key, work in self._left.items())
        done = (self._bar.total or 0) - left
        if not self._started:  # what was done before now tells no pace
            self._bar.initial = self._bar.n = done
            self._started = True
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Leave the line as it is."""
        self._bar.close()
