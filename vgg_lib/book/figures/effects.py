"""Errors of seeds with their mean and its interval: the book's one way to draw a measured effect."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from vgg_lib.book.figures.drawing import NARROW, WIDE, drawn
from vgg_lib.book.figures.style import BLACK, BLUE, COLOURS, GREY, MINE, name_rows
from vgg_lib.evidence.records import Record
from vgg_lib.evidence.statistics import paired_difference
from vgg_lib.evidence.store import recorded, studies_with_records
from vgg_lib.networks.table import NETWORKS
from vgg_lib.training.runs import Run

#: Seeds from which on an interval is drawn: that of two reaches nine standard deviations to either side.
ENOUGH = 3

#: Points that the axis shows at least: a tenth of a point is not to look like a large difference.
LEAST = 2.0


@drawn
def seed_errors(
    arms: Mapping[str, Sequence[float]],
    networks: Mapping[str, str] | None = None,
    mine: Mapping[str, float] | None = None,
    aside: Collection[str] = (),
    unsure: Collection[str] = (),
    *,
    label: str = "top-1 error, %",
    narrow: bool = False,
) -> Figure:
    """Draw the errors, in percent, of each arm's seeds as dots, one row an arm in the order given.

    With two seeds or more a line stands at their mean; from :data:`ENOUGH` on a band covers its 95 % interval
    (Student), as far as errors go. An arm without any says so. ``networks`` names the network of an arm, whose colour
    the dots have. Arms ``unsure`` get no band, as where a dot stands for a run that has no error of its own.
    ``mine`` are the reader's own, by arm, as stars. Arms ``aside`` stand below a line, behind the others. ``label``
    says what an error is of.
    """
    rows = sorted(dict.fromkeys([*arms, *(mine or {})]), key=lambda arm: arm in aside)
    figure, axes = plt.subplots(figsize=(NARROW if narrow else WIDE, 0.34 * len(rows) + 0.7))
    axes.use_sticky_edges = False  # a band has a margin too
    for row, arm in enumerate(rows):
        colour = COLOURS.get((networks or {}).get(arm, arm), BLUE)
        if arms.get(arm) or arm not in (mine or {}):
            _draw_row(axes, row, arms.get(arm, ()), colour, band=arm not in unsure)
        if mine and arm in mine:
            axes.scatter(mine[arm], row, color=colour, **MINE)
            axes.annotate("yours", (mine[arm], row), (9, 0), textcoords="offset points", va="center", fontsize=9)
    if 0 < len(aside) < len(rows):
        axes.axhline(len(rows) - len(aside) - 0.5, color=GREY, linewidth=0.9, linestyle=(0, (4, 3)))
    name_rows(axes, rows)
    left, right = axes.get_xlim()
    more = max(0.0, LEAST - (right - left)) / 2
    axes.set_xlim(left - more, right + more)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True) if any(arms.values()) or mine else NullLocator())
    axes.set_xlabel(label)
    return figure


def _draw_row(axes: Axes, row: int, errors: Sequence[float], colour: str, *, band: bool) -> None:
    """An arm's seeds as dots, with their mean and its interval where there are enough."""
    if not errors:
        axes.text(
            0.01, row, "no run recorded yet", transform=axes.get_yaxis_transform(), va="center", fontsize=9, color=GREY
        )
    if len(errors) > 1:
        mean, low, high = interval(errors)
        if band and len(errors) >= ENOUGH:
            axes.barh(row, high - low, left=low, height=0.5, color=GREY, alpha=0.25)
        axes.plot((mean, mean), (row - 0.32, row + 0.32), color=BLACK, linewidth=1.6)
    axes.scatter(errors, [row] * len(errors), s=52, color=colour, edgecolor=BLACK, linewidth=0.8, zorder=3)


def interval(errors: Sequence[float]) -> tuple[float, float, float]:
    """The mean of seeds' errors in percent, and its 95 % interval (Student) as far as errors go: from 0 to 100."""
    mean, low, high = paired_difference(errors)
    return mean, max(low, 0.0), min(high, 100.0)


def beside(run: Run, mine: Record | None = None) -> Figure:
    """Draw what was recorded with the recipe of ``run``, an arm for each network, and the reader's record beside it.

    The records are all that come with the library and differ from ``run`` in network and seed alone. The reader's is
    left out if it is at another preset, with photographs of another size.
    """
    known: dict[str, Record] = {}
    for study in studies_with_records():
        known = recorded(study).latest() | known
    recipe = _recipe(run)
    arms: dict[str, list[float]] = {}
    for record in sorted(known.values(), key=lambda one: list(COLOURS).index(one.run.network)):
        if _recipe(record.run) == recipe and record.was_tested(record.run.protocol):
            arms.setdefault(_arm(record.run), []).append(record.error)
    yours = {_arm(mine.run): mine.error} if mine and mine.run.preset.name == run.preset.name else {}
    return seed_errors(arms, {arm: arm.split(" ")[0] for arm in [*arms, *yours]}, yours)


def _recipe(run: Run) -> Run:
    return dataclasses.replace(run, network="A", seed=0, layers=NETWORKS["A"])


def _arm(run: Run) -> str:
    return run.network + " + batch norm" * run.batch_norm
