"""Losses on the voltage of the output layer: cross-entropy of its mean or its maximum over time.

They are meant for outputs that do not reset (``reset="none"``), which integrate what they receive.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from .. import _check


@dataclass(frozen=True)
class _VoltageLoss:
    temperature: float = 1.0
    decides_by = "voltage"

    def __post_init__(self) -> None:
        _check.positive("temperature", self.temperature)

    def readout(self, voltage: torch.Tensor) -> torch.Tensor:
        """One number an output, shape (batch, n_classes), from voltages of shape (n_steps, batch, n_classes)."""
        raise NotImplementedError

    def on_voltage(self, voltage: torch.Tensor, labels: torch.Tensor, dt: float) -> torch.Tensor:
        """The loss of voltages on a grid, shape (n_steps, batch, n_classes)."""
        return functional.cross_entropy(self.readout(voltage) / self.temperature, labels)

    def decide_voltage(self, voltage: torch.Tensor) -> torch.Tensor:
        """The output with the largest readout, shape (batch,)."""
        return self.readout(voltage.detach()).argmax(1)


@dataclass(frozen=True)
class MaxVoltage(_VoltageLoss):
    """Cross-entropy of the softmax of ``max_n u_n / temperature``.

    The gradient goes to the step of the maximum; equal maxima share it.
    """

    def readout(self, voltage: torch.Tensor) -> torch.Tensor:
        """Largest voltage over the steps."""
        return voltage.amax(0)


@dataclass(frozen=True)
class MeanVoltage(_VoltageLoss):
    """Cross-entropy of the softmax of ``mean_n u_n / temperature``."""

    def readout(self, voltage: torch.Tensor) -> torch.Tensor:
        """Mean voltage over the steps."""
        return voltage.mean(0)
