"""The history of the records: none arrives together with the code that it judges, or that made it."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

#: Where the records of the evidence are, and the code that may not change in the commit that brings them.
EVIDENCE = "vgg_lib/records/evidence.jsonl"
BOXES = "vgg_lib/records/localisation.jsonl"
CODE = ("vgg_lib/*.py", "vgg_lib/training/golden*.json")


def git(*words, at=ROOT):
    return subprocess.run(["git", "-C", str(at), *words], capture_output=True, text=True, check=True).stdout


def mixed(at):
    """Commits that bring records and change code: no merge, which brings nothing new, and no shallow clone's end."""
    bringing = git("log", "--no-merges", "--min-parents=1", "--format=%h", "--", EVIDENCE, BOXES, at=at).split()
    return [
        commit for commit in bringing if git("show", "--format=", "--name-only", commit, "--", *CODE, at=at).strip()
    ]


def test_no_commit_brings_records_together_with_rules_or_engine():
    try:
        shallow = git("rev-parse", "--is-shallow-repository").strip() == "true"
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no repository here: the history of the records cannot be looked at")
    if shallow:
        print("a shallow clone: only the commits that are here can be looked at")
    assert mixed(ROOT) == []


@pytest.fixture
def history(tmp_path):
    """Makes a repository of commits, each a set of files to write."""

    def make(*commits):
        git("init", "--quiet", at=tmp_path)
        for number, files in enumerate(commits):
            for name in files:
                path = tmp_path / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"{number}\n")
            git("add", "--all", at=tmp_path)
            git("-c", "user.name=n", "-c", "user.email=e", "commit", "--quiet", "--message", str(number), at=tmp_path)
        return tmp_path

    return make


RULES, PAGE = "vgg_lib/evidence/rules.py", "book/scoreboard_table.md"


@pytest.mark.parametrize(
    ("second", "found"),
    [
        ([EVIDENCE], 0),
        ([EVIDENCE, PAGE], 0),
        ([BOXES, PAGE], 0),
        ([BOXES, RULES], 1),
        ([RULES], 0),
        ([EVIDENCE, RULES], 1),
        ([EVIDENCE, "vgg_lib/training/loop.py"], 1),
        ([EVIDENCE, "vgg_lib/training/golden.json"], 1),
    ],
)
def test_a_commit_of_records_and_code_is_found(history, second, found):
    assert len(mixed(history(["README.md"], second))) == found


def test_an_earlier_mixed_commit_is_found_behind_later_ones(history):
    assert len(mixed(history(["README.md"], [EVIDENCE, RULES], [EVIDENCE], [RULES]))) == 1
