"""The continuous wavelet transform of arrays (row, time) in Fourier space: SciPy with threads, or PyTorch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ._signal import workers
from .wavelet_families import Wavelet, filter_bank, reach

BLOCK_BYTES = 64 * 2**20
PIECE_BYTES = 2**20  # of one inverse FFT's working memory: it stays in the processor's cache


def transform_rows(
    rows: np.ndarray,
    dt: float,
    scales: np.ndarray,
    wavelet: Wavelet,
    norm: str,
    device: str = "cpu",
    block_bytes: int = BLOCK_BYTES,
) -> np.ndarray:
    """W(s, t) of each row, zero outside its samples.

    Parameters
    ----------
    rows : array (row, time), float32 or float64
    dt : float, seconds
    scales : array (scale,), seconds
    wavelet : Wavelet
    norm : "l2" or "l1"
    device : "cpu" (SciPy) or a PyTorch device
    block_bytes : int
        Working memory beside input and output.

    Returns
    -------
    array (row, scale, time), complex64 or complex128
    """
    rows = np.ascontiguousarray(rows)
    out = np.empty((len(rows), scales.size, rows.shape[-1]), dtype=np.result_type(rows, np.complex64))
    target = None if device == "cpu" else _torch_device(device)
    for some, n_fft in fft_lengths(rows.shape[-1], dt, scales, wavelet):
        frequency = np.fft.rfftfreq(n_fft, dt)
        per_row = out.itemsize * n_fft
        for part in _steps(len(rows), max(1, block_bytes // per_row)):
            for first in _steps(some.size, max(1, block_bytes // per_row)):
                index = some[first]
                bank = filter_bank(wavelet, frequency, scales[index], norm, dt).astype(rows.dtype)
                if target is None:
                    _numpy_block(rows[part], bank, n_fft, out[part], index)
                else:
                    _torch_block(rows[part], bank, n_fft, out[part], index, target, block_bytes)
    return out


def fft_lengths(n: int, dt: float, scales: np.ndarray, wavelet: Wavelet) -> Iterator[tuple[np.ndarray, int]]:
    """Indices of scales that share an FFT, and its length: narrow wavelets need less zero padding.

    The two ends of a record stay the wavelet's `reach` apart, or three records where that is less.
    """
    from scipy import fft

    pads = reach(wavelet, scales, dt)
    rungs = np.ceil(n * np.array([1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 3.0]))
    place = np.minimum(np.searchsorted(rungs, pads), rungs.size - 1)
    for rung in np.unique(place):
        yield np.flatnonzero(place == rung), fft.next_fast_len(n + int(rungs[rung]))


def _steps(count: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def _numpy_block(rows: np.ndarray, bank: np.ndarray, n_fft: int, out: np.ndarray, index: np.ndarray) -> None:
    """Fill out[:, index]: one forward FFT a row, then inverse FFTs in pieces that fit the cache, in threads."""
    from scipy import fft

    spectrum = fft.rfft(rows, n_fft, axis=-1, workers=workers())
    n, half = rows.shape[-1], bank.shape[1]
    size = max(1, PIECE_BYTES // (spectrum.itemsize * n_fft))

    def piece(job: tuple[int, slice]) -> None:
        row, some = job
        product = np.zeros((some.stop - some.start, n_fft), dtype=spectrum.dtype)
        np.multiply(spectrum[row], bank[some], out=product[:, :half])
        out[row, index[some]] = fft.ifft(product, axis=-1, overwrite_x=True)[:, :n]

    jobs = [(row, some) for row in range(len(rows)) for some in _steps(len(bank), size)]
    if len(jobs) == 1 or workers() == 1:
        for job in jobs:
            piece(job)
        return
    with ThreadPoolExecutor(workers()) as pool:
        for _ in pool.map(piece, jobs):
            pass


def _torch_block(
    rows: np.ndarray,
    bank: np.ndarray,
    n_fft: int,
    out: np.ndarray,
    index: np.ndarray,
    target: Any,
    block_bytes: int,
) -> None:
    import torch

    with torch.no_grad():
        spectrum = torch.fft.rfft(torch.from_numpy(rows).to(target), n_fft)
        filters = torch.from_numpy(bank).to(target)
        size = max(1, block_bytes // (spectrum.element_size() * n_fft * len(bank)))
        for part in _steps(len(rows), size):
            shape = (part.stop - part.start, len(bank), n_fft)
            product = torch.zeros(shape, dtype=spectrum.dtype, device=target)
            product[..., : bank.shape[1]] = spectrum[part, None] * filters
            out[part, index] = torch.fft.ifft(product)[..., : rows.shape[-1]].cpu().numpy()


def _torch_device(device: str) -> Any:
    try:
        import torch
    except ImportError as error:
        raise ImportError("device other than 'cpu' needs PyTorch: pip install 'snntheory[train]'") from error
    try:
        target = torch.device(device)
        torch.empty(1, device=target)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        reason = str(error).split("\n")[0]
        raise ValueError(f"device {device!r} is not available here ({reason}); use 'cpu'") from None
    return target


def check_fits(n_bytes: int, sizes: str) -> None:
    """Refuse an array that is larger than this machine's memory, before it is made."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on this system
        return
    if n_bytes > memory:
        raise ValueError(
            f"the transform ({sizes}) would take {n_bytes / 2**30:.3g} GiB, more than this machine's memory of "
            f"{memory / 2**30:.3g} GiB; make the traces lazy with traces.chunk(time=...) and reduce the result, "
            "or ask for fewer frequencies or less time"
        )
