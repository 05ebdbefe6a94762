"""What the machine has, shared among the trainings on it."""

import contextlib
import tempfile

import psutil
import pytest
import torch

from vgg_lib.basics import machine
from vgg_lib.basics.errors import InputError
from vgg_lib.basics.machine import cores_for
from vgg_lib.data.images import ImageTensor
from vgg_lib.data.photos import Photos
from vgg_lib.evaluation.posteriors import posteriors
from vgg_lib.evaluation.protocols import Protocol
from vgg_lib.evidence.measures import neighbours
from vgg_lib.networks.model import vgg
from vgg_lib.networks.signals import signals
from vgg_lib.tasks.dense_boxes import dense_boxes
from vgg_lib.tasks.features import features
from vgg_lib.tasks.localisation import Localisation, predict_boxes, train_boxes
from vgg_lib.training import loop
from vgg_lib.training.loop import train
from vgg_lib.training.runs import make_run
from vgg_lib.training.signals import signals_at
from vgg_lib.training.trained import Trained

CPU = torch.device("cpu")


@pytest.fixture
def threads(tmp_path, monkeypatch):
    """``threads(n)``: this process computes with so many, on a machine of two cores that nobody else uses."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(machine, "cores", lambda: 2)
    return lambda count: monkeypatch.setattr(torch, "get_num_threads", lambda: count)


@pytest.mark.parametrize(
    ("count", "cores", "second_is_free"),
    [(1, 1, True), (1, 2, True), (2, 2, False), (3, 2, False), (2, 3, False), (2, 4, True)],
)
def test_a_second_training_of_many_threads_finds_the_cores_taken(threads, monkeypatch, count, cores, second_is_free):
    monkeypatch.setattr(machine, "cores", lambda: cores)
    threads(count)
    with cores_for(CPU) as first, cores_for(CPU) as second:
        assert (first, second) == (True, second_is_free)
    with cores_for(CPU) as alone:
        assert alone


def test_a_gpu_needs_no_cores(threads):
    threads(2)
    with cores_for(CPU), cores_for(torch.device("cuda")) as free:
        assert free


def test_one_core_that_is_taken_is_enough_to_be_crowded(threads):
    threads(1)
    with cores_for(CPU):
        threads(2)
        with cores_for(CPU) as free:
            assert not free


def test_where_no_file_can_be_written_all_cores_count_as_free(threads, tmp_path, monkeypatch):
    threads(2)
    (tmp_path / "file").touch()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    with cores_for(CPU), cores_for(CPU) as free:
        assert free


def test_memory_is_told_in_mebibytes():
    now, all_there_is = psutil.Process().memory_info().rss, psutil.virtual_memory().total
    assert now / 2**20 / 2 < machine.peak_memory() < all_there_is / 2**20


@pytest.mark.parametrize("count", [1, 2])
def test_a_training_on_cores_that_are_taken_says_what_helps(threads, capsys, monkeypatch, count):
    threads(2)
    monkeypatch.delenv("TQDM_DISABLE")
    monkeypatch.setattr(loop, "prepare", lambda *_: 1 / 0)  # it takes minutes itself there
    with cores_for(CPU):
        threads(count)
        with pytest.raises(ZeroDivisionError):
            loop.train(make_run("A", "quick", width=1 / 16))
    told = "".join(capsys.readouterr())
    assert ("One thread each is fast: torch.set_num_threads(1), or OMP_NUM_THREADS=1." in told) == (count == 2)


def precision():
    return torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32


@pytest.fixture
def few_digits():
    """A caller who lets products of float32 be TensorFloat-32."""
    before = precision()
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.allow_tf32 = True
    yield
    torch.set_float32_matmul_precision(before[0])
    torch.backends.cudnn.allow_tf32 = before[1]


NET = vgg("A", num_classes=4, image_size=32, width=1 / 16).eval()
IMAGES, LABELS = torch.zeros(2, 3, 32, 32, dtype=torch.uint8), torch.tensor([0, 1])


@pytest.mark.parametrize(
    "compute",
    [
        lambda: posteriors(NET, IMAGES, Protocol(32)),
        lambda: features(NET, IMAGES),
        lambda: predict_boxes(NET, ImageTensor(IMAGES), LABELS, 32),
        lambda: dense_boxes(NET, NET, IMAGES[0], 0, 32),
        lambda: signals(NET, torch.randn(2, 3, 32, 32), LABELS),
        lambda: train(make_run("A", "quick", width=1 / 16), max_steps=1, progress=False),
    ],
    ids=["posteriors", "features", "boxes", "dense boxes", "signals", "training"],
)
def test_float32_is_no_tensorfloat_whatever_the_caller_chose(few_digits, compute):
    seen = []
    hook = torch.nn.modules.module.register_module_forward_hook(lambda *_: seen.append(precision()))
    with hook:
        compute()
    assert set(seen) == {("highest", False)}
    assert precision() == ("high", True)


def test_settings_of_tensorfloat_that_contradict_each_other_are_refused(monkeypatch):
    monkeypatch.setattr(torch, "get_float32_matmul_precision", _mixed)
    with pytest.raises(InputError, match=r"TensorFloat-32 .* \(legacy and new\): undo"):
        posteriors(NET, IMAGES, Protocol(32))


def _mixed():
    raise RuntimeError("legacy and new")


RUN = make_run("A-LRN", "quick", width=1 / 16)
BOXES = Photos(ImageTensor(IMAGES), LABELS, ("a", "b"), ("c", "d"), "", torch.tensor([[0, 0, 9, 9]] * 2))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: train(RUN, max_steps=1, progress=False),
        lambda: train_boxes(NET, BOXES, Localisation(scale=32, epochs=1)),
        lambda: signals_at(RUN, [0]),
        lambda: neighbours(Trained(RUN, vgg(RUN.layers, num_classes=10, image_size=32, width=1 / 16), ())),
    ],
    ids=["training", "boxes", "signals", "neighbours"],
)
def test_the_random_numbers_of_gpus_that_nothing_is_computed_on_are_left_alone(monkeypatch, draw):
    """Without the driver of a GPU PyTorch fails where it would save its state, and warns at length before."""
    seeded = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)
    draw()
    assert not seeded


def test_on_a_gpu_its_own_random_numbers_are_saved_seeded_and_put_back(monkeypatch):
    gpu, calls = torch.device("cuda", 1), []
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: calls.append(("saved", device)) or "state")
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: calls.append((state, device)))
    monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext(calls.append(("on", device))))
    monkeypatch.setattr(torch.cuda, "manual_seed", lambda seed: calls.append(("seeded", seed)))
    before = torch.get_rng_state()
    with machine.random_numbers_of(gpu):
        machine.seed(gpu, 3)
        drawn = torch.rand(3)
    assert calls == [("saved", gpu), ("on", gpu), ("seeded", 3), ("state", gpu)]
    assert torch.equal(drawn, torch.rand(3, generator=torch.Generator().manual_seed(3)))
    assert torch.equal(torch.get_rng_state(), before)
