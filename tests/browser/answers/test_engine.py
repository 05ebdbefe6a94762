"""The page's engine: nets say in the browser what they say in the library."""

import numpy as np
import pytest
import torch

from vgg_lib.data.rescaling import rescale
from vgg_lib.evaluation.posteriors import posteriors, score_map
from vgg_lib.evaluation.protocols import Protocol
from vgg_lib.training.weights import load_net

from .conftest import NETS, as_js, encoded, give, pictures, shown

#: What an engine says of pictures up to a layer, as numbers by rows, columns and channels.
ASK = """async ([name, kernel, images, until]) => {
  answers.engines ??= {};
  const engine = answers.engines[kernel] ??= answers.engine(kernel === "plain" ? "" : answers.kernel);
  if (!engine[name]) {
    await answers.load(`nets/${name}.js`);
    engine.add(answers.bytes.net, answers.bytes.bytes);
    engine[name] = true;
  }
  const maps = images.map((image) => engine.run(name, image, until));
  return [engine.fast, maps.map((map) => ({ ...map, data: [...map.data] }))];
}"""
RESCALE = """([image, q]) => {
  const picture = answers.rescale(image, q);
  return { ...picture, data: [...picture.data] };
}"""


def said(page, name, kernel, images, until=None) -> list[torch.Tensor]:
    """Maps ``(C, h, w)``."""
    fast, maps = page.evaluate(ASK, [name, kernel, [as_js(image) for image in images], until])
    assert fast == (kernel != "plain")
    return [torch.tensor(m["data"]).view(m["height"], m["width"], m["channels"]).permute(2, 0, 1) for m in maps]


@pytest.mark.parametrize("name", NETS)
def test_scores_are_those_of_the_library_on_ten_pictures(visit, folder, name):
    images = pictures()
    net, _ = load_net(folder / "nets" / f"{name}.safetensors")
    with torch.inference_mode():
        expected = [score_map(net, net.preprocessing(image[None]))[0] for image in images]
    for here, there in zip(said(visit(), name, "fast", images), expected, strict=True):
        assert here.shape == there.shape
        assert torch.allclose(here, there, atol=1e-3)
        assert bool((here.argmax(0) == there.argmax(0)).all())


def test_without_simd_the_scores_are_the_same(visit):
    page, images = visit(), pictures(2)
    for name in ("A", "B-5x5"):
        for fast, plain in zip(said(page, name, "fast", images), said(page, name, "plain", images), strict=True):
            assert torch.allclose(fast, plain, atol=1e-3)


@torch.inference_mode()
def outputs(net, image) -> dict[str, torch.Tensor]:
    """What each layer puts out behind its ReLU; a pool passes on the largest of them."""
    x, out, weights = net.preprocessing(image[None]), {}, net.weight_layers()
    for spec in net.specs:
        if spec.layer is not None:
            x = weights[spec.name](x).relu() if spec.layer.kind == "conv" else torch.nn.functional.max_pool2d(x, 2)
            out[spec.name] = x[0]
    return out


def test_maps_on_the_way_are_those_of_the_library(visit, folder):
    page, [*_, image] = visit(), pictures(3)  # one whose sides no pool divides evenly
    expected = outputs(load_net(folder / "nets" / "D.safetensors")[0], image)
    for name in ("conv1_1", "conv1_2", "pool1", "conv3_3", "pool5"):
        [found] = said(page, "D", "fast", [image], name)
        assert torch.allclose(found, expected[name], atol=1e-3), name


@pytest.mark.parametrize(("height", "width", "q"), [(120, 200, 64), (448, 300, 73), (50, 40, 64), (97, 97, 224)])
def test_photographs_are_rescaled_as_the_library_does(visit, height, width, q):
    image = rescale(pictures(1)[0], 448)[:, :height, :width]
    found = visit().evaluate(RESCALE, [as_js(image), q])
    expected = rescale(image, q).permute(1, 2, 0).numpy().astype(int)
    here = np.array(found["data"]).reshape(found["height"], found["width"], 3)
    assert here.shape == expected.shape and np.abs(here - expected).max() <= 1


@pytest.mark.parametrize("name", ["A", "D-jittered"])
def test_the_answer_is_that_of_the_library(visit, folder, name):
    page = visit()
    give(page, "a.png", encoded(pictures(2)[1], "PNG"), "image/png")
    found = page.evaluate("async (name) => answers.answer(answers.ask, answers.net(name), answers.photo)", name)
    net, _ = load_net(folder / "nets" / f"{name}.safetensors")
    scale = 73 if name == "A" else 110
    [expected] = posteriors(net, [torch.from_numpy(shown(page)).permute(2, 0, 1)], Protocol((scale,)))
    assert found["posteriors"] == pytest.approx(expected.tolist(), abs=0.02)
    assert found["best"] == int(expected.argmax())


def blocks(picture: np.ndarray, side: int) -> list[list[int]]:
    """The blocks of a square picture, in an order that does not depend on where they were."""
    n = len(picture) // side
    return sorted(picture.reshape(n, side, n, side, 3).swapaxes(1, 2).reshape(n * n, -1).tolist())


@pytest.mark.parametrize("side", [2, 4, 8, 16])
def test_blocks_change_places_and_nothing_is_lost(visit, side):
    [image] = pictures(1)
    found = visit().evaluate("([image, side]) => [...answers.shuffle(image, side).data]", [as_js(image), side])
    found, there = np.array(found).reshape(64, 64, 3), image.permute(1, 2, 0).numpy()
    assert (found != there).any()
    assert blocks(found, side) == blocks(there, side)
