"""Figures, tables, sentences and verdicts as chapters show them."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from vgg_lib import InputError
from vgg_lib.book import chapter, figures, pieces
from vgg_lib.book.figures.drawing import NARROW, bundle, drawn, svg
from vgg_lib.book.rules import rules
from vgg_lib.evidence.claims import CLAIMS, claim
from vgg_lib.evidence.evidence import arms_of
from vgg_lib.evidence.rules import Judgement
from vgg_lib.evidence.store import recorded
from vgg_lib.evidence.verdicts import evidence, status, verdicts


@pytest.fixture
def figure():
    figures.use_style()
    figure, axes = plt.subplots()
    axes.plot([0, 1], [0, 1], color="#0072B2")
    axes.text(0.5, 0.5, "white on something", color="white")
    axes.set_facecolor("white")
    yield figure
    plt.close(figure)


def test_an_svg_has_the_themes_colours_and_its_text_as_text(figure):
    drawn = svg(figure)
    assert drawn.startswith("<svg ") and "white on something</text>" in drawn
    assert "stroke: var(--c0072b2,#0072b2)" in drawn and "currentColor" in drawn
    assert "fill: white" in drawn
    assert not re.search(r"<style|<metadata|font-family|\d\.\d{3}", drawn)


def test_coordinates_are_rounded_and_numbers_that_are_read_are_not(figure):
    figure.axes[0].text(0.123456, 0.5, "at 0.001 or 1.461")
    drawn = svg(figure)
    assert ">at 0.001 or 1.461</text>" in drawn
    assert not re.search(r"\d\.\d{3}", drawn.replace("at 0.001 or 1.461", ""))


def test_names_in_two_svgs_of_a_page_do_not_meet(figure):
    one = svg(figure)
    figure.axes[0].set_title("another")
    names = [set(re.findall(r'\bid="([^"]+)"', drawn)) for drawn in (one, svg(figure))]
    assert names[0] and not names[0] & names[1]
    assert set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', one)[0]) - {""} <= names[0]


@pytest.mark.parametrize(("side", "exact"), [(16, True), (200, False)])
def test_a_picture_is_light_and_exact_where_pixels_count(figure, side, exact):
    figure.axes[0].imshow(np.random.default_rng(0).integers(0, 255, (side, side, 3), dtype=np.uint8))
    [image] = re.findall("<image [^>]+>", svg(figure))
    assert "data:image/webp;base64," in image and ("pixelated" in image) == exact


def test_a_notebook_gets_a_png_and_both_widths(figure, monkeypatch):
    shown = []
    monkeypatch.setattr("vgg_lib.book.figures.drawing._in_notebook", lambda: True)
    monkeypatch.setattr("IPython.display.display", lambda data, raw, metadata: shown.append((data, metadata)))

    @drawn
    def draw(*, narrow: bool = False) -> Figure:
        return plt.figure(figsize=(NARROW if narrow else 8, 3))

    draw()
    [(data, metadata)] = shown
    assert data["image/png"][:4] == b"\x89PNG" and metadata["image/png"] == {"width": 800, "height": 300}
    assert 'width="576pt"' in metadata["drawing"]["wide"] and 'width="302.4pt"' in metadata["drawing"]["narrow"]
    assert plt.get_fignums() == [figure.number], "what was shown is closed, or Jupyter would show it again"


def test_the_same_figure_is_the_same_bytes(figure):
    assert bundle(figure, figure) == bundle(figure, figure)


def test_a_table_has_a_caption_and_numbers_to_the_right_with_as_many_digits():
    frame = pd.DataFrame({"error": [20.5, 21.0, None], "of": ["A", "B <b>", "C"], "holds": [True, False, True]})
    html = chapter.table(frame, "Errors & more")._repr_html_()
    assert "<caption>Errors &amp; more</caption>" in html and "B &lt;b&gt;" in html
    assert re.findall(r'<td class="numbers">([^<]*)', html) == ["20.5", "21.0", "–"]
    assert re.findall(r'<td class="words">([^<]*)', html)[1::2] == ["yes", "no", "yes"]
    assert repr(chapter.table(frame, "Errors")).startswith("Errors\n")


def test_numbers_that_are_text_stand_to_the_right_too_and_words_do_not():
    frame = pd.DataFrame({"seeds": ["5", "over 999", "–"], "all": ["1,024", "−3.5", "7"], "of": ["1 of 5", "5", "5"]})
    html = chapter.table(frame, "Seeds")._repr_html_()
    assert re.findall(r'<th class="(\w+)" scope="col">(\w*)', html)[1:] == [
        ("numbers", "seeds"), ("numbers", "all"), ("words", "of"),
    ]  # fmt: skip


def test_a_sentence_is_markdown_and_its_own_text():
    said = chapter.says(f"**{1 + 1}** nets")
    assert said._repr_markdown_() == repr(said) == "**2** nets"


@pytest.mark.parametrize("name", CLAIMS)
def test_a_verdict_box_says_what_the_claim_says(name):
    box = chapter.verdict(name)
    for text in (CLAIMS[name].statement, CLAIMS[name].numbers(), status(verdicts()[name])):
        assert text in repr(box)
    assert box._repr_html_().count("<dt>") == len(box.lines())


@pytest.mark.parametrize("name", CLAIMS)
def test_a_verdict_box_leads_to_its_rule_its_records_and_the_command_that_redoes_one(name):
    box, html = chapter.verdict(name), chapter.verdict(name)._repr_html_()
    assert f'href="../book/method.html#rule-{name}"' in html and f'id="rule-{name}"' in rules()
    recipes = {(recipe, seeds) for arm, seeds in arms_of(name) for one in arm.recipes for recipe in one.chain}
    wanted = {recipe.run(seed).key for recipe, seeds in recipes for seed in range(seeds)}
    assert ("Records" in box.lines()) == bool(wanted)
    if not wanted:
        return
    there = wanted & set(evidence())
    assert box.lines()["Records"] == f"{len(there)} of {len(wanted)} runs"
    assert ("Redo one" in box.lines()) == bool(there)
    if there:
        key = box.lines()["Redo one"].removeprefix("vgg-lib redo ")
        assert key in there and f"<code>vgg-lib redo {key}</code>" in html
        assert recorded(re.search(r"explore\.html\?study=(\w+)&amp;", html)[1]).latest()[key]


def test_there_is_no_box_for_a_claim_that_does_not_exist():
    with pytest.raises(InputError, match="unknown claim"):
        chapter.verdict("magic")


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("depth", "Smallest effect that this test could see by itself"),
        ("lrn", "Smallest margin that this test could show by itself"),
    ],
)
def test_a_claim_of_no_difference_has_a_margin_where_others_have_an_effect(name, head):
    found = Judgement("inconclusive", (5, 5), effect=0.5, low=0.1, high=0.9, p=0.2, smallest_detectable=0.4)
    assert pieces.Box(claim(name), found).lines()[head] == "0.40 points"


@pytest.mark.parametrize(("waits", "p", "said"), [(True, 0.01, True), (False, 0.01, False), (True, 0.2, False)])
def test_a_verdict_that_a_milder_correction_could_change_says_so(waits, p, said):
    found = Judgement("reproduced", (5, 5), "points", effect=2.0, low=1.0, high=3.0, p=p).at(0.2, waits=waits)
    lines = pieces.Box(claim("context"), found).lines()
    assert lines["Verdict"] == ("inconclusive so far" if said else "inconclusive")
    assert ("Not the last word" in lines) == said


@pytest.mark.parametrize(
    ("p", "corrected", "said"), [(0.03, 0.2, True), (0.2, 1.0, False), (0.001, 0.01, False), (0.05, 0.5, False)]
)
def test_an_inconclusive_claim_whose_interval_leaves_out_0_says_why(p, corrected, said):
    found = Judgement("reproduced", (5, 5), "points", effect=2.0, low=1.0, high=3.0, p=p).at(corrected)
    box = pieces.Box(claim("context"), found)
    assert ("p by itself" in box.lines()) == said
    assert ("ch12_scoreboard.html#ch12-many" in box._repr_html_()) == said
    if said:
        assert box.lines()["p by itself"].startswith("0.03. Among ")
