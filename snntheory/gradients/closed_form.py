"""Exact gradients in closed form, for tau_mem = 2 tau_syn and the subtracting reset.

With ``y = exp(-(t - o)/tau_mem)`` the voltage is a polynomial, ``u = b y - a y**2``, because
``exp(-t/tau_syn) = exp(-t/tau_mem)**2``. A crossing solves a quadratic equation::

    x = sqrt(b^2 - 4 a theta),   t = o + tau_mem ln(2 a / (b + x))
    dt/da = f = (tau_mem/a)(1 + theta exp((t - o)/tau_mem) / x),   dt/db = -h = -tau_mem / x

The origin ``o`` is put at the spike itself, so that no exponential grows with the window.

References: Göltz et al. (2021); Bacho and Chu (2023); Cojocaru (2024), equations (8)-(13).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..neuron import CubaLIF
from .exact import by_neuron, layer_spikes

Floats = NDArray[np.float64]

__all__ = ["layer_gradient", "layer_spikes", "refuse", "spike_gradients"]


def refuse(neuron: CubaLIF) -> None:
    """Raise ValueError where the closed form does not hold."""
    if abs(neuron.tau_mem - 2 * neuron.tau_syn) > 1e-12 * neuron.tau_mem:
        raise ValueError(
            f"method 'closed_form' needs tau_mem = 2 tau_syn, got tau_mem={neuron.tau_mem:g} s and "
            f"tau_syn={neuron.tau_syn:g} s; use 'implicit' or 'adjoint'"
        )
    if neuron.reset != "subtract":
        raise ValueError(
            f"method 'closed_form' needs reset='subtract', got {neuron.reset!r}; use 'implicit' or 'adjoint'"
        )


def spike_gradients(
    neuron: CubaLIF, times: Floats, weights: Floats, spikes: Floats, arriving: Floats
) -> tuple[Floats, Floats]:
    """Gradients with respect to one neuron's input weights and input times, from those of its spikes.

    Parameters
    ----------
    neuron : CubaLIF
        With ``tau_mem = 2 tau_syn``, subtracting reset.
    times, weights : ndarray, shape (n_inputs,)
        Input spikes in rising order, canonical weights.
    spikes : ndarray, shape (n_spikes,)
        The neuron's spike times in rising order.
    arriving : ndarray, shape (n_spikes,)
        Derivative of the loss with respect to each spike time, through everything but this neuron.

    Returns
    -------
    (to_weights, to_times) : ndarrays, shape (n_inputs,)
    """
    tau_mem, tau_syn, theta = neuron.tau_mem, neuron.tau_syn, neuron.v_threshold
    total = arriving.copy()
    to_weights, to_times = np.zeros_like(times), np.zeros_like(times)
    for k in range(spikes.size - 1, -1, -1):
        before = times < spikes[k]
        fast = neuron.r / tau_syn * np.exp((times[before] - spikes[k]) / tau_syn)
        slow = neuron.r / tau_syn * np.exp((times[before] - spikes[k]) / tau_mem)
        own = np.exp((spikes[:k] - spikes[k]) / tau_mem)
        a, b = weights[before] @ fast, weights[before] @ slow - theta * own.sum()
        x = np.sqrt(b * b - 4 * a * theta)
        f, h = tau_mem / a * (1 + theta / x), tau_mem / x
        to_weights[before] += total[k] * (f * fast - h * slow)
        to_times[before] += total[k] * weights[before] * (f * fast / tau_syn - h * slow / tau_mem)
        total[:k] += total[k] * h * theta / tau_mem * own  # an earlier spike lowers b by theta exp(f/tau_mem)
    return to_weights, to_times


layer_gradient = by_neuron(spike_gradients)
