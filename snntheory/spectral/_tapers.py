"""How a trace is cut into segments and tapered: the one step that every spectral estimate begins with."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._check import choice, integer, number, positive
from ._signal import detrended, workers

PIECE_BYTES = 4 * 2**20  # of segments at a time: near the cores, enough to share among threads

KEPT_BYTES = 16 * 2**20  # longer tapers are not kept between calls


@dataclass(frozen=True)
class Tapering:
    """Segments times tapers, each of them one nearly independent look at the spectrum.

    Definition
        J_{sk}(f) = √dt Σ_n h_k(n) x(s hop + n) e^{-2πi f n dt},  Σ_n h_k(n)² = 1:
        |J|² estimates the two-sided density.

    Attributes
    ----------
    dt : float, seconds
    size, hop, segments : int
        Samples of a segment, from one to the next, and how many.
    tapers : ndarray (k, size)
        With √dt in them.
    detrend : "constant", "linear" or None
        Of each segment.
    degrees_of_freedom : float
        Of the mean of all |J|² between 0 and Nyquist, for white noise; at both ends half of it.
    settings : dict
        For the attributes of a result.
    concentration : ndarray (k,), optional
        Share of each taper's energy within the bandwidth.
    """

    dt: float
    size: int
    hop: int
    segments: int
    tapers: NDArray[np.float64]
    detrend: str | None
    degrees_of_freedom: float
    settings: dict[str, Any] = field(default_factory=dict)
    concentration: NDArray[np.float64] | None = None

    @property
    def frequency(self) -> NDArray[np.float64]:
        """Hertz, from 0 on."""
        return np.asarray(np.fft.rfftfreq(self.size, self.dt), dtype=np.float64)

    @property
    def averages(self) -> int:
        """Number of coefficients at each frequency."""
        return self.segments * len(self.tapers)

    @property
    def independent(self) -> bool:
        """Whether no sample enters two segments."""
        return self.hop >= self.size

    def share(self) -> NDArray[np.float64]:
        """Degrees of freedom at each frequency over those between the ends: 1, and 1/2 at 0 and f_N."""
        out = np.ones(self.frequency.size)
        out[0] = 0.5
        if self.size % 2 == 0:
            out[-1] = 0.5
        return out

    def coefficients(self, rows: NDArray[np.float64]) -> NDArray[np.complex128]:
        """All J of rows (row, time): shape (row, segments k, frequency)."""
        parts = [piece for _, piece in self._pieces(rows, whole=True)]
        return np.concatenate(parts, axis=0) if len(parts) > 1 else parts[0]

    def power(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean of |J|² of rows (row, time): shape (row, frequency). Spectra are averaged, never the coefficients."""
        out = np.zeros((len(rows), self.frequency.size))
        for part, piece in self._pieces(rows):
            pairs = piece.view(np.float64)
            squares = np.einsum("rmf,rmf->rf", pairs, pairs)
            out[part] += squares[:, 0::2] + squares[:, 1::2]
        out /= self.averages
        return out

    def _pieces(
        self, rows: NDArray[np.float64], whole: bool = False
    ) -> Iterator[tuple[slice, NDArray[np.complex128]]]:
        """Coefficients (row, some, frequency) of a slice of rows at a time; with ``whole`` all of a row's at once."""
        from scipy import fft

        per = 24 * self.size
        some = self.segments if whole else min(self.segments, max(1, PIECE_BYTES // per))
        height = max(1, PIECE_BYTES // (per * some * (len(self.tapers) if whole else 1)))
        cut = np.lib.stride_tricks.sliding_window_view(rows, self.size, axis=-1)[:, :: self.hop]
        for top in range(0, len(rows), height):
            part = slice(top, top + height)
            for first in range(0, self.segments, some):
                piece = cut[part, first : min(first + some, self.segments)]
                piece = _detrended(np.asarray(piece, dtype=np.float64), self.detrend)
                if len(self.tapers) == 1:
                    yield part, fft.rfft(piece * self.tapers[0], axis=-1, workers=workers())
                elif whole:
                    tapered = piece[:, :, None, :] * self.tapers
                    spectra = fft.rfft(tapered, axis=-1, workers=workers())
                    yield part, spectra.reshape(len(piece), -1, spectra.shape[-1])
                else:
                    for taper in self.tapers:
                        yield part, fft.rfft(piece * taper, axis=-1, workers=workers())


def tapering(method: str, n: int, dt: float, options: Mapping[str, Any], caller: str) -> Tapering:
    """The tapering that ``method`` with its ``options`` makes of ``n`` samples.

    Raises
    ------
    ValueError
        Unknown method or option, options that do not fit each other or the length.
    """
    make = METHODS[choice("method", method, METHODS)]
    known = list(inspect.signature(make).parameters)[2:]
    for option in options:
        choice(f"option of {caller}(method={method!r})", option, known)
    return make(n, dt, **options)


def welch(
    n: int,
    dt: float,
    segment: float | None = None,
    segment_samples: int | None = None,
    overlap: float = 0.5,
    window: Any = "hann",
    detrend: str | None = "constant",
) -> Tapering:
    """Overlapping segments with one window (Welch 1967)."""
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
            f"segment of {size * dt:g} s ({size} samples) is longer than the trace, {n * dt:g} s ({n}); "
            "take a shorter one"
        )
    if size < 8:
        raise ValueError(
            f"segment has {size} sample(s), one every {dt:g} s; at least 8 are needed: record or ask for more"
        )
    if number("overlap", overlap, minimum=0.0) >= 1:
        raise ValueError(
            f"overlap must be at least 0 and below 1 (a fraction of the segment), got {overlap:g}"
        )
    taper = _window(window, size)
    shared = min(round(overlap * size), size - 1)
    hop = size - shared
    count = (n - shared) // hop
    degrees = _welch_degrees(taper, hop, count)
    settings = {
        "window": window
        if isinstance(window, str)
        else str(window)
        if isinstance(window, tuple)
        else "custom",
        "segment": size * dt,
        "segment_samples": size,
        "overlap": shared / size,
        "detrend": str(detrend).lower(),
        "averages": count,
        "degrees_of_freedom": degrees,
    }
    scaled = (taper * np.sqrt(dt / (taper @ taper)))[None]
    return Tapering(dt, size, hop, count, scaled, _kind(detrend), degrees, settings)


def periodogram(n: int, dt: float, window: Any = "boxcar", detrend: str | None = "constant") -> Tapering:
    """The whole trace, once."""
    if n < 8:
        raise ValueError(f"the trace has {n} samples; a periodogram needs at least 8")
    return welch(n, dt, segment_samples=n, overlap=0.0, window=window, detrend=detrend)


def multitaper(
    n: int,
    dt: float,
    time_bandwidth: float = 4.0,
    n_tapers: int | None = None,
    detrend: str | None = "constant",
) -> Tapering:
    """The whole trace, once for each discrete prolate spheroidal sequence (Thomson 1982)."""
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
    few = count * n * 8 <= KEPT_BYTES
    tapers, concentration = (_slepian if few else _slepian.__wrapped__)(n, product, count)
    settings = {
        "time_bandwidth": product,
        "n_tapers": count,
        "half_bandwidth": product / (n * dt),
        "detrend": str(detrend).lower(),
        "averages": count,
        "degrees_of_freedom": 2.0 * count,
    }
    scaled = tapers * np.sqrt(dt)
    return Tapering(dt, n, n, 1, scaled, _kind(detrend), 2.0 * count, settings, concentration)


METHODS: dict[str, Callable[..., Tapering]] = {
    "welch": welch,
    "multitaper": multitaper,
    "periodogram": periodogram,
}


def _kind(detrend: str | None) -> str | None:
    return None if detrend is None else choice("detrend", detrend, ("constant", "linear"))


def _detrended(piece: NDArray[np.float64], kind: str | None) -> NDArray[np.float64]:
    return piece - piece.mean(axis=-1, keepdims=True) if kind == "constant" else detrended(piece, kind)


@lru_cache(maxsize=4)
def _slepian(n: int, product: float, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Tapers (k, n) of unit energy and their concentrations; kept, as they take longer than the transforms."""
    from scipy.signal.windows import dpss

    tapers, concentration = dpss(n, product, count, return_ratios=True)
    tapers = np.atleast_2d(tapers)
    tapers = tapers / np.linalg.norm(tapers, axis=1, keepdims=True)
    share = np.clip(np.atleast_1d(concentration), 0.0, 1.0)  # rounding puts the first ones above 1
    for each in (tapers, share):
        each.setflags(write=False)
    return tapers, share


def _window(window: Any, size: int) -> NDArray[np.float64]:
    from scipy.signal import get_window

    try:
        taper = (
            get_window(window, size) if isinstance(window, str | tuple) else np.asarray(window, dtype=float)
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"window {window!r} is not one of scipy.signal.get_window: {error}") from None
    if taper.shape != (size,):
        raise ValueError(f"window must have the segment's {size} samples, got shape {taper.shape}")
    if not np.all(np.isfinite(taper)) or not np.any(taper):
        raise ValueError("window must be finite and not zero everywhere")
    return taper


def _welch_degrees(taper: NDArray[np.float64], hop: int, averages: int) -> float:
    """2 K / (1 + 2 Σ_m (1 - m/K) ρ_m²), ρ_m the correlation of the taper with itself m hops later."""
    total = 1.0
    energy = float(taper @ taper)
    for m in range(1, averages):
        if m * hop >= taper.size:
            break
        total += 2 * (1 - m / averages) * (float(taper[m * hop :] @ taper[: -m * hop]) / energy) ** 2
    return 2 * averages / total
