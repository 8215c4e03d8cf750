"""How the firing rate follows a small modulation of the input: the transfer function of the population.

Definition, for a parameter that moves as ``x + epsilon exp(j omega t)``, to first order in ``epsilon``::

    (j omega - A) p1 = (dA/dx) p0,    r1 = outflow p1
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import expm

from .. import _check
from .fokker_planck import Factorised, StationaryDensity, busy_cell, solve_with_one_fixed


def linear_response(
    density: StationaryDensity, omega: ArrayLike, parameter: str = "mu"
) -> NDArray[np.complex128]:
    """Modulation of the rate per modulation of an input's parameter.

    Parameters
    ----------
    density : StationaryDensity
        The state that is modulated.
    omega : array_like
        Angular frequencies in rad/s, not negative.
    parameter : {"mu", "sigma"} or {"rate"}
        For a :class:`snntheory.population.Diffusion`: its mean or its noise. For :class:`snntheory.population.Jumps`:
        all rates times ``1 + epsilon exp(j omega t)``.

    Returns
    -------
    ndarray of complex128, shape of ``omega``
        Hertz per unit of the parameter. The modulation acts on the input of the synapse, so the synapse's own low
        pass is contained.

    Raises
    ------
    ValueError
        The parameter does not belong to the input, or a frequency is negative.
    NotConverged
        A linear system was not solved.

    Accuracy: at frequency 0 the derivative of the stationary rate, to rounding; at others the response to a small
    step in time, Fourier transformed; tests/population/test_linear_response.py. Second order in the cells, as the
    rate; frequencies must be resolved: the cells along ``u`` spread what moves faster than a cell per period.

    References
    ----------
    Brunel, Chance, Fourcaud and Abbott (2001); Schuecker, Diesmann and Helias (2015) for the limit of short synapses.
    """
    frequencies = _check.array("omega", omega, minimum=0.0)
    cells = density.grid
    change = cells.current_derivative(parameter)
    masses = density.masses
    moved = np.asarray(masses @ change.T).ravel()
    result = np.array(
        [_at(density, float(w), change, moved) for w in frequencies.ravel()], dtype=np.complex128
    )
    return result.reshape(frequencies.shape)


def _at(
    density: StationaryDensity, omega: float, change: sparse.csr_array, moved: NDArray[np.float64]
) -> complex:
    cells = density.grid
    right = moved.astype(complex)
    flow, back = cells.operator.astype(complex), np.zeros(cells.shape[1], dtype=complex)
    if cells.tau_ref:
        back = _moved_while_refractory(density, omega, change)
        right += cells.entry @ back
        delayed = np.exp(-1j * omega * cells.tau_ref) * cells.after_refractory
        flow = cells.below_threshold + cells.entry @ sparse.csr_array(delayed) @ cells.outflow
    if omega > 0:
        matrix = sparse.csc_array(1j * omega * sparse.eye_array(right.size) - flow)
        return complex((cells.outflow @ Factorised(matrix)(right)).sum())
    # the sum of all changes is zero: any solution, less the stationary state in proportion
    some = solve_with_one_fixed(sparse.csc_array(flow.real), busy_cell(cells), 0.0, -right.real)
    rate = float((cells.outflow @ some).sum())
    return complex(rate - density.rate * (some.sum() + cells.tau_ref * rate))


def _moved_while_refractory(
    density: StationaryDensity, omega: float, change: sparse.csr_array
) -> NDArray[np.complex128]:
    """What re-enters differently because the current of refractory neurons has been modulated, shape (n_i,).

    With ``C`` the current's flows and ``q`` the stationary outflow it is
    ``exp(-j omega tau_ref) integral_0^tau_ref exp(C (tau_ref - s)) C' exp((C + j omega) s) ds q``, the upper right
    block of an exponential.
    """
    cells, n = density.grid, density.grid.shape[1]
    block = np.zeros((2 * n, 2 * n), dtype=complex)
    block[:n, :n] = cells.current_operator.toarray()
    block[:n, n:] = change.toarray()
    block[n:, n:] = block[:n, :n] + 1j * omega * np.eye(n)
    integral = expm(block * cells.tau_ref)[:n, n:]
    return np.asarray(
        np.exp(-1j * omega * cells.tau_ref) * (integral @ (cells.outflow @ density.masses.ravel()))
    )
