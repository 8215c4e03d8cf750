"""The method of the source: derivatives of all firing times by the implicit function theorem, in order of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

from ..event_driven import Membrane, Spike, central_difference, spikes

Number = Any
Edge = tuple[int, int]

SOURCE = "lee"
"""Key of this source in :data:`snntheory.ledger.SOURCES`."""


@dataclass(frozen=True)
class Network:
    """Membrane, weights ``{(sender, receiver): w}``, input spikes (negative numbers), end of the simulation."""

    membrane: Membrane
    weights: dict[Edge, Number]
    inputs: list[Spike]
    t_max: Number

    def fire(self, weights: dict[Edge, Number] | None = None) -> list[Spike]:
        """All firing times, ascending."""
        return spikes(self.membrane, self.weights if weights is None else weights, self.inputs, self.t_max)


def membrane(alpha: str = "1", beta: str = "0.9", theta: str = "1") -> Membrane:
    """A neuron of the source; the default has the constants of its Table 2."""
    return Membrane(mpmath.mpf(alpha), mpmath.mpf(beta), mpmath.mpf(theta))


def feed_forward(seed: int) -> Network:
    """Three inputs, three hidden neurons (0-2), two outputs (3, 4), several spikes a neuron, weights of both signs."""
    rng = np.random.default_rng(seed)
    inputs = [Spike(mpmath.mpf(float(t)), -1 - i) for i, t in enumerate(rng.uniform(0, 2, 3))]
    edges = [(-1 - i, j) for i in range(3) for j in range(3)] + [(i, j) for i in range(3) for j in (3, 4)]
    weights = {edge: mpmath.mpf(float(rng.uniform(-1, 5))) for edge in edges}
    return Network(membrane(), weights, inputs, mpmath.mpf(8))


def recurrent(seed: int) -> Network:
    """Two inputs, three neurons connected with each other both ways."""
    rng = np.random.default_rng(seed)
    inputs = [Spike(mpmath.mpf(float(t)), -1 - i) for i, t in enumerate(rng.uniform(0, 2, 2))]
    edges = [(-1 - i, j) for i in range(2) for j in range(3)]
    weights = {edge: mpmath.mpf(float(rng.uniform(1, 5))) for edge in edges}
    weights |= {(i, j): mpmath.mpf(float(rng.uniform(-1.5, 1))) for i in range(3) for j in range(3) if i != j}
    return Network(membrane(), weights, inputs, mpmath.mpf(8))


def time_jacobian(network: Network, fired: Sequence[Spike], own_spikes: bool = True) -> mpmath.matrix:
    """``L``: derivative of ``V_i(f) - theta`` (row ``f``) with respect to each firing time (column)."""
    cell, weights = network.membrane, network.weights
    jacobian = mpmath.zeros(len(fired))
    for row, spike in enumerate(fired):
        slope = sum(
            (
                weights.get((e.neuron, spike.neuron), 0) * cell.kernel_slope(spike.time - e.time)
                for e in network.inputs
            ),
            mpmath.mpf(0),
        )
        for column, earlier in enumerate(fired[:row]):
            elapsed = spike.time - earlier.time
            through = weights.get((earlier.neuron, spike.neuron), 0) * cell.kernel_slope(elapsed)
            reset = cell.theta * cell.beta * cell.decay(elapsed) if earlier.neuron == spike.neuron else 0
            slope += through + reset
            jacobian[row, column] = -through - (reset if own_spikes else 0)
        jacobian[row, row] = slope
    return jacobian


def weight_jacobian(network: Network, fired: Sequence[Spike]) -> dict[Edge, list[Number]]:
    """Derivative of ``V_i(f) - theta`` with respect to each weight: ``y_ji(f)`` for spikes of ``i``, else 0."""
    events = [*network.inputs, *fired]
    return {
        (sender, receiver): [
            sum(
                (
                    network.membrane.kernel(f.time - e.time)
                    for e in events
                    if e.neuron == sender and e.time < f.time
                ),
                mpmath.mpf(0),
            )
            if f.neuron == receiver
            else mpmath.mpf(0)
            for f in fired
        ]
        for sender, receiver in network.weights
    }


def firing_time_derivatives(
    network: Network, fired: Sequence[Spike], own_spikes: bool = True
) -> tuple[dict[Edge, list[Number]], int]:
    """Equation (10) by forward substitution, and the number of multiplications and divisions it took."""
    jacobian, operations = time_jacobian(network, fired, own_spikes), 0
    result: dict[Edge, list[Number]] = {}
    for edge, right in weight_jacobian(network, fired).items():
        solved: list[Number] = []
        for row, value in enumerate(right):
            total = -value
            for column in range(row):
                total -= jacobian[row, column] * solved[column]
                operations += 1
            solved.append(total / jacobian[row, row])
            operations += 1
        result[edge] = solved
    return result, operations


def reverse_gradient(
    network: Network, fired: Sequence[Spike], loss_by_time: Sequence[Number]
) -> tuple[dict[Edge, Number], list[Number]]:
    """The same gradient of a loss by backward substitution: ``L^T multiplier = dl/dF``, then ``-multiplier . y``."""
    jacobian = time_jacobian(network, fired)
    multiplier: list[Number] = [mpmath.mpf(0)] * len(fired)
    for row in reversed(range(len(fired))):
        total = loss_by_time[row]
        for later in range(row + 1, len(fired)):
            total -= jacobian[later, row] * multiplier[later]
        multiplier[row] = total / jacobian[row, row]
    return {
        edge: -sum((m * y for m, y in zip(multiplier, kernels, strict=True)), mpmath.mpf(0))
        for edge, kernels in weight_jacobian(network, fired).items()
    }, multiplier


def measured_derivatives(network: Network, step: float = 1e-10) -> dict[Edge, list[Number]]:
    """Central differences of all firing times with respect to all weights."""
    names = [spike.neuron for spike in network.fire()]

    def times(edge: Edge, value: Number) -> mpmath.matrix:
        fired = network.fire({**network.weights, edge: value})
        if [spike.neuron for spike in fired] != names:
            raise ArithmeticError(f"the order of the spikes changes within {step} of weight {edge}")
        return mpmath.matrix([spike.time for spike in fired])

    return {
        edge: list(central_difference(lambda w, e=edge: times(e, w), value, step))  # type: ignore[misc]
        for edge, value in network.weights.items()
    }


def disagreement(measured: dict[Edge, list[Number]], expected: dict[Edge, list[Number]]) -> float:
    """Largest difference relative to the largest expected entry."""
    pairs = [(a, b) for edge in expected for a, b in zip(measured[edge], expected[edge], strict=True)]
    return float(max(abs(a - b) for a, b in pairs) / max(abs(b) for _, b in pairs))
