"""Networks of CubaLIF neurons on a grid of time steps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from .. import _check
from ..gradients.methods import METHODS
from ..gradients.surrogate import RESET_GRADIENTS
from ..linear import DiscreteNeuron, discretize
from ..neuron import CubaLIF
from . import connections, losses
from .connections import Dense, Layer
from .feed_forward import FeedForward, Judgement, weight_unit
from .kernels import BACKENDS, LayerStep, scan
from .kernels.recurrent import recurrent_scan
from .kernels.step import INPUTS
from .kernels.timing import TimingRule, timing_scan

GRADIENTS = ("surrogate", "timing")
PHASE = "after the step's input, before the reset; the reset acts in the step of the crossing"


@dataclass(frozen=True)
class LayerStates:
    """What a layer did: tensors of shape (n_steps, batch, n_neurons)."""

    voltage: torch.Tensor
    current: torch.Tensor
    spikes: torch.Tensor


class Network(FeedForward):
    """Layers of CubaLIF neurons; every layer is one product or convolution of all steps and one scan over time.

    A spike of one layer acts on the next in the same step, as that scheme's delay convention says; there
    is no further delay between layers. A spike of a recurrent layer acts on that layer in the next step.

    Parameters
    ----------
    sizes : sequence of int
        Neurons of the input and of every layer, for example ``(784, 400, 10)``, all of them :class:`Dense`. With
        ``layers`` the shape of the input, for example ``(1, 28, 28)``: channels, height, width; or ``(784,)``.
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
    layers : sequence of Dense, Conv and Pool, optional
        What stands behind the input; see :mod:`snntheory.training.connections`. ``neuron`` is then one, or one for each
        Dense and Conv.
    reset_gradient : {"kept", "detached"}
        Whether the gradient flows through the reset; with ``"timing"``, through the neuron's own later spikes.
    gradient : {"surrogate", "timing"}
        ``"timing"`` goes through the spike times, see :mod:`snntheory.gradients.timing`; ``surrogate`` and ``width``
        are then not used.
    clamp : float, optional
        ``"timing"``: largest slope in spikes per unit of voltage.
    direct : {"tssl_bp", "hu", "shift"}
        ``"timing"``: reading of the direct term.
    input : {"dirac", "sampled"}
        Whether a spike kicks the current by ``w / tau_syn`` or by ``w dt / tau_syn``; see
        :meth:`snntheory.training.kernels.LayerStep.of`.
    gain : float
        Scale of the initial weights.
    seed : int
        Seed of the initial weights.
    backend : {"auto", "reference", "numba", "triton"}
        See :func:`snntheory.training.kernels.scan`.

    Notes
    -----
    Initial weights are normal with mean 0 and standard deviation ``gain / sqrt(n_in)``, in the unit of
    :func:`weight_unit`; ``n_in`` counts the connections of one kind that end at a neuron.

    The neurons of a layer of maps are counted map by map, row by row, in recordings and in what :meth:`forward`
    returns; ``shapes`` says which shape each layer has.

    Raises
    ------
    ValueError, TypeError
        Fewer than two sizes, a size below one, as many neurons as neither one nor the layers, an unknown name, layers
        that do not fit on each other.

    Examples
    --------
    ::

        neuron = CubaLIF(tau_mem=0.020, tau_syn=0.010)
        Network((784, 400, 10), neuron, 0.001)
        Network((1, 28, 28), neuron, 0.001, layers=[Conv(15, 5), Pool(2), Conv(40, 5), Pool(2), Dense(300), Dense(10)])
        Network((700,), neuron, 0.001, layers=[Dense(300, recurrent=True), Dense(20)])
    """

    def __init__(
        self,
        sizes: Sequence[int],
        neuron: CubaLIF | Sequence[CubaLIF],
        dt: float,
        scheme: str = "impulse_invariance",
        order: int | None = None,
        *,
        layers: Sequence[Layer] | None = None,
        surrogate: str = "fast_sigmoid",
        width: float = 0.5,
        reset_gradient: str = "kept",
        gradient: str = "surrogate",
        clamp: float | None = None,
        direct: str = "tssl_bp",
        input: str = "dirac",
        gain: float = 1.0,
        seed: int = 0,
        backend: str = "auto",
    ) -> None:
        if layers is None:
            super().__init__(sizes, neuron)
            self.stages = connections.stages(self.sizes[:1], map(Dense, self.sizes[1:]))
        else:
            self.stages = connections.stages(sizes, layers)
            shapes = (self.stages[0].before, *(stage.shape for stage in self.stages))
            super().__init__([math.prod(shape) for shape in shapes], neuron)
        self.layers = None if layers is None else tuple(layers)
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
        if hasattr(METHODS.get(gradient), "layer_gradient"):
            raise ValueError(
                f"gradient must be one of {', '.join(map(repr, GRADIENTS))} on a grid; {gradient!r} goes through exact "
                f"spike times: use EventNetwork(..., method={gradient!r})"
            )
        self.gradient = _check.choice("gradient", gradient, GRADIENTS)
        self.clamp, self.direct = clamp, direct
        self._rules = tuple(
            TimingRule.of(model, clamp, direct, receiver) if gradient == "timing" else None
            for model, receiver in zip(self.models, (*self.neurons[1:], None), strict=True)
        )
        # numpy draws the weights, so that they do not depend on torch's version or device
        rng = np.random.default_rng(self.seed)
        self._weights = nn.ParameterList(
            nn.Parameter(torch.from_numpy(rng.normal(0, self.gain * n_in**-0.5, shape).astype(np.float32)))
            for stage in self.stages
            for n_in, shape in zip(stage.fan_ins, stage.weight_shapes, strict=True)
        )
        self._units = tuple(
            weight_unit(each, input)
            for each, stage in zip(self.neurons, self.stages, strict=True)
            for _ in stage.weight_shapes
        )

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shape of the input and of every layer of neurons: (n,) or (channels, height, width)."""
        return (self.stages[0].before, *(stage.shape for stage in self.stages))

    def __repr__(self) -> str:
        """Sizes, neurons (once where all layers have the same), time step, scheme, and layers where they were given."""
        order = "" if self.order is None else f", order={self.order}"
        layers = "" if self.layers is None else f", layers={list(self.layers)}"
        return (
            f"Network({self._given_sizes()}, {self._neurons_text()}, dt={self.dt:g}, scheme={self.scheme!r}{order}"
            f"{layers})"
        )

    def _given_sizes(self) -> tuple[int, ...]:
        return self.sizes if self.layers is None else self.stages[0].before

    def _layers(self, spikes: torch.Tensor, with_current: bool) -> Iterator[tuple[Any, Any, Any]]:
        spikes = self._checked(spikes)
        learned = iter([w * unit for w, unit in zip(self._weights, self._units, strict=True)])
        for stage, step, rule in zip(self.stages, self._steps, self._rules, strict=True):
            drive = connections.drive(stage, spikes, next(learned), self.backend)
            if stage.recurrent:
                found = recurrent_scan(drive, next(learned), step, rule, self.backend, with_current)
            elif rule is None:
                found = scan(drive, step, self.backend, with_current)
            else:
                found = timing_scan(drive, step, rule, self.backend, with_current)
            spikes = found[0]
            yield found

    def _checked(self, spikes: torch.Tensor) -> torch.Tensor:
        """Input spikes of shape (n_steps, batch, n_inputs); those of the input's own shape are flattened."""
        if not isinstance(spikes, torch.Tensor):
            raise TypeError(f"spikes must be a torch.Tensor, got {type(spikes).__name__}")
        if len(self.shapes[0]) > 1 and spikes.shape[2:] == self.shapes[0]:
            spikes = spikes.flatten(2)
        if spikes.ndim != 3 or spikes.shape[2] != self.sizes[0] or not spikes.numel():
            raise ValueError(
                f"spikes must have shape (n_steps, batch, {self.sizes[0]}) with at least one step and sample, "
                f"got {tuple(spikes.shape)}"
            )
        if spikes.dtype != self._weights[0].dtype:
            raise ValueError(
                f"spikes must have the dtype of the weights, {self._weights[0].dtype}, got {spikes.dtype}"
            )
        return spikes

    def forward(self, spikes: torch.Tensor) -> list[torch.Tensor]:
        """Spikes of every layer, shape (n_steps, batch, n_neurons), for input spikes (or counts).

        The input's shape is (n_steps, batch, n_inputs), or (n_steps, batch, channels, height, width) where the network
        was made for maps.
        """
        return [layer_spikes for layer_spikes, _, _ in self._layers(spikes, False)]

    @torch.no_grad()
    def states(self, spikes: torch.Tensor) -> list[LayerStates]:
        """Voltage, current and spikes of every layer, without gradients; phase: :data:`PHASE`."""
        return [
            LayerStates(voltage, current, layer_spikes)
            for layer_spikes, voltage, current in self._layers(spikes, True)
        ]

    def refuse(self) -> None:
        """Refuse to train a recursion that grows without input: its spikes hide that its voltages overflow."""
        for model in self.models:
            if not model.is_stable:
                raise ValueError(
                    f"dt must be below {model.max_stable_dt:g} s for a training: {self.scheme} is unstable at "
                    f"{self.dt:g} s; take a smaller dt, or backward_euler, bilinear, impulse_invariance or zoh"
                )

    def encode(self, encoder: Any, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Input spikes, shape (n_steps, batch, n_inputs)."""
        spikes: torch.Tensor = encoder(images, self.dt, generator)
        return spikes

    def judge(self, loss: Any, inputs: torch.Tensor, labels: torch.Tensor) -> Judgement:
        """Answer and loss for input spikes of shape (n_steps, batch, n_inputs)."""
        layers = list(self._layers(inputs, False))
        spikes, voltage, _ = layers[-1]
        if losses.reads_voltage(loss):
            value, decided = loss.on_voltage(voltage, labels, self.dt), loss.decide_voltage(voltage)
        else:
            value, decided = loss(spikes, labels, self.dt), loss.decide(spikes, self.dt)
        return Judgement(value, decided, [spikes.detach() for spikes, _, _ in layers])

    def counts(self, layer: torch.Tensor) -> torch.Tensor:
        """Spikes of each neuron, shape (batch, n_neurons)."""
        return layer.sum(0, dtype=torch.float64)

    def settings(self) -> dict[str, Any]:
        """The arguments that make this network, as plain values (for files)."""
        layers = (
            {} if self.layers is None else {"layers": [connections.settings(each) for each in self.layers]}
        )
        return layers | {
            "sizes": list(self._given_sizes()),
            "neurons": [asdict(each) for each in self.neurons],
            "dt": self.dt,
            "scheme": self.scheme,
            "order": self.order,
            "surrogate": self.surrogate,
            "width": self.width,
            "reset_gradient": self.reset_gradient,
            "gradient": self.gradient,
            "clamp": self.clamp,
            "direct": self.direct,
            "input": self.input,
            "gain": self.gain,
            "seed": self.seed,
        }

    @classmethod
    def from_settings(cls, settings: dict[str, Any], backend: str = "auto") -> Network:
        """The network of :meth:`settings`, with freshly drawn weights."""
        rest = dict(settings)
        neurons = [CubaLIF(**each) for each in rest.pop("neurons")]
        if "layers" in rest:
            rest["layers"] = [connections.from_settings(each) for each in rest["layers"]]
        return cls(rest.pop("sizes"), neurons, rest.pop("dt"), backend=backend, **rest)

    def variant(self, **changes: Any) -> Network:
        """A network with the same canonical weights and some settings changed.

        ``dt``, ``scheme``, ``order``, ``surrogate``, ``width``, ``reset_gradient``, ``gradient`` as in the constructor,
        or ``neuron`` for all layers. ``variant(dt=...)`` is the weight transfer from one time step to another.
        Weights of ``"sampled"`` networks change their unit with ``dt``; their area is what is kept.
        """
        new = type(self).from_settings(self._changed(changes), self.backend)
        scale = [a / b for a, b in zip(self._areas(), new._areas(), strict=True)]
        new.set_weights([w * s for w, s in zip(self.weights(), scale, strict=True)])
        return new.to(self._weights[0].device)

    def _areas(self) -> list[float]:
        """Area of the current pulse of one spike of unit weight, by array of weights."""
        return [self.dt if self.input == "sampled" else 1.0] * len(self._weights)
