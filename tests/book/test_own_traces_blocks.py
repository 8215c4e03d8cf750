"""The blocks under "On your own traces" that a reader pastes: they run on a real file and find what it holds."""

import re
from pathlib import Path

import chapters
import numpy as np
import pytest

from snntheory import CubaLIF, discretize, make_traces, save_traces
from snntheory.linear import response
from snntheory.spiking import simulate, spike_train

BOOK = Path(__file__).resolve().parents[2] / "book"


def run_on_file(name, monkeypatch, folder, with_cells=True):
    """The chapter's imports, its block for the reader's file, and the cells tagged own-traces; as one namespace."""
    import matplotlib

    matplotlib.use("agg")
    monkeypatch.chdir(folder)
    chapter = chapters.read_chapter(BOOK / f"{name}.md")
    (block,) = re.findall(r"(?ms)^```python\n(.*?)^```$", chapter.prose.split("## On your own traces")[1])
    cells = [cell.source for cell in chapter.cells if "own-traces" in cell.metadata.get("tags", [])]
    assert bool(cells) == with_cells
    names: dict = {}
    for source in (chapter.cells[0].source, block, *cells):
        exec(compile(source, f"{name}.md", "exec"), names)
    return names


def test_time_constants_from_a_recorded_response(monkeypatch, tmp_path):
    time = np.arange(2000) * 1e-4
    clean = -65 + response(CubaLIF(0.030, 0.004), time, [0.010], 0.02)
    noise = 0.02 * np.random.default_rng(5).standard_normal((20, time.size))
    save_traces(make_traces(clean + noise, 1e-4, dims=("trial", "time")), tmp_path / "psp.nc")
    names = run_on_file("below_threshold", monkeypatch, tmp_path)
    # 20 trials of 2 % noise: the standard errors are about 0.15 ms, 0.05 ms and 1e-4; four of them
    assert names["slow"] == pytest.approx(0.030, abs=6e-4)
    assert names["fast"] == pytest.approx(0.004, abs=2e-4)
    assert names["fit"][2] == pytest.approx(0.02, abs=4e-4)


@pytest.mark.parametrize(
    ("scheme", "row"),
    [
        ("forward_euler", "if forward Euler"),
        ("backward_euler", "if backward Euler"),
        ("bilinear", "if bilinear"),
        ("impulse_invariance", "hidden (impulse invariance, zoh)"),
        ("zoh", "hidden (impulse invariance, zoh)"),
    ],
)
def test_scheme_from_a_saved_trace(monkeypatch, tmp_path, scheme, row):
    inputs = np.zeros(120)
    inputs[3:40:4] = 0.03
    voltage = discretize(CubaLIF(0.025, 0.007), 0.002, scheme).simulate(inputs)[0]
    save_traces(make_traces(voltage.astype(np.float32), 0.002, dims=("time",)), tmp_path / "voltages.nc")
    guesses = run_on_file("time_step", monkeypatch, tmp_path)["guesses"]
    # single precision moves the poles by about 1e-6, the slow time constant by about dt / (1 - p)^2 of that
    for name, found in guesses.items():
        assert (np.abs(found / [0.025, 0.007] - 1).max() < 2e-3) == (name == row)


def test_noise_shortens_the_time_constants_of_the_recursion(monkeypatch, tmp_path):
    """The chapter's caution: noise of a thousandth of the threshold can halve the fast time constant."""
    inputs = np.zeros(120)
    inputs[3:40:4] = 0.03
    voltage = discretize(CubaLIF(0.025, 0.007), 0.002, "backward_euler").simulate(inputs)[0]
    voltage = voltage + 0.001 * np.random.default_rng(3).standard_normal(voltage.size)
    save_traces(make_traces(voltage, 0.002, dims=("time",)), tmp_path / "voltages.nc")
    found = run_on_file("time_step", monkeypatch, tmp_path)["guesses"]["if backward Euler"]
    assert 0 < found[1] < 0.5 * 0.007 and found[0] == pytest.approx(0.025, rel=0.1)


@pytest.mark.parametrize("phase", ["unknown", "before reset"])
def test_spectrum_of_a_saved_trace(monkeypatch, tmp_path, phase):
    """A simulator with i += 2 at 800 Hz, forward Euler, a threshold: with the resets added back it is the theory."""
    neuron, dt, rng = CubaLIF(0.020, 0.010), 0.001, np.random.default_rng(0)
    free = discretize(neuron, dt, "forward_euler").simulate(
        2.0 * neuron.tau_syn * (rng.poisson(800 * dt, (40, 4000)) - 800 * dt)
    )[0]
    voltage, spikes, removed = np.empty_like(free), np.zeros(free.shape, int), np.zeros(len(free))
    for n in range(free.shape[1]):
        removed *= 1 - dt / neuron.tau_mem
        voltage[:, n] = free[:, n] - removed
        spikes[:, n] = voltage[:, n] > neuron.v_threshold
        removed += neuron.v_threshold * spikes[:, n]
    assert spikes.mean() / dt > 1  # hertz
    save_traces(make_traces(voltage, dt, ("trial", "time"), spikes=spikes, phase=phase), tmp_path / "mine.nc")
    names = run_on_file("spectra", monkeypatch, tmp_path, with_cells=False)
    ratio = names["spectrum"].mean(["trial", "neuron"]).values[2:-1] / names["expected"][2:-1]
    # 40 traces of 31 segments, 19 of them independent: 760 estimates a bin, 3.6 %; the mean of 120 bins: 0.4 %
    assert abs(ratio.mean() - 1) < 0.02 and ratio.std() < 0.06


def test_delay_of_the_spikes_in_a_saved_trace(monkeypatch, tmp_path):
    """Where the voltage between grid points is nearly a line, the interpolated spikes are those of the cubic."""
    times = np.arange(0, 2, 0.0013)
    run = simulate(CubaLIF(0.020, 0.005), times, 0.0022, 2.0, 1e-3, "impulse_invariance")
    cubic = simulate(
        CubaLIF(0.020, 0.005), times, 0.0022, 2.0, 1e-3, "impulse_invariance", None, "cubic", "grid"
    )
    save_traces(run, tmp_path / "voltages.nc")
    names = run_on_file("spikes_on_a_grid", monkeypatch, tmp_path)
    expected = spike_train(cubic)
    assert names["summary"]["spikes"] == expected.size > 30
    # a line through curvature of 1 / (tau_mem tau_syn): dt^2 / 8 times that over the slope, some 20 per second
    np.testing.assert_allclose(names["interpolated"], expected, atol=1e-4)
    assert names["late"].min() > 0 and names["late"].max() < 1e-3
