"""Pairs ``(high, low)`` of float64 that carry about 32 digits, for arrays.

A ratio ``dt / tau`` rounded to float64 costs ``exp(-dt/tau)`` as many units of its last place as there are time
constants in the step, and the alternating sums of a series cancel. Both are cured by a few error-free operations.

References: Dekker, Numer. Math. 18:224 (1971); Hida, Li and Bailey, ARITH-15 (2001).
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Pair = tuple[Floats, Floats]

_SPLIT = 2.0**27 + 1


def pair(value: Fraction) -> Pair:
    """A rational number, for example a coefficient of a series, as a pair."""
    high = float(value)
    return np.array(high), np.array(float(value - Fraction(high)))


def _two_sum(a: Floats, b: Floats) -> Pair:
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _halves(a: Floats) -> Pair:
    scaled = _SPLIT * a
    high = scaled - (scaled - a)
    return high, a - high


def _two_product(a: Floats, b: Floats) -> Pair:
    product = a * b
    (a1, a2), (b1, b2) = _halves(a), _halves(b)
    return product, ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2


def add(x: Pair, y: Pair) -> Pair:
    """``x + y``."""
    high, low = _two_sum(x[0], y[0])
    rest, last = _two_sum(x[1], y[1])
    high, low = _two_sum(high, low + rest)
    return _two_sum(high, low + last)


def multiply(x: Pair, y: Pair) -> Pair:
    """``x y``."""
    high, low = _two_product(x[0], y[0])
    return _two_sum(high, low + x[0] * y[1] + x[1] * y[0])


def quotient(numerator: Floats, denominator: Floats) -> Pair:
    """``numerator / denominator`` of two arrays of float64."""
    mantissa, exponent = np.frexp(numerator)  # so that no partial product leaves the range of float64
    divisor, shift = np.frexp(denominator)
    high = mantissa / divisor
    product, error = _two_product(high, divisor)
    low = ((mantissa - product) - error) / divisor
    return np.ldexp(high, exponent - shift), np.ldexp(low, exponent - shift)


def exp_minus(x: Pair) -> Floats:
    """``exp(-x)`` to rounding, for a pair."""
    return np.exp(-x[0]) * (1 - x[1])
