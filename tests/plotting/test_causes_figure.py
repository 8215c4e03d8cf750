"""The figure of source 000's figure 5 taken apart: it draws what the Dataset holds, in the unit that it names."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from snntheory.experiments.spectral_causes import CONDITIONS
from snntheory.plotting import causes_figure

DTS = [0.001, 0.004]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def table():
    """Densities that name their place: condition, step, of, voltage, band; the first band of one step is empty."""
    shape = (len(CONDITIONS), len(DTS), 2, 2, 3)
    measured = 1.0 + np.arange(np.prod(shape)).reshape(shape)
    expected = np.where(np.arange(2)[:, None] == 1, measured / 2, np.nan)
    frequency = np.broadcast_to([10.0, 20.0, 40.0], (*shape[:2], 3)).copy()
    frequency[:, 1, 0] = np.nan
    measured[:, 1, :, :, 0] = np.nan
    dims = ("condition", "dt", "of", "voltage", "band")
    return xr.Dataset(
        {
            "measured": (dims, measured),
            "expected": (dims, expected),
            "frequency": (("condition", "dt", "band"), frequency),
        },
        coords={
            "condition": list(CONDITIONS),
            "dt": DTS,
            "of": ["single", "average"],
            "voltage": ["recorded", "resets added back"],
        },
    )


def lines(ax):
    return {line.get_gid(): line for line in ax.get_lines()}


def test_points_and_lines_are_the_numbers():
    found = table()
    _, axes = causes_figure(found, of="average")
    assert len(axes) == 5
    for ax, condition in zip(axes, CONDITIONS, strict=True):
        one = found.sel(condition=condition, dt=0.001, of="average", voltage="resets added back")
        drawn = lines(ax)
        np.testing.assert_array_equal(drawn["measured 0.001"].get_ydata(), one["measured"])
        np.testing.assert_array_equal(drawn["expected 0.001"].get_ydata(), one["expected"])
        assert list(drawn["measured 0.004"].get_xdata()) == [20.0, 40.0]  # the empty band is left out


def test_cycles_per_step_keep_the_area():
    """Density times width: frequencies times dt, densities over dt."""
    hertz, cycles = (lines(causes_figure(table(), axis=axis)[1][2]) for axis in ("hertz", "cycles"))
    for dt in DTS:
        first, second = hertz[f"measured {dt:g}"], cycles[f"measured {dt:g}"]
        np.testing.assert_allclose(second.get_xdata(), np.multiply(first.get_xdata(), dt))
        np.testing.assert_allclose(second.get_ydata(), np.divide(first.get_ydata(), dt))


def test_recorded_voltages_have_no_expectation_in_the_legend():
    fig, axes = causes_figure(table(), voltage="recorded")
    words = [text.get_text() for text in fig.axes[5].get_legend().get_texts()]
    assert "measured" in words and "expected" not in words
    assert np.isnan(lines(axes[0])["expected 0.001"].get_ydata()).all()


@pytest.mark.parametrize(
    ("change", "word"), [({"axis": "hz"}, "axis"), ({"of": "both"}, "of"), ({"voltage": "x"}, "voltage")]
)
def test_unknown_choices(change, word):
    with pytest.raises(ValueError, match=word):
        causes_figure(table(), **change)


def test_another_dataset():
    with pytest.raises(TypeError, match="spectral_causes"):
        causes_figure(table()[["measured"]])
