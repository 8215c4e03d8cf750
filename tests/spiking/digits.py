"""Spike times of one neuron with fifty digits: slow, and as plain as possible."""

import mpmath
from mpmath import mpf

DIGITS = 50


def first_crossing(u, d, duration, threshold, tau_mem, tau_syn):
    """Seconds until ``u`` reaches ``threshold`` from below, or None. All numbers are mpf; the neuron is armed.

    The piece on which ``u`` rises is found from the zero of the slope, the crossing by bisection of that piece.
    """
    slow, fast = mpf(1) / tau_mem, mpf(1) / tau_syn
    if tau_mem == tau_syn:

        def voltage(s):
            return (u + d * s * slow) * mpmath.exp(-s * slow)

        slope_zero = tau_syn * (d - u) / d if d else None
    else:
        k = d * tau_syn / (tau_mem - tau_syn)

        def voltage(s):
            return (u + k) * mpmath.exp(-s * slow) - k * mpmath.exp(-s * fast)

        ratio = (u + k) * slow / (k * fast) if k else mpf(0)
        slope_zero = -mpmath.log(ratio) / (fast - slow) if ratio > 0 else None
    if u >= threshold:
        return mpf(0)
    low, high = mpf(0), duration
    rises = d > u or (d == u and d < 0)
    if slope_zero is not None and 0 < slope_zero < duration:
        low, high = (low, slope_zero) if rises else (slope_zero, high)
    elif not rises:
        return None
    if voltage(high) < threshold:
        return None
    while high - low > mpf(10) ** (8 - DIGITS) * tau_mem:
        middle = (low + high) / 2
        low, high = (middle, high) if voltage(middle) < threshold else (low, middle)
    return high


def spike_times(neuron, times, weights, t_max, v0=0.0, i0=0.0):
    """Spike times as mpf, for the resets "subtract" and "to_value" and a start below the threshold."""
    with mpmath.workdps(DIGITS):
        tau_mem, tau_syn, r = mpf(neuron.tau_mem), mpf(neuron.tau_syn), mpf(neuron.r)
        threshold = mpf(neuron.v_threshold)
        u, d, now, spikes = mpf(v0), r * mpf(i0), mpf(0), []

        def advance(s):
            slow, fast = mpmath.exp(-s / tau_mem), mpmath.exp(-s / tau_syn)
            if tau_mem == tau_syn:
                return u * slow + d * s / tau_mem * slow, d * fast
            return u * slow + d * tau_syn / (tau_mem - tau_syn) * (slow - fast), d * fast

        for time, weight in [*zip(map(mpf, times), map(mpf, weights), strict=True), (mpf(t_max), mpf(0))]:
            while True:
                s = first_crossing(u, d, time - now, threshold, tau_mem, tau_syn) if time > now else None
                if s is None:
                    break
                u, d = advance(s)
                u = mpf(0) if neuron.reset == "subtract" else mpf(neuron.v_reset)
                now += s
                spikes.append(now)
            u, d = advance(time - now)
            now = time
            d += r * weight / tau_syn
        return spikes
