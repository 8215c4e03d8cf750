"""The causality graph: by hand, and by moving every spike and looking who notices."""

import numpy as np
import pytest

from snntheory import CubaLIF
from snntheory.spiking import causality_graph, exact_network, merge_inputs, reconstruct


def small_network(reset, rng):
    neuron = CubaLIF(0.020, 0.012, v_reset=-0.1, reset=reset)
    inputs = [np.sort(rng.uniform(0, 0.08, 4)) for _ in range(3)]
    weights = [rng.uniform(0.01, 0.03, (3, 3)), rng.uniform(0.01, 0.03, (3, 2))]
    weights[0][1, 2] = weights[1][0, 0] = 0.0
    among = [rng.normal(0, 0.003, (3, 3)), None]
    among[0][0, 1] = 0.0
    return neuron, inputs, weights, among


@pytest.mark.parametrize("reset", ["subtract", "to_value", "none"])
def test_edges_are_where_a_moved_spike_changes_the_voltage(reset):
    neuron, inputs, weights, among = small_network(reset, np.random.default_rng(8))
    layers = [inputs, *exact_network(neuron, inputs, weights, 0.12, among)]
    assert 3 < sum(len(train) for layer in layers[1:] for train in layer) < 80
    graph = causality_graph(neuron, layers, weights, among)
    assert np.all(graph.edges[:, 0] < graph.edges[:, 1])  # lower triangular
    spike_of = [int(np.sum((graph.layers[:n] == graph.layers[n]) & (graph.neurons[:n] == graph.neurons[n])))
                for n in range(len(graph.times))]  # fmt: skip
    checked = 0
    for effect in np.flatnonzero(graph.layers > 0):
        layer, k = int(graph.layers[effect]), int(graph.neurons[effect])
        column = weights[layer - 1][:, k]
        loop = among[layer - 1]

        def before_the_spike(trains, column=column, loop=loop, layer=layer, k=k, effect=effect):
            senders = [*trains[layer - 1], *(trains[layer] if loop is not None else [])]
            given = column if loop is None else np.concatenate([column, loop[:, k]])
            own = trains[layer][k][: spike_of[effect]]
            u, _ = reconstruct(neuron, graph.times[effect], *merge_inputs(senders, given), own, side="before")
            return float(u)

        base = before_the_spike(layers)
        for cause in range(len(graph.times)):
            if cause == effect:
                continue
            moved = [[train.copy() for train in trains] for trains in map(list, layers)]
            moved[graph.layers[cause]][graph.neurons[cause]][spike_of[cause]] += 1e-7
            noticed = abs(before_the_spike(moved) - base) > 1e-13
            assert noticed == (cause in graph.causes(int(effect))), (reset, cause, effect)
            checked += 1
    assert checked > 50


def test_the_example_of_lee_by_hand():
    # neuron 1 at 1, 2, 3; neuron 2 at 1.5 and 3.5; layer 2 hears both
    neuron = CubaLIF(1.0, 0.5)
    spikes = [[[0.5, 1.8]], [[1.0, 2.0, 3.0]], [[1.5, 3.5]]]
    graph = causality_graph(neuron, spikes, [np.ones((1, 1)), np.ones((1, 1))])
    assert graph.times.tolist() == [0.5, 1.0, 1.5, 1.8, 2.0, 3.0, 3.5]
    causes = {effect: set(graph.causes(effect).tolist()) for effect in range(7)}
    assert causes == {0: set(), 1: {0}, 2: {1}, 3: set(), 4: {0, 1, 3}, 5: {0, 1, 3, 4}, 6: {1, 2, 4, 5}}
    assert graph.node(2, 0, 1) == 6
    assert repr(graph) == "CausalityGraph(7 spikes, 13 edges)"
    with pytest.raises(ValueError, match="neuron 0 of layer 2 has 2 spikes"):
        graph.node(2, 0, 2)


def test_a_spike_at_the_same_moment_is_no_cause():
    graph = causality_graph(CubaLIF(1.0, 0.5), [[[1.0, 2.0]], [[2.0]]], [np.ones((1, 1))])
    assert graph.edges.tolist() == [[0, 2]]


def test_silence_has_no_edges():
    graph = causality_graph(CubaLIF(1.0, 0.5), [[[], []], [[]]], [np.ones((2, 1))])
    assert graph.edges.shape == (0, 2) and len(graph.times) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(spikes=[[[0.1]]]), "one entry per layer, 2 in all; got 1"),
        (dict(weights=[np.ones((2, 1))]), r"weights\[0\] must have shape \(1, 1\)"),
        (dict(recurrent=[np.ones((2, 2))]), r"recurrent\[0\] must have shape \(1, 1\)"),
        (dict(recurrent=[]), "need one entry per layer"),
    ],
)
def test_bad_input(change, message):
    arguments = dict(neurons=CubaLIF(1.0, 0.5), spikes=[[[0.1]], [[0.2]]], weights=[np.ones((1, 1))])
    with pytest.raises(ValueError, match=message):
        causality_graph(**(arguments | change))
