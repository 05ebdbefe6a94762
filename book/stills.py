"""The still pictures of the page that answers, taken of the built page: ``python book/stills.py``, after ``make html``.

They show the cathedral and are for readers without scripts, and for paper. Take them anew when other nets are carried.
"""

import io
import re
from pathlib import Path

from chromium import HTML, launch
from PIL import Image
from playwright.sync_api import sync_playwright

BOOK = Path(__file__).parent


def take() -> dict[str, Image.Image]:
    """By part of the page, what it shows of the first photograph in a narrow window, in the light theme."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(viewport={"width": 900, "height": 900}, color_scheme="light")
        page.goto((HTML / "book" / "answers.html").as_uri())
        page.locator(".samples button").first.click()
        page.wait_for_selector("figure[data-part=compare] td.best")
        pictures = {}
        for figure in page.locator("figure.answers").all():
            figure.scroll_into_view_if_needed()
            part = str(figure.get_attribute("data-part"))
            page.wait_for_selector(f"figure[data-part={part}][data-ready]:not([aria-busy])")
            shot = figure.locator(".explorer-body").screenshot()
            pictures[part] = Image.open(io.BytesIO(shot)).convert("RGB")
        browser.close()
        return pictures


def main() -> None:
    """Write the pictures, and their sizes into the page, so that nothing moves when they load."""
    page = BOOK / "answers.md"
    text = page.read_text(encoding="utf-8")
    for part, picture in take().items():
        light = picture.quantize(256)
        light.save(BOOK / "_static" / "answers" / f"{part}.png", optimize=True)
        size = f'width="{picture.width}" height="{picture.height}"'
        text = re.sub(rf'(answers/{part}\.png") width="\d+" height="\d+"', rf"\1 {size}", text)
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
