"""The stationary density of (u, i) with threshold and reset, and the firing rate.

Below threshold, for white noise behind the synapse (diffusion limit of Poisson input)::

    dp/dt = - d/du [(r i - u)/tau_mem p] + d/di [(i - <i>)/tau_syn p] + Var(i)/tau_syn d2p/di2

and for spikes of finite weight the last two terms give way to a decay and jumps (:class:`Jumps`). What crosses the
threshold re-enters at the reset with the same ``i`` (:mod:`snntheory.population.grid`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import splu

from .. import _check
from ..neuron import CubaLIF
from .grid import Grid, plane
from .synaptic_input import Diffusion, Jumps

Floats = NDArray[np.float64]
_CUT = 1e-6


class NotConverged(ValueError):
    """A linear system for a density was singular, or its solution does not satisfy it."""


@dataclass(frozen=True)
class StationaryDensity:
    """Density of (u, i) in the stationary state; made by :func:`stationary_density` or :func:`jump_density`.

    Attributes
    ----------
    rate : float
        Hertz.
    density : ndarray, shape (n_u, n_i)
        Mean density of each cell, per voltage and current; sums with the cells' areas to ``1 - rate tau_ref``.
        Not clipped: small negative values are discretisation error.
    u, i : ndarrays, shapes (n_u,), (n_i,)
        Centres of the cells.
    grid : Grid
    """

    rate: float
    density: Floats
    u: Floats
    i: Floats
    grid: Grid

    @property
    def masses(self) -> Floats:
        """Probability of each cell, shape (n_u, n_i)."""
        return self.density * self.grid.areas

    @property
    def voltage_density(self) -> Floats:
        """Density of ``u``, shape (n_u,)."""
        return self.density.sum(axis=1) * np.diff(self.grid.i_faces)[0]

    @property
    def current_density(self) -> Floats:
        """Density of ``i`` below threshold, shape (n_i,); with a refractory time the rest is in refractory neurons."""
        return np.diff(self.grid.u_faces) @ self.density

    @property
    def rate_by_balance(self) -> float:
        """The rate that the mean voltage demands, in hertz: ``(r <i> - <u>) / (tau_mem (v_threshold - v_reset))``.

        Means over neurons that are not refractory. It equals :attr:`rate` up to the discretisation along ``u``.
        """
        g, masses = self.grid, self.masses
        pull = g.neuron.r * np.sum(masses @ self.i) - np.sum(self.u @ masses)
        return float(pull / (g.neuron.tau_mem * (g.u_faces[-1] - g.u_faces[g.first])))

    @property
    def negative_mass(self) -> float:
        """Sum of the negative masses: how far the discretisation is from a density."""
        masses = self.masses
        return float(-masses[masses < 0].sum())

    @property
    def cut_mass(self) -> float:
        """Mass in the outermost cells along ``i`` and in the lowest along ``u``: what a larger reach would spread."""
        masses, drive = self.masses, self.grid.drive
        ends = [0, -1]
        if isinstance(drive, Jumps):  # at i = 0 the cells end because the current does
            ends = [end for end, face in ((0, self.grid.i_faces[0]), (-1, self.grid.i_faces[-1])) if face]
        return float(np.abs(masses[0]).sum() + np.abs(masses[:, ends]).sum())


def stationary_density(
    neuron: CubaLIF,
    mu: float,
    sigma: float,
    n_u: int = 600,
    n_i: int = 80,
    tau_ref: float = 0.0,
    reach: float = 6.0,
) -> StationaryDensity:
    """Stationary density of (u, i) and firing rate, for Gaussian noise behind an exponential synapse.

    Parameters
    ----------
    neuron : CubaLIF
    mu, sigma : float
        Mean free voltage and noise, as in :func:`snntheory.population.siegert`; ``sigma`` above zero.
    n_u, n_i, tau_ref, reach
        As in :func:`snntheory.population.plane`.

    Returns
    -------
    StationaryDensity

    Raises
    ------
    ValueError
        As :func:`snntheory.population.plane`, or more than 1e-6 of the mass lies in the outermost cells.
    NotConverged
        The linear system is singular, or its solution does not satisfy it to 1e-6.

    Assumptions: diffusion limit (weights small against the threshold); stationary, independent input.

    Accuracy: second order in the width of a cell; two grids extrapolate to within 0.3 % of the rate for ``tau_syn``
    from 0.006 to 1 ``tau_mem``; measured in tests/population/test_fokker_planck.py.

    References
    ----------
    Brunel and Sergi (1998); Fourcaud and Brunel (2002) for the boundary; Scharfetter and Gummel (1969).
    """
    return stationary(plane(diffusion(neuron, mu, sigma), n_u, n_i, tau_ref, reach))


def jump_density(
    neuron: CubaLIF,
    rate: ArrayLike,
    weight: ArrayLike,
    n_u: int = 600,
    n_i: int = 160,
    tau_ref: float = 0.0,
    reach: float = 6.0,
) -> StationaryDensity:
    """Stationary density of (u, i) and firing rate for Poisson input of finite weights: no diffusion limit.

    Parameters
    ----------
    neuron : CubaLIF
    rate, weight : array_like
        Of each independent input: hertz, and canonical weight.
    n_u, n_i, tau_ref, reach
        As in :func:`snntheory.population.plane`.

    Returns
    -------
    StationaryDensity

    Raises
    ------
    ValueError, NotConverged
        As :func:`stationary_density`; there is no input, or it moves the current only a few times in ``tau_syn``, so
        that its density is not smooth.

    Accuracy: the rate agrees with event-driven simulation within its standard error, and the moments of ``i`` with
    Campbell's theorem; tests/population/test_jumps.py.

    References
    ----------
    Hu (2024), equation (34), with the voltage's drift over ``tau_mem`` and a boundary at the threshold.
    """
    drive = Jumps.of(neuron, rate, weight)
    arrivals = float(drive.rates[drive.weights != 0].sum() * neuron.tau_syn)
    if arrivals < 1:
        raise ValueError(
            f"rate must give at least 1 spike in tau_syn, got {arrivals:g}: the density of i has a pole then; use "
            "event_driven_rate"
        )
    return stationary(plane(drive, n_u, n_i, tau_ref, reach))


def diffusion(neuron: CubaLIF, mu: float, sigma: float) -> Diffusion:
    """:class:`Diffusion` of checked numbers."""
    if not isinstance(neuron, CubaLIF):
        raise TypeError(f"neuron must be a CubaLIF, got {type(neuron).__name__}")
    return Diffusion(neuron, _check.number("mu", mu), _check.positive("sigma", sigma))


def stationary(cells: Grid, largest_cut: float = _CUT) -> StationaryDensity:
    """The stationary state of the cells' flows; raises as :func:`stationary_density`."""
    masses = null_vector(cells)
    rate = (cells.outflow @ masses).sum()
    total = 1 / (masses.sum() + rate * cells.tau_ref)
    masses = (masses * total).reshape(cells.shape)
    result = StationaryDensity(float(rate * total), masses / cells.areas, cells.u, cells.i, cells)
    if result.cut_mass > largest_cut:
        raise ValueError(
            f"the grid cuts: {result.cut_mass:.1g} of the mass lies in its outermost cells, at u={cells.u[0]:g} or at "
            f"i={cells.i[0]:g} or {cells.i[-1]:g}; take a larger reach"
        )
    return result


def null_vector(cells: Grid) -> Floats:
    """The stationary masses up to a factor: one of them is set to 1, its redundant equation left out."""
    return solve_with_one_fixed(cells.operator, busy_cell(cells), 1.0, np.zeros(cells.areas.size))


def busy_cell(cells: Grid) -> int:
    """A cell of large mass: where the neuron without noise rests, or its reset if it fires without noise."""
    rest = cells.neuron.r * cells.drive.mean
    row = cells.first if rest >= cells.neuron.v_threshold else int(np.argmin(np.abs(cells.u - rest)))
    return row * cells.shape[1] + int(np.argmin(np.abs(cells.i - cells.drive.mean)))


def solve_with_one_fixed(operator: sparse.csc_array, fixed: int, value: float, right: Floats) -> Floats:
    """Solve a singular system, whose equations sum to zero, with one unknown given."""
    keep = np.delete(np.arange(operator.shape[0]), fixed)
    rest = sparse.csc_array(operator[keep][:, keep])
    source = right[keep] - value * operator[keep][:, [fixed]].toarray().ravel()
    masses = np.empty(operator.shape[0], dtype=source.dtype)
    masses[fixed] = value
    masses[keep] = solve(rest, source)
    return masses


def solve(matrix: sparse.csc_array, right: Floats) -> Floats:
    """Solve by sparse LU and check the residual.

    Raises
    ------
    NotConverged
        The matrix is singular, or the residual exceeds 1e-6 of the right-hand side.
    """
    return Factorised(matrix)(right)


class Factorised:
    """A sparse LU decomposition that checks every solution."""

    def __init__(self, matrix: sparse.csc_array) -> None:
        self.matrix = matrix
        try:
            self.lu = splu(sparse.csc_matrix(matrix), permc_spec="COLAMD")
        except RuntimeError as error:
            raise NotConverged(
                f"the linear system of {matrix.shape[0]} cells is singular ({error})"
            ) from None

    def __call__(self, right: Floats) -> Floats:
        """The solution for one right-hand side."""
        solution, matrix = self.lu.solve(right), self.matrix
        with np.errstate(all="ignore"):
            residual = np.abs(matrix @ solution - right).sum() / max(np.abs(right).sum(), 1e-300)
        # a singular matrix has enormous solutions, whose rounding alone is as large as the right-hand side
        if not residual <= 1e-6:
            raise NotConverged(
                f"the linear system of {matrix.shape[0]} cells was not solved: relative residual {residual:.1g}; it is "
                "near singular (a rate below 1e-8 Hz?); take other numbers of cells, or a smaller reach"
            )
        return np.asarray(solution)
