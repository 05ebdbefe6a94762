"""Records as small tables, rounded, for the pages of the book."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from vgg_lib.runs import Evaluation, Record
from vgg_lib.statistics import wilson


def about(record: Record) -> pd.DataFrame:
    """What was run, on what, and how long it took."""
    machine = record.machine
    facts = {
        "run": record.key,
        "network": record.run.network,
        "preset": record.run.preset.name,
        "seed": record.run.seed,
        "training scale S": record.run.scale,
        "epochs": len(record.losses),
        "outcome": record.outcome,
        "minutes of training": round(record.seconds / 60, 1),
        "processor": f"{machine['processor']}, {machine['threads']} threads, {machine['precision']}",
        "PyTorch": machine["torch"],
        "fingerprint of the data": record.data["train"],
        "date": record.date,
    }
    return pd.Series(facts).to_frame("recorded")


def errors(evaluation: Evaluation) -> pd.DataFrame:
    """Top-1 error in percent with its 95 % interval over photographs (Wilson)."""
    n = len(evaluation.targets)
    wrong = sum(t != p for t, p in zip(evaluation.targets, evaluation.predictions, strict=True))
    low, high = wilson(wrong, n)
    row = {"photographs": n, "wrong": wrong, "top-1 error (%)": 100 * wrong / n, "95 % from": low, "to": high}
    return pd.DataFrame([row], index=[evaluation.test_set]).round(1)


def by_class(evaluation: Evaluation, classes: Sequence[str]) -> pd.DataFrame:
    """How many photographs of each class there are and how many are recognised, in percent, fewest first."""
    counts = evaluation.confusion(len(classes)).double()
    table = pd.DataFrame(
        {
            "photographs": counts.sum(1).int().tolist(),
            "recognised (%)": (100 * counts.diagonal() / counts.sum(1)).tolist(),
        },
        index=list(classes),
    )
    return table.sort_values("recognised (%)").round(1)
