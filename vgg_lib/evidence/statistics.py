"""How far a figure can be trusted: intervals, tests and their power. Differences are in percentage points."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import chdtr
from scipy.stats import binomtest, ncf, sem, t
from statsmodels.regression.linear_model import OLS, RegressionResults
from statsmodels.stats.multitest import multipletests
from statsmodels.tools.sm_exceptions import SingularMatrixWarning

from vgg_lib.basics.errors import InputError, check_choice

#: Less than this, in percentage points, is rounding: one photograph in a billion makes a hundred times as much.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Estimate:
    """A difference with its interval, and the two-sided ``p`` of its being 0."""

    effect: float
    low: float
    high: float
    standard_error: float
    df: float
    p: float


def wilson(wrong: int, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval for an error, in percent, when ``wrong`` of ``count`` independent images are wrong.

    It covers the choice of images alone, not of seeds. Raises ``ValueError`` unless 0 ≤ wrong ≤ count.

    >>> tuple(round(x, 1) for x in wilson(198, 935))
    (18.7, 23.9)
    """
    interval = binomtest(wrong, count).proportion_ci(confidence, method="wilson")
    return 100 * float(interval.low), 100 * float(interval.high)


def paired_difference(differences: Sequence[float], confidence: float = 0.95) -> tuple[float, float, float]:
    """Mean of per-seed differences with Student's interval: mean, low, high, in the differences' unit.

    Raises :class:`InputError` for fewer than 2 seeds: one difference says nothing of its spread.

    >>> tuple(round(x, 2) for x in paired_difference([0.2, -0.1, 0.3, 0.0, 0.1]))
    (0.1, -0.1, 0.3)
    """
    if len(differences) < 2:
        raise InputError(f"{len(differences)} differences have no spread: 2 seeds or more are needed")
    found = _estimate(float(np.mean(differences)), sem(differences), len(differences) - 1, confidence)
    return found.effect, found.low, found.high


def paired_contrast(errors: pd.DataFrame, baseline: str, challenger: str, confidence: float = 0.95) -> Estimate:
    """By how much the error of ``baseline`` exceeds that of ``challenger``, paired by seed.

    ``errors`` has a row for each seed and a column for each arm, in percent, nan where a seed is not trained. The
    two-way layout *error = arm + seed + residual* is fitted to all of it by least squares, so that the arms not
    compared help to estimate the residual variance. For two arms with the same seeds this is the paired t-test. Where
    all residuals are 0 the interval is the effect alone, and ``p`` is 0, or 1 for no effect.

    The residual variance is taken to be the same in all arms. An arm that varies more than the rest of a pool gets too
    narrow an interval, and others too wide ones: give arms alike in training together, others by themselves.

    Raises :class:`InputError` for an arm that ``errors`` lacks, and for arms with fewer than 2 seeds in common.

    >>> errors = pd.DataFrame({"A": [14.0, 14.4, 13.9], "D": [12.4, 13.2, 12.5]})
    >>> found = paired_contrast(errors, "A", "D")
    >>> round(found.effect, 2), round(found.low, 2), round(found.high, 2), found.df
    (1.4, 0.9, 1.9, 2.0)
    """
    for arm in (baseline, challenger):
        check_choice("arm", arm, errors.columns)
    shared = len(errors[[baseline, challenger]].dropna())
    if shared < 2:
        raise InputError(f"{baseline} and {challenger} have {shared} seeds in common: train 2 or more of both")
    fit = _two_way(errors)
    contrast = np.zeros(sum(errors.shape))
    contrast[errors.columns.get_loc(baseline)] += 1
    contrast[errors.columns.get_loc(challenger)] -= 1
    variance = contrast @ fit.cov_params() @ contrast  # what t_test does in five times the time
    return _estimate(contrast @ fit.params, math.sqrt(max(variance, 0.0)), fit.df_resid, confidence)


def residual_deviation(*layouts: pd.DataFrame) -> tuple[float, float]:
    """Standard deviation of the residuals of *error = arm + seed + residual*, in points, and its degrees of freedom.

    Each of ``layouts`` is as in :func:`paired_contrast` and is fitted by itself; their variances are pooled. An arm
    with one seed adds nothing. The standard error of a contrast of two arms with n seeds each is √(2/n) times as
    large. Raises :class:`InputError` where no degree of freedom is left.

    >>> deviation, df = residual_deviation(pd.DataFrame({"A": [14.0, 15.0], "D": [12.0, 14.0]}))
    >>> round(deviation, 6), df
    (0.5, 1.0)
    """
    fits = [_two_way(layout) for layout in layouts if layout.notna().any(axis=None)]
    df = sum(float(fit.df_resid) for fit in fits)
    if df < 1:
        raise InputError("no two arms have 2 seeds in common, so errors say nothing of their spread: train more seeds")
    return math.sqrt(sum(float(fit.ssr) for fit in fits) / df), df


def equivalence(estimate: Estimate, margin: float) -> float:
    """The p of "the difference is ``margin`` or more, in either direction": two one-sided tests (Schuirmann 1987).

    Raises :class:`InputError` for a margin that is not above 0.

    >>> round(equivalence(Estimate(0.2, -0.4, 0.8, standard_error=0.3, df=9.0, p=0.52), margin=1.0), 3)
    0.013
    """
    if not margin > 0:
        raise InputError(f"margin {margin} leaves no room to be equal in: choose one above 0")
    within = margin - abs(estimate.effect)
    if estimate.standard_error == 0:
        return float(within <= 0)
    return float(t.sf(within / estimate.standard_error, estimate.df))


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """Each p adjusted for all the others by the step-down method of Holm (1979), under the same names.

    A contrast of the family that is not tested yet takes part with a p of 1, or the others are adjusted for too few.
    Raises :class:`InputError` for a p outside 0 to 1.

    >>> {name: round(adjusted, 3) for name, adjusted in holm({"depth": 0.01, "lrn": 0.04, "context": 0.03}).items()}
    {'depth': 0.03, 'lrn': 0.06, 'context': 0.06}
    """
    for name, one in p.items():
        if not 0 <= one <= 1:
            raise InputError(f"{name} has a p of {one}: give one from 0 to 1, and 1 for what is not tested yet")
    adjusted = multipletests(list(p.values()), method="holm")[1]
    return dict(zip(p, map(float, adjusted), strict=True))


def power_of(effect: float, standard_error: float, df: float, level: float = 0.05) -> float:
    """The probability that a two-sided t-test at ``level`` finds a true difference of ``effect``.

    >>> round(power_of(1.0, standard_error=0.3, df=8), 2)
    0.83
    """
    if effect == 0:
        return level
    if standard_error == 0:
        return 1.0
    # t² is noncentral F: the same probability as of scipy's noncentral t, which is nan for large differences.
    return float(ncf.sf(t.isf(level / 2, df) ** 2, 1, df, (effect / standard_error) ** 2))


def power_of_equivalence(margin: float, standard_error: float, df: float, level: float = 0.05) -> float:
    """The probability that two one-sided t-tests at ``level`` show a true difference of 0 to be within ``margin``.

    >>> round(power_of_equivalence(1.0, standard_error=0.3, df=8), 2)
    0.84
    """
    if standard_error == 0:
        return 1.0
    critical, limit = t.isf(level, df), margin / standard_error

    def shown(found: float) -> float:  # the density of that difference, in standard errors, times its chance
        return math.exp(-(found**2) / 2) * float(chdtr(df, df * ((limit - found) / critical) ** 2))

    farthest = min(limit, 9.0)  # what is farther out, 1 in 10¹⁹, cannot be seen in the result
    return 2 / math.sqrt(2 * math.pi) * float(quad(shown, 0.0, farthest)[0])


def smallest_detectable(standard_error: float, df: float, *, level: float = 0.05, power: float = 0.8) -> float:
    """The smallest true difference that a two-sided t-test at ``level`` finds with probability ``power``.

    Raises :class:`InputError` unless 0 < level < power < 1.

    >>> round(smallest_detectable(0.3, df=8), 2)
    0.96
    """
    return standard_error * _smallest(power_of, df, level, power)


def smallest_margin(standard_error: float, df: float, *, level: float = 0.05, power: float = 0.8) -> float:
    """The smallest margin within which a true difference of 0 is shown to lie with probability ``power``.

    Raises :class:`InputError` unless 0 < level < power < 1.

    >>> round(smallest_margin(0.3, df=8), 2)
    0.96
    """
    return standard_error * _smallest(power_of_equivalence, df, level, power)


@cache
def _smallest(
    power_with: Callable[[float, float, float, float], float], df: float, level: float, power: float
) -> float:
    """How many standard errors give that ``power``. (The solver of statsmodels meets scipy's nan.)"""
    if not 0 < level < power < 1:
        raise InputError(f"level {level} and power {power} do not go together: choose 0 < level < power < 1")

    def power_at(errors: float) -> float:
        return power_with(errors, 1.0, df, level)

    high = 1.0
    while power_at(high) < power:
        high *= 2
    return float(brentq(lambda x: power_at(x) - power, 0.0, high, xtol=1e-6))


def _two_way(errors: pd.DataFrame) -> RegressionResults:
    """The fit of *error = arm + seed + residual*: a coefficient for each column of ``errors``, then for each row."""
    seeds, arms = np.nonzero(errors.notna().to_numpy())
    indicators = np.hstack([np.eye(errors.shape[1])[arms], np.eye(errors.shape[0])[seeds]])
    with warnings.catch_warnings():
        # Only differences of arms are determined, and nothing else is asked for.
        warnings.simplefilter("ignore", SingularMatrixWarning)
        return OLS(errors.to_numpy(float)[seeds, arms], indicators).fit()


def _estimate(effect: float, standard_error: float, df: float, confidence: float) -> Estimate:
    """Student's interval and test."""
    effect, standard_error = (0.0 if abs(x) < _ROUNDING else float(x) for x in (effect, standard_error))
    if standard_error == 0:
        return Estimate(effect, effect, effect, 0.0, float(df), float(effect == 0))
    half = float(t.ppf((1 + confidence) / 2, df)) * standard_error
    p = 2 * float(t.sf(abs(effect) / standard_error, df))
    return Estimate(effect, effect - half, effect + half, standard_error, float(df), p)
