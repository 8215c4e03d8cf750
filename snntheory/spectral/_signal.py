"""What every spectrum needs from traces: the values with time last, their step, their unit; one trace or a pair."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from .._check import array, choice, positive
from .._trace_units import factor
from ..traces import time_step

BLOCK_BYTES = 128 * 2**20
SECONDS = ("s", "sec", "second", "seconds")


def signal(traces: xr.DataArray | xr.Dataset) -> tuple[xr.DataArray, float, str]:
    """The voltage with time as last dimension, its step in seconds and its unit.

    Raises
    ------
    TypeError
        If ``traces`` is neither a DataArray nor a Dataset.
    ValueError
        If there is no voltage or no time, no step or one that contradicts the time coordinate, fewer than
        two samples, values that are not real numbers, two different units, or a time that is not in seconds.
    """
    unit = traces.attrs.get("value_unit") if isinstance(traces, xr.DataArray | xr.Dataset) else None
    step = traces.attrs.get("dt") if isinstance(traces, xr.DataArray | xr.Dataset) else None
    if isinstance(traces, xr.Dataset):
        if "voltage" not in traces:
            raise ValueError(
                f"traces hold no voltage, only {list(traces.data_vars)}; pass one of them, traces[name]"
            )
        values = traces["voltage"]
    elif isinstance(traces, xr.DataArray):
        values = traces
    else:
        raise TypeError(
            f"traces must be an xarray.DataArray or Dataset with a time dimension, got {type(traces).__name__}; "
            "label an array with snntheory.make_traces(array, dt, dims=...)"
        )
    if "time" not in values.dims:
        raise ValueError(
            f"traces must have a dimension 'time', got {values.dims}; rename it with traces.rename"
        )
    if values.dtype.kind not in "biuf":
        raise ValueError(
            f"traces must be real numbers, got {values.dtype}; take the real part or the modulus"
        )
    if values.sizes["time"] < 2:
        raise ValueError(
            f"traces must have at least 2 samples in time, got {values.sizes['time']}; record longer, or correct dims"
        )
    if step is not None:
        step = positive("traces.attrs['dt']", step, "seconds")
    own = values.attrs.get("units")
    if unit and own and factor(str(own), str(unit)) != 1:
        raise ValueError(
            f"traces name two units: attrs value_unit={unit!r} and units={own!r}; say which one holds, for example "
            f"traces.assign_attrs(value_unit={own!r})"
        )
    if "time" in values.coords:
        of_time = values["time"].attrs.get("units", "s")
        if str(of_time) not in SECONDS:
            raise ValueError(
                f"traces must have their time in seconds, got units {of_time!r}; convert the coordinate, and set "
                "its attribute units to 's'"
            )
        step = time_step(values["time"].values, step)
    if step is None:
        raise ValueError(
            "traces carry neither attrs['dt'] nor a time coordinate; add traces.attrs['dt'] in seconds"
        )
    return values.transpose(..., "time"), step, str(unit or own or "1")


def pair(
    x: xr.DataArray | xr.Dataset, y: xr.DataArray | xr.Dataset, names: tuple[str, str] = ("x", "y")
) -> tuple[xr.DataArray, xr.DataArray, float, tuple[str, str]]:
    """Two signals on one grid of times: values with time last, the common step, their units.

    Raises
    ------
    TypeError, ValueError
        As :func:`signal`, with the name of the argument; or the two differ in step, length, first time, or in
        size or labels along another dimension that both have.
    """
    both = []
    for name, traces in zip(names, (x, y), strict=True):
        try:
            both.append(signal(traces))
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name}: {error}") from None
    (a, dt, unit_a), (b, dt_b, unit_b) = both
    if abs(dt - dt_b) > 1e-6 * dt:
        raise ValueError(
            f"{names[0]} and {names[1]} must have one time step, got {dt:g} s and {dt_b:g} s; resample one of them"
        )
    if "time" in a.coords and "time" in b.coords:
        starts = [float(each["time"].values[0]) for each in (a, b)]
        if abs(starts[0] - starts[1]) > 1e-6 * dt:
            raise ValueError(
                f"{names[0]} and {names[1]} must begin at the same time, got {starts[0]:g} s and {starts[1]:g} s; "
                "cut both to a common window with .sel(time=slice(start, stop))"
            )
    for dim in (each for each in a.dims if each in b.dims):
        same = a.sizes[dim] == b.sizes[dim]
        if same and dim != "time" and dim in a.coords and dim in b.coords:
            same = bool(np.array_equal(a[dim].values, b[dim].values))
        if not same:
            raise ValueError(
                f"{names[0]} and {names[1]} must agree along {dim!r}: {a.sizes[dim]} and {b.sizes[dim]} entries"
                + (
                    ", or other labels; for all pairs give one of them another name, "
                    f"{names[1]}.rename({dim}='other_{dim}')"
                    if dim != "time"
                    else "; cut both to a common window"
                )
            )
    return a, b, dt, (unit_a, unit_b)


def apply_rows(
    function: Callable[[np.ndarray], np.ndarray],
    values: xr.DataArray,
    dims: tuple[str, ...],
    sizes: dict[str, int],
    dtype: Any,
) -> xr.DataArray:
    """``function`` of arrays (row, time) applied along time; lazy where ``values`` are."""

    def flat(block: np.ndarray) -> np.ndarray:
        check_finite(block, values.dims, "traces")
        rows = block.reshape(-1, block.shape[-1])
        return function(rows).reshape(block.shape[:-1] + tuple(sizes.values()))

    if values.chunks is not None:
        values = values.chunk(time=-1)
    return xr.apply_ufunc(
        flat,
        values,
        input_core_dims=[["time"]],
        output_core_dims=[list(dims)],
        exclude_dims={"time"},
        dask="parallelized",
        output_dtypes=[dtype],
        dask_gufunc_kwargs={"output_sizes": sizes},
    )


def apply_pairs(
    function: Callable[[np.ndarray, np.ndarray], np.ndarray],
    x: xr.DataArray,
    y: xr.DataArray,
    pool: Sequence[str],
    sizes: dict[str, int],
    working_bytes: int,
    names: tuple[str, str] = ("x", "y"),
) -> xr.DataArray:
    """``function`` of two arrays (..., pooled, time) that broadcast, applied along time; lazy where one is.

    The dimensions of ``pool`` are flattened to one axis. ``working_bytes`` is what a trace needs while
    ``function`` runs: larger arrays are taken in parts.
    """
    x, y = (
        each.expand_dims({d: o.sizes[d] for d in pool if d not in each.dims}) for each, o in ((x, y), (y, x))
    )
    core = [*pool, "time"]
    x, y = (each.transpose(..., *core) for each in (x, y))
    if x.chunks is not None or y.chunks is not None:
        x, y = (each.chunk(dict.fromkeys(core, -1)) for each in (x, y))

    def blockwise(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        for name, dims, block in zip(names, (x.dims, y.dims), (a, b), strict=True):
            check_finite(block, dims, name)
        a, b = (each.reshape(*each.shape[: each.ndim - len(core)], -1, each.shape[-1]) for each in (a, b))
        depth = max(a.ndim, b.ndim)
        a, b = (each.reshape((1,) * (depth - each.ndim) + each.shape) for each in (a, b))
        return by_parts(function, a, b, working_bytes)

    return xr.apply_ufunc(
        blockwise,
        x,
        y,
        input_core_dims=[core, core],
        output_core_dims=[list(sizes)],
        exclude_dims={"time"},
        dask="parallelized",
        output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": sizes},
    )


def by_parts(
    function: Callable[[np.ndarray, np.ndarray], np.ndarray], a: np.ndarray, b: np.ndarray, working_bytes: int
) -> np.ndarray:
    """``function(a, b)`` of arrays (..., pooled, time) of one depth, halved until a part needs about 128 MiB."""
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    if max(lead, default=1) == 1 or int(np.prod(lead)) * a.shape[-2] * working_bytes <= BLOCK_BYTES:
        return function(a, b)
    axis = int(np.argmax(lead))
    middle = lead[axis] // 2
    halves = []
    for part in (slice(None, middle), slice(middle, None)):
        cut = (slice(None),) * axis + (part,)
        first, second = (each[cut] if each.shape[axis] > 1 else each for each in (a, b))
        halves.append(by_parts(function, first, second, working_bytes))
    return np.concatenate(halves, axis=axis)


def check_finite(block: np.ndarray, dims: Sequence[Any], name: str) -> None:
    """Refuse NaN and infinity in an array whose last axis is time, and say where the first one is."""
    rows = block.reshape(-1, block.shape[-1])
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        place = [int(i) for i in np.unravel_index(row, block.shape[:-1])]
        trace = f"in the trace at {place} of {list(dims[:-1])}, " if place else ""
        raise ValueError(
            f"{name} must not hold NaN or infinity: the first {trace}at "
            f"time index {int(np.argmin(np.isfinite(rows[row])))}; fill them, or cut them away with "
            f"{name}.isel(time=slice(start, stop))"
        )


def check_varies(rows: np.ndarray, detrend: str | None, name: str) -> None:
    """Refuse traces (..., time) that are constant, or a straight line where lines are taken away."""
    left = np.ptp(detrended(rows, "linear") if detrend == "linear" else rows, axis=-1)
    still = left <= 1e-12 * np.abs(rows).max(axis=-1)  # what rounding leaves of a line taken away
    if still.any():
        raise ValueError(
            f"{name} must vary, but {int(still.sum())} of {still.size} traces do not ("
            f"{'constant or a straight line' if detrend == 'linear' else 'constant'}): without power there is nothing "
            f"to compare; leave them out, for example with {name}.where({name}.std('time') > 0, drop=True)"
        )


def frequency_grid(frequencies: Any, dt: float) -> np.ndarray:
    """Frequencies in hertz as an array (n,), refused where they do not lie above 0 and up to Nyquist."""
    grid = array("frequencies", frequencies, ndim=1)
    nyquist = 0.5 / dt
    if grid.size == 0 or grid.min() <= 0 or grid.max() > nyquist * (1 + 1e-12):
        said = f"{grid.min():g} to {grid.max():g} Hz" if grid.size else "none"
        raise ValueError(f"frequencies must lie above 0 and up to Nyquist, {nyquist:g} Hz; got {said}")
    return grid


def detrended(rows: np.ndarray, kind: str | None) -> np.ndarray:
    """Rows less their mean ("constant"), less their line ("linear"), or as they are (None)."""
    if kind is None:
        return rows
    from scipy.signal import detrend

    return detrend(rows, axis=-1, type=choice("detrend", kind, ("constant", "linear")))


def blocks(n_rows: int, bytes_per_row: int) -> list[slice]:
    """Slices over rows that each need about 128 MiB of working memory."""
    size = max(1, BLOCK_BYTES // max(bytes_per_row, 1))
    return [slice(start, start + size) for start in range(0, n_rows, size)]


def workers() -> int:
    """Threads for scipy.fft: the processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
