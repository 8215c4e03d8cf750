"""First output spikes of a network with one hidden layer, differentiable by torch, in one compiled pass each way."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from .. import _check
from ..neuron import CubaLIF
from ..spiking.events import MAX_SPIKES, SpikeLimitReached


def available(device: torch.device) -> bool:
    """Whether :func:`first_spikes` can be used: on the CPU, with numba."""
    return device.type == "cpu" and find_spec("numba") is not None


def first_spikes(
    times: torch.Tensor,
    weights: Sequence[torch.Tensor],
    neurons: Sequence[CubaLIF],
    windows: Sequence[float],
    *,
    max_spikes: int,
    count: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """First spikes of output neurons without reset; differentiable with respect to the weights of both layers.

    The same spikes as two calls of :func:`snntheory.gradients.layers.spike_time_layer` with ``overflow="drop"``, for
    less work: a sample is done in the first window in which all outputs have fired.

    Parameters
    ----------
    times : torch.Tensor of float64, shape (batch, n_in, k_in)
        Input spikes in seconds, rising, filled up with ``inf``; none after the last window.
    weights : two torch.Tensor of float64, shapes (n_in, n_hidden) and (n_hidden, n_out)
        Canonical weights.
    neurons : two CubaLIF
        Hidden and output neuron; that of the outputs has ``reset="none"``.
    windows : sequence of float
        Seconds, rising; the last one is the end of the simulation.
    max_spikes : int
        Spikes that a hidden neuron sends at most; it goes on to fire.
    count : bool
        Also count what each hidden neuron sent in the last window that its sample was simulated in.

    Returns
    -------
    first : torch.Tensor, shape (batch, n_out)
        Seconds; ``inf`` for a silent output, which has no gradient.
    sent : torch.Tensor of int64, shape (batch, n_hidden)
        With ``count``, otherwise without rows.

    Raises
    ------
    ValueError
        Times are not sorted, negative or NaN, or come after the last window; weights are not finite; the output is
        reset.
    SpikeLimitReached
        A neuron fires more than 100,000 times.

    Accuracy: equal to the layers, spikes bit for bit, gradients to rounding; tests/gradients/test_first_spikes.py.
    """
    if neurons[1].reset != "none":
        raise ValueError(
            f"neurons[1] must have reset='none', got {neurons[1].reset!r}; first spikes do not know it"
        )
    room = _check.integer("max_spikes", max_spikes, minimum=1)
    for index, each in enumerate(weights):
        if not bool(torch.isfinite(each).all()):
            raise ValueError(
                f"weights[{index}] must be finite, got NaN or infinity; is the learning rate too high?"
            )
    ends = np.array([_check.positive("windows", end, "s") for end in windows])
    try:
        first, sent = _First.apply(*weights, times, tuple(neurons), ends, room, count)
    except _limit() as error:
        sample, neuron = error.args
        raise SpikeLimitReached(
            f"neuron {neuron} (outputs behind the others) in sample {sample} fired more than {MAX_SPIKES} times before "
            f"{ends[-1]:g} s; lower the weights"
        ) from None
    return first, sent


def _limit() -> type[Exception]:
    from ._numba_first import TooManySpikes

    return TooManySpikes


class _First(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, w1: Any, w2: Any, times: Any, neurons: Any, ends: Any, room: int, count: bool
    ) -> Any:
        from ._numba_first import forward

        ctx.matrices = tuple(
            np.ascontiguousarray(each.detach().numpy(), dtype=np.float64) for each in (w1, w2)
        )
        ctx.neurons = neurons
        first, sent, ctx.kept = forward(
            times.detach().contiguous().numpy(), ctx.matrices, neurons, ends, room, count
        )
        counts = torch.from_numpy(sent)
        ctx.mark_non_differentiable(counts)
        ctx.set_materialize_grads(False)
        return torch.from_numpy(first), counts

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, arriving: torch.Tensor | None, _: Any) -> tuple[Any, ...]:
        if arriving is None:
            return (None,) * 7
        from ._numba_first import backward

        found = backward(ctx.kept, ctx.matrices, ctx.neurons, arriving.contiguous().numpy())
        return (*(torch.from_numpy(each) for each in found), *(None,) * 5)
