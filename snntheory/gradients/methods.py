"""Every gradient method behind one name, and the gradient of one sample by any of them in float64.

A method is a module. One that works on spike times has

``refuse(neuron)``
    raises ValueError where the method does not hold;
``layer_spikes(neuron, senders, weights, t_max, **options)``
    the spike times of the layer's neurons, as that method's forward pass gives them;
``layer_gradient(neuron, senders, weights, spikes, arriving, t_max, **options)``
    ``(dL/dweights, [dL/dtimes of each sender])`` from the derivatives ``arriving`` with respect to the layer's spikes.

One that works on the spikes of a grid has ``refuse`` and
``network_gradient(neurons, inputs, weights, loss, t_max, **options)``, which returns :class:`Gradients`; the others
where it can also be taken layer by layer.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check
from ..neuron import CubaLIF
from . import adjoint, closed_form, exact, implicit, integrated, straight_through, surrogate, timing

Floats = NDArray[np.float64]
Loss = Callable[[list[Floats]], tuple[float, Sequence[ArrayLike]]]

METHODS: dict[str, ModuleType] = {
    "closed_form": closed_form,
    "implicit": implicit,
    "adjoint": adjoint,
    "surrogate": surrogate,
    "timing": timing,
    "straight_through": straight_through,
    "integrated": integrated,
}
"""Name of a method to the module that holds its equations."""

EXACT = ("closed_form", "implicit", "adjoint")
"""The methods that give the gradient of the exact, event-driven network."""


class GrazingSpike(UserWarning):
    """A spike whose voltage barely reaches the threshold: its time moves without bound, and the gradient with it."""


class Gradients(list[Floats]):
    """One gradient a layer, of the shape of its weights, and what was seen on the way.

    Attributes
    ----------
    value : float
        The loss.
    spike_times : list of list of ndarray
        Spike times of every neuron of every layer, in seconds.
    diagnostics : dict of str to int
        ``silent``: neurons without a spike, whose weights have no gradient; ``grazing``, of the methods on spike times:
        spikes that barely reach the threshold; and what the method counts itself.
    """

    def __init__(
        self,
        gradients: Sequence[Floats],
        value: float,
        spike_times: list[list[Floats]],
        diagnostics: dict[str, int],
    ) -> None:
        super().__init__(gradients)
        self.value, self.spike_times, self.diagnostics = value, spike_times, diagnostics


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
    **options: Any,
) -> Gradients:
    """Gradient of a loss of output spike times with respect to every weight of a feed-forward network.

    Definition::

        dL/dW_l = sum over spikes of layer l of dL/df df/dW_l

    where ``f`` are the spike times that the method's forward pass gives: for the exact methods those of
    :func:`snntheory.spiking.exact_network`.

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
    method : str
        A name in :data:`METHODS`. Exact: ``"implicit"``, the implicit function theorem at each crossing; ``"adjoint"``,
        EventProp, memory of the order of the spikes; ``"closed_form"``, for ``tau_mem = 2 tau_syn`` and a subtracting
        reset. With a time step: ``"integrated"``, Parker-Sochacki with interpolated spikes; ``"straight_through"``,
        exact spikes sent on a grid; ``"timing"``, through the spike times of a grid; ``"surrogate"``, backpropagation
        through time with a pseudo-derivative, for a loss with ``on_grid``.
    t_max : float
        End of the window in seconds.
    mode : {"reverse", "forward"}
        ``"forward"``, for ``"implicit"`` only, carries the derivatives of all spikes with respect to all weights along,
        as published: memory of spikes times weights.
    slope_floor : float
        A spike at which the voltage rises by less than this many thresholds per membrane time constant is counted and
        warned of, by the methods on spike times. Nothing is clipped.
    **options
        Of the method, such as ``dt``: see its module.

    Returns
    -------
    Gradients
        A list of one gradient a layer, of the shape of its weights; its attributes hold the loss, the spike times and
        diagnostics. A silent neuron's weights have gradient zero.

    Raises
    ------
    ValueError, TypeError
        The method does not hold for the neuron, the loss is not finite or returns other shapes, an option is not the
        method's, or the network is refused by :func:`snntheory.spiking.exact_network`.

    Warns
    -----
    GrazingSpike
        A spike's slope is below ``slope_floor``.

    Accuracy: the exact methods agree with each other to 1e-8 and with central differences to 1e-6 on random networks;
    tests/gradients/test_exact.py.

    References
    ----------
    Those of the methods' modules.
    """
    module = METHODS[_check.choice("method", method, METHODS)]
    _check.choice("mode", mode, ("reverse", "forward"))
    if mode == "forward" and method != "implicit":
        raise ValueError(f"mode='forward' is of method 'implicit' only, got method={method!r}")
    floor = _check.number("slope_floor", slope_floor, minimum=0.0)
    check_options(method, module, options)
    matrices = [_check.array(f"weights[{n}]", part, ndim=2) for n, part in enumerate(weights)]
    neurons = [neuron] * len(matrices) if isinstance(neuron, CubaLIF) else list(neuron)
    if len(neurons) != len(matrices) or not matrices:
        raise ValueError(
            f"neuron must be one CubaLIF or one for each of the {len(matrices)} layers, got {len(neurons)}"
        )
    for each in neurons:
        module.refuse(each)
    inputs = [_check.array(f"input_times[{n}]", times, ndim=1) for n, times in enumerate(input_times)]
    if hasattr(module, "network_gradient"):
        result: Gradients = module.network_gradient(neurons, inputs, matrices, loss, t_max, **options)
        return result
    layers = [inputs]
    for each, matrix in zip(neurons, matrices, strict=True):
        layers.append(module.layer_spikes(each, layers[-1], matrix, t_max, **options))
    value, arriving = loss_gradients(loss, layers[-1])
    count = sum(
        exact.grazing(each, senders, matrix, spikes, floor)
        for each, senders, matrix, spikes in zip(neurons, layers, matrices, layers[1:], strict=False)
    )
    if count:
        warnings.warn(
            f"{count} spike(s) barely reach the threshold (slope below {floor:g} thresholds per tau_mem): their times, "
            "and the gradient, are badly conditioned",
            GrazingSpike,
            stacklevel=2,
        )
    gradients: list[Floats] = []
    if mode == "forward":
        gradients = implicit.forward_mode(neurons, layers, matrices, arriving)
    else:
        for n in range(len(matrices) - 1, -1, -1):
            gradient, arriving = module.layer_gradient(
                neurons[n], layers[n], matrices[n], layers[n + 1], arriving, t_max, **options
            )
            gradients.insert(0, gradient)
    silent = sum(train.size == 0 for layer in layers[1:] for train in layer)
    return Gradients(gradients, value, layers[1:], {"silent": silent, "grazing": count})


def loss_gradients(loss: Loss, outputs: list[Floats]) -> tuple[float, list[Floats]]:
    """Value and derivatives of a loss of output spike times, both checked.

    Raises
    ------
    ValueError
        Other shapes than one derivative a spike, or a value or derivative that is not finite.
    """
    result = loss([times.copy() for times in outputs])
    try:
        value, given = result
        gradients = [_check.array(f"loss gradient {n}", part, ndim=1) for n, part in enumerate(given)]
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"loss must return (value, one array of derivatives per output neuron): {error}"
        ) from None
    shapes, wanted = [part.shape for part in gradients], [part.shape for part in outputs]
    if shapes != wanted:
        raise ValueError(f"loss must return one derivative per output spike, shapes {wanted}, got {shapes}")
    return _check.number("the value of loss", value), gradients


def check_options(method: str, module: ModuleType, options: dict[str, Any]) -> None:
    """Raise TypeError for an option that the method does not have, or needs and was not given."""
    entry = module.network_gradient if hasattr(module, "network_gradient") else module.layer_spikes
    known = {
        name: each
        for name, each in inspect.signature(entry).parameters.items()
        if each.kind is inspect.Parameter.KEYWORD_ONLY
    }
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise TypeError(
            f"method {method!r} has no option {unknown[0]!r}; it has {', '.join(known) or 'none'}"
        )
    missing = [name for name, each in known.items() if each.default is each.empty and name not in options]
    if missing:
        raise TypeError(
            f"method {method!r} needs the option {missing[0]}=...; see snntheory.gradients.{method}"
        )
