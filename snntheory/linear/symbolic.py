"""The neuron below threshold as SymPy expressions: print them, substitute into them, lambdify them.

Expressions are for unequal time constants; :func:`equal_time_constants` takes the limit of any of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy

z = sympy.Symbol("z")
s = sympy.Symbol("s")
t = sympy.Symbol("t", positive=True)
omega = sympy.Symbol("Omega", real=True)
v0, i0 = sympy.symbols("v_0 i_0", real=True)
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


def equal_time_constants(expression: sympy.Expr) -> sympy.Expr:
    """The limit of an expression as ``tau_syn`` goes to ``tau_mem``."""
    return sympy.simplify(sympy.limit(expression, tau_syn, tau_mem))


def transfer_function() -> sympy.Expr:
    """``G(s) = R / ((1 + s tau_mem)(1 + s tau_syn))``, solved from the system matrix."""
    return sympy.factor((s * identity - system_matrix).LUsolve(input_vector)[0])


def frequency_response() -> sympy.Expr:
    """``H(j Omega) = G(j Omega)``."""
    return transfer_function().subs(s, sympy.I * omega)


def second_order_form() -> sympy.Expr:
    """``G(s) = R omega_n**2 / (s**2 + 2 zeta omega_n s + omega_n**2)``, with the two constants written out."""
    natural, damping = natural_frequency(), damping_ratio()
    return resistance * natural**2 / (s**2 + 2 * damping * natural * s + natural**2)


def coupling() -> sympy.Expr:
    """Voltage at time ``t`` per unit of current at time 0, for ``t > 0``: the upper right entry of ``exp(M t)``."""
    difference = sympy.exp(-t / tau_mem) - sympy.exp(-t / tau_syn)
    return resistance * tau_syn * difference / (tau_mem - tau_syn)


def kernel() -> sympy.Expr:
    """Impulse response: ``u`` after one spike of unit weight at ``t = 0``, for ``t > 0``."""
    return coupling() / tau_syn


def step_response() -> sympy.Expr:
    """``u`` after the summed weight per second has jumped from 0 to 1 at ``t = 0``: the kernel's integral."""
    since = sympy.Symbol("tau", positive=True)
    return sympy.simplify(sympy.integrate(kernel().subs(t, since), (since, 0, t)))


def area() -> sympy.Expr:
    """Area below the kernel, ``R``: the gain at frequency 0."""
    return sympy.simplify(transfer_function().subs(s, 0))


def response(spike_times: Sequence[sympy.Expr], weights: Sequence[sympy.Expr]) -> sympy.Expr:
    """``u(t)`` from the state ``(v_0, i_0)`` at time 0 and a spike train, each spike with its Heaviside factor.

    Raises
    ------
    ValueError
        There is not one weight for each spike.

    References
    ----------
    Hu (2024), equations (6)-(8); (8) lacks the factor.
    """
    if len(spike_times) != len(weights):
        raise ValueError(
            f"weights must have one entry per spike: {len(weights)} weights, {len(spike_times)} spike_times"
        )
    free = v0 * sympy.exp(-t / tau_mem) + i0 * coupling()
    return free + sum(
        weight * kernel().subs(t, t - spike) * sympy.Heaviside(t - spike, 0)
        for spike, weight in zip(spike_times, weights, strict=True)
    )


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
