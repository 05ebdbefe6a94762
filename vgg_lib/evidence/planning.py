"""What the evidence can see: the pilot's spread between seeds, and the power that follows from it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence

import pandas as pd
from scipy.stats import chi2

from vgg_lib.data.archive import COUNTS, HELD_OUT
from vgg_lib.evidence.records import Record
from vgg_lib.evidence.statistics import power_of, residual_deviation, smallest_detectable, smallest_margin
from vgg_lib.evidence.store import recorded
from vgg_lib.training.runs import Run

#: Photographs that the evidence is tested on; the pilot is tested on the held-out tenth.
VALIDATION = sum(COUNTS["val"])


def errors_by_seed(records: Iterable[Record]) -> pd.DataFrame:
    """Top-1 errors in percent: a row for each seed, a column for each recipe, which is its run of seed 0.

    What is not recorded, or failed, is nan.
    """
    errors: dict[Run, dict[int, float]] = {}
    for record in records:
        if record.outcome != "failed":
            recipe = dataclasses.replace(record.run, seed=0)
            errors.setdefault(recipe, {})[record.run.seed] = record.error
    return pd.DataFrame(errors)


def pilot_errors() -> dict[str, tuple[pd.DataFrame, ...]]:
    """What is recorded of several seeds on the held-out tenth, a frame for each study: normalised nets, and plain."""
    pilot = list(recorded("pilot").latest().values())
    plain = errors_by_seed(record for record in pilot if not record.run.batch_norm)
    return {
        "normalised": (errors_by_seed(record for record in pilot if record.run.batch_norm),),
        "plain": (plain, errors_by_seed(recorded("precision").latest().values())),
    }


def upper_limit(deviation: float, df: float, confidence: float = 0.8) -> float:
    """What the true standard deviation does not exceed, with ``confidence``, where ``df`` degrees gave ``deviation``.

    Power computed from a small pilot's deviation as it is falls short half of the time; the limit at 80 % is what
    Browne (1995, Statistics in Medicine 14) plans with.

    >>> round(upper_limit(0.5, df=7), 2)
    0.68
    """
    return deviation * math.sqrt(df / float(chi2.ppf(1 - confidence, df)))


def planning(seeds: Sequence[int] = (5, 10), arms: int = 2, *, contrasts: int) -> pd.DataFrame:
    """What a contrast of two arms can see, from the pilot's spread: a row for each kind of nets and number of seeds.

    ``deviation`` is that of the residuals of *error = arm + seed + residual* in percentage points, at its upper limit
    of 80 % (:func:`upper_limit`). It is pooled over ``arms`` arms of ``seeds`` seeds each. Tests are two-sided at 5 %,
    and so each half of a test of equivalence is at 2.5 %, as in the rules; ``first of N`` is the power where Holm's
    method is strictest, at 5 % / ``contrasts``. The smallest effect, and the smallest margin for equivalence of arms
    that do not differ, are those shown with a power of 80 %.

    The pilot was tested on 935 photographs, the evidence is on 3,925. Part of the variance comes from photographs on
    which a net is right for some seeds and wrong for others. That part is binomial: it falls in proportion to the
    number of photographs. The rest, seeds that are better or worse as a whole, stays. Errors alone do not tell one
    from the other, so both ends are given: the rows for 935 photographs hold where nothing falls, those for 3,925
    where all of it does, to √(935/3925) = 0.49 times the deviation. The truth lies between. That evidence trains on
    all photographs, not nine tenths of them, is not allowed for.
    """
    rows = []
    for nets, layouts in pilot_errors().items():
        limit = upper_limit(*residual_deviation(*layouts))
        for photographs in (HELD_OUT, VALIDATION):
            deviation = limit * math.sqrt(HELD_OUT / photographs)
            for n in seeds:
                spread = (deviation * math.sqrt(2 / n), (arms - 1) * (n - 1))  # standard error, degrees of freedom
                rows.append({
                    "nets": nets,
                    "photographs": photographs,
                    "deviation": deviation,
                    "seeds": n,
                    "power for a point": power_of(1.0, *spread),
                    f"first of {contrasts}": power_of(1.0, *spread, level=0.05 / contrasts),
                    "smallest effect": smallest_detectable(*spread),
                    "smallest margin": smallest_margin(*spread, level=0.05 / 2),
                })  # fmt: skip
    return pd.DataFrame(rows)
