"""Figures of the step-size experiment: they draw what the Datasets hold, and refuse others."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from snntheory.plotting import (
    estimators_figure,
    loss_staircase_figure,
    optimisers_figure,
    step_size_accuracy_figure,
    training_course_figure,
)

DTS, GRADIENTS = [0.08, 0.32], ["surrogate", "timing"]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def trainings():
    """Two conditions, two steps, three seeds, two epochs; every number names its place."""
    shape = (2, 2, 2, 3)
    dims = ("gradient", "condition", "dt", "seed")
    accuracy = np.arange(np.prod(shape)).reshape(shape) / 24
    course = np.stack([accuracy / 2, accuracy], axis=-1)
    return xr.Dataset(
        {
            "accuracy": (dims, accuracy),
            "course": ((*dims, "epoch"), course),
            "loss": ((*dims, "epoch"), 2 - course),
        },
        coords={
            "gradient": GRADIENTS,
            "condition": ["none", "all"],
            "dt": DTS,
            "seed": [0, 1, 2],
            "epoch": [1, 2],
        },
    )


def fits():
    names = ["Adam", "L-BFGS"]
    loss = 1.0 + np.arange(2 * 2 * 2 * 5).reshape(2, 2, 2, 5)
    loss[1, 1, 1, 3:] = np.nan
    lengths = np.array([0.0, 1e-6, 1e-3, 1.0])
    along = np.broadcast_to([2.0, 2.0, 1.5, 3.0], (2, 2, 4)).copy()
    said = 2 - 10 * np.broadcast_to(lengths, (2, 2, 4))
    return xr.Dataset(
        {
            "loss": (("gradient", "optimiser", "dt", "evaluation"), loss),
            "longest_step": (("gradient", "optimiser", "dt"), np.ones((2, 2, 2))),
            "along": (("gradient", "dt", "length"), along),
            "said": (("gradient", "dt", "length"), said),
        },
        coords={
            "gradient": GRADIENTS,
            "optimiser": names,
            "dt": DTS,
            "evaluation": np.arange(1, 6),
            "length": lengths,
        },
    )


def drawn(ax):
    return {line.get_gid(): line for line in ax.get_lines() if line.get_gid()}


def test_accuracy_is_the_mean_over_seeds_with_every_seed_beside_it():
    found = trainings()
    _, axes = step_size_accuracy_figure(found, [{"all": "as published"}, {"none": "exact", "all": "all"}])
    assert len(axes) == 2 and set(drawn(axes[1])) == {"none", "all"}
    expected = 100 * found["accuracy"].sel(gradient="surrogate", condition="all")
    np.testing.assert_allclose(drawn(axes[0])["all"].get_ydata(), expected.mean("seed"))
    points = [line for line in axes[0].get_lines() if not line.get_gid()]
    np.testing.assert_allclose([line.get_ydata() for line in points], expected.T)
    colours = [drawn(ax)["all"].get_color() for ax in axes]
    assert colours[0] == colours[1]  # a condition has one colour


def test_course_by_epoch():
    found = trainings()
    _, axes = training_course_figure(found, {"none": "a", "all": "b"}, gradient="timing")
    assert axes.shape == (2, 2)
    one = found.sel(gradient="timing", condition="all", dt=0.32).mean("seed")
    np.testing.assert_allclose(axes[0, 1].get_lines()[1].get_ydata(), 100 * one["course"])
    np.testing.assert_allclose(axes[1, 1].get_lines()[1].get_ydata(), one["loss"])


def test_optimisers_stop_where_they_broke():
    found = fits()
    _, axes = optimisers_figure(found)
    assert axes.shape == (2, 2)
    broken = drawn(axes[1, 1])["L-BFGS"].get_ydata()
    assert np.isfinite(broken[:3]).all() and np.isnan(broken[3:]).all()


def test_staircase_is_a_change_of_the_loss():
    _, axes = loss_staircase_figure(fits(), "timing")
    stairs, line = axes[0].get_lines()[:2]
    np.testing.assert_allclose(stairs.get_ydata(), [0.0, -0.5, 1.0])
    np.testing.assert_allclose(line.get_ydata(), [-1e-5, -1e-2])  # -10 lies far below the picture


def test_estimators():
    course = np.arange(2 * 2 * 3 * 4, dtype=float).reshape(2, 2, 3, 4)
    found = xr.Dataset(
        {
            "course": (("estimator", "dt", "seed", "batch"), course),
            "norm_ratio": (("dt", "seed"), np.ones((2, 3))),
        },
        coords={"estimator": ["discrete", "continuous"], "dt": DTS, "batch": [1, 2, 3, 4]},
    )
    _, axes = estimators_figure(found)
    np.testing.assert_allclose(drawn(axes[1])["continuous"].get_ydata(), course[1, 1].mean(0))


def test_others_are_refused():
    with pytest.raises(TypeError, match="accuracy"):
        step_size_accuracy_figure(trainings().drop_vars("accuracy"), [{"all": ""}])
    with pytest.raises(TypeError, match="Dataset"):
        optimisers_figure([1, 2])
    with pytest.raises(ValueError, match="panels"):
        step_size_accuracy_figure(trainings(), [{"most": ""}])
    with pytest.raises(ValueError, match="gradient"):
        training_course_figure(trainings(), {"all": ""}, gradient="exact")
    with pytest.raises(ValueError, match="gradient"):
        loss_staircase_figure(fits(), "exact")
