"""Section 2.4, second half: the density of a population, equations (29)-(36)."""

from __future__ import annotations

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from scipy.linalg import expm, solve_continuous_lyapunov
from scipy.stats import norm

from ...linear.symbolic import resistance, system_matrix, tau_mem, tau_syn
from ..checking import conditional, difference, discrepancy, holds, inconsistent, misprint
from ..entry import Entry, Finding, Verdict
from .generator import DENSITY, NUMBERS, i, integral, jump, of_equation, of_process, rate, u, weight

SOURCE = "hu"

_PRINTED = sp.diff(DENSITY * (u / tau_mem - resistance * i / tau_syn), u)
_RIGHT = sp.diff(DENSITY * (u / tau_mem - resistance * i / tau_mem), u)
_DECAY = sp.diff(DENSITY * i / tau_syn, i)
_SPIKES = rate * (DENSITY.subs(i, i - weight / tau_syn) - DENSITY)
_MEM, _SYN, _R, _RATE, _WEIGHT = (
    float(NUMBERS[symbol]) for symbol in (tau_mem, tau_syn, resistance, rate, weight)
)
_ROUNDING = 1e-10  # of sums over the grid; the misprint is off by tens of percent


def _stationary(coupling: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and covariance of the stationary Gaussian when the current acts on the voltage as ``coupling``."""
    matrix = np.array([[-1 / _MEM, coupling], [0.0, -1 / _SYN]])
    mean = np.linalg.solve(-matrix, [0.0, _RATE * _WEIGHT / _SYN])
    noise = np.diag([0.0, _RATE * (_WEIGHT / _SYN) ** 2])
    return mean, solve_continuous_lyapunov(matrix, -noise)


def _free_voltages(neurons: int, seed: int) -> NDArray[np.float64]:
    """Stationary voltages without threshold: every neuron sums the responses to its own Poisson spikes."""
    rng, window = np.random.default_rng(seed), 20 * _MEM
    counts = rng.poisson(_RATE * window, neurons)
    age = rng.uniform(0, window, counts.sum())
    response = _R * _WEIGHT * (np.exp(-age / _MEM) - np.exp(-age / _SYN)) / (_MEM - _SYN)
    voltage = np.zeros(neurons)
    np.add.at(voltage, np.repeat(np.arange(neurons), counts), response)
    return voltage


def _firing_voltages(neurons: int, seed: int) -> NDArray[np.float64]:
    """Voltages of neurons that fire at 1.5 and go back to 1, as in the source's experiments."""
    rng, dt = np.random.default_rng(seed), 0.002
    step = expm(dt * np.array([[-1 / _MEM, _R / _MEM], [0.0, -1 / _SYN]]))
    voltage, current = np.ones(neurons), np.full(neurons, _RATE * _WEIGHT)
    for _ in range(round(5 * _MEM / dt)):
        voltage, current = step[0, 0] * voltage + step[0, 1] * current, step[1, 1] * current
        current += rng.poisson(_RATE * dt, neurons) * _WEIGHT / _SYN
        voltage[voltage >= 1.5] = 1.0
    return voltage


def _at_once() -> Finding:
    mass = max(abs(integral(term)) for term in (_RIGHT, _DECAY, _SPIKES))
    return holds(mass < _ROUNDING, f"at dt = 0 the density itself; mass of each added line {mass:.0g}")


def _voltage_line() -> Finding:
    expected = of_process(("voltage",))
    printed, corrected = (difference(of_equation(term), expected) for term in (_PRINTED, _RIGHT))
    return misprint(
        printed < _ROUNDING,
        corrected < _ROUNDING,
        f"five moments of a test density: off by {printed:.2f} with R i/tau_s, by {corrected:.0g} with R i/tau_m",
    )


def _current_line() -> Finding:
    gap = difference(of_equation(_DECAY), of_process(("current",)))
    return holds(gap < _ROUNDING, f"five moments of a test density: {gap:.0g}")


def _spike_line() -> Finding:
    gap = difference(of_equation(_SPIKES), of_process(("spikes",)))
    return holds(gap < _ROUNDING, f"five moments of a test density: {gap:.0g}")


def _motion() -> Finding:
    expected = of_process(("voltage", "current"))
    printed, corrected = (difference(of_equation(term + _DECAY), expected) for term in (_PRINTED, _RIGHT))
    simulated = _free_voltages(20000, 33)
    return misprint(
        printed < _ROUNDING,
        corrected < _ROUNDING,
        f"moments off by {printed:.2f} as printed, {corrected:.0g} with R i/tau_m; stationary mean voltage "
        f"{_stationary(_R / _SYN)[0][0]:.3f} and {_stationary(_R / _MEM)[0][0]:.3f}, simulated {simulated.mean():.3f}",
    )


def _delayed() -> Finding:
    time, p = sp.Symbol("t"), sp.Function("p")
    printed = rate * (p(time, u, i - weight / tau_syn) - p(time, u, i))
    calls = [call.args for call in printed.atoms(sp.Function)]
    in_time = max(discrepancy(args[0], time) for args in calls)
    in_current = max(discrepancy(args[2], i) for args in calls)
    return inconsistent(
        in_time > 0,
        in_time == 0 and in_current > 0,
        f"largest shift of an argument of p at a random point: {in_time:g} in time, {in_current:.2f} in the current",
    )


def _current_skewness(size: float) -> float:
    """Skewness of the current when spikes of weight ``size`` arrive often enough to keep its variance."""
    variance = _RATE * _WEIGHT**2 / (2 * _SYN)
    arrivals = 2 * _SYN * variance / size**2
    return arrivals * (size / _SYN) ** 3 * _SYN / 3 / variance**1.5  # Campbell's theorem


def _expansion() -> Finding:
    scale = sp.Symbol("c", positive=True)
    exact = rate * (DENSITY.subs(i, i - jump * scale) - DENSITY)
    second = (weight * scale / tau_syn) ** 2 / 2 * DENSITY.diff(i, 2)
    printed = rate * (-weight * scale / tau_syn * DENSITY.diff(i) + second)
    low = max(discrepancy(sp.diff(exact - printed, scale, n).subs(scale, 0)) for n in range(3))
    third = discrepancy(sp.diff(exact - printed, scale, 3).subs(scale, 0))
    return conditional(
        max(low, third) < 1e-40,
        low < 1e-40,
        f"orders 0 to 2 in w: {low:.0g}, order 3 is missing; the current's skewness, 0 in the diffusion, is "
        f"{_current_skewness(_WEIGHT):.2f} at w = {_WEIGHT:g} and {_current_skewness(_WEIGHT / 10):.2f} at a tenth",
    )


def _fokker_planck() -> Finding:
    noise = sp.diff(
        -rate * weight / tau_syn * DENSITY + rate * weight**2 / (2 * tau_syn**2) * DENSITY.diff(i), i
    )
    expected = of_process()
    printed, corrected = (
        difference(of_equation(term + _DECAY + noise), expected) for term in (_PRINTED, _RIGHT)
    )
    simulated = float(_free_voltages(20000, 36).var())
    return misprint(
        printed < _ROUNDING,
        corrected < _ROUNDING,
        f"moments off by {printed:.2f} as printed, {corrected:.0g} with R i/tau_m; stationary variance of u "
        f"{_stationary(_R / _SYN)[1][0, 0]:.4f} and {_stationary(_R / _MEM)[1][0, 0]:.4f}, simulated {simulated:.4f}",
    )


def _coefficients() -> Finding:
    # of the arriving spikes: mean change and half the mean squared change of the current per unit time
    drift, diffusion = rate * jump, rate * jump**2 / 2
    in_text = sp.Matrix([rate * weight, rate * weight**2 / (2 * tau_syn)])
    in_36 = sp.Matrix([rate * weight / tau_syn, rate * weight**2 / (2 * tau_syn**2)])
    process = sp.Matrix([drift, diffusion])
    ratios = [sp.simplify(a / b) for a, b in zip(in_text, process, strict=True)]
    return inconsistent(
        discrepancy(in_text, process) < 1e-40,
        discrepancy(in_36, process) < 1e-40 and ratios == [tau_syn, tau_syn],
        f"text over process: drift {ratios[0]}, diffusion {ratios[1]}; (36) over process: 1, 1",
    )


def _markov() -> Finding:
    matrix = np.array(system_matrix.subs(NUMBERS), dtype=float)
    stationary = _stationary(_R / _MEM)[1]

    def covariance(lag: float) -> NDArray[np.float64]:
        return np.asarray(expm(matrix * lag) @ stationary)

    pair = difference(covariance(0.3) @ np.linalg.solve(stationary, covariance(0.5)), covariance(0.8))
    alone = abs(covariance(0.3)[0, 0] * covariance(0.5)[0, 0] / stationary[0, 0] / covariance(0.8)[0, 0] - 1)
    return holds(
        pair < 1e-12 < alone,
        f"C(0.3) C(0)^-1 C(0.5) against C(0.8): {pair:.0g} for (U, I), {alone:.2f} for U alone",
    )


def _no_threshold() -> Finding:
    mean, covariance = _stationary(_R / _MEM)
    predicted = float(norm.sf(1.5, mean[0], np.sqrt(covariance[0, 0])))
    free, firing = _free_voltages(20000, 40), _firing_voltages(2000, 41)
    share_free, share_firing = float(np.mean(free >= 1.5)), float(np.mean(firing >= 1.5))
    return conditional(
        abs(share_firing - predicted) < 0.02,
        abs(share_free - predicted) < 0.02,
        f"share of neurons at or above 1.5: {predicted:.3f} by (36) with R i/tau_m, {share_free:.3f} simulated without "
        f"threshold, {share_firing:.3f} with it; mean {mean[0]:.2f}, {free.mean():.2f}, {firing.mean():.2f}",
    )


_SLIP = r"\big(\tfrac{u}{\tau_m} - \tfrac{Ri}{\tau_s}\big)"
_MENDED = r"\tfrac{u - Ri}{\tau_m}"

ENTRIES = (
    Entry(SOURCE, "(29)", "density, order zero", r"p(t + \Delta t) = p(t) + \dots", Verdict.HOLDS, _at_once),
    Entry(
        SOURCE,
        "(30)",
        "density, motion of the voltage",
        r"\partial_u\big[p\," + _SLIP + r"\big]\Delta t",
        Verdict.MISPRINT,
        _voltage_line,
        r"\partial_u\big[p\," + _MENDED + r"\big]\Delta t",
        "As (26).",
    ),
    Entry(
        SOURCE,
        "(31)",
        "density, decay of the current",
        r"\partial_i\big[p\,\tfrac{i}{\tau_s}\big]\Delta t",
        Verdict.HOLDS,
        _current_line,
    ),
    Entry(
        SOURCE,
        "(32)",
        "density, arriving spikes",
        r"\lambda\Delta t\,\big(p(t, u, i - \tfrac{w}{\tau_s}) - p(t, u, i)\big)",
        Verdict.HOLDS,
        _spike_line,
    ),
    Entry(
        SOURCE,
        "(33)",
        "equation of the density, motion",
        r"\partial_t p = \partial_u\big[p\,"
        + _SLIP
        + r"\big] + \partial_i\big[p\,\tfrac{i}{\tau_s}\big] + \dots",
        Verdict.MISPRINT,
        _motion,
        r"\partial_t p = \partial_u\big[p\,"
        + _MENDED
        + r"\big] + \partial_i\big[p\,\tfrac{i}{\tau_s}\big] + \dots",
        r"The mean voltage comes out too large by the ratio of the time constants, membrane over synapse.",
    ),
    Entry(
        SOURCE,
        "(34)",
        "equation of the density, spikes",
        r"\dots + \lambda\,\big(p(t, u, i - \tfrac{w}{\tau_s}) - p(t, u, i)\big)",
        Verdict.HOLDS,
        _spike_line,
    ),
    Entry(
        SOURCE,
        "text, section 2.4, name",
        "a delayed partial differential equation",
        r"p(t, u, i - \tfrac{w}{\tau_s})\ \text{is a delay}",
        Verdict.INCONSISTENT,
        _delayed,
        r"\text{a jump (differential-difference) equation: the shift is in}\ i",
        "Methods for delay equations, which store a history in time, are the wrong tool.",
    ),
    Entry(
        SOURCE,
        "(35)",
        "expansion of the jumps",
        r"\lambda\big(p(i - \tfrac{w}{\tau_s}) - p\big) = \lambda\big(-\tfrac{w}{\tau_s}\partial_i p"
        r" + \tfrac{w^2}{2\tau_s^2}\partial_i^2 p\big)",
        Verdict.CONDITION,
        _expansion,
        r"\text{up to}\ O(w^3)",
        "With few large input spikes the density is skewed and its diffusion is not.",
    ),
    Entry(
        SOURCE,
        "(36)",
        "Fokker-Planck equation",
        r"\partial_t p = \partial_u\big[" + _SLIP + r"p\big]"
        r" + \partial_i\big[\tfrac{i - \lambda w}{\tau_s} p + \tfrac{\lambda w^2}{2\tau_s^2}\partial_i p\big]",
        Verdict.MISPRINT,
        _fokker_planck,
        r"\partial_t p = \partial_u\big[" + _MENDED + r"\,p\big]"
        r" + \partial_i\big[\tfrac{i - \lambda w}{\tau_s} p + \tfrac{\lambda w^2}{2\tau_s^2}\partial_i p\big]",
        "Mean and variance of the voltage are both wrong unless the time constants are equal.",
    ),
    Entry(
        SOURCE,
        "text before (36), coefficients",
        "drift and diffusion of the current",
        r"\text{drift}\ \lambda w,\quad \text{diffusion}\ \lambda w^2/(2\tau_s)",
        Verdict.INCONSISTENT,
        _coefficients,
        r"\text{drift}\ \lambda w/\tau_s,\quad \text{diffusion}\ \lambda w^2/(2\tau_s^2)",
        "Used as the text says, the current's mean and variance are off by a factor with the unit of a time.",
    ),
    Entry(
        SOURCE,
        "text before (36), Markov",
        "voltage and current together are a Markov process",
        r"C(t + s) = C(t)\,C(0)^{-1}\,C(s)",
        Verdict.HOLDS,
        _markov,
    ),
    Entry(
        SOURCE,
        "text, section 2.4, threshold",
        "the equation describes the neurons of a layer",
        r"p(t, u, i)\ \text{is the density of}\ (U, I)\ \text{in a layer of spiking neurons}",
        Verdict.CONDITION,
        _no_threshold,
        r"\text{neurons without threshold and reset}",
        "It puts neurons above the threshold and knows no firing rate; a boundary and a re-entry have to be added.",
    ),
)
