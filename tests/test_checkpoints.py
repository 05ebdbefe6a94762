"""Trainings that are really killed end with the weights of one that never was."""

import hashlib
import random
import signal
import subprocess
import sys
import time
import tracemalloc

import pytest
import torch
from helpers.command_line import environment
from helpers.processes import nursery, until

from vgg_lib.basics import files
from vgg_lib.basics.errors import InputError
from vgg_lib.training import checkpoints
from vgg_lib.training.checkpoints import Checkpoint, load_state, save_state
from vgg_lib.training.loop import train
from vgg_lib.training.parallel import Team
from vgg_lib.training.runs import make_run
from vgg_lib.training.weights import save_net

#: Between them every part of a state: both schedules, dropout, jittered crops, colours, running means, the plateau's
#: best error.
RUNS = {
    "one-cycle": make_run("A", "quick", width=1 / 16, epochs=2),
    "plateau": make_run(
        "A", "quick", width=1 / 16, epochs=2, scale=(36, 72), colour_shift=True, batch_norm=True, schedule="plateau"
    ),
}

STEPS = 84  # of either: two epochs of 42
KILLS = 10


def train_and_tell(run, folder, said, save_every):
    """What a process does: train from the checkpoint on, tell of each step, write the weights."""
    checkpoints.SAVE_EVERY = save_every
    trained = train(run, checkpoint=folder / "state", watch=lambda done, *_: said.send(done), progress=False)
    save_net(trained.net, folder / "net", classes=trained.classes, run=run)


def train_and_wait(run, folder, said, save_every):
    """The same for a process that is to be killed: should the kill come late, it waits at the last step."""
    checkpoints.SAVE_EVERY = save_every

    def tell(done, *_):
        said.send(done)
        if done == STEPS:
            signal.pause()

    train(run, checkpoint=folder / "state", watch=tell, progress=False)


def started(target, *arguments):
    """A process and the end of a pipe that hears what it says."""
    ours, theirs = nursery().Pipe(duplex=False)
    process = nursery().Process(target=target, args=(*arguments[:2], theirs, *arguments[2:]))
    process.start()
    theirs.close()
    return process, ours


def trained_to_the_end(run, folder, save_every=60.0):
    """The steps that a process told of, and a digest of the weights that it wrote."""
    process, said = started(train_and_tell, run, folder, save_every)
    steps = heard(said)
    process.join()
    assert process.exitcode == 0
    return steps, _digest(folder / "net")


def heard(said):
    """All that comes until the process ends."""
    steps = []
    while True:
        try:
            steps.append(said.recv())
        except EOFError:
            return steps


def steps_in(path):
    """How many steps were done when the state was saved."""
    state = load_state(path)
    return len(state["trained"]["steps"]) if state else 0


@pytest.mark.parametrize("name", RUNS)
def test_a_training_killed_ten_times_ends_with_the_weights_of_one_that_never_was(tmp_path, name):
    run, chance = RUNS[name], random.Random(name)
    whole, kept = tmp_path / "whole", tmp_path / "killed"
    steps, weights = trained_to_the_end(run, whole)
    assert steps == list(range(1, STEPS + 1))

    begins, places = [], []
    for moment in sorted(chance.sample(range(1, STEPS), KILLS)):
        process, said = started(train_and_wait, run, kept, 0.1)
        begins.append(done := said.recv())
        while done < moment:
            done = said.recv()
        time.sleep(chance.uniform(0, 0.05))  # anywhere in the next steps, or while a state is being written
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert not (kept / "net").exists()
        places.append(steps_in(kept / "state") % (STEPS // 2))

    rest, resumed = trained_to_the_end(run, kept)
    assert resumed == weights
    assert rest[-1] == STEPS
    assert 1 == begins[0] < begins[-1] <= rest[0]  # it went on, and did not begin again
    assert any(places)  # from within an epoch, too


def write_until_told(run, folder, said, states):
    """Train until the ``states``-th state is written in full but not yet in its place, and wait there."""
    left = states

    def fsync(_):
        nonlocal left
        left -= 1
        if not left:
            said.send("writing")
            signal.pause()

    files.os.fsync = fsync
    train(run, checkpoint=folder / "state", progress=False)


def test_a_kill_while_the_state_is_written_leaves_the_one_before(tmp_path):
    run = RUNS["one-cycle"]
    _, weights = trained_to_the_end(run, tmp_path / "whole")
    process, said = started(write_until_told, run, tmp_path / "killed", 3)  # a file and its folder make two calls
    assert said.recv() == "writing"
    assert len(list((tmp_path / "killed").glob(".state.*.part"))) == 1
    process.kill()
    process.join()
    assert steps_in(tmp_path / "killed" / "state") == STEPS // 2
    steps, resumed = trained_to_the_end(run, tmp_path / "killed")
    assert steps[0] == STEPS // 2 + 1
    assert resumed == weights


def test_the_command_killed_and_given_again_writes_the_same_weights(tmp_path):
    run = make_run("A", "quick", width=1 / 16, epochs=4)

    def command(home):
        words = ["-m", "vgg_lib", "train", "--epochs", "4", "--width", str(1 / 16)]
        return subprocess.Popen([sys.executable, *words], env=environment(home), stdout=subprocess.DEVNULL)

    killed, whole = ((tmp_path / name, tmp_path / name / "vgg_lib" / f"{run.key}.safetensors") for name in ("k", "w"))
    checkpoint = killed[0] / "vgg_lib" / "runs" / f"{run.key}.checkpoint"
    process = command(killed[0])
    until(checkpoint.exists)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert checkpoint.exists() and not killed[1].exists()

    assert command(killed[0]).wait() == 0
    assert not checkpoint.exists()
    assert command(whole[0]).wait() == 0
    assert _digest(killed[1]) == _digest(whole[1])


def _digest(path):
    """Of a file: when two differ, a difference of their bytes tells nobody anything, and takes minutes to make."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_state_comes_back_as_it_was(tmp_path):
    state = {"w": torch.arange(3.0), "steps": [0.5, float("inf")], "of": {"run": "ab", "place": 3, "none": None}}
    save_state(tmp_path / "new" / "state", state)
    again = load_state(tmp_path / "new" / "state")
    assert torch.equal(again.pop("w"), state.pop("w"))
    assert again == state


def test_where_no_state_is_there_is_none(tmp_path):
    assert load_state(tmp_path / "state") is None


@pytest.mark.parametrize("length", [0, 10, 31, 32, 100, -1])
def test_a_state_that_is_cut_off_is_damaged(tmp_path, length):
    path = tmp_path / "state"
    save_state(path, {"w": torch.arange(3.0)})
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(InputError, match=r"checkpoint .*state is damaged \(.*\): remove it to train from the start"):
        load_state(path)


def test_a_state_with_one_other_bit_is_damaged(tmp_path):
    path = tmp_path / "state"
    save_state(path, {"w": torch.arange(100.0)})
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="its digest does not fit"):
        load_state(path)


class Strange:
    """What no state holds."""


def test_a_state_runs_no_code_when_it_is_read(tmp_path):
    save_state(tmp_path / "state", {"w": Strange()})
    with pytest.raises(InputError, match="is whole and cannot be loaded"):
        load_state(tmp_path / "state")


def test_a_state_is_in_memory_once_while_it_is_written(tmp_path):
    """Beside the tensors: their file, made in memory for its digest."""
    tracemalloc.start()
    save_state(tmp_path / "state", {"w": torch.zeros(2_000_000)})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.5 * 8_000_000


def test_a_full_disk_leaves_the_state_that_was_there(tmp_path, full_disk):
    path = tmp_path / "state"
    save_state(path, {"epoch": 1})
    with full_disk(10_000), pytest.raises(InputError, match=r"cannot be written .* free some space"):
        save_state(path, {"epoch": 2, "w": torch.zeros(10_000)})
    assert load_state(path) == {"epoch": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    one, other = (make_run("A", "quick", width=1 / 16, seed=seed) for seed in range(2))
    train(one, max_steps=1, checkpoint=tmp_path / "state", progress=False)
    with pytest.raises(InputError, match=rf"of run {one.key}, not of {other.key}: choose another"):
        train(other, checkpoint=tmp_path / "state", progress=False)


def test_a_checkpoint_of_more_processes_is_refused(tmp_path):
    run, path = RUNS["one-cycle"], tmp_path / "state"
    train(run, max_steps=1, checkpoint=path, progress=False)
    state = load_state(path)
    save_state(path, state | {"random": state["random"] * 2})
    with pytest.raises(InputError, match="was written by 2 processes, and there are 1 now"):
        train(run, checkpoint=path, progress=False)


def test_what_a_processor_began_goes_on_on_a_gpu(tmp_path, monkeypatch):
    """Even on one where float16 wants a scaler, which a processor has no state of."""
    net, there = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    of_gpu = []
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda *state: of_gpu.append(state))
    parts = {"net": net, "scaler": torch.amp.GradScaler("cpu", enabled=False)}
    Checkpoint(tmp_path / "state", "run", Team(torch.device("cpu")), parts).save()
    scaler = torch.amp.GradScaler("cpu", enabled=True)  # a GPU's would be off here
    Checkpoint(tmp_path / "state", "run", Team(torch.device("cuda")), {"net": there, "scaler": scaler}).resume()
    assert torch.equal(there.weight, net.weight)
    assert scaler.get_scale() == torch.amp.GradScaler("cpu").get_scale()
    assert not of_gpu  # it has the numbers that the training's seed gave it


def test_what_a_training_took_goes_on_from_what_it_had_taken(tmp_path):
    run, path = RUNS["one-cycle"], tmp_path / "state"
    train(run, max_steps=1, checkpoint=path, progress=False)
    took = {"seconds": 3600.0, "processor_seconds": 1800.0}
    state = load_state(path)
    save_state(path, state | {"trained": state["trained"] | took})
    trained = train(run, max_steps=3, checkpoint=path, progress=False)
    assert 3600 < trained.seconds < 3660
    assert 1800 < trained.processor_seconds < 1860


@pytest.mark.parametrize("most", [None, 1])
def test_a_run_that_was_done_is_not_trained_again(tmp_path, most):
    run, path = RUNS["one-cycle"], tmp_path / "state"
    once = train(run, checkpoint=path, progress=False)
    steps = []
    again = train(run, checkpoint=path, max_steps=most, watch=lambda *step: steps.append(step), progress=False)
    assert (steps, again.steps, again.losses) == ([], once.steps, once.losses)


def test_a_run_that_diverged_is_still_diverged_when_it_goes_on(tmp_path):
    run, path = make_run("A", "quick", width=1 / 16, learning_rate=1e6), tmp_path / "state"
    once, again = (train(run, checkpoint=path, progress=False) for _ in range(2))
    assert (once.outcome, once.reason) == (again.outcome, again.reason)
    assert once.outcome == "diverged"
