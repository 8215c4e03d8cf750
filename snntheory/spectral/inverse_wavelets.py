"""From a wavelet transform back to traces: the whole band, or the part of a signal between two frequencies."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr

from .._check import array, number
from .wavelet_families import filter_bank, level, moment, wavelet_of
from .wavelets import check_transform


def icwt(transform: xr.DataArray, low: float | None = None, high: float | None = None) -> xr.DataArray:
    """Traces from their continuous wavelet transform, optionally of a band of frequencies only.

    Definition
        ::

            x(t) = (1/C) Re Σ_j (2 / N_j) W(s_j, t) Δln f_j,      C = ∫ hat(x) dx/x

        N_j the peak of the wavelet's transform at scale s_j (2 for norm "l1"), the sum by the trapezoidal
        rule in ln f. C is computed by quadrature from the wavelet's shape.

    Parameters
    ----------
    transform : DataArray (..., frequency, time), as from `cwt`, of at least two frequencies
    low, high : float, hertz, optional
        Use the transform's frequencies in [low, high] only.

    Returns
    -------
    DataArray (..., time), in the unit of the traces
        Without the mean (or line) that `cwt` removed. attrs["band"]: the frequencies used.

    Raises
    ------
    ValueError, TypeError
        Fewer than two frequencies in the band; something that `cwt` has not made.

    Assumptions
        What the frequencies do not cover is missing: `reconstruction_gain` says what is left of a sinusoid
        of each frequency. Inside the band the grid's spacing matters little: 4 an octave are enough for 1e-3
        with the default wavelet, 8 for rounding. Near the grid's ends, within the wavelet's bandwidth, the
        gain falls from 1 to 0, and is 1/2 at an end; the band up to Nyquist is therefore wrong near Nyquist.

    Accuracy
        tests/spectral/test_inverse_wavelets.py: the gain against a transform and its inverse; band-limited
        noise comes back to 1e-4 where the grid exceeds its band by two bandwidths.

    References
        Torrence & Compo 1998, equation 11, whose C_δ is ln 2 π^{-1/4} times C / √(2π) here.
    """
    check_transform(transform)
    transform = _band(transform, low, high)
    weights = xr.DataArray(_weights(transform), dims="frequency")
    total = (transform.real * weights).sum("frequency")
    total = total.drop_vars([name for name in ("scale", "cone_of_influence") if name in total.coords])
    frequency = transform["frequency"].values
    total.name = "reconstruction"
    total.attrs = {
        "units": transform.attrs["units"],
        "dt": transform.attrs["dt"],
        "band": [float(frequency.min()), float(frequency.max())],
    }
    return total


def reconstruction_gain(
    transform: xr.DataArray, frequency: Any, low: float | None = None, high: float | None = None
) -> np.ndarray:
    """What `icwt` leaves of a sinusoid: its amplitude there over the one it had.

    Definition
        ::

            g(f) = (1/C) Σ_j hat(2π f s_j) Δln f_j

    Parameters
    ----------
    transform : DataArray (..., frequency, time), as from `cwt`
    frequency : array, hertz
    low, high : float, hertz, optional
        As for `icwt`.

    Returns
    -------
    array of the shape of ``frequency``
        1 well inside the band, 0 outside. The shift in phase is zero: the gain is real.
    """
    check_transform(transform)
    transform = _band(transform, low, high)
    asked = array("frequency", frequency)
    bank = filter_bank(
        wavelet_of(transform.attrs), asked.ravel(), transform["scale"].values, transform.attrs["norm"],
        transform.attrs["dt"],
    )  # fmt: skip
    # A cosine of amplitude 1 has W = ψ̂ / 2 at its frequency.
    return (0.5 * _weights(transform) @ bank).reshape(asked.shape)


def _band(transform: xr.DataArray, low: float | None, high: float | None) -> xr.DataArray:
    bottom = 0.0 if low is None else number("low", low, "Hz", minimum=0.0)
    top = math.inf if high is None else number("high", high, "Hz", minimum=bottom, strict=True)
    transform = transform.sortby("frequency")
    frequency = transform["frequency"].values
    inside = np.flatnonzero((frequency >= bottom) & (frequency <= top))
    if inside.size < 2:
        raise ValueError(
            f"the band from {bottom:g} to {top:g} Hz holds {inside.size} of the transform's frequencies "
            f"({frequency.min():g} to {frequency.max():g} Hz); two are needed: widen it, or give cwt more "
            "frequencies"
        )
    return transform.isel(frequency=slice(int(inside[0]), int(inside[-1]) + 1))


def _weights(transform: xr.DataArray) -> np.ndarray:
    """What each frequency's real part is multiplied with: (2 / N_j) Δln f_j / C."""
    wavelet, attrs = wavelet_of(transform.attrs), transform.attrs
    y = np.log(transform["frequency"].values)
    step = np.gradient(y)
    step[[0, -1]] = 0.5 * (y[1] - y[0]), 0.5 * (y[-1] - y[-2])
    top = level(wavelet, transform["scale"].values, attrs["norm"], attrs["dt"])
    return np.asarray(2 / top * step / moment(wavelet, 1, -1))
