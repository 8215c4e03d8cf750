"""From a neuron, a time step and a scheme to the discrete neuron that a computer runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check
from ..neuron import CubaLIF
from . import schemes
from .scheme import Scheme

if TYPE_CHECKING:
    import sympy


@dataclass(frozen=True)
class DiscreteNeuron:
    """A neuron on a grid of time steps, below threshold; made by :func:`discretize`.

    Definition::

        x_n = A x_{n-1} + b S_n + b_previous S_{n-1},    x = (u, i)

    Attributes
    ----------
    neuron : CubaLIF
    dt : float
        Time step in seconds.
    scheme : Scheme
        The declaration: order, delay convention, limits.
    A, b, b_previous : ndarray, shapes (2, 2), (2,), (2,)
        Read-only.
    """

    neuron: CubaLIF
    dt: float
    scheme: Scheme
    A: NDArray[np.float64] = field(repr=False)
    b: NDArray[np.float64] = field(repr=False)
    b_previous: NDArray[np.float64] = field(repr=False)

    def __post_init__(self) -> None:
        for part in (self.A, self.b, self.b_previous):
            part.setflags(write=False)

    @property
    def poles(self) -> NDArray[np.float64]:
        """Poles of ``H(z)``, shape (2,): that of the membrane, that of the synapse."""
        return np.diag(self.A).copy()

    @property
    def is_stable(self) -> bool:
        """Whether both poles lie inside the unit circle."""
        return bool(np.all(np.abs(self.poles) < 1))

    @property
    def max_stable_dt(self) -> float:
        """Time step in seconds below which the scheme is stable for this neuron; ``inf`` when always."""
        return self.scheme.limit(self.scheme.stability_limit, self.neuron)

    @property
    def max_monotone_dt(self) -> float:
        """Time step in seconds below which the free voltage decays without changing sign."""
        return self.scheme.limit(self.scheme.monotonicity_limit, self.neuron)

    @property
    def effective_time_constants(self) -> NDArray[np.float64]:
        """Time constants ``-dt / ln|pole|`` in seconds that the grid really has, shape (2,).

        A pole at 0 forgets within a step (0), a pole on the unit circle never (``inf``); outside it grows (negative).
        """
        with np.errstate(divide="ignore"):
            rates = -np.log(np.abs(self.poles)) / self.dt
            return np.where(rates == 0, np.inf, 1 / rates)

    @property
    def area(self) -> float:
        """``sum_n u_n dt`` after one spike of unit weight, ``dt H(1)``; ``r`` for a scheme that keeps the area."""
        if not self.is_stable:
            return float("inf")
        return float(self.dt * self.transfer_function(np.array(1.0)).real)

    def transfer_function(self, z: ArrayLike) -> NDArray[np.complex128]:
        """``H(z)`` from ``S_n`` to ``u_n``, for an array of complex ``z`` of any shape.

        Raises
        ------
        ValueError
            ``z`` is 0 or is a pole.
        """
        z = np.asarray(z, dtype=np.complex128)
        if np.any(z == 0) or np.any(np.isin(z, self.poles)):
            raise ValueError(f"z must be neither 0 nor a pole ({self.poles[0]:g}, {self.poles[1]:g})")
        kick_u = self.b[0] + self.b_previous[0] / z
        kick_i = self.b[1] + self.b_previous[1] / z
        current = kick_i / (1 - self.A[1, 1] / z)
        return (kick_u + self.A[0, 1] / z * current) / (1 - self.A[0, 0] / z)

    def frequency_response(self, omega: ArrayLike) -> NDArray[np.complex128]:
        """``H`` at ``z = exp(j omega dt)`` for angular frequencies ``omega`` in rad/s.

        ``dt * frequency_response(omega)`` tends to the continuous
        :func:`snntheory.linear.frequency_response` as ``dt`` goes to 0: on a grid a unit spike is a
        sample of height 1, in time it is an area of 1.
        """
        return self.transfer_function(np.exp(1j * _check.array("omega", omega) * self.dt))

    def symbolic_transfer_function(self) -> sympy.Expr:
        """``H(z)`` as a SymPy expression in ``z, Delta_t, tau_mem, tau_syn, R``."""
        return self.scheme.transfer_function()

    def simulate(
        self, inputs: ArrayLike, v0: ArrayLike = 0.0, i0: ArrayLike = 0.0
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Voltage and current below threshold for summed weights ``S_n``.

        Parameters
        ----------
        inputs : array_like, shape (..., n_steps)
            ``S_1, S_2, ...``: the sum of the weights of all spikes in each step.
        v0, i0 : array_like
            State at step 0, broadcast against the leading dimensions.

        Returns
        -------
        voltage, current : ndarray, shape (..., n_steps)
            The states after steps 1, 2, ...

        Raises
        ------
        ValueError
            ``inputs`` has no time axis or is not finite.
        """
        inputs = _check.array("inputs", inputs)
        if inputs.ndim == 0:
            raise ValueError("inputs must have a time axis: shape (..., n_steps), got a scalar")
        u, i = (_initial(name, value, inputs.shape[:-1]) for name, value in (("v0", v0), ("i0", i0)))
        before = np.zeros(inputs.shape[:-1])
        voltage, current = np.empty_like(inputs), np.empty_like(inputs)
        for n in range(inputs.shape[-1]):
            now = inputs[..., n]
            u = self.A[0, 0] * u + self.A[0, 1] * i + self.b[0] * now + self.b_previous[0] * before
            i = self.A[1, 1] * i + self.b[1] * now + self.b_previous[1] * before
            voltage[..., n], current[..., n], before = u, i, now
        return voltage, current


def _initial(name: str, value: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float64]:
    array = _check.array(name, value)
    try:
        return np.broadcast_to(array, shape).copy()
    except ValueError:
        raise ValueError(
            f"{name} must fit the inputs without their time axis, {shape}, got {array.shape}"
        ) from None


def discretize(neuron: CubaLIF, dt: float, scheme: str, order: int | None = None) -> DiscreteNeuron:
    """The discrete neuron that ``scheme`` makes of ``neuron`` with time step ``dt``.

    Parameters
    ----------
    neuron : CubaLIF
    dt : float
        Time step in seconds, above zero.
    scheme : str
        One of :func:`snntheory.linear.schemes.names`.
    order : int, optional
        Order of ``"parker_sochacki"``, at least 1; must be left out for the others.

    Returns
    -------
    DiscreteNeuron

    Raises
    ------
    TypeError, ValueError
        ``neuron`` is no CubaLIF, ``dt`` is not positive, the scheme is unknown, the order missing or unused.

    Examples
    --------
    >>> model = discretize(CubaLIF(0.020, 0.010), 0.001, "forward_euler")
    >>> model.poles.tolist()
    [0.95, 0.9]
    """
    if not isinstance(neuron, CubaLIF):
        raise TypeError(f"neuron must be a CubaLIF, got {type(neuron).__name__}")
    dt = _check.positive("dt", dt, "s")
    declaration = schemes.get(scheme, order)
    a, b, previous = declaration.numbers(neuron, dt)
    return DiscreteNeuron(neuron, dt, declaration, a, b, previous)
