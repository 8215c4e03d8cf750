"""Is a peak of a power spectrum more than the background gives by chance?"""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import chi2

from .. import _check
from ._tapers import Tapering, tapering
from .backgrounds import Background
from .theory import expected_power

CORRECTIONS = ("none", "bonferroni", "fdr")


def spectrum_significance(
    spectrum: xr.DataArray | xr.Dataset,
    background: Background,
    level: float = 0.95,
    correction: str = "none",
    averaged: int = 1,
) -> xr.Dataset:
    """Test a power spectrum against a background, frequency by frequency.

    Definition, with ``E`` what the estimator gives on average for the background (leakage and detrending included) and
    ``nu`` its degrees of freedom, half as many at 0 and the Nyquist frequency::

        p = P(chi2_nu > nu S / E),    2/nu = sum_kl |E J_k J_l*|^2 / (sum_k E |J_k|^2)^2 + excess/T

    over tapers and segments ``k, l``: where a steep spectrum leaks, their coefficients are not independent. For
    adaptive weights ``nu`` is the estimate's own. The last term is that of few input spikes (`Background`).

    Parameters
    ----------
    spectrum : DataArray (..., frequency), or Dataset with ``psd``
        As from :func:`snntheory.spectral.psd`, with its attributes; of some of its frequencies, those alone are tested.
    background : Background
    level : float
        A frequency is significant where ``p < 1 - level``, after the correction.
    correction : {"none", "bonferroni", "fdr"}
        For testing many frequencies of a trace: none (a share ``1 - level`` of all is significant by chance),
        Bonferroni's, or Benjamini and Hochberg's false discovery rate.
    averaged : int
        Number of independent spectra whose mean ``spectrum`` is.

    Returns
    -------
    Dataset (..., frequency)
        ``expected``, ``threshold`` (the density that ``1 - level`` of the background exceed, before any correction),
        ``ratio``, ``p_value``, ``significant``. Frequency 0 is left out (NaN) where the mean was removed.

    Raises
    ------
    ValueError, TypeError
        Attributes that do not say how the spectrum was made, frequencies that are not its own, another ``dt`` than the
        background's, a custom window.

    Assumptions
    -----------
    The power of a background is a chi-square variable; with few input spikes in a segment it has a longer tail.

    Accuracy
    --------
    tests/spectral/test_significance.py: false positives of the neuron with Poisson input, for every scheme.

    References
    ----------
    Percival & Walden 1993, chapter 6; Benjamini & Hochberg 1995.
    """
    level = _check.probability("level", level)
    density = _density(spectrum)
    plan = _plan(density)
    place = _place(density["frequency"].values, plan.frequency)
    same_step(density, background)
    averaged = _check.integer("averaged", averaged, minimum=1)
    expected = _expected(background, plan).isel(frequency=place)
    expected = expected.assign_coords(frequency=density["frequency"].values)
    if "degrees_of_freedom" in density.coords:
        degrees = density["degrees_of_freedom"].drop_vars("degrees_of_freedom")
    else:
        degrees = _degrees(background, plan).isel(frequency=place)
        degrees = degrees.assign_coords(frequency=expected["frequency"].values)
    spikes = background.excess / (plan.dt * ((plan.segments - 1) * plan.hop + plan.size))
    degrees = averaged / (1 / degrees + spikes / 2)
    kept = xr.ones_like(expected, dtype=bool)
    if plan.detrend is not None:
        kept = kept.where(kept["frequency"] > 0, False)
    out = tested(density.drop_vars("degrees_of_freedom", errors="ignore"), expected, degrees, level, kept)
    return decided(out, ("frequency",), level, correction, background.name)


def tested(power: Any, expected: Any, degrees: Any, level: float, where: Any) -> xr.Dataset:
    """Expectation, threshold, ratio and p-value of chi-square power; NaN where not ``where``."""
    expected = expected.where(where)
    ratio = power / expected
    p = xr.apply_ufunc(lambda q, nu: chi2.sf(q * nu, nu), ratio, degrees)
    critical = xr.apply_ufunc(lambda nu: chi2.ppf(level, nu) / nu, xr.DataArray(degrees))
    return xr.Dataset({"expected": expected, "threshold": expected * critical, "ratio": ratio, "p_value": p})


def decided(out: xr.Dataset, dims: tuple[str, ...], level: float, correction: str, name: str) -> xr.Dataset:
    """With ``significant``, corrected for the number of tests over ``dims``."""
    _check.choice("correction", correction, CORRECTIONS)
    p = out["p_value"]
    if correction == "none":
        limit: Any = 1 - level
    elif correction == "bonferroni":
        limit = (1 - level) / p.notnull().sum(dims)
    else:
        limit = xr.apply_ufunc(
            _discovery_limit, p, 1 - level, input_core_dims=[list(dims), []], vectorize=True
        )
    strict = p <= limit if correction == "fdr" else p < limit
    return out.assign(significant=strict).assign_attrs(background=name, level=level, correction=correction)


def _discovery_limit(p: NDArray[np.float64], rate: float) -> float:
    """Largest p that Benjamini and Hochberg's procedure still calls a discovery; -1 when there is none."""
    ranked = np.sort(p[np.isfinite(p)], axis=None)
    below = np.flatnonzero(ranked <= rate * np.arange(1, ranked.size + 1) / ranked.size)
    return float(ranked[below[-1]]) if below.size else -1.0


def _place(frequency: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.int64]:
    """Where each frequency of a spectrum, or of a part of it, is among those of its tapers."""
    place = np.rint(frequency / known[1]).astype(np.int64)
    if place.min(initial=0) < 0 or place.max(initial=0) >= known.size:
        place = np.zeros_like(place)
    if np.any(np.abs(known[place] - frequency) > 1e-6 * known[1]):
        raise ValueError(
            f"spectrum must keep the frequencies that psd gave it, every {known[1]:g} Hz up to {known[-1]:g} Hz; "
            "select some with sel or isel, but do not interpolate or average over them"
        )
    return place


def _degrees(background: Background, plan: Tapering) -> xr.DataArray:
    """Degrees of freedom at each frequency of what ``plan`` makes of the background."""
    n, count = plan.size, plan.segments
    far = min(count - 1, 4 * -(-n // plan.hop))
    size = 2 * (n + far * plan.hop)
    fine = np.asarray(np.fft.rfftfreq(2 * size, plan.dt), dtype=np.float64)
    density = background.density(fine).transpose(..., "frequency")
    covariance = np.fft.irfft(density.values, 2 * size)
    index = np.arange(-n + 1, n)
    spectra = np.fft.rfft(plan.tapers, 2 * n)
    total, square = np.zeros(1), np.zeros(1)
    pairs = [(k, k, 0) for k in range(len(plan.tapers))]
    pairs += [(k, j, 0) for k in range(len(plan.tapers)) for j in range(k)]
    pairs += [(0, 0, m) for m in range(1, far + 1)] if len(plan.tapers) == 1 else []
    for k, j, m in pairs:
        lags = np.fft.irfft(spectra[k] * spectra[j].conj(), 2 * n)[index]
        product = np.zeros((*density.shape[:-1], n), dtype=np.float64)
        both = covariance[..., index + m * plan.hop] * lags
        product[...] = both[..., n - 1 :]
        product[..., 1:] += both[..., : n - 1]
        cross = np.fft.rfft(product)
        if k == j and m == 0:
            total, square = total + cross.real * count, square + np.abs(cross) ** 2 * count
        else:
            square = square + 2 * (count - m) * np.abs(cross) ** 2
    nu = 2 * total**2 / square * plan.share()
    return xr.DataArray(nu, dims=density.dims)


def _expected(background: Background, plan: Tapering) -> xr.DataArray:
    template = background.density(np.zeros(1)).transpose(..., "frequency")
    values = expected_power(lambda f: background.density(f).transpose(..., "frequency").values, plan)
    outer = {name: each for name, each in template.coords.items() if "frequency" not in each.dims}
    return xr.DataArray(values, dims=template.dims, coords=outer)


def _density(spectrum: Any) -> xr.DataArray:
    """The density of what `psd` made, with or without its confidence."""
    found = spectrum["psd"] if isinstance(spectrum, xr.Dataset) and "psd" in spectrum else spectrum
    if not isinstance(found, xr.DataArray) or "frequency" not in found.dims:
        raise TypeError(f"spectrum must be a DataArray or Dataset made by psd, got {type(spectrum).__name__}")
    return found


def _plan(spectrum: xr.DataArray) -> Tapering:
    """The tapers that a spectrum was made with, from its attributes."""
    attrs = spectrum.attrs
    if "method" not in attrs or "detrend" not in attrs:
        raise ValueError(
            "spectrum does not say how it was made; keep the attributes of psd through your arithmetic: "
            "xarray.set_options(keep_attrs=True), or mean(..., keep_attrs=True)"
        )
    detrend = None if attrs["detrend"] == "none" else attrs["detrend"]
    if attrs["method"] == "multitaper":
        n = round(attrs["time_bandwidth"] / (attrs["half_bandwidth"] * attrs["dt"]))
        options = {key: attrs[key] for key in ("time_bandwidth", "n_tapers")}
        return tapering("multitaper", n, attrs["dt"], options | {"detrend": detrend}, "psd")
    window = attrs["window"]
    if window == "custom":
        raise ValueError("window must be one of scipy.signal.get_window by name for a test, got a custom one")
    if window.startswith("("):
        window = ast.literal_eval(window)
    size, count = int(attrs["segment_samples"]), int(attrs["averages"])
    hop = size - round(attrs["overlap"] * size)
    options = {"segment_samples": size, "overlap": attrs["overlap"], "window": window, "detrend": detrend}
    return tapering("welch", size + (count - 1) * hop, attrs["dt"], options, "psd")


def same_step(measured: xr.DataArray, background: Background) -> None:
    """Refuse a background of another time step."""
    step = measured.attrs.get("dt")
    if step is None or abs(step - background.dt) > 1e-9 * background.dt:
        raise ValueError(
            f"the background's dt must be that of the traces, {step}, got {background.dt:g} s: aliasing depends on it"
        )
