"""Guichard (2024), a poster without numbered equations: its claims about integration order and interpolation."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from scipy.linalg import expm
from scipy.optimize import brentq

from ..linear import schemes
from ..linear.schemes.parker_sochacki import real_axis_limit, taylor_propagator
from .checking import conditional, difference, discrepancy, holds
from .entry import Entry, Finding, Verdict

SOURCE = "guichard"
_MEM, _SYN, _THRESHOLD = 0.26, 0.13, 1.0  # time constants of the source's baseline (BATS) in seconds
# state: voltage, current, and a constant drive as third component
_MATRIX = np.array([[-1 / _MEM, 1 / _MEM, 1 / _MEM], [0.0, -1 / _SYN, 0.0], [0.0, 0.0, 0.0]])

Floats = NDArray[np.float64]


def _advance(state: Floats, step: float, order: int) -> Floats:
    """The power series of the solution, cut after ``order`` terms (Parker-Sochacki)."""
    total, term = state.copy(), state.copy()
    for power in range(1, order + 1):
        term = step / power * (_MATRIX @ term)
        total += term
    return total


def _crossing(state: Floats, step: float, order: int, method: str) -> float:
    """Where within ``step`` the voltage crosses the threshold: linear interpolation, or the root of the series."""
    if method == "root":
        return float(brentq(lambda h: _advance(state, h, order)[0] - _THRESHOLD, 0.0, step, xtol=1e-15))
    end = _advance(state, step, order)[0]
    return float(step * (_THRESHOLD - state[0]) / (end - state[0]))


def _simulate(
    state: Floats,
    steps: int,
    dt: float,
    order: int,
    method: str,
    kicks: Floats | None = None,
    most: int = 100,
) -> tuple[list[float], float]:
    """Spike times and the largest recorded voltage.

    ``method`` is ``"grid"`` (spike and reset at the end of the step), ``"linear"`` or ``"root"`` (spike at the
    crossing, the rest of the step integrated from there); at most ``most`` spikes are looked for in a step.
    """
    state, times, largest = state.copy(), [], float(state[0])
    for n in range(steps):
        if kicks is not None:
            state[1] += kicks[n] / _SYN
        left, found = dt, 0
        end = _advance(state, left, order)
        while method != "grid" and end[0] > _THRESHOLD and found < most:
            inside = _crossing(state, left, order, method)
            state = _advance(state, inside, order)
            state[0] = 0.0
            left -= inside
            found += 1
            times.append((n + 1) * dt - left)
            end = _advance(state, left, order)
        largest = max(largest, float(end[0]))
        if method == "grid" and end[0] > _THRESHOLD:
            times.append((n + 1) * dt)
            end[0] -= _THRESHOLD
        state = end
    return times, largest


def _generalisation() -> Finding:
    first = discrepancy(schemes.get("parker_sochacki", 1).propagator, schemes.get("forward_euler").propagator)
    others = max(
        discrepancy(schemes.get("parker_sochacki", p).propagator, taylor_propagator(p)) for p in (2, 3, 4, 5)
    )
    return holds(
        max(first, others) < 1e-40,
        f"order 1 is forward Euler: {first:.0g}; orders 2 to 5 are the propagator's Taylor polynomial: {others:.0g}",
    )


def _below_threshold() -> Finding:
    start, dt, steps = np.array([0.0, 0.0, 9.0]), 0.04, 50
    grid, one, all_of_them = (
        _simulate(start, steps, dt, 1, method, most=most)[1]
        for method, most in (("grid", 0), ("linear", 1), ("linear", 100))
    )
    rounding = 1e-12
    return conditional(
        max(one, all_of_them) <= _THRESHOLD + rounding,
        all_of_them <= _THRESHOLD + rounding,
        f"largest voltage, threshold 1: {grid:.2f} without interpolation, {one:.2f} with one spike a step, "
        f"{all_of_them:.2f} when every crossing of a step is taken and the rest integrated from it",
    )


def _intermediate_point() -> Finding:
    x, c = sp.symbols("x c", positive=True)

    def series(y: sp.Expr) -> sp.Expr:
        return sum(((-y) ** j / sp.factorial(j) for j in range(6)), sp.Integer(0))

    gap = sp.Poly(sp.expand(series(c * x) * series((1 - c) * x) - series(x)), x)
    lowest = min(power for (power,), _ in gap.terms())
    start = np.array([0.0, 1.0 / _SYN, 0.0])
    results = [
        _advance(_advance(start, share * 0.2, 5), (1 - share) * 0.2, 5)[0] for share in (0.5, 0.25, 0.1)
    ]
    whole = _advance(start, 0.2, 5)[0]
    spread = max(abs(value / whole - 1) for value in results)
    exact = difference(expm(0.1 * _MATRIX) @ expm(0.1 * _MATRIX), expm(0.2 * _MATRIX))
    return holds(
        spread > 1e-6 and exact < 1e-14,
        f"order 5, step 0.2 s in two parts: up to {100 * spread:.2f} % between intermediate points; the factors differ "
        f"from the power {lowest} of the step on; exact propagator: {exact:.0g}",
    )


def _last_spike_error(order: int, method: str, steps: int) -> float:
    start, window, n = np.array([0.0, 0.0, 3.0]), 2.0, 10
    times, _ = _simulate(start, steps, window / steps, order, method)
    # exact: from reset at 0 under constant drive the interval is tau ln(d/(d - theta))
    exact = n * _MEM * math.log(3.0 / (3.0 - _THRESHOLD))
    return abs(times[n - 1] - exact)


def _observed_order(order: int, method: str) -> float:
    # many step sizes, not doublings of one: errors on the grid depend on how spikes fall between its points
    steps = np.unique(np.geomspace(60, 400, 12).astype(int))
    errors = [_last_spike_error(order, method, int(n)) for n in steps]
    return float(-np.polyfit(np.log(steps), np.log(np.maximum(errors, 1e-16)), 1)[0])


def _accuracy() -> Finding:
    slopes = {
        method: [_observed_order(order, method) for order in (1, 2, 4)]
        for method in ("grid", "linear", "root")
    }
    return conditional(
        slopes["grid"][2] > 3.5,
        slopes["root"][2] > 3.5 and slopes["root"][1] > 1.7,
        "order of the tenth spike time at orders 1, 2, 4: "
        + "; ".join(
            f"{name} {values[0]:.1f}, {values[1]:.1f}, {values[2]:.1f}"
            for name, values in zip(
                ("spikes on the grid", "linear interpolation and restart", "root of the series and restart"),
                slopes.values(),
                strict=True,
            )
        ),
    )


def _robust() -> Finding:
    start = np.array([0.0, 1.0 / _SYN, 0.0])
    exact = expm(0.52 * _MATRIX) @ start
    errors = {}
    for order in (1, 2, 3, 5):
        state = start
        for _ in range(4):
            state = _advance(state, 0.13, order)
        errors[order] = abs(state[0] / exact[0] - 1)
    limits = [float(real_axis_limit(order)) for order in (1, 2, 3, 5)]
    return holds(
        all(errors[a] > errors[b] for a, b in pairwise((1, 2, 3, 5))) and limits[3] > limits[2] > limits[0],
        "orders 1, 2, 3, 5 at steps of one synaptic time constant: voltage off by "
        + ", ".join(f"{100 * error:.2g} %" for error in errors.values())
        + "; stable up to "
        + ", ".join(f"{limit:.2f}" for limit in limits)
        + " time constants",
    )


def _spike_counts(dt: float, orders: tuple[int, ...], neurons: int = 60) -> list[int]:
    rng = np.random.default_rng(3)
    steps, counts = round(0.4 / dt), [0] * len(orders)
    for _ in range(neurons):
        fine = rng.normal(0.02, 0.15, 40) * (rng.random(40) < 0.6)  # weights of spikes every 10 ms
        kicks = fine.reshape(steps, -1).sum(axis=1)
        for k, order in enumerate(orders):
            counts[k] += len(_simulate(np.zeros(3), steps, dt, order, "linear", kicks)[0])
    return counts


def _sparser() -> Finding:
    coarse, fine = _spike_counts(0.1, (1, 2, 5)), _spike_counts(0.01, (1, 2, 5))
    exact = _spike_counts(0.01, (12,))[0]
    return conditional(
        coarse[0] > coarse[1] > coarse[2],
        coarse[0] > 1.2 * coarse[2] and abs(coarse[2] / exact - 1) < 0.1,
        f"spikes of 60 random neurons at orders 1, 2, 5: {coarse} at 0.1 s, {fine} at 0.01 s, exact {exact}",
    )


def _stabilises() -> Finding:
    drive, dt, steps = 9.0, 0.04, 50
    counts, largest = {}, {}
    for method in ("grid", "linear"):
        times, largest[method] = _simulate(np.array([0.0, 0.0, drive]), steps, dt, 1, method)
        counts[method] = len(times)
    exact = int(steps * dt / (_MEM * math.log(drive / (drive - _THRESHOLD))))
    return holds(
        abs(counts["linear"] - exact) < abs(counts["grid"] - exact) and largest["linear"] < largest["grid"],
        f"forward Euler, step 0.04 s, a spike due every 31 ms: {counts['grid']} spikes and voltages up to "
        f"{largest['grid']:.1f} on the grid, {counts['linear']} and {largest['linear']:.1f} interpolated, "
        f"{exact} exact",
    )


def _cost() -> Finding:
    # operations of one step: the series anew, or the matrix that it amounts to, made once for a fixed step
    step, state = 0.05, np.array([0.3, 2.0, 0.0])
    gaps, series = [], {}
    for order in (1, 3, 5):
        matrix = np.stack([_advance(unit, step, order) for unit in np.eye(3)], axis=1)
        gaps.append(difference(matrix @ state, _advance(state, step, order)))
        series[order] = order * (3 + 2)  # three entries of the system matrix, two scalings of the term
    fixed = int(np.count_nonzero(matrix[:2, :2]))
    return conditional(
        max(gaps) > 1e-12,
        max(gaps) < 1e-12 and series[5] > series[1],
        f"multiplications of a step at orders 1, 3, 5: {series[1]}, {series[3]}, {series[5]} by the series, {fixed} at "
        f"any order by its matrix, the same result to {max(gaps):.0g}",
    )


def _first_spike(weights: Floats, dt: float, order: int, method: str) -> float:
    """Time of the first spike for kicks every 40 ms; not a number without a spike."""
    kicks = np.zeros(round(0.6 / dt))
    kicks[:: round(0.04 / dt)][: weights.size] = weights
    times, _ = _simulate(np.zeros(3), kicks.size, dt, order, method, kicks)
    return times[0] if times else math.nan


def _closed_form_gradient(weights: Floats, time: float) -> Floats:
    """Derivative of the spike time by the weights, from the exact solution evaluated at ``time``."""
    lag = time - 0.04 * np.arange(weights.size)
    after = lag > 0
    mem, syn = np.exp(-np.maximum(lag, 0) / _MEM), np.exp(-np.maximum(lag, 0) / _SYN)
    response = after * (mem - syn) / (_MEM - _SYN)
    slope = weights @ (after * (syn / _SYN - mem / _MEM)) / (_MEM - _SYN)
    return -response / slope


def _piggyback() -> Finding:
    rng, bump = np.random.default_rng(11), 1e-6
    draws = rng.uniform(0.05, 0.3, (30, 5))
    medians, spiking = {}, 0
    for order, dt, method in (
        (1, 0.02, "linear"),
        (1, 0.005, "linear"),
        (5, 0.02, "linear"),
        (5, 0.02, "root"),
    ):
        gaps = []
        for weights in draws:
            closed_form = _closed_form_gradient(weights, _first_spike(weights, dt, order, method))
            later, earlier = (
                np.array(
                    [_first_spike(weights + sign * bump * unit, dt, order, method) for unit in np.eye(5)]
                )
                for sign in (1, -1)
            )
            gaps.append(difference(closed_form, (later - earlier) / (2 * bump)))
        fired = np.array(gaps)[np.isfinite(gaps)]
        medians[order, dt, method], spiking = float(np.median(fired)), fired.size
    first, finer, high, root = medians.values()
    return conditional(
        first > 0.01 and high < 0.01,
        first > 0.01 and finer < first and root < 1e-3 < high,
        f"closed form at the numerical spike time against the derivative of that time, median of {spiking} neurons: "
        f"order 1 {100 * first:.0f} % at 20 ms, {100 * finer:.0f} % at 5 ms; order 5 at 20 ms {100 * high:.0f} % with "
        f"linear interpolation, {100 * root:.0g} % with the root of the series",
    )


ENTRIES = (
    Entry(
        SOURCE,
        "section 01, method",
        "Parker-Sochacki generalises forward Euler",
        r"x(t + h) \approx \sum_{j \le p} \frac{(hM)^j}{j!}\,x(t),\quad p = 1:\ \text{forward Euler}",
        Verdict.HOLDS,
        _generalisation,
    ),
    Entry(
        SOURCE,
        "section 01, accuracy",
        "higher order integrates more accurately",
        r"|t_{\text{spike}} - t_{\text{exact}}| = O(\Delta t^p)",
        Verdict.CONDITION,
        _accuracy,
        r"\text{the crossing is found to the same order, and the step is restarted from it}",
        "With spikes on the grid no order of integration gives more than the first order in the spike times; with "
        "linear interpolation the second.",
    ),
    Entry(
        SOURCE,
        "figure 1",
        "with interpolation the potential never exceeds the threshold",
        r"u \le \vartheta",
        Verdict.CONDITION,
        _below_threshold,
        r"\text{all crossings of a step are taken, each followed by integration from there}",
        "With one spike a step the potential runs away as soon as the neuron should fire faster than once a step.",
    ),
    Entry(
        SOURCE,
        "figure 2",
        "the result depends on the intermediate point",
        r"R_5(ch\lambda)\,R_5((1 - c)h\lambda) \ne R_5(h\lambda)",
        Verdict.HOLDS,
        _intermediate_point,
        consequence="Every input or output spike splits a step, so it changes the numbers even where it has no effect; "
        "the exact propagator has no such noise.",
    ),
    Entry(
        SOURCE,
        "section 04, stability",
        "interpolation stabilises networks with high activity",
        r"u \ \text{bounded under strong drive}",
        Verdict.HOLDS,
        _stabilises,
    ),
    Entry(
        SOURCE,
        "section 04, robustness",
        "high orders work over large time steps",
        r"\text{error and stability improve with}\ p",
        Verdict.HOLDS,
        _robust,
        consequence="Order two is more accurate than forward Euler but not more stable.",
    ),
    Entry(
        SOURCE,
        "section 04, sparsity",
        "high orders are sparser",
        r"\text{spikes}(p)\ \text{falls with}\ p",
        Verdict.CONDITION,
        _sparser,
        r"\text{against forward Euler at large steps; counts approach the exact ones, from either side}",
        "Part of the sparsity is there before any learning: forward Euler's response to a spike is too high.",
    ),
    Entry(
        SOURCE,
        "section 04, time",
        "forward Euler trains faster",
        r"\text{cost of a step} \propto p",
        Verdict.CONDITION,
        _cost,
        r"\text{series summed anew in every step; on this linear neuron a fixed step is one matrix}",
        "The price of a high order is one of the implementation, not of the method.",
    ),
    Entry(
        SOURCE,
        "section 04, gradients",
        "exact formulas at numerical spike times carry the integration's error",
        r"\left.\frac{\partial t}{\partial w}\right|_{t = t_{\text{num}}} \ne"
        r" \frac{\partial t_{\text{num}}}{\partial w}",
        Verdict.CONDITION,
        _piggyback,
        r"\text{at order 1; at high order the error is that of the linear interpolation}",
        "A higher order alone does not cure it: interpolate to the same order, or differentiate what was computed. "
        "snntheory.gradients.integrated does either, and shows the price of the second: the derivative of an "
        "interpolated time is one order of the step further from the exact gradient than the interpolated time is from "
        "the exact one.",
    ),
)
