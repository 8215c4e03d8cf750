"""Morlet and generalised Morse wavelets: closed forms, levels, norms, cone."""

import math

import numpy as np
import pytest
import xarray as xr
from scipy.integrate import quad
from scipy.special import gamma as gamma_function

from snntheory.spectral import Morlet, Morse, cone_of_influence, cwt, global_wavelet_spectrum, outside_cone
from snntheory.spectral import wavelet_families as families

DT = 1e-3
ALL = [
    Morlet(),
    Morlet(6.0, True),
    Morlet(2.0, True),
    Morse(),
    Morse(3.0, 3.0),
    Morse(4.0, 1.0),
    Morse(12.0, 2.5),
]
SHARP = [Morlet(), Morlet(6.0, True), Morse(), Morse(40.0, 2.0)]


def trace(values):
    dims = ("neuron", "time")[-np.ndim(values) :]
    return xr.DataArray(np.asarray(values), dims=dims, attrs={"dt": DT})


@pytest.mark.parametrize("wavelet", ALL)
def test_peaks_are_peaks(wavelet):
    for norm, extra in (("l1", 0.0), ("l2", 0.5)):
        top = families.peak(wavelet, norm)
        x = top * np.array([1 - 1e-4, 1.0, 1 + 1e-4])
        values = x**extra * families.shape(wavelet, x)
        assert values[1] > values[0] and values[1] > values[2]
    assert families.shape(wavelet, families.peak(wavelet, "l1")) == pytest.approx(1, abs=1e-14)
    np.testing.assert_array_equal(families.shape(wavelet, [-1.0, 0.0, -1e9]), 0.0)  # analytic


def test_morse_in_closed_form():
    # Lilly & Olhede 2009, equations 7 and 8: the peak, and moments by the gamma function.
    for beta, gamma in ((20.0, 3.0), (3.0, 3.0), (4.0, 1.0), (200.0, 3.0), (2.5, 7.0)):
        wavelet = Morse(beta, gamma)
        top = (math.e * gamma / beta) ** (beta / gamma)
        assert families.peak(wavelet, "l1") == pytest.approx((beta / gamma) ** (1 / gamma), rel=1e-14)
        energy = top**2 * 2 ** (-(2 * beta + 1) / gamma) * gamma_function((2 * beta + 1) / gamma) / gamma
        assert families.moment(wavelet, 2) == pytest.approx(energy, rel=1e-11)
        constant = top * gamma_function(beta / gamma) / gamma
        assert families.moment(wavelet, 1, -1) == pytest.approx(constant, rel=1e-11)
        assert families.quality(wavelet) == pytest.approx(math.sqrt(beta * gamma))


def test_morlet_in_closed_form():
    assert families.moment(Morlet(), 2) == pytest.approx(math.sqrt(math.pi), rel=1e-12)
    by_quad = quad(lambda x: math.exp(-0.5 * (x - 6) ** 2) / x, 6e-3, 20, points=[6])[0]
    assert families.moment(Morlet(), 1, -1) == pytest.approx(
        by_quad, rel=1e-6
    )  # up to 1.5e-8 × ln of the cut
    # The correction is e^{-18} at ω0 = 6; for a slow wavelet it makes a difference, and the mean zero.
    assert families.e_folding(Morlet(6.0, True)) == pytest.approx(math.sqrt(2), rel=1e-7)
    assert families.shape(Morlet(2.0, True), 1e-9) < 1e-8
    with pytest.raises(ValueError, match="omega0 must be at least 5"):
        Morlet(2.0)
    with pytest.raises(ValueError, match="beta must be at least 1"):
        Morse(0.5)


@pytest.mark.parametrize("wavelet", ALL)
def test_quality_is_the_curvature(wavelet):
    top, h = families.peak(wavelet, "l1"), 1e-4
    second = np.log(families.shape(wavelet, top * np.array([1 - h, 1 + h]))).sum() / h**2
    assert families.quality(wavelet) == pytest.approx(math.sqrt(-second), rel=1e-5)  # O(h²)


@pytest.mark.parametrize("wavelet", ALL)
def test_cone_is_where_the_power_of_an_impulse_has_fallen(wavelet):
    edge = families.e_folding(wavelet)
    assert families.envelope(wavelet, edge) ** 2 == pytest.approx(math.exp(-2), rel=1e-6)
    assert np.all(families.envelope(wavelet, edge * np.linspace(1.001, 5, 50)) ** 2 < math.exp(-2))
    assert cone_of_influence(50.0, wavelet=wavelet) == pytest.approx(
        edge * families.peak(wavelet, "l2") / (2 * math.pi * 50), rel=1e-12
    )
    # A transform sees it: an impulse at the beginning of the record.
    x = np.zeros(4096)
    x[0] = 1.0
    power = np.abs(cwt(trace(x), [20.0], wavelet, detrend=None).values[0]) ** 2
    cone = float(cone_of_influence(20.0, wavelet=wavelet)) / DT
    assert np.interp(cone, np.arange(4096), power) == pytest.approx(
        math.exp(-2) * power[0], rel=0.02
    )  # one sample


@pytest.mark.parametrize("wavelet", SHARP)
@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_level_of_white_noise(wavelet, norm):
    # E|W|² = σ² Σ_k |ψ̂|² / n exactly: the sum is an integral by the trapezoidal rule.
    scales = families.scales_of(wavelet, [20.0, 100.0, 250.0], norm)
    bank = families.filter_bank(wavelet, np.fft.rfftfreq(8192, DT), scales, norm, DT)
    expected = 1.0 if norm == "l2" else 2 * families.moment(wavelet, 2) * DT / (math.pi * scales)
    np.testing.assert_allclose((bank**2).sum(axis=1) / 8192, expected, rtol=1e-5)


@pytest.mark.parametrize("wavelet", SHARP)
def test_white_noise_measured(wavelet):
    x = trace(1.7 * np.random.default_rng(1).standard_normal((60, 2000)))
    w = cwt(x, np.geomspace(20, 250, 6), wavelet)
    # 60 traces × 2 s × bandwidth 20/6 Hz: 400 values at the lowest, 5 % at one σ.
    level = global_wavelet_spectrum(w).mean("neuron") / 1.7**2
    np.testing.assert_allclose(level, 1.0, atol=0.16)
    density = global_wavelet_spectrum(w, density=True).mean("neuron") / 1.7**2 / DT
    np.testing.assert_allclose(density, level, rtol=1e-12)
    l1 = global_wavelet_spectrum(cwt(x, np.geomspace(20, 250, 6), wavelet, "l1"), density=True)
    np.testing.assert_allclose(l1.mean("neuron") / 1.7**2 / DT, 1.0, atol=0.16)


@pytest.mark.parametrize("wavelet", SHARP)
@pytest.mark.parametrize("f", [20.0, 55.5, 230.0])
def test_amplitude_and_ridge_of_a_cosine(wavelet, f):
    t = DT * np.arange(4000)
    x = trace(0.3 * np.cos(2 * np.pi * f * t + 0.7))
    w = cwt(x, [f], wavelet, "l1").values[0]
    inner = slice(800, -800)
    np.testing.assert_allclose(np.abs(w[inner]), 0.3, rtol=1e-6)
    np.testing.assert_allclose(
        np.angle(w[inner] * np.exp(-1j * (2 * np.pi * f * t[inner] + 0.7))), 0, atol=1e-6
    )
    grid = f * 2.0 ** (np.arange(-40, 41) / 200)
    for norm in ("l1", "l2"):
        power = np.abs(cwt(x, grid, wavelet, norm).values[:, 2000])
        assert abs(np.argmax(power) - 40) <= 1


@pytest.mark.parametrize("wavelet", [Morlet(), Morlet(6.0, True), Morse(12.0, 3.0)])
def test_gaussian_burst_in_closed_form(wavelet):
    # A Gaussian burst under a Gaussian wavelet: a Gaussian integral. Morse with P = 6 is nearly that wavelet.
    a, omega = 0.02, 2 * np.pi * 100
    t = DT * (np.arange(2048) - 1024)
    x = trace(np.exp(-0.5 * (t / a) ** 2) * np.cos(omega * t))
    grid = np.geomspace(60, 160, 9)
    w = cwt(x, grid, wavelet, "l1", detrend=None).values
    s = (6 / (2 * np.pi * grid))[:, None]
    total = a**2 + s**2
    truth = (
        a
        / np.sqrt(total)
        * np.exp((a**2 * omega + 6 * s + 1j * t) ** 2 / (2 * total) - 0.5 * ((a * omega) ** 2 + 36))
    )
    tolerance = 0.02 if isinstance(wavelet, Morse) else 1e-7  # third order of 1/P; e^{-18} of the correction
    assert np.abs(w - truth).max() < tolerance * np.abs(truth).max()


@pytest.mark.parametrize("wavelet", [Morse(), Morlet(6.0, True), Morse(3.0, 3.0)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_torch_and_single_precision_compute_the_same(wavelet, dtype):
    pytest.importorskip("torch")
    x = trace(np.random.default_rng(0).standard_normal((3, 700)).astype(dtype))
    grid = np.geomspace(3, 500, 40)
    ours, theirs = cwt(x, grid, wavelet), cwt(x, grid, wavelet, device="cpu:0")
    double = cwt(x.astype(np.float64).assign_attrs(dt=DT), grid, wavelet)
    assert ours.dtype == theirs.dtype == np.result_type(dtype, np.complex64)
    top = np.abs(double.values).max()
    assert np.abs(ours.values - theirs.values).max() < (1e-5 if dtype is np.float32 else 1e-13) * top
    assert np.abs(ours.values - double.values).max() < 1e-5 * top


def test_attributes_name_the_wavelet(tmp_path):
    for wavelet in ALL:
        w = cwt(trace(np.random.default_rng(0).standard_normal(300)), [100.0, 200.0], wavelet)
        assert families.wavelet_of(w.attrs) == wavelet
        assert outside_cone(w).dtype == bool
        assert global_wavelet_spectrum(w).attrs["wavelet"] == w.attrs["wavelet"]
    assert cwt(trace(np.ones(50) * np.arange(50)), [100.0], "morse").attrs["beta"] == 20.0


def test_a_result_larger_than_memory_is_refused():
    x = trace(np.broadcast_to(np.float64(0.0), (10**6, 10**6)))
    with pytest.raises(ValueError, match=r"GiB, more than this machine.*traces.chunk"):
        cwt(x, [10.0, 20.0])
