"""The adjoint method for a batch, compiled: sorted events forwards, one sweep of a block of neurons backwards.

Only the spikes are kept between the two passes. The sweep stands in ``(u, r i)``, so that a weight ``w`` is a jump of
``w gain``, ``gain = r/tau_syn``. All neurons of a sample decay by the same factors from input to input; a neuron that
fired in between is taken aside and moved from spike to spike by itself. A block of neurons keeps its state in the
first-level cache and has its own rows of the weights' gradient: nothing of the size (batch, n_out, events) is formed.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from ..neuron import CubaLIF
from ..spiking import SpikeBatch, numba_layer
from ..spiking.layer import LayerConstants
from ..spiking.numba_layer import _factors

_BLOCK = 128
"""Neurons that one sweep carries."""
_TASKS = 16
"""Sweeps that may run side by side; a fixed number, so that the sums do not depend on the number of threads."""

_compile: Any = numba.njit(cache=True, fastmath={"contract"}, error_model="numpy", nogil=True)
_compile_sums: Any = numba.njit(cache=True, fastmath={"contract", "reassoc"}, error_model="numpy", nogil=True)
_compile_parallel: Any = numba.njit(
    cache=True, fastmath={"contract"}, error_model="numpy", nogil=True, parallel=True
)


class Spikes(NamedTuple):
    """What is kept for the backward pass: input spikes with their slots, output spikes with theirs."""

    inputs: SpikeBatch
    slots: NDArray[np.int64]
    outputs: SpikeBatch
    places: NDArray[np.int64]


@_compile_parallel
def _count(padded, counts, wrong):
    """Spikes of each sample; ``wrong[sample]`` is the first slot that is NaN, negative or out of order, or -1."""
    batch, n, most = padded.shape
    for sample in numba.prange(batch):
        counts[sample], wrong[sample] = 0, -1
        for j in range(n):
            before = padded.dtype.type(0)
            for k in range(most):
                time = padded[sample, j, k]
                if time == math.inf:
                    before = time
                    continue
                if not time >= before:
                    wrong[sample] = j * most + k
                    break
                before = time
                counts[sample] += 1
            if wrong[sample] >= 0:
                break


@_compile_parallel
def _sort(padded, starts, times, senders, slots):
    """The spikes of each sample by time, then by slot."""
    batch, n, most = padded.shape
    for sample in numba.prange(batch):
        first, last = starts[sample], starts[sample + 1]
        found, place = np.empty(last - first), np.empty(last - first, np.int64)
        total = 0
        for j in range(n):
            for k in range(most):
                if padded[sample, j, k] == math.inf:
                    break
                found[total], place[total] = padded[sample, j, k], j * most + k
                total += 1
        order = np.argsort(found, kind="mergesort")
        for k in range(last - first):
            times[first + k] = found[order[k]]
            slots[first + k] = place[order[k]]
            senders[first + k] = place[order[k]] // most


def events(padded: NDArray[Any]) -> tuple[SpikeBatch, NDArray[np.int64]]:
    """Spikes in rising order and the slot of each, from times ``(batch, n, most)`` padded with infinity.

    Raises
    ------
    ValueError
        A train is not sorted, or a time is NaN or negative.
    """
    batch, n, most = padded.shape
    counts, wrong = np.empty(batch, np.int64), np.empty(batch, np.int64)
    _count(padded, counts, wrong)
    if np.any(wrong >= 0):
        sample = int(np.argmax(wrong >= 0))
        j, k = divmod(int(wrong[sample]), most)
        raise ValueError(
            "times must rise along the last dimension from 0 on, filled up with inf; "
            f"entry [{sample}, {j}, {k}] is {padded[sample, j, k]:g} s"
        )
    starts = np.concatenate([[0], np.cumsum(counts)])
    times = np.empty(starts[-1])
    senders, slots = np.empty(starts[-1], np.int64), np.empty(starts[-1], np.int64)
    _sort(padded, starts, times, senders, slots)
    return SpikeBatch.trusted(times, senders, starts, n), slots


@_compile
def _places(starts, neurons, n, most, places, counts):
    """The slot of each spike in a padded array, -1 where the train is longer than that."""
    for sample in range(len(starts) - 1):
        for k in range(starts[sample], starts[sample + 1]):
            j = neurons[k]
            count = counts[sample, j]
            places[k] = (sample * n + j) * most + count if count < most else -1
            counts[sample, j] = count + 1


def forward(
    padded: NDArray[Any],
    weights: NDArray[np.float64],
    neuron: CubaLIF,
    t_max: float,
    max_spikes: int,
    limit: int,
) -> tuple[NDArray[np.float64], NDArray[np.int64], Spikes]:
    """Exact spikes of a layer: padded times, the number of spikes before anything is dropped, what is kept.

    Raises
    ------
    LimitError
        A neuron fired more than ``limit`` times.
    ValueError
        See :func:`events`.
    """
    inputs, slots = events(padded)
    last = inputs.times.max(initial=0.0)
    if last > t_max * (1 + np.finfo(padded.dtype).eps):
        raise ValueError(f"t_max must not lie before the last spike at {last:g} s, got {t_max:g} s")
    np.minimum(inputs.times, t_max, out=inputs.times)  # a spike at t_max, rounded to float32
    found = numba_layer.feed_forward(inputs, weights, LayerConstants.of(neuron), t_max, limit)
    batch, n = len(inputs), weights.shape[1]
    places, counts = np.empty(len(found.times), np.int64), np.zeros((batch, n), np.int64)
    _places(found.starts, found.neurons, n, max_spikes, places, counts)
    if counts.max(initial=0) > max_spikes:
        kept = places >= 0
        starts = np.concatenate([[0], np.cumsum(kept)])[found.starts]
        found, places = SpikeBatch.trusted(found.times[kept], found.neurons[kept], starts, n), places[kept]
    result = np.full(batch * n * max_spikes, np.inf)
    result[places] = found.times
    return result.reshape(batch, n, max_spikes), counts, Spikes(inputs, slots, found, places)


@_compile_sums
def _times_row(row, along_u, along_d, a, b):
    total = 0.0
    for j in range(len(row)):
        total += row[j] * (a * along_d[j] - b * along_u[j])
    return total


@_compile
def _drives(times, senders, weights, own_times, own_neurons, first, tau_syn, gain, drive, found):
    """``r i`` at each spike of the neurons ``first ..``, by one pass over the inputs before it."""
    size, now, k = len(drive), 0.0, 0
    drive[:] = 0.0
    for event in range(len(times) + 1):
        end = times[event] if event < len(times) else math.inf
        while k < len(own_times) and own_times[k] <= end:
            j = own_neurons[k] - first
            if 0 <= j < size:
                found[k] = drive[j] * math.exp(-(own_times[k] - now) / tau_syn)
            k += 1
        if k == len(own_times):
            break
        decay, row = math.exp(-(end - now) / tau_syn), weights[senders[event], first : first + size]
        for j in range(size):
            drive[j] = drive[j] * decay + gain * row[j]
        now = end


@_compile
def _sweep(
    acted,
    actors,
    times,
    senders,
    weights,
    own_times,
    own_neurons,
    arriving,
    first,
    c,
    to_weights,
    to_times,
    state,
):
    """One sample backwards, for the neurons ``first .. first + size``; ``to_weights`` and ``to_times`` are added to.

    ``acted`` and ``actors`` are the arrivals that made the drive at a spike: ``times`` and ``senders`` again, but for
    the published estimator of ``_numba_straight_through``.
    """
    tau_mem, tau_syn, gain, threshold, after = c
    along_u, along_d, aside_u, aside_d, at, drive = state
    size = len(along_u)
    drives, mark, moved = np.empty(len(own_times)), np.full(size, -1), np.empty(size, np.int64)
    _drives(acted, actors, weights, own_times, own_neurons, first, tau_syn, gain, drive, drives)
    along_u[:] = 0.0
    along_d[:] = 0.0
    now, begun, k = 0.0, False, len(own_times) - 1
    for event in range(len(times) - 1, -1, -1):
        low, n_moved = times[event], 0
        while k >= 0 and own_times[k] > low:
            j, time = own_neurons[k] - first, own_times[k]
            if 0 <= j < size:
                if not begun:
                    now, begun = time, True
                if mark[j] != event:
                    mark[j], at[j], aside_u[j], aside_d[j] = event, now, along_u[j], along_d[j]
                    moved[n_moved] = j
                    n_moved += 1
                mem, syn, coupled = _factors(at[j] - time, tau_mem, tau_syn)
                aside_d[j] = aside_d[j] * syn + aside_u[j] * coupled
                fall, rise = drives[k] - after, drives[k] - threshold
                aside_u[j] = (fall * (aside_u[j] * mem) - tau_mem * arriving[k]) / rise
                at[j] = time
            k -= 1
        if not begun:
            continue  # nothing that happens later depends on this input
        if low < now:
            mem, syn, coupled = _factors(now - low, tau_mem, tau_syn)
            for j in range(size):
                along_d[j] = along_d[j] * syn + along_u[j] * coupled
                along_u[j] *= mem
        for m in range(n_moved):
            j = moved[m]
            mem, syn, coupled = _factors(at[j] - low, tau_mem, tau_syn)
            along_d[j] = aside_d[j] * syn + aside_u[j] * coupled
            along_u[j] = aside_u[j] * mem
        now = low
        row = to_weights[senders[event], first : first + size]
        for j in range(size):
            row[j] += gain * along_d[j]
        if len(to_times):
            given = weights[senders[event], first : first + size]
            to_times[event] += gain * _times_row(given, along_u, along_d, 1.0 / tau_syn, 1.0 / tau_mem)


@_compile_parallel
def _backward(
    acted_starts,
    acted_times,
    actors,
    in_starts,
    in_times,
    senders,
    weights,
    out_starts,
    out_times,
    neurons,
    arriving,
    c,
    size,
    to_weights,
    to_times,
):
    n_groups, n_blocks, batch = to_weights.shape[0], to_times.shape[0], len(in_starts) - 1
    for task in numba.prange(n_groups * n_blocks):
        group, block = task // n_blocks, task % n_blocks
        first = block * size
        state = np.empty((6, min(size, weights.shape[1] - first)))
        for sample in range(group, batch, n_groups):
            i = slice(in_starts[sample], in_starts[sample + 1])
            o = slice(out_starts[sample], out_starts[sample + 1])
            a = slice(acted_starts[sample], acted_starts[sample + 1])
            _sweep(
                acted_times[a],
                actors[a],
                in_times[i],
                senders[i],
                weights,
                out_times[o],
                neurons[o],
                arriving[o],
                first,
                c,
                to_weights[group],
                to_times[block][i] if to_times.shape[1] else to_times[block],
                state,
            )


def backward(
    kept: Spikes,
    weights: NDArray[np.float64],
    neuron: CubaLIF,
    arriving: NDArray[Any],
    shape: tuple[int, int, int],
    want_times: bool,
    acted: SpikeBatch | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Gradients with respect to the weights and, where wanted, the padded input times of ``shape``.

    ``arriving`` has the shape of the padded output; what stands in its padding is not read. ``acted``: see ``_sweep``.
    """
    n_in, n_out = weights.shape
    batch, inputs, outputs = shape[0], kept.inputs, kept.outputs
    acted = inputs if acted is None else acted
    n_blocks = max(1, -(-n_out // _BLOCK))
    n_groups = max(1, min(batch, _TASKS // n_blocks))
    to_weights = np.zeros((n_groups, n_in, n_out))
    to_times = np.zeros((n_blocks, len(inputs.times) if want_times else 0))
    after = {"subtract": 0.0, "to_value": neuron.v_reset, "none": neuron.v_threshold}[neuron.reset]
    _backward(
        acted.starts,
        acted.times,
        acted.neurons,
        inputs.starts,
        inputs.times,
        inputs.neurons,
        weights,
        outputs.starts,
        outputs.times,
        outputs.neurons,
        arriving.reshape(-1)[kept.places].astype(np.float64),
        (neuron.tau_mem, neuron.tau_syn, neuron.r / neuron.tau_syn, neuron.v_threshold, after),
        _BLOCK,
        to_weights,
        to_times,
    )
    total = to_weights[0] if n_groups == 1 else to_weights.sum(axis=0)
    if not want_times:
        return total, None
    late = np.zeros(shape)
    sample = np.repeat(np.arange(batch), np.diff(inputs.starts))
    late.reshape(batch, -1)[sample, kept.slots] = to_times.sum(axis=0)
    return total, late
