"""snntheory: one matrix product per layer for all steps, then one scan over time."""

from __future__ import annotations

import torch
from task import SLOPE, Contender, Task

from snntheory.training import Network
from snntheory.training.kernels import numba_is_installed
from snntheory.training.network import weight_unit


class Ours(torch.nn.Module):
    """The trainer's network as it is; its learned weights are already in units of the PSP's peak."""

    scale = 1.0

    def __init__(self, task: Task, backend: str) -> None:
        super().__init__()
        # The reset's gradient is kept, which costs a little more
        self.network = Network(
            task.sizes, task.neuron, task.dt, surrogate="fast_sigmoid", width=1 / SLOPE, backend=backend
        )
        self.network.set_weights([each * weight_unit(task.neuron) for each in task.weights])

    def forward(self, spikes: torch.Tensor, with_hidden: bool = False):
        """Output spikes and, if asked for, hidden spikes."""
        hidden, output = self.network(spikes)
        return output, hidden if with_hidden else None


CONTENDERS = [
    Contender(
        "snntheory, numba",
        "snntheory",
        (lambda task: Ours(task, "numba")) if numba_is_installed() else None,
        "impulse invariance, subtractive reset with its gradient"
        if numba_is_installed()
        else "not installed: pip install numba",
    ),
    Contender(
        "snntheory, reference",
        "snntheory",
        lambda task: Ours(task, "reference"),
        "the same in plain torch",
    ),
]
