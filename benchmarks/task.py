"""What every contender is given: recorded input spikes, labels, initial weights, neuron, loss and optimiser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch.nn import functional

from snntheory import CubaLIF
from snntheory.training import Poisson
from snntheory.training.datasets import mnist_subset
from snntheory.training.trainer import as_inputs

LEARNING_RATE = 1e-3
"""Adam's, for weights in units of the peak of the post-synaptic potential (PSP); see :func:`optimiser`."""

SLOPE = 2.0
"""The surrogate gradient is ``1 / (1 + SLOPE |u - v_threshold|)^2`` wherever a library lets us choose it."""


@dataclass(frozen=True)
class Task:
    """One batch and the network to train on it.

    ``spikes`` has shape (n_steps, batch, n_inputs), ``labels`` (batch,); ``weights`` holds one array of shape
    (n_in, n_out) a layer, in units of the PSP's peak: a spike through a weight of 1 lifts the voltage by 1.
    """

    neuron: CubaLIF
    dt: float
    spikes: torch.Tensor
    labels: torch.Tensor
    weights: tuple[np.ndarray, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Neurons of the input and of every layer."""
        return (self.weights[0].shape[0], *(each.shape[1] for each in self.weights))


class Model(Protocol):
    """A network of two layers in the manner of some library.

    ``scale`` is the library's own weight for a PSP of peak 1. Calling the model returns its output spikes,
    shape (n_steps, batch, n_classes), and the hidden spikes when they are asked for (for counting; not timed).
    """

    scale: float

    def __call__(
        self, spikes: torch.Tensor, with_hidden: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor | None]: ...

    def parameters(self) -> list[torch.nn.Parameter]: ...


@dataclass(frozen=True)
class Contender:
    """A row of the table: a way to build the model, and what a reader must know about it."""

    name: str
    package: str
    build: Callable[[Task], Model] | None
    """None where the package is not installed."""
    note: str


def make_task(n_steps: int = 50, batch: int = 128, hidden: int = 400, max_rate: float = 100.0) -> Task:
    """The default is one of the trainer's batches: 100 ms in 50 steps of 2 ms, rates up to 100 Hz.

    The spikes are drawn once, Bernoulli in every step, from the first digits of the shipped subset.
    """
    images, labels = mnist_subset("train")
    dt = 0.002
    encoder = Poisson(window=n_steps * dt, max_rate=max_rate)
    spikes = encoder(as_inputs(images[:batch]), dt, torch.Generator().manual_seed(0))
    rng = np.random.default_rng(0)
    sizes = (spikes.shape[2], hidden, 10)
    weights = tuple(
        rng.normal(0, n_in**-0.5, (n_in, n_out)) for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True)
    )
    neuron = CubaLIF(tau_mem=0.020, tau_syn=0.010)
    return Task(neuron, dt, spikes, torch.from_numpy(labels[:batch]), weights)


def psp_peak(update: Callable[[float, float, float], tuple[float, float]], n_steps: int = 10_000) -> float:
    """Peak of the voltage that one spike of weight 1 causes; ``update(u, i, x)`` gives the next ``(u, i)``."""
    u = i = peak = 0.0
    for step in range(n_steps):
        u, i = update(u, i, 1.0 if step == 0 else 0.0)
        peak = max(peak, u)
    return peak


def load_linear(linear: torch.nn.Linear, weights: np.ndarray, scale: float) -> None:
    """Give a layer of a peer the task's weights in that library's unit."""
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(weights.T * scale))


def optimiser(model: Model) -> torch.optim.Adam:
    """Adam with its learning rate in the library's unit of weight, so that all weights move relatively alike."""
    return torch.optim.Adam(model.parameters(), lr=LEARNING_RATE * model.scale)


def training_step(model: Model, adam: torch.optim.Adam, task: Task) -> float:
    """Forward, cross-entropy of the spike counts, backward, Adam: what is timed, the same for every contender."""
    output, _ = model(task.spikes)
    loss = functional.cross_entropy(output.sum(0), task.labels)
    adam.zero_grad()
    loss.backward()
    adam.step()
    return loss.item()
