"""Cells of the plane (u, i) and the rates of flow between them: the finite volumes of the density with threshold.

The noise acts on ``i`` alone, so the boundary at threshold is half-range: where ``r i > v_threshold`` the density flows
out freely and re-enters at the reset with the same ``i``; where ``r i < v_threshold`` nothing can come from beyond, and
the density vanishes at the threshold. It does not vanish elsewhere.

Cells are uniform in ``i`` and nearly so in ``u``, with faces on the reset and on the threshold. Along ``u`` fluxes are
upwind of second order, and the reconstruction never reaches across the reset, where the density jumps. What leaves a
cell enters another, so the columns of the matrix sum to zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.linalg import expm

from .. import _check
from ..neuron import CubaLIF
from .synaptic_input import Diffusion, Jumps
from .upwind import reconstruct

Floats = NDArray[np.float64]
Drive = Diffusion | Jumps


@dataclass(frozen=True)
class Grid:
    """Cells of the plane (u, i) and the rates of flow between them; made by :func:`plane`.

    Attributes
    ----------
    neuron : CubaLIF
    drive : Diffusion or Jumps
    u_faces : ndarray, shape (n_u + 1,)
        Ascending, the last one is the threshold.
    i_faces : ndarray, shape (n_i + 1,)
    first : int
        Index of the first cell above the reset.
    tau_ref : float
        Refractory time in seconds, during which ``u`` is clamped and ``i`` goes on.
    """

    neuron: CubaLIF
    drive: Drive
    u_faces: Floats
    i_faces: Floats
    first: int
    tau_ref: float

    @property
    def u(self) -> Floats:
        """Centres, shape (n_u,)."""
        return (self.u_faces[1:] + self.u_faces[:-1]) / 2

    @property
    def i(self) -> Floats:
        """Centres, shape (n_i,)."""
        return (self.i_faces[1:] + self.i_faces[:-1]) / 2

    @property
    def shape(self) -> tuple[int, int]:
        """``(n_u, n_i)``."""
        return self.u_faces.size - 1, self.i_faces.size - 1

    @property
    def areas(self) -> Floats:
        """Areas of the cells, shape (n_u, n_i): masses over them are densities."""
        return np.diff(self.u_faces)[:, None] * np.diff(self.i_faces)[None, :]

    def driven_by(self, drive: Drive) -> Grid:
        """The same cells under another input."""
        return replace(self, drive=drive)

    @cached_property
    def current_operator(self) -> sparse.csr_array:
        """Rates of change by the synapse's dynamics and its input, shape (n_i, n_i)."""
        return self.drive.operator(self.i_faces)

    @cached_property
    def outflow(self) -> sparse.csr_array:
        """From masses to what leaves over the threshold at each ``i``, per second; shape (n_i, n_u n_i)."""
        (n_u, n_i), speed = self.shape, np.maximum(self._speed(self.u_faces[-1:])[0], 0.0)
        cells = np.arange(n_i)
        width = np.diff(self.u_faces)[-2:]
        rows = np.concatenate([cells, cells])
        columns = np.concatenate([(n_u - 1) * n_i + cells, (n_u - 2) * n_i + cells])
        # density at the threshold extrapolated from the last two cells
        near = 1 + width[1] / width.sum()
        values = np.concatenate([speed * near / width[1], -speed * (near - 1) / width[0]])
        return sparse.csr_array((values, (rows, columns)), shape=(n_i, n_u * n_i))

    @cached_property
    def after_refractory(self) -> Floats:
        """Where in ``i`` a neuron that fired at each ``i`` comes back after the refractory time, shape (n_i, n_i)."""
        return np.asarray(expm(self.current_operator.toarray() * self.tau_ref))

    @cached_property
    def entry(self) -> sparse.csr_array:
        """From masses along ``i`` to masses in the cells above the reset, shape (n_u n_i, n_i)."""
        n_u, n_i = self.shape
        cells = np.arange(n_i)
        return sparse.csr_array((np.ones(n_i), (self.first * n_i + cells, cells)), shape=(n_u * n_i, n_i))

    @cached_property
    def below_threshold(self) -> sparse.csc_array:
        """Rates of change of the masses without re-entry: columns sum to minus the outflow."""
        n_u, n_i = self.shape
        cells = sparse.kron(sparse.eye_array(n_u), self.current_operator, format="coo")
        rows, columns, values = [cells.coords[0]], [cells.coords[1]], [cells.data]
        speeds, width = self._speed(self.u_faces), np.diff(self.u_faces)
        index = np.arange(n_u * n_i).reshape(n_u, n_i)
        for face in range(1, n_u):
            for upwind, downwind, speed in (
                (face - 1, face, np.maximum(speeds[face], 0.0)),
                (face, face - 1, np.maximum(-speeds[face], 0.0)),
            ):
                for cell, share in reconstruct(upwind, face, width, self.first):
                    flux = speed * share / width[cell]
                    rows += [index[downwind], index[upwind]]
                    columns += [index[cell], index[cell]]
                    values += [flux, -flux]
        moves = sparse.coo_array(
            (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(n_u * n_i,) * 2
        )
        last = sparse.coo_array(self.outflow)
        lost = sparse.coo_array(
            (-last.data, ((n_u - 1) * n_i + last.coords[0], last.coords[1])), shape=(n_u * n_i,) * 2
        )
        return sparse.csc_array(moves + lost)

    @cached_property
    def operator(self) -> sparse.csc_array:
        """Rates of change of the masses with re-entry; without refractory time its columns sum to zero.

        With a refractory time it holds for the stationary state only, in which what re-enters is what leaves.
        """
        back = sparse.csr_array(self.after_refractory) if self.tau_ref else sparse.eye_array(self.shape[1])
        return sparse.csc_array(self.below_threshold + self.entry @ back @ self.outflow)

    def current_derivative(self, parameter: str) -> sparse.csr_array:
        """Of :attr:`current_operator` with respect to a parameter of the drive."""
        allowed = ("mu", "sigma") if isinstance(self.drive, Diffusion) else ("rate",)
        return self.drive.derivative(self.i_faces, _check.choice("parameter", parameter, allowed))

    def _speed(self, u: Floats) -> Floats:
        """``du/dt`` at voltages ``u`` and the centres of ``i``, shape (len(u), n_i)."""
        return (self.neuron.r * self.i[None, :] - u[:, None]) / self.neuron.tau_mem


def plane(
    drive: Drive | Sequence[Drive],
    n_u: int = 600,
    n_i: int = 80,
    tau_ref: float = 0.0,
    reach: float = 6.0,
) -> Grid:
    """Cells for the density of (u, i), with faces on the reset and on the threshold.

    Parameters
    ----------
    drive : Diffusion or Jumps, or a sequence of them for one neuron
        The first one drives the cells; they reach far enough for all of them.
    n_u, n_i : int
        Cells along ``u`` (at least 20) and ``i`` (at least 10). For jumps of one sign and size ``n_i`` is a wish: the
        cells begin at ``i = 0`` and a jump is a whole number of them.
    tau_ref : float
        Refractory time in seconds.
    reach : float
        The grid ends ``reach`` standard deviations from the mean of ``i``, and of the free ``u`` below the mean.

    Returns
    -------
    Grid

    Raises
    ------
    ValueError
        An argument is out of its range, the neuron does not reset, or its reset is not below its threshold.

    Assumptions: ``reset="subtract"`` is a reset to 0, because a continuous voltage crosses at the threshold itself.
    """
    drives = [drive] if isinstance(drive, (Diffusion, Jumps)) else list(drive)
    if not drives or any(each.neuron != drives[0].neuron for each in drives):
        raise ValueError(f"drive must be one or several inputs of one neuron, got {drive!r}")
    neuron = drives[0].neuron
    n_u, n_i = _check.integer("n_u", n_u, minimum=20), _check.integer("n_i", n_i, minimum=10)
    tau_ref = _check.number("tau_ref", tau_ref, "s", minimum=0.0)
    reach = _check.positive("reach", reach)
    if neuron.reset == "none":
        raise ValueError(
            "neuron must have a reset, got reset='none': without one the density is free_moments' Gaussian"
        )
    reset = 0.0 if neuron.reset == "subtract" else neuron.v_reset
    if reset >= neuron.v_threshold:
        raise ValueError(f"v_threshold={neuron.v_threshold:g} must lie above the reset {reset:g}")
    i_faces = _i_faces(drives, n_i, reach)
    bottom = min(_bottom(each, reset, neuron.r * i_faces[0], reach) for each in drives)
    bottom -= 2 * (neuron.v_threshold - bottom) / n_u  # so that cells remain below the reset
    share = (reset - bottom) / (neuron.v_threshold - bottom)
    first = int(np.clip(round(n_u * share), 2, n_u - 3))
    below = np.linspace(bottom, reset, first + 1)
    above = np.linspace(reset, neuron.v_threshold, n_u - first + 1)
    return Grid(neuron, drives[0], np.concatenate([below, above[1:]]), i_faces, first, tau_ref)


def _i_faces(drives: list[Drive], n_i: int, reach: float) -> Floats:
    ends = [(each.mean, reach * np.sqrt(each.variance)) for each in drives]
    low, high = min(mean - span for mean, span in ends), max(mean + span for mean, span in ends)
    jumps = [each.weights / each.neuron.tau_syn for each in drives if isinstance(each, Jumps)]
    sizes = np.unique(np.concatenate(jumps)) if jumps else np.empty(0)
    if sizes.size == 0 or len(jumps) < len(drives):
        return np.linspace(low, high, n_i + 1)
    # shot noise is skewed: its long tail is a Poisson variable's, not a Gaussian's
    tail = reach**2 * np.abs(sizes).max() / 6
    low, high = low - tail * (sizes.min() < 0), high + tail * (sizes.max() > 0)
    low, high = (0.0 if sizes.min() >= 0 else low), (0.0 if sizes.max() <= 0 else high)
    if sizes.size > 1:
        return np.linspace(low, high, n_i + 1)
    cells = max(1, round(abs(sizes[0]) * n_i / (high - low)))
    width = abs(sizes[0]) / cells
    n = int(np.ceil((high - low) / width))
    return np.arange(n + 1) * width if low == 0 else np.arange(-n, 1) * width


def _bottom(drive: Drive, reset: float, slowest: float, reach: float) -> float:
    """Lowest voltage that is reached: below ``r i_min`` nothing falls, and above it the tail is the free Gaussian's."""
    neuron, mu = drive.neuron, drive.neuron.r * drive.mean
    share = neuron.tau_syn / (neuron.tau_mem + neuron.tau_syn)
    free = neuron.r * np.sqrt(drive.variance * share)
    tail = mu - np.hypot(max(mu - reset, 0.0), reach * free)
    return float(min(reset, max(slowest, tail)))
