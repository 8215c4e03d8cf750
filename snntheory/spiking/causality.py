"""Which spikes made a spike: the causality graph of an event-driven network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check
from ..neuron import CubaLIF
from .spike_batch import SpikeBatch


@dataclass(frozen=True)
class CausalityGraph:
    """Spikes of a network as nodes, direct effects as edges.

    Nodes are sorted by time, so every edge leads from a smaller number to a larger one: the derivative of the spike
    equations by the spike times is a lower triangular matrix with these edges as its entries off the diagonal.

    Parameters
    ----------
    times : ndarray of float64, shape (n_nodes,)
        Seconds.
    layers, neurons : ndarray of int64, shape (n_nodes,)
        Which neuron fired; layer 0 is the input.
    edges : ndarray of int64, shape (n_edges, 2)
        Pairs (cause, effect) of nodes, sorted by effect, then by cause.
    """

    times: NDArray[np.float64]
    layers: NDArray[np.int64]
    neurons: NDArray[np.int64]
    edges: NDArray[np.int64]

    def causes(self, node: int) -> NDArray[np.int64]:
        """Nodes with an edge to ``node``."""
        first, last = np.searchsorted(self.edges[:, 1], [node, node + 1])
        return self.edges[first:last, 0]

    def node(self, layer: int, neuron: int, spike: int) -> int:
        """Number of the node of the ``spike``-th spike (from 0) of a neuron."""
        nodes = np.flatnonzero((self.layers == layer) & (self.neurons == neuron))
        if not 0 <= spike < len(nodes):
            raise ValueError(
                f"neuron {neuron} of layer {layer} has {len(nodes)} spikes, numbered from 0; got spike={spike}"
            )
        return int(nodes[spike])

    def __repr__(self) -> str:
        return f"CausalityGraph({len(self.times)} spikes, {len(self.edges)} edges)"


def causality_graph(
    neurons: CubaLIF | Sequence[CubaLIF],
    spikes: Sequence[Sequence[ArrayLike]],
    weights: Sequence[ArrayLike],
    recurrent: Sequence[ArrayLike | None] | None = None,
) -> CausalityGraph:
    """Direct causes of every spike of one sample.

    Definition, an edge from spike ``g`` to the spike ``f > g`` of neuron ``k``:

    - from every spike of a neuron with a weight to ``k`` that is not zero: the current is never reset, so all of
      the past has a part in it;
    - from earlier spikes of ``k`` itself through the reset: from all of them where it subtracts, from the last one
      where it sets a value (which erases what the ones before did to the voltage), from none where nothing is reset.

    A spike that arrives at the very moment ``f`` is not a cause: its response starts at 0. Where the weight's effect
    has decayed away the edge stays; weigh it by the kernel if only strong causes are wanted.

    Parameters
    ----------
    neurons : CubaLIF, or one per layer
    spikes : ``[layer][neuron]``, sorted 1-D arrays in seconds
        The input first, then the result of :func:`snntheory.spiking.exact_network`.
    weights : sequence of array_like, shapes (n_in, n_out)
    recurrent : sequence of (array_like of shape (n_out, n_out), or None), optional

    Returns
    -------
    CausalityGraph

    Raises
    ------
    ValueError, TypeError
        Layers, weights and spikes do not fit together.

    Accuracy: tests/spiking/test_causality.py moves every spike in turn and finds the same edges.

    References
    ----------
    Lee et al. (2023), sections 4.1 and 7.3. Their algorithm 1 collects the received spikes; the neuron's own earlier
    spikes, which their equation (4) contains, are edges as well.
    """
    if len(spikes) != len(weights) + 1:
        raise ValueError(
            f"spikes must hold the input and one entry per layer, {len(weights) + 1} in all; got {len(spikes)}"
        )
    kinds = [neurons] * len(weights) if isinstance(neurons, CubaLIF) else list(neurons)
    loops: list[ArrayLike | None] = [None] * len(weights) if recurrent is None else list(recurrent)
    if len(kinds) != len(weights) or len(loops) != len(weights):
        raise ValueError(
            f"neurons and recurrent need one entry per layer, {len(weights)}; got {len(kinds)} and {len(loops)}"
        )
    flat = [SpikeBatch.from_lists([list(layer)]) for layer in spikes]
    times = np.concatenate([each.times for each in flat])
    layers = np.repeat(np.arange(len(flat)), [len(each.times) for each in flat])
    which = np.concatenate([each.neurons for each in flat])
    order = np.lexsort((which, layers, times))
    times, layers, which = times[order], layers[order], which[order]

    edges = []
    for k, (neuron, given, loop) in enumerate(zip(kinds, weights, loops, strict=True)):
        connected = [(k, _connections(f"weights[{k}]", given, flat[k].n_neurons, flat[k + 1].n_neurons))]
        n = flat[k + 1].n_neurons
        if loop is not None:
            connected.append((k + 1, _connections(f"recurrent[{k}]", loop, n, n)))
        for effect in np.flatnonzero(layers == k + 1):
            earlier = times < times[effect]
            own = np.flatnonzero(earlier & (layers == k + 1) & (which == which[effect]))
            causes = {"subtract": own, "to_value": own[-1:], "none": own[:0]}[neuron.reset]
            for layer, matrix in connected:
                senders = np.flatnonzero(earlier & (layers == layer))
                causes = np.union1d(causes, senders[matrix[which[senders], which[effect]]])
            edges.append(np.stack([causes, np.full(len(causes), effect)], axis=1))
    pairs = np.concatenate([*edges, np.empty((0, 2))]).astype(np.int64)
    return CausalityGraph(times, layers, which, pairs[np.lexsort((pairs[:, 0], pairs[:, 1]))])


def _connections(name: str, value: ArrayLike, n_in: int, n_out: int) -> NDArray[np.bool_]:
    weights = _check.array(name, value, ndim=2)
    if weights.shape != (n_in, n_out):
        raise ValueError(f"{name} must have shape ({n_in}, {n_out}), one row a sender; got {weights.shape}")
    return weights != 0
