"""SpikingJelly in its multi-step mode, which is the one its documentation recommends for speed."""

from __future__ import annotations

import math

import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from task import SLOPE, Contender, Task, load_linear, psp_peak


class SpikingJelly(torch.nn.Module):
    """Multi-step ``layer.Linear`` and neuron nodes; ``reset_net`` is part of every step, as it must be."""

    def __init__(self, task: Task, with_synapse: bool) -> None:
        super().__init__()
        n_in, n_hidden, n_out = task.sizes
        self.fc1 = layer.Linear(n_in, n_hidden, bias=False)
        self.fc2 = layer.Linear(n_hidden, n_out, bias=False)
        if with_synapse:
            alpha = math.exp(-task.dt / task.neuron.tau_syn)
            beta = math.exp(-task.dt / task.neuron.tau_mem)
            self.scale = 1 / psp_peak(lambda u, i, x: (beta * u + alpha * i + x, alpha * i + x))
            self.lif1, self.lif2 = (_cuba(alpha, beta) for _ in range(2))
        else:
            # a PSP that jumps to its peak and decays: the peak that gives noise the same variance of the voltage
            decay = task.dt / task.neuron.tau_mem
            self.scale = math.sqrt(_energy_of_unit_psp(task) * (1 - (1 - decay) ** 2)) / decay
            self.lif1, self.lif2 = (_lif(task.neuron.tau_mem / task.dt) for _ in range(2))
        for linear, weights in zip((self.fc1, self.fc2), task.weights, strict=True):
            load_linear(linear, weights, self.scale)
        functional.set_step_mode(self, "m")

    def forward(self, spikes: torch.Tensor, with_hidden: bool = False):
        """Output spikes and, if asked for, hidden spikes."""
        functional.reset_net(self)
        hidden = self.lif1(self.fc1(spikes))
        return self.lif2(self.fc2(hidden)), hidden if with_hidden else None


# SoftSign(alpha) is alpha / (2 (1 + alpha |x|)^2), which is the common surrogate for alpha = SLOPE = 2
def _cuba(alpha: float, beta: float) -> neuron.CUBALIFNode:
    return neuron.CUBALIFNode(
        c_decay=alpha,
        v_decay=beta,
        v_threshold=1.0,
        v_reset=None,
        surrogate_function=surrogate.SoftSign(alpha=SLOPE),
    )


def _lif(tau_in_steps: float) -> neuron.LIFNode:
    return neuron.LIFNode(
        tau=tau_in_steps,
        v_threshold=1.0,
        v_reset=None,
        surrogate_function=surrogate.SoftSign(alpha=SLOPE),
    )


def _energy_of_unit_psp(task: Task) -> float:
    """Sum over all steps of the square of the current-based neuron's PSP of peak 1."""
    alpha = math.exp(-task.dt / task.neuron.tau_syn)
    beta = math.exp(-task.dt / task.neuron.tau_mem)
    u = i = energy = peak = 0.0
    for step in range(10_000):
        i = alpha * i + (step == 0)
        u = beta * u + i
        energy, peak = energy + u * u, max(peak, u)
    return energy / peak**2


CONTENDERS = [
    Contender(
        "SpikingJelly CUBALIFNode",
        "spikingjelly",
        lambda task: SpikingJelly(task, with_synapse=True),
        "multi-step mode, subtractive reset with its gradient",
    ),
    Contender(
        "SpikingJelly LIFNode (no synapse)",
        "spikingjelly",
        lambda task: SpikingJelly(task, with_synapse=False),
        "less work: one state variable, hand-written gradient; a lower bound",
    ),
]
