"""The built book behind a server that compresses as a real one does, and a browser to read it with."""

import functools
import gzip
import threading
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from runpy import run_path

import pytest
from playwright.sync_api import sync_playwright

CHROMIUM = run_path(str(Path(__file__).parents[2] / "book" / "chromium.py"))
HTML = CHROMIUM["HTML"]
STATIC = (Path(__file__).parents[2] / "book" / "_static" / "explore").as_uri()


FIGURE = """<figure class="explorer" data-explorer="{kind}" {attributes}>
<img src="{static}/{kind}.png" width="800" height="400" alt="The still picture.">
<figcaption>Look.</figcaption>
</figure>"""

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Explorers</title>
<link rel="stylesheet" href="{static}/explore.css"><script defer src="{static}/explore.js"></script>
<body><main><h1>Explorers</h1>{figures}<p>What comes after.</p></main></body>
</html>"""


class Handler(SimpleHTTPRequestHandler):
    """Static files; text is compressed; what does not exist is answered with the book's own 404 page, as hosts do."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path, status = Path(self.translate_path(self.path)), HTTPStatus.OK
        if path.is_dir():
            path /= "index.html"
        if not path.is_file():
            path, status = HTML / "404.html", HTTPStatus.NOT_FOUND
        kind, body = self.guess_type(path), path.read_bytes()
        self.send_response(status)
        if kind.startswith("text/") or kind.endswith(("javascript", "json", "xml")):
            body = gzip.compress(body, 6)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")  # every page is weighed as by somebody who comes there first
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def site():
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=HTML)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        try:
            browser = CHROMIUM["launch"](playwright)
        except SystemExit as error:
            pytest.fail(str(error), pytrace=False)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, site):
    """A page of its own for a test, at the site's root."""
    context = browser.new_context(base_url=site, viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


def html(*kinds: str, attributes: str = "") -> str:
    """A bare page with explorers as an author writes them."""
    figures = "".join(FIGURE.format(kind=kind, static=STATIC, attributes=attributes) for kind in kinds)
    return PAGE.format(static=STATIC, figures=figures)


@pytest.fixture
def visit(browser, tmp_path):
    """Opens a page with explorers; fails the test if the browser had anything to complain of."""
    contexts, complaints = [], []

    def visit(*kinds, attributes="", address="", wait=True, **settings):
        (tmp_path / "page.html").write_text(html(*kinds, attributes=attributes), encoding="utf-8")
        context = browser.new_context(**settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        page.on("request", lambda r: complaints.append(r.url) if not r.url.startswith(("file:", "data:")) else None)
        page.goto((tmp_path / "page.html").as_uri() + address)
        if wait:
            for kind in kinds:
                page.wait_for_selector(f"figure[data-explorer={kind}][data-ready] form")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not complaints
