"""The form of the book: what every chapter has, and that pages made from records say what the records say."""

import json
import re
from pathlib import Path

import pytest
import yaml

from vgg_lib.claims import scoreboard
from vgg_lib.runs import recorded
from vgg_lib.studies import study
from vgg_lib.tables import arms

ROOT = Path(__file__).parent.parent
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
READ = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in CHAPTERS}

chapters = pytest.mark.parametrize("chapter", READ)


def code_cells(chapter: str) -> list[dict]:
    return [cell for cell in READ[chapter]["cells"] if cell["cell_type"] == "code"]


def prose(chapter: str) -> str:
    return "\n".join("".join(c["source"]) for c in READ[chapter]["cells"] if c["cell_type"] == "markdown")


def test_the_table_of_contents_has_every_chapter_and_page():
    listed = re.findall(r"(?:root|file): (\S+)", (ROOT / "_toc.yml").read_text())
    assert {f"notebooks/{name}" for name in READ} <= set(listed)
    for name in listed:
        assert any((ROOT / f"{name}{ending}").exists() for ending in (".md", ".ipynb")), name


def test_the_scoreboard_says_what_the_claims_say():
    stored = (ROOT / "book" / "scoreboard_table.md").read_text(encoding="utf-8")
    assert stored == scoreboard(), "run `make refresh`"


def test_the_pilots_table_says_what_its_records_say():
    stored = (ROOT / "book" / "pilot_table.md").read_text(encoding="utf-8")
    assert stored == arms(study("pilot"), recorded("pilot").latest()), "run `make refresh`"


def test_the_readme_shows_the_benchmark_that_is_stored():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for stored in (ROOT / "benchmarks").glob("*.md"):
        assert f"<!-- benchmarks/{stored.name} -->\n{stored.read_text(encoding='utf-8')}<!-- end -->" in readme


def test_the_prefaces_ten_minutes_run(capsys):
    [block] = re.findall(r"```python\n(.*?)```", (ROOT / "book" / "preface.md").read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(block, "preface.md", "exec"), {})
    wrong = int(re.search(r"wrong on (\d+) %", capsys.readouterr().out)[1])
    assert wrong < 50


def test_a_build_for_ci_differs_in_execution_alone():
    config = (ROOT / "_config.yml").read_text(encoding="utf-8")
    assert config.count("execute_notebooks: force") == 1
    assert yaml.safe_load(config)["execute"]["execute_notebooks"] == "force"


@chapters
def test_every_code_cell_ran_in_order_and_none_failed(chapter):
    cells = code_cells(chapter)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]


@chapters
def test_no_cell_is_exempt_from_comparison(chapter):
    for cell in code_cells(chapter):
        assert not re.search(r"nbval", "".join(cell["source"]) + json.dumps(cell["metadata"]), re.IGNORECASE)


@chapters
def test_cells_are_short(chapter):
    for cell in code_cells(chapter):
        assert len("".join(cell["source"]).splitlines()) <= 25


@chapters
def test_every_picture_has_alt_text_that_says_something(chapter):
    for cell in code_cells(chapter):
        if any("image/png" in output.get("data", {}) for output in cell["outputs"]):
            alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
            assert len(alt) > 40, "".join(cell["source"])


@chapters
def test_outputs_show_no_path_of_a_machine(chapter):
    outputs = json.dumps([cell["outputs"] for cell in code_cells(chapter)])
    assert not re.search(r"/(home|root|tmp|Users|work)/", outputs)


@chapters
def test_the_first_cell_is_the_same_everywhere(chapter):
    first = {"".join(code_cells(name)[0]["source"]) for name in READ}
    assert len(first) == 1 and "vgg-lib" in first.pop()


@chapters
def test_it_says_what_you_will_learn_and_ends_with_solved_exercises(chapter):
    text = prose(chapter)
    assert text.startswith(f"({chapter[:4]})=\n# ")
    assert "What you will learn" in text
    exercises = text[text.index("## Exercises") :]
    assert exercises.count(":::{dropdown} Solution") >= 3
