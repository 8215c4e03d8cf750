"""The recorder: what it stores is what the network did, whatever the memory it may use."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr

from snntheory import CubaLIF, load_traces, save_traces, validate_traces
from snntheory.linear import UnstableStep
from snntheory.training import Latency, Network, Poisson, datasets, drive_statistics, record
from snntheory.training.network import PHASE
from snntheory.training.recorder import weights_digest
from snntheory.training.trainer import as_inputs

NEURON = CubaLIF(0.020, 0.010, v_threshold=0.8)
ENCODER = Poisson(window=0.080)


@pytest.fixture
def problem():
    """Five images of six pixels and a network of two layers that fires."""
    images = np.random.default_rng(1).random((5, 6))
    return images, Network((6, 8, 3), NEURON, 0.004, gain=3.0, seed=1)


def test_the_recording_is_what_the_network_did(problem):
    images, network = problem
    latency = Latency(0.08, 0.04)  # not random, so that the input is known here
    traces = record(network, images, encoder=latency, layers=(2, 1), samples=(4, 0, 2), neurons=(2, 0))
    spikes = latency(as_inputs(images[[4, 0, 2]]), 0.004, torch.Generator())
    states = network.states(spikes)
    for name in ("voltage", "current", "spikes"):
        whole = torch.cat([getattr(states[1], name)[..., [2, 0]], getattr(states[0], name)[..., [2, 0]]], 2)
        np.testing.assert_array_equal(traces[name], whole.permute(1, 2, 0))
    assert traces["spikes"].sum() > 0
    assert traces["voltage"].dims == ("trial", "neuron", "time") and traces["voltage"].shape == (3, 4, 20)
    assert traces["layer"].values.tolist() == [2, 2, 1, 1] and traces["unit"].values.tolist() == [2, 0, 2, 0]
    assert traces["sample"].values.tolist() == [4, 0, 2] and traces["repeat"].values.tolist() == [0, 0, 0]
    np.testing.assert_allclose(traces["time"], 0.004 * np.arange(1, 21), rtol=1e-15)  # state after step n


def test_labels_and_repeats(problem):
    images, network = problem
    labels = np.array([3, 1, 4, 1, 5])
    traces = record(network, images, encoder=ENCODER, labels=labels, samples=(3, 0), repeats=3)
    assert traces["sample"].values.tolist() == [3, 3, 3, 0, 0, 0]
    assert traces["repeat"].values.tolist() == [0, 1, 2, 0, 1, 2]
    assert traces["label"].values.tolist() == [1, 1, 1, 3, 3, 3]
    voltage = traces["voltage"].values
    assert not np.array_equal(voltage[0], voltage[1])  # each repeat has its own random input


def test_a_trial_depends_on_its_seed_sample_and_repeat_alone(problem):
    images, network = problem
    whole = record(network, images, encoder=ENCODER, repeats=3, seed=2)
    part = record(network, images, encoder=ENCODER, samples=(4, 1), repeats=2, seed=2, neurons=(5, 2))
    expected = [(s, k) for s in (4, 1) for k in (0, 1)]
    for trial, (sample, repeat) in enumerate(expected):
        same = whole.isel(trial=sample * 3 + repeat, neuron=[5, 2])
        xr.testing.assert_identical(same["spikes"].variable, part["spikes"].isel(trial=trial).variable)
        # the size of a batch may change the order of a float32 sum
        np.testing.assert_allclose(same["voltage"], part["voltage"].isel(trial=trial), rtol=1e-4, atol=1e-5)
    again = record(network, images, encoder=ENCODER, repeats=3, seed=2)
    xr.testing.assert_identical(whole, again)
    other = record(network, images, encoder=ENCODER, repeats=3, seed=3)
    assert not np.array_equal(whole["voltage"], other["voltage"])


def test_the_memory_limit_cuts_the_work_and_not_the_result(problem, monkeypatch):
    images, network = problem
    batches = []
    states = Network.states
    monkeypatch.setattr(
        Network, "states", lambda self, spikes: batches.append(spikes.shape[1]) or states(self, spikes)
    )
    free = record(network, images, encoder=ENCODER, repeats=4, neurons=(1,))
    per_trial = 4 * 20 * (2 * 6 + 4 * 11)
    tight = record(network, images, encoder=ENCODER, repeats=4, neurons=(1,), memory_limit=3.5 * per_trial)
    assert batches == [20, 3, 3, 3, 3, 3, 3, 2]
    np.testing.assert_array_equal(free["spikes"], tight["spikes"])
    for name in ("voltage", "current"):
        # the size of a batch may change the order of a float32 sum
        np.testing.assert_allclose(free[name], tight[name], rtol=1e-4, atol=1e-5)
    assert free.drop_vars(["voltage", "current"]).identical(tight.drop_vars(["voltage", "current"]))


def test_a_recording_above_the_limit_is_refused_with_its_size(problem):
    images, network = problem
    size = 5 * 2 * 11 * 20 * 9  # trials x neurons x steps x (4 + 4 + 1 bytes)
    whole = {"encoder": ENCODER, "repeats": 2, "layers": (1, 2)}
    with pytest.raises(ValueError, match=r"10 trials x 11 neurons x 20 steps\).*choose fewer samples"):
        record(network, images, memory_limit=size - 1, **whole)
    traces = record(network, images, memory_limit=size, **whole)
    assert sum(traces[name].nbytes for name in ("voltage", "current", "spikes")) == size
    big = Network((6, 5000), NEURON, 0.001)
    with pytest.raises(ValueError, match="needs 1125 MB .*more than memory_limit = 1000 MB"):
        record(big, images, encoder=Poisson(window=5.0))


def test_attributes_say_how_it_was_made(problem):
    images, network = problem
    traces = record(network, images, encoder=ENCODER, seed=9)
    assert validate_traces(traces) is traces
    expected = {
        "dt": 0.004,
        "t0": 0.004,
        "phase": PHASE,
        "scheme": "impulse_invariance",
        "input": "dirac",
        "tau_mem": 0.020,
        "v_threshold": 0.8,
        "reset": "subtract",
        "sizes": [6, 8, 3],
        "seed": 9,
    }
    assert {key: traces.attrs[key] for key in expected} == expected
    assert json.loads(traces.attrs["encoder"]) == {
        "name": "poisson",
        "window": 0.08,
        "max_rate": 100.0,
        "arrivals": "bernoulli",
        "probability_per_step": False,
    }
    assert "order" not in traces.attrs
    series = record(network.variant(scheme="parker_sochacki", order=2), images, encoder=ENCODER)
    assert series.attrs["order"] == 2
    digest = traces.attrs["weights_sha256"]
    assert digest == weights_digest(network) and len(digest) == 64
    network.set_weights([w * 1.0001 for w in network.weights()])
    assert weights_digest(network) != digest


def test_layers_with_different_neurons(problem):
    images, _ = problem
    network = Network((6, 8, 3), [NEURON, replace(NEURON, tau_mem=0.03)], 0.004)
    both = record(network, images, encoder=ENCODER, layers=(1, 2))
    assert json.loads(both.attrs["tau_mem"]) == [0.02, 0.03]
    assert record(network, images, encoder=ENCODER, layers=(2,)).attrs["tau_mem"] == 0.03


@pytest.mark.parametrize("suffix", [".nc", ".npz", ".pt"])
def test_saved_and_loaded(problem, tmp_path, suffix):
    images, network = problem
    traces = record(network, images, encoder=ENCODER, labels=np.arange(5), repeats=2)
    again = load_traces(save_traces(traces, tmp_path / f"traces{suffix}"))
    for name in (*traces.data_vars, *traces.coords):
        np.testing.assert_array_equal(traces[name], again[name], err_msg=str(name))
        assert traces[name].dtype == again[name].dtype
    for name, value in traces.attrs.items():
        np.testing.assert_array_equal(again.attrs[name], value, err_msg=name)


@pytest.mark.parametrize("arrivals", ["bernoulli", "poisson"])
@pytest.mark.parametrize("input", ["dirac", "sampled"])
def test_drive_statistics_are_those_of_a_long_input(arrivals, input):
    images = np.array([[0.0, 0.2, 0.9], [1.0, 0.5, 0.1]])
    dt = 0.004
    network = Network((3, 2), NEURON, dt, input=input, seed=3)
    encoder = Poisson(window=80.0, max_rate=200.0, arrivals=arrivals)
    mean, power = drive_statistics(network, images, encoder)
    spikes = encoder(as_inputs(images), dt, torch.Generator().manual_seed(0)).double()
    weights = network.weights()[0].double() * (dt if input == "sampled" else 1.0)
    kicks = (spikes @ weights).numpy()  # area of the current in each step
    n = len(kicks)
    for k in range(2):
        for j in range(2):
            x = kicks[:, k, j]
            # five standard errors of a mean and of a variance
            assert abs(x.mean() / dt - mean[k, j]) < 5 * x.std() / math.sqrt(n) / dt
            fourth = ((x - x.mean()) ** 4).mean()
            assert abs(x.var() / dt - power[k, j]) < 5 * math.sqrt(fourth / n) / dt


def test_drive_of_a_recording_is_that_of_its_image_and_neuron(problem):
    images, network = problem
    mean, power = drive_statistics(network, images, ENCODER)
    traces = record(network, images, encoder=ENCODER, samples=(3, 1), repeats=2, neurons=(7, 0))
    for trial, sample in enumerate((3, 3, 1, 1)):
        np.testing.assert_array_equal(traces["drive_mean"][trial], mean[sample, [7, 0]])
        np.testing.assert_array_equal(traces["drive_power"][trial], power[sample, [7, 0]])
    for other in (
        record(network, images, encoder=ENCODER, layers=(1, 2)),
        record(network, images, encoder=Latency(0.08, 0.04)),
    ):
        assert "drive_power" not in other  # known only for random input to the first layer
    with pytest.raises(TypeError, match="encoder must be a Poisson encoder, got Latency"):
        drive_statistics(network, images, Latency())


def test_variance_of_the_voltage_is_that_of_the_theory():
    from snntheory.spectral import theory_psd

    images = np.random.default_rng(0).random((1, 50))
    network = Network((50, 4), replace(NEURON, reset="none"), 0.002, "backward_euler")
    traces = record(network, images, encoder=Poisson(window=60.0, max_rate=50.0))
    steady = traces["voltage"].isel(trial=0, time=slice(200, None)).values.astype(float)
    mean, power = (traces[name].values[0] for name in ("drive_mean", "drive_power"))
    frequency = np.linspace(-250, 250, 4001)
    for k in range(4):
        variance = np.trapezoid(
            theory_psd(NEURON, power[k], 1.0, frequency, 0.002, "backward_euler"), frequency
        )
        # 60 s hold about 60/0.04 = 1500 independent samples: standard errors sigma/39 and variance/27
        assert abs(steady[k].mean() - mean[k]) < 5 * math.sqrt(variance) / 39
        assert abs(steady[k].var() / variance - 1) < 5 / 27


def test_wrong_choices(problem):
    images, network = problem
    for name, value, message in [
        ("layers", (0,), "layers must be at least 1, got 0"),
        ("layers", (3,), r"layers must lie in 1 .. 2, got 3"),
        ("layers", (), "layers must not be empty"),
        ("layers", (1, 1), "layers must not repeat an index"),
        ("neurons", (8,), r"neurons must lie in 0 .. 7, got 8"),
        ("neurons", (-1,), "neurons must be at least 0"),
        ("neurons", (), "neurons must not be empty"),
        ("samples", (5,), r"samples must lie in 0 .. 4, got 5"),
        ("samples", (1, 1), "samples must not repeat an index"),
        ("repeats", 0, "repeats must be at least 1"),
        ("memory_limit", 0.0, "memory_limit must be above 0"),
        ("labels", [1, 2], r"labels must be one for each of 5 images, got shape \(2,\)"),
        ("device", "abacus", "device must be"),
    ]:
        with pytest.raises(ValueError, match=message):
            record(network, images, encoder=ENCODER, **{name: value})
    with pytest.raises(TypeError, match="samples must be an integer"):
        record(network, images, encoder=ENCODER, samples=(0.5,))
    with pytest.raises(ValueError, match="images must have 6 values each, as the network, got 4"):
        record(network, images[:, :4], encoder=ENCODER)
    with pytest.raises(ValueError, match=r"neurons must lie in 0 .. 2, got 5"):
        record(network, images, encoder=ENCODER, layers=(1, 2), neurons=(5,))


def test_a_network_that_overflows_is_not_recorded(problem):
    images, _ = problem
    with pytest.warns(UnstableStep):
        network = Network((6, 3), replace(NEURON, reset="none"), 0.05, "forward_euler")  # poles -1.5 and -4
    with pytest.raises(ValueError, match="NaN or infinity.*dt too large"):
        record(network, images, encoder=Poisson(window=10.0, max_rate=20.0))


def test_real_digits(digits):
    images, labels, _, _ = digits
    network = Network((784, 16, 10), NEURON, 0.004)
    traces = record(network, images[:2], encoder=ENCODER, labels=labels[:2])
    assert traces["voltage"].shape == (2, 16, 20)
    np.testing.assert_array_equal(traces["label"], datasets.mnist_subset("train")[1][:2])
