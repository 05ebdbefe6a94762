"""What surprised us most, in sentences whose numbers and comparisons are computed: a part of the front page."""

from __future__ import annotations

from statistics import fmean
from typing import Any

from scipy.stats import spearmanr

from vgg_lib.evidence.recipes import RATE_NORMALISED, normalised
from vgg_lib.evidence.store import Known, recorded
from vgg_lib.evidence.verdicts import evidence
from vgg_lib.networks.geometry import activation_bytes, macs
from vgg_lib.training.runs import make_run

#: The networks of Table 1 that differ in their layers alone, and the control with large filters.
_NETWORKS = ("A", "B-5x5", "B", "C", "D", "E")


def findings() -> list[str]:
    """The findings as Markdown, for a page of the book: each names the chapter that tells of it."""
    return [normalisation_and_depth(recorded("pilot").latest()), small_filters(), other_pictures(evidence())]


def normalisation_and_depth(pilot: Known) -> str:
    """§4.1: D less A on the held-out tenth, by epochs and normalisation."""
    early, late = (_d_less_a(pilot, epochs=epochs) for epochs in (40, 160))
    normed = _d_less_a(pilot, epochs=80, batch_norm=True, learning_rate=RATE_NORMALISED)
    return (
        f"**Deeper was worse, until the layers were normalised.** Network D with its 16 layers errs by {early} than A "
        f"with 11 after 40 epochs, and by {late} after 160. With batch normalisation it errs by {normed} after 80 "
        "({numref}`fig-ch04-over`, {ref}`chapter 4 <ch04>`; a look at the held-out tenth)."
    )


def _d_less_a(known: Known, **recipe: Any) -> str:
    """In words, the mean difference over the pilot's two seeds, or the one of which both networks are known."""
    pairs = [[known.get(make_run(name, "laptop", seed=seed, **recipe).key) for name in "DA"] for seed in range(2)]
    errors = [[record.error for record in pair if record and record.outcome == "finished"] for pair in pairs]
    difference = fmean(pair[0] - pair[1] for pair in errors if len(pair) == 2)
    return f"{abs(difference):.1f} points {'*more*' if difference > 0 else '*less*'}"


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
    errors = {}
    for name in _NETWORKS:
        record = known.get(normalised(name).run(0).key)
        if record and "transfer" in record.measurements:
            errors[name] = (record.error, record.measurements["transfer"]["error"])
    best = min(errors, key=lambda name: errors[name][0])
    place = 1 + sum(other < errors[best][1] for _, other in errors.values())
    alike = float(spearmanr(list(errors.values())).statistic)
    other = "worse" if alike < 0 else "better"
    return (
        f"**Better on the pictures it was trained for, {other} on others.** Of the {len(errors)} networks, {best} errs "
        f"least on the photographs of Imagenette. With the features of each network on CIFAR-10, {best} takes place "
        f"{place}, and the two orders have a rank correlation of {f'{alike:.2f}'.replace('-', '−')} "
        "({ref}`chapter 15 <ch15>`; the networks of seed 0)."
    )
