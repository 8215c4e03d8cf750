"""Continuous wavelet transform of traces with analytic wavelets, in physical frequencies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from .._check import array, choice, integer, positive
from ._lazy_wavelets import lazy_transform
from ._signal import apply_rows, detrended, frequency_grid, signal
from ._wavelet_transform import BLOCK_BYTES, check_fits, transform_rows
from .wavelet_families import (
    NORMS,
    Wavelet,
    as_wavelet,
    describe,
    e_folding,
    moment,
    scales_of,
    wavelet_of,
)


def cwt(
    traces: xr.DataArray | xr.Dataset,
    frequencies: Any = None,
    wavelet: str | Wavelet = "morlet",
    norm: str = "l2",
    device: str = "cpu",
    omega0: float = 6.0,
    detrend: str | None = "constant",
    block_bytes: int = BLOCK_BYTES,
) -> xr.DataArray:
    """Continuous wavelet transform along time.

    Definition
        In Fourier space, W(s, t) = IFFT[x̂(ω) ψ̂(sω)] with ψ̂ = N hat, hat the wavelet's shape with maximum 1,
        zero at ω <= 0 (`Morlet`, `Morse`).
        norm "l2": N = √(2πs / (dt ∫hat²)): white noise of variance σ² has E|W|² = σ² at every scale.
        norm "l1": N = 2: a cosine of amplitude a and frequency f has |W| = a at f.
        A cosine of frequency f has the ridge of |W| at f in both norms; the scale that belongs to f is
        therefore s = x / (2πf) with x where hat is largest for "l1" (ω0; (β/γ)^{1/γ}) and where √x hat is
        largest for "l2" ((ω0 + √(2 + ω0²)) / 2, Torrence & Compo's Fourier period, 1.033 s for ω0 = 6;
        ((β + 1/2)/γ)^{1/γ}).

    Parameters
    ----------
    traces : DataArray with a dimension "time" and any others, or Dataset with "voltage"
    frequencies : array (n,), hertz, optional
        Default: `default_frequencies`, 12 an octave up to Nyquist.
    wavelet : "morlet", "morse" (β = 20, γ = 3), or a `Morlet` or `Morse`
    norm : "l2" or "l1"
    device : str
        "cpu" (SciPy, all processors) or a PyTorch device such as "cuda": the same mathematics by torch.fft.
    omega0 : float, at least 5
        Of wavelet "morlet": angular frequency at scale 1; larger resolves frequency better and time worse.
    detrend : "constant", "linear" or None
        Removed from each trace before it is padded with zeros: an offset would be a step at both ends.
    block_bytes : int
        Working memory beside the result; for lazy (dask) traces the size of the result's blocks.

    Returns
    -------
    DataArray (..., frequency, time), complex, in value_unit
        complex64 for float32 traces, else complex128: rows × frequencies × samples × 8 or 16 bytes (100
        traces of 10,000 samples at 100 frequencies: 1.6 GB in double precision). Coordinates ``scale`` and
        ``cone_of_influence`` (seconds, along frequency); attrs hold the cone too, the norm, the wavelet and
        the first and last time of the record.
        Dask-backed traces stay lazy, in blocks of ``block_bytes``. Traces chunked in time are transformed
        block by block with overlaps (overlap-save), whatever their length; their mean or line is computed
        when `cwt` is called, in one pass over the data.

    Raises
    ------
    ValueError, TypeError
        For NaN, fewer than two samples, no step, frequencies outside (0, Nyquist], an unknown norm, wavelet
        or device, a result larger than memory, blocks too small for the lowest frequency. ImportError for
        another device than "cpu" without PyTorch.

    Assumptions
        Outside the record the signal is zero; padding keeps the two ends apart, and what the ends disturb
        lies inside the cone of influence. Near Nyquist the wavelet is cut off by the sampling and levels are
        lowered (to half the power at Nyquist; above three quarters of Nyquist for Morlet with ω0 = 6).

    Accuracy
        tests/spectral/test_wavelets.py: level of white noise, amplitude of a cosine, covariance under shifts,
        the closed form for a Gaussian burst, PyWavelets. float32 agrees with float64, and PyTorch with SciPy,
        to 1e-5 of the largest value. test_long_records.py: overlap-save agrees with the whole to 1e-6 of
        the largest value up to half Nyquist, 1e-2 at Nyquist, where the wavelet is cut off and long.

    References
        Torrence & Compo 1998, equations 4, 6, 10, 11, 14 and table 2; Lilly & Olhede 2009, 2012.
    """
    wavelet = as_wavelet(wavelet, omega0)
    choice("norm", norm, NORMS)
    block_bytes = integer("block_bytes", block_bytes, minimum=4096)
    values, dt, unit = signal(traces)
    n = values.sizes["time"]
    if frequencies is None:
        frequencies = default_frequencies(n, dt, norm=norm, wavelet=wavelet)
    grid = frequency_grid(frequencies, dt)
    scales = scales_of(wavelet, grid, norm)
    dtype = np.complex64 if values.dtype == np.float32 else np.complex128

    def plain(rows: np.ndarray, scales: np.ndarray) -> np.ndarray:
        return transform_rows(
            rows.astype(dtype(0).real.dtype), dt, scales, wavelet, norm, device, block_bytes
        )

    if values.chunks is None:
        check_fits(
            np.dtype(dtype).itemsize * values.size * grid.size, f"{values.shape} at {grid.size} frequencies"
        )
        sizes = {"frequency": grid.size, "time": n}
        out = apply_rows(
            lambda rows: plain(detrended(rows.astype(np.float64), detrend), scales),
            values,
            ("frequency", "time"),
            sizes,
            dtype,
        )
    else:
        out = lazy_transform(values, plain, scales, wavelet, dt, detrend, dtype, block_bytes)
    cone = e_folding(wavelet) * scales
    out = out.assign_coords(
        frequency=("frequency", grid, {"units": "Hz"}),
        scale=("frequency", scales, {"units": "s"}),
        cone_of_influence=("frequency", cone, {"units": "s", "long_name": "e-folding time of the ends"}),
        time=values["time"] if "time" in values.coords else ("time", dt * np.arange(n), {"units": "s"}),
    )
    out.name = "wavelet_transform"
    out.attrs = describe(wavelet) | {
        "norm": norm,
        "dt": dt,
        "units": unit,
        "detrend": str(detrend).lower(),
        "cone_of_influence": cone.tolist(),
        "record_start": float(out["time"].values[0]),
        "record_stop": float(out["time"].values[-1]),
    }
    return out


def default_frequencies(
    n: int,
    dt: float,
    per_octave: int = 12,
    norm: str = "l2",
    omega0: float = 6.0,
    wavelet: str | Wavelet = "morlet",
) -> np.ndarray:
    """Logarithmic frequencies from the lowest whose cone leaves something of the record up to Nyquist.

    Definition
        f_j = f_N 2^{-j / per_octave} as long as twice the cone of influence at f_j is below (n - 1) dt,
        in ascending order.

    Parameters
    ----------
    n : int
        Samples of the record.
    dt : float, seconds
    per_octave : int
    norm : "l2" or "l1"
    omega0, wavelet
        As for `cwt`.

    Returns
    -------
    array (m,), hertz
    """
    nyquist = 0.5 / positive("dt", dt, "seconds")
    cone_at_one = float(cone_of_influence(1.0, omega0=omega0, norm=norm, wavelet=wavelet))
    lowest = 2 * cone_at_one / ((integer("n", n, minimum=2) - 1) * dt)
    if lowest >= nyquist:
        raise ValueError(
            f"{n} samples are too few for any cone of influence; record more or give frequencies"
        )
    per_octave = integer("per_octave", per_octave, minimum=1)
    count = math.ceil(per_octave * math.log2(nyquist / lowest))
    return nyquist * 2.0 ** (-np.arange(count)[::-1] / per_octave)


def cone_of_influence(
    frequencies: Any, omega0: float = 6.0, norm: str = "l2", wavelet: str | Wavelet = "morlet"
) -> np.ndarray:
    """How far the ends of a record reach into its wavelet transform, in seconds.

    Definition
        The time in which the wavelet power of an impulse at the edge falls by e^{-2}: √2 s(f) for Morlet,
        computed from the envelope of the others (`wavelet_families.e_folding`). There, with Morlet and norm
        "l1", a cosine of that frequency that the end cuts off is wrong by 8 % of its amplitude, and a step at
        the end leaves 5 % of its height.

    Parameters
    ----------
    frequencies : array, hertz
    omega0, wavelet
        As for `cwt`.
    norm : "l2" or "l1"
        Says which scale belongs to a frequency, see `cwt`.

    Returns
    -------
    array of the shape of ``frequencies``, seconds
    """
    grid = array("frequencies", frequencies)
    if grid.size and grid.min() <= 0:
        raise ValueError(f"frequencies must be above 0 Hz, got {grid.min():g}")
    wavelet = as_wavelet(wavelet, omega0)
    return np.asarray(e_folding(wavelet) * scales_of(wavelet, grid, norm))


def outside_cone(transform: xr.DataArray) -> xr.DataArray:
    """Where a wavelet transform is free of the ends of its record: outside their cone of influence.

    Parameters
    ----------
    transform : DataArray (..., frequency, time), as from `cwt`; it may be sliced in time or frequency

    Returns
    -------
    DataArray of bool (frequency, time)
        True where both ends are further away than the cone of influence.
    """
    check_transform(transform)
    free = distance_to_ends(transform) >= transform["cone_of_influence"]
    return free.transpose("frequency", "time").assign_coords(time=transform["time"])


def distance_to_ends(transform: xr.DataArray) -> xr.DataArray:
    """Seconds from each time of a transform to the nearer end of its record: DataArray (time,), without labels."""
    time = xr.DataArray(transform["time"].values, dims="time")
    if transform.chunks is not None:  # a mask as large as the transform stays lazy too
        time = time.chunk(time=transform.chunksizes["time"])
    start, stop = transform.attrs["record_start"], transform.attrs["record_stop"]
    return xr.where(time - start < stop - time, time - start, stop - time)


def global_wavelet_spectrum(
    transform: xr.DataArray, outside_cone: bool = True, density: bool = False
) -> xr.DataArray:
    """Mean wavelet power over time.

    Definition
        <|W|²> over time. With ``density``, divided by the filter's ∫|ψ̂|² df: the two-sided power spectral
        density that `psd` estimates, smoothed over the wavelet's band.

    Parameters
    ----------
    transform : DataArray (..., frequency, time), as from `cwt`
    outside_cone : bool
        Average only what lies outside the cone of influence, free of the ends; frequencies that have
        nothing left are NaN.
    density : bool

    Returns
    -------
    DataArray (..., frequency), value_unit², or value_unit²/Hz with ``density``

    Assumptions
        As a density it is biased where the spectrum is steep: on an f^{-4} tail the band's lower edge
        dominates and raises it.
    """
    check_transform(transform)
    power = transform.real**2 + transform.imag**2
    if outside_cone:
        mask = _mask(transform)
        count = mask.sum("time")
        out = power.where(mask, 0.0).sum("time") / count.where(count > 0)
    else:
        out = power.mean("time")
    return label_spectrum(out, transform.attrs, outside_cone, density)


def label_spectrum(
    power: xr.DataArray, attrs: Mapping[Any, Any], outside_cone: bool, density: bool
) -> xr.DataArray:
    """Mean power with the name, unit and attributes of a global wavelet spectrum; as a density if asked."""
    wavelet, dt, unit = wavelet_of(attrs), attrs["dt"], attrs["units"]
    squared = "1" if unit == "1" else f"({unit})^2"
    if density:
        bandwidth = 2 * moment(wavelet, 2) / (math.pi * power["scale"])  # of "l1": ∫ (2 hat)² df
        power = power * dt if attrs["norm"] == "l2" else power / bandwidth
        squared = "1/Hz" if unit == "1" else f"{squared}/Hz"
    power.name = "global_wavelet_spectrum"
    power.attrs = describe(wavelet) | {
        "norm": attrs["norm"],
        "dt": dt,
        "units": squared,
        "outside_cone": str(outside_cone).lower(),
    }
    return power


def _mask(transform: xr.DataArray) -> xr.DataArray:
    return outside_cone(transform)


def check_transform(transform: Any) -> None:
    """Refuse what `cwt` has not made."""
    if not isinstance(transform, xr.DataArray) or "record_start" not in transform.attrs:
        raise TypeError(
            "transform must be a DataArray made by cwt, with its attributes (xarray.set_options keep_attrs)"
        )
    if not {"frequency", "time"} <= set(transform.dims):
        raise ValueError(f"transform must have the dimensions frequency and time, got {transform.dims}")
