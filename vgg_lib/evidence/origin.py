"""Which sources made a record: so that nobody takes results of two engines for results of one."""

from __future__ import annotations

import ast
import hashlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

#: The packages whose code a training's result depends on.
ENGINE = ("basics", "networks", "data", "evaluation", "training")

#: Files below the library's folder, as Git names them, that make it another code where they change.
_CODE = ("*.py", "training/golden.json")


@dataclass(frozen=True, slots=True)
class Origin:
    """The sources that a training ran on.

    ``sources`` is a digest of the code of :data:`ENGINE`, comments and docstrings left out. ``engine`` is a digest of
    the golden runs that this code is tested against: sources that differ, and give the same golden runs, are one
    engine; with a ``+`` between them they are those that a training ran on one after the other, stopped between.
    ``commit`` is the repository's, where the library runs from a checkout, with ``+`` behind it where its
    code was changed since: records that a study adds change none.
    """

    sources: str
    engine: str
    commit: str | None = None


@cache
def origin() -> Origin:
    """The origin of what this process trains, as files are at the first call: make it before a training, not after."""
    root = Path(str(files("vgg_lib")))
    golden = (root / "training" / "golden.json").read_bytes()
    return Origin(digest_of_code(root), hashlib.sha256(golden).hexdigest()[:16], _commit(root))


def digest_of_code(root: Path, packages: tuple[str, ...] = ENGINE) -> str:
    """16 hexadecimal digits that stand for the code of these packages, the same for every Python.

    Comments, docstrings and layout do not count.
    """
    digest = hashlib.sha256()
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
            for word in _words(ast.parse(path.read_text(encoding="utf-8"))):
                digest.update(f"{word}\0".encode())
    return digest.hexdigest()[:16]


def _words(node: Any) -> Iterator[str]:
    """A syntax tree as a row of words. Empty fields are left out: newer Pythons have more of them."""
    if isinstance(node, ast.AST):
        yield f"({type(node).__name__}"
        for name, value in ast.iter_fields(node):
            if name == "body" and isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                value = value[ast.get_docstring(node, clean=False) is not None :]
            if value not in (None, []) and name != "kind":
                yield name
                yield from _words(value)
        yield ")"
    elif isinstance(node, list):
        for one in node:
            yield from _words(one)
    else:
        yield repr(node)


def _commit(root: Path) -> str | None:
    """The commit that is checked out where the library lies, ``None`` where it is installed without a repository."""

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    if git("ls-files", "--error-unmatch", "__init__.py") is None:  # a repository around it, but not its own
        return None
    commit, changed = git("rev-parse", "HEAD"), git("status", "--porcelain", "--", *_CODE)
    return commit and commit[:12] + ("+" if changed else "")
