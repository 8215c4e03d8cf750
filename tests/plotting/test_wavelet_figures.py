"""What the wavelet figures draw is what they were given."""

import io

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from snntheory import plotting
from snntheory.spectral import (
    cone_of_influence,
    cwt,
    multiresolution,
    ridge,
    wavelet_coherence,
)

DT = 1e-3
T = DT * np.arange(800)
GRID = np.geomspace(10, 300, 40)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def trace(values):
    return xr.DataArray(values, dims="time", attrs={"dt": DT, "value_unit": "mV"})


def lines(ax, gid):
    return [line for line in ax.get_lines() if line.get_gid() == gid]


@pytest.mark.parametrize("count", [1, 2])
def test_ridges_over_a_scalogram(count):
    w = cwt(trace(np.cos(2 * np.pi * 40 * T) + 0.5 * np.cos(2 * np.pi * 150 * T)), GRID, "morse", "l1")
    found = ridge(w, count)
    fig, ax = plotting.scalogram_figure(w, ridge=found)
    drawn = lines(ax, "ridge")
    assert len(drawn) == count
    free = found["outside_cone"].values.reshape(count, -1)[0]
    y = drawn[0].get_ydata()
    np.testing.assert_array_equal(y[free], found["frequency"].values.reshape(count, -1)[0][free])
    np.testing.assert_allclose(y[free], 40, rtol=0.01)  # at the cone the ends still disturb
    assert np.isnan(y[~free]).all() and not free.all()
    left = ax.lines[0]  # the cone of the wavelet that was used, not Morlet's
    f = left.get_ydata()
    np.testing.assert_allclose(
        left.get_xdata(), np.minimum(cone_of_influence(f, norm="l1", wavelet="morse"), 0.3995)
    )
    fig.savefig(io.BytesIO(), format="png")


def test_coherence_has_contour_and_arrows_where_it_exceeds_its_level():
    x = np.random.default_rng(0).standard_normal(800)
    y = x + 0.1 * np.random.default_rng(1).standard_normal(800)
    found = wavelet_coherence(trace(x), trace(y), GRID, surrogates=3)
    fig, ax = plotting.wavelet_coherence_figure(found)
    mesh = ax.collections[0]
    np.testing.assert_allclose(np.asarray(mesh.get_array()).reshape(40, 800), found["coherence"].values)
    assert mesh.get_clim() == (0.0, 1.0)
    arrows = ax.collections[-1]
    assert len(arrows.U) > 50 and np.all(arrows.U > 0.8)  # in phase: to the right
    fig.savefig(io.BytesIO(), format="png")
    _, bare = plotting.wavelet_coherence_figure(found.drop_vars("level"), arrows=False)
    assert not any(isinstance(each, type(arrows)) for each in bare.collections)


def test_components_below_their_sum():
    x = np.random.default_rng(0).standard_normal(800)
    parts = multiresolution(trace(x), "db4", 4)
    fig, axes = plotting.multiresolution_figure(parts)
    assert len(axes) == 6
    np.testing.assert_allclose(lines(axes[0], "sum")[0].get_ydata(), x, atol=1e-9)
    for ax, part in zip(axes[1:], parts, strict=True):
        np.testing.assert_array_equal(lines(ax, "with ends")[0].get_ydata(), part.values)
        shown = lines(ax, "free of ends")[0].get_ydata()
        np.testing.assert_array_equal(np.isnan(shown), part["boundary"].values)
    assert [ax.texts[0].get_text() for ax in axes][:3] == ["sum", "0 to 31.25 Hz", "31.25 to 62.5 Hz"]
    assert len({ax.get_ylim() for ax in axes[2:]}) == 1
    assert fig.get_supylabel() == "value (mV)"


def test_bad_input():
    both = xr.concat([trace(np.cos(T * 300)), trace(np.sin(T * 300) + T)], "neuron")
    found = wavelet_coherence(both, both + trace(np.random.default_rng(0).standard_normal(800)), GRID[::4])
    for function, value, good in (
        (plotting.multiresolution_figure, multiresolution(both, "haar", 2), trace(T)),
        (plotting.wavelet_coherence_figure, found, found["coherence"]),
    ):
        with pytest.raises(ValueError, match="several entries along neuron.*isel"):
            function(value)
        with pytest.raises(TypeError, match="returns it"):
            function(good)
    w = cwt(trace(np.cos(T * 300)), GRID)
    with pytest.raises(TypeError, match="as snntheory.spectral.ridge returns it"):
        plotting.scalogram_figure(w, ridge=w)
    with pytest.raises(ValueError, match="at least two frequencies"):
        plotting.wavelet_coherence_figure(found.isel(neuron=0, frequency=slice(0, 1)))
