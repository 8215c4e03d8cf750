"""Impulse invariance scaled by the step: samples of the kernel times dt, as digital filters are designed.

``H(z)`` is ``Delta_t`` times that of impulse invariance. It keeps the gain of a *sampled signal*: fed with a current
density it converges, fed with spikes of fixed weight its response vanishes like the step.

References: Hu (2024), equation (12); Oppenheim and Schafer, Discrete-Time Signal Processing, section 7.2.
"""

import sympy

from ..scheme import Coefficients, Floats, Scheme
from ..symbolic import delta_t, input_vector
from .impulse_invariance import PROPAGATOR
from .impulse_invariance import stable_numbers as impulse_invariance


def _stable_numbers(tau_mem: Floats, tau_syn: Floats, r: Floats, dt: Floats) -> Coefficients:
    exact = impulse_invariance(tau_mem, tau_syn, r, dt)
    return exact._replace(b_i=dt * exact.b_i)


SCHEME = Scheme(
    name="scaled_impulse",
    title="scaled impulse invariance",
    propagator=PROPAGATOR,
    input=delta_t * input_vector,
    delay="a spike of step n kicks i at the end of step n and reaches u in step n + 1",
    order=0,
    stability_limit=sympy.oo,
    monotonicity_limit=sympy.oo,
    stable_numbers=_stable_numbers,
)
