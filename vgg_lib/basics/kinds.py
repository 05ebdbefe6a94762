"""What a file is by its first bytes, where it is not what was asked for: so that an error can call it by its name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple


class Kind(NamedTuple):
    """What a file is, and what helps who has it and wants another."""

    name: str
    way_out: str


#: Each kind by a pattern that its first bytes match.
_KINDS: tuple[tuple[bytes, Kind], ...] = (
    (rb"$", Kind("an empty file", "get it again")),
    (rb"version https://git-lfs", Kind("a Git LFS pointer and not the file itself", "run `git lfs pull` beside it")),
    (
        rb"(?i:(\xef\xbb\xbf)?\s*<(!doctype html|!--|html|head))",
        Kind("a web page", "download the file it is about"),
    ),
    (rb"(?i:\s*<(\?xml|svg))", Kind("an XML or SVG file", "save it in another form")),
    (rb"\x89HDF\r\n\x1a\n", Kind("an HDF5 file, as Keras writes", "look for the same weights for PyTorch")),
    (rb"\n.[\w -]{3,}.*\xa2\x06|\n.[\w -]{3,}\x12", Kind("a Caffe model", "look for its conversion to PyTorch")),
    (rb"\x08.\x12.(pytorch|tf2onnx|onnx)", Kind("an ONNX model", "look for the same weights for PyTorch")),
    (rb"\x93NUMPY", Kind("a NumPy array", "save it in another form")),
    (rb"\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf|Rar!", Kind("a compressed archive", "unpack it first")),
    (rb"%PDF", Kind("a PDF", "save the picture in it as JPEG or PNG")),
    (rb"....ftyp(hei|hev|mif1|msf1)", Kind("a HEIC photograph, which is not read", "save it as JPEG or PNG")),
    (rb"....ftypavi", Kind("an AVIF photograph that is damaged or not read here", "save it as JPEG or PNG")),
    (rb"....ftyp|RIFF....AVI|\x1a\x45\xdf\xa3", Kind("a video", "save a picture of it as JPEG or PNG")),
    (rb"\x89PNG|\xff\xd8\xff|GIF8", Kind("a picture", "give another file")),
    (rb"[\t\n\r -~]+$", Kind("a text", "give the file itself")),
)

#: Bytes that are looked at.
_ENOUGH = 512


def kind_of(path: Path) -> Kind | None:
    """What the file at ``path`` is by its first bytes; ``None`` where that cannot be told, or it cannot be read.

    >>> import tempfile
    >>> page = Path(tempfile.mkdtemp(), "vgg16.pth")
    >>> _ = page.write_text("<!DOCTYPE html>")
    >>> kind_of(page).name
    'a web page'
    """
    start = _start(path)
    if start is None:
        return None
    return next((kind for pattern, kind in _KINDS if re.match(pattern, start, re.DOTALL)), None)


def is_web_address(name: str | Path) -> bool:
    """Whether that is no file's name but an address, of which a path keeps one stroke.

    >>> is_web_address("https://example.org/a.jpg"), is_web_address(Path("https://example.org")), is_web_address("C:/a")
    (True, True, False)
    """
    return re.match(r"\w{2,}:/", str(name)) is not None


def looks_like_safetensors(path: Path) -> bool:
    """Whether a file begins as safetensors do, with a length and JSON, or has their ending and is no zip archive.

    Not so where it cannot be read.
    """
    start = _start(path)
    if start is None:
        return False
    return start[8:9] == b"{" or (path.suffix == ".safetensors" and not start.startswith(b"PK"))


def looks_like_pytorch(path: Path) -> bool:
    """Whether a file begins as PyTorch's do: a zip archive, or a pickle of protocol 2 or later.

    Not so where it cannot be read.
    """
    return (_start(path) or b"").startswith((b"PK", b"\x80"))


def _start(path: Path) -> bytes | None:
    """The first bytes of a file; ``None`` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(_ENOUGH)
    except (OSError, ValueError):  # the latter for a path with a null in it
        return None
