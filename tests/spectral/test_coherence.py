"""Cross-spectrum and coherence: SciPy, known phases, chance, measured coverage, labels, what is refused."""

import numpy as np
import pytest
import scipy.signal
import xarray as xr

from snntheory import make_traces
from snntheory.spectral import _signal, coherence, cross_spectrum, psd

DT = 1e-3
PLAIN = {"segment_samples": 64, "overlap": 0.0, "window": "boxcar", "detrend": None}


def rows(values, dims=("trial", "time")):
    return xr.DataArray(values, dims=dims, attrs={"dt": DT})


def related(squared, shape, seed=0):
    """White noises of a given coherence, the same at all frequencies, with phase 0."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    return rows(x), rows(np.sqrt(squared) * x + np.sqrt(1 - squared) * rng.standard_normal(shape))


def test_scipys_numbers():
    x, y = related(0.4, (3, 2000))
    options = {"segment_samples": 200, "overlap": 0.25, "window": "hamming", "detrend": "linear"}
    their = {"fs": 1 / DT, "window": "hamming", "nperseg": 200, "noverlap": 50, "detrend": "linear"}
    ours = cross_spectrum(x, y, **options)
    f, expected = scipy.signal.csd(x.values, y.values, **their, return_onesided=False)
    # the same arithmetic in another order; f_N is listed as -f_N there
    np.testing.assert_allclose(ours.values[:, :-1], expected[:, :100], rtol=1e-10, atol=1e-18)
    _, expected = scipy.signal.coherence(x.values, y.values, **their)
    np.testing.assert_allclose(coherence(x, y, **options)["coherence"], expected, rtol=1e-10)


@pytest.mark.parametrize("method", ["welch", "multitaper", "periodogram"])
def test_spectrum_of_a_signal_with_itself_is_its_density(method):
    x, _ = related(0.5, (2, 300))
    both = cross_spectrum(x, x, method)
    np.testing.assert_allclose(both.real, psd(x, method), rtol=1e-12)
    np.testing.assert_allclose(both.imag, 0.0, atol=1e-15)


def test_multitaper_is_the_mean_over_tapers():
    x, y = related(0.5, (1, 200))
    tapers = scipy.signal.windows.dpss(200, 3.0, 5)
    tapers /= np.linalg.norm(tapers, axis=1, keepdims=True)
    a, b = (np.fft.rfft(tapers * (each.values - each.values.mean()), axis=1) for each in (x, y))
    expected = DT * (a.conj() * b).mean(axis=0)
    np.testing.assert_allclose(
        cross_spectrum(x, y, "multitaper", time_bandwidth=3, n_tapers=5).values[0], expected, rtol=1e-10
    )


@pytest.mark.parametrize("method", ["welch", "multitaper"])
def test_a_follower_has_a_falling_phase(method):
    delay = 3
    x = np.random.default_rng(0).standard_normal(8192 + delay)
    estimate = coherence(rows(x[delay:], ("time",)), rows(x[:-delay], ("time",)), method)
    f = estimate["frequency"].values[5:-5]
    turned = np.angle(np.exp(1j * (estimate["phase"].values[5:-5] + 2 * np.pi * f * delay * DT)))
    # noise-free but for what enters at the ends, delay / segment of the samples
    assert np.abs(turned).max() < 0.05 and estimate["coherence"].values[5:-5].min() > 0.99


def test_phase_is_that_of_the_filter_between():
    x = np.random.default_rng(0).standard_normal((20, 8192))
    y = scipy.signal.lfilter([0.2], [1, -0.8], x)
    s = cross_spectrum(rows(x), rows(y), segment_samples=512).mean("trial")
    f = s["frequency"].values
    response = 0.2 / (1 - 0.8 * np.exp(-2j * np.pi * f * DT))
    keep = slice(2, -2)
    # S_xx = dt; 20 x 31 segments, half of them independent: relative error 1/sqrt(340) of |H| at most, six of them
    np.testing.assert_allclose(s.values[keep] / DT, response[keep], rtol=6 / np.sqrt(340), atol=0)


@pytest.mark.parametrize(
    ("method", "options"), [("welch", {"segment_samples": 64}), ("multitaper", {"time_bandwidth": 4})]
)
def test_unrelated_signals_exceed_the_level_of_chance_as_often_as_it_says(method, options):
    x, y = related(0.0, (600, 512))
    for confidence in (0.9, 0.99):
        estimate = coherence(x, y, method, confidence=confidence, **options)
        inner = estimate.isel(frequency=slice(6, -6, 6 if method == "welch" else 12))
        above = (inner["coherence"] > inner["significance_level"]).values
        p = 1 - confidence
        # three binomial errors; a tenth of p for the counting of overlapping segments
        assert abs(above.mean() - p) < 3 * np.sqrt(p * confidence / above.size) + 0.1 * p
    n = estimate.attrs["independent_averages"]
    assert float(inner["coherence"].mean()) == pytest.approx(1 / n, rel=0.03)  # the stated bias
    assert estimate.attrs["bias_at_zero"] == 1 / n


def test_level_of_chance_at_both_ends_is_that_of_real_coefficients():
    x, y = related(0.0, (20_000, 64 * 5))
    estimate = coherence(x, y, **PLAIN)
    for end in (0, -1):
        above = (estimate["coherence"] > estimate["significance_level"]).values[:, end]
        assert abs(above.mean() - 0.05) < 3 * np.sqrt(0.05 * 0.95 / above.size)  # an exact law: F_{1, n-1}
    # the closed form in between
    assert float(estimate["significance_level"][7]) == pytest.approx(1 - 0.05 ** (1 / 4), rel=1e-12)


@pytest.mark.parametrize("squared", [0.0, 0.3, 0.9])
@pytest.mark.parametrize(
    ("method", "interval", "options"),
    [
        ("welch", "fisher", {"segment_samples": 64}),
        ("welch", "jackknife", PLAIN),
        ("multitaper", "fisher", {"time_bandwidth": 4}),
        ("multitaper", "jackknife", {"time_bandwidth": 6}),
    ],
)
def test_intervals_hold_the_true_coherence_and_phase(squared, method, interval, options):
    x, y = related(squared, (700, 768 if method == "welch" else 256))
    estimate = coherence(x, y, method, interval=interval, **options)
    inner = estimate.isel(frequency=slice(6, -6, 9) if method == "welch" else slice(16, -16, 20))
    held = (inner["coherence_lower"] <= squared) & (squared <= inner["coherence_upper"])
    phase = (inner["phase_lower"] <= 0) & (0 <= inner["phase_upper"])
    error = 3 * np.sqrt(0.05 * 0.95 / held.size)
    # artanh is nearly normal: 0.945 to 0.955, up to 0.965 at small coherence (measured with 4 times as many)
    assert 0.942 - error < float(held.mean()) < 0.97 + error
    # the jackknifed phase is a bit too short, 0.93 to 0.94; unknown where coherence is by chance, 0.96
    assert (0.93 if interval == "jackknife" else 0.942) - error < float(phase.mean()) < 0.967 + error


def test_pooling_trials_is_one_long_average():
    x, y = related(0.5, (40, 256))
    pooled = coherence(x, y, pool="trial", **PLAIN)
    one_long = coherence(*(rows(each.values.reshape(-1), ("time",)) for each in (x, y)), **PLAIN)
    xr.testing.assert_allclose(pooled, one_long)  # disjoint segments: the very same looks
    assert pooled.attrs["averages"] == 160 and pooled.attrs["pooled"] == "trial"
    alone = coherence(x, y, "periodogram", pool="trial")
    assert alone.attrs["independent_averages"] == 40 and alone["coherence"].dims == ("frequency",)


def test_a_common_input_meets_every_trial_and_pairs_are_formed_by_name():
    rng = np.random.default_rng(0)
    x = xr.DataArray(rng.standard_normal((4, 256)), dims=("neuron", "time"), attrs={"dt": DT})
    y = make_traces(rng.standard_normal((3, 4, 256)), DT)
    s = cross_spectrum(x, y)
    assert s.dims == ("neuron", "trial", "frequency")
    one = cross_spectrum(x.isel(neuron=2), y["voltage"].isel(neuron=2, trial=1).assign_attrs(dt=DT))
    np.testing.assert_allclose(s.isel(neuron=2, trial=1), one, rtol=1e-12)
    pairs = coherence(x, x.rename(neuron="other"))["coherence"]
    assert pairs.dims == ("neuron", "other", "frequency")
    np.testing.assert_allclose(pairs, pairs.transpose("other", "neuron", "frequency"), rtol=1e-12)
    np.testing.assert_allclose(pairs.values[np.arange(4), np.arange(4)], 1.0, rtol=1e-12)
    pooled = coherence(x, y, pool=("trial",))
    assert pooled["coherence"].dims == ("neuron", "frequency") and pooled.attrs["averages"] == 3 * 8


@pytest.mark.parametrize(("method", "interval"), [("welch", "fisher"), ("multitaper", "jackknife")])
def test_lazy_traces_and_parts_give_the_same(method, interval, monkeypatch):
    x = make_traces(np.random.default_rng(0).standard_normal((4, 3, 256)), DT)
    y = make_traces(np.random.default_rng(1).standard_normal((4, 3, 256)), DT)
    now = coherence(x, y, method, interval=interval)
    lazy = coherence(x.chunk(trial=1, time=100), y.chunk(neuron=2), method, interval=interval)
    assert lazy["coherence"].chunks is not None
    xr.testing.assert_allclose(lazy.compute(), now, rtol=1e-10)
    pooled = coherence(x, y, method, interval=interval, pool="trial")
    monkeypatch.setattr(_signal, "BLOCK_BYTES", 1)  # every pair by itself
    xr.testing.assert_allclose(coherence(x, y, method, interval=interval), now, rtol=1e-10)
    xr.testing.assert_allclose(coherence(x, y, method, interval=interval, pool="trial"), pooled, rtol=1e-10)


def test_labels_and_units():
    x = make_traces(np.random.default_rng(0).standard_normal((2, 3, 128)), DT, value_unit="mV")
    y = make_traces(np.random.default_rng(1).standard_normal((2, 3, 128)), DT, value_unit="nA")
    x = x.assign_coords(label=("trial", [3, 7]))
    s = cross_spectrum(x, y)
    assert s.attrs["units"] == "(mV) (nA)/Hz" and s["label"].values.tolist() == [3, 7]
    assert cross_spectrum(x, x).attrs["units"] == "(mV)^2/Hz" and cross_spectrum(x, y * 1).dtype == complex
    c = coherence(x, y)
    assert c["phase"].attrs["units"] == "rad" and c["coherence"].attrs["units"] == "1"
    assert c["frequency"].attrs["units"] == "Hz" and c["significance_level"].dims == ("frequency",)
    assert "x by d seconds" in c.attrs["convention"] and c.attrs["confidence"] == 0.95


GOOD = rows(np.random.default_rng(0).standard_normal((3, 256)))
STILL = GOOD.copy(data=np.where(np.arange(3)[:, None] == 1, 0.1, GOOD.values))


@pytest.mark.parametrize(
    ("x", "y", "options", "words"),
    [
        (GOOD, GOOD.assign_attrs(dt=2e-3), {}, "one time step, got 0.001 s and 0.002 s"),
        (GOOD, GOOD.isel(time=slice(200)), {}, "agree along 'time': 256 and 200"),
        (GOOD, GOOD.isel(trial=slice(2)), {}, r"agree along 'trial': 3 and 2.*rename\(trial='other_trial'\)"),
        (GOOD.assign_coords(trial=[0, 1, 2]), GOOD.assign_coords(trial=[0, 1, 3]), {}, "other labels"),
        (GOOD, STILL, {}, "y must vary, but 1 of 3 traces do not"),
        (STILL, GOOD, {"method": "multitaper"}, "x must vary"),
        (GOOD, rows(np.arange(768.0).reshape(3, 256)), {"detrend": "linear"}, "straight line"),
        (GOOD.where(GOOD < 2).assign_attrs(GOOD.attrs), GOOD, {}, r"x must not hold NaN .* x.isel"),
        (GOOD, GOOD.where(GOOD < 2).assign_attrs(GOOD.attrs), {}, "y must not hold NaN"),
        (GOOD.drop_attrs(), GOOD, {}, "x: traces carry neither"),
        (GOOD, GOOD + 1j, {}, "y: traces must be real"),
        (GOOD.isel(time=slice(2)), GOOD.isel(time=slice(2)), {}, "at least 8"),
        (GOOD, GOOD, {"method": "periodogram"}, "at least two looks, got 1"),
        (GOOD, GOOD, {"method": "welch", "segment_samples": 256}, "at least two looks"),
        (GOOD, GOOD, {"interval": "jackknife"}, "overlap=0"),
        (GOOD, GOOD, {"method": "multitaper", "n_tapers": 2}, "at least 3 tapers"),
        (GOOD, GOOD, {"pool": "time"}, "pool must be one of"),
        (GOOD, GOOD, {"pool": "trials"}, "did you mean 'trial'"),
        (GOOD, GOOD, {"confidence": 0.0}, "between 0 and 1"),
        (GOOD, GOOD, {"interval": "bootstrap"}, "interval must be one of"),
        (GOOD, GOOD, {"adaptive": True}, "option of coherence"),
        (
            GOOD.assign_coords(time=DT * np.arange(256)),
            GOOD.assign_coords(time=DT * np.arange(1, 257)),
            {},
            "begin at the same time, got 0 s and 0.001 s",
        ),
    ],
)
def test_bad_input(x, y, options, words):
    with pytest.raises(ValueError, match=words):
        coherence(x, y, **options)


def test_bare_arrays_are_refused_by_name():
    with pytest.raises(TypeError, match="y: traces must be an xarray"):
        cross_spectrum(GOOD, GOOD.values)


def test_frequencies_without_power_have_no_coherence():
    x = rows(np.tile([1.0, -1.0, 2.0, -2.0], (1, 64)))  # period 4: exact zeros between its lines
    y = rows(np.random.default_rng(0).standard_normal((1, 256)))
    estimate = coherence(x, y, segment_samples=64, overlap=0, window="boxcar", detrend=None)
    empty = np.isnan(estimate["coherence"].values[0])
    assert empty[1] and not empty[16]
    np.testing.assert_array_equal(np.isnan(estimate["phase"].values[0]), empty)
