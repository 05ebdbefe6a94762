"""Two processes that train one run, started as ``torchrun`` starts them, over gloo on the processor.

Run as a script under ``torchrun``, this file is what the two processes do: see :func:`together`.
"""

import itertools
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch
from helpers.processes import until

from vgg_lib.basics.errors import InputError
from vgg_lib.data.augmentation import as_drawn
from vgg_lib.evidence.store import Store
from vgg_lib.training import batches, checkpoints, loop, parallel
from vgg_lib.training.loop import train
from vgg_lib.training.parallel import Team
from vgg_lib.training.runs import make_run
from vgg_lib.training.weights import load_net

#: Everything that is drawn for each image of a batch, and a batch of which one process gets 25 images, the other 26.
SAME = make_run(
    "C", "quick", width=1 / 16, batch_size=51, scale=(36, 72), colour_shift=True, dropout=0.0, precision="float32"
)
STEPS = 6

#: Seconds after which a process hangs, on the slowest of machines.
PATIENCE = 300

#: What `vgg-lib train` makes of WORDS, its two processes drawing their own numbers for dropout.
WORDS = ["--network", "A", "--preset", "quick", "--width", "0.0625", "--epochs", "3"]
INTERRUPTED = make_run("A", "quick", width=1 / 16, epochs=3)

PLATEAU = make_run("A", "quick", width=1 / 16, epochs=1, schedule="plateau")
TINY = make_run("A", "quick", width=1 / 16)


def together(folder: Path) -> None:
    """What each of the two processes does; what it found goes to a file named by its rank."""
    rank = int(os.environ["RANK"])
    checkpoints.SAVE_EVERY = math.inf if rank else 0.0  # clocks never agree: whose says when to save a state?
    same = train(SAME, max_steps=STEPS, checkpoint=folder / "same.checkpoint")
    steps, weights = same.steps, same.net.state_dict()

    masks = []
    look = torch.nn.modules.module.register_module_forward_hook(
        lambda module, x, y: masks.append(y == 0) if isinstance(module, torch.nn.Dropout) else None
    )
    train(INTERRUPTED, max_steps=1)
    look.remove()
    whole = train(INTERRUPTED).net.state_dict()

    looks = []
    loop.top_errors = lambda *_: {"top1": float(len(looks.append(rank) or looks))}
    train(PLATEAU)

    errors = {
        "small": error(make_run("A", "quick", batch_size=1)),
        "damaged": error(TINY, checkpoint=folder / "damaged.checkpoint"),
        "normalised": error(make_run("A", "quick", batch_norm=True)),
        "leader": error(TINY, here=rank == 1),
        "other": error(TINY, here=rank == 0),
    }
    found = {"steps": steps, "weights": weights, "mask": masks[0], "whole": whole, "looks": looks, "errors": errors}
    torch.save(found, folder / f"rank {rank}.pt")


def error(run, *, here=True, **how):
    """What is said of a training that cannot be, its photographs being ``here`` or not."""
    with pytest.MonkeyPatch.context() as patch:
        if not here:
            patch.setattr(loop, "photos_to_train", no_photographs)
        try:
            train(run, max_steps=1, **how)
        except InputError as said:
            return str(said)


def no_photographs(run, root):
    raise InputError("no photographs on this host")


def torchrun(*words, home: Path) -> subprocess.Popen:
    """Two processes of this machine that run ``words``, talking over the loopback alone."""
    loopback = {"GLOO_SOCKET_IFNAME": "lo"} if sys.platform == "linux" else {}
    named = {k: v for k, v in os.environ.items() if k != "VGG_LIB_DATA"} | loopback
    return subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", *map(str, words)],
        env=named | {"OMP_NUM_THREADS": "1", "XDG_DATA_HOME": str(home), "VGG_LIB_CACHE": str(home / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen) -> tuple[str, str]:
    """What it said on its two channels until it ended; nothing of it is left when it does not end."""
    try:
        return process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.terminate()  # torchrun ends its own processes
        process.communicate()
        raise


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What each process found in :func:`together`."""
    folder = tmp_path_factory.mktemp("together")
    (folder / "damaged.checkpoint").write_bytes(b"x" * 100)
    process = torchrun(__file__, folder, home=folder)
    out, err = end(process)
    assert process.returncode == 0, out + err
    return [torch.load(folder / f"rank {rank}.pt") for rank in range(2)]


def test_two_processes_train_as_one_does(found):
    alone = train(SAME, max_steps=STEPS)
    for one in found:
        assert one["steps"] == pytest.approx(alone.steps, abs=1e-5)
        for name, weight in alone.net.state_dict().items():
            torch.testing.assert_close(one["weights"][name], weight, rtol=0, atol=1e-5)


def test_both_processes_end_with_the_same_net(found):
    one, other = (each["weights"] for each in found)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_each_process_draws_its_own_dropout(found):
    one, other = (each["mask"] for each in found)
    assert one.shape == other.shape
    assert not torch.equal(one, other)


def test_one_process_looks_at_the_held_out_tenth_for_both(found):
    assert [each["looks"] for each in found] == [[0], []]


@pytest.mark.parametrize(
    ("which", "says"),
    [
        ("small", "a batch of 1 is too small for 2 processes: start fewer"),
        ("damaged", "damaged.checkpoint is damaged"),
        ("normalised", "batch normalisation over several processes needs GPUs: train with one process"),
        ("leader", "no photographs on this host"),
        ("other", "no photographs on this host"),
    ],
)
def test_what_one_process_cannot_use_ends_both(found, which, says):
    for each in found:
        assert says in each["errors"][which]


@pytest.mark.parametrize("missing", ["RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"])
def test_several_processes_that_torchrun_did_not_start_are_refused(monkeypatch, missing):
    told = {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "0"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv(missing)
    monkeypatch.setattr(parallel.dist, "init_process_group", lambda *_: pytest.fail("waits for the other process"))
    with pytest.raises(InputError, match=f"WORLD_SIZE is 2 and {missing} is not set: start it with torchrun, or unset"):
        parallel.join_team(torch.device("cpu"))


def test_no_processes_are_no_team(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "0")
    with pytest.raises(InputError, match="WORLD_SIZE is '0', and not a number of processes: unset it"):
        parallel.join_team(torch.device("cpu"))


def first_batches(count, size=1, rank=0, done=0):
    """The crops and labels that a process is given in its next ``count`` steps, ``done`` steps being done."""
    _, batches = loop.prepare(SAME, Team(torch.device("cpu"), rank, size), None, None)
    return list(itertools.islice(batches.epoch(0, done), count))


def test_each_process_cuts_its_part_of_a_batch_and_no_more(monkeypatch):
    counts = []
    monkeypatch.setattr(batches, "as_drawn", lambda some, *how: counts.append(len(some)) or as_drawn(some, *how))
    alone = first_batches(3)[2]
    parts = [first_batches(1, size=2, rank=rank, done=2)[0] for rank in range(2)]
    crops, labels = (torch.cat(part) for part in zip(*parts, strict=True))
    torch.testing.assert_close(crops, alone[0], rtol=0, atol=1e-3)
    assert torch.equal(labels, alone[1])
    assert counts == [51, 51, 51, 25, 26]


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A home where one of the two processes of `vgg-lib train` was killed in the middle."""
    home = tmp_path_factory.mktemp("killed")
    process = torchrun("-m", "vgg_lib", "train", *WORDS, home=home)
    until(lambda: process.poll() is not None or checkpoint(home).exists(), PATIENCE)
    for child in psutil.Process(process.pid).children(recursive=True):
        if child.environ().get("RANK") == "1":
            child.kill()
    end(process)  # the other one ends by itself
    assert process.returncode == 1
    return home


def checkpoint(home: Path) -> Path:
    return home / "vgg_lib" / "runs" / f"{INTERRUPTED.key}.checkpoint"


def test_one_process_refuses_the_checkpoint_of_two(killed, tmp_path):
    copy = shutil.copy(checkpoint(killed), tmp_path)
    with pytest.raises(InputError, match=r"was written by 2 processes, and there are 1 now: start as many"):
        train(INTERRUPTED, checkpoint=Path(copy))


def test_killed_and_started_again_it_ends_as_if_nothing_had_happened(killed, found):
    assert not [*killed.rglob("*.safetensors"), *killed.rglob("*.jsonl")]
    process = torchrun("-m", "vgg_lib", "train", *WORDS, home=killed)
    out, err = end(process)
    assert process.returncode == 0, err
    [record] = Store(killed / "vgg_lib" / "records.jsonl")
    assert len(record.losses) == 3
    assert record.machine["processes"] == 2
    [weights] = (killed / "vgg_lib").rglob("*.safetensors")
    ended = load_net(weights)[0].state_dict()
    for each in found:
        assert all(torch.equal(ended[name], weight) for name, weight in each["whole"].items())
    assert [line.split()[0] for line in out.splitlines()] == ["A,", "record", "top-1", "weights"]  # once, not twice
    assert not checkpoint(killed).exists()


def test_batch_normalisation_on_processors_is_refused_and_nobody_waits(tmp_path):
    process = torchrun("-m", "vgg_lib", "train", *WORDS, "--batch-norm", home=tmp_path)
    _, err = end(process)
    assert process.returncode == 1
    assert "vgg-lib: batch normalisation over several processes needs GPUs: train with one process" in err


if __name__ == "__main__":
    together(Path(sys.argv[1]))
