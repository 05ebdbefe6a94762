"""What the explorers of the book read: networks, colours and records as one small script, and their still pictures.

``python -m vgg_lib.book.explorers book/_static/explore`` writes all of it. The script, ``data.js``, is the same bytes
on every machine. It is a script and not JSON because a page that is opened from disk may not fetch a file.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import t

from vgg_lib.book.figures import COLOURS, Field, costs_by_layer, fields_on_photo, use_style
from vgg_lib.book.figures.effects import seed_errors
from vgg_lib.book.figures.evidence import evidence as errors_of_claim
from vgg_lib.book.figures.neighbours import responses
from vgg_lib.book.figures.style import KINDS, VERMILION
from vgg_lib.book.moving import movable_rules
from vgg_lib.data.embedded import embedded
from vgg_lib.data.rescaling import rescale
from vgg_lib.evidence.records import Evaluation, Record
from vgg_lib.evidence.store import recorded, studies_with_records
from vgg_lib.evidence.studies import STUDIES
from vgg_lib.networks.geometry import receptive_field
from vgg_lib.networks.initialisation import Initialisation, initialise
from vgg_lib.networks.model import vgg
from vgg_lib.networks.response_norm import LocalResponseNorm
from vgg_lib.networks.table import FC_WIDTH, NETWORKS, POOL, Layer, conv

#: Side of the photograph under the receptive fields, in pixels: room for what the first three stages of D see.
SIDE = 64

#: Where a study is told of: what a dot of the evidence leads to. A study that is missing leads to the claims.
PAGES = {
    "first": "notebooks/ch03_training.html",
    "pilot": "book/pilot.html",
    "precision": "book/costs.html",
    "testing": "notebooks/ch11_testing.html",
    "localisation": "notebooks/ch14_localisation.html",
    "things": "notebooks/ch16_score_maps.html",
}

#: What the columns of ``runs`` are, and of the tests in their last column.
RUN = ("study", "recipe", "seed", "outcome", "key", "tests")
TEST = ("protocol", "set", "photographs", "error", "seconds", "fused")


def stacks() -> dict[str, tuple[Layer, ...]]:
    """Stacks of layers to start from, by name: those of §2.3, and the first stages of networks."""
    named = {
        words: (conv(1, kernel),) * count
        for words, count, kernel in (
            ("one 3×3", 1, 3),
            ("two 3×3", 2, 3),
            ("three 3×3", 3, 3),
            ("one 5×5", 1, 5),
            ("one 7×7", 1, 7),
        )
    }
    for network, stages, words in (
        ("A", 2, "two"), ("A", 3, "three"), ("D", 2, "two"), ("D", 3, "three"), ("B-5x5", 2, "two"),
    ):  # fmt: skip
        layers = NETWORKS[network].stages[:stages]
        named[f"{network}’s first {words} stages"] = tuple(layer for stage in layers for layer in (*stage, POOL))
    return named


def evaluations_of(record: Record) -> tuple[Evaluation, ...]:
    """A record's evaluations; for a run that diverged the one that it would have had, at the error of guessing."""
    if record.outcome != "diverged":
        return record.evaluations
    return (Evaluation(record.run.protocol, record.run.test_set, {"top1": record.error}, "", ""),)


class _Table:
    """Values in the order in which they came, each once; calling it gives a value's place."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def __call__(self, value: Any) -> int:
        if value not in self.values:
            self.values.append(value)
        return self.values.index(value)


def _recipe(record: Record) -> dict[str, Any]:
    """A run without its seed, in words."""
    run, p = record.run, record.run.preset
    start = "" if run.initialisation.kind == "he" else run.initialisation.words
    scale = run.scale if isinstance(run.scale, int) else f"{run.scale[0]} to {run.scale[1]}"
    words = [
        "batch normalisation" * run.batch_norm,
        run.begun.strip(),
        start,
        "inputs 0 to 255" * (p.input_scale == "paper"),
        f"S = {scale}",
        f"{p.epochs} epochs",
        f"rate {p.learning_rate:g}",
        "float32" * (p.precision == "float32"),
    ]
    return {"network": run.network, "preset": p.name, "text": ", ".join(filter(None, words))}


def evidence() -> dict[str, Any]:
    """All records that come with the library, the last of each run in each study, as compact tables."""
    recipe, protocol, rows = _Table(), _Table(), []
    for study in studies_with_records():
        for record in recorded(study).latest().values():
            tested = [
                [
                    protocol(str(e.protocol)),
                    e.test_set,
                    len(e.targets or ()),
                    round(e.errors["top1"], 2),
                    None if e.seconds is None else round(e.seconds, 1),
                    len(e.fused),
                ]
                for e in evaluations_of(record)
            ]
            own = protocol(str(record.run.protocol))
            place = recipe(_recipe(record) | {"own": own})
            rows.append([study, place, record.run.seed, record.outcome, record.key, tested])
    questions = {name: STUDIES[name].question if name in STUDIES else "" for name in studies_with_records()}
    return {
        "studies": questions,
        "pages": {name: PAGES.get(name, "notebooks/ch12_scoreboard.html") for name in questions},
        "protocols": protocol.values,
        "recipes": recipe.values,
        "run": RUN,
        "test": TEST,
        "runs": rows,
        # Student's factor for a mean's 95 % interval over 2, 3, … seeds
        "student": [round(float(t.ppf(0.975, n - 1)), 4) for n in range(2, 31)],
    }


def neighbours() -> dict[str, Any]:
    """The channels of the strongest place of conv1_1 in an untrained A, for embedded things, and AlexNet's parameters.

    Behind the ReLU, at the paper's input scale, rounded to whole numbers: the place that chapter 5 draws.
    """
    photos, net = embedded("train").without_held_out(), vgg("A", num_classes=10, image_size=32, width=1 / 4)
    net.preprocessing = photos.statistics().preprocessing("paper")
    initialise(net, Initialisation("he"), seed=0)
    pictures = torch.stack([photos.images[i] for i in range(50)])[:, :, 16:48, 16:48]
    with torch.inference_mode():
        maps = net.weight_layers()["conv1_1"](net.preprocessing(pictures)).relu()
    places = maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])
    strongest = places[places.square().sum(1).argmax()]
    usual = LocalResponseNorm()
    parameters = {"k": usual.k, "alpha": usual.alpha, "beta": usual.beta, "n": usual.n}
    return {"channels": [round(value) for value in strongest.tolist()], "parameters": parameters}


def data() -> dict[str, Any]:
    """Everything that the explorers know of the library, as JSON has it."""

    def described(name: str, layer: Layer) -> list[Any]:
        return [name, layer.kind, layer.channels, layer.kernel, layer.stride, layer.padding]

    def kernels(layers: Sequence[Layer]) -> list[int | str]:
        return [layer.kernel if layer.kind == "conv" else layer.kind for layer in layers]

    return {
        "networks": {
            name: {"colour": COLOURS[name], "layers": [described(*named) for named in network.named_layers()]}
            for name, network in NETWORKS.items()
        },
        "fc": FC_WIDTH,
        "kinds": KINDS,
        "view": VERMILION,
        "photo": {"side": SIDE, "shows": "the eye of a cat"},
        "stacks": {name: kernels(layers) for name, layers in stacks().items()},
        "neighbours": neighbours(),
        "evidence": evidence(),
        "rules": movable_rules(),
    }


def script() -> str:
    """``data.js``: :func:`data` as one statement, in lines of a size that a comparison of versions can show."""
    made_by = "// Made by `python -m vgg_lib.book.explorers` from the library and its records."
    return f"{made_by}\nexplore.data = {_lines(data())};\n"


def _lines(value: Any) -> str:
    """Compact JSON, broken between items only where it would be longer than 900 characters."""
    flat = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    if len(flat) <= 900:
        return flat
    if isinstance(value, dict):
        items = [f"{json.dumps(name, ensure_ascii=False)}:{_lines(inside)}" for name, inside in value.items()]
    else:
        items = [_lines(inside) for inside in value]
    return flat[0] + "\n" + ",\n".join(items) + "\n" + flat[-1]


def photo() -> NDArray[np.uint8]:
    """The photograph under the receptive fields, ``(H, W, 3)``: *Chelsea* by Stéfan van der Walt, CC0."""
    from skimage.data import chelsea

    square = torch.tensor(chelsea()[56:216, 116:276]).permute(2, 0, 1)
    pixels: NDArray[np.uint8] = rescale(square, SIDE).permute(1, 2, 0).numpy()
    return pixels


def _view(layers: Sequence[Layer], place: int) -> Field:
    """What the unit over pixel ``place``, across and down, sees after these layers."""
    spacing, first = 1, 0
    for layer in layers:
        first -= layer.padding * spacing
        spacing *= layer.stride
    start = place // spacing * spacing + first
    end = start + receptive_field(layers)
    mask = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    mask[max(start, 0) : end, max(start, 0) : end] = True
    return Field(mask, (start, end))


def stills() -> dict[str, Figure]:
    """The picture of each explorer for readers without scripts: what it shows at first."""
    chosen = ("three 3×3", "one 7×7", "A’s first two stages", "D’s first two stages")
    views = {name.replace("’s first", ","): _view(stacks()[name], SIDE // 2) for name in chosen}
    channels = torch.tensor(neighbours()["channels"], dtype=torch.float32)
    testing = next(iter(recorded("testing")))
    arms = {str(e.protocol) + ", two nets" * bool(e.fused): [e.errors["top1"]] for e in testing.evaluations}
    return {
        "receptive-field": fields_on_photo(photo(), views),
        "network": costs_by_layer("D"),
        "evidence": seed_errors(arms, dict.fromkeys(arms, testing.run.network)),
        "neighbours": responses({"AlexNet's: k=2, α=0.0001, β=0.75": (channels, LocalResponseNorm())}),
        "verdict": errors_of_claim("depth", beside=False),
    }


def write(folder: Path) -> None:
    """Write ``data.js``, ``photo.png`` and the still pictures into a folder."""
    (folder / "data.js").write_text(script(), encoding="utf-8")
    Image.fromarray(photo()).save(folder / "photo.png", optimize=True)
    use_style()
    for name, figure in stills().items():
        drawn = io.BytesIO()
        figure.savefig(drawn, dpi=100)
        plt.close(figure)
        # sixty-four colours are enough for a figure, and a third of the bytes
        Image.open(drawn).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(
            folder / f"{name}.png", optimize=True
        )


if __name__ == "__main__":
    write(Path(sys.argv[1]))
