"""Training: that it learns, that it repeats, and what it must never do."""

import itertools
import math
import tempfile
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from vgg_lib.basics import machine
from vgg_lib.basics.errors import InputError
from vgg_lib.data.embedded import embedded
from vgg_lib.evidence.records import Record
from vgg_lib.evidence.testing import record
from vgg_lib.networks.model import VGG
from vgg_lib.training.loop import build, train
from vgg_lib.training.photographs import photos_to_test, photos_to_train
from vgg_lib.training.runs import make_run
from vgg_lib.training.schedules import Plateau


def few_steps(network="A", steps=3, **choices):
    return train(make_run(network, "quick", **choices), max_steps=steps)


@pytest.fixture(scope="module")
def trained():
    """Net A of the quick preset, trained to its end: the one long training of the tests."""
    return train(make_run("A", "quick"))


def test_the_quick_preset_learns(trained):
    assert record(trained).error < 50  # chance is 90


def test_a_trainings_record_comes_back_from_its_line(trained):
    of_it = record(trained)
    assert Record.from_line(of_it.to_line()) == of_it


def test_a_record_tells_the_loss_of_each_epoch(trained):
    losses = record(trained).losses
    assert len(losses) == trained.run.preset.epochs
    assert losses[-1] < losses[0] / 2


def test_a_record_tells_what_the_training_took(trained):
    made = record(trained)
    assert 0 < made.seconds < 600
    assert 0 < made.processor_seconds < 600


def test_a_record_predicts_every_held_out_photograph(trained):
    evaluation, held_out = record(trained).evaluations[0], embedded("train").held_out()
    wrong = sum(t != p for t, p in zip(evaluation.targets, evaluation.predictions, strict=True))
    assert evaluation.test_set == "held-out"
    assert [int(digit) for digit in evaluation.targets] == held_out.labels.tolist()
    assert evaluation.errors["top1"] == pytest.approx(100 * wrong / len(held_out), abs=1e-3)


@pytest.mark.parametrize("choices", [{}, {"scale": (36, 72), "colour_shift": True, "batch_norm": True}])
def test_a_training_repeats_to_the_bit(choices):
    one = few_steps(**choices)
    torch.rand(1)  # what was drawn before does not matter
    other = few_steps(**choices)
    assert one.steps == other.steps
    weights = zip(one.net.state_dict().values(), other.net.state_dict().values(), strict=True)
    assert all(torch.equal(*pair) for pair in weights)


def test_another_seed_is_another_training():
    assert few_steps(seed=0).steps != few_steps(seed=1).steps


def batches(network, **choices):
    """What a net is given in its first steps."""
    seen = []

    def look(module, inputs):
        if isinstance(module, VGG):
            seen.append(inputs[0].clone())

    handle = torch.nn.modules.module.register_module_forward_pre_hook(look)
    try:
        few_steps(network, **choices)
    finally:
        handle.remove()
    return torch.stack(seen)


@pytest.mark.parametrize("choices", [{"scale": 36}, {"scale": (36, 72), "colour_shift": True}])
def test_different_networks_with_one_seed_see_the_same_batches(choices):
    a, d = (batches(network, **choices) for network in ("A", "D"))
    assert a.shape == (3, 50, 3, 32, 32)
    assert torch.equal(a, d)


@pytest.mark.parametrize("steps", [1, 3, 45])
def test_training_stops_after_max_steps(steps):  # an epoch has 43
    assert len(few_steps(steps=steps, width=1 / 16).steps) == steps


@pytest.mark.parametrize("steps", [0, -1, 1.5])
def test_fewer_than_one_step_or_half_a_step_is_refused(steps):
    with pytest.raises(InputError, match=f"max_steps is {steps}: choose a whole number of 1 or more"):
        few_steps(steps=steps)


def test_a_huge_learning_rate_diverges_and_counts_as_chance():
    of_it = record(few_steps(steps=40, learning_rate=1e4))
    assert (of_it.outcome, of_it.error, of_it.evaluations) == ("diverged", 90.0, ())
    assert "the loss became" in of_it.reason
    assert Record.from_line(of_it.to_line()) == of_it


def test_the_callers_random_numbers_are_left_alone():
    before = torch.get_rng_state()
    few_steps()
    assert torch.equal(torch.get_rng_state(), before)


def in_a_thread(run):
    """What came of a training of ``run`` in another thread: the losses of its first steps, or what was raised."""
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(train, run, max_steps=3, progress=False)
        return done.exception() or done.result().steps


def test_a_second_thread_is_refused_and_does_not_disturb_the_first():
    run, others = make_run("A", "quick", width=1 / 16), []
    alone = few_steps(width=1 / 16)
    one = train(run, max_steps=3, watch=lambda *_: others.append(in_a_thread(run)), progress=False)
    assert one.steps == alone.steps
    assert len(others) == 3
    for refused in others:
        assert isinstance(refused, InputError)
        assert "another training runs in this process" in str(refused)
    assert in_a_thread(run) == alone.steps  # now that the first has ended


def test_a_gpu_chooses_its_algorithms_the_same_way_each_time_whatever_the_caller_chose():
    cudnn, seen = torch.backends.cudnn, []

    def chosen():
        return cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32

    with cudnn.flags(enabled=False, benchmark=True, deterministic=False, allow_tf32=True):
        train(
            make_run("A", "quick", width=1 / 16),
            max_steps=1,
            watch=lambda *_: seen.append(chosen()),
            progress=False,
        )
        assert chosen() == (False, True, False, True)
    assert seen == [(True, False, True, False)]


def test_a_training_that_fails_leaves_room_for_the_next():
    run = make_run("A", "quick", width=1 / 16)
    with pytest.raises(ZeroDivisionError):
        train(run, max_steps=1, watch=lambda *_: 1 / 0, progress=False)
    assert in_a_thread(run) == few_steps(width=1 / 16).steps


def test_a_training_within_a_step_of_another_leaves_it_as_it_was():
    run = make_run("A", "quick", width=1 / 16)
    one = train(run, max_steps=3, watch=lambda *_: few_steps(steps=1, seed=1, width=1 / 16), progress=False)
    assert one.steps == few_steps(width=1 / 16).steps


def rates(errors, rate=0.01):
    """The learning rate of each epoch under the plateau schedule, told these held-out errors."""
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], rate)
    schedule = Plateau(optimiser, rate, iter(errors).__next__)
    for _ in errors:
        schedule.after_epoch()
        yield optimiser.param_groups[0]["lr"]


def test_the_plateau_schedule_divides_the_rate_by_10_three_times_and_no_more():
    seen = [rate for rate, _ in itertools.groupby(rates([30.0] * 100))]
    assert seen == pytest.approx([1e-2, 1e-3, 1e-4, 1e-5])


def test_the_plateau_schedule_keeps_the_rate_while_the_error_falls():
    assert set(rates(range(60, 10, -1))) == {0.01}


@pytest.mark.parametrize(("fall", "epochs"), [(0.11, 10), (0.09, 6)])
def test_the_plateau_schedule_waits_six_epochs_for_a_tenth_of_a_point(fall, epochs):
    assert list(rates([60.0] * 4 + [60.0 - fall] * 8)).count(0.01) == epochs


def test_a_plateau_run_watches_the_held_out_tenth_to_its_end():
    finished = train(make_run("A", "quick", schedule="plateau", width=1 / 16, epochs=2))
    assert len(finished.losses) == 2


@pytest.mark.parametrize("train_on", ["nine-tenths", "all"])
def test_nothing_that_a_run_is_tested_on_was_trained_on(train_on):
    run = make_run("A", "quick", train_on=train_on)
    assert not set(photos_to_train(run).names) & set(photos_to_test(run).names)


def test_a_run_on_all_photographs_is_tested_on_validation():
    run = make_run("A", "quick", train_on="all", width=1 / 16)
    assert photos_to_train(run).names == embedded("train").names
    evaluation = record(train(run, max_steps=1)).evaluations[0]
    assert (evaluation.test_set, len(evaluation.targets)) == ("validation", 600)


def test_a_warm_started_run_starts_from_the_net_given():
    net_a = build(make_run("A", "quick", seed=1), 10)
    net = build(make_run("D", "quick", warm_start="0" * 16), 10, net_a)
    started, source = net.weight_layers(), net_a.weight_layers()
    assert torch.equal(started["fc6"].weight, source["fc6"].weight)


def test_a_fine_tuned_run_starts_from_all_layers():
    trained = build(make_run("D", "quick", seed=1), 10)
    net = build(make_run("D", "quick", warm_start="0" * 16, warm_layers="all"), 10, trained)
    assert all(torch.equal(tensor, net.state_dict()[name]) for name, tensor in trained.state_dict().items())


@pytest.mark.parametrize(("key", "given", "says"), [("0" * 16, False, "none was given"), (None, True, "one was given")])
def test_a_net_to_start_from_is_given_exactly_when_the_run_wants_one(key, given, says):
    net_a = build(make_run("A", "quick"), 10) if given else None
    with pytest.raises(InputError, match=says):
        build(make_run("D", "quick", warm_start=key), 10, net_a)


@pytest.mark.parametrize("squash", [None, 48])
def test_the_papers_recipe_runs_on_a_folder_of_photographs(fake_imagenette, squash):
    root = fake_imagenette(per_class=12)
    run = make_run(
        "A", "paper", size="160px", squash=squash, crop=32, scale=(36, 72), width=1 / 16, batch_size=16, epochs=2
    )
    of_it = record(train(run, root=root), root=root)
    assert all(math.isfinite(loss) for loss in of_it.losses)
    assert of_it.data["train"] == of_it.data["test"]  # both parts of the training set
    assert 0 < len(of_it.evaluations[0].targets) < 120


def test_missing_photographs_are_said_so(cache, tmp_path):
    with pytest.raises(InputError, match="which does not hold imagenette2-160/"):
        train(make_run("A", "laptop"), root=tmp_path)


def test_a_last_step_that_ruins_the_weights_counts_as_diverged():
    # The loss is looked at before each step, so the damage of the last one shows in the weights alone.
    trained = train(make_run("A", "quick", learning_rate=1e38, weight_decay=1e38), max_steps=1, progress=False)
    assert trained.outcome == "diverged"


def test_a_record_says_that_the_photographs_are_not_all(fake_imagenette):
    root = fake_imagenette()
    next((root / "imagenette2-160" / "train").rglob("*_0.JPEG")).unlink()
    run = make_run("A", "quick", data="imagenette", width=1 / 16)
    with pytest.warns(UserWarning, match="19 photographs instead of 20"):
        made = record(train(run, root=root, max_steps=1), root=root)
    assert made.data["train differs"].startswith("19 photographs instead of 20 (")
    assert made.data["test differs"] == made.data["train differs"]
    assert made.of_other_photographs


def test_a_training_does_not_go_on_with_other_photographs(fake_imagenette, tmp_path):
    root, run = fake_imagenette(), make_run("A", "quick", data="imagenette", width=1 / 16)
    train(run, root=root, max_steps=1, checkpoint=tmp_path / "state", progress=False)
    next((root / "imagenette2-160" / "train").rglob("*_0.JPEG")).unlink()
    with (
        pytest.warns(UserWarning, match="19 photographs"),
        pytest.raises(InputError, match=r"checkpoint .* does not hold .* a training on other photographs"),
    ):
        train(run, root=root, checkpoint=tmp_path / "state", progress=False)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_training_computes_gradients_where_the_caller_has_turned_them_off(mode):
    with mode():
        inside = few_steps(width=1 / 16)
        assert not torch.is_grad_enabled()
    assert inside.steps == few_steps(width=1 / 16).steps


def test_another_default_dtype_is_refused():
    try:
        torch.set_default_dtype(torch.float64)
        with pytest.raises(InputError, match=r"default dtype is torch\.float64: .*set_default_dtype\(torch\.float32\)"):
            few_steps()
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_device_and_a_checkpoint_may_be_named_by_text(tmp_path):
    run = make_run("A", "quick", width=1 / 16)
    train(run, max_steps=1, device="cpu", checkpoint=str(tmp_path / "state"))
    assert (tmp_path / "state").is_file()


@pytest.mark.parametrize(
    ("device", "says"),
    [
        ("gpu", "device is 'gpu': choose 'cpu' or 'cuda'"),
        (3.5, "device is 3.5: choose"),
        ("meta", "on which nothing here was tried"),
        ("cuda:99", "device is 'cuda:99', and there are"),
    ],
)
def test_a_device_that_is_not_there_is_refused(device, says):
    with pytest.raises(InputError, match=says):
        train(make_run("A", "quick"), device=device)


@pytest.mark.parametrize(("name", "says"), [(".", "Is a directory"), ("a\0b", "embedded null byte")])
def test_a_checkpoint_that_is_no_file_is_refused(tmp_path, name, says):
    with pytest.raises(InputError, match=rf"checkpoint .* cannot be read \({says}\): name a file"):
        train(make_run("A", "quick", width=1 / 16), max_steps=1, checkpoint=tmp_path / name)


def test_a_checkpoint_may_be_in_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    train(make_run("A", "quick", width=1 / 16), max_steps=1, checkpoint="~/state")
    assert (tmp_path / "state").is_file()


def test_without_a_home_a_checkpoint_is_where_its_path_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train(make_run("A", "quick", width=1 / 16), max_steps=1, checkpoint="~nobody-of-that-name/state")
    assert (tmp_path / "~nobody-of-that-name" / "state").is_file()


def test_without_a_folder_for_locks_a_training_is_alone(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    with machine.cores_for(torch.device("cpu")) as one, machine.cores_for(torch.device("cpu")) as other:
        assert (one, other) == (True, True)
