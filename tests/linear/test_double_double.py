"""Pairs of float64: against rational arithmetic and 60 digits."""

from fractions import Fraction

import mpmath
import numpy as np

from snntheory import CubaLIF, discretize
from snntheory.linear import _double_double as dd

RNG = np.random.default_rng(8)


def exact(pair, n):
    return Fraction(float(pair[0][n])) + Fraction(float(pair[1][n]))


def test_operations_keep_thirty_digits():
    a, b = 10.0 ** RNG.uniform(-12, 3, (2, 200))
    x, y = dd.quotient(a, b), dd.quotient(b, a)
    for result, operation in (
        (x, lambda n: Fraction(a[n]) / Fraction(b[n])),
        (dd.add(x, y), lambda n: exact(x, n) + exact(y, n)),
        (dd.add(x, (-y[0], -y[1])), lambda n: exact(x, n) - exact(y, n)),
        (dd.multiply(x, y), lambda n: exact(x, n) * exact(y, n)),
    ):
        for n in range(200):
            size = max(abs(exact(x, n)), abs(exact(y, n)), abs(operation(n)))
            # 2^-104 is one rounding of a pair, a few of them make an operation
            assert abs(exact(result, n) - operation(n)) <= Fraction(8, 2**104) * size


def test_a_coefficient_is_split_exactly_enough():
    third = dd.pair(Fraction(1, 3))
    assert abs(Fraction(float(third[0])) + Fraction(float(third[1])) - Fraction(1, 3)) < Fraction(1, 2**107)


def test_long_decays_keep_their_digits():
    """exp(-dt/tau) of a ratio rounded to float64 is off by up to 300 roundings at 600 time constants."""
    tau, dt = RNG.uniform(0.001, 0.03, 300), RNG.uniform(0.3, 0.6, 300)
    decay, plain = dd.exp_minus(dd.quotient(dt, tau)), np.exp(-dt / tau)
    with mpmath.workdps(60):
        expected = [mpmath.exp(-mpmath.mpf(t) / mpmath.mpf(s)) for t, s in zip(dt, tau, strict=True)]
        error, naive = (
            max(abs(float(value / true - 1)) for value, true in zip(values, expected, strict=True))
            for values in (decay, plain)
        )
    assert (
        error < 5e-16 < 1e-14 < naive
    )  # two roundings; the ratio's rounding is what the plain form multiplies
    model = discretize(CubaLIF(float(tau[0]), 0.0123), float(dt[0]), "impulse_invariance")
    assert abs(float(mpmath.mpf(model.A[0, 0]) / expected[0] - 1)) < 5e-16
