"""The fast backend of the method ``integrated``: all neurons of a layer go from point to point together, then back.

The points of a sample, grid points and inputs, are the same for all neurons, and so is the propagator between them;
only a neuron that fires is looked at alone. The backward pass runs the forward pass of its sample again and keeps its
states: memory of points times neurons of one sample a thread, whatever the batch.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from ..spiking import SpikeBatch
from ..spiking.layer import LimitError
from ._integrated_reference import Rule
from ._numba_adjoint import events as sorted_events
from ._numba_piece import PLACEMENTS, RESETS, compile_kernel, piece, piece_back, propagator, propagator_slope
from .exact import Trains, events

Floats = NDArray[np.float64]

_GROUPS = 4
"""Sums of the weights' gradient that are made side by side; fixed, so that threads do not change them."""
_compile_parallel: Any = numba.njit(cache=True, error_model="numpy", nogil=True, parallel=True)


class Inputs(NamedTuple):
    """Input spikes of a batch, each sample's in rising order.

    ``slots`` are their places in a padded array, ``spikes`` is where they came from.
    """

    starts: NDArray[np.int64]
    senders: NDArray[np.int64]
    steps: NDArray[np.int64]
    moments: Floats
    slots: NDArray[np.int64]
    spikes: SpikeBatch


@compile_kernel
def _points(steps, moments, dt, n_steps, cut):
    """The pieces of a sample: start, length, inputs at both ends (-1: the grid), step, and the first input after each.

    The inputs ``first[p] : first[p + 1]`` act at the end of piece p; a piece with ``end[p] < 0`` ends its step.
    """
    room = n_steps + 1 + (len(steps) if cut else 0)
    start, span = np.empty(room), np.empty(room)
    begin, end, step = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
    first = np.empty(room + 1, np.int64)
    p = e = 0
    for n in range(n_steps + 1):
        now, at = max(n - 1, 0) * dt, -1
        while cut and e < len(steps) and steps[e] == n:
            start[p], span[p], begin[p], end[p], step[p], first[p] = now, moments[e] - now, at, e, n, e
            now, at = moments[e], e
            e += 1
            p += 1
        start[p], span[p], begin[p], end[p], step[p], first[p] = now, n * dt - now, at, -1, n, e
        p += 1
        while not cut and e < len(steps) and steps[e] == n:
            e += 1
    first[p] = e
    return start, span, begin, end, step, first


@compile_kernel
def _forward(pieces, senders, weights, t_max, c, codes, voltage, current, times, counts, places):
    """One sample. States go into the rows of ``voltage`` and ``current`` (two rows are enough without a way back)."""
    start, span, _, end, step, first = pieces
    tau_syn, r, threshold, after = c[1], c[2], c[3], c[4]
    order, _, restart, extremum, reset, limit = codes
    n, depth, room = weights.shape[1], voltage.shape[0], times.shape[1]
    fired = np.full(n, -1)
    found_at = np.empty((5, 16))
    voltage[0], current[0] = 0.0, 0.0
    counts[:] = 0
    any_fired = False
    for p in range(len(span)):
        u, i = voltage[p % depth], current[p % depth]
        to_u, to_i = voltage[(p + 1) % depth], current[(p + 1) % depth]
        mem, syn, coupled = propagator(span[p], order, c)
        top = -math.inf
        for j in range(n):
            to_u[j] = mem * u[j] + coupled * i[j]
            top = max(top, to_u[j])
        if extremum:
            for j in range(n):
                top = max(top, r * i[j])
        for j in range(n):
            to_i[j] = syn * i[j]
        if top >= threshold:
            for j in range(n):
                if not (to_u[j] >= threshold or (extremum and r * i[j] >= threshold)):
                    continue
                if not restart and fired[j] == step[p]:
                    continue
                end_u, end_i, found = piece(u[j], i[j], span[p], c, codes, found_at)
                if found > found_at.shape[1]:
                    found_at = np.empty((5, 2 * found))
                    piece(u[j], i[j], span[p], c, codes, found_at)
                for k in range(found):
                    time = start[p] + (found_at[2, k] + found_at[3, k])
                    if time <= t_max:
                        if counts[j] < room:
                            times[j, counts[j]], places[j, counts[j]] = time, p
                        counts[j] += 1
                if counts[j] > limit:
                    return j
                if found > 0:
                    fired[j], any_fired = step[p], True
                    to_u[j], to_i[j] = end_u, end_i
        if end[p] < 0 and any_fired:
            any_fired = False
            if not restart and reset > 0:
                for j in range(n):
                    if fired[j] == step[p]:
                        to_u[j] = to_u[j] - threshold if reset == 1 else after
        for e in range(first[p], first[p + 1]):
            row = weights[senders[e]]
            for j in range(n):
                to_i[j] += row[j] / tau_syn
    for j in range(n):
        if not math.isfinite(voltage[len(span) % depth, j]):
            if counts[j] < room:
                times[j, counts[j]], places[j, counts[j]] = math.nan, -1
            counts[j] += 1
    return -1


@compile_kernel
def _backward(
    pieces, senders, weights, c, codes, voltage, current, counts, places, arriving, to_weights, to_times
):
    """One sample backwards, from the states that :func:`_forward` kept; the results are added."""
    _, span, begin, end, step, first = pieces
    tau_syn = c[1]
    order, _, restart, _, reset, _ = codes
    n, want_times = weights.shape[1], len(to_times) > 0
    along_u, along_i = np.zeros(n), np.zeros(n)
    aside_u, aside_i = np.empty(n), np.empty(n)
    found_at = np.empty((5, 16))
    left, hits, last = counts.copy(), np.zeros(len(span), np.int64), -1
    for j in range(n):
        for k in range(counts[j]):
            hits[places[j, k]] += 1
            last = max(last, places[j, k])
    own = np.empty(n, np.int64)
    for p in range(last, -1, -1):
        u, i = voltage[p], current[p]
        for e in range(first[p], first[p + 1]):
            row = to_weights[senders[e]]
            for j in range(n):
                row[j] += along_i[j] / tau_syn
        if reset == 2 and not restart and end[p] < 0:
            for j in range(n):
                if left[j] > 0 and step[places[j, left[j] - 1]] == step[p]:
                    along_u[j] = 0.0
        early = late = 0.0
        n_own = 0
        if hits[p] > 0:
            for j in range(n):
                k = left[j]
                while k > 0 and places[j, k - 1] == p:
                    k -= 1
                if k == left[j]:
                    continue
                _, _, found = piece(u[j], i[j], span[p], c, codes, found_at)
                if found > found_at.shape[1]:
                    found_at = np.empty((5, 2 * found))
                    piece(u[j], i[j], span[p], c, codes, found_at)
                given = np.zeros(found)  # spikes after t_max are not counted and carry nothing
                given[: left[j] - k] = arriving[j, k : left[j]]
                aside_u[j], aside_i[j], at_begin, at_end = piece_back(
                    u[j], i[j], span[p], along_u[j], along_i[j], found, found_at, given, c, codes
                )
                early += at_begin
                late += at_end
                along_u[j] = along_i[j] = 0.0
                left[j] = k
                own[n_own] = j
                n_own += 1
        if want_times and (begin[p] >= 0 or end[p] >= 0):
            d_mem, d_syn, d_coupled = propagator_slope(span[p], order, c)
            rate = 0.0
            for j in range(n):
                rate += along_u[j] * (d_mem * u[j] + d_coupled * i[j]) + along_i[j] * d_syn * i[j]
            if begin[p] >= 0:
                to_times[begin[p]] += early - rate
            if end[p] >= 0:
                to_times[end[p]] += late + rate
        mem, syn, coupled = propagator(span[p], order, c)
        for j in range(n):
            along_i[j] = coupled * along_u[j] + syn * along_i[j]
            along_u[j] *= mem
        for k in range(n_own):
            along_u[own[k]], along_i[own[k]] = aside_u[own[k]], aside_i[own[k]]


@compile_kernel
def _forward_sample(
    senders, steps, moments, weights, grid, t_max, c, codes, times, counts, places, with_states
):
    """Forward with two rows of states, or with all of them; returns the pieces, the states and who fired too often."""
    dt, n_steps, cut = grid
    pieces = _points(steps, moments, dt, n_steps, cut)
    rows = len(pieces[1]) + 1 if with_states else 2
    voltage, current = np.empty((rows, weights.shape[1])), np.empty((rows, weights.shape[1]))
    over = _forward(pieces, senders, weights, t_max, c, codes, voltage, current, times, counts, places)
    return pieces, voltage, current, over


@compile_kernel
def _backward_group(
    group, starts, senders, steps, moments, weights, grid, t_max, c, codes, arriving, to_weights, to_times
):
    """Samples ``group, group + n_groups, ...``, one after the other; their sum goes into ``to_weights[group]``."""
    batch, n, room = arriving.shape
    times, places, counts = np.empty((n, room)), np.empty((n, room), np.int64), np.empty(n, np.int64)
    for sample in range(group, batch, to_weights.shape[0]):
        mine = slice(starts[sample], starts[sample + 1])
        pieces, voltage, current, _ = _forward_sample(
            senders[mine], steps[mine], moments[mine], weights, grid, t_max, c, codes, times, counts, places, True
        )  # fmt: skip
        np.minimum(counts, room, counts)  # dropped spikes carry nothing
        _backward(
            pieces, senders[mine], weights, c, codes, voltage, current, counts, places, arriving[sample],
            to_weights[group], to_times[mine] if len(to_times) > 0 else to_times,
        )  # fmt: skip


@_compile_parallel
def _forward_batch(
    starts, senders, steps, moments, weights, grid, t_max, c, codes, times, counts, places, over
):
    for sample in numba.prange(len(starts) - 1):
        mine = slice(starts[sample], starts[sample + 1])
        over[sample] = _forward_sample(
            senders[mine], steps[mine], moments[mine], weights, grid, t_max, c, codes, times[sample], counts[sample],
            places[sample], False,
        )[3]  # fmt: skip


@_compile_parallel
def _backward_batch(
    starts, senders, steps, moments, weights, grid, t_max, c, codes, arriving, to_weights, to_times
):
    for group in numba.prange(to_weights.shape[0]):
        _backward_group(
            group,
            starts,
            senders,
            steps,
            moments,
            weights,
            grid,
            t_max,
            c,
            codes,
            arriving,
            to_weights,
            to_times,
        )


def _numbers(rule: Rule, limit: int) -> tuple[Any, ...]:
    neuron = rule.neuron
    after = neuron.v_reset if neuron.reset == "to_value" else 0.0
    return (
        (rule.dt, rule.n_steps, rule.cut),
        rule.t_max,
        (neuron.tau_mem, neuron.tau_syn, neuron.r, neuron.v_threshold, after),
        (rule.order, PLACEMENTS[rule.placement], rule.restart, rule.extremum, RESETS[neuron.reset], limit),
    )


def batch_spikes(rule: Rule, inputs: Inputs, weights: Floats, room: int, limit: int) -> tuple[Floats, Any]:
    """Spike times ``(batch, n_out, room)``, filled up with infinity, and how often each neuron fired.

    Raises
    ------
    LimitError
        A neuron fired more than ``limit`` times.
    """
    batch, n = len(inputs.starts) - 1, weights.shape[1]
    times, places = np.full((batch, n, room), np.inf), np.empty((batch, n, room), np.int64)
    counts, over = np.zeros((batch, n), np.int64), np.empty(batch, np.int64)
    numbers = _numbers(rule, limit)
    if batch == 1:  # starting threads takes longer than one small sample
        _, senders, steps, moments = inputs[:4]
        given = (senders, steps, moments, weights, *numbers, times[0], counts[0], places[0], False)
        over[0] = _forward_sample(*given)[3]
    else:
        _forward_batch(*inputs[:4], weights, *numbers, times, counts, places, over)
    if np.any(over >= 0):
        sample = int(np.argmax(over >= 0))
        raise LimitError(sample, int(over[sample]))
    return times, counts


def batch_gradient(
    rule: Rule, inputs: Inputs, weights: Floats, arriving: Floats, want_times: bool
) -> tuple[Floats, Floats]:
    """Gradients with respect to the weights and to each input spike (empty unless wanted), by running forward again.

    ``arriving`` has the shape of the padded output of :func:`batch_spikes`; what stands in its padding is not read.
    """
    batch = len(inputs.starts) - 1
    to_weights = np.zeros((max(1, min(batch, _GROUPS)), *weights.shape))
    to_times = np.zeros(len(inputs.moments) if want_times else 0)
    limit = np.iinfo(np.int64).max
    given = (*inputs[:4], weights, *_numbers(rule, limit), arriving, to_weights, to_times)
    if batch == 1:
        _backward_group(0, *given)
    else:
        _backward_batch(*given)
    return to_weights.sum(axis=0), to_times


def forward(
    padded: NDArray[Any], weights: Floats, rule: Rule, max_spikes: int, limit: int
) -> tuple[Floats, NDArray[np.int64], Inputs]:
    """For padded input times ``(batch, n_in, k)``: as :func:`snntheory.gradients._numba_adjoint.forward`."""
    batch, slots = sorted_events(padded)
    last = batch.times.max(initial=0.0)
    if last > rule.t_max * (1 + np.finfo(padded.dtype).eps):
        raise ValueError(f"t_max must not lie before the last spike at {last:g} s, got {rule.t_max:g} s")
    np.minimum(batch.times, rule.t_max, out=batch.times)  # a spike at t_max, rounded to float32
    inputs = Inputs(batch.starts, batch.neurons, *rule.steps(batch.times), slots, batch)
    times, counts = batch_spikes(rule, inputs, weights, max_spikes, limit)
    return times, counts, inputs


def backward(
    kept: Inputs,
    weights: Floats,
    rule: Rule,
    arriving: NDArray[Any],
    shape: tuple[int, int, int],
    want_times: bool,
) -> tuple[Floats, Floats | None]:
    """As :func:`snntheory.gradients._numba_adjoint.backward`."""
    given = np.ascontiguousarray(arriving, dtype=np.float64)
    to_weights, to_times = batch_gradient(rule, kept, weights, given, want_times and rule.cut)
    if not want_times:
        return to_weights, None
    late = np.zeros(shape)
    sample = np.repeat(np.arange(shape[0]), np.diff(kept.starts))
    if rule.cut:
        late.reshape(shape[0], -1)[sample, kept.slots] = to_times
    return to_weights, late


def _one_sample(rule: Rule, senders: Trains) -> tuple[Inputs, NDArray[np.intp]]:
    times, index = events(senders)
    spikes = SpikeBatch.trusted(times, index.astype(np.int64), np.array([0, times.size]), len(senders))
    inputs = Inputs(spikes.starts, spikes.neurons, *rule.steps(times), index.astype(np.int64), spikes)
    return inputs, index


def layer_spikes(rule: Rule, senders: Trains, weights: Floats) -> Trains:
    """As the readable backend's."""
    inputs, _ = _one_sample(rule, senders)
    matrix = np.ascontiguousarray(weights)
    room = 32
    while True:
        try:
            times, counts = batch_spikes(rule, inputs, matrix, room, rule.max_spikes)
        except LimitError as error:
            full = [np.empty(0)] * weights.shape[1]
            full[error.neuron] = np.zeros(rule.max_spikes + 1)
            return full
        if counts.max(initial=0) <= room:
            return [row[:count].copy() for row, count in zip(times[0], counts[0], strict=True)]
        room = int(counts.max())


def layer_gradient(rule: Rule, senders: Trains, weights: Floats, arriving: Trains) -> tuple[Floats, Trains]:
    """As the readable backend's."""
    inputs, index = _one_sample(rule, senders)
    given = np.zeros((1, len(arriving), max([1, *(part.size for part in arriving)])))
    for n, part in enumerate(arriving):
        given[0, n, : part.size] = part
    gradient, late = batch_gradient(rule, inputs, np.ascontiguousarray(weights), given, rule.cut)
    if not rule.cut:
        late = np.zeros(index.size)
    return gradient, [late[index == n] for n in range(len(senders))]
