"""How far the step can go: limits of every scheme, proved from what the scheme declares.

Upper triangular propagators put the poles on the diagonal, so each is a function of ``x = dt / tau`` alone: a rational
function of ``x``, or of ``exp(-x)``. Where it stays between two bounds is decided by polynomials with rational
coefficients, whose real roots SymPy isolates in exact arithmetic (Vincent's theorem and Descartes' rule of signs). That
is a proof and not a sample, for every positive time constant at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray

from .. import _check
from . import schemes
from .symbolic import delta_t, identity, tau_mem, tau_syn, z

x = sympy.Symbol("x", positive=True)
"""Time step over time constant."""

_WIDTH = sympy.Rational(1, 10**24)  # of the interval that encloses a limit which is no rational number


@dataclass(frozen=True)
class LimitProof:
    """One limit of the time step, derived from the declared propagator and compared with the declared limit.

    Attributes
    ----------
    scheme : str
        Title of the scheme.
    claim : {"stable", "monotone"}
        All poles inside the unit circle; in addition none negative.
    condition : tuple of sympy.Expr
        Expressions in ``x = dt / tau`` that must be positive; they are so for ``0 < x < limit_x`` and no further.
    limit_x : sympy.Expr
        The limit in time constants, or ``oo``; an exact number, or the middle of ``bracket``.
    bracket : (sympy.Expr, sympy.Expr)
        Rational numbers with the limit between them, equal where it is rational itself.
    limit, declared : sympy.Expr
        The limit of the step for the neuron, as derived and as the scheme declares it.
    method : str
    holds : bool
        Whether the two agree.
    """

    scheme: str
    claim: str
    condition: tuple[sympy.Expr, ...]
    limit_x: sympy.Expr
    bracket: tuple[sympy.Expr, sympy.Expr]
    limit: sympy.Expr
    declared: sympy.Expr
    method: str
    holds: bool


@dataclass(frozen=True)
class StabilityClass:
    """How a scheme treats decays that are fast compared with its step.

    Attributes
    ----------
    scheme : str
        Title of the scheme.
    at_infinity : sympy.Expr
        Factor of one step in the limit of long steps.
    is_a_stable : bool
        No mode that decays in truth grows on the grid, complex ones included, whatever the step.
    is_l_stable : bool
        A-stable, and a mode that decays at once does so on the grid: ``at_infinity`` is 0.
    """

    scheme: str
    at_infinity: sympy.Expr
    is_a_stable: bool
    is_l_stable: bool


def characteristic_polynomial(scheme: str, order: int | None = None) -> sympy.Poly:
    """``det(z I - A)`` of the declared propagator, a polynomial of second degree in ``z``.

    Parameters
    ----------
    scheme : str
        One of ``snntheory.linear.schemes.names()``.
    order : int, optional
        Order of ``"parker_sochacki"``.
    """
    propagator = schemes.get(scheme, order).propagator
    return sympy.Poly((z * identity - propagator).det(), z)


def jury_conditions(scheme: str, order: int | None = None) -> tuple[sympy.Expr, sympy.Expr, sympy.Expr]:
    """Jury's conditions for both poles inside the unit circle: all three expressions are positive.

    Definition::

        p(1) > 0,    p(-1) > 0,    1 - p(0) > 0,    p(z) = det(z I - A)

    References
    ----------
    Jury, Theory and Application of the z-Transform Method (1964), chapter 3.
    """
    p = characteristic_polynomial(scheme, order)
    first, second, third = (sympy.factor(part) for part in (p.eval(1), p.eval(-1), 1 - p.eval(0)))
    return first, second, third


def decay_factors(scheme: str, order: int | None = None) -> tuple[sympy.Expr, sympy.Expr]:
    """Factors by which one step multiplies a free voltage and a free current, in ``x = dt / tau`` of each."""
    propagator = schemes.get(scheme, order).propagator
    factors = [
        sympy.cancel(propagator[k, k].subs(delta_t, x * tau)) for k, tau in enumerate((tau_mem, tau_syn))
    ]
    return factors[0], factors[1]


def amplification_factor(scheme: str, z: ArrayLike, order: int | None = None) -> NDArray[np.complex128]:
    """Factor ``R(z)`` by which one step multiplies a solution of ``v' = lambda v``, for complex ``z = lambda dt``.

    The neuron has real ``lambda = -1/tau`` only; recurrent networks, linearised, have complex ones.

    Parameters
    ----------
    scheme : str
    z : array_like of complex, any shape
    order : int, optional

    Returns
    -------
    ndarray of complex
        The shape of ``z``; ``inf`` at a pole of ``R``. The scheme is stable where its modulus is below 1.

    Raises
    ------
    TypeError, ValueError
        ``z`` is not numeric or not finite, or the scheme is unknown.
    """
    points = _check.complex_array("z", z)
    factor = sympy.lambdify(x, decay_factors(scheme, order)[1], modules="numpy")
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        values = np.asarray(factor(-points), dtype=np.complex128)
    return np.where(np.isnan(values), np.inf, values)


def prove_stability(scheme: str, order: int | None = None) -> LimitProof:
    """Derive the step below which both poles lie inside the unit circle, and compare with the declaration.

    Definition::

        1 - R(-x) > 0  and  1 + R(-x) > 0,    x = dt / tau, for both time constants

    Parameters
    ----------
    scheme : str
        One of ``snntheory.linear.schemes.names()``.
    order : int, optional
        Order of ``"parker_sochacki"``.

    Returns
    -------
    LimitProof

    Raises
    ------
    ValueError
        The scheme is unknown, or its poles are no rational functions of ``dt/tau`` or of ``exp(-dt/tau)``.

    Accuracy
    --------
    Exact where the limit is rational, otherwise enclosed in an interval of 1e-24. tests/linear/test_stability.py
    compares with simulation over random neurons.
    """
    return _prove("stable", scheme, order)


def prove_monotonicity(scheme: str, order: int | None = None) -> LimitProof:
    """Derive the step below which, in addition, no pole is negative: ``R(-x) > 0``. See `prove_stability`."""
    return _prove("monotone", scheme, order)


def classify(scheme: str, order: int | None = None) -> StabilityClass:
    """Whether a scheme is A-stable and L-stable, from its factor on the imaginary axis and at infinity.

    Definition::

        A-stable:  |R(z)| <= 1 for Re z <= 0
        L-stable:  A-stable and R(-x) -> 0 for x -> oo

    A rational ``R = N/D`` without poles in the left half-plane takes its largest modulus there on the imaginary axis,
    so ``|D(iy)|**2 - |N(iy)|**2 >= 0`` for real ``y`` decides.

    References
    ----------
    Hairer and Wanner, Solving Ordinary Differential Equations II (1996), section IV.3.
    """
    verdicts = [_class_of(factor) for factor in decay_factors(scheme, order)]
    a_stable = all(stable for stable, _ in verdicts)
    at_infinity = max((limit for _, limit in verdicts), key=lambda value: abs(value))
    title = schemes.get(scheme, order).title
    return StabilityClass(title, at_infinity, a_stable, bool(a_stable and at_infinity == 0))


# --- exact arithmetic ---


@lru_cache(maxsize=256)
def _prove(claim: str, name: str, order: int | None) -> LimitProof:
    scheme = schemes.get(name, order)
    results = [_limit(claim, factor) for factor in decay_factors(name, order)]
    (condition, mem, method), (_, syn, _) = results
    nearest = min(mem, syn, key=lambda bracket: bracket[0])
    middle = [sympy.oo if b[0] == sympy.oo else (b[0] + b[1]) / 2 for b in (mem, syn)]
    shown = [m if b[0] == b[1] else sympy.N(m, 20) for m, b in zip(middle, (mem, syn), strict=True)]
    if mem == syn:
        limit = shown[0] * sympy.Min(tau_mem, tau_syn) if mem[0] != sympy.oo else sympy.oo
    else:
        limit = sympy.Min(shown[0] * tau_mem, shown[1] * tau_syn)
    declared = sympy.sympify(scheme.stability_limit if claim == "stable" else scheme.monotonicity_limit)
    return LimitProof(
        scheme=scheme.title,
        claim=claim,
        condition=condition,
        limit_x=min(shown),
        bracket=nearest,
        limit=limit,
        declared=declared,
        method=method,
        holds=_same_limit(limit, declared),
    )


def _same_limit(derived: sympy.Expr, declared: sympy.Expr) -> bool:
    if sympy.oo in (derived, declared):
        return bool(derived == declared)
    ratio = sympy.simplify(derived / declared)  # a number: both are multiples of the shortest time constant
    return bool(ratio.is_number and abs(sympy.N(ratio, 25) - 1) < sympy.Float("1e-17", 25))


def _limit(
    claim: str, factor: sympy.Expr
) -> tuple[tuple[sympy.Expr, ...], tuple[sympy.Expr, sympy.Expr], str]:
    """Conditions, the bracket of the first ``x`` at which one of them fails, and how it was found."""
    conditions = (1 - factor, 1 + factor) if claim == "stable" else (1 - factor, 1 + factor, factor)
    variable, rational = _rational(factor)
    numerator, denominator = (sympy.Poly(part, variable) for part in sympy.fraction(rational))
    if denominator.eval(0) < 0:
        numerator, denominator = -numerator, -denominator
    margins = [denominator - numerator, denominator + numerator] + [numerator] * (claim == "monotone")
    first = min(
        (_first_failure(margin) for margin in [*margins, denominator]), key=lambda bracket: bracket[0]
    )
    if variable != x and first[0] != sympy.oo:  # y = exp(x) - 1 grows with x, so roots keep their order
        first = (sympy.log(1 + first[0]), sympy.log(1 + first[1]))
    what = "dt/tau" if variable == x else "exp(dt/tau) - 1"
    method = f"no sign change before it of polynomials in {what} (roots isolated in rational arithmetic)"
    return tuple(sympy.factor(part) for part in conditions), first, method


def _rational(factor: sympy.Expr) -> tuple[sympy.Symbol, sympy.Expr]:
    """The factor as a rational function of ``x``, or of ``y = exp(x) - 1``, which also runs from 0 to infinity."""
    if factor.is_rational_function(x):
        return x, sympy.together(factor)
    y = sympy.Symbol("y", positive=True)
    replaced = sympy.together(factor.subs(sympy.exp(-x), 1 / (1 + y)))
    if replaced.has(x) or not replaced.is_rational_function(y):
        raise ValueError(
            f"poles must be rational functions of dt/tau or of exp(-dt/tau) for a proof, got {factor}; "
            "test such a scheme by simulation"
        )
    return y, replaced


def _first_failure(polynomial: sympy.Poly) -> tuple[sympy.Expr, sympy.Expr]:
    """Rational bracket of the end of the interval from 0 on which a polynomial is positive; oo without an end."""
    variable = polynomial.gen
    while polynomial.eval(0) == 0 and not polynomial.is_zero:
        polynomial = polynomial.quo(sympy.Poly(variable, variable))
    if polynomial.is_zero or polynomial.eval(0) < 0:
        return sympy.Integer(0), sympy.Integer(0)
    roots = polynomial.intervals(inf=0, eps=_WIDTH) if polynomial.degree() > 0 else []
    if not roots:
        return sympy.oo, sympy.oo
    (low, high), _ = min(roots, key=lambda root: root[0][0])
    return low, high


def _class_of(factor: sympy.Expr) -> tuple[bool, sympy.Expr]:
    at_infinity = sympy.limit(factor, x, sympy.oo)
    if factor == sympy.exp(-x):  # |exp(z)| = exp(Re z)
        return True, at_infinity
    if not factor.is_rational_function(x):
        raise ValueError(
            f"A-stability is decided for rational factors and for exp(-dt/tau) only, got {factor}"
        )
    v, y = sympy.Symbol("v"), sympy.Symbol("y", real=True)
    numerator, denominator = sympy.fraction(sympy.together(factor.subs(x, v)))
    gap = sum(
        sign * sympy.re(sympy.expand(part.subs(v, sympy.I * y) * part.subs(v, -sympy.I * y)))
        for part, sign in ((denominator, 1), (numerator, -1))
    )
    return _is_hurwitz(sympy.Poly(denominator, v)) and _is_never_negative(sympy.Poly(gap, y)), at_infinity


def _is_hurwitz(polynomial: sympy.Poly) -> bool:
    """Routh's criterion: all roots have a negative real part (no entry of the first column changes sign)."""
    coefficients = polynomial.all_coeffs()
    rows = [coefficients[0::2], coefficients[1::2]]
    column = [rows[0][0]]
    while rows[1]:
        if rows[1][0] == 0:
            return False
        column.append(rows[1][0])
        above, below = rows[0], rows[1] + [sympy.Integer(0)]
        following = [above[k + 1] - above[0] * below[k + 1] / below[0] for k in range(len(above) - 1)]
        rows = [rows[1], following]
    return all(sympy.sign(entry) == sympy.sign(column[0]) for entry in column)


def _is_never_negative(polynomial: sympy.Poly) -> bool:
    """Whether a real polynomial is at least 0 everywhere: positive far out, and no real root of odd multiplicity."""
    if polynomial.is_zero:
        return True
    if polynomial.degree() == 0:
        return bool(polynomial.LC() > 0)
    odd = any(multiplicity % 2 for _, multiplicity in polynomial.intervals())
    return bool(polynomial.LC() > 0) and not odd
