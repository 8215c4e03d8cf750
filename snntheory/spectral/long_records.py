"""Global wavelet spectrum of records longer than memory: read, transformed and summed block by block."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import xarray as xr

from .._check import choice, integer
from ._signal import frequency_grid, signal, workers
from .wavelet_families import (
    NORMS,
    Wavelet,
    as_wavelet,
    describe,
    e_folding,
    filter_bank,
    reach,
    scales_of,
)
from .wavelets import label_spectrum

BLOCK_BYTES = 256 * 2**20
BYTES_PER_SAMPLE = 48  # the block itself in double precision, its spectrum, the mean taken off, a copy
BYTES_PER_THREAD = 40  # one product and its inverse transform in place, and the power


def streamed_wavelet_spectrum(
    traces: xr.DataArray | xr.Dataset,
    frequencies: Any,
    wavelet: str | Wavelet = "morlet",
    norm: str = "l2",
    outside_cone: bool = True,
    density: bool = False,
    omega0: float = 6.0,
    detrend: str | None = "constant",
    block_bytes: int = BLOCK_BYTES,
    progress: Callable[[float], None] | None = None,
) -> xr.DataArray:
    """Mean wavelet power over time, from traces of any length, within a stated memory.

    Definition
        As `global_wavelet_spectrum` of `cwt`; the transform is never held. Blocks overlap by twice what
        the widest wavelet reaches, to 1e-6 of its maximum (overlap-save).

    Parameters
    ----------
    traces : DataArray with a dimension "time" and any others, or Dataset with "voltage"
        Read twice, a block at a time (once where no mean is taken off): a memory map, a lazy file or a dask
        array is never loaded as a whole. A record of 10⁹ samples is better given without a time coordinate (8 GB)
        and with attrs["dt"].
    frequencies, wavelet, norm, omega0
        As for `cwt`.
    outside_cone, density
        As for `global_wavelet_spectrum`.
    detrend : "constant" or None
    block_bytes : int
        Working memory, all threads together.
    progress : callable, optional
        Called with the fraction that is done.

    Returns
    -------
    DataArray (..., frequency), value_unit², or value_unit²/Hz with ``density``

    Raises
    ------
    ValueError, TypeError
        As `cwt`; blocks that are too small for the lowest frequency.

    Accuracy
        tests/spectral/test_long_records.py: equals the spectrum of the whole transform to 1e-6 up to half
        Nyquist, 1e-3 at Nyquist, where the sampling cuts the wavelet off and lengthens it.
    """
    wavelet = as_wavelet(wavelet, omega0)
    choice("norm", norm, NORMS)
    block_bytes = integer("block_bytes", block_bytes, minimum=4096)
    values, dt, unit = signal(traces)
    grid = frequency_grid(frequencies, dt)
    if detrend is not None:
        choice("detrend", detrend, ("constant",))
    scales = scales_of(wavelet, grid, norm)
    n = values.sizes["time"]
    margin = int(reach(wavelet, scales, dt).max())
    length = block_bytes // (BYTES_PER_SAMPLE + BYTES_PER_THREAD * workers())
    if length < 4 * margin and length < n + 2 * margin:
        raise ValueError(
            f"block_bytes = {block_bytes} is too small for the lowest frequency: its wavelet is {2 * margin} "
            f"samples wide; give block_bytes of at least {block_bytes * 4 * margin // max(length, 1)}, leave out "
            "the lowest frequencies, or decimate the traces first"
        )
    core = max(1, min(n, length - 2 * margin))
    cone = (
        np.ceil(e_folding(wavelet) * scales / dt - 1e-9).astype(int)
        if outside_cone
        else 0 * scales.astype(int)
    )
    flat = _rows(values)
    total = np.zeros((len(flat), grid.size))
    steps = len(flat) * -(-n // core)
    done = 0
    for index, row in enumerate(flat):
        mean = _mean(row, n, core) if detrend else 0.0
        for start in range(0, n, core):
            stop = min(start + core, n)
            block = _read(row, start - margin, stop + margin, n, mean)
            total[index] += _power(block, margin, (start, stop), cone, n, dt, scales, wavelet, norm)
            done += 1
            if progress is not None:
                progress(done / steps)
    count = n - 2 * cone
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_power = np.where(count > 0, total / count, np.nan)
    out = xr.DataArray(
        mean_power.reshape((*values.shape[:-1], grid.size)),
        dims=(*values.dims[:-1], "frequency"),
        coords={k: v for k, v in values.coords.items() if "time" not in v.dims}
        | {"frequency": ("frequency", grid, {"units": "Hz"}), "scale": ("frequency", scales, {"units": "s"})},
    )
    attrs = describe(wavelet) | {"norm": norm, "dt": dt, "units": unit}
    return label_spectrum(out, attrs, outside_cone, density)


def _rows(values: xr.DataArray) -> list[xr.DataArray]:
    """The single traces, unread."""
    shape = values.shape[:-1]
    return [
        values.isel(dict(zip(values.dims[:-1], place, strict=True))).reset_coords(drop=True)
        for place in np.ndindex(*shape)
    ]


def _read(row: xr.DataArray, start: int, stop: int, n: int, mean: float) -> np.ndarray:
    """Samples start to stop less the mean, zero outside the record."""
    inner = np.asarray(row.variable[max(start, 0) : min(stop, n)].values, dtype=np.float64)
    if not np.isfinite(inner).all():
        at = max(start, 0) + int(np.argmin(np.isfinite(inner)))
        raise ValueError(
            f"traces hold NaN or infinity: first at time index {at}; fill them, or cut them away with "
            "traces.isel(time=slice(start, stop))"
        )
    out = np.zeros(stop - start)
    np.subtract(inner, mean, out=out[max(start, 0) - start : max(start, 0) - start + inner.size])
    return out


def _mean(row: xr.DataArray, n: int, core: int) -> float:
    return math.fsum(_read(row, a, min(a + core, n), n, 0.0).sum() for a in range(0, n, core)) / n


def _power(
    block: np.ndarray,
    margin: int,
    span: tuple[int, int],
    cone: np.ndarray,
    n: int,
    dt: float,
    scales: np.ndarray,
    wavelet: Wavelet,
    norm: str,
) -> np.ndarray:
    """Σ |W|² over the block's core outside the cone, at each scale."""
    from scipy import fft

    n_fft = fft.next_fast_len(block.size)
    spectrum = fft.rfft(block, n_fft)
    frequency = np.fft.rfftfreq(n_fft, dt)

    def one(k: int) -> float:
        start, stop = max(span[0], int(cone[k])), min(span[1], n - int(cone[k]))
        if stop <= start:
            return 0.0
        product = np.zeros(n_fft, dtype=complex)
        for part in _parts(frequency.size):
            bank = filter_bank(wavelet, frequency[part], scales[k : k + 1], norm, dt)
            np.multiply(spectrum[part], bank[0], out=product[part])
        w = fft.ifft(product, overwrite_x=True)[margin + start - span[0] : margin + stop - span[0]]
        return math.fsum(float(np.vdot(w[part], w[part]).real) for part in _parts(w.size))

    with ThreadPoolExecutor(workers()) as pool:
        return np.array(list(pool.map(one, range(scales.size))))


def _parts(count: int, size: int = 2**16) -> Iterator[slice]:
    return (slice(start, min(start + size, count)) for start in range(0, count, size))
