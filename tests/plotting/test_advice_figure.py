"""The figure of what a time step costs: one line a choice, nothing drawn that was not measured."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from snntheory.plotting import time_step_cost_figure


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture
def found():
    """Two kinds with two choices each; one fails at the last step, one was not measured there."""
    loss = [[0.0, 0.01, np.inf], [0.1, 0.2, 0.4], [0.02, np.nan, np.nan], [1e-9, 1e-3, 0.5]]
    return xr.Dataset(
        {"loss": (("choice", "dt"), loss)},
        {
            "kind": ("choice", ["scheme", "scheme", "gradient", "gradient"]),
            "name": ("choice", ["a", "b", "c", "d"]),
            "dt": [1e-3, 2e-3, 4e-3],
            "step": ("dt", [0.1, 0.2, 0.4]),
        },
        {"tolerance": 0.05},
    )


def test_lines_are_the_losses(found):
    fig, axes = time_step_cost_figure(found, floor=1e-4)
    assert len(axes) == 2 == len(fig.axes)
    drawn = [np.asarray(line.get_ydata()) for ax in axes for line in ax.lines]
    np.testing.assert_array_equal(drawn[0], [1e-4, 0.01, np.nan])  # zero at the floor; a failure is a gap
    np.testing.assert_array_equal(drawn[2], [0.02, np.nan, np.nan])
    np.testing.assert_array_equal(axes[0].lines[0].get_xdata(), [0.1, 0.2, 0.4])
    texts = {text.get_text() for ax in axes for text in ax.texts}
    assert {"a", "b", "c", "d"} <= texts
    band = axes[0].patches[0].get_extents().transformed(axes[0].transData.inverted())
    assert band.ymax == pytest.approx(0.05)


def test_a_selection_with_labels_of_its_own(found):
    _, axes = time_step_cost_figure(found, {"scheme": {"b": "second"}})
    assert len(axes[0].lines) == 1 and len(axes[1].lines) == 2
    assert "second" in {text.get_text() for text in axes[0].texts}
    with pytest.raises(ValueError, match="scheme must be one of 'a', 'b'; got 'x'"):
        time_step_cost_figure(found, {"scheme": {"x": "x"}})
