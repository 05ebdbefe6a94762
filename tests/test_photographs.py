"""The cell on real photographs: rehearsed, trained, stopped and gone on with, and what a chapter says it takes."""

import re

import pytest
from helpers.records import a_record

from vgg_lib import InputError, make_run, recorded
from vgg_lib.book import figures, photographs
from vgg_lib.book.chapter import at, measured, takes, welcome
from vgg_lib.book.photographs import on_photographs
from vgg_lib.evidence.comparison import compare
from vgg_lib.evidence.hardware import GPUS, duration, seconds
from vgg_lib.evidence.store import Store
from vgg_lib.evidence.workshop import Workshop
from vgg_lib.training.loop import train

RUN = make_run("A", "quick", width=1 / 16, epochs=1)
LAPTOP = make_run("A", "laptop", seed=0)


def test_a_rehearsal_keeps_nothing_and_says_what_it_did(cache, capsys):
    assert on_photographs(LAPTOP) is None
    assert capsys.readouterr().out == f"Rehearsed in two steps: {LAPTOP}.\n"


def test_a_rehearsal_can_fail(cache, monkeypatch):
    def without_end(run, **more):
        trained = train(run, **more)
        trained.steps[-1] = float("nan")
        return trained

    monkeypatch.setattr(photographs, "train", without_end)
    with pytest.raises(AssertionError):
        on_photographs(LAPTOP)


def test_what_was_done_once_is_not_done_again(tmp_path, capsys):
    first = on_photographs(RUN, "quick", keep=tmp_path)
    second = on_photographs(RUN, "quick", keep=tmp_path)
    assert first == second == Store(tmp_path / "records.jsonl").find(RUN)
    said = capsys.readouterr().out
    assert str(tmp_path) in said
    assert said.count("\n".join(compare(first).lines())) == 2  # what `vgg-lib compare` says


def test_what_was_tested_alone_is_trained(tmp_path):
    store = Store(tmp_path / "records.jsonl")
    store.add(a_record(RUN, losses=()))
    assert on_photographs(RUN, "quick", keep=tmp_path).losses
    assert [record.of_tests_alone for record in store] == [True, False]


def test_a_stopped_run_goes_on_where_it_was(tmp_path, monkeypatch):
    def stopped(run, **more):
        train(run, max_steps=10, **more)
        raise KeyboardInterrupt

    monkeypatch.setattr("vgg_lib.evidence.workshop.train", stopped)
    with pytest.raises(KeyboardInterrupt):
        on_photographs(RUN, "quick", keep=tmp_path)
    assert Workshop(tmp_path / "runs").checkpoint(RUN).exists()

    seen = []
    monkeypatch.setattr(
        "vgg_lib.evidence.workshop.train",
        lambda run, **more: train(run, **more | {"watch": lambda done, *_: seen.append(done)}),
    )
    resumed = on_photographs(RUN, "quick", keep=tmp_path)
    assert seen[0] == 11
    assert resumed.losses == on_photographs(RUN, "quick", keep=tmp_path / "other").losses


@pytest.mark.filterwarnings("ignore::vgg_lib.basics.errors.InputWarning")
def test_what_was_done_on_a_part_of_the_photographs_is_done_again_on_all(tmp_path, fake_imagenette, monkeypatch):
    root, run = fake_imagenette(per_class=3), make_run("A", "quick", data="imagenette", width=1 / 16, epochs=1)
    monkeypatch.setenv("VGG_LIB_DATA", str(root))
    aside = tmp_path / "aside.JPEG"
    photo = next((root / "imagenette2-160" / "train").rglob("*_1.JPEG"))
    place = photo.rename(aside) and photo
    first, again = (on_photographs(run, "quick", keep=tmp_path / "mine", every_way=True) for _ in "ab")
    assert first == again and first.of_other_photographs
    aside.rename(place)
    whole = on_photographs(run, "quick", keep=tmp_path / "mine", every_way=True)
    assert not whole.of_other_photographs
    assert on_photographs(run, "quick", keep=tmp_path / "mine", every_way=True) == whole


def test_every_way_is_recorded_once(tmp_path):
    made = on_photographs(RUN, "quick", keep=tmp_path, every_way=True)
    assert len(made.evaluations) >= 8
    assert on_photographs(RUN, "quick", keep=tmp_path, every_way=True) == made


def test_a_run_whose_weights_are_elsewhere_is_trained_again_for_its_tests(tmp_path):
    """As after ``vgg-lib train``, which leaves its weights in another place."""
    trained = on_photographs(RUN, "quick", keep=tmp_path)
    Workshop(tmp_path / "runs").weights(RUN.key).unlink()
    assert on_photographs(RUN, "quick", keep=tmp_path) == trained, "nothing to test: nothing is trained"
    assert len(on_photographs(RUN, "quick", keep=tmp_path, every_way=True).evaluations) >= 8
    Workshop(tmp_path / "runs").weights(RUN.key).unlink()
    assert len(on_photographs(RUN, "quick", keep=tmp_path, every_way=True).evaluations) >= 8, "it was tested"
    assert not Workshop(tmp_path / "runs").weights(RUN.key).exists()


def test_two_cells_do_not_train_one_run_at_once(tmp_path):
    with Workshop(tmp_path / "runs").lock(RUN), pytest.raises(InputError, match="another process"):
        on_photographs(RUN, "quick", keep=tmp_path)


def test_a_run_that_fails_says_why_and_can_be_tried_again(tmp_path):
    failing = make_run("A", "quick", width=1 / 1024, epochs=1)
    for _ in range(2):
        with pytest.raises(InputError, match="leaves conv1_1 without channels"):
            on_photographs(failing, "quick", keep=tmp_path)


def test_a_drive_is_colabs_alone():
    with pytest.raises(InputError, match="Colab alone"):
        on_photographs(RUN, "quick", keep="Drive")


def test_without_photographs_it_says_how_to_get_them(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("VGG_LIB_DATA", str(tmp_path))
    with pytest.raises(InputError, match="does not hold imagenette2-160"):
        on_photographs(LAPTOP, "laptop", keep=tmp_path)


def test_a_run_keeps_its_place_at_another_preset():
    laptop = make_run("D", "laptop", scale=(73, 146), batch_norm=True, seed=3)
    assert at(laptop, "paper") == make_run("D", "paper", scale=(256, 512), batch_norm=True, seed=3)
    assert at(RUN, "quick") is RUN
    with pytest.raises(InputError, match="preset"):
        on_photographs(RUN, "papers")


def test_times_say_whether_they_were_measured():
    pace = recorded("first").find(LAPTOP)
    page, laptop, paper = takes("ch03", LAPTOP).frame.to_dict("records")
    two_cores = f"processor, {pace.machine['threads']} threads"
    assert page[two_cores].startswith(duration(measured()["ch03"]["seconds"])) and "(measured)" in page[two_cores]
    assert laptop[two_cores] == f"{duration(pace.seconds)} (measured)"
    assert paper[two_cores].endswith("(computed)")
    for gpu in ("T4", "H100"):
        low, high = map(int, re.fullmatch(r"(\d+) to (\d+) minutes \(not measured\)", laptop[gpu]).groups())
        assert low < seconds(LAPTOP, GPUS[gpu]) / 60 + 1 < high
    assert takes("ch03", make_run("D", "laptop")).frame[two_cores].iloc[1].endswith("(computed)")


def test_a_chapter_that_was_never_timed_says_so():
    assert "not measured yet" in repr(takes("ch99"))


def test_a_welcome_names_versions_and_the_way_to_a_gpu(capsys):
    welcome("ch03")
    said = capsys.readouterr().out
    assert "torch 2" in said and "GPU:" in said and "took" in said


def test_the_readers_own_point_stands_beside_the_recorded_ones():
    run = make_run("A", "laptop", seed=9)
    mine = recorded("first").find(LAPTOP)
    axes = figures.beside(run, mine).axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert "A" in names and [text.get_text() for text in axes.texts] == ["yours"]
    assert [text.get_text() for text in figures.beside(run).axes[0].texts] == []


def test_the_readers_own_point_at_another_preset_is_not_drawn_among_the_recorded_ones():
    mine = a_record(make_run("A", "paper"))
    [axes] = figures.beside(make_run("A", "laptop"), mine).axes
    assert [text.get_text() for text in axes.texts] == []


def test_a_row_with_the_readers_own_point_alone_does_not_say_that_nothing_is_recorded():
    [axes] = figures.seed_errors({"A": [14.0], "D": []}, mine={"B": 13.0}).axes
    assert [text.get_text() for text in axes.texts] == ["no run recorded yet", "yours"]


def test_all_networks_that_were_recorded_with_a_recipe_stand_beside_each_other():
    [axes] = figures.beside(make_run("B-5x5", "laptop")).axes
    assert {"A", "D"} <= {label.get_text() for label in axes.get_yticklabels()}
