"""Figures of gradient methods show the numbers that they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from snntheory.experiments.first_gradient import PROTOCOLS
from snntheory.plotting import fidelity_figure, first_gradient_figure


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def numbers(against="dt", tasks=("a", "b")):
    rng = np.random.default_rng(0)
    dims, shape = ("task", "method", against), (len(tasks), 3, 4)
    coords = {"task": list(tasks), "method": ["x", "y", "z"], against: [1e-3, 2e-3, 4e-3, 8e-3]}
    return xr.Dataset(
        {"cosine": (dims, rng.uniform(-0.5, 1, shape)), "norm_ratio": (dims, rng.uniform(0.1, 9, shape))},
        coords,
    )


@pytest.mark.parametrize("against", ["dt", "step"])
def test_a_column_a_panel_and_a_line_a_method(against):
    found = numbers(against)
    fig, axes = fidelity_figure(found, {"y": "second", "x": "first"}, panels="task")
    assert axes.shape == (2, 2)
    for column, task in enumerate(("a", "b")):
        for ax, name in zip(axes[:, column], ("cosine", "norm_ratio"), strict=True):
            for line, method in zip(ax.lines, ("y", "x"), strict=False):
                np.testing.assert_array_equal(
                    line.get_ydata(), found[name].sel({"task": task, "method": method})
                )
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["second", "first"]
    assert ("tau" in axes[1, 0].get_xlabel()) == (against == "step")


def test_without_panels_all_methods():
    fig, axes = fidelity_figure(numbers(tasks=("a",)))
    assert axes.shape == (2, 1) and len(fig.legends[0].get_texts()) == 3
    with pytest.raises(ValueError, match="methods"):
        fidelity_figure(numbers(tasks=("a",)), {"w": "w"})


def test_first_gradient_scales_slopes_by_the_step():
    dts, slopes = [0.02, 0.08], np.geomspace(1, 1e4, 9)
    gradient = np.ones((2, 2, 2, 2))
    gradient[0, 0] = np.nan
    found = xr.Dataset(
        {
            "gradient": (("protocol", "dt", "layer", "probability"), gradient),
            "beyond": (("protocol", "dt", "slope"), np.broadcast_to(1 / slopes, (2, 2, 9))),
        },
        {
            "protocol": list(PROTOCOLS),
            "dt": dts,
            "layer": ["hidden", "output"],
            "probability": [0.5, 0.99],
            "slope": slopes,
        },
    )
    _, axes = first_gradient_figure(found)
    for line, dt in zip(axes[1].lines, dts, strict=False):
        np.testing.assert_allclose(line.get_xdata(), slopes * dt)
    assert np.isnan(axes[0].lines[0].get_ydata()[0]) and len(axes[0].lines) == 4
