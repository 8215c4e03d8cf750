"""What every spectrum needs from traces: the values with time last, their step, their unit."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from .._check import choice, positive
from ..traces import time_step

BLOCK_BYTES = 128 * 2**20


def signal(traces: xr.DataArray | xr.Dataset) -> tuple[xr.DataArray, float, str]:
    """The voltage with time as last dimension, its step in seconds and its unit.

    Raises
    ------
    TypeError
        If ``traces`` is neither a DataArray nor a Dataset.
    ValueError
        If there is no voltage or no time, no step or one that contradicts the time coordinate, fewer than
        two samples, or values that are not real numbers.
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
        unit = unit or traces.attrs.get("units")
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
        raise ValueError(f"a spectrum needs at least 2 samples in time, got {values.sizes['time']}")
    if step is not None:
        step = positive("traces.attrs['dt']", step, "seconds")
    if "time" in values.coords:
        step = time_step(values["time"].values, step)
    if step is None:
        raise ValueError(
            "traces carry neither attrs['dt'] nor a time coordinate; add traces.attrs['dt'] in seconds"
        )
    return values.transpose(..., "time"), step, str(unit or "1")


def apply_rows(
    function: Callable[[np.ndarray], np.ndarray],
    values: xr.DataArray,
    dims: tuple[str, ...],
    sizes: dict[str, int],
    dtype: Any,
) -> xr.DataArray:
    """``function`` of arrays (row, time) applied along time; lazy where ``values`` are."""

    def flat(block: np.ndarray) -> np.ndarray:
        rows = block.reshape(-1, block.shape[-1])
        finite = np.isfinite(rows).all(axis=1)
        if not finite.all():
            row = int(np.argmin(finite))
            place = [int(i) for i in np.unravel_index(row, block.shape[:-1])]
            raise ValueError(
                f"traces hold NaN or infinity: first in the trace at {place} of {list(values.dims[:-1])}, "
                f"time index {int(np.argmin(np.isfinite(rows[row])))}; fill them, or cut them away with "
                "traces.isel(time=slice(start, stop))"
            )
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
