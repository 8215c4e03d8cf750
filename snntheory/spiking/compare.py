"""Two spike trains side by side: which spikes correspond, how far they moved, and how distant the trains are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from .. import _check
from .rounding import grid_index

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TrainComparison:
    """What became of each spike of a reference train; made by :func:`compare_trains`.

    Attributes
    ----------
    pairs : ndarray of int, shape (n_pairs, 2)
        Indices of corresponding spikes in the reference and in the other train.
    shifts : ndarray, shape (n_pairs,)
        Other time minus reference time in seconds.
    missed : ndarray
        Times of reference spikes without a partner, in steps in which no other reference spike has one.
    merged : ndarray
        Times of reference spikes without a partner that share their step with one that has: several spikes that
        a step holds as one.
    extra : ndarray
        Times of spikes of the other train without a partner.
    tolerance : float
        Shifts up to here count as none.
    """

    pairs: NDArray[np.int64]
    shifts: Floats
    missed: Floats
    merged: Floats
    extra: Floats
    tolerance: float

    @property
    def counts(self) -> dict[str, int]:
        """Numbers of spikes: matched (in place), shifted, missed, merged, extra."""
        shifted = int(np.sum(np.abs(self.shifts) > self.tolerance))
        return {
            "matched": len(self.shifts) - shifted,
            "shifted": shifted,
            "missed": len(self.missed),
            "merged": len(self.merged),
            "extra": len(self.extra),
        }

    @property
    def mean_shift(self) -> float:
        """In seconds; NaN without pairs."""
        return float(np.mean(self.shifts)) if len(self.shifts) else float("nan")

    @property
    def rms_shift(self) -> float:
        """In seconds; NaN without pairs."""
        return float(np.sqrt(np.mean(self.shifts**2))) if len(self.shifts) else float("nan")


def spike_train(traces: xr.Dataset, trial: int = 0, neuron: int = 0) -> Floats:
    """Spike times in seconds of one trial and neuron of a Dataset with padded ``spike_times``."""
    if "spike_times" not in traces:
        raise ValueError("the Dataset holds no spike_times; simulate gives them, and so may a file")
    variable = traces.variables["spike_times"].transpose("trial", "neuron", ...)
    times = np.asarray(variable.values[trial, neuron], dtype=np.float64)
    return times[~np.isnan(times)]


def compare_trains(
    reference: ArrayLike,
    other: ArrayLike,
    window: float,
    dt: float | None = None,
    tolerance: float = 0.0,
) -> TrainComparison:
    """Pair the spikes of two trains, and name what happened to those of the reference.

    Definition
    ----------
    Pairs keep the order of the spikes and lie at most ``window`` apart. Of all such pairings it is one with the most
    pairs, and among those with the smallest sum of distances (dynamic programming, so no greedy choice can lose a
    pair).

    Parameters
    ----------
    reference, other : array_like, shapes (n,), (m,)
        Spike times in seconds, in ascending order.
    window : float
        Largest distance of a pair in seconds. Take the same for all time steps that are compared: one that is
        proportional to the step hides every larger shift, and only the number of missed spikes shows it.
    dt : float, optional
        Time step of the other train in seconds: it tells merged from missed spikes. Without it nothing is merged.
    tolerance : float
        Shifts up to here, in seconds, count as matched instead of shifted.

    Returns
    -------
    TrainComparison

    Raises
    ------
    ValueError, TypeError
        Times are unsorted or not finite, ``window`` or ``tolerance`` is negative.
    """
    a, b = _sorted("reference", reference), _sorted("other", other)
    window = _check.number("window", window, "s", minimum=0.0)
    tolerance = _check.number("tolerance", tolerance, "s", minimum=0.0)
    pairs = _pairs(a, b, window)
    alone = np.setdiff1d(np.arange(a.size), pairs[:, 0])
    merged = np.zeros(alone.size, dtype=bool)
    if dt is not None:
        step = grid_index(a, dt, "ceil")
        merged = np.isin(step[alone], step[pairs[:, 0]])
    return TrainComparison(
        pairs=pairs,
        shifts=b[pairs[:, 1]] - a[pairs[:, 0]],
        missed=a[alone[~merged]],
        merged=a[alone[merged]],
        extra=np.delete(b, pairs[:, 1]),
        tolerance=tolerance,
    )


def _sorted(name: str, times: ArrayLike) -> Floats:
    array = _check.array(name, times, ndim=1)
    if np.any(np.diff(array) < 0):
        raise ValueError(f"{name} must be in ascending order; use numpy.sort({name})")
    return array


def _pairs(a: Floats, b: Floats, window: float) -> NDArray[np.int64]:
    """Best pairs; trains fall into groups that are more than a window apart, and each is solved for itself."""
    events = np.concatenate([a, b])
    first = np.argsort(events, kind="stable")
    gaps = np.flatnonzero(np.diff(events[first]) > window * (1 + 1e-12))
    found = []
    for group in np.split(first, gaps + 1):
        rows, columns = np.sort(group[group < a.size]), np.sort(group[group >= a.size]) - a.size
        if rows.size and columns.size:
            local = _best_pairing(a[rows], b[columns], window)
            found.append(np.c_[rows[local[:, 0]], columns[local[:, 1]]])
    return np.concatenate(found) if found else np.empty((0, 2), dtype=np.int64)


def _best_pairing(a: Floats, b: Floats, window: float) -> NDArray[np.int64]:
    worth = 2 * window * min(a.size, b.size) + 1.0  # of a pair: more than all distances together can cost
    distance = np.abs(a[:, None] - b[None, :])
    gain = np.where(distance <= window * (1 + 1e-12), worth - distance, -np.inf)
    score = np.zeros((a.size + 1, b.size + 1))
    for k in range(a.size):
        better = np.maximum(score[k, 1:], score[k, :-1] + gain[k])
        score[k + 1, 1:] = np.maximum.accumulate(better)
    pairs = []
    k, j = a.size, b.size
    while k and j:
        if score[k, j] == score[k - 1, j]:
            k -= 1
        elif score[k, j] == score[k, j - 1]:
            j -= 1
        else:
            k, j = k - 1, j - 1
            pairs.append((k, j))
    return np.array(pairs[::-1], dtype=np.int64).reshape(-1, 2)


def van_rossum_distance(a: ArrayLike, b: ArrayLike, tau: float) -> float:
    """Distance of two trains after each spike became a decaying exponential.

    Definition::

        D**2 = (1/tau) integral (f - g)**2 dt,    f(t) = sum_k exp(-(t - a_k)/tau) for t > a_k, g alike
             = (1/2) sum_jk s_j s_k exp(-|t_j - t_k|/tau),    s = +1 for spikes of a, -1 for spikes of b

    One spike more has the distance ``1/sqrt(2)``; two spikes far from each other have 1. The double sum is a
    recursion over the sorted spikes, of as many steps as there are spikes.

    Parameters
    ----------
    a, b : array_like, shapes (n,), (m,)
        Spike times in seconds, in any order.
    tau : float
        Time constant in seconds, above zero.

    Returns
    -------
    float

    Accuracy
    --------
    Of the square: rounding of a sum of n + m terms. tests/spiking/test_compare.py integrates numerically, and compares
    with Elephant where it is installed (which leaves out the factor 1/2).

    References
    ----------
    van Rossum (2001); the recursion is that of Houghton and Kreuz (2012).
    """
    a, b = _check.array("a", a, ndim=1), _check.array("b", b, ndim=1)
    tau = _check.positive("tau", tau, "s")
    times = np.concatenate([a, b])
    order = np.argsort(times, kind="stable")
    signs = np.concatenate([np.ones(a.size), -np.ones(b.size)])[order]
    decays = np.exp(-np.diff(times[order], prepend=times[order][:1]) / tau)
    total = memory = 0.0
    for sign, decay in zip(signs.tolist(), decays.tolist(), strict=True):
        memory *= decay
        total += sign * (0.5 * sign + memory)
        memory += sign
    return float(np.sqrt(max(total, 0.0)))


def victor_purpura_distance(a: ArrayLike, b: ArrayLike, cost: float) -> float:
    """Least cost of turning one train into the other: 1 for adding or removing a spike, ``cost |dt|`` for moving one.

    Definition::

        G[k, j] = min(G[k-1, j] + 1,  G[k, j-1] + 1,  G[k-1, j-1] + cost |a_k - b_j|)

    Parameters
    ----------
    a, b : array_like, shapes (n,), (m,)
        Spike times in seconds, in any order.
    cost : float
        Per second, not negative. Spikes more than ``2/cost`` apart are not worth moving.

    Returns
    -------
    float

    References
    ----------
    Victor and Purpura (1996).
    """
    a, b = np.sort(_check.array("a", a, ndim=1)), np.sort(_check.array("b", b, ndim=1))
    cost = _check.number("cost", cost, "1/s", minimum=0.0)
    columns = np.arange(b.size + 1, dtype=np.float64)
    row = columns.copy()
    for time in a:
        best = row + 1
        best[1:] = np.minimum(best[1:], row[:-1] + cost * np.abs(time - b))
        # adding spikes of b one after the other: min over earlier columns of best + their number
        row = np.minimum.accumulate(best - columns) + columns
    return float(row[-1])
