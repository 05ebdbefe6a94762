"""The chapters as a reader has them in Colab: an empty folder, an older PyTorch, no checkout, no library.

A bare clone on this disk stands in for the repository that the first cell installs from: what is committed is tested.
Every notebook must run to its end, the installation take under a minute, and PyTorch be what it was before. It needs
some gigabytes and a package index, so it is `make elsewhere`, and no part of `make test`.

    python tests/elsewhere.py [VERSION OF TORCH] [VERSION OF TORCHVISION]
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from runpy import run_path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
AS_IN_COLAB = ("ipykernel", "nbclient", "scikit-image", "scikit-learn")  # what Colab has and chapters use
SECONDS = 60  # in which the first cell must have installed the library

EXECUTE = """
import sys, time, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
client, began = NotebookClient(notebook, timeout=1200), time.perf_counter()
first = next(i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code")
with client.setup_kernel():
    for index, cell in enumerate(notebook.cells):
        client.execute_cell(cell, index)
        if index == first:
            seconds = time.perf_counter() - began
            said = "".join(output.get("text", "") for output in cell.get("outputs", []))
            print(f"first cell: {seconds:.0f} s; it says: {said.strip() or 'nothing'}", flush=True)
            assert seconds < float(sys.argv[2]), f"the first cell took longer than {sys.argv[2]} s"
print(f"all cells: {time.perf_counter() - began:.0f} s", flush=True)
"""


def say(*command: object, **more) -> str:
    """Run a command, and return what it printed."""
    done = subprocess.run(list(map(str, command)), text=True, stdout=subprocess.PIPE, **more)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))[:300]}\n{done.stdout}\nfailed with {done.returncode}")
    return done.stdout


def main(torch: str = "2.9.1", torchvision: str = "0.24.1") -> None:
    """Try it with these versions of PyTorch; exit with 1 where anything is not as it should be."""
    address = run_path(str(ROOT / "book" / "address.py"))
    with TemporaryDirectory() as folder:
        remote, empty, environment = (Path(folder) / name for name in ("remote.git", "empty", "environment"))
        empty.mkdir()
        say("git", "clone", "--quiet", "--bare", ROOT, remote)
        say("git", "clone", "--quiet", remote, Path(folder) / "clone")
        for path, text in address["everything"](remote.as_uri(), Path(folder) / "clone").items():
            if path.suffix == ".ipynb":
                (empty / path.name).write_text(text, encoding="utf-8")
        say(sys.executable, "-m", "venv", environment)
        python = environment / "bin" / "python"
        pinned = (f"torch=={torch}", f"torchvision=={torchvision}")
        say(python, "-m", "pip", "install", "--quiet", *pinned, *AS_IN_COLAB)
        here = {name: value for name, value in os.environ.items() if not name.startswith(("VGG_LIB", "PYTHON"))}
        own = {"XDG_DATA_HOME": str(empty), "VGG_LIB_CACHE": str(empty / "cache"), "TQDM_DISABLE": "1"}
        there = here | own | {"PATH": f"{environment}/bin:{os.environ['PATH']}"}
        for path in sorted(empty.glob("*.ipynb")):
            print(path.stem, flush=True)
            print(say(python, "-c", EXECUTE, path.name, SECONDS, cwd=empty, env=there).strip(), flush=True)
            if path == min(empty.glob("*.ipynb")):
                installed = say(python, "-m", "pip", "list", "--format", "json")
                versions = {one["name"].lower(): one["version"] for one in json.loads(installed)}
                assert "vgg-lib" in versions, "the first cell installed nothing"
        command = (
            "import torch, torchvision; print(torch.__version__.split('+')[0], torchvision.__version__.split('+')[0])"
        )
        now = say(python, "-c", command).split()
        assert now == [torch, torchvision], f"PyTorch was {torch} with {torchvision}, and is {now} now"
        print(f"torch {now[0]} and torchvision {now[1]}, as before")


if __name__ == "__main__":
    main(*sys.argv[1:])
