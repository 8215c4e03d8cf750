"""Losses on output spikes, and the class that an output stands for.

Every loss is called with output spikes of shape (n_steps, batch, n_classes), labels of shape (batch,) and
the time step in seconds, and returns the mean over the batch.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch.nn import functional

from .. import _check


def first_spike_times(spikes: torch.Tensor, dt: float) -> torch.Tensor:
    """Time of the first spike in seconds, shape (batch, n_classes); a silent neuron gets one step past the end.

    Definition::

        t = dt (1 + sum_{n=1}^{n_steps} prod_{m<=n} (1 - s_m))

    The sum counts the steps before the first spike, which is also differentiable in every ``s_m`` up to it.
    """
    silent_so_far = (1 - spikes).cumprod(0)
    return dt * (1 + silent_so_far.sum(0))


def decide(spikes: torch.Tensor, dt: float, by: str) -> torch.Tensor:
    """Class of each sample, shape (batch,).

    ``by="count"``: most spikes, ties to the one that fired first. ``by="first"``: first spike, ties to the
    one with more spikes. What is still tied goes to the lower index.
    """
    _check.choice("by", by, ("count", "first"))
    steps = first_spike_times(spikes.detach(), 1.0)
    counts = spikes.detach().sum(0, dtype=torch.float64)  # counts * n has more digits than float32
    n = spikes.shape[0] + 2
    score = counts * n - steps if by == "count" else -steps * n + counts
    return score.argmax(1)


@dataclass(frozen=True)
class SpikeCount:
    """Squared distance of the spike counts to target counts: ``1/2 sum (n - target)^2`` (Cojocaru 2024, BATS)."""

    target_true: float = 15.0
    target_false: float = 3.0
    decides_by = "count"

    def __post_init__(self) -> None:
        _check.number("target_true", self.target_true, "spikes", minimum=0.0)
        _check.number("target_false", self.target_false, "spikes", minimum=0.0)

    def __call__(self, spikes: torch.Tensor, labels: torch.Tensor, dt: float) -> torch.Tensor:
        counts = spikes.sum(0)
        targets = torch.full_like(counts, self.target_false)
        targets.scatter_(1, labels[:, None], self.target_true)
        return 0.5 * (counts - targets).square().sum(1).mean()


@dataclass(frozen=True)
class CountCrossEntropy:
    """Cross-entropy of the softmax of the spike counts divided by ``temperature`` (in spikes)."""

    temperature: float = 1.0
    decides_by = "count"

    def __post_init__(self) -> None:
        _check.positive("temperature", self.temperature, "spikes")

    def __call__(self, spikes: torch.Tensor, labels: torch.Tensor, dt: float) -> torch.Tensor:
        return functional.cross_entropy(spikes.sum(0) / self.temperature, labels)


@dataclass(frozen=True)
class FirstSpike:
    """Cross-entropy of first spike times with a term that rewards earliness (Lee, Haghighatshoar and Karbasi 2023).

    Definition::

        L = -log softmax(-t / tau_0)_label + gamma (exp(t_label / tau_1) - 1)

    ``tau_0``, ``tau_1`` in seconds. A silent neuron counts as firing one step past the window.
    """

    tau_0: float = 0.005
    tau_1: float = 0.05
    gamma: float = 0.01
    decides_by = "first"

    def __post_init__(self) -> None:
        _check.positive("tau_0", self.tau_0, "s")
        _check.positive("tau_1", self.tau_1, "s")
        _check.number("gamma", self.gamma, minimum=0.0)

    def __call__(self, spikes: torch.Tensor, labels: torch.Tensor, dt: float) -> torch.Tensor:
        times = first_spike_times(spikes, dt)
        own = times.gather(1, labels[:, None])[:, 0]
        early = self.gamma * torch.expm1(own / self.tau_1)
        return functional.cross_entropy(-times / self.tau_0, labels) + early.mean()


LOSSES = {"spike_count": SpikeCount, "count_cross_entropy": CountCrossEntropy, "first_spike": FirstSpike}
Loss = SpikeCount | CountCrossEntropy | FirstSpike


def settings(loss: Loss) -> dict[str, Any]:
    """The loss as plain values (for files)."""
    name = next((key for key, kind in LOSSES.items() if isinstance(loss, kind)), None)
    if name is None:
        raise TypeError(f"loss must be one of {', '.join(k.__name__ for k in LOSSES.values())}, got {loss!r}")
    return {"name": name, **asdict(loss)}


def from_settings(values: dict[str, Any]) -> Loss:
    """The loss of :func:`settings`."""
    rest = dict(values)
    return LOSSES[_check.choice("loss", rest.pop("name"), LOSSES)](**rest)
