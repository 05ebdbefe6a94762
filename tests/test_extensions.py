"""The book's own Sphinx extensions, on a book of two pages."""

import subprocess
from pathlib import Path

import pytest

pytest.importorskip("math_core", reason="the extra `book` is not installed")

from fontTools.ttLib import TTFont
from sphinx.cmd.build import build_main

EXTENSIONS = Path(__file__).parent.parent / "book" / "_ext"
CONF = f"""
import sys
sys.path.insert(0, {str(EXTENSIONS)!r})
extensions = ["native_math", "site_pages", "small_fonts", "notfound.extension"]
root_doc, html_theme, html_title, html_math_renderer = "preface", "sphinx_book_theme", "Two pages", "native"
"""
PREFACE = "Title\n=====\n\nWhat it is **about**, with :math:`{}`.\n\n.. toctree::\n\n   other\n"
FORMULA = r"\sum_h \alpha_h"


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
    assert "∑</mo><mi>h</mi></munder><msub><mi>α</mi><mi>h</mi></msub></math>" in page
    with TTFont(html / "_static" / "fonts" / "STIXTwoMath-Regular.woff2") as font:
        letters = set(map(chr, font.getBestCmap()))
    assert {"∑", "ℎ", "𝛼"} <= letters and "𝛽" not in letters


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
