"""Section 2.1: the leaky integrate-and-fire neuron and its closed form, equations (1)-(8)."""

from __future__ import annotations

import sympy as sp

from ...linear.symbolic import (
    identity,
    input_vector,
    resistance,
    s,
    system_matrix,
    t,
    tau_mem,
    tau_syn,
    transfer_function,
)
from ..checking import conditional, discrepancy, holds
from ..entry import Entry, Finding, Verdict

SOURCE = "hu"

_u0, _i0, _w1, _w2, _t1, _t2 = sp.symbols("u_0 i_0 w_1 w_2 t_1 t_2", positive=True)
_decay_mem, _decay_syn = sp.exp(-t / tau_mem), sp.exp(-t / tau_syn)
_EXAMPLE = {tau_mem: sp.Rational(4, 5), tau_syn: sp.Rational(3, 5), resistance: sp.Rational(6, 5)}


def membrane_residual(voltage: sp.Expr, current: sp.Expr) -> sp.Expr:
    """``tau_mem u' + u - R i``: zero when ``voltage`` and ``current`` obey equation (1)."""
    return tau_mem * voltage.diff(t) + voltage - resistance * current


def _membrane_equation() -> Finding:
    u, i = sp.symbols("u i")
    printed = (resistance * i - u) / tau_mem
    left = discrepancy(printed, (system_matrix * sp.Matrix([u, i]))[0])
    return holds(left == 0, f"difference from the first row of the system matrix: {left:.0g}")


def _membrane_transfer() -> Finding:
    left = discrepancy(resistance / (tau_mem * s + 1), transfer_function() * (1 + s * tau_syn))
    return holds(left < 1e-40, f"difference from G(s) without its synaptic factor: {left:.0g}")


def _constant_current() -> Finding:
    rest = _i0 * resistance
    printed = rest + (_u0 - rest) * _decay_mem
    residual = discrepancy(membrane_residual(printed, _i0))
    start = discrepancy(printed.subs(t, 0), _u0)
    return holds(
        max(residual, start) < 1e-40,
        f"residual of equation (1) {residual:.0g}, of the initial value {start:.0g}",
    )


def _synapse_equation() -> Finding:
    u, i = sp.symbols("u i")
    drift = discrepancy(-i / tau_syn, (system_matrix * sp.Matrix([u, i]))[1])
    # the area w of the pulse w delta(t), divided by tau_syn, is the jump of i
    jump = discrepancy(1 / tau_syn, input_vector[1])
    return holds(
        max(drift, jump) == 0, f"second row of the system matrix: {drift:.0g}; jump w/tau_s: {jump:.0g}"
    )


def _weights_and_phase() -> Finding:
    omega = sp.Rational(7)
    spectrum = _w1 * sp.exp(-sp.I * omega * _t1) + _w2 * sp.exp(-sp.I * omega * _t2)
    times = {_t1: sp.Rational(1, 10), _t2: sp.Rational(1, 4)}

    def phase(first: float, second: float) -> float:
        return float(sp.arg(spectrum.subs(times).subs({_w1: first, _w2: second})))

    two, one = abs(phase(1, 1) - phase(3, 1)), abs(phase(1, 0) - phase(3, 0))
    return conditional(
        two > 1e-3 and one > 1e-3,
        two > 1e-3 and one < 1e-12,
        f"one weight tripled, phase at 7 rad/s moves by {two:.3f} rad with two spikes, {one:.0g} with one",
    )


def _current_transform() -> Finding:
    printed = (tau_syn * _i0 + _w1 * sp.exp(-_t1 * s) + _w2 * sp.exp(-_t2 * s)) / (tau_syn * s + 1)
    rate = sp.Symbol("s", positive=True)

    def transform(start: sp.Expr, height: sp.Expr) -> sp.Expr:
        # i(t) decays from height at start: its Laplace integral over (start, infinity)
        since = sp.Symbol("since", positive=True)
        integrand = height * sp.exp(-since / tau_syn) * sp.exp(-rate * since)
        return sp.exp(-rate * start) * sp.integrate(integrand, (since, 0, sp.oo))

    derived = transform(0, _i0) + transform(_t1, _w1 / tau_syn) + transform(_t2, _w2 / tau_syn)
    left = discrepancy(printed.subs(s, rate), derived)
    return holds(left < 1e-40, f"difference from the Laplace integral of the decaying current: {left:.0g}")


def _voltage_transform() -> Finding:
    spikes = _w1 * sp.exp(-_t1 * s) + _w2 * sp.exp(-_t2 * s)
    both = (tau_mem * s + 1) * (tau_syn * s + 1)
    printed = tau_mem * _u0 / (tau_mem * s + 1) + resistance * (tau_syn * _i0 / both + spikes / both)
    derived = (s * identity - system_matrix).LUsolve(sp.Matrix([_u0, _i0]) + input_vector * spikes)[0]
    left = discrepancy(printed, derived)
    return holds(left < 1e-40, f"difference from the resolvent of the system matrix: {left:.0g}")


def _from_voltage() -> Finding:
    printed = _u0 * _decay_mem
    residual, start = discrepancy(membrane_residual(printed, sp.Integer(0))), printed.subs(t, 0) - _u0
    return holds(
        residual < 1e-40 and start == 0,
        f"residual of equation (1) with i = 0: {residual:.0g}, initial value exact",
    )


def _from_current() -> Finding:
    printed = resistance * _i0 * tau_syn / (tau_mem - tau_syn) * (_decay_mem - _decay_syn)
    residual = discrepancy(membrane_residual(printed, _i0 * _decay_syn))
    start = discrepancy(printed.subs(t, 0))
    equal = sp.limit(printed, tau_syn, tau_mem)
    degenerate = discrepancy(membrane_residual(equal, _i0 * _decay_mem))
    return holds(
        max(residual, start, degenerate) < 1e-40,
        f"residual of equation (1) {residual:.0g}; limit tau_s -> tau_m, R i(0) t exp(-t/tau)/tau: {degenerate:.0g}",
    )


def _from_spikes() -> Finding:
    since = t - _t1
    printed = resistance * _w1 / (tau_mem - tau_syn) * (sp.exp(-since / tau_mem) - sp.exp(-since / tau_syn))
    current = _w1 / tau_syn * sp.exp(-since / tau_syn)
    after = max(discrepancy(membrane_residual(printed, current)), discrepancy(printed.subs(t, _t1)))
    limit = resistance * _w1 * since * sp.exp(-since / tau_mem) / tau_mem**2
    equal = discrepancy(sp.limit(printed, tau_syn, tau_mem), limit)
    early = float(printed.subs(_EXAMPLE | {_w1: 1, _t1: sp.Rational(1, 2), t: 0}))
    return conditional(
        max(after, equal) < 1e-40 and early == 0,
        max(after, equal) < 1e-40,
        f"after the spike: residual {after:.0g}, limit of equal time constants {equal:.0g}; "
        f"at t = 0 a spike of weight 1 at 0.5 s gives u = {early:.3f}, not 0",
    )


ENTRIES = (
    Entry(
        SOURCE,
        "(1)",
        "membrane equation",
        r"\tau_m\,\dot u + u = R\,i",
        Verdict.HOLDS,
        _membrane_equation,
    ),
    Entry(
        SOURCE,
        "(2)",
        "transfer function of the membrane",
        r"\frac{U(s)}{I(s)} = \frac{R}{1 + s\tau_m}",
        Verdict.HOLDS,
        _membrane_transfer,
    ),
    Entry(
        SOURCE,
        "(3)",
        "voltage under constant current",
        r"u(t) = R i_0 + (u_0 - R i_0)\,e^{-t/\tau_m}",
        Verdict.HOLDS,
        _constant_current,
    ),
    Entry(
        SOURCE,
        "(4)",
        "synaptic current",
        r"\tau_s\,\dot i + i = \sum_n w_n\,\delta(t - t_n)",
        Verdict.HOLDS,
        _synapse_equation,
    ),
    Entry(
        SOURCE,
        "text after (4)",
        "weights act on the phase of the input",
        r"\arg \sum_n w_n e^{-j\Omega t_n}\ \text{depends on}\ w",
        Verdict.CONDITION,
        _weights_and_phase,
        r"\text{two or more spike times; one positive weight alone scales the amplitude only}",
        "A neuron with a single input spike cannot change the phase of its drive by learning, only its size.",
    ),
    Entry(
        SOURCE,
        "(5)",
        "Laplace transform of the current",
        r"I(s) = \frac{\tau_s i(0) + \sum_n w_n e^{-s t_n}}{1 + s\tau_s}",
        Verdict.HOLDS,
        _current_transform,
    ),
    Entry(
        SOURCE,
        "text after (5)",
        "Laplace transform of the voltage",
        r"U(s) = \frac{\tau_m u(0)}{1 + s\tau_m}"
        r" + R\,\frac{\tau_s i(0) + \sum_n w_n e^{-s t_n}}{(1 + s\tau_m)(1 + s\tau_s)}",
        Verdict.HOLDS,
        _voltage_transform,
    ),
    Entry(
        SOURCE,
        "(6)",
        "decay of the initial voltage",
        r"u(0)\,e^{-t/\tau_m}",
        Verdict.HOLDS,
        _from_voltage,
    ),
    Entry(
        SOURCE,
        "(7)",
        "response to the initial current",
        r"R\,i(0)\,\frac{\tau_s}{\tau_m - \tau_s}\left(e^{-t/\tau_m} - e^{-t/\tau_s}\right)",
        Verdict.HOLDS,
        _from_current,
    ),
    Entry(
        SOURCE,
        "(8)",
        "response to the input spikes",
        r"R \sum_n \frac{w_n}{\tau_m - \tau_s}\left(e^{-(t - t_n)/\tau_m} - e^{-(t - t_n)/\tau_s}\right)",
        Verdict.CONDITION,
        _from_spikes,
        r"\text{the sum goes over}\ t_n < t;\quad"
        r" \tau_s \to \tau_m = \tau:\ \tfrac{R}{\tau^2}\sum_{t_n < t} w_n (t - t_n)\,e^{-(t - t_n)/\tau}",
        "Summed over all spikes it answers spikes of the future, and with exponentially large numbers.",
    ),
)
