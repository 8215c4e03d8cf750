"""Backgrounds: their densities integrate to their variances, and what is fitted to a record has no bias."""

import numpy as np
import pytest
import xarray as xr

from snntheory import CubaLIF
from snntheory.spectral import (
    ar1_background,
    fitted_background,
    neuron_background,
    psd,
    theory_psd,
    white_background,
)
from snntheory.spectral.backgrounds import surrogates

NEURON = CubaLIF(0.020, 0.005)


def integral(background, count=20_000):
    """Of the two-sided density over all frequencies, by the midpoint rule: exact for such trigonometric functions."""
    nyquist = 0.5 / background.dt
    f = (np.arange(count) + 0.5) / count * nyquist
    return 2 * nyquist * background.density(f).mean("frequency")


@pytest.mark.parametrize("a", [-0.5, 0.0, 0.9, 0.99])
def test_density_integrates_to_the_variance(a):
    assert float(integral(ar1_background(a, 3.0, 0.002))) == pytest.approx(3.0, rel=1e-12)
    assert float(integral(white_background(3.0, 0.002))) == pytest.approx(3.0, rel=1e-12)


def ar1(a, shape, rng):
    from scipy.signal import lfilter

    e = rng.standard_normal(shape)
    e[:, 0] /= np.sqrt(1 - a**2)
    return xr.DataArray(lfilter([1.0], [1.0, -a], e), dims=("trial", "time"), attrs={"dt": 0.01})


@pytest.mark.parametrize("a", [0.0, 0.6, 0.9])
def test_fitted_coefficient_and_variance_have_no_bias(a):
    n, runs = 200, 3000
    traces = ar1(a, (runs, n), np.random.default_rng(0))
    background = fitted_background(traces)
    f = np.array([0.0, 50.0])  # S(0)/S(f_N) = ((1 + a)/(1 - a))^2 holds the coefficient
    ends = background.density(f)
    root = np.sqrt(ends[:, 0] / ends[:, 1])
    fitted = (root - 1) / (root + 1)
    # standard error of the mean of 3000 estimates, each sqrt((1 - a^2)/n); 0.001 is the next order of the bias
    assert float(fitted.mean()) == pytest.approx(a, abs=4 * np.sqrt((1 - a**2) / n / runs) + 1e-3)
    variance = integral(background, 500)
    # relative error of a variance of n correlated samples: sqrt(2 (1 + a^2)/(1 - a^2)/n); 1 % from errors of a
    error = np.sqrt(2 * (1 + a**2) / (1 - a**2) / n / runs)
    assert float(variance.mean()) * (1 - a**2) == pytest.approx(1.0, abs=4 * error + 0.01)
    # without the correction the variance is low by that of the mean: 10 % at a = 0.9
    if a == 0.9:
        assert float(traces.var("time").mean()) * (1 - a**2) < 0.93


def test_the_neuron_is_its_theory():
    f = np.array([0.0, 20.0, 400.0])
    background = neuron_background(NEURON, 400.0, 0.01, 1e-3, "zoh")
    np.testing.assert_allclose(
        background.density(f), theory_psd(NEURON, 400.0, 0.01, f, 1e-3, "zoh"), rtol=1e-15
    )
    assert background.excess == pytest.approx(1 / 400)  # Poisson, one weight
    # at most one spike a step: fourth cumulant p q (1 - 6 p q) over (p q)^2, a step long
    p = 0.4
    thinned = neuron_background(NEURON, 400.0, 0.01, 1e-3, "zoh", arrivals="bernoulli")
    assert thinned.excess == pytest.approx(1e-3 * (1 - 6 * p * (1 - p)) / (p * (1 - p)), rel=1e-12)
    assert neuron_background(NEURON, 400.0, 0.01, 1e-3, shot_noise=False).excess == 0


def test_surrogates_have_the_spectrum_of_their_background():
    background = neuron_background(NEURON, 400.0, 0.01, 1e-3, "backward_euler")
    records = surrogates(background, 1024, 300, np.random.default_rng(1))
    assert records.dims == ("surrogate", "time")
    variance = float(records.var(["surrogate", "time"]))
    assert variance == pytest.approx(
        float(integral(background)), rel=0.06
    )  # 300 x about 20 independent values: 2 %
    measured = psd(records, segment_samples=256).mean("surrogate").sel(frequency=slice(20, 450))
    ratio = measured / background.density(measured["frequency"].values).values
    assert (
        float(abs(ratio - 1).max()) < 0.12
    )  # 300 x 7 segments: 2.5 % a bin, four of those, and 2 % of leakage
    each = ar1_background(xr.DataArray([0.0, 0.9], dims="neuron"), 1.0, 0.1)
    assert surrogates(each, 50, 3, np.random.default_rng(1)).dims == ("surrogate", "neuron", "time")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: white_background(0.0, 0.1), "variance must be above 0"),
        (lambda: white_background(1.0, -0.1), "dt must be above 0"),
        (lambda: ar1_background(1.0, 1.0, 0.1), "coefficient must lie between -1 and 1"),
        (lambda: neuron_background(NEURON, 0.0, 1.0, 0.1), "without input has no spectrum"),
        (lambda: neuron_background(NEURON, 1.0, 1.0, 0.1, "forward_euler"), "unstable"),
        (lambda: fitted_background(flat(np.ones((2, 100)))), "must not be constant: trace 0"),
        (lambda: fitted_background(flat(np.arange(5.0)[None])), "at least 8 samples"),
        (lambda: fitted_background(flat(np.full((1, 50), np.nan))), "finite"),
        (lambda: fitted_background(flat(np.ones((2, 100))), "pink"), "kind must be one of"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def flat(values):
    return xr.DataArray(values, dims=("trial", "time"), attrs={"dt": 0.01})
