"""The readable backend of the clocked simulation: all neurons step together, a crossing is resolved one by one."""

from __future__ import annotations

import numpy as np

from ._clocked_rule import Floats, Inputs, Rule, Run
from .placement import (
    cubic_crossing,
    linear_crossing,
    peak_within,
    polynomial_crossing,
    taylor_coefficients,
)


def run(rule: Rule, given: Inputs, drive: Floats, v0: float, i0: float, keep: bool) -> Run:
    """Simulate one neuron per row of the inputs; ``drive`` is a current for each row."""
    inputs = given.as_sums()
    neuron, dt = rule.neuron, rule.model.dt
    rows, points = inputs.shape
    rest = neuron.r * drive
    threshold, reset_value = neuron.v_threshold - rest, neuron.v_reset - rest
    (to_u, couple), (_, to_i) = rule.increment
    b, previous = rule.model.b, rule.model.b_previous
    finish = _Step(rule)

    u, i = v0 - rest + b[0] * inputs[:, 0], i0 + b[1] * inputs[:, 0]
    late = np.zeros(rows, dtype=bool)
    times: list[list[float]] = [[] for _ in range(rows)]
    hidden = np.zeros(rows, dtype=np.int64)
    width = points if keep else 0
    voltage, current = np.empty((rows, width)), np.empty((rows, width))
    spikes = np.zeros((rows, width), dtype=np.uint16)
    for n in range(points):
        start_u, start_i = u, i
        if n:
            now, before = inputs[:, n], inputs[:, n - 1]
            u = start_u + (to_u * start_u + couple * start_i) + b[0] * now + previous[0] * before
            i = start_i + to_i * start_i + b[1] * now + previous[1] * before
            if rule.late:
                u = np.where(late, _reset(neuron, u, reset_value), u)
        fired = u >= threshold
        if neuron.reset == "none" and n:
            fired &= start_u < threshold
        seen_u, seen_i, count = u, i, fired.astype(np.uint16)
        if n == 0 or rule.placement == "grid" and not rule.extremum:
            for row in np.flatnonzero(fired).tolist():
                times[row].append(n * dt)
            restarted = np.zeros(rows, dtype=bool)
        else:
            u, i, restarted = u.copy(), i.copy(), np.zeros(rows, dtype=bool)
            for row in np.flatnonzero(fired | rule.extremum & (start_u < threshold)).tolist():
                ends = (start_u[row], start_i[row], u[row], i[row])
                found = finish(
                    ends, now[row], before[row], threshold[row], reset_value[row], bool(fired[row])
                )
                count[row] = len(found.offsets)
                times[row] += [(n - 1) * dt + offset for offset in found.offsets]
                hidden[row] += found.hidden
                if found.restarted:
                    u[row], i[row], restarted[row] = found.u, found.i, True
            seen_u, seen_i = u, i
        fired = (count > 0) & ~restarted
        late = fired if rule.late else np.zeros(rows, dtype=bool)
        if not rule.late:
            u = np.where(fired, _reset(neuron, u, reset_value), u)
        if keep:
            voltage[:, n] = (u if rule.after_reset else seen_u) + rest
            current[:, n], spikes[:, n] = seen_i, count
        if max(map(len, times)) > rule.max_spikes:
            break
    counts = np.array([len(row) for row in times])
    padded = np.full((rows, max(1, counts.max())), np.nan)
    for row, own in enumerate(times):
        padded[row, : len(own)] = own
    return Run(padded, counts, hidden, voltage, current, spikes)


def _reset(neuron, u, reset_value):
    """The voltage after a reset on the grid."""
    if neuron.reset == "subtract":
        return u - neuron.v_threshold
    return reset_value if neuron.reset == "to_value" else u


class _Found:
    """Spikes within one step: their offsets from its start in seconds; the step's end after restarts."""

    def __init__(self) -> None:
        self.offsets: list[float] = []
        self.hidden = 0
        self.restarted = False
        self.u = self.i = 0.0


class _Step:
    """Finds the spikes of one step of one neuron, from the values at both of its ends."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.shorter = rule.shorter_step()

    def __call__(self, ends, now, before, threshold, reset_value, fired) -> _Found:
        rule, neuron, dt = self.rule, self.rule.neuron, self.rule.model.dt
        u, i, end_u, end_i = ends
        smear, start_kick, end_kick = self.kicks(now, before)
        # the state just after the input at the step's start, counted from the fixed point of a smeared input
        u, i = u - neuron.r * smear, i + start_kick - smear
        end_u, end_i = end_u - neuron.r * smear, end_i - end_kick - smear
        threshold, reset_value = threshold - neuron.r * smear, reset_value - neuron.r * smear
        found, start, left = _Found(), 0.0, dt
        while True:
            span, at_peak = left, False
            if not fired:
                peak = -1.0
                if rule.extremum and u < threshold:
                    peak = peak_within(u, i, neuron.tau_mem, neuron.tau_syn, neuron.r, left)
                if peak < 0 or neuron.r * i * np.exp(-peak / neuron.tau_syn) < threshold:
                    break
                span, at_peak = peak, True
                found.hidden += 1
            offset = self.place(u, i, end_u, end_i, threshold, span, at_peak)
            found.offsets.append(start + offset)
            if not rule.restart:
                return found
            if len(found.offsets) > rule.max_spikes:
                break
            # restart: the voltage from its reset value, the current as it is at the spike
            i = self.shorter(offset)[1] * i if offset > 0 else i
            u = threshold - neuron.v_threshold if neuron.reset == "subtract" else reset_value
            start, left, found.restarted = start + offset, left - offset, True
            decay_u, decay_i, couple, b_u = self.shorter(left) if left > 0 else (1.0, 1.0, 0.0, 0.0)
            end_u, end_i = decay_u * u + couple * i, decay_i * i
            if rule.kick == "within":
                end_u += b_u * now
            fired = end_u >= threshold
        found.u, found.i = end_u + neuron.r * smear, end_i + smear + end_kick
        return found

    def kicks(self, now: float, before: float) -> tuple[float, float, float]:
        """Smeared current, and jumps of the current at the start and the end of the step."""
        tau_syn, model = self.rule.neuron.tau_syn, self.rule.model
        if self.rule.kick == "start":
            return 0.0, now / tau_syn, 0.0
        if self.rule.kick == "both":
            return 0.0, (now + before) / (4 * tau_syn), (now + before) / (4 * tau_syn)
        if self.rule.kick == "smeared":
            return before / model.dt, 0.0, 0.0
        return 0.0, 0.0, model.b[1] * now

    def place(self, u, i, end_u, end_i, threshold, span, at_peak) -> float:
        """Offset of the crossing from the start of a span at whose end the voltage has crossed."""
        rule, neuron = self.rule, self.rule.neuron
        if at_peak:
            end_i = i * np.exp(-span / neuron.tau_syn)
            end_u = neuron.r * end_i
        if rule.placement == "grid":
            return rule.model.dt
        if rule.placement == "linear":
            return linear_crossing(u - threshold, end_u - threshold, span)
        if rule.placement == "cubic":
            slopes = ((neuron.r * i - u) / neuron.tau_mem, (neuron.r * end_i - end_u) / neuron.tau_mem)
            return cubic_crossing(u - threshold, end_u - threshold, *slopes, span)
        coefficients = np.empty(rule.series_order + 1)
        taylor_coefficients(u, i, neuron.tau_mem, neuron.tau_syn, neuron.r, rule.series_order, coefficients)
        coefficients[0] -= threshold
        return polynomial_crossing(coefficients, span)
