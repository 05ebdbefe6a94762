"""The differences that judge claims, seed by seed: each arm of a rule beside the one that it is compared with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import fill

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from vgg_lib.book.figures.drawing import NARROW, WIDE, drawn
from vgg_lib.book.figures.effects import ENOUGH
from vgg_lib.book.figures.evidence import differences, rows
from vgg_lib.book.figures.style import BLACK, COLOURS, GREY, name_rows
from vgg_lib.evidence.claims import claim
from vgg_lib.evidence.rules import Equivalence, Superiority
from vgg_lib.evidence.rules import contrasts as estimated
from vgg_lib.evidence.statistics import Estimate
from vgg_lib.evidence.store import Known
from vgg_lib.evidence.verdicts import evidence


@dataclass(frozen=True, slots=True)
class Contrast:
    """One comparison of a claim's rule: the error of one arm minus that of another, in points, for each seed of both.

    ``estimate`` is the rule's own, ``None`` under two seeds that have all its arms; ``margin`` that of a claim of no
    difference.
    """

    claim: str
    words: str
    network: str
    points: tuple[float, ...]
    estimate: Estimate | None
    margin: float | None


@drawn
def contrasts(*names: str, known: Known | None = None, narrow: bool = False) -> Figure:
    """Draw the differences that judge claims, a row each: a dot for each seed, the effect, its 95 % interval.

    The interval is that of the claim's rule, drawn from three seeds on; a band is the margin of a claim of no
    difference. Without ``known``, by the records that come with the library. Raises :class:`InputError` for an unknown
    claim, and ``TypeError`` for one whose rule compares no errors.
    """
    found = [one for name in names for one in of_claim(name, evidence() if known is None else known)]
    figure, axes = plt.subplots(figsize=(NARROW if narrow else WIDE, (0.62 if narrow else 0.46) * len(found) + 0.8))
    for row, one in enumerate(found):
        if one.margin is not None:
            axes.fill_between((-one.margin, one.margin), row - 0.45, row + 0.45, color=GREY, alpha=0.18, linewidth=0)
        if one.estimate and len(one.points) >= ENOUGH:
            estimate = one.estimate
            axes.plot((estimate.low, estimate.high), (row, row), color=BLACK, linewidth=2.4, solid_capstyle="butt")
            axes.plot((estimate.effect,) * 2, (row - 0.3, row + 0.3), color=BLACK, linewidth=1.6)
        colour = COLOURS[one.network]
        axes.scatter(one.points, [row] * len(one.points), s=36, color=colour, edgecolor=BLACK, linewidth=0.8, zorder=3)
        if not one.points:
            at = axes.get_yaxis_transform()
            axes.text(0.01, row, "no seed of both yet", transform=at, va="center", fontsize=9, color=GREY)
    axes.axvline(0, color=BLACK, linewidth=0.9)
    name_rows(axes, [_label(one, narrow) for one in found])
    axes.set_xlabel("difference of two errors, points")
    return figure


def of_claim(name: str, known: Known) -> Iterator[Contrast]:
    """The comparisons of a claim's rule, in its order; raises what :func:`contrasts` raises."""
    rule = claim(name).rule
    if not isinstance(rule, Superiority | Equivalence):
        raise TypeError(f"claim {name!r} compares no errors: its rule is {rule}")
    *arms, last = rule.arms()
    _, estimates = estimated(rule, known, arms, last)
    *baselines, other = rows(name, known, beside=False)
    for i, one in enumerate(baselines):
        yield Contrast(
            name,
            f"{one.name} − {other.name}",
            other.network,
            tuple(differences(one, other)),
            estimates[i] if estimates else None,
            rule.margin if isinstance(rule, Equivalence) else None,
        )


def _label(one: Contrast, narrow: bool) -> str:
    return f"{one.claim}\n{fill(one.words, 26) if narrow else one.words}"
