"""What the explorer *Move the rule, watch the verdict* reads: the seeds of each claim's arms, and their contrasts.

The contrasts with their standard errors are computed here, by what the verdicts are computed by, for each number of
seeds up to the rule's. Left to the browser are Student's t and Holm's method, which its tests hold to the library's.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from vgg_lib.book.figures.evidence import rows
from vgg_lib.evidence.claims import CLAIMS
from vgg_lib.evidence.rules import LEVEL, Equivalence, Superiority, contrasts
from vgg_lib.evidence.store import Known
from vgg_lib.evidence.verdicts import evidence, tested_claims


def movable_rules(known: Known | None = None) -> dict[str, Any]:
    """The claims that a test judges, as JSON has them.

    ``by_seeds`` has, for 2 seeds and more, how many are whole and the contrast with each baseline as effect, standard
    error and degrees of freedom; none under two whole seeds.
    """
    known = evidence() if known is None else known
    return {"level": LEVEL, "claims": [_claim(name, known) for name in tested_claims()]}


def _claim(name: str, known: Known) -> dict[str, Any]:
    rule = CLAIMS[name].rule
    assert isinstance(rule, Superiority | Equivalence)
    return {
        "id": name,
        "statement": CLAIMS[name].statement,
        "same": isinstance(rule, Equivalence),
        "margin": rule.margin if isinstance(rule, Equivalence) else 0,
        "seeds": rule.seeds,
        "arms": [
            {"name": row.name, "network": row.network, "errors": [_number(error, 2) for error in row.errors]}
            for row in rows(name, known, beside=False)
        ],
        "by_seeds": [_contrasts(replace(rule, seeds=n), known) for n in range(2, rule.seeds + 1)],
    }


def _contrasts(rule: Superiority | Equivalence, known: Known) -> list[Any]:
    if isinstance(rule, Superiority):
        judgement, found = contrasts(rule, known, rule.baseline, rule.challenger)
    else:
        judgement, found = contrasts(rule, known, (rule.one,), rule.other)
    return [judgement.seeds[0], [[_number(e.effect, 6), _number(e.standard_error, 6), int(e.df)] for e in found]]


def _number(value: float, digits: int) -> float | None:
    return None if math.isnan(value) else round(value, digits)
