"""Zero-order hold: the exact propagator, each spike smeared into a pulse of one step."""

import numpy as np
import sympy

from ..continuous import mean_decay
from ..scheme import Coefficients, Floats, Scheme
from ..symbolic import delta_t, identity, input_vector, no_input, system_matrix
from .impulse_invariance import PROPAGATOR
from .impulse_invariance import stable_numbers as impulse_invariance

_PULSE = (system_matrix.inv() * (PROPAGATOR - identity) * input_vector / delta_t).applyfunc(sympy.simplify)


def exp_second_difference(x: Floats, y: Floats) -> Floats:
    """Divided difference of ``exp`` at the points 0, -x, -y, for ``x, y >= 0``, to rounding.

    Below 1 by its Taylor series (whose terms are complete homogeneous polynomials, so nothing cancels);
    otherwise from two first differences over the larger argument, which then differ by a finite share.
    """
    small, large = np.minimum(x, y), np.maximum(x, y)
    near, far = np.minimum(large, 1.0), np.maximum(large, 1.0)  # each branch within its own range
    total, homogeneous, power, factorial = np.zeros_like(near), np.ones_like(near), np.ones_like(near), 2.0
    for k in range(20):
        total = total + (-1) ** k * homogeneous / factorial
        power = power * np.minimum(small, 1.0)
        homogeneous = near * homogeneous + power
        factorial *= k + 3
    quotient = (mean_decay(small) - np.exp(-small) * mean_decay(far - np.minimum(small, far))) / far
    return np.where(large < 1, total, quotient)


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
