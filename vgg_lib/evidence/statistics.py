"""How far a figure can be trusted."""

from __future__ import annotations

from collections.abc import Sequence

from scipy.stats import binomtest, ttest_1samp


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

    Raises ``ValueError`` for fewer than 2 seeds: one difference says nothing of its spread.

    >>> tuple(round(x, 2) for x in paired_difference([0.2, -0.1, 0.3, 0.0, 0.1]))
    (0.1, -0.1, 0.3)
    """
    if len(differences) < 2:
        raise ValueError(f"{len(differences)} differences have no spread: 2 seeds or more are needed")
    interval = ttest_1samp(differences, 0.0).confidence_interval(confidence)
    return sum(differences) / len(differences), float(interval.low), float(interval.high)
