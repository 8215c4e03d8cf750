"""Cross-wavelet transform and wavelet coherence, their levels against theory and independent noise."""

import numpy as np
import pytest
import xarray as xr
from scipy.signal import lfilter

from snntheory.spectral import cross_wavelet, cwt, wavelet_coherence
from snntheory.spectral.surrogates import autoregression, surrogate_maker

DT = 1e-3


def trace(values, lead="neuron"):
    dims = (lead, "time")[-np.ndim(values) :]
    return xr.DataArray(np.asarray(values), dims=dims, attrs={"dt": DT, "value_unit": "mV"})


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def red(a, *shape, seed=0):
    return lfilter([1.0], [1.0, -a], noise(*shape[:-1], shape[-1] + 300, seed=seed))[..., 300:]


def test_cross_wavelet():
    x, y = trace(noise(2, 400)), trace(noise(2, 400, seed=1))
    w = cross_wavelet(x, y, [30.0, 100.0])
    np.testing.assert_allclose(w.values, cwt(x, [30.0, 100.0]).values * cwt(y, [30.0, 100.0]).values.conj())
    assert w.attrs["units"] == "(mV)(mV)" and w.dims == ("neuron", "frequency", "time")
    t = DT * np.arange(2000)
    late = cross_wavelet(
        trace(np.cos(2 * np.pi * 50 * t)), trace(np.cos(2 * np.pi * 50 * (t - 0.003))), [50.0]
    )
    assert np.angle(late.values[0, 1000]) == pytest.approx(
        2 * np.pi * 50 * 0.003, abs=1e-6
    )  # x leads by 3 ms


@pytest.mark.parametrize("wavelet", ["morlet", "morse"])
def test_a_delayed_copy_is_coherent(wavelet):
    x = noise(3000)
    found = wavelet_coherence(trace(x[5:]), trace(-2 * x[:-5]), np.geomspace(8, 60, 20), wavelet)
    free = found["outside_cone"]
    # 5 ms is short beside every wavelet (its envelope at 60 Hz is 0.95 there); unrelated noise has about 0.35
    assert float(found["coherence"].where(free).mean()) > 0.97
    # x leads by 5 ms, and the sign turns by half a cycle.
    phase = np.exp(1j * found["phase"].sel(frequency=20, method="nearest").where(free).dropna("time"))
    f = float(found["frequency"].sel(frequency=20, method="nearest"))
    assert abs(np.angle(phase.mean() * -np.exp(-2j * np.pi * f * 0.005))) < 0.03


@pytest.mark.parametrize("trials", [2, 5, 12])
def test_level_over_trials_is_the_textbook_one(trials):
    # K independent complex Gaussian pairs: P(R² > c) = (1 - c)^{K-1}, mean 1/K.
    x, y = trace(noise(trials, 30_000, seed=1), "trial"), trace(noise(trials, 30_000, seed=2), "trial")
    found = wavelet_coherence(x, y, [40.0, 110.0], over="trial", smooth=False)
    level = 1 - 0.05 ** (1 / (trials - 1))
    assert found["coherence"].dims == ("frequency", "time")
    # 30 s × bandwidth 40/6 Hz: 350 independent values, ±0.012 at one σ
    np.testing.assert_allclose((found["coherence"] > level).mean("time"), 0.05, atol=0.035)
    np.testing.assert_allclose(found["coherence"].mean("time"), 1 / trials, atol=0.05)


def test_signal_in_noise_over_trials():
    # R² = (S/(S + N))² for equal noise: 0.25 at S = N, and 1/K more for few trials, (1 - R²)²/K.
    common = noise(40, 2000, seed=3)
    x, y = (trace(common + noise(40, 2000, seed=seed), "trial") for seed in (4, 5))
    found = wavelet_coherence(x, y, np.array([60.0, 120.0, 240.0]), over="trial", smooth=False)
    expected = 0.25 + (1 - 0.25) ** 2 / 40
    np.testing.assert_allclose(found["coherence"].mean("time"), expected, atol=0.05)


@pytest.mark.parametrize("kind", ["ar1", "phase"])
def test_false_positives_at_the_nominal_rate(kind):
    pairs = 16
    x, y = trace(red(0.8, pairs, 800, seed=5)), trace(red(0.5, pairs, 800, seed=6))
    grid = np.geomspace(16, 250, 17)
    found = wavelet_coherence(x, y, grid, surrogates=16, kind=kind, seed=7)
    assert found["level"].dims == ("neuron", "frequency") and found["level"].attrs["surrogates"] == 16
    above = (found["coherence"] > found["level"]).where(found["outside_cone"]).mean(("frequency", "time"))
    # The rate over 16 pairs with its own standard error, doubled for the levels' (16 surrogates each), at 3 σ.
    error = float(above.std(ddof=1)) / np.sqrt(pairs)
    assert error < 0.015
    assert float(above.mean()) == pytest.approx(0.05, abs=3 * np.sqrt(2) * error)


def test_the_seed_decides_and_progress_is_told():
    x, y = trace(noise(300)), trace(noise(300, seed=1))
    grid = np.geomspace(30, 200, 9)
    heard = []
    options = dict(surrogates=5, confidence=0.9)
    a = wavelet_coherence(x, y, grid, seed=1, progress=heard.append, **options)
    assert heard[-1] == 1.0
    xr.testing.assert_identical(a, wavelet_coherence(x, y, grid, seed=1, **options))
    assert not np.array_equal(a["level"], wavelet_coherence(x, y, grid, seed=2, **options)["level"])


def test_names_are_matched():
    x, y = trace(noise(4, 300), "trial"), xr.DataArray(
        noise(4, 3, 300, seed=1), dims=("trial", "neuron", "time"), attrs={"dt": DT}
    )  # fmt: skip
    grid = np.geomspace(30, 200, 6)
    found = wavelet_coherence(x, y, grid)
    assert found["coherence"].dims == ("trial", "neuron", "frequency", "time")
    one = wavelet_coherence(x.isel(trial=2), y.isel(trial=2, neuron=1), grid)
    np.testing.assert_allclose(found["coherence"].isel(trial=2, neuron=1), one["coherence"], atol=1e-12)
    assert wavelet_coherence(x, y, grid, over="trial")["coherence"].dims == ("neuron", "frequency", "time")


def test_a_silent_stretch_has_no_coherence_and_no_warning():
    x = noise(2000)
    x[600:1600] = 0.0
    found = wavelet_coherence(trace(x), trace(noise(2000, seed=1)), np.geomspace(100, 300, 6), detrend=None)
    assert np.isfinite(found["coherence"]).all() and found["coherence"].sel(time=slice(None)).max() <= 1
    assert float(found["coherence"].isel(time=1100).max()) < 0.01


def test_surrogates_keep_the_spectrum_and_nothing_else():
    x = red(0.9, 2, 1000, seed=1) + 3
    rng = np.random.default_rng(0)
    phase = surrogate_maker(x, "phase")(rng)
    np.testing.assert_allclose(np.abs(np.fft.rfft(phase))[:, 1:], np.abs(np.fft.rfft(x))[:, 1:], atol=1e-9)
    assert abs(np.corrcoef(phase[0], x[0])[0, 1]) < 0.3
    make = surrogate_maker(x, "ar1")
    drawn = np.concatenate([make(rng) for _ in range(200)])
    assert drawn.var() == pytest.approx(x.var(axis=1).mean(), rel=0.05)
    assert drawn[:, 0].var() == pytest.approx(drawn[:, -1].var(), rel=0.3)  # stationary from the first sample
    # Unbiased to 1/n²: 400 series of 100 values with a = 0.6 are wrong by (1 + 4a)/n = 0.034 without the correction.
    series = red(0.6, 400, 100, seed=2)
    estimate = autoregression(series - series.mean(axis=1, keepdims=True))
    assert estimate.mean() == pytest.approx(0.6, abs=4 * 0.08 / 20)


@pytest.mark.parametrize(
    ("y", "options", "words"),
    [
        (np.ones(300), {}, "y holds a trace that is constant"),
        (noise(299), {}, "299"),
        (np.full(300, np.nan), {}, "NaN"),
        (noise(300), {"smooth": False}, "is 1 everywhere; name a dimension"),
        (noise(300), {"over": "trial"}, "over must be a dimension of both"),
        (noise(300), {"confidence": 1.0}, "confidence must lie between 0 and 1"),
        (noise(300), {"kind": "shuffle"}, "kind must be one of"),
        (noise(300), {"surrogates": -1}, "surrogates must be at least 0"),
    ],
)
def test_bad_input(y, options, words):
    with pytest.raises(ValueError, match=words):
        wavelet_coherence(trace(noise(300)), trace(y), [50.0, 100.0], **options)
