"""Section 3: the gradients of equations (37)-(40), and the memory that they need."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from ..checking import conditional, difference, inconsistent, misprint
from ..entry import Entry, Finding, Verdict

SOURCE = "hu"
_MEM, _SYN, _R, _THRESHOLD, _RESET = 0.8, 0.6, 1.2, 1.5, 1.0  # the source's neuron, in seconds
_DT, _STEPS = 0.1, 12
_COSTS = np.random.default_rng(37).uniform(0.5, 1.5, _STEPS)  # loss: sum of costs times u^2

Floats = NDArray[np.float64]


def _layer(kicks: Floats, bumps: Floats | None = None, forward: bool = False) -> tuple[Floats, Floats]:
    """Voltage and current of a layer's neuron for kicks of its current; ``bumps`` are added to the current.

    Backward Euler, the source's method, or forward Euler.
    """
    u, i, voltages, currents = 0.3, 0.0, [], []
    for kick, bump in zip(kicks, np.zeros(_STEPS) if bumps is None else bumps, strict=True):
        if forward:
            u, i = u + _DT / _MEM * (_R * i - u), i * (1 - _DT / _SYN) + kick + bump
        else:
            i = (i + kick) / (1 + _DT / _SYN) + bump
            u = (u + _DT / _MEM * _R * i) / (1 + _DT / _MEM)
        voltages.append(u)
        currents.append(i)
    return np.array(voltages), np.array(currents)


def _loss(voltages: Floats) -> float:
    return float(_COSTS @ voltages**2)


def _totals(voltages: Floats, forward: bool = False, printed: bool = True) -> tuple[Floats, Floats]:
    """Total derivatives of the loss by u[k] and by i[k]; as printed in (37), or with forward Euler's own first term."""
    keep_u = 1 - _DT / _MEM if forward else 1 / (1 + _DT / _MEM)
    keep_i = 1 - _DT / _SYN if forward else 1 / (1 + _DT / _SYN)
    same_step = 0.0 if forward else _DT / _MEM * _R / (1 + _DT / _MEM)  # derivative of u[k] by i[k]
    next_step = _DT / _MEM * _R if forward and not printed else 0.0  # of u[k + 1] by i[k]
    by_u, by_i = np.zeros(_STEPS + 1), np.zeros(_STEPS + 1)
    for k in reversed(range(_STEPS)):
        by_u[k] = 2 * _COSTS[k] * voltages[k] + by_u[k + 1] * keep_u
        by_i[k] = by_u[k] * same_step + by_u[k + 1] * next_step + by_i[k + 1] * keep_i
    return np.asarray(by_u[:-1]), np.asarray(by_i[:-1])


def _kicks() -> Floats:
    return np.asarray(2.0 * (np.random.default_rng(38).random(_STEPS) < 0.5))


def _measured_by_current(forward: bool) -> Floats:
    """Derivative of the loss by i[k] with its later effects; central differences are exact for a quadratic loss."""
    step, h = np.eye(_STEPS), 1e-3
    upper = [_loss(_layer(_kicks(), h * bump, forward)[0]) for bump in step]
    lower = [_loss(_layer(_kicks(), -h * bump, forward)[0]) for bump in step]
    return (np.array(upper) - np.array(lower)) / (2 * h)


def _through_time() -> Finding:
    gaps = {}
    for forward, printed in ((False, True), (True, True), (True, False)):
        voltages, _ = _layer(_kicks(), None, forward)
        gaps[forward, printed] = difference(
            _totals(voltages, forward, printed)[1], _measured_by_current(forward)
        )
    backward, literal, own = gaps.values()
    return conditional(
        max(backward, literal) < 1e-9,
        max(backward, own) < 1e-9,
        f"against central differences: backward Euler (14) {backward:.0g}; forward Euler (13) {literal:.2f} as "
        f"printed, {own:.0g} with its own first term",
    )


# --- (38): exact spike times, u(0) at the reset value, a current that decays from _START ------------------

_START = 9.0


def _free(since: float, start: float) -> float:
    """Voltage ``since`` a spike at time ``start``."""
    decay = math.exp(-since / _MEM)
    coupling = _R * _SYN / (_MEM - _SYN) * (decay - math.exp(-since / _SYN))
    return _RESET * decay + _START * math.exp(-start / _SYN) * coupling


def _spikes(threshold_of_first: float) -> list[float]:
    """Spike times; the first crossing is that of another threshold (a bump of u just before it)."""
    times: list[float] = []
    threshold, start = threshold_of_first, 0.0
    while True:
        grid = np.linspace(1e-9, 3.0, 3001)
        above = [since for since in grid if _free(since, start) >= threshold]
        if not above:
            return times
        since = brentq(
            lambda x, start=start, level=threshold: _free(x, start) - level,
            1e-12,
            above[0],
            xtol=1e-15,
            rtol=1e-15,
        )
        start += since
        times.append(start)
        threshold = _THRESHOLD


def _current_at(end: float, times: list[float]) -> float:
    return sum(math.exp(-(end - time) / _SYN) / _SYN for time in times if time < end)


def _slope(time: float) -> float:
    return (_R * _START * math.exp(-time / _SYN) - _THRESHOLD) / _MEM


def _recursion(end: float, times: list[float], with_next: bool = True) -> float:
    """Equation (38) for the first spike and the current at ``end``, for a unit weight."""
    value, after = 0.0, None
    for time in reversed(times):
        total = math.exp(-(end - time) / _SYN) / _SYN**2
        if with_next and after is not None:
            drive = _RESET - _R * _START * math.exp(-time / _SYN)
            total += value * drive / _MEM * math.exp(-(after - time) / _MEM)
        value, after = total * (-1 / _slope(time)), time
    return value


def _charge(end: float, time: float) -> float:
    """What one spike of unit weight has brought until ``end``: the integral of its current."""
    return 1 - math.exp(-(end - time) / _SYN)


def _between_layers() -> Finding:
    times, bump = _spikes(_THRESHOLD), 1e-6
    end = times[-1] + 0.2
    lower, upper = (_current_at(end, _spikes(_THRESHOLD + sign * bump)) for sign in (1, -1))
    measured = (upper - lower) / (2 * bump)
    full, direct = (_recursion(end, times, flag) / measured - 1 for flag in (True, False))
    by_time = (_charge(end, bump) - _charge(end, -bump)) / (2 * bump)
    integral = (
        1 - math.exp(-end / _SYN)
    ) / _SYN  # of di[m]/dt_k = exp(-(t_m - t_k)/tau_s)/tau_s^2 over all later t_m
    printed, with_jump = integral / by_time, (integral - 1 / _SYN) / by_time
    return conditional(
        abs(printed - 1) < 1e-6,
        abs(full) < 1e-6 and abs(with_jump - 1) < 1e-6,
        f"exact neuron with {len(times)} spikes, first one moved, a later current: relative error {abs(full):.0g}, "
        f"without the later spikes' term {abs(direct):.2f}; but summed over all later currents, as (39) does, over "
        f"central difference: {printed:.2f} as printed, {with_jump:.6f} with the jump of the current that moves",
    )


# --- (39) and the memory: a spike at step k feeds all later currents ----------------------------------------

_K = 3


def _currents_of_spike(time: float) -> Floats:
    """Currents at the steps for one spike near step ``_K``, exactly decaying, of unit weight."""
    lag = _DT * np.arange(_STEPS) - time
    return np.where(np.arange(_STEPS) >= _K, np.exp(-lag / _SYN) / _SYN, 0.0)


def _voltages_of_currents(currents: Floats) -> Floats:
    u, voltages = 0.3, []
    for i in currents:
        u = (u + _DT / _MEM * _R * i) / (1 + _DT / _MEM)
        voltages.append(u)
    return np.array(voltages)


def _sum_over_currents() -> Finding:
    time, bump = _K * _DT, 1e-5
    upper, lower = (_loss(_voltages_of_currents(_currents_of_spike(time + sign * bump))) for sign in (1, -1))
    measured = (upper - lower) / (2 * bump)
    currents = _currents_of_spike(time)
    by_u, _ = _totals(_voltages_of_currents(currents))
    direct = by_u * _DT / _MEM * _R / (1 + _DT / _MEM)  # of the loss by i[m], with the later currents held
    total, keep = np.zeros(_STEPS + 1), math.exp(-_DT / _SYN)
    for m in reversed(range(_STEPS)):
        total[m] = direct[m] + total[m + 1] * keep  # (37)
    by_time = np.where(np.arange(_STEPS) >= _K, currents / _SYN, 0.0)
    printed, corrected = float(total[:-1] @ by_time), float(direct @ by_time)
    counted = float(((np.arange(_STEPS) - _K + 1) * direct) @ by_time)
    return inconsistent(
        abs(printed / measured - 1) < 1e-6,
        abs(corrected / measured - 1) < 1e-6 and abs(printed / counted - 1) < 1e-12,
        f"derivative by a spike time, over central difference: {printed / measured:.2f} with the totals of (37), "
        f"{corrected / measured:.7f} with the later currents held; the term m steps later is counted m + 1 times",
    )


def _memory() -> Finding:
    steps, pre, post = 64, 8, 8
    rng = np.random.default_rng(39)
    errors, weights = rng.standard_normal((post, steps)), rng.standard_normal((pre, post))
    lag = _DT * (np.arange(steps)[None, :] - np.arange(steps)[:, None])  # row k, column m
    kernel = np.where(lag >= 0, np.exp(-np.maximum(lag, 0) / _SYN) / _SYN**2, 0.0)
    pairs = weights[:, :, None, None] * kernel  # the derivative of every current by every spike time
    naive = np.einsum("jm,ijkm->ik", errors, pairs)
    scan, filtered = np.empty((post, steps)), np.zeros(post)
    for k in reversed(range(steps)):
        filtered = errors[:, k] + math.exp(-_DT / _SYN) * filtered
        scan[:, k] = filtered
    gap = difference(weights @ scan / _SYN**2, naive)
    return conditional(
        gap > 1e-12,
        gap < 1e-12,
        f"{steps} steps, {pre} to {post} neurons: {pairs.size} stored derivatives or a reverse scan with {scan.size} "
        f"numbers, the same result to {gap:.0g}",
    )


def _weight_gradient() -> Finding:
    spikes, weight, bump = _kicks() / 2, 0.7, 1e-3

    def loss(w: float) -> float:
        return _loss(_layer(w * spikes / _SYN)[0])

    measured = (loss(weight + bump) - loss(weight - bump)) / (2 * bump)
    voltages, _ = _layer(weight * spikes / _SYN)
    _, by_i = _totals(voltages)
    local = spikes / _SYN / (1 + _DT / _SYN)  # of i[k] by w, with the current before held
    of_trace = np.zeros(_STEPS)  # the trace of the presynaptic spikes is the same at every weight
    printed = float(by_i @ of_trace)
    corrected = float(by_i @ local)
    by_weight = (voltages - _layer(np.zeros(_STEPS))[0]) / weight
    continuous = float((2 * _COSTS * voltages) @ by_weight)
    return misprint(
        abs(printed / measured - 1) < 1e-9,
        max(abs(corrected / measured - 1), abs(continuous / measured - 1)) < 1e-9,
        f"over central difference: {printed / measured:.2f} with a as the presynaptic trace, which no weight changes; "
        f"{corrected / measured:.9f} with i; the continuous estimator {continuous / measured:.9f}",
    )


ENTRIES = (
    Entry(
        SOURCE,
        "(37)",
        "error of the current, through time",
        r"\frac{\partial L}{\partial i_k} = \frac{\partial L}{\partial u_k}\frac{\partial u_k}{\partial i_k}"
        r" + \frac{\partial L}{\partial i_{k+1}}\frac{\partial i_{k+1}}{\partial i_k}",
        Verdict.CONDITION,
        _through_time,
        r"\text{for (14); for (13)}\ \frac{\partial L}{\partial u_{k+1}}\frac{\partial u_{k+1}}{\partial i_k}"
        r"\ \text{takes the place of the first term}",
        "With forward Euler the first term is zero and the gradient is lost altogether.",
    ),
    Entry(
        SOURCE,
        "(38)",
        "effect of a voltage on later currents of the next layer",
        r"\frac{\partial i_m}{\partial u_k} = \left[\frac{\partial i_m}{\partial t_k}"
        r" + \frac{\partial i_m}{\partial u_l}\frac{\partial u_l}{\partial t_k}\right]"
        r"\frac{\partial t_k}{\partial u_k},\quad t_l\ \text{the next spike}",
        Verdict.CONDITION,
        _between_layers,
        r"\text{for}\ t_m > t_k,\ \text{and the jump is missing:}\quad"
        r" \frac{\partial i_m}{\partial t_k} = \frac{w}{\tau_s^2}e^{-(t_m - t_k)/\tau_s}"
        r" - \frac{w}{\tau_s}\delta(t_m - t_k)",
        "Each later current is right, where a reset forgets all that was before it, but the jump of the current moves "
        "with the spike: without it the direct term of the gradient has the wrong sign.",
    ),
    Entry(
        SOURCE,
        "(39)",
        "error of a voltage, from all later currents",
        r"\frac{\partial L}{\partial u_k} = \sum_{m \ge k}\frac{\partial L}{\partial i_m}"
        r"\frac{\partial i_m}{\partial u_k}"
        r" + \frac{\partial L}{\partial u_{k+1}}\frac{\partial u_{k+1}}{\partial u_k}",
        Verdict.INCONSISTENT,
        _sum_over_currents,
        r"\sum_{m \ge k}\frac{\partial L}{\partial u^{(l)}_m}\frac{\partial u^{(l)}_m}{\partial i_m}"
        r"\frac{\partial i_m}{\partial u_k}\quad\text{(later currents held)}",
        "(37) already carries an error to earlier currents; summing over all currents again counts it repeatedly: "
        "on a long window the gradient is too large by about the synaptic time constant over the time step.",
    ),
    Entry(
        SOURCE,
        "(40)",
        "gradient of the weights",
        r"\frac{\partial L}{\partial w} = \frac{\partial L}{\partial u}\frac{\partial u}{\partial w}"
        r"\ \text{(continuous)}, \quad \frac{\partial L}{\partial i}\frac{\partial a}{\partial w}"
        r"\ \text{(discrete)}",
        Verdict.MISPRINT,
        _weight_gradient,
        r"\frac{\partial L}{\partial i}\frac{\partial i}{\partial w}\ \text{(discrete)}",
        "The letter is not defined; read as the trace of the input spikes, it has no derivative by the weight.",
    ),
    Entry(
        SOURCE,
        "text, section 5, memory",
        "memory of the backward pass",
        r"O(B T^2 N^2)",
        Verdict.CONDITION,
        _memory,
        r"O(B T N):\quad g_k = \varepsilon_k + e^{-\Delta t/\tau_s} g_{k+1}",
        "The quadratic cost in steps, which limited the source to fifty of them, is not needed.",
    ),
)
