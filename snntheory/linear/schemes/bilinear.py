"""Bilinear transform (Tustin, trapezoidal rule): the mean of the slopes at both ends of the step."""

import sympy

from ..scheme import Scheme
from ..symbolic import delta_t, identity, input_vector, system_matrix, tau_mem, tau_syn, z

_HALF = (identity - delta_t / 2 * system_matrix).inv().applyfunc(sympy.factor)
_KICK = (_HALF * input_vector / 2).applyfunc(sympy.factor)

SCHEME = Scheme(
    name="bilinear",
    title="bilinear",
    propagator=(_HALF * (identity + delta_t / 2 * system_matrix)).applyfunc(sympy.factor),
    input=_KICK,
    input_previous=_KICK,
    delay="half of a spike of step n acts in step n, half in step n + 1",
    order=2,
    stability_limit=sympy.oo,
    monotonicity_limit=2 * sympy.Min(tau_mem, tau_syn),
    frequency_map=2 / delta_t * (z - 1) / (z + 1),
)
