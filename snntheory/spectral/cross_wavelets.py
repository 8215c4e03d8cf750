"""Two traces together in time and frequency: cross-wavelet transform and wavelet coherence."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from .._check import choice, integer, probability
from ._signal import detrended, pair, workers
from ._wavelet_transform import BLOCK_BYTES, transform_rows
from .surrogates import KINDS, surrogate_maker
from .wavelet_families import Wavelet, as_wavelet, peak, quality
from .wavelets import cwt, outside_cone

SILENT = 1e-20  # of the largest power: below it is rounding
BINS = 4096  # of the histogram of surrogates' coherence: quantiles to 1 / 4096
Smoothing = Callable[[np.ndarray], np.ndarray]
OCTAVES = 0.6  # Torrence & Webster's width of the smoothing over scales, for the Morlet wavelet with ω0 = 6


def cross_wavelet(
    x: xr.DataArray | xr.Dataset,
    y: xr.DataArray | xr.Dataset,
    frequencies: Any = None,
    wavelet: str | Wavelet = "morlet",
    norm: str = "l2",
    detrend: str | None = "constant",
) -> xr.DataArray:
    """Cross-wavelet transform of two traces: common power and relative phase.

    Definition
        ::

            W_xy(f, t) = W_x(f, t) W_y(f, t)*

        Its angle is positive where x leads y: the sign of the literature on wavelets, opposite to that of
        `cross_spectrum`.

    Parameters
    ----------
    x, y : traces on one grid of times, as for `cwt`; other dimensions are matched by name
    frequencies, wavelet, norm, detrend
        As for `cwt`.

    Returns
    -------
    DataArray (..., frequency, time), complex, in the product of the units
        With the coordinates and attributes of `cwt`: `outside_cone` applies.
    """
    a, b, dt, units = pair(x, y)
    first = cwt(a.assign_attrs(dt=dt), frequencies, wavelet, norm, detrend=detrend)
    second = cwt(b.assign_attrs(dt=dt), first["frequency"].values, wavelet, norm, detrend=detrend)
    out = first * second.conj()
    out.name = "cross_wavelet_transform"
    out.attrs = first.attrs | {"units": "1" if units == ("1", "1") else f"({units[0]})({units[1]})"}
    return out.transpose(..., "frequency", "time")


def wavelet_coherence(
    x: xr.DataArray | xr.Dataset,
    y: xr.DataArray | xr.Dataset,
    frequencies: Any = None,
    wavelet: str | Wavelet = "morlet",
    over: str | None = None,
    smooth: bool = True,
    surrogates: int = 0,
    kind: str = "ar1",
    confidence: float = 0.95,
    seed: int | np.random.Generator = 0,
    detrend: str | None = "constant",
    progress: Callable[[float], None] | None = None,
) -> xr.Dataset:
    """Squared coherence of two traces in time and frequency, with the level that chance reaches.

    Definition
        ::

            R²(f, t) = |S(W_xy / s)|² / (S(|W_x|² / s) S(|W_y|² / s))

        S smooths over time with a Gaussian of the wavelet's own duration (e^{-t²/2s²} for Morlet;
        s P / peak for s otherwise) and over scales with a box of 0.6 octaves at P = 6 (3.6 / P octaves; P the
        wavelet's quality, ω0 for Morlet), and averages over the dimension ``over``, such as trials.

    Parameters
    ----------
    x, y : traces on one grid of times, as for `cwt`
        Matched by name along other dimensions: x (trial, time) with y (trial, neuron, time) gives
        (trial, neuron, frequency, time).
    frequencies : array, hertz, optional
        Logarithmic, so that the box is as many of them everywhere; at least 4 per octave.
    wavelet : as for `cwt`
    over : str, optional
        A dimension to average over; with trials in it, ``smooth=False`` is a coherence too.
    smooth : bool
        False: no smoothing, only the average.
    surrogates : int
        Pairs of independent surrogate traces from which the significance level is taken; 0: none. The level
        is one quantile per frequency over all of them and all times outside the cone: 100 are usually enough
        for the 95 % level, since each holds many independent times.
    kind : "ar1" or "phase"
        See `surrogates.surrogate_maker`. "phase" keeps the whole spectrum; use it for voltages, whose
        spectrum is not that of an AR(1) process.
    confidence : float, between 0 and 1
    seed : int or numpy.random.Generator
    progress : callable, optional
        Called with the fraction of surrogates that is done.

    Returns
    -------
    Dataset
        ``coherence`` and ``phase`` (radians, positive where x leads, unlike in `coherence`; both ..., frequency, time),
        ``outside_cone`` (frequency, time), and with surrogates ``level`` (..., frequency): independent traces
        of the same spectra exceed it in a fraction 1 - confidence of points, each point by itself.

    Raises
    ------
    ValueError, TypeError
        As `cwt`; traces that do not match or are constant; neither smoothing nor an average: R² would be 1.

    Assumptions
        Among many points about 1 - confidence exceed the level by chance, in patches as large as the smoothing;
        the level is no test of the whole picture. Within the cone values rest on less of the record.

    Accuracy
        tests/spectral/test_cross_wavelets.py: the share of points of independent noise above the level equals
        1 - confidence; without smoothing over K trials the level is 1 - (1 - confidence)^{1/(K-1)} exactly;
        signal in noise has the coherence of their powers.

    References
        Torrence & Webster 1999; Grinsted, Moore & Jevrejeva 2004.
    """
    wavelet = as_wavelet(wavelet)
    surrogates = integer("surrogates", surrogates, minimum=0)
    confidence = probability("confidence", confidence)
    choice("kind", kind, KINDS)
    a, b, dt, _ = pair(x, y)
    if not smooth and over is None:
        raise ValueError(
            "without smoothing the coherence of single traces is 1 everywhere; name a dimension in over"
        )
    if over is not None and (over not in a.dims or over not in b.dims or over == "time"):
        raise ValueError(f"over must be a dimension of both traces other than time, got {over!r}")
    if over is not None and not smooth and a.sizes[over] < 2:
        raise ValueError(f"the coherence over one {over} is 1 everywhere; give at least two, or smooth")
    template = cwt(_first(a).assign_attrs(dt=dt), frequencies, wavelet, "l2", detrend=detrend).sortby(
        "frequency"
    )
    scales = template["scale"].values
    window = _smoothing(scales, dt, a.sizes["time"], wavelet) if smooth else None
    first, second = _common(a, b, over)
    straight = [detrended(each, detrend) for each in (first, second)]
    coherence, phase = _coherence(straight[0], straight[1], scales, dt, wavelet, window)
    lead = tuple(d for d in _lead(a, b) if d != over)
    shape = tuple((a if d in a.dims else b).sizes[d] for d in lead)
    full = (*shape, scales.size, a.sizes["time"])
    coords = {k: v for each in (b, a) for k, v in each.coords.items() if set(v.dims) <= set(lead)}
    out = xr.Dataset(
        {
            "coherence": ((*lead, "frequency", "time"), coherence.reshape(full)),
            "phase": ((*lead, "frequency", "time"), phase.reshape(full), {"units": "rad"}),
        },
        coords=coords | {k: template[k] for k in ("frequency", "scale", "cone_of_influence", "time")},
        attrs=template.attrs | {"over": over or "", "smooth": str(smooth).lower()},
    )
    free = outside_cone(template)
    out["outside_cone"] = free
    if surrogates:
        rng = np.random.default_rng(seed)
        levels = _levels(
            (first, second), scales, dt, wavelet, window, free.values,
            (surrogates, kind, confidence), rng, progress,
        )  # fmt: skip
        out["level"] = ((*lead, "frequency"), levels.reshape(full[:-1]))
        out["level"].attrs = {"confidence": confidence, "surrogates": surrogates, "kind": kind}
    return out


def _lead(a: xr.DataArray, b: xr.DataArray) -> tuple[Any, ...]:
    return tuple(dict.fromkeys((*a.dims[:-1], *b.dims[:-1])))


def _first(a: xr.DataArray) -> xr.DataArray:
    return a.isel(dict.fromkeys(a.dims[:-1], 0))


def _common(a: xr.DataArray, b: xr.DataArray, over: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays (row, pooled, time) of the same shape, without copies where they broadcast."""
    one, other = xr.broadcast(a.reset_coords(drop=True), b.reset_coords(drop=True), exclude=["time"])
    lead = [d for d in _lead(a, b) if d != over]
    order = (*lead, *([over] if over else []), "time")
    size = a.sizes[over] if over else 1
    n = a.sizes["time"]
    both = [each.transpose(*order).values.reshape(-1, size, n) for each in (one, other)]
    for name, each in zip(("x", "y"), both, strict=True):
        if not np.isfinite(each).all():
            raise ValueError(
                f"{name} holds NaN or infinity; fill them, or cut them away with .isel(time=...)"
            )
        if (each == each[..., :1]).all(axis=(1, 2)).any():
            raise ValueError(
                f"{name} holds a trace that is constant: it has no coherence with anything; leave it out"
            )
    return both[0].astype(np.float64), both[1].astype(np.float64)


def _smoothing(scales: np.ndarray, dt: float, n: int, wavelet: Wavelet) -> Smoothing:
    """S of arrays (..., frequency, time): each scale's Gaussian over time, then a box over scales."""
    from scipy import fft

    sigma = quality(wavelet) / peak(wavelet, "l1") * scales / dt  # samples
    n_fft = fft.next_fast_len(n + min(n, math.ceil(6 * float(sigma.max()))))
    omega = 2 * math.pi * np.fft.fftfreq(n_fft)
    filters = np.exp(-0.5 * (sigma[:, None] * omega) ** 2)
    octaves = np.log2(scales)
    step = float(np.median(np.abs(np.diff(octaves)))) if scales.size > 1 else math.inf
    half = 0.5 * OCTAVES * 6.0 / quality(wavelet)
    # each frequency stands for an interval of one step; it counts by the part of it inside the box
    distance = np.abs(octaves[:, None] - octaves)
    box = np.clip((half - distance) / step + 0.5, 0.0, 1.0) if scales.size > 1 else np.ones((1, 1))
    box /= box.sum(axis=1, keepdims=True)

    def smooth(values: np.ndarray) -> np.ndarray:
        spectrum = fft.fft(values, n_fft, axis=-1, workers=workers())
        spectrum *= filters
        return np.asarray(box @ fft.ifft(spectrum, axis=-1, overwrite_x=True, workers=workers())[..., :n])

    return smooth


def _coherence(
    first: np.ndarray,
    second: np.ndarray,
    scales: np.ndarray,
    dt: float,
    wavelet: Wavelet,
    window: Smoothing | None,
) -> tuple[np.ndarray, np.ndarray]:
    """R² and phase: arrays (row, frequency, time) from (row, pooled, time), some rows at a time."""
    rows, pooled, n = first.shape
    result = np.empty((2, rows, scales.size, n))
    weight = 1.0 / scales[:, None]
    size = max(1, BLOCK_BYTES // (16 * pooled * scales.size * n))
    for start in range(0, rows, size):
        some = slice(start, start + size)
        one, other = (
            transform_rows(each[some].reshape(-1, n), dt, scales, wavelet, "l2").reshape(
                -1, pooled, scales.size, n
            )
            for each in (first, second)
        )
        cross = (one * other.conj()).mean(axis=1) * weight
        # two real quantities in one complex one: one smoothing for both
        power = ((np.abs(one) ** 2).mean(axis=1) + 1j * (np.abs(other) ** 2).mean(axis=1)) * weight
        if window is not None:
            cross, power = window(cross), window(power)
        # where a trace is silent for longer than the smoothing there is nothing to be coherent with
        largest = power.real.max(axis=(1, 2), keepdims=True), power.imag.max(axis=(1, 2), keepdims=True)
        heard = (power.real > SILENT * largest[0]) & (power.imag > SILENT * largest[1])
        ratio = np.zeros(heard.shape)
        np.divide(np.abs(cross) ** 2, power.real * power.imag, out=ratio, where=heard)
        result[0, some], result[1, some] = np.clip(ratio, 0.0, 1.0), np.angle(cross)
    return result[0], result[1]


def _levels(
    rows: tuple[np.ndarray, np.ndarray],
    scales: np.ndarray,
    dt: float,
    wavelet: Wavelet,
    window: Smoothing | None,
    free: np.ndarray,
    how: tuple[int, str, float],
    rng: np.random.Generator,
    progress: Callable[[float], None] | None,
) -> np.ndarray:
    """The quantile of independent surrogates' coherence outside the cone: array (row, frequency)."""
    count, kind, confidence = how
    levels = np.full((len(rows[0]), scales.size), np.nan)
    usable = np.flatnonzero(free.any(axis=1))
    size = max(1, BLOCK_BYTES // (16 * rows[0].shape[1] * free.size))
    for row in range(len(levels)):
        makers = [surrogate_maker(each[row], kind) for each in rows]
        counts = np.zeros((scales.size, BINS))
        for start in range(0, count, size):
            number_now = min(size, count - start)
            drawn = [np.stack([make(rng) for _ in range(number_now)]) for make in makers]
            found = _coherence(drawn[0], drawn[1], scales, dt, wavelet, window)[0]
            places = np.minimum((found * BINS).astype(np.int32), BINS - 1)
            for j in usable:
                counts[j] += np.bincount(places[:, j, free[j]].ravel(), minlength=BINS)
            if progress is not None:
                progress((row * count + start + number_now) / (len(levels) * count))
        share = np.cumsum(counts[usable], axis=1) / counts[usable].sum(axis=1, keepdims=True)
        levels[row, usable] = ((share < confidence).sum(axis=1) + 1) / BINS  # upper end of the quantile's bin
    return levels
