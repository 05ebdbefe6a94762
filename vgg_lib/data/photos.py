"""A set of labelled photographs: what data sets give, and what training and evaluation take."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import os
from dataclasses import dataclass

import torch
from torch import Tensor

from vgg_lib.data.images import CHUNK, Images
from vgg_lib.data.rescaling import Scale
from vgg_lib.networks.preprocessing import Preprocessing


def in_held_out_tenth(name: str) -> bool:
    """Whether the training image of that file name belongs to the held-out tenth.

    Decided by a hash of the name alone, so that it is the same on every machine and for ever.

    >>> sum(in_held_out_tenth(f"n03028079_{i}.JPEG") for i in range(10_000))
    1030
    """
    digest = hashlib.sha256(os.fsencode(name)).digest()
    return int.from_bytes(digest[:8], "little") % 10 == 0


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


@dataclass(frozen=True)
class Photos:
    """Images, what is on them, and where they come from.

    ``images`` are in memory, in files, or decoded once and mapped from the cache folder; ``labels`` is int64
    ``(N,)``; ``boxes``, where known, is ``(N, 4)``: left, top, right, bottom in pixels.
    ``fingerprint`` is a digest of the whole set's content, kept when a part is taken; ``differs`` says in words how the
    whole set differs from the one that was published, and is empty where it does not.
    """

    images: Images
    labels: Tensor
    names: tuple[str, ...]
    classes: tuple[str, ...]
    fingerprint: str
    boxes: Tensor | None = None
    differs: str = ""

    def __len__(self) -> int:
        return len(self.labels)

    def identity(self, name: str) -> dict[str, str]:
        """What a record says of these photographs: their fingerprint, under that name, and in what they differ."""
        return {name: self.fingerprint} | ({f"{name} differs": self.differs} if self.differs else {})

    def take(self, keep: Tensor) -> Photos:
        """The photographs with these indices ``(n,)``, in that order."""
        return dataclasses.replace(
            self,
            images=self.images.take(keep),
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

        Those in memory stay there. Files and photographs decoded once are kept at S in the cache folder, the whole
        set, and mapped from there.
        """
        return dataclasses.replace(self, images=self.images.rescaled(smallest_side))

    def prepared(self, scale: Scale) -> Photos:
        """These photographs as training at that S, or range of S, takes them: decoded, resampled in advance, cached.

        At one S that is :meth:`rescaled`. For a range, photographs of one size get levels: the whole set reduced to
        the sides from which smaller images are resampled faster. Those in memory stay as they are.
        """
        if isinstance(scale, int):
            return self.rescaled(scale)
        return dataclasses.replace(self, images=self.images.for_range(scale))

    def statistics(self, most: int = 2000) -> Statistics:
        """RGB mean and covariance over all pixels of, at most, ``most`` images spread evenly over the set."""
        chosen = torch.linspace(0, len(self) - 1, min(most, len(self))).round().long()
        count, total, products = 0, torch.zeros(3, dtype=torch.float64), torch.zeros(3, 3, dtype=torch.float64)
        for part in chosen.split(CHUNK):
            for image in itertools.chain.from_iterable(self.images.load(part)):
                pixels = image.reshape(3, -1).float()
                count += pixels.shape[1]
                total += pixels.sum(1).double()
                products += (pixels @ pixels.T).double()
        mean = total / count
        return Statistics(mean.float(), (products / count - mean.outer(mean)).float())
