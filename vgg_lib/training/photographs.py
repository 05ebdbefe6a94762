"""The photographs that a run trains on, and those that it is tested on."""

from __future__ import annotations

from pathlib import Path

from vgg_lib.data.embedded import embedded
from vgg_lib.data.imagenette import imagenette
from vgg_lib.data.photos import Photos
from vgg_lib.training.presets import Preset
from vgg_lib.training.runs import Run


def photographs(preset: Preset, split: str, root: str | Path | None = None) -> Photos:
    """The photographs of a preset's world, ``train`` or ``val``; raises what the data set raises."""
    if preset.data in ("embedded", "marked"):
        return embedded(split, marked=preset.data == "marked")
    return imagenette(split, root, size=preset.size, squash=preset.squash)


def photos_to_train(run: Run, root: str | Path | None = None) -> Photos:
    """What ``run`` trains on: nine tenths of the training set, or all of it."""
    photos = photographs(run.preset, "train", root)
    return photos if run.train_on == "all" else photos.without_held_out()


def photos_to_test(run: Run, root: str | Path | None = None) -> Photos:
    """What ``run`` is tested on: the held-out tenth, or the validation images when it trained on everything."""
    if run.test_set == "validation":
        return photographs(run.preset, "val", root)
    return photographs(run.preset, "train", root).held_out()
