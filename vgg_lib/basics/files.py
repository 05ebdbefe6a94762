"""Writing files so that they are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vgg_lib.basics.errors import InputError
from vgg_lib.basics.folders import way_out


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` to write to; moved into place when the block ends well.

    When the block raises, for whatever reason, the temporary file is removed and ``path`` is as it was.
    Raises :class:`InputError` in place of an :class:`OSError` of writing: a full disk, a read-only folder.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with replacing(folder / "a.txt") as part:
    ...     _ = part.write_text("whole")
    >>> [p.name for p in folder.iterdir()]
    ['a.txt']
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
        _on_disk(path.parent)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error}): {way_out(path)}") from error
    finally:
        with suppress(OSError):  # no folder, or none to write to: then no file either
            part.unlink()


def _on_disk(folder: Path) -> None:
    """See to it that a folder's new entries survive a power cut, where the system lets a folder be opened for that."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
