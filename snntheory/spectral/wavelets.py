"""Continuous wavelet transform of traces with the analytic Morlet wavelet, in physical frequencies."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr

from .._check import array, choice, integer, number, positive
from ._signal import apply_rows, blocks, detrended, signal, workers

NORMS = ("l2", "l1")


def cwt(
    traces: xr.DataArray | xr.Dataset,
    frequencies: Any = None,
    wavelet: str = "morlet",
    norm: str = "l2",
    device: str = "cpu",
    omega0: float = 6.0,
    detrend: str | None = "constant",
) -> xr.DataArray:
    """Continuous wavelet transform along time.

    Definition
        In Fourier space, W(s, t) = IFFT[x̂(ω) ψ̂(sω)] with ψ̂(sω) = N H(ω) e^{-(sω - ω0)²/2}, H the step
        function (analytic wavelet).
        norm "l2": N = √(2πs/dt) π^{-1/4}: white noise of variance σ² has E|W|² = σ² at every scale.
        norm "l1": N = 2: a cosine of amplitude a and frequency f has |W| = a at f.
        A cosine of frequency f has the ridge of |W| at f in both norms; the scale that belongs to f is
        therefore s = (ω0 + √(2 + ω0²)) / (4πf) for "l2" (Torrence & Compo's Fourier period, 1.033 s for
        ω0 = 6) and s = ω0 / (2πf) for "l1".

    Parameters
    ----------
    traces : DataArray with a dimension "time" and any others, or Dataset with "voltage"
    frequencies : array (n,), hertz, optional
        Default: `default_frequencies`, 12 an octave up to Nyquist.
    wavelet : "morlet"
    norm : "l2" or "l1"
    device : str
        "cpu" (scipy) or a PyTorch device such as "cuda": the same mathematics by torch.fft.
    omega0 : float, at least 5
        Angular frequency of the wavelet at scale 1; larger resolves frequency better and time worse.
    detrend : "constant", "linear" or None
        Removed from each trace before it is padded with zeros: an offset would be a step at both ends.

    Returns
    -------
    DataArray (..., frequency, time), complex, in value_unit
        complex64 for float32 traces, else complex128: rows × frequencies × samples × 8 or 16 bytes (100
        traces of 10,000 samples at 100 frequencies: 1.6 GB in double precision). Dask-backed traces stay
        lazy. Coordinates ``scale`` and ``cone_of_influence`` (seconds, along frequency); attrs hold the
        cone too, the norm, ω0 and the first and last time of the record.

    Raises
    ------
    ValueError, TypeError
        For NaN, fewer than two samples, no step, frequencies outside (0, Nyquist], an unknown norm, wavelet
        or device. ImportError for another device than "cpu" without PyTorch.

    Assumptions
        Outside the record the signal is zero; padding keeps the two ends apart, and what the ends disturb
        lies inside the cone of influence, √2 s. Above about three quarters of Nyquist the wavelet is cut
        off by the sampling and the levels above are lowered (to half the power at Nyquist).

    Accuracy
        tests/spectral/test_wavelets.py: reconstruction and variance identities, level of white noise,
        amplitude of a cosine, covariance under shifts, PyWavelets. float32 agrees with float64 to 1e-5 of
        the largest value.

    References
        Torrence & Compo 1998, equations 4, 6, 10, 11, 14 and table 2.
    """
    choice("wavelet", wavelet, ("morlet",))
    choice("norm", norm, NORMS)
    omega0 = number("omega0", omega0, minimum=5.0)  # below, the wavelet has no zero mean
    values, dt, unit = signal(traces)
    n = values.sizes["time"]
    if frequencies is None:
        grid = default_frequencies(n, dt, norm=norm, omega0=omega0)
    else:
        grid = array("frequencies", frequencies, ndim=1)
    nyquist = 0.5 / dt
    if grid.size == 0 or grid.min() <= 0 or grid.max() > nyquist * (1 + 1e-12):
        raise ValueError(f"frequencies must lie above 0 and up to Nyquist, {nyquist:g} Hz; got {grid}")
    scales = _fourier_factor(norm, omega0) / grid
    dtype = np.complex64 if values.dtype == np.float32 else np.complex128
    transform = _numpy_rows if device == "cpu" else _torch_rows

    def rows_cwt(rows: np.ndarray) -> np.ndarray:
        rows = detrended(rows.astype(np.float64), detrend)
        return transform(rows.astype(dtype(0).real.dtype), dt, scales, norm, omega0, device)

    dims, sizes = ("frequency", "time"), {"frequency": grid.size, "time": n}
    out = apply_rows(rows_cwt, values, dims, sizes, dtype)
    cone = cone_of_influence(grid, omega0=omega0, norm=norm)
    out = out.assign_coords(
        frequency=("frequency", grid, {"units": "Hz"}),
        scale=("frequency", scales, {"units": "s"}),
        cone_of_influence=("frequency", cone, {"units": "s", "long_name": "e-folding time of the ends"}),
        time=values["time"] if "time" in values.coords else ("time", dt * np.arange(n), {"units": "s"}),
    )
    out.name = "wavelet_transform"
    out.attrs = {
        "wavelet": wavelet,
        "omega0": omega0,
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
    n: int, dt: float, per_octave: int = 12, norm: str = "l2", omega0: float = 6.0
) -> np.ndarray:
    """Logarithmic frequencies from the lowest whose cone leaves something of the record up to Nyquist.

    Definition
        f_j = f_N 2^{-j / per_octave} as long as 2 √2 s(f_j) < (n - 1) dt, in ascending order.

    Parameters
    ----------
    n : int
        Samples of the record.
    dt : float, seconds
    per_octave : int
    norm : "l2" or "l1"
    omega0 : float

    Returns
    -------
    array (m,), hertz
    """
    nyquist = 0.5 / positive("dt", dt, "seconds")
    cone_at_one = float(cone_of_influence(1.0, omega0=omega0, norm=norm))
    lowest = 2 * cone_at_one / ((integer("n", n, minimum=2) - 1) * dt)
    if lowest >= nyquist:
        raise ValueError(
            f"{n} samples are too few for any cone of influence; record more or give frequencies"
        )
    per_octave = integer("per_octave", per_octave, minimum=1)
    count = math.ceil(per_octave * math.log2(nyquist / lowest))
    return nyquist * 2.0 ** (-np.arange(count)[::-1] / per_octave)


def cone_of_influence(frequencies: Any, omega0: float = 6.0, norm: str = "l2") -> np.ndarray:
    """How far the ends of a record reach into its wavelet transform, in seconds.

    Definition
        √2 s(f): the time in which the wavelet power of a discontinuity at the edge falls by e^{-2}.

    Parameters
    ----------
    frequencies : array, hertz
    omega0 : float
    norm : "l2" or "l1"
        Says which scale belongs to a frequency, see `cwt`.

    Returns
    -------
    array of the shape of ``frequencies``, seconds
    """
    grid = array("frequencies", frequencies)
    if grid.size and grid.min() <= 0:
        raise ValueError(f"frequencies must be above 0 Hz, got {grid.min():g}")
    return np.asarray(math.sqrt(2) * _fourier_factor(norm, omega0) / grid)


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
    _check_transform(transform)
    time = transform["time"]
    start, stop = transform.attrs["record_start"], transform.attrs["record_stop"]
    distance = xr.where(time - start < stop - time, time - start, stop - time)
    return (distance >= transform["cone_of_influence"]).transpose("frequency", "time")


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
    _check_transform(transform)
    power = transform.real**2 + transform.imag**2
    if outside_cone:
        mask = _mask(transform)
        count = mask.sum("time")
        out = power.where(mask, 0.0).sum("time") / count.where(count > 0)
    else:
        out = power.mean("time")
    unit = transform.attrs["units"]
    squared = "1" if unit == "1" else f"({unit})^2"
    if density:
        dt, scale = transform.attrs["dt"], transform["scale"]
        out = out * (dt if transform.attrs["norm"] == "l2" else scale * math.sqrt(math.pi) / 2)
        squared = "1/Hz" if unit == "1" else f"{squared}/Hz"
    out.name = "global_wavelet_spectrum"
    kept = {key: transform.attrs[key] for key in ("wavelet", "omega0", "norm", "dt")}
    out.attrs = kept | {"units": squared, "outside_cone": str(outside_cone).lower()}
    return out


def _mask(transform: xr.DataArray) -> xr.DataArray:
    return outside_cone(transform)


def _check_transform(transform: Any) -> None:
    if not isinstance(transform, xr.DataArray) or "record_start" not in transform.attrs:
        raise TypeError(
            "transform must be a DataArray made by cwt, with its attributes (xarray.set_options keep_attrs)"
        )
    if not {"frequency", "time"} <= set(transform.dims):
        raise ValueError(f"transform must have the dimensions frequency and time, got {transform.dims}")


def _fourier_factor(norm: str, omega0: float) -> float:
    """s f: the scale whose |W| is largest for a cosine of frequency f, times f."""
    if choice("norm", norm, NORMS) == "l1":
        return omega0 / (2 * math.pi)
    return (omega0 + math.sqrt(2 + omega0**2)) / (4 * math.pi)


def _filters(n_fft: int, dt: float, scales: np.ndarray, norm: str, omega0: float) -> np.ndarray:
    """ψ̂(sω) at the non-negative Fourier frequencies: array (scale, n_fft // 2 + 1), float64."""
    omega = 2 * math.pi * np.fft.rfftfreq(n_fft, dt)
    bank = np.exp(-0.5 * (scales[:, None] * omega - omega0) ** 2)
    bank[:, 0] = 0.0
    if norm == "l1":
        return 2.0 * bank
    return bank * (np.sqrt(2 * math.pi * scales / dt) * math.pi**-0.25)[:, None]


def _fft_length(n: int, dt: float, scales: np.ndarray) -> int:
    """Long enough that the two ends of the record stay four e-foldings of the widest wavelet apart."""
    from scipy import fft

    return fft.next_fast_len(n + min(n, math.ceil(4 * float(scales.max()) / dt)))


def _numpy_rows(
    rows: np.ndarray, dt: float, scales: np.ndarray, norm: str, omega0: float, device: str
) -> np.ndarray:
    from scipy import fft

    n = rows.shape[-1]
    n_fft = _fft_length(n, dt, scales)
    spectrum = fft.rfft(rows, n_fft, axis=-1, workers=workers())
    out = np.empty((len(rows), scales.size, n), dtype=spectrum.dtype)
    size = spectrum.dtype.itemsize * n_fft
    for some in blocks(scales.size, size):
        bank = _filters(n_fft, dt, scales[some], norm, omega0).astype(spectrum.real.dtype)
        for part in blocks(len(rows), size * len(bank)):
            product = np.zeros((len(rows[part]), len(bank), n_fft), dtype=spectrum.dtype)
            np.multiply(spectrum[part, None], bank, out=product[..., : bank.shape[1]])
            out[part, some] = fft.ifft(product, axis=-1, overwrite_x=True, workers=workers())[..., :n]
    return out


def _torch_rows(
    rows: np.ndarray, dt: float, scales: np.ndarray, norm: str, omega0: float, device: str
) -> np.ndarray:
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
    n = rows.shape[-1]
    n_fft = _fft_length(n, dt, scales)
    with torch.no_grad():
        spectrum = torch.fft.rfft(torch.from_numpy(rows).to(target), n_fft)
        out = np.empty((len(rows), scales.size, n), dtype=np.result_type(rows, np.complex64))
        size = spectrum.element_size() * n_fft
        for some in blocks(scales.size, size):
            bank = torch.from_numpy(_filters(n_fft, dt, scales[some], norm, omega0))
            bank = bank.to(target, spectrum.real.dtype)
            for part in blocks(len(rows), size * len(bank)):
                product = torch.zeros(
                    (len(rows[part]), len(bank), n_fft), dtype=spectrum.dtype, device=target
                )
                product[..., : bank.shape[1]] = spectrum[part, None] * bank
                out[part, some] = torch.fft.ifft(product)[..., :n].cpu().numpy()
    return out
