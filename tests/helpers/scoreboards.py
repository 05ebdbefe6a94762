"""Scoreboards under differences that are known, thousands at once, judged by formulas written a second time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Contrast:
    """Superiority of ``challenger`` to every ``baseline``, or its equivalence to the one within ``margin`` points."""

    group: str
    baselines: tuple[str, ...]
    challenger: str
    margin: float | None = None


#: Seeds of each arm; arms of a group share their seeds, from 0 on, and the residual variance.
GROUPS = {
    "normalised": {"A": 5, "D": 5, "B-5x5": 5, "B": 5, "C": 5, "E": 3},
    "plain": {"A": 10, "A-LRN": 10, "B": 3, "C": 3, "D": 5, "E": 3, "D from A": 5},
    "jitter": {"S = 73": 5, "S = 110": 5, "S in [73;146]": 5},
    "several scales": {"Q = 64": 5, "Q = 96": 5, "Q = 128": 5, "all three": 5},
    "crops": {"dense": 5, "both": 5},
    "fusion": {"D": 5, "D and E": 5},
}

CONTRASTS = {
    "depth": Contrast("normalised", ("A",), "D"),
    "small-filters": Contrast("normalised", ("B-5x5",), "B"),
    "context": Contrast("normalised", ("C",), "D"),
    "saturation": Contrast("normalised", ("D",), "E", margin=1.0),
    "depth-plain": Contrast("plain", ("A",), "D"),
    "lrn": Contrast("plain", ("A",), "A-LRN", margin=1.0),
    "warm-start": Contrast("plain", ("D",), "D from A"),
    "jitter": Contrast("jitter", ("S = 73", "S = 110"), "S in [73;146]"),
    "multi-scale": Contrast("several scales", ("Q = 64", "Q = 96", "Q = 128"), "all three"),
    "dense-vs-crops": Contrast("crops", ("dense",), "both"),
    "fusion": Contrast("fusion", ("D",), "D and E"),
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


def estimate(errors: Array, baseline: int, challenger: int) -> tuple[Array, Array, int]:
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


def two_sided(effect: Array, standard_error: Array, df: int) -> Array:
    """The p of no difference."""
    return 2 * t.cdf(-np.abs(effect / standard_error), df)


def not_equivalent(effect: Array, standard_error: Array, df: int, margin: float) -> Array:
    """The p of a difference of ``margin`` or more: the larger of two one-sided ones."""
    return np.maximum(t.cdf((-margin - effect) / standard_error, df), t.cdf((effect - margin) / standard_error, df))


def judge(contrast: Contrast, errors: Array) -> Array:
    """The p ``(boards,)`` with which a claim is reproduced or contradicted, whichever is nearer.

    Superiority takes the challenger to be better than every baseline, or worse than one of them, which Bonferroni's
    factor allows for; equivalence a difference below the margin, or above it.
    """
    arms = list(GROUPS[contrast.group])
    found = [estimate(errors, arms.index(one), arms.index(contrast.challenger)) for one in contrast.baselines]
    if contrast.margin is not None:
        p = not_equivalent(*found[0], contrast.margin)
        return 2 * np.minimum(p, 1 - p)
    no_better = np.array([t.cdf(-effect / error, df) for effect, error, df in found])
    worse_than_one = len(found) * (1 - no_better).min(0)
    return np.minimum(1, 2 * np.minimum(no_better.max(0), worse_than_one))


def holm(p: Array) -> Array:
    """Holm's method on each row of p ``(boards, contrasts)``, from its definition: adjusted p of the same shape."""
    adjusted = np.empty_like(p)
    for row, found in zip(adjusted, p, strict=True):
        so_far = 0.0
        for rank, which in enumerate(np.argsort(found)):
            so_far = max(so_far, min(1.0, (len(found) - rank) * found[which]))
            row[which] = so_far
    return adjusted


def scoreboards(boards: int, deviations: dict[str, float], differences: dict[str, dict[str, float]]) -> Array:
    """The p ``(boards, contrasts)`` of every contrast of :data:`CONTRASTS` on so many boards, not adjusted.

    ``deviations`` are those of the residuals, ``differences`` those of arms, both by group.
    """
    drawn = {
        group: draw(arms, boards, deviations[group], seed, differences.get(group))
        for seed, (group, arms) in enumerate(GROUPS.items())
    }
    return np.stack([judge(one, drawn[one.group]) for one in CONTRASTS.values()], axis=1)
