"""Writing files so that they are there whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vgg_lib.basics.errors import InputError
from vgg_lib.basics.folders import expanded, way_out


def is_folder(path: Path) -> bool:
    """Whether a folder is there; not so either where the system cannot look, as at a name that is too long."""
    return os.path.isdir(path)  # noqa: PTH112 - before Python 3.14 a path's own method raises there


def is_file(path: Path) -> bool:
    """Whether a file is there; not so either where the system cannot look, as at a name that is too long."""
    return os.path.isfile(path)  # noqa: PTH113 - as above


def inside(folder: Path) -> list[Path]:
    """What is in a folder, in the order of names; raises :class:`InputError` where it cannot be looked into."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise InputError(
            f"{folder} cannot be read ({error.strerror}): check its permissions, or name another"
        ) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` to write to; moved into place when the block ends well.

    A leading ``~`` is the user's home folder; of a link, what it leads to is replaced. When the block raises, for
    whatever reason, the temporary file is removed and ``path`` is as it was. Raises :class:`InputError` for what is a
    folder, or else no file, and in place of an :class:`OSError` of writing: a full disk, a read-only folder.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with replacing(folder / "a.txt") as part:
    ...     _ = part.write_text("whole")
    >>> [p.name for p in folder.iterdir()]
    ['a.txt']
    """
    path = expanded(path)
    with _part_of(path) as part:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(_led_to(path))
        _on_disk(part.parent)


def check_writing(path: Path) -> None:
    """Raise what :func:`replacing` raises where ``path`` cannot be written: to be known before work, not after it."""
    with _part_of(expanded(path)) as part:
        part.touch()


@contextmanager
def _part_of(path: Path) -> Iterator[Path]:
    if not path.name or is_folder(path):
        raise InputError(f"{path} is a folder: name a file in it")
    real = _led_to(path)
    if os.path.lexists(real) and not is_file(real):
        raise InputError(f"{path} is there and no file (a device, a pipe, a link to itself): name another")
    part = real.with_name(f".{real.name}.{secrets.token_hex(8)}.part")
    try:
        real.parent.mkdir(parents=True, exist_ok=True)
        yield part
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error}): {way_out(path)}") from error
    finally:
        with suppress(OSError):  # no folder, or none to write to: then no file either
            part.unlink()


def _led_to(path: Path) -> Path:
    """Where a link leads, or the path itself."""
    return Path(os.path.realpath(path))


def _on_disk(folder: Path) -> None:
    """See to it that a folder's new entries survive a power cut, where the system lets a folder be opened for that."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
