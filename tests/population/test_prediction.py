"""Predictions of a recorded layer: a synthetic recording, and the trained network that ships with the package."""

import numpy as np
import pytest

from snntheory import CubaLIF, artefacts, discretize
from snntheory.population import predict_recording
from snntheory.spiking import simulate_inputs
from snntheory.traces import make_traces


@pytest.fixture(scope="module")
def trained():
    return predict_recording(artefacts.load("hidden-physical-1ms"), rng=np.random.default_rng(1))


def test_a_trained_layers_rates_are_predicted_from_its_input(trained):
    busy = trained.where(trained["measured"] > 1, drop=True)
    assert busy.sizes["condition"] >= 12
    gap = busy["chain"] - busy["measured"]
    # twelve repeats of half a second: the scatter of the measurement, and 4 % for what is not Gaussian in the input
    assert np.all(
        np.abs(gap) < 4 * np.hypot(busy["standard_error"], busy["chain_error"]) + 0.04 * busy["measured"]
    )
    assert float(np.corrcoef(busy["chain"], busy["measured"])[0, 1]) > 0.999
    assert busy["measured"].max() > 100  # over two orders of magnitude
    quiet = trained.where(trained["measured"] == 0, drop=True)
    assert quiet.sizes["condition"] > 10 and float(quiet["chain"].max()) < 0.5


def test_the_grid_takes_rate_away(trained):
    busy = trained.where(trained["measured"] > 10, drop=True)
    ratio = busy["chain"] / busy["density"]
    # backward Euler at 1 ms: both time constants too long, and the threshold seen only every step
    assert np.all((ratio > 0.92) & (ratio < 0.99))


def recording():
    """A recording of two neurons with known drive, in the trainer's form."""
    neuron, dt = CubaLIF(0.020, 0.010, reset="subtract"), 0.001
    rng = np.random.default_rng(2)
    rate, weight = 3000.0, 0.0005
    drive = rng.poisson(rate * dt, (6, 2000)) * weight
    run = simulate_inputs(neuron, drive[:, None], dt, "impulse_invariance")
    return neuron, run, rate * weight, rate * weight**2, dt


def test_a_known_drive():
    neuron, run, mean, power, dt = recording()
    spikes = np.asarray(run["spikes"].values).reshape(6, 1, -1)
    traces = make_traces(np.zeros(spikes.shape), dt=dt, spikes=spikes)
    traces = traces.assign(
        drive_mean=(("trial", "neuron"), np.full((6, 1), mean)),
        drive_power=(("trial", "neuron"), np.full((6, 1), power)),
    )
    traces.attrs.update(
        tau_mem=0.020,
        tau_syn=0.010,
        r=1.0,
        v_threshold=1.0,
        v_reset=0.0,
        reset="subtract",
        scheme="impulse_invariance",
    )
    found = predict_recording(traces, rng=np.random.default_rng(3))
    assert found.sizes["condition"] == 1
    error = np.hypot(found["standard_error"], found["chain_error"])
    assert abs(found["chain"] - found["measured"])[0] < 4 * error[0]
    model = discretize(neuron, dt, "impulse_invariance")
    assert model.is_stable and float(found["measured"][0]) > 20
    with pytest.raises(ValueError, match="must hold drive_mean"):
        predict_recording(traces.drop_vars("drive_mean"), rng=np.random.default_rng(3))
    with pytest.raises(ValueError, match="shorter than the recording"):
        predict_recording(traces, onset=9.0, rng=np.random.default_rng(3))
    del traces.attrs["tau_syn"]
    with pytest.raises(ValueError, match="attribute 'tau_syn'"):
        predict_recording(traces, rng=np.random.default_rng(3))
