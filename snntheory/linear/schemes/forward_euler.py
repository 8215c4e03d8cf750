"""Forward Euler: the slope at the start of the step."""

import sympy

from ..scheme import Scheme
from ..symbolic import delta_t, identity, input_vector, system_matrix, tau_mem, tau_syn, z

SCHEME = Scheme(
    name="forward_euler",
    title="forward Euler",
    propagator=identity + delta_t * system_matrix,
    input=input_vector,
    delay="a spike of step n kicks i at the end of step n and reaches u in step n + 1",
    order=1,
    stability_limit=2 * sympy.Min(tau_mem, tau_syn),
    monotonicity_limit=sympy.Min(tau_mem, tau_syn),
    frequency_map=(z - 1) / delta_t,
    lead=1,
)
