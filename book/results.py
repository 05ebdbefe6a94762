"""The README's verdicts, which are those of the book's front page: ``python book/results.py``; refresh runs it."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"(?<=<!-- results -->\n).*?(?=<!-- end -->)", re.DOTALL)


def results() -> str:
    """Verdict, claim, effect and section from ``scoreboard_table.md``, with links as they lead from the README."""
    table = (ROOT / "book" / "scoreboard_table.md").read_text(encoding="utf-8").replace("](../", "](")
    return "".join(line.rpartition(" | ")[0] + " |\n" for line in table.splitlines())


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(BLOCK.sub(results(), readme.read_text(encoding="utf-8"), count=1), encoding="utf-8")
