"""What makes a site of the pages: who they are in searches and on cards, which commit they show, sitemap, 404.

Addresses that must be absolute (canonical, card, sitemap) are written when it is known where the book is served: from
`html: baseurl` in _config.yml, or from BOOK_URL in the environment, for those who serve a copy.
"""

import os
import subprocess
from html import escape
from importlib.metadata import metadata
from pathlib import Path
from runpy import run_path
from typing import Any
from urllib.parse import urlsplit

from docutils import nodes
from social_card import ALT, draw
from sphinx.application import Sphinx
from sphinx.config import Config

CARD = "_static/card.png"
ABOUT = metadata("vgg-lib")["Summary"]
VERSION = Path(__file__).parents[2] / "vgg_lib" / "_version.py"  # read, as an editable install forgets to
NOT_FOUND = """<h1>There is no such page</h1>
<p>It may have moved. The table of contents has every page, and the search looks through all of them.</p>"""
# The root only leads on to the preface, but it is what people share.
ROOT = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta http-equiv="refresh" content="0; url={preface}">
{tags}
</head><body><p><a href="{preface}">{title}</a></p></body></html>
"""
NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
# Roles that screen readers are to forget, as ARIA 1.3 says, and that docutils still writes into the bibliography.
DEPRECATED = (' role="doc-biblioentry"', ' role="list"')


def commit(folder: Path) -> str:
    """The commit that is checked out, and whether it was changed; "unknown" where there is no git, or no repository."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True).stdout.strip() or "unknown"
    except OSError:
        return "unknown"


def configure(app: Sphinx, config: Config) -> None:
    """Fill in what only this build knows."""
    config.html_baseurl = os.environ.get("BOOK_URL") or config.html_baseurl
    shown = f"Version {run_path(str(VERSION))['__version__']}, commit {commit(app.srcdir)}"
    config.html_theme_options["extra_footer"] = f'<p class="version">{shown}</p>'
    options = config.html_theme_options
    known = options.get("repository_url", "").startswith("https://github.com/")
    options["use_repository_button"] = options["use_issues_button"] = known
    if not known:  # the buttons would lead nowhere
        options["repository_url"], options["launch_buttons"] = "", {}
    config.notfound_urls_prefix = f"{urlsplit(config.html_baseurl).path.rstrip('/')}/"
    config.notfound_context = {"title": "No such page", "body": NOT_FOUND}


def first_words(doctree: nodes.document | None) -> str:
    """The page's own words about itself, as many as a search engine shows."""
    paragraphs = [p for p in doctree.findall(nodes.paragraph) if isinstance(p.parent, nodes.section)] if doctree else []
    text = " ".join(paragraphs[0].astext().split()) if paragraphs else ABOUT
    return text if len(text) <= 200 else text[:199].rsplit(" ", 1)[0] + "…"


def tags(config: Config, page: str, title: str, description: str) -> str:
    """What a search engine or a chat shows of a page."""
    facts = {"og:title": title, "og:description": description, "og:site_name": config.html_title, "og:type": "article"}
    if base := config.html_baseurl.rstrip("/"):
        facts |= {"og:url": f"{base}/{page}.html", "og:image": f"{base}/{CARD}", "og:image:alt": ALT}
    lines = [f'<meta property="{name}" content="{escape(fact)}">' for name, fact in facts.items()]
    return "\n".join([f'<meta name="description" content="{escape(description)}">', *lines])


def complete(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Add to a page's head, and take away what would fail in the browser."""
    title = context.get("title") or app.config.html_title
    context["metatags"] = context.get("metatags", "") + tags(app.config, page, title, first_words(doctree))
    # Live cells on a server elsewhere are not offered, but their script would be on every page twice, and fail.
    for kind in ("script_files", "css_files"):
        context[kind] = [file for file in context[kind] if "thebe" not in f"{file.filename}{file.attributes}".lower()]
    for role in DEPRECATED:
        context["body"] = context.get("body", "").replace(role, "")


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Write what is no page of the book."""
    if exception or app.builder.format != "html":
        return
    html, config = Path(app.outdir), app.config
    draw(html / CARD, config.html_title, ABOUT)
    known = tags(config, config.root_doc, config.html_title, ABOUT)
    root = ROOT.format(title=config.html_title, preface=f"{config.root_doc}.html", tags=known)
    (html / "index.html").write_text(root, encoding="utf-8")
    if base := config.html_baseurl.rstrip("/"):
        places = "".join(f"<url><loc>{base}/{page}.html</loc></url>\n" for page in sorted(app.env.all_docs))
        sitemap = f'<?xml version="1.0" encoding="utf-8"?>\n<urlset xmlns="{NAMESPACE}">\n{places}</urlset>\n'
        (html / "sitemap.xml").write_text(sitemap, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    app.connect("config-inited", configure, priority=100)  # before the extension for the 404 page reads its prefix
    app.connect("html-page-context", complete, priority=900)  # after those that add scripts
    app.connect("build-finished", finish, priority=100)  # before the extension that would write an index of its own
    return {"parallel_read_safe": True, "parallel_write_safe": True}
