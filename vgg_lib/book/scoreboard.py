"""The scoreboard: all claims and their verdicts."""

from __future__ import annotations

from vgg_lib.evidence.claims import CLAIMS
from vgg_lib.evidence.rules import Judgement
from vgg_lib.evidence.verdicts import status, verdicts


def scoreboard() -> str:
    """All claims and their verdicts as a Markdown table; ``book/scoreboard_table.md`` is this text."""
    lines = ["| verdict | claim | effect | where | the paper's figures |", "| --- | --- | --- | --- | --- |"]
    for name, judgement in verdicts().items():
        c = CLAIMS[name]
        statement = f"[{c.statement}](../notebooks/{c.chapter}.ipynb)" if c.chapter else c.statement
        verdict = status(judgement)
        bold = f"**{verdict}**" if judgement and judgement.verdict != "to be tested" else verdict
        lines.append(f"| {bold} | {statement} | {effect(judgement)} | {c.where} | {c.numbers()} |")
    return "\n".join(lines) + "\n"


def effect(judgement: Judgement | None) -> str:
    """An effect with its 95 % interval, such as ``+1.20 (+0.61 to +1.79) points``; a dash while there is none."""
    if judgement is None or judgement.effect is None:
        return "–"
    if judgement.low is None or judgement.high is None:
        return f"{judgement.effect:.0f} {judgement.unit}"
    numbers = f"{judgement.effect:+.2f} ({judgement.low:+.2f} to {judgement.high:+.2f}) points"
    return numbers.replace("-", "−")
