"""The book's own Sphinx extensions, on a book of two pages."""

import importlib
import json
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

pytest.importorskip("math_core", reason="the extra `book` is not installed")

from fontTools.ttLib import TTFont
from sphinx.cmd.build import build_main

from vgg_lib.evidence.claims import CLAIMS
from vgg_lib.evidence.store import recorded, studies_with_records
from vgg_lib.evidence.verdicts import status, verdicts

EXTENSIONS = Path(__file__).parent.parent / "book" / "_ext"
CONF = f"""
import sys
sys.path.insert(0, {str(EXTENSIONS)!r})
extensions = ["native_math", "site_pages", "small_fonts", "notfound.extension"]
root_doc, html_theme, html_title, html_math_renderer = "preface", "sphinx_book_theme", "Two pages", "native"
"""
PREFACE = "Title\n=====\n\nWhat it is **about**, with :math:`{}`.\n\n.. toctree::\n\n   other\n"
FORMULA = r"\sum_h \sqrt{\alpha_h}"


def build(folder: Path, formula: str = FORMULA) -> tuple[Path, int]:
    """Where it was built, and 0 if there was no warning."""
    (folder / "conf.py").write_text(CONF, encoding="utf-8")
    (folder / "preface.rst").write_text(PREFACE.format(formula), encoding="utf-8")
    (folder / "other.rst").write_text("Other\n=====\n", encoding="utf-8")
    return folder / "html", build_main(["-q", "-W", str(folder), str(folder / "html")])


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    """Built once for all who only look: served nowhere, in no repository."""
    built, failed = build(tmp_path_factory.mktemp("site"))
    assert not failed
    return built


def test_a_page_describes_itself_in_its_own_words(html):
    page = (html / "preface.html").read_text(encoding="utf-8")
    assert f'<meta name="description" content="What it is about, with {FORMULA}.">' in page


def test_a_formula_becomes_mathml_with_its_letters_in_the_font(html):
    page = (html / "preface.html").read_text(encoding="utf-8")
    assert "∑</mo><mi>h</mi></munder><msqrt><msub><mi>α</mi><mi>h</mi></msub></msqrt></math>" in page
    with TTFont(html / "_static" / "fonts" / "STIXTwoMath-Regular.woff2") as font:
        letters = set(map(chr, font.getBestCmap()))
    assert {"∑", "ℎ", "𝛼", "√"} <= letters and "𝛽" not in letters


def test_where_it_is_served_is_not_said_when_nobody_knows(html):
    assert not (html / "sitemap.xml").exists()
    page = (html / "other.html").read_text(encoding="utf-8")
    assert "og:image" not in page and "canonical" not in page
    assert 'src="/_static/' in (html / "404.html").read_text(encoding="utf-8")


def test_where_it_is_served_is_said_where_it_must_be(tmp_path, monkeypatch):
    monkeypatch.setenv("BOOK_URL", "https://example.org/copy/")
    html, failed = build(tmp_path)
    assert not failed
    sitemap = (html / "sitemap.xml").read_text(encoding="utf-8")
    assert sitemap.count("<loc>") == 2 and "<loc>https://example.org/copy/other.html</loc>" in sitemap
    page = (html / "other.html").read_text(encoding="utf-8")
    assert 'property="og:image" content="https://example.org/copy/_static/card.png"' in page
    assert '<link rel="canonical" href="https://example.org/copy/other.html"' in page
    assert (html / "_static" / "card.png").stat().st_size < 60_000
    assert 'src="/copy/_static/' in (html / "404.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("formula", [r"\nonsense{x}", r"\frac{1"])
def test_what_is_no_tex_stops_the_build(tmp_path, capsys, formula):
    _, failed = build(tmp_path, formula)
    said = capsys.readouterr().err
    assert failed and "in the formula" in said and "preface.rst" in said


def test_the_footer_names_the_commit_or_says_that_it_knows_none(html, tmp_path):
    assert "commit unknown</p>" in (html / "other.html").read_text(encoding="utf-8")
    (tmp_path / "conf.py").write_text(CONF, encoding="utf-8")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(tmp_path)]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *command], check=True)
    head = subprocess.check_output([*git, "rev-parse", "--short", "HEAD"], text=True).strip()
    built, _ = build(tmp_path)
    assert f"commit {head}</p>" in (built / "other.html").read_text(encoding="utf-8")


GLOSSARY = """
Glossary
========

.. glossary::

   dense evaluation
      Whole images instead of crops.

   logits
      What the last layer puts out.

   crop
      A part of an image.
"""
USES = """
Crop and logits
===============

``crop`` is code. Two crops, then a crop.

    Quoted: dense evaluation.

**Dense Evaluation** needs logits-like numbers and Logits, :math:`crop`, and logits.
"""


@pytest.fixture(scope="module")
def linked(tmp_path_factory):
    """A page that uses terms of a glossary without marking them."""
    folder = tmp_path_factory.mktemp("terms")
    conf = CONF.replace('"native_math"', '"native_math", "first_uses"')
    (folder / "conf.py").write_text(conf, encoding="utf-8")
    (folder / "preface.rst").write_text(USES + "\n.. toctree::\n\n   glossary\n", encoding="utf-8")
    (folder / "glossary.rst").write_text(GLOSSARY, encoding="utf-8")
    assert build_main(["-q", "-W", str(folder), str(folder / "html")]) == 0
    return {name: (folder / "html" / f"{name}.html").read_text(encoding="utf-8") for name in ("preface", "glossary")}


def test_the_first_use_of_a_term_leads_to_its_meaning_and_no_other_does(linked):
    links = re.findall(r'<a class="term[^"]*" href="([^"]*)">(.*?)</a>', linked["preface"])
    assert links == [
        ("glossary.html#term-crop", "crops"),
        ("glossary.html#term-dense-evaluation", "Dense Evaluation"),
        ("glossary.html#term-logits", "Logits"),
    ]


def test_the_glossary_does_not_lead_to_itself(linked):
    assert '<a class="term' not in linked["glossary"]


CHAPTER = {
    "cells": [{"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# One\n"}],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}

TOCTREE = "\n```{toctree}\nother\n```\n"


@pytest.mark.parametrize("url", ["", "file:///a/b", "https://github.com/somebody/a-book"])
def test_buttons_lead_to_colab_and_the_repository_or_are_not_there(tmp_path, url):
    options = {
        "repository_url": url,
        "repository_branch": "main",
        "launch_buttons": {"colab_url": "https://colab.research.google.com"},
    }
    conf = (
        CONF.replace('"native_math"', '"myst_nb", "native_math"')
        + f"html_theme_options = {options}\nnb_execution_mode = 'off'\n"
    )
    (tmp_path / "conf.py").write_text(conf, encoding="utf-8")
    (tmp_path / "preface.md").write_text(
        "# Title\n\nAbout it.\n\n```{toctree}\nnotebooks/ch01\n```\n", encoding="utf-8"
    )
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "ch01.ipynb").write_text(json.dumps(CHAPTER), encoding="utf-8")
    assert build_main(["-q", "-W", str(tmp_path), str(tmp_path / "html")]) == 0
    page = (tmp_path / "html" / "notebooks" / "ch01.html").read_text(encoding="utf-8")
    colab = "https://colab.research.google.com/github/somebody/a-book/blob/main/notebooks/ch01.ipynb"
    shown = [colab in page, "https://github.com/somebody/a-book" in page, "issues/new" in page]
    assert shown == [url.startswith("https://github.com/")] * 3


def test_the_page_on_how_the_book_is_kept_true_counts_what_there_is(tmp_path):
    conf = CONF.replace('"native_math"', '"myst_nb", "native_math", "kept_true"') + "nb_execution_mode = 'off'\n"
    (tmp_path / "conf.py").write_text(conf, encoding="utf-8")
    tables = "".join(f"```{{kept-true}} {of}\n```\n\n" for of in ("chapters", "versions", "records"))
    (tmp_path / "preface.md").write_text(f"# Title\n\nAbout it.\n\n{tables}{TOCTREE}", encoding="utf-8")
    (tmp_path / "other.md").write_text("# Other\n", encoding="utf-8")
    assert build_main(["-q", "-W", str(tmp_path), str(tmp_path / "html")]) == 0
    page = (tmp_path / "html" / "preface.html").read_text(encoding="utf-8")
    assert f"<p>{version('torch')}</p>" in page and "from stored outputs" in page
    for name in studies_with_records():
        number = len(list(recorded(name)))
        assert re.search(rf">{name}</span></code></p></td>\s*<td><p>{number}</p></td>", page), name


FIGURE = {
    "cell_type": "code",
    "execution_count": 1,
    "id": "b",
    "metadata": {
        "mystnb": {"figure": {"name": "fig-ch02-one", "caption": "A *caption*."}, "image": {"alt": 'It says "this".'}}
    },
    "outputs": [
        {
            "data": {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"},
            "metadata": {"drawing": {"wide": "<svg id='w'></svg>", "narrow": "<svg id='n'></svg>"}},
            "output_type": "display_data",
        }
    ],
    "source": "draw()",
}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A front page and chapter 2, of which one figure is on both."""
    folder = tmp_path_factory.mktemp("drawn")
    conf = CONF.replace('"native_math"', '"myst_nb", "native_math", "drawings", "kept_true"')
    conf += "nb_execution_mode, numfig, numfig_format = 'off', True, {'figure': 'Figure %s'}\n"
    conf += "exclude_patterns = ['jupyter_execute']\n"
    (folder / "conf.py").write_text(conf, encoding="utf-8")
    shown = "```{kept-true} status\n```\n\n```{drawing-of} ch02_two fig-ch02-one\n```\n"
    toctree = "\n```{toctree}\nnotebooks/ch02_two\n```\n"
    (folder / "preface.md").write_text(f"# Title\n\nAbout it.\n\n{shown}{toctree}", encoding="utf-8")
    (folder / "notebooks").mkdir()
    text = {"cell_type": "markdown", "id": "c", "metadata": {}, "source": "See {numref}`fig-ch02-one`."}
    chapter = CHAPTER | {"cells": [*CHAPTER["cells"], FIGURE, text]}
    (folder / "notebooks" / "ch02_two.ipynb").write_text(json.dumps(chapter), encoding="utf-8")
    assert build_main(["-q", "-W", str(folder), str(folder / "html")]) == 0
    pages = (folder / "html" / "preface.html", folder / "html" / "notebooks" / "ch02_two.html")
    return [page.read_text(encoding="utf-8") for page in pages]


def test_a_figure_stands_on_the_page_in_both_widths_and_says_what_it_shows(drawn):
    for page in drawn:
        for variant in ("wide", "narrow"):
            assert f'<svg class="{variant}" role="img" aria-label="It says &quot;this&quot;." id=' in page
        assert "<em>caption</em>" in page and "<img" not in page[page.index("<article") :]


def test_a_figure_is_numbered_by_its_chapter(drawn):
    assert 'class="caption-number">Figure 2.1 ' in drawn[1] and 'class="std std-numref">Figure 2.1</span>' in drawn[1]


def test_the_front_page_says_how_far_the_book_is(drawn):
    judged = verdicts().values()
    whole = sum(one is not None and one.verdict != "to be tested" for one in judged)
    assert f"{whole} of {len(judged)} claims judged" in drawn[0]


def test_the_front_page_lists_every_claim_once_under_its_verdict(monkeypatch):
    monkeypatch.syspath_prepend(EXTENSIONS)
    lines = importlib.import_module("kept_true").board().splitlines()
    for name, judgement in verdicts().items():
        waits = judgement is None or judgement.verdict == "to be tested"
        verdict = "rule committed, waiting for runs" if waits else status(judgement)
        link = f"[{CLAIMS[name].short}](../notebooks/{CLAIMS[name].chapter}.ipynb)"
        [line] = [line for line in lines if link in line]
        assert line.startswith(f"- **{verdict}** ({line.count('](')}): ")
    assert sum(line.count("](") for line in lines) == len(CLAIMS)
