"""Spectra beside Elephant and nitime: the same estimate where both define it alike, else the known difference."""

import numpy as np
import pytest
import scipy.signal
import xarray as xr

from snntheory.spectral import coherence, psd

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("ignore")]
FS = 1000.0


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 1000))
    x -= x.mean(axis=1, keepdims=True)
    y = 0.5 * x + 0.3 * np.roll(x, 2, axis=1) + rng.standard_normal((2, 1000))
    y -= y.mean(axis=1, keepdims=True)
    return x, y


def labelled(values):
    return xr.DataArray(values, dims=("trial", "time"), attrs={"dt": 1 / FS})


def test_elephants_welch_is_ours_with_both_signs_of_the_frequency(pair):
    spectral = pytest.importorskip("elephant.spectral", reason="needs elephant (extra interop)")
    x, y = pair
    _, density = spectral.welch_psd(x, fs=FS, len_segment=200, n_segments=None)
    ours = psd(labelled(x), segment_samples=200).values
    np.testing.assert_allclose(density[:, 1:-1], 2 * ours[:, 1:-1], rtol=1e-9)  # the same arithmetic
    np.testing.assert_allclose(density[:, [0, -1]], ours[:, [0, -1]], rtol=1e-9)
    _, squared, phase = spectral.welch_coherence(x, y, fs=FS, len_segment=200, n_segments=None)
    estimate = coherence(labelled(x), labelled(y), segment_samples=200)
    np.testing.assert_allclose(squared, estimate["coherence"], rtol=1e-9)
    np.testing.assert_allclose(np.exp(1j * phase), np.exp(1j * estimate["phase"]), atol=1e-9)


def test_elephants_multitaper_doubles_the_nyquist_bin(pair):
    spectral = pytest.importorskip("elephant.spectral", reason="needs elephant (extra interop)")
    _, density = spectral.multitaper_psd(pair[0], fs=FS, nw=4)
    ratio = density / psd(labelled(pair[0]), "multitaper").values
    # tapers of the periodic kind there, of the symmetric here: each estimate moves by a few per cent
    np.testing.assert_allclose(np.median(ratio[:, 1:-1]), 2.0, rtol=0.01)
    np.testing.assert_allclose(ratio[:, 0], 1.0, rtol=0.1)
    np.testing.assert_allclose(ratio[:, -1], 2.0, rtol=0.1)


def test_nitimes_adaptive_estimate_has_the_same_mean():
    algorithms = pytest.importorskip("nitime.algorithms", reason="needs nitime: pip install nitime")
    steep = np.array([1, -2.7607, 3.8106, -2.6535, 0.9238])
    noise = np.random.default_rng(0).standard_normal((20, 3024))
    x = scipy.signal.lfilter([1.0], steep, noise)[:, 2000:]
    theirs = [algorithms.multi_taper_psd(row, Fs=FS, NW=4, adaptive=True, jackknife=False)[1] for row in x]
    ours = psd(labelled(x), "multitaper", adaptive=True).mean("trial").values
    ratio = np.mean(theirs, axis=0) / 2 / ours
    # single estimates differ (its repetition stops elsewhere); medians over 100 frequencies agree
    for part in (slice(20, 120), slice(300, 400), slice(400, 500)):
        assert np.median(ratio[part]) == pytest.approx(1.0, abs=0.03)
