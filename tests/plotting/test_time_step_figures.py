"""Figures of the time-step sweep and of the collapse: what is drawn where."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

matplotlib.use("Agg")
from snntheory import plotting
from snntheory.advice import pareto_front


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


RUNS = xr.Dataset(
    {
        "accuracy": (("run", "check"), [[0.5, 0.9], [0.7, 0.7], [0.4, 0.2]]),
        "latency": (("run", "time"), [[0.0, 1.0], [0.0, 0.6], [0.0, 0.2]]),
    },
    {"dt": ("run", [0.0, 0.0, 0.008]), "check": [100, 200], "time": [0.0, 0.2]},
)


def test_learning_curves_average_the_seeds_of_a_time_step():
    _, ax = plotting.learning_curves_figure(RUNS)
    continuous, coarse = ax.lines
    np.testing.assert_allclose(continuous.get_ydata(), [60, 80])
    np.testing.assert_allclose(coarse.get_ydata(), [40, 20])
    assert {each.get_text() for each in ax.texts} == {"continuous", "8 ms"}
    with pytest.raises(ValueError, match="quantity must be one of"):
        plotting.learning_curves_figure(RUNS, "speed")


def test_confidence_is_in_percent_of_the_target():
    _, ax = plotting.confidence_figure(RUNS)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [0, 80])
    np.testing.assert_allclose(ax.lines[1].get_ydata(), [0, 20])


def test_accuracy_against_the_step_has_continuous_time_apart():
    _, ax = plotting.step_accuracy_figure(
        {"a": ([0.008, 0.0, 0.004], [0.5, 0.98, 0.9]), "b": ([0.004, 0.016], [0.8, 0.1])}
    )
    np.testing.assert_allclose(ax.lines[0].get_xdata(), [0.004, 0.008])  # sorted
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [90, 50])
    np.testing.assert_allclose(ax.lines[1].get_ydata(), [98])
    assert ax.lines[1].get_xdata()[0] < 0.004


def test_pareto_front_is_drawn_through_the_best():
    accuracy, spikes, dts = [0.9, 0.8, 0.95, 0.7], [100, 50, 200, 150], [0.0, 0.004, 0.008, 0.01]
    _, ax = plotting.pareto_figure(accuracy, spikes, dts)
    np.testing.assert_allclose(ax.lines[0].get_xdata()[:-1], [50, 100, 200])
    assert len(ax.lines) == 1 + 4
    np.testing.assert_array_equal(pareto_front(accuracy, spikes), [1, 0, 2])


def test_sent_times_are_stairs_above_the_diagonal_but_for_nearest():
    _, ax = plotting.sent_times_figure(0.002)
    stairs = [line for line in ax.lines if line.get_linewidth() == 2]
    late = np.concatenate([line.get_ydata() - line.get_xdata() for line in stairs])
    assert late.max() < 2 * 1.1 and late.min() > -1 * 1.1  # ms
    assert len({line.get_label() for line in stairs if not line.get_label().startswith("_")}) == 3


def test_count_against_drive():
    _, ax = plotting.count_against_drive_figure([1, 2, 3], {"drop": [1, 4, 2], "carry": [1, 4, 6]}, 5)
    assert [line.get_ydata()[-1] for line in ax.lines[:2]] == [2, 6]
    assert ax.lines[2].get_ydata()[0] == 5


def test_raster_puts_each_layer_into_its_row():
    spikes = xr.Dataset(
        {"crossing": ("spike", [0.011, 0.012, 0.03]), "sent": ("spike", [0.016, 0.016, 0.032])},
        {"layer": ("spike", [1, 1, 2]), "neuron": ("spike", [0, 500, 7])},
    )
    _, axes = plotting.sent_raster_figure(spikes, 7, dt=0.008)
    assert len(axes) == 2
    np.testing.assert_allclose(axes[0].collections[0].get_offsets(), [[16, 0]])  # the second is out of view
    np.testing.assert_allclose(axes[1].collections[1].get_offsets(), [[30, 7]])
    assert "true class" in [each.get_text() for each in axes[1].texts]


def test_weight_maps_share_one_scale():
    fig, axes = plotting.weight_maps_figure({"a": np.ones((30, 10)), "b": -3 * np.ones((30, 10))})
    images = [ax.images[0] for ax in axes]
    assert images[0].get_clim() == images[1].get_clim() == (-3, 3)
    assert images[0].get_array().shape == (10, 30)
    assert len(fig.axes) == 3


def test_causes_stand_in_rows_and_time_steps_side_by_side():
    cases = xr.Dataset(
        {"test_accuracy": ("case", [0.95, 0.3, 0.9, 0.2])},
        {
            "condition": ("case", ["continuous", "as published", "carried", "as published"]),
            "dt": ("case", [0.0, 0.008, 0.008, 0.01]),
        },
    )
    _, ax = plotting.collapse_causes_figure(cases)
    first, second = (line for line in ax.lines if line.get_marker() == "|")
    np.testing.assert_allclose(first.get_xdata(), [30, 90])
    np.testing.assert_allclose(np.round(first.get_ydata()), [0, 1])
    np.testing.assert_allclose(second.get_xdata(), [20])
    assert [each.get_text() for each in ax.get_yticklabels()] == ["as published", "carried"]


def test_causes_of_several_seeds_have_a_mean_each_and_a_band():
    cases = xr.Dataset(
        {"test_accuracy": (("case", "seed"), [[0.9, 0.94], [0.2, 0.4], [0.8, 0.9]])},
        {
            "condition": ("case", ["continuous", "as published", "carried"]),
            "dt": ("case", [0.0, 0.01, 0.01]),
        },
    )
    _, ax = plotting.collapse_causes_figure(cases)
    (means,) = (line for line in ax.lines if line.get_marker() == "|")
    np.testing.assert_allclose(means.get_xdata(), [30, 85])
    dots = [line.get_xdata() for line in ax.lines if line.get_marker() == "o" and len(line.get_xdata())]
    np.testing.assert_allclose(np.sort(np.ravel(dots)), [20, 40, 80, 90])
    (band,) = ax.patches
    np.testing.assert_allclose([band.get_x(), band.get_x() + band.get_width()], [90, 94])
