"""How the runs of a claim that no test judges ended: whether they train, stall or diverge."""

from __future__ import annotations

import pandas as pd

from vgg_lib.book.figures.evidence import rows
from vgg_lib.evidence.arms import Arm, arm
from vgg_lib.evidence.claims import SIGMAS, claim
from vgg_lib.evidence.evidence import arms_beside, arms_of
from vgg_lib.evidence.recipes import at_the_papers_input_scale
from vgg_lib.evidence.records import Record
from vgg_lib.evidence.rules import Ending, EveryRun
from vgg_lib.evidence.store import Known
from vgg_lib.evidence.verdicts import evidence
from vgg_lib.networks.initialisation import Initialisation


def endings(name: str, known: Known | None = None) -> pd.DataFrame:
    """How the runs of each arm of a claim ended, how many are recorded, and each one's last loss in nats.

    The loss is the mean of the last epoch's steps. The claim's rule is an :class:`EveryRun`; else ``TypeError``.
    """
    rule = claim(name).rule
    if not isinstance(rule, EveryRun):
        raise TypeError(f"the runs of claim {name!r} are judged by their errors: show evidence_table({name!r})")
    known = evidence() if known is None else known
    arms = list(dict.fromkeys(one for one, _ in [*arms_of(name), *arms_beside(name)]))
    table = {}
    for row, one in zip(rows(name, known), arms, strict=True):
        runs = {seed: record for seed in range(len(row.errors)) for record in one.records(known, seed)}
        ends = {seed: rule.ending(record) for seed, record in runs.items()}
        table[row.name] = {
            "runs": f"{len(runs)} of {len(row.errors)}",
            **{how: sum(end == how for end in ends.values()) for how in ("trains", "stalls", "diverges")},
            **{f"seed {seed}": _told(runs.get(seed), ends.get(seed)) for seed in range(len(row.errors))},
        }
    return pd.DataFrame.from_dict(table, orient="index").rename_axis("arm")


def _told(record: Record | None, end: Ending | None) -> str:
    """The last loss of a run, or what there is in its place."""
    return "–" if record is None else "nan" if end == "diverges" else f"{record.losses[-1]:.3f}"


def a_beside_d(known: Known | None = None) -> str:
    """How many runs of A and of D train from each σ, in sentences."""
    known = evidence() if known is None else known
    return " ".join(_from_sigma(sigma, known) for sigma in SIGMAS)


def _from_sigma(sigma: float, known: Known) -> str:
    """How many runs of A train from one σ, and of D; where all are there, whether that fits the paper's story."""
    rule = claim("bad-start").rule
    assert isinstance(rule, EveryRun)
    runs = {
        network: [
            rule.ending(record) == "trains"
            for seed in range(rule.seeds)
            for record in _arm(network, sigma).records(known, seed)
        ]
        for network in "AD"
    }
    if not any(runs.values()):
        return f"No run from σ = {sigma:g} corrected for fan-in is recorded yet."
    told = "; ".join(
        f"of {network}, {sum(train)} of {len(train)} train" if train else f"of {network}, none is recorded yet"
        for network, train in runs.items()
    )
    if any(len(train) < rule.seeds for train in runs.values()):
        return f"Runs from σ = {sigma:g} corrected for fan-in, so far: {told}."
    fits = "fits" if all(runs["A"]) and not any(runs["D"]) else "does not fit"
    story = f"That {fits} the paper's story, in which A trains and D does not."
    return f"Runs from σ = {sigma:g} corrected for fan-in: {told}. {story}"


def _arm(network: str, sigma: float) -> Arm:
    return arm(at_the_papers_input_scale(network, Initialisation("normal-fan-in", sigma)))
