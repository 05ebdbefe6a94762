"""Sentences of chapters on differences that the records show: right for any records, and for any verdict."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from vgg_lib.book.figures.evidence import differences, rows
from vgg_lib.book.figures.neighbours import neighbours_left
from vgg_lib.book.scoreboard import in_points
from vgg_lib.evidence.arms import arm
from vgg_lib.evidence.claims import claim
from vgg_lib.evidence.differences import the_papers
from vgg_lib.evidence.recipes import Recipe, normalised
from vgg_lib.evidence.rules import Equivalence, Superiority, contrasts
from vgg_lib.evidence.statistics import paired_difference
from vgg_lib.evidence.store import Known
from vgg_lib.evidence.verdicts import evidence, verdicts
from vgg_lib.tasks.linear_svm import COSTS


def step(old: str, new: str, known: Known | None = None, *, make: Callable[[str], Recipe] = normalised) -> str:
    """How the error changes from one network to another, trained alike: the mean over the seeds that both have.

    From three seeds on its 95 % interval is told too.
    """
    known = evidence() if known is None else known
    one, other = (arm(make(network)) for network in (old, new))
    changes = [other.error(known, seed) - one.error(known, seed) for seed in range(5)]
    there = [change for change in changes if not math.isnan(change)]
    if not there:
        return f"From {old} to {new} nothing can be said yet: no seed is recorded for both networks."
    return f"From {old} to {new} the error changes by {mean_apart(there)}."


def seven_percent(known: Known | None = None) -> str:
    """§4.1: what "7 %" can mean in the paper, and what the effect of claim ``small-filters`` is in both units."""
    known = evidence() if known is None else known
    paper, found = the_papers()["small-filters"], verdicts(known)["small-filters"]
    told = (
        f"The paper's 7 % is 7 points, or about {paper.points:.0f} points if it is a part of B's error (taking the "
        f"{paper.challenger:.1f} % of dense testing; that on a centre crop is not given)."
    )
    if found is None or found.effect is None:
        return f"{told} Here it is not known yet: fewer than two seeds of both are recorded."
    errors = next(row.recorded for row in rows("small-filters", known) if row.name == "B")
    way, size = "higher" if found.effect > 0 else "lower", abs(found.effect)
    so_far = "" if found.is_whole else ", by {} of {} seeds so far".format(*found.seeds)
    part = 100 * size / fmean(errors)
    return f"{told} Here the error of B-5x5 is {size:.1f} points {way}, which is {part:.0f} % of B's error{so_far}."


def beside_the_papers(name: str, known: Known | None = None) -> str:
    """Whether the interval of a claim's effect holds the difference that the paper has; ``KeyError`` if it has none."""
    points, found = f"the paper's {the_papers()[name].points:.1f} points", verdicts(known)[name]
    if found is None or found.low is None or found.high is None:
        return f"There is no interval yet to set beside {points}."
    difference = the_papers()[name].points
    where = "lies below" if found.high < difference else "lies above" if found.low > difference else "holds"
    return f"The interval of the effect {where} {points}."


def beside_the_margin(name: str, known: Known | None = None) -> str:
    """How often one arm of an equivalence claim errs less, and where the effect's interval lies: beside 0, and margin.

    Raises ``TypeError`` for a claim that no such rule judges.
    """
    rule, found = claim(name).rule, verdicts(known)[name]
    if not isinstance(rule, Equivalence):
        raise TypeError(f"claim {name!r} has no margin: its rule is {rule}")
    if found is None or found.low is None or found.high is None:
        return "There is no interval yet to set beside the margin."
    zero = "covers 0" if found.low <= 0 <= found.high else "leaves out 0"
    within = -rule.margin < found.low and found.high < rule.margin
    edge = "and lies within" if within else "and reaches beyond"
    one, other = rows(name, known, beside=False)
    apart = differences(one, other)
    less, more = (sum(sign * each > 0 for each in apart) for sign in (-1, 1))
    return (
        f"{one.name} errs less than {other.name} with {less} of {len(apart)} seeds, and more with {more}. "
        f"By itself, without the correction for all claims, the interval {zero} {edge} the margin of {rule.margin:g} "
        f"point{'s' * (rule.margin != 1)}, which is what the rule asks about."
    )


def warm_beside_longer(known: Known | None = None) -> str:
    """§3.1: how a warm D errs beside a cold one that had the epochs of A and D together."""
    _, warm, cold = rows("warm-start", known)
    apart = differences(warm, cold)
    if not apart:
        return "A cold D with the epochs of A and D together is not recorded yet for any seed of a warm one."
    longer = "a cold one with the epochs of A and D together"
    return f"The error of the warm D minus that of {longer} is {mean_apart(apart)}."


def mean_apart(apart: Sequence[float]) -> str:
    """The mean of paired differences in points, its 95 % interval from three seeds on, and the number of seeds.

    Raises ``statistics.StatisticsError`` where there is none.
    """
    return f"{fmean(apart):+.2f} points ({_interval_and_seeds(apart)})".replace("-", "−")


def _interval_and_seeds(apart: Sequence[float]) -> str:
    """Of paired differences: their 95 % interval, from three on, and their number."""
    seeds = f"{len(apart)} seed{'s' * (len(apart) > 1)} that both have"
    if len(apart) < 3:
        return seeds
    _, low, high = paired_difference(apart)
    return f"95 %: {low:+.2f} to {high:+.2f}; {seeds}".replace("-", "−")


def each_contrast(name: str, known: Known | None = None) -> str:
    """The contrast with each baseline of a claim's rule, with its own interval and p: a box shows the one that decides.

    Raises ``TypeError`` for a claim that no such rule judges.
    """
    known = evidence() if known is None else known
    rule = claim(name).rule
    if not isinstance(rule, Superiority):
        raise TypeError(f"claim {name!r} compares nothing with baselines: its rule is {rule}")
    _, estimates = contrasts(rule, known, rule.baseline, rule.challenger)
    if not estimates:
        return "No effect is known yet: fewer than two seeds have all the trainings that are compared."
    told = [
        f"against {row.name} it is {in_points(found.effect, found.low, found.high)}, "
        + (f"p = {found.p:.2g}" if found.p >= 0.001 else "p < 0.001")
        for row, found in zip(rows(name, known, beside=False), estimates, strict=False)
    ]
    return f"The effect, with its interval and its p by itself: {'; '.join(told)}."


def constant_and_neighbours(known: Known | None = None) -> str:
    """What response normalisation takes after training, and how nets err with it, its constant alone, or neither.

    A Markdown list, a sentence to an item.
    """
    lrn, a, constant, strong = rows("lrn", known)
    left = neighbours_left(known)
    told = []
    for one, share in ((lrn, 1000), (strong, 10)):
        took = 100 - left[f"1 in {share}"].to_dict()[f"{one.name}: after training"]
        told.append(
            f"What the layer of {one.name} takes is not recorded yet."
            if math.isnan(took)
            else f"The layer of {one.name} takes about {took:.1f} % or more from one number in {share} after training."
        )
    for one, other in ((lrn, a), (constant, a), (lrn, constant), (strong, constant)):
        apart = differences(one, other)
        told.append(
            f"The error of {one.name} minus that of {other.name} is "
            + (f"{mean_apart(apart)}." if apart else "not known yet.")
        )
    return "\n".join(f"- {one}" for one in told)


def chosen_costs(known: Known | None = None) -> str:
    """App. B: which C cross-validation chose for the SVMs of claim ``transfer``, among those that were tried."""
    known = evidence() if known is None else known
    told = []
    for whose, measure in (
        ("trained networks", "transfer"),
        ("untrained networks", "untrained"),
        ("the pixels", "pixels"),
    ):
        chosen = [one.measurements[measure]["cost"] for one in known.values() if measure in one.measurements]
        counts = sorted(Counter(chosen).items())
        if counts:
            told.append(f"for {whose} " + ", ".join(f"{cost:g} ({count}×)" for cost, count in counts))
    tried = ", ".join(f"{cost:g}" for cost in COSTS)
    return f"Of the C that were tried, {tried}, cross-validation chose {'; '.join(told) or 'none yet'}."


def where_worse(errors: Mapping[str, Mapping[int, Sequence[float]]], name: str) -> str:
    """At which test scales the net of that ``name`` has a higher mean error than each of the others.

    ``errors`` are in percent: nets by name, for each Q the errors of all seeds that there are.
    """
    told = []
    for other in (net for net in errors if net != name):
        mine, theirs = errors[name], errors[other]
        both = [q for q in theirs if theirs[q] and mine[q]]
        worse = [q for q in both if fmean(mine[q]) > fmean(theirs[q])]
        if not both:
            told.append(f"Beside {other} nothing can be said yet: one of the two is not recorded.")
            continue
        at = f"at Q = {', '.join(map(str, worse))} and at no other Q" if worse else "at any Q"
        at = "at every Q" if worse == both else at
        one, two = (max(len(of[q]) for q in both) for of in (mine, theirs))
        seeds = f"seeds: {one} and {two}" if one != two else f"{one} seed{'s' * (one > 1)} of each"
        told.append(f"The mean error for {name} is {'not ' * (not worse)}above that for {other} {at} ({seeds}).")
    return " ".join(told)
