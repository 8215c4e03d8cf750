"""Zero-order hold: the exact propagator, each spike smeared into a pulse of one step."""

import numpy as np
import sympy

from ..continuous import exp_second_difference
from ..scheme import Coefficients, Floats, Scheme
from ..symbolic import delta_t, identity, input_vector, no_input, system_matrix
from .impulse_invariance import PROPAGATOR
from .impulse_invariance import stable_numbers as impulse_invariance

_PULSE = (system_matrix.inv() * (PROPAGATOR - identity) * input_vector / delta_t).applyfunc(sympy.simplify)


def _stable_numbers(tau_mem: Floats, tau_syn: Floats, r: Floats, dt: Floats) -> Coefficients:
    x, y = dt / tau_mem, dt / tau_syn
    exact = impulse_invariance(tau_mem, tau_syn, r, dt)
    return exact._replace(
        b_i=np.zeros(()),
        previous_u=r * x * y * exp_second_difference(x, y) / dt,
        previous_i=-exact.increment_ii / dt,
    )


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
