"""Interval arithmetic on arrays: numbers with an error bar that is a proof.

Sums, products and quotients are rounded outwards by one unit in the last place; exponentials by four, which assumes
that ``numpy.exp`` is right to four (test_certified.py looks).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class Interval:
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, value) -> Interval:
        return (
            value if isinstance(value, Interval) else cls(np.asarray(value, float), np.asarray(value, float))
        )

    def __add__(self, other) -> Interval:
        other = Interval.of(other)
        return wider(self.low + other.low, self.high + other.high)

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.low)

    def __sub__(self, other) -> Interval:
        return self + (-Interval.of(other))

    def __mul__(self, other) -> Interval:
        other = Interval.of(other)
        products = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return wider(np.minimum.reduce(products), np.maximum.reduce(products))

    def __truediv__(self, other: float) -> Interval:
        assert np.all(np.asarray(other) > 0)
        return wider(self.low / other, self.high / other)

    __radd__, __rmul__ = __add__, __mul__

    def __getitem__(self, index) -> Interval:
        return Interval(self.low[index], self.high[index])


def wider(low, high, by: int = 1) -> Interval:
    """Outwards by at least ``by`` units in the last place (a unit is at most ``2^-52 |x|``), and by 1e-300 near 0."""
    share = by * 2.0**-52
    return Interval(low - (np.abs(low) * share + 1e-300), high + (np.abs(high) * share + 1e-300))


def exp(x: Interval) -> Interval:
    return wider(np.exp(x.low), np.exp(x.high), by=4)


def where(condition, a: Interval, b: Interval) -> Interval:
    a, b = Interval.of(a), Interval.of(b)
    return Interval(np.where(condition, a.low, b.low), np.where(condition, a.high, b.high))
