"""Losses on output spikes, on a grid or as times, and on output voltages.

A loss is called with spikes on a grid, shape (n_steps, batch, n_classes), labels of shape (batch,) and the time step in
seconds. ``loss.on_times(times, labels, t_max)`` is the same for spike times of shape (batch, n_classes, n_spikes),
sorted, in seconds, padded with inf. Both return the mean over the batch, differentiable by torch.
:func:`for_sample` turns either into a loss for :func:`snntheory.gradients.weight_gradient`.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch.nn import functional

from .. import _check
from .decoders import Decides, decide, decide_times, first_spike_times
from .sample_loss import SampleLoss, for_sample
from .van_rossum import VanRossum, check_times
from .voltage_losses import MaxVoltage, MeanVoltage

__all__ = [
    "CountCrossEntropy",
    "FirstSpike",
    "MaxVoltage",
    "MeanVoltage",
    "SampleLoss",
    "SpikeCount",
    "VanRossum",
    "counts_of_times",
    "decide",
    "decide_times",
    "first_spike_times",
    "for_sample",
    "from_settings",
    "settings",
]


def counts_of_times(times: torch.Tensor) -> torch.Tensor:
    """Spike counts, shape (batch, n_classes), whose derivative by a spike time is taken to be -1 per second.

    The count itself does not change when a spike moves, so its true derivative is zero wherever it exists. The
    assumption: a spike that comes earlier makes room for more. Its sign is right; its size is nobody's derivative,
    and Adam hides it. (Cojocaru 2024 and BATS make it without a word: ``dL/dt = target - n``.)
    """
    fired = times.isfinite()
    moved = torch.where(fired, times, 0.0)
    return fired.sum(2) - (moved - moved.detach()).sum(2)


@dataclass(frozen=True)
class SpikeCount(Decides):
    """Squared distance of the spike counts to target counts: ``1/2 sum (n - target)^2`` (Cojocaru 2024, BATS).

    On times the derivative of a count is that of :func:`counts_of_times`.
    """

    target_true: float = 15.0
    target_false: float = 3.0
    decides_by = "count"

    def __post_init__(self) -> None:
        _check.number("target_true", self.target_true, "spikes", minimum=0.0)
        _check.number("target_false", self.target_false, "spikes", minimum=0.0)

    def __call__(self, spikes: torch.Tensor, labels: torch.Tensor, dt: float) -> torch.Tensor:
        return self._of(spikes.sum(0), labels)

    def on_times(self, times: torch.Tensor, labels: torch.Tensor, t_max: float) -> torch.Tensor:
        """The loss of spike times, shape (batch, n_classes, n_spikes)."""
        check_times(times, labels, t_max)
        return self._of(counts_of_times(times), labels)

    def _of(self, counts: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        targets = torch.full_like(counts, self.target_false)
        targets.scatter_(1, labels[:, None], self.target_true)
        return 0.5 * (counts - targets).square().sum(1).mean()


@dataclass(frozen=True)
class CountCrossEntropy(Decides):
    """Cross-entropy of the softmax of the spike counts divided by ``temperature`` (in spikes).

    On times the derivative of a count is that of :func:`counts_of_times`.
    """

    temperature: float = 1.0
    decides_by = "count"

    def __post_init__(self) -> None:
        _check.positive("temperature", self.temperature, "spikes")

    def __call__(self, spikes: torch.Tensor, labels: torch.Tensor, dt: float) -> torch.Tensor:
        return functional.cross_entropy(spikes.sum(0) / self.temperature, labels)

    def on_times(self, times: torch.Tensor, labels: torch.Tensor, t_max: float) -> torch.Tensor:
        """The loss of spike times, shape (batch, n_classes, n_spikes)."""
        check_times(times, labels, t_max)
        return functional.cross_entropy(counts_of_times(times) / self.temperature, labels)


@dataclass(frozen=True)
class FirstSpike(Decides):
    """Cross-entropy of first spike times with a term that rewards earliness (Lee, Haghighatshoar and Karbasi 2023).

    Definition::

        L = -log softmax(-t / tau_0)_label + gamma (exp(t_label / tau_1) - 1)

    ``tau_0``, ``tau_1``, ``silent_after`` in seconds. The source does not say what a silent output is worth. On a grid
    it counts as firing one step past the window, and the pseudo-derivative of its voltage carries a gradient. On times
    it counts as firing ``silent_after`` past the window, and has the gradient zero. Where the label's output is the
    silent one, the sample can still push the others later (``silent_label="push"``, the derivative of the value); but
    that silences them too, for their own samples, and a training of Yin-Yang collapses. ``"ignore"`` gives such a
    sample its value and no gradient. Start with weights at which the outputs fire, see
    :class:`snntheory.training.EventNetwork` for ``bump``, and read ``silent_outputs`` in the history.
    """

    tau_0: float = 0.005
    tau_1: float = 0.05
    gamma: float = 0.01
    silent_after: float = 0.0
    silent_label: str = "ignore"
    decides_by = "first"

    def __post_init__(self) -> None:
        _check.positive("tau_0", self.tau_0, "s")
        _check.positive("tau_1", self.tau_1, "s")
        _check.number("gamma", self.gamma, minimum=0.0)
        _check.number("silent_after", self.silent_after, "s", minimum=0.0)
        _check.choice("silent_label", self.silent_label, ("ignore", "push"))

    def __call__(self, spikes: torch.Tensor, labels: torch.Tensor, dt: float) -> torch.Tensor:
        return self._of(first_spike_times(spikes, dt), labels)

    def on_times(self, times: torch.Tensor, labels: torch.Tensor, t_max: float) -> torch.Tensor:
        """The loss of spike times, shape (batch, n_classes, n_spikes)."""
        check_times(times, labels, t_max)
        first = functional.pad(times, (0, 1), value=math.inf)[..., 0]
        silent = first.isinf()
        first = first.masked_fill(silent, t_max + self.silent_after)
        if self.silent_label == "ignore":
            first = torch.where(silent.gather(1, labels[:, None]), first.detach(), first)
        return self._of(first, labels)

    def _of(self, first: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        own = first.gather(1, labels[:, None])[:, 0]
        early = self.gamma * torch.expm1(own / self.tau_1)
        return functional.cross_entropy(-first / self.tau_0, labels) + early.mean()


LOSSES = {
    "spike_count": SpikeCount,
    "count_cross_entropy": CountCrossEntropy,
    "first_spike": FirstSpike,
    "van_rossum": VanRossum,
    "max_voltage": MaxVoltage,
    "mean_voltage": MeanVoltage,
}
Loss = SpikeCount | CountCrossEntropy | FirstSpike | VanRossum | MaxVoltage | MeanVoltage


def reads_voltage(loss: Loss) -> bool:
    """Whether the loss is one of the output layer's voltage."""
    return isinstance(loss, MaxVoltage | MeanVoltage)


def settings(loss: Loss) -> dict[str, Any]:
    """The loss as plain values (for files)."""
    name = next((key for key, kind in LOSSES.items() if isinstance(loss, kind)), None)
    if name is None:
        raise TypeError(f"loss must be one of {', '.join(k.__name__ for k in LOSSES.values())}, got {loss!r}")
    return {"name": name, **asdict(loss)}


def from_settings(values: dict[str, Any]) -> Loss:
    """The loss of :func:`settings`."""
    rest = dict(values)
    kind: Any = LOSSES[_check.choice("loss", rest.pop("name"), LOSSES)]
    made: Loss = kind(**rest)
    return made
