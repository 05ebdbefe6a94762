"""Where a record comes from: the commit, and whether the code was changed since."""

import subprocess

import pytest

from vgg_lib.evidence.origin import _commit


@pytest.fixture
def library(tmp_path):
    """A library's folder in a repository of its own, all of it committed."""
    root = tmp_path / "vgg_lib"
    for name in ("__init__.py", "data/photos.py", "training/golden.json", "records/evidence.jsonl"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("as committed\n")
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "all"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return root


@pytest.mark.parametrize(
    ("name", "is_code"),
    [
        ("__init__.py", True),
        ("data/photos.py", True),
        ("data/new.py", True),
        ("training/golden.json", True),
        ("records/evidence.jsonl", False),
        ("records/new.jsonl", False),
        ("../tests/test_new.py", False),
    ],
)
def test_a_commit_is_marked_where_code_was_changed_and_not_where_records_were_added(library, name, is_code):
    committed = _commit(library)
    assert len(committed) == 12
    (library / name).parent.mkdir(exist_ok=True)
    (library / name).write_text("changed\n")
    assert _commit(library) == committed + "+" * is_code


def test_without_a_repository_of_its_own_there_is_no_commit(library):
    (library.parent / "elsewhere").mkdir()
    assert _commit(library.parent / "elsewhere") is None
