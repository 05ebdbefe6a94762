"""A reader's run beside the recorded ones: whether it lies within the spread of their seeds, and what differs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import fmean, stdev

from scipy.stats import t

from vgg_lib.basics.errors import InputError
from vgg_lib.evidence.records import Record
from vgg_lib.evidence.store import recorded, studies_with_records

#: So many recorded seeds say how far apart seeds are; fewer say only that there are others.
ENOUGH = 3


@dataclass(frozen=True, slots=True)
class Comparison:
    """A record, the recorded runs of the same recipe, and where a run of another seed is expected.

    ``low`` and ``high`` are the 95 % prediction interval for one more seed, cut at 0 and 100 %; ``None`` with fewer
    than :data:`ENOUGH` recorded seeds, or where the run failed.
    """

    mine: Record
    others: tuple[Record, ...]
    low: float | None = None
    high: float | None = None

    @property
    def lies_within(self) -> bool | None:
        """Whether the error lies where one more seed is expected; ``None`` where that cannot be said."""
        if self.low is None or self.high is None:
            return None
        return self.low <= self.mine.error <= self.high

    @property
    def same_run(self) -> Record | None:
        """The record of the very same run, its seed too, or ``None``."""
        return next((record for record in self.others if record.key == self.mine.key), None)

    def lines(self) -> Iterator[str]:
        """What there is to say, in sentences."""
        yield f"{self.mine.run} (run {self.mine.key})"
        if self.mine.outcome == "failed":
            yield f"  it failed: {self.mine.reason}"
            return
        if not self.mine.was_tested(self.mine.run.protocol):
            yield "  its training is not recorded, and what was measured of its net has no error to compare"
            return
        yield f"  its error: {self.mine.error:.1f} %, on the {self.mine.run.test_set} images"
        if not self.others:
            yield "  no run of this recipe is recorded: there is nothing to compare it with"
            return
        if self.same_run is not None:
            yield f"  the same run is recorded with {self.same_run.error:.1f} %{_alike(self.mine, self.same_run)}"
        errors = ", ".join(f"{record.error:.1f}" for record in self.others)
        yield f"  recorded: {errors} % ({len(self.others)} of this recipe)"
        if self.lies_within is None:
            yield f"  {ENOUGH} other recorded seeds would say how far apart seeds are: there are fewer"
        else:
            where = "within" if self.lies_within else "outside"
            yield f"  {where} what one more seed would give, {self.low:.1f} to {self.high:.1f} % (95 %)"
        for name, (here, there) in differences(self.mine, self.others).items():
            yield f"  differs: {name} is {here}, recorded {there}"


def compare(mine: Record, known: Iterable[Record] | None = None) -> Comparison:
    """A record beside those of the same recipe, one for each seed: of ``known``, or all that are recorded."""
    if known is None:
        known = (record for study in studies_with_records() for record in recorded(study).latest().values())
    alike = (r for r in known if r.run.any_seed.key == mine.run.any_seed.key and r.outcome != "failed" and r.losses)
    others = tuple({record.key: record for record in alike}.values())  # a run may be in several studies
    errors = [record.error for record in others if record.key != mine.key]  # a run is no other seed than itself
    if len(errors) < ENOUGH or mine.outcome == "failed":
        return Comparison(mine, others)
    reach = float(t.ppf(0.975, len(errors) - 1)) * stdev(errors) * math.sqrt(1 + 1 / len(errors))
    middle = fmean(errors)
    return Comparison(mine, others, max(0.0, middle - reach), min(100.0, middle + reach))


def differences(mine: Record, others: Iterable[Record]) -> dict[str, tuple[str, str]]:
    """What was not the same in the making of a record and of all others, by name: here, and there."""
    found = {}
    there = [_made_with(record) for record in others]
    for name, here in _made_with(mine).items():
        values = sorted({made[name] for made in there})
        if here not in values:
            found[name] = (here, " or ".join(values))
    return found


def _alike(one: Record, other: Record) -> str:
    """How many images two nets answer alike, where both kept their answers."""
    try:
        (_, here), (_, there) = (record.evaluation(record.run.protocol).answers() for record in (one, other))
    except InputError:
        return ""
    if len(here) != len(there):
        return ""
    return f": it answers {int((here == there).sum()):,} of {len(here):,} images alike"


def _made_with(record: Record) -> dict[str, str]:
    told = {name: str(record.machine.get(name, "not told")) for name in ("device", "processor", "precision", "torch")}
    engine = record.origin.engine if record.origin else "not told"
    return told | {"engine": engine, "data": record.data.get("train", "not told")}
