"""Progress bars: how far, how long, and none where none is wanted."""

import pytest

from vgg_lib.basics.progress import bar


@pytest.fixture(autouse=True)
def shown(monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE")


def test_a_bar_tells_what_is_done_and_left(capsys):
    with bar(4, "training A", "step", mininterval=0) as steps:
        steps.update(3)
    said = capsys.readouterr().err
    assert "training A:  75%" in said and "| 3/4 [" in said


def test_what_was_done_before_counts_as_done_but_not_as_fast(capsys):
    with bar(1000, "training A", "step", done=998, mininterval=0) as steps:
        steps.update(1)
    assert "998/1000" in (said := capsys.readouterr().err)
    assert "999/1000" in said
    assert steps.format_dict["initial"] == 998


@pytest.mark.parametrize(("shown", "variable"), [(False, ""), (True, "1")])
def test_no_bar_where_none_is_wanted(capsys, monkeypatch, shown, variable):
    monkeypatch.setenv("TQDM_DISABLE", variable)
    with bar(4, "training A", "step", shown=shown) as steps:
        steps.update(3)
    assert capsys.readouterr().err == ""
