"""Norse's ``LIF``: forward Euler, synaptic current that jumps first, reset to zero."""

from __future__ import annotations

import norse.torch as snn
import torch
from task import Contender, Task, load_linear, psp_peak


def _parameters(task: Task) -> snn.LIFParameters:
    # method "super" is 1 / (1 + |u - v_th|)^2: Norse 1.1 does not use its alpha, so the slope is 1
    return snn.LIFParameters(
        tau_syn_inv=torch.as_tensor(1 / task.neuron.tau_syn),
        tau_mem_inv=torch.as_tensor(1 / task.neuron.tau_mem),
        v_th=torch.as_tensor(task.neuron.v_threshold),
        method="super",
    )


def _scale(task: Task) -> float:
    to_u, to_i = task.dt / task.neuron.tau_mem, task.dt / task.neuron.tau_syn
    return 1 / psp_peak(lambda u, i, x: (u + to_u * (i + x - u), (i + x) * (1 - to_i)))


class NorseCells(torch.nn.Module):
    """As in Norse's MNIST example: ``LIFCell`` in a loop over the steps."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.scale = _scale(task)
        n_in, n_hidden, n_out = task.sizes
        self.fc1 = torch.nn.Linear(n_in, n_hidden, bias=False)
        self.lif1 = snn.LIFCell(_parameters(task), dt=task.dt)
        self.fc2 = torch.nn.Linear(n_hidden, n_out, bias=False)
        self.lif2 = snn.LIFCell(_parameters(task), dt=task.dt)
        for linear, weights in zip((self.fc1, self.fc2), task.weights, strict=True):
            load_linear(linear, weights, self.scale)

    def forward(self, spikes: torch.Tensor, with_hidden: bool = False):
        """Output spikes and, if asked for, hidden spikes."""
        state1 = state2 = None
        hidden, output = [], []
        for now in spikes:
            z1, state1 = self.lif1(self.fc1(now), state1)
            z2, state2 = self.lif2(self.fc2(z1), state2)
            if with_hidden:
                hidden.append(z1)
            output.append(z2)
        return torch.stack(output), torch.stack(hidden) if with_hidden else None


class NorseSequence(torch.nn.Module):
    """``LIF`` over whole sequences in a ``SequentialState``: one product for all steps, as we do."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.scale = _scale(task)
        n_in, n_hidden, n_out = task.sizes
        self.layer1 = snn.SequentialState(
            torch.nn.Linear(n_in, n_hidden, bias=False), snn.LIF(_parameters(task), dt=task.dt)
        )
        self.layer2 = snn.SequentialState(
            torch.nn.Linear(n_hidden, n_out, bias=False), snn.LIF(_parameters(task), dt=task.dt)
        )
        for layer, weights in zip((self.layer1, self.layer2), task.weights, strict=True):
            load_linear(layer[0], weights, self.scale)

    def forward(self, spikes: torch.Tensor, with_hidden: bool = False):
        """Output spikes and, if asked for, hidden spikes."""
        hidden, _ = self.layer1(spikes)
        output, _ = self.layer2(hidden)
        return output, hidden if with_hidden else None


CONTENDERS = [
    Contender(
        "Norse LIFCell, example",
        "norse",
        NorseCells,
        "products and neurons in one loop over the steps; reset to zero with its gradient",
    ),
    Contender(
        "Norse LIF, sequence", "norse", NorseSequence, "the same, but one product for all steps, as we do"
    ),
]
