"""The blocks under "On your own traces" of the chapters on stability and on errors, run on real files."""

import numpy as np
import pytest
from test_own_traces_blocks import run_on_file

from snntheory import CubaLIF, discretize, make_traces, save_traces


@pytest.mark.parametrize(
    ("scheme", "dt", "rings"),
    [("forward_euler", 0.005, False), ("forward_euler", 0.010, True), ("bilinear", 0.02, True)],
)
def test_ringing_from_a_saved_trace(monkeypatch, tmp_path, scheme, dt, rings):
    neuron = CubaLIF(0.030, 0.007)
    model = discretize(neuron, dt, scheme)
    voltage = model.simulate(np.zeros(60), 0.2, 2.0)[0]
    save_traces(make_traces(voltage.astype(np.float32), dt, dims=("time",)), tmp_path / "voltages.nc")
    names = run_on_file("stability", monkeypatch, tmp_path)
    assert names["is_stable"] and names["rings"] == rings
    np.testing.assert_allclose(names["poles"], np.sort(model.poles), atol=1e-4)  # single precision


def test_an_unstable_trace_fails_a_condition(monkeypatch, tmp_path):
    n = np.arange(60)
    voltage = 0.7**n + 0.01 * (-1.1) ** n
    save_traces(make_traces(voltage, 0.002, dims=("time",)), tmp_path / "voltages.nc")
    names = run_on_file("stability", monkeypatch, tmp_path)
    assert not names["is_stable"] and names["jury"]["P(-1)"] == pytest.approx(1.7 * -0.1)


@pytest.mark.parametrize(("scheme", "order"), [("forward_euler", 1), ("bilinear", 2)])
def test_error_from_three_recordings(monkeypatch, tmp_path, scheme, order):
    neuron = CubaLIF(0.025, 0.012)
    errors = []
    for name, dt in (("coarse", 0.001), ("middle", 0.0005), ("fine", 0.00025)):
        n = round(0.1 / dt)
        voltage = discretize(neuron, dt, scheme).simulate(np.zeros(n), 0.5, 1.0)[0]
        exact = discretize(neuron, dt, "impulse_invariance").simulate(np.zeros(n), 0.5, 1.0)[0]
        errors.append(np.sqrt(np.mean((voltage - exact) ** 2)))
        save_traces(make_traces(voltage, dt, dims=("time",), t0=dt), tmp_path / f"{name}.nc")
    read = run_on_file("truncation_error", monkeypatch, tmp_path)
    assert read["order_found"] == pytest.approx(order, abs=0.05)
    assert read["error_found"] == pytest.approx(errors[-1], rel=0.05)  # dt/tau is 1/48
