"""A training that was killed goes on as if it had not been; what cannot be written is found at once."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from snntheory.training import CheckpointError, CountCrossEntropy, Network, Poisson, fit
from snntheory.training import checkpoint as checkpoints

QUICK = {
    "encoder": Poisson(window=0.060),
    "loss": CountCrossEntropy(3.0),
    "batch_size": 16,
    "learning_rate": 0.01,
    "decay": 0.7,
}


class Killed(Exception):
    """Raised in the middle of an epoch, where a kill may strike."""


def kill_at(*when):
    def strike(*now):
        if now == when:
            raise Killed

    return strike


def assert_same(a, b):
    """Two checkpoints are bit-identical but for the seconds."""
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            if key != "seconds":
                assert_same(a[key], b[key])
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    elif isinstance(a, torch.Tensor):
        assert torch.equal(a, b)
    else:
        assert a == b


@pytest.fixture
def whole(small, tmp_path):
    """A training of three epochs at once, with its checkpoint's content."""
    images, labels, make = small
    network, path = make(), tmp_path / "whole.pt"
    history = fit(network, images, labels, epochs=3, checkpoint=path, **QUICK)
    return network, history, checkpoints.load(path)


def assert_equals_whole(whole, network, history, path):
    for a, b in zip(whole[0].parameters(), network.parameters(), strict=True):
        assert torch.equal(a, b)
    assert_same(whole[1], history)
    assert_same(whole[2], checkpoints.load(path))
    assert {"exp_avg", "exp_avg_sq", "step"} <= whole[2]["optimiser"]["state"][0].keys()


def test_one_epoch_and_then_two_are_three(small, whole, tmp_path):
    images, labels, make = small
    path = tmp_path / "parts.pt"
    fit(make(), images, labels, epochs=1, checkpoint=path, **QUICK)
    network = make()
    history = fit(network, images, labels, epochs=3, checkpoint=path, resume=True, **QUICK)
    assert_equals_whole(whole, network, history, path)
    assert [entry["epoch"] for entry in history] == [1, 2, 3]


@pytest.mark.parametrize("when", [(1, 1), (1, 2), (2, 1), (2, 2), (3, 3)])
def test_killed_within_an_epoch(small, whole, tmp_path, when):
    images, labels, make = small  # 40 samples in 3 steps
    path, options = tmp_path / "killed.pt", QUICK | {"epochs": 3, "checkpoint_every": 1e-9}
    with pytest.raises(Killed):
        fit(make(), images, labels, checkpoint=path, after_step=kill_at(*when), **options)
    epoch, step = when
    state = checkpoints.load(path)
    # the step was saved, but for the last of an epoch, which is saved with the epoch
    assert (len(state["history"]), state["step"]) == (epoch - 1, step if step < 3 else 2)
    network, steps = make(), []
    history = fit(
        network,
        images,
        labels,
        checkpoint=path,
        resume=True,
        after_step=lambda *at: steps.append(at),
        **options,
    )
    assert_equals_whole(whole, network, history, path)
    assert steps[0] == (epoch, step + 1 if step < 3 else 3)  # and it did not begin again


def test_killed_again_and_again(small, whole, tmp_path):
    images, labels, make = small
    path, options = tmp_path / "killed.pt", QUICK | {"epochs": 3, "checkpoint_every": 1e-9}
    for when in [(1, 1), (1, 2), (2, 2), (3, 1)]:
        with pytest.raises(Killed):
            fit(make(), images, labels, checkpoint=path, resume=True, after_step=kill_at(*when), **options)
    network = make()
    history = fit(network, images, labels, checkpoint=path, resume=True, **options)
    assert_equals_whole(whole, network, history, path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["killed.pt", "whole.pt"]  # nothing left over


SCRIPT = """
import os, signal, sys
import numpy as np, torch
torch.set_num_threads(1)
from snntheory import CubaLIF
from snntheory.training import CountCrossEntropy, Network, Poisson, fit
data = np.load(sys.argv[1])
def kill(*now):
    if now == (2, 2):
        os.kill(os.getpid(), signal.SIGKILL)
fit(Network((6, 8, 3), CubaLIF(0.020, 0.010), 0.004), data["images"], data["labels"], epochs=3, batch_size=16,
    encoder=Poisson(window=0.060), loss=CountCrossEntropy(3.0), learning_rate=0.01, decay=0.7,
    checkpoint=sys.argv[2], checkpoint_every=1e-9, after_step=kill)
"""


@pytest.mark.slow
def test_a_process_killed_with_signal_9(small, whole, tmp_path):
    images, labels, make = small
    np.savez(tmp_path / "data.npz", images=images, labels=labels)
    path = tmp_path / "killed.pt"
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, tmp_path / "data.npz", path],
        env=os.environ | {"NUMBA_NUM_THREADS": "1"},
        timeout=120,
    )
    assert ended.returncode == -signal.SIGKILL
    network = make()
    history = fit(network, images, labels, epochs=3, checkpoint=path, resume=True, **QUICK)
    assert_equals_whole(whole, network, history, path)


def test_resume_without_a_file_starts_and_one_that_is_done_stays(small, whole, tmp_path):
    images, labels, make = small
    path = tmp_path / "new.pt"
    network = make()
    fit(network, images, labels, epochs=3, checkpoint=path, resume=True, **QUICK)
    before = path.read_bytes()
    again = make()
    history = fit(again, images, labels, epochs=2, checkpoint=path, resume=True, **QUICK)
    assert_equals_whole(whole, again, history, path)  # fewer epochs than it has: nothing to do
    assert path.read_bytes() == before


def test_checkpoints_do_not_change_the_training(small, whole):
    images, labels, make = small
    network = make()
    history = fit(network, images, labels, epochs=3, **QUICK)
    assert_same(whole[1], history)
    for a, b in zip(whole[0].parameters(), network.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"learning_rate": 0.02}, "learning_rate"),
        ({"decay": 0.9}, "decay"),
        ({"batch_size": 8}, "batch_size"),
        ({"seed": 1}, "seed"),
        ({"encoder": Poisson(window=0.05)}, "encoder window"),
        ({"loss": CountCrossEntropy(2.0)}, "loss temperature"),
    ],
)
def test_other_settings_are_refused(small, tmp_path, changes, name):
    images, labels, make = small
    path = tmp_path / "model.pt"
    fit(make(), images, labels, epochs=1, checkpoint=path, **QUICK)
    before = path.read_bytes()
    with pytest.raises(
        CheckpointError,
        match=rf"another training: {name} was [^,]*, now [^,;]*; resume with",
    ):
        fit(make(), images, labels, epochs=2, checkpoint=path, resume=True, **QUICK | changes)
    assert path.read_bytes() == before


def test_another_network_and_other_data_are_refused(small, tmp_path):
    images, labels, make = small
    path = tmp_path / "model.pt"
    fit(make(), images, labels, epochs=1, checkpoint=path, **QUICK)
    resume = QUICK | {"epochs": 2, "checkpoint": path, "resume": True}
    for other in (make(seed=1), make(width=0.4), Network((6, 9, 3), make().neurons[0], 0.004)):
        with pytest.raises(CheckpointError, match="another training: network (seed|width|sizes) was [^,]*, "):
            fit(other, images, labels, **resume)
    moved = images.copy()
    moved[0, 0] += 0.01
    with pytest.raises(CheckpointError, match="another training: other images or labels;"):
        fit(make(), moved, labels, **resume)
    with pytest.raises(CheckpointError, match="another training: other images or labels;"):
        fit(make(), images, labels[::-1].copy(), **resume)


def test_a_damaged_checkpoint_is_not_overwritten(small, tmp_path):
    images, labels, make = small
    path = tmp_path / "model.pt"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(CheckpointError, match="is no whole checkpoint"):
        fit(make(), images, labels, epochs=1, checkpoint=path, resume=True, **QUICK)
    assert path.read_bytes() == b"not a checkpoint"


@pytest.mark.parametrize("place", ["missing/model.pt", "file/model.pt", "folder"])
def test_what_cannot_be_written_is_found_before_the_training(small, tmp_path, place):
    images, labels, make = small
    (tmp_path / "file").write_text("a file, no folder")
    (tmp_path / "folder").mkdir()
    steps = []
    with pytest.raises(OSError) as caught:
        fit(
            make(),
            images,
            labels,
            epochs=1,
            checkpoint=tmp_path / place,
            after_step=lambda *at: steps.append(at),
            **QUICK,
        )
    assert str(tmp_path / place) in str(caught.value)
    assert steps == []
    assert sorted(each.name for each in tmp_path.rglob("*")) == ["file", "folder"]
