"""Exercises have solutions that run: each in the kernel of its chapter, after the chapter's own cells."""

import re
from pathlib import Path

import pytest

pytest.importorskip("nbclient", reason="the extra `book` is not installed")

import nbformat
from nbclient import NotebookClient

CHAPTERS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


def with_solutions(path: Path) -> nbformat.NotebookNode:
    """A chapter whose blocks of Python, which are its solutions, are cells in their places."""
    chapter = nbformat.read(path, as_version=4)
    cells, solutions = [], 0
    for cell in chapter.cells:
        if cell.cell_type == "code":
            cells.append(cell)
        else:
            blocks = re.findall(r"^```python\n(.*?)^```", cell.source, re.DOTALL | re.MULTILINE)
            cells += [nbformat.v4.new_code_cell(block) for block in blocks]
            solutions += len(blocks)
    assert solutions
    chapter.cells = cells
    return chapter


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_solutions_run(path, monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    NotebookClient(with_solutions(path), timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
