"""The class that an output stands for, read from spikes on a grid or from spike times."""

from __future__ import annotations

import math

import torch

from .. import _check

RULES = ("count", "first")


def first_spike_times(spikes: torch.Tensor, dt: float) -> torch.Tensor:
    """Time of the first spike in seconds, shape (batch, n_classes); a silent neuron gets one step past the end.

    Definition::

        t = dt (1 + sum_{n=1}^{n_steps} prod_{m<=n} (1 - s_m))

    The sum counts the steps before the first spike, which is also differentiable in every ``s_m`` up to it.
    """
    silent_so_far = (1 - spikes).cumprod(0)
    return dt * (1 + silent_so_far.sum(0))


def decide(spikes: torch.Tensor, dt: float, by: str) -> torch.Tensor:
    """Class of each sample, shape (batch,), from spikes on a grid of shape (n_steps, batch, n_classes).

    ``by="count"``: most spikes, ties to the one that fired first. ``by="first"``: first spike, ties to the
    one with more spikes. What is still tied goes to the lower index.
    """
    _check.choice("by", by, RULES)
    steps = first_spike_times(spikes.detach(), 1.0)
    counts = spikes.detach().sum(0, dtype=torch.float64)  # counts * n has more digits than float32
    n = spikes.shape[0] + 2
    score = counts * n - steps if by == "count" else -steps * n + counts
    return score.argmax(1)


def decide_times(times: torch.Tensor, by: str) -> torch.Tensor:
    """Class of each sample, shape (batch,), from spike times of shape (batch, n_classes, n_spikes), padded with inf.

    The rules and their ties are those of :func:`decide`.
    """
    _check.choice("by", by, RULES)
    counts = times.detach().isfinite().sum(2)
    first = (
        times.detach()[..., 0] if times.shape[2] else torch.full(counts.shape, math.inf, device=times.device)
    )
    if by == "count":
        leading = counts == counts.amax(1, keepdim=True)
        return (
            (leading & (first == first.masked_fill(~leading, math.inf).amin(1, keepdim=True))).int().argmax(1)
        )
    leading = first == first.amin(1, keepdim=True)
    most = counts.masked_fill(~leading, -1).amax(1, keepdim=True)
    return (leading & (counts == most)).int().argmax(1)  # the first of equals


class Decides:
    """How a loss reads a class from the outputs: by its ``decides_by``."""

    decides_by: str

    def decide(self, spikes: torch.Tensor, dt: float) -> torch.Tensor:
        """Class of each sample from spikes on a grid, by :func:`decide`."""
        return decide(spikes, dt, self.decides_by)

    def decide_times(self, times: torch.Tensor) -> torch.Tensor:
        """Class of each sample from spike times, by :func:`decide_times`."""
        return decide_times(times, self.decides_by)
