"""A loss of the trainer as the loss of one sample in NumPy, for ``snntheory.gradients.weight_gradient``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from .. import _check

Floats = NDArray[np.float64]


class SampleLoss:
    """Value and derivatives of a loss for one sample; made by :func:`for_sample`."""

    def __init__(self, loss: Any, label: int, t_max: float) -> None:
        self.loss, self.label, self.t_max = loss, label, t_max
        self._labels = torch.tensor([label])

    def __call__(self, output_times: Sequence[ArrayLike]) -> tuple[float, list[Floats]]:
        """From one array of spike times an output to the loss and its derivatives, arrays of the same shapes."""
        if not hasattr(self.loss, "on_times"):
            raise ValueError(
                f"{type(self.loss).__name__} is a loss of voltages, it has no derivative by spike times; "
                "take a loss of spikes"
            )
        trains = [_check.array(f"output_times[{n}]", part, ndim=1) for n, part in enumerate(output_times)]
        padded = np.full((1, len(trains), max((part.size for part in trains), default=0)), np.inf)
        for n, part in enumerate(trains):
            padded[0, n, : part.size] = part
        times = torch.from_numpy(padded).requires_grad_()
        value = self.loss.on_times(times, self._labels, self.t_max)
        by_time = _gradient(value, times)[0]
        return value.item(), [by_time[n, : part.size].copy() for n, part in enumerate(trains)]

    def on_grid(self, spikes: ArrayLike, dt: float) -> tuple[float, Floats]:
        """From spikes on a grid, shape (n_steps, n_outputs), to the loss and its derivative of that shape."""
        if not callable(self.loss):
            raise ValueError(
                f"{type(self.loss).__name__} is a loss of voltages, it has no derivative by spikes; "
                "take a loss of spikes"
            )
        given = torch.from_numpy(_check.array("spikes", spikes, ndim=2).copy())[:, None].requires_grad_()
        value = self.loss(given, self._labels, _check.positive("dt", dt, "s"))
        return value.item(), _gradient(value, given)[:, 0]


def _gradient(value: torch.Tensor, given: torch.Tensor) -> Floats:
    if not value.requires_grad:
        return np.zeros(given.shape)
    (gradient,) = torch.autograd.grad(value, given, allow_unused=True)
    return np.zeros(given.shape) if gradient is None else gradient.numpy()


def for_sample(loss: Any, label: int, t_max: float) -> SampleLoss:
    """A loss of spikes with a label, as :func:`snntheory.gradients.weight_gradient` calls it.

    Parameters
    ----------
    loss : SpikeCount, CountCrossEntropy, FirstSpike or VanRossum
    label : int
        Class of the sample.
    t_max : float
        End of the window in seconds, the same as that of the gradient.

    Returns
    -------
    SampleLoss
        ``loss(output_times) -> (value, [dL/dt])`` and ``loss.on_grid(spikes, dt) -> (value, dL/dspikes)``, in float64.
        A silent output has no derivative, an empty array.
    """
    label = _check.integer("label", label, minimum=0)
    return SampleLoss(loss, label, _check.positive("t_max", t_max, "s"))
