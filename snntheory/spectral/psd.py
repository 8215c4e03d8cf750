"""Power spectral density of traces: Welch's averaged periodograms and Thomson's multitaper estimate."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import xarray as xr

from .._check import choice, integer, number, positive
from ._signal import apply_rows, blocks, detrended, signal, workers

CONVENTION = (
    "two-sided density reported on f >= 0: variance = df (S(0) + 2 sum of S(0 < f < f_N) + S(f_N)), "
    "the last term where the segment is even; white noise of variance s2 has S = s2 dt"
)


def psd(traces: xr.DataArray | xr.Dataset, method: str = "welch", **options: Any) -> xr.DataArray:
    """Estimate the power spectral density along time.

    Definition
        Two-sided, reported on f >= 0 only, so with E S(f) = Σ_k C(k dt) e^{-2πi f k dt} dt of the
        autocovariance C:  variance = df [S(0) + 2 Σ_{0<f<f_N} S(f) + S(f_N)], the last term where the
        number of samples is even. White noise of variance σ² has S = σ² dt at every frequency. This is the
        density of `theory_psd`; one-sided densities (scipy's default) are twice as large between the ends.

    Parameters
    ----------
    traces : DataArray with a dimension "time" and any others, or Dataset with "voltage"
        The step is attrs["dt"] or read off the time coordinate. Dask-backed traces stay lazy.
    method : "welch" or "multitaper"
    **options
        "welch": ``segment`` (seconds) or ``segment_samples`` (default: eight averages), ``overlap`` (fraction
        of a segment, 0.5), ``window`` (any of scipy.signal.get_window, "hann"), ``detrend`` ("constant",
        "linear" or None; of each segment).
        "multitaper": ``time_bandwidth`` (NW, 4), ``n_tapers`` (2 NW - 1), ``detrend`` (of the whole trace).

    Returns
    -------
    DataArray (..., frequency), unit value_unit²/Hz, frequency in hertz
        attrs hold the convention, the settings, ``averages`` and ``degrees_of_freedom`` ν: S ν / E S is close
        to a χ² variable of ν degrees of freedom (half of them at 0 and f_N).

    Raises
    ------
    ValueError, TypeError
        For NaN, fewer than two samples, no step, a segment longer than the trace or shorter than 8 samples.

    Assumptions
        The trace is stationary. ν counts the overlap of Welch's segments as for white noise.

    Accuracy
        tests/spectral/test_psd.py: the variance identity to rounding, white noise and AR(1) within the
        error that ν predicts.

    References
        Welch 1967; Thomson 1982; Percival & Walden 1993, equations 292b (ν) and 333.
    """
    estimate = _welch if choice("method", method, ("welch", "multitaper")) == "welch" else _multitaper
    values, dt, unit = signal(traces)
    known = list(inspect.signature(estimate).parameters)[2:]
    for option in options:
        choice(f"option of psd(method={method!r})", option, known)
    out = estimate(values, dt, **options)
    out.name = "psd"
    out.attrs |= {"convention": CONVENTION, "method": method, "dt": dt}
    out.attrs |= {"long_name": "power spectral density", "units": "1/Hz" if unit == "1" else f"({unit})^2/Hz"}
    out["frequency"].attrs |= {"units": "Hz"}
    return out


def variance_from_psd(spectrum: xr.DataArray) -> xr.DataArray:
    """The variance (with the squared mean, if it was not removed) that a two-sided density holds.

    Definition
        df [S(0) + 2 Σ_{0<f<f_N} S(f) + S(f_N)], the last term where f_N = 1/(2 dt) is among the frequencies.

    Parameters
    ----------
    spectrum : DataArray (..., frequency), as from `psd`, all its frequencies

    Returns
    -------
    DataArray (...), unit value_unit²
    """
    frequency = spectrum["frequency"].values
    df = frequency[1] - frequency[0]
    weight = np.full(frequency.size, 2.0)
    weight[0] = 1.0
    if abs(frequency[-1] - 0.5 / spectrum.attrs["dt"]) < 0.25 * df:
        weight[-1] = 1.0
    return df * (spectrum * xr.DataArray(weight, dims="frequency")).sum("frequency")


def _welch(
    values: xr.DataArray,
    dt: float,
    segment: float | None = None,
    segment_samples: int | None = None,
    overlap: float = 0.5,
    window: Any = "hann",
    detrend: str | None = "constant",
) -> xr.DataArray:
    from scipy import fft
    from scipy.signal import get_window, welch

    n = values.sizes["time"]
    if segment is not None and segment_samples is not None:
        raise ValueError("give segment (seconds) or segment_samples, not both")
    if segment is not None:
        size = round(positive("segment", segment, "seconds") / dt)
    elif segment_samples is not None:
        size = integer("segment_samples", segment_samples, minimum=1)
    else:
        size = max(2 * n // 9, min(n, 16))  # eight segments that overlap by half
    if size > n:
        raise ValueError(
            f"segment of {size * dt:g} s ({size} samples) is longer than the trace, {n * dt:g} s ({n})"
        )
    if size < 8:
        raise ValueError(
            f"segment has {size} sample(s) at dt = {dt:g} s, at least 8 are needed; record or ask for more"
        )
    if number("overlap", overlap, minimum=0.0) >= 1:
        raise ValueError(
            f"overlap must be at least 0 and below 1 (a fraction of the segment), got {overlap:g}"
        )
    kind: str | bool = False if detrend is None else choice("detrend", detrend, ("constant", "linear"))
    try:
        taper = (
            get_window(window, size) if isinstance(window, str | tuple) else np.asarray(window, dtype=float)
        )
    except ValueError as error:
        raise ValueError(f"window {window!r} is not one of scipy.signal.get_window: {error}") from None
    if taper.shape != (size,):
        raise ValueError(f"window must have the segment's {size} samples, got shape {taper.shape}")
    shared = min(round(overlap * size), size - 1)
    averages = (n - shared) // (size - shared)
    frequency = np.fft.rfftfreq(size, dt)
    inner = slice(1, -1) if size % 2 == 0 else slice(1, None)

    def rows_psd(rows: np.ndarray) -> np.ndarray:
        out = np.empty((len(rows), frequency.size))
        for part in blocks(len(rows), 48 * averages * size):
            out[part] = welch(rows[part].astype(np.float64), 1 / dt, taper, size, shared, detrend=kind)[1]
        out[:, inner] /= 2  # scipy's one-sided density is twice the two-sided one between the ends
        return out

    with fft.set_workers(workers()):
        out = apply_rows(rows_psd, values, ("frequency",), {"frequency": frequency.size}, np.float64)
    out = out.assign_coords(frequency=frequency)
    out.attrs = {
        "window": window
        if isinstance(window, str)
        else "custom"
        if not isinstance(window, tuple)
        else str(window),
        "segment": size * dt,
        "segment_samples": size,
        "overlap": shared / size,
        "detrend": str(detrend).lower(),
        "averages": averages,
        "degrees_of_freedom": _welch_degrees(taper, size - shared, averages),
    }
    return out


def _welch_degrees(taper: np.ndarray, hop: int, averages: int) -> float:
    """2 K / (1 + 2 Σ_m (1 - m/K) ρ_m²), ρ_m the correlation of the taper with itself m hops later."""
    total = 1.0
    energy = float(taper @ taper)
    for m in range(1, averages):
        if m * hop >= taper.size:
            break
        total += 2 * (1 - m / averages) * (float(taper[m * hop :] @ taper[: -m * hop]) / energy) ** 2
    return 2 * averages / total


def _multitaper(
    values: xr.DataArray,
    dt: float,
    time_bandwidth: float = 4.0,
    n_tapers: int | None = None,
    detrend: str | None = "constant",
) -> xr.DataArray:
    from scipy import fft
    from scipy.signal.windows import dpss

    n = values.sizes["time"]
    product = number("time_bandwidth", time_bandwidth, minimum=1.0)
    if n < 8 or product >= n / 2:
        raise ValueError(
            f"the trace has {n} samples; multitaper needs at least 8 and more than 2 time_bandwidth"
        )
    count = max(1, int(2 * product) - 1) if n_tapers is None else integer("n_tapers", n_tapers, minimum=1)
    if count > n or count > 2 * product:
        raise ValueError(
            f"n_tapers must be at most 2 time_bandwidth = {2 * product:g}, got {count}; "
            "later tapers leak out of the band"
        )
    tapers = dpss(n, product, count)
    tapers /= np.linalg.norm(tapers, axis=1, keepdims=True)
    frequency = np.fft.rfftfreq(n, dt)

    def rows_psd(rows: np.ndarray) -> np.ndarray:
        rows = detrended(rows.astype(np.float64), detrend)
        out = np.zeros((len(rows), frequency.size))
        for part in blocks(len(rows), 32 * n):
            for taper in tapers:  # spectra are averaged, never the coefficients: those would cancel
                coefficients = fft.rfft(rows[part] * taper, axis=-1, workers=workers())
                out[part] += coefficients.real**2 + coefficients.imag**2
        out *= dt / count
        return out

    out = apply_rows(rows_psd, values, ("frequency",), {"frequency": frequency.size}, np.float64)
    out = out.assign_coords(frequency=frequency)
    out.attrs = {
        "time_bandwidth": product,
        "n_tapers": count,
        "half_bandwidth": product / (n * dt),
        "detrend": str(detrend).lower(),
        "averages": count,
        "degrees_of_freedom": 2.0 * count,
    }
    return out
