"""The form of the book: what every chapter has, and that pages made from records say what the records say."""

import json
import re
import runpy
import shutil
import subprocess
import sys
from collections import defaultdict
from importlib import util
from importlib.metadata import version
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from statistics import fmean
from types import SimpleNamespace

import pytest
import yaml
from IPython.core.inputtransformer2 import TransformerManager

from vgg_lib.book.figures import endings
from vgg_lib.book.figures.evidence import differences, rows
from vgg_lib.book.rules import power, rules
from vgg_lib.book.scoreboard import scoreboard
from vgg_lib.book.statements import STATEMENTS, statements
from vgg_lib.book.tables import of_study
from vgg_lib.evidence.arms import arm
from vgg_lib.evidence.claims import CLAIMS, claim
from vgg_lib.evidence.recipes import RATE_NORMALISED, normalised, plain
from vgg_lib.evidence.rules import Exact
from vgg_lib.evidence.statistics import paired_difference
from vgg_lib.evidence.store import recorded
from vgg_lib.evidence.studies import ABOVE, study
from vgg_lib.evidence.verdicts import evidence, verdicts
from vgg_lib.tasks.linear_svm import COSTS
from vgg_lib.training.runs import make_run

ROOT = Path(__file__).parent.parent
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
READ = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in CHAPTERS}

_spec = spec_from_file_location("address", ROOT / "book" / "address.py")
address = module_from_spec(_spec)
_spec.loader.exec_module(address)

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


@pytest.mark.parametrize(
    ("name", "page", "made"),
    [("rules_table", "method", rules), ("power_table", "method", power), ("statements_table", "paper", statements)],
)
def test_what_pages_take_from_the_rules_is_as_they_are(name, page, made):
    assert (ROOT / "book" / f"{name}.md").read_text(encoding="utf-8") == made(), "run `make refresh`"
    assert f"```{{include}} {name}.md" in (ROOT / "book" / f"{page}.md").read_text(encoding="utf-8")


def test_every_claim_of_the_paper_is_judged_where_the_paper_makes_it():
    tested = {one.claim for one in STATEMENTS if one.claim}
    assert set(CLAIMS) == tested
    assert all(one.claim or one.why for one in STATEMENTS)


def test_what_stands_beside_a_verdict_is_so():
    told, judged, known = {one.words: one.why for one in STATEMENTS}, verdicts(), evidence()
    of_lrn = next(why for words, why in told.items() if words.startswith("LRN “does not improve"))
    assert of_lrn.endswith("A-LRN errs less here") and judged["lrn"].high < 0
    assert told["The same for nets without normalisation, as the paper trained them"].endswith("D errs more here")
    assert judged["depth-plain"].effect < 0
    assert told["Crops do “slightly better than dense evaluation”"].endswith("they do here")
    assert judged["dense-vs-crops"].effect > 0
    assert told["“the additional non-linearity does help (C is better than B)”"].endswith("C is not better here")
    for make in (normalised, plain):
        errors = [[known[make(net).run(seed).key].error for seed in range(3)] for net in "BC"]
        assert fmean(errors[1]) > fmean(errors[0])
    assert told["Net A starts the deeper nets"].endswith("every D that starts so trains")
    trains, warm = CLAIMS["no-normalisation"].rule, CLAIMS["warm-start"].rule.challenger
    ended = [trains.ending(record) for seed in range(5) for record in warm.records(known, seed)]
    assert ended == ["trains"] * 5
    assert told["Features of the last hidden layer do well on other data sets"].endswith("the best layer’s")
    layers = [r.measurements["transfer"]["layers"] for r in known.values() if "transfer" in r.measurements]
    assert layers and all(min(errors, key=errors.get) != "fc7" for errors in layers)


def test_what_chapter_5_says_of_its_controls_is_so():
    lrn, a, constant, strong = rows("lrn")
    assert [len(row.recorded) for row in (lrn, a, constant, strong)] == [10] * 4
    assert fmean(lrn.recorded) < fmean(constant.recorded) < fmean(a.recorded)
    _, low, high = paired_difference(differences(constant, a))
    assert low < fmean(differences(lrn, a)) < 0 < high, "room for all and for nothing"
    for one in (lrn, strong):
        _, low, high = paired_difference(differences(one, constant))
        assert low < 0 < high, "no gain beyond chance"


def test_what_chapter_6_says_of_its_controls_is_so():
    known = evidence()
    b, large, narrow, d, single = (
        [known[normalised(net).run(seed).key].error for seed in range(3)]
        for net in ("B", "B-5x5", "B-5x5-narrow", "D", "D-7x7")
    )
    lead, controls = fmean(large) - fmean(b), (fmean(narrow) - fmean(b), fmean(single) - fmean(d))
    assert all(abs(one - lead) < 0.6 and one > 2 for one in controls)
    assert min(narrow) > max(b) and min(single) > max(d)


def test_what_chapters_4_and_7_say_of_steps_is_so():
    known, mean = evidence(), {}
    for net in "BCD":
        of_net = [known[normalised(net).run(seed).key].error for seed in range(5)]
        mean[net] = fmean(of_net)
    assert mean["B"] <= mean["D"], "B is as good as D"
    assert mean["C"] > mean["B"], "with plain nets too: see above"


def test_the_pilots_table_says_what_its_records_say():
    stored = (ROOT / "book" / "pilot_table.md").read_text(encoding="utf-8")
    assert stored == of_study(study("pilot"), recorded("pilot").latest()), "run `make refresh`"


def test_the_pilots_page_names_the_recipes_that_came_of_it():
    page = (ROOT / "book" / "pilot.md").read_text(encoding="utf-8")
    for kind, recipe in (("Normalised", normalised("A")), ("Plain", plain("A"))):
        preset = recipe.any_seed.preset
        assert f"- **{kind} nets** are trained at rate {preset.learning_rate:g} for {preset.epochs} epochs." in page
    above = {(network, rate, epochs) for network, rate, epochs in ABOVE if rate == 0.2}
    assert above == {("A", 0.2, 40)} and "0.2 for 40 epochs, A alone." in page


def test_what_the_pilots_page_says_in_short_is_so():
    records = recorded("pilot").latest().values()
    assert all(record.outcome == "finished" for record in records)
    errors = defaultdict(list)
    for record in (r for r in records if r.run.network in "AD" and not r.run.warm_start):
        preset = record.run.preset
        assert record.losses[-1] < 1  # guessing costs 2.3
        errors[record.run.network, preset.epochs, record.run.batch_norm].append(record.error)
        if (record.run.network, preset.epochs) == ("D", 160):
            assert record.losses[-1] < 0.01
    for (network, epochs, norm), found in errors.items():
        assert norm or max(errors[network, epochs, True]) < min(found)
    assert {epochs for _, epochs, _ in errors} == {40, 80, 160}
    for network in "AD":  # of the two seeds of 80 and of 160 epochs
        assert max(errors[network, 160, False]) < min(errors[network, 80, False])


def test_what_chapters_1_and_2_say_of_plain_d_is_so():
    pilot = recorded("pilot")
    short, long = (
        {name: pilot.find(make_run(name, "laptop", epochs=epochs)).error for name in "AD"} for epochs in (40, 160)
    )
    assert short["D"] > short["A"]
    assert short["D"] - long["D"] > short["A"] - long["A"] > 0


def test_the_readme_shows_the_verdicts_of_the_front_page():
    made = runpy.run_path(str(ROOT / "book" / "results.py"))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert made["BLOCK"].findall(readme) == [made["results"]()], "run `make refresh`"
    links = re.findall(r"\]\((.+?)\)", made["results"]())
    assert links and all((ROOT / link).is_file() for link in links)


def test_what_chapter_7_says_of_the_pilots_c_is_so():
    trained = {"batch_norm": True, "epochs": 160, "learning_rate": RATE_NORMALISED}
    (c,), d = (
        [recorded("pilot").find(make_run(name, "laptop", seed=seed, **trained)).error for seed in seeds]
        for name, seeds in (("C", [0]), ("D", [0, 1]))
    )
    assert min(d) < c < max(d)


def test_what_chapters_4_and_7_say_of_the_steps_between_networks_is_so():
    known = evidence()

    def mean(recipe, seeds):
        return fmean(arm(recipe).error(known, seed) for seed in range(seeds))

    a, b, c, d = (mean(normalised(name), 5) for name in "ABCD")
    assert a - b > 0.9 * (a - d) > 0 and c >= b
    assert mean(plain("C"), 3) > mean(plain("B"), 3)


def test_what_chapter_9_says_of_the_two_readings_is_so():
    """From σ = 0.01, A trains and D stalls; from σ = 0.1 both diverge. Of each there are three runs."""
    table = endings("bad-start")
    small, large = (table.loc[[f"{net}, σ = {sigma} corrected for fan-in" for net in "AD"]] for sigma in (0.01, 0.1))
    assert list(small["trains"]) == [3, 0] and list(small["stalls"]) == [0, 3]
    assert list(large["diverges"]) == [3, 3]


def test_what_chapter_14_says_of_one_size_up_is_so():
    boxes, known = claim("class-boxes"), evidence()
    (one_box,), a_box_each = boxes.rule.baseline, boxes.rule.challenger
    here = [[each.error(known, seed) for seed in range(5)] for each in (one_box, a_box_each)]
    up = [[each.error(known, seed) for seed in range(3)] for each in boxes.beside[0].arms]
    assert fmean(here[0]) > fmean(here[1]) and all(one < each for one, each in zip(*up, strict=True))
    for small, large in zip(here, up, strict=True):
        assert 0.2 < fmean(large) / fmean(small) < 0.3


def test_what_chapter_15_says_of_the_chosen_c_is_so():
    found = evidence().values()
    chosen = {
        measure: {one.measurements[measure]["cost"] for one in found if measure in one.measurements}
        for measure in ("transfer", "pixels")
    }
    assert chosen == {"transfer": {max(COSTS)}, "pixels": {min(COSTS)}}


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


def test_one_address_stands_everywhere():
    for path, text in address.everything(address.address()).items():
        assert path.read_text(encoding="utf-8") == text, f"{path}: run `make repository URL=…`"


@pytest.fixture
def copy(tmp_path):
    """All that knows the address, to write to."""
    for path in address.everything(""):
        there = tmp_path / path.relative_to(ROOT)
        there.parent.mkdir(exist_ok=True)
        there.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def test_an_address_is_set_everywhere_at_once_and_taken_out_again(copy):
    def told() -> dict[Path, str]:
        return {path: path.read_text(encoding="utf-8") for path in copy.rglob("*.*")}

    def tell(url: str) -> None:
        for path, text in address.everything(url, copy).items():
            path.write_text(text, encoding="utf-8")

    tell("")
    before, url = told(), "https://github.com/somebody/a-book"
    tell(url + ".git")
    assert address.address(copy) == yaml.safe_load((copy / "_config.yml").read_text())["repository"]["url"] == url
    for path, text in told().items():
        assert url in text
        if path.suffix == ".ipynb":
            colab = f"https://colab.research.google.com/github/somebody/a-book/blob/main/notebooks/{path.name}"
            assert colab in (copy / "README.md").read_text(encoding="utf-8")
    assert yaml.safe_load((copy / "CITATION.cff").read_text())["repository-code"] == url
    tell("")
    assert told() == before


@pytest.mark.parametrize(
    "url",
    [
        "github.com/a/b",
        "https://a.org/x'; rm -r /",
        "javascript:x",
        "https://a.org/{b}",
        "https://a.org/b;ls",
        "https://a.org/b|ls",
    ],
)
def test_what_is_no_address_changes_nothing(copy, url):
    (copy / "book").mkdir(exist_ok=True)
    script = shutil.copy(ROOT / "book" / "address.py", copy / "book")
    before = {path: path.read_bytes() for path in copy.rglob("*.*")}
    said = subprocess.run([sys.executable, script, url], capture_output=True, text=True)
    assert said.returncode == 1 and "no address to install from" in said.stderr
    assert {path: path.read_bytes() for path in copy.rglob("*.*")} == before


def test_the_first_cell_installs_the_library_beside_the_pytorch_that_is_there(monkeypatch, capsys):
    there, asked, known = util.find_spec, [], {}
    monkeypatch.setattr(util, "find_spec", lambda name: None if name == "vgg_lib" else there(name))
    known["get_ipython"] = lambda: SimpleNamespace(
        run_line_magic=lambda name, line: asked.append(f"{name} {line}".format(**known))
    )
    for url in ("", "https://example.org/a-book"):
        cell = address.FIRST_CELL.format(address=url, chapter="ch03")
        exec(TransformerManager().transform_cell(cell), known)
    assert "needs the library vgg-lib" in capsys.readouterr().out
    beside = f"torch=={version('torch')} torchvision=={version('torchvision')}"
    assert asked == [f"pip install --quiet git+https://example.org/a-book {beside}"]


@chapters
def test_every_code_cell_ran_in_order_and_none_failed(chapter):
    cells = code_cells(chapter)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert not [output for output in outputs if "application/vnd.jupyter.widget-view+json" in output.get("data", {})]
    assert "widgets" not in READ[chapter]["metadata"], "a progress bar was stored"


@chapters
def test_what_a_cell_shows_is_stored(chapter):
    """A table is shown where it is a cell's last expression, and by nobody in the middle of one."""
    showing = [
        cell for cell in code_cells(chapter) if re.search(r"^chapter\.\w+\(", "".join(cell["source"]), re.MULTILINE)
    ]
    assert showing and [cell["id"] for cell in showing if not cell["outputs"]] == []


@chapters
def test_no_cell_is_exempt_from_comparison(chapter):
    for cell in code_cells(chapter):
        assert not re.search(r"nbval", "".join(cell["source"]) + json.dumps(cell["metadata"]), re.IGNORECASE)


@chapters
def test_cells_are_short(chapter):
    for cell in code_cells(chapter):
        assert len("".join(cell["source"]).splitlines()) <= 25


@chapters
def test_code_fits_its_page(chapter):
    """Nobody should have to scroll sideways in the middle of a line; what is folded away may be wider."""
    shown = [cell for cell in code_cells(chapter) if "hide-input" not in cell["metadata"].get("tags", [])]
    assert [line for cell in shown for line in "".join(cell["source"]).splitlines() if len(line) > 85] == []


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


#: The sections of a chapter, in order; others may stand between them. Evidence is for claims that runs must judge.
SECTIONS = (
    "What the paper says",
    "Why you would expect it",
    "Live",
    "Evidence",
    "Verdict",
    "On real photographs",
    "Quiz",
    "Exercises",
    "Where next",
)


def headings(chapter: str) -> list[str]:
    """The second-level headings that are in :data:`SECTIONS`, without what follows a colon."""
    found = re.findall(r"^## ([^:\n]+)", prose(chapter), re.MULTILINE)
    return [heading for heading in found if heading in SECTIONS]


def claims_judged(chapter: str) -> list[str]:
    code = "\n".join("".join(cell["source"]) for cell in code_cells(chapter))
    return re.findall(r'^chapter\.verdict\("([\w-]+)"\)$', code, re.MULTILINE)


@chapters
def test_every_chapter_has_the_same_sections_in_the_same_order(chapter):
    judged_by_runs = any(not isinstance(claim(name).rule, Exact) for name in claims_judged(chapter))
    wanted = [name for name in SECTIONS if name != "Evidence" or judged_by_runs or "Evidence" in headings(chapter)]
    assert list(dict.fromkeys(headings(chapter))) == wanted


@chapters
def test_every_claim_of_a_chapter_has_its_verdict_in_it(chapter):
    of_chapter = [name for name, one in CLAIMS.items() if one.chapter == chapter]
    assert claims_judged(chapter) == of_chapter


@chapters
def test_a_verdict_is_followed_by_what_could_be_wrong_with_it(chapter):
    text = prose(chapter)
    verdict = text[text.index("## Verdict") : text.index("## On real photographs")]
    [box] = re.findall(r":::\{admonition\} What could be wrong with it\n:class: warning\n(.*?):::", verdict, re.DOTALL)
    assert box.count("\n- **") + box.startswith("- **") >= 3


@chapters
def test_a_chapter_opens_with_what_it_takes_and_can_train_on_real_photographs(chapter):
    cells = ["".join(cell["source"]) for cell in code_cells(chapter)]
    assert f'chapter.takes("{chapter[:4]}", my_run)' in cells[1]
    [training] = [cell for cell in cells if "on_photographs(" in cell]
    assert "PRESET = None" in training and "KEEP = None" in training and "on_photographs(my_run, PRESET" in training


@chapters
def test_it_says_what_you_will_learn_asks_whether_you_did_and_solves_its_exercises(chapter):
    text = prose(chapter)
    assert text.startswith(f"({chapter[:4]})=\n# {int(chapter[2:4])}. ")
    opening = "".join(READ[chapter]["cells"][0]["source"])
    assert ":::{admonition} What you will learn\n:class: tip\n- " in opening and "\n**Before you start:** " in opening
    questions = text[text.index("## Quiz") : text.index("## Exercises")].split("\n**")[1:]
    assert len(questions) in (2, 3)
    for question in questions:
        answers = re.findall(r"<summary>.+</summary>\n\n(Yes|No)\. .{20,}", question)
        assert answers.count("Yes") == 1 and answers.count("No") >= 2, question
    exercises = text[text.index("## Exercises") :]
    assert exercises.count("<summary>Solution</summary>") >= 3


@chapters
def test_every_figure_has_a_name_a_caption_and_two_widths_and_the_text_refers_to_it(chapter):
    for cell in code_cells(chapter):
        drawings = [output for output in cell["outputs"] if "image/png" in output.get("data", {})]
        if drawings:
            figure = cell["metadata"]["mystnb"]["figure"]
            assert figure["name"].startswith(f"fig-{chapter[:4]}-") and len(figure["caption"]) > 20
            assert f"{{numref}}`{figure['name']}`" in prose(chapter), figure["name"]
        for output in drawings:
            assert set(output["metadata"]["drawing"]) == {"wide", "narrow"}


@chapters
def test_no_lettering_is_too_small_to_read(chapter):
    """Nine points at least, of a figure that a phone shows about as many pixels wide as it is points."""
    for cell in code_cells(chapter):
        for output in cell["outputs"]:
            for svg in output.get("metadata", {}).get("drawing", {}).values():
                assert [size for size in re.findall(r"font-size: ([\d.]+)px", svg) if float(size) < 9] == []


@chapters
def test_the_notebook_asks_colab_for_a_gpu(chapter):
    assert READ[chapter]["metadata"]["accelerator"] == "GPU"


@chapters
def test_a_chapter_reads_in_colab_too(chapter):
    """Terms are linked by the build, and what folds is HTML: neither is left as a mark that only Sphinx knows."""
    assert not re.search(r"\{term\}|\{dropdown\}|\{tab-", prose(chapter))
