"""Trained nets for the page that answers and for a fresh install: normalisation folded, weights of one byte each.

A net that is carried is a file of weights like any other, which :func:`~vgg_lib.training.weights.load_net` reads, but
a quarter of the size, and it says how often the net errs, before and after.
"""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import torch
from torch import Tensor, nn

from vgg_lib.basics.errors import InputError
from vgg_lib.data.photos import Photos
from vgg_lib.data.rescaling import rescale
from vgg_lib.evaluation.posteriors import score_map
from vgg_lib.evidence.store import Store
from vgg_lib.evidence.testing import evaluate
from vgg_lib.networks.model import VGG, vgg
from vgg_lib.training.photographs import photos_to_test
from vgg_lib.training.runs import Run, to_json
from vgg_lib.training.weights import describe, floats, load_net, read, run_of, write

#: By how many percentage points of top-1 error a net of bytes may be worse than the net it was made from.
MAY_RISE = 0.5

#: The shares of tested photographs by whose highest scores the page ranks that of another one: 5 %, 10 %, … 95 %.
SHARES = torch.arange(1, 20) / 20

#: The nets that the page is made for, as :func:`name_of` calls them.
WANTED = ("A", "B-5x5", "D", "D-jittered")

#: Where the nets are that come with the library.
FOLDER = Path(str(files("vgg_lib") / "weights_carried"))


def folded(net: VGG) -> VGG:
    """The same function without batch normalisation, which at test time scales and shifts each channel.

    A convolution's weights and bias take both over: ``w·γ/√(σ²+ε)`` and ``(b−μ)·γ/√(σ²+ε)+β``.
    """
    made = vgg(
        net.network, num_classes=net.num_classes, image_size=net.image_size, width=net.width, dropout=net.dropout
    )
    made.name, made.preprocessing = net.name, net.preprocessing
    with torch.no_grad():
        for (name, layer), target in zip(net.weight_layers().items(), made.weight_layers().values(), strict=True):
            assert layer.bias is not None and target.bias is not None
            scale, shift = torch.ones(len(layer.weight)), torch.zeros(len(layer.weight))
            if net.batch_norm and isinstance(layer, nn.Conv2d):
                scale, shift = _affine(net.normalisation(name))
            target.weight.copy_(layer.weight * _per_channel(scale, layer.weight))
            target.bias.copy_(layer.bias * scale + shift)
    return made.to(memory_format=torch.channels_last).eval()


def _affine(normalisation: nn.Module) -> tuple[Tensor, Tensor]:
    """What a batch normalisation multiplies each channel by at test time, and adds to it."""
    assert isinstance(normalisation, nn.BatchNorm2d) and normalisation.running_var is not None
    assert normalisation.running_mean is not None
    scale = normalisation.weight / (normalisation.running_var + normalisation.eps).sqrt()
    return scale, normalisation.bias - normalisation.running_mean * scale


def quantised(net: VGG) -> VGG:
    """The net that bytes hold: folded, and its weights rounded to them."""
    made = folded(net)
    made.load_state_dict(floats(tensors_in_bytes(net)))
    return made


def _per_channel(values: Tensor, weight: Tensor) -> Tensor:
    """One value an output channel, in the shape that multiplies ``weight``."""
    return values.view(-1, *[1] * (weight.ndim - 1))


def in_bytes(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Weights ``(out, …)`` as whole numbers from -127 to 127, int8, and the scale of each output channel ``(out,)``.

    >>> whole, scale = in_bytes(torch.tensor([[0.5, -1.0], [0.0, 0.0]]))
    >>> whole.tolist(), scale.tolist()
    ([[64, -127], [0, 0]], [0.007874015718698502, 1.0])
    """
    scale = weight.flatten(1).abs().amax(1) / 127
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    return (weight / _per_channel(scale, weight)).round().to(torch.int8), scale


def tensors_in_bytes(net: VGG) -> dict[str, Tensor]:
    """The ``state_dict`` of a net, normalisation folded, its weights as bytes beside their scales."""
    out: dict[str, Tensor] = {}
    for name, tensor in folded(net).state_dict().items():
        if name.endswith(".weight"):
            out[name], out[f"{name}.scale"] = in_bytes(tensor)
        else:
            out[name] = tensor
    return out


@torch.inference_mode()
def highest_scores(net: VGG, photos: Photos, scale: int) -> Tensor:
    """The highest logit of each photograph ``(N,)``, averaged over the map and the mirror image, at test scale Q."""
    out = []
    for i in range(len(photos)):
        x = net.preprocessing(rescale(photos.images[i][None], scale))
        out.append(score_map(net, torch.cat([x, x.flip(-1)])).mean((0, 2, 3)).amax())
    return torch.stack(out)


def name_of(run: Run) -> str:
    """What a carried net is called: ``D``, or ``D-jittered`` where its training scale was."""
    return run.network if isinstance(run.scale, int) else f"{run.network}-jittered"


def carry(
    weights: Path, store: Store, folder: Path = FOLDER, *, root: Path | None = None, progress: bool = True
) -> Path:
    """Write the net in ``weights`` into ``folder`` as it is carried: folded, in bytes, tested where its run says.

    Its record, from which the page has the error before, must be in ``store``. Raises :class:`InputError` where it is
    not, for weights that name no run, and when the error rises by more than :data:`MAY_RISE` points.
    """
    run, (net, classes) = run_of(weights), load_net(weights)
    record = store.find(run)
    if record is None:
        raise InputError(f"{store.path} has no record of run {run.key}, which made {weights}: name the file that has")
    small, photos = quantised(net), photos_to_test(run, root)
    after = evaluate(small, photos, run.protocol, run.test_set, progress=progress)
    rise = after.errors["top1"] - record.error
    if rise > MAY_RISE:
        raise InputError(
            f"in bytes the net of {weights} errs {rise:.1f} points more often, and {MAY_RISE} are allowed: "
            "it is not carried"
        )
    ranks = highest_scores(small, photos, run.protocol.scales[0]).quantile(SHARES)
    own = tuple(replace(e, posteriors=None) for e in record.evaluations if e.protocol == run.protocol and not e.fused)
    light = replace(record, evaluations=own, measurements={})
    tested = {"record": json.loads(light.to_line()), "bytes": to_json(after), "ranks": ranks.tolist()}
    described = describe(small, classes, run) | {"tested": tested}
    return write(tensors_in_bytes(net), described, folder / f"{name_of(run)}.safetensors")


def carried_nets(folder: Path = FOLDER) -> dict[str, Path]:
    """The nets in a folder that :func:`carry` wrote, by name: those that the page wants first, in its order."""
    found = {path.stem: path for path in sorted(folder.glob("*.safetensors")) if "tested" in read(path)[0]}
    return {name: found[name] for name in [*(w for w in WANTED if w in found), *(f for f in found if f not in WANTED)]}


def best_carried() -> Path:
    """The carried net that errs least."""
    return min(carried_nets().values(), key=lambda path: read(path)[0]["tested"]["bytes"]["errors"]["top1"])
