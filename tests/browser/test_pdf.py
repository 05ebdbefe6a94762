"""The book as one file: two pages of it, printed, bound, and linked within."""

from pathlib import Path
from runpy import run_path

import pytest
from pypdf import PdfReader

BOOK = Path(__file__).parents[2] / "book"
FIRST = """<!doctype html><html lang="en"><title>First</title><h1>Beginning<a class="headerlink" href="#top">#</a></h1>
<p>Read on in <a href="second.html#end">the second</a>, or <a href="data.csv">the data</a>, or
<a href="https://example.org/">elsewhere</a>.</p><h2 style="width: 7ch">Further down</h2><p>Text.</p></html>"""
SECOND = """<!doctype html><html lang="en"><title>Second</title><h1>Second page</h1><p><a href="#end">To its end</a></p>
<figure class="explorer"><img alt="Still." src="none.png"></figure>
<div style="break-before: page"><h2 id="end">Its end</h2></div></html>"""


@pytest.fixture(scope="module")
def bound(browser, tmp_path_factory) -> PdfReader:
    folder = tmp_path_factory.mktemp("html")
    for name, text in (("first", FIRST), ("second", SECOND)):
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BOOK))
        pdf = run_path(str(BOOK / "pdf.py"))
    pages = pdf["print_pages"](browser, folder, [("", "first"), ("A part", "second")])
    pdf["bind"](browser, "The title", pages).write(folder / "book.pdf")
    return PdfReader(folder / "book.pdf")


def outline(reader: PdfReader, items=None, depth=0) -> list[tuple[int, str, int]]:
    """Depth, words and page of each bookmark."""
    out = []
    for item in reader.outline if items is None else items:
        if isinstance(item, list):
            out += outline(reader, item, depth + 1)
        else:
            out.append((depth, item.title, reader.get_destination_page_number(item)))
    return out


def test_every_heading_has_a_bookmark_under_its_page_and_part(bound):
    assert outline(bound) == [
        (0, "Beginning", 1),
        (1, "Further down", 1),
        (0, "A part", 2),
        (1, "Second page", 2),
        (2, "Its end", 3),
    ]


def test_the_contents_have_the_numbers_that_the_pages_have(bound):
    front = bound.pages[0].extract_text()
    assert "The title" in front and "A part" in front
    for title, page in (("Beginning", 2), ("Second page", 3)):
        assert title in front
        assert bound.pages[page - 1].extract_text().rstrip().endswith(str(page))
        assert title in bound.pages[page - 1].extract_text()
    assert [line[-1] for line in front.splitlines() if line.startswith(("Beginning", "Second page"))] == ["2", "3"]


def links(bound: PdfReader, page: int) -> list[str | int]:
    """Where the links of a page lead: a page of the file, or another address."""
    out = []
    for reference in bound.pages[page].get("/Annots", ()):
        link = reference.get_object()
        there = link.get("/Dest")
        out.append(str(link["/A"]["/URI"]) if there is None else bound.get_page_number(there[0].get_object()))
    return out


def test_links_lead_within_the_file_and_none_to_this_machine(bound):
    assert links(bound, 0) == [1, 2]
    assert set(links(bound, 1)) == {1, 2, "https://example.org/"}
    assert links(bound, 2) == [3]
    assert bound.metadata.title == "The title"
