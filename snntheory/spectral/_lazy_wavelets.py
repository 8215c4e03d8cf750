"""Wavelet transforms of dask-backed traces: blocks of rows and frequencies, and overlap-save along time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from .._check import choice
from ._signal import apply_rows, detrended
from .wavelet_families import Wavelet, reach

Transform = Callable[[np.ndarray, np.ndarray], np.ndarray]


def lazy_transform(
    values: xr.DataArray,
    transform: Transform,
    scales: np.ndarray,
    wavelet: Wavelet,
    dt: float,
    detrend: str | None,
    dtype: Any,
    block_bytes: int,
) -> xr.DataArray:
    """``transform`` (row, time), (scale,) -> (row, scale, time) of lazy traces, in blocks of ``block_bytes``.

    Traces in one chunk along time, and those whose transform fits a block, are transformed whole, a few rows
    and frequencies at a time. Others are read block by block, each with as many samples of its neighbours as
    the widest wavelet reaches (to 1e-6 of its maximum).
    """
    itemsize, n = np.dtype(dtype).itemsize, values.sizes["time"]
    if len(values.chunksizes["time"]) > 1 and itemsize * n * scales.size > block_bytes:
        return _overlap_save(values, transform, scales, wavelet, dt, detrend, dtype, block_bytes)
    values = values.chunk(time=-1)
    per_frequency = itemsize * n
    width = min(max(1, block_bytes // per_frequency), scales.size)
    rows = max(1, block_bytes // (per_frequency * width))
    values = values.chunk(_row_chunks(values, rows))
    parts = []
    for start in range(0, scales.size, width):
        some = scales[start : start + width]

        def block(rows: np.ndarray, some: np.ndarray = some) -> np.ndarray:
            return transform(detrended(rows.astype(np.float64), detrend), some)

        sizes = {"frequency": some.size, "time": n}
        parts.append(apply_rows(block, values, ("frequency", "time"), sizes, dtype))
    return xr.concat(parts, "frequency") if len(parts) > 1 else parts[0]


def _row_chunks(values: xr.DataArray, rows: int) -> dict[Any, Any]:
    """Chunks of at most ``rows`` traces: the last dimensions are kept together as far as that allows."""
    chunks = {}
    for dim in reversed(values.dims[:-1]):
        chunks[dim] = min(rows, values.sizes[dim], max(values.chunksizes[dim]))
        rows = max(1, rows // chunks[dim])
    return chunks


def _overlap_save(
    values: xr.DataArray,
    transform: Transform,
    scales: np.ndarray,
    wavelet: Wavelet,
    dt: float,
    detrend: str | None,
    dtype: Any,
    block_bytes: int,
) -> xr.DataArray:
    import dask.array as da

    n, itemsize = values.sizes["time"], np.dtype(dtype).itemsize
    margin = int(reach(wavelet, scales, dt).max())
    length = block_bytes // (itemsize * scales.size)
    width = scales.size
    if length < 2 * margin:  # long wavelets: fewer frequencies at a time, so that overlaps stay affordable
        length = min(n, 2 * margin)
        width = block_bytes // (itemsize * length)
    if width < 1:
        raise ValueError(
            f"block_bytes = {block_bytes} is too small for the lowest frequency: its wavelet is {2 * margin} "
            f"samples wide; give block_bytes of at least {itemsize * length}, leave out the lowest frequencies, "
            "or decimate the traces first"
        )
    rows = max(1, block_bytes // (itemsize * length * width))
    count = -(-n // length)
    even = tuple(int(stop - start) for start, stop in _edges(n, count))  # none is shorter than the margin
    lazy = _less_trend(values, detrend).chunk(_row_chunks(values, rows) | {"time": even})
    axis = values.ndim - 1
    data = da.overlap.overlap(lazy.data, depth={axis: margin}, boundary={axis: 0.0})
    parts = []
    for start in range(0, scales.size, width):
        some = scales[start : start + width]

        def block(part: np.ndarray, some: np.ndarray = some) -> np.ndarray:
            flat = part.reshape(-1, part.shape[-1])
            if not np.isfinite(flat).all():
                raise ValueError(
                    "traces hold NaN or infinity; fill them, or cut them away with "
                    "traces.isel(time=slice(start, stop))"
                )
            out = transform(flat, some)[..., margin : part.shape[-1] - margin]
            return out.reshape(part.shape[:-1] + out.shape[1:])

        parts.append(
            data.map_blocks(
                block,
                dtype=dtype,
                chunks=data.chunks[:-1] + ((some.size,), even),
                new_axis=axis,
                meta=np.empty((0,) * (values.ndim + 1), dtype=dtype),
            )
        )
    out = da.concatenate(parts, axis=-2) if len(parts) > 1 else parts[0]
    return xr.DataArray(
        out,
        dims=(*values.dims[:-1], "frequency", "time"),
        coords={k: v for k, v in values.coords.items() if "time" not in v.dims},
    )


def _edges(n: int, count: int) -> list[tuple[int, int]]:
    places = [n * k // count for k in range(count + 1)]
    return list(zip(places, places[1:], strict=False))


def _less_trend(values: xr.DataArray, detrend: str | None) -> xr.DataArray:
    """Values less their mean or line, found now in one pass: a lazy mean would keep every chunk in memory."""
    if detrend is None:
        return values
    choice("detrend", detrend, ("constant", "linear"))
    n = values.sizes["time"]
    mean = values.mean("time", dtype=np.float64)
    if detrend == "constant":
        return values - mean.compute()
    import dask
    import dask.array as da

    t = xr.DataArray(da.arange(n, chunks=values.chunksizes["time"], dtype=float) - 0.5 * (n - 1), dims="time")
    centre, slope = dask.compute(mean, (values * t).sum("time") / (n * (n * n - 1.0) / 12))
    return values - centre - slope * t
