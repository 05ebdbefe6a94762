"""How far a figure can be trusted."""

from __future__ import annotations

from scipy.stats import binomtest


def wilson(wrong: int, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval for an error, in percent, when ``wrong`` of ``count`` independent images are wrong.

    It covers the choice of images alone, not of seeds. Raises ``ValueError`` unless 0 ≤ wrong ≤ count.

    >>> tuple(round(x, 1) for x in wilson(198, 935))
    (18.7, 23.9)
    """
    interval = binomtest(wrong, count).proportion_ci(confidence, method="wilson")
    return 100 * float(interval.low), 100 * float(interval.high)
