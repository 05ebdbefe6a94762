"""What is measured of a trained net beside its errors, by name: it stands in the record, since weights do not last."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from vgg_lib.basics import machine
from vgg_lib.basics.errors import InputError
from vgg_lib.data.folder import photo_folder
from vgg_lib.data.imagenette import photographs_folder, squashed
from vgg_lib.data.images import Images, ImageTensor
from vgg_lib.data.photos import Photos
from vgg_lib.data.rescaling import middle
from vgg_lib.networks.model import VGG
from vgg_lib.networks.response_norm import LocalResponseNorm
from vgg_lib.networks.signals import Signal
from vgg_lib.tasks.box_file import Boxed, boxed, boxed_from_file
from vgg_lib.tasks.boxes import WHOLE, sides
from vgg_lib.tasks.carried_photographs import FOLDER, carried_photographs
from vgg_lib.tasks.linear_svm import check_scikit_learn
from vgg_lib.tasks.localisation import Localisation, error_of, hits, mean_box, predict_boxes, train_boxes
from vgg_lib.tasks.transfer import EVIDENCE, evaluate_pixels, evaluate_transfer
from vgg_lib.training.loop import prepare, untrained
from vgg_lib.training.parallel import Team
from vgg_lib.training.photographs import photographs, photos_to_test, photos_to_train
from vgg_lib.training.runs import Run
from vgg_lib.training.signals import signals_at
from vgg_lib.training.trained import Trained


class Taking(Protocol):
    """What measures a trained net."""

    def __call__(self, trained: Trained, root: str | Path | None = None, *, progress: bool = False) -> dict[str, Any]:
        """The measurements, as JSON has them."""
        ...


@dataclass(frozen=True, slots=True)
class Measure:
    """``take`` measures a trained net, given its training and the data's folder; ``check`` sees beforehand that it can.

    With ``progress`` taking shows how far it is, where it takes long. Both raise :class:`InputError` where the data is
    missing. A net that diverged is measured only where ``of_diverged`` says so. ``fits`` says of which runs' nets there
    is something that can be measured; ``on_own`` that it looks at photographs which the run trains or is tested on.
    """

    take: Taking
    check: Callable[[str | Path | None], object] = lambda root: None
    of_diverged: bool = False
    fits: Callable[[Run], bool] = lambda run: True
    on_own: bool = False


def transfer(trained: Trained, root: str | Path | None = None, *, progress: bool = False) -> dict[str, Any]:
    """App. B: errors of linear SVMs on the net's features of other photographs, in percent.

    ``error`` is that on the last hidden layer's features, ``classes`` the same for each class; ``layers`` are those of
    the layers from first to last.
    """
    train, test = _transfer_photos(root)
    of_net = {one.layer: one for one in evaluate_transfer(trained.net, train, test, EVIDENCE, progress=progress)}
    last = of_net["fc7"]
    return {
        "error": last.error,
        "classes": last.errors,
        "layers": {layer: one.error for layer, one in of_net.items()},
        "cost": last.cost,
        "data": _fingerprints(train, test),
    }


def transfer_untrained(trained: Trained, root: str | Path | None = None, *, progress: bool = False) -> dict[str, Any]:
    """What :func:`transfer` gives on the last hidden layer with the random weights of the run's seed."""
    net = untrained(trained.run, trained.net).to(next(trained.net.parameters()).device)
    how = dataclasses.replace(EVIDENCE, layers=("fc7",))
    train, test = _transfer_photos(root)
    [last] = evaluate_transfer(net, train, test, how, progress=progress)
    return {"error": last.error, "cost": last.cost, "data": _fingerprints(train, test)}


def transfer_of_pixels(trained: Trained, root: str | Path | None = None, *, progress: bool = False) -> dict[str, Any]:
    """What :func:`transfer` gives on the pixels themselves: no net has part in it, so that it is the same for all."""
    train, test = _transfer_photos(root)
    found = evaluate_pixels(train, test, EVIDENCE, progress=progress)
    return {
        "error": found.error,
        "classes": found.errors,
        "cost": found.cost,
        "data": _fingerprints(train, test),
    }


def _transfer_photos(root: str | Path | None) -> tuple[Photos, Photos]:
    """The training and test photographs of another data set.

    Raises :class:`InputError` where it is missing, or what the SVM needs.
    """
    check_scikit_learn()
    folder = photographs_folder(root) / EVIDENCE.folder
    if not folder.is_dir():
        raise InputError(
            f"transfer is measured on {folder}, which is not there: put CIFAR-10's pictures there, "
            "as train/CLASS/*.jpg and test/CLASS/*.jpg"
        )
    return photo_folder(folder, "train"), photo_folder(folder, "test")


def _fingerprints(train: Photos, test: Photos) -> dict[str, str]:
    return {"train": train.fingerprint, "test": test.fingerprint}


#: Table 8's three box nets, by the names that the paper has for them; the scale is that of the classifier's run.
BOX_NETS = {
    "SCR": Localisation(1, per_class=False, tuned="fc", learning_rate=0.02),
    "PCR": Localisation(1, per_class=True, tuned="fc", learning_rate=0.02),
    "PCR-all": Localisation(1, per_class=True, tuned="all", learning_rate=0.02),
}

#: The file with boxes of 500 photographs of Imagenette, beside the folder of the photographs.
BOX_FILE = "imagenette-boxes.json"


def box_error(name: str) -> Measure:
    """App. A: the error in percent of a box net of :data:`BOX_NETS` made from the net, on what its run is tested on.

    Taking it raises :class:`InputError` for a net of photographs, which have no boxes of their own.
    """

    def take(trained: Trained, root: str | Path | None = None, *, progress: bool = False) -> dict[str, Any]:
        preset = trained.run.preset
        if preset.data == "imagenette":  # said before it is looked for
            raise InputError(
                f"measure {name!r} takes photographs with boxes, and those of preset {preset.name!r} have none: "
                "measure a net of preset 'quick', or 'boxes on photographs' with a file of boxes"
            )
        test = boxed(photos_to_test(trained.run, root))
        right = _found(trained, name, photos_to_train(trained.run, root), test, progress)
        return {"error": _error(right)}

    return Measure(take, on_own=True)


def boxes_on_photographs(trained: Trained, root: str | Path | None = None, *, progress: bool = False) -> dict[str, Any]:
    """App. A on Imagenette: which test photographs each box net is right on, and which the mean box is.

    A character for each photograph, ``1`` where the box is right; ``single`` marks those that have one box alone.
    ``errors`` are in percent, of all.
    """
    train, test = _photographs_with_boxes(trained, root)
    whole = sides(test.photos.images.sizes)
    right = {name: _found(trained, name, train.photos, test, progress) for name in BOX_NETS}
    right["mean box"] = hits(mean_box(train.photos) * whole, test.boxes)
    right["whole picture"] = hits(WHOLE * whole, test.boxes)
    return {
        "errors": {name: _error(found) for name, found in right.items()},
        "right": {name: _digits(found) for name, found in right.items()},
        "single": _digits(torch.tensor([len(boxes) == 1 for boxes in test.boxes])),
        "trained_on": len(train),
        "data": _fingerprints(train.photos, test.photos),
    }


def boxes_on_carried_photographs(
    trained: Trained, root: str | Path | None = None, *, progress: bool = False
) -> dict[str, Any]:
    """App. A on photographs that may be shown: the box of each, of PCR-all and the mean box, in its pixels.

    The box net is taught as in :func:`boxes_on_photographs`, and ``errors`` are those on the same test photographs, in
    percent. The photographs are squashed first where those of Imagenette were. ``folded`` says whether the classifier
    had its normalisation in its weights, as carried nets have.
    """
    side, name = trained.run.preset.squash, "PCR-all"
    train, test = _photographs_with_boxes(trained, root)
    shown, images = carried_photographs().photos, test.photos.images
    files = [FOLDER / file for file in shown.names]
    seen = ImageTensor(torch.stack(list(squashed(files, side)))) if side else shown.images
    box_of, mean = _taught(trained, name, train.photos, progress), mean_box(train.photos)
    found = {name: box_of(images, test.photos.labels), "mean box": mean * sides(images.sizes)}
    shares = {name: box_of(seen, shown.labels) / sides(seen.sizes), "mean box": mean}
    boxes = {name: share * sides(shown.images.sizes) for name, share in shares.items()}
    return {
        "folded": trained.run.batch_norm and not trained.net.batch_norm,
        "names": list(shown.names),
        "boxes": {name: [[round(x, 1) for x in box] for box in some.tolist()] for name, some in boxes.items()},
        "errors": {name: error_of(some, test.boxes) for name, some in found.items()},
        "trained_on": len(train),
        "data": _fingerprints(train.photos, test.photos),
    }


def _photographs_with_boxes(trained: Trained, root: str | Path | None) -> tuple[Boxed, Boxed]:
    """Imagenette's training and test photographs whose boxes are known."""
    path, preset = _box_file(root), trained.run.preset
    train, test = (
        boxed_from_file(photographs(preset, split, root), path, below=f"{split}/") for split in ("train", "val")
    )
    return train, test


def _taught(trained: Trained, name: str, train: Photos, progress: bool) -> Callable[[Images, Tensor], Tensor]:
    """A box net made from a classifier, as what gives the boxes ``(N, 4)`` of images and their labels."""
    how = dataclasses.replace(BOX_NETS[name], scale=middle(trained.run.scale), seed=trained.run.seed)
    net = train_boxes(trained.net, train, how, progress=progress)
    return lambda images, labels: predict_boxes(net, images, labels, how.scale)


def _found(trained: Trained, name: str, train: Photos, test: Boxed, progress: bool) -> Tensor:
    """Which test photographs ``(N,)`` a box net made from a classifier is right on, the class given."""
    return hits(_taught(trained, name, train, progress)(test.photos.images, test.photos.labels), test.boxes)


def _error(right: Tensor) -> float:
    return round(100 * float((~right).double().mean()), 2)


def _digits(which: Tensor) -> str:
    return "".join(str(int(one)) for one in which.tolist())


def _box_file(root: str | Path | None) -> Path:
    """The file of boxes; raises :class:`InputError` where it is missing."""
    path = photographs_folder(root) / BOX_FILE
    if not path.is_file():
        raise InputError(
            f"boxes on photographs are measured with {path}, which is not there: put a file of boxes there, "
            'as {"train/n01440764/NAME.JPEG": {"size": [width, height], "boxes": [[left, top, right, bottom], …]}, …}'
        )
    return path


def signals_on_the_way(trained: Trained, root: str | Path | None = None, *, progress: bool = False) -> dict[str, Any]:
    """§3.1: by training step and layer, a signal's size, variation and gradient, to three digits; ``None`` is infinite.

    The steps are 0, 1, 10 and 100 of the run, trained once more; from where it diverges on there are none.
    """

    def rounded(signal: Signal) -> list[float | None]:
        return [float(f"{size:.3g}") if math.isfinite(size) else None for size in dataclasses.astuple(signal)]

    steps = signals_at(trained.run, root=root)
    return {str(n): {layer: rounded(one) for layer, one in layers.items()} for n, layers in steps.items()}


#: Of the shares that response normalisation leaves, least first: those of one number in 1000, in 100, in 10, in 2.
SHARES = (0.001, 0.01, 0.1, 0.5)


def neighbours(trained: Trained, root: str | Path | None = None, *, progress: bool = False) -> dict[str, Any]:
    """§2.1: how much response normalisation leaves of the numbers that it gets, as a share of what k alone would leave.

    Quantiles over all numbers above 0, for the run's first batch of training crops: ``start`` before the training,
    ``end`` after it.
    """
    device = next(trained.net.parameters()).device
    with machine.random_numbers_of(device):
        learner, batches = prepare(trained.run, Team(device), root, None)
    crops = next(iter(batches.epoch(0)))[0].to(device)
    return {when: _shares(net, crops) for when, net in (("start", learner.net), ("end", trained.net))}


def _starts_anew(run: Run) -> bool:
    """Whether a run can be prepared once more from itself alone: one that starts from a trained net has none here."""
    return run.warm_start is None


def _has_neighbours(run: Run) -> bool:
    return _starts_anew(run) and any(layer.kind == "lrn" and layer.alpha > 0 for layer in run.layers.layers())


@machine.full_float32()
def _shares(net: VGG, crops: Tensor) -> dict[str, float]:
    """Quantiles of what the net's only response normalisation leaves of its inputs above 0."""
    [layer] = (layer for layer in net.modules() if isinstance(layer, LocalResponseNorm))
    got: list[Tensor] = []
    hook = layer.register_forward_pre_hook(lambda layer, inputs: got.append(inputs[0]))
    try:
        with torch.inference_mode():
            net(net.preprocessing(crops))
    finally:
        hook.remove()
    left = layer.share_left(got[0])[got[0] > 0].sort().values
    return {str(share): round(float(left[int(share * len(left))]), 4) for share in SHARES}


#: By the name that claims know them by.
MEASURES = {
    **{name: box_error(name) for name in BOX_NETS},
    "boxes on photographs": Measure(boxes_on_photographs, _box_file, on_own=True),
    "boxes on carried photographs": Measure(boxes_on_carried_photographs, _box_file, on_own=True),
    "neighbours": Measure(neighbours, fits=_has_neighbours, on_own=True),
    "pixels": Measure(transfer_of_pixels, _transfer_photos),
    "signals": Measure(signals_on_the_way, of_diverged=True, fits=_starts_anew, on_own=True),
    "transfer": Measure(transfer, _transfer_photos),
    "untrained": Measure(transfer_untrained, _transfer_photos),
}
