"""A feed-forward network on a grid of time steps in float64, and the reverse scan of the methods that work on it.

Definition, for the neurons of a layer, ``n = 1 .. n_steps``, with the coefficients of a scheme::

    v_n = A_uu p_{n-1} + A_ui i_{n-1} + b_u S_n + b'_u S_{n-1}
    i_n = A_ii i_{n-1} + b_i S_n + b'_i S_{n-1}
    s_n = H(v_n - v_threshold),    p_n = v_n after the reset

which is :func:`snntheory.training.kernels.scan` for one sample. Spikes act on the next layer in the same step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _check
from ..linear import DiscreteNeuron, discretize
from ..neuron import CubaLIF
from ..spiking.rounding import grid_index
from ..spiking.spike_batch import sorted_times

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Layer:
    """What one layer received and did: arrays of shape (n_steps, n_in) for ``senders``, else (n_steps, n_out).

    ``before`` is the voltage that each step started from, ``p_{n-1}``.
    """

    model: DiscreteNeuron
    weights: Floats
    senders: Floats
    before: Floats
    voltage: Floats
    current: Floats
    spikes: Floats

    @property
    def times(self) -> list[Floats]:
        """Spike times ``n dt`` of each neuron in seconds."""
        return [((np.flatnonzero(train) + 1) * self.model.dt).astype(np.float64) for train in self.spikes.T]


def counts(inputs: list[Floats], dt: float, t_max: float, rounding: str) -> Floats:
    """Spikes of each input in each step, shape (n_steps, n_in); the steps end at ``dt, 2 dt, ...``.

    A time that the grid moves to 0 falls into the first step; one that it moves beyond the last step does not act.

    Raises
    ------
    ValueError
        Times are unsorted, negative or later than ``t_max``, or ``t_max`` is shorter than one step.
    """
    if t_max < dt * (1 - 1e-9):
        raise ValueError(
            f"t_max must be at least one step, dt={dt:g} s, got {t_max:g} s; are both in seconds?"
        )
    result = np.zeros((math.ceil(t_max / dt - 1e-9), len(inputs)))
    for n, given in enumerate(inputs):
        times = sorted_times(f"input_times[{n}]", given)
        if times.size and times[-1] > t_max:
            raise ValueError(
                f"t_max must not lie before the last input spike at {times[-1]:g} s, got {t_max:g} s; "
                "raise t_max or drop the later inputs"
            )
        steps = np.maximum(grid_index(times, dt, rounding), 1) - 1
        np.add.at(result[:, n], steps[steps < len(result)], 1.0)
    return result


def run(
    neurons: list[CubaLIF],
    inputs: list[Floats],
    matrices: list[Floats],
    t_max: float,
    *,
    dt: float,
    scheme: str,
    order: int | None,
    rounding: str,
) -> list[Layer]:
    """Forward pass of all layers for one sample.

    Raises
    ------
    ValueError, TypeError
        Of :func:`counts` and :func:`snntheory.discretize`; a matrix does not fit.
    """
    models = [discretize(each, dt, scheme, order) for each in neurons]
    spikes = counts(inputs, models[0].dt, _check.positive("t_max", t_max, "s"), rounding)
    layers: list[Layer] = []
    for n, (model, matrix) in enumerate(zip(models, matrices, strict=True)):
        if matrix.shape[0] != spikes.shape[1]:
            raise ValueError(
                f"weights[{n}] must have shape ({spikes.shape[1]}, n_out), one row a sender; got {matrix.shape}"
            )
        layers.append(_scan(model, matrix, spikes))
        spikes = layers[-1].spikes
    return layers


def _scan(model: DiscreteNeuron, weights: Floats, senders: Floats) -> Layer:
    drive, neuron = senders @ weights, model.neuron
    (a_uu, a_ui), a_ii = model.A[0], model.A[1, 1]
    (b_u, b_i), (c_u, c_i) = model.b, model.b_previous
    starts, voltage, current, spikes = (np.empty_like(drive) for _ in range(4))
    after = i = before = np.zeros(drive.shape[1])
    for n, now in enumerate(drive):
        starts[n] = after
        voltage[n] = a_uu * after + a_ui * i + b_u * now + c_u * before
        current[n] = i = a_ii * i + b_i * now + c_i * before
        spikes[n] = voltage[n] >= neuron.v_threshold
        if neuron.reset == "subtract":
            after = voltage[n] - neuron.v_threshold * spikes[n]
        elif neuron.reset == "to_value":
            after = np.where(spikes[n] == 1, neuron.v_reset, voltage[n])
        else:
            after = voltage[n]
        before = now
    return Layer(model, weights, senders, starts, voltage, current, spikes)


def kept(layer: Layer) -> Floats:
    """``dp_n/dv_n`` at held spikes: 0 where a reset has set the voltage to a value, else 1."""
    return 1 - layer.spikes if layer.model.neuron.reset == "to_value" else np.ones_like(layer.spikes)


def reverse_scan(
    model: DiscreteNeuron, keep: Floats, slope: Floats, direct: Floats, through: Floats
) -> tuple[Floats, Floats]:
    """Errors of the summed weights of every step, from the last step to the first.

    Definition, with ``g`` the derivative of the loss with respect to a quantity of the forward pass::

        g_p[n] = A_uu g_v[n+1],    g_i[n] = A_ui g_v[n+1] + A_ii g_i[n+1]
        g_v[n] = keep[n] g_p[n] + slope[n] (direct[n] + through[n] g_p[n])
        g_S[n] = b_u g_v[n] + b_i g_i[n] + b'_u g_v[n+1] + b'_i g_i[n+1]

    The current's filter ``A_ii`` is geometric: this is the sum over all later steps, in memory of the order of the
    steps and not of their square.

    Parameters
    ----------
    model : DiscreteNeuron
    keep, slope, direct, through : ndarray, shape (n_steps, n_neurons)
        ``dp/dv`` at a held spike; what stands for ``ds/dv``; error of the spike by what it does to others; effect of
        the spike on ``p``.

    Returns
    -------
    g_S, entering : ndarray, shape (n_steps, n_neurons)
        ``entering`` is the part of ``g_v`` that the spike of the step brings in, ``slope (direct + through g_p)``.
    """
    (a_uu, a_ui), a_ii = model.A[0], model.A[1, 1]
    (b_u, b_i), (c_u, c_i) = model.b, model.b_previous
    of_drive, entering = np.empty_like(direct), np.empty_like(direct)
    next_v = next_i = np.zeros(direct.shape[1])
    for n in range(len(direct) - 1, -1, -1):
        g_p, g_i = a_uu * next_v, a_ui * next_v + a_ii * next_i
        entering[n] = slope[n] * (direct[n] + through[n] * g_p)
        g_v = keep[n] * g_p + entering[n]
        of_drive[n] = b_u * g_v + b_i * g_i + c_u * next_v + c_i * next_i
        next_v, next_i = g_v, g_i
    return of_drive, entering


def loss_on_grid(loss: Any, spikes: Floats, dt: float, method: str, remedy: str) -> tuple[float, Floats]:
    """Value and derivatives ``dL/ds_n`` of a loss of output trains, both checked.

    Raises
    ------
    ValueError
        The loss has no ``on_grid``, or that returns another shape or a value that is not finite.
    """
    on_grid = getattr(loss, "on_grid", None)
    if not callable(on_grid):
        raise ValueError(
            f"method {method!r} needs loss.on_grid(spikes, dt) -> (value, dL/dspikes) with spikes of shape "
            f"(n_steps, n_out), got a loss without it; {remedy}"
        )
    try:
        value, given = on_grid(spikes.copy(), dt)
        gradient = _check.array("dL/dspikes of loss.on_grid", given, ndim=2)
    except (TypeError, ValueError) as error:
        raise ValueError(f"loss.on_grid must return (value, dL/dspikes): {error}") from None
    if gradient.shape != spikes.shape:
        raise ValueError(f"loss.on_grid must return dL/dspikes of shape {spikes.shape}, got {gradient.shape}")
    return _check.number("the value of loss.on_grid", value), gradient


def silent(layers: list[Layer]) -> int:
    """Neurons without a spike."""
    return int(sum((~layer.spikes.any(0)).sum() for layer in layers))
