"""Ridges: frequency, amplitude and phase of oscillations that move."""

import numpy as np
import pytest
import xarray as xr

from snntheory.spectral import Morlet, Morse, cwt, ridge
from snntheory.spectral.wavelet_families import peak, quality

DT = 1e-3
T = DT * np.arange(4000)
GRID = 10 * 2.0 ** (np.arange(65) / 12)
MIDDLE = 2000


def trace(values):
    dims = ("neuron", "time")[-np.ndim(values) :]
    return xr.DataArray(np.asarray(values), dims=dims, attrs={"dt": DT, "value_unit": "mV"})


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("wavelet", [Morlet(), Morse(), Morlet(6.0, True), Morse(12.0, 2.0)])
@pytest.mark.parametrize("f", [23.1, 40.0, 117.0])
def test_sinusoid(norm, wavelet, f):
    x = trace(0.7 * np.cos(2 * np.pi * f * T + 0.3))
    found = ridge(cwt(x, GRID, wavelet, norm)).isel(time=slice(800, -800))
    inner = T[800:-800]
    # The parabola in the scale is exact for Morlet in "l1"; else the fourth order, (spacing × P)^3 / 100 or so.
    np.testing.assert_allclose(found["frequency"], f, rtol=1e-3)
    np.testing.assert_allclose(found["instantaneous_frequency"], f, rtol=1e-6)
    np.testing.assert_allclose(found["amplitude"], 0.7, rtol=2e-3)
    np.testing.assert_allclose(
        np.angle(np.exp(1j * (found["phase"].values - 2 * np.pi * f * inner - 0.3))), 0, atol=1e-5
    )
    assert found["outside_cone"].all() and found["amplitude"].attrs["units"] == "mV"


@pytest.mark.parametrize("wavelet", [Morlet(), Morse()])
@pytest.mark.parametrize("rate", [10.0, 40.0, -40.0])
def test_bias_of_a_chirp(wavelet, rate):
    # ∫ of a Gaussian window with the phase i c t²/2: amplitude |1 - i c s²|^{-1/2}, phase half the angle of that.
    f = 40 + rate * (T - T[MIDDLE])
    phase = 2 * np.pi * (40 * (T - T[MIDDLE]) + 0.5 * rate * (T - T[MIDDLE]) ** 2)
    alive = f > 5
    found = ridge(cwt(trace(np.where(alive, np.cos(phase), 0.0)), GRID, wavelet, "l1")).isel(time=MIDDLE)
    duration = quality(wavelet) / (2 * np.pi * 40)
    turn = 2 * np.pi * rate * duration**2
    assert float(found["amplitude"]) == pytest.approx((1 + turn**2) ** -0.25, abs=1e-3)
    assert float(found["phase"]) == pytest.approx(0.5 * np.arctan(turn), abs=2e-3)
    assert float(found["frequency"]) == pytest.approx(40, rel=1e-3)
    assert float(found["instantaneous_frequency"]) == pytest.approx(40, rel=1e-4)


def test_a_path_follows_and_stiffness_holds_it():
    # A sweep in noise: without a price the largest |W| jumps about, with it the path stays on the sweep.
    rng = np.random.default_rng(3)
    f = 60 + 15 * np.sin(2 * np.pi * 0.5 * T)
    x = np.cos(2 * np.pi * np.cumsum(f) * DT) + 1.5 * rng.standard_normal(T.size)
    w = cwt(trace(x), GRID)  # l2: white noise is equally strong at all frequencies
    inner = slice(400, -400)
    errors = [
        np.abs(ridge(w, stiffness=stiffness)["frequency"].values - f)[inner].max()
        for stiffness in (0.0, 1.0, 30.0)
    ]
    assert errors[0] > 100 > 30 > errors[1] > 10 > errors[2]  # a bandwidth at 60 Hz is 10 Hz


def test_two_ridges_in_order_of_strength():
    x = trace(0.5 * np.cos(2 * np.pi * 25 * T) + 1.0 * np.cos(2 * np.pi * 110 * T))
    found = ridge(cwt(xr.concat([x, 2 * x], "neuron"), GRID, norm="l1"), count=2)
    inner = found.isel(time=slice(800, -800)).mean("time")
    assert found["amplitude"].dims == ("neuron", "ridge", "time")
    np.testing.assert_allclose(inner["amplitude"], [[1.0, 0.5], [2.0, 1.0]], rtol=2e-3)
    np.testing.assert_allclose(inner["frequency"], [[110, 25]] * 2, rtol=1e-3)


def test_viterbi_is_the_best_of_all_paths():
    from itertools import product

    from snntheory.spectral.ridges import _best_path

    rng = np.random.default_rng(0)
    score = rng.standard_normal((3, 6))
    cost = 0.7 * np.abs(np.subtract.outer(np.arange(3), np.arange(3)))

    def value(path):
        return sum(score[path[t], t] for t in range(6)) - sum(
            cost[a, b] for a, b in zip(path, path[1:], strict=False)
        )

    best = max(product(range(3), repeat=6), key=value)
    assert tuple(_best_path(score, cost)) == best


def test_peak_is_used_for_the_scale():
    for wavelet in (Morlet(), Morse()):
        w = cwt(trace(np.cos(2 * np.pi * 50 * T)), GRID, wavelet, "l2")
        np.testing.assert_allclose(w["scale"] * w["frequency"] * 2 * np.pi, peak(wavelet, "l2"), rtol=1e-12)


def test_bad_input():
    w = cwt(trace(np.cos(2 * np.pi * 50 * T)), GRID)
    with pytest.raises(ValueError, match="at least 3 frequencies"):
        ridge(w.isel(frequency=slice(0, 2)))
    with pytest.raises(ValueError, match="count must be at least 1"):
        ridge(w, count=0)
    with pytest.raises(ValueError, match="stiffness must be at least 0"):
        ridge(w, stiffness=-1)
    with pytest.raises(TypeError, match="made by cwt"):
        ridge(trace(np.ones(100)))
