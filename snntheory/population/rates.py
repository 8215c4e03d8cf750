"""Firing rates in closed form or by one integral: white noise, coloured noise, a time grid, shot noise.

All take ``mu``, the mean free voltage, and ``sigma`` of the mean-field literature, ``tau_mem dv = (mu - v) dt +
sigma sqrt(tau_mem) dW``: the free white-noise voltage has standard deviation ``sigma / sqrt(2)``. For Poisson input of
rate ``lambda`` and canonical weight ``w``, ``mu = r w lambda`` and ``sigma**2 = r**2 w**2 lambda / tau_mem``
(:func:`drive`).
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
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
    return _white(*_checked(mu, sigma, v_reset, v_threshold, tau_mem, tau_ref))


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
    mu, sigma, low, high, tau_mem, tau_ref = _checked(mu, sigma, v_reset, v_threshold, tau_mem, tau_ref)
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
    mu, sigma, low, high, tau_mem, tau_ref = _checked(mu, sigma, v_reset, v_threshold, tau_mem, tau_ref)
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
    checked = _checked(mu, sigma, v_reset, v_threshold, tau_mem, tau_ref)
    mu, sigma, low, high = (float(value) for value in checked[:4])
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
    rate = float(_white(*checked))
    return float(np.sqrt(2 * np.pi * total) * rate * checked[4] * np.exp(largest))


def shot_noise_rate(
    rate_excitatory: float,
    amplitude_excitatory: float,
    v_reset: float,
    v_threshold: float,
    tau_mem: float,
    tau_ref: float = 0.0,
    rate_inhibitory: float = 0.0,
    amplitude_inhibitory: float = 0.0,
) -> float:
    """Firing rate with delta synapses whose jumps of the voltage are exponentially distributed: no diffusion limit.

    Definition, with mean jumps ``a_e > 0`` and ``a_i < 0`` at rates ``R_e`` and ``R_i``::

        1/rate = tau_ref + tau_mem integral_0^{1/a_e} ds/s (1 - a_e s)^{tau_mem R_e} (1 - a_i s)^{tau_mem R_i}
                           [exp(s v_threshold) / (1 - a_e s) - exp(s v_reset)]

    Parameters
    ----------
    rate_excitatory, rate_inhibitory : float
        Hertz; the excitatory one above zero.
    amplitude_excitatory, amplitude_inhibitory : float
        Mean jumps in the unit of the voltage: above zero, and at most zero.
    v_reset, v_threshold : float
    tau_mem, tau_ref : float
        Seconds.

    Returns
    -------
    float
        Hertz.

    Raises
    ------
    ValueError
        An argument is out of its range, or the integral does not converge to 1e-8.

    References
    ----------
    Richardson and Swarbrick, Phys. Rev. Lett. 105:178102 (2010), equation (10).
    """
    rate_e = _check.positive("rate_excitatory", rate_excitatory, "Hz")
    a = _check.positive("amplitude_excitatory", amplitude_excitatory)
    rate_i = _check.number("rate_inhibitory", rate_inhibitory, "Hz", minimum=0.0)
    a_i = _check.number("amplitude_inhibitory", amplitude_inhibitory)
    if a_i > 0:
        raise ValueError(f"amplitude_inhibitory must be at most 0, got {a_i:g}")
    checked = _checked(0.0, 1.0, v_reset, v_threshold, tau_mem, tau_ref)
    low, high = float(checked[2]), float(checked[3])
    tau_mem, tau_ref = checked[4:]
    power, span = tau_mem * rate_e, high - low

    def exponent(s: float) -> float:
        """Logarithm of (1 - a s)^(power - 1) (1 - a_i s)^(tau_mem rate_i) exp(s v_threshold): it has one maximum."""
        return (power - 1) * np.log1p(-a * s) + tau_mem * rate_i * np.log1p(-a_i * s) + s * high

    def bracket(s: float) -> float:
        """The rest of the integrand, between 0 and v_threshold - v_reset + a."""
        fall = np.exp(-s * span)
        return (-np.expm1(-s * span) / s if s else span) + a * fall

    if power < 2:  # an integrable pole or a kink at the end: left to the rule that knows it
        peak = 0.0
        value, error = quad(
            lambda s: np.exp(exponent(s) - (power - 1) * np.log1p(-a * s)) * bracket(s) if s < 1 / a else 0.0,
            0,
            1 / a,
            weight="alg",
            wvar=(0, power - 1),
            epsabs=0,
            epsrel=1e-11,
            limit=500,
        )
        value, error = (
            value * a ** (power - 1),
            error * a ** (power - 1),
        )  # the weight is (1/a - s)^(power - 1)
    else:
        top = minimize_scalar(lambda s: -exponent(s), bounds=(0, 1 / a), method="bounded").x
        peak, inside = exponent(top), np.linspace(0, 1, 9)[1:-1]
        value, error = quad(
            lambda s: np.exp(exponent(s) - peak) * bracket(s),
            0,
            1 / a,
            points=sorted({top, *(top * inside), *(top + (1 / a - top) * inside)}),
            epsabs=0,
            epsrel=1e-11,
            limit=500,
        )
    if not error <= 1e-8 * abs(value):
        raise ValueError(
            f"the integral did not converge (relative error {error / abs(value):.1g}) for "
            f"rate_excitatory={rate_e:g} Hz, amplitude_excitatory={a:g}; use siegert"
        )
    return float(np.exp(-peak) / (np.exp(-peak) * tau_ref + tau_mem * value))


def threshold_integration(
    mu: float,
    sigma: float,
    v_reset: float,
    v_threshold: float,
    tau_mem: float,
    tau_ref: float = 0.0,
    n: int = 20_000,
    reach: float = 8.0,
) -> tuple[float, Floats, Floats]:
    """Rate and density of the voltage for white noise, integrated from the threshold downwards.

    The Fokker-Planck equation ``(mu - v) p - (sigma^2/2) dp/dv = tau_mem rate [v > v_reset]`` is solved for ``p/rate``
    from ``p(v_threshold) = 0`` down; the normalisation gives the rate. An independent check on :func:`siegert`.

    Parameters
    ----------
    mu, sigma, v_reset, v_threshold, tau_mem, tau_ref
        As in :func:`siegert`, scalars.
    n : int
        Cells between the lower end and the threshold; the error falls as ``1/n**2``.
    reach : float
        The grid ends ``reach`` standard deviations ``sigma/sqrt(2)`` below the lower of ``mu`` and ``v_reset``.

    Returns
    -------
    rate : float
        Hertz.
    v, density : ndarrays, shape (n + 1,)
        Ascending voltages and the density there; it integrates to ``1 - rate tau_ref``.

    Raises
    ------
    ValueError
        As :func:`siegert`.

    References
    ----------
    Richardson, Phys. Rev. E 76:021919 (2007).
    """
    checked = _checked(mu, sigma, v_reset, v_threshold, tau_mem, tau_ref)
    mu, sigma, low, high = (float(value) for value in checked[:4])
    n = _check.integer("n", n, minimum=2)
    bottom = min(mu, low) - _check.positive("reach", reach) * sigma / np.sqrt(2)
    v = np.linspace(bottom, high, n + 1)
    h = v[1] - v[0]
    # flux through each cell: rate above the reset, none below, a share in the cell that holds it
    flux = tau_mem * np.clip((v[1:] - low) / h, 0.0, 1.0) * 2 / sigma**2
    slope = 2 * (mu - (v[1:] + v[:-1]) / 2) / sigma**2  # dp/dv = slope p - flux, frozen within a cell
    density = np.zeros(n + 1)
    for k in range(n - 1, -1, -1):
        x = slope[k] * h
        density[k] = density[k + 1] * np.exp(-x) + flux[k] * h * (-np.expm1(-x) / x if x else 1.0)
    rate = 1 / (tau_ref + (density.sum() - density[0] / 2) * h)
    return float(rate), v, density * rate


def _checked(
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
