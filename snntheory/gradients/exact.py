"""Exact gradients of a network of spiking neurons with respect to its weights, for one sample in float64.

The ruler of the other methods. Exact means exact for the times of the spikes that there are: a spike that appears or
vanishes when a weight moves carries no gradient, and a loss that counts spikes has none almost everywhere.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check
from ..neuron import CubaLIF
from ..spiking import exact_network
from . import adjoint, closed_form, implicit

Floats = NDArray[np.float64]
Loss = Callable[[list[Floats]], tuple[float, Sequence[ArrayLike]]]

METHODS: dict[str, ModuleType] = {"closed_form": closed_form, "implicit": implicit, "adjoint": adjoint}
"""Name of an exact method to the module that holds its equations."""


class GrazingSpike(UserWarning):
    """A spike whose voltage barely reaches the threshold: its time moves without bound, and the gradient with it."""


def weight_gradient(
    neuron: CubaLIF | Sequence[CubaLIF],
    input_times: Sequence[ArrayLike],
    weights: Sequence[ArrayLike],
    loss: Loss,
    method: str = "implicit",
    *,
    t_max: float,
    mode: str = "reverse",
    slope_floor: float = 1e-9,
) -> list[Floats]:
    """Gradient of a loss of output spike times with respect to every weight of a feed-forward network.

    Definition::

        dL/dW_l = sum over spikes of layer l of dL/df df/dW_l

    where ``df/dW`` is that of the exact, event-driven spike times of :func:`snntheory.spiking.exact_network`.

    Parameters
    ----------
    neuron : CubaLIF or sequence of CubaLIF
        Of all layers, or one a layer.
    input_times : sequence of array_like, shape (n_spikes,)
        Sorted spike times of each input neuron in seconds.
    weights : sequence of array_like, shapes (n_in, n_out)
        Canonical weights of each layer.
    loss : callable
        ``loss(output_times) -> (value, gradients)``: from the list of output spike-time arrays to the loss and its
        derivative with respect to each of those times, arrays of the same shapes.
    method : {"implicit", "adjoint", "closed_form"}
        ``"implicit"``: the implicit function theorem at each crossing; ``"adjoint"``: EventProp, memory of the order of
        the spikes; ``"closed_form"``: for ``tau_mem = 2 tau_syn`` and a subtracting reset.
    t_max : float
        End of the window in seconds.
    mode : {"reverse", "forward"}
        ``"forward"``, for ``"implicit"`` only, carries the derivatives of all spikes with respect to all weights along,
        as published: memory of spikes times weights.
    slope_floor : float
        A spike at which the voltage rises by less than this many thresholds per membrane time constant is counted and
        warned of. Nothing is clipped.

    Returns
    -------
    list of ndarray
        One gradient a layer, of the shape of its weights.

    Raises
    ------
    ValueError, TypeError
        The method does not hold for the neuron, the loss returns other shapes, or the network is refused by
        :func:`snntheory.spiking.exact_network`.

    Warns
    -----
    GrazingSpike
        A spike's slope is below ``slope_floor``.

    Accuracy: the methods agree with each other to 1e-8 and with central differences to 1e-6 on random networks;
    tests/gradients/test_exact.py.

    References
    ----------
    Those of the methods' modules.
    """
    _check.choice("method", method, METHODS)
    _check.choice("mode", mode, ("reverse", "forward"))
    if mode == "forward" and method != "implicit":
        raise ValueError(f"mode='forward' is of method 'implicit' only, got method={method!r}")
    matrices = [_check.array(f"weights[{n}]", part, ndim=2) for n, part in enumerate(weights)]
    neurons = [neuron] * len(matrices) if isinstance(neuron, CubaLIF) else list(neuron)
    for each in neurons:
        METHODS[method].refuse(each)
    inputs = [_check.array(f"input_times[{n}]", times, ndim=1) for n, times in enumerate(input_times)]
    layers = [inputs, *exact_network(neurons, inputs, matrices, t_max)]
    arriving = _loss_gradients(loss, layers[-1])
    _warn_of_grazing(neurons, layers, matrices, slope_floor)
    if mode == "forward":
        return _forward(neurons, layers, matrices, arriving)
    gradients = []
    for n in range(len(matrices) - 1, -1, -1):
        gradient, arriving = _layer(
            METHODS[method], neurons[n], layers[n], matrices[n], layers[n + 1], arriving
        )
        gradients.append(gradient)
    return gradients[::-1]


def _loss_gradients(loss: Loss, outputs: list[Floats]) -> list[Floats]:
    result = loss([times.copy() for times in outputs])
    try:
        _, given = result
        gradients = [_check.array(f"loss gradient {n}", part, ndim=1) for n, part in enumerate(given)]
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"loss must return (value, one array of derivatives per output neuron): {error}"
        ) from None
    shapes, wanted = [part.shape for part in gradients], [part.shape for part in outputs]
    if shapes != wanted:
        raise ValueError(f"loss must return one derivative per output spike, shapes {wanted}, got {shapes}")
    return gradients


def _events(senders: list[Floats]) -> tuple[Floats, NDArray[np.intp]]:
    """All spikes of a layer in rising order, and the neuron that each is of."""
    times = np.concatenate(senders) if senders else np.empty(0)
    index = np.repeat(np.arange(len(senders)), [part.size for part in senders])
    order = np.argsort(times, kind="stable")
    return times[order], index[order]


def _layer(
    method: ModuleType,
    neuron: CubaLIF,
    senders: list[Floats],
    weights: Floats,
    spikes: list[Floats],
    arriving: list[Floats],
) -> tuple[Floats, list[Floats]]:
    times, index = _events(senders)
    gradient, late = np.zeros_like(weights), np.zeros_like(times)
    for n, (own, received) in enumerate(zip(spikes, arriving, strict=True)):
        if own.size and times.size:
            to_weights, to_times = method.spike_gradients(neuron, times, weights[index, n], own, received)
            np.add.at(gradient[:, n], index, to_weights)
            late += to_times
    return gradient, [late[index == n] for n in range(len(senders))]


def _forward(
    neurons: list[CubaLIF], layers: list[list[Floats]], matrices: list[Floats], arriving: list[Floats]
) -> list[Floats]:
    """The published accumulation: each spike carries its derivative with respect to every weight."""
    starts = np.cumsum([0, *(part.size for part in matrices)])
    carried = [np.zeros((times.size, starts[-1])) for times in layers[0]]
    for n, (neuron, weights) in enumerate(zip(neurons, matrices, strict=True)):
        times, index = _events(layers[n])
        order = (
            np.argsort(np.concatenate(layers[n]), kind="stable") if times.size else np.empty(0, dtype=np.intp)
        )
        moved = np.concatenate(carried)[order] if times.size else np.zeros((0, starts[-1]))
        carried = []
        for k, own in enumerate(layers[n + 1]):
            by_spike, by_weight, by_time = implicit.system(neuron, times, weights[index, k], own)
            direct = np.zeros((own.size, *weights.shape))
            np.add.at(direct[:, :, k].T, index, by_weight.T)
            right = by_time @ moved
            right[:, starts[n] : starts[n + 1]] += direct.reshape(own.size, weights.size)
            carried.append(-np.linalg.solve(by_spike, right) if own.size else right)
    total = sum((part @ grown for part, grown in zip(arriving, carried, strict=True)), np.zeros(starts[-1]))
    return [total[a:b].reshape(part.shape) for a, b, part in zip(starts, starts[1:], matrices, strict=False)]


def _warn_of_grazing(
    neurons: list[CubaLIF], layers: list[list[Floats]], matrices: list[Floats], floor: float
) -> None:
    floor, count = _check.number("slope_floor", floor, minimum=0.0), 0
    for neuron, senders, weights, spikes in zip(neurons, layers, matrices, layers[1:], strict=False):
        times, index = _events(senders)
        for n, own in enumerate(spikes):
            for spike in own:
                before = times < spike
                decay = np.exp((times[before] - spike) / neuron.tau_syn)
                current = weights[index[before], n] @ decay / neuron.tau_syn
                count += abs(neuron.r * current - neuron.v_threshold) < floor * abs(neuron.v_threshold)
    if count:
        warnings.warn(
            f"{count} spike(s) barely reach the threshold (slope below {floor:g} thresholds per tau_mem): their times, "
            "and the gradient, are badly conditioned",
            GrazingSpike,
            stacklevel=3,
        )
