"""Band power: exact sums, known powers, the split into low and high, what is refused."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from snntheory import CubaLIF, discretize, make_traces
from snntheory.spectral import band_power, low_high, psd, theory_psd, variance_from_psd


def noise(n=512, dt=1e-3, seed=0):
    values = np.random.default_rng(seed).standard_normal((2, 3, n))
    return make_traces(values, dt, value_unit="mV")


@pytest.mark.parametrize("n", [512, 511])
@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.floats(0.1, 499.9), min_size=0, max_size=6, unique=True))
def test_bands_that_cover_everything_add_up_to_the_variance(n, cuts):
    edges = [0.0, *sorted(cuts), 500.0]
    bands = {f"{k}": pair for k, pair in enumerate(zip(edges[:-1], edges[1:], strict=True))}
    spectrum = psd(noise(n), "periodogram")
    # an identity, whatever the edges: only rounding of ~10 sums
    total = band_power(spectrum, bands).sum("band")
    np.testing.assert_allclose(total, variance_from_psd(spectrum), rtol=1e-12)


def test_an_edge_within_a_bin_gives_each_side_its_share():
    f = np.arange(0.0, 51.0, 10.0)
    spectrum = xr.DataArray(
        [1.0, 2, 3, 4, 5, 6], dims="frequency", coords={"frequency": f}, attrs={"dt": 0.01}
    )
    bands = {"a": (0, 12), "b": (12, 20), "c": (45, None)}
    # by hand: bins [0, 5], [5, 15], [15, 25], [45, 50], both signs of the frequency
    expected = [2 * (5 * 1 + 7 * 2), 2 * (3 * 2 + 5 * 3), 2 * 5 * 6]
    np.testing.assert_allclose(band_power(spectrum, bands), expected, rtol=1e-14)


def test_a_cosine_has_its_power_in_its_band():
    t = 1e-3 * np.arange(1000)
    values = 3 * np.cos(2 * np.pi * 40 * t) + 0.5 * np.cos(2 * np.pi * 300 * t)
    power = band_power(make_traces(values, 1e-3, ("time",)), method="periodogram")
    # whole periods: a^2 / 2 without leakage
    np.testing.assert_allclose(power.squeeze(), [4.5, 0.125], rtol=1e-12)
    assert power["band"].values.tolist() == ["low", "high"]
    share = band_power(make_traces(values, 1e-3, ("time",)), method="periodogram", relative=True)
    np.testing.assert_allclose(share.squeeze(), np.array([4.5, 0.125]) / 4.625, rtol=1e-12)
    assert share.attrs["units"] == "1"


def test_shares_of_everything_add_up_to_one():
    offset = noise() + 5.0  # a strong bin at 0, which is half as wide as the others
    offset.attrs = noise().attrs
    spectrum = psd(offset, detrend=None)
    np.testing.assert_allclose(band_power(spectrum, relative=True).sum("band"), 1.0, rtol=1e-12)


def test_a_density_in_closed_form():
    # of a leaky integrator's density 1/(1 + (2 pi f tau)^2): (2/(2 pi tau)) arctan(2 pi f tau) between the edges
    dt, tau = 1e-3, 0.02
    f = np.linspace(0, 500, 5001)
    density = xr.DataArray(1 / (1 + (2 * np.pi * f * tau) ** 2), dims="frequency", coords={"frequency": f})
    power = band_power(density.assign_attrs(dt=dt), {"theta": (4.0, 8.0), "gamma": (30.0, 80.0)})
    edges = np.array([[4.0, 8.0], [30.0, 80.0]])
    exact = np.diff(np.arctan(2 * np.pi * edges * tau), axis=1)[:, 0] / (np.pi * tau)
    # midpoint rule with df = 0.1 Hz: S'' df^2 / 24 per unit, below 1e-5 of S
    np.testing.assert_allclose(power, exact, rtol=1e-5)


def test_default_split_is_half_the_nyquist_frequency_and_is_stated():
    power = band_power(noise(dt=2e-3), segment_samples=128)
    assert power.attrs["f_split"] == 125.0
    assert power["band_low"].values.tolist() == [0.0, 125.0]
    assert power["band_high"].values.tolist() == [125.0, 250.0]
    assert power.dims == ("trial", "neuron", "band") and power.attrs["units"] == "(mV)^2"
    given = band_power(noise(dt=2e-3), f_split=30.0)
    assert given.attrs["f_split"] == 30.0 and given["band_high"].values.tolist() == [30.0, 250.0]
    assert low_high(500.0) == {"low": (0.0, 250.0), "high": (250.0, 500.0)}


def test_a_split_that_moves_with_the_step_changes_what_high_means():
    """The split at half Nyquist calls ever faster parts high; one in hertz compares the same ones."""
    neuron, rate, weight = CubaLIF(0.020, 0.005), 500.0, 0.01
    shares = {}
    for dt in (1e-3, 4e-3):
        f = np.linspace(0, 0.5 / dt, 4001)
        density = theory_psd(neuron, rate, weight, f, dt, "impulse_invariance")
        spectrum = xr.DataArray(density, dims="frequency", coords={"frequency": f}, attrs={"dt": dt})
        split = {"half Nyquist": None, "20 Hz": 20.0}
        shares[dt] = {
            name: float(band_power(spectrum, f_split=at, relative=True).sel(band="high"))
            for name, at in split.items()
        }
    assert shares[4e-3]["half Nyquist"] > 20 * shares[1e-3]["half Nyquist"]  # f^-4 tail: about 4^3
    # with a fixed split what is left is the folded tail: at most a few per cent here
    assert shares[4e-3]["20 Hz"] == pytest.approx(shares[1e-3]["20 Hz"], rel=0.15)


def test_estimate_agrees_with_theory_on_a_simulated_neuron():
    dt, rate, weight = 1e-3, 500.0, 0.01
    model = discretize(CubaLIF(0.020, 0.005), dt, "impulse_invariance")
    inputs = np.random.default_rng(1).poisson(rate * dt, (100, 4596)) * weight
    voltage = model.simulate(inputs)[0][:, 500:]
    traces = make_traces(voltage, dt, ("trial", "time"))
    bands = {"slow": (4.0, 20.0), "fast": (60.0, 200.0)}
    measured = band_power(traces, bands, method="multitaper", adaptive=True).mean(("trial", "neuron"))
    f = np.linspace(0, 500, 20001)
    density = xr.DataArray(
        theory_psd(model.neuron, rate, weight, f, dt, "impulse_invariance"),
        dims="frequency",
        coords={"frequency": f},
    )
    expected = band_power(density.assign_attrs(dt=dt), bands)
    # 100 traces x 4 s x 2 B: relative error 1/sqrt(100 * 4 * 16) = 1.2 % for the narrow band; four of them
    np.testing.assert_allclose(measured, expected, rtol=0.05)


def test_a_spectrum_with_bounds_and_lazy_traces():
    traces = noise()
    bounds = psd(traces, "multitaper", confidence=0.9)
    np.testing.assert_allclose(band_power(bounds), band_power(traces, method="multitaper"), rtol=1e-13)
    adaptive = band_power(traces, method="multitaper", adaptive=True)
    assert set(adaptive.coords) == {"band", "band_low", "band_high"}
    lazy = band_power(traces.chunk(trial=1))
    assert lazy.chunks is not None
    np.testing.assert_allclose(lazy.values, band_power(traces).values, rtol=1e-13)


def test_a_slice_of_a_spectrum_serves_the_bands_it_covers():
    spectrum = psd(noise(), segment_samples=100)
    part = spectrum.sel(frequency=slice(20, 300))
    bands = {"in": (20, 100)}
    np.testing.assert_allclose(band_power(part, bands), band_power(spectrum, bands), rtol=1e-13)
    with pytest.raises(ValueError, match="leaves the spectrum, 15 to 305 Hz"):
        band_power(part, {"below": (10, 100)})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bands": {"a": (5, 5)}}, "'a' is empty"),
        ({"bands": {"a": (9, 5)}}, "'a' is empty"),
        ({"bands": {"a": (1, 9), "b": (8, 20)}}, "'a' and 'b' overlap between 8 and 9"),
        ({"bands": {"b": (8, 20), "a": (1, 300)}}, "'a' and 'b' overlap"),
        ({"bands": {"a": (400, 501)}}, r"Nyquist frequency 500 Hz"),
        ({"bands": {"a": (-1, 5)}}, "at least 0"),
        ({"bands": {"a": (1, np.nan)}}, "finite"),
        ({"bands": {"a": (1, 2, 3)}}, r"must be \(low, high\)"),
        ({"bands": {"a": "12"}}, r"must be \(low, high\)"),
        ({"bands": {}}, "must map names"),
        ({"bands": [(1, 2)]}, "must map names"),
        ({"f_split": 500.0}, "below the Nyquist"),
        ({"f_split": 0.0}, "above 0"),
        ({"f_split": 5.0, "bands": {"a": (1, 2)}}, "not both"),
        ({"confidence": 0.9}, "leave it out"),
        ({"methd": "welch"}, "option of psd"),
    ],
)
def test_bad_bands(options, words):
    with pytest.raises(ValueError, match=words):
        band_power(noise(), **options)


def test_bad_spectra():
    spectrum = psd(noise())
    for bad, words in (
        (spectrum.drop_attrs(), r"lacks attrs\['dt'\]"),
        (10 * np.log10(spectrum), "decibels"),
        (spectrum.where(spectrum["frequency"] > 20), "finite"),
        (spectrum * 1j, "must be real"),
        (spectrum.isel(frequency=[0, 1, 5]), "evenly spaced"),
        (spectrum.isel(frequency=[3]), "at least two"),
        (spectrum.to_dataset(name="power"), "must hold 'psd'"),
    ):
        bad.attrs |= {} if "lacks" in words else {"dt": 1e-3}
        with pytest.raises(ValueError, match=words):
            band_power(bad)
    with pytest.raises(ValueError, match="option for traces"):
        band_power(spectrum, method="welch")
    still = psd(make_traces(np.ones((2, 256)), 1e-3, ("trial", "time")))
    with pytest.raises(ValueError, match="2 of 2 traces have none"):
        band_power(still, relative=True)
