"""First output spikes of a network with one hidden layer, compiled: sample by sample, no further than they need.

A sample is simulated in the first of some rising windows; if an output has not fired in it, in the next. The outputs
read the hidden spikes in growing parts, until all have fired. Spikes are those of :mod:`._numba_adjoint`, bit for bit;
the gradient is its sweep over the spikes that an output waited for, and sums in another order.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from ..neuron import CubaLIF
from ..spiking import SpikeBatch
from ..spiking.events import MAX_SPIKES
from ..spiking.layer import LayerConstants
from ..spiking.numba_layer import _feed_forward_sample
from ._numba_adjoint import _sweep, events

_TASKS = 16
"""Samples that may be swept side by side; a fixed number, so that the sums do not depend on the number of threads."""

_compile: Any = numba.njit(cache=True, fastmath={"contract"}, error_model="numpy", nogil=True)
_compile_parallel: Any = numba.njit(
    cache=True, fastmath={"contract"}, error_model="numpy", nogil=True, parallel=True
)
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Kept(NamedTuple):
    """What the backward pass needs: inputs, hidden spikes (sample, place), how many of them count, first spikes."""

    inputs: SpikeBatch
    times: Floats
    neurons: Integers
    used: Integers
    first: Floats


@_compile
def _spikes(times, senders, weights, end, c, found, who):
    """Spikes of a layer in buffers that grow where they are too short."""
    total, over = _feed_forward_sample(times, senders, weights, end, c, MAX_SPIKES, found, who)
    if over < 0 and total > len(found):
        found, who = np.empty(total), np.empty(total, np.int64)
        total, over = _feed_forward_sample(times, senders, weights, end, c, MAX_SPIKES, found, who)
    return total, over, found, who


@_compile
def _first(times, senders, weights, end, c, found, who, first):
    """First spikes of neurons that are not reset; what they hear after them does not matter."""
    n_events = len(times)
    part = max(16, n_events // 4)
    while True:
        n = min(part, n_events)
        stop = times[n] if n < n_events else end
        total, over, found, who = _spikes(times[:n], senders[:n], weights, stop, c, found, who)
        first[:] = math.inf
        if over >= 0:
            return over, found, who
        for k in range(total):
            first[who[k]] = min(first[who[k]], found[k])
        if n == n_events or np.max(first) < math.inf:
            return -1, found, who
        part = n + n // 2


@_compile_parallel
def _forward(starts, times, senders, w1, w2, windows, c1, c2, most, kept, kept_by, used, first, heard, over):
    n_hidden, n_out, n_windows = w1.shape[1], w2.shape[1], len(windows)
    for sample in numba.prange(len(starts) - 1):
        mine, by = times[starts[sample] : starts[sample + 1]], senders[starts[sample] : starts[sample + 1]]
        found, who = np.empty(8 * n_hidden + 64), np.empty(8 * n_hidden + 64, np.int64)
        answer, whose = np.empty(8 * n_out + 64), np.empty(8 * n_out + 64, np.int64)
        counts = np.zeros(n_hidden, np.int64)
        sent, senders_, own = kept[sample], kept_by[sample], first[sample]
        n, failed = 0, -1
        for index in range(n_windows):
            end = windows[index]
            n_given = np.searchsorted(mine, end, side="right")
            total, failed, found, who = _spikes(mine[:n_given], by[:n_given], w1, end, c1, found, who)
            if failed >= 0:
                break
            counts[:] = 0
            n = 0
            for k in range(total):
                if counts[who[k]] < most:
                    sent[n], senders_[n] = found[k], who[k]
                    n += 1
                counts[who[k]] += 1
            failed, answer, whose = _first(sent[:n], senders_[:n], w2, end, c2, answer, whose, own)
            if failed >= 0:
                failed += n_hidden
                break
            if np.max(own) < math.inf:
                break
        over[sample] = failed
        if len(heard):
            for j in range(n_hidden):
                heard[sample, j] = min(counts[j], most)
        last = -1.0
        for j in range(n_out):
            if own[j] < math.inf:
                last = max(last, own[j])
        used[sample] = np.searchsorted(sent[:n], last, side="left")


@_compile_parallel
def _backward(starts, times, senders, w1, w2, kept, kept_by, used, first, arriving, c1, c2, g1, g2):
    n_groups, n_out, nothing = g1.shape[0], w2.shape[1], np.empty(0)
    for group in numba.prange(n_groups):
        hidden_state, output_state = np.empty((6, w1.shape[1])), np.empty((6, n_out))
        for sample in range(group, len(starts) - 1, n_groups):
            order = np.argsort(first[sample])
            fired = 0
            while fired < n_out and first[sample, order[fired]] < math.inf:
                fired += 1
            own = order[:fired]
            given = arriving[sample][own]
            if not np.any(given != 0.0):
                continue
            mine, by = (
                times[starts[sample] : starts[sample + 1]],
                senders[starts[sample] : starts[sample + 1]],
            )
            sent, sent_by = kept[sample, : used[sample]], kept_by[sample, : used[sample]]
            late = np.zeros(used[sample])
            answers = first[sample][own]
            _sweep(
                sent, sent_by, sent, sent_by, w2, answers, own, given, 0, c2, g2[group], late, output_state
            )
            _sweep(mine, by, mine, by, w1, sent, sent_by, late, 0, c1, g1[group], nothing, hidden_state)


class TooManySpikes(Exception):
    """A neuron fired more than MAX_SPIKES times: its sample and number, those of outputs behind those of the others."""


def forward(
    padded: NDArray[Any],
    weights: tuple[Floats, Floats],
    neurons: tuple[CubaLIF, CubaLIF],
    windows: Floats,
    most: int,
    count: bool,
) -> tuple[Floats, Integers, Kept]:
    """First output spikes (batch, n_out); spikes that each hidden neuron sent in the last window (with ``count``)."""
    w1, w2 = weights
    inputs, _ = events(padded)
    last, end = inputs.times.max(initial=0.0), windows[-1]
    if last > end * (1 + np.finfo(padded.dtype).eps):
        raise ValueError(f"t_max must not lie before the last spike at {last:g} s, got {end:g} s")
    np.minimum(inputs.times, end, out=inputs.times)  # a spike at t_max, rounded to float32
    batch, n_hidden, n_out = len(inputs), w1.shape[1], w2.shape[1]
    room = most * n_hidden
    kept = Kept(
        inputs,
        np.empty((batch, room)),
        np.empty((batch, room), np.int64),
        np.empty(batch, np.int64),
        np.empty((batch, n_out)),
    )
    heard = np.zeros((batch if count else 0, n_hidden), np.int64)
    over = np.empty(batch, np.int64)
    constants = [tuple(LayerConstants.of(each)) for each in neurons]
    given = (inputs.starts, inputs.times, inputs.neurons, w1, w2, windows, *constants, most)
    _forward(*given, kept.times, kept.neurons, kept.used, kept.first, heard, over)
    if np.any(over >= 0):
        sample = int(np.argmax(over >= 0))
        raise TooManySpikes(sample, int(over[sample]))
    return kept.first, heard, kept


def backward(
    kept: Kept, weights: tuple[Floats, Floats], neurons: tuple[CubaLIF, CubaLIF], arriving: Floats
) -> tuple[Floats, Floats]:
    """Gradients of both weights from the derivatives with respect to the first spikes, shape (batch, n_out)."""
    w1, w2 = weights
    batch, inputs = len(kept.inputs), kept.inputs
    n_groups = max(1, min(batch, _TASKS))
    sums = np.zeros((n_groups, *w1.shape)), np.zeros((n_groups, *w2.shape))
    after = {"subtract": 0.0, "to_value": neurons[0].v_reset, "none": neurons[0].v_threshold}[
        neurons[0].reset
    ]
    constants = [
        (each.tau_mem, each.tau_syn, each.r / each.tau_syn, each.v_threshold, reset)
        for each, reset in zip(neurons, (after, neurons[1].v_threshold), strict=True)
    ]
    given = (inputs.starts, inputs.times, inputs.neurons, w1, w2, kept.times, kept.neurons, kept.used)
    _backward(*given, kept.first, arriving, *constants, *sums)
    return sums[0].sum(axis=0), sums[1].sum(axis=0)
