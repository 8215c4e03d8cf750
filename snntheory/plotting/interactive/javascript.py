"""JavaScript functions from the SymPy declarations of the schemes: no equation is written a second time."""

from __future__ import annotations

from functools import lru_cache

import sympy

from ...linear import schemes, symbolic
from ...linear.scheme import Scheme
from ...linear.symbolic import delta_t, resistance, tau_mem, tau_syn, z

MAX_ORDER = 12
"""Orders of Parker-Sochacki that the atlas offers: 1 to this."""

_decay_mem, _decay_syn = sympy.symbols("decay_mem decay_syn", positive=True)
_mean_decay = sympy.Function("meanDecay")
_first_difference = sympy.Function("firstDifference")
_second_difference = sympy.Function("secondDifference")
_NAMES = {name: name for name in ("meanDecay", "firstDifference", "secondDifference")}
_PARAMETERS = (delta_t, tau_mem, tau_syn, resistance)
_RESERVED = "Delta_t, tau_mem, tau_syn, R"


def without_cancellation(expression: sympy.Expr, time: sympy.Symbol = delta_t) -> sympy.Expr:
    """An expression in the two decays, rewritten so that it can be evaluated in float64.

    Definition::

        exp(-x) - exp(-y) = (y - x) firstDifference(x, y)
        firstDifference(x, y) = meanDecay(y) - x secondDifference(x, y),    exp(-y) = 1 - y meanDecay(y)

    with ``x = time/tau_mem``, ``y = time/tau_syn``. The first line is put in where the expression divides by
    ``tau_mem - tau_syn``, which then cancels; the second where it divides by the time step as well. What is
    left has no singularity at equal time constants.

    Parameters
    ----------
    expression : sympy.Expr
        In ``tau_mem``, ``tau_syn``, ``R`` and ``time``.
    time : sympy.Symbol

    Returns
    -------
    sympy.Expr
        In the same symbols and the three functions, which decays.js defines.

    Accuracy: tests/book/test_atlas_in_browser.py compares with `discretize`, equal time constants included.
    """
    x, y = time / tau_mem, time / tau_syn
    short = expression.subs({sympy.exp(-x): _decay_mem, sympy.exp(-y): _decay_syn})
    if not short.has(_decay_mem, _decay_syn):
        return expression
    first = _first_difference(x, y)
    singular = sympy.denom(sympy.together(short)).subs(tau_mem, tau_syn) == 0
    if singular:
        short = sympy.factor(short.subs(_decay_mem, _decay_syn + sympy.factor(y - x) * first))
    if sympy.denom(sympy.together(short)).has(time):
        # only tried where needed: for long steps this form loses digits that the first keeps
        short = short.subs(first, _mean_decay(y) - x * _second_difference(x, y))
        short = short.subs({_decay_syn: 1 - y * _mean_decay(y), _decay_mem: 1 - x * _mean_decay(x)})
        short = sympy.factor(short)
    elif not singular and sympy.simplify(short.subs({_decay_mem: 1, _decay_syn: 1})) == 0:
        short = sympy.factor(
            short.subs({_decay_mem: 1 - x * _mean_decay(x), _decay_syn: 1 - y * _mean_decay(y)})
        )
    return short.subs({_decay_mem: sympy.exp(-x), _decay_syn: sympy.exp(-y)})


def function(arguments: str, values: list[sympy.Expr] | sympy.Expr) -> str:
    """A JavaScript function of ``arguments`` that returns one number, or an array for a list of expressions."""
    many = isinstance(values, list)
    shared, results = sympy.cse(values if isinstance(values, list) else [values], list=True)
    lines = [f"const {name} = {_code(value)};" for name, value in shared]
    returned = ", ".join(_code(result) for result in results)
    lines.append(f"return [{returned}];" if many else f"return {returned};")
    return f"function ({arguments}) {{ {' '.join(lines)} }}"


def _code(expression: sympy.Expr) -> str:
    try:
        text = sympy.jscode(sympy.sympify(expression), user_functions=_NAMES, strict=True)
    except NotImplementedError as error:
        raise ValueError(f"no JavaScript for {expression}: use functions that sympy.jscode knows") from error
    return str(text)


def scheme_numbers(scheme: Scheme) -> str:
    """``(Delta_t, tau_mem, tau_syn, R) -> [A11, A12, A22, b1, b2, b1', b2']`` of a declared scheme."""
    a, b, previous = scheme.propagator, scheme.input, scheme.input_previous
    entries = [a[0, 0], a[0, 1], a[1, 1], b[0], b[1], previous[0], previous[1]]
    return function(_RESERVED, [without_cancellation(sympy.sympify(entry)) for entry in entries])


def scheme_limits(scheme: Scheme) -> str:
    """``(tau_mem, tau_syn) -> [stability limit, monotonicity limit]`` in seconds."""
    limits = [sympy.sympify(scheme.stability_limit), sympy.sympify(scheme.monotonicity_limit)]
    return function("tau_mem, tau_syn", limits)


def _general_scheme() -> tuple[sympy.Expr, sympy.Expr, str]:
    """``H(z)`` and its numerator for any entries, from the definition in :class:`Scheme`, and the entries' names."""
    names = "A11, A12, A22, b1, b2, p1, p2"
    a11, a12, a22, b1, b2, p1, p2 = sympy.symbols(names, real=True)
    general = Scheme(
        name="any",
        title="any",
        propagator=sympy.ImmutableMatrix([[a11, a12], [0, a22]]),
        input=sympy.ImmutableMatrix([b1, b2]),
        input_previous=sympy.ImmutableMatrix([p1, p2]),
        delay="",
        order=0,
        stability_limit=sympy.oo,
        monotonicity_limit=sympy.oo,
    )
    h = general.transfer_function()
    return h, sympy.cancel(h * (z - a11) * (z - a22)), names


@lru_cache(maxsize=1)
def equations() -> str:
    """The text of a JavaScript object with every equation of the atlas.

    Members: ``numbers`` and ``limits`` by scheme (``parker_sochacki:2`` and so on for the orders), and
    ``kernel``, ``gain``, ``phase`` in continuous time; ``numerator``, ``area``, ``numeratorAt``, ``factorAt``,
    ``timeConstant`` of a discrete neuron.
    """
    declared = {name: schemes.get(name) for name in schemes.names() if name != "parker_sochacki"}
    for order in range(1, MAX_ORDER + 1):
        declared[f"parker_sochacki:{order}"] = schemes.get("parker_sochacki", order)
    h, numerator, names = _general_scheme()
    coefficients = sympy.Poly(sympy.expand(numerator), z).all_coeffs()
    coefficients = [sympy.S.Zero] * (3 - len(coefficients)) + coefficients
    n0, n1, n2, pole, angle = sympy.symbols("n0 n1 n2 pole angle", real=True)
    behind = sympy.cos(angle) - sympy.I * sympy.sin(angle)  # 1/z on the unit circle
    on_circle = sympy.expand(n0 + n1 * behind + n2 * behind**2)
    factor = sympy.expand(1 - pole * behind)
    omega = sympy.Symbol("Omega", positive=True)
    continuous = symbolic.transfer_function().subs(symbolic.s, sympy.I * omega)
    modulus = resistance / sympy.Mul(*(abs(f) ** k for f, k in _denominator_factors(continuous)))
    turn = -sum(k * sympy.atan2(sympy.im(f), sympy.re(f)) for f, k in _denominator_factors(continuous))
    members = {
        "kernel": function("t, tau_mem, tau_syn, R", without_cancellation(symbolic.kernel(), symbolic.t)),
        "gain": function("Omega, tau_mem, tau_syn, R", modulus),
        "phase": function("Omega, tau_mem, tau_syn", turn),
        "numerator": function(names, coefficients),
        "area": function(f"Delta_t, {names}", delta_t * h.subs(z, 1)),
        "numeratorAt": function("angle, n0, n1, n2", [sympy.re(on_circle), sympy.im(on_circle)]),
        "factorAt": function("angle, pole", [sympy.re(factor), sympy.im(factor)]),
        "timeConstant": function("Delta_t, pole", -delta_t / sympy.log(sympy.Abs(pole))),
    }
    for member, make in (("numbers", scheme_numbers), ("limits", scheme_limits)):
        rows = ",\n".join(f"    {key!r}: {make(scheme)}" for key, scheme in declared.items())
        members[member] = "{\n" + rows + "\n  }"
    return "{\n" + ",\n".join(f"  {key}: {text}" for key, text in members.items()) + "\n}"


def _denominator_factors(rational: sympy.Expr) -> list[tuple[sympy.Expr, int]]:
    numerator, denominator = sympy.fraction(rational)
    if numerator != resistance:
        raise ValueError(f"the continuous neuron must have the numerator R, got {numerator}")
    return list(denominator.as_powers_dict().items())
