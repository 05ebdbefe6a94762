"""From photographs to training crops (§3.1): rescale to S, crop, flip, shift the colour. Batched on tensors.

Rescaling is separable and linear, so a crop of a rescaled image is two small matrix products: rows,
then columns. That makes one batch out of images that are each rescaled to a side of their own, on any
device, and never computes a pixel outside the crop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from vgg_lib.errors import InputError

#: The deviation of the random weights on the principal components (Krizhevsky et al., 2012, §4.1).
COLOUR_DEVIATION = 0.1


def rescaled_size(height: int, width: int, smallest_side: int) -> tuple[int, int]:
    """Size of an image rescaled isotropically so that its smallest side is S (§3.1), in pixels.

    >>> rescaled_size(375, 500, 256)
    (256, 341)
    """
    smallest = min(height, width)
    return height * smallest_side // smallest, width * smallest_side // smallest


def rescale(image: Tensor, smallest_side: int) -> Tensor:
    """Rescale uint8 images ``(…, 3, H, W)`` isotropically to smallest side S, bilinear and antialiased.

    Raises :class:`InputError` for a side under 1 pixel.
    """
    if smallest_side < 1:
        raise InputError(f"smallest side {smallest_side} is not a size in pixels: choose 1 or more")
    size = rescaled_size(image.shape[-2], image.shape[-1], smallest_side)
    if size == tuple(image.shape[-2:]):
        return image
    batch = image if image.ndim == 4 else image[None]
    out = functional.interpolate(batch, size, mode="bilinear", antialias=True, align_corners=False)
    return out if image.ndim == 4 else out[0]


def resampling_matrix(source: int, target: Tensor, offset: Tensor, length: int) -> Tensor:
    """Weights that rescale ``source`` pixels to ``target`` ones and keep ``length`` from ``offset`` on.

    ``target`` and ``offset`` are ``(N,)``, in pixels; the result is ``(N, length, source)``, each row
    summing to 1. The filter is the antialiased triangle that ``rescale`` uses too: its half-width is one
    source pixel when enlarging and one target pixel when reducing.
    """
    ratio = source / target.double()  # source pixels per target pixel
    places = offset.double()[:, None] + torch.arange(length, device=target.device)
    centres = (places + 0.5) * ratio[:, None]
    half_width = ratio.clamp(min=1.0)[:, None, None]
    pixels = torch.arange(source, device=target.device, dtype=torch.float64) + 0.5
    weights = (1 - (pixels - centres[:, :, None]).abs() / half_width).clamp(min=0.0)
    return (weights / weights.sum(dim=2, keepdim=True)).float()


@dataclass(frozen=True, slots=True)
class ColourShift:
    """The principal components of a training set's RGB values, and the shift along them (§3.1).

    ``components`` is ``(3, 3)``, one component a column, each times the root of its variance; in units
    of 0..255. Krizhevsky et al. shift every pixel of an image by ``components @ α`` with α ~ N(0, 0.1²).
    """

    components: Tensor

    @classmethod
    def from_covariance(cls, covariance: Tensor) -> ColourShift:
        """From the RGB covariance ``(3, 3)`` of a training set's pixels."""
        variances, vectors = torch.linalg.eigh(covariance.double())
        return cls((vectors * variances.clamp(min=0).sqrt()).float())

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Shifts ``(count, 3, 1, 1)`` in units of 0..255, one an image."""
        alpha = torch.randn(count, 3, generator=generator) * COLOUR_DEVIATION
        return (alpha @ self.components.T)[:, :, None, None]


@dataclass(frozen=True, slots=True)
class Crops:
    """What was decided for each image of a batch: side S, place of the crop, mirrored or not. All ``(N,)``."""

    side: Tensor
    top: Tensor
    left: Tensor
    flip: Tensor

    def one(self, i: int) -> Crops:
        """What was decided for image ``i``, as a batch of one."""
        return Crops(self.side[i, None], self.top[i, None], self.left[i, None], self.flip[i, None])


def draw_crops(
    sizes: Sequence[tuple[int, int]], scale: int | tuple[int, int], crop: int, generator: torch.Generator
) -> Crops:
    """Sample S (when ``scale`` is a range, per image and uniformly: §3.1), the crop's place and the flip.

    ``sizes`` are the images' heights and widths before rescaling. The draws do not depend on them, so
    that two networks trained with the same seed see the same crops.

    Raises :class:`InputError` when S can fall below the crop.
    """
    smallest, largest = (scale, scale) if isinstance(scale, int) else scale
    if not crop <= smallest <= largest:
        raise InputError(f"training scale {scale} does not hold a crop of {crop} pixels: choose S of {crop} or more")
    u = torch.rand(4, len(sizes), generator=generator)
    side = (smallest + (u[0] * (largest - smallest + 1)).long()).clamp(max=largest)
    rescaled = torch.tensor([rescaled_size(h, w, int(s)) for (h, w), s in zip(sizes, side, strict=True)])
    top, left = ((u[i + 1] * (rescaled[:, i] - crop + 1)).long() for i in (0, 1))
    return Crops(side, top, left, u[3] < 0.5)


def cut(images: Tensor, crops: Crops, crop: int) -> Tensor:
    """Rescale, crop and flip uint8 images ``(N, 3, H, W)`` of one size: float32 ``(N, 3, crop, crop)``, 0..255."""
    height, width = images.shape[-2:]
    if bool((crops.side == min(height, width)).all()):  # at their scale already: nothing to resample
        parts = [
            image[:, t : t + crop, s : s + crop] for image, t, s in zip(images, crops.top, crops.left, strict=True)
        ]
        batch = torch.stack(parts).float()
        return torch.where(crops.flip.to(batch.device)[:, None, None, None], batch.flip(3), batch)
    rescaled = torch.tensor([rescaled_size(height, width, int(s)) for s in crops.side])
    rows = resampling_matrix(height, rescaled[:, 0], crops.top, crop)
    columns = resampling_matrix(width, rescaled[:, 1], crops.left, crop)
    columns = torch.where(crops.flip[:, None, None], columns.flip(1), columns)
    rows, columns = rows.to(images.device), columns.to(images.device)
    # Rows first: they shrink the larger product's other factor, and touch the bytes in their order.
    reduced = rows[:, None] @ images.float()
    return reduced @ columns.transpose(1, 2)[:, None]


def training_batch(
    images: Tensor | Sequence[Tensor],
    scale: int | tuple[int, int],
    crop: int,
    generator: torch.Generator,
    colour: ColourShift | None = None,
) -> Tensor:
    """A batch as §3.1 makes it: float32 ``(N, 3, crop, crop)`` on a scale of 0..255, nothing subtracted yet.

    ``images`` are uint8: one tensor ``(N, 3, H, W)``, or a list of ``(3, H, W)`` of any sizes. ``colour``
    shifts each image's RGB values; results may leave 0..255, as Krizhevsky's do.

    Raises :class:`InputError` when S can fall below the crop.
    """
    crops = draw_crops([tuple(image.shape[-2:]) for image in images], scale, crop, generator)
    shifts = colour.draw(len(images), generator) if colour is not None else None
    if isinstance(images, Tensor):
        batch = cut(images, crops, crop)
    else:
        batch = torch.cat([cut(image[None], crops.one(i), crop) for i, image in enumerate(images)])
    return batch if shifts is None else batch + shifts.to(batch.device)
