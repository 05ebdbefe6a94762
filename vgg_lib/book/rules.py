"""The rules of all claims in words, and what they can see: a part of the method page, made from the data."""

from __future__ import annotations

from vgg_lib.evidence.claims import CLAIMS
from vgg_lib.evidence.evidence import arms_beside
from vgg_lib.evidence.planning import planning
from vgg_lib.evidence.verdicts import tested_claims


def rules() -> str:
    """Each claim with its rule and what stands beside it, as Markdown; ``book/rules_table.md`` is this text.

    Verdicts' boxes lead here: the place of a claim is called by its name, ``rule-depth``.
    """
    lines = []
    for name, claim in CLAIMS.items():
        place = f'<span id="rule-{name}"></span>'
        lines += [f"{place}**{claim.statement}** (`{name}`, {claim.where})", f": {claim.rule or 'No rule yet.'}"]
        if beside := _beside(name):
            lines.append(f"  Beside it, judging nothing: {'; '.join(beside)}.")
        lines.append("")
    return "\n".join(lines)


def _beside(claim: str) -> list[str]:
    """The arms beside a claim in words; those that differ in their test scale alone are told at once."""
    scales: dict[tuple[str, int], list[str]] = {}
    for arm, seeds in arms_beside(claim):
        scale = f"Q = {arm.protocol.scales[0]}"
        scales.setdefault((str(arm).replace(scale, "{}"), seeds), []).append(scale)
    return [f"{told.format(_each(found))} ({seeds} seeds)" for (told, seeds), found in scales.items()]


def _each(scales: list[str]) -> str:
    return scales[0] if len(scales) == 1 else "each of " + ", ".join(scales).replace(", Q =", ",")


def power() -> str:
    """What the rules can see, by the pilot's spread, as a Markdown table; ``book/power_table.md`` is this text."""
    count = len(tested_claims())
    table = planning(contrasts=count)
    heads = {
        "nets": "nets",
        "photographs": "if the spread is that on … photographs",
        "seeds": "seeds",
        "power for a point": "power for 1 point",
        f"first of {count}": f"the same where Holm is strictest (5 % / {count})",
        "smallest effect": "smallest effect (points)",
        "smallest margin": "smallest margin (points)",
    }
    lines = ["| " + " | ".join(heads.values()) + " |", "| --- " * len(heads) + "|"]
    for row in table.to_dict("records"):
        shares = {name: f"{100 * row[name]:.0f} %" for name in ("power for a point", f"first of {count}")}
        points = {name: f"{row[name]:.2f}" for name in ("smallest effect", "smallest margin")}
        lines.append("| " + " | ".join(str((row | shares | points)[name]) for name in heads) + " |")
    return "\n".join(lines) + "\n"
