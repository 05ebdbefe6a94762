"""What the page that answers loads: scripts of the carried nets, and what it says of them from their records."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vgg_lib.basics.errors import InputError
from vgg_lib.basics.files import replacing
from vgg_lib.book.export import FOLDER, WANTED, carried_nets
from vgg_lib.evidence.records import Record
from vgg_lib.networks.model import VGG
from vgg_lib.tasks.carried_photographs import FOLDER as PHOTOGRAPHS
from vgg_lib.training.runs import run_from_json
from vgg_lib.training.weights import load_net, read, run_of

#: What the classes of Imagenette are in plain words, where the word alone may not say it.
PLAIN = {
    "tench": "tench, a fish",
    "English springer": "English springer, a dog",
    "gas pump": "gas pump, of a filling station",
    "garbage truck": "garbage truck, a dustcart",
}

#: What a run trains on, in words.
PARTS = {"nine-tenths": "nine tenths of the training photographs", "all": "all training photographs"}
DATA = {
    "imagenette": "Imagenette",
    "embedded": "the embedded data set, which is generated",
    "marked": "the marked things, which are generated",
}


def introduction(path: Path) -> str:
    """Which net a file of weights holds, on what it was trained, and how often it errs where that is known."""
    described, _ = read(path)
    if "tested" in described:
        a = about(path)
        errs = f"errs on {a['errorInBytes']:.1f} % of {a['photographs']} {a['testSet']} photographs"
        return f"{a['run']}: trained on {a['trainedOn']}, {errs}"
    try:
        return str(run_of(path))
    except InputError:  # a net of which no more is known answers all the same
        return f"network {described['name']} of {path}"


def about(path: Path) -> dict[str, Any]:
    """What the page says of a carried net before it loads it: its run, its classes, how often it errs."""
    from vgg_lib.book.figures.style import BLACK, COLOURS, SKY  # matplotlib, which little else here needs

    described, tensors = read(path)
    run, tested = run_from_json(described["run"]), described["tested"]
    record = Record.from_line(json.dumps(tested["record"]))
    jittered = not isinstance(run.scale, int)
    return {
        "name": path.stem,
        "label": run.network + ", jittered" * jittered,
        "network": run.network,
        "colour": SKY if jittered else COLOURS.get(run.network, BLACK),  # a network of one's own has none
        "run": str(run),
        "key": run.key,
        "seed": run.seed,
        "scale": run.scale,
        "q": run.protocol.scales[0],
        "crop": described["image_size"],
        "normalised": run.batch_norm,
        "classes": [PLAIN.get(name, name) for name in described["classes"]],
        "trainedOn": f"{PARTS[run.train_on]} of {DATA[run.preset.data]}",
        "testSet": run.test_set,
        "photographs": len(tested["bytes"]["targets"]),
        "error": record.error,
        "errorInBytes": tested["bytes"]["errors"]["top1"],
        "ranks": tested["ranks"],
        "size": sum(tensor.nbytes for tensor in tensors.values()),
    }


def page_layers(net: VGG) -> list[dict[str, Any]]:
    """A net's layers as the page's engine takes them: convolutions, the fully connected ones too (§3.2), and pools.

    Raises :class:`InputError` for a net with another kind of layer, which the engine does not know.
    """
    layers: list[dict[str, Any]] = []
    for spec in net.specs:
        if spec.layer is None:
            side = net.specs[len(layers) - 1].out_size if spec.name == "fc6" else 1
            conv = {"kernel": side, "padding": 0, "relu": spec.name != "fc8"}
        elif spec.layer.kind == "conv":
            conv = {"kernel": spec.layer.kernel, "padding": spec.layer.padding, "relu": True}
        elif spec.layer.kind == "pool":
            layers.append({"name": spec.name, "kind": "pool"})
            continue
        else:
            raise InputError(f"{spec.name} of network {net.name} is a layer that the page's engine does not know")
        layers.append({"name": spec.name, "kind": "conv", "channels": spec.out_channels} | conv)
    return layers


def payload(path: Path) -> bytes:
    """A carried net's numbers as the engine reads them: of each layer scales and biases, float32; then all weights.

    Weights are int8 ``(out, k, k, in)``, little-endian like the floats.
    """
    (net, _), (_, tensors) = load_net(path), read(path)
    numbers, weights = [], []
    names = {id(layer): name for name, layer in net.named_modules()}
    for layer in net.weight_layers().values():
        name = f"{names[id(layer)]}.weight"
        numbers += [tensors[f"{name}.scale"], tensors[name.replace("weight", "bias")]]
        whole = tensors[name]
        if isinstance(layer, nn.Linear):
            last = [spec.out_channels for spec in net.specs if spec.layer is not None][-1]
            side = round((layer.in_features / last) ** 0.5) if layer is net.classifier[0] else 1
            whole = whole.view(len(whole), -1, side, side)
        weights.append(whole.permute(0, 2, 3, 1).flatten())
    return torch.cat(numbers).numpy().astype("<f4").tobytes() + torch.cat(weights).numpy().tobytes()


def script(path: Path) -> str:
    """A carried net as a script, since a page that is opened from disk may not fetch a file."""
    net, _ = load_net(path)
    p = net.preprocessing
    described = {"name": path.stem, "layers": page_layers(net), "mean": p.mean, "deviation": p.deviation}
    numbers = base64.b64encode(payload(path)).decode()
    return f'answers.arrived({json.dumps(described)},\n"{numbers}");\n'


def write_script(path: Path, folder: Path) -> Path:
    """Write the :func:`script` of a carried net into a folder, under its name."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / f"{path.stem}.js") as part:
        part.write_text(script(path), encoding="ascii")
    return folder / f"{path.stem}.js"


def write_scripts(target: Path, folder: Path = FOLDER) -> None:
    """Write what the page loads into its folder ``target``.

    ``nets.js`` says which nets there are and which are missing, ``nets/`` has a script of each, and ``photos.js`` has
    the photographs themselves: a page that is opened from disk may show the pixels of no other file.
    """
    nets = carried_nets(folder)
    for path in nets.values():
        write_script(path, target / "nets")
    missing = [name for name in WANTED if name not in nets]
    told = json.dumps({"nets": [about(path) for path in nets.values()], "missing": missing}, ensure_ascii=False)
    (target / "nets.js").write_text(f"answers.known = {told};\n", encoding="utf-8")
    samples: list[dict[str, str]] = []
    for photo in json.loads((PHOTOGRAPHS / "photos.json").read_text(encoding="utf-8")):
        pixels = base64.b64encode((PHOTOGRAPHS / photo["file"]).read_bytes()).decode()
        words = {part: photo[part] for part in ("name", "alt", "credit")}
        samples.append(words | {"data": f"data:image/jpeg;base64,{pixels}"})
    (target / "photos.js").write_text(f"answers.samples = {json.dumps(samples)};\n", encoding="ascii")
