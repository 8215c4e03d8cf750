"""Undecimated wavelets through PyWavelets, labelled: the stationary transform, multiresolution analysis."""

from __future__ import annotations

import numpy as np
import xarray as xr

from .._check import choice
from ._discrete_filters import (
    as_float,
    checked_level,
    filters_of,
    nominal_band,
    padding,
    places,
    pywavelets,
    real_kind,
)
from ._signal import apply_rows, signal


def swt(traces: xr.DataArray | xr.Dataset, wavelet: str = "db4", level: int | None = None) -> xr.Dataset:
    """Stationary (undecimated) wavelet transform along time: every level at every sample.

    Definition
        As `dwt` without the decimation, the filters scaled so that the powers of all details and of the last
        approximation add up to that of the trace ("norm" of PyWavelets); biorthogonal filters, whose powers
        do not add up, are left as they are.

    Parameters
    ----------
    traces : DataArray with a dimension "time" and any others, or Dataset with "voltage"
    wavelet, level
        As for `dwt`.

    Returns
    -------
    Dataset
        ``detail`` (..., level, time) and ``approximation`` (..., time), in value_unit. Coordinates along
        level: ``low`` and ``high`` (nominal band, hertz), ``delay`` (seconds by which the filter's centre of
        energy lies after the sample). ``boundary`` (level, time): True where the coefficient has seen the
        other end of the record or padding. attrs["padded"]: samples added.

    Raises
    ------
    ValueError, TypeError
        As `dwt`.

    Assumptions
        PyWavelets wants a length that is a multiple of 2^level and treats the record as a circle. Records of
        another length are mirrored at both ends up to the next multiple, and the result is cut back; then
        the powers add up only nearly. `multiresolution` adds up always.
    """
    values, dt, unit = signal(traces)
    n = values.sizes["time"]
    filters = filters_of(wavelet)
    level = checked_level(level, n, filters)
    pywt = pywavelets()
    orthogonal = bool(pywt.Wavelet(wavelet).orthogonal)
    before, after = padding(n, level)

    def rows(block: np.ndarray) -> np.ndarray:
        wide = np.pad(as_float(block), ((0, 0), (before, after)), mode="symmetric")
        found = pywt.swt(wide, wavelet, level, trim_approx=True, norm=orthogonal)
        return np.stack(found, axis=1)[..., before : before + n]

    flat = apply_rows(rows, values, ("level", "time"), {"level": level + 1, "time": n}, real_kind(values))
    j = list(range(level, 0, -1))
    reach = [((2**k - 1) * (len(filters[0]) // 2 - 1), (2**k - 1) * (len(filters[0]) // 2)) for k in j]
    samples = np.arange(n)
    boundary = np.array([(samples < left) | (samples >= n - right) for left, right in reach])
    delay = [
        dt * float(places(np.zeros(1), "a" * (k - 1) + "d", n, filters, "periodization")[0][0]) for k in j
    ]
    bands = np.array([nominal_band(k, dt, False) for k in j])
    time = values["time"] if "time" in values.coords else ("time", dt * samples, {"units": "s"})
    flat = flat.assign_coords(time=time)
    detail = flat.isel(level=slice(1, None)).assign_coords(
        level=j,
        low=("level", bands[:, 0], {"units": "Hz"}),
        high=("level", bands[:, 1], {"units": "Hz"}),
        delay=("level", delay, {"units": "s"}),
    )
    approximation = flat.isel(level=0)
    detail.attrs = {"units": unit}
    approximation.attrs = {"units": unit, "band": nominal_band(level, dt, True)}
    out = xr.Dataset({"detail": detail.sortby("level"), "approximation": approximation})
    out["boundary"] = xr.DataArray(boundary[::-1], dims=("level", "time"))
    out.attrs = {"wavelet": wavelet, "level": level, "dt": dt, "units": unit, "padded": before + after}
    return out


def multiresolution(
    traces: xr.DataArray | xr.Dataset,
    wavelet: str = "db4",
    level: int | None = None,
    transform: str = "swt",
) -> xr.DataArray:
    """Multiresolution analysis: the traces as a sum of one component per octave.

    Definition
        ::

            x(t) = a_J(t) + d_J(t) + … + d_1(t)

        each the inverse transform of one level alone. With "swt" the components are symmetric around each
        event (zero phase) and move with the signal; with "dwt" they are orthogonal but do not.

    Parameters
    ----------
    traces : DataArray with a dimension "time" and any others, or Dataset with "voltage"
    wavelet, level
        As for `dwt`.
    transform : "swt" or "dwt"

    Returns
    -------
    DataArray (..., component, time), in value_unit
        ``component``: "approximation", "detail J", …, "detail 1", slow to fast; along it ``low`` and ``high``
        (nominal band, hertz). ``boundary`` (component, time): True where the ends have a part in it.

    Raises
    ------
    ValueError, TypeError
        As `dwt`.

    Accuracy
        tests/spectral/test_discrete_wavelets.py: the components add up to the traces to 1e-10 at any length
        (records are mirrored to a multiple of 2^level, and cut back); an impulse reaches exactly as far as
        ``boundary`` says. "dmey" alone, whose filters are cut off, adds up to 2 % only.

    References
        Percival & Walden 2000, chapters 4 and 5.
    """
    choice("transform", transform, ("swt", "dwt"))
    values, dt, unit = signal(traces)
    n = values.sizes["time"]
    filters = filters_of(wavelet)
    level = checked_level(level, n, filters)
    pywt = pywavelets()
    before, after = padding(n, level)

    def rows(block: np.ndarray) -> np.ndarray:
        wide = np.pad(as_float(block), ((0, 0), (before, after)), mode="symmetric")
        if transform == "dwt":
            found = pywt.mra(wide, wavelet, level, transform="dwt", mode="periodization")
        else:  # pywt.mra would scale the filters, which it warns of where they are not orthogonal
            whole = pywt.swt(wide, wavelet, level, trim_approx=True)
            found = [
                pywt.iswt([each if k == kept else 0 * each for k, each in enumerate(whole)], wavelet)
                for kept in range(level + 1)
            ]
        return np.stack(found, axis=1)[..., before : before + n]

    sizes = {"component": level + 1, "time": n}
    out = apply_rows(rows, values, ("component", "time"), sizes, real_kind(values))
    j = [level, *range(level, 0, -1)]
    bands = np.array([nominal_band(k, dt, index == 0) for index, k in enumerate(j)])
    samples = np.arange(n)
    reach = [(2**k - 1) * (len(filters[0]) - 1) for k in j]
    names = ["approximation", *(f"detail {k}" for k in j[1:])]
    out = out.assign_coords(
        time=values["time"] if "time" in values.coords else ("time", dt * samples, {"units": "s"}),
        component=names,
        low=("component", bands[:, 0], {"units": "Hz"}),
        high=("component", bands[:, 1], {"units": "Hz"}),
        boundary=(
            ("component", "time"),
            np.array([(samples < each) | (samples >= n - each) for each in reach]),
        ),
    )
    out.name = "multiresolution"
    out.attrs = {"wavelet": wavelet, "level": level, "transform": transform, "dt": dt, "units": unit}
    return out
