"""The density of (u, i) in time: an implicit scheme of second order, factorised once, that loses no mass.

Definition, one step ``h`` of the L-stable diagonally implicit method with ``gamma = 1 - 1/sqrt(2)``::

    Y1 = p_n + gamma h f(Y1),    Y2 = p_n + (1 - gamma) h f(Y1) + gamma h f(Y2),    p_{n+1} = Y2

Both stages solve with the same matrix. What leaves over the threshold in a stage comes back in that stage, or, with a
refractory time, in the same stage some whole number of steps later.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
from numpy.typing import ArrayLike, NDArray

from .. import _check
from .fokker_planck import Factorised, StationaryDensity
from .grid import Grid

Floats = NDArray[np.float64]
GAMMA = 1 - 1 / np.sqrt(2)


@dataclass(frozen=True)
class Evolution:
    """A density in time; made by :func:`evolve`.

    Attributes
    ----------
    time : ndarray, shape (n_steps + 1,)
        Seconds, from 0.
    rate : ndarray, shape (n_steps + 1,)
        Firing rate at these times, in hertz.
    fired : ndarray, shape (n_steps + 1,)
        Expected number of spikes of a neuron since time 0: the integral of the rate.
    mass : ndarray, shape (n_steps + 1,)
        Probability of being below threshold; with the refractory neurons it is 1.
    refractory : ndarray, shape (n_steps + 1,)
        Probability of being refractory.
    saved_time : ndarray, shape (n_saved,)
    density : ndarray, shape (n_saved, n_u, n_i)
        At the saved times.
    grid : Grid
    """

    time: Floats
    rate: Floats
    fired: Floats
    mass: Floats
    refractory: Floats
    saved_time: Floats
    density: Floats
    grid: Grid


def point_masses(cells: Grid, u: float, i: float) -> Floats:
    """All mass at one state, shared among the four nearest cells so that its mean is kept; shape (n_u, n_i).

    Raises
    ------
    ValueError
        The state lies outside the centres of the cells.
    """
    shares = []
    for name, value, centres in (("u", u, cells.u), ("i", i, cells.i)):
        value = _check.number(name, value)
        if not centres[0] <= value <= centres[-1]:
            raise ValueError(f"{name} must lie between {centres[0]:g} and {centres[-1]:g}, got {value:g}")
        below = min(int(np.searchsorted(centres, value, side="right")) - 1, centres.size - 2)
        share = np.zeros(centres.size)
        share[below + 1] = (value - centres[below]) / (centres[below + 1] - centres[below])
        share[below] = 1 - share[below + 1]
        shares.append(share)
    return np.outer(*shares)


def evolve(
    cells: Grid,
    initial: StationaryDensity | ArrayLike,
    t_max: float,
    dt: float,
    save_every: int = 0,
    re_entry: bool = True,
) -> Evolution:
    """Carry a density of (u, i) forward in time.

    Parameters
    ----------
    cells : Grid
        Of :func:`snntheory.population.plane`, with the input that holds from time 0 on.
    initial : StationaryDensity or array_like, shape (n_u, n_i)
        The state before time 0, on the same cells: the stationary one under another input, whose refractory neurons go
        on too; or the masses of the cells, none refractory.
    t_max : float
        Seconds; rounded up to a whole number of steps.
    dt : float
        Time step in seconds. With a refractory time, ``tau_ref`` must be a whole number of them.
    save_every : int
        Steps between saved densities; 0 saves the first and the last only.
    re_entry : bool
        False lets neurons leave for good after their first spike.

    Returns
    -------
    Evolution

    Raises
    ------
    ValueError
        Shapes do not fit, or ``tau_ref`` is no whole number of steps.
    NotConverged
        A linear system was not solved.

    Accuracy: second order in ``dt``; probability is conserved to 1e-12; tests/population/test_evolution.py.

    References
    ----------
    Alexander (1977) for the method.
    """
    dt, t_max = _check.positive("dt", dt, "s"), _check.positive("t_max", t_max, "s")
    save_every = _check.integer("save_every", save_every, minimum=0)
    n_steps = int(np.ceil(t_max / dt - 1e-9))
    masses = _initial_masses(cells, initial)
    wait = round(cells.tau_ref / dt)
    if abs(wait * dt - cells.tau_ref) > 1e-9 * max(cells.tau_ref, dt):
        raise ValueError(f"tau_ref={cells.tau_ref:g} s must be a whole number of steps of dt={dt:g} s")
    flow = cells.operator if re_entry and not wait else cells.below_threshold
    implicit = Factorised(sparse.csc_array(sparse.eye_array(masses.size) - GAMMA * dt * flow))
    queue = _queue(cells, initial, wait) if re_entry else np.zeros((0, 2, cells.shape[1]))
    out = np.empty((3, n_steps + 1))
    leaving = cells.outflow @ masses
    out[:, 0] = leaving.sum(), masses.sum(), dt * _weighted(queue).sum()
    fired = np.zeros(n_steps + 1)
    kept, at = [masses], [0]
    for step in range(1, n_steps + 1):
        slot = (step - 1) % wait if wait else 0
        waiting = queue[slot] @ cells.after_refractory.T if len(queue) else np.zeros((2, cells.shape[1]))
        arriving = [cells.entry @ each for each in waiting]
        first = implicit(masses + GAMMA * dt * arriving[0])
        change = flow @ first + arriving[0]
        masses = implicit(masses + dt * ((1 - GAMMA) * change + GAMMA * arriving[1]))
        leaving = np.stack([cells.outflow @ first, cells.outflow @ masses])
        if len(queue):
            queue[slot] = leaving
        fired[step] = fired[step - 1] + dt * _weighted(leaving[None]).sum()
        out[:, step] = leaving[1].sum(), masses.sum(), dt * _weighted(queue).sum()
        if (save_every and step % save_every == 0) or step == n_steps:
            kept.append(masses)
            at.append(step)
    density = np.array(kept).reshape(-1, *cells.shape) / cells.areas
    time: Floats = dt * np.arange(n_steps + 1, dtype=np.float64)
    return Evolution(time, out[0], fired, out[1], out[2], dt * np.array(at), density, cells)


def _weighted(leaving: Floats) -> Floats:
    return (1 - GAMMA) * leaving[:, 0] + GAMMA * leaving[:, 1]


def _initial_masses(cells: Grid, initial: StationaryDensity | ArrayLike) -> Floats:
    if isinstance(initial, StationaryDensity):
        theirs = initial.grid
        same = theirs.shape == cells.shape and theirs.tau_ref == cells.tau_ref
        if not (same and np.all(theirs.u_faces == cells.u_faces) and np.all(theirs.i_faces == cells.i_faces)):
            raise ValueError(
                "initial must lie on the same cells: make them for both inputs, plane([now, before]), and take "
                "stationary(cells.driven_by(before))"
            )
        return initial.masses.ravel()
    masses = _check.array("initial", initial)
    if masses.shape != cells.shape:
        raise ValueError(f"initial must have the shape of the cells, {cells.shape}, got {masses.shape}")
    return masses.ravel()


def _queue(cells: Grid, initial: StationaryDensity | ArrayLike, wait: int) -> Floats:
    """What left over the threshold in each stage of the last steps, shape (wait, 2, n_i)."""
    queue = np.zeros((wait, 2, cells.shape[1]))
    if isinstance(initial, StationaryDensity):
        queue += cells.outflow @ initial.masses.ravel()
    return queue
