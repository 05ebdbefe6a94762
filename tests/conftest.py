"""What several tests share: no progress bars, a small fake Imagenette, a cache of one's own, a full disk, an agenda."""

import errno
import os

os.environ["TQDM_DISABLE"] = "1"

import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from helpers.agendas import agenda_in
from helpers.command_line import Said, environment
from hypothesis import settings
from matplotlib import pyplot as plt
from PIL import Image

from vgg_lib.book import figures
from vgg_lib.cli import main
from vgg_lib.data import archive
from vgg_lib.evidence.agenda import Agenda
from vgg_lib.evidence.store import Store
from vgg_lib.evidence.workshop import Workshop

# The same examples every time: a failure on one machine is a failure on all.
settings.register_profile("suite", deadline=None, derandomize=True, database=None, max_examples=40)
# `HYPOTHESIS_PROFILE=long`: other examples each time, as many as `HYPOTHESIS_EXAMPLES` says.
many = int(os.environ.get("HYPOTHESIS_EXAMPLES", 1_000_000))
settings.register_profile("long", deadline=None, database=None, max_examples=many)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, and no ``VGG_LIB_DATA``."""
    folder = tmp_path / "cache"
    monkeypatch.delenv("VGG_LIB_DATA", raising=False)
    monkeypatch.setenv("VGG_LIB_CACHE", str(folder))
    return folder


@pytest.fixture
def fake_imagenette(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes Imagenette's folder layout with JPEGs of various sizes; returns the folder that holds it.

    What it writes counts as the whole data set.
    """

    def write(root: Path = tmp_path / "data", per_class: int = 2, size: str = "160px") -> Path:
        random = np.random.default_rng(0)
        monkeypatch.setattr(archive, "COUNTS", dict.fromkeys(archive.COUNTS, (per_class,) * 10))
        monkeypatch.setattr(archive, "FINGERPRINTS", {})
        for split in ("train", "val"):
            for wnid in archive.CLASSES:
                folder = root / archive.FOLDERS[size] / split / wnid
                folder.mkdir(parents=True)
                for i in range(per_class):
                    shape = (*random.integers(40, 80, size=2), 3)
                    pixels = random.integers(0, 256, shape, dtype=np.uint8)
                    Image.fromarray(pixels).save(folder / f"{wnid}_{i}.JPEG")
        return root

    return write


@pytest.fixture
def full_disk() -> Callable[[int], AbstractContextManager[None]]:
    """``with full_disk(n):`` no file can grow beyond ``n`` bytes; the write beyond fails as on a full disk."""

    @contextmanager
    def limited(size: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))  # Python ignores the signal: an OSError remains
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """``closed(folder)`` lets nobody look into a folder of that name, as permissions do not keep root from it."""

    def close(folder: Path) -> None:
        def refuse(path: Path) -> Iterator[Path]:
            if path.name == folder.name:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return iterdir(path)

        iterdir = Path.iterdir
        monkeypatch.setattr(Path, "iterdir", refuse)

    return close


@pytest.fixture
def chapter_style() -> Iterator[None]:
    """As in a chapter; and no figure is left open."""
    figures.use_style()
    yield
    plt.close("all")


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """Where the runs of ``agenda_of`` are trained."""
    return Workshop(tmp_path / "runs")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Where their records are."""
    return Store(tmp_path / "records.jsonl")


@pytest.fixture
def agenda_of(tmp_path: Path) -> Callable[..., Agenda]:
    """``agenda_of(run, …)`` is the agenda of a study of these runs."""
    return partial(agenda_in, tmp_path)


@pytest.fixture
def vgg_lib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """``vgg_lib("describe", "D")`` is :func:`command` without the seconds that a new process takes to start."""
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("VGG_LIB_DATA", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*words) -> Said:
        monkeypatch.setattr(sys, "argv", ["vgg-lib", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        return Said(stopped.value.code or 0, *capsys.readouterr())

    return run
