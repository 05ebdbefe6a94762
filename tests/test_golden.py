"""Golden runs: what the engine computes is what it computed when its records were made."""

import json

import pytest

from vgg_lib.training import golden


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """All numbers, as the engine computes them now."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VGG_LIB_CACHE", str(tmp_path_factory.mktemp("cache")))
        return golden.compute(tmp_path_factory.mktemp("photographs"))


@pytest.mark.parametrize("name", golden.kept())
def test_the_engine_computes_what_it_did(computed, name):
    assert golden.agree(computed[name], golden.kept()[name]), (computed[name], golden.kept()[name])


def test_every_number_is_in_the_file(computed):
    assert computed.keys() == golden.kept().keys()


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Files of their own: one number names the engine, one was added."""
    for constant, number in (("PATH", {"old": [1.0]}), ("ADDED", {"new": [2.0]})):
        path = tmp_path / f"{constant}.json"
        path.write_text(json.dumps(number))
        monkeypatch.setattr(golden, constant, path)


@pytest.mark.usefixtures("files")
def test_a_golden_run_that_is_added_leaves_the_engine_its_name():
    name = golden.PATH.read_bytes()
    golden._write({"old": [1.0005], "new": [2.0], "newest": [3.0]})
    assert json.loads(name) == golden.named()
    assert golden.added() == {"new": [2.0], "newest": [3.0]}


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("changed", [{"old": [1.1], "new": [2.0]}, {"old": [1.0], "new": [2.1]}, {"new": [2.0]}])
def test_an_engine_that_computes_anything_else_is_named_by_all_of_them(changed):
    golden._write(changed)
    assert golden.named() == changed
    assert golden.added() == {}
