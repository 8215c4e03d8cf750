"""Figures of populations: what is drawn is what the library says."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from snntheory import CubaLIF, discretize, plotting
from snntheory.population import (
    Diffusion,
    discrete_moments,
    evolve,
    free_moments,
    plane,
    point_masses,
    siegert,
    stationary,
)

NEURON = CubaLIF(0.020, 0.001, reset="to_value")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def density():
    return stationary(plane(Diffusion(NEURON, 0.75, 0.25), 60, 20))


def test_moments_are_relative_to_continuous_time():
    fig, ax = plotting.moments_figure(NEURON, 450.0, 1 / 600, [0.0001, 0.0005], ["forward_euler", "zoh"])
    exact = free_moments(NEURON, 450.0, 1 / 600)[1][0, 0]
    expected = discrete_moments(discretize(NEURON, 0.0005, "forward_euler"), 450.0, 1 / 600)[1][0, 0] / exact
    assert ax.lines[0].get_ydata()[1] == pytest.approx(expected, rel=1e-12)
    assert ax.lines[0].get_xdata()[1] == 0.5
    assert {text.get_text() for text in ax.texts} == {"forward Euler", "zero-order hold"}


def test_moments_end_where_a_scheme_is_unstable():
    steps = [0.0005, 0.001, 0.001999, 0.002, 0.003]  # forward Euler is unstable from 2 tau_syn = 2 ms on
    fig, ax = plotting.moments_figure(NEURON, 450.0, 1 / 600, steps, ["forward_euler", "backward_euler"])
    assert ax.lines[0].get_xdata() == pytest.approx([0.5, 1.0, 1.999])
    assert len(ax.lines[1].get_xdata()) == 5
    # the last variance is many times the exact one: it is drawn beyond the axis, its name at the last that is seen
    assert ax.lines[0].get_ydata()[-1] > 4 >= ax.get_ylim()[1]
    assert {text.get_text() for text in ax.texts} == {"forward Euler", "backward Euler"}


def test_rate_curves():
    mu = np.linspace(0.4, 1.2, 5)
    fig, ax = plotting.rate_curves_figure(NEURON, 0.25, mu, 0.001, {"other": (mu[:2], [1.0, 2.0])})
    white, coloured, grid = (line.get_ydata() for line in ax.lines[:3])
    np.testing.assert_allclose(white, siegert(mu, 0.25, 0.0, 1.0, 0.020))
    assert np.all(coloured < white) and np.all(grid < white)
    assert [text.get_text() for text in ax.get_legend().texts][-1] == "other"


def test_two_laws_have_guides_of_both_slopes():
    dt = np.array([1e-4, 1e-3])
    fig, ax = plotting.two_laws_figure(
        {"a": (dt, [0.05, 0.15], None), "b": (dt, [0.001, 0.01], [1e-4, 1e-4])}
    )
    slopes = [
        np.diff(np.log(line.get_ydata()))[0] / np.log(10)
        for line in ax.lines
        if line.get_color() == "#777777"
    ]
    np.testing.assert_allclose(slopes, [0.5, 1.0])
    assert ax.get_xscale() == "log" and ax.get_yscale() == "log"


def test_rates_of_schemes_are_beside_the_exact_one():
    fig, ax = plotting.scheme_rates_figure(["x", "y"], [3.0, 5.0], [0.1, 0.1], 4.0)
    assert list(ax.lines[0].get_xdata()) == [4.0, 4.0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["x", "y"]
    assert list(ax.get_yticks()) == [1, 0]


def test_density_and_marginals(density):
    fig, (joint, above, beside) = plotting.density_figure(density)
    np.testing.assert_array_equal(above.lines[0].get_ydata(), density.voltage_density)
    np.testing.assert_array_equal(beside.lines[0].get_xdata(), density.current_density)
    assert joint.collections[0].get_array().shape == (20, 60)
    fig, ax = plotting.voltage_densities_figure({"one": (density.u, density.voltage_density)}, 1.0)
    assert ax.get_legend().texts[0].get_text() == "one"


def test_evolution_leaves_the_needle_out(density):
    run = evolve(density.grid, point_masses(density.grid, 0.0, 0.5), 0.01, 0.001, save_every=5)
    fig, (above, below) = plotting.evolution_figure(run, density.rate, ([0.001], [1.0]))
    assert [text.get_text() for text in above.get_legend().texts] == ["5 ms", "10 ms"]
    np.testing.assert_array_equal(below.lines[-1].get_ydata(), run.rate)


def test_response_to_modulation():
    response = 2 * np.exp(-0.5j * np.arange(3))
    fig, (gain, phase) = plotting.response_to_modulation_figure([1, 10, 100], {"a": response})
    np.testing.assert_allclose(gain.lines[0].get_ydata(), 2)
    np.testing.assert_allclose(phase.lines[0].get_ydata(), np.degrees(-0.5 * np.arange(3)))


def test_prediction_leaves_silent_pairs_out():
    data = {"measured": [0.0, 10.0], "standard_error": [0.0, 1.0], "chain": [0.0, 9.0]}
    prediction = xr.Dataset({name: ("condition", values) for name, values in data.items()})
    fig, ax = plotting.prediction_figure(prediction)
    dots = ax.lines[1]
    assert list(dots.get_xdata()) == [9.0] and list(dots.get_ydata()) == [10.0]
    assert ax.get_xlim() == ax.get_ylim()
