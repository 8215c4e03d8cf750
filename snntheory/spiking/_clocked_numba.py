"""The fast backend of the clocked simulation: one neuron after the other, its state in registers."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

from . import placement as _placement
from ._clocked_rule import KINDS, Floats, Inputs, Rule, Run

_compile: Any = numba.njit(cache=True, error_model="numpy", nogil=True)
_taylor_coefficients = _compile(_placement.taylor_coefficients)
_linear_crossing = _compile(_placement.linear_crossing)
_peak_within = _compile(_placement.peak_within)
_RESETS = {"none": 0, "subtract": 1, "to_value": 2}
_KICKS = {"end": 0, "start": 1, "both": 2, "smeared": 3, "within": 4}
_PLACEMENTS = {name: code for code, name in enumerate(_placement.PLACEMENTS)}

polynomial_crossing = _compile(_placement.polynomial_crossing)


@_compile
def _cubic_crossing(u0, u1, slope0, slope1, span):
    """As in `placement`, which compiles this way only with its callee compiled too."""
    coefficients = np.empty(4)
    coefficients[0] = u0
    coefficients[1] = span * slope0
    coefficients[2] = 3.0 * (u1 - u0) - span * (2.0 * slope0 + slope1)
    coefficients[3] = 2.0 * (u0 - u1) + span * (slope0 + slope1)
    return span * polynomial_crossing(coefficients, 1.0)


@_compile
def shorter_step(kind, order, h, tau_mem, tau_syn, r):
    """Decay of u, decay of i, coupling and b_u of a step of h seconds; as `Scheme.numbers`, which the tests compare."""
    x, y = h / tau_mem, h / tau_syn
    if kind == 1:  # backward Euler
        return 1 / (1 + x), 1 / (1 + y), r * x / ((1 + x) * (1 + y)), 0.0
    if kind == 2:  # bilinear
        return (2 - x) / (2 + x), (2 - y) / (2 + y), 4 * r * x / ((2 + x) * (2 + y)), 0.0
    if kind == 3:  # exact
        gap = abs(x - y)
        mean = -math.expm1(-gap) / gap if gap > 0 else 1.0
        return math.exp(-x), math.exp(-y), r * x * math.exp(-min(x, y)) * mean, 0.0
    if kind == 4:  # exponential Euler
        return math.exp(-x), math.exp(-y), -r * math.expm1(-x), 0.0
    if kind == 5:  # semi-implicit Euler
        return 1 - x, 1 - y, r * x * (1 - y), r * x / tau_syn
    decay_u = decay_i = term_u = term_i = homogeneous = factorial = 1.0
    couple = 0.0
    for j in range(1, order + 1):
        factorial *= j
        couple += homogeneous / factorial
        term_u *= -x
        term_i *= -y
        homogeneous = term_i - x * homogeneous
        decay_u += term_u / factorial
        decay_i += term_i / factorial
    return decay_u, decay_i, r * x * couple, 0.0


@_compile
def _resolve(
    u, i, end_u, end_i, now, before, threshold, reset_value, fired, n, dt, numbers, codes, row_times, count
):
    """Spikes of one step; returns (count, hidden, restarted, u, i at the end). Follows `_clocked_reference._Step`."""
    tau_mem, tau_syn, r, v_threshold, b_i = numbers
    kind, order, kick, placement, series_order, reset, restart, extremum, limit = codes
    smear = start_kick = end_kick = 0.0
    if kick == 1:
        start_kick = now / tau_syn
    elif kick == 2:
        start_kick = end_kick = (now + before) / (4 * tau_syn)
    elif kick == 3:
        smear = before / dt
    else:
        end_kick = b_i * now
    u -= r * smear
    i += start_kick - smear
    end_u -= r * smear
    end_i -= end_kick + smear
    threshold -= r * smear
    reset_value -= r * smear
    hidden = 0
    restarted = False
    start, left = 0.0, dt
    while True:
        span = left
        to_u, to_i = end_u, end_i
        if not fired:
            peak = -1.0
            if extremum and u < threshold:
                peak = _peak_within(u, i, tau_mem, tau_syn, r, left)
            if peak < 0:
                break
            to_i = i * math.exp(-peak / tau_syn)
            to_u = r * to_i
            if to_u < threshold:
                break
            span = peak
            hidden += 1
        if placement == 0:
            offset = dt
        elif placement == 1:
            offset = _linear_crossing(u - threshold, to_u - threshold, span)
        elif placement == 2:
            offset = _cubic_crossing(
                u - threshold, to_u - threshold, (r * i - u) / tau_mem, (r * to_i - to_u) / tau_mem, span
            )
        else:
            coefficients = np.empty(series_order + 1)
            _taylor_coefficients(u, i, tau_mem, tau_syn, r, series_order, coefficients)
            coefficients[0] -= threshold
            offset = polynomial_crossing(coefficients, span)
        if count < row_times.size:
            row_times[count] = (n - 1) * dt + (start + offset)
        count += 1
        if not restart or count > limit:
            break
        if offset > 0:
            i *= shorter_step(kind, order, offset, tau_mem, tau_syn, r)[1]
        u = threshold - v_threshold if reset == 1 else reset_value
        start += offset
        left -= offset
        restarted = True
        end_u, end_i = u, i
        if left > 0:
            decay_u, decay_i, couple, b_u = shorter_step(kind, order, left, tau_mem, tau_syn, r)
            end_u = decay_u * u + couple * i
            end_i = decay_i * i
            if kick == 4:
                end_u += b_u * now
        fired = end_u >= threshold
    return count, hidden, restarted, end_u + r * smear, end_i + smear + end_kick


@_compile
def _run(
    points,
    dense,
    starts,
    steps,
    values,
    drive,
    v0,
    i0,
    dt,
    step,
    numbers,
    codes,
    flags,
    v_reset,
    times,
    count,
    hidden,
    voltage,
    current,
    spikes,
):
    to_u, couple, to_i, b_u, b_i, previous_u, previous_i = step
    tau_mem, tau_syn, r, v_threshold, _ = numbers
    kind, order, kick, placement, series_order, reset, restart, extremum, limit = codes
    late_reset, after_reset, keep = flags
    for row in range(drive.size):
        rest = r * drive[row]
        threshold = v_threshold - rest
        reset_value = v_reset - rest
        total = 0
        late = False
        before = 0.0
        u, i = v0 - rest, i0
        each, last = 0, 0
        if dense.size == 0:
            each, last = starts[row], starts[row + 1]
        for n in range(points):
            if dense.size > 0:
                now = dense[row, n]
            else:
                now = 0.0
                while each < last and steps[each] == n:
                    now += values[each]
                    each += 1
            start_u, start_i = u, i
            if n == 0:
                u += b_u * now
                i += b_i * now
            else:
                u = start_u + (to_u * start_u + couple * start_i) + b_u * now + previous_u * before
                i = start_i + to_i * start_i + b_i * now + previous_i * before
                if late:
                    u = u - v_threshold if reset == 1 else reset_value
                    late = False
            fired = u >= threshold
            if fired and reset == 0 and n > 0 and start_u >= threshold:
                fired = False
            seen = u
            fresh = 0
            look = extremum and n > 0 and start_u < threshold and not fired
            if (
                look and kick == 0
            ):  # most steps have no such peak: it needs r i above the threshold, and a fall at the end
                look = r * start_i >= threshold and r * (i - b_i * now) <= u
            if fired or look:
                restarted = False
                if n == 0 or (placement == 0 and not extremum):
                    if total < times.shape[1]:
                        times[row, total] = n * dt
                    fresh = 1
                    total += 1
                else:
                    after, unseen, restarted, end_u, end_i = _resolve(
                        start_u, start_i, u, i, now, before, threshold, reset_value, fired, n, dt, numbers, codes,
                        times[row], total,
                    )  # fmt: skip
                    fresh = after - total
                    total = after
                    hidden[row] += unseen
                    if restarted:
                        u, i = end_u, end_i
                        seen = u
                if fresh > 0 and not restarted and reset > 0:
                    if late_reset:
                        late = True
                    else:
                        u = u - v_threshold if reset == 1 else reset_value
            if keep:
                voltage[row, n] = (u if after_reset else seen) + rest
                current[row, n] = i
                spikes[row, n] = fresh
            before = now
            if total > limit:
                break
        count[row] = total


def run(rule: Rule, inputs: Inputs, drive: Floats, v0: float, i0: float, keep: bool) -> Run:
    """As `_clocked_reference.run`."""
    neuron, model = rule.neuron, rule.model
    rows, points = inputs.rows, inputs.points
    (to_u, couple), (_, to_i) = rule.increment
    step = (to_u, couple, to_i, *model.b, *model.b_previous)
    numbers = (neuron.tau_mem, neuron.tau_syn, neuron.r, neuron.v_threshold, model.b[1])
    codes = (
        KINDS[model.scheme.name],
        int(model.scheme.order) if KINDS[model.scheme.name] == 0 else 0,
        _KICKS[rule.kick],
        _PLACEMENTS[rule.placement],
        rule.series_order,
        _RESETS[neuron.reset],
        rule.restart,
        rule.extremum,
        rule.max_spikes,
    )
    flags = (rule.late, rule.after_reset, keep)
    width = points if keep else 0
    voltage, current = np.empty((rows, width)), np.empty((rows, width))
    spikes = np.empty((rows, width), dtype=np.uint16)
    capacity = min(rule.max_spikes, 64 + points // 64)
    while True:  # twice at most: the first pass counts all spikes, even those that it has no room for
        times = np.full((rows, capacity), np.nan)
        count, hidden = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.int64)
        _run(
            points, inputs.dense, inputs.starts, inputs.steps, inputs.values, drive, v0, i0, model.dt, step, numbers,
            codes, flags, neuron.v_reset, times, count, hidden, voltage, current, spikes,
        )  # fmt: skip
        most = int(count.max())
        if most <= capacity or most > rule.max_spikes:
            return Run(times, count, hidden, voltage, current, spikes)
        capacity = most
