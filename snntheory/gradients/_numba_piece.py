"""One piece of a step of the method ``integrated``, compiled: its spikes, and the same lines backwards.

A piece lies between two points, without an input inside; the neuron's own spikes may cut it further. ``c`` holds
``(tau_mem, tau_syn, r, v_threshold, after)``, ``codes`` holds ``(order, placement, restart, extremum, reset, limit)``.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

from ..spiking import placement as _placement
from ..spiking._clocked_numba import _cubic_crossing, polynomial_crossing, shorter_step

compile_kernel: Any = numba.njit(cache=True, error_model="numpy", nogil=True)
_taylor_coefficients = compile_kernel(_placement.taylor_coefficients)
_peak_within = compile_kernel(_placement.peak_within)
PLACEMENTS = {"linear": 0, "cubic": 1, "series": 2}
RESETS = {"none": 0, "subtract": 1, "to_value": 2}


@compile_kernel
def propagator(h, order, c):
    """``R_p(M h)``: decay of u, decay of i, coupling."""
    tau_mem, tau_syn, r = c[0], c[1], c[2]
    mem, syn, coupled, _ = shorter_step(0, order, h, tau_mem, tau_syn, r)
    return mem, syn, coupled


@compile_kernel
def propagator_slope(h, order, c):
    """``d/dh R_p(M h) = M R_{p-1}(M h)``, the same three entries."""
    tau_mem, tau_syn, r = c[0], c[1], c[2]
    mem, syn, coupled, _ = shorter_step(0, order - 1, h, tau_mem, tau_syn, r)
    return -mem / tau_mem, -syn / tau_syn, (r * syn - coupled) / tau_mem


@compile_kernel
def _offset(u, i, to_u, to_i, span, c, codes):
    tau_mem, tau_syn, r, threshold = c[0], c[1], c[2], c[3]
    order, kind = codes[0], codes[1]
    if u >= threshold:
        return 0.0
    if kind == 0:
        return min(span, span * (threshold - u) / (to_u - u))
    if kind == 1:
        slopes = (r * i - u) / tau_mem, (r * to_i - to_u) / tau_mem
        return _cubic_crossing(u - threshold, to_u - threshold, slopes[0], slopes[1], span)
    powers = np.empty(order + 1)
    _taylor_coefficients(u, i, tau_mem, tau_syn, r, order, powers)
    powers[0] -= threshold
    return polynomial_crossing(powers, span)


@compile_kernel
def piece(u, i, span, c, codes, found_at):
    """State at the end, and the number of spikes; the part that each ends is written into ``found_at``.

    Its rows: u, i and time at the part's start, the spike's offset from there, 1 where it was seen at a maximum only.
    """
    tau_mem, tau_syn, r, threshold, after = c
    order, _, restart, extremum, reset, limit = codes
    found, start, left = 0, 0.0, span
    while True:
        mem, syn, coupled = propagator(left, order, c)
        end_u, end_i = mem * u + coupled * i, syn * i
        if reset == 0 and u >= threshold:
            break
        to_u, to_i, to_span, at_peak = end_u, end_i, left, 0.0
        if not end_u >= threshold:
            if not extremum or u >= threshold:
                break
            to_span = _peak_within(u, i, tau_mem, tau_syn, r, left)
            if to_span < 0:
                break
            to_i = i * math.exp(-to_span / tau_syn)
            to_u, at_peak = r * to_i, 1.0
            if to_u < threshold:
                break
        offset = _offset(u, i, to_u, to_i, to_span, c, codes)
        if found < found_at.shape[1]:
            found_at[0, found], found_at[1, found], found_at[2, found] = u, i, start
            found_at[3, found], found_at[4, found] = offset, at_peak
        found += 1
        if not restart or found > limit:
            break
        i *= propagator(offset, order, c)[1]
        u = after
        start += offset
        left = max(left - offset, 0.0)
    return end_u, end_i, found


@compile_kernel
def _offset_slopes(u, i, left, s, at_peak, c, codes):
    """Derivatives of the offset ``s`` with respect to u, i and the length of the part; a root's by its polynomial."""
    tau_mem, tau_syn, r, threshold = c[0], c[1], c[2], c[3]
    order, kind = codes[0], codes[1]
    if u >= threshold:
        return 0.0, 0.0, 0.0
    if kind == 2:
        mem, syn, coupled = propagator(s, order, c)
        d_mem, _, d_coupled = propagator_slope(s, order, c)
        steep = d_mem * u + d_coupled * i
        return -mem / steep, -coupled / steep, 0.0
    # the state that the interpolation runs to, and its derivatives by u, i and the part's length
    if at_peak:
        q = tau_syn * (1.0 - u / (r * i))
        gap = 1.0 / tau_syn - 1.0 / tau_mem
        h = q if gap == 0.0 else -math.log1p(-gap * q) / gap
        by_q = 1.0 / (1.0 - gap * q)
        h_u, h_i, h_left = -by_q * tau_syn / (r * i), by_q * tau_syn * u / (r * i * i), 0.0
        decay = math.exp(-h / tau_syn)
        to_i = i * decay
        to_i_u, to_i_i, to_i_left = -to_i / tau_syn * h_u, decay - to_i / tau_syn * h_i, 0.0
        to_u, to_u_u, to_u_i, to_u_left = r * to_i, r * to_i_u, r * to_i_i, 0.0
    else:
        h, h_u, h_i, h_left = left, 0.0, 0.0, 1.0
        mem, syn, coupled = propagator(left, order, c)
        d_mem, d_syn, d_coupled = propagator_slope(left, order, c)
        to_u, to_u_u, to_u_i, to_u_left = mem * u + coupled * i, mem, coupled, d_mem * u + d_coupled * i
        to_i, to_i_u, to_i_i, to_i_left = syn * i, 0.0, syn, d_syn * i
    rise = to_u - u
    if kind == 0:
        s_h, s_to_u, s_to_i, s_i = s / h, -s / rise, 0.0, 0.0
        s_u = (s - h) / rise
    else:
        x, y = s / h, h / tau_mem
        slope, end_slope = y * (r * i - u), y * (r * to_i - to_u)
        third = slope + end_slope - 2.0 * rise
        steep = slope + x * (2.0 * (rise - slope - third) + 3.0 * x * third)
        one, two = x * (1.0 - x) ** 2, x * x * (x - 1.0)  # the cubics that carry the slopes at both ends
        value = x * x * (3.0 - 2.0 * x)  # and the one that carries the value at the end
        per = -h / steep
        s_u, s_i = per * (1.0 - value - y * one), per * r * y * one
        s_to_u, s_to_i = per * (value - y * two), per * r * y * two
        s_h = x + per * (slope * one + end_slope * two) / h
    return (
        s_u + s_to_u * to_u_u + s_to_i * to_i_u + s_h * h_u,
        s_i + s_to_u * to_u_i + s_to_i * to_i_i + s_h * h_i,
        s_to_u * to_u_left + s_to_i * to_i_left + s_h * h_left,
    )


@compile_kernel
def piece_back(u, i, span, along_u, along_i, found, found_at, arriving, c, codes):
    """The piece backwards: from ``dL/d(u, i)`` at its end and ``dL/d(spike times)`` to those of its beginning.

    Returns ``dL/d(u, i)`` at the start, ``dL/d(time)`` of the start and of the end.
    """
    after, order, restart = c[4], codes[0], codes[2]
    if not restart:
        mem, syn, coupled = propagator(span, order, c)
        d_mem, d_syn, d_coupled = propagator_slope(span, order, c)
        rate = along_u * (d_mem * u + d_coupled * i) + along_i * d_syn * i
        s_u, s_i, s_left = _offset_slopes(u, i, span, found_at[3, 0], found_at[4, 0] > 0, c, codes)
        late = arriving[0]
        return (
            mem * along_u + late * s_u,
            coupled * along_u + syn * along_i + late * s_i,
            late * (1.0 - s_left) - rate,
            late * s_left + rate,
        )
    begin = end = 0.0
    # the rest after the last spike
    i, s = found_at[1, found - 1], found_at[3, found - 1]
    i *= propagator(s, order, c)[1]
    left = max(span - (found_at[2, found - 1] + s), 0.0)
    _, syn, coupled = propagator(left, order, c)
    d_mem, d_syn, d_coupled = propagator_slope(left, order, c)
    rate = along_u * (d_mem * after + d_coupled * i) + along_i * d_syn * i
    end += rate
    at_spike, along_i = -rate, coupled * along_u + syn * along_i
    for k in range(found - 1, -1, -1):
        u, i, start, s = found_at[0, k], found_at[1, k], found_at[2, k], found_at[3, k]
        late = at_spike + arriving[k]
        syn = propagator(s, order, c)[1]
        by_offset = late + along_i * propagator_slope(s, order, c)[1] * i
        s_u, s_i, s_left = _offset_slopes(u, i, span - start, s, found_at[4, k] > 0, c, codes)
        along_u, along_i = by_offset * s_u, along_i * syn + by_offset * s_i
        end += by_offset * s_left
        at_spike = begin = late - by_offset * s_left
    return along_u, along_i, begin, end
