"""Times on a grid: which step a spike falls into, and how far it is moved."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check

ROUNDING = ("ceil", "nearest", "next")
ON_GRID = 1e-9
"""A time closer than this share of a step to a grid point counts as lying on it: what rounding leaves of ``n * dt``."""


def grid_index(times: ArrayLike, dt: float, rounding: str = "ceil") -> NDArray[np.int64]:
    """The step ``n`` to which each time is assigned: it then acts at ``n dt``.

    Definition::

        "ceil"      smallest n with n dt >= t         causal, a time on the grid stays
        "nearest"   n dt nearest to t, ties later     half of the times move back
        "next"      smallest n with n dt >  t         t + dt - mod(t, dt): a time on the grid moves a full step

    Parameters
    ----------
    times : array_like
        Seconds, any shape.
    dt : float
        Time step in seconds.
    rounding : {"ceil", "nearest", "next"}

    Returns
    -------
    ndarray of int64
        The shape of ``times``.

    Raises
    ------
    ValueError, TypeError
        A time is not finite, ``dt`` is not positive, or the rule is unknown.

    Accuracy
    --------
    A time within ``1e-9 dt`` of a grid point counts as lying on it, so that ``n * dt`` in floating point is
    step ``n`` for every rule; tests/spiking/test_rounding.py.

    References
    ----------
    "next" is equation (14) of Cojocaru (2024).
    """
    ratio = _check.array("times", times) / _check.positive("dt", dt, "s")
    _check.choice("rounding", rounding, ROUNDING)
    nearest = np.floor(ratio + 0.5)
    if rounding == "nearest":
        return np.floor(ratio + 0.5 + ON_GRID).astype(np.int64)
    on_grid = np.abs(ratio - nearest) <= np.maximum(ON_GRID, 4 * np.spacing(np.abs(ratio)))
    late = 1.0 if rounding == "next" else 0.0
    return np.where(on_grid, nearest + late, np.ceil(ratio)).astype(np.int64)


def displacement(times: ArrayLike, dt: float, rounding: str = "ceil") -> NDArray[np.float64]:
    """How far the grid moves each time, in seconds; positive is later.

    Definition::

        n dt - t,   n = grid_index(t, dt, rounding)

    For times of uniform phase in their step, "ceil" and "next" give a mean of ``dt/2`` and a root mean square of
    ``dt/sqrt(3)``, "nearest" 0 and ``dt/sqrt(12)``. For times on a lattice see :func:`lattice_displacement`.
    """
    times = _check.array("times", times)
    return grid_index(times, dt, rounding) * dt - times


def lattice_displacement(lattice: float, dt: float, rounding: str = "ceil") -> tuple[float, float]:
    """Mean and root mean square displacement, in seconds, of times that lie on a lattice of their own.

    Definition
    ----------
    Let ``dt / lattice = p / q`` in lowest terms. The times ``k lattice`` take the phases ``j / p`` of a step, each
    equally often, and with the fractions ``d_j = j / p``::

        "ceil"      j = 0 .. p - 1       mean dt (p - 1) / (2 p)
        "next"      j = 1 .. p           mean dt (p + 1) / (2 p)
        "nearest"   as "ceil", less 1 where d_j > 1/2   mean 0 (p odd), dt / (2 p) (p even)

    ``p`` counts the phases. It is 1 when the step divides the lattice: then "ceil" moves nothing and "next" moves
    every time a full step. For large ``p`` the laws for uniform phases return.

    Parameters
    ----------
    lattice, dt : float
        Seconds. Their ratio must be a ratio of integers up to 10 000 (to 1e-9).
    rounding : {"ceil", "nearest", "next"}

    Returns
    -------
    (mean, rms) : float
        Seconds.

    Raises
    ------
    ValueError
        The ratio is not rational with small terms; use :func:`displacement` on the times themselves.
    """
    p = phases(lattice, dt)
    _check.choice("rounding", rounding, ROUNDING)
    moved = np.arange(p) / p + (1 / p if rounding == "next" else 0.0)
    if rounding == "nearest":
        moved = np.where(moved > 0.5, moved - 1, moved)
    return float(dt * moved.mean()), float(dt * np.sqrt((moved**2).mean()))


def phases(lattice: float, dt: float) -> int:
    """Number of different phases within a step of ``dt`` that times ``k lattice`` take (see above)."""
    ratio = _check.positive("dt", dt, "s") / _check.positive("lattice", lattice, "s")
    q = np.arange(1, 10_001)
    product = ratio * q
    near = np.rint(product)
    good = np.flatnonzero(
        (np.abs(product - near) <= 1e-9 * np.maximum(product, 1)) & (near > 0) & (near <= 1e4)
    )
    if good.size == 0:
        raise ValueError(
            f"dt / lattice = {ratio:.12g} is no ratio of integers up to 10000: the phases are practically uniform; "
            "use displacement(times, dt) on the times themselves"
        )
    return int(near[good[0]])  # of the smallest denominator: in lowest terms


def grid_inputs(
    spike_times: ArrayLike,
    weights: ArrayLike,
    dt: float,
    n_steps: int,
    rounding: str = "ceil",
    delay: int = 0,
) -> NDArray[np.float64]:
    """Sum of the weights of all spikes of each step, ``S_0 ... S_{n_steps}``.

    Parameters
    ----------
    spike_times : array_like, shape (n_spikes,)
        Seconds, not negative, in any order.
    weights : array_like, shape (n_spikes,) or scalar
    dt : float
        Time step in seconds.
    n_steps : int
        The last step. Spikes that the grid moves beyond it do not act and are left out.
    rounding : {"ceil", "nearest", "next"}
        As in :func:`grid_index`.
    delay : int
        Steps by which every input acts later.

    Returns
    -------
    ndarray, shape (n_steps + 1,)
    """
    spike_times = _check.array("spike_times", spike_times, ndim=1, minimum=0.0)
    weights = _check.array("weights", weights)
    if weights.ndim > 1 or (weights.ndim == 1 and weights.shape != spike_times.shape):
        raise ValueError(
            f"weights must be a scalar or have one entry per spike: weights has shape {weights.shape}, "
            f"spike_times {spike_times.shape}"
        )
    steps = grid_index(spike_times, dt, rounding) + _check.integer("delay", delay, minimum=0)
    weights = np.broadcast_to(weights, spike_times.shape)
    inside = steps <= _check.integer("n_steps", n_steps, minimum=0)
    return np.bincount(steps[inside], weights=weights[inside], minlength=n_steps + 1).astype(np.float64)
