"""What drives the current of every neuron: white noise (the diffusion limit), or Poisson spikes of finite weight.

Both are operators on the masses of cells along ``i``. Their columns sum to zero: nothing is lost at the ends.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray

from ..neuron import CubaLIF
from .moments import inputs
from .upwind import reconstruct

Floats = NDArray[np.float64]
_STEP = 1e-30


def current_variance(neuron: CubaLIF, sigma: float) -> float:
    """Stationary variance of ``i`` for the noise ``sigma`` of the voltage: ``sigma^2 tau_mem / (2 r^2 tau_syn)``."""
    return sigma**2 * neuron.tau_mem / (2 * neuron.r**2 * neuron.tau_syn)


@dataclass(frozen=True)
class Diffusion:
    """White noise into the synapse.

    Definition, as a flux along ``i``::

        J = -(i - mu/r)/tau_syn p - Var(i)/tau_syn dp/di

    Attributes
    ----------
    neuron : CubaLIF
    mu, sigma : float
        Mean free voltage, and noise in the convention of :func:`snntheory.population.siegert`.
    """

    neuron: CubaLIF
    mu: float
    sigma: float

    @property
    def mean(self) -> float:
        """Mean of ``i``."""
        return self.mu / self.neuron.r

    @property
    def variance(self) -> float:
        """Variance of ``i``."""
        return current_variance(self.neuron, self.sigma)

    def operator(self, i_faces: Floats) -> sparse.csr_array:
        """Rates of change of the masses, shape (n_i, n_i): Scharfetter and Gummel's fluxes over the width.

        They hold a Gaussian that is sampled at the centres exactly.
        """
        inner, width = i_faces[1:-1], i_faces[1] - i_faces[0]
        drift = -(inner - self.mean) / self.neuron.tau_syn
        diffusion = self.variance / self.neuron.tau_syn
        peclet = drift * width / diffusion
        return _tridiagonal(*(diffusion / width**2 * _bernoulli(sign * peclet) for sign in (-1, 1)))

    def derivative(self, i_faces: Floats, parameter: str) -> sparse.csr_array:
        """Of :meth:`operator` with respect to ``"mu"`` or ``"sigma"``: a complex step, exact to rounding."""
        value = getattr(self, parameter)
        moved = replace(self, **{parameter: value + 1j * _STEP})
        return sparse.csr_array(moved.operator(i_faces).imag / _STEP)


@dataclass(frozen=True)
class Jumps:
    """Independent Poisson inputs, each spike of which moves ``i`` by ``weight / tau_syn``: no diffusion limit.

    Definition, per unit time::

        d/di [i/tau_syn p] + sum_j rate_j [p(i - weight_j/tau_syn) - p(i)]

    Attributes
    ----------
    neuron : CubaLIF
    rates, weights : ndarrays, shape (n,)
        Hertz, and canonical weights.
    """

    neuron: CubaLIF
    rates: Floats
    weights: Floats

    @classmethod
    def of(cls, neuron: CubaLIF, rate: Any, weight: Any) -> Jumps:
        """From scalars or one-dimensional arrays, checked."""
        return cls(neuron, *inputs(rate, weight))

    @property
    def mean(self) -> float:
        """Mean of ``i``."""
        return float(np.sum(self.rates * self.weights))

    @property
    def variance(self) -> float:
        """Variance of ``i``."""
        return float(np.sum(self.rates * self.weights**2) / (2 * self.neuron.tau_syn))

    def operator(self, i_faces: Floats) -> sparse.csr_array:
        """Rates of change of the masses, shape (n_i, n_i).

        The decay is upwind of third order inside, which matters: with second order the variance of ``i`` would be a few
        percent too large on 40 cells. A jump that is no whole number of cells is shared among three so that its first
        two moments are kept; one that leads over an end stops in the last cell.
        """
        n, width = i_faces.size - 1, i_faces[1] - i_faces[0]
        result = np.zeros((n, n), dtype=np.result_type(self.rates, np.float64))
        for face in range(1, n):
            speed = -i_faces[face] / self.neuron.tau_syn
            from_cell, to = (face - 1, face) if speed > 0 else (face, face - 1)
            behind = from_cell + (from_cell - to)
            third = [(to, 1 / 3), (from_cell, 5 / 6), (behind, -1 / 6)]
            second = reconstruct(from_cell, face, np.full(n, width), None)
            for cell, share in third if 0 <= behind < n else second:
                result[to, cell] += abs(speed) * share / width
                result[from_cell, cell] -= abs(speed) * share / width
        cells = np.arange(n)
        for rate, weight in zip(self.rates, self.weights, strict=True):
            cells_moved = weight / self.neuron.tau_syn / width
            nearest = int(np.rint(cells_moved))
            rest = cells_moved - nearest
            for step, share in (
                (nearest - 1, rest * (rest - 1) / 2),
                (nearest, 1 - rest**2),
                (nearest + 1, rest * (rest + 1) / 2),
            ):
                np.add.at(result, (np.clip(cells + step, 0, n - 1), cells), rate * share)
            result[cells, cells] -= rate
        return sparse.csr_array(result)

    def derivative(self, i_faces: Floats, parameter: str) -> sparse.csr_array:
        """Of :meth:`operator` with respect to ``"rate"``: all rates multiplied by ``1 + x``, at ``x = 0``."""
        decay = replace(self, rates=0 * self.rates)
        return sparse.csr_array(self.operator(i_faces) - decay.operator(i_faces))


def _tridiagonal(up: Floats, down: Floats) -> sparse.csr_array:
    """Flows ``up`` to the next cell and ``down`` from it."""
    leave = np.append(up, 0.0) + np.append(0.0, down)
    n = leave.size
    return sparse.diags_array([up, -leave, down], offsets=[-1, 0, 1], shape=(n, n)).tocsr()


def _bernoulli(x: Any) -> Any:
    """``x / (exp(x) - 1)``, 1 at 0."""
    safe = np.where(x == 0, 1.0, x)
    return np.where(x == 0, 1.0, safe / np.expm1(safe))
