"""Trained nets as files: weights in safetensors, with all that is needed to use them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from vgg_lib.basics.errors import InputError
from vgg_lib.basics.files import is_file, replacing
from vgg_lib.basics.folders import expanded
from vgg_lib.basics.kinds import kind_of, looks_like_pytorch
from vgg_lib.networks.model import VGG, vgg
from vgg_lib.networks.preprocessing import Preprocessing
from vgg_lib.networks.table import Layer, Network
from vgg_lib.training.runs import Run, run_from_json, to_json

#: The entry of a file's metadata that holds the description of the net.
_ENTRY = "vgg_lib"


def save_net(
    net: VGG, path: str | Path, *, classes: tuple[str, ...] = (), run: Run | None = None, boxes: bool = False
) -> Path:
    """Write a net to ``path`` (safetensors): weights, network, preprocessing, the names of its classes, its run.

    ``boxes`` says that its outputs are boxes, of each class or of all, and no scores of classes. The file is there
    whole or not at all. Raises :class:`InputError` where it cannot be written.
    """
    return write(net.state_dict(), describe(net, classes, run) | ({"boxes": True} if boxes else {}), path)


def describe(net: VGG, classes: tuple[str, ...] = (), run: Run | None = None) -> dict[str, Any]:
    """All of a net but its weights, as JSON has it."""
    return {
        "name": net.name,
        "stages": to_json(net.network.stages),
        "num_classes": net.num_classes,
        "image_size": net.image_size,
        "width": net.width,
        "batch_norm": net.batch_norm,
        "dropout": net.dropout,
        "preprocessing": to_json(net.preprocessing),
        "classes": list(classes),
        "run": to_json(run) if run else None,
    }


def write(tensors: dict[str, Tensor], described: dict[str, Any], path: str | Path) -> Path:
    """Write the tensors of a net, with what :func:`describe` says of it; raises what :func:`save_net` raises.

    Weights may be int8, each then with a ``….scale`` of as many numbers as it has output channels.
    """
    path = expanded(path)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as part:
        part.touch()
        usual = part.stat().st_mode
        try:
            save_file(tensors, part, metadata={_ENTRY: json.dumps(described)})
            part.chmod(usual)  # safetensors writes for the owner alone
        except SafetensorError as error:
            raise OSError(error) from error
    return path


def load_net(path: str | Path, network: str | None = None) -> tuple[VGG, tuple[str, ...]]:
    """The net in a file that :func:`save_net` wrote, ready to test with, and the names of its classes.

    Raises :class:`InputError` when the file is missing, cannot be read, is cut off, not of this library, or, with
    ``network`` given, of another network.
    """
    path = expanded(path)
    raw, tensors = read(path)
    try:
        described = msgspec.convert(raw, _Described)
        names = len(described.classes)
        if names and described.num_classes not in (names, 4 * names, 4):  # scores, or boxes: of each class, or of all
            raise ValueError(f"{names} names for {described.num_classes} classes")
        with torch.device("meta"):  # no memory is taken before it is known to be needed
            net = vgg(
                Network(*described.stages),
                num_classes=described.num_classes,
                image_size=described.image_size,
                width=described.width,
                batch_norm=described.batch_norm,
                dropout=described.dropout,
            )
        net.load_state_dict(floats(tensors), assign=True)
        net.float()
    except Exception as error:  # whatever a description of nothing leads to
        raise InputError(f"{path} does not describe a net of this library ({error}): write it again") from error
    if network is not None and described.name != network:
        raise InputError(f"{path} holds a net of network {described.name}, and {network} was asked for")
    net.name, net.preprocessing = described.name, described.preprocessing
    return net.to(memory_format=torch.channels_last).eval(), described.classes


def load_classifier(path: str | Path, network: str | None = None) -> tuple[VGG, tuple[str, ...]]:
    """:func:`load_net` where scores of classes are wanted; raises :class:`InputError` for a net that predicts boxes."""
    if predicts_boxes(path):
        raise InputError(
            f"{path} predicts boxes and no classes: give the classifier that it was made from, or another one"
        )
    return load_net(path, network)


def predicts_boxes(path: str | Path) -> bool:
    """Whether a file holds a net that predicts boxes; raises what :func:`load_net` raises for what is no such file."""
    described, _ = read(path, whole=False)
    classes = described.get("classes")
    several = isinstance(classes, list) and len(classes) not in (0, described.get("num_classes"))
    return bool(described.get("boxes")) or several  # older files have no entry for it


@dataclass(frozen=True)
class _Described:
    """What :func:`describe` says of a net, as it must be to build one."""

    name: str
    stages: tuple[tuple[Layer, ...], ...]
    num_classes: int
    image_size: int
    width: float
    batch_norm: bool
    dropout: float
    preprocessing: Preprocessing
    classes: tuple[str, ...] = ()


def floats(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Whole numbers times the scale of their output channel; other tensors as they are."""
    out = {name: tensor for name, tensor in tensors.items() if not name.endswith(".scale")}
    for name in [name for name, tensor in out.items() if tensor.dtype == torch.int8]:
        whole = out[name]
        out[name] = whole.float() * tensors[f"{name}.scale"].view(-1, *[1] * (whole.ndim - 1))
    return out


def run_of(path: str | Path) -> Run:
    """The run that made the weights in a file; raises what :func:`load_net` raises, and where no run is named."""
    described, _ = read(path, whole=False)
    if "run" in described and not described["run"]:
        raise InputError(f"{path} does not say which run made it: `vgg-lib train` writes weights that do")
    try:
        return run_from_json(described["run"])
    except Exception as error:  # whatever a description of nothing leads to
        raise InputError(f"{path} does not describe a run of this library ({error}): train it again") from error


def read(path: str | Path, *, whole: bool = True) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The description and the tensors in a file of :func:`save_net`; raises what :func:`load_net` raises.

    Without ``whole`` no tensor is read: the paper's D has half a gigabyte of them.
    """
    path = expanded(path)
    if not is_file(path):
        raise InputError(f"there is no file of weights at {path}: `vgg-lib train` writes one")
    try:
        path.open("rb").close()  # safetensors says of one that it may not read that there is none
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check its permissions") from error
    try:
        with safe_open(path, framework="pt") as file:
            described = (file.metadata() or {}).get(_ENTRY)
            tensors = {name: file.get_tensor(name) for name in (file.keys() if whole else ())}
    except Exception as error:  # a damaged file leads to errors of any kind
        kind = kind_of(path)
        reason, way_out = (f"it is {kind.name}", kind.way_out) if kind else (error, "write or copy it again")
        if looks_like_pytorch(path):
            reason, way_out = "it is PyTorch's", "`load_published` reads weights from elsewhere"
        raise InputError(f"{path} is not a whole safetensors file ({reason}): {way_out}") from error
    if described is None:
        raise InputError(f"{path} holds weights but not which net they belong to: it was not written by vgg_lib")
    try:
        raw = json.loads(described)
        if not isinstance(raw, dict):
            raise ValueError(f"a {type(raw).__name__}")
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} does not describe a net of this library ({error}): write it again") from error
    return raw, tensors


def carried() -> tuple[VGG, tuple[str, ...]]:
    """The net that comes with the library, and its classes: network A on the embedded things, scale jitter.

    Its run, recorded under ``things``, can be made again with ``vgg-lib train --network A --preset quick
    --scale 36-72 --epochs 60 --width 0.125``.
    """
    return load_net(Path(str(files("vgg_lib") / "weights_carried" / "things.safetensors")))
