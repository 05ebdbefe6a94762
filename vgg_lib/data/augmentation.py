"""From photographs to training crops (§3.1): draw S, the crop's place, the flip and the shift of colour, then cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vgg_lib.basics.errors import InputError
from vgg_lib.data.given import as_images
from vgg_lib.data.images import Images
from vgg_lib.data.rescaling import Crops, ends, rescaled_sizes

#: The deviation of the random weights on the principal components (Krizhevsky et al., 2012, §4.1).
COLOUR_DEVIATION = 0.1


@dataclass(frozen=True, slots=True)
class ColourShift:
    """The principal components of a training set's RGB values, and the shift along them (§3.1).

    ``components`` is ``(3, 3)``, one component a column, each times the root of its variance; in units
    of 0..255. Every pixel of an image is shifted by ``components @ α`` with α ~ N(0, 0.1²). Krizhevsky et al. write the
    eigenvalue, which is the variance, where the root is taken here: on 0..255 that would shift by hundreds.
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


def draw_crops(
    sizes: Tensor | Sequence[tuple[int, int]], scale: int | tuple[int, int], crop: int, generator: torch.Generator
) -> Crops:
    """Sample S (when ``scale`` is a range, per image and uniformly: §3.1), the crop's place and the flip.

    ``sizes`` are the images' heights and widths before rescaling, ``(N, 2)``. The draws do not depend on them, so
    that two networks trained with the same seed see the same crops.

    Raises :class:`InputError` when S can fall below the crop, or its range is turned around.
    """
    smallest, largest = ends(scale)
    if smallest < crop:
        raise InputError(f"training scale {scale} does not hold a crop of {crop} pixels: choose S of {crop} or more")
    u = torch.rand(4, len(sizes), generator=generator)  # at most 1 - 2⁻²⁴: no product is rounded up to its end
    side = smallest + (u[0] * (largest - smallest + 1)).long()
    rescaled = rescaled_sizes(torch.as_tensor(sizes), side)
    top, left = (u[1:3] * (rescaled.T - crop + 1)).long()
    return Crops(side, top, left, u[3] < 0.5)


@dataclass(frozen=True, slots=True)
class Draws:
    """All that is random about a batch: the crops, and the colour shifts ``(N, 3, 1, 1)`` where there are any."""

    crops: Crops
    shifts: Tensor | None

    def part(self, which: slice) -> Draws:
        """What was drawn for some of the images."""
        return Draws(self.crops.part(which), None if self.shifts is None else self.shifts[which])


def draw(
    images: Images,
    scale: int | tuple[int, int],
    crop: int,
    generator: torch.Generator,
    colour: ColourShift | None = None,
) -> Draws:
    """What :func:`training_batch` draws, in its order, without a look at any pixel.

    Raises :class:`InputError` when S can fall below the crop, or its range is turned around.
    """
    crops = draw_crops(images.sizes, scale, crop, generator)
    return Draws(crops, colour.draw(len(images), generator) if colour is not None else None)


def training_batch(
    images: Images | Tensor | Sequence[Tensor],
    scale: int | tuple[int, int],
    crop: int,
    generator: torch.Generator,
    colour: ColourShift | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """A batch as §3.1 makes it: float32 ``(N, 3, crop, crop)`` on a scale of 0..255, nothing subtracted yet.

    ``images`` are uint8: one tensor ``(N, 3, H, W)``, a list of ``(3, H, W)`` of any sizes, or photographs decoded
    once, none of which is copied. ``colour`` shifts each image's RGB values; results may leave 0..255, as
    Krizhevsky's do. ``dtype`` is that of the sums and products that resample decoded photographs: bfloat16, where
    the processor multiplies it, takes two thirds of the time, and differs by a quarter of a grey level on average.

    Raises :class:`InputError` when S can fall below the crop, or its range is turned around.
    """
    images = as_images(images)
    return as_drawn(images, draw(images, scale, crop, generator, colour), scale, crop, dtype)


def as_drawn(
    images: Images,
    drawn: Draws,
    scale: int | tuple[int, int],
    crop: int,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """:func:`training_batch` of what was drawn before, for these images and at this ``scale``: draws nothing."""
    batch = images.cut(drawn.crops, scale, crop, dtype)
    return batch if drawn.shifts is None else batch.add_(drawn.shifts.to(batch.device))
