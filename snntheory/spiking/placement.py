"""Where within a step the voltage reaches the threshold: on a line, a cubic or a power series.

Everything here takes plain numbers (or arrays, for the coefficients) and is written so that numba can compile it: the
kernel and the reference share these lines. Voltages are relative to the threshold: the crossing is at 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

PLACEMENTS = ("grid", "linear", "cubic", "series")


def taylor_coefficients(
    u: Any, i: Any, tau_mem: float, tau_syn: float, r: float, order: int, coefficients: Any
) -> None:
    """Fill ``coefficients[k]``, k = 0 .. order, with those of the voltage's power series; no input, no drive.

    Definition::

        u_{k+1} = (-u_k + r i_k) / ((k + 1) tau_mem),    i_{k+1} = -i_k / ((k + 1) tau_syn)
    """
    coefficients[0] = u
    for k in range(order):
        coefficients[k + 1] = (-coefficients[k] + r * i) / ((k + 1) * tau_mem)
        i = -i / ((k + 1) * tau_syn)


def polynomial_crossing(coefficients: Any, span: float) -> float:
    """Root of the polynomial in ``[0, span]``, when it starts below 0 and ends at 0 or above.

    Newton's method, kept inside a bracket by bisection. Returns 0 when the polynomial does not start below 0 and
    ``span`` when it does not end above: a truncated series may miss a crossing that the step's end reports.
    """
    n = len(coefficients)
    if coefficients[0] >= 0.0:
        return 0.0
    low, high = 0.0, span
    x = span
    for _ in range(200):
        value, slope = coefficients[n - 1], 0.0
        for k in range(n - 2, -1, -1):
            slope = slope * x + value
            value = value * x + coefficients[k]
        if x == span and value < 0.0:
            return span
        if value >= 0.0:
            high = x
        else:
            low = x
        newton = x - value / slope if slope != 0.0 else low
        if not low < newton < high:
            newton = 0.5 * (low + high)
        if abs(newton - x) <= 1e-16 * span or newton == low or newton == high:
            return newton
        x = newton
    return x


def linear_crossing(u0: float, u1: float, span: float) -> float:
    """Zero of the line through ``(0, u0)`` and ``(span, u1)``, in ``[0, span]``."""
    if u0 >= 0.0:
        return 0.0
    return min(span, span * (-u0 / (u1 - u0)))


def cubic_crossing(u0: float, u1: float, slope0: float, slope1: float, span: float) -> float:
    """Zero in ``[0, span]`` of the cubic with these values and slopes at both ends (Hermite)."""
    coefficients = np.empty(4)
    coefficients[0] = u0
    coefficients[1] = span * slope0
    coefficients[2] = 3.0 * (u1 - u0) - span * (2.0 * slope0 + slope1)
    coefficients[3] = 2.0 * (u0 - u1) + span * (slope0 + slope1)
    return span * polynomial_crossing(coefficients, 1.0)


def peak_within(u: float, i: float, tau_mem: float, tau_syn: float, r: float, span: float) -> float:
    """Time in ``(0, span)`` at which the free voltage is largest, or -1 when it has no maximum there.

    Definition::

        u'(t) = 0   at   t = -ln(1 - g q) / g,    q = tau_mem tau_syn u'(0) / (r i),   g = 1/tau_syn - 1/tau_mem

    ``u``, here the voltage itself and not relative to the threshold, has a maximum only if it rises at first and the
    current is positive; it has at most one.
    """
    if i <= 0.0 or r * i <= u:
        return -1.0
    q = tau_syn * (r * i - u) / (r * i)
    x = (1.0 / tau_syn - 1.0 / tau_mem) * q
    if x >= 1.0:
        return -1.0
    t = q if x == 0.0 else -q * math.log1p(-x) / x
    return t if t < span else -1.0
