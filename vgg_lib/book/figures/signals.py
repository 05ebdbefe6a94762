"""What is behind each layer of a net, as lines over its layers; what is recorded of it for a claim's arms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from vgg_lib.basics.errors import InputError
from vgg_lib.book.figures.drawing import NARROW, WIDE, drawn
from vgg_lib.book.figures.evidence import rows
from vgg_lib.book.figures.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILION
from vgg_lib.evidence.evidence import arms_of
from vgg_lib.evidence.store import Known
from vgg_lib.evidence.verdicts import evidence
from vgg_lib.networks.signals import Signal, by_layer

#: The look of each line of a panel, told apart by colour and by marker.
_LOOKS = ((BLUE, "o"), (VERMILION, "s"), (ORANGE, "^"), (GREEN, "D"), (PURPLE, "v"), (BLACK, "x"))

#: What a layer has, by its name.
ByLayer = Mapping[str, float]


@drawn
def over_layers(
    panels: Mapping[str, Mapping[str, ByLayer]],
    *,
    columns: int = 2,
    share: bool = False,
    label: str = "",
    narrow: bool = False,
) -> Figure:
    """Draw positive numbers over the layers of a net, in powers of ten: panels by title, in each a line by its name.

    What is 0 or not finite is left out. A line of the same name looks the same in all panels.
    With ``share`` all panels have the same scale. ``label`` says what the numbers are.
    """
    columns = 1 if narrow else columns
    rows = -(-len(panels) // columns)
    size = (NARROW, 2.7 * rows + 0.5) if narrow else (WIDE, 2.5 * rows + 0.5)
    figure, axs = plt.subplots(rows, columns, figsize=size, sharey=share, squeeze=False)
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    looks = {name: _LOOKS[i % len(_LOOKS)] for i, name in enumerate(names)}
    handles = {}
    for axes, (title, lines) in zip(axs.flat, panels.items(), strict=False):
        for name, values in lines.items():
            colour, marker = looks[name]
            shown = [value if 0 < value < np.inf else np.nan for value in values.values()]
            [handles[name]] = axes.plot(list(values), shown, color=colour, marker=marker, markersize=4, label=name)
        axes.set_title(title, fontsize=10)
        _layers(axes, list(dict.fromkeys(layer for values in lines.values() for layer in values)), narrow)
    if label:
        figure.supylabel(label, fontsize=10)
    for axes in list(axs.flat)[len(panels) :]:
        axes.set_visible(False)
    figure.legend(
        [handles[name] for name in names], names, loc="outside lower center", ncols=2 if narrow else 5, fontsize=9
    )
    return figure


def _layers(axes: Axes, layers: list[str], narrow: bool) -> None:
    """Powers of ten upwards, and the layers' names along the bottom."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(numticks=6))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "−"))  # no small exponents
    every = 1 if len(layers) < 12 and not narrow else 2
    axes.set_xticks(range(0, len(layers), every), layers[::every], rotation=60, ha="right", rotation_mode="anchor")
    axes.tick_params(labelsize=9)
    axes.grid(axis="y", color=GREY, alpha=0.3)


def recorded_signals(name: str, known: Known | None = None) -> dict[str, dict[str, ByLayer]]:
    """The signals recorded of the arms that judge a claim, as panels of :func:`over_layers`: a line for each step.

    Each arm has a panel for the size of its outputs and one for their gradient: geometric means over the seeds, nan
    where one of them is not finite. Without ``known``, of the records that come with the library. Raises
    :class:`InputError` where no run of the claim has recorded any.
    """
    known = evidence() if known is None else known
    panels: dict[str, dict[str, ByLayer]] = {}
    for row, (arm, seeds) in zip(rows(name, known, beside=False), arms_of(name), strict=True):
        measured = [one.measurements.get("signals") for seed in range(seeds) for one in arm.records(known, seed)]
        of_seeds = [steps for steps in measured if steps]
        for what in ("size", "gradient") if of_seeds else ():
            panels[f"{row.name}: {what}"] = {
                f"step {step}": _means([_by_layer(steps.get(step, {}), what) for steps in of_seeds])
                for step in of_seeds[0]
            }
    if not panels:
        raise InputError(f"no run of claim {name!r} has recorded its signals yet: show evidence_table({name!r}) alone")
    return panels


def _by_layer(recorded: Mapping[str, Sequence[float | None]], what: str) -> dict[str, float]:
    """One number of each layer's recorded signal, in which what is not finite is ``None``."""
    signals = {layer: Signal(*(math.nan if one is None else one for one in of)) for layer, of in recorded.items()}
    return by_layer(signals, what)


def _means(of_seeds: Sequence[ByLayer]) -> dict[str, float]:
    """Geometric means over seeds, layer by layer; of a layer that one of them lacks, nan."""
    values = {layer: [one.get(layer, math.nan) for one in of_seeds] for layer in of_seeds[0]}
    return {layer: math.prod(of) ** (1 / len(of)) for layer, of in values.items()}
