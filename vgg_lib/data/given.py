"""What callers give as images, in any of the forms that they have them in: made one form here, or refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from vgg_lib.basics.errors import InputError
from vgg_lib.basics.folders import expanded
from vgg_lib.data.decoding import as_pixels
from vgg_lib.data.images import ImageList, Images, ImageTensor
from vgg_lib.data.photo_files import PhotoFiles
from vgg_lib.data.photos import Photos

#: One picture: a tensor ``(3, H, W)``, what Pillow or NumPy has of it, ``(H, W, 3)``, or the path of its file.
Picture = Tensor | Image.Image | NDArray[np.uint8] | str | Path


def as_images(given: Images | Photos | Picture | Sequence[Picture]) -> Images:
    """Images of uint8 RGB from what a caller has: one tensor ``(N, 3, H, W)``, or pictures of any sizes, one or many.

    A picture is a tensor ``(3, H, W)``, or ``(1, H, W)`` where it is grey; a Pillow image; a NumPy array
    ``(H, W, 3)``, or ``(N, H, W, 3)`` for many; or the path of a file, which is decoded when it is needed.

    Raises :class:`InputError` for anything else: values that are not uint8, such as those normalised already, and
    tensors with their channels last.
    """
    match given:
        case Images():
            return given
        case Photos():
            return given.images
        case Tensor(ndim=4):
            return ImageTensor(_checked(given, "the images are"))
        case str() | Path():
            return PhotoFiles([expanded(str(given))])
        case np.ndarray(ndim=4):
            return as_images(list(given))
        case Tensor() | Image.Image() | np.ndarray():
            return ImageTensor(_pixels(given, "the image is")[None])
        case Sequence():
            if given and all(isinstance(one, str | Path) for one in given):
                return PhotoFiles([expanded(str(one)) for one in given])
            return ImageList([_pixels(one, f"image {i} is") for i, one in enumerate(given)])
        case _:
            raise InputError(
                f"images are given as {type(given).__name__}: give a tensor (N, 3, H, W) of uint8, or a list"
            )


def _pixels(picture: object, what: str) -> Tensor:
    """One picture, uint8 ``(3, H, W)``."""
    match picture:
        case Tensor(ndim=3):
            return _checked(picture, what)
        case str() | Path():
            return PhotoFiles([expanded(picture)])[0]
        case np.ndarray():
            try:
                return _pixels(Image.fromarray(picture), what)
            except (TypeError, ValueError) as error:
                raise InputError(
                    f"{what} an array of {picture.dtype} and shape {picture.shape}: give uint8 RGB (H, W, 3)"
                ) from error
        case Image.Image():
            try:
                return as_pixels(picture)
            except Exception as error:  # its file may be read only now, and be damaged
                raise InputError(f"{what} no picture ({error}): give RGB of 8 bits") from error
        case Tensor():
            raise InputError(f"{what} of shape {tuple(picture.shape)}: give (3, H, W), or (N, 3, H, W) for many")
        case _:
            raise InputError(
                f"{what} of type {type(picture).__name__}: give a uint8 tensor (3, H, W), a Pillow image, or a path"
            )


def _checked(pixels: Tensor, what: str) -> Tensor:
    """Pixels ``(…, 3, H, W)``, a single channel repeated; raises :class:`InputError` where they are none."""
    if pixels.dtype != torch.uint8:
        raise InputError(
            f"{what} {str(pixels.dtype).removeprefix('torch.')}: give uint8 RGB of 0..255 as it was decoded; "
            "what the weights expect of their inputs is applied here"
        )
    shape = tuple(pixels.shape)
    if shape[-3] not in (1, 3):
        last = (pixels.ndim == 3 and "permute(2, 0, 1)") or "permute(0, 3, 1, 2)"
        hint = f"`{last}` puts the channels first" if shape[-1] == 3 else "three channels come before height and width"
        raise InputError(f"{what} of shape {shape}: {hint}")
    if 0 in shape[-2:]:
        raise InputError(f"{what} of shape {shape}, which has no pixels: leave it out")
    return pixels.cpu().expand(*shape[:-3], 3, *shape[-2:])  # where they are rescaled
