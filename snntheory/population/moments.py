"""Moments of the state without threshold: of the continuous neuron and of the chain that a computer runs."""

from __future__ import annotations

from math import factorial, prod

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import lfilter

from .. import _check
from .._arrivals import ARRIVALS, count_cumulants, count_variance
from ..linear import DiscreteNeuron, coupling
from ..neuron import CubaLIF

Floats = NDArray[np.float64]
PHASES = ("after_input", "before_input")


def inputs(rate: ArrayLike, weight: ArrayLike) -> tuple[Floats, Floats]:
    """Rates in hertz and canonical weights of independent inputs, checked and broadcast to one dimension."""
    rates, weights = _check.array("rate", rate, minimum=0.0), _check.array("weight", weight)
    try:
        rates, weights = np.broadcast_arrays(rates, weights)
    except ValueError:
        raise ValueError(f"rate and weight must fit: shapes {rates.shape} and {weights.shape}") from None
    if rates.ndim > 1:
        raise ValueError(f"rate and weight must be scalars or one-dimensional, got shape {rates.shape}")
    return np.atleast_1d(rates), np.atleast_1d(weights)


def free_cumulants(
    neuron: CubaLIF, rate: ArrayLike, weight: ArrayLike, order: int = 4
) -> tuple[Floats, Floats]:
    """Cumulants of voltage and current without threshold, for Poisson input (Campbell's theorem).

    Definition::

        kappa_n(x) = sum_j rate_j integral (response of x to a spike of weight_j)^n dt

    which for this neuron is, without a difference that could cancel::

        kappa_n(u) = sum_j rate_j (r weight_j)^n n! tau_mem tau_syn / prod_{k=0..n} (k tau_mem + (n - k) tau_syn)
        kappa_n(i) = sum_j rate_j (weight_j / tau_syn)^n tau_syn / n

    Parameters
    ----------
    neuron : CubaLIF
        Its threshold is not used.
    rate : array_like
        Rate of each independent input in hertz, scalar or one-dimensional, not negative.
    weight : array_like
        Canonical weight of each input, broadcast against ``rate``.
    order : int
        Highest order, at least 1.

    Returns
    -------
    (kappa_u, kappa_i) : ndarrays of shape (order,)
        Orders 1 (mean), 2 (variance), 3, ...

    References
    ----------
    Campbell's theorem: Papoulis (1991), section 11-4.
    """
    rates, weights = inputs(rate, weight)
    m, s = neuron.tau_mem, neuron.tau_syn
    voltage, current = [], []
    for n in range(1, _check.integer("order", order, minimum=1) + 1):
        area = factorial(n) * m * s / prod(k * m + (n - k) * s for k in range(n + 1))
        voltage.append(np.sum(rates * (neuron.r * weights) ** n) * area)
        current.append(np.sum(rates * (weights / s) ** n) * s / n)
    return np.array(voltage), np.array(current)


def free_moments(neuron: CubaLIF, rate: ArrayLike, weight: ArrayLike) -> tuple[Floats, Floats]:
    """Mean and covariance of ``(u, i)`` without threshold, for Poisson input in continuous time.

    Definition, with ``P = sum_j rate_j weight_j**2``::

        <i> = sum_j rate_j weight_j,   <u> = r <i>
        Var i = P / (2 tau_syn),   Cov(u, i) = r P / (2 (tau_mem + tau_syn)),   Var u = r Cov(u, i)

    Parameters
    ----------
    neuron, rate, weight
        As in :func:`free_cumulants`.

    Returns
    -------
    mean : ndarray, shape (2,)
    covariance : ndarray, shape (2, 2)
        In the order (u, i).

    References
    ----------
    Campbell's theorem; Hu (2024), section 2.4, gives the equation of the density.
    """
    rates, weights = inputs(rate, weight)
    drive, power = np.sum(rates * weights), np.sum(rates * weights**2)
    shared = neuron.r * power / (2 * (neuron.tau_mem + neuron.tau_syn))
    covariance = np.array([[neuron.r * shared, shared], [shared, power / (2 * neuron.tau_syn)]])
    return np.array([neuron.r * drive, drive]), covariance


def free_autocovariance(neuron: CubaLIF, rate: ArrayLike, weight: ArrayLike, lag: ArrayLike) -> Floats:
    """Autocovariance of the voltage without threshold, for Poisson input in continuous time.

    Definition::

        C(t) = exp(-|t|/tau_mem) Var u + c(|t|) Cov(u, i)

    with ``c`` of :func:`snntheory.linear.coupling`: the two-exponential form of the textbooks without its
    cancellation. Its Fourier transform is :func:`snntheory.spectral.theory_psd`.

    Parameters
    ----------
    neuron, rate, weight
        As in :func:`free_cumulants`.
    lag : array_like
        Seconds, any shape.

    Returns
    -------
    ndarray, shape of ``lag``
    """
    _, covariance = free_moments(neuron, rate, weight)
    after = np.abs(_check.array("lag", lag))
    return np.exp(-after / neuron.tau_mem) * covariance[0, 0] + coupling(neuron, after) * covariance[0, 1]


def discrete_moments(
    model: DiscreteNeuron,
    rate: ArrayLike,
    weight: ArrayLike,
    arrivals: str = "poisson",
    phase: str = "after_input",
) -> tuple[Floats, Floats]:
    """Mean and covariance of ``(u, i)`` without threshold of the chain that a computer runs.

    Definition, for ``x_n = A x_{n-1} + b S_n + b_previous S_{n-1}`` with independent counts of variance ``v``::

        <x> = (I - A)^-1 (b + b_previous) <S>
        C = A C A^T + v (b b^T + b_previous b_previous^T + A b b_previous^T + b_previous b^T A^T)

    Parameters
    ----------
    model : DiscreteNeuron
        Of :func:`snntheory.discretize`; stable.
    rate, weight
        As in :func:`free_cumulants`.
    arrivals : {"poisson", "bernoulli"}
        Spikes of an input in a step: a Poisson count, or at most one, with probability ``rate dt``.
    phase : {"after_input", "before_input"}
        Whether the state is sampled after the step's own input has acted, or just before.

    Returns
    -------
    mean, covariance : ndarrays, shapes (2,), (2, 2)
        In the order (u, i).

    Raises
    ------
    ValueError
        The model is unstable, ``rate dt`` exceeds 1 with Bernoulli arrivals, or an argument is out of its range.

    Accuracy: ``1 - pole**2`` and its like are computed from the increments, so that no digits are lost for short
    steps; tests/population/test_moments.py compares with a Lyapunov solver and with simulation.

    References
    ----------
    Discrete Lyapunov equation: Kailath, Linear Systems (1980).
    """
    rates, weights = inputs(rate, weight)
    _check.choice("arrivals", arrivals, ARRIVALS)
    _check.choice("phase", phase, PHASES)
    _stationary(model, rates, arrivals)
    mean_input = float(np.sum(rates * weights) * model.dt)
    power = float(np.sum(count_variance(rates * model.dt, arrivals) * weights**2))
    (mem, couple), (_, syn) = model.A
    d_mem, d_syn = np.diag(model.increment)
    b, late = model.b, model.b_previous

    kick = (b + late) * mean_input
    mean_i = -kick[1] / d_syn
    mean = np.array([-(couple * mean_i + kick[0]) / d_mem, mean_i])

    mixed = model.A @ np.outer(b, late)
    noise = power * (np.outer(b, b) + np.outer(late, late) + mixed + mixed.T)
    var_i = noise[1, 1] / (-d_syn * (2 + d_syn))
    shared = (couple * syn * var_i + noise[0, 1]) / -(d_mem + d_syn + d_mem * d_syn)
    var_u = (2 * mem * couple * shared + couple**2 * var_i + noise[0, 0]) / (-d_mem * (2 + d_mem))
    covariance = np.array([[var_u, shared], [shared, var_i]])
    if phase == "before_input":
        return mean - b * mean_input, covariance - power * np.outer(b, b)
    return mean, covariance


def discrete_autocovariance(
    model: DiscreteNeuron, rate: ArrayLike, weight: ArrayLike, n_lags: int, arrivals: str = "poisson"
) -> Floats:
    """Autocovariance of the chain's voltage at lags of 0, 1, ..., ``n_lags - 1`` steps.

    The chain obeys ``C_k = A C_{k-1}``, from the second lag on where a spike acts in two steps. Its transform is
    :func:`snntheory.spectral.theory_psd` with ``dt`` and ``scheme``.

    Parameters
    ----------
    model, rate, weight, arrivals
        As in :func:`discrete_moments`.
    n_lags : int
        At least 1.

    Returns
    -------
    ndarray, shape (n_lags,)
    """
    rates, weights = inputs(rate, weight)
    _, covariance = discrete_moments(model, rates, weights, arrivals)
    power = float(np.sum(count_variance(rates * model.dt, arrivals) * weights**2))
    result = np.empty(_check.integer("n_lags", n_lags, minimum=1))
    result[0] = covariance[0, 0]
    step = model.A @ covariance[:, 0] + model.b_previous * model.b[0] * power
    for k in range(1, n_lags):
        result[k] = step[0]
        step = model.A @ step
    return result


def discrete_cumulants(
    model: DiscreteNeuron, rate: ArrayLike, weight: ArrayLike, arrivals: str = "poisson", order: int = 4
) -> tuple[Floats, Floats]:
    """Cumulants of voltage and current of the chain without threshold, sampled after the step's input.

    Definition::

        kappa_n(x) = sum_j kappa_n(count_j) sum_k (response of x after k steps to one spike of weight_j)^n

    Parameters
    ----------
    model, rate, weight, arrivals
        As in :func:`discrete_moments`.
    order : int
        From 1 to 4.

    Returns
    -------
    (kappa_u, kappa_i) : ndarrays of shape (order,)

    Accuracy: the sum over steps ends where the slower pole has fallen below 1e-18.
    """
    rates, weights = inputs(rate, weight)
    order = _check.integer("order", order, minimum=1)
    if order > 4:
        raise ValueError(f"order must be at most 4, got {order}")
    _stationary(model, rates, arrivals)
    slowest = np.max(np.abs(model.effective_time_constants))
    spike = np.zeros(int(np.ceil(42 * slowest / model.dt)) + 3)
    spike[0] = 1.0
    mem, syn = model.poles
    voltage = lfilter([1.0], [1, -mem], lfilter(model.numerator, [1, -syn], spike))
    current = lfilter([model.b[1], model.b_previous[1]], [1, -syn], spike)
    counts = count_cumulants(rates * model.dt, arrivals)[:order]
    power = np.array([np.sum(count * weights ** (k + 1)) for k, count in enumerate(counts)])
    return tuple(
        power * np.array([np.sum(response ** (k + 1)) for k in range(order)])
        for response in (voltage, current)
    )


def _stationary(model: DiscreteNeuron, rates: Floats, arrivals: str) -> None:
    if not model.is_stable:
        raise ValueError(
            f"model is unstable: dt={model.dt:g} s is not below {model.max_stable_dt:g} s, no state is stationary"
        )
    if arrivals == "bernoulli" and rates.size and rates.max() * model.dt > 1:
        raise ValueError(
            f"rate * dt must be at most 1 with Bernoulli arrivals, got {rates.max() * model.dt:g}; "
            "take arrivals='poisson' or a shorter dt"
        )
