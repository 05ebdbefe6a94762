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
        return self.in_place(images.to(torch.float32, copy=True))

    def in_place(self, images: Tensor) -> Tensor:
        """The same for float32 images that nobody needs any more: they become the result, unless turned to BGR.

        Memory for a second result takes longer to get than to fill.
        """
        x = images.flip(-3) if self.order == "BGR" else images
        mean, deviation = (torch.tensor(v, device=x.device).view(3, 1, 1) for v in (self.mean, self.deviation))
        return x.sub_(mean).div_(deviation)
