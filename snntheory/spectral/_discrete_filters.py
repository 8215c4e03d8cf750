"""Filters of discrete wavelets: which samples a coefficient sees, which levels a record allows."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import numpy as np
import xarray as xr

from .._check import integer

MODES = (
    "symmetric", "reflect", "antisymmetric", "antireflect", "zero", "constant", "smooth", "periodic", "periodization",
)  # fmt: skip


def pywavelets() -> Any:
    import pywt

    return pywt


def filters_of(wavelet: Any) -> tuple[np.ndarray, np.ndarray]:
    """Low-pass and high-pass analysis filters."""
    pywt = pywavelets()
    names = pywt.wavelist(kind="discrete")
    if wavelet not in names:
        near = get_close_matches(str(wavelet), names, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ValueError(
            f"wavelet must be one of PyWavelets' discrete wavelets, such as 'haar', 'db4' or 'sym8' "
            f"(pywt.wavelist(kind='discrete') lists them), got {wavelet!r}{hint}; for continuous ones use cwt"
        )
    found = pywt.Wavelet(wavelet)
    return np.array(found.dec_lo), np.array(found.dec_hi)


def checked_level(level: int | None, n: int, filters: tuple[np.ndarray, np.ndarray]) -> int:
    most = int(pywavelets().dwt_max_level(n, len(filters[0])))
    if most < 1:
        raise ValueError(
            f"{n} samples are too few for a filter of {len(filters[0])}; take a shorter wavelet, such as 'haar', or "
            "a longer record"
        )
    if level is None:
        return most
    level = integer("level", level, minimum=1)
    if level > most:
        raise ValueError(
            f"level must be at most {most} for {n} samples and a filter of {len(filters[0])}, got {level}: above, "
            "every coefficient is disturbed by the ends; record longer or take a shorter wavelet"
        )
    return level


def coefficient_counts(n: int, filters: tuple[np.ndarray, np.ndarray], level: int, mode: str) -> list[int]:
    """Coefficients as wavedec orders them: approximation, detail_level … detail_1."""
    lengths = []
    for _ in range(level):
        n = int(pywavelets().dwt_coeff_len(n, len(filters[0]), mode))
        lengths.append(n)
    return [lengths[-1], *lengths[::-1]]


def support(
    k: np.ndarray, level: int, filters: tuple[np.ndarray, np.ndarray], mode: str
) -> tuple[np.ndarray, np.ndarray]:
    """First and last sample that each coefficient of a level looks at."""
    length = len(filters[0])
    last = 2**level * k + (2**level - 1) * (length // 2 if mode == "periodization" else 1)
    return last - (2**level - 1) * (length - 1), last


def places(
    k: np.ndarray, path: str, n: int, filters: tuple[np.ndarray, np.ndarray], mode: str
) -> tuple[np.ndarray, np.ndarray]:
    """Centre of each coefficient's filter energy in samples, and whether its support leaves the record.

    ``path``: the filters passed, first to last, "a" low-pass and "d" high-pass; "aad" for detail 3.
    """
    first, last = support(k, len(path), filters, mode)
    return last - _centre(path, filters), (first < 0) | (last > n - 1)


def _centre(path: str, filters: tuple[np.ndarray, np.ndarray]) -> float:
    """Centre of energy of the filters passed in turn, in samples from the beginning."""
    equivalent = np.ones(1)
    for j, letter in enumerate(path):
        now = filters[0] if letter == "a" else filters[1]
        spread = np.zeros((len(now) - 1) * 2**j + 1)
        spread[:: 2**j] = now
        equivalent = np.convolve(equivalent, spread)
    return float(np.arange(equivalent.size) @ equivalent**2 / (equivalent @ equivalent))


def nominal_band(level: int, dt: float, lowpass: bool) -> list[float]:
    top = 1 / (dt * 2**level)
    return [0.0, 0.5 * top] if lowpass else [0.5 * top, top]


def padding(n: int, level: int) -> tuple[int, int]:
    missing = -n % 2**level
    return missing // 2, missing - missing // 2


def first_time(values: xr.DataArray) -> float:
    return float(values["time"].values[0]) if "time" in values.coords else 0.0


def real_kind(values: xr.DataArray) -> Any:
    return np.float32 if values.dtype == np.float32 else np.float64


def as_float(block: np.ndarray) -> np.ndarray:
    return block if block.dtype == np.float32 else block.astype(np.float64)
