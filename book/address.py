"""Where the sources are served from, told once in _config.yml, and everything that follows from it.

    python book/address.py https://github.com/OWNER/NAME

writes the address into _config.yml, the first cell of each notebook, the README's badges and links, and CITATION.cff.
An empty address takes it out again: then there are no buttons, and the first cells say what to do instead of installing
from a place that might belong to anybody. Tests hold all of it to what _config.yml says.
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
CONFIG = re.compile(r'(?<=^repository:\n  url: ")[^"]*(?="$)', re.MULTILINE)
README = re.compile(r"(?<=<!-- chapters -->\n).*?(?=<!-- end -->)", re.DOTALL)
CITATION = re.compile(r"^repository-code:.*\n|\Z", re.MULTILINE)
GITHUB = re.compile(r"https://github\.com/(?P<owner>[\w.-]+)/(?P<name>[\w.-]+?)(?:\.git|/)?")
ALLOWED = re.compile(r"(?:https|file)://[\w.~:/@%+-]+", re.ASCII)  # a cell hands it to a shell, without quotes

FIRST_CELL = """\
# Nothing to do where vgg-lib is installed. Elsewhere, as in Colab, it is installed beside the PyTorch that is there.
from importlib.metadata import version
from importlib.util import find_spec

ADDRESS = "{address}"  # of this book's repository
if find_spec("vgg_lib") is None and not ADDRESS:
    print(
        "This chapter needs the library vgg-lib. It is not installed here, and this copy of the chapter does not "
        "know where it is.\\nIn Colab: write the address of the book's repository between the quotes after "
        "ADDRESS, and run this cell again.\\nOn your own machine: run `pip install '.[transfer]' "
        "scikit-image` in a clone of the repository, and restart the kernel."
    )
elif find_spec("vgg_lib") is None:
    as_it_is = " ".join(f"{{name}}=={{version(name)}}" for name in ("torch", "torchvision") if find_spec(name))
    %pip install --quiet git+{{ADDRESS}} {{as_it_is}}
    from vgg_lib.book.chapter import welcome

    welcome("{chapter}")"""

#: What a notebook asks of Colab: a GPU, which only the training on real photographs needs.
COLAB = {"accelerator": "GPU", "colab": {"gpuType": "T4", "provenance": []}}

UNSET = "The chapters open in Colab once `make repository URL=https://github.com/OWNER/NAME` has said where they are.\n"


def address(root: Path = ROOT) -> str:
    """The address in _config.yml, "" where it is not set."""
    [found] = CONFIG.findall((root / "_config.yml").read_text(encoding="utf-8"))
    return str(found)


def everything(url: str, root: Path = ROOT) -> dict[Path, str]:
    """The files that know the address, as they should read when it is ``url``; raises ``ValueError`` for none."""
    if url and not ALLOWED.fullmatch(url):
        raise ValueError(f"{url!r} is no address to install from: give one like https://github.com/OWNER/NAME")
    if found := GITHUB.fullmatch(url):  # without .git, as links are built from it
        url = "https://github.com/{owner}/{name}".format(**found.groupdict())
    notebooks = sorted((root / "notebooks").glob("*.ipynb"))
    texts = {path: path.read_text(encoding="utf-8") for path in notebooks}
    for name, pattern, new in (
        ("_config.yml", CONFIG, url),
        ("README.md", README, chapters(url, texts)),
        ("CITATION.cff", CITATION, f"repository-code: {json.dumps(url)}\n" if url else ""),
    ):
        text = (root / name).read_text(encoding="utf-8")
        texts[root / name] = pattern.sub(new.replace("\\", r"\\"), text, count=1)
    return texts | {path: with_first_cell(texts[path], url, path.stem[:4]) for path in notebooks}


def with_first_cell(text: str, url: str, chapter: str) -> str:
    """A notebook's JSON with the first code cell that every chapter has."""
    notebook = json.loads(text)
    cell = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    cell["source"] = FIRST_CELL.format(address=url, chapter=chapter).splitlines(keepends=True)
    cell["metadata"] = {"tags": ["hide-input"], "mystnb": {"code_prompt_show": "Where vgg-lib is not installed yet"}}
    notebook["metadata"] |= COLAB
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"  # as Jupyter writes it


def chapters(url: str, notebooks: dict[Path, str]) -> str:
    """The README's table of chapters, with badges and links to Colab where the address is one that Colab can open."""
    found = GITHUB.fullmatch(url)
    where = "{owner}/{name}".format(**found.groupdict()) if found else ""
    badge = f"[![tests](https://github.com/{where}/actions/workflows/test.yml/badge.svg)]"
    lines = [f"{badge}(https://github.com/{where}/actions)\n\n"] if found else [UNSET + "\n"]
    lines += [f"| chapter | |{' |' * bool(found)}\n| --- | --- |{' --- |' * bool(found)}\n"]
    for path, text in notebooks.items():
        first = "".join(json.loads(text)["cells"][0]["source"])
        [title, *_] = re.findall(r"^# (?:\d+\. )?(.+)", first, re.MULTILINE)
        colab = f"https://colab.research.google.com/github/{where}/blob/main/notebooks/{path.name}"
        link = f" [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab}) |"
        lines.append(f"| {int(path.stem[2:4])} | [{title}](notebooks/{path.name}) |{link if found else ''}\n")
    return "".join(lines)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        changed = everything(sys.argv[1])
    except ValueError as error:
        sys.exit(str(error))
    for path, text in changed.items():
        path.write_text(text, encoding="utf-8")
