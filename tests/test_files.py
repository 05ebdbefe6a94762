"""Files are there whole or not at all."""

import os
from pathlib import Path

import pytest

from vgg_lib.basics.errors import InputError
from vgg_lib.basics.files import check_writing, replacing
from vgg_lib.evidence.store import Store


def test_a_file_is_replaced_by_what_was_written(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as part:
        part.write_text("new")
    assert path.read_text() == "new"


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_one_and_what_it_leads_to_is_written(tmp_path, there):
    link, path = tmp_path / "link", tmp_path / "elsewhere" / "a.txt"
    path.parent.mkdir()
    link.symlink_to("elsewhere/a.txt")
    if there:
        path.write_text("old")
    with replacing(link) as part:
        part.write_text("new")
    assert link.is_symlink() and path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("what", ["pipe", "a link to a pipe", "/dev/null", "a link to itself"])
def test_what_is_no_file_is_not_replaced_by_one(tmp_path, what):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a link to a pipe").symlink_to("pipe")
    (tmp_path / "a link to itself").symlink_to("a link to itself")
    path = tmp_path / what
    before = path.lstat()
    for refuse in (lambda: replacing(path).__enter__(), lambda: check_writing(path)):
        with pytest.raises(InputError, match=f"{what} is there and no file .* name another"):
            refuse()
    assert path.lstat().st_ino == before.st_ino


def test_missing_folders_are_made(tmp_path):
    with replacing(tmp_path / "new" / "a.txt") as part:
        part.write_text("new")
    assert (tmp_path / "new" / "a.txt").read_text() == "new"


@pytest.mark.parametrize(
    ("raised", "seen"),
    [(OSError, InputError), (KeyError, KeyError), (KeyboardInterrupt, KeyboardInterrupt)],
)
def test_whatever_goes_wrong_the_file_is_as_it_was(tmp_path, raised, seen):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(seen), replacing(path) as part:
        part.write_text("half")
        raise raised
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_that_write_at_a_time_do_not_mix(tmp_path):
    path = tmp_path / "a.txt"
    with replacing(path) as one, replacing(path) as other:
        one.write_text("one")
        other.write_text("other")
        assert one.read_text() == "one"
    assert path.read_text() == "one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/a\.txt cannot be written"), replacing(tmp_path / "file" / "a.txt"):
        pass


def test_a_wave_is_the_home_folder_and_no_folder_of_that_name(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with replacing(Path("~/a.txt")) as part:
        part.write_text("new")
    check_writing(Path("~/b.txt"))
    assert Store("~/r.jsonl").path == tmp_path / "home" / "r.jsonl"
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["a.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


@pytest.mark.parametrize("path", ["", ".", "/", "folder"])
def test_a_folder_is_not_replaced_by_a_file(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    with pytest.raises(InputError, match="is a folder: name a file in it"), replacing(Path(path)):
        pass


def test_whether_a_file_can_be_written_is_known_before_it_is(tmp_path):
    path = tmp_path / "new" / "a.txt"
    check_writing(path)
    assert list(path.parent.iterdir()) == []
    for wrong in (tmp_path, tmp_path / ("a" * 300)):
        with pytest.raises(InputError):
            check_writing(wrong)
