"""What training and testing ask of images, wherever their pixels are; and those whose pixels are in memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vgg_lib.data.rescaling import Crops, Scale, cut, rescale

#: Images handled at once when a whole set is gone through.
CHUNK = 256


class Images(ABC):
    """RGB images, uint8 ``(3, H, W)`` each: in memory, in files, or decoded once and mapped."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, i: int) -> Tensor:
        """Image ``i``, uint8 ``(3, H, W)``."""

    @property
    @abstractmethod
    def size(self) -> tuple[int, int] | None:
        """Height and width where all are of one size, else ``None``."""

    @property
    @abstractmethod
    def sizes(self) -> Tensor:
        """Heights and widths, int64 ``(N, 2)``."""

    @abstractmethod
    def take(self, indices: Tensor) -> Images:
        """The images with these indices ``(n,)``, in that order."""

    @abstractmethod
    def load(self, indices: Tensor) -> Iterable[Tensor]:
        """The pixels of the images with these indices, in that order: batches ``(n, 3, H, W)`` of one size each.

        To be gone through once: those of files are decoded on the way.
        """

    @abstractmethod
    def rescaled(self, smallest_side: int) -> Images:
        """All images rescaled isotropically to smallest side S, once."""

    def for_range(self, scale: tuple[int, int]) -> Images:
        """These images as training at a range of S takes them: decoded, and kept in the sizes that make it fast."""
        return self

    @abstractmethod
    def cut(self, crops: Crops, scale: Scale, crop: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Each image rescaled, cropped and flipped as ``crops`` says: float32 ``(N, 3, crop, crop)``, 0..255.

        ``crops`` were drawn for ``scale``. ``dtype`` is that of the sums and products where images that were decoded
        once are resampled.
        """


@dataclass(frozen=True)
class ImageTensor(Images):
    """Images of one size in memory: ``pixels`` is uint8 ``(N, 3, H, W)``."""

    pixels: Tensor

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, key: Any) -> Tensor:
        """What the tensor gives for that key: an image for a number."""
        return self.pixels[key]

    @property
    def size(self) -> tuple[int, int]:
        return self.pixels.shape[-2], self.pixels.shape[-1]

    @property
    def sizes(self) -> Tensor:
        return torch.tensor(self.size).expand(len(self), 2)

    def take(self, indices: Tensor) -> ImageTensor:
        return ImageTensor(self.pixels[indices])

    def load(self, indices: Tensor) -> list[Tensor]:
        return [self.pixels[indices]]

    def rescaled(self, smallest_side: int) -> ImageTensor:
        return ImageTensor(torch.cat([rescale(part, smallest_side) for part in self.pixels.split(CHUNK)]))

    def cut(self, crops: Crops, scale: Scale, crop: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return cut(self.pixels, crops, crop)


@dataclass(frozen=True)
class ImageList(Images):
    """Images of any sizes in memory: uint8 ``(3, H, W)`` each."""

    images: Sequence[Tensor]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> Tensor:
        return self.images[i]

    @property
    def size(self) -> None:
        return None

    @property
    def sizes(self) -> Tensor:
        return torch.tensor([image.shape[-2:] for image in self.images])

    def take(self, indices: Tensor) -> ImageList:
        return ImageList([self.images[i] for i in indices.tolist()])

    def load(self, indices: Tensor) -> list[Tensor]:
        return [self.images[i][None] for i in indices.tolist()]

    def rescaled(self, smallest_side: int) -> ImageList:
        return ImageList([rescale(image, smallest_side) for image in self.images])

    def cut(self, crops: Crops, scale: Scale, crop: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.cat([cut(image[None], crops.one(i), crop) for i, image in enumerate(self.images)])
