"""Zero-order hold: the exact propagator, each spike smeared into a pulse of one step."""

import numpy as np
import sympy

from ...neuron import CubaLIF
from ..continuous import mean_decay
from ..scheme import Arrays, Scheme
from ..symbolic import delta_t, identity, input_vector, no_input, system_matrix
from .impulse_invariance import PROPAGATOR, stable_propagator

_PULSE = (system_matrix.inv() * (PROPAGATOR - identity) * input_vector / delta_t).applyfunc(sympy.simplify)


def exp_second_difference(x: float, y: float) -> float:
    """Divided difference of ``exp`` at the points 0, -x, -y, for ``x, y >= 0``, to rounding.

    Below 1 by its Taylor series (whose terms are complete homogeneous polynomials, so nothing cancels);
    otherwise from two first differences over the larger argument, which then differ by a finite share.
    """
    small, large = min(x, y), max(x, y)
    if large < 1:
        total, homogeneous, power, factorial = 0.0, 1.0, 1.0, 2.0
        for k in range(20):
            total += (-1) ** k * homogeneous / factorial
            power *= small
            homogeneous = large * homogeneous + power
            factorial *= k + 3
        return total
    return float((mean_decay(small) - np.exp(-small) * mean_decay(large - small)) / large)


def _stable_numbers(neuron: CubaLIF, dt: float) -> Arrays:
    x, y = dt / neuron.tau_mem, dt / neuron.tau_syn
    pulse = np.array([neuron.r * x * y * exp_second_difference(x, y) / dt, -np.expm1(-y) / dt])
    return stable_propagator(neuron, dt), np.zeros(2), pulse


SCHEME = Scheme(
    name="zoh",
    title="zero-order hold",
    propagator=PROPAGATOR,
    input=no_input,
    input_previous=_PULSE,
    delay="a spike of step n is spread evenly over step n + 1, half a step late on average",
    order=1,
    stability_limit=sympy.oo,
    monotonicity_limit=sympy.oo,
    stable_numbers=_stable_numbers,
)
