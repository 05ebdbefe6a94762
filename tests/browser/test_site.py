"""Every page of the built book as a browser shows it: whole without a network, usable by everyone, light."""

import functools
import json
import re
from contextlib import suppress
from html import unescape
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urldefrag

import pytest
from fontTools.ttLib import TTFont
from playwright.sync_api import TimeoutError

from .conftest import HTML

PAGES = sorted(str(path.relative_to(HTML)) for path in HTML.rglob("*.html"))
PAGES = [page for page in PAGES if page != "index.html" and not page.startswith("_static/")]  # the first only goes on
pages = pytest.mark.parametrize("name", PAGES)

VIEWS = [(theme, width) for theme in ("light", "dark") for width in (1280, 360)]
WEIGHT = 1_200_000  # bytes over the wire, on a first visit
AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RUN_AXE = """tags => axe.run({runOnly: tags, preload: false, resultTypes: ["violations"]}).then(({violations}) =>
    violations.flatMap(rule => rule.nodes.map(node => `${rule.id}: ${node.target} ${node.failureSummary}`)))"""
# A page has thousands of coloured words in its code, and all of a kind look alike: one of each is left to look at.
FEWER_WORDS = """() => {
    document.querySelectorAll("details").forEach(details => details.open = true);
    const met = new Set();
    for (const word of document.querySelectorAll("pre span")) {
        const kind = `${word.className} in ${word.closest("pre").parentElement.parentElement.className}`;
        if (met.has(kind)) word.replaceWith(...word.childNodes);
        met.add(kind);
    }
}"""
# The theme lets what scrolls take the keyboard's focus, a while after the window has changed.
SETTLED = """() => [...document.querySelectorAll("pre, .cell_output > .output, .pst-scrollable-table-container")].every(
    box => box.tabIndex === 0 || (box.scrollWidth <= box.clientWidth && box.scrollHeight <= box.clientHeight))"""
SQUEEZED = """() => [...document.images].filter(({width, height, naturalWidth, naturalHeight}) =>
    height && Math.abs(width * naturalHeight / height / naturalWidth - 1) > 0.05).map(image => image.alt)"""
# Pixels of the smallest lettering of each figure that is shown: what the page makes of an SVG's own size.
LETTERING = """() => [...document.querySelectorAll(".drawing svg")].filter(svg => svg.checkVisibility()).map(svg =>
    Math.min(...[...svg.querySelectorAll("text")].map(text => {
        const {a, b} = text.getScreenCTM();
        return parseFloat(getComputedStyle(text).fontSize) * Math.hypot(a, b);
    })))"""
LOOK = """async () => {
    await document.fonts.ready;
    await Promise.allSettled([...document.images].map(image => image.decode()));
    const boxes = [...document.querySelectorAll("math")].map(formula => formula.getBoundingClientRect());
    const prose = document.querySelector("main").cloneNode(true);
    prose.querySelectorAll("pre, code, script, style").forEach(element => element.remove());
    const drawn = [...document.querySelectorAll("body *")].flatMap(
        element => ["::before", "::after"].map(part => getComputedStyle(element, part).content));
    const head = [...document.querySelectorAll("meta[name], meta[property]")];
    return {
        images: [...document.images].map(({src, alt, naturalWidth}) => ({src, alt, naturalWidth})),
        drawings: [...document.querySelectorAll(".drawing svg[role=img]")].map(svg => svg.getAttribute("aria-label")),
        links: [...document.querySelectorAll("a[href]")].map(link => link.href),
        formulas: boxes.filter(({width, height}) => width > 2 && height > 5).length,
        fonts: [...document.fonts].filter(({status}) => status === "loaded").map(({family}) => family),
        prose: prose.textContent,
        icons: drawn.join(""),
        head: Object.fromEntries(head.map(meta => [meta.name || meta.getAttribute("property"), meta.content])),
        title: document.title,
        language: document.documentElement.lang,
        icon: document.querySelector("link[rel=icon]")?.href,
        version: document.querySelector(".version")?.textContent,
    };
}"""


@pytest.fixture(scope="session")
def visit(browser, site):
    """Opens a page once, looks at it in all its views, and remembers what there was."""

    @functools.cache
    def look(name: str) -> SimpleNamespace:
        foreign, complaints, done = [], [], []
        context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
        context.route(
            lambda url: not url.startswith(site), lambda route: (foreign.append(route.request.url), route.abort())
        )
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfinished", lambda request: done.append(request))
        page.goto(site + name)
        seen = SimpleNamespace(**page.evaluate(LOOK), foreign=foreign, complaints=complaints)
        page.wait_for_load_state("networkidle")
        seen.sizes = {request.url.removeprefix(site): wire_size(request) for request in done}
        page.evaluate(FEWER_WORDS)
        page.evaluate(AXE)
        seen.barriers, seen.squeezed, seen.widths, seen.lettering = [], [], {}, {}
        for theme, width in VIEWS:
            page.emulate_media(color_scheme=theme)
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_function("theme => document.documentElement.dataset.theme === theme", arg=theme)
            with suppress(TimeoutError):  # then axe says what is wrong
                page.wait_for_function(SETTLED, timeout=20_000)
            seen.widths[theme, width] = page.evaluate("document.documentElement.scrollWidth")
            seen.squeezed += page.evaluate(SQUEEZED)
            seen.lettering[width] = page.evaluate(LETTERING)
            seen.barriers += [f"{theme}, {width} px: {barrier}" for barrier in page.evaluate(RUN_AXE, RULES)]
        context.close()
        return seen

    return look


def wire_size(request) -> int:
    sizes = request.sizes()
    return sizes["responseBodySize"] + sizes["responseHeadersSize"]


def formulas_in_source(name: str) -> int:
    """How many formulas the page was written with; 0 for one that Sphinx makes by itself."""
    stem = name.removesuffix(".html")
    source = next((HTML / "_sources").glob(f"{stem}.*"), None)
    if source is None:
        return 0
    text = source.read_text(encoding="utf-8")
    if source.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    return len(re.findall(r"\$\$.+?\$\$|\$[^$]+\$|\\begin\{(?:align|equation)", text, re.DOTALL))


@functools.cache
def anchors(path: Path) -> set[str]:
    return set(map(unescape, re.findall(r'\bid="([^"]*)"', path.read_text(encoding="utf-8"))))


def characters(path: Path) -> list[int]:
    with TTFont(path) as font:
        return list(font.getBestCmap())


def test_there_is_a_book_with_chapters():
    assert [page for page in PAGES if page.startswith("notebooks/")], f"nothing built in {HTML}: run `make html`"


@pages
def test_nothing_is_asked_of_any_other_site(visit, name):
    assert visit(name).foreign == []


@pages
def test_the_console_is_silent(visit, name):
    assert visit(name).complaints == []


@pages
def test_every_picture_shows_and_says_what_it_shows(visit, name):
    for image in visit(name).images:
        assert image["naturalWidth"] > 0 and len(image["alt"]) > 40, image


@pages
def test_no_picture_is_squeezed_into_the_screen(visit, name):
    assert visit(name).squeezed == []


@pages
def test_the_lettering_of_every_figure_can_be_read(visit, name):
    for width, sizes in visit(name).lettering.items():
        assert all(size is None or size >= 9 for size in sizes), (width, sizes)


@pages
def test_every_figure_drawn_says_what_it_shows(visit, name):
    labels = visit(name).drawings
    assert len(labels) == 2 * len(set(labels)) and all(len(label) > 40 for label in labels)


@pages
def test_every_link_within_the_book_leads_somewhere(visit, site, name):
    for link in visit(name).links:
        if link.startswith(site):
            address, fragment = urldefrag(link.removeprefix(site))
            target = HTML / unquote(address.partition("?")[0])
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file(), link
            assert not fragment or unquote(fragment) in anchors(target), link


@pages
def test_all_mathematics_is_drawn(visit, name):
    seen, written = visit(name), formulas_in_source(name)
    assert seen.formulas == written
    assert not written or "Book Math" in seen.fonts
    assert not re.search(r"\$|\\[a-zA-Z]{2,}|\\[()\[\]]", seen.prose)


@pages
def test_the_small_fonts_have_every_icon(visit, name):
    """A missing one would be drawn by any other font, as whatever that has at its place."""
    fonts = (HTML / "_static/vendor/fontawesome/webfonts").glob("*.woff2")
    there = {chr(code) for font in fonts for code in characters(font)}
    shown = set(re.findall("[\ue000-\uf8ff]", visit(name).icons))
    assert shown and shown <= there


@pages
def test_a_page_is_light(visit, name):
    sizes = visit(name).sizes
    heaviest = sorted(sizes.items(), key=lambda item: -item[1])[:5]
    assert sum(sizes.values()) < WEIGHT, heaviest


@pages
def test_a_page_says_what_it_is(visit, name):
    seen = visit(name)
    assert seen.title and seen.language == "en" and seen.icon
    assert len(seen.head["description"]) > 40
    assert seen.head["og:title"] and seen.head["og:description"] and seen.head["og:type"]
    assert re.search(r"Version \d+\.\d+.*, commit (unknown|[0-9a-f]{7,}(-dirty)?)$", seen.version)


@pages
def test_nobody_is_kept_out(visit, name):
    """WCAG 2.2 AA as far as axe-core can tell, on a desktop and a phone, in both themes."""
    assert visit(name).barriers == []


@pages
def test_a_page_is_never_wider_than_the_screen(visit, name):
    assert all(shown <= width for (_, width), shown in visit(name).widths.items()), visit(name).widths


def test_the_root_leads_to_the_preface(page):
    page.goto("")
    page.wait_for_url("**/book/preface.html")
    assert "put to the test" in page.title()


def test_search_finds_a_term_by_keyboard_alone(page):
    page.goto("book/preface.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("receptive")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=receptive*")
    page.wait_for_selector("#search-results li a")
    assert "ch02_small_filters" in page.inner_html("#search-results")


def test_a_page_that_is_not_there_still_looks_like_the_book(page, site):
    answers = []
    page.on("response", lambda response: answers.append((response.status, response.url)))
    page.goto("notebooks/no/such/page.html")
    assert [url for status, url in answers if status == 404] == [f"{site}notebooks/no/such/page.html"]
    assert "no such page" in page.inner_text("main h1:visible")
    page.click("nav a:has-text('Glossary')")
    assert page.url == f"{site}book/glossary.html"


@pytest.mark.parametrize("name", ["book/preface.html", "notebooks/ch02_small_filters.html"])
def test_the_keyboard_reaches_everything_and_shows_where_it_is(page, name):
    page.goto(name)
    wanted = page.evaluate("""() => [...document.querySelectorAll("a[href], button, input, summary, [tabindex='0']")]
        .filter(element => element.checkVisibility({visibilityProperty: true}) && element.tabIndex >= 0)
        .map((element, index) => element.dataset.stop = `${index} ${element.outerHTML.slice(0, 80)}`)""")
    reached, invisible = set(), []
    for _ in range(len(wanted) + 20):
        page.keyboard.press("Tab")
        stop, marked = page.evaluate("""() => {
            const {outlineStyle, boxShadow} = getComputedStyle(document.activeElement);
            return [document.activeElement.dataset.stop, outlineStyle !== "none" || boxShadow !== "none"];
        }""")
        reached.add(stop)
        invisible += [] if marked or not stop else [stop]
    assert set(wanted) - reached == set()
    assert invisible == []


def test_paper_shows_the_text_alone_in_black_on_white(page):
    page.emulate_media(color_scheme="dark")
    page.goto("notebooks/ch02_small_filters.html")
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    for part in (".bd-sidebar-primary", ".bd-sidebar-secondary", ".bd-header-article", ".prev-next-footer"):
        assert not page.is_visible(part), part
    assert page.evaluate("getComputedStyle(document.querySelector('main p')).color") == "rgb(0, 0, 0)"
    assert page.evaluate("[...document.querySelectorAll('details')].every(details => details.open)")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert not page.evaluate("[...document.querySelectorAll('main details')].some(details => details.open)")
