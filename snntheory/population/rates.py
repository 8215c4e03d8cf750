"""Firing rates in closed form or by one integral: white noise, coloured noise, a time grid.

All take ``mu``, the mean free voltage, and ``sigma`` of the mean-field literature, ``tau_mem dv = (mu - v) dt +
sigma sqrt(tau_mem) dW``: the free white-noise voltage has standard deviation ``sigma / sqrt(2)``. For Poisson input of
rate ``lambda`` and canonical weight ``w``, ``mu = r w lambda`` and ``sigma**2 = r**2 w**2 lambda / tau_mem``
(:func:`drive`).
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import dawsn, erfc, erfcx

from .. import _check
from ..neuron import CubaLIF
from .moments import inputs

Floats = NDArray[np.float64]

ALPHA = 2.0652531522  # sqrt(2) |zeta(1/2)|, tested against mpmath
"""Shift of both boundaries by coloured noise, in units of ``sigma sqrt(tau_syn/tau_mem) / 2``."""
BETA = 0.5825971579  # |zeta(1/2)| / sqrt(2 pi), tested against mpmath
"""Shift of the threshold by a time grid, in units of ``sigma sqrt(dt/tau_mem)``."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)


class OutsideValidity(UserWarning):
    """A formula is used where its expansion is not small; the number is returned and may be far off."""


def drive(neuron: CubaLIF, rate: ArrayLike, weight: ArrayLike) -> tuple[float, float]:
    """``mu`` and ``sigma`` of the voltage for independent Poisson inputs.

    Definition::

        mu = r sum_j rate_j weight_j,    sigma**2 = r**2 sum_j rate_j weight_j**2 / tau_mem

    Parameters
    ----------
    neuron : CubaLIF
    rate : array_like
        Hertz, scalar or one-dimensional, not negative.
    weight : array_like
        Canonical weights, broadcast against ``rate``.

    Returns
    -------
    (mu, sigma) : floats
        In the unit of the voltage.
    """
    rates, weights = inputs(rate, weight)
    mu = neuron.r * np.sum(rates * weights)
    return float(mu), float(neuron.r * np.sqrt(np.sum(rates * weights**2) / neuron.tau_mem))


def siegert(
    mu: ArrayLike,
    sigma: ArrayLike,
    v_reset: ArrayLike,
    v_threshold: ArrayLike,
    tau_mem: float,
    tau_ref: float = 0.0,
) -> Floats:
    """Firing rate of the leaky integrate-and-fire neuron driven by white noise.

    Definition::

        1/rate = tau_ref + tau_mem sqrt(pi) integral_{(v_reset - mu)/sigma}^{(v_threshold - mu)/sigma} erfcx(-x) dx

    ``erfcx(-x) = exp(x^2) (1 + erf(x))``. Positive arguments are split as ``2 exp(x^2) - erfcx(x)``, whose first
    integral is Dawson's function and whose second is smooth, so that the rate neither overflows below threshold nor
    cancels above it.

    Parameters
    ----------
    mu, sigma, v_reset, v_threshold : array_like
        In the unit of the voltage, broadcast against each other; ``sigma`` above zero.
    tau_mem, tau_ref : float
        Seconds.

    Returns
    -------
    ndarray
        Hertz; 0 where the rate is below the smallest float64.

    Raises
    ------
    ValueError
        ``sigma`` is not positive, the reset is not below the threshold, or an argument is out of its range.

    Assumptions: white Gaussian input (no synaptic filter: ``tau_syn`` much below ``tau_mem``), reset to a value.

    Accuracy: relative error below 1e-10 in all three regimes; tested against 40 digits.

    References
    ----------
    Siegert (1951); Ricciardi (1977); Brunel (2000), equation (21).
    """
    return _white(*checked(mu, sigma, v_reset, v_threshold, tau_mem, tau_ref))


def coloured_rate(
    mu: ArrayLike,
    sigma: ArrayLike,
    v_reset: ArrayLike,
    v_threshold: ArrayLike,
    tau_mem: float,
    tau_ref: float = 0.0,
    *,
    tau_syn: float,
) -> Floats:
    """Firing rate with an exponential synapse, to first order in ``sqrt(tau_syn/tau_mem)``.

    Definition: Siegert's formula with **both** boundaries moved up by ``sigma (ALPHA/2) sqrt(tau_syn/tau_mem)``.

    Parameters
    ----------
    mu, sigma, v_reset, v_threshold, tau_mem, tau_ref
        As in :func:`siegert`.
    tau_syn : float
        Synaptic time constant in seconds.

    Returns
    -------
    ndarray
        Hertz.

    Raises
    ------
    ValueError
        As :func:`siegert`.

    Warns
    -----
    OutsideValidity
        ``tau_syn > 0.1 tau_mem``: the neglected terms are of the order of ``tau_syn/tau_mem``.

    References
    ----------
    Fourcaud and Brunel (2002), equation (4.33); Moreno-Bote and Parga (2010).
    """
    mu, sigma, low, high, tau_mem, tau_ref = checked(mu, sigma, v_reset, v_threshold, tau_mem, tau_ref)
    tau_syn = _check.number("tau_syn", tau_syn, "s", minimum=0.0)
    if tau_syn > 0.1 * tau_mem:
        warnings.warn(
            f"tau_syn={tau_syn:g} s is above a tenth of tau_mem={tau_mem:g} s: the expansion in sqrt(tau_syn/tau_mem) "
            "is not reliable; use stationary_density",
            OutsideValidity,
            stacklevel=2,
        )
    shift = sigma * ALPHA / 2 * np.sqrt(tau_syn / tau_mem)
    return _white(mu, sigma, low + shift, high + shift, tau_mem, tau_ref)


def grid_rate(
    mu: ArrayLike,
    sigma: ArrayLike,
    v_reset: ArrayLike,
    v_threshold: ArrayLike,
    tau_mem: float,
    tau_ref: float = 0.0,
    *,
    dt: float,
) -> Floats:
    """Firing rate when the threshold is looked at only every ``dt``, for white noise.

    Definition: Siegert's formula with the **threshold alone** moved up by ``BETA sigma sqrt(dt/tau_mem)``. Between two
    points of the grid a diffusion crosses and returns unseen, so the rate converges like ``sqrt(dt)`` only.

    Parameters
    ----------
    mu, sigma, v_reset, v_threshold, tau_mem, tau_ref
        As in :func:`siegert`.
    dt : float
        Time step in seconds.

    Returns
    -------
    ndarray
        Hertz.

    Raises
    ------
    ValueError
        As :func:`siegert`.

    Warns
    -----
    OutsideValidity
        ``dt > 0.1 tau_mem``: the neglected terms are of the order of ``dt/tau_mem``.

    Assumptions: exact propagation between the points, white noise. A synapse smooths the voltage and turns
    ``sqrt(dt)`` into ``dt``.

    References
    ----------
    Siegmund (1979); Broadie, Glasserman and Kou, Math. Finance 7:325 (1997).
    """
    mu, sigma, low, high, tau_mem, tau_ref = checked(mu, sigma, v_reset, v_threshold, tau_mem, tau_ref)
    dt = _check.number("dt", dt, "s", minimum=0.0)
    if dt > 0.1 * tau_mem:
        warnings.warn(
            f"dt={dt:g} s is above a tenth of tau_mem={tau_mem:g} s: the expansion in sqrt(dt/tau_mem) is not reliable",
            OutsideValidity,
            stacklevel=2,
        )
    return _white(mu, sigma, low, high + BETA * sigma * np.sqrt(dt / tau_mem), tau_mem, tau_ref)


def cv(
    mu: float, sigma: float, v_reset: float, v_threshold: float, tau_mem: float, tau_ref: float = 0.0
) -> float:
    """Coefficient of variation of the intervals between spikes, for white noise.

    Definition, with ``y = (v - mu) / sigma``::

        CV^2 = 2 pi (rate tau_mem)^2 integral_{y_reset}^{y_threshold} e^{x^2} dx
                                     integral_{-inf}^x e^{y^2} (1 + erf y)^2 dy

    Parameters
    ----------
    mu, sigma, v_reset, v_threshold, tau_mem, tau_ref
        As in :func:`siegert`, scalars.

    Returns
    -------
    float
        1 for a rare, Poisson-like neuron, 0 for a clock; a refractory time lowers it.

    Raises
    ------
    ValueError
        As :func:`siegert`, or the threshold lies more than 25 ``sigma`` above ``mu`` (the rate is then zero in
        float64 and the intervals are exponential).

    References
    ----------
    Brunel (2000), appendix A.1; Tuckwell (1988).
    """
    given = checked(mu, sigma, v_reset, v_threshold, tau_mem, tau_ref)
    mu, sigma, low, high = (float(value) for value in given[:4])
    start, end = (low - mu) / sigma, (high - mu) / sigma
    if end > 25:
        raise ValueError(
            f"v_threshold must lie at most 25 sigma above mu, got {end:g}: the neuron does not fire, and CV tends to 1"
        )
    largest = max(end, 0.0) ** 2  # e^{x^2 + y^2} is divided by its largest value
    x, outer = _towards(end, end - start, 1 / (1 + 4 * abs(end)))
    total = 0.0
    for at, weight in zip(x, outer, strict=True):
        y, inner = _towards(at, max(at, 0.0) + 7.0, 1 / (1 + 2 * abs(at)))
        tail = np.where(y > 0, erfc(-y) ** 2, erfcx(-np.minimum(y, 0.0)) ** 2)  # over e^{-y^2} below 0
        total += weight * np.sum(inner * np.exp(at**2 + np.where(y > 0, y**2, -(y**2)) - 2 * largest) * tail)
    # rate e^{largest} without an overflow: Siegert's formula carries the other factor
    rate = float(_white(*given))
    return float(np.sqrt(2 * np.pi * total) * rate * given[4] * np.exp(largest))


def checked(
    mu: ArrayLike,
    sigma: ArrayLike,
    v_reset: ArrayLike,
    v_threshold: ArrayLike,
    tau_mem: float,
    tau_ref: float,
) -> tuple[Floats, Floats, Floats, Floats, float, float]:
    given = {"mu": mu, "sigma": sigma, "v_reset": v_reset, "v_threshold": v_threshold}
    arrays = [_check.array(name, value) for name, value in given.items()]
    try:
        arrays = list(np.broadcast_arrays(*arrays))
    except ValueError:
        raise ValueError(
            "shapes must broadcast against each other, got "
            + ", ".join(f"{name} {np.shape(value)}" for name, value in given.items())
        ) from None
    if np.any(arrays[1] <= 0):
        raise ValueError(
            f"sigma must be above 0, got {arrays[1].min():g}; without noise the rate is a logarithm"
        )
    if np.any(arrays[2] >= arrays[3]):
        raise ValueError(
            f"v_reset must lie below v_threshold, got {np.max(arrays[2] - arrays[3]):g} above it: the neuron would "
            "fire for ever"
        )
    return (
        *arrays,  # type: ignore[return-value]
        _check.positive("tau_mem", tau_mem, "s"),
        _check.number("tau_ref", tau_ref, "s", minimum=0.0),
    )


def _towards(end: float, length: float, scale: float) -> tuple[Floats, Floats]:
    """Gauss-Legendre nodes and weights over ``[end - length, end]`` in panels that double away from ``end``."""
    n = int(np.ceil(np.log2(length / scale + 1)))
    edges = np.minimum(scale * (2.0 ** np.arange(n + 1) - 1), length)
    half = np.diff(edges)[:, None] / 2
    return (end - edges[:-1, None] - half * (1 + _NODES)).ravel(), (half * _WEIGHTS).ravel()


def _integral_erfcx(a: Floats, b: Floats) -> Floats:
    """Integral of erfcx from a to b, ``0 <= a <= b``: smooth and near constant in ``asinh x``."""
    low, high = np.arcsinh(a)[..., None], np.arcsinh(b)[..., None]
    t = low + (high - low) * (1 + _NODES) / 2
    return np.sum(_WEIGHTS * erfcx(np.sinh(t)) * np.cosh(t), axis=-1) * (high - low)[..., 0] / 2


def _white(mu: Floats, sigma: Floats, low: Floats, high: Floats, tau_mem: float, tau_ref: float) -> Floats:
    start, end = np.asarray((low - mu) / sigma), np.asarray((high - mu) / sigma)
    below = _integral_erfcx(np.maximum(-end, 0.0), np.maximum(-start, 0.0))  # the part over negative x
    first, last = np.maximum(start, 0.0), np.maximum(end, 0.0)
    # the part over positive x, times exp(-last^2)
    scale = np.exp(-(last**2))
    grown = 2 * (dawsn(last) - np.exp(first**2 - last**2) * dawsn(first)) - scale * _integral_erfcx(
        first, last
    )
    return scale / (scale * tau_ref + tau_mem * np.sqrt(np.pi) * (scale * below + grown))
