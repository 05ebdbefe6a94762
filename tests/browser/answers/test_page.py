"""The page that answers, as a reader uses it: from disk and served, with keys alone, on a phone, in an old browser."""

import functools
import re
import shutil
from itertools import pairwise

import pytest
from PIL import Image

from vgg_lib.book import answering
from vgg_lib.data.imagenette import CLASSES

from ..test_site import AXE, RULES, RUN_AXE
from .conftest import NETS, PARTS, encoded, give


@pytest.fixture(params=["from disk", "served"])
def anywhere(request, visit, served):
    return functools.partial(visit, served if request.param == "served" else None)


def done(page, part: str):
    """A part of the page, scrolled to, when it has answered."""
    page.locator(f"figure[data-part={part}]").scroll_into_view_if_needed()
    page.wait_for_selector(f"figure[data-part={part}][data-ready]:not([aria-busy])")
    return page.locator(f"figure[data-part={part}]")


def begin(page, sample: int = 0) -> None:
    """Choose one of the photographs that come with the page, and wait for the first answers."""
    page.locator(".samples button").nth(sample).click()
    page.wait_for_selector("figure[data-part=compare] td.best")


def test_every_part_answers_from_disk_and_served(anywhere):
    page = anywhere()
    assert not [url for url in page.asked if "/nets/" in url], "no net before the reader asks"
    begin(page)
    compare = done(page, "compare")
    assert compare.locator("tbody tr").count() == 10 and compare.locator("td.best").count() == 3
    assert "D says" in compare.locator("output").inner_text()
    assert "crops at once" in done(page, "where").locator("output").inner_text()
    assert done(page, "size").locator("polyline").count() == 2
    assert "…" not in done(page, "change").locator("table").inner_text()
    assert done(page, "inside").locator(".maps canvas").count() == 12


@pytest.mark.parametrize("missing", ["Worker", "WebAssembly", "ImageDecoder"])
def test_what_a_browser_lacks_is_done_without(visit, missing):
    page = visit(first=f"delete window.{missing};")
    large = encoded(Image.new("RGB", (3600, 2400), "green"))
    assert give(page, "large.jpg", large).startswith("Here is large.jpg.")
    page.wait_for_selector("figure[data-part=compare] td.best")


BEST = """async () => {
  const given = [];
  for (const net of answers.fixed()) given.push(await answers.answer(answers.ask, net, answers.photo));
  return given.map(({ best }) => best);
}"""


def test_a_newer_photograph_replaces_one_that_is_still_looked_at(visit):
    page = visit()
    begin(page)
    for i in (1, 2, 3):
        page.locator(".samples button").nth(i).click()
    page.wait_for_function("() => answers.says.textContent.startsWith('Here is the cat')")
    text = done(page, "compare").locator("output").inner_text()
    classes = [name.split(",")[0] for name in CLASSES.values()]
    assert re.findall(r"says ([\w ]+),", text) == [classes[i] for i in page.evaluate(BEST)]


#: Every sentence that a part writes where a screen reader reads it aloud.
LISTEN = """(part) => {
  window.heard = [];
  const says = document.querySelector(`figure[data-part=${part}] output`);
  const written = { childList: true, characterData: true, subtree: true };
  new MutationObserver(() => heard.push(says.textContent)).observe(says, written);
}"""
HEARD = "() => new Promise((resolve) => setTimeout(() => resolve(heard), 500))"  # longer than a pointer must rest


def test_loading_is_announced_once_and_its_numbers_are_the_bars(visit, served):
    page = visit(served)
    page.evaluate(LISTEN, "photograph")
    bar = "new MutationObserver(() => bars.add(bar.value)).observe(bar, { attributes: true })"
    page.evaluate("window.bars = new Set(); const bar = document.querySelector('progress'); " + bar)
    begin(page)
    page.wait_for_function("() => answers.says.textContent.startsWith('Here is')")
    assert page.evaluate("heard") == ["Loading the nets…", "Here is the cathedral. The answers are below."]
    assert page.evaluate("bars.size") > len(NETS)
    assert page.locator("progress").is_hidden()
    page.evaluate("heard.length = 0")
    page.locator(".samples button").nth(1).click()
    page.wait_for_function("() => answers.says.textContent.startsWith('Here is the perch')")
    assert len(page.evaluate("heard")) == 1, "what is there is not loaded"


def test_a_sentence_is_written_only_when_it_says_something_new(visit):
    page = visit()
    begin(page)
    page.evaluate(LISTEN, "size")
    done(page, "size")
    heard = page.evaluate(HEARD)
    assert heard and all(one != other for one, other in pairwise(heard))


#: A pointer that goes over the diagonal of a canvas without a rest, however slow the machine.
SWEEP = """(canvas, [from, to]) => {
  const { left, top, width, height } = canvas.getBoundingClientRect();
  for (let i = 0; i <= 30; i++) {
    const share = from + ((to - from) * i) / 30;
    const at = { clientX: left + share * width, clientY: top + share * height };
    canvas.dispatchEvent(new PointerEvent("pointermove", at));
  }
}"""


@pytest.mark.parametrize("part", ["where", "inside"])
def test_a_pointer_is_told_of_where_it_rests(visit, part):
    page = visit()
    begin(page)
    says, canvas = done(page, part).locator("output"), done(page, part).locator("canvas[role=application]").first
    canvas.evaluate(SWEEP, [0.9, 0.01])
    page.evaluate(LISTEN, part)
    page.evaluate(HEARD)
    page.evaluate("heard.length = 0")
    canvas.evaluate(SWEEP, [0.01, 0.99])
    assert page.evaluate("heard") == []
    heard = page.evaluate(HEARD)
    assert heard == [says.inner_text()]
    canvas.evaluate(SWEEP, [0.99, 0.985])
    assert page.evaluate(HEARD) == heard, "it is at the same place"
    canvas.focus()
    page.keyboard.press("ArrowLeft")
    assert says.inner_text() != heard[0], "a key need not wait"


def test_all_of_it_works_with_the_keyboard(visit):
    page = visit()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.type") == "file"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("figure[data-part=compare] td.best")

    where = done(page, "where")
    where.locator("input[name=q]").focus()
    page.keyboard.press("End")
    done(page, "where").locator("canvas").focus()
    for _ in range(12):
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowUp")
    assert "The outlined crop, place 1 of 6 across, 1 of 9 down" in where.locator("output").inner_text()

    change = done(page, "change")
    change.locator("input").first.focus()
    page.keyboard.press("ArrowDown")
    assert "a pixel to the left" in change.locator(".shown canvas").get_attribute("aria-label")

    inside = done(page, "inside")
    says = inside.locator("output")
    inside.locator(".maps input").first.focus()
    before = says.inner_text()
    page.keyboard.press("ArrowRight")
    assert says.inner_text() != before
    inside.locator("canvas[role=application]").first.focus()
    for _ in range(8):
        page.keyboard.press("Shift+ArrowUp")
    assert "across and 1 down, is at" in says.inner_text()
    page.keyboard.press("ArrowDown")
    assert "across and 2 down, is at" in says.inner_text()


def test_what_is_unlike_the_tested_photographs_is_warned_of(visit):
    page = visit()
    shift = "(by) => answers.known.nets.forEach((net) => { net.ranks = net.ranks.map((level) => level + by); })"
    page.evaluate(shift, 1000)
    begin(page)
    warning = done(page, "compare").locator(".warning")
    assert (
        "Perhaps none of the ten" in warning.inner_text()
        and "lower than for nearly all of its test photographs" in warning.inner_text()
    )
    assert "strong" in warning.get_attribute("class")
    page.evaluate(shift, -2000)
    begin(page, 1)
    page.wait_for_function("() => answers.says.textContent.startsWith('Here is the perch')")
    done(page, "compare")
    assert (
        "Perhaps none" not in warning.inner_text()
        and "higher than for 95\u00a0% of its test photographs" in warning.inner_text()
    )
    assert "soft-max shares out 100" in warning.inner_text()


def test_how_often_a_net_changes_its_mind_is_told_in_words_that_fit(visit):
    page = visit()
    assert page.evaluate("[0, 1, 2].map((n) => answers.times(n, 11))") == [
        "0 times out of 11",
        "1 time out of 11",
        "2 times out of 11",
    ]
    begin(page)
    assert re.search(r"A changes its mind \d+ times? out of 11;", done(page, "change").locator("output").inner_text())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_nobody_is_kept_out_and_nothing_is_too_wide(visit, scheme, width):
    page = visit(viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce")
    begin(page)
    for part in PARTS:
        done(page, part)
    page.locator("details").first.evaluate("node => { node.open = true; }")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(AXE)
    assert page.evaluate(RUN_AXE, RULES) == []


def test_without_scripts_the_still_pictures_are_there(visit):
    page = visit(java_script_enabled=False)
    assert page.locator("figure.answers > img").count() == len(PARTS)
    for picture in page.locator("figure.answers > img").all():
        assert picture.is_visible() and picture.bounding_box()["width"] > 100


def test_the_page_says_which_nets_are_not_there_yet(visit, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "less")
    for name in ("B-5x5", "D-jittered"):
        (tmp_path / "less" / "nets" / f"{name}.safetensors").unlink()
    answering.write_scripts(tmp_path / "less" / "answers", tmp_path / "less" / "nets")
    page = visit((tmp_path / "less" / "page.html").as_uri())
    page.locator("details summary").click()
    text = page.locator("details").inner_text()
    assert "Not there yet" in text and "B-5x5, D-jittered" in text
    assert "errs on 12.5" in text and "stands in" in text
    begin(page)
    assert "not there yet" in done(page, "size").locator("output").inner_text()
