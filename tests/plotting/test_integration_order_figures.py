"""Figures of the integration order: what is drawn where, from made-up results."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from snntheory.plotting import trained_accuracy_figure, trained_orders_figure, weight_transfer_figure

DT = [0.1, 0.2, 0.8]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def transferred():
    rng = np.random.default_rng(1)
    sizes = ("task", "integrator", "interpolation", "step")
    accuracy = rng.random((2, 3, 2, 3))
    accuracy[:, 2, 1] = np.nan  # a combination that does not exist
    return xr.Dataset(
        {
            "accuracy": (sizes, accuracy),
            "hidden_spikes": (sizes, 100 * accuracy),
            "exact_accuracy": ("task", [0.9, 0.8]),
        },
        coords={
            "task": ["digits", "yin-yang"],
            "integrator": ["order 1", "order 2", "backward_euler"],
            "interpolation": ["none", "series"],
            "dt_over_tau_syn": (("task", "step"), [DT, [2 * each for each in DT]]),
        },
    )


@pytest.fixture
def training():
    rng = np.random.default_rng(2)
    sizes = ("task", "estimator", "order", "step", "seed")
    accuracy = rng.random((2, 2, 2, 3, 2, 4))
    accuracy[0, ..., 2:] = np.nan  # the first task has fewer epochs
    exact = rng.random((2, 2, 4))
    exact[0, :, 2:] = np.nan
    return xr.Dataset(
        {
            "accuracy": ((*sizes, "epoch"), accuracy),
            "hidden_spikes": (sizes, rng.random((2, 2, 2, 3, 2))),
            "seconds": (sizes, rng.random((2, 2, 2, 3, 2))),
            "exact_accuracy": (("task", "seed", "epoch"), exact),
            "exact_hidden_spikes": (("task", "seed"), rng.random((2, 2))),
        },
        coords={
            "task": ["thresholded", "yin-yang"],
            "estimator": ["adjusted", "piggyback"],
            "order": [1, 4],
            "epoch": [1, 2, 3, 4],
            "dt_over_tau_syn": (("task", "step"), [DT, DT]),
        },
    )


def test_transfer_has_a_line_for_each_combination_that_exists(transferred):
    every = transferred["integrator"].values, transferred["interpolation"].values, transferred["task"].values
    fig, axes = weight_transfer_figure(transferred, *every)
    assert axes.shape == (2, 2)
    lines = [[len(ax.lines) for ax in row] for row in axes]
    assert lines == [[4, 4], [3, 3]]  # the dashed one is the exact network's
    curve = axes[0, 1].lines[1]
    np.testing.assert_allclose(curve.get_ydata(), 100 * transferred["accuracy"][1, 0, 0])
    np.testing.assert_allclose(curve.get_xdata(), 2 * np.array(DT))
    assert axes[0, 0].lines[0].get_ydata()[0] == pytest.approx(90)
    labels = {text.get_text() for text in axes[0, 1].texts}
    assert {"order 1", "order 2", "backward euler", "yin-yang"} <= labels
    fig.canvas.draw()


def test_other_measures_are_not_shares(transferred):
    _, axes = weight_transfer_figure(transferred, ["order 2"], ["none"], ["digits"], "hidden_spikes")
    (curve,) = axes[0, 0].lines
    np.testing.assert_allclose(curve.get_ydata(), transferred["hidden_spikes"][0, 1, 0])


def test_trained_orders_show_spikes_and_seconds(training):
    fig, axes = trained_orders_figure(training, "yin-yang")
    spikes = training["hidden_spikes"].sel(task="yin-yang").mean("seed")
    np.testing.assert_allclose(axes[1].lines[1].get_ydata(), spikes.sel(estimator="piggyback", order=4))
    twin = next(ax for ax in fig.axes if ax not in list(axes))
    seconds = training["seconds"].sel(task="yin-yang", estimator="adjusted", order=1).mean("seed")
    np.testing.assert_allclose(twin.lines[0].get_ydata(), seconds)
    fig.canvas.draw()


def test_an_order_that_a_task_was_not_trained_with_leaves_no_line(training):
    training["accuracy"].loc[{"task": "yin-yang", "order": 1}] = np.nan
    training["hidden_spikes"].loc[{"task": "yin-yang", "order": 1}] = np.nan
    fig, axes = trained_accuracy_figure(training, "yin-yang")
    assert {text.get_text() for text in axes[0].texts} == {"order 4"}
    other, axes = trained_orders_figure(training, "yin-yang")
    assert {text.get_text() for text in axes[0].texts} == {"order 4", "adjusted"}
    for figure in (fig, other):
        figure.canvas.draw()


def test_trained_accuracy_ends_where_the_task_ends(training):
    fig, axes = trained_accuracy_figure(training, "thresholded")
    values = training["accuracy"].sel(task="thresholded").mean("seed").sel(order=1, estimator="adjusted")
    np.testing.assert_allclose(axes[0].lines[1].get_ydata(), 100 * values.sel(epoch=2))
    np.testing.assert_allclose(axes[1].lines[1].get_ydata(), 100 * values.isel(step=-1, epoch=slice(2)))
    assert {text.get_text() for text in axes[1].get_legend().get_texts()} == {
        "adjusted",
        "piggyback",
        "exact",
    }
    fig.canvas.draw()
