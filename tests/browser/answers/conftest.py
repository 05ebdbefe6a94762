"""The page that answers in a folder of its own, with untrained nets, and what its tests ask of it."""

import functools
import io
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vgg_lib.book import answering, export
from vgg_lib.data.embedded import generate
from vgg_lib.data.imagenette import CLASSES
from vgg_lib.data.rescaling import rescale
from vgg_lib.networks.initialisation import Initialisation, initialise
from vgg_lib.networks.model import vgg
from vgg_lib.networks.preprocessing import Preprocessing
from vgg_lib.training.runs import make_run, to_json
from vgg_lib.training.weights import describe, write

STATIC = Path(__file__).parents[3] / "book" / "_static"
NETS = ("A", "B-5x5", "D", "D-jittered")
PARTS = ("photograph", "compare", "where", "size", "change", "inside")
FIGURE = """<h2>{part}</h2><figure class="explorer answers" data-part="{part}">
<img src="answers/{part}.png" width="800" height="400" alt="The still picture of this part.">
<figcaption>What to look for.</figcaption></figure>"""
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Answers</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="explore/explore.css"><link rel="stylesheet" href="answers/answers.css">
<script defer src="explore/explore.js"></script><script defer src="answers/answers.js"></script>
<body><main><h1>Answers</h1>{figures}</main></body></html>"""


def write_net(path: Path) -> None:
    """An untrained net with its batch normalisation folded, described like one of the evidence."""
    jittered = path.stem.endswith("-jittered")
    run = make_run(path.stem.removesuffix("-jittered"), batch_norm=True, scale=(73, 146) if jittered else 73)
    net = vgg(run.network, num_classes=10, image_size=64, width=1 / 4, batch_norm=True)
    initialise(net, Initialisation("he"), seed=int(jittered))
    for layer in net.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.uniform_(-0.3, 0.3)
            layer.weight.data.uniform_(0.5, 1.5)
    net.preprocessing = Preprocessing((118.0, 116.5, 110.0), (73.5, 73.5, 73.5))
    tested = {
        "protocol": to_json(run.protocol), "test_set": "held-out", "errors": {"top1": 12.5},
        "targets": "0123", "predictions": "0120",
    }  # fmt: skip
    record = {
        "run": to_json(run), "outcome": "finished", "evaluations": [tested], "losses": [1.0], "seconds": 1.0,
        "memory": None, "data": {}, "machine": {}, "date": "2026-01-01",
    }  # fmt: skip
    told = {"record": record, "bytes": tested, "ranks": [i / 4 for i in range(19)]}
    described = describe(export.folded(net), tuple(CLASSES.values()), run) | {"tested": told}
    write(export.tensors_in_bytes(net), described, path)


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """The page in a folder of its own, with four nets as large as the evidence's."""
    folder = tmp_path_factory.mktemp("answers")
    torch.manual_seed(0)
    (folder / "nets").mkdir()
    for name in NETS:
        write_net(folder / "nets" / f"{name}.safetensors")
    for part in ("answers", "explore"):
        shutil.copytree(STATIC / part, folder / part)
    answering.write_scripts(folder / "answers", folder / "nets")
    figures = "".join(FIGURE.format(part=part) for part in PARTS)
    (folder / "page.html").write_text(PAGE.format(figures=figures), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def served(folder):
    """The address of the page on a server."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/page.html"
        server.shutdown()


@pytest.fixture
def visit(browser, folder):
    """Opens the page; fails the test if the browser had anything to complain of, or anybody else was asked."""
    contexts, complaints = [], []

    def visit(address=None, first="", **settings):
        context = browser.new_context(**settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(240_000)  # other work may have the machine
        page.add_init_script(first)
        address = address or (folder / "page.html").as_uri()
        own = (address.removesuffix("page.html"), "data:", "blob:")
        page.asked = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda r: page.asked.append(r.url) if r.url.startswith(own) else complaints.append(r.url))
        page.goto(address)
        if settings.get("java_script_enabled", True):
            page.wait_for_selector(".samples button")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not complaints


def give(page, name: str, content: bytes, kind: str = "image/jpeg") -> str:
    """Choose a file; what the page says of it in the end."""
    return choose(page, {"name": name, "mimeType": kind, "buffer": content})


def choose(page, file: Path | dict) -> str:
    """Choose a file that there is on disk, of which the page holds no more than it reads."""
    page.evaluate("answers.says.textContent = ''")
    page.locator("input[type=file]").set_input_files(file)
    page.wait_for_function("() => /[.]$/.test(answers.says.textContent)")
    return page.locator("figure[data-part=photograph] output").inner_text()


def encoded(image: Image.Image | torch.Tensor, kind: str = "JPEG", **settings) -> bytes:
    """An image, or pixels ``(3, H, W)``, as a file."""
    if isinstance(image, torch.Tensor):
        image = Image.fromarray(image.permute(1, 2, 0).numpy())
    out = io.BytesIO()
    image.save(out, kind, **settings)
    return out.getvalue()


def shown(page) -> np.ndarray:
    """The photograph as the page has it, ``(H, W, 3)``."""
    width, height, data = page.evaluate("[answers.photo.width, answers.photo.height, [...answers.photo.data]]")
    return np.array(data, dtype=np.uint8).reshape(height, width, 3)


def pictures(count: int = 10) -> list[torch.Tensor]:
    """Pictures of sizes that are all different, uint8 ``(3, H, W)``."""
    images, _, _ = generate(count, seed=3)
    return [rescale(image, 64 + 7 * i)[:, : 64 + 3 * i] for i, image in enumerate(images)]


def as_js(image: torch.Tensor) -> dict:
    """Pixels ``(3, H, W)`` as the page's scripts have them."""
    return {"data": image.permute(1, 2, 0).flatten().tolist(), "width": image.shape[2], "height": image.shape[1]}
