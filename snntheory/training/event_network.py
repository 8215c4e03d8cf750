"""Feed-forward networks of CubaLIF neurons in continuous time: spike times in, spike times out, no grid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import nn

from .. import _check
from ..gradients.first_spikes import available, first_spikes
from ..gradients.layers import BACKENDS, OVERFLOW, fast, limited, spike_time_layer
from ..gradients.methods import METHODS, check_options
from ..neuron import CubaLIF
from . import initial as distributions
from . import losses
from .feed_forward import FeedForward, Judgement, weight_unit
from .network import GRADIENTS, Network

UNITS = ("peak", "jump")


class EventNetwork(FeedForward):
    """Fully connected layers whose spike times are exact, trained by the gradient of those times, in float64.

    Parameters
    ----------
    sizes : sequence of int
        Neurons of the input and of every layer, for example ``(5, 150, 3)``.
    neuron : CubaLIF or sequence of CubaLIF
        The neuron of all layers, or one for each layer.
    t_max : float
        End of the window in seconds; nothing is simulated after it.
    method : str
        A method of :data:`snntheory.gradients.METHODS` that works on spike times.
    max_spikes : int or sequence of int
        Room for the spikes of a neuron, one number or one for each layer. For a loss of first spikes the output
        layer needs one, with ``overflow="drop"``.
    overflow : {"raise", "drop"}
        What a neuron does that fires more often: see :func:`snntheory.gradients.layers.spike_time_layer`.
    gain : float
        Scale of the initial weights where ``initial`` is not given: normal, mean 0, standard deviation
        ``gain / sqrt(n_in)``, as for :class:`snntheory.training.Network`.
    initial : FanIn, Normal or Uniform, or a sequence of them, optional
        Distribution of the initial weights of all layers, or one for each layer; see
        :mod:`snntheory.training.initial`.
    unit : {"peak", "jump"}
        The weight in which a layer learns. ``"peak"``: its post-synaptic potential peaks at one unit of voltage.
        ``"jump"``: the current jumps by one, the weight of Lee et al. (2023), of BATS and of EventProp.
    bump : float
        What an output that is silent in a sample of its own class is given instead of the gradient that it does not
        have: minus ``bump`` for each of its weights and each spike that arrived there, which is the gradient of minus
        ``bump`` times the area of its input. 0: nothing, as published by Lee et al. (2023). It wakes a network that
        is silent; it is no gradient of the loss, and a Yin-Yang training from weights that fire does worse with it.
    looks : sequence of float
        Shorter windows in seconds, rising, that a training tries before ``t_max``. Nothing that happens after the last
        of the first output spikes can matter to a loss of first spikes, so a sample whose outputs have all fired needs
        no longer look: the same loss and gradient, for less work. Needs ``max_spikes`` 1 in the output layer.
    seed : int
        Seed of the initial weights.
    backend : {"auto", "reference", "numba", "triton"}
        See :func:`snntheory.gradients.layers.spike_time_layer`.
    **options
        Of the method, such as ``dt``: see its module.

    Raises
    ------
    ValueError, TypeError
        As :class:`Network`; the method works on a grid, or does not hold for a neuron.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        neuron: CubaLIF | Sequence[CubaLIF],
        t_max: float,
        *,
        method: str = "adjoint",
        max_spikes: int | Sequence[int] = 30,
        overflow: str = "raise",
        gain: float = 1.0,
        initial: distributions.Initial | Sequence[distributions.Initial] | None = None,
        unit: str = "peak",
        bump: float = 0.0,
        looks: Sequence[float] = (),
        seed: int = 0,
        backend: str = "auto",
        **options: Any,
    ) -> None:
        super().__init__(sizes, neuron)
        self.t_max = _check.positive("t_max", t_max, "s")
        self.method = _check.choice("method", method, METHODS)
        if not hasattr(METHODS[method], "layer_gradient"):
            grid = f"Network(..., gradient={method!r})" if method in GRADIENTS else "weight_gradient"
            raise ValueError(
                f"method {method!r} works on a grid: use {grid}, or one of "
                f"{', '.join(name for name, each in METHODS.items() if hasattr(each, 'layer_gradient'))}"
            )
        for each in self.neurons:
            METHODS[method].refuse(each)
        rooms = tuple(max_spikes) if isinstance(max_spikes, Iterable) else (max_spikes,) * self.n_layers
        if len(rooms) != self.n_layers:
            raise ValueError(
                f"max_spikes must be one number or one for each of {self.n_layers} layers, got {len(rooms)}"
            )
        self.max_spikes = tuple(_check.integer("max_spikes", room, minimum=1) for room in rooms)
        self.overflow = _check.choice("overflow", overflow, OVERFLOW)
        self.gain = _check.positive("gain", gain)
        self.initial = distributions.of_layers(
            distributions.FanIn(self.gain) if initial is None else initial, self.n_layers
        )
        self.unit = _check.choice("unit", unit, UNITS)
        self.bump = _check.number("bump", bump, minimum=0.0)
        self.looks = tuple(_check.positive("looks", each, "s") for each in looks)
        if list(self.looks) != sorted(set(self.looks)) or (self.looks and self.looks[-1] >= self.t_max):
            raise ValueError(f"looks must rise and lie below t_max = {self.t_max:g} s, got {self.looks}")
        if self.looks and self.max_spikes[-1] != 1:
            raise ValueError(
                f"looks needs max_spikes 1 in the output layer, of which only the first spike is then read; "
                f"got {self.max_spikes[-1]}"
            )
        self.seed = _check.integer("seed", seed, minimum=0)
        self.backend = _check.choice("backend", backend, BACKENDS)
        check_options(method, METHODS[method], options)
        self.options = dict(options)
        rng = np.random.default_rng(self.seed)
        self._weights = nn.ParameterList(
            nn.Parameter(torch.from_numpy(each.draw(rng, n_in, n_out)))
            for each, n_in, n_out in zip(self.initial, self.sizes[:-1], self.sizes[1:], strict=True)
        )
        self._units = tuple(
            weight_unit(each) if self.unit == "peak" else each.tau_syn for each in self.neurons
        )

    def __repr__(self) -> str:
        """Sizes, neurons (once where all layers have the same), window and method."""
        return f"EventNetwork({self.sizes}, {self._neurons_text()}, t_max={self.t_max:g}, method={self.method!r})"

    def _sent(self, times: torch.Tensor, t_max: float) -> Any:
        """Layers on a grid, compiled; the crossings go from layer to layer beside the sent times."""
        from ..gradients import straight_through_layer as compiled

        rule = compiled.Rule(t_max, **self.options)
        layer = compiled.send(times, rule)
        for weights, unit, neuron, room in zip(
            self._weights, self._units, self.neurons, self.max_spikes, strict=True
        ):
            with limited(t_max, room, self.overflow) as limit:
                layer = compiled.sent_layer(layer, weights * unit, neuron, rule, max_spikes=room, limit=limit)
            yield layer.times, layer.counts

    def _layers(self, times: torch.Tensor, t_max: float) -> Any:
        if not isinstance(times, torch.Tensor) or times.ndim != 3 or times.shape[1] != self.sizes[0]:
            raise ValueError(
                f"times must be a tensor of shape (batch, {self.sizes[0]}, n_spikes), "
                f"got {tuple(getattr(times, 'shape', ()))}"
            )
        times = times.to(self._weights[0].dtype)
        if self.method == "straight_through" and fast(self.backend, self.method, times.device) == "numba":
            yield from self._sent(times, t_max)
            return
        for weights, unit, neuron, room in zip(
            self._weights, self._units, self.neurons, self.max_spikes, strict=True
        ):
            times, counts = spike_time_layer(
                times,
                weights * unit,
                neuron,
                t_max,
                max_spikes=room,
                method=self.method,
                backend=self.backend,
                overflow=self.overflow,
                with_counts=True,
                **self.options,
            )
            yield times, counts

    def forward(self, times: torch.Tensor) -> list[torch.Tensor]:
        """Spike times of every layer, shape (batch, n_neurons, max_spikes), seconds, padded with inf.

        ``times``: of the inputs, shape (batch, sizes[0], n_spikes), sorted and padded alike.
        """
        return [layer for layer, _ in self._layers(times, self.t_max)]

    def refuse(self) -> None:
        """Nothing is refused: the dynamics is exact."""

    def encode(self, encoder: Any, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Input times, shape (batch, n_inputs, n_spikes)."""
        times: torch.Tensor = encoder.times(images, generator)
        return times

    def judge(self, loss: Any, inputs: torch.Tensor, labels: torch.Tensor) -> Judgement:
        """Answer and loss for input times of shape (batch, n_inputs, n_spikes).

        Raises
        ------
        ValueError
            The loss reads voltages, or an input comes after ``t_max``.
        """
        if losses.reads_voltage(loss):
            raise ValueError(
                f"{type(loss).__name__} reads voltages, an EventNetwork gives spike times: take a Network, "
                "or a loss of spikes"
            )
        learning = torch.is_grad_enabled()
        if learning and self._in_one_pass(inputs):
            return self._judge_first_spikes(loss, inputs, labels)
        silent = torch.zeros((), dtype=self._weights[-1].dtype, device=inputs.device)
        pending, found, index = torch.arange(len(inputs), device=inputs.device), [], []
        for end in (*(self.looks if learning else ()), self.t_max):
            given = inputs[pending]
            if (
                end < self.t_max
            ):  # what comes after a look waits for the next one; after the window it is an error
                given = given.masked_fill(given > end, torch.inf)
            answer = [(given, None), *self._layers(given, end)]
            times = answer[-1][0]
            done = times.isfinite().all(2).all(1) | (end == self.t_max)
            found.append(times[done])
            index.append(pending[done])
            if learning and self.bump and end == self.t_max:
                silent = self._area_of_the_silent(answer[-2][0].isfinite().sum(2), times, labels[pending])
            pending = pending[~done]
            if not len(pending):
                break
        times = torch.cat(found)[torch.cat(index).argsort()] if learning and self.looks else times
        layers = [times.isfinite().sum(2)] if learning and self.looks else [n for _, n in answer[1:]]
        value = loss.on_times(times, labels, self.t_max)
        value = value - self.bump / len(inputs) * (silent - silent.detach())  # a gradient, no value
        return Judgement(value, loss.decide_times(times), layers)

    def _in_one_pass(self, inputs: torch.Tensor) -> bool:
        """Whether :func:`snntheory.gradients.first_spikes.first_spikes` does the same as the layers, with ``looks``."""
        same = self.method == "adjoint" and self.overflow == "drop" and self.neurons[-1].reset == "none"
        return (
            bool(self.looks)
            and same
            and self.n_layers == 2
            and self.backend in ("auto", "numba")
            and available(inputs.device)
            and not inputs.requires_grad
        )

    def _judge_first_spikes(self, loss: Any, inputs: torch.Tensor, labels: torch.Tensor) -> Judgement:
        """As :meth:`judge`, both layers in one compiled pass."""
        first, sent = first_spikes(
            inputs.to(self._weights[0].dtype),
            [w * unit for w, unit in zip(self._weights, self._units, strict=True)],
            self.neurons,
            (*self.looks, self.t_max),
            max_spikes=self.max_spikes[0],
            count=self.bump > 0,
        )
        times = first[..., None]
        value = loss.on_times(times, labels, self.t_max)
        if self.bump:
            silent = self._area_of_the_silent(sent, times, labels)
            value = value - self.bump / len(inputs) * (silent - silent.detach())
        return Judgement(value, loss.decide_times(times), [times.isfinite().sum(2)])

    def _area_of_the_silent(
        self, sent: torch.Tensor, times: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor:
        """Summed weights of the spikes that reached outputs that are silent in samples of their own class.

        ``sent``: how many each hidden neuron sent, shape (batch, n_hidden).
        """
        own = times[torch.arange(len(times), device=times.device), labels]
        quiet = ~own.isfinite().any(1)
        arrived = sent[quiet].to(self._weights[-1].dtype)
        return (arrived * self._weights[-1][:, labels[quiet]].T).sum()

    def counts(self, layer: torch.Tensor) -> torch.Tensor:
        """Spikes of each neuron, shape (batch, n_neurons); those that found no room among them."""
        return layer

    def settings(self) -> dict[str, Any]:
        """The arguments that make this network, as plain values (for files)."""
        return {
            "kind": "event",
            "sizes": list(self.sizes),
            "neurons": [asdict(each) for each in self.neurons],
            "t_max": self.t_max,
            "method": self.method,
            "max_spikes": list(self.max_spikes),
            "overflow": self.overflow,
            "gain": self.gain,
            "initial": [distributions.settings(each) for each in self.initial],
            "unit": self.unit,
            "bump": self.bump,
            "looks": list(self.looks),
            "seed": self.seed,
            "options": self.options,
        }

    @classmethod
    def from_settings(cls, settings: dict[str, Any], backend: str = "auto") -> EventNetwork:
        """The network of :meth:`settings`, with freshly drawn weights."""
        rest = dict(settings)
        rest.pop("kind", None)
        neurons = [CubaLIF(**each) for each in rest.pop("neurons")]
        initial = [distributions.from_settings(each) for each in rest.pop("initial")]
        options = rest.pop("options")
        return cls(
            rest.pop("sizes"),
            neurons,
            rest.pop("t_max"),
            initial=initial,
            backend=backend,
            **rest,
            **options,
        )

    def variant(self, **changes: Any) -> EventNetwork:
        """A network with the same canonical weights and some settings changed.

        ``t_max``, ``method``, ``max_spikes``, ``overflow``, ``options`` as in the constructor, or ``neuron`` for all
        layers.
        """
        if isinstance(changes.get("max_spikes"), int):
            changes["max_spikes"] = [changes["max_spikes"]] * self.n_layers
        new = type(self).from_settings(self._changed(changes), self.backend)
        new.set_weights(self.weights())
        return new.to(self._weights[0].device)

    def on_grid(self, dt: float, scheme: str = "impulse_invariance", order: int | None = None) -> Network:
        """The network on a grid of time steps with the same neurons and canonical weights."""
        network = Network(self.sizes, self.neurons, dt, scheme, order, gain=self.gain, seed=self.seed)
        network.set_weights(self.weights())
        return network.to(self._weights[0].device)
