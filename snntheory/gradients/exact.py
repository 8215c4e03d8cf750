"""One layer of exact, event-driven spikes and its gradient, shared by the exact methods.

Exact means exact for the times of the spikes that there are: a spike that appears or vanishes when a weight moves
carries no gradient, and a loss that counts spikes has none almost everywhere.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..neuron import CubaLIF
from ..spiking import exact_network

Floats = NDArray[np.float64]
Trains = list[Floats]
SpikeGradients = Callable[[CubaLIF, Floats, Floats, Floats, Floats], tuple[Floats, Floats]]
LayerGradient = Callable[[CubaLIF, Trains, Floats, Trains, Trains, float], tuple[Floats, Trains]]


def layer_spikes(neuron: CubaLIF, senders: Trains, weights: Floats, t_max: float) -> Trains:
    """Exact spike times of every neuron of a layer, by :func:`snntheory.spiking.exact_network`."""
    return exact_network([neuron], senders, [weights], t_max)[0]


def events(senders: Trains) -> tuple[Floats, NDArray[np.intp]]:
    """All spikes of a layer in rising order, and the neuron that each is of."""
    times = np.concatenate(senders) if senders else np.empty(0)
    index = np.repeat(np.arange(len(senders)), [part.size for part in senders])
    order = np.argsort(times, kind="stable")
    return times[order], index[order]


def by_neuron(spike_gradients: SpikeGradients) -> LayerGradient:
    """The gradient of a layer from that of a single neuron: the neurons of a layer share their inputs only."""

    def layer_gradient(
        neuron: CubaLIF, senders: Trains, weights: Floats, spikes: Trains, arriving: Trains, t_max: float
    ) -> tuple[Floats, Trains]:
        times, index = events(senders)
        gradient, late = np.zeros_like(weights), np.zeros_like(times)
        for n, (own, received) in enumerate(zip(spikes, arriving, strict=True)):
            if own.size and times.size:
                to_weights, to_times = spike_gradients(neuron, times, weights[index, n], own, received)
                np.add.at(gradient[:, n], index, to_weights)
                late += to_times
        return gradient, [late[index == n] for n in range(len(senders))]

    return layer_gradient


def grazing(neuron: CubaLIF, senders: Trains, weights: Floats, spikes: Trains, floor: float) -> int:
    """Spikes of a layer whose voltage rises by less than ``floor`` thresholds per membrane time constant."""
    times, index = events(senders)
    count = 0
    for n, own in enumerate(spikes):
        for spike in own:
            before = times < spike
            decay = np.exp((times[before] - spike) / neuron.tau_syn)
            current = weights[index[before], n] @ decay / neuron.tau_syn
            count += abs(neuron.r * current - neuron.v_threshold) < floor * abs(neuron.v_threshold)
    return int(count)
