"""The user's folders."""

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from vgg_lib.basics.errors import InputError
from vgg_lib.basics.folders import cache_folder, data_folder, free_space, way_out
from vgg_lib.commands import doctor
from vgg_lib.data.folder import photo_folder
from vgg_lib.data.imagenette import find, imagenette, photographs_folder
from vgg_lib.networks.published import load_published
from vgg_lib.training.loop import train
from vgg_lib.training.runs import make_run


def test_the_data_folder_is_where_the_system_says(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert data_folder() == tmp_path / "vgg_lib"


def test_a_variable_names_the_cache_folder(monkeypatch):
    monkeypatch.setenv("VGG_LIB_CACHE", "~/elsewhere")
    assert cache_folder() == Path.home() / "elsewhere"


def test_without_the_variable_the_cache_is_where_the_system_says(tmp_path, monkeypatch):
    monkeypatch.delenv("VGG_LIB_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "vgg_lib"


def test_a_variable_names_the_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("VGG_LIB_HOME", str(tmp_path))
    assert data_folder() == tmp_path


@pytest.fixture(params=["absent", "cannot be written"])
def no_home(request, vgg_lib, tmp_path, monkeypatch):
    """The command line of a user who has no home, or one that cannot be written."""
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "VGG_LIB_CACHE", "VGG_LIB_HOME"):
        monkeypatch.delenv(name, raising=False)
    if request.param == "absent":
        monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    else:
        (tmp_path / "file").touch()
        monkeypatch.setenv("HOME", str(tmp_path / "file"))
    return vgg_lib


def test_what_needs_no_folder_goes_on_without_a_home(no_home, tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    for words in (["predict", "a.png"], ["status"], ["describe", "A"], ["claim", "depth"]):
        said = no_home(*words)
        assert (said.code, "cannot" in said.err) == (0, False), words
    assert not [path for path in tmp_path.iterdir() if path.name not in ("a.png", "file")]


def test_doctor_names_the_folders_that_cannot_be_written(no_home, monkeypatch):
    monkeypatch.setattr(doctor, "PRESETS", {})
    said = no_home("doctor").out.splitlines()
    for what, variable in (("data", "VGG_LIB_HOME"), ("cache", "VGG_LIB_CACHE")):
        [line] = [line for line in said if line.startswith(f"{what} folder")]
        assert line.endswith(f"set {variable} to a folder that can be written")


@pytest.mark.parametrize(
    "words",
    [["train"], ["train", "--store", "r.jsonl", "--weights", "w.safetensors"], ["run", "pilot"]],
)
def test_trainings_name_the_variable_for_their_folder(no_home, words):
    said = no_home(*words)
    assert said.code == 2
    assert "cannot be written" in said.err
    assert said.err.endswith("free some space, or set VGG_LIB_HOME to a folder that can be written\n")


def test_photographs_name_the_variable_for_their_pixels(no_home, fake_imagenette, monkeypatch):
    root = fake_imagenette()
    monkeypatch.delenv("VGG_LIB_CACHE")
    with pytest.raises(InputError, match=r"cannot be written .*: free some space, or set VGG_LIB_CACHE to a folder"):
        imagenette("train", root, squash=32)


def test_a_download_names_the_variable_for_its_folder(no_home):
    said = no_home("download")
    assert said.code == 2
    assert "cannot be written" in said.err
    assert said.err.endswith("free some space, or set VGG_LIB_CACHE to a folder that can be written\n")


@pytest.mark.parametrize(
    ("use", "says"),
    [
        (find, "which is no folder"),
        (lambda name: photo_folder(name, "train"), "is no folder"),
        (lambda name: load_published(name, "A"), "~nobody-is-called-so/a"),
    ],
)
def test_the_home_of_a_user_who_is_not_there_is_a_name_like_any_other(use, says):
    with pytest.raises(InputError, match=says):
        use("~nobody-is-called-so/a")


def test_such_a_name_may_be_written_to_and_looked_at(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train(make_run("A", "quick", width=1 / 16), max_steps=1, checkpoint="~nobody-is-called-so/a", progress=False)
    assert [path.name for path in (tmp_path / "~nobody-is-called-so").iterdir()] == ["a"]
    assert photographs_folder("~nobody-is-called-so") == Path("~nobody-is-called-so")


def test_elsewhere_another_folder_is_the_way_out(tmp_path):
    assert way_out(tmp_path / "a.jsonl") == "free some space or choose another folder"


def test_space_is_that_of_the_folder_that_is_there(tmp_path):
    assert free_space(tmp_path / "not" / "yet") == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.01)
    (tmp_path / "file").touch()
    assert free_space(tmp_path / "file" / "in it") is None
