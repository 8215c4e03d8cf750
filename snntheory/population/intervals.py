"""Intervals between spikes with a synapse: their density, survival and moments, from the flux that re-enters.

With coloured noise the current outlives a spike: neurons start from the reset with the currents that they fired with,
not with the stationary ones. Their intervals are correlated; what is here is their distribution, not their order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .evolution import evolve
from .fokker_planck import Factorised, StationaryDensity

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Intervals:
    """Distribution of the intervals between spikes; made by :func:`interval_density`.

    Attributes
    ----------
    interval : ndarray, shape (n,)
        Seconds, from ``tau_ref``.
    density : ndarray, shape (n,)
        Per second.
    survival : ndarray, shape (n,)
        Probability of an interval longer than this.
    """

    interval: Floats
    density: Floats
    survival: Floats

    @property
    def hazard(self) -> Floats:
        """Rate of firing given no spike yet, in hertz."""
        return self.density / self.survival


def re_entry_masses(density: StationaryDensity) -> Floats:
    """The distribution of (u, i) just after a spike and the refractory time, shape (n_u, n_i); it sums to 1."""
    cells = density.grid
    back = cells.after_refractory @ (cells.outflow @ density.masses.ravel())
    return np.asarray(cells.entry @ back).reshape(cells.shape) / density.rate


def interval_density(density: StationaryDensity, t_max: float, dt: float) -> Intervals:
    """Density and survival function of the intervals between spikes of a stationary population.

    Parameters
    ----------
    density : StationaryDensity
    t_max : float
        Longest time after the refractory time, in seconds.
    dt : float
        Time step in seconds, much below the shortest intervals.

    Returns
    -------
    Intervals

    Raises
    ------
    NotConverged
        A linear system was not solved.

    Accuracy: second order in ``dt``; the mean is ``1/rate`` (tests/population/test_intervals.py).
    """
    cells = density.grid
    run = evolve(cells, re_entry_masses(density), t_max, dt, re_entry=False)
    return Intervals(run.time + cells.tau_ref, run.rate, run.mass)


def interval_moments(density: StationaryDensity) -> tuple[float, float]:
    """Mean in seconds and coefficient of variation of the intervals between spikes, without stepping in time.

    Definition, with ``s`` the state after a spike and ``L`` the flows without re-entry::

        <T> = tau_ref + 1^T (-L)^-1 s,    <(T - tau_ref)^2> = 2 1^T (-L)^-2 s

    Returns
    -------
    (mean, cv) : floats
        The mean is ``1/rate`` to rounding.

    Raises
    ------
    NotConverged
        A linear system was not solved.

    References
    ----------
    Mean time of residence: Gardiner (2009), section 5.5; for white noise :func:`snntheory.population.cv`.
    """
    cells = density.grid
    leave = Factorised(-cells.below_threshold)
    stay = leave(re_entry_masses(density).ravel())
    mean, square = stay.sum(), 2 * leave(stay).sum()
    return float(mean + cells.tau_ref), float(np.sqrt(square - mean**2) / (mean + cells.tau_ref))
