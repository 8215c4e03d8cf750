"""Power within bands of frequency, exact at their edges, and the split into low and high."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from .._check import number, positive
from .psd import psd

Edges = tuple[float, float | None]


def low_high(nyquist: float, f_split: float | None = None) -> dict[str, tuple[float, float]]:
    """The bands "low" from 0 to ``f_split`` and "high" from there to the Nyquist frequency.

    Hu (2024), section 4.3 and figure 5, speaks of low- and high-frequency components and names no frequency that
    parts them. The default here is **half the Nyquist frequency**, 1/(4 dt), where one level of a discrete wavelet
    transform splits. It moves with the time step: to compare time steps give a split in hertz, for example the
    neuron's, ``natural_frequency(neuron) / (2 pi)``, which is 1/(2 pi sqrt(tau_mem tau_syn)).

    Parameters
    ----------
    nyquist : float, hertz
        1/(2 dt).
    f_split : float, hertz, optional
        Between 0 and ``nyquist``.

    Returns
    -------
    dict of name to (low edge, high edge)
    """
    top = positive("nyquist", nyquist, "Hz")
    split = top / 2 if f_split is None else positive("f_split", f_split, "Hz")
    if split >= top:
        raise ValueError(f"f_split must lie below the Nyquist frequency, {top:g} Hz, got {split:g} Hz")
    return {"low": (0.0, split), "high": (split, top)}


def band_power(
    traces: xr.DataArray | xr.Dataset,
    bands: Mapping[str, Edges] | None = None,
    *,
    f_split: float | None = None,
    relative: bool = False,
    **options: Any,
) -> xr.DataArray:
    """Variance that lies in bands of frequency.

    Definition
        ∫ S(f) df over a ≤ |f| < b, with the density constant over the bin around each of its frequencies,
        [f - df/2, f + df/2] cut off at 0 and f_N. A bin that an edge cuts gives each side its share, so bands that
        adjoin add up exactly, and those that cover 0 to f_N to `variance_from_psd`.

    Parameters
    ----------
    traces : DataArray or Dataset with "time", or a spectrum of `psd` with "frequency"
        Of traces the spectrum is estimated with ``options``. A Dataset of `psd` with a confidence serves too; its
        bounds are not used (those of a sum do not follow from them).
    bands : mapping of name to (low edge, high edge) in hertz, optional
        Not overlapping; None as high edge means Nyquist. Default: `low_high`.
    f_split : float, hertz, optional
        Of `low_high`; not together with ``bands``. Default: half the Nyquist frequency, which moves with dt.
    relative : bool
        Divide by the power at all frequencies.
    **options
        ``method`` and others of `psd`; not for a spectrum.

    Returns
    -------
    DataArray (..., band), value_unit², or 1 when relative
        Coordinates ``band`` (names), ``band_low`` and ``band_high`` (hertz); attrs: ``resolution`` (hertz: bands
        closer to each other than this share what they hold), ``f_split`` where `low_high` was used.

    Raises
    ------
    ValueError, TypeError
        Bands that overlap, are empty or lie outside the spectrum; a spectrum without dt or of uneven frequencies,
        of complex or negative values; a silent trace when relative; as `psd` for traces.

    Accuracy
        tests/spectral/test_bands.py: sums to the variance, cosines and an integral in closed form.
    """
    spectrum = _spectrum(traces, options)
    nyquist = 0.5 / spectrum.attrs["dt"]
    frequency = spectrum["frequency"].values
    df = _spacing(frequency)
    low = np.maximum(frequency - df / 2, 0.0)
    high = np.minimum(frequency + df / 2, nyquist)
    if bands is not None and f_split is not None:
        raise ValueError("give bands or f_split, not both: f_split is of the default bands, low and high")
    edges = _checked(low_high(nyquist, f_split) if bands is None else bands, low[0], high[-1], nyquist)
    starts, ends = np.array(list(edges.values())).T
    # factor 2: the negative frequencies. Shape (band, frequency).
    weight = 2 * np.clip(np.minimum(high, ends[:, None]) - np.maximum(low, starts[:, None]), 0.0, high - low)
    weights = xr.DataArray(
        weight,
        dims=("band", "frequency"),
        coords={
            "band": list(edges),
            "band_low": ("band", starts, {"units": "Hz"}),
            "band_high": ("band", ends, {"units": "Hz"}),
            "frequency": spectrum["frequency"],
        },
    )
    if "degrees_of_freedom" in spectrum.coords:
        spectrum = spectrum.drop_vars("degrees_of_freedom")
    out = xr.dot(spectrum, weights, dim="frequency")
    unit = str(spectrum.attrs.get("units", "")).removesuffix("/Hz")
    if relative:
        total = xr.dot(spectrum, xr.DataArray(2 * (high - low), dims="frequency"), dim="frequency")
        if spectrum.chunks is None and not bool((total > 0).all()):
            raise ValueError(
                f"relative band power needs power, but {int((total <= 0).sum())} of {total.size} traces have none; "
                "leave constant traces out, or take relative=False"
            )
        out, unit = out / total, "1"
    out = out.transpose(..., "band").rename("band_power")
    out.attrs = {
        "units": unit,
        "long_name": "share of the power in the band" if relative else "power in the band",
        "resolution": _resolution(spectrum, df),
    }
    if bands is None:
        out.attrs["f_split"] = edges["low"][1]
    return out


def _spectrum(traces: xr.DataArray | xr.Dataset, options: dict[str, Any]) -> xr.DataArray:
    if isinstance(traces, xr.DataArray | xr.Dataset) and "frequency" in traces.dims:
        if options:
            raise ValueError(f"{next(iter(options))!r} is an option for traces, but a spectrum was given")
        if isinstance(traces, xr.Dataset):
            if "psd" not in traces:
                raise ValueError(f"a Dataset with frequencies must hold 'psd', got {list(traces.data_vars)}")
            traces = traces["psd"]
        spectrum = traces
    else:
        if options.get("confidence") is not None:
            raise ValueError("confidence is of each frequency, and gives none of a band; leave it out")
        spectrum = psd(traces, **options)
    if spectrum.dtype.kind not in "iuf":
        raise ValueError(f"a spectrum must be real, got {spectrum.dtype}; band power is of densities only")
    if spectrum.chunks is None and not bool((spectrum >= 0).all()):
        raise ValueError("a spectrum must be finite and not negative; is it in decibels? undo the logarithm")
    if "dt" not in spectrum.attrs:
        raise ValueError(
            "the spectrum lacks attrs['dt'], which arithmetic may have dropped; put it back: "
            "spectrum.assign_attrs(dt=0.001)"
        )
    return spectrum.assign_attrs(dt=positive("spectrum.attrs['dt']", spectrum.attrs["dt"], "s"))


def _spacing(frequency: np.ndarray) -> float:
    if frequency.size < 2:
        raise ValueError(f"a spectrum needs at least two frequencies, got {frequency.size}")
    step = np.diff(frequency)
    df = float(frequency[-1] - frequency[0]) / (frequency.size - 1)
    if df <= 0 or np.abs(step - df).max() > 1e-6 * df:
        raise ValueError(
            "frequencies must be evenly spaced and ascend, as psd gives them; a wavelet spectrum has others"
        )
    return df


def _checked(bands: Any, first: float, last: float, nyquist: float) -> dict[str, tuple[float, float]]:
    """Names to edges, complete and within what the spectrum covers."""
    if not isinstance(bands, Mapping) or not bands:
        raise ValueError(
            f"bands must map names to (low, high) in hertz, such as {{'theta': (4, 8)}}; got {bands!r}"
        )
    out: dict[str, tuple[float, float]] = {}
    for name, pair in bands.items():
        if isinstance(pair, str) or not hasattr(pair, "__len__") or len(pair) != 2:
            raise ValueError(f"band {name!r} must be (low, high) in hertz, got {pair!r}")
        low = number(f"low edge of band {name!r}", pair[0], "Hz", minimum=0.0)
        high = last if pair[1] is None else number(f"high edge of band {name!r}", pair[1], "Hz")
        if high <= low:
            raise ValueError(
                f"band {name!r} is empty: from {low:g} to {high:g} Hz; give the lower edge first"
            )
        slack = 1e-9 * nyquist
        if high > last + slack or low < first - slack:
            raise ValueError(
                f"band {name!r}, {low:g} to {high:g} Hz, leaves the spectrum, {first:g} to {last:g} Hz"
                + (f" (Nyquist frequency {nyquist:g} Hz)" if high > nyquist else "")
            )
        out[str(name)] = (low, high)
    ordered = sorted(out.items(), key=lambda item: item[1])
    for (one, (_, end)), (other, (start, _)) in zip(ordered[:-1], ordered[1:], strict=True):
        if start < end:
            raise ValueError(
                f"bands {one!r} and {other!r} overlap between {start:g} and {end:g} Hz; call band_power for each alone"
            )
    return out


def _resolution(spectrum: xr.DataArray, df: float) -> float:
    """Width over which the estimate smears: the spacing, or twice the half bandwidth of the tapers."""
    return float(max(df, 2 * spectrum.attrs.get("half_bandwidth", 0.0)))
