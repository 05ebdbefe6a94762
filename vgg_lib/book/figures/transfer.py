"""How features do on other photographs, layer by layer and class by class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from vgg_lib.book.figures.drawing import NARROW, WIDE, drawn
from vgg_lib.book.figures.style import BLACK, BLUE, COLOURS, GREY
from vgg_lib.evidence.evidence import arms_beside, arms_of
from vgg_lib.evidence.store import Known
from vgg_lib.evidence.verdicts import evidence as recorded_evidence

#: Classes of CIFAR-10 of which Imagenette has a kind: garbage trucks, and English springers, which are dogs.
KNOWN_KINDS = ("truck", "dog")


@drawn
def errors_by_layer(
    errors: Mapping[str, Mapping[str, float]], levels: Mapping[str, float] | None = None, *, narrow: bool = False
) -> Figure:
    """Draw the errors in percent of each net's layers, from first to last, as a line; ``levels`` as dashed ones.

    A net that is named for a network has its colour. The axis begins at the tens below the smallest error.
    """
    figure, axes = plt.subplots(figsize=(NARROW if narrow else WIDE, 3.6 if narrow else 3.4))
    for place, (name, of_layers) in enumerate(errors.items()):
        colour = COLOURS.get(name.split(",")[0], BLUE if place == 0 else BLACK)
        dashed = name not in COLOURS and place > 0
        style = (0, (4, 2)) if dashed else "-"
        axes.plot(list(of_layers), list(of_layers.values()), marker="o", color=colour, linestyle=style, label=name)
    for name, level in (levels or {}).items():
        axes.axhline(level, color=GREY, linestyle=(0, (4, 3)), label=name)
    shown = [error for of_layers in errors.values() for error in of_layers.values()] + [*(levels or {}).values()]
    least = min(shown, default=0.0)
    axes.set(ylabel="error, %", ylim=(10 * (least // 10), None))
    axes.grid(axis="y")
    if errors or levels:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2 if narrow else 4)
    else:
        axes.text(0.5, 0.5, "no run recorded yet", transform=axes.transAxes, ha="center", color=GREY)
        axes.set(xticks=[], yticks=[])
    return figure


def transfer_by_layer(known: Known | None = None) -> pd.DataFrame:
    """Errors in percent of the claim's nets on their layers' features: a row a layer, a column a net, seeds' means."""
    found = {name: [one["layers"] for one in measured] for name, measured in _measured(known).items()}
    return pd.DataFrame({name: pd.DataFrame(layers).mean() for name, layers in found.items()})


def transfer_of_pixels(known: Known | None = None) -> dict[str, float]:
    """The error in percent of the same SVM on the pixels themselves, if known: a level for :func:`errors_by_layer`."""
    return {name: found["error"] for name, [found] in _pixels(known).items()}


def _pixels(known: Known | None) -> dict[str, list[dict[str, Any]]]:
    """What was measured of the pixels, in the form of :func:`_measured`."""
    known = recorded_evidence() if known is None else known
    found = [record.measurements["pixels"] for record in known.values() if "pixels" in record.measurements]
    return {"pixels": found[:1]} if found else {}


def transfer_by_class(known: Known | None = None) -> pd.DataFrame:
    """Errors in percent on the last layer's features: a row a net; the classes of known kind, the others' mean.

    The last row is of the pixels themselves, if they are known.
    """
    rows = {}
    for name, measured in (_measured(known) | _pixels(known)).items():
        mean = pd.DataFrame([one["classes"] for one in measured]).mean()
        others = mean.drop(list(KNOWN_KINDS))
        rows[name] = {kind: mean[kind] for kind in KNOWN_KINDS} | {f"the other {len(others)}": others.mean()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("network")


def _measured(known: Known | None) -> dict[str, list[dict[str, Any]]]:
    """What was measured of each net of the claim, a result a seed, by the net's name; nets without any are left out."""
    known = recorded_evidence() if known is None else known
    arms = dict([*arms_beside("transfer"), *arms_of("transfer")])
    found: dict[str, list[dict[str, Any]]] = {}
    for arm, seeds in arms.items():
        if arm.measured == "transfer.error":
            name = str(arm.recipes[0]).replace(" normalised", "")
            records = [record for seed in range(seeds) for record in arm.records(known, seed)]
            results = [record.measurements["transfer"] for record in records if "transfer" in record.measurements]
            found |= {name: results} if results else {}
    return dict(sorted(found.items()))
