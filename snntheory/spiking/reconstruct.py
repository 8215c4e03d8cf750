"""The voltage and the current at any time, from the spikes that went in and came out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check
from ..linear.continuous import coupling
from ..neuron import CubaLIF
from .spike_batch import sorted_times


def merge_inputs(
    input_times: Sequence[ArrayLike], weights: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The spikes of all senders of one neuron as one sorted train.

    Parameters
    ----------
    input_times : sequence of array_like
        One sorted 1-D array of seconds per sender.
    weights : array_like, shape (n_senders,)

    Returns
    -------
    times, weights : ndarray, shape (n_spikes,)
        What :func:`snntheory.spiking.exact_spike_times` and :func:`reconstruct` take.
    """
    given = _check.array("weights", weights, ndim=1)
    trains = [sorted_times(f"input_times[{j}]", each) for j, each in enumerate(input_times)]
    if len(trains) != len(given):
        raise ValueError(f"weights has {len(given)} entries for {len(trains)} senders in input_times")
    times = np.concatenate([*trains, np.empty(0)])
    order = np.argsort(times, kind="stable")
    return times[order], np.repeat(given, [len(each) for each in trains])[order]


def reconstruct(
    neuron: CubaLIF,
    t: ArrayLike,
    spike_times: ArrayLike,
    weights: ArrayLike,
    output_times: ArrayLike,
    *,
    v0: float = 0.0,
    i0: float = 0.0,
    constant_current: float = 0.0,
    side: str = "after",
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Voltage and synaptic current of a neuron that received ``spike_times`` and fired at ``output_times``.

    Definition::

        x(t) = P(t - t_e) x(t_e),    t_e: the last event before t, input or output
        an input makes i jump by its weight / tau_syn, an output resets u

    Parameters
    ----------
    neuron : CubaLIF
    t : array_like
        Times in seconds, not negative, any shape, any order.
    spike_times, weights : array_like, shape (n_spikes,)
        Input spikes, sorted; ``weights`` may be a scalar.
    output_times : array_like, shape (n_output_spikes,)
        Sorted. The reset happens at these times whatever the voltage is there: they may be rounded, or another's.
    v0, i0, constant_current : float
        As in :func:`snntheory.spiking.exact_spike_times`.
    side : {"before", "after"}
        The value at an event's own time: before it or after it.

    Returns
    -------
    voltage, current : ndarray, the shape of ``t``
        ``current`` is the synaptic one, without ``constant_current``.

    Raises
    ------
    ValueError, TypeError
        As :func:`snntheory.spiking.exact_spike_times`.

    Accuracy: rounding; tests/spiking/test_reconstruct.py compares with the sum of kernels and an ODE solver.
    """
    t = _check.array("t", t, minimum=0.0)
    arrivals = sorted_times("spike_times", spike_times)
    given = _check.array("weights", weights)
    if given.ndim > 1 or (given.ndim == 1 and given.shape != arrivals.shape):
        raise ValueError(
            f"weights must be a scalar or have one entry per spike: weights has shape {given.shape}, "
            f"spike_times {arrivals.shape}"
        )
    resets = sorted_times("output_times", output_times)
    _check.choice("side", side, ("before", "after"))
    rest = neuron.r * _check.number("constant_current", constant_current)

    times = np.concatenate([[0.0], resets, arrivals])
    kicks = np.concatenate([[0.0], np.zeros(len(resets)), np.broadcast_to(given, arrivals.shape)])
    is_reset = np.arange(len(times)) - 1 < len(resets)
    is_reset[0] = False
    order = np.argsort(times, kind="stable")  # the start, then resets, then inputs of the same time
    times, kicks, is_reset = times[order], kicks[order] / neuron.tau_syn, is_reset[order]

    gaps = np.diff(times)
    fade, cross, dim = np.exp(-gaps / neuron.tau_mem), coupling(neuron, gaps), np.exp(-gaps / neuron.tau_syn)
    u, i = np.empty(len(times)), np.empty(len(times))
    u[0], i[0] = _check.number("v0", v0) - rest, _check.number("i0", i0)
    for k in range(1, len(times)):
        u[k] = u[k - 1] * fade[k - 1] + i[k - 1] * cross[k - 1]
        i[k] = i[k - 1] * dim[k - 1] + kicks[k]
        if is_reset[k] and neuron.reset == "subtract":
            u[k] -= neuron.v_threshold
        elif is_reset[k] and neuron.reset == "to_value":
            u[k] = neuron.v_reset - rest

    last = np.maximum(np.searchsorted(times, t, side="right" if side == "after" else "left") - 1, 0)
    since = t - times[last]
    voltage = u[last] * np.exp(-since / neuron.tau_mem) + i[last] * coupling(neuron, since) + rest
    return voltage, i[last] * np.exp(-since / neuron.tau_syn)
