"""The wavelet transform against the identities of Torrence & Compo 1998, and against PyWavelets."""

import math

import numpy as np
import pytest
import pywt
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from snntheory import make_traces
from snntheory.spectral import (
    cone_of_influence,
    cwt,
    default_frequencies,
    global_wavelet_spectrum,
    outside_cone,
    psd,
)
from snntheory.spectral._wavelet_transform import transform_rows
from snntheory.spectral.wavelet_families import Morlet, filter_bank, scales_of

DT = 1e-3
NORMS = ("l2", "l1")


def trace(values, dt=DT):
    dims = ("neuron", "time")[-np.ndim(values) :]
    return xr.DataArray(np.asarray(values), dims=dims, attrs={"dt": dt})


def red_noise(n=2048, a=0.72, seed=0):
    from scipy.signal import lfilter

    return lfilter([1.0], [1.0, -a], np.random.default_rng(seed).standard_normal(n + 200))[200:]


def middling_noise(n):
    """Noise with nothing at 0 (which no scale sees) nor at f_N (which counts twice), and fading ends."""
    x = red_noise(n + 2)
    return (x[2:] - x[:-2]) * np.hanning(n)


def all_scales(x, per_octave=20, first=0.5):
    """The l2 transform of one trace from scale 0.5 dt up; public frequencies end at Nyquist, 1.94 dt."""
    octaves = math.log2(0.5 * x.size / first)
    scales = first * DT * 2.0 ** (np.arange(int(per_octave * octaves) + 1) / per_octave)
    return scales, transform_rows(x[None], DT, scales, Morlet(), "l2")[0]


def gaussian_integral(width):
    """∫ e^{-(x - 6)²/width} dx/x over x > 0: what all scales together give a frequency."""
    return quad(lambda x: math.exp(-((x - 6) ** 2) / width) / x, 1e-3, 20, points=[6])[0]


# Identities -------------------------------------------------------------------------------------------------


def test_fourier_period_of_the_table():
    # Torrence & Compo, table 1: λ = 1.03 s for ω0 = 6, so that f s = 1 / 1.033.
    w = cwt(trace(red_noise(256)), frequencies=[50.0])
    assert float(1 / (w["scale"] * 50.0)[0]) == pytest.approx(1.033, abs=5e-4)
    assert cone_of_influence(50.0) == pytest.approx(math.sqrt(2) * float(w["scale"][0]), rel=1e-14)
    assert w.attrs["cone_of_influence"] == pytest.approx([math.sqrt(2) / 1.033 / 50], rel=5e-4)


def reconstruction(x, per_octave=20):
    """Torrence & Compo's equation 11 without 1/C_δ."""
    scales, w = all_scales(x, per_octave)
    return math.sqrt(DT) / per_octave / math.pi**-0.25 * (w.real / np.sqrt(scales)[:, None]).sum(axis=0)


# Equation 13 for all scales: √(2π) / (2 ln 2) ∫ e^{-(x-6)²/2} dx/x.
C_DELTA = math.sqrt(2 * math.pi) / (2 * math.log(2)) * gaussian_integral(2)


def test_reconstruction_constant():
    delta = np.zeros(4096)
    delta[2048] = 1.0
    # The sum over 20 scales an octave is the integral to rounding; frequencies below 6/(2π n dt / 2), the
    # last scale's, are missing: 2e-3 of all in 4096 samples.
    assert reconstruction(delta)[2048] == pytest.approx(C_DELTA, rel=3e-3)
    assert C_DELTA == pytest.approx(0.776, rel=4e-3)  # table 2, from a finite set of scales


def test_reconstruction():
    # The sum over scales is an integral to rounding; the longest scale misses a slow 2e-3 of the signal.
    x = middling_noise(2048)
    np.testing.assert_allclose(reconstruction(x) / C_DELTA, x, atol=3e-3 * np.std(x))


def test_variance_identity():
    # Equation 14, Σ x² = δj dt / C Σ |W|² / s, where C = π^{1/2} / ln 2 ∫ e^{-(x-6)²} dx/x exactly (the
    # table's 0.776 is 1.3 % off for this identity), on the same kind of signal.
    x = middling_noise(4096)
    scales, w = all_scales(x)
    total = DT / 20 * (np.abs(w) ** 2 / scales[:, None]).sum()
    constant = math.sqrt(math.pi) / math.log(2) * gaussian_integral(1)
    assert total / constant == pytest.approx((x**2).sum(), rel=1e-3)
    assert constant == pytest.approx(0.776, rel=0.02)


def test_white_noise_has_its_variance_at_every_scale():
    sigma = 2.5
    x = trace(sigma * np.random.default_rng(1).standard_normal((200, 1024)))
    frequency = np.geomspace(10.0, 350.0, 12)  # the wavelet fits between 0 and f_N: below 0.75 f_N
    level = global_wavelet_spectrum(cwt(x, frequencies=frequency)).mean("neuron") / sigma**2
    # Independent values: 200 traces × time inside the cone / √(2π) s. At 10 Hz about 200 × 3: 5 % at one σ.
    assert np.all(np.abs(level.values - 1) < np.where(frequency < 60, 0.15, 0.06))


@pytest.mark.parametrize("norm", NORMS)
def test_white_noise_level_by_the_filter(norm):
    # E|W|² = σ² Σ_k |ψ̂|² / n exactly (circular): no statistics. The sum is an integral of a Gaussian by the
    # trapezoidal rule, which converges faster than any power; at 350 Hz 3e-4 of it lies beyond f_N.
    frequency = np.array([20.0, 100.0, 350.0])
    scales = scales_of(Morlet(), frequency, norm)
    bank = filter_bank(Morlet(), np.fft.rfftfreq(4096, DT), scales, norm, DT)
    expected = 1.0 if norm == "l2" else 2 * DT / (scales * math.sqrt(math.pi))
    np.testing.assert_allclose((bank**2).sum(axis=1) / 4096, expected, rtol=4e-4)
    assert np.all(bank[:, 0] == 0.0)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("f", [20.0, 55.5, 230.0])
def test_ridge_of_a_cosine_is_at_its_frequency(norm, f):
    x = trace(np.cos(2 * np.pi * f * DT * np.arange(4000) + 0.4))
    grid = f * 2.0 ** (np.arange(-40, 41) / 200)
    power = np.abs(cwt(x, frequencies=grid, norm=norm).values[:, 2000])
    assert abs(np.argmax(power) - 40) <= 1  # one step is 0.35 %; the other norm's scale would be 1.4 % off


@pytest.mark.parametrize("amplitude", [1.0, 0.3])
def test_l1_gives_the_amplitude_and_phase_of_a_cosine(amplitude):
    t = DT * np.arange(4000)
    w = cwt(trace(amplitude * np.cos(2 * np.pi * 50 * t + 0.7)), frequencies=[50.0], norm="l1").values[0]
    inner = slice(500, -500)  # the ends reach √2 s = 27 ms; e^{-(0.5 s / s)²/2} is nothing
    np.testing.assert_allclose(np.abs(w[inner]), amplitude, rtol=1e-6)
    np.testing.assert_allclose(
        np.angle(w[inner] * np.exp(-1j * (2 * np.pi * 50 * t[inner] + 0.7))), 0, atol=1e-6
    )


def test_l2_amplitude_of_a_cosine():
    # |W| = (a/2) √(2πs/dt) π^{-1/4} e^{-(sω-ω0)²/2}, half the amplitude being in the positive frequency.
    f = 50.0
    w = cwt(trace(np.cos(2 * np.pi * f * DT * np.arange(4000))), frequencies=[f])
    s = (6 + math.sqrt(38)) / (4 * math.pi * f)
    expected = (
        0.5
        * math.sqrt(2 * math.pi * s / DT)
        * math.pi**-0.25
        * math.exp(-((2 * math.pi * f * s - 6) ** 2) / 2)
    )
    assert abs(w.values[0, 2000]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("norm", NORMS)
def test_density_agrees_with_psd(norm):
    dt, a = DT, 0.6
    x = trace(np.stack([red_noise(4096, a, seed) for seed in range(40)]))
    f = np.geomspace(15.0, 300.0, 8)
    smooth = global_wavelet_spectrum(cwt(x, frequencies=f, norm=norm), density=True).mean("neuron").values
    truth = dt / (1 + a**2 - 2 * a * np.cos(2 * np.pi * f * dt))
    welch = psd(x).mean("neuron").interp(frequency=f).values
    # A band of ±f/6 smooths a slope of at most f^{-1.2}: 2 %; 40 traces × 4 s × band 15/6 Hz: 4 % at one σ.
    np.testing.assert_allclose(smooth, truth, rtol=0.15)
    np.testing.assert_allclose(smooth, welch, rtol=0.2)


# Properties -------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.floats(-3, 3), st.floats(-3, 3), st.sampled_from(NORMS))
def test_linear(seed, a, b, norm):
    x, y = np.random.default_rng(seed).standard_normal((2, 200))
    f = [30.0, 120.0]
    both = cwt(trace(a * x + b * y), f, norm=norm).values
    np.testing.assert_allclose(
        both, a * cwt(trace(x), f, norm=norm) + b * cwt(trace(y), f, norm=norm), atol=1e-11
    )


def test_shift_in_time_shifts_the_transform():
    x = np.zeros((2, 1024))
    pulse = np.random.default_rng(0).standard_normal(100)
    x[0, 400:500] = pulse
    x[1, 437:537] = pulse
    w = cwt(trace(x), frequencies=[40.0, 150.0], detrend=None).values
    # Zero padding hides the ends from each other to e^{-8} of the lowest frequency's envelope.
    np.testing.assert_allclose(w[1, :, 200:900], w[0, :, 163:863], atol=1e-5)


def test_an_offset_and_a_trend_can_be_removed():
    x, t = red_noise(512), np.arange(512)
    f = [20.0, 100.0]
    np.testing.assert_allclose(cwt(trace(x + 5), f), cwt(trace(x), f), atol=1e-11)
    np.testing.assert_allclose(
        cwt(trace(x + 0.1 * t), f, detrend="linear"), cwt(trace(x), f, detrend="linear"), atol=1e-10
    )
    assert np.abs(cwt(trace(x + 5), f, detrend=None) - cwt(trace(x), f)).max() > 1  # what the default avoids


def test_against_pywavelets():
    # cmor with B = 2, C = ω0/2π is the same wavelet, without our π^{-1/4}. pywt convolves with differences of
    # its integral, which averages over one sample: sin(πf dt)/(πf dt). It samples that integral on a grid, so
    # its delay is off by a part of a sample (moduli are compared) and its values by some per mille.
    x = red_noise(1024) * np.hanning(1024)
    f = np.array([15.0, 40.0, 110.0])
    ours = cwt(trace(x), frequencies=f, detrend=None)
    name = f"cmor2.0-{6 / (2 * math.pi):.15f}"
    theirs, _ = pywt.cwt(x, ours["scale"].values / DT, name, precision=16)
    expected = np.abs(theirs) * math.sqrt(2 * math.pi) * math.pi**-0.25 / np.sinc(f * DT)[:, None]
    inner = slice(150, -150)
    difference = np.abs(np.abs(ours.values) - expected)[:, inner].max(axis=1)
    assert np.all(difference < 0.01 * expected[:, inner].max(axis=1))


# Default frequencies, cone ----------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("n", [16, 100, 1001])
def test_default_frequencies(n, norm):
    f = default_frequencies(n, DT, norm=norm)
    assert f[-1] == 500.0
    np.testing.assert_allclose(np.diff(np.log2(f)), 1 / 12, rtol=1e-9)
    half = (n - 1) * DT / 2
    assert (
        cone_of_influence(f[0], norm=norm)
        < half
        < cone_of_influence(f[0] * 2 ** (-1 / 12), norm=norm) * 1.0000001
    )


def test_outside_cone_and_slices():
    w = cwt(trace(red_noise(400)), frequencies=[20.0, 100.0])
    mask = outside_cone(w)
    t = w["time"].values
    for row, f in enumerate((20.0, 100.0)):
        cone = float(cone_of_influence(f))
        np.testing.assert_array_equal(mask.values[row], (t >= cone) & (t[-1] - t >= cone))
    # A slice keeps the ends of the record it came from.
    xr.testing.assert_equal(outside_cone(w.isel(time=slice(50, 200))), mask.isel(time=slice(50, 200)))


def test_cone_contains_what_an_end_disturbs():
    # A cosine cut off by the record: outside the cone its l1 amplitude is right to 8 % (Φ(-√2) = 0.079).
    w = cwt(trace(np.cos(2 * np.pi * 25 * DT * np.arange(1000))), frequencies=[25.0], norm="l1", detrend=None)
    error = np.abs(np.abs(w.values[0]) - 1)
    free = outside_cone(w).values[0]
    assert error[free].max() < 0.08 < error[~free].max()
    # A step at the end: |∫ ψ| beyond √2 scales, by quadrature of 2 (2π)^{-1/2} e^{-u²/2 + 6iu}.
    u = np.linspace(math.sqrt(2), 12, 200_001)
    left = abs(np.trapezoid(2 / math.sqrt(2 * math.pi) * np.exp(-(u**2) / 2 + 6j * u), u))
    w = cwt(trace(np.ones(1000)), frequencies=[25.0], norm="l1", detrend=None)
    at_cone = np.interp(float(cone_of_influence(25.0, norm="l1")), DT * np.arange(1000), np.abs(w.values[0]))
    # the step lies half a sample before the first one: √2 / 2 of a sample in 38 a scale, 1.8 %
    assert at_cone == pytest.approx(left, rel=0.03) and left == pytest.approx(0.05, abs=0.003)


def test_nothing_outside_the_cone_is_nan():
    w = cwt(trace(red_noise(100)), frequencies=[5.0, 200.0])
    spectrum = global_wavelet_spectrum(w)
    assert np.isnan(spectrum.values[0]) and np.isfinite(spectrum.values[1])
    assert np.isfinite(global_wavelet_spectrum(w, outside_cone=False).values).all()


# Labels, types, devices -------------------------------------------------------------------------------------


def test_labels_and_storage(tmp_path):
    traces = make_traces(np.random.default_rng(0).standard_normal((2, 3, 128)), DT, t0=0.5, value_unit="mV")
    w = cwt(traces, frequencies=[50.0, 100.0])
    assert w.dims == ("trial", "neuron", "frequency", "time") and w.shape == (2, 3, 2, 128)
    assert w["time"].values[0] == 0.5 and w.attrs["units"] == "mV" and w.dtype == np.complex128
    modulus = np.abs(w)
    modulus.attrs = w.attrs
    modulus.to_netcdf(tmp_path / "w.nc", engine="h5netcdf")
    with xr.open_dataarray(tmp_path / "w.nc", engine="h5netcdf") as again:
        np.testing.assert_array_equal(again["cone_of_influence"], w["cone_of_influence"])
        np.testing.assert_array_equal(again.attrs["cone_of_influence"], w.attrs["cone_of_influence"])


def test_single_precision():
    x = np.random.default_rng(0).standard_normal((3, 500))
    double, single = cwt(trace(x)), cwt(trace(x.astype(np.float32)))
    assert single.dtype == np.complex64
    # Rounding of an FFT of 1000 points in float32: some 1e-7 × log2(1000) of the largest value.
    assert np.abs(single.values - double.values).max() < 1e-5 * np.abs(double.values).max()


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_torch_computes_the_same(norm, dtype):
    pytest.importorskip("torch")
    rows = np.random.default_rng(0).standard_normal((5, 300)).astype(dtype)
    scales = 1 / np.array([20.0, 60.0, 400.0])
    ours = transform_rows(rows, DT, scales, Morlet(), norm)
    theirs = transform_rows(rows, DT, scales, Morlet(), norm, "cpu:0")
    assert theirs.dtype == ours.dtype
    tolerance = 1e-5 if dtype is np.float32 else 1e-13  # rounding of two different FFTs
    assert np.abs(theirs - ours).max() < tolerance * np.abs(ours).max()


def test_blocks_do_not_change_the_result():
    x = trace(np.random.default_rng(0).standard_normal((7, 300)))
    # 50 kB: a few rows and frequencies at a time
    np.testing.assert_allclose(cwt(x, block_bytes=50_000).values, cwt(x).values, atol=1e-13)


def test_dask_gives_the_same():
    traces = make_traces(np.random.default_rng(0).standard_normal((4, 1, 128)), DT)
    lazy = cwt(traces.chunk(trial=2), frequencies=[50.0])
    assert lazy.chunks is not None
    np.testing.assert_allclose(lazy.values, cwt(traces, frequencies=[50.0]).values, atol=1e-13)


@pytest.mark.parametrize(
    ("values", "options", "words"),
    [
        (red_noise(100), {"frequencies": [0.0, 10.0]}, "above 0"),
        (red_noise(100), {"frequencies": [501.0]}, "Nyquist, 500 Hz"),
        (red_noise(100), {"frequencies": []}, "frequencies"),
        (red_noise(100), {"frequencies": [[10.0]]}, "dimension"),
        (red_noise(100), {"frequencies": [np.nan]}, "finite"),
        (red_noise(100), {"wavelet": "mexican"}, "wavelet must be one of"),
        (red_noise(100), {"norm": "l3"}, "norm must be one of"),
        (red_noise(100), {"omega0": 2.0}, "omega0 must be at least 5"),
        (red_noise(100), {"detrend": "cubic"}, "detrend must be one of"),
        (red_noise(5), {}, "too few"),
        (np.full(100, np.nan), {}, "NaN or infinity"),
    ],
)
def test_bad_input(values, options, words):
    with pytest.raises(ValueError, match=words):
        cwt(trace(values), **options)


@pytest.mark.parametrize("device", ["cuda:99", "nonsense"])
def test_device_that_is_not_there(device):
    pytest.importorskip("torch")
    with pytest.raises(ValueError, match="not available here.*use 'cpu'"):
        cwt(trace(red_noise(100)), device=device)


def test_functions_of_a_transform_want_one():
    with pytest.raises(TypeError, match="made by cwt"):
        outside_cone(trace(red_noise(100)))
    with pytest.raises(ValueError, match="dimensions frequency and time"):
        global_wavelet_spectrum(cwt(trace(red_noise(100))).isel(time=0))
