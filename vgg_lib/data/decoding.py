"""From a file to a photograph's pixels, as a viewer would show it: upright, on white, in 8 bits a channel."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError
from torch import Tensor

from vgg_lib.basics.errors import InputError
from vgg_lib.basics.kinds import is_web_address, kind_of

#: Endings of the files in a folder that are photographs, those among them that are not read: refused by name.
ENDINGS = ("avif", "bmp", "gif", "heic", "heif", "jp2", "jpeg", "jpg", "pgm", "png", "ppm", "tif", "tiff", "webp")

#: How a picture is turned upright, by the orientation that its EXIF data tell.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

#: Numbers of the TIFF tags that say how deep a picture is, and whether 0 is white.
_BITS, _PHOTOMETRIC = 258, 262

#: Modes of one channel that have no known range: they need not end at white.
_ENDLESS = {"I": "whole numbers of 32 bits", "F": "floating-point numbers"}


def decode(path: str | Path, at_least: int | None = None) -> Tensor:
    """A photograph as RGB, uint8 ``(3, H, W)``: turned as its EXIF data say, what is transparent on white.

    Grey pictures of 16 bits are rescaled to 8. With ``at_least`` a JPEG comes at a half, a quarter or an eighth of
    its size where its smallest side still has so many pixels: decoding takes less time and memory.

    Raises :class:`InputError` naming the file when it is missing, truncated, no image, or one whose range of values
    is not known.
    """
    with no_warning_of_size():
        return read(path, at_least)


def is_photograph(path: Path) -> bool:
    """Whether a file in a folder is a photograph by its name: what is hidden is none.

    >>> is_photograph(Path("a.JPG")), is_photograph(Path("._a.jpg")), is_photograph(Path("notes.txt"))
    (True, False, False)
    """
    return path.suffix[1:].lower() in ENDINGS and not path.name.startswith(".")


@contextmanager
def no_warning_of_size() -> Iterator[None]:
    """Pillow warns of 90 megapixels, which cameras have, and refuses 179: the refusal does.

    To be entered by one thread, whose others may decode meanwhile.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def read(path: str | Path, at_least: int | None = None) -> Tensor:
    """:func:`decode` for several threads at once, all of them inside one :func:`no_warning_of_size`."""
    try:
        # Of a path Pillow maps some TIFFs into memory, and takes the sides of the turned picture for those in the file.
        with Path(path).open("rb") as file, Image.open(file) as image:
            if at_least is not None:
                image.draft(None, (at_least, at_least))
            return as_pixels(image)
    except Exception as error:  # a damaged file leads Pillow's readers to errors of any kind
        reason, way_out = _why(str(path), error)
        raise InputError(f"{path} cannot be read as a photograph ({reason}): {way_out}") from error


def as_pixels(image: Image.Image) -> Tensor:
    """A picture as :func:`as_rgb` makes it, uint8 ``(3, H, W)``; raises what that raises."""
    from torchvision.transforms.functional import pil_to_tensor

    return pil_to_tensor(as_rgb(image))


def as_rgb(image: Image.Image) -> Image.Image:
    """A picture as viewers show it, in RGB of 8 bits: turned as its EXIF data say, what is transparent on white.

    Raises :class:`InputError` for values without a known range.
    """
    image.load()
    image = _eight_bits(image)
    orientation = _orientation(image)
    if orientation in _TURNS:
        image = image.transpose(_TURNS[orientation])
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert("RGB")


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged EXIF data say nothing, and the picture is not less whole for it
        return 1


def _eight_bits(image: Image.Image) -> Image.Image:
    """A picture whose values are within 0..255: grey ones of 16 bits are rescaled."""
    tags = getattr(image, "tag_v2", {})
    largest = 65535
    if image.mode.startswith("I;16"):
        largest = 2 ** tags.get(_BITS, (16,))[0] - 1
    elif image.mode not in _ENDLESS:
        return image
    elif image.mode == "F" or image.format not in ("PNG", "PPM"):
        raise InputError(f"its values are {_ENDLESS[image.mode]}, and which one is white is not known")
    values = np.asarray(image).astype(np.int64)
    if tags.get(_PHOTOMETRIC) == 0:  # Pillow turns those of 8 bits round, and no others
        values = largest - values
    grey = Image.fromarray((values.clip(0, largest) * 255 / largest).round().astype(np.uint8))
    if image.info.get("transparency") is not None:
        grey.putalpha(Image.fromarray((values != image.info["transparency"]).astype(np.uint8) * 255))
    grey.info |= {name: value for name, value in image.info.items() if name == "exif"}
    return grey


def _why(path: str, error: Exception) -> tuple[str, str]:
    """Why a file is no photograph, in words, and what to do."""
    if isinstance(error, InputError):
        return str(error), "rescale it to 8 bits and save it as PNG"
    if is_web_address(path):
        return "it is a web address", "download it, and give the file"
    if isinstance(error, Image.DecompressionBombError):
        return "it has more than 178 megapixels", "save it smaller"
    if "MAX_TEXT" in str(error):
        return "it carries more text than a photograph should", "save it again without its metadata"
    if isinstance(error, IsADirectoryError):
        return "it is a folder", "give the photographs in it"
    if isinstance(error, FileNotFoundError):
        return "there is no such file", "check its name"
    if isinstance(error, PermissionError):
        return "you are not allowed to read it", "change its permissions, or copy it to a folder of yours"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror, "replace or remove it"
    kind = kind_of(Path(path))
    if kind is not None and kind.name != "a picture":
        return f"it is {kind.name}", kind.way_out
    if isinstance(error, UnidentifiedImageError):
        return "it is in no form that is known", "save it as JPEG or PNG, or remove it"
    return str(error) or type(error).__name__, "replace or remove it"
