"""Impulse invariance: the exact propagator, with the kicks on the grid (exact integration)."""

import numpy as np
import sympy

from .. import _double_double as dd
from ..continuous import current_to_voltage
from ..scheme import Coefficients, Floats, Scheme
from ..symbolic import delta_t, input_vector, resistance, tau_mem, tau_syn

_DECAY_MEM, _DECAY_SYN = sympy.exp(-delta_t / tau_mem), sympy.exp(-delta_t / tau_syn)
PROPAGATOR = sympy.ImmutableMatrix(
    [
        [_DECAY_MEM, resistance * tau_syn * (_DECAY_MEM - _DECAY_SYN) / (tau_mem - tau_syn)],
        [0, _DECAY_SYN],
    ]
)
"""``exp(M Delta_t)`` for unequal time constants; the tests prove that it is."""


def stable_numbers(tau_mem: Floats, tau_syn: Floats, r: Floats, dt: Floats) -> Coefficients:
    """The exact propagator to rounding for any ratio of time constants, equal ones included."""
    x, y = dd.quotient(dt, tau_mem), dd.quotient(dt, tau_syn)
    return Coefficients(
        a_uu=dd.exp_minus(x),
        a_ui=current_to_voltage(tau_mem, tau_syn, r, dt),
        a_ii=dd.exp_minus(y),
        increment_uu=np.expm1(-x[0]),
        increment_ii=np.expm1(-y[0]),
        b_u=np.zeros(()),
        b_i=1 / tau_syn,
        previous_u=np.zeros(()),
        previous_i=np.zeros(()),
    )


SCHEME = Scheme(
    name="impulse_invariance",
    title="impulse invariance",
    propagator=PROPAGATOR,
    input=input_vector,
    delay="a spike of step n kicks i at the end of step n and reaches u in step n + 1",
    order=sympy.oo,
    stability_limit=sympy.oo,
    monotonicity_limit=sympy.oo,
    stable_numbers=stable_numbers,
)
