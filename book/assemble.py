"""The inner loop of the page's engine, from WebAssembly's text to bytes in a script: ``python book/assemble.py``."""

import base64
from pathlib import Path

from wasmtime import wat2wasm

FOLDER = Path(__file__).parent / "_static" / "answers"


def script() -> str:
    """``kernel.js``: what ``kernel.wat`` says, in base64, since a page that is opened from disk may not fetch it."""
    code = base64.b64encode(wat2wasm((FOLDER / "kernel.wat").read_text(encoding="utf-8"))).decode()
    return f'// Made from kernel.wat by `python book/assemble.py`.\nanswers.kernel =\n  "{code}";\n'


if __name__ == "__main__":
    (FOLDER / "kernel.js").write_text(script(), encoding="utf-8")
