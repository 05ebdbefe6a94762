"""Weights from elsewhere: torchvision's, and those in the convention of the original release.

Both kinds are the same networks; they differ in what the inputs must look like. That is the weights' own affair, so
it is set here as the net's ``preprocessing`` and applied by ``evaluation.posteriors`` without a word from the user.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors.torch import load_file
from torch import Tensor

from vgg_lib.basics.errors import InputError, check_choice
from vgg_lib.networks.model import VGG, vgg
from vgg_lib.networks.preprocessing import Preprocessing
from vgg_lib.networks.table import Network

#: What inputs each convention's weights were trained on. torchvision gives its means and deviations for 0..1; the
#: original release works on 0..255, blue first (its means are those of the authors' Caffe files).
CONVENTIONS: dict[str, Preprocessing] = {
    "torchvision": Preprocessing(
        mean=(0.485 * 255, 0.456 * 255, 0.406 * 255), deviation=(0.229 * 255, 0.224 * 255, 0.225 * 255)
    ),
    "caffe": Preprocessing(mean=(103.939, 116.779, 123.68), order="BGR"),
}


def load_published(
    weights: str | Path | Mapping[str, Tensor],
    network: str | Network,
    convention: str = "torchvision",
    *,
    image_size: int = 224,
) -> VGG:
    """A net with weights from elsewhere, ready to test with, its preprocessing set.

    ``weights`` is a file (safetensors, or PyTorch's, of which tensors alone are read and no code is run) or a
    state_dict. Names are torchvision's (``features.0.weight``) or the paper's (``conv1_1.weight`` … ``fc8.bias``). The
    number of classes, the width and batch normalisation are read off the tensors.

    Raises :class:`InputError` for an unknown network or convention, for a file that is missing, cut off or holds
    code, and for tensors that are missing, left over, or of another network's shape; each says which.
    """
    check_choice("convention", convention, CONVENTIONS)
    origin = str(weights) if isinstance(weights, str | Path) else "the state_dict"
    tensors = dict(read_tensors(Path(weights)) if isinstance(weights, str | Path) else weights)
    with torch.device("meta"):
        draft = vgg(network, batch_norm=any("running_mean" in name for name in tensors), image_size=image_size)
    tensors = _torchvision_names(tensors, draft)
    _check_names(origin, tensors, draft)
    layers = draft.weight_layers()
    width = len(tensors["features.0.weight"]) / len(layers["conv1_1"].weight)
    net = vgg(
        network,
        num_classes=len(tensors["classifier.6.bias"]),
        image_size=image_size,
        width=width,
        batch_norm=draft.batch_norm,
    )
    for name, expected in net.state_dict().items():
        if tensors[name].shape != expected.shape:
            raise InputError(
                f"{origin} has {name} of shape {tuple(tensors[name].shape)}, where network {net.name} at {image_size} "
                f"pixels has {tuple(expected.shape)}: these are weights of another network"
            )
    net.load_state_dict(tensors)
    net.preprocessing = CONVENTIONS[convention]
    return net.to(memory_format=torch.channels_last).eval()


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The named tensors in a safetensors file, or in a PyTorch file, read without running any code in it.

    Raises :class:`InputError` for a file that is missing, cut off, holds code, or no named tensors.
    """
    if not path.is_file():
        raise InputError(f"there is no file of weights at {path}")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        held = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise InputError(f"{path} holds more than tensors, code perhaps: nothing of it was run or read") from error
    except Exception as error:  # a damaged file leads PyTorch's reader to errors of any kind
        reason = str(error).split(".")[0] or type(error).__name__
        raise InputError(f"{path} is cut off or no file of weights ({reason}): get it again") from error
    if not isinstance(held, Mapping) or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in held.items()):
        raise InputError(f"{path} holds a {type(held).__name__}, and a state_dict of named tensors was expected")
    return dict(held)


def _torchvision_names(tensors: Mapping[str, Tensor], draft: VGG) -> dict[str, Tensor]:
    """The same tensors by torchvision's names, whichever of the two ways they are named."""
    places = {id(layer): name for name, layer in draft.named_modules()}
    by_paper = {
        f"{paper}.{kind}": f"{places[id(layer)]}.{kind}"
        for paper, layer in draft.weight_layers().items()
        for kind in ("weight", "bias")
    }
    return {by_paper.get(name, name): tensor for name, tensor in tensors.items()}


def _check_names(origin: str, tensors: Mapping[str, Tensor], draft: VGG) -> None:
    expected = set(draft.state_dict())
    for what, names in (("lacks", expected - set(tensors)), ("also has", set(tensors) - expected)):
        if names:
            some = ", ".join(sorted(names)[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            raise InputError(
                f"{origin} {what} {some}, so it does not hold network {draft.name}: choose the network it was made for"
            )
