"""Traces on another grid of times: from irregular times to uniform ones, or from one time step to another."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import xarray as xr

from ._check import choice, positive
from ._trace_checks import time_step
from ._trace_formats.limits import available_memory

KINDS = ("previous", "linear", "pchip", "cubic", "polyphase")
_SIGNALS = ("voltage", "current")
_LONGEST_GAP = 10  # median steps


def resample(traces: xr.Dataset, dt: float, kind: str = "linear", max_gap: float | None = None) -> xr.Dataset:
    """Traces at the times t0 + dt n, from the first sample to the last.

    Definition
        ``kind`` says how a value between two samples is made::

            previous   the sample before (a zero-order hold)
            linear     the straight line between its neighbours
            pchip      the monotone piecewise cubic, which does not overshoot
            cubic      the cubic spline (not-a-knot)
            polyphase  the band-limited signal: a low-pass filter, then every k-th of its values

        Counts of spikes are added up: a spike of the old step that ends at t counts in the new step that holds t,
        (t0 + dt (n - 1), t0 + dt n], so that none is lost.

    Parameters
    ----------
    traces : xarray.Dataset
        As of `make_traces`, but its coordinate ``time`` may be irregular (``traces.assign_coords(time=("time", t))``).
    dt : float, seconds
        The new time step.
    kind : str
    max_gap : float, seconds, optional
        The longest distance of two samples that is bridged, by default ten times the median one.

    Returns
    -------
    xarray.Dataset
        With the attribute ``resampled``, which says how. Coordinates along time other than ``time`` are left out.

    Raises
    ------
    ValueError
        If times do not increase, a gap is longer than ``max_gap``, there are less than two samples or new times;
        for "polyphase" if times are not uniform or dt is no ratio of integers up to 1000 of the old step.

    Warns
    -----
    UserWarning
        If the new step is longer than the old one and ``kind`` does not filter: what lies above the new Nyquist
        frequency is then folded down and stays.

    Assumptions
    -----------
    All kinds but "polyphase" interpolate: they do **not** protect from aliasing, and they damp high frequencies (the
    line by sinc² of frequency times step). "polyphase" is ``scipy.signal.resample_poly``: a linear-phase filter of
    20 max(up, down) + 1 taps (Kaiser, beta 5) that is 6 dB down *at* the lower Nyquist frequency, not before it,
    and about 60 dB above 1.2 times it; within its half length of the ends it sees a straight line that was not
    measured.

    Accuracy
        ``tests/test_resample.py``: a line and a cubic polynomial are kept exactly by the kinds that can.
    """
    if not isinstance(traces, xr.Dataset) or "voltage" not in traces or "time" not in traces.coords:
        raise TypeError(
            f"traces must be an xarray.Dataset with voltage and the coordinate time, got {type(traces).__name__}; "
            "label an array with make_traces"
        )
    step = positive("dt", dt, "seconds")
    choice("kind", kind, KINDS)
    time = np.asarray(traces["time"].values, dtype=np.float64)
    intervals = _intervals(time)
    typical = float(np.median(intervals))
    longest = _LONGEST_GAP * typical if max_gap is None else positive("max_gap", max_gap, "seconds")
    if intervals.max() > longest:
        place = int(np.argmax(intervals))
        raise ValueError(
            f"time has a gap of {intervals[place]:g} s after sample {place} ({time[place]:g} s), longer than max_gap = "
            f"{longest:g} s: what would fill it was never measured; cut the traces there, or pass a larger max_gap to "
            "snntheory.traces.resample"
        )
    count = int(np.floor((time[-1] - time[0]) / step * (1 + 1e-12) + 1e-9)) + 1
    lazy = traces["voltage"].chunks is not None
    most = (2**43 if lazy else available_memory()) / (8 * traces["voltage"].size / time.size)
    if not 2 <= count <= most:
        raise ValueError(
            f"dt = {step:g} s gives {count} times in {time[-1] - time[0]:g} s; at least 2 are needed, and at most "
            f"{most:.3g}, which fit into memory"
        )
    others = [
        str(n) for n, v in traces.data_vars.items() if "time" in v.dims and n not in (*_SIGNALS, "spikes")
    ]
    if others:
        raise ValueError(f"{others[0]!r} has the dimension time and cannot be resampled; drop it first")
    if kind != "polyphase" and step > 1.5 * (time[-1] - time[0]) / (time.size - 1):
        warnings.warn(
            f"{kind!r} does not filter: what the traces hold above {0.5 / step:g} Hz is folded down; "
            "kind='polyphase' removes it first",
            stacklevel=2,
        )
    grid = np.minimum(time[0] + step * np.arange(count), time[-1])
    values = _band_limited(time, step, count) if kind == "polyphase" else _between(kind, time, grid)
    made = {name: _along_time(traces[name], values, count) for name in _SIGNALS if name in traces}
    if "spikes" in traces:
        made["spikes"] = _along_time(traces["spikes"], _counts(time, step, count), count)
    out = traces.drop_dims("time").assign(made)
    out = out.assign_coords(time=("time", time[0] + step * np.arange(count), {"units": "s"}))
    uniform = float(np.ptp(intervals)) <= 1e-6 * typical
    origin = f"dt = {typical:.9g} s" if uniform else f"irregular times, {typical:.9g} s apart (median)"
    out.attrs = traces.attrs | {"dt": step, "t0": float(time[0]), "resampled": f"{kind}, from {origin}"}
    return out


def _intervals(time: np.ndarray) -> np.ndarray:
    if time.ndim != 1 or time.size < 2 or not np.all(np.isfinite(time)):
        raise ValueError(
            f"time must hold at least two finite numbers of seconds to resample, got {time.size}"
        )
    intervals = np.diff(time)
    if intervals.min() <= 0:
        place = int(np.argmin(intervals)) + 1
        raise ValueError(
            f"time must increase, but sample {place} ({time[place]:g} s) does not come after the one before; "
            "sort the samples, and keep one of those at equal times"
        )
    return intervals


def _along_time(signal: xr.DataArray, change: Callable[[np.ndarray], np.ndarray], count: int) -> xr.DataArray:
    """The signal with ``change`` made of its last axis, in its own type; voltages of integers become float64."""
    counts = signal.name == "spikes"
    kind = np.dtype(np.int64 if counts else signal.dtype if signal.dtype.kind == "f" else np.float64)
    out = xr.apply_ufunc(
        lambda values: change(values).astype(kind, copy=False),
        signal.chunk(time=-1) if signal.chunks is not None else signal,
        input_core_dims=[["time"]],
        output_core_dims=[["time"]],
        exclude_dims={"time"},
        dask="parallelized",
        output_dtypes=[kind],
        dask_gufunc_kwargs={"output_sizes": {"time": count}},
    )
    out.attrs = dict(signal.attrs)
    return out.transpose(*signal.dims)


def _between(kind: str, time: np.ndarray, grid: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    if kind == "previous":
        tolerance = 1e-9 * (grid[1] - grid[0])
        place = np.searchsorted(time, grid + tolerance, side="right") - 1
        return lambda values: values[..., place]
    if kind == "linear":
        place = np.clip(np.searchsorted(time, grid, side="right") - 1, 0, time.size - 2)
        share = (grid - time[place]) / (time[place + 1] - time[place])
        return lambda values: values[..., place] * (1 - share) + values[..., place + 1] * share
    from scipy.interpolate import CubicSpline, PchipInterpolator

    spline: Any = CubicSpline if kind == "cubic" else PchipInterpolator
    return lambda values: spline(time, np.asarray(values, dtype=np.float64), axis=-1)(grid)


def _band_limited(time: np.ndarray, step: float, count: int) -> Callable[[np.ndarray], np.ndarray]:
    old = time_step(time)
    ratio = Fraction(old / step).limit_denominator(1000)
    if ratio == 0 or ratio.numerator > 1000 or abs(float(ratio) * step / old - 1) > 1e-9:
        raise ValueError(
            f"kind='polyphase' needs a dt that is a ratio of integers up to 1000 of the old one, {old:g} s; "
            f"got {step:g} s; take such a one, or kind='cubic'"
        )
    from scipy.signal import resample_poly

    def filtered(values: np.ndarray) -> np.ndarray:
        whole = np.asarray(values, dtype=np.float64)
        return resample_poly(whole, ratio.numerator, ratio.denominator, axis=-1, padtype="line")[..., :count]

    return filtered


def _counts(time: np.ndarray, step: float, count: int) -> Callable[[np.ndarray], np.ndarray]:
    place = np.clip(np.ceil((time - time[0]) / step - 1e-6).astype(np.int64), 0, count - 1)

    def summed(spikes: np.ndarray) -> np.ndarray:
        out = np.zeros((*spikes.shape[:-1], count), dtype=np.int64)
        np.add.at(np.moveaxis(out, -1, 0), place, np.moveaxis(spikes.astype(np.int64), -1, 0))
        return out

    return summed
