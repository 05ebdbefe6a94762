"""Photographs decoded once, and cut from there: a part of a set copies nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vgg_lib.data.images import CHUNK, Images
from vgg_lib.data.pixel_cache import PixelFile, pixel_file
from vgg_lib.data.pyramid import cut_from_levels, cut_window, level_sides
from vgg_lib.data.rescaling import Crops, Scale, rescale


@dataclass(frozen=True)
class DecodedPhotos(Images):
    """Photographs that were decoded once, and which of them are meant.

    ``stem`` is the file of the whole set without its ending: the set at another size is kept beside it. ``index`` is
    int64 ``(n,)``. ``levels`` are the whole set reduced, for the training scales that need fewer pixels.
    """

    stem: Path
    file: PixelFile
    index: Tensor
    levels: tuple[PixelFile, ...] = ()

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, i: int) -> Tensor:
        """Photograph ``i``, uint8 ``(3, H, W)``: a view, nothing is copied."""
        return self.file.one(int(self.index[i]))

    @property
    def size(self) -> tuple[int, int] | None:
        return self.file.size

    @property
    def sizes(self) -> Tensor:
        return self.file.sizes[self.index]

    def take(self, indices: Tensor) -> DecodedPhotos:
        """The photographs with these indices ``(n,)``, none of them copied."""
        return dataclasses.replace(self, index=self.index[indices])

    def load(self, indices: Tensor) -> list[Tensor]:
        chosen = self.index[indices]
        if self.size is not None:
            return [self.file.all().index_select(0, chosen)]
        return [self.file.one(i)[None] for i in chosen.tolist()]

    def rescaled(self, smallest_side: int) -> DecodedPhotos:
        """The same photographs at smallest side S: the whole set is kept at S beside this one, once."""
        if self.size is not None and min(self.size) == smallest_side:
            return self

        def images() -> Iterable[Tensor]:
            for part in torch.arange(len(self.file)).split(CHUNK):
                if self.size is not None:
                    yield rescale(self.file.all()[part[0] : part[-1] + 1], smallest_side)
                else:
                    yield from (rescale(self.file.one(i), smallest_side) for i in part.tolist())

        stem = self.stem.with_name(f"{self.stem.name}-S{smallest_side}")
        return decoded_once(stem, len(self.file), images).take(self.index)

    def for_range(self, scale: tuple[int, int]) -> DecodedPhotos:
        """Photographs of one size get levels: the sides from which smaller images are resampled faster."""
        if self.size is None:
            return self
        sides = level_sides(min(self.size), scale)
        return dataclasses.replace(self, levels=tuple(self.rescaled(side).file for side in sides))

    def cut(self, crops: Crops, scale: Scale, crop: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """:func:`~vgg_lib.data.rescaling.cut` of photographs of one size or of many, none of which is copied.

        Photographs at their scale already come to the same bits. Others differ by rounding and, where a level serves
        them, by less than 2 of 255 on average.
        """
        if self.size is None:
            return torch.cat([cut_window(self[i], crops.one(i), crop, dtype) for i in range(len(self))])
        if not bool((crops.side == min(self.size)).all()):
            return cut_from_levels((self.file, *self.levels), self.index, crops, scale, crop, dtype)
        order = crops.flip.long().argsort(stable=True)  # those to flip behind the others
        windows = self.file.windows(self.index[order], crops.top[order], crops.left[order], (crop, crop))
        plain = len(order) - int(crops.flip.sum())
        windows[plain:] = windows[plain:].flip(3)
        return windows.index_select(0, order.argsort()).float()


def decoded_once(stem: Path, count: int, images: Callable[[], Iterable[Tensor]]) -> DecodedPhotos:
    """The ``count`` photographs that are kept under ``stem``, all of them; where they are not, made of ``images()``.

    Takes and raises what :func:`~vgg_lib.data.pixel_cache.pixel_file` does.
    """
    return DecodedPhotos(stem, pixel_file(stem.with_name(f"{stem.name}.pixels"), count, images), torch.arange(count))
