"""Ridges of a wavelet transform: the frequency and amplitude of an oscillation that changes with time."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from .._check import integer, number
from .wavelet_families import level, peak, quality, shape, wavelet_of
from .wavelets import check_transform, outside_cone


def ridge(transform: xr.DataArray, count: int = 1, stiffness: float = 1.0) -> xr.Dataset:
    """The strongest continuous ridges of |W| and the oscillations along them.

    Definition
        A path f(t) over the transform's frequencies that maximises ::

            Σ_t ln |W(f_t, t)|² - stiffness Σ_t (P ln(f_{t+1} / f_t))² / (2 Δ)

        found exactly (Viterbi); P is the wavelet's quality and Δ = dt f P, the steps counted in bandwidths
        and durations of the wavelet. Between the grid's frequencies ln|W| is interpolated by a parabola in
        the scale; the instantaneous frequency is the phase's derivative there, Im(∂_t W / W) / 2π.

    Parameters
    ----------
    transform : DataArray (..., frequency, time), as from `cwt`, at least three frequencies
    count : int
        Ridges to find, the strongest first; around each one bandwidth (a factor e^{±2/P}) is cleared.
    stiffness : float
        Price of a path that moves; 0 takes the largest |W| at each time by itself. In strong noise 10 to 30
        keep the path from leaping to a neighbour's peak.

    Returns
    -------
    Dataset (..., ridge, time)
        ``frequency`` and ``instantaneous_frequency`` (hertz), ``amplitude`` (value_unit: of a sinusoid,
        whatever the norm), ``phase`` (radians, of a cosine), ``outside_cone`` (bool). ``ridge`` is dropped
        for ``count`` = 1.

    Assumptions
        One oscillation in the wavelet's band. For a chirp whose frequency rises by f' hertz a second the
        amplitude is too low by the factor (1 + (2π f' s²)²)^{-1/4} with the Morlet wavelet, s its scale
        (`Morse`: nearly, with s P / peak for s): 1 % where the frequency changes by a fifth of a bandwidth in
        the wavelet's duration. The phase is ahead by half of atan(2π f' s²). The instantaneous frequency of
        norm "l1" is off by some 1e-5 then, that of "l2" by 1e-3. In white noise prefer "l2", in which it is
        equally strong everywhere: in "l1" it grows towards high frequencies.

    Accuracy
        tests/spectral/test_ridges.py: frequency, amplitude and phase of sinusoids to 1e-3 (at 12 frequencies
        an octave), of chirps with the bias above.

    References
        Delprat et al. 1992; Lilly & Olhede 2010.
    """
    check_transform(transform)
    count = integer("count", count, minimum=1)
    stiffness = number("stiffness", stiffness, minimum=0.0)
    transform = transform.transpose(..., "frequency", "time").sortby("frequency")
    grid = transform["frequency"].values
    if grid.size < 3 or transform.sizes["time"] < 3:
        raise ValueError(
            f"a ridge needs at least 3 frequencies and 3 times, got {grid.size} and {transform.sizes['time']}"
        )
    lead = transform.dims[:-2]
    w = transform.values.reshape(-1, grid.size, transform.sizes["time"])
    found = [_ridges(rows, transform, count, stiffness) for rows in w]
    names = ("frequency", "instantaneous_frequency", "amplitude", "phase", "outside_cone")
    sizes = transform.shape[:-2] + (count, transform.sizes["time"])
    data = {
        name: ((*lead, "ridge", "time"), np.array([each[k] for each in found]).reshape(sizes))
        for k, name in enumerate(names)
    }
    keep = {k: v for k, v in transform.coords.items() if "frequency" not in v.dims}
    out = xr.Dataset(data, coords=keep)
    out["outside_cone"] = out["outside_cone"].astype(bool)
    units = {"frequency": "Hz", "instantaneous_frequency": "Hz", "phase": "rad"}
    units["amplitude"] = transform.attrs["units"]
    for name, unit in units.items():
        out[name].attrs["units"] = unit
    out.attrs = {"stiffness": stiffness, "norm": transform.attrs["norm"], "dt": transform.attrs["dt"]}
    return out.isel(ridge=0) if count == 1 else out


def _ridges(w: np.ndarray, transform: xr.DataArray, count: int, stiffness: float) -> np.ndarray:
    """Frequency, instantaneous frequency, amplitude, phase, outside cone: array (5, count, time)."""
    grid, dt = transform["frequency"].values, transform.attrs["dt"]
    wavelet = wavelet_of(transform.attrs)
    y, p = np.log(grid), quality(wavelet)
    power = np.abs(w) ** 2
    floor = 1e-30 * power.max() + np.finfo(float).tiny
    score = np.log(power + floor)
    modulus = 0.5 * score
    distance = (p * (y[:, None] - y)) ** 2 / (2 * dt * p * np.sqrt(np.outer(grid, grid)))
    result = np.empty((5, count, w.shape[1]))
    cone = outside_cone(transform).values
    for k in range(count):
        path = _best_path(score, stiffness * distance)
        result[:, k] = _along(w, modulus, path, transform, cone)
        near = np.abs(y[:, None] - y[path]) < 2 / p
        score = np.where(near, math.log(floor), score)
    return result


def _best_path(score: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """The path of largest score less cost: array (time,) of indices."""
    n_frequency, n_time = score.shape
    came = np.empty((n_time, n_frequency), dtype=np.int32)
    best = score[:, 0]
    for t in range(1, n_time):
        value = best[:, None] - cost
        came[t] = value.argmax(axis=0)
        best = value[came[t], np.arange(n_frequency)] + score[:, t]
    path = np.empty(n_time, dtype=int)
    path[-1] = best.argmax()
    for t in range(n_time - 1, 0, -1):
        path[t - 1] = came[t, path[t]]
    return path


def _along(
    w: np.ndarray, modulus: np.ndarray, path: np.ndarray, transform: xr.DataArray, cone: np.ndarray
) -> np.ndarray:
    """Values along a path, between the grid's frequencies by a parabola through three of them."""
    grid, attrs = transform["frequency"].values, transform.attrs
    # ln|W| of a sinusoid is a parabola in the scale: Morlet exactly ("l1"), Morse with γ = 3 to third order.
    y, time = transform["scale"].values, np.arange(path.size)
    middle = np.clip(path, 1, grid.size - 2)
    three = np.stack([middle - 1, middle, middle + 1])
    a, b, c = modulus[three, time]
    left, right = y[middle] - y[middle - 1], y[middle + 1] - y[middle]
    slope = ((c - b) * left / right + (b - a) * right / left) / (left + right)
    curve = 2 * ((c - b) / right - (b - a) / left) / (left + right)
    top = np.divide(-slope, curve, out=np.zeros_like(slope), where=curve < 0)
    at = np.where(path == middle, np.clip(top, right, -left), y[path] - y[middle])
    place = y[middle] + at

    w_three = w[three, time]
    turned = np.angle(w[:, 1:] * np.conj(w[:, :-1])) / (2 * math.pi * attrs["dt"])
    turned = np.concatenate([turned[:, :1], turned, turned[:, -1:]], axis=1)
    speed = 0.5 * (turned[:, 1:] + turned[:, :-1])[three, time]  # the steps before and after
    turn = np.angle(w_three * np.conj(w_three[1]))  # relative to the middle one: no jumps of 2π between them
    wavelet = wavelet_of(attrs)
    f = peak(wavelet, attrs["norm"]) / (2 * math.pi * place)
    instantaneous = _lagrange(place, y[three], speed)
    phase = np.angle(w_three[1]) + _lagrange(place, y[three], turn)
    height = np.exp(b + slope * at + 0.5 * curve * at**2)
    # what a sinusoid of amplitude 1 and frequency f has at its ridge
    gain = (
        0.5 * level(wavelet, place, attrs["norm"], attrs["dt"]) * shape(wavelet, peak(wavelet, attrs["norm"]))
    )
    return np.stack([f, instantaneous, height / gain, np.angle(np.exp(1j * phase)), cone[path, time]])


def _lagrange(x: np.ndarray, nodes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The parabola through three points, evaluated at ``x``; all arrays along the last axis."""
    a, b, c = nodes
    return np.asarray(
        values[0] * (x - b) * (x - c) / ((a - b) * (a - c))
        + values[1] * (x - a) * (x - c) / ((b - a) * (b - c))
        + values[2] * (x - a) * (x - b) / ((c - a) * (c - b))
    )
