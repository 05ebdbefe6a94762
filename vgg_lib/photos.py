"""A set of labelled photographs: what data sets give, and what training and evaluation take."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor

from vgg_lib.augmentation import ColourShift, rescale
from vgg_lib.errors import InputError
from vgg_lib.preprocessing import Preprocessing

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
    """Photographs that are decoded when asked for, each at its own size: ``(3, H, W)`` uint8."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = list(paths)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, indices: Tensor) -> list[Tensor]:
        """The images with these indices ``(n,)``, as a tensor of all images would give them."""
        with ThreadPoolExecutor() as pool:  # decoding lets go of Python's lock
            return list(pool.map(decode, [self.paths[i] for i in indices.tolist()]))

    def take(self, keep: Tensor) -> PhotoFiles:
        """A part of the files, none of them read."""
        return PhotoFiles([self.paths[i] for i in keep.tolist()])


def decode(path: Path) -> Tensor:
    """A photograph as RGB, uint8 ``(3, H, W)``.

    Raises :class:`InputError` naming the file when it is missing, truncated, or no image.
    """
    try:
        with Image.open(path) as image:
            return pil_to_tensor(image.convert("RGB"))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} cannot be read as a photograph ({error}): replace or remove it") from error


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

    ``images`` is one uint8 tensor ``(N, 3, H, W)``, or :class:`PhotoFiles` of any sizes; ``labels`` is
    int64 ``(N,)``; ``boxes``, where known, is ``(N, 4)``: left, top, right, bottom in pixels.
    ``fingerprint`` is a digest of the whole set's content, kept when a part is taken.
    """

    images: Tensor | PhotoFiles
    labels: Tensor
    names: tuple[str, ...]
    classes: tuple[str, ...]
    fingerprint: str
    boxes: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, keep: Tensor) -> Photos:
        """The photographs with these indices ``(n,)``, in that order."""
        images = self.images.take(keep) if isinstance(self.images, PhotoFiles) else self.images[keep]
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
        """All images rescaled isotropically to smallest side S, once: for sets of one size.

        Raises :class:`InputError` for images of several sizes, which are rescaled as they are read.
        """
        if isinstance(self.images, PhotoFiles):
            raise InputError("images of several sizes make no tensor: squash them when loading, or rescale one by one")
        parts = [rescale(part, smallest_side) for part in self.images.split(_CHUNK)]
        return dataclasses.replace(self, images=torch.cat(parts))

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
