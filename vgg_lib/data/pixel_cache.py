"""Photographs decoded once: their pixels in one file that is mapped, not read, and checked before it is trusted.

A file is 32 bytes of magic, 32 of digest, then the pixels of every photograph, planes one after the other
(``3 × H × W`` bytes each), then the sizes as little-endian int32 pairs ``(H, W)``, then their number as int64. The
digest is the SHA-256 of the file's name and of all that follows, so that a file of other photographs that was given
this name is as wrong as a damaged one. It is written last of all, into a file that only then gets its name.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vgg_lib.basics.errors import InputError
from vgg_lib.basics.files import replacing
from vgg_lib.basics.progress import bar

_MAGIC = b"vgg_lib pixels, form 1\n".ljust(32)
_HEADER = 64


@dataclass(frozen=True)
class PixelFile:
    """The pixels of a set of photographs, mapped: no byte is in memory before it is looked at.

    ``pixels`` is uint8 ``(bytes,)``; ``sizes`` int64 ``(N, 2)``, heights and widths; ``offsets`` int64 ``(N,)``, where
    each photograph begins; ``size`` is the one size of all, or ``None``.
    """

    pixels: Tensor
    sizes: Tensor
    offsets: Tensor
    size: tuple[int, int] | None

    def __len__(self) -> int:
        return len(self.sizes)

    def one(self, i: int) -> Tensor:
        """Photograph ``i``, uint8 ``(3, H, W)``: a view, nothing is copied."""
        height, width = self.sizes[i].tolist()
        start = int(self.offsets[i])
        return self.pixels[start : start + 3 * height * width].view(3, height, width)

    def all(self) -> Tensor:
        """All photographs of a set of one size, uint8 ``(N, 3, H, W)``: a view, nothing is copied."""
        assert self.size is not None
        return self.pixels.view(len(self), 3, *self.size)

    def windows(
        self,
        photos: Tensor,
        top: Tensor,
        left: Tensor,
        size: tuple[int, int],
        *,
        by_row: bool = False,
        out: Tensor | None = None,
    ) -> Tensor:
        """Windows of ``size`` from photographs of one size: uint8 ``(n, 3, h, w)``, or ``(n, h, 3, w)`` by row.

        ``photos``, ``top`` and ``left`` are int64 ``(n,)``; the windows lie inside their photographs. They are copied
        into ``out`` where it is given.
        """
        assert self.size is not None
        full_height, full_width = self.size
        plane, (height, width) = full_height * full_width, size
        # Every place where a window could begin, as one overlapping view: picking from it is one call for all windows.
        places = len(self.pixels) - (2 * plane + (height - 1) * full_width + width) + 1
        if by_row:
            view = self.pixels.as_strided((places, height, 3, width), (1, full_width, plane, 1))
        else:
            view = self.pixels.as_strided((places, 3, height, width), (1, plane, full_width, 1))
        begin = left.add(top, alpha=full_width).add_(photos, alpha=3 * plane)
        return torch.index_select(view, 0, begin, out=out)


def pixel_file(path: Path, count: int, images: Callable[[], Iterable[Tensor]]) -> PixelFile:
    """The file at ``path``, which holds the pixels of ``count`` photographs, mapped.

    Where there is no such file, or one that is damaged or of something else, it is made from ``images()``: uint8
    ``(3, H, W)`` each, or batches ``(n, 3, H, W)``. Raises what ``images`` raises, and
    :class:`InputError` when the file cannot be written; in both cases no file is left behind.
    """
    file = _opened(path)
    if file is None or len(file) != count:
        _write(path, count, images())
        file = _opened(path)
        if file is None:
            raise InputError(f"{path} does not read back as it was written: choose another folder for VGG_LIB_CACHE")
    return file


def _write(path: Path, count: int, images: Iterable[Tensor]) -> None:
    digest, sizes = hashlib.sha256(os.fsencode(path.name)), []
    with (
        replacing(path) as part,
        part.open("wb") as file,
        bar(count, "decoding once", "photo", leave=False) as progress,
    ):
        file.write(bytes(_HEADER))
        for some in images:
            batch = some if some.ndim == 4 else some[None]
            data = batch.numpy().tobytes()
            file.write(data)
            digest.update(data)
            sizes += [batch.shape[-2:]] * len(batch)
            progress.update(len(batch))
        end = np.array(sizes, dtype="<i4").tobytes() + len(sizes).to_bytes(8, "little")
        file.write(end)
        digest.update(end)
        file.seek(0)
        file.write(_MAGIC + digest.digest())


def _opened(path: Path) -> PixelFile | None:
    """The file, mapped, or ``None`` when it is missing or is not what was once written under this name."""
    try:
        about = path.stat()
        if not _is_whole(path, about.st_mtime_ns, about.st_size, about.st_ino):
            return None
        with path.open("rb") as file:
            file.seek(-8, 2)
            count = int.from_bytes(file.read(8), "little")
            file.seek(-8 - 8 * count, 2)
            sizes = torch.from_numpy(np.frombuffer(file.read(8 * count), "<i4").reshape(-1, 2).astype(np.int64))
    except OSError:
        return None
    lengths = 3 * sizes.prod(1)
    # Copy-on-write: PyTorch wants memory that it could write to; nothing here does.
    pixels = np.memmap(path, np.uint8, mode="c", offset=_HEADER, shape=(int(lengths.sum()),))
    alike = count > 0 and bool((sizes == sizes[0]).all())
    size = (int(sizes[0, 0]), int(sizes[0, 1])) if alike else None
    return PixelFile(torch.from_numpy(pixels), sizes, lengths.cumsum(0) - lengths, size)


@lru_cache(maxsize=256)
def _is_whole(path: Path, *_state: int) -> bool:
    """Whether the file is what was written, looked at once for each state of it that this process sees."""
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            return False
        expected = file.read(32)
        return hashlib.file_digest(file, lambda: hashlib.sha256(os.fsencode(path.name))).digest() == expected
