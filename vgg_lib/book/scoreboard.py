"""The scoreboard: all claims and their verdicts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from vgg_lib.evidence.claims import CLAIMS
from vgg_lib.evidence.differences import the_papers
from vgg_lib.evidence.evidence import arms_of
from vgg_lib.evidence.planning import pilot_errors, upper_limit
from vgg_lib.evidence.price import MOST_SEEDS, hours, pace, runs_of, seeds_to_see, still_to_train
from vgg_lib.evidence.rules import LEVEL, Equivalence, Judgement
from vgg_lib.evidence.statistics import residual_deviation
from vgg_lib.evidence.store import Known, recorded
from vgg_lib.evidence.verdicts import evidence, status, tested_claims, verdicts


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a claim stands whose paper gives a difference: its judgement, and both differences in one unit.

    ``unit`` is in percentage points: the paper's difference, or the margin of a claim of *no* difference. ``paper`` and
    ``ours`` (effect and the ends of its interval, ``None`` while there is none) are in that unit.
    """

    claim: str
    judgement: Judgement
    unit: float
    paper: float
    ours: tuple[float, float, float] | None
    no_difference: bool


def standings(known: Known | None = None) -> list[Standing]:
    """The claims that a test judges and that the paper gives a difference for; those of no difference last.

    Without ``known``, by the records that come with the library.
    """
    found, judged, papers = [], verdicts(known), the_papers()
    for name in tested_claims():
        rule, judgement = CLAIMS[name].rule, judged[name]
        if name not in papers or judgement is None:
            continue
        points = papers[name].points
        same = isinstance(rule, Equivalence)
        unit = rule.margin if isinstance(rule, Equivalence) else points
        numbers = (judgement.effect, judgement.low, judgement.high)
        ours = [number / unit for number in numbers if number is not None]
        effect = (ours[0], ours[1], ours[2]) if len(ours) == 3 else None
        found.append(Standing(name, judgement, unit, points / unit, effect, same))
    return sorted(found, key=lambda one: one.no_difference)


def standings_table(known: Known | None = None) -> pd.DataFrame:
    """All claims that a test judges, a row each, in points: what the paper has, what was found, what could be seen.

    The smallest effect, or margin, that the test could see is known when its seeds are whole, and so is the p that
    decides.
    """
    rows, papers = {}, the_papers()
    for name, judgement in verdicts(known).items():
        if judgement is not None and name in tested_claims():
            rows[name] = {
                "verdict": status(judgement).partition(",")[0],
                "effect": judgement.effect,
                "95 % from": judgement.low,
                "to": judgement.high,
                "the paper's": papers[name].points if name in papers else None,
                "smallest seen": judgement.smallest_detectable,
                "corrected p": _told(judgement.p_holm),
                "seeds": "{} of {}".format(*judgement.seeds),
            }
    numbers = ["effect", "95 % from", "to", "the paper's", "smallest seen"]
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("claim")
    return frame.astype(dict.fromkeys(numbers, float)).round(2)


def _told(p: float | None) -> str:
    return "–" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def price_table(known: Known | None = None) -> pd.DataFrame:
    """What a verdict costs, a row for each claim that runs judge: hours of one core, as trainings take by the records.

    Seeds are those with which a test of the two arms by themselves would see a true difference as large as the paper's,
    with a probability of 80 % where Holm's method is strictest. The spread is the pilot's, at its upper limit.
    """
    known = evidence() if known is None else known
    at = pace([*recorded("pilot"), *known.values()])
    spread = {nets: upper_limit(*residual_deviation(*frames)) for nets, frames in pilot_errors().items()}
    papers, tested, rows = the_papers(), tested_claims(), {}
    for name in CLAIMS:
        runs = runs_of(name)
        if not runs:
            continue
        rows[name] = {
            "hours": hours(runs, at),
            "still to do": hours(still_to_train(name, known), at),
            "seeds to see the paper's": "–",
            "hours of those": math.nan,
        }
        measured = any(arm.measured for arm, _ in arms_of(name))  # the pilot knows the spread of top-1 errors alone
        if name in papers and name in tested and not measured:
            nets = "normalised" if runs[0].batch_norm else "plain"
            seeds = seeds_to_see(papers[name].points, spread[nets], level=LEVEL / len(tested))
            rows[name]["seeds to see the paper's"] = f"over {MOST_SEEDS}" if seeds is None else str(seeds)
            rows[name]["hours of those"] = math.nan if seeds is None else hours(runs_of(name, seeds), at)
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("claim").round(2)


def scoreboard() -> str:
    """All claims and their verdicts as a Markdown table; ``book/scoreboard_table.md`` is this text."""
    lines = ["| verdict | claim | effect | where | the paper's numbers |", "| --- | --- | --- | --- | --- |"]
    for name, judgement in verdicts().items():
        c = CLAIMS[name]
        statement = f"[{c.statement}](../notebooks/{c.chapter}.ipynb)" if c.chapter else c.statement
        verdict = status(judgement)
        bold = f"**{verdict}**" if judgement and judgement.verdict != "to be tested" else verdict
        lines.append(f"| {bold} | {statement} | {effect(judgement)} | {c.where} | {c.numbers()} |")
    return "\n".join(lines) + "\n"


def effect(judgement: Judgement | None) -> str:
    """An effect with its 95 % interval, such as ``+1.20 (+0.61 to +1.79) points``; a dash while there is none."""
    if judgement is None or judgement.effect is None:
        return "–"
    if judgement.low is None or judgement.high is None:
        return f"{judgement.effect:.0f} {judgement.unit}"
    return in_points(judgement.effect, judgement.low, judgement.high)


def in_points(effect: float, low: float, high: float) -> str:
    """A difference with its interval, in percentage points.

    >>> in_points(0.26, -0.257, 0.779)
    '+0.26 (−0.26 to +0.78) points'
    """
    return f"{effect:+.2f} ({low:+.2f} to {high:+.2f}) points".replace("-", "−")
