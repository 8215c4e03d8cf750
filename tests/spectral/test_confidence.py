"""Intervals of spectra: identities, measured coverage, adaptive weights where tapers leak."""

import numpy as np
import pytest
import scipy.signal
import scipy.stats
import xarray as xr

from snntheory import CubaLIF, discretize, make_traces
from snntheory.spectral import psd, theory_psd
from snntheory.spectral.multitaper import adaptive_weights, jackknifed_bounds

DT, RATE, WEIGHT = 1e-3, 500.0, 0.1
MODEL = discretize(CubaLIF(0.020, 0.005), DT, "impulse_invariance")
STEEP = np.array([1, -2.7607, 3.8106, -2.6535, 0.9238])  # Percival & Walden's AR(4): 60 dB of range


def traces(values):
    return xr.DataArray(values, dims=("trial", "time"), attrs={"dt": DT, "value_unit": "mV"})


def neuron_voltage(rows, n, seed):
    inputs = np.random.default_rng(seed).poisson(RATE * DT, (rows, n + 500)) * WEIGHT
    return traces(MODEL.simulate(inputs)[0][:, 500:])


def neuron_density(f):
    return theory_psd(MODEL.neuron, RATE, WEIGHT, f, DT, "impulse_invariance")


def steep_voltage(rows, n, seed):
    e = np.random.default_rng(seed).standard_normal((rows, n + 2000))
    return traces(scipy.signal.lfilter([1.0], STEEP, e)[:, 2000:])


def steep_density(f):
    return DT / np.abs(np.polyval(STEEP[::-1], np.exp(-2j * np.pi * f * DT))) ** 2


def coverage(bounds, density, keep):
    """Share of intervals that hold the density, at frequencies far enough apart to be unrelated."""
    bounds = bounds.isel(frequency=keep)
    true = density(bounds["frequency"].values)
    inside = (bounds["psd_lower"].values <= true) & (true <= bounds["psd_upper"].values)
    return float(inside.mean()), 3 * np.sqrt(0.05 * 0.95 / inside.size)


@pytest.mark.parametrize(
    ("method", "options", "keep"),
    [
        ("welch", {}, slice(4, -4, 4)),
        ("multitaper", {"interval": "chi2", "adaptive": True}, slice(12, -12, 11)),
    ],
)
def test_chi2_interval_holds_the_neurons_density_as_often_as_it_says(method, options, keep):
    bounds = psd(neuron_voltage(250, 1024, 0), method, confidence=0.95, **options)
    measured, error = coverage(bounds, neuron_density, keep)
    # three binomial errors of ~10,000 intervals, and 1 % for leakage and for v of overlapping segments
    assert abs(measured - 0.95) < error + 0.01


def test_chi2_interval_of_the_periodogram():
    x = traces(np.random.default_rng(1).standard_normal((400, 256)))
    measured, error = coverage(psd(x, "periodogram", confidence=0.9), lambda f: DT, slice(1, -1, 5))
    assert abs(measured - 0.9) < np.sqrt(0.09 / 0.0475) * error  # exact: white noise, no bias


@pytest.mark.parametrize(
    ("make", "density", "options", "nominal"),
    [
        # the logarithm is skew: 0.94 for seven equal tapers (measured 0.936 to 0.944 on five processes)
        (neuron_voltage, neuron_density, {"time_bandwidth": 4}, 0.94),
        (neuron_voltage, neuron_density, {"time_bandwidth": 4, "adaptive": True}, 0.94),
        (steep_voltage, steep_density, {"time_bandwidth": 4, "adaptive": True}, 0.94),
        # few tapers that count: t has few degrees of freedom and the interval is on the safe side
        (neuron_voltage, neuron_density, {"time_bandwidth": 2.5, "adaptive": True}, 0.965),
    ],
)
def test_jackknife_interval(make, density, options, nominal):
    bounds = psd(make(300, 1024, 2), "multitaper", confidence=0.95, **options)
    assert bounds.attrs["interval"] == "jackknife"
    measured, error = coverage(bounds, density, slice(12, -12, 11))
    assert (
        abs(measured - nominal) < error + 0.008
    )  # leakage and curvature move it by that much between processes


def test_jackknife_needs_no_gaussian_process():
    """Noise whose strength changes from segment to segment: chi2 is far off, the jackknife hardly."""
    rng = np.random.default_rng(3)
    n, segments = 128, 16
    strength = np.exp(0.6 * rng.standard_normal((300, segments))).repeat(n, axis=1)
    x = traces(strength * rng.standard_normal((300, n * segments)))
    options = {"segment_samples": n, "overlap": 0.0, "window": "boxcar", "detrend": None, "confidence": 0.95}
    share = {}
    for kind in ("chi2", "jackknife"):
        bounds = psd(x, interval=kind, **options)
        share[kind] = coverage(bounds, lambda f: np.exp(0.72) * DT, slice(4, -4, 3))[0]  # E exp(1.2 g)
    # measured 0.64 and 0.87, with 5700 intervals: 1.4 % is three binomial errors
    assert share["chi2"] < 0.7 and share["jackknife"] > 0.84


def test_uniform_weights_give_the_plain_jackknife():
    power = np.random.default_rng(0).chisquare(2, (5, 7, 11))
    low, high = jackknifed_bounds(power, np.ones((1, 7, 11)), 0.9)
    without = np.log([np.delete(power, j, axis=1).mean(axis=1) for j in range(7)])
    error = np.sqrt(6 / 7 * ((without - without.mean(axis=0)) ** 2).sum(axis=0))
    half = scipy.stats.t(6).ppf(0.95) * error
    np.testing.assert_allclose(low, power.mean(axis=1) * np.exp(-half), rtol=1e-12)  # the textbook's formula
    np.testing.assert_allclose(high, power.mean(axis=1) * np.exp(half), rtol=1e-12)


def test_chi2_bounds_are_those_of_the_textbook():
    x = traces(np.random.default_rng(0).standard_normal((3, 256)))
    bounds = psd(x, "multitaper", confidence=0.95, interval="chi2", n_tapers=5)
    assert bounds["psd"].attrs["degrees_of_freedom"] == 10
    ratio = (bounds["psd"] / bounds["psd_lower"]).values
    np.testing.assert_allclose(ratio[:, 1:-1], scipy.stats.chi2(10).ppf(0.975) / 10, rtol=1e-12)
    np.testing.assert_allclose(ratio[:, [0, -1]], scipy.stats.chi2(5).ppf(0.975) / 5, rtol=1e-12)  # the ends
    np.testing.assert_allclose(
        (bounds["psd"] / bounds["psd_upper"]).values[:, 5], scipy.stats.chi2(10).ppf(0.025) / 10, rtol=1e-12
    )


def test_adaptive_weights_solve_their_equation():
    rng = np.random.default_rng(0)
    power = rng.chisquare(2, (4, 5, 30)) * np.geomspace(1, 1e-6, 30)
    share = np.array([1.0, 0.9999, 0.99, 0.9, 0.7])
    weights, degrees = adaptive_weights(power, share, np.full(4, 0.2))
    estimate = (weights * power).sum(axis=1) / weights.sum(axis=1)
    b = estimate[:, None] / (share[:, None] * estimate[:, None] + (1 - share[:, None]) * 0.2)
    expected = share[:, None] * b**2
    # the fixed point to the tolerance of the repetition, 1e-8, and what its slope makes of it
    np.testing.assert_allclose(weights, expected / expected.sum(axis=1, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(degrees, 2 * weights.sum(axis=1) ** 2 / (weights**2).sum(axis=1), rtol=1e-12)
    assert (
        degrees[:, 0].min() > 8 and degrees[:, -1].max() < 4.1
    )  # strong: all five count; weak: the first two


def test_adaptive_weights_take_leakage_away():
    x = steep_voltage(200, 1024, 4)
    f = psd(x, "multitaper")["frequency"].values
    high = (f > 400) & (f < 490)
    bias = {}
    for adaptive in (False, True):
        ratio = psd(x, "multitaper", adaptive=adaptive).mean("trial").values / steep_density(f)
        bias[adaptive] = np.median(ratio[high])
    # 40 dB below the peaks, all seven tapers leak: several times too much; adaptive within 10 %
    assert bias[False] > 2 and abs(bias[True] - 1) < 0.1
    white = traces(np.random.default_rng(0).standard_normal((20, 512)))
    nu = psd(white, "multitaper", adaptive=True)["degrees_of_freedom"]
    assert nu.values[:, 1:-1].min() > 13  # nothing leaks in white noise: close to all 14
    np.testing.assert_array_equal(nu.dims, ("trial", "frequency"))


def test_labels_of_an_estimate_with_bounds():
    x = make_traces(np.random.default_rng(0).standard_normal((2, 3, 128)), DT, value_unit="mV")
    bounds = psd(x, "multitaper", confidence=0.9, adaptive=True)
    assert set(bounds.data_vars) == {"psd", "psd_lower", "psd_upper"}
    for name in bounds.data_vars:
        assert bounds[name].dims == ("trial", "neuron", "frequency")
        assert bounds[name].attrs["units"] == "(mV)^2/Hz"
    assert bounds.attrs["confidence"] == 0.9 and bounds.attrs["adaptive"] == 1
    assert bool((bounds["psd_lower"] <= bounds["psd"]).all() and (bounds["psd"] <= bounds["psd_upper"]).all())
    xr.testing.assert_equal(bounds["psd"], psd(x, "multitaper", adaptive=True))
    assert isinstance(psd(x, "multitaper"), xr.DataArray) and isinstance(psd(x), xr.DataArray)


@pytest.mark.parametrize("options", [{}, {"adaptive": True}, {"confidence": 0.95}])
def test_lazy_traces_stay_lazy(options):
    x = make_traces(np.random.default_rng(0).standard_normal((4, 3, 128)), DT)
    lazy = psd(x.chunk(trial=2, time=50), "multitaper", **options)
    now = psd(x, "multitaper", **options)
    for name in now.data_vars if isinstance(now, xr.Dataset) else [None]:
        one, two = (lazy, now) if name is None else (lazy[name], now[name])
        assert one.chunks is not None
        np.testing.assert_allclose(one.values, two.values, rtol=1e-10)


def test_a_silent_trace_has_no_power_and_no_warning():
    x = traces(np.zeros((2, 64)))
    for options in ({}, {"adaptive": True}, {"interval": "chi2"}):
        bounds = psd(x, "multitaper", confidence=0.95, **options)
        for name in bounds.data_vars:
            np.testing.assert_array_equal(bounds[name], 0.0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"confidence": 1.0}, "between 0 and 1"),
        ({"confidence": 95}, "between 0 and 1"),
        ({"confidence": 0.9, "interval": "bootstrap"}, "interval must be one of"),
        ({"interval": "chi2"}, "needs a level"),
        ({"confidence": 0.9, "interval": "jackknife"}, "overlap=0"),
        ({"confidence": 0.9, "interval": "jackknife", "method": "periodogram"}, "at least 2 tapers"),
        ({"confidence": 0.9, "method": "multitaper", "n_tapers": 1}, "at least 2 tapers"),
        ({"adaptive": True}, "method='multitaper'"),
    ],
)
def test_bad_options(options, words):
    with pytest.raises(ValueError, match=words):
        psd(traces(np.random.default_rng(0).standard_normal((2, 256))), **options)


def test_mixed_units_are_refused():
    x = make_traces(
        np.random.default_rng(0).standard_normal((1, 256)), DT, ("trial", "time"), value_unit="mV"
    )
    x["voltage"].attrs["units"] = "V"
    with pytest.raises(ValueError, match="two units: attrs value_unit='mV' and units='V'"):
        psd(x)
    x["voltage"].attrs["units"] = "millivolt"  # another word for the same
    assert psd(x).attrs["units"] == "(mV)^2/Hz"
    x = make_traces(np.random.default_rng(0).standard_normal((1, 256)), DT, ("trial", "time"))
    x["time"].attrs["units"] = "ms"
    with pytest.raises(ValueError, match="time in seconds, got units 'ms'"):
        psd(x)
