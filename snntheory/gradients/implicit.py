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
from .exact import by_neuron, events, layer_spikes

Floats = NDArray[np.float64]

__all__ = ["forward_mode", "layer_gradient", "layer_spikes", "refuse", "spike_gradients", "system"]


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


layer_gradient = by_neuron(spike_gradients)


def forward_mode(
    neurons: list[CubaLIF], layers: list[list[Floats]], matrices: list[Floats], arriving: list[Floats]
) -> list[Floats]:
    """The published accumulation: each spike carries its derivative with respect to every weight.

    Parameters
    ----------
    neurons : list of CubaLIF, one a layer
    layers : list of list of ndarray
        Spike times of the inputs and of every layer.
    matrices : list of ndarray, shapes (n_in, n_out)
    arriving : list of ndarray
        Derivative of the loss with respect to each output spike.

    Returns
    -------
    list of ndarray
        One gradient a layer.
    """
    starts = np.cumsum([0, *(part.size for part in matrices)])
    carried = [np.zeros((times.size, starts[-1])) for times in layers[0]]
    for n, (neuron, weights) in enumerate(zip(neurons, matrices, strict=True)):
        times, index = events(layers[n])
        order = (
            np.argsort(np.concatenate(layers[n]), kind="stable") if times.size else np.empty(0, dtype=np.intp)
        )
        moved = np.concatenate(carried)[order] if times.size else np.zeros((0, starts[-1]))
        carried = []
        for k, own in enumerate(layers[n + 1]):
            by_spike, by_weight, by_time = system(neuron, times, weights[index, k], own)
            direct = np.zeros((own.size, *weights.shape))
            np.add.at(direct[:, :, k].T, index, by_weight.T)
            right = by_time @ moved
            right[:, starts[n] : starts[n + 1]] += direct.reshape(own.size, weights.size)
            carried.append(-np.linalg.solve(by_spike, right) if own.size else right)
    total = sum((part @ grown for part, grown in zip(arriving, carried, strict=True)), np.zeros(starts[-1]))
    return [total[a:b].reshape(part.shape) for a, b, part in zip(starts, starts[1:], matrices, strict=False)]
