"""Files of weights from elsewhere: whatever they are wrapped in, tensors by name; no code in them is run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import ZipFile, is_zipfile

import torch
from safetensors.torch import load_file
from torch import Tensor

from vgg_lib.basics.errors import InputError
from vgg_lib.basics.files import is_file, is_folder
from vgg_lib.basics.kinds import is_web_address, kind_of, looks_like_pytorch, looks_like_safetensors

#: Entries that hold the weights in what training programs save, beside others that do: averaged ones, say.
_WRAPPINGS = ("state_dict", "model_state_dict", "model", "net", "network", "weights", "params")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The named tensors in a safetensors file, or in a PyTorch file, read without running any code in it.

    Which of the two it is, its content says and not its name. Raises :class:`InputError` for a file that is missing,
    cannot be read, is cut off, something else, or holds code, or no named tensors.
    """
    if is_web_address(path):
        raise InputError(f"{path} is a web address: download it, and give the file")
    if is_folder(path):
        raise InputError(f"{path} is a folder: name the file of weights in it")
    if not is_file(path):
        raise InputError(f"there is no file of weights at {path}")
    kind = kind_of(path)
    if kind is not None:
        raise InputError(f"{path} is cut off or no file of weights (it is {kind.name}): {kind.way_out}")
    try:
        if looks_like_safetensors(path):
            return load_file(path)
        with path.open("rb") as file:  # of a path PyTorch would believe the ending
            held = torch.load(file, map_location="cpu", weights_only=True)
    except PermissionError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check its permissions") from error
    except UnpicklingError as error:
        if not looks_like_pytorch(path):
            raise InputError(f"{path} is no file of weights (it is in no form that is known): get it again") from error
        raise InputError(
            f"{path} holds more than tensors, code perhaps: nothing of it was run or read. Who made it can save its "
            "state_dict alone"
        ) from error
    except Exception as error:  # a damaged file leads PyTorch's reader to errors of any kind
        if "TorchScript" in str(error):
            raise InputError(f"{path} is a TorchScript program: save the state_dict of the net in it") from error
        if _is_another_archive(path):
            raise InputError(f"{path} is no file of weights (it is an archive of others): unpack it first") from error
        reason = str(error).split(".")[0] or type(error).__name__
        raise InputError(f"{path} is cut off or no file of weights ({reason}): get it again") from error
    return unwrap(held, str(path))


def _is_another_archive(path: Path) -> bool:
    """Whether a file is a zip archive, and none of PyTorch's."""
    if not is_zipfile(path):
        return False
    try:
        with ZipFile(path) as archive:
            return not any(name.endswith("data.pkl") for name in archive.namelist())
    except Exception:  # a damaged table of contents leads Python's reader to errors of several kinds
        return False


def unwrap(held: Any, origin: str) -> dict[str, Tensor]:
    """The named tensors in what was saved: a state_dict, or a dict that has one among other things.

    Raises :class:`InputError` naming what is there, where that is neither.
    """
    inside = held
    for _ in range(3):  # a checkpoint of a checkpoint is enough
        if not isinstance(inside, Mapping):
            break
        inner = _inside(inside, origin)
        if inner is None:
            break
        inside = inner
    if not isinstance(inside, Mapping):
        raise InputError(f"{origin} holds a {type(held).__name__}, and a state_dict of named tensors was expected")
    tensors = {name: value for name, value in inside.items() if isinstance(name, str) and isinstance(value, Tensor)}
    if not tensors:
        found = ", ".join(map(repr, list(inside)[:5])) or "nothing"
        raise InputError(f"{origin} holds a dict of {found}, and a state_dict of named tensors was expected")
    return tensors


def _inside(held: Mapping[Any, Any], origin: str) -> Mapping[Any, Any] | None:
    """What holds the weights in a dict: an entry of a usual name, else the only one of tensors; ``None`` without."""
    usual = [held[name] for name in _WRAPPINGS if isinstance(held.get(name), Mapping)]
    if usual or _has_tensors(held):
        return next(iter(usual), None)
    others = {name: entry for name, entry in held.items() if _has_tensors(entry)}
    if len(others) > 1:
        raise InputError(f"{origin} holds several nets, {', '.join(map(repr, others))}: give the weights of one")
    return next(iter(others.values()), None)


def _has_tensors(held: Any) -> bool:
    return isinstance(held, Mapping) and any(isinstance(value, Tensor) for value in held.values())
