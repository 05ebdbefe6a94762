"""What pages say of the book, made anew by each build: cells, versions, records, the state of the claims."""

import json
import platform
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util.docutils import SphinxDirective

VERDICTS = ("reproduced", "contradicted", "inconclusive")
WAITING = "rule committed, waiting for runs"
PACKAGES = ("torch", "torchvision", "numpy", "pandas", "matplotlib", "jupyter-book", "nbval")


def table(heads: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in (heads, ["---"] * len(heads), *rows))


def last_commit(path: Path) -> str:
    """The day on which a file was last changed, and the commit; "unknown" outside a repository."""
    command = ["git", "log", "-1", "--format=%cs (%h)", "--", path.name]
    try:
        found = subprocess.run(command, cwd=path.parent, capture_output=True, text=True)
    except OSError:
        return "unknown"
    return found.stdout.strip() or "unknown"


def chapters(config: Config, folder: Path) -> str:
    """Each chapter's code cells, and when its outputs were made."""
    rows = []
    for path in sorted((folder / "notebooks").glob("*.ipynb")):
        cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
        title = f"{{doc}}`../notebooks/{path.stem}`"
        rows.append([title, len(cells), sum(bool(cell["outputs"]) for cell in cells), last_commit(path)])
    today = datetime.now(UTC).date().isoformat()
    executed = config.nb_execution_mode == "force"
    how = f"Executed for this page on {today}" if executed else f"Built on {today} from stored outputs"
    return table(["chapter", "code cells", "with outputs", "stored version last changed"], rows) + f"\n\n{how}.\n"


def versions(*_: object) -> str:
    """What this build was made with."""
    rows = [["Python", platform.python_version()], *([name, version(name)] for name in PACKAGES)]
    return table(["package", "version"], rows)


def records(*_: object) -> str:
    """The records that come with the library, by study."""
    from vgg_lib.evidence.store import recorded, studies_with_records

    rows = []
    for study in studies_with_records():
        found = list(recorded(study))
        outcomes = Counter(record.outcome for record in found)
        dates = sorted(record.date for record in found)
        machines = {f"{record.machine['processor']}, {record.machine['torch']}" for record in found}
        told = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
        days = " to ".join(dict.fromkeys((dates[0], dates[-1])))
        rows.append([f"`{study}`", len(found), told, days, "; ".join(sorted(machines))])
    return table(["study", "records", "outcome", "dates", "processor and PyTorch"], rows)


def status(*_: object) -> str:
    """How far the book is, in a sentence."""
    from vgg_lib.evidence.store import recorded, studies_with_records
    from vgg_lib.evidence.verdicts import verdicts

    claims = verdicts().values()
    judged = sum(claim is not None and claim.verdict in VERDICTS for claim in claims)
    runs = len({key for name in studies_with_records() for key in recorded(name).latest()})
    return f"**Where it stands:** {judged} of {len(claims)} claims judged, {runs} trainings recorded."


def board(*_: object) -> str:
    """Which claims have which verdict, each with the way to its chapter."""
    from vgg_lib.evidence.claims import CLAIMS
    from vgg_lib.evidence.verdicts import status as in_words
    from vgg_lib.evidence.verdicts import verdicts

    found: dict[str, list[str]] = {verdict: [] for verdict in (*VERDICTS, f"{VERDICTS[-1]} so far", WAITING)}
    for name, claim in verdicts().items():
        short, chapter = CLAIMS[name].short, CLAIMS[name].chapter
        verdict = in_words(claim) if claim and claim.verdict in VERDICTS else WAITING
        found[verdict].append(f"[{short}](../notebooks/{chapter}.ipynb)" if chapter else short)
    told = [f"- **{verdict}** ({len(names)}): {', '.join(names)}" for verdict, names in found.items() if names]
    return "\n".join(told)


def findings(*_: object) -> str:
    """What surprised us most, with its numbers, as a list."""
    from vgg_lib.book.findings import findings

    return "\n".join(f"{number}. {text}" for number, text in enumerate(findings(), start=1))


def live(*_: object) -> str:
    """What a live training takes, as far as it was measured."""
    from vgg_lib.book.chapter import measured

    chapter = measured()["ch03"]
    machine = f"{chapter['machine']['threads']} threads of a processor ({chapter['machine']['processor']})"
    return (
        "The whole of {ref}`chapter 3 <ch03>`, which does this among other things, took "
        f"{chapter['seconds']:.0f} seconds on {machine}. A slow or busy one may take twice as long."
    )


class KeptTrue(SphinxDirective):
    """``{kept-true} chapters``, or the name of another function above: what it makes."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Sphinx calls this where the directive stands."""
        self.env.note_reread()  # a record or a commit may be new although the page is not
        text = MAKE[self.arguments[0]](self.config, Path(self.env.srcdir))
        return self.parse_text_to_nodes(text)


#: By the argument of the directive.
MAKE: dict[str, Callable[[Config, Path], str]] = {
    "chapters": chapters,
    "versions": versions,
    "records": records,
    "status": status,
    "board": board,
    "findings": findings,
    "live": live,
}


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    app.add_directive("kept-true", KeptTrue)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
