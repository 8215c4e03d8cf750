"""The method ``timing`` as published, with every derivative of a later voltage by an earlier one stored.

Memory of steps squared times neurons squared, kept to test the reverse scan and to measure what it saves. With ``q[d]``
the voltage that one unit of summed weights makes ``d`` steps later through the current alone (voltages held)::

    D[m,j,k,i]  = w_ij q[m-k]  |  -(dt/tau_syn) w_ij q[m-k]  |  w_ij (q[m-k] - q[m-k-1])       tssl_bp | hu | shift
    P[m,j,k,i]  = slope_i[k] (D[m,j,k,i] + own_i[k] A_uu Q[m,j,k+1,i])                         (38)
    Q[m,j,k,i]  = P[m,j,k,i] + dp/dv_i[k] A_uu Q[m,j,k+1,i]
    g_v,i[k]    = sum over m >= k and j of g_v,j[m] Q[m,j,k,i]                                 (39)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..linear import DiscreteNeuron
from ._grid import Layer, kept
from .timing import Crossings

Floats = NDArray[np.float64]


def responses(model: DiscreteNeuron, n_steps: int) -> Floats:
    """``q[0 .. n_steps - 1]``, by the layer's equations with ``p = 0`` in every step."""
    drive = np.zeros(n_steps)
    drive[0] = 1.0
    result, i, before = np.empty(n_steps), 0.0, 0.0
    for n, now in enumerate(drive):
        result[n] = model.A[0, 1] * i + model.b[0] * now + model.b_previous[0] * before
        i = model.A[1, 1] * i + model.b[1] * now + model.b_previous[1] * before
        before = now
    return result


def own_errors(layer: Layer, error: Floats, clamp: float | None) -> Floats:
    """``g_v`` of the output layer from its spikes' errors ``-dt dL/dt``: the recursion of one neuron over its steps."""
    crossings, keep, a_uu = Crossings.of(layer, clamp), kept(layer), layer.model.A[0, 0]
    result, later = np.zeros_like(error), np.zeros(error.shape[1])
    for k in range(len(error) - 1, -1, -1):
        later = a_uu * later
        later = keep[k] * later + crossings.slope[k] * (error[k] + crossings.own[k] * later)
        result[k] = later
    return result


def pairs(sender: Layer, receiver: Layer, direct: str, clamp: float | None) -> Floats:
    """``Q[m, j, k, i]``: the derivative of the receivers' voltages by the senders', shape (T, n_out, T, n_in)."""
    n_steps = len(sender.spikes)
    q = np.append(responses(receiver.model, n_steps), 0.0)  # q[-1] = 0: nothing before the spike
    lag = np.arange(n_steps)[:, None] - np.arange(n_steps)  # m - k
    effect = np.where(lag >= 0, q[np.maximum(lag, -1)], 0.0)
    if direct == "hu":
        effect *= -receiver.model.dt / receiver.model.neuron.tau_syn
    elif direct == "shift":
        effect = effect - np.where(lag >= 1, q[np.maximum(lag - 1, -1)], 0.0)
        effect[:, -1] = 0.0
    crossings, keep, a_uu = Crossings.of(sender, clamp), kept(sender), sender.model.A[0, 0]
    result = np.zeros((n_steps, receiver.weights.shape[1], n_steps, receiver.weights.shape[0]))
    later = np.zeros_like(result[:, :, 0])
    for k in range(n_steps - 1, -1, -1):
        later = a_uu * later
        moved = effect[:, k, None, None] * receiver.weights.T + crossings.own[k] * later
        later = keep[k] * later + crossings.slope[k] * moved
        result[:, :, k] = later
    return result


def weight_gradients(layers: list[Layer], error: Floats, direct: str, clamp: float | None) -> list[Floats]:
    """Discrete estimator of every layer's weights; ``error`` is that of the output's spikes, ``-dt dL/dt``."""
    errors = own_errors(layers[-1], error, clamp)
    gradients: list[Floats] = []
    for n in range(len(layers) - 1, -1, -1):
        layer = layers[n]
        q = responses(layer.model, len(error))
        traces = np.stack([np.convolve(train, q)[: len(error)] for train in layer.senders.T], 1)
        gradients.insert(0, traces.T @ errors)
        if n:
            errors = np.einsum("mj,mjki->ki", errors, pairs(layers[n - 1], layer, direct, clamp))
    return gradients
