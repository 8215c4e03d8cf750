"""Yang (2020): temporal surrogate back-propagation, ten numbered equations and the claims of its text."""

from __future__ import annotations

import math

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ..linear import schemes
from ..linear.symbolic import delta_t, resistance, tau_mem, tau_syn
from .checking import conditional, difference, discrepancy, holds, misprint
from .entry import Entry, Finding, Verdict

SOURCE = "yang"
_MEM, _SYN, _THRESHOLD, _SLOPE = (
    6.0,
    2.0,
    1.0,
    0.3,
)  # time constants in steps; table 1, which gives no threshold

Floats = NDArray[np.float64]

_U, _T, _theta = sp.symbols("U T vartheta", positive=True)
_sigmoid = 1 / (1 + sp.exp(-(_U - _theta) / _T))


def _heaviside(x: Floats, at_zero: float = 1.0) -> Floats:
    return np.heaviside(x, at_zero)


def _smooth(x: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(x / (2 * _SLOPE))))  # the sigmoid of slope 1/T, without overflow


def _smooth_slope(x: Floats) -> Floats:
    return np.asarray(_smooth(x) * (1 - _smooth(x)) / _SLOPE)


def _membrane() -> Finding:
    unit = {delta_t: 1, resistance: tau_mem}
    declared = sp.Matrix(schemes.get("forward_euler").propagator).subs(unit)
    decay = discrepancy(1 - 1 / tau_mem, declared[0, 0])
    drive = discrepancy(sp.Integer(1), declared[0, 1])
    return holds(
        max(decay, drive) == 0,
        f"forward Euler with a step of 1 and R = tau_m: decay {decay:.0g}, drive by the trace {drive:.0g}",
    )


def _trace() -> Finding:
    declared = schemes.get("forward_euler")
    unit = {delta_t: 1}
    decay = discrepancy(1 - 1 / tau_syn, sp.Matrix(declared.propagator).subs(unit)[1, 1])
    kick = discrepancy(1 / tau_syn, sp.Matrix(declared.input)[1])
    values, a = [], 0.0
    for spike in [1.0] + [0.0] * 80:
        a = a * (1 - 1 / _SYN) + spike / _SYN
        values.append(a)
    area = abs(sum(values) - 1)
    return holds(
        max(decay, kick) == 0 and area < 1e-12,
        f"forward Euler with a step of 1: decay {decay:.0g}, kick {kick:.0g}; one spike sums to 1 up to {area:.0g}",
    )


def _count(weight: float, at_zero: float) -> int:
    """Spikes in 40 steps of a neuron driven by a constant trace; every number is exact in binary."""
    u, spikes = 0.0, 0
    for _ in range(40):
        fired = float(_heaviside(np.array(u - _THRESHOLD), at_zero))
        spikes += int(fired)
        u = u * (1 - 0.25) * (1 - fired) + weight
    return spikes


def _step_function() -> Finding:
    generic = [_count(0.3, at_zero) for at_zero in (0.0, 1.0)]
    lattice = [_count(1.0, at_zero) for at_zero in (0.0, 1.0)]
    return conditional(
        generic[0] == generic[1] and lattice[0] == lattice[1],
        generic[0] == generic[1],
        f"spikes in 40 steps with H(0) = 0 and 1: {generic[0]}, {generic[1]} for a drive off the threshold, "
        f"{lattice[0]}, {lattice[1]} for one that meets it exactly",
    )


def _three_layers(index: int, substituted: bool) -> Floats:
    """Voltages of the last of three layers; ``index`` says whose trace drives it: 1 the layer before, 0 the input's."""
    rng = np.random.default_rng(4)
    spikes_in = (rng.random((30, 5)) < 0.4).astype(float)
    weights = [rng.normal(0.6, 0.4, (5, 5)) for _ in range(2)]
    u, a = np.zeros((2, 5)), np.zeros((3, 5))
    voltages = []
    for t in range(30):
        before, fired = a.copy(), _heaviside(u - _THRESHOLD)
        for layer in range(2):
            keep = 1 - (_heaviside(u[layer] - _THRESHOLD) if substituted else fired[layer])
            source = before[index] if layer == 1 else before[0]
            u[layer] = u[layer] * (1 - 1 / _MEM) * keep + weights[layer] @ source
        spikes = [spikes_in[t], *_heaviside(u - _THRESHOLD)]
        a = a * (1 - 1 / _SYN) + np.array(spikes) / _SYN
        voltages.append(u[1].copy())
    return np.array(voltages)


def _substituted_membrane() -> Finding:
    reference = _three_layers(1, substituted=False)
    printed, corrected = (difference(_three_layers(index, True), reference) for index in (0, 1))
    return misprint(
        printed < 1e-12,
        corrected < 1e-12,
        f"three layers of five, 30 steps, against (1) to (3): voltages off by {printed:.2f} with the trace of layer "
        f"l - 1, by {corrected:.0g} with that of layer l",
    )


def _substituted_trace() -> Finding:
    rng = np.random.default_rng(5)
    u = rng.normal(1, 0.5, 200)
    with_s, without = [0.0], [0.0]
    for value in u:
        s = float(_heaviside(np.array(value - _THRESHOLD)))
        with_s.append(with_s[-1] * (1 - 1 / _SYN) + s / _SYN)
        without.append(without[-1] * (1 - 1 / _SYN) + (value >= _THRESHOLD) / _SYN)
    gap = difference(without, with_s)
    return holds(gap == 0, f"200 random voltages, against (2) and (3): {gap:.0g}")


def _van_rossum() -> Finding:
    rng = np.random.default_rng(6)
    spikes, desired = (rng.random((2, 100)) < 0.1).astype(float)
    kernel = (1 - 1 / _SYN) ** np.arange(100) / _SYN
    filtered = [np.convolve(kernel, train)[:100] for train in (desired, spikes)]
    a, trace = 0.0, []
    for spike in spikes:
        a = a * (1 - 1 / _SYN) + spike / _SYN
        trace.append(a)
    same = difference(trace, filtered[1])
    loss = 0.5 * np.sum((filtered[0] - filtered[1]) ** 2)
    # of one spike displaced by d steps; the kernel is positive, so only equal trains have loss 0
    shifts = [
        0.5 * np.sum((kernel - np.concatenate([np.zeros(d), kernel[: 100 - d]])) ** 2) for d in range(4)
    ]
    return holds(
        same < 1e-12 and shifts[0] == 0 and bool(np.all(np.diff(shifts) > 0)) and loss > 0,
        f"with the kernel of (2) the convolution is the trace, to {same:.0g}; one spike displaced by 0, 1, 2, 3 steps: "
        + ", ".join(f"{shift:.3f}" for shift in shifts),
    )


# --- a smooth network: the sigmoid in the place of H, so that derivatives exist ------------------------------

_STEPS = 12
_DRIVE = np.random.default_rng(7).normal(0.5, 0.3, _STEPS)
_TARGET = np.random.default_rng(8).uniform(0, 0.5, _STEPS)


def _run(bump: Floats) -> tuple[Floats, Floats]:
    """Voltage and trace of a smooth neuron; ``bump`` is added to the voltage of each step."""
    u, a, voltages, traces = 0.0, 0.0, [], []
    for drive, extra in zip(_DRIVE, bump, strict=True):
        u = u * (1 - 1 / _MEM) * (1 - float(_smooth(np.array(u - _THRESHOLD)))) + drive + extra
        a = a * (1 - 1 / _SYN) + float(_smooth(np.array(u - _THRESHOLD))) / _SYN
        voltages.append(u)
        traces.append(a)
    return np.array(voltages), np.array(traces)


def _loss(bump: Floats) -> float:
    return float(0.5 * np.sum((_run(bump)[1] - _TARGET) ** 2))


def _factor(u: Floats, with_reset: bool = True) -> Floats:
    """Equation (8): derivative of the next voltage by this one."""
    kept = 1 - _smooth(u - _THRESHOLD)
    return np.asarray((1 - 1 / _MEM) * (kept - with_reset * u * _smooth_slope(u - _THRESHOLD)))


def _gradient(with_reset: bool = True) -> Floats:
    """Equation (7), with the trace's own recursion for its spatial factor."""
    voltages, traces = _run(np.zeros(_STEPS))
    factors, by_u, by_a = _factor(voltages, with_reset), 0.0, 0.0
    result = np.zeros(_STEPS)
    for t in reversed(range(_STEPS)):
        by_a = (traces[t] - _TARGET[t]) + by_a * (1 - 1 / _SYN)
        by_u = by_a * float(_smooth_slope(voltages[t] - _THRESHOLD)) / _SYN + by_u * factors[t]
        result[t] = by_u
    return result


def _measured_gradient() -> Floats:
    steps = 1e-5 * np.eye(_STEPS)
    return np.array([(_loss(step) - _loss(-step)) / 2e-5 for step in steps])


def _through_time() -> Finding:
    gap = difference(_gradient(), _measured_gradient())
    return holds(gap < 1e-8, f"smooth neuron, 12 steps, against central differences: {gap:.0g}")


def _reset_term() -> Finding:
    after = _U * (1 - 1 / tau_mem) * (1 - _sigmoid)
    printed = (1 - 1 / tau_mem) * ((1 - _sigmoid) + _U * (-sp.diff(_sigmoid, _U)))
    gap = discrepancy(printed, sp.diff(after, _U))
    measured = _measured_gradient()
    without = difference(_gradient(with_reset=False), measured)
    return holds(
        gap < 1e-40,
        f"derivative of (4): {gap:.0g}; a smooth neuron's gradient without the term is off by {without:.2f}",
    )


def _dirac() -> Finding:
    grid = np.linspace(-12, 12, 240001)
    areas, peaks, far = [], [], []
    for slope in (0.3, 0.03, 0.003):
        values = 0.5 * (1 + np.tanh(grid / (2 * slope)))
        derivative = values * (1 - values) / slope
        areas.append(float(np.sum(derivative) * (grid[1] - grid[0])))
        peaks.append(float(derivative.max()))
        far.append(float(derivative[np.abs(grid) > 0.5].max()))
    return holds(
        max(abs(np.array(areas) - 1)) < 1e-9 and peaks[2] > 80 and far[2] < 1e-60,
        f"sigmoid for T = 0.3, 0.03, 0.003: area {areas[0]:.6f}, {areas[1]:.6f}, {areas[2]:.6f}, peak {peaks[0]:.1f}, "
        f"{peaks[1]:.0f}, {peaks[2]:.0f}, beyond 0.5 {far[0]:.2f}, {far[1]:.0g}, {far[2]:.0g}",
    )


def _approximation() -> Finding:
    above, below = (
        sp.limit(_sigmoid.subs(_theta, 1).subs(_U, value), _T, 0, "+")
        for value in (sp.Rational(11, 10), sp.Rational(9, 10))
    )
    at_threshold = _sigmoid.subs(_U, _theta)
    grid = np.linspace(-1, 1, 20001)
    mean = float(np.mean(np.abs(_smooth(grid) - _heaviside(grid))))
    return conditional(
        mean < 0.01,
        above == 1 and below == 0 and at_threshold == sp.Rational(1, 2),
        f"T to 0: {above} above, {below} below, {at_threshold} at the threshold; at the source's T = 0.3 the mean "
        f"error within 1 of the threshold is {mean:.2f}",
    )


def _surrogate_slope() -> Finding:
    gap = discrepancy(_sigmoid * (1 - _sigmoid) / _T, sp.diff(_sigmoid, _U))
    return holds(gap < 1e-40, f"derivative of (9): {gap:.0g}")


def _largest_factor(slope: float) -> float:
    """Largest absolute value of (8) for voltages between 0 and twice the threshold."""
    u = np.linspace(0, 2 * _THRESHOLD, 20001)
    s = 0.5 * (1 + np.tanh((u - _THRESHOLD) / (2 * slope)))
    return float(np.abs((1 - 1 / _MEM) * (1 - s - u * s * (1 - s) / slope)).max())


def _dramatic() -> Finding:
    own, sharp = _largest_factor(_SLOPE), _largest_factor(0.1)
    low, high = 0.05, 0.3
    for _ in range(40):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if _largest_factor(middle) > 1 else (low, middle)
    return conditional(
        own > 1,
        sharp > 1,
        f"largest |dU(t+1)/dU(t)| for a threshold of 1: {own:.2f} at T = 0.3, {sharp:.2f} at T = 0.1; it passes 1 at "
        f"T = {low:.3f}; to the power of 100 steps {own**100:.0g} and {sharp**100:.0g}",
    )


ENTRIES = (
    Entry(
        SOURCE,
        "(1)",
        "membrane, one step",
        r"U_{t+1} = \left(1 - \tfrac1{\tau_m}\right) U_t\,(1 - S_t) + W a_t",
        Verdict.HOLDS,
        _membrane,
        consequence="Forward Euler with time constants in steps: changing the step means changing the time constants.",
    ),
    Entry(
        SOURCE,
        "(2)",
        "synaptic trace, one step",
        r"a_{t+1} = \left(1 - \tfrac1{\tau_s}\right) a_t + \tfrac1{\tau_s} S_{t+1}",
        Verdict.HOLDS,
        _trace,
    ),
    Entry(
        SOURCE,
        "(3)",
        "spike function",
        r"S = H(U - \vartheta),\quad H(x) = 0\ (x < 0),\ 1\ (x > 0)",
        Verdict.CONDITION,
        _step_function,
        r"H(0) = 1\ \text{(or 0), chosen once}",
        "Two implementations that choose differently disagree whenever weights and drive meet the threshold exactly.",
    ),
    Entry(
        SOURCE,
        "(4)",
        "membrane with the spike function put in",
        r"U^{(l+1)}_{t+1} = \left(1 - \tfrac1{\tau_m}\right) U^{(l+1)}_t\,[1 - H(U^{(l+1)}_t - \vartheta)]"
        r" + W^{(l)} a^{(l-1)}_t",
        Verdict.MISPRINT,
        _substituted_membrane,
        r"\dots + W^{(l)} a^{(l)}_t",
        "The weights would be applied to the traces of the wrong layer; in general the sizes do not even fit.",
    ),
    Entry(
        SOURCE,
        "(5)",
        "trace with the spike function put in",
        r"a_{t+1} = \left(1 - \tfrac1{\tau_s}\right) a_t + \tfrac1{\tau_s} H(U_{t+1} - \vartheta)",
        Verdict.HOLDS,
        _substituted_trace,
    ),
    Entry(
        SOURCE,
        "(6)",
        "distance of spike trains",
        r"L = \sum_t \tfrac12\big((\varepsilon * d)_t - (\varepsilon * S)_t\big)^2",
        Verdict.HOLDS,
        _van_rossum,
    ),
    Entry(
        SOURCE,
        "(7)",
        "back-propagation through time",
        r"\frac{\partial L}{\partial U_t} = \frac{\partial L}{\partial a_t}\frac{\partial a_t}{\partial U_t}"
        r" + \frac{\partial L}{\partial U_{t+1}}\frac{\partial U_{t+1}}{\partial U_t}",
        Verdict.HOLDS,
        _through_time,
        consequence="The first factor is a total derivative: it needs the trace's recursion, which is not printed.",
    ),
    Entry(
        SOURCE,
        "(8)",
        "temporal factor with the reset",
        r"\frac{\partial U_{t+1}}{\partial U_t} = \left(1 - \tfrac1{\tau_m}\right)"
        r"\big\{[1 - H(U_t - \vartheta)] - U_t\,H'(U_t - \vartheta)\big\}",
        Verdict.HOLDS,
        _reset_term,
        consequence="The text at hand prints a fraction in the place of the factor U; this is the product rule's form.",
    ),
    Entry(
        SOURCE,
        "text after (8), derivative",
        "derivative of the step function",
        r"H' = \delta",
        Verdict.HOLDS,
        _dirac,
    ),
    Entry(
        SOURCE,
        "(9)",
        "sigmoid for the step function",
        r"H(U - \vartheta) \approx \sigma_T(U - \vartheta) = \frac1{1 + e^{-(U - \vartheta)/T}}",
        Verdict.CONDITION,
        _approximation,
        r"T \to 0\ \text{and}\ U \ne \vartheta",
        "At the width used it is a poor approximation of the function; only its slope is used.",
    ),
    Entry(
        SOURCE,
        "(10)",
        "slope of the sigmoid",
        r"H' \approx \tfrac1T\,\sigma_T\,(1 - \sigma_T)",
        Verdict.HOLDS,
        _surrogate_slope,
    ),
    Entry(
        SOURCE,
        "text after (10)",
        "near the threshold the next voltage changes dramatically",
        r"\left|\frac{\partial U_{t+1}}{\partial U_t}\right| > 1\ \text{near}\ \vartheta",
        Verdict.CONDITION,
        _dramatic,
        r"T\ \text{below about}\ 0.16\,\vartheta\ (\tau_m = 6\ \text{steps})",
        "At the source's width the term shortens the memory of the gradient; with a sharper sigmoid it explodes.",
    ),
)
