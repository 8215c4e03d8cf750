"""The blocks that a reader of the gradient chapters pastes: they run on a real file and find what it holds."""

import numpy as np
import pytest
from test_own_traces_blocks import run_on_file

from snntheory import CubaLIF, discretize, save_traces
from snntheory.gradients.reset import growth_rate
from snntheory.spiking import simulate

NEURON = CubaLIF(0.018, 0.007, v_threshold=1.5)


def saved(folder, name, scheme, dt=1e-3):
    rng = np.random.default_rng(3)
    arrivals = np.sort(rng.uniform(0, 1.0, 600))
    traces = simulate(NEURON, arrivals, 0.005, 1.0, dt, scheme)
    save_traces(traces, folder / name)
    return traces


def test_sensitivity_of_recorded_spikes(monkeypatch, tmp_path):
    traces = saved(tmp_path, "traces.nc", "impulse_invariance")
    names = run_on_file("exact_gradients", monkeypatch, tmp_path)
    fired = traces["spikes"].values[0, 0] > 0
    slopes = np.sort((traces["current"].values[0, 0][fired] - 1.5) / 0.018)
    total = (1 / slopes[slopes > 0]).sum()
    half, so_far = 0, 0.0
    for slope in slopes[slopes > 0]:  # by hand: from the flattest on
        half, so_far = half + 1, so_far + 1 / slope
        if so_far >= total / 2:
            break
    assert fired.sum() > 20 and names["half"] == half


def test_share_of_clamped_slopes(monkeypatch, tmp_path):
    traces = saved(tmp_path, "voltages.nc", "backward_euler", dt=4e-3)
    touched = run_on_file("grid_gradients", monkeypatch, tmp_path)["touched"]
    v, fired = traces["voltage"].values[0, 0], traces["spikes"].values[0, 0] > 0
    rises = []
    for n in range(1, v.size):
        if fired[n]:
            rises.append(v[n] - (v[n - 1] - 1.5 * fired[n - 1]))
    rises = np.array([rise for rise in rises if rise > 0])
    assert 0 < touched["clamp 8"] < 1
    assert touched["clamp 8"] == pytest.approx((rises < 1.5 / 8).mean(), abs=1e-12)


def test_growth_on_a_recorded_voltage(monkeypatch, tmp_path):
    traces = saved(tmp_path, "voltages.nc", "impulse_invariance", dt=5e-4)
    rates = run_on_file("reset_gradient", monkeypatch, tmp_path)["rates"]
    model = discretize(NEURON, 5e-4, "impulse_invariance")
    for width in (0.1, 0.5):
        expected = growth_rate(traces["voltage"].values[0, 0], model, "fast_sigmoid", 1.5 * width)
        assert rates.loc[width, "growth rate (1/s)"] == pytest.approx(float(expected), rel=1e-9)
