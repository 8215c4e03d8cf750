"""Significance: expectations against other methods, and false positives of the neuron with Poisson input."""

import numpy as np
import pytest
import xarray as xr
from scipy.integrate import quad
from scipy.stats import binom

from snntheory import CubaLIF, discretize
from snntheory.spectral import (
    Background,
    Morse,
    ar1_background,
    area_test,
    cwt,
    expected_wavelet_power,
    fitted_background,
    neuron_background,
    outside_cone,
    psd,
    spectrum_significance,
    wavelet_degrees,
    wavelet_significance,
    white_background,
)
from snntheory.spectral.backgrounds import surrogates
from snntheory.spectral.significance import _discovery_limit

NEURON, DT = CubaLIF(0.020, 0.005), 1e-3
SCHEMES = [
    ("forward_euler", None),
    ("backward_euler", None),
    ("bilinear", None),
    ("impulse_invariance", None),
]
SCHEMES += [("zoh", None), ("exponential_euler", None), ("parker_sochacki", 2)]


def simulated(scheme, order, runs, n=1024, rate=4000.0, seed=0):
    """Voltages of a neuron below threshold with Poisson input, and their background."""
    weight = 4.0 / rate
    inputs = np.random.default_rng(seed).poisson(rate * DT, (runs, n + 300)) * weight
    voltage = discretize(NEURON, DT, scheme, order).simulate(inputs)[0][:, 300:]
    traces = xr.DataArray(voltage, dims=("trial", "time"), attrs={"dt": DT})
    return traces, neuron_background(NEURON, rate, weight, DT, scheme, order)


def within_binomial_error(count, runs, share, allowed=1e-4):
    """Whether a count of false positives is one of the 1 - 2e-4 likeliest."""
    low, high = binom.ppf([allowed, 1 - allowed], runs, share)
    return low <= count <= high


@pytest.mark.parametrize(("scheme", "order"), SCHEMES)
def test_false_positives_of_the_neuron_with_poisson_input(scheme, order):
    runs = 300
    traces, background = simulated(scheme, order, runs)
    for method in ("welch", "multitaper", "periodogram"):
        options = {"window": "hann"} if method == "periodogram" else {}
        result = spectrum_significance(psd(traces, method, **options), background)
        inner = result.isel(frequency=slice(2, -2))
        # mean of the ratio: 300 runs of a dozen degrees of freedom, many bins: 1 %. Where the last tapers leak, all
        # bins share the few degrees of freedom of the ends: sqrt(2/300) = 8 %
        assert float(inner["ratio"].mean()) == pytest.approx(
            1.0, abs=0.15 if method == "multitaper" else 0.03
        )
        # one bin in twelve: nearly independent tests
        picked = inner["significant"].isel(frequency=slice(4, None, 12))
        assert within_binomial_error(int(picked.sum()), picked.size, 0.05) or method == "multitaper"
        # leakage of the last tapers makes a sum of few unequal squares of what should be chi-square
        assert float(picked.mean()) < (0.1 if method == "multitaper" else 0.062)
    transform = cwt(traces, np.array([15.0, 40.0, 110.0, 300.0]))
    at_one_time = wavelet_significance(transform, background)["significant"].isel(time=512)
    over_time = wavelet_significance(transform, background, kind="global")["significant"]
    for each in (at_one_time, over_time):
        for count in each.sum("trial").values:
            assert within_binomial_error(int(count), runs, 0.05), (scheme, each.sum("trial").values)


def test_few_spikes_lengthen_the_tail():
    # at 100 Hz a wavelet of 300 Hz sees one or two spikes: the local test is wrong, and says so in its assumptions;
    # averaged over time the background's excess makes up for it
    traces, background = simulated("impulse_invariance", None, 400, rate=100.0)
    transform = cwt(traces, np.array([300.0]))
    local = wavelet_significance(transform, background, level=0.99)["significant"].isel(time=512, frequency=0)
    assert float(local.mean()) > 0.02  # nominal 0.01; 400 runs: 4.5 standard errors above at 0.03
    result = wavelet_significance(transform, background, kind="global")
    assert within_binomial_error(int(result["significant"].sum()), 400, 0.05)
    gaussian = Background("no spikes", DT, background.density)
    blind = wavelet_significance(transform, gaussian, kind="global")
    assert float(blind["significant"].mean()) > 0.1


@pytest.mark.parametrize("kind", ["white", "ar1"])
def test_false_positives_with_a_fitted_background(kind):
    from scipy.signal import lfilter

    a = 0.8 if kind == "ar1" else 0.0
    noise = np.random.default_rng(3).standard_normal((400, 700))
    traces = xr.DataArray(lfilter([1.0], [1.0, -a], noise)[:, 200:], dims=("trial", "time"), attrs={"dt": DT})
    background = fitted_background(traces, kind)
    transform = cwt(traces, np.array([30.0, 100.0, 250.0]))
    found = wavelet_significance(transform, background)["significant"].isel(time=250).mean("trial").values
    # 400 runs: standard error 1.1 %; estimating variance and coefficient from 500 samples adds up to 1 %
    assert np.all(np.abs(found - 0.05) < 0.045)
    over = spectrum_significance(psd(traces), background)["significant"].isel(frequency=slice(2, -2)).mean()
    assert float(over) == pytest.approx(0.05, abs=0.02)


def test_the_white_background_is_flat_in_wavelet_power():
    power = expected_wavelet_power(white_background(2.5, DT), np.array([5.0, 50.0, 200.0]))
    np.testing.assert_allclose(
        power, 2.5, rtol=1e-6
    )  # cut off at Nyquist at 200 Hz: e^{-56}; 60 points a width
    morse = expected_wavelet_power(white_background(2.5, DT), np.array([5.0, 50.0]), Morse(20, 3))
    np.testing.assert_allclose(morse, 2.5, rtol=1e-6)


def test_the_integrated_background_of_ar1_is_a_quadrature():
    background, f = ar1_background(0.9, 1.0, DT), 40.0
    scale = (6 + np.sqrt(38)) / (4 * np.pi * f)

    def integrand(x):
        density = DT * (1 - 0.81) / (1 + 0.81 - 1.8 * np.cos(2 * np.pi * x * DT))
        return 2 * np.pi * scale / DT / np.sqrt(np.pi) * np.exp(-((scale * 2 * np.pi * x - 6) ** 2)) * density

    exact = quad(integrand, 0, 500, points=[20, 40, 60, 100], epsabs=0, epsrel=1e-10)[0]
    assert float(expected_wavelet_power(background, [f])[0]) == pytest.approx(exact, rel=1e-8)


def test_the_local_rule_falls_short_by_a_fifth_on_the_steep_tail():
    # f^-4 exactly: with x = s w a Gaussian of mean 6 and variance 1/2, E x^-4 over the local value at the ridge
    ridge = (6 + np.sqrt(38)) / 2
    share = quad(lambda x: np.exp(-((x - 6) ** 2)) * x**-4.0, 0.5, 20)[0] / np.sqrt(np.pi)
    assert share * ridge**4 == pytest.approx(1.2284, abs=1e-4)
    background = neuron_background(NEURON, 400.0, 0.01, 1e-4)
    f = np.geomspace(2, 2500, 300)
    missing = expected_wavelet_power(background, f) / expected_wavelet_power(background, f, rule="local")
    assert 1.21 < float(missing.max()) < 1.2284
    assert float(missing.min()) > 0.99
    # and the test that uses it finds too much: at 110 Hz eight or so instead of five in a hundred
    traces, background = simulated("impulse_invariance", None, 800)
    found = wavelet_significance(cwt(traces, [110.0]), background, rule="local")["significant"].isel(time=512)
    assert float(found.mean()) > 0.05 + 2 * np.sqrt(0.05 * 0.95 / 800)


def test_degrees_of_freedom_of_time_averages():
    background = white_background(1.0, DT)
    records = surrogates(background, 1024, 1500, np.random.default_rng(5))
    f = np.array([10.0, 30.0, 100.0])
    transform = cwt(records, f)
    free = outside_cone(transform)
    mean = (abs(transform) ** 2).where(free).mean("time")
    empirical = 2 * mean.mean("surrogate") ** 2 / mean.var("surrogate")
    computed = wavelet_degrees(background, f, free.sum("time").values)
    theirs = wavelet_degrees(background, f, free.sum("time").values, method="torrence_compo")
    # a variance from 1500 runs: 4 % (heavier at few degrees of freedom), three of those
    np.testing.assert_allclose(empirical, computed, rtol=0.13)
    # the fit of Torrence & Compo is 3 to 6 % higher
    assert np.all((theirs / computed).values > 1.01) and np.all((theirs / computed).values < 1.09)
    # long averages: their gamma of 2.32 against sqrt(2 pi), the integral of |rho|^2 = exp(-t^2 / (2 s^2))
    long = wavelet_degrees(background, [100.0], [30_000]).item()
    scale = (6 + np.sqrt(38)) / (4 * np.pi * 100)
    assert long == pytest.approx(2 * 30 / (np.sqrt(2 * np.pi) * scale), rel=2e-3)  # ends: s / T


def test_an_oscillation_is_found_and_nothing_else():
    traces, background = simulated("backward_euler", None, 4)
    t = np.arange(1024) * DT
    amplitude = 20 * np.sqrt(float(background.density(np.array([80.0]))[0]) / 0.2)
    with_it = traces + amplitude * np.cos(2 * np.pi * 80 * t)
    with_it.attrs = traces.attrs
    result = spectrum_significance(psd(with_it), background, 0.999, "bonferroni")
    found = result["frequency"].values[result["significant"].any("trial")]
    assert found.size and np.all(np.abs(found - 80) < 15)
    grid = np.geomspace(20, 400, 30)
    mapped = wavelet_significance(cwt(with_it, grid), background, 0.99, correction="fdr")
    bright = mapped["significant"].mean(["trial", "time"])
    assert float(bright.sel(frequency=80, method="nearest")) > 0.5
    assert float(bright.where(abs(bright["frequency"] - 80) > 45).max()) < 0.02


def test_corrections():
    rng = np.random.default_rng(8)
    p = rng.random(1000)
    p[:50] *= 1e-4
    limit = _discovery_limit(p, 0.05)
    # by the definition: the largest rank k with p_(k) <= 0.05 k / m
    ranked = np.sort(p)
    k = max(k for k in range(1, 1001) if ranked[k - 1] <= 0.05 * k / 1000)
    assert limit == ranked[k - 1] and 45 <= k <= 60
    assert _discovery_limit(np.array([0.5, 0.9, np.nan]), 0.05) == -1
    # of the false discovery rate's promise: with no signal at all any discovery is false, in 5 % of the traces
    traces, background = simulated("impulse_invariance", None, 300, seed=4)
    any_found = wavelet_significance(cwt(traces, np.geomspace(20, 300, 8)), background, correction="fdr")
    share = float(any_found["significant"].any(["frequency", "time"]).mean())
    assert share < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)
    strict = spectrum_significance(psd(traces), background, correction="bonferroni")["significant"]
    assert float(strict.any("frequency").mean()) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)


def test_the_share_of_the_area():
    traces, background = simulated("impulse_invariance", None, 40, n=512, seed=6)
    grid = np.geomspace(30, 300, 8)
    null = area_test(cwt(traces, grid), background, n_surrogates=39, rng=1)
    # p-values of 40 null runs are uniform on k/40: mean 0.5 +- 0.05, and small ones rare
    assert float(null["p_value"].mean()) == pytest.approx(0.5, abs=0.17)
    assert int((null["p_value"] <= 0.05).sum()) <= 8
    assert float(null["null_fraction"].mean()) == pytest.approx(0.05, abs=0.015)
    burst = traces.isel(trial=slice(0, 2)).copy()
    burst.values[:, 200:300] += 0.5 * np.cos(2 * np.pi * 100 * DT * np.arange(100))
    assert np.all(area_test(cwt(burst, grid), background, n_surrogates=39, rng=1)["p_value"] == 1 / 40)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s, w, b: spectrum_significance(s, white_background(1.0, 2e-3)), "background's dt must be"),
        (lambda s, w, b: spectrum_significance(s, b, level=1.0), "level must lie between 0 and 1"),
        (lambda s, w, b: spectrum_significance(s, b, correction="holm"), "correction must be one of"),
        (lambda s, w, b: spectrum_significance(s * 1, b), "does not say how it was made"),
        (lambda s, w, b: wavelet_significance(w, b, kind="area"), "kind must be one of"),
        (lambda s, w, b: expected_wavelet_power(b, [5.0, 600.0]), "up to Nyquist, 500 Hz; got 5 to 600 Hz"),
        (lambda s, w, b: wavelet_degrees(b, [600.0], [100]), "up to Nyquist"),
        (lambda s, w, b: wavelet_degrees(b, [10.0], [100], method="exact"), "method must be one of"),
        (lambda s, w, b: wavelet_significance(w, b, degrees="exact"), "degrees must be one of"),
        (lambda s, w, b: expected_wavelet_power(b, [10.0], rule="exact"), "rule must be one of"),
        (
            lambda s, w, b: wavelet_degrees(b, [10.0], [100], Morse(20, 3), method="torrence_compo"),
            "take 'computed'",
        ),
        (lambda s, w, b: area_test(cwt(w.real.isel(frequency=0), [2.0]), b), "outside the cone"),
    ],
)
def test_bad_input(call, message):
    traces, background = simulated("impulse_invariance", None, 1, n=256)
    spectrum, transform = psd(traces), cwt(traces, [50.0])
    with xr.set_options(keep_attrs=False), pytest.raises(ValueError, match=message):
        call(spectrum, transform.assign_attrs(transform.attrs), background)


@pytest.mark.parametrize(
    ("method", "options"), [("welch", {}), ("multitaper", {}), ("multitaper", {"adaptive": True})]
)
def test_a_band_and_a_spectrum_with_its_confidence(method, options):
    traces, background = simulated("zoh", None, 2, n=256)
    spectrum = psd(traces, method, confidence=0.9, **options)
    whole = spectrum_significance(spectrum["psd"], background, correction="bonferroni")
    xr.testing.assert_identical(spectrum_significance(spectrum, background, correction="bonferroni"), whole)
    band = spectrum_significance(spectrum["psd"].sel(frequency=slice(50, 200)), background)
    xr.testing.assert_equal(band["p_value"], whole["p_value"].sel(frequency=slice(50, 200)))
    shifted = spectrum["psd"].isel(frequency=slice(1, 9))
    shifted = shifted.assign_coords(frequency=shifted["frequency"].values * 1.01)
    with pytest.raises(ValueError, match="must keep the frequencies that psd gave it"):
        spectrum_significance(shifted, background)


def test_a_spectrum_must_be_one():
    with pytest.raises(TypeError, match="made by psd"):
        spectrum_significance(np.ones(3), white_background(1.0, DT))
