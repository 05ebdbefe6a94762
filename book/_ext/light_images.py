"""Pictures of figures as palettes of 256 colours where that is smaller: a third of the bytes for most of them.

The notebooks keep what matplotlib drew; only what is served is made light, so that a chapter stays under its weight.
"""

from io import BytesIO
from pathlib import Path

from PIL import Image
from sphinx.application import Sphinx


def lighten(path: Path) -> None:
    """Rewrite a PNG with a palette if that makes it smaller; transparent ones stay as they are."""
    with Image.open(path) as image:
        if image.mode not in ("RGB", "RGBA") or (image.mode == "RGBA" and min(image.getchannel("A").tobytes()) < 255):
            return
        palette = image.convert("RGB").quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    light = BytesIO()
    palette.save(light, "PNG", optimize=True)
    if len(light.getvalue()) < path.stat().st_size:
        path.write_bytes(light.getvalue())


def finished(app: Sphinx, exception: Exception | None) -> None:
    """After a build that went well, all pictures of its pages."""
    if exception is None and app.builder.format == "html":
        for path in Path(app.outdir, "_images").glob("*.png"):
            lighten(path)


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx's entry."""
    app.connect("build-finished", finished)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
