"""Where files of the user's are kept: a folder for data, which is the user's own, and a cache, which can be removed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_cache_path, user_data_path


def data_folder() -> Path:
    """Where records, trained weights and checkpoints are kept: ``VGG_LIB_HOME``, else the user's data folder."""
    return _folder("VGG_LIB_HOME", user_data_path)


def cache_folder() -> Path:
    """Where downloads and decoded photographs are kept: ``VGG_LIB_CACHE``, else the user's cache folder."""
    return _folder("VGG_LIB_CACHE", user_cache_path)


def _folder(variable: str, usual: Callable[[str], Path]) -> Path:
    try:
        return Path(os.environ.get(variable) or usual("vgg_lib")).expanduser()
    except RuntimeError:  # without a home, as in a container: what needs no folder goes on, and none can be made here
        return Path(os.devnull) / variable


def way_out(path: Path) -> str:
    """What helps where ``path`` cannot be written.

    >>> way_out(cache_folder() / "a.pixels")
    'free some space, or set VGG_LIB_CACHE to a folder that can be written'
    """
    for variable, folder in (("VGG_LIB_CACHE", cache_folder()), ("VGG_LIB_HOME", data_folder())):
        if path.is_relative_to(folder):
            return f"free some space, or set {variable} to a folder that can be written"
    return "free some space or choose another folder"


def expanded(path: str | Path) -> Path:
    """``path`` with the user's home folder for a leading ``~``; as it is where there is no such user, or no home."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - a path's own method raises there


def free_space(folder: Path) -> int | None:
    """Bytes that are free where ``folder`` is, or would be made; ``None`` where it cannot be."""
    there = next((parent for parent in (folder, *folder.parents) if parent.exists()), None)
    if there is None or not there.is_dir() or not os.access(there, os.W_OK):
        return None
    return shutil.disk_usage(there).free
