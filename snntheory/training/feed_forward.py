"""What networks on a grid and networks of spike times share: layers, neurons, canonical weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from .. import _check
from ..linear import kernel, peak_time
from ..neuron import CubaLIF


@dataclass(frozen=True)
class Judgement:
    """What a loss says of a network's answer to a batch."""

    value: torch.Tensor
    """The loss, differentiable."""
    decided: torch.Tensor
    """Class of each sample, shape (batch,)."""
    layers: list[torch.Tensor]
    """Number of spikes of each neuron of every layer (in a training perhaps of the last alone), or the spikes
    themselves; see ``network.counts``."""


def weight_unit(neuron: CubaLIF, input: str = "dirac") -> float:
    """The weight in which a layer learns, so that a learning rate means the same for every neuron and time step.

    ``"dirac"``: the canonical weight whose post-synaptic potential peaks at one unit of voltage.
    ``"sampled"``: the weight that, with a spike in every step, holds the voltage at one.
    """
    return float(1 / neuron.r if input == "sampled" else 1 / kernel(neuron, peak_time(neuron)))


class FeedForward(nn.Module, ABC):
    """Layers of CubaLIF neurons; a base of :class:`Network` and :class:`EventNetwork`.

    Parameters
    ----------
    sizes : sequence of int
        Neurons of the input and of every layer.
    neuron : CubaLIF or sequence of CubaLIF
        The neuron of all layers, or one for each layer.

    Raises
    ------
    ValueError, TypeError
        Fewer than two sizes, a size below one, as many neurons as neither one nor the layers.
    """

    _weights: nn.ParameterList
    _units: tuple[float, ...]

    def __init__(self, sizes: Sequence[int], neuron: CubaLIF | Sequence[CubaLIF]) -> None:
        super().__init__()
        if not isinstance(sizes, Iterable):
            raise TypeError(f"sizes must be a sequence such as (784, 400, 10), got {sizes!r}")
        self.sizes = tuple(_check.integer("sizes", size, minimum=1) for size in sizes)
        if len(self.sizes) < 2:
            raise ValueError(f"sizes must name the input and at least one layer, got {tuple(sizes)}")
        if not isinstance(neuron, CubaLIF | Iterable):
            raise TypeError(f"neuron must be a CubaLIF or a sequence of them, got {neuron!r}")
        self.neurons = (neuron,) * self.n_layers if isinstance(neuron, CubaLIF) else tuple(neuron)
        if len(self.neurons) != self.n_layers:
            raise ValueError(
                f"neuron must be one CubaLIF or one for each of {self.n_layers} layers, got {len(self.neurons)}"
            )

    @property
    def n_layers(self) -> int:
        """Layers of neurons: one less than ``sizes``."""
        return len(self.sizes) - 1

    def weights(self) -> list[torch.Tensor]:
        """Canonical weights of each layer, shape (n_in, n_out), detached.

        Of a convolution (channels, channels before, side, side); a recurrent layer has two arrays, the second from
        itself to itself.

        A weight is the area of the current pulse of one spike (of a network of ``input="sampled"``, that area divided
        by ``dt``).
        """
        return [w.detach() * unit for w, unit in zip(self._weights, self._units, strict=True)]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Take over canonical weights, arrays as :meth:`weights` gives them.

        Raises
        ------
        ValueError
            The number or a shape of the arrays does not fit, or a weight is not finite.
        """
        if len(weights) != len(self._weights):
            more = f", {len(self._weights)} in all as recurrent layers have two" * (
                len(self._weights) > self.n_layers
            )
            raise ValueError(
                f"weights must have one array for each of {self.n_layers} layers{more}, got {len(weights)}"
            )
        for index, (own, new, unit) in enumerate(zip(self._weights, weights, self._units, strict=True)):
            array = _check.array(f"weights[{index}]", torch.as_tensor(new).detach().cpu().numpy())
            if array.shape != tuple(own.shape):
                raise ValueError(f"weights[{index}] must have shape {tuple(own.shape)}, got {array.shape}")
            with torch.no_grad():
                own.copy_(torch.from_numpy(array / unit))

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """The arguments that make this network, as plain values (for files)."""

    @classmethod
    @abstractmethod
    def from_settings(cls, settings: dict[str, Any], backend: str = "auto") -> Any:
        """The network of :meth:`settings`, with freshly drawn weights."""

    @abstractmethod
    def refuse(self) -> None:
        """Raise ValueError where this network cannot be trained."""

    @abstractmethod
    def encode(self, encoder: Any, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Input spikes of images, in the form that this network takes."""

    @abstractmethod
    def judge(self, loss: Any, inputs: torch.Tensor, labels: torch.Tensor) -> Judgement:
        """Answer and loss for encoded inputs."""

    @abstractmethod
    def counts(self, layer: torch.Tensor) -> torch.Tensor:
        """Spikes of each neuron, shape (batch, n_neurons), of one of :attr:`Judgement.layers`."""

    def _changed(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Settings with ``changes``, among them ``neuron``."""
        settings = self.settings()
        if "neuron" in changes:
            neuron = changes.pop("neuron")
            neurons = [neuron] * self.n_layers if isinstance(neuron, CubaLIF) else list(neuron)
            settings["neurons"] = [asdict(each) for each in neurons]
        unknown = set(changes) - set(settings)
        if unknown:
            raise ValueError(
                f"variant cannot change {', '.join(sorted(unknown))}; it can change {', '.join(settings)}"
            )
        return settings | changes

    def _neurons_text(self) -> str:
        same = all(each == self.neurons[0] for each in self.neurons)
        return str(self.neurons[0] if same else self.neurons)
