"""Print a benchmark's table, store it, and put it into the README: the three always say the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent


def publish(name: str, lines: Sequence[str]) -> None:
    """Write ``NAME.md`` and replace what stands between its marks in the README."""
    text = "\n".join(lines) + "\n"
    print(text)
    (HERE / f"{name}.md").write_text(text, encoding="utf-8")
    readme, mark = HERE.parent / "README.md", f"<!-- benchmarks/{name}.md -->\n"
    before, _, rest = readme.read_text(encoding="utf-8").partition(mark)
    readme.write_text(f"{before}{mark}{text}<!-- end -->{rest.partition('<!-- end -->')[2]}", encoding="utf-8")
