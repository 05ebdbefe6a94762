"""From a file to a photograph's pixels."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor

from vgg_lib.basics.errors import InputError


def decode(path: Path) -> Tensor:
    """A photograph as RGB, uint8 ``(3, H, W)``.

    Raises :class:`InputError` naming the file when it is missing, truncated, or no image.
    """
    try:
        with Image.open(path) as image:
            return pil_to_tensor(image.convert("RGB"))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} cannot be read as a photograph ({error}): replace or remove it") from error
