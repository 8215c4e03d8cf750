r"""Surrogate gradients: pseudo-derivatives of the spike ``H(u - v_threshold)`` with respect to ``u``, and the gradient.

Every shape but ``straight_through`` is a density: its area is one and ``width`` is its scale in the unit
of ``u``, so that shapes of one width pass on comparable gradients.

================  ==============================================  =====================
name              ``f(x)``, ``x = u - v_threshold``, ``T`` width   used by
================  ==============================================  =====================
sigmoid           ``e^{-|x|/T} / (T (1 + e^{-|x|/T})^2)``          Yang (2020), T = 0.3
fast_sigmoid      ``1 / (2 T (1 + |x|/T)^2)``                      Zenke & Ganguli (2018)
arctan            ``1 / (pi T (1 + (x/T)^2))``                     Fang et al. (2021)
triangle          ``max(0, 1 - |x|/T) / T``                        Bellec et al. (2018)
boxcar            ``1 / (2 T)`` for ``|x| < T``, else 0            Kaiser et al. (2020)
straight_through  ``1``                                            Bengio et al. (2013)
================  ==============================================  =====================

The gradient is backpropagation through time on a grid (:mod:`snntheory.gradients._grid`) with ``f`` in the place of
``ds_n/dv_n``. With ``g`` the derivative of the loss with respect to a quantity of step ``n``::

    g_v[n] = dp_n/dv_n g_p[n] + f(v_n - v_threshold) dL/ds_n,    g_p[n] = A_uu g_v[n+1]

    subtract   dp/dv = 1 - v_threshold f(v_n - v_threshold)
    to_value   dp/dv = 1 - s_n + (v_reset - v_n) f(v_n - v_threshold)

``reset_gradient="detached"`` drops the terms with ``f`` from ``dp/dv``. They are the terms that Yang (2020), equation
(8), adds to the usual rule; the factor ``A_uu dp/dv`` between steps may then exceed one in size.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .. import _check
from ..neuron import CubaLIF
from . import _grid

if TYPE_CHECKING:
    import torch

    from .methods import Gradients, Loss

    Array = TypeVar("Array", torch.Tensor, NDArray[np.float64])

SURROGATES = ("sigmoid", "fast_sigmoid", "arctan", "triangle", "boxcar", "straight_through")
RESET_GRADIENTS = ("kept", "detached")
Floats = NDArray[np.float64]


def pseudo_derivative(x: Array, shape: str, width: float) -> Array:
    """Pseudo-derivative of the spike at distance ``x`` from the threshold.

    Parameters
    ----------
    x : torch.Tensor or ndarray
        ``u - v_threshold``, any shape, in the unit of ``u``.
    shape : str
        One of :data:`SURROGATES`.
    width : float
        Scale ``T`` of the shape, above zero, in the unit of ``u``.

    Returns
    -------
    torch.Tensor or ndarray
        The kind and shape of ``x``, in spikes per unit of ``u``.

    Raises
    ------
    ValueError
        Unknown shape or a width that is not positive.
    """
    _check.choice("shape", shape, SURROGATES)
    width = _check.positive("width", width)
    library: Any = np
    if not isinstance(x, np.ndarray):
        import torch as library
    one = library.ones_like(x)
    if shape == "straight_through":
        return one
    scaled = abs(x) / width
    if shape == "sigmoid":
        decay = library.exp(-scaled)
        return decay / (width * (1 + decay) ** 2)
    if shape == "fast_sigmoid":
        return 1 / (2 * width * (1 + scaled) ** 2)
    if shape == "arctan":
        return 1 / (math.pi * width * (1 + scaled**2))
    inside = one - scaled if shape == "triangle" else one / 2
    return library.where(scaled < 1, inside / width, 0 * one)


def refuse(neuron: CubaLIF) -> None:
    """Nothing is refused: any time constants, any reset."""


def network_gradient(
    neurons: list[CubaLIF],
    inputs: list[Floats],
    matrices: list[Floats],
    loss: Loss,
    t_max: float,
    *,
    dt: float,
    scheme: str = "impulse_invariance",
    order: int | None = None,
    shape: str = "fast_sigmoid",
    width: float = 0.5,
    reset_gradient: str = "kept",
    rounding: str = "ceil",
) -> Gradients:
    """Surrogate gradient of a loss of the output's trains on a grid.

    Definition: the recursion of this module; the gradient of a weight is ``sum_n s_n g_S[n]`` over the sender's spikes.

    Parameters
    ----------
    neurons, inputs, matrices, t_max
        As :func:`snntheory.gradients.weight_gradient` hands them on.
    loss : callable with ``on_grid``
        ``loss.on_grid(spikes, dt) -> (value, dL/dspikes)``, both arrays of shape (n_steps, n_out).
    dt : float
        Time step in seconds.
    scheme, order
        As in :func:`snntheory.discretize`.
    shape, width
        As in :func:`pseudo_derivative`; the width in the unit of ``v_threshold``.
    reset_gradient : {"kept", "detached"}
    rounding : {"ceil", "nearest", "next"}
        Of the input times; see :func:`snntheory.spiking.grid_index`. Several inputs in one step add up.

    Returns
    -------
    Gradients
        Its spike times are ``n dt``; ``diagnostics["silent"]`` counts neurons without a spike. Unlike with spike times
        their weights have a gradient.

    Raises
    ------
    ValueError, TypeError
        The loss has no ``on_grid``; an option is out of range; of :func:`snntheory.discretize`.

    Accuracy: equal to torch's autograd through the readable backend of training to 1e-12, all shapes and resets;
    tests/gradients/test_surrogate_network.py.

    References
    ----------
    Neftci, Mostafa and Zenke (2019); Yang (2020), equations (6)-(8).
    """
    from .methods import Gradients

    _check.choice("reset_gradient", reset_gradient, RESET_GRADIENTS)
    layers = _grid.run(neurons, inputs, matrices, t_max, dt=dt, scheme=scheme, order=order, rounding=rounding)
    value, direct = _grid.loss_on_grid(
        loss,
        layers[-1].spikes,
        layers[-1].model.dt,
        "surrogate",
        "give it one, or use a method of spike times such as 'implicit'",
    )
    gradients: list[Floats] = []
    for layer in reversed(layers):
        neuron = layer.model.neuron
        if neuron.reset == "none" or reset_gradient == "detached":
            through = np.zeros_like(layer.spikes)
        elif neuron.reset == "subtract":
            through = np.full_like(layer.spikes, -neuron.v_threshold)
        else:
            through = neuron.v_reset - layer.voltage
        slope = pseudo_derivative(layer.voltage - neuron.v_threshold, shape, width)
        of_drive, _ = _grid.reverse_scan(layer.model, _grid.kept(layer), slope, direct, through)
        gradients.insert(0, layer.senders.T @ of_drive)
        direct = of_drive @ layer.weights.T
    return Gradients(gradients, value, [layer.times for layer in layers], {"silent": _grid.silent(layers)})
