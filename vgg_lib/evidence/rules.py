"""How a claim is judged: a few kinds of rule, each of which says what must be trained and what the records then say.

A claim's rule is data, committed before the records that it judges. What is trained follows from the rules, so what is
trained and what is judged cannot differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from vgg_lib.evidence.arms import Arm, arm, mixed
from vgg_lib.evidence.recipes import Recipe
from vgg_lib.evidence.records import Record
from vgg_lib.evidence.statistics import Estimate, equivalence, paired_contrast, smallest_detectable, smallest_margin
from vgg_lib.evidence.store import Known

#: The level of the family of all rules, and the power at which an effect counts as one that a test could see.
LEVEL, POWER = 0.05, 0.8

#: ``to be tested`` while an arm is not whole: pages say *rule committed* then, and how many seeds there are.
Verdict = Literal["reproduced", "contradicted", "inconclusive", "to be tested"]

#: How a run ends by the thresholds of a rule without a test.
Ending = Literal["trains", "stalls", "diverges", "neither"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the records say of a claim.

    ``effect`` and its interval are in ``unit``; ``p`` is two-sided, before the correction for the other claims, and
    ``None`` while not all is trained. ``smallest_detectable`` is the effect that the test would have found with a
    probability of 80 %, or the margin that it could have shown, if it were the only test. ``seeds`` are those that are
    whole, and those that the rule wants. ``mixed`` says what the records differ in that a comparison should not.
    ``provisional`` is one that only the correction for claims whose runs are missing makes inconclusive. ``counts`` say
    what the runs did under a rule without a test, recipe by recipe.
    """

    verdict: Verdict
    seeds: tuple[int, int]
    unit: str = "percentage points"
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_holm: float | None = None
    smallest_detectable: float | None = None
    mixed: tuple[str, ...] = ()
    provisional: bool = False
    counts: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether all seeds that the rule wants are there."""
        return self.seeds[0] == self.seeds[1]

    def at(self, p_holm: float, *, waits: bool = False) -> Judgement:
        """The same with its p corrected for all claims: too large a one decides nothing. It ``waits`` for some."""
        if p_holm < LEVEL or self.p is None:
            return replace(self, p_holm=p_holm)
        return replace(self, p_holm=p_holm, verdict="inconclusive", provisional=waits and self.p < LEVEL)


@dataclass(frozen=True, slots=True)
class Superiority:
    """The challenger errs less than the baseline, or than each of several baselines.

    A contrast is the error of a baseline minus that of ``challenger``, paired by seed. ``pool`` are other arms of the
    same way of training, whose residuals help to estimate the error of a difference. *Reproduced* where the contrast
    with each baseline is significantly above 0 (an intersection-union test); *contradicted* where that with one of
    them is significantly below 0 (Bonferroni over the baselines). Effect, interval and what could be seen are those of
    the contrast that decides, which is the least certain to be above 0.
    """

    baseline: tuple[Arm, ...]
    challenger: Arm
    seeds: int = 5
    pool: tuple[Arm, ...] = ()

    def arms(self) -> tuple[Arm, ...]:
        """What must be trained and tested."""
        return (*self.baseline, self.challenger)

    def __str__(self) -> str:
        """The rule as a sentence."""
        each = "each of " if len(self.baseline) > 1 else ""
        of = " | ".join(map(str, self.baseline))
        contrast = f"the error of {each}({of}) minus that of ({self.challenger})"
        return f"Superiority over {self.seeds} seeds: {contrast} is above 0.{_pooled(self.pool)}"

    def judge(self, known: Known) -> Judgement:
        """The verdict before the correction for the other claims."""
        judgement, estimates = contrasts(self, known, self.baseline, self.challenger)
        if not judgement.is_whole:
            return judgement
        decides = _that_decides(estimates)
        above = _one_sided(decides)
        below = min(1.0, len(estimates) * (1 - above))
        seen = smallest_detectable(decides.standard_error, decides.df, level=LEVEL, power=POWER)
        verdict: Verdict = "reproduced" if above < below else "contradicted"
        return replace(judgement, verdict=verdict, p=min(1.0, 2 * min(above, below)), smallest_detectable=seen)


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Two arms err equally often, to within ``margin`` percentage points: two one-sided tests.

    The contrast is the error of ``one`` minus that of ``other``, paired by seed. *Reproduced* says "less than the
    margin", not "nothing"; *contradicted* where the difference is significantly larger than the margin.
    """

    one: Arm
    other: Arm
    seeds: int = 5
    margin: float = 1.0
    pool: tuple[Arm, ...] = ()

    def arms(self) -> tuple[Arm, ...]:
        """What must be trained and tested."""
        return (self.one, self.other)

    def __str__(self) -> str:
        """The rule as a sentence."""
        return (
            f"Equivalence over {self.seeds} seeds: the errors of ({self.one}) and ({self.other}) differ by less than "
            f"{self.margin:g} point{'s' if self.margin != 1 else ''}.{_pooled(self.pool)}"
        )

    def judge(self, known: Known) -> Judgement:
        """The verdict before the correction for the other claims."""
        judgement, estimates = contrasts(self, known, (self.one,), self.other)
        if not judgement.is_whole:
            return judgement
        (estimate,) = estimates
        within = equivalence(estimate, self.margin)
        seen = smallest_margin(estimate.standard_error, estimate.df, level=LEVEL / 2, power=POWER)
        verdict: Verdict = "reproduced" if within <= 0.5 else "contradicted"
        return replace(judgement, verdict=verdict, p=2 * min(within, 1 - within), smallest_detectable=seen)


@dataclass(frozen=True, slots=True)
class EveryRun:
    """Each run of some recipes trains, or stalls, by a threshold and without a test.

    A run *trains* where its last epoch's mean training loss is below ``loss`` and its error below ``error`` percent.
    It *stalls* where that loss is within ``within`` of guessing's, ln(classes), or where it diverged. *Reproduced*
    where every run of ``trains`` trains and every run of at least one recipe of ``stalls``, if there is any, stalls:
    that a bad start *can* stall the learning is what the paper says. *Contradicted* where no run of some recipe of
    ``trains`` trains, or no run of ``stalls`` stalls.
    """

    trains: tuple[Recipe, ...]
    stalls: tuple[Recipe, ...] = ()
    seeds: int = 3
    loss: float = 1.0
    error: float = 50.0
    within: float = 0.01

    def arms(self) -> tuple[Arm, ...]:
        """What must be trained and tested."""
        return tuple(arm(recipe) for recipe in (*self.trains, *self.stalls))

    def __str__(self) -> str:
        """The rule as a sentence."""
        told = (
            f"Every one of {self.seeds} runs each of {', '.join(map(str, self.trains))} trains: its last loss is below "
            f"{self.loss:g} and its error below {self.error:g} %"
        )
        if self.stalls:
            told += (
                f"; and of at least one of ({' | '.join(map(str, self.stalls))}) every run stalls: its last loss is "
                f"within {self.within:g} of guessing's, or it diverges"
            )
        return f"{told}."

    def judge(self, known: Known) -> Judgement:
        """The verdict, which no correction changes. The effect is the share of runs that did as the claim says."""
        of = {recipe: arm(recipe) for recipe in (*self.trains, *self.stalls)}
        runs = {recipe: [found for s in range(self.seeds) for found in a.records(known, s)] for recipe, a in of.items()}
        whole = min(map(len, runs.values()))
        judgement = Judgement(
            "to be tested", (whole, self.seeds), "% of runs", mixed=mixed(self.arms(), known, self.seeds)
        )
        if whole < self.seeds:
            return judgement
        ends = {recipe: [self.ending(record) for record in records] for recipe, records in runs.items()}
        trained = [[end == "trains" for end in ends[recipe]] for recipe in self.trains]
        stalled = [[end in ("stalls", "diverges") for end in ends[recipe]] for recipe in self.stalls]
        as_said = sum(map(sum, trained)) + max(map(sum, stalled), default=0)
        effect = 100 * as_said / (self.seeds * (len(trained) + bool(stalled)))
        verdict: Verdict = "inconclusive"
        if all(map(all, trained)) and (not stalled or any(map(all, stalled))):
            verdict = "reproduced"
        elif not all(map(any, trained)) or (stalled and not any(map(any, stalled))):
            verdict = "contradicted"
        return replace(judgement, verdict=verdict, effect=effect, counts=self._counts(ends))

    def ending(self, record: Record) -> Ending:
        """How a run ended. To the verdict a divergence is a stall."""
        loss = record.losses[-1] if record.losses else None
        if record.outcome == "diverged" or loss is None:
            return "diverges"
        if abs(loss - math.log(record.classes)) <= self.within:
            return "stalls"
        trained = record.outcome == "finished" and loss < self.loss and record.error < self.error
        return "trains" if trained else "neither"

    def _counts(self, ends: dict[Recipe, list[Ending]]) -> tuple[str, ...]:
        """Such as ``D plain: 2 of 3 train``, and how many of those that are meant to stall did, or diverged."""
        told = []
        for recipe, ended in ends.items():
            of, diverged = f"of {len(ended)}", ended.count("diverges")
            trains = recipe in self.trains
            did = f"{ended.count('trains')} {of} train" if trains else f"{ended.count('stalls')} {of} stall"
            told.append(f"{recipe}: {did}" + f", {diverged} diverged" * bool(diverged))
        return tuple(told)


@dataclass(frozen=True, slots=True)
class Exact:
    """Arithmetic: the check holds, or it does not."""

    check: Callable[[], bool]

    def arms(self) -> tuple[Arm, ...]:
        """Nothing is trained."""
        return ()

    def __str__(self) -> str:
        """The rule as a sentence."""
        return "Exact: computed from the layers, no training."

    def judge(self, known: Known) -> Judgement:
        """The verdict."""
        return Judgement("reproduced" if self.check() else "contradicted", (0, 0), "exact")


Rule = Superiority | Equivalence | EveryRun | Exact


def contrasts(
    rule: Superiority | Equivalence, known: Known, baselines: Sequence[Arm], challenger: Arm
) -> tuple[Judgement, list[Estimate]]:
    """The contrast with each baseline, and the judgement without its verdict; no contrast under two whole seeds.

    The judgement has effect and interval of the contrast that decides.
    """
    errors = {str(arm): [arm.error(known, seed) for seed in range(rule.seeds)] for arm in (*rule.arms(), *rule.pool)}
    table = pd.DataFrame(errors)
    whole = int(table[list(map(str, rule.arms()))].notna().all(axis=1).sum())
    judgement = Judgement("to be tested", (whole, rule.seeds), mixed=mixed(rule.arms(), known, rule.seeds))
    if whole < 2:
        return judgement, []
    pool = list(map(str, rule.pool))
    estimates = [
        paired_contrast(table[[str(arm), str(challenger), *pool]], str(arm), str(challenger)) for arm in baselines
    ]
    decides = _that_decides(estimates)
    return replace(judgement, effect=decides.effect, low=decides.low, high=decides.high), estimates


def _pooled(pool: tuple[Arm, ...]) -> str:
    """The arms that help to estimate a spread, as a sentence; nothing where there are none."""
    names = [str(recipe) for arm in pool for recipe in arm.recipes]
    return f" The spread is estimated with the help of ({' | '.join(names)})." if names else ""


def _that_decides(estimates: Sequence[Estimate]) -> Estimate:
    """The contrast of the largest p of "the true difference is 0 or less"; of equals that of the smallest effect."""
    return max(estimates, key=lambda estimate: (_one_sided(estimate), -estimate.effect))


def _one_sided(estimate: Estimate) -> float:
    """The p of "the true difference is 0 or less"."""
    return estimate.p / 2 if estimate.effect > 0 else 1 - estimate.p / 2
