"""Where files of the user's are kept: a folder for data, which is the user's own, and a cache, which can be removed."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path, user_data_path


def data_folder() -> Path:
    """Where records, trained weights and checkpoints are kept: the user's data folder."""
    return user_data_path("vgg_lib")


def cache_folder() -> Path:
    """Where downloads and decoded photographs are kept: ``VGG_LIB_CACHE``, else the user's cache folder."""
    named = os.environ.get("VGG_LIB_CACHE")
    return Path(named).expanduser() if named else user_cache_path("vgg_lib")
