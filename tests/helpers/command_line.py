"""The command line as tests use it: in a home of its own, with no Imagenette named."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


class Said(NamedTuple):
    code: int
    out: str
    err: str


def command(*words, home: Path, **more) -> subprocess.CompletedProcess[str]:
    """Run ``vgg-lib`` with its data and cache folders below ``home``, and no Imagenette named."""
    return subprocess.run(
        [sys.executable, "-m", "vgg_lib", *map(str, words)],
        env=environment(home),
        capture_output=True,
        text=True,
        **more,
    )


def environment(home: Path) -> dict[str, str]:
    named = {k: v for k, v in os.environ.items() if k not in ("VGG_LIB_DATA", "VGG_LIB_HOME")}
    return named | {"HOME": str(home), "XDG_DATA_HOME": str(home), "VGG_LIB_CACHE": str(home / "cache")}
