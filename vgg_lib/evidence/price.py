"""What a verdict costs: the trainings of its rule in hours of one core, and the seeds that would settle it."""

from __future__ import annotations

from collections.abc import Iterable

from vgg_lib.basics.errors import InputError
from vgg_lib.evidence.agenda import cost
from vgg_lib.evidence.evidence import arms_of
from vgg_lib.evidence.records import Record
from vgg_lib.evidence.rules import LEVEL, POWER
from vgg_lib.evidence.statistics import power_of
from vgg_lib.evidence.store import Known
from vgg_lib.training.runs import Run

#: No more seeds than this are looked for.
MOST_SEEDS = 999


def runs_of(claim: str, seeds: int | None = None) -> list[Run]:
    """The trainings that a claim's rule wants, each once, with those that another starts from.

    ``seeds`` of each arm, if not as many as the rule wants. None for a claim that no run judges.
    """
    found: dict[Run, None] = {}
    for arm, count in arms_of(claim):
        for recipe in arm.recipes:
            for seed in range(seeds or count):
                for one in recipe.chain:
                    found[one.run(seed)] = None
    return list(found)


def pace(records: Iterable[Record]) -> dict[bool, float]:
    """Hours of one core for each unit of :func:`~vgg_lib.evidence.agenda.cost`, without and with batch normalisation.

    It is that of all finished trainings of the records whose processor time is known. A kind of which there is none is
    left out.
    """
    spent: dict[bool, list[float]] = {}
    for record in records:
        if record.outcome == "finished" and record.processor_seconds is not None and record.machine["device"] == "cpu":
            hours, work = spent.setdefault(record.run.batch_norm, [0.0, 0.0])
            spent[record.run.batch_norm] = [hours + record.processor_seconds / 3600, work + cost(record.run)]
    return {kind: hours / work for kind, (hours, work) in spent.items()}


def hours(runs: Iterable[Run], at: dict[bool, float]) -> float:
    """Hours of one core that trainings take at a :func:`pace`; raises :class:`InputError` for a kind without one."""
    total = 0.0
    for run in runs:
        if run.batch_norm not in at:
            raise InputError(f"no record tells the pace of {run}: train one of its kind first")
        total += cost(run) * at[run.batch_norm]
    return total


def still_to_train(claim: str, known: Known) -> list[Run]:
    """The trainings that a claim's rule wants and that are not recorded."""
    return [run for run in runs_of(claim) if run.key not in known or known[run.key].of_tests_alone]


def seeds_to_see(difference: float, deviation: float, *, level: float = LEVEL, power: float = POWER) -> int | None:
    """How many seeds of each of two arms find a true difference with that power; ``None`` for more than 999.

    ``deviation`` is that of the residuals of *error = arm + seed + residual*; both are in points. The two arms are
    compared by themselves, so that n seeds leave n − 1 degrees of freedom. Raises :class:`InputError` for a difference
    or a deviation that is not above 0.

    >>> seeds_to_see(1.0, deviation=0.5)
    7
    """
    if not (difference > 0 and deviation > 0):
        raise InputError(f"difference {difference} and deviation {deviation}: choose both above 0")
    for n in range(2, MOST_SEEDS + 1):
        if power_of(difference, deviation * (2 / n) ** 0.5, n - 1, level) >= power:
            return n
    return None
