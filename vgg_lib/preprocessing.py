"""What stands between a photograph and a network: it belongs to the weights and travels with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Subtract a mean RGB value and divide by a deviation, in units of 0..255 (§2.1, §3.1).

    The paper subtracts the training set's mean and does nothing else: its inputs keep a deviation of
    about 70. ``order`` is the order of the channels that the weights expect; ``mean`` and ``deviation``
    are in that order.
    """

    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    deviation: tuple[float, float, float] = (1.0, 1.0, 1.0)
    order: Literal["RGB", "BGR"] = "RGB"

    def __call__(self, images: Tensor) -> Tensor:
        """RGB images ``(…, 3, H, W)`` on a scale of 0..255 to inputs of the same shape, float32.

        >>> Preprocessing(mean=(1, 2, 3), order="BGR")(torch.tensor([10, 20, 30]).view(3, 1, 1)).flatten()
        tensor([29., 18.,  7.])
        """
        x = images.float()
        if self.order == "BGR":
            x = x.flip(-3)
        mean, deviation = (torch.tensor(v, device=x.device).view(3, 1, 1) for v in (self.mean, self.deviation))
        # In place: the memory for a second result takes longer to get than to fill.
        return (x - mean).div_(deviation)
