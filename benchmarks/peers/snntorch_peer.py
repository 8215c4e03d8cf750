"""snnTorch's ``Synaptic``, which is its current-based LIF neuron with an exponential synapse."""

from __future__ import annotations

import math

import snntorch
import torch
from snntorch import surrogate
from task import SLOPE, Contender, Task, load_linear, psp_peak


class SnnTorch(torch.nn.Module):
    """As in snnTorch's tutorials 4 and 5: ``nn.Linear`` and ``Synaptic`` in a loop over the steps."""

    def __init__(self, task: Task, products_first: bool) -> None:
        super().__init__()
        alpha = math.exp(-task.dt / task.neuron.tau_syn)
        beta = math.exp(-task.dt / task.neuron.tau_mem)
        self.scale = 1 / psp_peak(lambda u, i, x: (beta * u + alpha * i + x, alpha * i + x))
        n_in, n_hidden, n_out = task.sizes
        spike_grad = surrogate.fast_sigmoid(slope=SLOPE)
        self.fc1 = torch.nn.Linear(n_in, n_hidden, bias=False)
        self.lif1 = snntorch.Synaptic(alpha=alpha, beta=beta, spike_grad=spike_grad)
        self.fc2 = torch.nn.Linear(n_hidden, n_out, bias=False)
        self.lif2 = snntorch.Synaptic(alpha=alpha, beta=beta, spike_grad=spike_grad)
        for linear, weights in zip((self.fc1, self.fc2), task.weights, strict=True):
            load_linear(linear, weights, self.scale)
        self.products_first = products_first

    def forward(self, spikes: torch.Tensor, with_hidden: bool = False):
        """Output spikes and, if asked for, hidden spikes."""
        run = self._layer_by_layer if self.products_first else self._step_by_step
        return run(spikes, with_hidden)

    def _step_by_step(self, spikes: torch.Tensor, with_hidden: bool):
        syn1, mem1 = self.lif1.reset_mem()
        syn2, mem2 = self.lif2.reset_mem()
        spk1_rec, spk2_rec = [], []
        for step in range(spikes.shape[0]):
            spk1, syn1, mem1 = self.lif1(self.fc1(spikes[step]), syn1, mem1)
            spk2, syn2, mem2 = self.lif2(self.fc2(spk1), syn2, mem2)
            if with_hidden:
                spk1_rec.append(spk1)
            spk2_rec.append(spk2)
        return torch.stack(spk2_rec), torch.stack(spk1_rec) if with_hidden else None

    def _layer_by_layer(self, spikes: torch.Tensor, with_hidden: bool):
        hidden = self._layer(self.fc1(spikes), self.lif1)
        return self._layer(self.fc2(hidden), self.lif2), hidden if with_hidden else None

    @staticmethod
    def _layer(drive: torch.Tensor, lif: snntorch.Synaptic) -> torch.Tensor:
        syn, mem = lif.reset_mem()
        record = []
        for now in drive:
            spk, syn, mem = lif(now, syn, mem)
            record.append(spk)
        return torch.stack(record)


CONTENDERS = [
    Contender(
        "snnTorch Synaptic, tutorial",
        "snntorch",
        lambda task: SnnTorch(task, products_first=False),
        "products and neurons in one loop over the steps; detached subtractive reset, one step late",
    ),
    Contender(
        "snnTorch Synaptic, products first",
        "snntorch",
        lambda task: SnnTorch(task, products_first=True),
        "the same, but one product for all steps, as we do",
    ),
]
