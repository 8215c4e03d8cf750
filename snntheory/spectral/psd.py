"""Power spectral density of traces: Welch's averaged periodograms, Thomson's multitaper estimate, the periodogram."""

from __future__ import annotations

from typing import Any, overload

import numpy as np
import xarray as xr

from .._check import choice, probability
from ._signal import apply_rows, signal
from ._tapers import METHODS, Tapering, tapering
from .multitaper import adaptive_weights, jackknifed, jackknifed_bounds

CONVENTION = (
    "two-sided density reported on f >= 0: variance = df (S(0) + 2 sum of S(0 < f < f_N) + S(f_N)), "
    "the last term where the segment is even; white noise of variance s2 has S = s2 dt"
)
INTERVALS = ("chi2", "jackknife")


@overload
def psd(
    traces: xr.DataArray | xr.Dataset,
    method: str = ...,
    *,
    confidence: None = None,
    interval: str | None = ...,
    adaptive: bool = ...,
    **options: Any,
) -> xr.DataArray: ...


@overload
def psd(
    traces: xr.DataArray | xr.Dataset,
    method: str = ...,
    *,
    confidence: float,
    interval: str | None = ...,
    adaptive: bool = ...,
    **options: Any,
) -> xr.Dataset: ...


def psd(
    traces: xr.DataArray | xr.Dataset,
    method: str = "welch",
    *,
    confidence: float | None = None,
    interval: str | None = None,
    adaptive: bool = False,
    **options: Any,
) -> xr.DataArray | xr.Dataset:
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
    method : "welch", "multitaper" or "periodogram"
    confidence : float between 0 and 1, optional
        Level of an interval at each frequency (not of all together), such as 0.95.
    interval : "chi2" or "jackknife", optional
        "chi2" supposes a Gaussian process and a density that is flat within the bandwidth. "jackknife" leaves
        out one taper (or segment) at a time and supposes neither; it needs looks that share no samples but
        through orthogonal tapers: "multitaper", or "welch" with overlap 0. Default: "jackknife" for
        "multitaper", "chi2" otherwise.
    adaptive : bool
        "multitaper" only: weigh down tapers where they leak (`adaptive_weights`). For spectra of large range.
    **options
        "welch": ``segment`` (seconds) or ``segment_samples`` (default: eight averages), ``overlap`` (fraction
        of a segment, 0.5), ``window`` (any of scipy.signal.get_window, "hann"), ``detrend`` ("constant",
        "linear" or None; of each segment).
        "multitaper": ``time_bandwidth`` (NW, 4), ``n_tapers`` (2 NW - 1), ``detrend`` (of the whole trace).
        "periodogram": ``window`` ("boxcar"), ``detrend``.

    Returns
    -------
    DataArray (..., frequency), unit value_unit²/Hz, frequency in hertz
        attrs hold the convention, the settings, ``averages`` and ``degrees_of_freedom`` ν: S ν / E S is close
        to a χ² variable of ν degrees of freedom (half of them at 0 and f_N). With ``adaptive`` ν depends on
        the frequency and is a coordinate (..., frequency) instead.
    Dataset with ``psd``, ``psd_lower`` and ``psd_upper``
        With ``confidence``. Arithmetic with the Dataset scales the bounds too.

    Raises
    ------
    ValueError, TypeError
        For NaN, fewer than two samples, no step, two units, a segment longer than the trace or shorter than 8
        samples, options of another method, a jackknife of looks that overlap or of fewer than two.

    Assumptions
        The trace is stationary. ν counts the overlap of Welch's segments as for white noise. At 0 and within
        a bandwidth of it the removed mean is missing, and the intervals do not know it.

    Accuracy
        tests/spectral/test_psd.py: the variance identity to rounding, white noise and AR(1) within the
        error that ν predicts; tests/spectral/test_confidence.py: measured coverage of both intervals.

    References
        Welch 1967; Thomson 1982; Thomson & Chave 1991; Percival & Walden 1993, equations 292b (ν), 333, 368a,
        370a and 370b.
    """
    choice("method", method, METHODS)
    values, dt, unit = signal(traces)
    plan = tapering(method, values.sizes["time"], dt, options, "psd")
    if adaptive and method != "multitaper":
        raise ValueError(f"adaptive=True needs method='multitaper', got {method!r}: others have one taper")
    if interval is not None and confidence is None:
        raise ValueError(f"interval={interval!r} needs a level: confidence=0.95")
    level, kind = None, ""
    if confidence is not None:
        level, kind = _interval(plan, method, confidence, interval)
    plain = level is None and not adaptive
    sizes = {"quantity": 1 if plain else 4, "frequency": plan.frequency.size}
    rows_psd = _plain(plan) if plain else _estimator(plan, adaptive, level, kind)
    out = apply_rows(rows_psd, values, ("quantity", "frequency"), sizes, np.float64)
    out = out.assign_coords(frequency=plan.frequency)
    out["frequency"].attrs = {"units": "Hz"}
    attrs = plan.settings | {"convention": CONVENTION, "method": method, "dt": dt}
    attrs["units"] = "1/Hz" if unit == "1" else f"({unit})^2/Hz"
    estimate = out.isel(quantity=0).rename("psd")
    if adaptive:
        attrs = {key: value for key, value in attrs.items() if key != "degrees_of_freedom"} | {"adaptive": 1}
        estimate = estimate.assign_coords(degrees_of_freedom=out.isel(quantity=3))
    estimate.attrs = attrs | {"long_name": "power spectral density"}
    if level is None:
        return estimate
    attrs |= {"confidence": level, "interval": kind}
    estimate.attrs |= {"confidence": level, "interval": kind}
    bounds = xr.Dataset({"psd": estimate})
    for k, name in ((1, "lower"), (2, "upper")):
        words = f"{name} end of the {level:g} interval of the power spectral density"
        bounds[f"psd_{name}"] = out.isel(quantity=k).assign_attrs(units=attrs["units"], long_name=words)
    return bounds.assign_attrs(attrs)


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


def _interval(plan: Tapering, method: str, confidence: float, interval: str | None) -> tuple[float, str]:
    level = probability("confidence", confidence)
    kind = choice("interval", interval or ("jackknife" if method == "multitaper" else "chi2"), INTERVALS)
    if kind == "jackknife":
        jackknifed(plan.averages, 2, plan.independent)
    return level, kind


def _plain(plan: Tapering) -> Any:
    return lambda rows: plan.power(rows)[:, None]


def _estimator(plan: Tapering, adaptive: bool, level: float | None, kind: str) -> Any:
    """A function of rows (row, time): estimate, both bounds, degrees of freedom, shape (row, 4, frequency)."""
    from scipy.special import chdtri

    def rows_psd(rows: np.ndarray) -> np.ndarray:
        rows = np.asarray(rows, dtype=np.float64)
        out = np.empty((len(rows), 4, plan.frequency.size))
        if not adaptive and kind != "jackknife":
            out[:, 0] = plan.power(rows)
            out[:, 3] = plan.degrees_of_freedom * plan.share()
        else:
            height = max(1, 2**23 // (16 * plan.averages * plan.frequency.size))
            for first in range(0, len(rows), height):
                part = slice(first, first + height)
                looks = plan.coefficients(rows[part])
                power = looks.real**2 + looks.imag**2
                weights = np.ones_like(power[:1])
                out[part, 3] = plan.degrees_of_freedom * plan.share()
                if adaptive and plan.concentration is not None:
                    noise = plan.dt * _variance(rows[part], plan.detrend)
                    weights, degrees = adaptive_weights(power, plan.concentration, noise)
                    out[part, 3] = degrees * plan.share()
                out[part, 0] = (weights * power).sum(axis=1) / weights.sum(axis=1)
                if kind == "jackknife" and level is not None:
                    out[part, 1], out[part, 2] = jackknifed_bounds(power, weights, level)
        if kind == "chi2" and level is not None:
            scaled = out[:, 3] * out[:, 0]
            out[:, 1] = scaled / chdtri(out[:, 3], (1 - level) / 2)
            out[:, 2] = scaled / chdtri(out[:, 3], (1 + level) / 2)
        return out

    return rows_psd


def _variance(rows: np.ndarray, detrend: str | None) -> np.ndarray:
    from ._signal import detrended

    return (detrended(rows, detrend) ** 2).mean(axis=-1)
