"""Photographs in files, decoded when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from vgg_lib.basics.errors import InputError
from vgg_lib.data.decoded import DecodedPhotos, decoded_once
from vgg_lib.data.decoding import decode, no_warning_of_size, read
from vgg_lib.data.images import Images
from vgg_lib.data.rescaling import Crops, Scale, cut, rescale

#: Photographs that are decoded together, ahead of what is done with them: a camera's may have 36 MB of pixels each.
_AHEAD = 8


class PhotoFiles(Images):
    """Photographs that are decoded when asked for, each at its own size: ``(3, H, W)`` uint8.

    ``stem`` is where the whole set's pixels may be kept once decoded: a file without its ending. ``whole`` are the
    files of the whole set and ``index`` ``(n,)`` which of them these are, for a part of a set.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        stem: Path | None = None,
        *,
        whole: PhotoFiles | None = None,
        index: Tensor | None = None,
    ) -> None:
        self.paths = list(paths)
        self.stem = stem
        self.whole = whole or self
        self.index = torch.arange(len(self.paths)) if index is None else index

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> Tensor:
        return decode(self.paths[i])

    @property
    def size(self) -> None:
        return None

    @cached_property
    def sizes(self) -> Tensor:
        """Heights and widths, int64 ``(N, 2)``: every file is decoded for them, once."""
        shapes = [image.shape[-2:] for image in self.load(torch.arange(len(self)))]
        return torch.tensor(shapes, dtype=torch.long).view(-1, 2)

    def take(self, indices: Tensor) -> PhotoFiles:
        """A part of the files, none of them read."""
        paths = [self.paths[i] for i in indices.tolist()]
        return PhotoFiles(paths, self.stem, whole=self.whole, index=self.index[indices])

    def load(self, indices: Tensor) -> Iterator[Tensor]:
        """Each photograph is decoded shortly before its turn, and gone when who asked for it lets it go."""
        with ThreadPoolExecutor(_AHEAD) as pool:  # decoding lets go of Python's lock
            for part in indices.split(_AHEAD):
                with no_warning_of_size():
                    some = list(pool.map(read, [self.paths[i] for i in part.tolist()]))
                while some:
                    yield some.pop(0)[None]

    def rescaled(self, smallest_side: int) -> DecodedPhotos:
        return self.decoded(smallest_side)

    def for_range(self, scale: tuple[int, int]) -> DecodedPhotos:
        return self.decoded().for_range(scale)

    def cut(self, crops: Crops, scale: Scale, crop: int, dtype: torch.dtype = torch.float32) -> Tensor:
        images = self.load(torch.arange(len(self)))
        return torch.cat([cut(image, crops.one(i), crop) for i, image in enumerate(images)])

    def decoded(self, smallest_side: int | None = None) -> DecodedPhotos:
        """The same photographs, decoded once: at their own sizes, or rescaled isotropically to smallest side S.

        Raises :class:`InputError` where no place to keep the pixels was given, and when a file cannot be read.
        """
        if self.stem is None:
            raise InputError(
                "these files have no place to keep their pixels: give PhotoFiles a stem, a path to write to"
            )

        def images() -> Iterator[Tensor]:
            for image in self.whole.load(torch.arange(len(self.whole))):
                yield image if smallest_side is None else rescale(image, smallest_side)

        stem = self.stem if smallest_side is None else self.stem.with_name(f"{self.stem.name}-S{smallest_side}")
        return decoded_once(stem, len(self.whole), images).take(self.index)
