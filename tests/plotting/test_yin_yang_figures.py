"""Figures of trainings on first spikes draw what they are given: borders, classes, counts, bands."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from snntheory.plotting import (
    accuracy_curves_figure,
    first_times_figure,
    output_voltage_figure,
    prediction_map_figure,
    tuned_gradients_figure,
)
from snntheory.plotting.yin_yang import _borders
from snntheory.training import datasets


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_the_borders_are_between_the_classes():
    points, labels = datasets.yin_yang("train")
    for x, y in _borders()[3:]:  # the two halves of the S between yin and yang
        distance = np.hypot(points[:, :1] - x, points[:, 1:2] - y)
        close = labels[(distance < 0.03).any(1)]
        assert {0, 1} <= set(close) and np.mean(close == 0) == pytest.approx(0.5, abs=0.2)
    for x, y in _borders()[1:3]:
        inside = np.hypot(points[:, 0] - x.mean(), points[:, 1] - y.mean()) < 0.099
        assert (labels[inside] == 2).all()
    x, y = _borders()[0]
    assert np.hypot(points[:, 0] - 0.5, points[:, 1] - 0.5).max() <= np.hypot(x - 0.5, y - 0.5).max()


def test_maps_show_each_class_in_one_colour():
    maps = np.full((2, 5, 5), -1)
    maps[0, 1:4, 1:4], maps[1, 2, 2] = 2, -2
    _, axes = prediction_map_figure(maps, ["a", "b"])
    for ax, each in zip(axes, maps, strict=True):
        np.testing.assert_array_equal(ax.images[0].get_array(), each)
        assert ax.images[0].origin == "lower" and len(ax.lines) == 5
    assert [ax.get_title() for ax in axes] == ["a", "b"]
    with pytest.raises(ValueError, match="maps must have the shape"):
        prediction_map_figure(maps, ["a"])


def test_histograms_count_every_spike_and_no_silence():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 20)
    times = rng.uniform(1, 2, (2, 60, 3))
    times[1, 5] = np.inf
    _, axes = first_times_figure(times, labels, ["x", "y", "z"], bins=10)
    assert axes.shape == (2, 3) and axes[0, 1].get_title() == "y"
    filled = sum(each.get_height() for each in axes[0, 0].patches if isinstance(each, plt.Rectangle))
    assert 15 <= filled <= 20  # the latest half per cent is beyond the edge
    with pytest.raises(ValueError, match="times must have the shape"):
        first_times_figure(times[:, :50], labels)


def test_voltages_are_drawn_before_and_after():
    voltages = np.arange(2 * 2 * 4.0).reshape(2, 2, 4)
    _, axes = output_voltage_figure(np.arange(4.0), voltages, threshold=3.0)
    for ax, rows in zip(axes, voltages, strict=True):
        assert ax.lines[0].get_ydata()[0] == 3.0
        for line, row in zip(ax.lines[1:], rows, strict=True):
            np.testing.assert_array_equal(line.get_ydata(), row)
    with pytest.raises(ValueError, match="voltages must have the shape"):
        output_voltage_figure(np.arange(5.0), voltages)


@pytest.mark.parametrize("log", [False, True])
def test_accuracy_is_in_per_cent_with_the_extremes_shaded(log):
    rows = np.array([[0.5, 0.8, 0.9], [0.6, 0.7, 0.96]])
    _, ax = accuracy_curves_figure({"a": rows}, reference=(0.95, 0.01), log=log)
    mean = 100 * rows.mean(0)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), 100 - mean if log else mean)
    corners = ax.collections[0].get_paths()[0].get_extents()
    low, high = (4, 50) if log else (50, 96)
    assert corners.y0 == pytest.approx(low) and corners.y1 == pytest.approx(high)
    assert ax.get_yscale() == ("log" if log else "linear")


def test_the_chosen_trial_is_marked():
    found = xr.Dataset(
        {
            "validation_accuracy": (("gradient", "trial"), [[0.5, 0.8], [0.7, 0.6]]),
            "learning_rate": (("gradient", "trial"), [[1e-3, 1e-2], [1e-3, 1e-2]]),
            "width": (("gradient", "trial"), [[0.5, 0.5], [0.1, 0.5]]),
            "detached": (("gradient", "trial"), np.zeros((2, 2), bool)),
            "chosen": ("gradient", [1, 0]),
            "accuracy": (("gradient", "seed", "epoch"), np.full((2, 1, 3), 0.6)),
        },
        coords={"gradient": ["exact", "other"]},
    )
    _, axes = tuned_gradients_figure(found)
    rings = [line.get_xydata()[0] for line in axes[0].lines if line.get_markersize() == 10]
    np.testing.assert_allclose(rings, [[1e-2, 80], [1e-3, 70]])
