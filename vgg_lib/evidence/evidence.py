"""The studies that judge the claims: their runs and what is measured of them follow from the claims' rules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from vgg_lib.evidence.arms import Arm
from vgg_lib.evidence.claims import CLAIMS
from vgg_lib.evidence.measures import MEASURES
from vgg_lib.evidence.recipes import Recipe
from vgg_lib.evidence.rules import Exact
from vgg_lib.evidence.store import Known
from vgg_lib.evidence.testing import Test, Wanted
from vgg_lib.training.runs import Run


@dataclass(frozen=True, slots=True)
class Group:
    """Claims whose arms are trained together, all of a seed before any of the next: pairs come from one machine.

    ``beside`` are claims whose descriptive arms are trained with them.
    """

    rules: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()


#: The claims that are judged on the embedded set, whose boxes are exact: a study of their own.
_OF_BOXES = ("class-boxes", "tuned-boxes")

#: In the order in which they are trained.
GROUPS = (
    Group(("depth", "small-filters", "context", "transfer"), beside=("depth",)),
    Group(("lrn",)),
    Group(("jitter", "multi-scale", "dense-vs-crops", "complementary", "fusion")),
    Group(("no-normalisation", "depth-plain", "warm-start")),
    Group(("bad-start",)),
    Group(beside=tuple(name for name in CLAIMS if name not in _OF_BOXES)),
)

GROUPS_OF_BOXES = (Group(_OF_BOXES), Group(beside=_OF_BOXES))


def arms_of(claim: str) -> list[tuple[Arm, int]]:
    """The arms of a claim's rule, each with its number of seeds."""
    rule = CLAIMS[claim].rule
    return [] if rule is None or isinstance(rule, Exact) else [(arm, rule.seeds) for arm in rule.arms()]


def arms_beside(claim: str) -> list[tuple[Arm, int]]:
    """The arms that are described beside a claim's verdict, each with its number of seeds."""
    return [(arm, some.seeds) for some in CLAIMS[claim].beside for arm in some.arms]


def study_of(claim: str) -> str:
    """The study whose records judge a claim."""
    return "localisation" if claim in _OF_BOXES else "evidence"


def runs(known: Known, seeds: int) -> Iterator[Run]:
    """All runs on photographs, group by group and seed by seed; of each recipe ``seeds`` at most."""
    yield from _runs(GROUPS, seeds)


def runs_of_boxes(known: Known, seeds: int) -> Iterator[Run]:
    """All runs whose nets learn to predict boxes of embedded things."""
    yield from _runs(GROUPS_OF_BOXES, seeds)


def runs_that_judge(claims: Collection[str]) -> Callable[[Known, int], Iterator[Run]]:
    """What a study asks for if it is to judge these claims alone, with the nets that their runs start from."""
    return lambda known, seeds: _runs((Group(tuple(claims)),), seeds)


def _runs(groups: tuple[Group, ...], seeds: int) -> Iterator[Run]:
    for group in groups:
        arms = [arm for name in group.rules for arm in arms_of(name)]
        arms += [arm for name in group.beside for arm in arms_beside(name)]
        wanted: dict[Recipe, int] = {}
        for arm, count in arms:
            for recipe in (step for trained in arm.recipes for step in trained.chain):
                wanted[recipe] = min(seeds, max(count, wanted.get(recipe, 0)))
        for seed in range(max(wanted.values(), default=0)):
            yield from (recipe.run(seed) for recipe, count in wanted.items() if seed < count)


def wanted(run: Run, claims: Collection[str] = tuple(CLAIMS)) -> Wanted:
    """What the claims want to know of a run: each protocol under which it is compared, and what else is measured.

    Predictions are kept for what judges a claim, posteriors where nets are fused, errors alone for what stands beside.
    Where some ``claims`` are named, no more is measured than what these want, since measuring may need other data. It
    is tested under every protocol all the same, so that its record judges other claims too.
    """
    keep: dict[Arm, set[str]] = {}
    measures: dict[str, None] = {}
    for name, claim in CLAIMS.items():
        for arm, _ in arms_of(name):
            keep[arm] = {"predictions", "posteriors"} if len(arm.recipes) > 1 else {"predictions"}
        for arm, _ in arms_beside(name):
            keep.setdefault(arm, {"predictions"} if arm.protocol == run.protocol else set())
        if name in claims and any(_trains(arm, run) for arm, _ in (*arms_of(name), *arms_beside(name))):
            measures.update(dict.fromkeys(name for name in claim.measures if MEASURES[name].fits(run)))
    mine = {arm: kept for arm, kept in keep.items() if _trains(arm, run)}
    tests: dict[object, set[str]] = {}
    for arm, kept in mine.items():
        tests.setdefault(arm.protocol, set()).update(kept)
    asked = {arm for name in claims for arm, _ in (*arms_of(name), *arms_beside(name))}
    measures.update(dict.fromkeys(arm.measured.split(".")[0] for arm in mine if arm.measured and arm in asked))
    return Wanted(
        tuple(Test(protocol, tuple(sorted(kept))) for protocol, kept in tests.items()),  # type: ignore[arg-type]
        tuple(measures),
    )


def _trains(arm: Arm, run: Run) -> bool:
    return run in [recipe.run(run.seed) for recipe in arm.recipes]
