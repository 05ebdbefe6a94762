"""Weights from elsewhere: torchvision's, and those in the convention of the original release.

Both kinds are the same networks; they differ in what the inputs must look like. That is the weights' own affair, so
it is set here as the net's ``preprocessing`` and applied by ``evaluation.posteriors`` without a word from the user.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vgg_lib.basics.errors import InputError, InputWarning, check_choice
from vgg_lib.basics.folders import expanded
from vgg_lib.networks.model import VGG, vgg
from vgg_lib.networks.preprocessing import Preprocessing
from vgg_lib.networks.table import Network
from vgg_lib.networks.weight_files import read_tensors, unwrap
from vgg_lib.networks.weight_names import HEAD, is_of_the_authors_release, nearest_network, torchvision_names

#: What inputs each convention's weights were trained on. torchvision gives its means and deviations for 0..1; the
#: original release works on 0..255, blue first (its means are those of the authors' Caffe files).
CONVENTIONS: dict[str, Preprocessing] = {
    "torchvision": Preprocessing(
        mean=(0.485 * 255, 0.456 * 255, 0.406 * 255), deviation=(0.229 * 255, 0.224 * 255, 0.225 * 255)
    ),
    "caffe": Preprocessing(mean=(103.939, 116.779, 123.68), order="BGR"),
}

#: What weights may be in; quantised nets have others.
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def load_published(
    weights: str | Path | Mapping[str, Any],
    network: str | Network,
    convention: str = "torchvision",
    *,
    image_size: int = 224,
) -> VGG:
    """A net with weights from elsewhere, ready to test with, its preprocessing set.

    ``weights`` is a file (safetensors, or PyTorch's, of which tensors alone are read and no code is run) or a
    state_dict; a training program's dict with one inside does as well. Names are torchvision's
    (``features.0.weight``) or the paper's (``conv1_1.weight`` … ``fc8.bias``), with what wrappers add to them. The
    number of classes, the width and batch normalisation are read off the tensors. Layers ``fc6`` to ``fc8`` may be
    missing: a warning says so, and the net then answers that all classes are equally probable.

    Raises :class:`InputError` for an unknown network or convention, for a file that is missing, cut off, something
    else or holds code, and for tensors that are missing, left over, of another network's shape, not finite or not
    floating-point; each says which.
    """
    check_choice("convention", convention, CONVENTIONS)
    origin = str(weights) if isinstance(weights, str | Path) else "the state_dict"
    tensors = read_tensors(expanded(weights)) if isinstance(weights, str | Path) else unwrap(weights, origin)
    if convention == "torchvision" and is_of_the_authors_release(tensors):
        warnings.warn(
            f"{origin} is named like the conversion of the authors' release, whose inputs are blue first, 0..255: "
            "they are given to it with convention='caffe'",
            InputWarning,
            stacklevel=2,
        )
    with torch.device("meta"):
        draft = vgg(network, batch_norm=any("running_mean" in name for name in tensors), image_size=image_size)
    tensors = torchvision_names(tensors, draft, origin)
    _check_names(origin, tensors, draft)
    _check_values(origin, tensors)
    net = _empty(origin, tensors, network, draft)
    _fill_and_check_shapes(origin, tensors, net)
    if not any(tensor.is_meta for tensor in tensors.values()):
        net.to_empty(device="cpu")
    net.load_state_dict(tensors)
    net.preprocessing = CONVENTIONS[convention]
    return net.to(memory_format=torch.channels_last).eval()


def _empty(origin: str, tensors: Mapping[str, Tensor], network: str | Network, draft: VGG) -> VGG:
    """A net of the classes and the width that the tensors have, which takes no memory yet."""
    bias = tensors.get("classifier.6.bias")
    try:
        with torch.device("meta"):
            return vgg(
                network,
                num_classes=1000 if bias is None else bias.numel(),
                image_size=draft.image_size,
                width=_width(tensors, draft),
                batch_norm=draft.batch_norm,
            )
    except InputError as error:
        raise InputError(f"{origin} holds no VGG network: {error}") from None


def _width(tensors: Mapping[str, Tensor], draft: VGG) -> float:
    """A width at which each layer has as many channels as the tensors: rounded down, they have many in common."""
    channels = [
        (len(full), tensors[name].numel())
        for name, full in draft.state_dict().items()
        if name.endswith("bias") and name in tensors and name != "classifier.6.bias"
    ]
    width = max(count / of for of, count in channels)
    if any(int(of * width) != count for of, count in channels):
        width = math.nextafter(width, math.inf)  # times ``of`` the ratio may be rounded to just below the count
    return width


def _fill_and_check_shapes(origin: str, tensors: dict[str, Tensor], net: VGG) -> None:
    """Zeros for layers that are missing, and an error for tensors of another network."""
    for name, expected in net.state_dict().items():
        if name not in tensors:
            tensors[name] = torch.zeros(expected.shape)
        elif tensors[name].shape != expected.shape:
            raise InputError(
                f"{origin} has {name} of shape {tuple(tensors[name].shape)}, where network {net.name} at "
                f"{net.image_size} pixels has {tuple(expected.shape)}: these are weights of another network"
            )


def _check_names(origin: str, tensors: Mapping[str, Tensor], draft: VGG) -> None:
    """Refuse other names than the net's; warn of fully connected layers that are missing."""
    expected, found = set(draft.state_dict()), set(tensors)
    strange = found - expected
    lost = [name for name, place in HEAD.items() if not {f"{place}.weight", f"{place}.bias"} & found]
    missing = {name for name in expected - found if name.rpartition(".")[0] not in [HEAD[name] for name in lost]}
    if not missing and not strange:
        if lost:
            warnings.warn(
                f"{origin} has no {', '.join(lost)}: the net has its features, and cannot tell classes apart",
                InputWarning,
                stacklevel=3,
            )
        return
    nearest = nearest_network(tensors)
    if nearest is None:
        raise InputError(
            f"{origin} holds no VGG network, whose tensors are called features.0.weight, say, or conv1_1.weight: "
            f"it has {_some(found)}"
        )
    told = f"lacks {_some(missing)}" if missing else f"also has {_some(strange)}"
    way_out = "choose the network it was made for" if nearest == draft.name else f"it is nearest to network {nearest}"
    raise InputError(f"{origin} {told}, so it does not hold network {draft.name}: {way_out}")


def _some(names: Collection[str]) -> str:
    return ", ".join(sorted(names)[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _check_values(origin: str, tensors: Mapping[str, Tensor]) -> None:
    """Refuse what is no weight: numbers that quantised nets have, and what is not finite."""
    for name, tensor in tensors.items():
        if name.endswith("num_batches_tracked"):
            continue
        if tensor.dtype not in _FLOATS or tensor.layout != torch.strided:
            kind = "sparse " * (tensor.layout != torch.strided) + str(tensor.dtype).removeprefix("torch.")
            raise InputError(f"{origin} has {name} in {kind}: get weights in float32, neither quantised nor sparse")
        if not tensor.is_meta and not bool(tensor.isfinite().all()):
            raise InputError(f"{origin} has values in {name} that are not finite: the training that made it diverged")
