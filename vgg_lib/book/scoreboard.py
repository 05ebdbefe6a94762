"""The scoreboard: all claims and their verdicts."""

from __future__ import annotations

from vgg_lib.evidence.claims import CLAIMS


def scoreboard() -> str:
    """All claims and their verdicts as a Markdown table; ``book/scoreboard_table.md`` is this text."""
    lines = ["| claim | where | the paper's figures (top-1 error, %) | verdict |", "| --- | --- | --- | --- |"]
    for c in CLAIMS.values():
        statement = f"[{c.statement}](../notebooks/{c.chapter}.ipynb)" if c.chapter else c.statement
        verdict = c.verdict()
        lines.append(
            f"| {statement} | {c.where} | {c.numbers()} | {verdict if c.holds is None else f'**{verdict}**'} |"
        )
    return "\n".join(lines) + "\n"
