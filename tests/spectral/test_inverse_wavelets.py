"""The inverse wavelet transform: its constant, its gain, bands."""

import numpy as np
import pytest
import xarray as xr

from snntheory.spectral import Morlet, Morse, cwt, icwt, reconstruction_gain

DT = 1e-3


def trace(values):
    dims = ("neuron", "time")[-np.ndim(values) :]
    return xr.DataArray(np.asarray(values), dims=dims, attrs={"dt": DT, "value_unit": "mV"})


def octaves(low, high, per_octave):
    return low * 2.0 ** (np.arange(int(np.log2(high / low) * per_octave) + 1) / per_octave)


def band_limited(low, high, n=4096, seed=0):
    """Noise between two frequencies that fades at its ends."""
    f = np.fft.rfftfreq(n, DT)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(n))
    x = np.fft.irfft(np.where((f > low) & (f < high), spectrum, 0), n) * np.hanning(n)
    return x / x.std()


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("wavelet", [Morlet(), Morlet(6.0, True), Morse(), Morse(12.0, 3.0)])
def test_band_limited_noise_comes_back(wavelet, norm):
    # The grid goes from a quarter of the band's lowest frequency to five times its highest: what lies further out
    # of Morlet's hat(x) is below 1e-5 of its integral.
    x = band_limited(20, 60)
    back = icwt(cwt(trace(x), octaves(5, 300, 8), wavelet, norm, detrend=None))
    assert back.dims == ("time",) and back.attrs["units"] == "mV"
    np.testing.assert_allclose(back.values, x, atol=2e-4)


@pytest.mark.parametrize(("per_octave", "error"), [(3, 2e-2), (4, 3e-3), (6, 1e-4)])
def test_error_against_the_spacing(per_octave, error):
    # The trapezoidal rule of a bell of relative width 1/6: its error falls like a Gaussian of the spacing.
    x = band_limited(20, 60)
    back = icwt(cwt(trace(x), octaves(4, 400, per_octave), detrend=None))
    worst = np.abs(back.values - x).max()
    assert 0.01 * error < worst < error


@pytest.mark.parametrize("wavelet", [Morlet(), Morse()])
def test_gain_is_what_the_inverse_does_to_a_cosine(wavelet):
    t = DT * np.arange(8192)
    grid = octaves(20, 160, 8)
    for f in (15.0, 20.0, 33.0, 80.0, 170.0):
        w = cwt(trace(np.cos(2 * np.pi * f * t + 0.4)), grid, wavelet, detrend=None)
        inner = slice(2000, -2000)
        np.testing.assert_allclose(
            icwt(w).values[inner],
            reconstruction_gain(w, f) * np.cos(2 * np.pi * f * t + 0.4)[inner],
            atol=1e-6,
        )
    gain = reconstruction_gain(w, [56.0, 20.0, 5.0])
    assert (
        gain[0] == pytest.approx(1, abs=0.01) and gain[1] == pytest.approx(0.58, abs=0.05) and gain[2] < 1e-3
    )


def test_a_band_of_a_sum():
    t = DT * np.arange(4096)
    slow, fast = np.cos(2 * np.pi * 12 * t), np.cos(2 * np.pi * 120 * t)
    w = cwt(trace(slow + fast), octaves(3, 400, 8))
    inner = slice(800, -800)
    np.testing.assert_allclose(icwt(w, low=40).values[inner], fast[inner], atol=1e-3)
    # 6 × 120/40 = 18 at the edge: nothing of the fast one below
    np.testing.assert_allclose(icwt(w, high=40).values[inner], slow[inner], atol=1e-3)
    assert icwt(w, low=40).attrs["band"][0] >= 40


def test_lazy_rows_and_bad_input():
    x = np.stack([band_limited(20, 60, 1024, seed) for seed in range(3)])
    w = cwt(trace(x), octaves(5, 300, 6))
    lazy = icwt(cwt(trace(x).chunk(neuron=1), octaves(5, 300, 6)))
    assert lazy.chunks is not None and lazy.dims == ("neuron", "time")
    np.testing.assert_allclose(lazy.values, icwt(w).values, atol=1e-12)
    with pytest.raises(ValueError, match="holds 0 of the transform's frequencies"):
        icwt(w, low=400)
    with pytest.raises(ValueError, match="high must be above"):
        icwt(w, low=100, high=50)
    with pytest.raises(TypeError, match="made by cwt"):
        icwt(trace(x))
