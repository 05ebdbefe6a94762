"""The browser that prints the book, takes its still pictures and tests its pages, and where the built pages are."""

import os
import shutil
from pathlib import Path

from playwright.sync_api import Browser, Playwright

HTML = Path(os.environ.get("BOOK_HTML", Path(__file__).parent / "_build" / "html"))
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
MACOS = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
HOW_TO_GET_ONE = """no Chromium or Chrome found. Get one, and run this again:
  Debian, Ubuntu     apt-get install chromium
  anywhere else      .venv/bin/playwright install chromium
  one that you have  BOOK_BROWSER=/path/to/it make test-browser"""


def launch(playwright: Playwright) -> Browser:
    """One that is named, or that the system has, or that Playwright has put in a folder of its own.

    Raises ``SystemExit``, which says how to get one.
    """
    own = Path(playwright.chromium.executable_path)
    named = [os.environ.get("BOOK_BROWSER")]
    found = [shutil.which(name) for name in BROWSERS] + [str(path) for path in (own, MACOS) if path.exists()]
    path = next(filter(None, named + found), None)
    if path is None:
        raise SystemExit(HOW_TO_GET_ONE)
    return playwright.chromium.launch(executable_path=path)
