"""A linear SVM on fixed features (App. B), one class against the rest, its C chosen on the training data alone."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vgg_lib.basics.errors import InputError
from vgg_lib.basics.progress import bar

#: The values of C that are tried. Features have length 1: a small C leaves margins open.
COSTS = (0.1, 1.0, 10.0, 100.0)

#: Parts that the training data are cut into for choosing C.
FOLDS = 3


@dataclass(frozen=True)
class LinearSVM:
    """``weight`` ``(K, D)`` and ``bias`` ``(K,)``, float64, and how C was chosen.

    ``cost`` is C; ``errors`` are the cross-validated errors in percent, by C, on the training data.
    """

    weight: Tensor
    bias: Tensor
    cost: float
    errors: dict[float, float]

    def predict(self, features: Tensor) -> Tensor:
        """Labels ``(N,)`` of features ``(N, D)``: the class whose score is largest.

        Raises :class:`InputError` for features of another length.
        """
        if features.ndim != 2 or features.shape[1] != self.weight.shape[1]:
            raise InputError(
                f"features are of shape {tuple(features.shape)} and this SVM was fitted to {self.weight.shape[1]} of "
                "each photograph: take both from the same layer, scales and net"
            )
        return (features.double() @ self.weight.T + self.bias).argmax(1)


def fit_linear_svm(
    features: Tensor, labels: Tensor, *, costs: Sequence[float] = COSTS, folds: int = FOLDS, progress: bool = False
) -> LinearSVM:
    """Fit scikit-learn's ``LinearSVC`` to features ``(N, D)`` and labels ``(N,)``, which are 0 to K − 1.

    C is the one of ``costs`` with the least error over ``folds`` stratified parts of these data, the smaller where two
    are equal. The same data give the same SVM: the parts are drawn with a fixed seed, and the primal problem is solved,
    which draws nothing.

    Raises :class:`InputError` without scikit-learn, for features that are no finite matrix with a label for each row,
    for one class only, a class without photographs or with fewer than there are parts, or no C above 0 to choose from.
    """
    _check(features, labels, costs, folds)
    check_scikit_learn()
    from sklearn.model_selection import StratifiedKFold

    drawn = StratifiedKFold(folds, shuffle=True, random_state=0).split(features, labels)
    parts = [(torch.from_numpy(fit), torch.from_numpy(rest)) for fit, rest in drawn]
    tried = sorted(set(costs)) if len(set(costs)) > 1 else []
    errors = {}
    with bar(len(tried) * folds, "choosing C", "fit", shown=progress, leave=False) as done:
        for cost in tried:
            wrong = 0
            for fit, rest in parts:
                weight, bias = _solve(features[fit], labels[fit], cost)
                wrong += int((LinearSVM(weight, bias, cost, {}).predict(features[rest]) != labels[rest]).sum())
                done.update()
            errors[cost] = round(100 * wrong / len(labels), 4)
    best = min(errors, key=lambda cost: (errors[cost], cost)) if errors else costs[0]
    return LinearSVM(*_solve(features, labels, best), best, errors)


def check_scikit_learn() -> None:
    """Raise :class:`InputError` without scikit-learn: to be known before features are made, not after it."""
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise InputError(
            "the linear SVM is scikit-learn's, which is not installed: pip install 'vgg-lib[transfer]'"
        ) from error


def _solve(features: Tensor, labels: Tensor, cost: float) -> tuple[Tensor, Tensor]:
    """Weights ``(K, D)`` and biases ``(K,)`` for one C."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    svm = LinearSVC(C=cost, dual=False, tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)  # an SVM cut short is no SVM
        svm.fit(features.double().numpy(), labels.numpy())
    weight, bias = torch.from_numpy(svm.coef_), torch.from_numpy(svm.intercept_)
    return (torch.cat([-weight, weight]), torch.cat([-bias, bias])) if len(weight) == 1 else (weight, bias)


def _check(features: Tensor, labels: Tensor, costs: Sequence[float], folds: int) -> None:
    if features.ndim != 2 or labels.shape != features.shape[:1]:
        raise InputError(
            f"features of shape {tuple(features.shape)} do not go with labels of shape {tuple(labels.shape)}: "
            "give (N, D) and (N,)"
        )
    if not features.isfinite().all():
        raise InputError("some features are not finite: did the net that made them diverge?")
    if folds < 2:
        raise InputError(f"{folds} parts leave nothing to choose C on: choose 2 or more")
    if not costs or min(costs) <= 0:
        raise InputError(f"values of C are {tuple(costs)}: give one or more above 0")
    counts = labels.bincount()
    if len(counts) < 2:
        raise InputError(f"all {len(labels)} training photographs are of one class: an SVM needs two classes or more")
    if int(counts.min()) < folds:
        raise InputError(
            f"class {int(counts.argmin())} has {int(counts.min())} training photographs, and choosing C takes "
            f"{folds} or more of each class: add photographs, or choose fewer parts"
        )
