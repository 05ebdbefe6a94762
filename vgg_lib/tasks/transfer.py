"""How good a net's features are for other photographs (App. B): a linear SVM on them, tested on pictures apart."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from vgg_lib.basics.errors import InputError
from vgg_lib.data.folder import first_of_each_class
from vgg_lib.data.images import CHUNK
from vgg_lib.data.photos import Photos
from vgg_lib.networks.model import VGG
from vgg_lib.tasks.features import Combine, features_of_layers
from vgg_lib.tasks.linear_svm import COSTS, FOLDS, check_scikit_learn, fit_linear_svm


@dataclass(frozen=True, slots=True)
class Transfer:
    """What is done with a net and another data set: everything that can change the error.

    ``folder`` is the data set's, in the folder that ``VGG_LIB_DATA`` names, say. ``layers``, ``scales``, ``combine``
    and ``mirror`` say how features are made (:func:`~vgg_lib.tasks.features.features_of_layers`); ``train_per_class``
    and ``test_per_class`` how many photographs of each class are used, all where ``None``; ``costs`` and ``folds`` how
    the SVM's C is chosen.
    """

    folder: str
    layers: tuple[str, ...] = ("fc7",)
    scales: tuple[int, ...] | None = None  #: Q in pixels; the net's crop alone where ``None``
    combine: Combine = "average"
    mirror: bool = True
    train_per_class: int | None = None
    test_per_class: int | None = None
    costs: tuple[float, ...] = COSTS
    folds: int = FOLDS


#: What is measured of each net at the end of its training, and stands in its record.
EVIDENCE = Transfer(
    "cifar10-small",
    layers=("pool1", "pool2", "pool3", "pool4", "pool5", "fc6", "fc7"),
    scales=(64,),
    train_per_class=500,
    test_per_class=1000,
)


@dataclass(frozen=True)
class Transferred:
    """What came out for the features of one layer: errors in percent of the test photographs.

    ``errors`` are by class, in the order of the classes; ``cost`` is the C that was chosen; ``seconds`` are the
    SVM's alone.
    """

    layer: str
    error: float
    errors: dict[str, float]
    cost: float
    seconds: float


def evaluate_transfer(
    net: VGG, train: Photos, test: Photos, how: Transfer, *, progress: bool = False
) -> tuple[Transferred, ...]:
    """Features of both sets, an SVM for each layer of ``how`` fitted to the first, and its errors on the second.

    Raises :class:`InputError` for sets of different classes, a class with fewer photographs than are asked for, and
    what :func:`~vgg_lib.tasks.features.features_of_layers` and
    :func:`~vgg_lib.tasks.linear_svm.fit_linear_svm` raise.
    """
    sets = _chosen(train, test, how)
    of = partial(features_of_layers, scales=how.scales, combine=how.combine, mirror=how.mirror, progress=progress)
    of_train, of_test = (of(net, photos.images, how.layers) for photos in sets)
    return tuple(judge(layer, (of_train[layer], of_test[layer]), sets, how, progress) for layer in how.layers)


def evaluate_pixels(
    train: Photos, test: Photos, how: Transfer, *, side: int = 32, progress: bool = False
) -> Transferred:
    """The same SVM on the pixels themselves, to know what features add: no net has part in it.

    Photographs are resized to ``side × side`` pixels, minus the training photographs' mean colour, L2-normalised.
    """
    sets = _chosen(train, test, how)
    mean = sets[0].statistics().mean
    of_train, of_test = (_pixels(photos, side, mean) for photos in sets)
    return judge("pixels", (of_train, of_test), sets, how, progress)


def judge(
    layer: str, features: tuple[Tensor, Tensor], sets: tuple[Photos, Photos], how: Transfer, progress: bool = False
) -> Transferred:
    """Fit an SVM to features ``(N, D)`` of the first set, and test it on those of the second."""
    began = time.perf_counter()
    (train, test), classes = sets, sets[0].classes
    svm = fit_linear_svm(features[0], train.labels, costs=how.costs, folds=how.folds, progress=progress)
    wrong = (svm.predict(features[1]) != test.labels).double()
    return Transferred(
        layer=layer,
        error=_percent(wrong),
        errors={name: _percent(wrong[test.labels == label]) for label, name in enumerate(classes)},
        cost=svm.cost,
        seconds=round(time.perf_counter() - began, 2),
    )


def _percent(wrong: Tensor) -> float:
    return round(100 * float(wrong.mean()), 2)


def _chosen(train: Photos, test: Photos, how: Transfer) -> tuple[Photos, Photos]:
    """The photographs that are used of both sets; all that an SVM needs is looked at before features are made."""
    check_scikit_learn()
    if train.classes != test.classes:
        raise InputError(
            f"training photographs are of {', '.join(train.classes)} and test photographs of "
            f"{', '.join(test.classes)}: give two sets of the same classes"
        )
    counts = test.labels.bincount(minlength=len(test.classes))
    if not counts.all():
        raise InputError(f"class {test.classes[int(counts.argmin())]!r} has no test photograph: add some")
    train, test = (
        photos if count is None else first_of_each_class(photos, count)
        for photos, count in ((train, how.train_per_class), (test, how.test_per_class))
    )
    _check_counts(train, how.folds)
    return train, test


def _check_counts(train: Photos, folds: int) -> None:
    """The SVM's own error, by the class's name."""
    counts = train.labels.bincount(minlength=len(train.classes))
    if len(counts) > 1 and int(counts.min()) < folds:
        raise InputError(
            f"class {train.classes[int(counts.argmin())]!r} has {int(counts.min())} training photographs, and "
            f"choosing C takes {folds} or more of each class: add some"
        )


def _pixels(photos: Photos, side: int, mean: Tensor) -> Tensor:
    resized = partial(functional.interpolate, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
    parts = torch.arange(len(photos)).split(CHUNK)
    small = torch.cat([resized(batch.float()) for part in parts for batch in photos.images.load(part)])
    return functional.normalize((small - mean.view(3, 1, 1)).flatten(1))
