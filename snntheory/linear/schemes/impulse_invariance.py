"""Impulse invariance: the exact propagator, with the kicks on the grid (exact integration)."""

import numpy as np
import sympy

from ...neuron import CubaLIF
from ..continuous import coupling
from ..scheme import Arrays, Scheme
from ..symbolic import delta_t, input_vector, resistance, tau_mem, tau_syn

_DECAY_MEM, _DECAY_SYN = sympy.exp(-delta_t / tau_mem), sympy.exp(-delta_t / tau_syn)
PROPAGATOR = sympy.ImmutableMatrix(
    [
        [_DECAY_MEM, resistance * tau_syn * (_DECAY_MEM - _DECAY_SYN) / (tau_mem - tau_syn)],
        [0, _DECAY_SYN],
    ]
)
"""``exp(M Delta_t)`` for unequal time constants; the tests prove that it is."""


def stable_propagator(neuron: CubaLIF, dt: float) -> np.ndarray:
    """``exp(M dt)`` to rounding for any ratio of time constants, equal ones included."""
    return np.array(
        [
            [np.exp(-dt / neuron.tau_mem), float(coupling(neuron, dt))],
            [0.0, np.exp(-dt / neuron.tau_syn)],
        ]
    )


def _stable_numbers(neuron: CubaLIF, dt: float) -> Arrays:
    return stable_propagator(neuron, dt), np.array([0.0, 1 / neuron.tau_syn]), np.zeros(2)


SCHEME = Scheme(
    name="impulse_invariance",
    title="impulse invariance",
    propagator=PROPAGATOR,
    input=input_vector,
    delay="a spike of step n kicks i at the end of step n and reaches u in step n + 1",
    order=sympy.oo,
    stability_limit=sympy.oo,
    monotonicity_limit=sympy.oo,
    stable_numbers=_stable_numbers,
)
