"""Figures of transfer functions, coherence and band powers: what they draw and what they refuse."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from snntheory import CubaLIF, discretize, plotting
from snntheory.spectral import band_power, coherence, transfer_function

MODEL = discretize(CubaLIF(0.020, 0.005), 1e-3, "impulse_invariance")


@pytest.fixture(autouse=True)
def styled():
    with matplotlib.rc_context():
        plotting.use_style()
        yield
    plt.close("all")


@pytest.fixture(scope="module")
def recorded():
    rng = np.random.default_rng(0)
    inputs = rng.poisson(0.5, (1, 4096)) * 0.3
    voltage = MODEL.simulate(inputs)[0]
    voltage = voltage + 0.3 * voltage.std() * rng.standard_normal(voltage.shape)
    return [xr.DataArray(each, dims=("neuron", "time"), attrs={"dt": 1e-3}) for each in (inputs, voltage)]


def lines(ax):
    return {line.get_gid(): line for line in ax.lines}


def test_transfer_function_over_theory(recorded):
    estimate = transfer_function(*recorded, segment_samples=512)
    fig, (upper, lower) = plotting.transfer_function_figure(estimate, {"exact": MODEL, "flat": np.ones_like})
    f = estimate["frequency"].values[1:]
    np.testing.assert_array_equal(lines(upper)["gain"].get_xdata(), f)  # without 0
    np.testing.assert_array_equal(lines(upper)["gain"].get_ydata(), estimate["gain"].values[0, 1:])
    drawn = lines(upper)["theory exact"]
    np.testing.assert_allclose(
        drawn.get_ydata(), np.abs(MODEL.frequency_response(2 * np.pi * drawn.get_xdata())), rtol=1e-12
    )
    low, high = upper.get_ylim()
    assert low < drawn.get_ydata().min() and high > drawn.get_ydata().max()
    # the phase is drawn only where it is known, within half a turn of the first theory
    shown = lines(lower)["phase"]
    known = (estimate["phase_upper"] - estimate["phase"]).values[0, 1:] < np.pi
    np.testing.assert_array_equal(shown.get_xdata(), f[known])
    theory = np.degrees(MODEL.phase(2 * np.pi * shown.get_xdata()))
    assert 0 < known.sum() < known.size and np.abs(shown.get_ydata() - theory).max() <= 180
    assert "Hz" in lower.get_xlabel() and upper.get_ylabel() == "gain"
    assert {text.get_text() for text in upper.texts} == {"exact", "flat"}


def test_transfer_function_alone(recorded):
    estimate = transfer_function(*recorded, segment_samples=512)
    fig, (upper, lower) = plotting.transfer_function_figure(estimate)
    assert set(lines(upper)) == {"gain"} and set(lines(lower)) == {"phase"}
    fig.draw_without_rendering()


def test_coherence_and_its_level_of_chance(recorded):
    estimate = coherence(*recorded, segment_samples=512)
    fig, ax = plotting.coherence_figure(estimate)
    np.testing.assert_array_equal(lines(ax)["coherence"].get_ydata(), estimate["coherence"].values[0, 1:])
    np.testing.assert_allclose(lines(ax)["chance"].get_ydata(), float(estimate["significance_level"][5]))
    assert [text.get_text() for text in ax.texts] == ["95 % of chance"] and ax.get_ylim() == (0, 1)


def test_band_powers_over_time_steps(recorded):
    bands = {"slow": (2, 20), "fast": (20, 100)}
    powers = {dt: dt * band_power(recorded[1], bands) for dt in (4e-3, 1e-3)}
    fig, ax = plotting.band_power_figure(powers)
    np.testing.assert_array_equal(lines(ax)["band fast"].get_xdata(), [1.0, 4.0])  # in order, milliseconds
    expected = [float(powers[dt].sel(band="fast").squeeze()) for dt in (1e-3, 4e-3)]
    np.testing.assert_allclose(lines(ax)["band fast"].get_ydata(), expected)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1 ms", "4 ms"]
    assert {text.get_text() for text in ax.texts} == {"slow", "fast"}
    fig, ax = plotting.band_power_figure({"ours": powers[1e-3], "theirs": powers[4e-3]})
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["ours", "theirs"]


def test_what_is_refused(recorded):
    estimate = transfer_function(*recorded)
    with pytest.raises(TypeError, match="as coherence returns it"):
        plotting.coherence_figure(estimate)
    with pytest.raises(TypeError, match="as transfer_function returns it"):
        plotting.transfer_function_figure(estimate["gain"])
    with pytest.raises(TypeError, match="DiscreteNeuron or a function"):
        plotting.transfer_function_figure(estimate, 3)
    several = xr.concat([estimate, estimate], "neuron")
    with pytest.raises(ValueError, match="several entries along neuron"):
        plotting.transfer_function_figure(several)
    power = band_power(recorded[1])
    with pytest.raises(ValueError, match="other bands"):
        plotting.band_power_figure({1e-3: power, 2e-3: band_power(recorded[1], {"a": (1, 2)})})
    with pytest.raises(ValueError, match="at least one"):
        plotting.band_power_figure({})
    with pytest.raises(TypeError, match="as band_power returns it"):
        plotting.band_power_figure({1e-3: recorded[1]})
