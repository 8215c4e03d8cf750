"""One layer of neurons, event by event, compiled: one pass over all neurons, an exact look at those that may fire.

Between two inputs a neuron with ``threshold > 0`` fires only if it ends at or above the threshold, or if it has passed
a maximum (``drive > u`` before, ``drive < u`` after) and its drive exceeded the threshold. Everybody else only decays,
by factors that all neurons of a sample share: no exponential a neuron and event.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from .crossing import ROUNDING as _ROUNDING
from .layer import HALF_UNIT as _HALF_UNIT
from .layer import LayerConstants, LimitError
from .spike_batch import SpikeBatch

_compile: Any = numba.njit(cache=True, fastmath={"contract"}, error_model="numpy", nogil=True)
_compile_parallel: Any = numba.njit(
    cache=True, fastmath={"contract"}, error_model="numpy", nogil=True, parallel=True
)


@_compile
def _factors(s, tau_mem, tau_syn):
    mem, syn = math.exp(-s / tau_mem), math.exp(-s / tau_syn)
    if tau_mem == tau_syn:
        return mem, syn, (s / tau_mem) * mem
    slow, fast = max(tau_mem, tau_syn), min(tau_mem, tau_syn)
    ratio = -math.expm1(-s * ((slow - fast) / (slow * fast)))
    return mem, syn, max(mem, syn) * ratio * (tau_syn / (slow - fast))


@_compile
def _extremum(u, drive, tau_mem, tau_syn):
    q, gap = (drive - u) / drive, (tau_mem - tau_syn) / tau_mem
    if gap == 0.0:
        return tau_syn * q
    if q * gap >= 1.0:
        return math.inf
    return -tau_syn * math.log1p(-q * gap) / gap


@_compile
def _rise(u, drive, low, high, threshold, tau_mem, tau_syn):
    """The crossing in ``[low, high]``, where ``u`` rises: parabolas that osculate, kept in the bracket."""
    slow, fast = max(tau_mem, tau_syn), min(tau_mem, tau_syn)
    gap = (slow - fast) / (slow * fast)
    s, at_end = low, False
    for _ in range(100):
        if s < slow:  # two exponentials do: 1 - e^{-s/slow} and 1 - e^{-s gap}
            slower, ratio = math.expm1(-s / slow), math.expm1(-s * gap)
            faster = slower + ratio + slower * ratio
            loss, syn = (slower, 1.0 + faster) if tau_mem == slow else (faster, 1.0 + slower)
            if gap == 0.0:
                coupled = (s / tau_mem) * (1.0 + slower)
            else:
                coupled = -(1.0 + slower) * ratio * (tau_syn / (slow - fast))
        else:
            loss = math.expm1(-s / tau_mem)
            _, syn, coupled = _factors(s, tau_mem, tau_syn)
        excess = (u - threshold) + u * loss + drive * coupled
        if excess == 0.0:
            return s
        low, high = (s, high) if excess < 0.0 else (low, s)
        now = drive * syn
        slope = (now - (excess + threshold)) / tau_mem
        curvature = (-now / tau_syn - slope) / tau_mem
        there = math.sqrt(
            max(slope * slope - 2.0 * excess * curvature, 0.0)
        )  # the slope where the parabola crosses
        root = slope + there
        following = s - 2.0 * excess / root if root > 0.0 else high
        step = abs(following - s)
        if low < following < high:
            third = abs(now / (tau_syn * tau_syn) - curvature) / tau_mem  # what the parabola has left out
            if step <= 2e-16 * s or third * step * step * step <= 3e-16 * there * following:
                return following
        elif step <= 4e-16 * s or high - low <= 2e-16 * high:
            return s  # a step of the size of its own rounding, over the edge
        elif following >= high and not at_end:
            following, at_end = high, True
        else:
            following = 0.5 * (low + high)
        s = following
    return s


@_compile
def _reach(u, later, left, late, threshold):
    """What ``u`` may reach at the end of an interval, up to rounding and ``late`` (in ``tau_mem``) after it."""
    return later + (left - later) * late + _ROUNDING * (abs(u) + abs(threshold))


@_compile
def _search(u, drive, duration, reach, armed, threshold, tau_mem, tau_syn):
    """As :func:`snntheory.spiking.crossing.crossing_time`, given what ``u`` reaches at the end."""
    if armed and u >= threshold:
        return 0.0
    if not armed and threshold >= 0.0:
        return math.inf
    slope = drive - u
    low, high = 0.0, duration
    if slope > 0.0 or (slope == 0.0 and drive < 0.0):
        if not armed or (threshold >= 0.0 and drive <= threshold):
            return math.inf
        if threshold == 0.0 or reach < threshold:
            peak = _extremum(u, drive, tau_mem, tau_syn) if drive > 0.0 else math.inf
            if threshold >= 0.0 and peak == math.inf:
                return math.inf
            if threshold == 0.0:
                gap = (tau_mem - tau_syn) / tau_syn
                part = u / drive
                if part * gap <= -1.0:
                    return math.inf
                s = -tau_mem * (math.log1p(part * gap) / gap if gap != 0.0 else part)
                return s if s <= duration else math.inf
            if peak > duration:
                return math.inf
            high = peak
            if tau_mem == 2.0 * tau_syn:
                rest = 1.0 - slope / drive / 2.0
                top = drive * (rest * rest)
            else:
                top = drive * math.exp(-peak / tau_syn)
            if top < threshold:
                return math.inf
    else:
        if threshold >= 0.0 or drive >= 0.0 or reach < threshold:
            return math.inf
        low = _extremum(u, drive, tau_mem, tau_syn)
        if low >= high or (not armed and drive * math.exp(-low / tau_syn) >= threshold):
            return math.inf
    if low == 0.0:
        distance = threshold - u
        if tau_mem == 2.0 * tau_syn:
            z = 2.0 * distance / (slope + math.sqrt(max(slope * slope - 4.0 * drive * distance, 0.0)))
            return min(-tau_mem * math.log1p(-z), high) if z < 1.0 else high
        if tau_syn == 2.0 * tau_mem:
            z = distance / (slope + math.sqrt(max(slope * slope - (2.0 * drive - u) * distance, 0.0)))
            return min(-tau_syn * math.log1p(-z), high) if z < 1.0 else high
    return _rise(u, drive, low, high, threshold, tau_mem, tau_syn)


@_compile
def crossing_time(u, drive, duration, armed, threshold, tau_mem, tau_syn):
    """As :func:`snntheory.spiking.crossing.crossing_time`."""
    mem, _, coupled = _factors(duration, tau_mem, tau_syn)
    reach = _reach(u, u * mem + drive * coupled, 0.0, 0.0, threshold)
    return _search(u, drive, duration, reach, armed, threshold, tau_mem, tau_syn)


@_compile
def _may_fire(u, drive, later, left, reach, threshold):
    """Whether an armed neuron can fire before ``(later, left)``, for ``threshold > 0``: it ends above, or it has
    passed a maximum that may lie above, or it starts above by a rounding."""
    return (reach >= threshold) | ((drive > threshold) & (drive > u) & (left <= later)) | (u >= threshold)


@_compile
def _sort(times, neurons):
    """By time, then by neuron. Insertion for the few spikes of an interval, merging for many."""
    if len(times) > 64:
        order = np.argsort(times, kind="mergesort")
        times[:] = times[order].copy()
        neurons[:] = neurons[order].copy()
        return
    for k in range(1, len(times)):
        time, neuron, place = times[k], neurons[k], k
        while place > 0 and times[place - 1] > time:
            times[place], neurons[place] = times[place - 1], neurons[place - 1]
            place -= 1
        times[place], neurons[place] = time, neuron


@_compile
def _feed_forward_sample(times, senders, weights, t_max, c, max_spikes, out_times, out_neurons):
    tau_mem, tau_syn, gain, threshold, after, u_start, drive_start = c
    n, room = weights.shape[1], len(out_times)
    resets = not math.isnan(after)
    screen = resets and threshold > 0.0 and u_start < threshold
    u, drive = np.full(n, u_start), np.full(n, drive_start)
    next_u, next_drive = np.empty(n), np.empty(n)
    armed, look = np.full(n, u_start < threshold), np.full(n, True)
    counts = np.zeros(n, np.int64)
    now, total, over = 0.0, 0, -1
    for event in range(len(times) + 1):
        is_input = event < len(times)
        end = times[event] if is_input else t_max
        late = _HALF_UNIT * end / tau_mem
        if end > now:
            length = end - now
            mem, syn, coupled = _factors(length, tau_mem, tau_syn)
            any_look = not screen
            if screen:
                for j in range(n):
                    later, left = u[j] * mem + drive[j] * coupled, drive[j] * syn
                    reach = _reach(u[j], later, left, late, threshold)
                    look[j] = _may_fire(u[j], drive[j], later, left, reach, threshold)
                    any_look |= look[j]
                    next_u[j], next_drive[j] = later, left
            else:
                for j in range(n):
                    next_u[j] = u[j] * mem + drive[j] * coupled
                    next_drive[j] = drive[j] * syn
            if any_look:
                begin = total
                for j in range(n):
                    if not look[j]:
                        continue
                    elapsed, rest = 0.0, length
                    v, d, may = u[j], drive[j], armed[j]
                    while rest > 0.0:
                        reach = _reach(v, next_u[j], next_drive[j], late, threshold)
                        s = _search(v, d, rest + late * tau_mem, reach, may, threshold, tau_mem, tau_syn)
                        if s == math.inf:
                            break
                        s = min(s, rest)
                        d *= math.exp(-s / tau_syn)
                        v = after if resets else threshold
                        may = resets
                        elapsed += s
                        rest = max(length - elapsed, 0.0)
                        if total < room:
                            out_times[total] = min(now + elapsed, end)
                            out_neurons[total] = j
                        total += 1
                        counts[j] += 1
                        if counts[j] > max_spikes:
                            over = j
                            break
                        part, faded, given = _factors(rest, tau_mem, tau_syn)
                        next_u[j], next_drive[j] = v * part + d * given, d * faded
                        reach = _reach(v, next_u[j], next_drive[j], late, threshold)
                        if screen and not _may_fire(v, d, next_u[j], next_drive[j], reach, threshold):
                            break
                    if over >= 0:
                        break
                    armed[j] = may or next_u[j] < threshold
                last = min(total, room)
                if last - begin > 1:
                    _sort(out_times[begin:last], out_neurons[begin:last])
                if over >= 0:
                    break
            u, next_u = next_u, u
            drive, next_drive = next_drive, drive
            now = end
        if is_input:
            row = weights[senders[event]]
            for j in range(n):
                drive[j] += gain * row[j]
    return total, over


@_compile
def _recurrent_sample(times, senders, weights, among, t_max, c, max_spikes, out_times, out_neurons):
    tau_mem, tau_syn, gain, threshold, after, u_start, drive_start = c
    n, room = among.shape[0], len(out_times)
    resets = not math.isnan(after)
    screen = resets and threshold > 0.0 and u_start < threshold
    u, drive = np.full(n, u_start), np.full(n, drive_start)
    armed, waits = np.full(n, u_start < threshold), np.empty(n)
    counts = np.zeros(n, np.int64)
    now, total, over = 0.0, 0, -1
    for event in range(len(times) + 1):
        is_input = event < len(times)
        end = times[event] if is_input else t_max
        late = _HALF_UNIT * end / tau_mem
        elapsed = 0.0
        while True:
            rest = max(end - now - elapsed, 0.0)
            mem, syn, coupled = _factors(rest, tau_mem, tau_syn)
            first = math.inf
            for j in range(n):
                later, left = u[j] * mem + drive[j] * coupled, drive[j] * syn
                reach = _reach(u[j], later, left, late, threshold)
                waits[j] = math.inf
                if not screen or _may_fire(u[j], drive[j], later, left, reach, threshold):
                    longer = rest + late * tau_mem
                    waits[j] = _search(u[j], drive[j], longer, reach, armed[j], threshold, tau_mem, tau_syn)
                    if waits[j] < math.inf:
                        waits[j] = min(waits[j], rest)
                    first = min(first, waits[j])
            if first < math.inf:
                mem, syn, coupled = _factors(first, tau_mem, tau_syn)
            for j in range(n):
                u[j] = u[j] * mem + drive[j] * coupled
                drive[j] *= syn
                armed[j] |= u[j] < threshold
            if first == math.inf:
                break
            elapsed += first
            for j in range(n):
                if waits[j] == first:
                    u[j] = after if resets else threshold
                    armed[j] = resets
                    counts[j] += 1
                    if total < room:
                        out_times[total] = min(now + elapsed, end)
                        out_neurons[total] = j
                    total += 1
                    if counts[j] > max_spikes:
                        over = j
                    row = among[j]
                    for k in range(n):
                        drive[k] += gain * row[k]
            if over >= 0:
                break
        if over >= 0:
            break
        now = end
        if is_input:
            row = weights[senders[event]]
            for j in range(n):
                drive[j] += gain * row[j]
    return total, over


@_compile_parallel
def _feed_forward_batch(
    starts, times, senders, weights, t_max, c, max_spikes, out_times, out_neurons, totals, over
):
    for sample in numba.prange(len(starts) - 1):
        mine = slice(starts[sample], starts[sample + 1])
        given = (times[mine], senders[mine], weights, t_max, c, max_spikes)
        totals[sample], over[sample] = _feed_forward_sample(*given, out_times[sample], out_neurons[sample])


@_compile_parallel
def _recurrent_batch(
    starts, times, senders, weights, among, t_max, c, max_spikes, out_times, out_neurons, totals, over
):
    for sample in numba.prange(len(starts) - 1):
        mine = slice(starts[sample], starts[sample + 1])
        given = (times[mine], senders[mine], weights, among, t_max, c, max_spikes)
        totals[sample], over[sample] = _recurrent_sample(*given, out_times[sample], out_neurons[sample])


def _run(
    sample_kernel: Any,
    batch_kernel: Any,
    spikes: SpikeBatch,
    weights: tuple[NDArray[np.float64], ...],
    constants: LayerConstants,
    t_max: float,
    max_spikes: int,
) -> SpikeBatch:
    batch, n = len(spikes), weights[0].shape[1]
    totals, over = np.zeros(batch, np.int64), np.empty(batch, np.int64)
    room = 8 * n + 64
    while True:
        times, neurons = np.empty((batch, room)), np.empty((batch, room), np.int64)
        given = (spikes.times, spikes.neurons, *weights, t_max, tuple(constants), max_spikes)
        if batch == 1:  # starting threads takes longer than one small sample
            totals[0], over[0] = sample_kernel(*given, times[0], neurons[0])
        else:
            batch_kernel(spikes.starts, *given, times, neurons, totals, over)
        if np.any(over >= 0):
            sample = int(np.argmax(over >= 0))
            raise LimitError(sample, int(over[sample]))
        if totals.max(initial=0) <= room:
            break
        room = int(totals.max())  # run again: seldom, and cheaper than growing inside the loop
    kept = np.arange(room) < totals[:, None]
    return SpikeBatch.trusted(times[kept], neurons[kept], np.concatenate([[0], np.cumsum(totals)]), n)


def feed_forward(
    spikes: SpikeBatch, weights: NDArray[np.float64], constants: LayerConstants, t_max: float, max_spikes: int
) -> SpikeBatch:
    """See :func:`snntheory.spiking.layer.feed_forward`."""
    return _run(
        _feed_forward_sample,
        _feed_forward_batch,
        spikes,
        (np.ascontiguousarray(weights),),
        constants,
        t_max,
        max_spikes,
    )


def recurrent(
    spikes: SpikeBatch,
    weights: NDArray[np.float64],
    among: NDArray[np.float64],
    constants: LayerConstants,
    t_max: float,
    max_spikes: int,
) -> SpikeBatch:
    """See :func:`snntheory.spiking.layer.recurrent`."""
    both = (np.ascontiguousarray(weights), np.ascontiguousarray(among))
    return _run(_recurrent_sample, _recurrent_batch, spikes, both, constants, t_max, max_spikes)
