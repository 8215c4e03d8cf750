"""Which networks, gradients, schemes, encoders and losses go together, and why the others do not.

Nothing is listed here: a combination is made in a miniature and tried as :func:`snntheory.training.fit` tries it before
its first epoch, so that the reason is the one that the constructors and ``fit`` give.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import torch

from .. import _check
from ..gradients.methods import METHODS
from ..linear import UnstableStep, schemes
from ..neuron import CubaLIF
from . import encoders, losses
from .connections import Conv, Dense, Layer, Pool
from .event_network import EventNetwork
from .network import GRADIENTS, Network
from .trial import trial

NETWORKS = ("dense", "convolutional", "recurrent", "event")
"""Three kinds of :class:`Network`, and :class:`EventNetwork`."""
SHAPE, CLASSES = (1, 2, 4), 2
"""Of the input of a miniature, and how many classes it tells apart."""
_LAYERS: dict[str, list[Layer]] = {
    "dense": [Dense(3), Dense(CLASSES)],
    "convolutional": [Conv(2, 1), Pool(2), Dense(CLASSES)],
    "recurrent": [Dense(3, recurrent=True), Dense(CLASSES)],
}


def miniature(
    network: str,
    gradient: str,
    neuron: CubaLIF,
    dt: float,
    *,
    t_max: float = 0.04,
    **options: Any,
) -> Network | EventNetwork:
    """The smallest network of a kind: 8 inputs, 2 classes; see :func:`refusal`.

    Raises
    ------
    ValueError, TypeError
        The network's constructor refuses it.
    """
    _check.choice("network", network, NETWORKS)
    _check.choice("gradient", gradient, (*GRADIENTS, *METHODS))
    if network != "event":
        return Network(SHAPE, neuron, dt, layers=_LAYERS[network], gradient=gradient, **options)
    if gradient in ("integrated", "straight_through"):
        options = {"dt": dt, **({"order": 2} if gradient == "integrated" else {}), **options}
    return EventNetwork((8, 3, CLASSES), neuron, t_max, **({"overflow": "drop"} | options), method=gradient)


def refusal(
    network: str,
    gradient: str,
    encoder: encoders.Encoder,
    loss: losses.Loss,
    *,
    neuron: CubaLIF,
    dt: float = 1e-3,
    **options: Any,
) -> str | None:
    """Why a combination cannot be trained, in one line; None where it can.

    Parameters
    ----------
    network : {"dense", "convolutional", "recurrent", "event"}
        A :class:`Network` of such layers, or an :class:`EventNetwork`.
    gradient : str
        ``gradient`` of a Network or ``method`` of an EventNetwork: a name of :data:`snntheory.gradients.METHODS`.
    encoder, loss
        For 2 classes where the loss knows how many there are.
    neuron : CubaLIF
    dt : float
        In seconds; of a method on spike times only where it has one.
    **options
        Of the network: ``scheme``, ``order``, ``t_max``, ...

    Returns
    -------
    str or None

    Raises
    ------
    ValueError, TypeError
        A name that is neither a network nor a gradient, what is neither an encoder nor a loss.
    """
    _check.choice("network", network, NETWORKS)
    _check.choice("gradient", gradient, METHODS)
    encoders.settings(encoder), losses.settings(loss)  # refuse what is neither
    try:
        with warnings.catch_warnings():  # an unstable step is the reason, not a warning beside it
            warnings.simplefilter("ignore", UnstableStep)
            made = miniature(network, gradient, neuron, dt, **options)
        trial(
            made,
            encoder,
            loss,
            torch.full((1, 8 - encoder.extra_inputs), 0.5),
            torch.zeros(1, dtype=torch.long),
        )
    except (TypeError, ValueError) as error:
        return " ".join(str(error).split())
    return None


def overview(neuron: CubaLIF, dt: float = 1e-3) -> Iterator[dict[str, str]]:
    """Every choice of gradient, scheme, encoder and loss with each kind of network, the others as usual.

    Yields
    ------
    dict
        ``aspect``, ``choice``, ``network`` and ``refusal``, which is empty where it can be trained.
    """
    usual: dict[str, Any] = {
        "encoder": encoders.Latency(window=0.02, last=0.02),
        "loss": losses.SpikeCount(),
    }
    for network in NETWORKS:
        own = "adjoint" if network == "event" else "surrogate"
        cases: list[tuple[str, str, dict[str, Any]]] = [
            ("gradient", name, {"gradient": name}) for name in METHODS
        ]
        for name in schemes.names():
            order = {"order": 2} if name == "parker_sochacki" else {}
            cases.append(("scheme", name, {"scheme": name, **order}))
        cases += [("encoder", name, {"encoder": each}) for name, each in EXAMPLE_ENCODERS.items()]
        cases += [("loss", name, {"loss": each}) for name, each in EXAMPLE_LOSSES.items()]
        for aspect, choice, changes in cases:
            chosen = {"gradient": own, **usual, **changes}
            gradient, encoder, loss = (chosen.pop(name) for name in ("gradient", "encoder", "loss"))
            why = refusal(network, gradient, encoder, loss, neuron=neuron, dt=dt, **chosen)
            yield {"aspect": aspect, "choice": choice, "network": network, "refusal": why or ""}


EXAMPLE_ENCODERS: dict[str, encoders.Encoder] = {
    "latency": encoders.Latency(window=0.02, last=0.02),
    "poisson, at most one a step": encoders.Poisson(window=0.02),
    "poisson, counts": encoders.Poisson(window=0.02, arrivals="poisson"),
    "poisson, per step": encoders.Poisson(window=0.02, probability_per_step=True),
    "constant": encoders.Constant(window=0.02),
}
"""One of every kind that needs no files."""
EXAMPLE_LOSSES: dict[str, losses.Loss] = {
    "spike_count": losses.SpikeCount(),
    "count_cross_entropy": losses.CountCrossEntropy(),
    "first_spike": losses.FirstSpike(),
    "van_rossum": losses.VanRossum(0.01, (((0.01,), ()), ((), (0.01, 0.02)))),
    "max_voltage": losses.MaxVoltage(),
    "mean_voltage": losses.MeanVoltage(),
}
"""One of every kind, for two classes."""
