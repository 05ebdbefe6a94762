"""AlexNet's local response normalisation (§2.1), as products with a banded matrix, and its exact gradient.

PyTorch's own layer pools over channels in three dimensions, forwards and backwards, which takes several times as
long as the whole step of net A around it. Summing neighbouring channels is a product with a matrix of ones around
its diagonal, and products are what every back end is fastest at.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn


def _band(channels: int, n: int, like: Tensor) -> Tensor:
    """The matrix ``(C, C)`` that sums, for each channel to be normalised, its ``n`` neighbours."""
    i = torch.arange(channels, device=like.device)
    offset = i[:, None] - i  # of the channel that is summed from the channel that is normalised
    return ((offset >= -(n // 2)) & (offset < n - n // 2)).to(_exact(like))


def _root(u: Tensor, beta: float) -> Tensor:
    """Of positive ``u``, in its own memory, that from which products give what both directions need.

    For AlexNet's β it is ``u^(-1/4)``, since roots are several times faster than powers; else ``1/u``.
    """
    return u.sqrt_().rsqrt_() if beta == 0.75 else u.reciprocal_()


def _scale(root: Tensor, beta: float) -> Tensor:
    """``u^-β`` from the :func:`_root` of u."""
    return (root * root).mul_(root) if beta == 0.75 else root.pow(beta)


def _times_inverse(values: Tensor, root: Tensor, scale: Tensor, beta: float) -> Tensor:
    """``values / u``, in their own memory, from the :func:`_root` and the :func:`_scale` of u."""
    return values.mul_(root).mul_(scale) if beta == 0.75 else values.mul_(root)


#: Values handled at once on a processor: so many that a piece and all that is computed of it stay in its cache.
_AT_ONCE = 2**17


class _Normalise(torch.autograd.Function):
    """Forwards and backwards written out, piece by piece: autograd would keep, write and read twice as many maps.

    Maps may be in bfloat16, but u = k + α Σ a² is not: near k = 2 its steps of 1/128 would round the whole effect away.
    Its root is kept for the way back: it is read sooner than computed once more.
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor, n: int, alpha: float, beta: float, k: float) -> Tensor:
        out, kept = _like(maps), []
        with _as_they_are(maps):
            band = _band(maps.shape[1], n, maps) * alpha
            for piece, place in zip(_pieces(maps), _pieces(out), strict=True):
                a = piece.to(band.dtype)
                root = _root(((a * a) @ band).add_(k), beta)
                place.copy_(_scale(root, beta).mul_(a))
                if ctx.needs_input_grad[0]:
                    kept.append(root)
        ctx.save_for_backward(maps, *kept)
        ctx.parameters = n, alpha, beta
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        maps, *kept = ctx.saved_tensors
        n, alpha, beta = ctx.parameters
        out = _like(maps)
        with _as_they_are(maps):
            band = _band(maps.shape[1], n, maps).T * (-2 * alpha * beta)
            for piece, gradient, root, place in zip(
                _pieces(maps), _pieces(gradients[0]), kept, _pieces(out), strict=True
            ):
                a, scale = piece.to(band.dtype), _scale(root, beta)
                direct = scale * gradient
                through = _times_inverse(direct * a, root, scale, beta) @ band
                place.copy_(direct.addcmul_(through, a))
        return out, None, None, None, None


def _as_they_are(maps: Tensor) -> AbstractContextManager[object]:
    """Keep autocast from rounding the products, on devices that know it (``meta``, where shapes are told, does not)."""
    kind = maps.device.type
    return torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext()


def _exact(maps: Tensor) -> torch.dtype:
    """What maps are normalised in: float32 or finer."""
    return torch.promote_types(maps.dtype, torch.float32)


def _like(maps: Tensor) -> Tensor:
    """Memory for maps ``(N, C, H, W)`` of that shape, channels-last."""
    n, channels, height, width = maps.shape
    return maps.new_empty(n, height, width, channels).permute(0, 3, 1, 2)


def _pieces(maps: Tensor) -> tuple[Tensor, ...]:
    """Maps ``(N, C, H, W)`` as rows of channels ``(n, C)``, some places at once: copied if not channels-last."""
    rows = maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])
    return rows.split(max(1, _AT_ONCE // maps.shape[1]) if maps.device.type == "cpu" else max(1, len(rows)))


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

    def share_left(self, x: Tensor) -> Tensor:
        """How much of each number of ``x`` is left, as a share of what ``k`` alone would leave: ``(N, C, H, W)``.

        1 means that the sum of squares takes nothing.

        >>> LocalResponseNorm().share_left(torch.tensor([[1.0, 100.0, 0.0, 0.0, 9.0]])[:, :, None, None]).flatten()
        tensor([0.7378, 0.7378, 0.7363, 0.7363, 0.9970])
        """
        band = _band(x.shape[1], self.n, x) * (self.alpha / self.k)
        return torch.einsum("nchw,cd->ndhw", x.to(band.dtype).square(), band).add_(1).pow_(-self.beta)

    def extra_repr(self) -> str:
        """The parameters, for ``print(net)``."""
        return f"n={self.n}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
