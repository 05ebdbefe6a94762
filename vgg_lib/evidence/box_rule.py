"""How boxes on real photographs are judged. The paper says nothing of it, so that it is none of the claims."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import binomtest

from vgg_lib.evidence.recipes import Recipe, normalised
from vgg_lib.evidence.records import Record
from vgg_lib.evidence.rules import LEVEL
from vgg_lib.evidence.statistics import wilson
from vgg_lib.evidence.store import Known


@dataclass(frozen=True, slots=True)
class BoxesOnPhotographs:
    """A box net is right on more photographs than an answer that looks at none: McNemar's exact test.

    It is the net ``net`` made from the classifier of ``recipe`` and ``seed``; the answer is ``baseline``, the mean box
    or the whole picture. Of the test photographs those with a single box count: of the others it is not sure which box
    a prediction is of.
    """

    recipe: Recipe
    net: str = "PCR-all"
    seed: int = 0
    baseline: str = "mean box"

    def __str__(self) -> str:
        """The rule as a sentence."""
        return (
            f"McNemar's exact test over the test photographs with one box, two-sided at {100 * LEVEL:g} %: {self.net} "
            f"made from ({self.recipe}), seed {self.seed}, against the {self.baseline}."
        )

    def judge(self, known: Known) -> BoxJudgement | None:
        """What the records say; ``None`` while there is none of it."""
        found = known.get(self.recipe.run(self.seed).key)
        if found is None or MEASURED not in found.measurements:
            return None
        net, blind = (single(found, name) for name in (self.net, self.baseline))
        only = [sum(a > b for a, b in zip(*pair, strict=True)) for pair in ((net, blind), (blind, net))]
        p = float(binomtest(only[0], sum(only)).pvalue) if sum(only) else 1.0
        return BoxJudgement(self.baseline, len(net), sum(net), sum(blind), only[0], only[1], p)


#: The measure that the rule reads.
MEASURED = "boxes on photographs"


def single(record: Record, name: str) -> list[bool]:
    """Whether a box net, or a baseline, is right on each test photograph with a single box."""
    measured = record.measurements[MEASURED]
    return [one == "1" for one, alone in zip(measured["right"][name], measured["single"], strict=True) if alone == "1"]


@dataclass(frozen=True, slots=True)
class BoxJudgement:
    """Numbers of photographs: all, those that net and ``baseline`` are right on, those that only one is; and p."""

    baseline: str
    photographs: int
    net: int
    blind: int
    only_net: int
    only_blind: int
    p: float

    @property
    def verdict(self) -> str:
        """Whether the net beats the answer that looks at no photograph."""
        if self.p >= LEVEL:
            return "cannot be told apart"
        return f"the {'net' if self.only_net > self.only_blind else self.baseline} is better"

    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval for the net's error in percent, for the choice of photographs alone."""
        return wilson(self.photographs - self.net, self.photographs)


#: As the paper made its box nets: from D.
ON_PHOTOGRAPHS = BoxesOnPhotographs(normalised("D"))
