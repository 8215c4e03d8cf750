"""Power spectral density: the convention, the identities, the errors it predicts for itself."""

import numpy as np
import pytest
import scipy.signal
import xarray as xr

from snntheory import make_traces
from snntheory.spectral import psd, variance_from_psd

METHODS = ("welch", "multitaper")


def noise(shape=(40, 1024), sigma=1.5, seed=0, dt=2e-3):
    values = sigma * np.random.default_rng(seed).standard_normal(shape)
    return xr.DataArray(values, dims=("neuron", "time"), attrs={"dt": dt, "value_unit": "mV"})


def autoregressive(shape, a, seed=0):
    """x_n = a x_{n-1} + e_n: its density is known in closed form; the start is thrown away."""
    e = np.random.default_rng(seed).standard_normal((shape[0], shape[1] + 500))
    return scipy.signal.lfilter([1.0], [1.0, -a], e, axis=-1)[:, 500:]


@pytest.mark.parametrize("method", METHODS)
def test_white_noise_has_density_variance_times_dt_at_every_frequency(method):
    x = noise((400, 512))
    spectrum = psd(x, method=method, detrend=None)
    mean = spectrum.mean("neuron").values / (1.5**2 * 2e-3)
    # The mean of 400 estimates with ν degrees of freedom has the relative error √(2/(400 ν)); half as many
    # degrees at both ends. Five standard errors over ~300 bins.
    error = np.full(mean.size, np.sqrt(2 / (400 * spectrum.attrs["degrees_of_freedom"])))
    error[[0, -1]] *= np.sqrt(2)
    assert np.all(np.abs(mean - 1) < 5 * error)


@pytest.mark.parametrize("method", METHODS)
def test_spread_is_that_of_the_stated_degrees_of_freedom(method):
    # Scattered frequencies only: neighbouring bins are correlated. 2000 traces: 3.2 % error of a variance of
    # a nearly normal variable, a bit more for χ²; 15 % tells 2K from 4K and eight averages from four.
    spectrum = psd(noise((2000, 512)), method=method).values[:, 10:40:10]
    nu = psd(noise((1, 512)), method=method).attrs["degrees_of_freedom"]
    ratio = spectrum.var(axis=0) / spectrum.mean(axis=0) ** 2 / (2 / nu)
    assert np.all(np.abs(ratio - 1) < 0.15)


@pytest.mark.parametrize("n", [256, 255])
def test_parseval_of_the_periodogram(n):
    x = noise((3, n)) + 0.7
    x.attrs = noise().attrs
    spectrum = psd(x, segment_samples=n, window="boxcar", overlap=0, detrend=None)
    # An identity (Parseval): only rounding is left.
    np.testing.assert_allclose(variance_from_psd(spectrum), (x**2).mean("time"), rtol=1e-12)
    assert spectrum.attrs["averages"] == 1 and spectrum.attrs["degrees_of_freedom"] == 2.0


@pytest.mark.parametrize("n", [256, 255])
def test_multitaper_holds_the_mean_energy_of_its_tapers(n):
    from scipy.signal.windows import dpss

    x = noise((3, n))
    tapers = dpss(n, 4.0, 7)
    tapers /= np.linalg.norm(tapers, axis=1, keepdims=True)
    expected = np.mean([((x.values * taper) ** 2).sum(axis=1) for taper in tapers], axis=0)
    spectrum = psd(x, "multitaper", detrend=None)
    np.testing.assert_allclose(variance_from_psd(spectrum), expected, rtol=1e-12)  # Parseval per taper


@pytest.mark.parametrize("n", [256, 255])
def test_multitaper_doubles_neither_end(n):
    # A constant lies within the half bandwidth around 0, all of it: S(0) must not stand out from S(df),
    # which a doubled (or halved) DC bin would by a factor of two. Same at f_N for an alternating signal.
    for values, at in ((np.ones(n), 0), ((-1.0) ** np.arange(n), -1)):
        spectrum = psd(
            xr.DataArray(values, dims="time", attrs={"dt": 1.0}), "multitaper", detrend=None
        ).values
        neighbour = 1 if at == 0 else -2
        assert 0.75 < spectrum[at] / spectrum[neighbour] < 1.35


@pytest.mark.parametrize("method", METHODS)
def test_autoregressive_process(method):
    a, dt = 0.8, 1e-3
    x = xr.DataArray(autoregressive((500, 2048), a), dims=("trial", "time"), attrs={"dt": dt})
    spectrum = psd(x, method=method)
    f = spectrum["frequency"].values
    expected = dt / (1 + a**2 - 2 * a * np.cos(2 * np.pi * f * dt))
    # Away from the removed mean. 1 % statistical error (500 traces, ν ≈ 14) times four, and under 2 % from the
    # finite resolution (curvature of S over a half bandwidth of 4/2048 dt).
    keep = f > 10.0
    np.testing.assert_allclose(spectrum.mean("trial").values[keep], expected[keep], rtol=0.06)


def test_welch_against_scipys_two_sided_density():
    x = noise((2, 1000))
    spectrum = psd(x, segment=0.4, overlap=0.25, window="hamming")
    f, expected = scipy.signal.welch(x.values, 500.0, "hamming", 200, 50, return_onesided=False)
    order = f >= 0
    np.testing.assert_allclose(
        spectrum.values[:, :-1], expected[:, order], rtol=1e-12
    )  # f_N is listed as -f_N
    assert spectrum.attrs["segment_samples"] == 200 and spectrum.attrs["overlap"] == 0.25


@pytest.mark.parametrize("method", METHODS)
def test_labels(method):
    traces = make_traces(np.random.default_rng(0).standard_normal((2, 3, 256)), 1e-3, value_unit="mV")
    traces = traces.assign_coords(label=("trial", [3, 7]))
    spectrum = psd(traces, method)
    assert spectrum.dims == ("trial", "neuron", "frequency")
    assert spectrum["label"].values.tolist() == [3, 7]
    assert spectrum.attrs["units"] == "(mV)^2/Hz" and spectrum["frequency"].attrs["units"] == "Hz"
    assert spectrum["frequency"].values[-1] <= 500.0 and "two-sided" in spectrum.attrs["convention"]
    xr.testing.assert_identical(spectrum, psd(traces["voltage"].assign_attrs(value_unit="mV"), method))


def test_step_from_the_time_coordinate_alone():
    x = noise((2, 256))
    timed = x.assign_coords(time=2e-3 * np.arange(256)).drop_attrs()
    np.testing.assert_array_equal(psd(timed).values, psd(x).values)


@pytest.mark.parametrize("method", METHODS)
def test_dask_gives_the_same(method):
    traces = make_traces(np.random.default_rng(0).standard_normal((4, 3, 256)), 1e-3)
    lazy = psd(traces.chunk(trial=1, time=100), method)
    assert lazy.chunks is not None
    np.testing.assert_allclose(lazy.values, psd(traces, method).values, rtol=1e-13)


@pytest.mark.parametrize("method", METHODS)
def test_time_anywhere_among_the_dimensions(method):
    x = noise((3, 256))
    xr.testing.assert_identical(psd(x.transpose("time", "neuron"), method), psd(x, method))


@pytest.mark.parametrize(
    ("traces", "options", "words"),
    [
        (noise().rename(time="t"), {}, "dimension 'time'"),
        (noise().drop_attrs(), {}, "neither"),
        (noise().assign_attrs(dt=-1.0), {}, "above 0"),
        (noise((2, 1)), {}, "at least 2 samples"),
        (noise((2, 6)), {}, "at least 8"),
        (noise((2, 6)), {"method": "multitaper"}, "at least 8"),
        (noise() + 1j, {}, "real numbers"),
        (noise().where(noise() < 2).assign_attrs(dt=1e-3), {}, "NaN or infinity: the first in the trace at"),
        (noise(), {"method": "periodgram"}, "did you mean 'periodogram'"),
        (noise(), {"segment": 10.0}, "longer than the trace"),
        (noise(), {"segment": 0.004}, "at least 8"),
        (noise(), {"segment": -1.0}, "above 0"),
        (noise(), {"segment": 1.0, "segment_samples": 3}, "not both"),
        (noise(), {"overlap": 1.0}, "below 1"),
        (noise(), {"window": "hannn"}, "hannn"),
        (noise(), {"window": np.ones(7)}, "shape"),
        (noise(), {"detrend": "quadratic"}, "detrend must be one of"),
        (noise(), {"nperseg": 64}, "did you mean|option of psd"),
        (noise(), {"method": "multitaper", "n_tapers": 9}, "at most 2 time_bandwidth"),
        (noise(), {"method": "multitaper", "time_bandwidth": 0.5}, "at least 1"),
        (noise().to_dataset(name="u"), {}, "no voltage"),
    ],
)
def test_bad_input(traces, options, words):
    with pytest.raises(ValueError, match=words):
        psd(traces, **options)


def test_bare_arrays_are_sent_to_make_traces():
    with pytest.raises(TypeError, match="make_traces"):
        psd(np.zeros(100))


def test_a_step_that_contradicts_the_coordinate_is_refused():
    traces = make_traces(np.zeros((1, 1, 256)), 1e-3).isel(time=slice(None, None, 2))
    with pytest.raises(ValueError, match="set traces.attrs"):
        psd(traces)
