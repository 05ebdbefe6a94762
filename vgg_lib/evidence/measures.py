"""What is measured of a trained net beside its errors, by name: it stands in the record, since weights do not last."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vgg_lib.basics.errors import InputError
from vgg_lib.data.folder import photo_folder
from vgg_lib.data.imagenette import photographs_folder
from vgg_lib.data.photos import Photos
from vgg_lib.tasks.transfer import EVIDENCE, evaluate_transfer
from vgg_lib.training.loop import build
from vgg_lib.training.trained import Trained


@dataclass(frozen=True, slots=True)
class Measure:
    """``take`` measures a trained net, given its training and the data's folder; ``check`` sees beforehand that it can.

    Both raise :class:`InputError` where the data is missing.
    """

    take: Callable[[Trained, str | Path | None], dict[str, Any]]
    check: Callable[[str | Path | None], object]


def transfer(trained: Trained, root: str | Path | None = None) -> dict[str, Any]:
    """App. B: errors of linear SVMs on the net's features of other photographs, in percent.

    ``error`` is that on the last hidden layer's features, ``classes`` the same for each class; ``layers`` are those of
    the layers from first to last.
    """
    train, test = _transfer_photos(root)
    of_net = {one.layer: one for one in evaluate_transfer(trained.net, train, test, EVIDENCE)}
    last = of_net["fc7"]
    return {
        "error": last.error,
        "classes": last.errors,
        "layers": {layer: one.error for layer, one in of_net.items()},
        "cost": last.cost,
        "data": {"train": train.fingerprint, "test": test.fingerprint},
    }


def transfer_untrained(trained: Trained, root: str | Path | None = None) -> dict[str, Any]:
    """What :func:`transfer` gives on the last hidden layer with the weights that the training started from."""
    net = build(trained.run, len(trained.classes))
    net.preprocessing = trained.net.preprocessing
    [last] = evaluate_transfer(net, *_transfer_photos(root), dataclasses.replace(EVIDENCE, layers=("fc7",)))
    return {"error": last.error, "cost": last.cost}


def _transfer_photos(root: str | Path | None) -> tuple[Photos, Photos]:
    """The training and test photographs of another data set; raises :class:`InputError` where it is missing."""
    folder = photographs_folder(root) / EVIDENCE.folder
    if not folder.is_dir():
        raise InputError(
            f"transfer is measured on {folder}, which is not there: put CIFAR-10's pictures there, "
            "as train/CLASS/*.jpg and test/CLASS/*.jpg"
        )
    return photo_folder(folder, "train"), photo_folder(folder, "test")


#: By the name that claims know them by.
MEASURES = {
    "transfer": Measure(transfer, _transfer_photos),
    "untrained": Measure(transfer_untrained, _transfer_photos),
}
