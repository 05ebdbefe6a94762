"""Photographs as people have them: turned, transparent, very large or long, and what is no photograph at all."""

import io
import threading
from contextlib import contextmanager

import numpy as np
import psutil
import pytest
from PIL import Image, ImageOps

from .conftest import choose, encoded, give, shown


def halves() -> Image.Image:
    """Red over blue, with a white corner: any turn shows."""
    image = Image.new("RGB", (96, 64), "red")
    image.paste("blue", (0, 32, 96, 64))
    image.paste("white", (0, 0, 24, 16))
    return image


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_photograph_stands_upright_however_the_camera_was_held(visit, orientation, large):
    exif = Image.Exif()
    exif[274] = orientation
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(encoded(halves(), exif=exif, quality=95))))
    page, image = visit(), halves().resize((4800, 3200), Image.Resampling.NEAREST) if large else halves()
    give(page, "turned.jpg", encoded(image, exif=exif, quality=95))
    found = Image.fromarray(shown(page)).resize(upright.size, Image.Resampling.BOX)
    assert np.abs(np.asarray(found).astype(int) - np.asarray(upright)).mean() < 8


def test_what_is_transparent_is_shown_on_white(visit):
    page = visit()
    give(page, "clear.png", encoded(Image.new("RGBA", (80, 80), (0, 0, 0, 0)), "PNG"), "image/png")
    assert shown(page).min() == 255


def test_of_a_long_strip_the_middle_is_looked_at(visit):
    page, strip = visit(), Image.new("RGB", (6000, 100), "blue")
    strip.paste("red", (2850, 0, 3150, 100))
    assert "Only its middle" in give(page, "strip.png", encoded(strip, "PNG"), "image/png")
    assert shown(page).shape[:2] == (100, 300)
    assert (shown(page)[:, :, 0] > 200).all()


GIVE = """async ([kind, target, bytes]) => {
  const given = new DataTransfer();
  if (bytes) given.items.add(new File([new Uint8Array(bytes)], "given.png", { type: "image/png" }));
  const event = kind === "paste" ? new ClipboardEvent(kind, { clipboardData: given, bubbles: true })
    : new DragEvent(kind, { dataTransfer: given, bubbles: true, cancelable: true });
  document.querySelector(target).dispatchEvent(event);
  return event.defaultPrevented;
}"""


@pytest.mark.parametrize(("kind", "target"), [("drop", ".drop"), ("drop", "h1"), ("paste", "body")])
def test_a_photograph_may_be_dropped_anywhere_or_pasted(visit, kind, target):
    page = visit()
    prevented = page.evaluate(GIVE, [kind, target, list(encoded(halves(), "PNG"))])
    assert prevented == (kind == "drop"), "or the browser would leave the book for the photograph"
    page.wait_for_function("() => answers.says.textContent.startsWith('Here is given.png.')")
    assert shown(page).shape == (64, 96, 3)


def test_what_is_dropped_and_is_no_file_gets_a_sentence(visit):
    page = visit()
    page.evaluate(GIVE, ["drop", ".drop", None])
    assert page.evaluate("answers.says.textContent").startswith("That is no file.")


#: The first of the nets' files is lost on the way, without the complaint of a browser.
LOSE_ONE = """const { fetch } = window;
window.fetch = async () => {
  window.fetch = fetch;
  return new Response("", { status: 503 });
};"""


def test_the_same_photograph_may_be_chosen_again_when_the_nets_were_lost(visit, served, tmp_path):
    (tmp_path / "given.png").write_bytes(encoded(halves(), "PNG"))
    page = visit(served, first=LOSE_ONE)
    assert "Choose the photograph again to try once more." in choose(page, tmp_path / "given.png")
    assert page.locator("progress").is_hidden(), "nothing is loading any more"
    with page.expect_file_chooser() as chooser:
        page.locator(".drop").click()
    # A browser fires `change` only where this differs from what is chosen; Playwright, below, fires it always.
    assert page.locator("input[type=file]").input_value() == ""
    chooser.value.set_files(tmp_path / "given.png")
    page.wait_for_function("() => answers.says.textContent.startsWith('Here is given.png.')")


def pressed(page) -> list[str]:
    """Which photographs of the page are shown as chosen."""
    return page.eval_on_selector_all(".samples [aria-pressed=true]", "nodes => nodes.map(({ title }) => title)")


def test_a_sample_is_pressed_until_the_readers_own_photograph_is_shown(visit):
    page = visit()
    first = page.locator(".samples button").first
    first.click()
    page.wait_for_function("() => answers.says.textContent.startsWith('Here is the')")
    assert pressed(page) == [first.get_attribute("title")]
    give(page, "notes.jpg", b"Dear diary")
    assert pressed(page) == [first.get_attribute("title")], "which is what is still shown"
    give(page, "own.png", encoded(halves(), "PNG"), "image/png")
    assert pressed(page) == []


#: Reading takes until `finish` is called.
READ_SLOWLY = """() => {
  const { read } = answers;
  answers.read = async (file) => {
    await new Promise((resolve) => Object.assign(window, { finish: resolve }));
    return read(file).finally(() => setTimeout(() => Object.assign(window, { finished: true })));
  };
}"""


@pytest.mark.parametrize("content", [encoded(halves(), "PNG"), b"Dear diary"], ids=["photograph", "none"])
def test_what_is_read_slowly_does_not_replace_what_was_chosen_meanwhile(visit, content):
    page = visit()
    page.evaluate(READ_SLOWLY)
    page.locator("input[type=file]").set_input_files({"name": "slow.png", "mimeType": "image/png", "buffer": content})
    page.wait_for_function("() => window.finish")
    page.locator(".samples button").first.click()
    page.wait_for_function("() => answers.says.textContent.startsWith('Here is the')")
    before = page.evaluate("[answers.photo.name, answers.says.textContent]")
    page.evaluate("finish()")
    page.wait_for_function("() => window.finished")
    assert page.evaluate("[answers.photo.name, answers.says.textContent]") == before
    assert pressed(page) == [page.locator(".samples button").first.get_attribute("title")]


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
REFUSED = {
    "holiday.heic": (HEIC, "HEIC photograph, which this browser cannot read. Save it as JPEG"),
    "renamed.jpg": (HEIC, "HEIC photograph"),
    "film.mp4": (b"\0\0\0\x20ftypisom\0\0\2\0", "is a film"),
    "paper.pdf": (b"%PDF-1.7", "is a PDF"),
    "raw.dng": (b"II*\0\x08\0\0\0", "camera’s raw file"),
    "notes.jpg": (b"Dear diary", "is no photograph that this browser can read"),
    "nothing.jpg": (b"", "is empty"),
    "cut.png": (encoded(halves(), "PNG")[:20], "is damaged"),
    "many.png": (encoded(Image.new("1", (8000, 8000)), "PNG"), "64 million pixels, which take too much memory"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_photograph_gets_a_sentence_and_changes_nothing(visit, name):
    page = visit()
    content, sentence = REFUSED[name]
    says = give(page, name, content, "image/png" if name.endswith("png") else "image/jpeg")
    assert says.startswith(name) and sentence in says
    assert page.evaluate("answers.photo === null")
    assert not [url for url in page.asked if "/nets/" in url]


@pytest.mark.parametrize("lacking", ["delete window.ImageDecoder", "delete VideoFrame.prototype.rotation"])
def test_a_large_jpeg_is_refused_where_it_cannot_be_decoded_in_parts(visit, lacking):
    page = visit(first=f"{lacking};")
    page.evaluate("() => { answers.reduced = () => { throw new Error('decoded'); }; }")
    says = give(page, "large.jpg", encoded(Image.new("L", (8000, 8000))))
    assert "64 million pixels" in says and "as JPEG" not in says
    says = give(page, "large.png", encoded(Image.new("1", (8000, 8000)), "PNG"), "image/png")
    assert "64 million pixels" in says and "as JPEG" not in says, "a JPEG would be refused too"


@pytest.mark.parametrize(("side", "advice"), [(8000, "or save it as JPEG: "), (16_000, "Make it smaller: ")])
def test_it_is_advised_to_save_as_jpeg_where_that_is_enough(visit, side, advice):
    says = give(visit(), "large.png", encoded(Image.new("1", (side, side)), "PNG"), "image/png")
    assert f"{side * side // 10**6} million pixels" in says and advice in says


@contextmanager
def watched(browser):
    """The most memory of any page's own process while something goes on, in MB."""
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    renderers = [psutil.Process(process["id"]) for process in processes if process["type"] == "renderer"]
    peak, over = {"MB": 0.0}, threading.Event()

    def watch():
        while not over.wait(0.01):
            peak["MB"] = max([peak["MB"], *(p.memory_full_info().uss / 1e6 for p in renderers if p.is_running())])

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def test_fifty_megapixels_take_less_than_300_megabytes(browser, visit, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (612, 816, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((8160, 6120)).save(tmp_path / "large.jpg", quality=80)
    page = visit()
    page.locator(".samples button").first.click()
    page.wait_for_selector("figure[data-part=compare] td.best")
    with watched(browser) as peak:
        assert choose(page, tmp_path / "large.jpg").startswith("Here is large.jpg.")
        page.wait_for_selector("figure[data-part=compare]:not([aria-busy])")
    assert shown(page).shape[:2] == (448, 597)
    assert 50 < peak["MB"] < 300
