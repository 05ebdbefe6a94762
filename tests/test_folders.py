"""The user's folders."""

from pathlib import Path

from vgg_lib.basics.folders import cache_folder, data_folder


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
