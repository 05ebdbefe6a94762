"""Generated JPEGs in Imagenette's folders: to rehearse a full-scale run where the photographs are not."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from vgg_lib.data.archive import CLASSES, FOLDERS, STAND_IN
from vgg_lib.data.embedded import SEEDS, generate


def write_stand_in(root: Path, *, per_class: int = 8, size: str = "160px") -> Path:
    """Write the embedded things as JPEGs under ``root`` the way Imagenette's archive unpacks; returns ``root``.

    They differ in size and shape as photographs do. Class by class they stand in for Imagenette's: a net
    trained on them learns nothing about churches, which is why they serve a rehearsal and nothing else.
    """
    sides = ((200, 160), (160, 200), (240, 160), (160, 160))
    for split, seed in SEEDS.items():
        images, labels, _ = generate(per_class * len(CLASSES), seed)
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            wnid = list(CLASSES)[int(label)]
            folder = root / FOLDERS[size] / split / wnid
            folder.mkdir(parents=True, exist_ok=True)
            picture = Image.fromarray(image.permute(1, 2, 0).numpy()).resize(sides[i // len(CLASSES) % len(sides)])
            picture.save(folder / f"{wnid}_{i}.JPEG", quality=90)
    (root / STAND_IN).write_text("The pictures here are generated, and stand in for Imagenette's.\n", encoding="utf-8")
    return root
