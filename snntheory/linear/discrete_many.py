"""Many neurons and time steps discretised at once, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check
from . import schemes
from .discrete import matrices
from .poles import effective_time_constant, inside_unit_circle
from .scheme import Floats, Scheme


@dataclass(frozen=True, eq=False)
class DiscreteNeurons:
    """Many discrete neurons at once, as arrays over a common shape ``...``; made by :func:`discretize_many`.

    Attributes
    ----------
    scheme : Scheme
    dt : ndarray, shape (...)
        Time steps in seconds.
    A, b, b_previous, increment : ndarray, shapes (..., 2, 2), (..., 2), (..., 2), (..., 2, 2)
        As in :class:`DiscreteNeuron`.
    """

    scheme: Scheme
    dt: Floats
    A: Floats = field(repr=False)
    b: Floats = field(repr=False)
    b_previous: Floats = field(repr=False)
    increment: Floats = field(repr=False)

    @property
    def poles(self) -> Floats:
        """Shape (..., 2): membrane, synapse."""
        return np.diagonal(self.A, axis1=-2, axis2=-1)

    @property
    def effective_time_constants(self) -> Floats:
        """Seconds, shape (..., 2): membrane, synapse; see :attr:`DiscreteNeuron.effective_time_constants`."""
        change = np.diagonal(self.increment, axis1=-2, axis2=-1)
        return effective_time_constant(change, self.poles, np.asarray(self.dt)[..., None])

    @property
    def is_stable(self) -> NDArray[np.bool_]:
        """Shape (...): whether both poles lie inside the unit circle."""
        return inside_unit_circle(self.increment)


def discretize_many(
    tau_mem: ArrayLike,
    tau_syn: ArrayLike,
    dt: ArrayLike,
    scheme: str,
    r: ArrayLike = 1.0,
    order: int | None = None,
) -> DiscreteNeurons:
    """Discretise arrays of neurons and time steps at once, without a warning where a choice is unstable.

    Parameters
    ----------
    tau_mem, tau_syn, dt : array_like
        Seconds, above zero; broadcast against each other.
    scheme : str
    r : array_like
        Membrane resistance, above zero.
    order : int, optional
        Order of ``"parker_sochacki"``.

    Returns
    -------
    DiscreteNeurons

    Raises
    ------
    TypeError, ValueError
        As :func:`discretize`, or shapes that do not broadcast.
    """
    given: dict[str, Any] = {"tau_mem": tau_mem, "tau_syn": tau_syn, "r": r, "dt": dt}
    arrays = {name: _check.array(name, value) for name, value in given.items()}
    for name, values in arrays.items():
        if np.any(values <= 0):
            raise ValueError(f"{name} must be above 0 everywhere, got {values.min():g}")
    try:
        parameters = np.broadcast_arrays(*arrays.values())
    except ValueError:
        shapes = ", ".join(f"{name} {values.shape}" for name, values in arrays.items())
        raise ValueError(f"shapes must broadcast against each other, got {shapes}") from None
    declaration = schemes.get(scheme, order)
    return DiscreteNeurons(declaration, parameters[-1], *matrices(declaration.coefficients(*parameters)))
