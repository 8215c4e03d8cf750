"""Exact gradients by the implicit function theorem at each crossing, for any time constants and reset.

Every spike solves ``u(f_k; f_1 ... f_{k-1}, weights, input times) = v_threshold``. Its differential is one row of a
lower triangular system with the slopes on the diagonal::

    u'(f_k) df_k + sum_{j<k} du(f_k)/df_j df_j + sum_i du(f_k)/dw_i dw_i + sum_i du(f_k)/dt_i dt_i = 0

Forwards the differentials of all spikes with respect to all weights are carried along, as published; backwards the
transposed system is solved once for a loss.

References: Lee, Haghighatshoar and Karbasi (2023), equations (4)-(10).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..linear import coupling
from ..neuron import CubaLIF

Floats = NDArray[np.float64]


def system(neuron: CubaLIF, times: Floats, weights: Floats, spikes: Floats) -> tuple[Floats, Floats, Floats]:
    """Derivatives of the voltage at each spike of one neuron.

    Parameters
    ----------
    neuron : CubaLIF
    times, weights : ndarray, shape (n_inputs,)
        Input spikes in rising order, canonical weights.
    spikes : ndarray, shape (n_spikes,)

    Returns
    -------
    by_spike : ndarray, shape (n_spikes, n_spikes)
        Lower triangular; ``u'(f_k)`` just before the reset on the diagonal.
    by_weight, by_time : ndarray, shape (n_spikes, n_inputs)
    """
    tau_mem, tau_syn, r = neuron.tau_mem, neuron.tau_syn, neuron.r
    by_spike = np.zeros((spikes.size, spikes.size))
    by_weight, by_time = np.zeros((2, spikes.size, times.size))

    def coupling_slope(t: Floats) -> Floats:
        """Derivative of the coupling c(t): r exp(-t/tau_syn)/tau_mem - c(t)/tau_mem."""
        return (r * np.exp(-t / tau_syn) - coupling(neuron, t)) / tau_mem

    for k, spike in enumerate(spikes):
        before = times < spike
        since = spike - times[before]
        by_weight[k, before] = coupling(neuron, since) / tau_syn
        by_time[k, before] = -weights[before] * coupling_slope(since) / tau_syn
        current = np.sum(weights[before] * np.exp(-since / tau_syn)) / tau_syn
        by_spike[k, k] = (r * current - neuron.v_threshold) / tau_mem
        if neuron.reset == "subtract":
            by_spike[k, :k] = -neuron.v_threshold / tau_mem * np.exp(-(spike - spikes[:k]) / tau_mem)
        elif neuron.reset == "to_value" and k:
            last, gap = spikes[k - 1], spike - spikes[k - 1]
            earlier = times < last
            # before the last spike an input is only seen through the current that was left there
            left = np.exp(-(last - times[earlier]) / tau_syn) / tau_syn
            by_weight[k, earlier] = left * coupling(neuron, gap)
            by_time[k, earlier] = weights[earlier] * left / tau_syn * coupling(neuron, gap)
            then = weights[earlier] @ left
            # what the reset takes from u at the last spike, v_reset - u, is a kick whose time and size move with it:
            # u(f) = v_reset e^(-gap/tau_mem) + then c(gap) + ..., and d then/d last = -then/tau_syn
            by_spike[k, k - 1] = (
                neuron.v_reset / tau_mem * np.exp(-gap / tau_mem)
                - then * coupling_slope(gap)
                - then / tau_syn * coupling(neuron, gap)
            )
    return by_spike, by_weight, by_time


def refuse(neuron: CubaLIF) -> None:
    """Nothing is refused: any time constants, any reset."""


def spike_gradients(
    neuron: CubaLIF, times: Floats, weights: Floats, spikes: Floats, arriving: Floats
) -> tuple[Floats, Floats]:
    """Gradients with respect to one neuron's inputs, by the transposed system; see :mod:`closed_form`'s for shapes."""
    by_spike, by_weight, by_time = system(neuron, times, weights, spikes)
    multipliers = -np.linalg.solve(by_spike.T, arriving) if spikes.size else arriving
    return multipliers @ by_weight, multipliers @ by_time
