"""Section 2.2: damping, frequency response and sampling, equations (9)-(12)."""

from __future__ import annotations

import numpy as np
import sympy as sp

from ...linear import schemes
from ...linear.symbolic import (
    delta_t,
    identity,
    kernel,
    resistance,
    s,
    system_matrix,
    t,
    tau_mem,
    tau_syn,
    transfer_function,
    z,
)
from ..checking import conditional, difference, discrepancy, holds
from ..entry import Entry, Finding, Verdict

SOURCE = "hu"
# the parameters of the source, in seconds
EXAMPLE = {tau_mem: sp.Rational(4, 5), tau_syn: sp.Rational(3, 5), resistance: sp.Rational(6, 5)}

_omega = sp.Symbol("Omega", positive=True)
_a_mem, _a_syn = sp.exp(-delta_t / tau_mem), sp.exp(-delta_t / tau_syn)
# the time constants in either order: no check may lean on which is the longer one
_SCALED = resistance * delta_t / (tau_mem - tau_syn) * (1 / (1 - _a_mem / z) - 1 / (1 - _a_syn / z))


def _second_order() -> Finding:
    linear, constant = 1 / tau_syn + 1 / tau_mem, 1 / (tau_mem * tau_syn)
    printed = resistance * constant / (s**2 + linear * s + constant)
    left = discrepancy(printed, transfer_function())
    return holds(left < 1e-40, f"its transfer function differs from that of (1) and (4) by {left:.0g}")


def _damping() -> Finding:
    zeta, natural = (tau_mem + tau_syn) / (2 * sp.sqrt(tau_mem * tau_syn)), 1 / sp.sqrt(tau_mem * tau_syn)
    left = discrepancy(
        s**2 + 2 * zeta * natural * s + natural**2, (s * identity - system_matrix).det(method="berkowitz")
    )
    equal = sp.simplify(zeta.subs(tau_syn, tau_mem))
    return holds(
        left < 1e-40 and equal == 1,
        f"characteristic polynomial differs by {left:.0g}; zeta = {equal} at equal time constants, "
        f"{float(zeta.subs(EXAMPLE)):.4f} with the source's",
    )


def _overdamped() -> Finding:
    zeta = (tau_mem + tau_syn) / (2 * sp.sqrt(tau_mem * tau_syn))
    excess = discrepancy(zeta**2 - 1, (tau_mem - tau_syn) ** 2 / (4 * tau_mem * tau_syn))
    polynomial = (s * identity - system_matrix).det(method="berkowitz")
    at_poles = max(discrepancy(polynomial.subs(s, -1 / tau)) for tau in (tau_mem, tau_syn))
    return holds(
        max(excess, at_poles) < 1e-40,
        f"zeta^2 - 1 = (tau_m - tau_s)^2/(4 tau_m tau_s): {excess:.0g}; roots -1/tau_m, -1/tau_s: {at_poles:.0g}",
    )


def _prolonged_decay() -> Finding:
    zeta = np.array([1.1, 2.0, 5.0])
    # at a fixed natural frequency of 1: the poles of s^2 + 2 zeta s + 1
    fixed_frequency = np.array([-1 / np.roots([1, 2 * value, 1]).max() for value in zeta])
    formula = difference(zeta + np.sqrt(zeta**2 - 1), fixed_frequency)
    # at a fixed tau_m = 1 the damping ratio also grows when the synapse gets faster
    syn = np.array([0.5, 0.1, 0.01])
    damping = (1 + syn) / (2 * np.sqrt(syn))
    settled = np.array([_time_to_one_percent(1.0, float(tau)) for tau in syn])
    grows = bool(np.all(np.diff(damping) > 0) and np.all(np.diff(settled) > 0))
    return conditional(
        grows,
        bool(np.all(np.diff(fixed_frequency) > 0)) and formula < 1e-12,
        f"omega_n fixed: slow time constant {fixed_frequency[0]:.2f} to {fixed_frequency[-1]:.2f}; tau_m fixed: zeta "
        f"{damping[0]:.2f} to {damping[-1]:.2f} but decay to 1 % in {settled[0]:.2f} to {settled[-1]:.2f} tau_m",
    )


def _time_to_one_percent(mem: float, syn: float) -> float:
    time = np.linspace(0, 12 * max(mem, syn), 120001)
    shape = np.exp(-time / mem) - np.exp(-time / syn)
    return float(time[np.abs(shape) > 0.01 * np.abs(shape).max()][-1])


def _frequency_response() -> Finding:
    printed = resistance / ((1 + sp.I * tau_mem * _omega) * (1 + sp.I * tau_syn * _omega))
    left = discrepancy(printed, transfer_function().subs(s, sp.I * _omega))
    # low pass: |H|^2 = R^2/((1 + x)(1 + y)) with x, y growing in Omega; its slope has one sign
    power = resistance**2 / ((1 + (tau_mem * _omega) ** 2) * (1 + (tau_syn * _omega) ** 2))
    slope = sp.numer(sp.together(sp.diff(power, _omega)))
    falling = all(coefficient < 0 for coefficient in sp.Poly(sp.expand(slope), _omega).coeffs())
    return holds(
        left < 1e-40 and falling,
        f"differs from G(j Omega) by {left:.0g}; all coefficients of the slope of |H|^2 negative: {falling}",
    )


def _sampled_and_scaled() -> Finding:
    # sum over n of dt h(n dt) z^-n, outside the region where the geometric series diverges
    ratio = sp.Symbol("q")
    series = sum((delta_t * kernel().subs(t, n * delta_t) * ratio**n for n in range(1, 6)), sp.Integer(0))
    expansion = sp.series(_SCALED.subs(z, 1 / ratio), ratio, 0, 6).removeO()
    left = max(discrepancy(expansion.coeff(ratio, n), series.coeff(ratio, n)) for n in range(6))
    equal = resistance * delta_t**2 * _a_mem / z / (tau_mem**2 * (1 - _a_mem / z) ** 2)
    limit = sp.limit(_SCALED.subs(EXAMPLE | {tau_syn: tau_syn, delta_t: 1, z: 2}), tau_syn, EXAMPLE[tau_mem])
    degenerate = discrepancy(limit, equal.subs(EXAMPLE | {delta_t: 1, z: 2}))
    return holds(
        max(left, degenerate) < 1e-40,
        f"first six terms of the z-transform of dt h(n dt): {left:.0g}; "
        f"limit of equal time constants: {degenerate:.0g}",
    )


def _energy_of_samples(dt: float) -> tuple[float, float]:
    """Energy and area of ``dt h(n dt)`` over those of the kernel ``h``, for the source's neuron."""
    mem, syn, r = (float(EXAMPLE[symbol]) for symbol in (tau_mem, tau_syn, resistance))
    time = dt * np.arange(1, int(60 * mem / dt))
    samples = dt * r * (np.exp(-time / mem) - np.exp(-time / syn)) / (mem - syn)
    energy = r**2 / (2 * (mem + syn))  # integral of h^2
    return float(np.sum(samples**2)) / energy, float(np.sum(samples)) / r


def _energy_preserved() -> Finding:
    steps = (0.1, 0.05, 0.025)
    energies, areas = zip(*(_energy_of_samples(dt) for dt in steps), strict=True)
    product = float(EXAMPLE[tau_mem] * EXAMPLE[tau_syn])
    expected_area = 1 - steps[0] ** 2 / (12 * product)  # next term: dt^4
    by_root = np.array(energies) / np.array(steps)  # of sqrt(dt) u(n dt) instead of dt u(n dt)
    return holds(
        bool(max(abs(np.array(energies) - 1)) < 0.01),
        f"dt = {steps[0]:g}, {steps[1]:g}, {steps[2]:g} s: energy times "
        f"{energies[0]:.4f}, {energies[1]:.4f}, {energies[2]:.4f} (with sqrt(dt) {by_root[0]:.5f}); "
        f"area times {areas[0]:.5f} at {steps[0]:g} s, expected {expected_area:.5f}",
    )


def _region_of_convergence() -> Finding:
    def terms_die(mem: float, syn: float, radius: float) -> bool:
        n = np.array([2000.0])
        values = np.exp(-n * (0.1 / mem + np.log(radius))) - np.exp(-n * (0.1 / syn + np.log(radius)))
        return bool(np.abs(values).max() < 1e-6)

    # just outside the printed radius exp(-dt/tau_m), dt = 0.1 s
    radius = {mem: np.exp(-0.1 / mem) * 1.01 for mem in (0.8, 0.6)}
    longer_membrane = terms_die(0.8, 0.6, radius[0.8])
    shorter_membrane = terms_die(0.6, 0.8, radius[0.6])
    with_the_longer = terms_die(0.6, 0.8, radius[0.8])
    return conditional(
        longer_membrane and shorter_membrane,
        longer_membrane and with_the_longer,
        f"1 % outside exp(-dt/tau_m) the series converges for tau_m > tau_s: {longer_membrane}, "
        f"for tau_m < tau_s: {shorter_membrane}; outside exp(-dt/max): {with_the_longer}",
    )


def _bilinear_warping() -> Finding:
    warped = (1 + s * delta_t / 2) / (1 - s * delta_t / 2)
    left = discrepancy(
        delta_t * schemes.get("bilinear").transfer_function().subs(z, warped), transfer_function()
    )
    half = _omega * delta_t / 2
    angle = discrepancy(sp.exp(2 * sp.I * sp.atan(half)), (1 + sp.I * half) / (1 - sp.I * half))
    return holds(
        max(left, angle) < 1e-40,
        f"dt H_d(z(s)) - G(s): {left:.0g}; the circle's angle is 2 arctan(Omega dt/2): {angle:.0g}",
    )


def _gain(scheme: str, dt: float, omega: float) -> float:
    """``|dt H_d(exp(j omega dt))|`` over ``|H(j omega)|`` for the source's neuron."""
    circle = sp.exp(sp.I * omega * dt)
    discrete = delta_t * schemes.get(scheme).transfer_function()
    discrete = discrete.subs(EXAMPLE | {delta_t: sp.Rational(str(dt))}).subs(z, circle)
    return float(abs(sp.N(discrete)) / abs(sp.N(transfer_function().subs(EXAMPLE).subs(s, sp.I * omega))))


def _larger_step_attenuates() -> Finding:
    steps, omega = (0.05, 0.1, 0.2), 0.9 * np.pi / 0.2
    names = ("bilinear", "backward_euler", "impulse_invariance", "forward_euler")
    gains = {name: [_gain(name, dt, omega) for dt in steps] for name in names}
    falls = {name: bool(np.all(np.diff(values) < 0)) for name, values in gains.items()}
    return conditional(
        all(falls.values()),
        falls["bilinear"],
        f"gain at {omega:.1f} rad/s relative to continuous time, dt {steps[0]:g} to {steps[-1]:g} s: "
        + ", ".join(f"{name} {values[0]:.2f} to {values[-1]:.2f}" for name, values in gains.items()),
    )


ENTRIES = (
    Entry(
        SOURCE,
        "(9)",
        "the neuron as one equation of second order",
        r"\ddot u + \left(\tfrac1{\tau_s} + \tfrac1{\tau_m}\right)\dot u + \tfrac1{\tau_m\tau_s}\,u"
        r" = \tfrac{R}{\tau_m\tau_s}\,b",
        Verdict.HOLDS,
        _second_order,
    ),
    Entry(
        SOURCE,
        "(10)",
        "damping ratio and natural frequency",
        r"\zeta = \frac{\tau_m + \tau_s}{2\sqrt{\tau_m\tau_s}},\quad \omega_n = \frac1{\sqrt{\tau_m\tau_s}}",
        Verdict.HOLDS,
        _damping,
    ),
    Entry(
        SOURCE,
        "text after (10), poles",
        "unequal time constants: overdamped, two real negative poles",
        r"\tau_m \ne \tau_s \Rightarrow \zeta > 1,\quad s \in \{-1/\tau_m, -1/\tau_s\}",
        Verdict.HOLDS,
        _overdamped,
    ),
    Entry(
        SOURCE,
        "text after (10), decay",
        "a larger damping ratio prolongs the decay",
        r"\zeta \uparrow\ \Rightarrow\ \text{slower decay to zero}",
        Verdict.CONDITION,
        _prolonged_decay,
        r"\omega_n\ \text{fixed}: \ \tau_{\text{slow}} = \big(\zeta + \sqrt{\zeta^2 - 1}\big)/\omega_n",
        "With a fixed membrane a faster synapse raises the damping ratio and shortens the decay.",
    ),
    Entry(
        SOURCE,
        "(11)",
        "frequency response, a low-pass filter",
        r"H(j\Omega) = \frac{R}{(1 + j\Omega\tau_m)(1 + j\Omega\tau_s)}",
        Verdict.HOLDS,
        _frequency_response,
    ),
    Entry(
        SOURCE,
        "text before (12)",
        "samples scaled by the time step keep the energy",
        r"\sum_n |\Delta t\,u(n\Delta t)|^2 = \int u^2\,dt",
        Verdict.REFUTED,
        _energy_preserved,
        r"\sum_n |\sqrt{\Delta t}\,u(n\Delta t)|^2 \to \int u^2\,dt,\quad"
        r" \sum_n \Delta t\,u(n\Delta t) = R\left[1 - \frac{\Delta t^2}{12\tau_m\tau_s} + \dots\right]",
        "The factor keeps the area; the energy of the samples shrinks like the time step, so spectra at two time steps "
        "differ by that factor before the network does anything.",
    ),
    Entry(
        SOURCE,
        "(12)",
        "transfer function of the sampled and scaled kernel",
        r"H_d(z) = \frac{R\Delta t}{\tau_m - \tau_s}\left[\frac1{1 - e^{-\Delta t/\tau_m} z^{-1}}"
        r" - \frac1{1 - e^{-\Delta t/\tau_s} z^{-1}}\right]",
        Verdict.HOLDS,
        _sampled_and_scaled,
    ),
    Entry(
        SOURCE,
        "text after (12), convergence",
        "region of convergence",
        r"|z| > e^{-\Delta t/\tau_m}",
        Verdict.CONDITION,
        _region_of_convergence,
        r"|z| > e^{-\Delta t/\max(\tau_m, \tau_s)}",
        "For a synapse slower than the membrane the printed region holds a pole.",
    ),
    Entry(
        SOURCE,
        "text after (12), bilinear",
        "frequency warping of the bilinear transform",
        r"\omega = 2\arctan(\Omega\Delta t/2)",
        Verdict.HOLDS,
        _bilinear_warping,
    ),
    Entry(
        SOURCE,
        "text, section 5, spectra",
        "theory predicts that a larger step attenuates high frequencies",
        r"\Delta t \uparrow\ \Rightarrow\ |H_d| \downarrow\ \text{at high}\ \Omega",
        Verdict.CONDITION,
        _larger_step_attenuates,
        r"\text{bilinear transform only}",
        "Sampling and both Euler methods, the source's own among them, raise the gain at a fixed high frequency when "
        "the step grows; a spectrum that falls with the step has another cause.",
    ),
)
