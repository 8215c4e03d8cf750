"""Figures of the gradient chapters: what is drawn is what was computed, and bad input is named."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from snntheory import CubaLIF, plotting
from snntheory.gradients import adjoint, pseudo_derivative
from snntheory.spiking import exact_spike_times

NEURON = CubaLIF(0.020, 0.010)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_moved_crossing_joins_both_spikes():
    _, ax = plotting.moved_crossing_figure(NEURON, 0.06, 0.01)
    early, late = (1e3 * exact_spike_times(NEURON, [0.0], [w], 0.02)[0] for w in (0.07, 0.06))
    bars = [line.get_xdata() for line in ax.lines if len(line.get_xdata()) == 2]
    assert any(np.allclose(bar, [early, late]) for bar in bars)
    with pytest.raises(ValueError, match="larger"):
        plotting.moved_crossing_figure(NEURON, 0.03, 0.01)


def test_adjoint_curve_passes_through_the_gradients_of_the_inputs():
    times, weights = np.array([0.004, 0.012]), np.array([0.05, 0.04])
    spikes = exact_spike_times(NEURON, times, weights, 0.05)
    arriving = np.arange(1.0, 1 + spikes.size)
    _, axes = plotting.adjoint_figure(NEURON, times, weights, arriving, 0.05)
    curve, dots = axes[1].lines[:2]
    expected = adjoint.spike_gradients(NEURON, times, weights, spikes, arriving)[0]
    np.testing.assert_allclose(dots.get_ydata(), expected, rtol=1e-9)
    # 1500 points on 50 ms and a curve of a few ms: interpolation errs by about 1e-5 of its height
    between = np.interp(1e3 * times, *curve.get_data())
    np.testing.assert_allclose(between, expected, atol=1e-3 * np.abs(expected).max())
    with pytest.raises(ValueError, match="one value a spike"):
        plotting.adjoint_figure(NEURON, times, weights, [1.0], 0.05)


def test_loss_line_is_broken_where_the_count_changes():
    x = np.linspace(0, 1, 11)
    _, ax = plotting.loss_line_figure(x, x**2, [1] * 4 + [2] * 7, [0.5], [0.25], [1.0])
    pieces = [line for line in ax.lines if line.get_linestyle() == "-" and len(line.get_xdata()) > 2]
    assert [len(line.get_xdata()) for line in pieces] == [4, 7]
    tangent = next(line for line in ax.lines if line.get_linewidth() > 2)
    assert np.ptp(tangent.get_ydata()) / np.ptp(tangent.get_xdata()) == pytest.approx(1.0)


def test_solved_figure_leaves_out_failures_and_shows_leads():
    times = np.array([[[0.2, 0.1]], [[0.1, 0.4]]])
    _, axes = plotting.solved_figure([3, -1, 5], times, [0])
    assert sum(patch.get_height() for patch in axes[0].patches) == 2
    ends = [line.get_xdata()[1] for line in axes[1].lines if len(line.get_xdata()) == 2][:2]
    np.testing.assert_allclose(ends, [-0.1, 0.3])
    with pytest.raises(ValueError, match="n_patterns"):
        plotting.solved_figure([1], times[0], [0])


def test_phases_and_curves_have_a_line_for_each():
    rng = np.random.default_rng(0)
    phases = xr.Dataset({name: (("iteration", "step"), rng.normal(size=(4, 9))) for name in "ABCD"})
    phases["spikes"] = (("iteration", "step"), np.eye(4, 9))
    phases["target"] = ("step", np.eye(9)[3])
    _, axes = plotting.gradient_phases_figure(phases)
    assert len(axes) == 5
    np.testing.assert_array_equal(axes[3].lines[2].get_ydata(), phases["D"].values[2])
    loss = np.exp(rng.normal(size=(4, 2, 6, 8)))
    curves = xr.Dataset(
        {"loss": (("learning_rate", "reset_gradient", "iteration", "repeat"), loss)},
        coords={"learning_rate": [0.1, 0.2, 0.3, 0.4], "reset_gradient": ["kept", "detached"]},
    )
    _, axes = plotting.loss_curves_figure(curves)
    assert len(axes) == 4
    np.testing.assert_allclose(axes[2].lines[1].get_ydata(), loss[2, 1].mean(1))


def test_growth_draws_the_law_only_where_the_rate_changes():
    steps = np.array([4e-3, 2e-3, 1e-3])
    _, ax = plotting.growth_figure(steps, {"explodes": 1 / steps, "steady": [-50.0] * 3})
    dashed = [line for line in ax.lines if line.get_linestyle() == "--"]
    assert len(dashed) == 1
    np.testing.assert_allclose(dashed[0].get_ydata(), 1 / np.sort(steps))


def test_pseudo_derivatives_are_those_of_the_package():
    _, ax = plotting.pseudo_derivative_figure(["triangle", "sigmoid"], 0.4)
    for line, shape in zip(ax.lines, ["triangle", "sigmoid"], strict=True):
        np.testing.assert_array_equal(line.get_ydata(), pseudo_derivative(line.get_xdata(), shape, 0.4))


def test_entries_and_convergence_show_every_value():
    exact = [np.array([[1.0, -2.0]]), np.array([[3.0]])]
    _, axes = plotting.gradient_entries_figure(exact, {"a": exact, "b": [2 * part for part in exact]})
    dots = [line for line in axes[1].lines if line.get_marker() == "o"]
    np.testing.assert_array_equal(dots[0].get_data(), [[1.0, -2.0], [2.0, -4.0]])
    assert axes[1].get_ylim()[1] > 6
    _, ax = plotting.gradient_convergence_figure([2e-3, 1e-3], {"first": [0.2, 0.1]})
    np.testing.assert_array_equal(ax.lines[0].get_data(), [[1e-3, 2e-3], [0.1, 0.2]])
    many = {str(k): [0.2, 0.1] for k in range(10)}
    _, ax = plotting.gradient_convergence_figure([2e-3, 1e-3], many)
    drawn = {(line.get_color(), line.get_marker()) for line in ax.lines[:10]}
    named = {(text.get_color(), text.get_text()[-1]) for text in ax.texts}
    assert len(drawn) == 10 and len(named) == 10
    with pytest.raises(ValueError, match="errors"):
        plotting.gradient_convergence_figure([1e-3], {"first": [np.nan]})
