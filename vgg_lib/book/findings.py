"""What surprised us most, in sentences whose numbers and comparisons are computed: a part of the front page."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from vgg_lib.evidence.recipes import normalised
from vgg_lib.evidence.records import Record
from vgg_lib.evidence.store import Known, recorded
from vgg_lib.evidence.verdicts import evidence
from vgg_lib.networks.geometry import activation_bytes, macs

#: The networks of Table 1 that differ in their layers alone, and the control with large filters.
_NETWORKS = ("A", "B-5x5", "B", "C", "D", "E")


def findings() -> list[str]:
    """The findings as Markdown, for a page of the book: each names the chapter that tells of it."""
    return [normalisation_and_depth(recorded("pilot").latest().values()), small_filters(), other_pictures(evidence())]


def normalisation_and_depth(pilot: Iterable[Record]) -> str:
    """§4.1: D less A on the held-out tenth, by epochs and normalisation; means of the pilot's seeds."""
    rows = [
        (r.run.network, r.run.preset.epochs, r.run.batch_norm, r.run.seed, r.error)
        for r in pilot
        if r.outcome == "finished"
        and r.run.preset.input_scale == "unit"
        and r.run.preset.learning_rate == (0.05 if r.run.batch_norm else 0.02)
    ]
    table = pd.DataFrame(rows, columns=["network", "epochs", "normalised", "seed", "error"])
    errors = table.pivot_table("error", ["normalised", "epochs", "seed"], "network")
    less = (errors["D"] - errors["A"]).dropna().groupby(["normalised", "epochs"]).mean()
    early, late, normed = map(_points, (less[False, 40], less[False, 160], less[True, 80]))
    return (
        f"**Deeper was worse, until the layers were normalised.** Network D with its 16 layers errs by {early} than A "
        f"with 11 after 40 epochs, and by {late} after 160. With batch normalisation it errs by {normed} after 80 "
        "({numref}`fig-ch04-over`, {ref}`chapter 4 <ch04>`; a look at the held-out tenth)."
    )


def small_filters() -> str:
    """§2.3: what B costs beside the same network with large filters."""
    work, memory = (100 * (cost("B") / cost("B-5x5") - 1) for cost in (macs, activation_bytes))
    return (
        f"**Small filters save weights, but not work.** Network B does {work:.0f} % *more* multiply-adds than the same "
        f"network with large filters, and needs {memory:.0f} % more memory "
        "({numref}`fig-ch02-stages`, {ref}`chapter 2 <ch02>`)."
    )


def other_pictures(known: Known) -> str:
    """App. B: whether the networks that err least on Imagenette have the best features for CIFAR-10."""
    rows = {}
    for name in _NETWORKS:
        record = known.get(normalised(name).run(0).key)
        if record and "transfer" in record.measurements:
            rows[name] = (record.error, record.measurements["transfer"]["error"])
    errors = pd.DataFrame.from_dict(rows, orient="index", columns=["own", "other"])
    ranks = errors.rank()
    alike = ranks["own"].corr(ranks["other"])
    best = errors["own"].idxmin()
    place = dict(ranks["other"])[best]
    other = "worse" if alike < 0 else "better"
    return (
        f"**Better on the pictures it was trained for, {other} on others.** Of the {len(errors)} networks, {best} errs "
        f"least on the photographs of Imagenette. With the features of each network on CIFAR-10, {best} takes place "
        f"{place:.0f}, and the two orders have a rank correlation of {_number(alike)} "
        "({ref}`chapter 15 <ch15>`; the networks of seed 0)."
    )


def _points(difference: float) -> str:
    return f"{abs(difference):.1f} points {'*more*' if difference > 0 else '*less*'}"


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")
