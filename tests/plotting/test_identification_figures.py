"""Figures of significance and identification: what they draw is what they were given."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from snntheory import CubaLIF, artefacts, discretize
from snntheory.plotting import (
    candidates_figure,
    comparison_figure,
    false_positive_figure,
    identification_error_figure,
    significance_figure,
    use_style,
)
from snntheory.spectral import compare_spectra, identify, neuron_background, psd, spectrum_significance

NEURON, DT = CubaLIF(0.020, 0.005), 1e-3


@pytest.fixture(autouse=True)
def closed():
    use_style()
    yield
    plt.close("all")


def trace(seed=0):
    inputs = np.random.default_rng(seed).poisson(0.4, (1, 2300)) * 0.01
    voltage = discretize(NEURON, DT, "backward_euler").simulate(inputs)[0][0, 300:]
    return xr.DataArray(voltage, dims="time", attrs={"dt": DT}), inputs[0, 300:]


def test_significance():
    voltage, _ = trace()
    loud = voltage + 0.2 * np.cos(2 * np.pi * 80 * DT * np.arange(2000))
    background = neuron_background(NEURON, 400.0, 0.01, DT, "backward_euler")
    result = spectrum_significance(psd(loud.assign_attrs(dt=DT)), background, 0.99, "bonferroni")
    fig, ax = significance_figure(result)
    marked = next(line for line in ax.get_lines() if line.get_gid() == "significant")
    assert len(marked.get_xdata()) == int(result["significant"].sum()) >= 1
    assert np.all(np.abs(marked.get_xdata() - 80) < 15)
    with pytest.raises(ValueError, match="one trace"):
        significance_figure(result.expand_dims("trial"))
    with pytest.raises(TypeError, match="spectrum_significance"):
        significance_figure(result["ratio"])


def test_false_positives():
    rates = xr.DataArray(
        [[0.04, 0.05]], dims=("name", "frequency"), coords={"name": ["zoh"], "frequency": [10.0, 20.0]}
    )
    fig, ax = false_positive_figure(rates, 0.95, 400)
    drawn = [line.get_ydata() for line in ax.get_lines() if len(line.get_ydata()) == 2]
    assert any(np.allclose(each, [4, 5]) for each in drawn)


def test_candidates():
    voltage, inputs = trace()
    found = identify(voltage, inputs, neuron=NEURON)
    fig, ax = candidates_figure(found, NEURON)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert "backward euler" in names and "parker sochacki 3" in names
    filled = [line for line in ax.get_lines() if line.get_marker() == "o" and line.get_mfc() != "white"]
    assert len(filled) == 2  # the two time constants of the one scheme that is not ruled out


def test_comparison():
    traces = artefacts.load("hidden-physical-2ms").isel(neuron=slice(0, 4), trial=slice(0, 12))
    table = compare_spectra(traces, onset=0.1, segment=0.128)
    fig, ax = comparison_figure(table)
    assert len(ax.get_lines()) == table.sizes["kind"] == 6
    with pytest.raises(TypeError, match="compare_spectra"):
        comparison_figure(table["density"])


def test_error():
    shape, dims = (2, 3, 2), ("pole", "length", "noise")
    values = np.full(shape, 0.02)
    coords = {"pole": ["slow", "fast"], "length": [100, 200, 400], "noise": [0.01, 0.1]}
    study = xr.Dataset({name: (dims, values) for name in ("bias", "spread", "coverage")}, coords=coords)
    study["truth"] = ("pole", [0.02, 0.005])
    fig, axes = identification_error_figure(study.assign_attrs(dt=DT))
    assert len(axes) == 2 and all(len(ax.get_lines()) == 4 for ax in axes)
    np.testing.assert_allclose(axes[0].get_lines()[0].get_ydata(), 2.0)
