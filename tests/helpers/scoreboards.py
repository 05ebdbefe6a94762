"""Scoreboards under differences that are known, thousands at once, judged by formulas written a second time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Contrast:
    """Superiority of ``challenger`` to ``baseline``, or their equivalence within ``margin`` points."""

    group: str
    baseline: str
    challenger: str
    margin: float | None = None


#: Seeds of each arm; arms of a group share their seeds, from 0 on, and the residual variance.
GROUPS = {
    "normalised": {"A": 5, "D": 5, "B-5x5": 5, "B": 5, "C": 5, "E": 3},
    "plain": {"A": 10, "A-LRN": 10, "B": 3, "C": 3, "D": 5, "E": 3, "D from A": 5},
    "scales": {"D at 73": 5, "D at 110": 5, "D jittered": 5},
    "several scales": {"one": 5, "three": 5},
    "crops": {"dense": 5, "both": 5},
    "fusion": {"D": 5, "D and E": 5},
}

CONTRASTS = {
    "depth": Contrast("normalised", "A", "D"),
    "small-filters": Contrast("normalised", "B-5x5", "B"),
    "context": Contrast("normalised", "C", "D"),
    "saturation": Contrast("normalised", "D", "E", margin=1.0),
    "depth-plain": Contrast("plain", "A", "D"),
    "lrn": Contrast("plain", "A", "A-LRN", margin=1.0),
    "warm-start": Contrast("plain", "D", "D from A"),
    "jitter": Contrast("scales", "D at 110", "D jittered"),
    "multi-scale": Contrast("several scales", "one", "three"),
    "dense-vs-crops": Contrast("crops", "dense", "both"),
    "fusion": Contrast("fusion", "D", "D and E"),
}


def draw(
    arms: dict[str, int], boards: int, deviation: float, seed: int, differences: dict[str, float] | None = None
) -> Array:
    """Errors ``(boards, seeds, arms)`` in percent, nan where an arm has no such seed.

    An arm's mean is 20 and its ``differences``; a seed adds one normal number to all arms, with a deviation of 1 point,
    and each of its trainings another with ``deviation``.
    """
    random = np.random.default_rng(seed)
    seeds = max(arms.values())
    means = np.array([20 + (differences or {}).get(arm, 0.0) for arm in arms])
    errors = means + random.normal(size=(boards, seeds, 1)) + random.normal(0, deviation, (boards, seeds, len(arms)))
    trained = np.arange(seeds)[:, None] < np.array(list(arms.values()))
    return np.where(trained, errors, np.nan)


def contrasts(errors: Array, baseline: int, challenger: int) -> tuple[Array, Array, int]:
    """Differences of two arms ``(boards,)``, their standard errors and degrees of freedom, by the normal equations.

    ``errors`` are ``(boards, seeds, arms)``, with nan at the same places of every board.
    """
    trained = ~np.isnan(errors[0])
    seed, arm = np.nonzero(trained)
    design = np.concatenate([np.eye(trained.shape[1])[arm], np.eye(trained.shape[0])[seed][:, 1:]], axis=1)
    y = errors[:, trained]
    inverse = np.linalg.inv(design.T @ design)
    coefficients = y @ design @ inverse
    df = len(seed) - design.shape[1]
    variance = ((y - coefficients @ design.T) ** 2).sum(1) / df
    contrast = np.zeros(design.shape[1])
    contrast[baseline], contrast[challenger] = 1, -1
    return coefficients @ contrast, np.sqrt(variance * (contrast @ inverse @ contrast)), df


def p_values(contrast: Contrast, effect: Array, standard_error: Array, df: int) -> Array:
    """Two-sided for superiority; the larger of the two one-sided ones for equivalence."""
    if contrast.margin is None:
        return 2 * t.cdf(-np.abs(effect / standard_error), df)
    above, below = ((bound - effect) / standard_error for bound in (-contrast.margin, contrast.margin))
    return np.maximum(t.cdf(above, df), 1 - t.cdf(below, df))


def holm(p: Array) -> Array:
    """Holm's method on each row of p ``(boards, contrasts)``, from its definition: adjusted p of the same shape."""
    adjusted = np.empty_like(p)
    for row, found in zip(adjusted, p, strict=True):
        so_far = 0.0
        for rank, which in enumerate(np.argsort(found)):
            so_far = max(so_far, min(1.0, (len(found) - rank) * found[which]))
            row[which] = so_far
    return adjusted


def judge(boards: int, deviations: dict[str, float], differences: dict[str, dict[str, float]]) -> dict[str, Array]:
    """The p of every contrast of :data:`CONTRASTS` on so many boards ``(boards,)``, not adjusted.

    ``deviations`` are those of the residuals, ``differences`` those of arms, both by group.
    """
    drawn = {
        group: draw(arms, boards, deviations[group], seed, differences.get(group))
        for seed, (group, arms) in enumerate(GROUPS.items())
    }
    return {
        name: p_values(one, *contrasts(drawn[one.group], *(list(GROUPS[one.group]).index(arm)
                                                           for arm in (one.baseline, one.challenger))))
        for name, one in CONTRASTS.items()
    }  # fmt: skip
