"""Parts of the event-driven kernels: decays over an interval, and the next crossing within it, for a block of neurons.

The state is ``(u, drive)`` with ``drive = r i``. Everything is float64, also where times are float32: the differences
of times are short, and data-centre GPUs have float64 at half the speed.
"""

from __future__ import annotations

import triton
import triton.language as tl

ITERATIONS = tl.constexpr(60)
"""At most; a handful of parabolas does, and bisection alone needs as many as there are digits."""


@triton.jit
def _expm1(x):
    """Accurate near 0: the error of ``exp`` cancels in the quotient (Kahan)."""
    power = tl.exp(x)
    usable = (power != 1.0) & (x > -30.0)
    quotient = (power - 1.0) * x / tl.where(usable, tl.log(tl.where(usable, power, 2.0)), 1.0)
    return tl.where(power == 1.0, x, tl.where(x > -30.0, quotient, power - 1.0))


@triton.jit
def _log1p(x):
    """Accurate near 0, for ``x > -1``, in the same way."""
    base = 1.0 + x
    usable = (base > 0.0) & (base != 1.0)
    quotient = x * tl.log(tl.where(usable, base, 2.0)) / tl.where(usable, base - 1.0, 1.0)
    return tl.where(base == 1.0, x, quotient)


@triton.jit
def decays(s, tau_mem, tau_syn):
    """Over ``s``: decay of the voltage, of the drive, and what the drive adds to the voltage."""
    mem, syn = tl.exp(-s / tau_mem), tl.exp(-s / tau_syn)
    slow, fast = tl.maximum(tau_mem, tau_syn), tl.minimum(tau_mem, tau_syn)
    gap = slow - fast
    apart = gap > 0.0
    ratio = -_expm1(-s * (gap / (slow * fast)))
    coupled = tl.maximum(mem, syn) * ratio * (tau_syn / tl.where(apart, gap, 1.0))
    return mem, syn, tl.where(apart, coupled, (s / tau_mem) * mem)


@triton.jit
def crossing(u, drive, rest, armed, threshold, tau_mem, tau_syn, QUADRATIC: tl.constexpr):
    """``(s, fires)``: the first crossing of ``threshold > 0`` from below within ``rest``.

    A neuron that begins above its threshold by a rounding fires at once. Otherwise the voltage must rise, towards a
    drive above the threshold, and the maximum or the end of the interval must lie above. The crossing there is the
    smaller root of a quadratic equation for ``tau_mem = 2 tau_syn``, and otherwise found by
    parabolas that osculate, with bisection where one leaves the bracket.
    """
    at_once = armed & (u >= threshold)
    slope = drive - u
    rising = armed & (u < threshold) & (slope > 0.0) & (drive > threshold)
    positive = tl.where(rising, drive, 1.0)
    ahead = tl.where(rising, slope, 0.0) / positive
    gap = (tau_mem - tau_syn) / tau_mem
    never = ahead * gap >= 1.0
    peak = -tau_syn * _log1p(-tl.where(never, 0.0, ahead * gap)) / tl.where(gap == 0.0, 1.0, gap)
    peak = tl.where(gap == 0.0, tau_syn * ahead, peak)
    to_peak = (peak <= rest) & ~never
    high = tl.where(to_peak, peak, rest)
    mem, syn, coupled = decays(high, tau_mem, tau_syn)
    top = tl.where(
        to_peak, drive * syn, u * mem + drive * coupled
    )  # at the maximum voltage and drive are one
    crosses = rising & (top >= threshold)
    s = tl.zeros_like(u)
    if QUADRATIC:
        distance = threshold - u
        inner = tl.maximum(slope * slope - 4.0 * drive * distance, 0.0)
        below = tl.where(crosses, slope + tl.sqrt(inner), 1.0)
        z = 2.0 * tl.where(crosses, distance, 0.0) / below
        s = tl.where(z < 1.0, tl.minimum(-tau_mem * _log1p(-tl.where(z < 1.0, z, 0.0)), high), high)
    else:
        low = tl.zeros_like(u)
        upper = high
        n = 0
        busy = tl.max(crosses.to(tl.int32), 0)
        while busy > 0:
            mem, syn, coupled = decays(s, tau_mem, tau_syn)
            now = drive * syn
            excess = (u * mem + drive * coupled) - threshold
            low = tl.where(excess < 0.0, s, low)
            upper = tl.where(excess < 0.0, upper, s)
            rate = (now - (excess + threshold)) / tau_mem
            curvature = (-now / tau_syn - rate) / tau_mem
            root = rate + tl.sqrt(tl.maximum(rate * rate - 2.0 * excess * curvature, 0.0))
            following = s - 2.0 * excess / tl.where(root > 0.0, root, 1.0)
            fits = (root > 0.0) & (following >= low) & (following <= upper)
            following = tl.where(fits, following, 0.5 * (low + upper))
            moves = crosses & (excess != 0.0) & (tl.abs(following - s) > 2e-16 * following)
            s = tl.where(excess == 0.0, s, following)
            n += 1
            busy = tl.where(n < ITERATIONS, tl.max(moves.to(tl.int32), 0), 0)
    return tl.where(at_once, 0.0, s), at_once | crosses
