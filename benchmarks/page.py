"""What an answer in the page costs: the book's engine beside onnxruntime-web on the same nets, in headless Chromium.

Run as ``python benchmarks/page.py``, alone on the machine: a minute or two. It needs ``npm`` and ``pip install onnx``,
which nothing else here does. The table is printed and written beside this file as ``page.md``, which the README shows.
"""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import sys
import tempfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from playwright.sync_api import Page, sync_playwright
from publish import publish

from vgg_lib.basics import machine
from vgg_lib.book import answering, export
from vgg_lib.networks.initialisation import Initialisation, initialise
from vgg_lib.networks.model import VGG, vgg
from vgg_lib.training.weights import describe, write

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "book"))
from chromium import launch  # noqa: E402

NETS = ("A", "B-5x5", "D")
#: Height and width of what is timed: one crop, a photograph at the scale of its answer, and the largest dense map.
IMAGES = {"one crop of 64×64": (64, 64), "dense, Q = 73, 4:3": (73, 97), "dense, Q = 224, 4:3": (224, 298)}
OURS = """async ([name, kernel, height, width, repeats]) => {
  answers.timed ??= {};
  const engine = answers.timed[kernel] ??= answers.engine(kernel ? answers.kernel : "");
  if (!engine[name]) {
    await answers.load(`nets/${name}.js`);
    engine.add(answers.bytes.net, answers.bytes.bytes);
    engine[name] = true;
  }
  const image = { data: new Uint8Array(3 * height * width).map((_, i) => (i * 7919) % 256), width, height }, times = [];
  let out;
  for (let i = 0; i <= repeats; i++) {
    const began = performance.now();
    out = engine.run(name, image);
    times.push(performance.now() - began);
  }
  return [Math.min(...times), [...out.data].slice(0, out.channels)];
}"""
THEIRS = """async ([name, height, width, mean, deviation, repeats]) => {
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = new URL("ort/", location.href).href;
  ort.sessions ??= {};
  const session = ort.sessions[name] ??=
    await ort.InferenceSession.create(`${name}.onnx`, { executionProviders: ["wasm"] });
  const pixels = new Float32Array(3 * height * width), places = height * width;
  for (let i = 0; i < pixels.length; i++) {
    pixels[(i % 3) * places + Math.floor(i / 3)] = (((i * 7919) % 256) - mean[i % 3]) / deviation[i % 3];
  }
  const times = [];
  let out;
  for (let i = 0; i <= repeats; i++) {
    const began = performance.now();
    out = await session.run({ image: new ort.Tensor("float32", pixels, [1, 3, height, width]) });
    times.push(performance.now() - began);
  }
  const { data, dims } = out.scores, step = dims[2] * dims[3];
  return [Math.min(...times), Array.from({ length: dims[1] }, (_, c) => data[c * step])];
}"""


def untrained(network: str) -> VGG:
    """A net as the page has it, in size and kind; its weights do not matter for the time."""
    net = vgg(network, num_classes=10, image_size=64, width=1 / 4, batch_norm=True)
    return export.quantised(initialise(net, Initialisation("he"), seed=0).eval())


def as_onnx(net: VGG) -> Any:
    """A net with its fully connected layers as convolutions, for images of any size."""
    nodes, constants, last = [], [], "image"
    layers = net.weight_layers()
    for told in answering.page_layers(net):
        name, out = told["name"], f"{told['name']}_out"
        if told["kind"] == "pool":
            nodes.append(helper.make_node("MaxPool", [last], [out], kernel_shape=[2, 2], strides=[2, 2]))
        else:
            weight = layers[name].weight.detach()
            weight = weight.view(len(weight), -1, told["kernel"], told["kernel"])
            bias = layers[name].bias
            assert bias is not None
            for kind, tensor in (("w", weight), ("b", bias.detach())):
                constants.append(numpy_helper.from_array(np.ascontiguousarray(tensor.numpy()), f"{name}_{kind}"))
            inputs, pads = [last, f"{name}_w", f"{name}_b"], [told["padding"]] * 4
            nodes.append(helper.make_node("Conv", inputs, [out], kernel_shape=[told["kernel"]] * 2, pads=pads))
            if told["relu"]:
                nodes.append(helper.make_node("Relu", [out], [f"{name}_relu"]))
                out = f"{name}_relu"
        last = out
    nodes[-1].output[0] = "scores"
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, "height", "width"])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, net.num_classes, "h", "w"])
    graph = helper.make_graph(nodes, net.name, [image], [scores], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def site(folder: Path) -> str:
    """All that the browser loads, in a folder; the version of onnxruntime-web that npm gave."""
    subprocess.run(["npm", "install", "--silent", "--prefix", folder, "onnxruntime-web"], check=True)
    package = folder / "node_modules" / "onnxruntime-web"
    shutil.copytree(package / "dist", folder / "ort")
    for part in ("explore", "answers"):
        shutil.copytree(ROOT / "book" / "_static" / part, folder / part)
    for name in NETS:
        net = untrained(name)
        path = write(export.tensors_in_bytes(net), describe(net), folder / f"{name}.safetensors")
        answering.write_script(path, folder / "answers" / "nets")
        onnx.save(as_onnx(net), str(folder / f"{name}.onnx"))
    scripts = "".join(
        f'<script src="{name}.js"></script>'
        for name in ("explore/explore", "explore/draw", "answers/answers", "answers/kernel", "answers/engine")
    )
    scripts += '<script src="answers/asking.js"></script><script src="ort/ort.wasm.min.js"></script>'
    (folder / "index.html").write_text(f'<!doctype html><meta charset="utf-8">{scripts}', encoding="utf-8")
    version: str = json.loads((package / "package.json").read_text(encoding="utf-8"))["version"]
    return version


def measure(page: Page, name: str, height: int, width: int, repeats: int) -> list[float]:
    """Milliseconds of the engine with SIMD, without, and of onnxruntime-web, who must agree on the scores."""
    fast, here = page.evaluate(OURS, [name, True, height, width, repeats])
    plain, _ = page.evaluate(OURS, [name, False, height, width, 1])
    theirs, there = page.evaluate(THEIRS, [name, height, width, [0, 0, 0], [1, 1, 1], repeats])
    assert np.allclose(here, there, rtol=1e-3, atol=1e-2), (name, here, there)
    return [fast, plain, theirs]


def rows(page: Page, repeats: int = 9) -> list[str]:
    """A row for each net and image."""
    lines = []
    for words, (height, width) in IMAGES.items():
        for name in NETS:
            fast, plain, theirs = measure(page, name, height, width, repeats)
            lines.append(f"| {name}, {words} | {fast:.1f} | {plain:.0f} | {theirs:.1f} | {theirs / fast:.1f} |")
    return lines


class Quiet(SimpleHTTPRequestHandler):
    """A server that keeps no log."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Measure, print, and write ``page.md``."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        version = site(folder)
        with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=name)) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            browser = launch(playwright)
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/index.html")
            lines, chromium = rows(page), browser.version
            browser.close()
            server.shutdown()
        wasm = sum(path.stat().st_size for path in (folder / "ort").glob("ort-wasm-simd-threaded.wasm"))
    about = machine.describe(torch.device("cpu"), "float32")
    scripts = ROOT / "book" / "_static" / "answers"
    engine = sum((scripts / f"{part}.js").stat().st_size for part in ("engine", "kernel"))
    lines = [
        f"Measured on {about['processor']}, one thread, Chromium {chromium}, onnxruntime-web {version}; milliseconds, "
        "the least of ten runs.",
        "",
        "| net and image | the page | without SIMD | onnxruntime-web | ratio |",
        "| --- | --- | --- | --- | --- |",
        *lines,
        "",
        f"The page's engine has {engine / 1000:.0f} kB; onnxruntime-web's wasm has {wasm / 1e6:.0f} MB and does not "
        "load from disk. An answer takes two of the second kind: the photograph and its mirror image.",
    ]
    publish("page", lines)


if __name__ == "__main__":
    main()
