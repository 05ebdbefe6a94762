"""What each chapter takes: seconds and memory of its notebook, executed as a reader would.

Each notebook runs in a process of its own on the embedded data set. Run it on a machine that is otherwise idle:

    python benchmarks/chapters.py            # all of them
    python benchmarks/chapters.py ch04 ch05  # these; what is known of the others stays

The table at the top of each chapter shows what is written: execute its cell anew.
"""

import json
import os
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from tqdm.auto import tqdm

from vgg_lib.basics import machine
from vgg_lib.basics.errors import check_choice
from vgg_lib.basics.files import replacing

ROOT = Path(__file__).parent.parent
STORED = ROOT / "vgg_lib" / "book" / "chapters.json"


def execute(path: Path) -> tuple[float, float]:
    """Seconds to execute a notebook, its kernel's start included, and MiB that the kernel held at its peak."""
    import nbformat
    from nbclient import NotebookClient

    os.environ.pop("VGG_LIB_DATA", None)
    os.environ["TQDM_DISABLE"] = "1"
    with TemporaryDirectory() as cache:
        os.environ["VGG_LIB_CACHE"] = cache
        notebook = nbformat.read(path, as_version=4)
        began = time.perf_counter()
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}}).execute()
        seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024  # Linux counts in KiB
    return round(seconds, 1), round(peak)


def main(*names: str) -> None:
    """Execute the chapters of these names, or all, one after the other, and write what they took."""
    about = machine.describe(torch.device("cpu"))
    paths = {path.stem[:4]: path for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
    for name in names:
        check_choice("chapter", name, paths)
    taken = json.loads(STORED.read_text(encoding="utf-8")) if names else {}
    for name, path in tqdm([(name, paths[name]) for name in names or paths], unit="chapter"):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
            seconds, mebibytes = alone.submit(execute, path).result()
        today = datetime.now(UTC).date().isoformat()
        taken[name] = {"seconds": seconds, "mebibytes": mebibytes, "date": today, "machine": about}
    with replacing(STORED) as part:
        part.write_text(json.dumps(dict(sorted(taken.items())), indent=1) + "\n", encoding="utf-8")
    print(STORED.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main(*sys.argv[1:])
