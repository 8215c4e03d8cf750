"""Cross-spectrum and coherence of two signals: what they share, frequency by frequency."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from .._check import choice, probability
from ._signal import apply_pairs, check_varies, pair
from ._tapers import Tapering, tapering
from .multitaper import jackknifed

CROSS_CONVENTION = (
    "S_xy = E conj(X) Y, two-sided, reported on f >= 0: y that follows x by d seconds has the phase -2 pi f d; "
    "S_xx is the density of psd"
)
PAIR = ("x", "y")
Traces = xr.DataArray | xr.Dataset


def cross_spectrum(
    x: Traces, y: Traces, method: str = "welch", *, pool: str | Sequence[str] = (), **options: Any
) -> xr.DataArray:
    """Estimate the cross-spectral density of two signals along time.

    Definition
        S_xy(f) = Σ_k C_xy(k dt) e^{-2πi f k dt} dt with C_xy(k dt) = E x_n y_{n+k} - E x E y, estimated by the
        mean of conj(X) Y over tapers or segments. If y = h * x then S_xy = H S_xx. ``scipy.signal.csd`` has
        the same order and is one-sided by default, twice as much between 0 and f_N.

    Parameters
    ----------
    x, y : DataArray with a dimension "time" and any others, or Dataset with "voltage"
        On the same times. Dimensions of one name belong together; those of one signal alone are combined with
        all of the other: for all pairs of neurons give ``y.rename(neuron="other")``.
    method : "welch", "multitaper" or "periodogram"
    pool : name or names of dimensions, such as "trial"
        Averaged over before anything is divided; each trial counts as further looks.
    **options
        As in `psd`; multitaper weights all tapers alike.

    Returns
    -------
    DataArray (..., frequency), complex, product of both units/Hz
        attrs hold the convention, the settings, ``averages`` (looks, overlapping ones included) and
        ``degrees_of_freedom`` of each density.

    Raises
    ------
    ValueError, TypeError
        As `psd`; and where x and y differ in step, length, start or labels, or one of them is constant.

    Accuracy
        tests/spectral/test_coherence.py: scipy.signal.csd to rounding, a delay and a filter of known phase.

    References
        Percival & Walden 1993, chapter 7 and 442; Bendat & Piersol 2010, chapter 9.
    """
    _, moments, attrs, units = second_moments(x, y, method, pool, options, "cross_spectrum")
    out = moments.isel(quantity=2) + 1j * moments.isel(quantity=3)
    out.attrs = attrs | {
        "units": _product(units),
        "long_name": "cross-spectral density",
        "convention": CROSS_CONVENTION,
    }
    return out.rename("cross_spectrum")


def coherence(
    x: Traces,
    y: Traces,
    method: str = "welch",
    *,
    confidence: float = 0.95,
    interval: str | None = None,
    pool: str | Sequence[str] = (),
    **options: Any,
) -> xr.Dataset:
    """Magnitude-squared coherence and phase of two signals, with confidence and the level of chance.

    Definition
        C = |S_xy|² / (S_xx S_yy), between 0 and 1: the share of the power of y that a linear filter of x
        explains, frequency by frequency. Phase: the angle of S_xy (`cross_spectrum`), negative where x leads
        (`wavelet_coherence` has the other sign, as its literature). With n independent
        looks, unrelated Gaussian signals exceed the level 1 - (1 - p)^{1/(n-1)} with probability 1 - p at one
        frequency; between 0 and f_N, and F_{1,n-1} in place of F_{2,2n-2} at the ends.

    Parameters
    ----------
    x, y, method, pool, **options
        As in `cross_spectrum`. At least two looks are needed: not "periodogram" of one trial.
    confidence : float between 0 and 1
        Level p of the intervals and of the level of chance, at one frequency.
    interval : "fisher" or "jackknife", optional
        "fisher": artanh √C is nearly normal with variance 1/(2(n-1)); phase ± arcsin of t √((1-C)/(C(2n-2))).
        "jackknife": both variances from leaving out one look at a time, which supposes no normal signals (three
        looks at least, none overlapping). Default: "jackknife" for "multitaper", "fisher" otherwise. Either
        way the bias 1/(2(n-1)) of artanh √C is taken off the interval; and where the coherence does not exceed
        the level of chance its interval reaches down to 0 and the phase is unknown.

    Returns
    -------
    Dataset (..., frequency)
        ``coherence``, ``coherence_lower``, ``coherence_upper``, ``phase``, ``phase_lower``, ``phase_upper``
        (radian; the phase lies in (-π, π], its bounds may lie outside; ±π around it when nothing is known),
        and ``significance_level`` (frequency). attrs: settings, ``averages``, ``independent_averages`` n,
        ``bias_at_zero``.

    Raises
    ------
    ValueError, TypeError
        As `cross_spectrum`; one look only.

    Assumptions
        Biased upwards: E C ≈ C + (1 - C)²/n, which is 1/n for unrelated signals; nothing is subtracted. Biased
        downwards by a factor (1 - d/T)² where y follows x by d and a segment lasts T. n counts the overlap of
        Welch's segments as for white noise. Ends 0 and f_N have half the freedom; 0 lacks the removed mean.

    Accuracy
        tests/spectral/test_coherence.py: scipy.signal.coherence to rounding; rate of chance exceedance and
        coverage of the intervals at known coherence, measured.

    References
        Thomson & Chave 1991; Percival & Walden 1993; Bendat & Piersol 2010, equations 9.75 to 9.90.
    """
    level = probability("confidence", confidence)
    kind = choice("interval", interval or ("jackknife" if method == "multitaper" else "fisher"), INTERVALS)
    spread = level if kind == "jackknife" else None
    plan, moments, attrs, _ = second_moments(x, y, method, pool, options, "coherence", spread)
    n = attrs["independent_averages"]
    if n < 1.5:
        raise ValueError(
            f"coherence needs at least two looks, got {attrs['averages']} (of one look it is 1 whatever the signals); "
            "take shorter segments, more tapers, or pool='trial'"
        )
    share = 2 * xr.DataArray(plan.share(), dims="frequency")  # parameters: 2, and 1 at the ends
    root = squared_coherence(moments) ** 0.5
    angle = cast(xr.DataArray, np.arctan2(moments.isel(quantity=3), moments.isel(quantity=2)))
    angle = angle.where(root.notnull())
    chance = xr.DataArray(chance_level(share.values, n, level), dims="frequency")
    if kind == "jackknife":
        half, turn = moments.isel(quantity=4), moments.isel(quantity=5)
    else:
        half = _normal(level) / np.sqrt(share * (n - 1))
        turn = half_angle(root**2, share, n, level)
    z = np.arctanh(np.minimum(root, BELOW_ONE)) - 1 / (share * (n - 1))
    turn = turn.where(~(root**2 <= chance), np.pi)
    lower, upper = (np.tanh(np.maximum(z + sign * half, 0.0)) ** 2 for sign in (-1, 1))
    out = xr.Dataset(
        {
            "coherence": root**2,
            "coherence_lower": lower.where(~(root**2 <= chance), 0.0),
            "coherence_upper": upper,
            "phase": angle,
            "phase_lower": angle - turn,
            "phase_upper": angle + turn,
            "significance_level": chance,
        }
    )
    for name in out.data_vars:
        out[name].attrs["units"] = "rad" if "phase" in str(name) else "1"
    facts = attrs | {
        "convention": CROSS_CONVENTION,
        "confidence": level,
        "interval": kind,
        "bias_at_zero": 1 / n,
    }
    return out.assign_attrs(facts)


INTERVALS = ("fisher", "jackknife")
BELOW_ONE = 1 - 2**-53  # artanh stays finite


def second_moments(
    x: Traces,
    y: Traces,
    method: str,
    pool: str | Sequence[str],
    options: dict[str, Any],
    caller: str,
    jackknife: float | None = None,
    names: tuple[str, str] = PAIR,
) -> tuple[Tapering, xr.DataArray, dict[str, Any], tuple[str, str]]:
    """Mean |X|², |Y|², Re and Im of conj(X) Y (..., quantity, frequency), attributes for a result, both units.

    With ``jackknife``, a level, two quantities more: half the interval of artanh √C, and of the phase.
    """
    a, b, dt, units = pair(x, y, names)
    pool = (pool,) if isinstance(pool, str) else tuple(pool)
    for dim in pool:
        choice("pool", dim, [str(d) for d in dict.fromkeys((*a.dims, *b.dims)) if d != "time"])
    plan = tapering(method, a.sizes["time"], dt, options, caller)
    pooled = math.prod(a.sizes[d] if d in a.sizes else b.sizes[d] for d in pool)
    looks = plan.averages * pooled
    if jackknife is not None:
        jackknifed(looks, 3, plan.independent)

    def block(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
        for name, rows in zip(names, (first, second), strict=True):
            check_varies(rows, plan.detrend, name)
        one, two = (_looks(plan, each) for each in (first, second))
        sxx, syy = (_mean_square(each) for each in (one, two))
        sxy = (one.conj() * two).sum(axis=-2) / looks
        sxx, syy = np.broadcast_to(sxx, sxy.shape), np.broadcast_to(syy, sxy.shape)
        parts = [sxx, syy, sxy.real, sxy.imag]
        if jackknife is not None:
            parts += _jackknife(one, two, sxx, syy, sxy, jackknife)
        return np.stack(parts, axis=-2)

    sizes = {"quantity": 4 if jackknife is None else 6, "frequency": plan.frequency.size}
    working = 16 * plan.frequency.size * plan.averages * 4
    out = apply_pairs(block, a, b, pool, sizes, working, names)
    out = out.assign_coords(frequency=("frequency", plan.frequency, {"units": "Hz"}))
    degrees = plan.degrees_of_freedom * pooled
    attrs = plan.settings | {
        "method": method,
        "dt": dt,
        "averages": looks,
        "degrees_of_freedom": degrees,
        "independent_averages": degrees / 2,
        "pooled": ", ".join(pool),
    }
    return plan, out, attrs, units


def squared_coherence(moments: xr.DataArray) -> xr.DataArray:
    """|S_xy|² / (S_xx S_yy), NaN where one of them has no power at all."""
    sxx, syy, real, imag = (moments.isel(quantity=k) for k in range(4))
    product = sxx * syy
    # rounding may leave 1 + 1e-16
    return ((real**2 + imag**2) / product.where(product > 0)).clip(max=1.0)


def half_angle(squared: xr.DataArray, share: xr.DataArray, n: float, level: float) -> xr.DataArray:
    """Half the interval of a phase: arcsin of t √((1-C)/(C ν)), π where that exceeds 1."""
    from scipy.special import stdtrit

    nu = share * (n - 1)
    sine = stdtrit(nu, (1 + level) / 2) * ((1 - squared) / (squared.clip(min=1e-300) * nu)) ** 0.5
    return cast(xr.DataArray, np.arcsin(sine.clip(max=1.0))).where(sine < 1, np.pi)


def chance_level(share: NDArray[np.float64], n: float, level: float) -> NDArray[np.float64]:
    """Coherence that unrelated signals stay below with probability ``level``; ``share`` is 2, and 1 at the ends."""
    from scipy.special import fdtri

    nu = share * (n - 1)
    ratio = share * fdtri(share, nu, level)
    return ratio / (ratio + nu)


def _normal(level: float) -> float:
    from scipy.special import ndtri

    return float(ndtri((1 + level) / 2))


def _looks(plan: Tapering, rows: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Coefficients (..., pooled x looks, frequency) of traces (..., pooled, time)."""
    flat = plan.coefficients(np.asarray(rows, dtype=np.float64).reshape(-1, rows.shape[-1]))
    return flat.reshape(*rows.shape[:-2], -1, flat.shape[-1])


def _mean_square(looks: NDArray[np.complex128]) -> NDArray[np.float64]:
    pairs = np.ascontiguousarray(looks).view(np.float64)
    squares = np.einsum("...mf,...mf->...f", pairs, pairs)
    return (squares[..., 0::2] + squares[..., 1::2]) / looks.shape[-2]


def _jackknife(
    one: NDArray[np.complex128],
    two: NDArray[np.complex128],
    sxx: NDArray[np.float64],
    syy: NDArray[np.float64],
    sxy: NDArray[np.complex128],
    level: float,
) -> list[NDArray[np.float64]]:
    """t_{m-1} times the standard errors of artanh √C and of the phase, from leaving out one look at a time."""
    from scipy.special import stdtrit

    m = one.shape[-2]
    mean, squares = np.zeros(sxy.shape), np.zeros(sxy.shape)
    arrow = np.zeros(sxy.shape, dtype=np.complex128)
    tiny = np.finfo(np.float64).tiny
    for j in range(m):
        x, y = one[..., j, :], two[..., j, :]
        cross = m * sxy - x.conj() * y
        left = (m * sxx - np.abs(x) ** 2) * (m * syy - np.abs(y) ** 2)
        root = np.abs(cross) / np.sqrt(np.maximum(left, tiny))
        value = np.arctanh(np.minimum(root, BELOW_ONE))
        step = value - mean
        mean += step / (j + 1)
        squares += step * (value - mean)
        arrow += cross / np.maximum(np.abs(cross), tiny)
    factor = stdtrit(m - 1, (1 + level) / 2)
    turn = factor * np.sqrt(np.maximum(2 * (m - 1) * (1 - np.abs(arrow) / m), 0.0))
    return [factor * np.sqrt((m - 1) / m * squares), np.minimum(turn, np.pi)]


def _product(units: tuple[str, str]) -> str:
    named = [f"({unit})" for unit in units if unit != "1"]
    if not named:
        return "1/Hz"
    return (f"{named[0]}^2" if len(named) == 2 and named[0] == named[1] else " ".join(named)) + "/Hz"
