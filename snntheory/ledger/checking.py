"""Tests that the checks of all sources share: symbolic identity, numerical agreement, and what follows from them."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike

from .entry import Finding, Verdict


def discrepancy(left: Any, right: Any = 0, *, points: int = 4, digits: int = 50, seed: int = 1) -> float:
    """Largest difference of two SymPy expressions at random points, relative to the larger of 1 and their size.

    Evaluation with many digits neither hangs nor depends on how an expression is written, and two analytic functions
    that differ agree at a random point with probability zero.

    Parameters
    ----------
    left, right : expression or matrix
        Free symbols stand for real numbers; those that are declared integer take small positive integers, all
        others rationals in (1/10, 3), different from each other.
    points : int
        Number of random points.
    digits : int
        Digits of the evaluation.
    seed : int

    Returns
    -------
    float
        Below ``10**(10 - digits)`` for two forms of the same function.

    Raises
    ------
    ValueError
        An expression has no value there, for example because it holds an unknown function.
    """
    left, right = sp.sympify(left), sp.sympify(right)
    if getattr(left, "is_Matrix", False):
        target = right if getattr(right, "is_Matrix", False) else sp.zeros(*left.shape)
        pairs = zip(left, target, strict=True)
        return max(discrepancy(a, b, points=points, digits=digits, seed=seed) for a, b in pairs)
    left, right = left.doit(), right.doit()
    chooser = random.Random(seed)
    symbols = sorted(left.free_symbols | right.free_symbols, key=str)
    largest = 0.0
    for _ in range(points):
        numbers = chooser.sample(range(1, 2900), len(symbols))
        values = {
            symbol: sp.Integer(1 + number % 6) if symbol.is_integer else sp.Rational(number + 100, 1000)
            for symbol, number in zip(symbols, numbers, strict=True)
        }
        a, b = (sp.N(side.subs(values), digits) for side in (left, right))
        if not (a.is_number and b.is_number):
            raise ValueError(
                f"cannot evaluate {left - right} at {values}; replace unknown functions by symbols"
            )
        largest = max(largest, float(abs(a - b) / max(1, abs(a), abs(b))))
    return largest


def identical(left: Any, right: Any = 0, *, points: int = 4, digits: int = 50, seed: int = 1) -> bool:
    """Whether two SymPy expressions are the same function: :func:`discrepancy` is below ``10**(10 - digits)``."""
    return discrepancy(left, right, points=points, digits=digits, seed=seed) < 10.0 ** (10 - digits)


def difference(measured: ArrayLike, expected: ArrayLike) -> float:
    """Largest absolute difference, relative to the largest absolute value of ``expected``."""
    measured, expected = np.asarray(measured), np.asarray(expected)
    scale = float(np.max(np.abs(expected), initial=0.0))
    return float(np.max(np.abs(measured - expected), initial=0.0)) / (scale or 1.0)


def holds(printed: bool, evidence: str) -> Finding:
    """The printed statement passes or it does not reproduce."""
    return Finding(Verdict.HOLDS if printed else Verdict.REFUTED, evidence)


def conditional(in_general: bool, under_condition: bool, evidence: str) -> Finding:
    """The statement holds only under a condition that the source does not state, or states elsewhere."""
    if in_general:
        return Finding(Verdict.HOLDS, evidence)
    return Finding(Verdict.CONDITION if under_condition else Verdict.REFUTED, evidence)


def misprint(printed: bool, corrected: bool, evidence: str) -> Finding:
    """The printed form fails and the corrected form passes."""
    if printed:
        return Finding(Verdict.HOLDS, evidence)
    return Finding(Verdict.MISPRINT if corrected else Verdict.REFUTED, evidence)


def inconsistent(agree: bool, explained: bool, evidence: str) -> Finding:
    """Two statements of the source contradict each other, by as much as our reading of them predicts."""
    if agree:
        return Finding(Verdict.HOLDS, evidence)
    return Finding(Verdict.INCONSISTENT if explained else Verdict.REFUTED, evidence)
