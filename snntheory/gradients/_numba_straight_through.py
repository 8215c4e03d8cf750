"""Exact neurons whose spikes travel on a grid, for a batch, compiled; the gradient is a sweep of ``_numba_adjoint``.

With ``late="carry"`` the crossings are those of the exact layer, and what is sent follows from them. With ``"drop"`` a
neuron is blind until its last spike has been sent, which a kernel of its own does inside the loop over events.

The published estimator is the same sweep as the clean one: at a crossing ``b = a + theta``, so that the two factors of
Cojocaru's equation (12) are one, ``f = h = tau_mem / (a - theta)``. Only ``a``, the drive, is taken from the arrivals
that acted; the sweep itself goes over the arrivals before their rounding.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from ..neuron import CubaLIF
from ..spiking import SpikeBatch, numba_layer
from ..spiking.layer import HALF_UNIT as _HALF_UNIT
from ..spiking.layer import LayerConstants, LimitError
from ..spiking.numba_layer import _compile, _compile_parallel, _factors, _may_fire, _reach, _search, _sort
from ..spiking.rounding import ON_GRID as _ON_GRID
from ..spiking.rounding import ROUNDING
from ._numba_adjoint import Spikes, events

Floats = NDArray[np.float64]


class Grid(NamedTuple):
    """Where spikes may be sent: ``n dt``, ``n`` up to ``last``."""

    dt: float
    rounding: str
    late: str
    last: int


@_compile
def _grid_index(time, dt, rounding):
    """As :func:`snntheory.spiking.grid_index`; ``rounding`` is a place in ``ROUNDING``."""
    ratio = time / dt
    if rounding == 1:
        return np.int64(math.floor(ratio + 0.5 + _ON_GRID))
    nearest = math.floor(ratio + 0.5)
    if abs(ratio - nearest) <= max(_ON_GRID, 4 * np.spacing(ratio)):
        return np.int64(nearest) + (1 if rounding == 2 else 0)
    return np.int64(math.ceil(ratio))


@_compile
def _sent_steps(starts, times, neurons, n, dt, rounding, steps):
    """One spike a step and neuron: ``n_k = max(round(t_k), n_{k-1} + 1)``."""
    free = np.empty(n, np.int64)
    for sample in range(len(starts) - 1):
        free[:] = np.iinfo(np.int64).min
        for k in range(starts[sample], starts[sample + 1]):
            j = neurons[k]
            steps[k] = max(_grid_index(times[k], dt, rounding), free[j])
            free[j] = steps[k] + 1


@_compile
def _dropping_sample(times, senders, weights, t_max, c, dt, rounding, max_spikes, out_times, out_neurons):
    """As ``numba_layer._feed_forward_sample``, but a neuron cannot spike before ``open_at``, when its last one is sent.

    It must then come up from below: a voltage that crossed in between, and stays above, sends nothing.
    """
    tau_mem, tau_syn, gain, threshold, after, u_start, drive_start = c
    n, room = weights.shape[1], len(out_times)
    resets = not math.isnan(after)
    screen = resets and threshold > 0.0 and u_start < threshold
    u, drive = np.full(n, u_start), np.full(n, drive_start)
    next_u, next_drive = np.empty(n), np.empty(n)
    armed, look = np.full(n, u_start < threshold), np.full(n, True)
    counts, steps, open_at = np.zeros(n, np.int64), np.full(n, -(2**62)), np.zeros(n)
    half = 0.5 if rounding == 1 else 0.0
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
                    next_u[j], next_drive[j] = u[j] * mem + drive[j] * coupled, drive[j] * syn
            if any_look:
                begin = total
                for j in range(n):
                    if not look[j]:
                        continue
                    elapsed, rest = 0.0, length
                    v, d, may = u[j], drive[j], armed[j]
                    if now < open_at[j]:
                        elapsed = min(open_at[j] - now, length)
                        mem, syn, coupled = _factors(elapsed, tau_mem, tau_syn)
                        v, d, rest = v * mem + d * coupled, d * syn, length - elapsed
                        may = v < threshold
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
                        time = min(now + elapsed, end)
                        if total < room:
                            out_times[total], out_neurons[total] = time, j
                        total += 1
                        counts[j] += 1
                        if counts[j] > max_spikes:
                            over = j
                            break
                        steps[j] = max(_grid_index(time, dt, rounding), steps[j] + 1)
                        open_at[j] = (steps[j] + half) * dt
                        rest = max(length - elapsed, 0.0)
                        mem, syn, coupled = _factors(rest, tau_mem, tau_syn)
                        next_u[j], next_drive[j] = v * mem + d * coupled, d * syn
                        blind = min(max(open_at[j] - time, 0.0), rest)
                        mem, syn, coupled = _factors(blind, tau_mem, tau_syn)
                        v, d = v * mem + d * coupled, d * syn
                        may = v < threshold
                        elapsed += blind
                        rest -= blind
                    if over >= 0:
                        break
                    armed[j] = may if rest <= 0.0 else may or next_u[j] < threshold
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


@_compile_parallel
def _dropping_batch(
    starts, times, senders, weights, t_max, c, dt, rounding, max_spikes, out_times, out_neurons, totals, over
):
    for sample in numba.prange(len(starts) - 1):
        mine = slice(starts[sample], starts[sample + 1])
        given = (times[mine], senders[mine], weights, t_max, c, dt, rounding, max_spikes)
        totals[sample], over[sample] = _dropping_sample(*given, out_times[sample], out_neurons[sample])


def _dropping(
    spikes: SpikeBatch, weights: Floats, neuron: CubaLIF, t_max: float, grid: Grid, limit: int
) -> SpikeBatch:
    batch, n = len(spikes), weights.shape[1]
    totals, over = np.zeros(batch, np.int64), np.empty(batch, np.int64)
    room = 8 * n + 64
    constants = tuple(LayerConstants.of(neuron))
    rounding = ROUNDING.index(grid.rounding)
    while True:
        times, neurons = np.empty((batch, room)), np.empty((batch, room), np.int64)
        given = (spikes.starts, spikes.times, spikes.neurons, weights, t_max, constants)
        _dropping_batch(*given, grid.dt, rounding, limit, times, neurons, totals, over)
        if np.any(over >= 0):
            sample = int(np.argmax(over >= 0))
            raise LimitError(sample, int(over[sample]))
        if totals.max(initial=0) <= room:
            break
        room = int(totals.max())
    kept = np.arange(room) < totals[:, None]
    return SpikeBatch.trusted(times[kept], neurons[kept], np.concatenate([[0], np.cumsum(totals)]), n)


@_compile
def _places(starts, neurons, steps, last, n, most, places, counts):
    """The slot of each spike in a padded array, -1 where the train is longer than that or the window is over."""
    for sample in range(len(starts) - 1):
        for k in range(starts[sample], starts[sample + 1]):
            j = neurons[k]
            places[k] = -1
            if steps[k] <= last:
                count = counts[sample, j]
                if count < most:
                    places[k] = (sample * n + j) * most + count
                counts[sample, j] = count + 1


class Kept(NamedTuple):
    """What is kept for the backward pass: arrivals that acted, and the spikes of the sweep."""

    acted: SpikeBatch
    spikes: Spikes


def forward(
    sent: NDArray[np.float64],
    crossings: NDArray[np.float64] | None,
    weights: Floats,
    neuron: CubaLIF,
    t_max: float,
    grid: Grid,
    max_spikes: int,
    limit: int,
) -> tuple[Floats, Floats, NDArray[np.int64], Kept]:
    """What the neurons send, their crossings, how often each sent within the window, and what is kept.

    ``sent``: padded arrivals on the grid. ``crossings``: the same spikes before their rounding, in the same slots; with
    ``None`` the backward pass takes ``sent`` (the clean estimator).

    Raises
    ------
    LimitError
        A neuron crossed more than ``limit`` times.
    ValueError
        See :func:`snntheory.gradients._numba_adjoint.events`.
    """
    acted, slots = events(sent)
    if grid.late == "carry":
        found = numba_layer.feed_forward(acted, weights, LayerConstants.of(neuron), t_max, limit)
    else:
        found = _dropping(acted, weights, neuron, t_max, grid, limit)
    batch, n = len(acted), weights.shape[1]
    steps, places = np.empty(len(found.times), np.int64), np.empty(len(found.times), np.int64)
    rounding = ROUNDING.index(grid.rounding)
    _sent_steps(found.starts, found.times, found.neurons, n, grid.dt, rounding, steps)
    counts = np.zeros((batch, n), np.int64)
    _places(found.starts, found.neurons, steps, grid.last, n, max_spikes, places, counts)
    kept = places >= 0
    if not kept.all():
        starts = np.concatenate([[0], np.cumsum(kept)])[found.starts]
        found = SpikeBatch.trusted(found.times[kept], found.neurons[kept], starts, n)
        places, steps = places[kept], steps[kept]
    both = np.full((2, batch * n * max_spikes), np.inf)
    both[0][places], both[1][places] = np.minimum(steps * grid.dt, t_max), found.times
    inputs = acted
    if crossings is not None:
        inputs, slots = events(np.where(np.isfinite(sent), crossings, np.inf))
    shape = (batch, n, max_spikes)
    spikes = Spikes(inputs, slots, found, places)
    return both[0].reshape(shape), both[1].reshape(shape), counts, Kept(acted, spikes)
