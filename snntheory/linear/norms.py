"""Growth of differences between two states of the neuron: Lipschitz constant, spectral and logarithmic norm."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

from .. import _check
from ..neuron import CubaLIF
from .continuous import coupling


def numerical_system_matrix(neuron: CubaLIF) -> NDArray[np.float64]:
    """``M`` of ``dx/dt = M x`` between spikes, ``x = (u, i)``, in 1/s; shape (2, 2)."""
    a, b = 1 / neuron.tau_mem, 1 / neuron.tau_syn
    return np.array([[-a, neuron.r * a], [0.0, -b]])


def lipschitz_constant(neuron: CubaLIF) -> float:
    """Lipschitz constant of Hu (2024), equation (17), as printed, in 1/s.

    Definition::

        sqrt( max{ (1 + R)/tau_mem**2,  (R**2 + R)/tau_mem**2 + 1/tau_syn**2 } )

    It is an upper bound of the true constant :func:`spectral_norm`. Since ``1 + R`` adds a resistance to a pure number,
    it changes with the units of the current.

    References
    ----------
    Hu (2024), equations (15)-(17).
    """
    a, b, r = 1 / neuron.tau_mem, 1 / neuron.tau_syn, neuron.r
    return float(np.sqrt(max((1 + r) * a**2, (r**2 + r) * a**2 + b**2)))


def spectral_norm(neuron: CubaLIF) -> float:
    """Largest singular value of the system matrix in 1/s: the smallest Lipschitz constant in the Euclidean norm.

    Definition::

        || M ||_2 = ( sqrt(q + 2 ab) + sqrt(q - 2 ab) ) / 2,
        q = a**2 (1 + R**2) + b**2,    a = 1/tau_mem,  b = 1/tau_syn

    from the sum ``q`` of the squared singular values and their product ``ab``.
    """
    a, b = 1 / neuron.tau_mem, 1 / neuron.tau_syn
    plus, minus = np.hypot(a + b, neuron.r * a), np.hypot(a - b, neuron.r * a)
    return float((plus + minus) / 2)


def logarithmic_norm(neuron: CubaLIF, scale: float = 1.0) -> float:
    """Logarithmic norm of the system matrix in 1/s, for the norm ``sqrt(u**2 + (scale i)**2)``.

    Definition::

        mu = lim_{h -> 0+} ( || I + h M || - 1 ) / h
           = ( -(a + b) + sqrt( (a - b)**2 + (R a / scale)**2 ) ) / 2,    a = 1/tau_mem,  b = 1/tau_syn

    It is the smallest rate with ``|| exp(M t) || <= exp(mu t)`` for all ``t >= 0``, and negative exactly where
    ``scale > (R/2) sqrt(tau_syn/tau_mem)``: with ``scale = 1`` where ``R**2 < 4 tau_mem/tau_syn``.

    Parameters
    ----------
    neuron : CubaLIF
    scale : float
        Weight of the current in the norm, in voltage per current, above zero.

    References
    ----------
    Dahlquist (1959); Soderlind, BIT Numerical Mathematics 46:631 (2006).
    """
    scale = _check.positive("scale", scale)
    a, b = 1 / neuron.tau_mem, 1 / neuron.tau_syn
    # the numerator of the root's difference: no cancellation where one rate is far above the other
    coupling = neuron.r * a / scale
    return float((coupling**2 - 4 * a * b) / (2 * (a + b + np.hypot(a - b, coupling))))


def contracting_scale(neuron: CubaLIF) -> float:
    """``R sqrt(tau_syn/tau_mem)``: a scale with which :func:`logarithmic_norm` is negative for every neuron.

    It is twice the smallest such scale, and has the unit of ``R``, so that the norm adds voltages to voltages.
    """
    return float(neuron.r * np.sqrt(neuron.tau_syn / neuron.tau_mem))


def largest_second_derivative(neuron: CubaLIF, v0: float, i0: float) -> float:
    """``sup_{t >= 0} || x''(t) ||_2`` of the free motion from ``(v0, i0)``: the ``M`` of :func:`euler_bound`.

    Accuracy: 1e-9 relative, from a search on 400 times and a refinement.
    """
    m = numerical_system_matrix(neuron)
    u2, i2 = m @ m @ np.array([_check.number("v0", v0), _check.number("i0", i0)])
    shortest, longest = sorted((neuron.tau_mem, neuron.tau_syn))

    def size(t: ArrayLike) -> NDArray[np.float64]:
        t = np.asarray(t, dtype=np.float64)
        voltage = u2 * np.exp(-t / neuron.tau_mem) + i2 * coupling(neuron, t)
        return np.asarray(np.hypot(voltage, i2 * np.exp(-t / neuron.tau_syn)))

    times = np.r_[0.0, np.geomspace(1e-3 * shortest, 20 * longest, 400)]
    sizes = size(times)
    k = int(np.argmax(sizes))
    bounds = (times[max(k - 1, 0)], times[min(k + 1, times.size - 1)])
    refined = minimize_scalar(
        lambda t: -float(size(t)), bounds=bounds, method="bounded", options={"xatol": 1e-6 * shortest}
    )
    return max(float(sizes[k]), -float(refined.fun))


def euler_bound(t: ArrayLike, dt: float, second_derivative: float, rate: float) -> NDArray[np.float64]:
    """Bound of the global error of forward Euler at time ``t``, in the textbooks' form.

    Definition::

        (M dt / (2 L)) (exp(L t) - 1),    M t dt / 2 for L = 0

    Parameters
    ----------
    t : array_like
        Times in seconds, not negative.
    dt : float
        Time step in seconds.
    second_derivative : float
        ``M``, a bound of the norm of the second derivative of the *state*.
    rate : float
        ``L`` in 1/s. With a Lipschitz constant the bound holds for every step. With a logarithmic norm, which may be
        negative and then keeps the bound finite for all times, it holds to leading order in ``dt``;
        ``snntheory.linear.error.error_bound`` holds for every step.

    Returns
    -------
    ndarray
        The shape of ``t``; ``inf`` where it exceeds the largest number.

    References
    ----------
    Hu (2024), text after equation (17).
    """
    t = _check.array("t", t, minimum=0.0)
    dt, rate = _check.positive("dt", dt, "s"), _check.number("rate", rate, "1/s")
    largest = _check.number("second_derivative", second_derivative, minimum=0.0)
    with np.errstate(over="ignore"):
        growth = np.expm1(rate * t) / rate if rate else t
    return np.asarray(largest * dt / 2 * growth)
