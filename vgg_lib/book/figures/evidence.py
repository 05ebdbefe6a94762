"""The recorded errors of a claim's arms: the figure, the table and the sentence that chapters show before a verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from vgg_lib.basics.errors import InputError
from vgg_lib.book.figures.effects import ENOUGH, interval, seed_errors
from vgg_lib.evidence.arms import Arm
from vgg_lib.evidence.claims import claim
from vgg_lib.evidence.evidence import arms_beside, arms_of
from vgg_lib.evidence.store import Known
from vgg_lib.evidence.verdicts import evidence as recorded_evidence


@dataclass(frozen=True, slots=True)
class Row:
    """An arm of a claim: its errors in percent by seed, nan for one that is not recorded yet.

    ``name`` tells it from the claim's other arms and says no more. Not ``judges`` what stands beside the verdict.
    ``diverged`` says whether a run of it did: its error is that of guessing, and there is no interval.
    """

    name: str
    network: str
    errors: tuple[float, ...]
    judges: bool
    diverged: bool = False

    @property
    def recorded(self) -> list[float]:
        """The errors that there are."""
        return [error for error in self.errors if not math.isnan(error)]


def rows(name: str, known: Known | None = None, *, beside: bool = True) -> list[Row]:
    """The arms of a claim's rule, then those ``beside`` its verdict, with what is recorded of them.

    Without ``known``, of the records that come with the library. Raises :class:`InputError` for an unknown claim, and
    for one that no run judges.
    """
    claim(name)
    known = recorded_evidence() if known is None else known
    judging = arms_of(name)
    if not judging:
        raise InputError(f"no run judges claim {name!r}, so there is nothing to draw: show its verdict alone")
    wanted = dict(arms_beside(name) if beside else []) | dict(judging)
    arms = list(dict.fromkeys([*dict(judging), *wanted]))
    return [
        Row(
            told,
            arm.recipes[0].any_seed.network,
            tuple(arm.error(known, seed) for seed in range(wanted[arm])),
            arm in dict(judging),
            any(one.outcome == "diverged" for seed in range(wanted[arm]) for one in arm.records(known, seed)),
        )
        for told, arm in zip(_names(arms), arms, strict=True)
    ]


def evidence(name: str, known: Known | None = None, *, beside: bool = True, label: str = "top-1 error, %") -> Figure:
    """Draw all seeds of a claim's arms, each with its mean and interval; arms beside the verdict below a line.

    Parameters and errors are those of :func:`rows`; ``label`` says what an error is of.
    """
    found = rows(name, known, beside=beside)
    return seed_errors(
        {row.name: row.recorded for row in found},
        {row.name: row.network for row in found},
        aside=[row.name for row in found if not row.judges],
        unsure=[row.name for row in found if row.diverged],
        label=label,
    )


def evidence_table(name: str, known: Known | None = None, *, beside: bool = True) -> pd.DataFrame:
    """What :func:`evidence` draws: an arm a row, mean, its 95 % interval (Student), each seed's error, in percent.

    An arm of which a run diverged has no interval.
    """
    table = {}
    for row in rows(name, known, beside=beside):
        there = row.recorded
        sure = len(there) >= ENOUGH and not row.diverged
        low, high = interval(there)[1:] if sure else (math.nan, math.nan)
        table[row.name] = {
            "mean (%)": sum(there) / len(there) if there else math.nan,
            "95 % from": low,
            "to": high,
            "seeds": f"{len(there)} of {len(row.errors)}",
            **{f"seed {seed}": error for seed, error in enumerate(row.errors)},
        }
    return pd.DataFrame.from_dict(table, orient="index").rename_axis("arm").round(2)


def so_far(name: str, known: Known | None = None, *, beside: bool = True) -> str:
    """How much of what :func:`evidence` draws is recorded, as a sentence."""
    found = rows(name, known, beside=beside)
    wanted, there = (sum(map(len, (getattr(row, of) for row in found))) for of in ("errors", "recorded"))
    if there == wanted:
        return f"All {wanted} runs of this figure are recorded."
    none = (
        "No run of this figure is recorded yet" if not there else f"So far the figure has {there} of its {wanted} dots"
    )
    return f"{none}. It fills as runs are recorded."


def one_size_up(name: str, known: Known | None = None) -> str:
    """The difference of the two arms beside a verdict as a sentence: how many seeds, and if its sign is the rule's.

    For a claim whose rule compares two arms, with the same two at another size beside it. Errors as :func:`rows`.
    """
    found = rows(name, known)
    judged, above = (differences(*(row for row in found if row.judges is judges)) for judges in (True, False))
    of = f"{len(above)} of {len(found[-1].errors)}"
    if not above:
        return f"Seeds recorded one size up: {of}."
    baseline, challenger = (row.name.split(", ")[-1] for row in found[-2:])
    points = sum(above) / len(above)
    told = (
        f"Seeds recorded one size up: {of}. On average the error of {baseline} minus that of {challenger} is "
        f"{points:+.1f} points; it is above 0 for {sum(one > 0 for one in above)} of them."
    )
    if judged:
        there = sum(judged) / len(judged)
        sign = "the same" if points * there > 0 else "not the same"
        told += f" At the size of the rule it is {there:+.1f} points: {sign} sign."
    return told.replace(" -", " −")


def differences(baseline: Row, challenger: Row) -> list[float]:
    """The error of one arm minus that of another, for each seed that both have."""
    pairs = zip(baseline.errors, challenger.errors, strict=False)  # one may want fewer seeds
    return [one - other for one, other in pairs if not math.isnan(one - other)]


def _names(arms: list[Arm]) -> list[str]:
    """For each arm its networks, and what not all the others share with it."""
    told = [_pieces(arm) for arm in arms]
    shared = set.intersection(*map(set, told)) if len(told) > 1 else set()
    return [", ".join([network, *(piece for piece in more if piece not in shared)]) for network, *more in told]


def _pieces(arm: Arm) -> list[str]:
    """All that an arm is: networks, way of training, S, starting weights, the rest of its recipe, its test."""
    first = arm.recipes[0]
    start = first.any_seed.initialisation.words
    scale = first.any_seed.scale
    tested = str(arm.protocol).removesuffix(", mirrored too").split(" at ")
    return [
        " and ".join(recipe.any_seed.network for recipe in arm.recipes),
        first.way,
        f"S = {scale}" if isinstance(scale, int) else f"S = [{scale[0]};{scale[1]}]",
        start,
        *(piece for piece in str(first).replace(f", {start}", "").split(", ")[1:] if not piece.startswith("S = ")),
        *([arm.measured.split(".")[0]] if arm.measured else tested),
    ]
