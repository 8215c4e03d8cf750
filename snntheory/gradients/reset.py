r"""The path of a surrogate gradient through the reset: how it grows or dies from step to step.

With the reset path kept, one step multiplies a gradient on the membrane by::

    dv[n+1]/dv[n] = A_uu g(v[n])
    g(v) = 1 - v_threshold f(v - v_threshold)                    reset "subtract"
    g(v) = 1 - s - (v - v_reset) f(v - v_threshold)              reset "to_value", s = 1 where v >= v_threshold
    g(v) = 1                                                     reset "none"

where ``f`` is the pseudo-derivative and ``A_uu`` the membrane's decay over a step. Detached, ``g`` is 1 with a
subtracting reset and ``1 - s`` with the other. Where ``|A_uu g| > 1`` a gradient grows; the greatest pseudo-derivative
is ``c/width``, so that with a subtracting reset this begins at::

    width = c v_threshold A_uu / (1 + A_uu)

Nothing in ``f`` knows of the time step: a voltage that crosses the band around the threshold in one long step or in ten
short ones is multiplied by ``g`` once or ten times.

References: Yang (2020), arXiv:2011.09964, equations (7), (8).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check
from ..linear import DiscreteNeuron
from .surrogate import RESET_GRADIENTS, SURROGATES, pseudo_derivative

Floats = NDArray[np.float64]

PEAKS = {
    "sigmoid": 1 / 4,
    "fast_sigmoid": 1 / 2,
    "arctan": 1 / np.pi,
    "triangle": 1.0,
    "boxcar": 1 / 2,
}
"""Greatest pseudo-derivative of each shape, times its width; the constant of ``straight_through`` has no width."""


def reset_factor(
    voltage: ArrayLike, model: DiscreteNeuron, shape: str, width: float, reset_gradient: str = "kept"
) -> Floats:
    """What one step multiplies a gradient on the membrane by: ``dv[n+1]/dv[n]``.

    Parameters
    ----------
    voltage : array_like
        Before the reset, any shape, in the unit of ``v_threshold``.
    model : DiscreteNeuron
    shape : str
        One of :data:`snntheory.gradients.SURROGATES`.
    width : float
        Its width, in the unit of the voltage.
    reset_gradient : {"kept", "detached"}

    Returns
    -------
    ndarray, shape of ``voltage``

    Raises
    ------
    ValueError
        A voltage that is not finite, an unknown name, a width that is not positive.

    Accuracy: equal to the derivative that autograd takes through one step; tests/gradients/test_reset.py.
    """
    v = _check.array("voltage", voltage)
    _check.choice("shape", shape, SURROGATES)
    _check.choice("reset_gradient", reset_gradient, RESET_GRADIENTS)
    neuron = model.neuron
    decay, theta = float(model.A[0, 0]), neuron.v_threshold
    slope = pseudo_derivative(np.atleast_1d(v - theta), shape, width).reshape(v.shape)
    if reset_gradient == "detached":
        slope = 0 * slope
    if neuron.reset == "subtract":
        return decay * (1 - theta * slope)
    if neuron.reset == "to_value":
        return decay * (1 - (v >= theta) - (v - neuron.v_reset) * slope)
    return np.full(v.shape, decay)


def explosion_width(model: DiscreteNeuron, shape: str) -> float:
    """Width of the pseudo-derivative below which some voltage makes a gradient grow, for a subtracting reset.

    Definition::

        |A_uu (1 - v_threshold c/width)| = 1,  width = c v_threshold A_uu / (1 + A_uu)

    with ``c`` of :data:`PEAKS`.

    Raises
    ------
    ValueError
        The reset does not subtract, the shape has no width (``straight_through``), or ``A_uu`` is not in (0, 1].
    """
    _check.choice("shape", shape, PEAKS)
    neuron, decay = model.neuron, float(model.A[0, 0])
    if neuron.reset != "subtract":
        raise ValueError(
            f"explosion_width is for reset='subtract', got {neuron.reset!r}; with another reset look for the voltages "
            "at which |reset_factor| exceeds one"
        )
    if not 0 < decay <= 1:
        raise ValueError(f"explosion_width needs a decay between 0 and 1, got {decay:g}; take a smaller dt")
    return float(PEAKS[shape] * neuron.v_threshold * decay / (1 + decay))


def growth_rate(
    voltage: ArrayLike, model: DiscreteNeuron, shape: str, width: float, reset_gradient: str = "kept"
) -> Floats:
    """Exponential rate at which a gradient on the membrane grows backwards along a trajectory, per second.

    Definition::

        (1 / (n dt)) sum_n log |dv[n+1]/dv[n]|

    Below ``-1/tau_mem`` the reset path shortens the memory of the gradient, above zero the gradient explodes. A hard
    reset without its path has the factor zero at each spike, and a rate of minus infinity.

    Parameters
    ----------
    voltage : array_like, shape (..., n)
        Trajectories before the reset, time last, in the unit of ``v_threshold``.
    model, shape, width, reset_gradient
        As for :func:`reset_factor`.

    Returns
    -------
    ndarray, shape (...), in 1/s
    """
    factors = np.abs(reset_factor(voltage, model, shape, width, reset_gradient))
    if factors.ndim < 1 or factors.shape[-1] == 0:
        raise ValueError(
            f"voltage must have at least one step along its last axis, got shape {factors.shape}"
        )
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(factors).mean(axis=-1) / model.dt)
