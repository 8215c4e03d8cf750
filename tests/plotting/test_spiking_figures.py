"""Figures of spikes on a grid: what is drawn is what was computed, and bad input is named."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from snntheory import CubaLIF, linear, plotting
from snntheory.spiking import Method, hidden_spikes, lattice_displacement, order_study, simulate, spike_train
from snntheory.spiking.parker_sochacki import split_step

NEURON = CubaLIF(0.020, 0.010)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def texts(ax):
    return " ".join(item.get_text() for item in ax.texts)


def test_placement_figure_draws_every_run_and_its_spikes():
    fine = simulate(NEURON, [0.002], [0.09], 0.06, 1e-4, "impulse_invariance", None, "cubic", "spike")
    coarse = simulate(NEURON, [0.002], [0.09], 0.06, 2e-3, "impulse_invariance")
    fig, axes = plotting.spike_placement_figure({"coarse": coarse, "fine": fine}, fine)
    assert len(axes) == 2 and "coarse" in texts(axes[0])
    reference, own = axes[0].collections  # the two rows of spikes
    for collection, run in ((reference, fine), (own, coarse)):
        drawn = [segment[0][0] for segment in collection.get_segments()]
        np.testing.assert_allclose(drawn, spike_train(run) * 1e3)
        assert len(drawn) >= 1
    with pytest.raises(ValueError, match="runs is empty"):
        plotting.spike_placement_figure({}, fine)


def test_order_figure_draws_the_errors():
    methods = [Method("impulse_invariance", None, "linear", "spike"), Method("forward_euler")]
    study = order_study(NEURON, [1e-3, 5e-4, 2.5e-4], methods, 0.3, constant_current=1.5)
    fig, ax = plotting.spike_order_figure(study, {methods[0].label: "linear + restart"}, slopes=(2,))
    np.testing.assert_allclose(ax.lines[0].get_ydata(), study["error"][0] * 1e3)
    assert "linear + restart" in texts(ax) and "slope 2" in texts(ax)
    with pytest.raises(ValueError, match="labels must be one of"):
        plotting.spike_order_figure(study, {"bilinear, grid, grid": "x"})


def test_locking_figure_shows_the_difference():
    fig, axes = plotting.locking_figure([1.0, 2.0], {1e-3: [9.0, 18.0]}, [10.0, 20.0])
    np.testing.assert_allclose(axes[1].lines[-1].get_ydata(), [-1.0, -2.0])
    assert "1 ms" in texts(axes[0])


def test_hidden_figure_has_shares_and_the_square_law():
    inputs = (
        0.01 * np.random.default_rng(1).poisson(0.6, (1, 30, 600)) * np.where(np.arange(600) % 3, 1, -0.5)
    )
    found = hidden_spikes(NEURON, inputs, 8e-3, (1, 2, 4))
    fig, ax = plotting.hidden_spikes_figure(found)
    (law,) = (line for line in ax.lines if line.get_gid() == "square law")
    x, y = law.get_data()
    np.testing.assert_allclose(np.diff(np.log(y)) / np.diff(np.log(x)), 2)
    assert y[-1] == pytest.approx(float(found["hidden"][0] / found["spikes"][0]))


def test_displacement_figure_marks_the_resonances():
    lattice = 0.1 / 255
    steps = np.geomspace(2e-4, 1e-2, 20)
    fig, ax = plotting.displacement_figure(lattice * np.arange(255), steps, lattice, [(1, 1), (3, 2)])
    dots = [line.get_data() for line in ax.lines if len(line.get_xdata()) == 1]
    for (p, q), (x, y) in zip([(1, 1), (3, 2)], dots[:2], strict=True):
        dt = lattice * p / q
        assert x[0] == pytest.approx(dt * 1e3)
        assert y[0] == pytest.approx(lattice_displacement(lattice, dt, "next")[0] / dt, rel=1e-6)
    assert "3/2" in texts(ax)


def test_cut_step_figure_shows_one_step_against_the_cut():
    fig, (left, right) = plotting.cut_step_figure(NEURON, 0.0, 1.0, 0.02, 5)
    curves = [line.get_ydata() for line in right.lines if len(line.get_xdata()) == 201]
    np.testing.assert_allclose(curves[1], split_step(NEURON, 0.0, 1.0, 0.02, np.linspace(0, 1, 201), 5)[0])
    exact = float(linear.response(NEURON, 0.02, [], [], i0=1.0))
    assert right.lines[0].get_ydata()[0] == pytest.approx(exact)
    with pytest.raises(ValueError, match="order must be at least 2"):
        plotting.cut_step_figure(NEURON, 0.0, 1.0, 0.02, 1)
