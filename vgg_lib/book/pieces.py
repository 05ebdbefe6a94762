"""Tables, sentences and verdicts as a chapter shows them: on the page, in Colab and to nbval as text."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from html import escape
from typing import Any

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from vgg_lib.book.scoreboard import effect
from vgg_lib.evidence.claims import Claim, claim
from vgg_lib.evidence.evidence import study_of
from vgg_lib.evidence.price import runs_of
from vgg_lib.evidence.rules import LEVEL, Equivalence, Judgement
from vgg_lib.evidence.store import Known
from vgg_lib.evidence.verdicts import evidence, status, tested_claims, verdicts

#: Text that stands among numbers: one with commas or rounded by hand, "over 999", or a dash where there is none.
_NUMBER = re.compile(r"(over )?−?[\d,.]+|–")


@dataclass(frozen=True)
class Says:
    """Markdown whose numbers a cell has put in, so that it cannot differ from what the cell computed."""

    text: str

    def __repr__(self) -> str:
        """The text, which is what nbval compares."""
        return self.text

    def _repr_markdown_(self) -> str:
        return self.text


@dataclass(frozen=True)
class Captioned:
    """A table with a caption: numbers to the right under their heads, words to the left.

    Whole numbers are shown as they are, others as they were rounded, with the same number of digits all down a column.
    """

    frame: pd.DataFrame
    caption: str

    def __repr__(self) -> str:
        """Caption and table as text."""
        return f"{self.caption}\n{self.frame.to_string()}"

    def _repr_html_(self) -> str:
        columns = [_column(self.frame[name]) for name in self.frame]
        labels = [self.frame.columns.name or self.frame.index.name or "", *self.frame.columns]
        kinds = ["words", *(kind for kind, _ in columns)]
        heads = "".join(_cell("th", name, kind, 'scope="col"') for name, kind in zip(labels, kinds, strict=True))
        rows = [
            _cell("th", name, "words", 'scope="row"') + "".join(_cell("td", cells[i], kind) for kind, cells in columns)
            for i, name in enumerate(self.frame.index)
        ]
        body = "\n".join(f"<tr>{row}</tr>" for row in rows)
        return (
            f'<table class="captioned">\n<caption>{escape(self.caption)}</caption>\n'
            f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
        )


def _column(values: pd.Series[Any]) -> tuple[str, list[str]]:
    """Whether a column holds numbers or words, and its cells as text."""
    if is_bool_dtype(values):
        return "words", ["yes" if value else "no" for value in values]
    if not is_numeric_dtype(values):
        words = [str(value) for value in values]
        return "numbers" if all(map(_NUMBER.fullmatch, words)) else "words", words
    numbers = [float(value) for value in values]
    digits = max((len(repr(n).partition(".")[2]) for n in numbers if math.isfinite(n) and n % 1), default=0)
    return "numbers", [f"{n:,.{digits}f}".replace("-", "−") if math.isfinite(n) else "–" for n in numbers]


def _cell(tag: str, value: object, kind: str, more: str = "") -> str:
    return f'<{tag} class="{kind}"{" " * bool(more)}{more}>{escape(str(value))}</{tag}>'


@dataclass(frozen=True)
class Box:
    """The verdict on a claim, made from the claim's rule and the records: nothing in it is typed.

    ``records`` are those that judge it so far.
    """

    claim: Claim
    judgement: Judgement | None
    records: Known = field(default_factory=dict)

    def lines(self) -> dict[str, str]:
        """What stands in the box, by heading."""
        lines = {
            "Claim": f"{self.claim.statement} ({self.claim.where})",
            "The paper": self.claim.numbers(),
            "Rule": str(self.claim.rule or "None yet."),
            "Verdict": status(self.judgement),
        }
        return lines | self._effect() | self._doubt()

    def _effect(self) -> dict[str, str]:
        """How large the effect is, how sure, and how small a one could have been seen."""
        judged = self.judgement
        if judged is None or judged.effect is None:
            return {}
        lines = {"Effect": effect(judged)}
        if judged.counts:
            lines["Its runs"] = "; ".join(judged.counts)
        if judged.p_holm is not None:
            if judged.p is not None and judged.p < LEVEL <= judged.p_holm and not judged.provisional:
                lines["p by itself"] = (
                    f"{judged.p:.2g}. Among {len(tested_claims())} tests one may show as much by chance, so the "
                    "corrected p decides"
                )
            lines["p, corrected for all claims"] = f"{judged.p_holm:.2g}"
            if judged.provisional:
                lines["Not the last word"] = (
                    f"by itself p is {judged.p:.2g}. Claims whose runs are missing count as showing nothing, so the "
                    "correction can become milder"
                )
        if judged.smallest_detectable is not None:
            equivalent = isinstance(self.claim.rule, Equivalence)
            what = "margin that this test could show" if equivalent else "effect that this test could see"
            lines[f"Smallest {what} by itself"] = f"{judged.smallest_detectable:.2f} points"
        if judged.mixed:
            lines["Its records come from"] = ", ".join(judged.mixed)
        return lines

    def _doubt(self) -> dict[str, str]:
        """Where a reader who doubts it goes on: the records that judge it, and the command that trains one again."""
        wanted = len(runs_of(self.claim.id))
        if not wanted:
            return {}
        there = {"Records": f"{len(self.records)} of {wanted} runs"}
        return there | ({"Redo one": f"vgg-lib redo {next(iter(self.records))}"} if self.records else {})

    def __repr__(self) -> str:
        """The box as text."""
        return "\n".join(f"{head}: {text}" for head, text in self.lines().items())

    def _repr_html_(self) -> str:
        rows = (f"<dt>{escape(head)}</dt><dd>{self._told(head, text)}</dd>" for head, text in self.lines().items())
        return f'<dl class="verdict">{"".join(rows)}</dl>'

    def _told(self, head: str, text: str) -> str:
        """A line's text as HTML, with the way to all rules and to the records of a study on the book's own pages."""
        told = escape(text)
        if head == "Rule":
            return f'{told} <a href="../book/method.html#rule-{self.claim.id}">All rules</a>'
        if head == "Records":
            shown = f"study={study_of(self.claim.id)}&amp;seeds=all"
            return f'{told} <a href="../book/explore.html?{shown}#explore-evidence">See what was measured</a>'
        if head == "p by itself":
            return f'{told} (<a href="ch12_scoreboard.html#ch12-many">chapter 12</a>)'
        return f"<code>{told}</code>" if head == "Redo one" else told


def verdict(name: str) -> Box:
    """The box with the verdict on a claim; raises :class:`~vgg_lib.basics.errors.InputError` for an unknown one."""
    judging, known = claim(name), evidence()
    there = {run.key: known[run.key] for run in runs_of(name) if run.key in known}
    return Box(judging, verdicts(known)[name], there)
