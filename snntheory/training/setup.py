"""A training as plain values: what the options of ``snntheory train`` and the axes of ``snntheory sweep`` name."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from .. import _check
from ..gradients.methods import METHODS
from ..linear import UnstableStep
from ..neuron import CubaLIF
from . import connections, datasets, encoders, initial, losses
from .event_network import EventNetwork
from .network import GRADIENTS, Network
from .sweeps import Report
from .trainer import evaluate, fit

ON_TIMES = tuple(name for name, each in METHODS.items() if hasattr(each, "layer_gradient"))
"""Gradients of networks of spike times."""


@dataclass(frozen=True)
class Setup:
    """Everything that decides a training; times in seconds, sizes with the input first.

    ``gradient`` decides the network: ``"surrogate"`` and ``"timing"`` are of a :class:`snntheory.training.Network`, on
    a grid of ``dt`` with a ``scheme``; the others of an :class:`snntheory.training.EventNetwork`, with ``dt`` where
    they need one. ``options`` are further arguments of the network, such as ``{"clamp": 3.0}``, ``layers`` as plain
    values, or ``{"order": 3}`` of ``"integrated"``; ``encoder_options`` and ``loss_options`` those of the encoder and
    the loss. ``v_threshold`` may have a value for every layer. The data are the shipped digits, a ``dataset`` of
    :func:`snntheory.training.datasets.names`, or files of one's own; ``n_train`` and ``n_test`` samples of them.
    """

    gradient: str = "surrogate"
    dt: float = 0.002
    window: float = 0.1
    sizes: tuple[int, ...] = (784, 400, 10)
    scheme: str = "impulse_invariance"
    order: int | None = None
    input: str = "dirac"
    tau_mem: float = 0.020
    tau_syn: float = 0.010
    r: float = 1.0
    v_threshold: float | tuple[float, ...] = 1.0
    v_reset: float = 0.0
    reset: str = "subtract"
    encoder: str = "poisson"
    max_rate: float = 100.0
    arrivals: str = "bernoulli"
    last: float | None = None
    encoder_options: dict[str, Any] = field(default_factory=dict)
    loss: str = "count_cross_entropy"
    temperature: float = 5.0
    loss_options: dict[str, Any] = field(default_factory=dict)
    surrogate: str = "fast_sigmoid"
    width: float = 0.5
    reset_gradient: str = "kept"
    t_max: float | None = None
    max_spikes: int = 30
    overflow: str = "raise"
    initial: tuple[dict[str, Any], ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    gain: float = 1.0
    epochs: int = 30
    batch_size: int = 128
    learning_rate: float = 2e-3
    decay: float = 0.95
    seed: int = 0
    device: str = "cpu"
    dataset: str | None = None
    images: str | None = None
    labels: str | None = None
    test_images: str | None = None
    test_labels: str | None = None
    n_train: int | None = None
    n_test: int | None = None

    def __post_init__(self) -> None:
        _check.choice("gradient", self.gradient, (*GRADIENTS, *ON_TIMES))
        _check.choice("encoder", self.encoder, ("poisson", "latency"))
        _check.choice("loss", self.loss, losses.LOSSES)
        if self.dataset is not None:
            _check.choice("dataset", self.dataset, datasets.names())
        if self.dataset is not None and self.images is not None:
            raise ValueError("dataset and images exclude each other: name the one or the other")
        if self.images is None and (self.labels or self.test_images or self.test_labels):
            raise ValueError("images must be given with labels, test_images and test_labels")

    @property
    def on_times(self) -> bool:
        """Whether the network is one of spike times."""
        return self.gradient in ON_TIMES

    def plain(self) -> dict[str, Any]:
        """As plain values (for files), all of them."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Setup:
        """The setup of some plain values; a name such as ``"options.order"`` is of one entry.

        Raises
        ------
        ValueError
            There is no such setting.
        """
        known = {each.name for each in fields(cls)}
        found: dict[str, Any] = {}
        for name, value in values.items():
            head, _, entry = name.partition(".")
            _check.choice("setting", head, known)
            if entry:
                found[head] = {**found.get(head, {}), entry: value}
            elif isinstance(value, Mapping):
                found[head] = {**value, **found.get(head, {})}
            else:
                found[head] = tuple(value) if isinstance(value, list) else value
        for each in fields(cls):  # 1 and 1.0 are one setting
            if isinstance(each.default, float) and type(found.get(each.name)) is int:
                found[each.name] = float(found[each.name])
        return cls(**found)

    def decisive(self) -> Setup:
        """The same training; settings that it does not read are those of a plain ``Setup()``."""
        ignored = {"poisson": ("last",), "latency": ("max_rate", "arrivals")}[self.encoder]
        if self.loss != "count_cross_entropy":
            ignored += ("temperature",)
        if self.on_times:
            ignored += ("scheme", "order", "input", "surrogate", "width", "reset_gradient")
            if not _takes_dt(self.gradient):
                ignored += ("dt",)
        else:
            ignored += ("t_max", "max_spikes", "overflow", "initial")
            if self.gradient != "surrogate":
                ignored += ("surrogate", "width")
        plain = Setup()
        return replace(self, **{name: getattr(plain, name) for name in ignored})

    def network(self) -> Network | EventNetwork:
        """The untrained network."""
        neuron: CubaLIF | list[CubaLIF]
        if isinstance(self.v_threshold, tuple):
            neuron = [self._neuron(each) for each in self.v_threshold]
        else:
            neuron = self._neuron(self.v_threshold)
        options = dict(self.options)
        if not self.on_times:
            if "layers" in options:
                options["layers"] = [connections.from_settings(each) for each in options["layers"]]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UnstableStep)  # fit refuses such a step
                return Network(
                    self.sizes,
                    neuron,
                    self.dt,
                    self.scheme,
                    self.order,
                    surrogate=self.surrogate,
                    width=self.width,
                    reset_gradient=self.reset_gradient,
                    gradient=self.gradient,
                    input=self.input,
                    gain=self.gain,
                    seed=self.seed,
                    **options,
                )
        given = [initial.from_settings(dict(each)) for each in self.initial]
        first = self.loss == "first_spike"  # it reads no second one
        if _takes_dt(self.gradient):
            options.setdefault("dt", self.dt)
        return EventNetwork(
            self.sizes,
            neuron,
            self.window if self.t_max is None else self.t_max,
            method=self.gradient,
            max_spikes=[self.max_spikes] * (len(self.sizes) - 2) + [1 if first else self.max_spikes],
            overflow="drop" if first else self.overflow,
            gain=self.gain,
            initial=(given[0] if len(given) == 1 else given) if given else None,
            seed=self.seed,
            **options,
        )

    def _neuron(self, v_threshold: float) -> CubaLIF:
        reset: Any = self.reset
        return CubaLIF(self.tau_mem, self.tau_syn, self.r, v_threshold, self.v_reset, reset)

    def make_encoder(self) -> encoders.Encoder:
        """The encoder; ``last`` is by default half the window."""
        more: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in self.encoder_options.items()
        }
        if self.encoder == "poisson":
            return encoders.Poisson(self.window, self.max_rate, self.arrivals, **more)
        return encoders.Latency(self.window, self.window / 2 if self.last is None else self.last, **more)

    def make_loss(self) -> losses.Loss:
        """The loss."""
        named = {"temperature": self.temperature} if self.loss == "count_cross_entropy" else {}
        return losses.from_settings({"name": self.loss, **named, **self.loss_options})

    def samples(self, split: str) -> tuple[Any, Any, encoders.Encoder] | None:
        """Images, labels and encoder of ``"train"`` or ``"test"``; None where there are no test images.

        Recorded events have an encoder of their own, with this window.
        """
        n = self.n_train if split == "train" else self.n_test
        if self.images is not None:
            own: str | None = self.images
            labels = self.labels
            if split == "test":
                own, labels = self.test_images, self.test_labels
            if own is None:
                return None
            found: Any = datasets.load_images(own, labels)
        else:
            found = datasets.load("mnist-subset" if self.dataset is None else self.dataset, split)
        if isinstance(found, datasets.EventSamples):
            return found.references()[:n], found.labels[:n], encoders.Events(found, self.window)
        return found[0][:n], found[1][:n], self.make_encoder()

    def fit_options(self) -> dict[str, Any]:
        """What :func:`snntheory.training.fit` needs beside the network and the samples."""
        return {
            "loss": self.make_loss(),
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
            "decay": self.decay,
            "seed": self.seed,
            "device": self.device,
        }


def _takes_dt(gradient: str) -> bool:
    return gradient in ("integrated", "straight_through")


def canonical(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings of a training that decide its result, all of them, for :func:`snntheory.training.sweep`."""
    return Setup.of(settings).decisive().plain()


def train(settings: dict[str, Any], checkpoint: Path | None, report: Report) -> dict[str, Any]:
    """A task for :func:`snntheory.training.sweep`: train the network of a :class:`Setup` and test it.

    Parameters
    ----------
    settings : dict
        Of :class:`Setup`.
    checkpoint : Path, optional
        Goes on from it if it is there.
    report : callable
        Called after every epoch.

    Returns
    -------
    dict
        ``accuracy``, ``loss`` of the test samples; ``spikes`` a sample and share of ``silent`` neurons over ``layer``;
        ``train_accuracy`` and ``train_loss`` over ``epoch``; ``train_seconds``.
    """
    setup = Setup.of(settings)
    given = setup.samples("train")
    if given is None:
        raise ValueError("images must be given")
    images, labels, encoder = given
    network, options = setup.network(), setup.fit_options()
    report(epoch=0, epochs=setup.epochs)
    history = fit(
        network,
        images,
        labels,
        encoder=encoder,
        **options,
        checkpoint=checkpoint,
        resume=checkpoint is not None,
        after_epoch=lambda entry: report(
            epoch=entry["epoch"], epochs=setup.epochs, accuracy=entry["accuracy"], loss=entry["loss"]
        ),
    )
    found: dict[str, Any] = {
        "train_accuracy": {"epoch": [entry["accuracy"] for entry in history]},
        "train_loss": {"epoch": [entry["loss"] for entry in history]},
        "train_seconds": sum(entry["seconds"] for entry in history),
    }
    held_out = setup.samples("test")
    if held_out is not None:
        images, labels, encoder = held_out
        more = {name: options[name] for name in ("loss", "seed", "device")}
        judged = evaluate(network, images, labels, encoder=encoder, **more)
        found |= {
            "accuracy": judged.accuracy,
            "loss": judged.loss,
            "spikes": {"layer": list(judged.spikes)},
            "silent": {"layer": list(judged.silent)},
        }
    return found
