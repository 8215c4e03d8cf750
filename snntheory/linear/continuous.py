"""The neuron below threshold in continuous time: a linear system of second order, in closed form."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check
from ..neuron import CubaLIF
from . import _double_double as dd
from ._double_double import Floats


def mean_decay(x: ArrayLike) -> NDArray[np.float64]:
    """``(1 - exp(-x)) / x`` for ``x >= 0``, with its limit 1 at 0: the mean of ``exp(-y)`` over ``[0, x]``."""
    x = np.asarray(x, dtype=np.float64)
    safe = np.where(x == 0, 1.0, x)
    return np.where(x == 0, 1.0, -np.expm1(-safe) / safe)


def exp_second_difference(x: Floats, y: Floats) -> Floats:
    """Divided difference of ``exp`` at the points 0, -x, -y, for ``x, y >= 0``, to rounding.

    Below 1 by its Taylor series (whose terms are complete homogeneous polynomials, so nothing cancels);
    otherwise from two first differences over the larger argument, which then differ by a finite share.
    """
    small, large = np.minimum(x, y), np.maximum(x, y)
    near, far = np.minimum(large, 1.0), np.maximum(large, 1.0)  # each branch within its own range
    total, homogeneous, power, factorial = np.zeros_like(near), np.ones_like(near), np.ones_like(near), 2.0
    for k in range(20):
        total = total + (-1) ** k * homogeneous / factorial
        power = power * np.minimum(small, 1.0)
        homogeneous = near * homogeneous + power
        factorial *= k + 3
    quotient = (mean_decay(small) - np.exp(-small) * mean_decay(far - np.minimum(small, far))) / far
    return np.where(large < 1, total, quotient)


def current_to_voltage(tau_mem: Floats, tau_syn: Floats, r: Floats, t: Floats) -> Floats:
    """:func:`coupling` for arrays of parameters and times, broadcast against each other."""
    after = np.maximum(t, 0.0)
    slow, fast = np.maximum(tau_mem, tau_syn), np.minimum(tau_mem, tau_syn)
    rate_gap = (slow - fast) / (slow * fast)
    return r * (after / tau_mem) * dd.exp_minus(dd.quotient(after, slow)) * mean_decay(after * rate_gap)


def coupling(neuron: CubaLIF, t: ArrayLike) -> NDArray[np.float64]:
    """Voltage at time ``t`` per unit of current at time 0: the upper right entry of ``exp(M t)``.

    Definition::

        r tau_syn (exp(-t/tau_mem) - exp(-t/tau_syn)) / (tau_mem - tau_syn),   0 for t <= 0

    The difference of the exponentials is written as the slower decay times a mean decay over
    ``x = t |tau_mem - tau_syn| / (tau_mem tau_syn)``, which neither cancels for neighbouring time
    constants nor overflows for distant ones.

    Accuracy: relative error below 3e-15 for any ratio of time constants and any ``t``, while the result is a normal
    number; tests/linear/test_continuous.py compares with 60 digits.
    """
    parameters = (neuron.tau_mem, neuron.tau_syn, neuron.r, t)
    return current_to_voltage(*(np.asarray(value, dtype=np.float64) for value in parameters))


def kernel(neuron: CubaLIF, t: ArrayLike) -> NDArray[np.float64]:
    """Post-synaptic potential: response of ``u`` to one spike of unit weight at time 0.

    Definition::

        h(t) = r (exp(-t/tau_mem) - exp(-t/tau_syn)) / (tau_mem - tau_syn),   t > 0
        h(t) = r t exp(-t/tau) / tau**2                                       when both are tau
        h(t) = 0                                                              t <= 0

    Parameters
    ----------
    neuron : CubaLIF
    t : array_like
        Times in seconds, any shape.

    Returns
    -------
    ndarray
        Voltage per unit weight, in 1/s times the unit of ``r``; the shape of ``t``. Its area is ``r``.

    Raises
    ------
    ValueError, TypeError
        ``t`` is not finite or not numeric.

    References
    ----------
    Hu (2024), equation (8), with the Heaviside factor that it needs.
    """
    return coupling(neuron, _check.array("t", t)) / neuron.tau_syn


def step_response(neuron: CubaLIF, t: ArrayLike) -> NDArray[np.float64]:
    """Response of ``u`` to a drive that jumps at time 0 from 0 to a summed weight of 1 per second.

    Definition::

        r (1 - (tau_mem exp(-t/tau_mem) - tau_syn exp(-t/tau_syn)) / (tau_mem - tau_syn)),   t > 0
        r (1 - (1 + t/tau) exp(-t/tau))                                    when both are tau

    It is the integral of :func:`kernel`, without overshoot, and tends to ``r``.

    Parameters
    ----------
    neuron : CubaLIF
    t : array_like
        Times in seconds, any shape.

    Returns
    -------
    ndarray
        Voltage for a drive of 1/s; the shape of ``t``; 0 for ``t <= 0``.

    Raises
    ------
    ValueError, TypeError
        ``t`` is not finite or not numeric.

    Accuracy: relative error below 1e-14 for any ratio of time constants and however early; tested against 60 digits.
    """
    after = np.maximum(_check.array("t", t), 0.0)
    x, y = after / neuron.tau_mem, after / neuron.tau_syn
    return neuron.r * x * y * exp_second_difference(x, y)


def peak_time(neuron: CubaLIF) -> float:
    """Time at which :func:`kernel` is largest, in seconds.

    Definition::

        ln(tau_mem/tau_syn) / (1/tau_syn - 1/tau_mem);   tau when both are tau

    It lies between the two time constants, and is the same when they are exchanged.
    """
    slow, fast = max(neuron.tau_mem, neuron.tau_syn), min(neuron.tau_mem, neuron.tau_syn)
    gap = (slow - fast) / fast
    return float(slow * (np.log1p(gap) / gap if gap else 1.0))


def response(
    neuron: CubaLIF,
    t: ArrayLike,
    spike_times: ArrayLike,
    weights: ArrayLike,
    v0: float = 0.0,
    i0: float = 0.0,
) -> NDArray[np.float64]:
    """Voltage below threshold, from any initial state and any spike train.

    Definition::

        u(t) = v0 exp(-t/tau_mem) + i0 c(t) + sum_n w_n h(t - t_n)

    with ``c`` of :func:`coupling` and ``h`` of :func:`kernel`.

    Parameters
    ----------
    neuron : CubaLIF
        Its threshold is not used.
    t : array_like
        Times in seconds, not negative, any shape.
    spike_times : array_like, shape (n_spikes,)
        Times of the input spikes in seconds, not negative, in any order.
    weights : array_like, shape (n_spikes,) or scalar
        Weight of each spike.
    v0, i0 : float
        Voltage and current at ``t = 0``, just before any spike at 0.

    Returns
    -------
    ndarray
        Voltage, the shape of ``t``.

    Raises
    ------
    ValueError, TypeError
        A time is negative, an array has the wrong shape or is not finite.

    References
    ----------
    Hu (2024), equations (6)-(8).
    """
    t = _check.array("t", t, minimum=0.0)
    spike_times = _check.array("spike_times", spike_times, ndim=1, minimum=0.0)
    weights = _check.array("weights", weights)
    if weights.ndim > 1 or (weights.ndim == 1 and weights.shape != spike_times.shape):
        raise ValueError(
            f"weights must be a scalar or have one entry per spike: weights has shape {weights.shape}, "
            f"spike_times {spike_times.shape}"
        )
    weights = np.broadcast_to(weights, spike_times.shape)
    v0, i0 = _check.number("v0", v0), _check.number("i0", i0)
    u = v0 * np.exp(-t / neuron.tau_mem) + i0 * coupling(neuron, t)
    for weight, spike_time in zip(weights, spike_times, strict=True):
        u = u + weight * coupling(neuron, t - spike_time) / neuron.tau_syn
    return u


def frequency_response(neuron: CubaLIF, omega: ArrayLike) -> NDArray[np.complex128]:
    """Frequency response from the weighted spike train to ``u``.

    Definition::

        H(j omega) = r / ((1 + j omega tau_mem)(1 + j omega tau_syn))

    Parameters
    ----------
    neuron : CubaLIF
    omega : array_like
        Angular frequency in rad/s, any shape.

    Returns
    -------
    ndarray of complex
        The shape of ``omega``.

    References
    ----------
    Hu (2024), equation (11).
    """
    omega = _check.array("omega", omega)
    return neuron.r / ((1 + 1j * omega * neuron.tau_mem) * (1 + 1j * omega * neuron.tau_syn))


def damping_ratio(neuron: CubaLIF) -> float:
    """Damping ratio of the second-order form, without a unit: 1 for equal time constants, above 1 otherwise.

    Definition::

        zeta = (tau_mem + tau_syn) / (2 sqrt(tau_mem tau_syn))

    Never below 1: two first-order parts in a row cannot oscillate.

    References
    ----------
    Hu (2024), equation (10).
    """
    root = np.sqrt(neuron.tau_mem / neuron.tau_syn)
    return float((root + 1 / root) / 2)


def natural_frequency(neuron: CubaLIF) -> float:
    """Undamped natural frequency ``1 / sqrt(tau_mem tau_syn)`` in rad/s, at which the phase is -90 degrees.

    References
    ----------
    Hu (2024), equation (10).
    """
    return float(1 / (np.sqrt(neuron.tau_mem) * np.sqrt(neuron.tau_syn)))
