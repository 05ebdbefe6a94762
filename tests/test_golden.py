"""Golden runs: what the engine computes is what it computed when its records were made."""

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
