"""Arms: what a claim compares, as recipes to train and a number to read from their records."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from vgg_lib.evaluation.posteriors import top_errors
from vgg_lib.evaluation.protocols import Protocol
from vgg_lib.evidence.recipes import Recipe
from vgg_lib.evidence.records import Record, unpack_posteriors
from vgg_lib.evidence.store import Known


@dataclass(frozen=True, slots=True)
class Arm:
    """One side of a comparison: recipes, fused where there are several, and how their nets are tested.

    ``measured`` takes a number from what the record measured beside the errors, by its path, such as
    ``transfer.trained``; else it is the top-1 error in percent under ``protocol``.
    """

    recipes: tuple[Recipe, ...]
    protocol: Protocol
    measured: str | None = None

    def __str__(self) -> str:
        """Such as ``D normalised, dense at Q = 73, mirrored too``."""
        return f"{' and '.join(map(str, self.recipes))}, {self.measured or self.protocol}"

    def records(self, known: Known, seed: int) -> list[Record]:
        """The records of that seed that count.

        Not those that failed, nor tests of weights whose training is not recorded, nor what was trained or tested on
        other photographs than the published ones.
        """
        found = (known.get(recipe.run(seed).key) for recipe in self.recipes)
        finished = [r for r in found if r is not None and r.outcome != "failed"]
        return [r for r in finished if not r.of_tests_alone and not r.of_other_photographs]

    def error(self, known: Known, seed: int) -> float:
        """The error in percent, chance for a run that diverged; nan while it is not known.

        That of several nets is not known from tests that kept no posteriors. A net that diverged is not measured, so
        that what is ``measured`` stays nan for its seed: a claim about it is undecided for ever once one run of its
        arms has diverged.
        """
        records = self.records(known, seed)
        if len(records) < len(self.recipes):
            return math.nan
        if self.measured is not None:
            value = _at(records[0], *self.measured.split("."))
            return float(value) if isinstance(value, int | float) else math.nan
        if not all(record.was_tested(self.protocol) for record in records):
            return math.nan
        if len(records) == 1 or any(record.outcome == "diverged" for record in records):
            return max(record.error_under(self.protocol) for record in records)
        tests = [record.evaluation(self.protocol) for record in records]
        kept = [test.posteriors for test in tests if test.posteriors]
        if len(kept) < len(tests):
            return math.nan
        scores = [unpack_posteriors(text, records[0].classes) for text in kept]
        targets, _ = tests[0].answers()
        return top_errors(sum(scores[1:], scores[0]), targets)["top1"]


def _at(record: Record, *path: str) -> Any:
    """What a record has measured beside the errors at that path; an empty dictionary where there is nothing."""
    value: Any = record.measurements
    for step in path:
        value = value.get(step, {})
    return value


def arm(*recipes: Recipe, protocol: Protocol | None = None, measured: str | None = None) -> Arm:
    """An arm tested as its runs are by themselves (Table 3: densely at Q = S, or the middle of S), or otherwise."""
    return Arm(recipes, protocol or recipes[0].any_seed.protocol, measured)


def mixed(arms: Iterable[Arm], known: Known, seeds: int) -> tuple[str, ...]:
    """What the records of a comparison differ in that they should not: engines, processors, precisions, photographs."""
    of_arms = [(arm, record) for arm in arms for seed in range(seeds) for record in arm.records(known, seed)]
    records = [record for _, record in of_arms]
    measured_on = [_at(record, arm.measured.split(".")[0], "data") for arm, record in of_arms if arm.measured]
    differ: dict[str, set[object]] = {
        "engines": {record.origin and record.origin.engine for record in records},
        "processors": {(record.machine.get("device"), record.machine.get("processor")) for record in records},
        "precisions": {record.machine.get("precision") for record in records},
        "threads": {record.machine.get("threads") for record in records},
        "versions of PyTorch": {record.machine.get("torch") for record in records},
        "data": {tuple(sorted(record.data.items())) for record in records if record.outcome == "finished"},
        "data sets measured on": {tuple(sorted(data.items())) for data in measured_on if data},
    }
    return tuple(f"{len(values)} {what}" for what, values in differ.items() if len(values) > 1)
