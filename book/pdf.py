"""The whole book as one file: every built page printed by a browser, with contents, bookmarks and page numbers.

``make pdf`` writes it beside the pages and links it from the front page. Explorers are there as their still pictures.
"""

import io
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urldefrag, urlsplit

import yaml
from chromium import HTML, launch
from playwright.sync_api import Browser, PdfMargins, sync_playwright
from pypdf import PageObject, PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    Destination,
    DictionaryObject,
    Fit,
    FloatObject,
    IndirectObject,
    NameObject,
    NullObject,
)

ROOT = Path(__file__).parent.parent
NAME = "book.pdf"
#: Stands in the front page where the link is put that leads to the file.
MARK = "<!-- the book as one file -->"
LINK = '<p>All of this book as one file, to take with you: <a href="../{}">PDF, {} pages, {:.0f} MB</a>.</p>'
MARGIN: PdfMargins = {"top": "16mm", "bottom": "18mm", "left": "16mm", "right": "16mm"}
#: The words of a page's headings, its title first, without the sign that links to each.
HEADINGS = """() => [...document.querySelectorAll("h1, h2, h3, h4")]
  .sort((a, b) => (b.tagName === "H1") - (a.tagName === "H1"))
  .map((node) => [...node.childNodes].filter((child) => !child.matches?.(".headerlink"))
    .map((child) => child.textContent).join("").trim())"""
CONTENTS = """<style>
body { font: 11pt serif } h1 { margin: 4cm 0 2cm } h2 { font-size: 1.1em; margin: 1em 0 0.3em }
p { margin: 0.2em 0 } a { display: flex; color: inherit; text-decoration: none }
i { flex: 1; border-bottom: 1px dotted; margin: 0 0.5em 0.2em }
</style>"""
NUMBERS = """<style>
@page { margin: 0 } body { margin: 0 }
p { margin: 0; height: 297mm; break-after: page; font: 9pt serif; text-align: center }
p::before { content: ""; display: block; height: 283mm }
</style>"""


class Page(NamedTuple):
    """A page of the book: the part it belongs to, its headings, the file that was printed, and what came out."""

    part: str
    headings: list[str]
    path: Path
    printed: PdfReader

    @property
    def title(self) -> str:
        """Its first heading."""
        return self.headings[0]

    def spaced(self, heading: str) -> str:
        """A heading with the spaces that the browser's bookmarks lose where a line breaks."""
        return next((known for known in self.headings if known.split() and _bare(known) == _bare(heading)), heading)


def _bare(text: str) -> str:
    return "".join(text.split())


def listed(root: Path = ROOT) -> Iterator[tuple[str, str]]:
    """Part and name of each page in the order of the contents; the front page belongs to no part."""
    contents = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    yield "", contents["root"]
    for part in contents["parts"]:
        for chapter in part["chapters"]:
            yield part["caption"], chapter["file"]


def print_pages(browser: Browser, html: Path, names: Iterable[tuple[str, str]]) -> list[Page]:
    """Print pages; the scripts of what moves are kept away, so that the still pictures stay."""
    context = browser.new_context(color_scheme="light")
    for folder in ("explore", "answers"):
        context.route(f"**/_static/{folder}/*.js", lambda route: route.abort())
    page, printed = context.new_page(), []
    for part, name in names:
        path = (html / f"{name}.html").resolve()
        page.goto(path.as_uri())
        page.evaluate("document.fonts.ready")
        headings = page.evaluate(HEADINGS)
        made = page.pdf(format="A4", scale=0.8, print_background=True, tagged=True, outline=True, margin=MARGIN)
        printed.append(Page(part, headings, path, PdfReader(io.BytesIO(made))))
    context.close()
    return printed


def printed_html(browser: Browser, text: str, margin: PdfMargins | None = None) -> PdfReader:
    """A page of that HTML, printed."""
    page = browser.new_page()
    page.set_content(text)
    made = page.pdf(format="A4", margin=margin)
    page.close()
    return PdfReader(io.BytesIO(made))


def contents(browser: Browser, title: str, pages: list[Page], first: int) -> PdfReader:
    """The title and the contents; the first page of the book has the number ``first``."""
    lines, part, number = [f"<h1>{escape(title)}</h1>"], "", first
    for page in pages:
        if page.part != part:
            part = page.part
            lines.append(f"<h2>{escape(part)}</h2>")
        lines.append(f'<p><a href="{page.path.as_uri()}">{escape(page.title)}<i></i>{number}</a></p>')
        number += len(page.printed.pages)
    return printed_html(browser, CONTENTS + "".join(lines), margin=MARGIN)


def bind(browser: Browser, title: str, pages: list[Page]) -> PdfWriter:
    """All pages behind their contents, numbered, with bookmarks, and with links that lead within the file."""
    front = contents(browser, title, pages, 1)
    front = contents(browser, title, pages, 1 + len(front.pages))
    starts, number = {}, len(front.pages)
    for page in pages:
        starts[page.path] = number
        number += len(page.printed.pages)
    numbers = printed_html(browser, NUMBERS + "".join(f"<p>{i + 1}</p>" for i in range(number)))
    writer, parts = PdfWriter(), {}
    bound = [(0, front), *((starts[page.path], page.printed) for page in pages)]
    for start, reader in bound:
        for i, sheet in enumerate(reader.pages):
            writer.add_page(sheet).merge_page(numbers.pages[start + i])
    for start, reader in bound:
        for sheet in writer.pages[start : start + len(reader.pages)]:
            relink(sheet, writer, reader, start, starts)
    for page in pages:
        if page.part and page.part not in parts:
            parts[page.part] = writer.add_outline_item(title=page.part, page_number=starts[page.path])
        bookmark(writer, page, page.printed.outline, starts[page.path], parts.get(page.part))
    writer.add_metadata({"/Title": title, "/Author": "The contributors"})
    return writer


def bookmark(writer: PdfWriter, page: Page, outline: list[Any], start: int, parent: IndirectObject | None) -> None:
    """The headings of a page under ``parent``; a list that follows a heading is what is under it."""
    last = parent
    for item in outline:
        if isinstance(item, list):
            bookmark(writer, page, item, start, last)
        else:
            number, there = start + place(page.printed, item), Fit.xyz(top=item.top)
            last = writer.add_outline_item(
                title=page.spaced(str(item.title).rstrip("#")), page_number=number, parent=parent, fit=there
            )


def place(reader: PdfReader, target: Destination) -> int:
    """The index of the page that a destination is on; the first where it is on none."""
    return reader.get_destination_page_number(target) or 0


def relink(sheet: PageObject, writer: PdfWriter, reader: PdfReader, start: int, starts: dict[Path, int]) -> None:
    """Make a sheet's links lead within the file; a link to any other file of this machine is taken out."""
    kept = ArrayObject()
    for reference in sheet.get("/Annots", ()):
        link = reference.get_object()
        action = link.get("/A", DictionaryObject()).get_object()
        name = link.get("/Dest", action.get("/D"))
        address = urldefrag(str(action.get("/URI", ""))).url
        if isinstance(name, str) and name in reader.named_destinations:
            target = reader.named_destinations[name]
            lead(link, writer, start + place(reader, target), target.top)
        elif address.startswith("file:"):
            path = Path(unquote(urlsplit(address).path))
            if path not in starts:
                continue
            lead(link, writer, starts[path], None)
        kept.append(reference)
    if "/Annots" in sheet:
        sheet[NameObject("/Annots")] = kept


def lead(link: DictionaryObject, writer: PdfWriter, number: int, top: float | None) -> None:
    """Let a link lead to a page by its index, and to a height on it."""
    link.pop("/A", None)
    height = NullObject() if top is None else FloatObject(top)
    there = [writer.pages[number].indirect_reference, NameObject("/XYZ"), NullObject(), height, NullObject()]
    link[NameObject("/Dest")] = ArrayObject(there)


def main() -> None:
    """Print the book that was built, and link the file from its front page."""
    title = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["title"]
    names = list(listed())
    with sync_playwright() as playwright:
        browser = launch(playwright)
        writer = bind(browser, title, print_pages(browser, HTML, names))
        browser.close()
    writer.compress_identical_objects()
    writer.write(HTML / NAME)
    size = (HTML / NAME).stat().st_size / 1e6
    front = HTML / f"{names[0][1]}.html"
    link = f"{MARK}{LINK.format(NAME, len(writer.pages), size)}{MARK}"
    text = front.read_text(encoding="utf-8")
    before, *_, after = text.split(MARK)
    front.write_text(before + link + after, encoding="utf-8")
    print(f"{HTML / NAME}: {len(writer.pages)} pages, {size:.1f} MB")


if __name__ == "__main__":
    main()
