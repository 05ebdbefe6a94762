"""The verdicts of all claims, from their rules and the records, corrected for one another."""

from __future__ import annotations

from typing import Any

from vgg_lib.evidence.claims import CLAIMS
from vgg_lib.evidence.rules import Equivalence, Judgement, Superiority
from vgg_lib.evidence.statistics import holm
from vgg_lib.evidence.store import Known, recorded, studies_with_records

#: The studies whose records judge the claims; of a run that is in several, the last one's record counts.
STUDIES = ("localisation", "evidence")


def evidence() -> Known:
    """The records that come with the library and judge its claims, by the key of their run."""
    there = [recorded(study).latest() for study in STUDIES if study in studies_with_records()]
    return {key: record for known in there for key, record in known.items()}


def verdicts(known: Known | None = None) -> dict[str, Judgement | None]:
    """What the records say of each claim, by its name; ``None`` for one that has no rule yet.

    The contrasts are corrected for one another by Holm's method. One that is not whole yet takes part as if it showed
    nothing, so that the correction can only become milder. An effect's own p is final where its rule pools no arm that
    still lacks seeds.
    """
    known = evidence() if known is None else known
    judged = {name: claim.rule.judge(known) if claim.rule else None for name, claim in CLAIMS.items()}
    tested = {name: found for name, found in judged.items() if found and name in tested_claims()}
    adjusted = holm({name: 1.0 if found.p is None else found.p for name, found in tested.items()})
    waits = any(found.p is None for found in tested.values())
    whole = {name: found for name, found in tested.items() if found.p is not None}
    return judged | {name: found.at(adjusted[name], waits=waits) for name, found in whole.items()}


def tested_claims() -> list[str]:
    """The claims whose rule is a test: the family that Holm's method corrects."""
    return [name for name, claim in CLAIMS.items() if isinstance(claim.rule, Superiority | Equivalence)]


def status(judgement: Judgement | None) -> str:
    """A verdict in words, with the seeds so far while it is not one: ``rule committed, 3 of 5 seeds``."""
    if judgement is None:
        return "no rule yet"
    if judgement.verdict != "to be tested":
        return f"{judgement.verdict} so far" if judgement.provisional else judgement.verdict
    return "rule committed, {} of {} seeds".format(*judgement.seeds)


def as_json(judged: dict[str, Judgement | None]) -> list[dict[str, Any]]:
    """The verdicts for programs: one object a claim."""
    return [_as_json(name, judgement) for name, judgement in judged.items()]


def _as_json(name: str, j: Judgement | None) -> dict[str, Any]:
    if j is None:
        return {"claim": name, "verdict": "no rule yet"}
    return {
        "claim": name,
        "verdict": j.verdict,
        "provisional": j.provisional,
        "effect": _rounded(j.effect),
        "low": _rounded(j.low),
        "high": _rounded(j.high),
        "p": j.p,
        "p_holm": j.p_holm,
        "seeds": {"so_far": j.seeds[0], "wanted": j.seeds[1]},
        "smallest_detectable": _rounded(j.smallest_detectable),
        "unit": j.unit,
        "counts": list(j.counts),
        "mixed": list(j.mixed),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
