"""A set of labelled photographs: what data sets give, and what training and evaluation take."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor

from vgg_lib.basics.errors import InputError
from vgg_lib.data.augmentation import ColourShift
from vgg_lib.data.pixel_cache import DecodedPhotos, decoded_once
from vgg_lib.data.pyramid import level_sides
from vgg_lib.data.rescaling import rescale
from vgg_lib.networks.preprocessing import Preprocessing

#: Images handled at once when a whole set is gone through.
_CHUNK = 256


def in_held_out_tenth(name: str) -> bool:
    """Whether the training image of that file name belongs to the held-out tenth.

    Decided by a hash of the name alone, so that it is the same on every machine and for ever.

    >>> sum(in_held_out_tenth(f"n03028079_{i}.JPEG") for i in range(10_000))
    1030
    """
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:8], "little") % 10 == 0


class PhotoFiles:
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

    def __getitem__(self, indices: Tensor) -> list[Tensor]:
        """The images with these indices ``(n,)``, as a tensor of all images would give them."""
        with ThreadPoolExecutor() as pool:  # decoding lets go of Python's lock
            return list(pool.map(decode, [self.paths[i] for i in indices.tolist()]))

    def take(self, keep: Tensor) -> PhotoFiles:
        """A part of the files, none of them read."""
        paths = [self.paths[i] for i in keep.tolist()]
        return PhotoFiles(paths, self.stem, whole=self.whole, index=self.index[keep])

    def decoded(self, smallest_side: int | None = None) -> DecodedPhotos:
        """The same photographs, decoded once: at their own sizes, or rescaled isotropically to smallest side S.

        Raises :class:`InputError` where no place to keep the pixels was given, and when a file cannot be read.
        """
        if self.stem is None:
            raise InputError(
                "these files have no place to keep their pixels: give PhotoFiles a stem, a path to write to"
            )

        def images() -> Iterator[Tensor]:
            for part in torch.arange(len(self.whole)).split(_CHUNK // 4):  # photographs as they come may be large
                for image in self.whole[part]:
                    yield image if smallest_side is None else rescale(image, smallest_side)

        stem = self.stem if smallest_side is None else self.stem.with_name(f"{self.stem.name}-S{smallest_side}")
        return decoded_once(stem, len(self.whole), images).take(self.index)


def decode(path: Path) -> Tensor:
    """A photograph as RGB, uint8 ``(3, H, W)``.

    Raises :class:`InputError` naming the file when it is missing, truncated, or no image.
    """
    try:
        with Image.open(path) as image:
            return pil_to_tensor(image.convert("RGB"))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} cannot be read as a photograph ({error}): replace or remove it") from error


def _reduced(photos: DecodedPhotos, smallest_side: int) -> DecodedPhotos:
    """The whole set rescaled to smallest side S and kept beside it; of it, the same photographs."""

    def images() -> Iterable[Tensor]:
        for part in torch.arange(len(photos.file)).split(_CHUNK):
            if photos.size is not None:
                yield rescale(photos.file.all()[part[0] : part[-1] + 1], smallest_side)
            else:
                yield from (rescale(photos.file.one(i), smallest_side) for i in part.tolist())

    return decoded_once(photos.beside(f"S{smallest_side}"), len(photos.file), images).take(photos.index)


@dataclass(frozen=True)
class Statistics:
    """What training needs to know of a training set: RGB mean and covariance, units of 0..255."""

    mean: Tensor  #: (3,)
    covariance: Tensor  #: (3, 3)

    @property
    def deviation(self) -> float:
        """Root of the mean variance of the three channels: about 70 for photographs."""
        return float(self.covariance.diagonal().mean().sqrt())

    def preprocessing(self, input_scale: str) -> Preprocessing:
        """Subtract the mean; then, at ``input_scale="unit"``, divide by the deviation; at ``"paper"`` do not."""
        red, green, blue = self.mean.tolist()
        d = self.deviation if input_scale == "unit" else 1.0
        return Preprocessing((red, green, blue), (d, d, d))

    def colour_shift(self) -> ColourShift:
        """The shift of §3.1 along this training set's principal components."""
        return ColourShift.from_covariance(self.covariance)


@dataclass(frozen=True)
class Photos:
    """Images, what is on them, and where they come from.

    ``images`` is one uint8 tensor ``(N, 3, H, W)``, :class:`PhotoFiles` of any sizes, or
    :class:`~vgg_lib.data.pixel_cache.DecodedPhotos`, whose pixels are mapped from the cache folder; ``labels`` is
    int64 ``(N,)``; ``boxes``, where known, is ``(N, 4)``: left, top, right, bottom in pixels.
    ``fingerprint`` is a digest of the whole set's content, kept when a part is taken.
    """

    images: Tensor | PhotoFiles | DecodedPhotos
    labels: Tensor
    names: tuple[str, ...]
    classes: tuple[str, ...]
    fingerprint: str
    boxes: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, keep: Tensor) -> Photos:
        """The photographs with these indices ``(n,)``, in that order."""
        images = self.images[keep] if isinstance(self.images, Tensor) else self.images.take(keep)
        return dataclasses.replace(
            self,
            images=images,
            labels=self.labels[keep],
            names=tuple(self.names[i] for i in keep.tolist()),
            boxes=None if self.boxes is None else self.boxes[keep],
        )

    def held_out(self) -> Photos:
        """The tenth that training leaves aside: what is looked at until a claim's rule is committed."""
        return self.take(self._tenth().nonzero().flatten())

    def without_held_out(self) -> Photos:
        """The other nine tenths."""
        return self.take((~self._tenth()).nonzero().flatten())

    def _tenth(self) -> Tensor:
        return torch.tensor([in_held_out_tenth(name) for name in self.names])

    def rescaled(self, smallest_side: int) -> Photos:
        """All images rescaled isotropically to smallest side S, once.

        A tensor gives a tensor. Files and photographs decoded once are kept at S in the cache folder, the whole set,
        and mapped from there.
        """
        images: Tensor | DecodedPhotos
        if isinstance(self.images, Tensor):
            images = torch.cat([rescale(part, smallest_side) for part in self.images.split(_CHUNK)])
        elif isinstance(self.images, PhotoFiles):
            images = self.images.decoded(smallest_side)
        elif self.images.size is not None and min(self.images.size) == smallest_side:
            images = self.images
        else:
            images = _reduced(self.images, smallest_side)
        return dataclasses.replace(self, images=images)

    def prepared(self, scale: int | tuple[int, int]) -> Photos:
        """These photographs as training at that S, or range of S, takes them: decoded, resampled in advance, cached.

        At one S that is :meth:`rescaled`. For a range, photographs of one size get levels: the whole set reduced to
        the sides from which smaller images are resampled faster. A tensor stays as it is.
        """
        if isinstance(scale, int):
            return self.rescaled(scale)
        if isinstance(self.images, Tensor):
            return self
        images = self.images.decoded() if isinstance(self.images, PhotoFiles) else self.images
        if images.size is not None:
            sides = level_sides(min(images.size), scale)
            images = dataclasses.replace(images, levels=tuple(_reduced(images, side).file for side in sides))
        return dataclasses.replace(self, images=images)

    def batch(self, indices: Tensor) -> Tensor | list[Tensor] | DecodedPhotos:
        """The images with these indices ``(n,)`` in a form for training: of those decoded once nothing is copied."""
        return self.images.take(indices) if isinstance(self.images, DecodedPhotos) else self.images[indices]

    def statistics(self, most: int = 2000) -> Statistics:
        """RGB mean and covariance over all pixels of, at most, ``most`` images spread evenly over the set."""
        chosen = torch.linspace(0, len(self) - 1, min(most, len(self))).round().long()
        count, total, products = 0, torch.zeros(3, dtype=torch.float64), torch.zeros(3, 3, dtype=torch.float64)
        for part in chosen.split(_CHUNK):
            for image in self.images[part]:
                pixels = image.reshape(3, -1).float()
                count += pixels.shape[1]
                total += pixels.sum(1).double()
                products += (pixels @ pixels.T).double()
        mean = total / count
        return Statistics(mean.float(), (products / count - mean.outer(mean)).float())
