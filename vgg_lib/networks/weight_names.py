"""The names that tensors have in files of weights: torchvision's, the paper's, and others' made torchvision's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from vgg_lib.basics.errors import InputError
from vgg_lib.networks.model import VGG, vgg
from vgg_lib.networks.table import NETWORKS

#: What wrappers of nets add to names, anywhere in them.
_WRAPPERS = {"module", "_orig_mod"}

#: Where a tensor's own name begins, whatever nets it is a part of come before it.
_BEGINS = re.compile(r"features|classifier|pre_logits|head|conv\d_\d|fc[678]")

#: Torchvision's names of the fully connected layers as timm calls them.
_TIMM = {"pre_logits.fc1": "classifier.0", "pre_logits.fc2": "classifier.3", "head.fc": "classifier.6"}

#: Names of layers that have no name but a number, behind one name perhaps that holds them all.
_NUMBERED = re.compile(r"((?!features|classifier)\w+\.)?\d+\.\w+")

#: Torchvision's names of the fully connected layers.
HEAD = {"fc6": "classifier.0", "fc7": "classifier.3", "fc8": "classifier.6"}


def torchvision_names(tensors: Mapping[str, Tensor], draft: VGG, origin: str) -> dict[str, Tensor]:
    """The same tensors by the names that torchvision gives them.

    Understood are torchvision's names, timm's and the paper's, behind prefixes, with what data-parallel training and
    compiling add; a feature extractor saved alone (``0.weight``); fully connected layers at other places of
    ``classifier``, such as 1 and 4 in the conversion of the authors' release, or as convolutions; and batch
    normalisation that counts no batches.

    Raises :class:`InputError` for a file that holds several nets.
    """
    places = {id(layer): name for name, layer in draft.named_modules()}
    usual = _TIMM | {paper: places[id(layer)] for paper, layer in draft.weight_layers().items()}
    extractor = all(_NUMBERED.fullmatch(_plain(name)) for name in tensors)
    named: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        layer, _, kind = _plain(name).rpartition(".")
        if extractor:
            layer = "features." + layer.rpartition(".")[2]
        layer = usual.get(layer, layer)
        plain = f"{layer}.{kind}" if layer else kind
        if plain in named:
            raise InputError(f"{origin} holds several nets, of which {name} is one's: give the weights of one net")
        dense = tensor.ndim == 4 and layer.startswith("classifier")  # a convolution over all of the map
        named[plain] = tensor.flatten(1) if dense else tensor
    named = _in_their_places(named)
    for name in draft.state_dict():
        if name.endswith("num_batches_tracked") and name.replace("num_batches_tracked", "running_mean") in named:
            named.setdefault(name, torch.tensor(0))
    return named


def _plain(name: str) -> str:
    """A tensor's own name, without what the nets around it have added."""
    parts = [part for part in name.split(".") if part not in _WRAPPERS]
    begin = max((i for i, part in enumerate(parts) if _BEGINS.fullmatch(part)), default=0)
    return ".".join(parts[begin:])


def _in_their_places(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Three fully connected layers are fc6, fc7 and fc8, at whatever places of ``classifier`` they are."""
    found = sorted({int(name.split(".")[1]) for name in tensors if re.fullmatch(r"classifier\.\d+\.\w+", name)})
    if len(found) != len(HEAD):
        return dict(tensors)
    places = {f"classifier.{there}": place for there, place in zip(found, HEAD.values(), strict=True)}
    renamed = {}
    for name, tensor in tensors.items():
        layer, _, kind = name.rpartition(".")
        renamed[f"{places.get(layer, layer)}.{kind}"] = tensor
    return renamed


def is_of_the_authors_release(names: Iterable[str]) -> bool:
    """Whether fully connected layers are at the places where the conversion of the authors' Caffe files has them."""
    return {"classifier.1.weight", "classifier.4.weight"} <= {_plain(name) for name in names}


def nearest_network(tensors: Mapping[str, Tensor]) -> str | None:
    """The network of Table 1 whose layers are most like these, by name and filter; ``None`` where hardly any is."""
    have = {(name, tensor.shape[2:]) for name, tensor in tensors.items()}
    batch_norm = any("running_mean" in name for name in tensors)
    scores = {}
    for network in NETWORKS:
        with torch.device("meta"):
            state = vgg(network, batch_norm=batch_norm).state_dict()
        wanted = {(name, tensor.shape[2:]) for name, tensor in state.items()}
        scores[network] = len(have & wanted) / len(have | wanted)
    best = max(scores, key=lambda network: scores[network])
    return best if scores[best] > 0.4 else None
