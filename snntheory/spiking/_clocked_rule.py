"""What one clocked run is made of, for both of its backends: the scheme's numbers, the neuron's, the conventions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..linear import DiscreteNeuron
from ..neuron import CubaLIF

Floats = NDArray[np.float64]

KICKS = {"backward_euler": "start", "bilinear": "both", "zoh": "smeared"}
"""Where in the step the scheme's input acts; see :func:`kick_of`."""

KINDS = {
    "parker_sochacki": 0,
    "forward_euler": 0,
    "backward_euler": 1,
    "bilinear": 2,
    "impulse_invariance": 3,
    "scaled_impulse": 3,
    "delta": 3,
    "zoh": 3,
    "exponential_euler": 4,
    "semi_implicit": 5,
}
"""Schemes whose shorter steps the compiled kernel knows; any other runs in the readable backend."""

EXACT = tuple(name for name, kind in KINDS.items() if kind == 3)
POWER_SERIES = ("parker_sochacki", "forward_euler")


def kick_of(model: DiscreteNeuron) -> str:
    """Where in the step the input acts: this decides what a restart within the step finds.

    Definition::

        "end"      x_n = A x_{n-1} + b S_n                                     b has no voltage part
        "start"    x_n = A (x_{n-1} + k S_n),           k = (0, 1/tau_syn)     backward Euler
        "both"     x_n = A (x_{n-1} + k s/2) + k s/2,   s = (S_n + S_{n-1})/2  bilinear
        "smeared"  a constant current S_{n-1}/dt into the synapse              zero-order hold
        "within"   x_n = A x_{n-1} + b S_n, whole in the last part of the step otherwise
    """
    if model.scheme.name in KICKS:
        return KICKS[model.scheme.name]
    return "end" if model.b[0] == 0 and not model.b_previous.any() else "within"


@dataclass(frozen=True)
class Rule:
    """One clocked run without its inputs. Voltages in it are counted from the drive's, ``r drive``.

    Attributes
    ----------
    neuron, model : CubaLIF, DiscreteNeuron
    kick : str
        From :func:`kick_of`.
    placement : {"grid", "linear", "cubic", "series"}
    series_order : int
    restart, late : bool
        Reset at the spike, or one step late; neither: at the grid point.
    extremum : bool
        Look for crossings within a step whose end lies below the threshold.
    after_reset : bool
        Record the state after the grid point's reset.
    max_spikes : int
    """

    neuron: CubaLIF
    model: DiscreteNeuron
    kick: str
    placement: str
    series_order: int
    restart: bool
    late: bool
    extremum: bool
    after_reset: bool
    max_spikes: int

    @property
    def increment(self) -> Floats:
        """``A - I``."""
        return self.model.increment

    def shorter_step(self) -> Callable[[float], tuple[float, float, float, float]]:
        """``h -> (decay of u, decay of i, coupling, b_u)``: the scheme with a step of ``h`` seconds."""
        scheme, neuron = self.model.scheme, self.neuron

        def numbers(h: float) -> tuple[float, float, float, float]:
            a, b = scheme.numbers(neuron, h)[:2]
            return float(a[0, 0]), float(a[1, 1]), float(a[0, 1]), float(b[0])

        return numbers


@dataclass
class Inputs:
    """Summed weights ``S_0 ... S_N`` of every row: as an array, or as the steps and weights of single spikes.

    Attributes
    ----------
    points : int
        ``N + 1``.
    dense : ndarray, shape (rows, points) or (0, 0)
        The sums; empty when the spikes are given.
    starts : ndarray of int64, shape (rows + 1,)
        The spikes of a row are ``starts[row] .. starts[row + 1] - 1``, in ascending order of their steps.
    steps, values : ndarray, shape (n_spikes,)
        Steps (those of ``points`` and later do not act) and weights.
    """

    points: int
    dense: Floats
    starts: NDArray[np.int64]
    steps: NDArray[np.int64]
    values: Floats

    @classmethod
    def sums(cls, dense: Floats) -> Inputs:
        """Of an array of sums."""
        empty = np.empty(0, dtype=np.int64)
        return cls(dense.shape[1], dense, empty, empty, np.empty(0))

    @property
    def rows(self) -> int:
        """Number of neurons."""
        return len(self.dense) or len(self.starts) - 1

    def as_sums(self) -> Floats:
        """Shape (rows, points)."""
        if self.dense.size:
            return self.dense
        row = np.repeat(np.arange(self.rows), np.diff(self.starts))
        inside = self.steps < self.points
        flat = np.bincount(
            row[inside] * self.points + self.steps[inside], self.values[inside], self.rows * self.points
        )
        return flat.astype(np.float64).reshape(self.rows, self.points)


@dataclass
class Run:
    """What a backend returns for ``rows`` neurons and ``n_steps + 1`` grid points.

    Attributes
    ----------
    spike_times : ndarray, shape (rows, capacity)
        Seconds; the first ``count`` entries of a row are its spikes.
    count, hidden : ndarray of int64, shape (rows,)
        Spikes; and how many of them no grid point shows.
    voltage, current : ndarray, shape (rows, n_steps + 1) or (rows, 0)
    spikes : ndarray of uint16, same shape
    """

    spike_times: Floats
    count: NDArray[np.int64]
    hidden: NDArray[np.int64]
    voltage: Floats
    current: Floats
    spikes: NDArray[np.uint16]
