"""Learning rates (§3.1): the paper's, divided by 10 at each plateau of the held-out error, and the one-cycle policy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR, ReduceLROnPlateau


class Schedule(Protocol):
    """Changes an optimiser's learning rate as training goes on."""

    @property
    def rule(self) -> LRScheduler:
        """PyTorch's scheduler, which has the state."""

    def after_step(self) -> None:
        """Called after each step of the optimiser."""

    def after_epoch(self) -> None:
        """Called after each epoch."""


class OneCycle:
    """Up to the learning rate for three tenths of the steps, then down to almost nothing (Smith & Topin, 2019).

    Momentum stays as it is.
    """

    def __init__(self, optimiser: Optimizer, learning_rate: float, total_steps: int) -> None:
        self.rule = OneCycleLR(optimiser, learning_rate, total_steps=total_steps, cycle_momentum=False)

    def after_step(self) -> None:
        """The rate of the next step."""
        self.rule.step()

    def after_epoch(self) -> None:
        """Nothing: the rate depends on steps alone."""


class Plateau:
    """Divided by 10 when the held-out error has not fallen by 0.1 points for more than 5 epochs, three times at most.

    The paper says "when the validation set accuracy stopped improving" and "decreased 3 times" (§3.1); the numbers of
    points and epochs are this book's. ``held_out_error`` computes the error in percent.
    """

    def __init__(self, optimiser: Optimizer, learning_rate: float, held_out_error: Callable[[], float]) -> None:
        self.rule = ReduceLROnPlateau(
            optimiser, factor=0.1, patience=5, threshold=0.1, threshold_mode="abs", min_lr=learning_rate * 1e-3
        )
        self._held_out_error = held_out_error

    def after_step(self) -> None:
        """Nothing: the rate stays as it is throughout an epoch."""

    def after_epoch(self) -> None:
        """The rate of the next epoch."""
        self.rule.step(self._held_out_error())
