"""Semi-implicit (symplectic) Euler: the current by forward Euler with its kick, then the voltage from the new current.

References: Hairer, Lubich and Wanner, Geometric Numerical Integration (2006), section I.1.
"""

import sympy

from ..scheme import Scheme
from ..symbolic import delta_t, identity, input_vector, system_matrix, tau_mem, tau_syn, z

_FORWARD = identity + delta_t * system_matrix
_CURRENT_FIRST = sympy.ImmutableMatrix([[1, _FORWARD[0, 1]], [0, 1]])

SCHEME = Scheme(
    name="semi_implicit",
    title="semi-implicit Euler",
    propagator=_CURRENT_FIRST * sympy.ImmutableMatrix.diag(_FORWARD[0, 0], _FORWARD[1, 1]),
    input=_CURRENT_FIRST * input_vector,
    delay="a spike of step n kicks i and reaches u within step n",
    order=1,
    stability_limit=2 * sympy.Min(tau_mem, tau_syn),
    monotonicity_limit=sympy.Min(tau_mem, tau_syn),
    frequency_map=(z - 1) / delta_t,
    lead=2,
)
