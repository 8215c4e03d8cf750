"""What the poles of an update say: stability, and time constants, from their distance to 1 where that is short."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def log_modulus(increment: ArrayLike, pole: ArrayLike) -> Floats:
    """``ln|pole|`` from ``pole - 1`` where the pole is near the unit circle, and from the pole elsewhere."""
    increment, pole = np.asarray(increment, dtype=np.float64), np.asarray(pole, dtype=np.float64)
    # -(1 + e) is as far from the circle as 1 + e
    excess = np.where(increment < -1, -2 - increment, increment)
    near = np.abs(excess) < 0.5
    with np.errstate(divide="ignore"):
        return np.where(near, np.log1p(np.where(near, excess, 0.0)), np.log(np.abs(pole)))


def effective_time_constant(increment: ArrayLike, pole: ArrayLike, dt: ArrayLike) -> Floats:
    """Time constant ``-dt / ln|pole|`` in seconds, ``increment`` being ``pole - 1``; shapes are broadcast.

    A pole at 0 forgets within a step (0), a pole on the unit circle never (``inf``); outside it grows (negative).
    """
    growth = log_modulus(increment, pole)
    with np.errstate(divide="ignore"):
        return np.where(growth == 0, np.inf, np.negative(dt) / growth)


def inside_unit_circle(increment: Floats) -> NDArray[np.bool_]:
    """Whether both poles ``1 + increment`` have modulus below 1; matrices (..., 2, 2) to shape (...)."""
    change = np.diagonal(increment, axis1=-2, axis2=-1)
    return np.all((change < 0) & (change > -2), axis=-1)
