"""Section 2.4, first half: the mean of the state over one step, equations (18)-(28)."""

from __future__ import annotations

import sympy as sp

from ...linear.schemes.impulse_invariance import PROPAGATOR
from ...linear.symbolic import delta_t, input_vector, resistance, tau_mem, tau_syn
from ..checking import conditional, discrepancy, holds, misprint
from ..entry import Entry, Finding, Verdict
from .generator import EXPONENTIAL, exact_rate_of_change, generator, i, jump, rate, state, u, weight

SOURCE = "hu"

_PRINTED_SLOPE = u / tau_mem - resistance * i / tau_syn
_RIGHT_SLOPE = u / tau_mem - resistance * i / tau_mem
_ARRIVALS = rate * (EXPONENTIAL.subs(i, i + weight / tau_syn) - EXPONENTIAL)


def _order(gap: sp.Matrix, power: int) -> float:
    """Size of the coefficient of ``dt**power`` in a gap between two states."""
    return max(discrepancy(sp.diff(entry, delta_t, power).subs(delta_t, 0)) for entry in gap)


def _paired(coefficient: sp.Expr, variable: sp.Symbol) -> sp.Expr:
    """The exponential paired with ``d/dvariable [delta(u - U) delta(i - I) coefficient]``, at ``(U, I) = (u, i)``.

    By definition of the derivative of a delta: minus the derivative of the test function, times the coefficient.
    """
    return -EXPONENTIAL.diff(variable) * coefficient


def _two_cases() -> Finding:
    none, one = sp.exp(-rate * delta_t), rate * delta_t * sp.exp(-rate * delta_t)
    gap = sp.Matrix([none - (1 - rate * delta_t), one - rate * delta_t, 1 - none - one])
    first = max(_order(gap, 0), _order(gap, 1))
    more = sp.series(1 - none - one, delta_t, 0, 3).removeO()
    return holds(
        first < 1e-40,
        f"probabilities of no, one, more spikes agree to first order: {first:.0g}; more than one: {more}",
    )


def _without_a_spike() -> Finding:
    printed = sp.Matrix([u + (-u / tau_mem + resistance / tau_mem * i) * delta_t, i - i / tau_syn * delta_t])
    gap = PROPAGATOR * state - printed
    first = max(_order(gap, 0), _order(gap, 1))
    return holds(first < 1e-40, f"exact flow minus the printed state, orders 0 and 1 in dt: {first:.0g}")


def _with_a_spike() -> Finding:
    half = PROPAGATOR.subs(delta_t, delta_t / 2)  # a spike at the middle of the step
    exact = half * (half * state + input_vector * weight)
    gap = rate * delta_t * (exact - sp.Matrix([u, i + weight / tau_syn]))
    low, second = max(_order(gap, 0), _order(gap, 1)), _order(gap, 2)
    return conditional(
        max(low, second) < 1e-40,
        low < 1e-40,
        f"times the spike's probability: orders 0 and 1 in dt {low:.0g}; "
        f"what is left out is of order {2 if second > 0 else 3}",
    )


def _argument_of_voltage() -> Finding:
    printed = u + (-u / tau_mem + resistance / tau_mem * i) * delta_t
    gap = sp.Matrix([(PROPAGATOR * state)[0] - printed])
    first = max(_order(gap, 0), _order(gap, 1))
    return holds(first < 1e-40, f"exact voltage minus the argument, orders 0 and 1 in dt: {first:.0g}")


def _expansion(slope: sp.Expr, printed: sp.Expr) -> float:
    """How far ``delta(x - slope dt)`` is from ``delta(x) + d/dx[delta(x) printed dt]``, to first order.

    The delta is replaced by a Gaussian; the expansion is one of any smooth function.
    """
    x = sp.Symbol("x")
    bump = sp.exp(-(x**2))
    moved = bump.subs(x, x - slope * delta_t)
    value = discrepancy(moved.subs(delta_t, 0), bump)
    return max(value, discrepancy(moved.diff(delta_t).subs(delta_t, 0), sp.diff(bump * printed, x)))


def _expansion_of_voltage() -> Finding:
    slope = -u / tau_mem + resistance / tau_mem * i
    gap = _expansion(slope, u / tau_mem - resistance / tau_mem * i)
    return holds(gap < 1e-40, f"orders 0 and 1 in dt, a Gaussian for the delta: {gap:.0g}")


def _expansion_of_current() -> Finding:
    gap = _expansion(-i / tau_syn, i / tau_syn)
    return holds(gap < 1e-40, f"orders 0 and 1 in dt, a Gaussian for the delta: {gap:.0g}")


def _left_side() -> Finding:
    # the same quantity as in (18): its rate of change by slopes and by the exact propagator
    gap = discrepancy(exact_rate_of_change(EXPONENTIAL), generator(EXPONENTIAL))
    return holds(gap < 1e-40, f"first order in dt, from the propagator and from the slopes: {gap:.0g}")


def _at_once() -> Finding:
    now = (PROPAGATOR * state).subs(delta_t, 0)
    gap = discrepancy(EXPONENTIAL.subs({u: now[0], i: now[1]}, simultaneous=True), EXPONENTIAL)
    return holds(gap < 1e-40, f"conditional mean at dt = 0: {gap:.0g}")


def _voltage_line() -> Finding:
    derived = exact_rate_of_change(EXPONENTIAL) - generator(EXPONENTIAL, ("current", "spikes"))
    printed = discrepancy(_paired(_PRINTED_SLOPE, u), derived)
    corrected = discrepancy(_paired(_RIGHT_SLOPE, u), derived)
    return misprint(
        printed < 1e-40,
        corrected < 1e-40,
        f"against the exact propagator: off by {printed:.2f} with R i/tau_s, by {corrected:.0g} with R i/tau_m",
    )


def _current_line() -> Finding:
    derived = exact_rate_of_change(EXPONENTIAL) - generator(EXPONENTIAL, ("voltage", "spikes"))
    gap = discrepancy(_paired(i / tau_syn, i), derived)
    return holds(gap < 1e-40, f"against the exact propagator: {gap:.0g}")


def _spike_line() -> Finding:
    derived = exact_rate_of_change(EXPONENTIAL) - generator(EXPONENTIAL, ("voltage", "current"))
    gap = max(discrepancy(_ARRIVALS, derived), discrepancy(jump, weight / tau_syn))
    return holds(gap < 1e-40, f"against the exact propagator: {gap:.0g}")


_STEP = r"\delta\big(u - [U + \tfrac{RI - U}{\tau_m}\Delta t]\big)"

ENTRIES = (
    Entry(
        SOURCE,
        "(18)",
        "mean over a step, by whether a spike arrives",
        r"\mathbb E[\delta(u - U')\,\delta(i - I') \mid U, I] = (1 - \lambda\Delta t)\,(\text{no spike})"
        r" + \lambda\Delta t\,(\text{spike})",
        Verdict.HOLDS,
        _two_cases,
    ),
    Entry(
        SOURCE,
        "(19)",
        "state after a step without a spike",
        r"(1 - \lambda\Delta t)\," + _STEP + r"\,\delta\big(i - [I - \tfrac{I}{\tau_s}\Delta t]\big)",
        Verdict.HOLDS,
        _without_a_spike,
    ),
    Entry(
        SOURCE,
        "(20)",
        "state after a step with a spike",
        r"\lambda\Delta t\,\delta(u - U)\,\delta\big(i - [I + w/\tau_s]\big)",
        Verdict.CONDITION,
        _with_a_spike,
        r"\text{to first order in}\ \Delta t:\ \text{the drift of this step is left out}",
        "Right for the limit; a simulation that stops the neuron in every step with a spike is off by "
        "a share of the step.",
    ),
    Entry(
        SOURCE,
        "(21)",
        "the voltage's delta before the expansion",
        _STEP,
        Verdict.HOLDS,
        _argument_of_voltage,
    ),
    Entry(
        SOURCE,
        "(22)",
        "its expansion",
        r"\delta(u - U) + \partial_u\big[\delta(u - U)\,\tfrac{U - RI}{\tau_m}\big]\Delta t",
        Verdict.HOLDS,
        _expansion_of_voltage,
    ),
    Entry(
        SOURCE,
        "(23)",
        "expansion of the current's delta",
        r"\delta(i - I) + \partial_i\big[\delta(i - I)\,\tfrac{I}{\tau_s}\big]\Delta t",
        Verdict.HOLDS,
        _expansion_of_current,
    ),
    Entry(
        SOURCE,
        "(24)",
        "mean over a step, to first order",
        r"\mathbb E[\delta(u - U')\,\delta(i - I') \mid U, I]",
        Verdict.HOLDS,
        _left_side,
    ),
    Entry(SOURCE, "(25)", "order zero", r"\delta(u - U)\,\delta(i - I)", Verdict.HOLDS, _at_once),
    Entry(
        SOURCE,
        "(26)",
        "motion of the voltage",
        r"\partial_u\big[\delta\,\delta\,\big(\tfrac{u}{\tau_m} - \tfrac{Ri}{\tau_s}\big)\big]\Delta t",
        Verdict.MISPRINT,
        _voltage_line,
        r"\partial_u\big[\delta\,\delta\,\big(\tfrac{u}{\tau_m} - \tfrac{Ri}{\tau_m}\big)\big]\Delta t",
        "The current drives the voltage with the wrong time constant; the slip runs through (30), (33) and (36).",
    ),
    Entry(
        SOURCE,
        "(27)",
        "decay of the current",
        r"\partial_i\big[\delta\,\delta\,\tfrac{i}{\tau_s}\big]\Delta t",
        Verdict.HOLDS,
        _current_line,
    ),
    Entry(
        SOURCE,
        "(28)",
        "arriving spikes",
        r"\lambda\Delta t\,\delta(u - U)\big[\delta(i - \tfrac{w}{\tau_s} - I) - \delta(i - I)\big]",
        Verdict.HOLDS,
        _spike_line,
    ),
)
