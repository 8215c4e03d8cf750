"""The van Rossum loss: squared distance of filtered output trains to filtered target trains."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch.nn import functional

from .. import _check

Trains = tuple[tuple[tuple[float, ...], ...], ...]


def check_times(times: torch.Tensor, labels: torch.Tensor, t_max: float) -> None:
    """Refuse spike times that no layer gives.

    Raises
    ------
    TypeError, ValueError
        Other than a floating tensor of shape (batch, n_classes, n_spikes), one label a sample, times in [0, t_max] or
        inf; NaN among them.
    """
    _check.positive("t_max", t_max, "s")
    if not isinstance(times, torch.Tensor) or not times.is_floating_point():
        raise TypeError(f"times must be a floating torch.Tensor, got {getattr(times, 'dtype', type(times))}")
    if times.ndim != 3 or tuple(labels.shape) != times.shape[:1]:
        raise ValueError(
            "times must have shape (batch, n_classes, n_spikes) and labels (batch,), "
            f"got {tuple(times.shape)} and {tuple(labels.shape)}"
        )
    given = times.detach()
    wrong = ~((given >= 0) & ((given <= t_max * (1 + 1e-6)) | given.isposinf()))
    if wrong.any():
        raise ValueError(
            f"times must lie in 0 .. t_max = {t_max:g} s, or be inf for no spike; got {given[wrong][0]:g}"
        )


@dataclass(frozen=True)
class VanRossum:
    """Squared van Rossum distance of the output trains to the target trains of the label.

    Definition::

        L = 1/2 sum_j D_j^2,    D_j^2 = (1/tau) integral_0^inf (f_j - g_j)^2 dt
                                      = 1/2 sum_ab c_a c_b exp(-|t_a - t_b|/tau)

    ``f`` and ``g`` are the trains after each spike became ``exp(-t/tau)``; in the double sum ``c = 1`` for the spikes
    of output j and -1 for its targets. On a grid a spike of step n stands at ``n dt`` (the end of the step), targets
    stay where they are, and the integral is exact too: both forms agree for spikes at step ends.

    Parameters
    ----------
    tau : float
        Time constant of the filter in seconds.
    targets : sequence of sequences of sequences of float
        ``targets[label][output]``: target spike times in seconds. A label may stand for any set of trains, not only for
        a class: with one label it is plain regression.

    References
    ----------
    van Rossum (2001); Yang (2020), equation (6): there the squares are summed over the steps of a grid,
    which for small ``dt`` is this integral divided by ``dt/tau``, for one label.
    """

    tau: float
    targets: Trains
    decides_by = "nearest"

    def __post_init__(self) -> None:
        _check.positive("tau", self.tau, "s")
        if not isinstance(self.targets, Iterable):
            raise TypeError(f"targets must be targets[label][output] of spike times, got {self.targets!r}")
        plain = tuple(
            tuple(
                tuple(sorted(_check.array("targets", train, ndim=1, minimum=0.0).tolist()))
                for train in trains
            )
            for trains in self.targets
        )
        if not plain or len({len(trains) for trains in plain}) > 1 or not plain[0]:
            raise ValueError("targets must have one entry a label, each with one train for every output")
        object.__setattr__(self, "targets", plain)

    def __call__(self, spikes: torch.Tensor, labels: torch.Tensor, dt: float) -> torch.Tensor:
        return self._grid(spikes, labels, dt).mean()

    def on_times(self, times: torch.Tensor, labels: torch.Tensor, t_max: float) -> torch.Tensor:
        """The loss of spike times, shape (batch, n_classes, n_spikes)."""
        check_times(times, labels, t_max)
        return self._times(times, labels).mean()

    def decide(self, spikes: torch.Tensor, dt: float) -> torch.Tensor:
        """The label whose target trains are nearest, shape (batch,)."""
        with torch.no_grad():
            return torch.stack([self._grid(spikes, n, dt) for n in self._labels(spikes, 1)]).argmin(0)

    def decide_times(self, times: torch.Tensor) -> torch.Tensor:
        """The label whose target trains are nearest, shape (batch,)."""
        with torch.no_grad():
            return torch.stack([self._times(times, n) for n in self._labels(times, 0)]).argmin(0)

    def _labels(self, outputs: torch.Tensor, batch: int) -> list[torch.Tensor]:
        return [
            torch.full((outputs.shape[batch],), n, device=outputs.device) for n in range(len(self.targets))
        ]

    def _padded(self, labels: torch.Tensor, like: torch.Tensor, n_outputs: int) -> torch.Tensor:
        """Target times of each sample, shape (batch, n_outputs, most), padded with inf."""
        if len(self.targets[0]) != n_outputs:
            raise ValueError(f"targets are for {len(self.targets[0])} outputs, there are {n_outputs}")
        if labels.numel() and int(labels.max()) >= len(self.targets):
            raise ValueError(
                f"targets has trains for labels below {len(self.targets)}, got label {int(labels.max())}"
            )
        most = max(len(train) for trains in self.targets for train in trains)
        table = torch.tensor(
            [[[*train, *[torch.inf] * (most - len(train))] for train in trains] for trains in self.targets],
            dtype=like.dtype,
            device=like.device,
        )
        return table.reshape(len(self.targets), n_outputs, most)[labels]

    def _times(self, times: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        targets = self._padded(labels, times, times.shape[1])
        every = torch.cat([times, targets], 2)
        sign = torch.cat([times.isfinite().to(times.dtype), -targets.isfinite().to(times.dtype)], 2)
        every = torch.where(every.isfinite(), every, 0.0)
        near = torch.exp(-(every[..., :, None] - every[..., None, :]).abs() / self.tau)
        return 0.25 * torch.einsum("bcj,bcjk,bck->b", sign, near, sign)

    def _grid(self, spikes: torch.Tensor, labels: torch.Tensor, dt: float) -> torch.Tensor:
        n_steps = spikes.shape[0]
        targets = self._padded(labels, spikes, spikes.shape[2])
        step_ends = dt * torch.arange(1, n_steps + 1, dtype=spikes.dtype, device=spikes.device)
        near = torch.exp(-(step_ends[:, None, None, None] - targets).abs() / self.tau)  # 0 for padding
        trace = decaying_sum(spikes, float(torch.exp(torch.tensor(-dt / self.tau, dtype=torch.float64))))
        own = (spikes * (2 * trace - spikes)).sum((0, 2))
        fixed = torch.where(targets.isfinite(), targets, 0.0)
        there = targets.isfinite().to(spikes.dtype)
        among = torch.exp(-(fixed[..., :, None] - fixed[..., None, :]).abs() / self.tau)
        constant = torch.einsum("bcj,bcjk,bck->b", there, among, there)
        return 0.25 * (own - 2 * (spikes * near.sum(3)).sum((0, 2)) + constant)


def decaying_sum(values: torch.Tensor, decay: float) -> torch.Tensor:
    """``y_n = x_n + decay y_{n-1}`` along the first axis, in as many passes as the length has binary digits."""
    shift = 1
    while shift < values.shape[0]:
        earlier = functional.pad(values[:-shift], (0, 0) * (values.ndim - 1) + (shift, 0))
        values, shift = values + decay**shift * earlier, 2 * shift
    return values
