"""The process behind section 2.4, against which every line of its derivation is judged.

The neuron of (1) and (4) under Poisson input of rate ``lambda`` and weight ``w``. For a test function ``phi`` the mean
changes at the rate given by the generator::

    G phi = (R i - u)/tau_mem phi_u - i/tau_syn phi_i + lambda (phi(u, i + w/tau_syn) - phi(u, i))

and a density obeys ``dp/dt = L p`` exactly when ``<phi, L p> = <G phi, p>`` for all ``phi``.
"""

from __future__ import annotations

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ...linear.schemes.impulse_invariance import PROPAGATOR
from ...linear.symbolic import delta_t, input_vector, resistance, system_matrix, tau_mem, tau_syn

u, i = sp.symbols("u i", real=True)
rate, weight = sp.symbols("lambda w", positive=True)
state = sp.Matrix([u, i])
jump = weight * input_vector[1]

# the source's neuron, with an input that keeps it near its threshold of 1.5
NUMBERS = {
    tau_mem: sp.Rational(4, 5),
    tau_syn: sp.Rational(3, 5),
    resistance: sp.Rational(6, 5),
    rate: sp.Integer(5),
    weight: sp.Rational(3, 10),
}
PARTS = ("voltage", "current", "spikes")

_ALPHA, _BETA = sp.symbols("alpha beta", real=True)
# the exponential determines a distribution, for it holds all moments
EXPONENTIAL = sp.exp(_ALPHA * u + _BETA * i)
MOMENTS = (u, i, u**2, u * i, i**2)
# a test density with a correlation, smooth and gone at the ends of the grid below
DENSITY = sp.exp(-(u**2) + u * i / 2 - i**2)

_GRID = np.linspace(-9.0, 9.0, 181)


def generator(phi: sp.Expr, parts: tuple[str, ...] = PARTS) -> sp.Expr:
    """``G phi``, or some parts of it: decay and drive of the voltage, decay of the current, arriving spikes."""
    drift = system_matrix * state
    terms = {
        "voltage": drift[0] * sp.diff(phi, u),
        "current": drift[1] * sp.diff(phi, i),
        "spikes": rate * (phi.subs(i, i + jump) - phi),
    }
    return sum((terms[part] for part in parts), sp.Integer(0))


def exact_rate_of_change(phi: sp.Expr) -> sp.Expr:
    """Derivative at dt = 0 of the conditional mean of ``phi``, from the propagator instead of the slopes."""
    free = PROPAGATOR * state
    none = phi.subs({u: free[0], i: free[1]}, simultaneous=True)
    one = phi.subs(i, i + jump)  # as dt goes to 0 it does not matter where in the step the spike falls
    return sp.diff(sp.exp(-rate * delta_t) * none, delta_t).subs(delta_t, 0) + rate * one


def integral(expression: sp.Expr) -> float:
    """Integral over the plane with :data:`NUMBERS`, of something smooth that is gone at the ends.

    The trapezoidal sum is exact to rounding for such functions.
    """
    mesh_u, mesh_i = np.meshgrid(_GRID, _GRID, indexing="ij")
    function = sp.lambdify((u, i), sp.sympify(expression).subs(NUMBERS), modules="numpy", cse=True)
    return float(np.sum(np.broadcast_to(function(mesh_u, mesh_i), mesh_u.shape)) * (_GRID[1] - _GRID[0]) ** 2)


def of_equation(term: sp.Expr) -> NDArray[np.float64]:
    """``<phi, term>`` for the moments of first and second order: what a printed line does to them."""
    return np.array([integral(phi * term) for phi in MOMENTS])


def of_process(parts: tuple[str, ...] = PARTS) -> NDArray[np.float64]:
    """``<G phi, DENSITY>`` for the same moments: what the process does to them."""
    return np.array([integral(generator(phi, parts) * DENSITY) for phi in MOMENTS])
