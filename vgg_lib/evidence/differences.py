"""The differences that the paper's own claims rest on, and what its 50,000 photographs can show of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vgg_lib.basics.errors import InputError, check_choice
from vgg_lib.evidence import paper
from vgg_lib.evidence.records import Evaluation

#: Validation photographs of ILSVRC-2012, on which the paper's errors were counted.
PHOTOGRAPHS = 50_000


@dataclass(frozen=True, slots=True)
class Difference:
    """Two errors of the paper, in percent. ``words`` says which.

    ``one_net`` says that one net has part in both: tested in two ways, or alone and then fused with another.
    """

    words: str
    baseline: float
    challenger: float
    one_net: bool = False

    @property
    def points(self) -> float:
        """By how much the baseline errs more, in percentage points."""
        return self.baseline - self.challenger

    def standard_error(self, correlation: float, photographs: int = PHOTOGRAPHS) -> float:
        """What the choice of photographs alone does to the difference, in points; seeds are not in it.

        ``correlation`` is that of being wrong (:func:`wrong_together`): the more often both are wrong on the same
        photographs, the sharper their difference. Raises :class:`InputError` for one outside −1 to 1.

        >>> round(Difference("A-LRN − A", 29.7, 29.6).standard_error(correlation=0.5), 1)
        0.2
        """
        if not -1 <= correlation <= 1:
            raise InputError(f"correlation is {correlation}: choose one from −1 to 1")
        one, other = (math.sqrt(error * (100 - error)) for error in (self.baseline, self.challenger))
        return math.sqrt((one**2 + other**2 - 2 * correlation * one * other) / photographs)


def error_of(table: int, column: str = "top1", **where: str) -> float:
    """The paper's error in percent in the one row of a table where other columns have these values.

    Raises :class:`InputError` where no row has them, or several, and for a column that is not there.

    >>> error_of(3, network="D", S="[256;512]")
    25.6
    """
    rows = paper.table(table)
    for name in (*where, column):
        check_choice(f"column of table {table}", name, rows.columns)
    for name, value in where.items():
        rows = rows[rows[name] == value]
    if len(rows) != 1:
        raise InputError(f"{len(rows)} rows of the paper's table {table} have {where}: choose what one row has")
    return float(rows[column].iloc[0])


def the_papers() -> dict[str, Difference]:
    """The difference that each claim rests on, by the claim's name, where the paper gives one.

    It is the contrast of the claim's rule; of several baselines it is the best, whose contrast is the smallest. The
    paper's "7 %" for B with 5×5 filters is read as a part of B's error, the smaller of its two readings.
    """
    a, lrn, b, c, d = (error_of(3, network=net, S="256") for net in ("A", "A-LRN", "B", "C", "D"))
    fixed = min(error_of(3, network="D", S=s) for s in ("256", "384"))
    one, several = (error_of(table, network="D", S="[256;512]") for table in (3, 4))
    dense, crops, both = (error_of(5, network="D", method=how) for how in ("dense", "multi-crop", "both"))
    shared, of_class, tuned = paper.table(8)["error"]
    single = min(error_of(5, network=net, method="dense") for net in "DE")
    return {
        "depth": Difference("A − D", a, d),
        "depth-plain": Difference("A − D", a, d),
        "lrn": Difference("A-LRN − A", lrn, a),
        "small-filters": Difference("B-5x5 − B", 1.07 * b, b),
        "context": Difference("C − D", c, d),
        "jitter": Difference("D at one S − D jittered", fixed, one),
        "multi-scale": Difference("D at one Q − D at three", one, several, one_net=True),
        "dense-vs-crops": Difference("D dense − D on crops", dense, crops, one_net=True),
        "complementary": Difference("D on crops − D both ways", min(dense, crops), both, one_net=True),
        "fusion": Difference("D alone − D with E", single, error_of(6, ensemble="D+E [256;512], dense"), one_net=True),
        "class-boxes": Difference("one shared box − a box per class", shared, of_class),
        "tuned-boxes": Difference("only FC layers tuned − all tuned", of_class, tuned),
    }


def wrong_together(one: Evaluation, other: Evaluation) -> float:
    """The correlation, over the photographs of a test set, of two tests being wrong.

    Raises :class:`InputError` where predictions were not kept, or the photographs differ.
    """
    (targets, said), (others, also) = one.answers(), other.answers()
    if targets.shape != others.shape or bool((targets != others).any()):
        raise InputError(f"{one.protocol} and {other.protocol} were tested on other photographs: choose the same")
    return float(np.corrcoef((said != targets).numpy(), (also != targets).numpy())[0, 1])
