"""AlexNet's local response normalisation (§2.1), as one banded 1×1 convolution and its exact gradient.

PyTorch's own layer pools over channels in three dimensions, forwards and backwards, which takes several times as
long as the whole step of net A around it. Summing neighbouring channels is a product with a banded matrix, and
that is a 1×1 convolution: what every back end is fastest at.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


def _band(channels: int, n: int, like: Tensor) -> Tensor:
    """A 1×1 convolution's weights ``(C, C, 1, 1)`` that sum ``n`` neighbouring channels."""
    i = torch.arange(channels, device=like.device)
    offset = i - i[:, None]  # of the channel that is summed from the channel that is normalised
    return ((offset >= -(n // 2)) & (offset < n - n // 2)).to(like.dtype)[:, :, None, None]


def _power(u: Tensor, beta: float) -> Tensor:
    """``u^−β`` for positive u; roots alone for AlexNet's β, since they are several times faster than powers."""
    if beta == 0.75:
        root = u.rsqrt()
        return root.sqrt().mul_(root)
    return u.pow(-beta)


#: Values handled at once on a processor: so many that a piece and all that is computed of it stay in its cache.
_AT_ONCE = 2**18


class _Normalise(torch.autograd.Function):
    """Forwards and backwards written out, piece by piece: autograd would keep, write and read twice as many maps.

    Σ a² may be in bfloat16, but k + α Σ a² is not: near k = 2 its steps of 1/128 would round the whole effect away.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, n: int, alpha: float, beta: float, k: float) -> Tensor:
        band = _band(a.shape[1], n, a)
        ctx.save_for_backward(a, band)
        ctx.parameters = alpha, beta, k
        out = torch.empty_like(a)
        for piece, place in zip(_pieces(a), _pieces(out), strict=True):
            place.copy_(piece * _power(_sum(piece, band, alpha, k), beta))
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        a, band = ctx.saved_tensors
        alpha, beta, k = ctx.parameters
        out = torch.empty_like(a)
        for piece, gradient, place in zip(_pieces(a), _pieces(gradients[0]), _pieces(out), strict=True):
            u = _sum(piece, band, alpha, k)
            direct = _power(u, beta).mul_(gradient)
            through = functional.conv2d((direct * piece).div_(u).to(a.dtype), band.transpose(0, 1)).to(u.dtype)
            place.copy_(direct.sub_(through.mul_(piece).mul_(2 * alpha * beta)))
        return out, None, None, None, None


def _pieces(maps: Tensor) -> tuple[Tensor, ...]:
    """Maps ``(N, C, H, W)`` split along N; whole on a GPU."""
    images = max(1, _AT_ONCE // max(1, maps[0].numel())) if maps.device.type == "cpu" and len(maps) else len(maps)
    return maps.split(max(1, images))


def _sum(a: Tensor, band: Tensor, alpha: float, k: float) -> Tensor:
    """``k + α Σ a²`` over each channel's neighbours, in float32 or finer."""
    squares = functional.conv2d(a * a, band)
    return squares.to(torch.promote_types(a.dtype, torch.float32)).mul_(alpha).add_(k)


class LocalResponseNorm(nn.Module):
    """AlexNet's normalisation across channels, ``b = a / (k + α Σ a²)^β``, summed over ``n`` channels.

    The defaults are the paper's (§2.1: "those of Krizhevsky"). PyTorch's own layer divides α by n,
    so that the same setting has another meaning there; this one follows the formula. Its output has its
    input's number format.

    Shape: ``(N, C, H, W)`` to the same.
    """

    def __init__(self, n: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0) -> None:
        super().__init__()
        self.n, self.alpha, self.beta, self.k = n, alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``x``, ``(N, C, H, W)``."""
        normalised: Tensor = _Normalise.apply(x, self.n, self.alpha, self.beta, self.k)
        return normalised

    def extra_repr(self) -> str:
        """The parameters, for ``print(net)``."""
        return f"n={self.n}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
