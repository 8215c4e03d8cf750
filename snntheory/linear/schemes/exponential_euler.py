"""Exponential Euler (split decays): each variable decays exactly while the other is held at the start of the step.

The poles of all deep learning libraries with exact decays. Sinabs also weighs the current by ``1 - exp(-dt/tau_mem)``,
but lets a spike decay for a step first and act one step earlier (:mod:`snntheory.linear.frameworks`).

References: Certaine (1960); Cox and Matthews, J. Comput. Phys. 176:430 (2002), ETD1.
"""

import sympy

from ..scheme import Coefficients, Floats, Scheme
from ..symbolic import delta_t, input_vector, resistance, tau_mem, tau_syn
from .impulse_invariance import stable_numbers as impulse_invariance

_DECAY_MEM, _DECAY_SYN = sympy.exp(-delta_t / tau_mem), sympy.exp(-delta_t / tau_syn)


def _stable_numbers(tau_mem: Floats, tau_syn: Floats, r: Floats, dt: Floats) -> Coefficients:
    exact = impulse_invariance(tau_mem, tau_syn, r, dt)
    return exact._replace(a_ui=-r * exact.increment_uu)


SCHEME = Scheme(
    name="exponential_euler",
    title="exponential Euler",
    propagator=sympy.ImmutableMatrix([[_DECAY_MEM, resistance * (1 - _DECAY_MEM)], [0, _DECAY_SYN]]),
    input=input_vector,
    delay="a spike of step n kicks i at the end of step n and reaches u in step n + 1",
    order=1,
    stability_limit=sympy.oo,
    monotonicity_limit=sympy.oo,
    stable_numbers=_stable_numbers,
)
