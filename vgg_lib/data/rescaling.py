"""Images rescaled isotropically to a smallest side S (§3.1), whole or no more of them than a crop. On tensors.

Rescaling is separable and linear, so a crop of a rescaled image is two small matrix products: rows,
then columns. That makes one batch out of images that are each rescaled to a side of their own, and never
computes a pixel outside the crop. Whole images are rescaled as bytes, for which no GPU has a kernel: on
the processor, before they go to the device of a net.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from vgg_lib.basics.errors import InputError

#: A training scale S in pixels, or a range from which S is sampled for each image (§3.1).
Scale = int | tuple[int, int]

#: Pixels of a scale at most: eight times the paper's largest, and 4 GB in the first layer of a full-width net.
LARGEST_SCALE = 4096


def middle(scale: Scale) -> int:
    """S itself, or the middle of its range: the test scale Q of Table 3, in pixels.

    >>> middle(256), middle((256, 512)), middle((73, 146))
    (256, 384, 110)
    """
    return scale if isinstance(scale, int) else (sum(scale) + 1) // 2


def ends(scale: Scale) -> tuple[int, int]:
    """The smallest and the largest side of a scale; raises :class:`InputError` for a range that is turned around.

    >>> ends(73), ends((73, 146))
    ((73, 73), (73, 146))
    """
    smallest, largest = (scale, scale) if isinstance(scale, int) else scale
    if smallest > largest:
        raise InputError(f"training scale {scale} ends before it begins: choose {(largest, smallest)}")
    return smallest, largest


def rescaled_size(height: int, width: int, smallest_side: int) -> tuple[int, int]:
    """Size of an image rescaled isotropically so that its smallest side is S (§3.1), in pixels.

    >>> rescaled_size(375, 500, 256)
    (256, 341)
    """
    smallest = min(height, width)
    return height * smallest_side // smallest, width * smallest_side // smallest


def rescaled_sizes(sizes: Tensor, side: Tensor) -> Tensor:
    """:func:`rescaled_size` of many: ``sizes`` ``(N, 2)`` and sides S ``(N,)`` to ``(N, 2)``, int64."""
    return sizes * side[:, None] // sizes.amin(1, keepdim=True)


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
class Crops:
    """What was decided for each image of a batch: side S, place of the crop, mirrored or not. All ``(N,)``."""

    side: Tensor
    top: Tensor
    left: Tensor
    flip: Tensor

    def part(self, which: slice) -> Crops:
        """What was decided for some of the images."""
        return Crops(self.side[which], self.top[which], self.left[which], self.flip[which])

    def one(self, i: int) -> Crops:
        """What was decided for image ``i``, as a batch of one."""
        return self.part(slice(i, i + 1))


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
