"""The explorers: what they read is what the library holds, they stay small, and they ask nobody else for anything."""

import dataclasses
import json
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers.records import a_record
from matplotlib.colors import to_hex
from PIL import Image

from vgg_lib.book import explorers as explore
from vgg_lib.book.figures import COLOURS
from vgg_lib.book.figures.effects import seed_errors
from vgg_lib.evidence import evidence
from vgg_lib.evidence.statistics import paired_difference
from vgg_lib.evidence.store import recorded, studies_with_records
from vgg_lib.networks.table import NETWORKS

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "book" / "_static" / "explore"
PAGE = (ROOT / "book" / "explore.md").read_text(encoding="utf-8")
for chapter in ("ch05_lrn", "ch12_scoreboard"):  # those that stand in their chapter alone
    cells = json.loads((ROOT / "notebooks" / f"{chapter}.ipynb").read_text(encoding="utf-8"))["cells"]
    PAGE += "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
SOURCES = sorted([*FOLDER.glob("*.js"), *FOLDER.glob("*.css")])
STILLS = ("receptive-field", "network", "neighbours", "evidence", "verdict")


def test_the_data_are_what_the_library_holds():
    assert (FOLDER / "data.js").read_text(encoding="utf-8") == explore.script(), "run `make refresh`"


def test_the_script_is_its_data():
    found = re.fullmatch(r"//.*\nexplore\.data = (.*);\n", explore.script(), re.DOTALL)
    assert json.loads(found[1]) == json.loads(json.dumps(explore.data()))


def test_the_photograph_is_the_one_that_is_stored():
    with Image.open(FOLDER / "photo.png") as stored:
        assert np.array_equal(np.asarray(stored), explore.photo()), "run `make refresh`"


def test_every_network_has_the_colour_that_the_figures_give_it():
    colours = {name: network["colour"] for name, network in explore.data()["networks"].items()}
    assert colours == {name: COLOURS[name] for name in NETWORKS}
    assert len(set(colours.values())) == len(colours)


def test_every_record_is_there_with_all_its_tests():
    evidence = explore.evidence()
    runs = [dict(zip(evidence["run"], row, strict=True)) for row in evidence["runs"]]
    for name in studies_with_records():
        records = recorded(name).latest()
        assert {run["key"] for run in runs if run["study"] == name} == set(records)
        for run in (run for run in runs if run["study"] == name):
            record, recipe = records[run["key"]], evidence["recipes"][run["recipe"]]
            assert (recipe["network"], run["seed"]) == (record.run.network, record.run.seed)
            tests = [dict(zip(evidence["test"], row, strict=True)) for row in run["tests"]]
            assert len(tests) == len(explore.evaluations_of(record))
            for test, made in zip(tests, record.evaluations, strict=False):
                assert evidence["protocols"][test["protocol"]] == str(made.protocol)
                assert test["error"] == pytest.approx(made.errors["top1"], abs=0.005)


def test_a_run_that_diverged_counts_as_guessing_and_one_that_failed_has_no_test():
    [record] = recorded("first")
    lost = dataclasses.replace(record, evaluations=(), losses=(), reason="for a test", outcome="failed")
    diverged, failed = dataclasses.replace(lost, outcome="diverged"), lost
    [test] = explore.evaluations_of(diverged)
    assert (test.errors["top1"], test.protocol, test.test_set) == (90.0, record.run.protocol, "held-out")
    assert explore.evaluations_of(failed) == ()


def test_they_stay_small():
    code = sum(path.stat().st_size for path in SOURCES if path.name != "data.js")
    assert code < 66_000
    assert code + (FOLDER / "data.js").stat().st_size < 120_000, "more records than fit: leave fields out of data.js"
    for picture in FOLDER.glob("*.png"):
        assert picture.stat().st_size < 40_000, picture.name


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_nothing_is_asked_of_a_network(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"https?:|//[a-z0-9-]+\.[a-z]|\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon|@import", text)


@pytest.mark.parametrize("name", STILLS)
def test_a_still_picture_stands_where_scripts_are_off(name):
    [figure] = re.findall(rf'<figure class="explorer" data-explorer="{name}".*?</figure>', PAGE, re.DOTALL)
    assert "\n\n" not in figure, "a blank line would end the HTML"
    [(width, height, alt)] = re.findall(rf'/explore/{name}\.png" width="(\d+)" height="(\d+)" alt="([^"]+)"', figure)
    with Image.open(FOLDER / f"{name}.png") as picture:
        assert picture.size == (int(width), int(height))
    assert len(alt) > 40


def test_every_study_leads_to_a_page_that_exists():
    pages = explore.evidence()["pages"]
    assert set(pages) == set(studies_with_records())
    for page in pages.values():
        stem = page.removesuffix(".html")
        assert (ROOT / f"{stem}.md").exists() or (ROOT / f"{stem}.ipynb").exists(), page


def test_seeds_are_drawn_with_their_mean_and_its_interval():
    figure = seed_errors({"A": [20.0, 21.0, 22.0], "of A's weights": [19.0]}, {"of A's weights": "A"})
    [axes] = figure.axes
    assert [list(dots.get_offsets()[:, 0]) for dots in axes.collections] == [[20.0, 21.0, 22.0], [19.0]]
    assert {to_hex(dots.get_facecolor()[0]) for dots in axes.collections} == {COLOURS["A"].lower()}
    [mean], [band] = axes.lines, axes.patches
    assert list(mean.get_xdata()) == [21.0, 21.0]
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx(paired_difference([20.0, 21.0, 22.0])[1:])
    plt.close(figure)


@pytest.mark.parametrize(("errors", "wide"), [([20.0, 20.1], 2.0), ([20.0, 30.0], 10.0)])
def test_a_tenth_of_a_point_does_not_look_large(errors, wide):
    [axes] = seed_errors({"A": errors}).axes
    left, right = axes.get_xlim()
    assert left < errors[0] < errors[1] < right and wide <= right - left < 1.2 * wide
    plt.close("all")


def test_runs_of_different_recipes_have_different_words():
    told = {}
    for run in evidence.runs({}, 1):
        words = explore._recipe(a_record(run))
        told.setdefault((words["network"], words["preset"], words["text"]), set()).add(run.key)
    assert {words: keys for words, keys in told.items() if len(keys) > 1} == {}
