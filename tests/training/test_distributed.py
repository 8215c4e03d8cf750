"""One training in two processes, started by torchrun, is the training of one process."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from snntheory import cli
from snntheory.training import checkpoint as checkpoints
from snntheory.training.distributed import ALONE, Ranks, bytes_of_the_first, join_gradients

# what both sides run: 40 samples in batches of 13, so parts of 7 and 6 and, in the last batch, of none and one
TRAININGS = """
import numpy as np, torch
from snntheory import CubaLIF
from snntheory.training import (CountCrossEntropy, EventNetwork, FirstSpike, Latency, Network, Normal, Poisson,
                                SpikeCount, fit)
torch.set_num_threads(1)
NEURON = CubaLIF(0.020, 0.010)
rng = np.random.default_rng(3)
labels = rng.integers(0, 3, 40)
images = 0.2 * rng.random((40, 6))
images[np.arange(40), 2 * labels] += 0.7
event = lambda: EventNetwork((6, 8, 3), NEURON, 0.06, initial=Normal(0.3, 0.3), overflow="drop",
                             bump=0.01)
CASES = {
    "poisson": (lambda: Network((6, 8, 3), NEURON, 0.004), Poisson(0.06), CountCrossEntropy(3.0)),
    "counts": (lambda: Network((6, 8, 3), NEURON, 0.004), Poisson(0.06, arrivals="poisson"), SpikeCount(4, 1)),
    "latency": (lambda: Network((6, 8, 3), NEURON, 0.002), Latency(0.06, 0.03), FirstSpike()),
    "event": (event, Latency(0.06, 0.03), SpikeCount(4, 1)),
    "event poisson": (event, Poisson(0.06, 200.0), CountCrossEntropy(2.0)),
}

def train(case, learning_rate=0.01, epochs=2, **more):
    make, encoder, loss = CASES[case]
    network, gradients = make(), []
    def note(*_):
        gradients.append(torch.cat([p.grad.double().reshape(-1) for p in network.parameters()]))
    history = fit(network, images, labels, encoder=encoder, loss=loss, batch_size=13, epochs=epochs, decay=0.5,
                  learning_rate=learning_rate, after_step=note, validation=(images, labels), **more)
    weights = torch.cat([p.detach().double().reshape(-1) for p in network.parameters()])
    return torch.stack(gradients), weights, history
"""

TWO = """
import os, sys
folder = sys.argv[1]
first = os.environ["RANK"] == "0"
found = {}
for case in CASES:
    gradients, _, _ = train(case, learning_rate=1e-30, epochs=1)
    _, weights, history = train(case)
    found[case] = {"gradients": gradients, "weights": weights, "history": history}
    if not first:
        torch.save(weights, f"{folder}/weights-{case}.pt")

class Stop(Exception):
    pass
def stop(*now):
    if now == (2, 2):
        raise Stop
make, encoder, loss = CASES["poisson"]
shared = dict(encoder=encoder, loss=loss, batch_size=13, epochs=3, learning_rate=0.01)
# the second process has no file: it gets what the first one reads
path = f"{folder}/killed.pt" if first else f"{folder}/nowhere/killed.pt"
whole, part = make(), make()
if not first:  # what it begins with is what the first process has
    part.set_weights([0 * w for w in part.weights()])
fit(whole, images, labels, checkpoint=path.replace("killed", "whole"), **shared)
try:
    fit(part, images, labels, checkpoint=path, checkpoint_every=1e-9, after_step=stop, **shared)
except Stop:
    pass
fit(make(), images, labels, checkpoint=path, resume=True, **shared)
if first:
    torch.save(found, f"{folder}/found.pt")
"""


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What two processes found, the first one's view; and the folder."""
    folder = tmp_path_factory.mktemp("two")
    script = folder / "two.py"
    script.write_text(TRAININGS + TWO)
    done = torchrun(script, folder)
    assert done.returncode == 0, done.stderr
    return torch.load(folder / "found.pt"), folder


def torchrun(*arguments, processes=2):
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return subprocess.run(
        [*launcher, f"--nproc-per-node={processes}", *map(str, arguments)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=500,
    )


@pytest.fixture(scope="module")
def one():
    names = {}
    exec(TRAININGS, names)
    return names["train"]


CASES = ("poisson", "counts", "latency", "event", "event poisson")


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_the_gradient_is_that_of_the_whole_batch(two, one, case):
    gradients, _, _ = one(
        case, learning_rate=1e-30, epochs=1
    )  # the weights stay: batches are compared one by one
    found = two[0][case]["gradients"]
    assert found.shape == gradients.shape and len(found) == 4
    # sums of 13 samples in another order: float32 rounds to 6e-8, float64 to 1e-16
    tolerance = 1e-13 if case.startswith("event") else 1e-6
    largest = gradients.abs().max(1).values
    assert (largest > 0).all()
    assert ((found - gradients).abs().max(1).values <= tolerance * largest).all()


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_the_training_is_that_of_one_process(two, one, case):
    _, weights, history = one(case)
    found, folder = two
    # Adam divides by the size of the gradient, so that a small one's rounding is amplified
    tolerance = 1e-9 if case.startswith("event") else 1e-4
    assert (found[case]["weights"] - weights).abs().max() < tolerance
    for mine, theirs in zip(history, found[case]["history"], strict=True):
        for name in mine.keys() - {"seconds"}:
            assert theirs[name] == pytest.approx(mine[name], rel=1e-6), name
    other = torch.load(folder / f"weights-{case}.pt")
    assert torch.equal(other, found[case]["weights"])  # the second process has the same, to the last bit


@pytest.mark.slow
def test_only_the_first_process_writes_and_resuming_is_exact(two):
    _, folder = two
    names = sorted(each.name for each in folder.iterdir() if not each.name.startswith("weights"))
    assert names == ["found.pt", "killed.pt", "two.py", "whole.pt"]
    whole, killed = (checkpoints.load(folder / f"{name}.pt") for name in ("whole", "killed"))
    for name, tensor in whole["weights"].items():
        assert torch.equal(tensor, killed["weights"][name])
    assert [entry["loss"] for entry in whole["history"]] == [entry["loss"] for entry in killed["history"]]


@pytest.mark.slow
def test_the_command_under_torchrun(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 30)
    images = rng.integers(0, 255, (30, 2, 3)).astype(np.uint8)
    np.savez(tmp_path / "data.npz", images=images, labels=labels)
    arguments = ["train", tmp_path / "model.pt", "--images", tmp_path / "data.npz", "--sizes", "6,8,3"]
    arguments += ["--epochs", "2", "--window", "0.04"]
    done = torchrun("-m", "snntheory", *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f"wrote {tmp_path / 'model.pt'}\n") == 1  # one of them speaks
    assert done.stdout.count("epoch 2: loss") == 1
    assert len(checkpoints.load(tmp_path / "model.pt")["history"]) == 2
    # one process goes on with what two have begun
    monkeypatch.setattr(sys, "argv", ["snntheory", *map(str, arguments), "--epochs", "3", "--resume"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    assert len(checkpoints.load(tmp_path / "model.pt")["history"]) == 3


@pytest.mark.parametrize("n", [0, 1, 2, 7, 128])
@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_parts_are_a_partition(n, size):
    parts = [list(range(n))[Ranks(rank, size).part(n)] for rank in range(size)]
    assert sum(parts, []) == list(range(n))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_alone_nothing_happens():
    layer = torch.nn.Linear(2, 1)
    layer(torch.ones(1, 2)).sum().backward()
    before = layer.weight.grad.clone()
    join_gradients(layer, 0.5, ALONE)
    assert torch.equal(layer.weight.grad, before)
    assert bytes_of_the_first(b"x", ALONE, torch.device("cpu")) == b"x"
