"""Parker-Sochacki of order p: the power series of the solution, cut after p terms.

On this linear system the series is the Taylor polynomial of the propagator,
``A = R_p(M Delta_t)`` with ``R_p(x) = sum_{j<=p} x**j / j!``; order 1 is forward Euler.

References: Parker and Sochacki (1996); Stewart and Bair, J. Comput. Neurosci. 27:115 (2009).
"""

import math
from collections.abc import Callable
from fractions import Fraction
from functools import partial

import mpmath
import numpy as np
import sympy

from .. import _double_double as dd
from ..scheme import Coefficients, Floats, Scheme
from ..symbolic import delta_t, identity, input_vector, resistance, system_matrix, tau_mem, tau_syn, z

NAME = "parker_sochacki"
_x = sympy.Symbol("x")


def stability_polynomial(order: int) -> sympy.Poly:
    """``R_p(-x)``: the factor by which one step of ``x`` time constants multiplies a free decay."""
    return sympy.Poly([sympy.Rational((-1) ** j, sympy.factorial(j)) for j in range(order, -1, -1)], _x)


def _first_sign_change(
    function: Callable[[mpmath.mpf], mpmath.mpf], end: float, order: int
) -> sympy.Float | None:
    """First root of ``function`` in (0, end], found by a scan in steps of 1/16 and bisection; None without one."""
    with mpmath.workdps(
        30 + order
    ):  # the terms of the alternating series reach exp(order) before they cancel
        step = mpmath.mpf(1) / 16
        left = step
        while left < end:
            if function(left) * function(left + step) <= 0:
                root = mpmath.findroot(function, (left, left + step), solver="anderson", tol=1e-24)
                return sympy.Float(root, 20)
            left += step
    return None


def real_axis_limit(order: int) -> sympy.Float:
    """Smallest positive ``x`` with ``|R_p(-x)| = 1``: steps below it (in time constants) are stable."""
    coefficients = stability_polynomial(order).all_coeffs()
    # the limit lies below p + 2: beyond, the last term of the series outgrows all others
    return _first_sign_change(lambda x: abs(mpmath.polyval(coefficients, x)) - 1, order + 2, order)


def positivity_limit(order: int) -> sympy.Float:
    """Largest ``x`` up to which ``R_p(-x)`` stays between 0 and 1; for even p it never changes sign."""
    coefficients = stability_polynomial(order).all_coeffs()
    limit = real_axis_limit(order)
    root = _first_sign_change(lambda x: mpmath.polyval(coefficients, x), float(limit), order)
    return limit if root is None else root


def _stable_numbers(order: int, tau_mem: Floats, tau_syn: Floats, r: Floats, dt: Floats) -> Coefficients:
    """Horner's rule for ``R_p`` at both points and for its divided difference, which exists for equal ones too.

    The terms alternate and cancel for long steps, hence the pairs.
    """
    points = [(-high, -low) for high, low in (dd.quotient(dt, tau_mem), dd.quotient(dt, tau_syn))]
    taylor = [dd.pair(Fraction(1, math.factorial(j))) for j in range(order + 1)]
    mem = syn = difference = taylor[order]
    for j in range(order - 1, 0, -1):
        mem = dd.add(dd.multiply(mem, points[0]), taylor[j])
        syn = dd.add(dd.multiply(syn, points[1]), taylor[j])
        difference = dd.add(dd.multiply(difference, points[1]), mem)
    growth = [dd.multiply(part, point) for part, point in zip((mem, syn), points, strict=True)]
    return Coefficients(
        a_uu=dd.add(taylor[0], growth[0])[0],
        a_ui=r * dt / tau_mem * difference[0],
        a_ii=dd.add(taylor[0], growth[1])[0],
        increment_uu=growth[0][0],
        increment_ii=growth[1][0],
        b_u=np.zeros(()),
        b_i=1 / tau_syn,
        previous_u=np.zeros(()),
        previous_i=np.zeros(()),
    )


def scheme(order: int) -> Scheme:
    """The declaration for order ``order``."""
    x, y = -delta_t / tau_mem, -delta_t / tau_syn
    coupling = sum(
        sum(x**k * y ** (j - 1 - k) for k in range(j)) / sympy.factorial(j) for j in range(1, order + 1)
    )
    polynomial = stability_polynomial(order)
    shortest = sympy.Min(tau_mem, tau_syn)
    return Scheme(
        name=NAME,
        title=f"Parker-Sochacki order {order}",
        propagator=sympy.ImmutableMatrix(
            [
                [polynomial.as_expr().subs(_x, -x), resistance * delta_t / tau_mem * coupling],
                [0, polynomial.as_expr().subs(_x, -y)],
            ]
        ),
        input=input_vector,
        delay="a spike of step n kicks i at the end of step n and reaches u in step n + 1",
        order=order,
        stability_limit=real_axis_limit(order) * shortest,
        monotonicity_limit=positivity_limit(order) * shortest,
        frequency_map=(z - 1) / delta_t if order == 1 else None,
        lead=1 if order == 1 else 0,
        stable_numbers=partial(_stable_numbers, order),
    )


def taylor_propagator(order: int) -> sympy.ImmutableMatrix:
    """``R_p(M Delta_t)`` multiplied out from the matrix: the definition that the declaration must equal."""
    total, term = identity, identity
    for j in range(1, order + 1):
        term = term * system_matrix * delta_t / j
        total = total + term
    return total
