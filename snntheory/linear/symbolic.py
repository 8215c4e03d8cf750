"""The neuron below threshold as SymPy expressions: print them, substitute into them, lambdify them."""

from __future__ import annotations

import sympy

z = sympy.Symbol("z")
s = sympy.Symbol("s")
t = sympy.Symbol("t", positive=True)
delta_t = sympy.Symbol("Delta_t", positive=True)
tau_mem = sympy.Symbol("tau_mem", positive=True)
tau_syn = sympy.Symbol("tau_syn", positive=True)
resistance = sympy.Symbol("R", positive=True)

identity = sympy.ImmutableMatrix(sympy.eye(2))
no_input = sympy.ImmutableMatrix([0, 0])

system_matrix = sympy.ImmutableMatrix([[-1 / tau_mem, resistance / tau_mem], [0, -1 / tau_syn]])
"""``dx/dt = M x + B sum_n w_n delta(t - t_n)`` with ``x = (u, i)``: this is ``M``."""

input_vector = sympy.ImmutableMatrix([0, 1 / tau_syn])
"""``B`` of the same equation: a spike of unit weight makes the current jump by ``1 / tau_syn``."""


def transfer_function() -> sympy.Expr:
    """``G(s) = R / ((1 + s tau_mem)(1 + s tau_syn))``, solved from the system matrix."""
    return sympy.factor((s * identity - system_matrix).LUsolve(input_vector)[0])


def kernel() -> sympy.Expr:
    """Response of ``u`` to one spike of unit weight at ``t = 0``, for ``t > 0`` and unequal time constants."""
    return resistance * (sympy.exp(-t / tau_mem) - sympy.exp(-t / tau_syn)) / (tau_mem - tau_syn)


def kernel_equal_time_constants() -> sympy.Expr:
    """The limit of :func:`kernel` as ``tau_syn`` goes to ``tau_mem``: ``R t exp(-t/tau_mem) / tau_mem**2``."""
    return sympy.simplify(sympy.limit(kernel(), tau_syn, tau_mem))


def peak_time() -> sympy.Expr:
    """Time of the kernel's only maximum, ``tau_mem tau_syn ln(tau_mem/tau_syn) / (tau_mem - tau_syn)``."""
    return tau_mem * tau_syn * sympy.log(tau_mem / tau_syn) / (tau_mem - tau_syn)


def natural_frequency() -> sympy.Expr:
    """Undamped natural frequency in rad/s, read off the constant coefficient of the characteristic polynomial."""
    return sympy.sqrt(sympy.Poly((s * identity - system_matrix).det(), s).coeff_monomial(1))


def damping_ratio() -> sympy.Expr:
    """Damping ratio, read off the linear coefficient of the characteristic polynomial."""
    linear = sympy.Poly((s * identity - system_matrix).det(), s).coeff_monomial(s)
    return sympy.factor(linear / (2 * natural_frequency()))
