"""A training as plain values becomes the network, encoder and loss that one would make by hand."""

import json
from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from snntheory import CubaLIF
from snntheory.training import (
    CountCrossEntropy,
    EventNetwork,
    FirstSpike,
    Latency,
    Network,
    Normal,
    Poisson,
    SpikeCount,
    datasets,
    evaluate,
    fit,
    setup,
    sweep,
)
from snntheory.training.setup import Setup

SMALL = {"sizes": [784, 8, 10], "window": 0.02, "n_train": 60, "n_test": 40, "batch_size": 20, "epochs": 2}


def test_a_network_on_a_grid():
    made = Setup(dt=0.001, sizes=(6, 5, 3), scheme="zoh", v_threshold=(0.2, 1.3), width=0.7, seed=4, gain=2.0)
    neurons = [CubaLIF(0.020, 0.010, v_threshold=each) for each in (0.2, 1.3)]
    by_hand = Network((6, 5, 3), neurons, 0.001, "zoh", width=0.7, seed=4, gain=2.0)
    assert made.network().settings() == by_hand.settings()
    assert torch.equal(made.network().weights()[0], by_hand.weights()[0])
    assert made.make_encoder() == Poisson(0.1, 100.0, "bernoulli")
    assert made.make_loss() == CountCrossEntropy(5.0)


def test_a_network_of_spike_times():
    made = Setup.of(
        {
            "gradient": "implicit",
            "sizes": [4, 5, 3],
            "window": 0.2,
            "max_spikes": 7,
            "encoder": "latency",
            "last": 0.15,
            "encoder_options.bias": [0.01],
            "encoder_options.zero_is_silent": False,
            "loss": "first_spike",
            "loss_options": {"gamma": 0.1},
            "loss_options.tau_0": 0.2,
            "initial": [
                {"name": "normal", "mean": 1.5, "std": 0.8},
                {"name": "normal", "mean": 2.0, "std": 0.1},
            ],
        }
    )
    by_hand = EventNetwork(
        (4, 5, 3),
        CubaLIF(0.020, 0.010),
        0.2,
        method="implicit",
        max_spikes=(7, 1),  # a loss of first spikes reads no second one
        overflow="drop",
        initial=(Normal(1.5, 0.8), Normal(2.0, 0.1)),
    )
    assert made.network().settings() == by_hand.settings()
    assert made.make_encoder() == Latency(0.2, 0.15, zero_is_silent=False, bias=(0.01,))
    assert made.make_loss() == FirstSpike(tau_0=0.2, gamma=0.1)


def test_a_method_with_a_time_step_gets_it():
    made = Setup.of(
        {"gradient": "straight_through", "dt": 0.004, "sizes": [4, 3], "options.estimator": "mixed"}
    )
    assert made.network().settings()["options"] == {"dt": 0.004, "estimator": "mixed"}


def test_layers_of_maps():
    layers = [{"name": "conv", "channels": 2, "kernel_size": 3}, {"name": "dense", "n": 3}]
    made = Setup.of({"sizes": [1, 6, 6], "options.layers": layers}).network()
    assert made.shapes == ((1, 6, 6), (2, 4, 4), (3,))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"gradient": "adjoint", "encoder": "latency", "loss": "spike_count", "v_threshold": [0.2, 1.3]},
        {"gradient": "timing", "options.clamp": 3.0, "dataset": "yin-yang", "sizes": [4, 3]},
    ],
)
def test_there_and_back(values):
    made = Setup.of(values)
    assert Setup.of(json.loads(json.dumps(made.plain()))) == made
    assert made.decisive().decisive() == made.decisive()


def test_settings_that_decide():
    on_times = {"gradient": "adjoint", "encoder": "latency"}
    same = setup.canonical({**on_times, "dt": 0.001, "scheme": "zoh", "max_rate": 50.0, "width": 1})
    assert same == setup.canonical(on_times)
    assert setup.canonical({"dt": 1}) == setup.canonical({"dt": 1.0})
    for name, value in {
        "dt": 0.001, "scheme": "zoh", "width": 0.3, "max_rate": 20.0, "temperature": 2.0, "seed": 1, "sizes": [784, 10],
    }.items():  # fmt: skip
        assert setup.canonical({name: value}) != setup.canonical({}), name
    straight = {"gradient": "straight_through"}
    assert setup.canonical({**straight, "dt": 0.001}) != setup.canonical(straight)


def ignored(made):
    """Settings that ``made`` does not read."""
    changed = {
        "order": 7,
        "scheme": "zoh",
        "input": "sampled",
        "surrogate": "arctan",
        "width": 0.3,
        "dt": 0.003,
    }
    changed |= {"reset_gradient": "detached", "last": 0.03, "max_rate": 7.0, "arrivals": "poisson"}
    changed |= {"temperature": 2.0, "max_spikes": 9, "overflow": "drop", "t_max": 0.3}
    for name, value in changed.items():
        if replace(made, **{name: value}).decisive() == made.decisive():
            yield name, replace(made, **{name: value})


@pytest.mark.parametrize("gradient", ["surrogate", "timing", "adjoint", "straight_through"])
@pytest.mark.parametrize("encoder", ["poisson", "latency"])
@pytest.mark.parametrize("loss", ["count_cross_entropy", "spike_count"])
def test_what_is_left_out_changes_nothing(gradient, encoder, loss):
    """The other side of it: whatever counts as not decisive makes the same network, encoder and loss."""
    made = Setup(gradient, sizes=(4, 5, 3), encoder=encoder, loss=loss)
    found = dict(ignored(made))
    assert found
    for name, other in found.items():
        assert other.make_encoder() == made.make_encoder(), name
        assert other.make_loss() == made.make_loss(), name
        a, b = (each.network().settings() for each in (made, other))
        if gradient == "timing":  # kept in a network's settings, but not read
            for each in (a, b):
                each.pop("surrogate"), each.pop("width")
        assert a == b, name


def test_the_task_trains_and_tests():
    reported = []
    found = setup.train(SMALL, None, lambda **numbers: reported.append(numbers))
    made = Setup.of(SMALL)
    network = made.network()
    train, test = (
        tuple(part[:n] for part in datasets.mnist_subset(split)) for split, n in (("train", 60), ("test", 40))
    )
    options = {"encoder": Poisson(0.02), "loss": CountCrossEntropy(5.0)}
    history = fit(network, *train, **options, epochs=2, batch_size=20, learning_rate=2e-3, decay=0.95)
    judged = evaluate(network, *test, **options)
    assert found["accuracy"] == judged.accuracy and found["loss"] == judged.loss
    assert found["spikes"] == {"layer": list(judged.spikes)}
    assert found["train_loss"] == {"epoch": [entry["loss"] for entry in history]}
    assert [each["epoch"] for each in reported] == [0, 1, 2]
    assert reported[-1]["accuracy"] == history[-1]["accuracy"]


def test_ones_own_images(tmp_path):
    images, labels = datasets.mnist_subset("train")
    np.savez(tmp_path / "mine.npz", images=images[:30], labels=labels[:30])
    own = {**SMALL, "images": str(tmp_path / "mine.npz")}
    assert "accuracy" not in setup.train(own, None, lambda **_: None)  # nothing to test on
    found = setup.train({**own, "test_images": str(tmp_path / "mine.npz")}, None, lambda **_: None)
    assert 0 <= found["accuracy"] <= 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"learning-rate": 1}, "setting must be one of .* got 'learning-rate' .did you mean 'learning_rate'"),
        ({"gradient": "adjont"}, "gradient must be one of .*did you mean 'adjoint'"),
        ({"encoder": "rate"}, "encoder must be one of"),
        ({"loss": "mse"}, "loss must be one of"),
        ({"dataset": "minst"}, "dataset must be one of"),
        ({"dataset": "mnist", "images": "x.npz"}, "dataset and images exclude each other"),
        ({"test_images": "x.npz"}, "images must be given with"),
    ],
)
def test_bad_settings(values, message):
    with pytest.raises(ValueError, match=message):
        Setup.of(values)


def test_a_sweep_over_all_kinds(tmp_path):
    """Grid and spike times in one sweep; what is unstable is a row with its reason, what agrees is one run."""
    axes = {"gradient": ["surrogate", "adjoint"], "dt": [0.002, 0.1], "scheme": ["forward_euler", "zoh"]}
    settings = SMALL | {
        "encoder": "latency",
        "loss": "spike_count",
        "overflow": "drop",
        "epochs": 1,
        "window": 0.1,
    }
    found = sweep(setup.train, axes, tmp_path, settings=settings, canonical=setup.canonical, workers=0)
    assert len(list((tmp_path / "runs").iterdir())) == 5  # four on the grid, one of spike times
    state = found["state"]
    assert (state.sel(gradient="adjoint") == "done").all()
    assert state.sel(gradient="surrogate", scheme="zoh").values.tolist() == ["done", "done"]
    assert state.sel(gradient="surrogate", scheme="forward_euler").values.tolist() == ["done", "refused"]
    error = str(found["error"].sel(gradient="surrogate", scheme="forward_euler", dt=0.1).item())
    assert "dt must be below" in error and "unstable" in error
    assert np.isnan(found["accuracy"].sel(gradient="surrogate", scheme="forward_euler", dt=0.1))
    assert found["spikes"].dims == (*axes, "layer")


def test_the_loss_on_times_is_made(tmp_path):
    assert Setup(loss="spike_count").make_loss() == SpikeCount()


def test_the_options_of_the_command_have_the_same_defaults():
    import typer

    from snntheory import cli

    declared = typer.main.get_command(cli.app).commands["train"].params
    given = {each.name: getattr(each.default, "value", each.default) for each in declared}
    for each in fields(Setup):
        if each.name in given and each.name != "sizes":
            assert given[each.name] == each.default, each.name
