r"""The next spike from a state: does the voltage reach the threshold before the next input, and when?

Between two inputs, with the drive ``d = r i`` (the current as a voltage) and ``x(s)`` the value after a time ``s``::

    u(s) = u e^{-s/tau_mem} + d c(s),       d(s) = d e^{-s/tau_syn},
    c(s) = tau_syn (e^{-s/tau_mem} - e^{-s/tau_syn}) / (tau_mem - tau_syn)

**At most one extremum.** ``tau_mem u'(s) = d(s) - u(s) = A e^{-s/tau_mem} + B e^{-s/tau_syn}`` is zero only where
``e^{-s (1/tau_syn - 1/tau_mem)} = -A/B``. The left side is strictly monotonic, so there is at most one such ``s``; for
equal time constants the slope is ``(A + B s) e^{-s/tau}``, with at most one zero as well. It lies at::

    s* = -tau_syn log(1 - q gap) / gap      (tau_syn q where gap = 0),
    q = (d - u) / d,    gap = (tau_mem - tau_syn) / tau_mem

where ``u(s*) = d(s*)``. So the voltage rises, then falls, or falls, then rises, and each piece holds at most one
crossing: its ends decide whether there is one, and they bracket it. Nothing has to be searched for, so no crossing is
lost and none is invented.

**Which crossings can be.** ``u`` tends to 0. A crossing from below at ``threshold >= 0`` needs a maximum at or above
it, and lies before that. A neuron that falls first and then rises does so below 0, so only a negative threshold can
be crossed there. While ``u`` rises with ``d > 0``, ``(d - u)' = -d/tau_syn - (d - u)/tau_mem < 0``: ``u`` is concave.

**Contact.** A maximum that is exactly the threshold counts as a crossing: the neuron fires when ``u`` *reaches* the
threshold. ``u(s*) = d e^{-s*/tau_syn}`` is computed to a few units in the last place; contacts within them may go
either way. At the end of an interval, where the next input acts, doubt is for the spike: an input at the very moment of
a crossing must not undo it.
"""

from __future__ import annotations

import math

from scipy.optimize import brentq
from scipy.special import lambertw

from .. import _check
from ..neuron import CubaLIF

ROUNDING = 4.4e-16
"""Two units in the last place: a voltage that misses the threshold by less at the end of an interval has reached it."""


def factors(s: float, tau_mem: float, tau_syn: float) -> tuple[float, float, float]:
    """``e^{-s/tau_mem}``, ``e^{-s/tau_syn}`` and ``c(s)``, each with a small relative error for any time constants."""
    mem, syn = math.exp(-s / tau_mem), math.exp(-s / tau_syn)
    if tau_mem == tau_syn:
        return mem, syn, (s / tau_mem) * mem
    slow, fast = max(tau_mem, tau_syn), min(tau_mem, tau_syn)
    ratio = -math.expm1(-s * (slow - fast) / (slow * fast))
    return mem, syn, max(mem, syn) * ratio * tau_syn / (slow - fast)


def losses(s: float, tau_mem: float, tau_syn: float) -> tuple[float, float]:
    """``1 - e^{-s/tau_mem}`` and ``1 - e^{-s/tau_syn}``: what is exact for short times."""
    return -math.expm1(-s / tau_mem), -math.expm1(-s / tau_syn)


def extremum_time(u: float, drive: float, tau_mem: float, tau_syn: float) -> float:
    """Time of the extremum of ``u``; negative if it lies in the past, infinite if there is none."""
    if drive == 0.0:
        return math.inf
    q, gap = (drive - u) / drive, (tau_mem - tau_syn) / tau_mem
    if gap == 0.0:
        return tau_syn * q
    return -tau_syn * math.log1p(-q * gap) / gap if q * gap < 1.0 else math.inf


def _root(
    u: float, drive: float, low: float, high: float, threshold: float, tau_mem: float, tau_syn: float
) -> float:
    """The crossing in a piece ``[low, high]`` on which ``u`` rises from below the threshold to it or above it."""
    distance, slope = threshold - u, drive - u
    if (
        low == 0.0 and tau_mem == 2 * tau_syn
    ):  # drive z^2 - slope z + distance = 0 with z = 1 - e^{-s/tau_mem}
        z = 2 * distance / (slope + math.sqrt(max(slope * slope - 4 * drive * distance, 0.0)))
        return min(-tau_mem * math.log1p(-z), high) if z < 1.0 else high
    if (
        low == 0.0 and tau_syn == 2 * tau_mem
    ):  # (2 drive - u) z^2 - 2 slope z + distance = 0, z = 1 - e^{-s/tau_syn}
        z = distance / (slope + math.sqrt(max(slope * slope - (2 * drive - u) * distance, 0.0)))
        return min(-tau_syn * math.log1p(-z), high) if z < 1.0 else high

    def excess(s: float) -> float:
        return (u - threshold) - u * losses(s, tau_mem, tau_syn)[0] + drive * factors(s, tau_mem, tau_syn)[2]

    if low == 0.0 and tau_mem == tau_syn and drive > 0.0:
        # at a time p tau before the maximum, u = top (1 - p) e^p
        peak = extremum_time(u, drive, tau_mem, tau_syn)
        top = drive * math.exp(-peak / tau_syn)
        if top > 0.0 and threshold <= top:
            s = peak - tau_syn * (1.0 + float(lambertw(-threshold / top / math.e).real))
            mem, syn, coupled = factors(s, tau_mem, tau_syn)
            rise = (drive * syn - u * mem - drive * coupled) / tau_mem
            if rise * tau_mem > 1e-4 * abs(
                threshold
            ):  # Newton's step takes away what the difference has lost
                s -= excess(s) / rise
            return min(max(s, 0.0), high)
    if excess(high) <= 0.0:  # a contact, up to rounding
        return high
    return float(brentq(excess, low, high, xtol=1e-300, rtol=8.9e-16))


def crossing_time(
    u: float, drive: float, duration: float, armed: bool, threshold: float, tau_mem: float, tau_syn: float
) -> float:
    """:func:`first_crossing` on plain numbers, without checks; infinite if there is none."""
    if armed and u >= threshold:
        return 0.0
    if not armed and threshold >= 0.0:
        return math.inf
    slope = drive - u
    if slope > 0.0 or (slope == 0.0 and drive < 0.0):  # rises first
        if not armed or (threshold >= 0.0 and drive <= threshold):
            return math.inf
        peak = extremum_time(u, drive, tau_mem, tau_syn) if drive > 0.0 else math.inf
        if threshold >= 0.0 and peak == math.inf:
            return math.inf
        if threshold == 0.0:  # where u = 0 the two exponentials are in a known ratio
            gap = (tau_mem - tau_syn) / tau_syn
            part = u / drive
            if part * gap <= -1.0:
                return math.inf
            s = -tau_mem * (math.log1p(part * gap) / gap if gap else part)
            return s if s <= duration else math.inf
        if peak <= duration:
            low, high = 0.0, peak
            if tau_mem == 2 * tau_syn:
                top = drive * (1.0 - slope / drive / 2) ** 2
            else:
                top = drive * math.exp(-peak / tau_syn)
            if top < threshold:
                return math.inf
            return _root(u, drive, low, high, threshold, tau_mem, tau_syn)
        low, high = 0.0, duration
    else:  # falls first: up again only towards 0, from below
        if threshold >= 0.0 or drive >= 0.0:
            return math.inf
        low, high = extremum_time(u, drive, tau_mem, tau_syn), duration
        if low >= high or (not armed and drive * math.exp(-low / tau_syn) >= threshold):
            return math.inf
    mem, _, coupled = factors(high, tau_mem, tau_syn)
    if u * mem + drive * coupled + ROUNDING * (abs(u) + abs(threshold)) < threshold:
        return math.inf
    return _root(u, drive, low, high, threshold, tau_mem, tau_syn)


def first_crossing(
    neuron: CubaLIF, voltage: float, current: float, duration: float, armed: bool = True
) -> float | None:
    """Time until the voltage next reaches the threshold from below, without further input.

    Definition::

        min { s in [0, duration] : u(s) = v_threshold, u < v_threshold just before }

    In closed form for ``tau_mem = 2 tau_syn`` and ``tau_syn = 2 tau_mem`` (a quadratic equation in the slower decay),
    for equal time constants (Lambert's W) and for a threshold of 0; bracketed by the extremum otherwise.

    Parameters
    ----------
    neuron : CubaLIF
    voltage, current : float
        State now. A voltage at or above the threshold fires at once if the neuron is armed.
    duration : float
        Time in seconds until the next input, at least 0; a crossing at ``duration`` itself counts.
    armed : bool
        Whether the neuron has been below its threshold since it last fired or started; if not, it must fall below
        first.

    Returns
    -------
    float or None
        Seconds from now, None if there is no crossing.

    Accuracy: that of the state's own rounding, 1e-15 of the time constants divided by the relative slope at the
    crossing; tests/spiking/test_crossing.py compares with 50 digits.

    References
    ----------
    The quadratic case: Cojocaru (2024), equations (8), (9); the search between inputs: Lee et al. (2023), section 4.2.
    """
    voltage, current = _check.number("voltage", voltage), _check.number("current", current)
    duration = _check.number("duration", duration, "s", minimum=0.0)
    s = crossing_time(
        voltage,
        neuron.r * current,
        duration,
        bool(armed),
        neuron.v_threshold,
        neuron.tau_mem,
        neuron.tau_syn,
    )
    return None if s == math.inf else s
