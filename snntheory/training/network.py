"""Feed-forward networks of CubaLIF neurons on a grid of time steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from .. import _check
from ..linear import DiscreteNeuron, discretize, kernel, peak_time
from ..neuron import CubaLIF
from .kernels import BACKENDS, LayerStep, product, scan
from .kernels.step import INPUTS

RESET_GRADIENTS = ("kept", "detached")
PHASE = "after the step's input, before the reset; the reset acts in the step of the crossing"


@dataclass(frozen=True)
class LayerStates:
    """What a layer did: tensors of shape (n_steps, batch, n_neurons)."""

    voltage: torch.Tensor
    current: torch.Tensor
    spikes: torch.Tensor


def weight_unit(neuron: CubaLIF, input: str = "dirac") -> float:
    """The weight in which a layer learns, so that a learning rate means the same for every neuron and time step.

    ``"dirac"``: the canonical weight whose post-synaptic potential peaks at one unit of voltage.
    ``"sampled"``: the weight that, with a spike in every step, holds the voltage at one.
    """
    return float(1 / neuron.r if input == "sampled" else 1 / kernel(neuron, peak_time(neuron)))


class Network(nn.Module):
    """Fully connected layers of CubaLIF neurons; every layer is one matrix product and one scan over time.

    A spike of one layer acts on the next in the same step, as that scheme's delay convention says; there
    is no further delay between layers.

    Parameters
    ----------
    sizes : sequence of int
        Neurons of the input and of every layer, for example ``(784, 400, 10)``.
    neuron : CubaLIF or sequence of CubaLIF
        The neuron of all layers, or one for each layer.
    dt : float
        Time step in seconds.
    scheme, order : str, int
        As in :func:`snntheory.discretize`.
    surrogate : str
        Pseudo-derivative of the spike, one of :data:`snntheory.gradients.SURROGATES`.
    width : float
        Its width in the unit of the voltage.
    reset_gradient : {"kept", "detached"}
        Whether the gradient flows through the reset.
    input : {"dirac", "sampled"}
        Whether a spike kicks the current by ``w / tau_syn`` or by ``w dt / tau_syn``; see
        :meth:`snntheory.training.kernels.LayerStep.of`.
    gain : float
        Scale of the initial weights.
    seed : int
        Seed of the initial weights.
    backend : {"auto", "reference", "numba"}
        See :func:`snntheory.training.kernels.scan`.

    Notes
    -----
    Initial weights are normal with mean 0 and standard deviation ``gain / sqrt(n_in)``, in the unit of
    :func:`weight_unit`.

    Raises
    ------
    ValueError, TypeError
        Fewer than two sizes, a size below one, as many neurons as neither one nor the layers, an unknown name.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        neuron: CubaLIF | Sequence[CubaLIF],
        dt: float,
        scheme: str = "impulse_invariance",
        order: int | None = None,
        *,
        surrogate: str = "fast_sigmoid",
        width: float = 0.5,
        reset_gradient: str = "kept",
        input: str = "dirac",
        gain: float = 1.0,
        seed: int = 0,
        backend: str = "auto",
    ) -> None:
        super().__init__()
        if not isinstance(sizes, Iterable):
            raise TypeError(f"sizes must be a sequence such as (784, 400, 10), got {sizes!r}")
        self.sizes = tuple(_check.integer("sizes", size, minimum=1) for size in sizes)
        if len(self.sizes) < 2:
            raise ValueError(f"sizes must name the input and at least one layer, got {tuple(sizes)}")
        n_layers = len(self.sizes) - 1
        if not isinstance(neuron, CubaLIF | Iterable):
            raise TypeError(f"neuron must be a CubaLIF or a sequence of them, got {neuron!r}")
        self.neurons = (neuron,) * n_layers if isinstance(neuron, CubaLIF) else tuple(neuron)
        if len(self.neurons) != n_layers:
            raise ValueError(
                f"neuron must be one CubaLIF or one for each of {n_layers} layers, got {len(self.neurons)}"
            )
        self.scheme, self.order = scheme, order
        self.surrogate, self.width = surrogate, width
        self.reset_gradient = _check.choice("reset_gradient", reset_gradient, RESET_GRADIENTS)
        self.input = _check.choice("input", input, INPUTS)
        self.gain = _check.positive("gain", gain)
        self.seed = _check.integer("seed", seed, minimum=0)
        self.backend = _check.choice("backend", backend, BACKENDS)
        self.models: tuple[DiscreteNeuron, ...] = tuple(
            discretize(each, dt, scheme, order) for each in self.neurons
        )
        self.dt = self.models[0].dt
        self._steps = tuple(
            LayerStep.of(model, surrogate, width, reset_gradient == "detached", input)
            for model in self.models
        )
        # numpy draws the weights, so that they do not depend on torch's version or device
        rng = np.random.default_rng(self.seed)
        self._weights = nn.ParameterList(
            nn.Parameter(
                torch.from_numpy(rng.normal(0, self.gain * n_in**-0.5, (n_in, n_out)).astype(np.float32))
            )
            for n_in, n_out in zip(self.sizes[:-1], self.sizes[1:], strict=True)
        )
        self._units = tuple(weight_unit(each, input) for each in self.neurons)

    def __repr__(self) -> str:
        """Sizes, neurons (once where all layers have the same), time step and scheme."""
        same = all(each == self.neurons[0] for each in self.neurons)
        neuron = self.neurons[0] if same else self.neurons
        order = "" if self.order is None else f", order={self.order}"
        return f"Network({self.sizes}, {neuron}, dt={self.dt:g}, scheme={self.scheme!r}{order})"

    @property
    def n_layers(self) -> int:
        """Layers of neurons: one less than ``sizes``."""
        return len(self.models)

    def weights(self) -> list[torch.Tensor]:
        """Canonical weights of each layer, shape (n_in, n_out), detached.

        A weight is the area of the current pulse of one spike (``"dirac"``) or that area divided by ``dt``
        (``"sampled"``).
        """
        return [w.detach() * unit for w, unit in zip(self._weights, self._units, strict=True)]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Take over canonical weights, one array of shape (n_in, n_out) a layer.

        Raises
        ------
        ValueError
            The number or a shape of the arrays does not fit, or a weight is not finite.
        """
        if len(weights) != self.n_layers:
            raise ValueError(
                f"weights must have one array for each of {self.n_layers} layers, got {len(weights)}"
            )
        for index, (own, new, unit) in enumerate(zip(self._weights, weights, self._units, strict=True)):
            array = _check.array(f"weights[{index}]", torch.as_tensor(new).detach().cpu().numpy())
            if array.shape != tuple(own.shape):
                raise ValueError(f"weights[{index}] must have shape {tuple(own.shape)}, got {array.shape}")
            with torch.no_grad():
                own.copy_(torch.from_numpy(array / unit))

    def _layers(self, spikes: torch.Tensor, with_current: bool) -> Any:
        self._check_input(spikes)
        for weights, unit, step in zip(self._weights, self._units, self._steps, strict=True):
            drive = product(spikes, weights * unit, self.backend)
            spikes, voltage, current = scan(drive, step, self.backend, with_current)
            yield spikes, voltage, current

    def _check_input(self, spikes: torch.Tensor) -> None:
        if not isinstance(spikes, torch.Tensor):
            raise TypeError(f"spikes must be a torch.Tensor, got {type(spikes).__name__}")
        if spikes.ndim != 3 or spikes.shape[2] != self.sizes[0] or not spikes.numel():
            raise ValueError(
                f"spikes must have shape (n_steps, batch, {self.sizes[0]}) with at least one step and sample, "
                f"got {tuple(spikes.shape)}"
            )
        if spikes.dtype != self._weights[0].dtype:
            raise ValueError(
                f"spikes must have the dtype of the weights, {self._weights[0].dtype}, got {spikes.dtype}"
            )

    def forward(self, spikes: torch.Tensor) -> list[torch.Tensor]:
        """Spikes of every layer for input spikes (or counts) of shape (n_steps, batch, sizes[0])."""
        return [layer_spikes for layer_spikes, _, _ in self._layers(spikes, False)]

    @torch.no_grad()
    def states(self, spikes: torch.Tensor) -> list[LayerStates]:
        """Voltage, current and spikes of every layer, without gradients; phase: :data:`PHASE`."""
        return [
            LayerStates(voltage, current, layer_spikes)
            for layer_spikes, voltage, current in self._layers(spikes, True)
        ]

    def settings(self) -> dict[str, Any]:
        """The arguments that make this network, as plain values (for files)."""
        return {
            "sizes": list(self.sizes),
            "neurons": [asdict(each) for each in self.neurons],
            "dt": self.dt,
            "scheme": self.scheme,
            "order": self.order,
            "surrogate": self.surrogate,
            "width": self.width,
            "reset_gradient": self.reset_gradient,
            "input": self.input,
            "gain": self.gain,
            "seed": self.seed,
        }

    @classmethod
    def from_settings(cls, settings: dict[str, Any], backend: str = "auto") -> Network:
        """The network of :meth:`settings`, with freshly drawn weights."""
        rest = dict(settings)
        neurons = [CubaLIF(**each) for each in rest.pop("neurons")]
        return cls(rest.pop("sizes"), neurons, rest.pop("dt"), backend=backend, **rest)

    def variant(self, **changes: Any) -> Network:
        """A network with the same canonical weights and some settings changed.

        ``dt``, ``scheme``, ``order``, ``surrogate``, ``width``, ``reset_gradient`` as in the constructor, or
        ``neuron`` for all layers. ``variant(dt=...)`` is the weight transfer from one time step to another.
        Weights of ``"sampled"`` networks change their unit with ``dt``; their area is what is kept.
        """
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
        new = type(self).from_settings(settings | changes, self.backend)
        scale = [a / b for a, b in zip(self._areas(), new._areas(), strict=True)]
        new.set_weights([w * s for w, s in zip(self.weights(), scale, strict=True)])
        return new.to(self._weights[0].device)

    def _areas(self) -> list[float]:
        """Area of the current pulse of one spike of unit weight, by layer."""
        return [self.dt if self.input == "sampled" else 1.0] * self.n_layers
