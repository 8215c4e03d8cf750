"""Backward Euler: the slope at the end of the step."""

import sympy

from ..scheme import Scheme
from ..symbolic import delta_t, identity, input_vector, system_matrix, z

_PROPAGATOR = (identity - delta_t * system_matrix).inv().applyfunc(sympy.factor)

SCHEME = Scheme(
    name="backward_euler",
    title="backward Euler",
    propagator=_PROPAGATOR,
    input=(_PROPAGATOR * input_vector).applyfunc(sympy.factor),
    delay="a spike of step n kicks i at the start of step n and reaches u within step n",
    order=1,
    stability_limit=sympy.oo,
    monotonicity_limit=sympy.oo,
    frequency_map=(1 - 1 / z) / delta_t,
)
