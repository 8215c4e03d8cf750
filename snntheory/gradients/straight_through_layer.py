"""Layers whose spikes travel on a grid, for a batch of samples, compiled: sent times in, sent times out.

Beside the sent times go the crossings that they come from, of the same shape: the published estimator differentiates
at those. The gradient of a sent time is handed to its crossing as it is; see ``straight_through`` for the definitions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from .. import _check
from ..neuron import CubaLIF
from ..spiking.rounding import grid_index
from . import _numba_adjoint
from . import _numba_straight_through as compiled
from .straight_through import check_alone, check_options, window


class Sent(NamedTuple):
    """Spikes of a layer, seconds, each of shape (batch, n, most) and filled up with inf in the same places."""

    times: torch.Tensor
    """What travels: times of the grid."""
    crossings: torch.Tensor
    """The same spikes before their rounding."""
    counts: torch.Tensor
    """Spikes of each neuron within the window, shape (batch, n); those that found no room among them."""


class Rule(NamedTuple):
    """How a layer sends, and what its derivatives are made of; see :mod:`snntheory.gradients.straight_through`."""

    t_max: float
    dt: float
    rounding: str = "ceil"
    late: str = "carry"
    estimator: str = "clean"


def send(times: torch.Tensor, rule: Rule) -> Sent:
    """Input spikes on the grid; several of one input in one step stay several, those after the last step are lost.

    ``times``: shape (batch, n, most), seconds, rising, filled up with inf. No gradient passes.
    """
    given = times.detach().to(torch.float64).numpy()
    sent = torch.from_numpy(_rounded(given, rule, 0.0))
    return Sent(sent, times.detach().to(torch.float64), sent.isfinite().sum(2))


def sent_layer(
    senders: Sent,
    weights: torch.Tensor,
    neuron: CubaLIF,
    rule: Rule,
    *,
    max_spikes: int,
    limit: int,
) -> Sent:
    """What a layer sends; differentiable by torch with respect to ``weights`` and ``senders.times``.

    Parameters
    ----------
    senders : Sent
        Of :func:`send` or of the layer before.
    weights : torch.Tensor of float64, shape (n_in, n_out)
        Canonical weights.
    neuron : CubaLIF
    rule : Rule
    max_spikes : int
        Room for the spikes of a neuron in the result; the further ones reset it and are not sent.
    limit : int
        Number of crossings of a neuron above which ``LimitError`` is raised.

    Raises
    ------
    ValueError
        An option is out of range; ``estimator="published"`` with other time constants or another reset.

    Accuracy: equal to :func:`snntheory.gradients.weight_gradient` to 1e-10, both estimators, all roundings;
    tests/gradients/test_straight_through_batch.py.

    References
    ----------
    Cojocaru (2024), equations (14)-(16) and section 3.2.
    """
    check_options([neuron], rule.dt, rule.rounding, rule.late, rule.estimator)
    limits = (_check.integer("max_spikes", max_spikes, minimum=1), limit)
    return Sent(*_SentLayer.apply(senders.times, senders.crossings, weights, neuron, rule, limits))


class _SentLayer(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, times: Any, crossings: Any, weights: Any, neuron: Any, rule: Any, limits: Any
    ) -> Any:
        matrix = np.ascontiguousarray(weights.detach().numpy(), dtype=np.float64)
        before = crossings.numpy() if rule.estimator == "published" else None
        sent, crossed, counts, kept = _forward(times.detach().numpy(), before, matrix, neuron, rule, limits)
        ctx.given = (kept, matrix, neuron, tuple(times.shape))
        result = torch.from_numpy(sent), torch.from_numpy(crossed), torch.from_numpy(counts)
        ctx.mark_non_differentiable(*result[1:])
        ctx.set_materialize_grads(False)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, arriving: torch.Tensor | None, *_: Any) -> tuple[Any, ...]:
        if arriving is None:
            return (None,) * 6
        kept, matrix, neuron, shape = ctx.given
        given = arriving.contiguous().numpy()
        to_weights, to_times = _numba_adjoint.backward(
            kept.spikes, matrix, neuron, given, shape, ctx.needs_input_grad[0], acted=kept.acted
        )
        moved = None if to_times is None else torch.from_numpy(to_times)
        return moved, None, torch.from_numpy(to_weights), None, None, None


def run(times: torch.Tensor, weights: torch.Tensor, settings: Any) -> Any:
    """A layer by itself, for :mod:`snntheory.gradients.layers`: its input is rounded here."""
    neuron, t_max, room, limit, _, options = settings
    rule = Rule(t_max, **options)
    check_alone(neuron, rule.dt, rule.rounding, rule.late, rule.estimator)
    matrix = np.ascontiguousarray(weights.numpy(), dtype=np.float64)
    given = times.to(torch.float64).numpy()
    # a time of the grid that was rounded up to float32 stays on it
    sent, _, counts, kept = _forward(
        _rounded(given, rule, 2.0**-23), None, matrix, neuron, rule, (room, limit)
    )
    shape, dtype = (times.shape[0], times.shape[1], times.shape[2]), times.dtype

    def back(arriving: torch.Tensor, want_times: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
        given = arriving.contiguous().numpy()
        to_weights, to_times = _numba_adjoint.backward(kept.spikes, matrix, neuron, given, shape, want_times)
        moved = None if to_times is None else torch.from_numpy(to_times).to(dtype)
        return torch.from_numpy(to_weights).to(dtype), moved

    return torch.from_numpy(sent).to(dtype), torch.from_numpy(counts), back


def _rounded(given: np.ndarray, rule: Rule, slack: float) -> np.ndarray:
    last, _ = window(rule.t_max, rule.dt)
    sent, here = np.full(given.shape, np.inf), given != np.inf
    if not (given[here] >= 0).all():
        raise ValueError(
            "times must rise along the last dimension from 0 on, filled up with inf; got NaN or below 0"
        )
    if (latest := given[here].max(initial=0.0)) > rule.t_max * (1 + 2.0**-23):
        raise ValueError(f"t_max must not lie before the last spike at {latest:g} s, got {rule.t_max:g} s")
    steps = grid_index(given[here] * (1 - slack), rule.dt, rule.rounding)
    sent[here] = np.where(steps <= last, steps * rule.dt, np.inf)
    return sent


def _forward(
    sent: Any, before: Any, matrix: Any, neuron: CubaLIF, rule: Rule, limits: tuple[int, int]
) -> Any:
    last, end = window(rule.t_max, rule.dt)
    grid = compiled.Grid(rule.dt, rule.rounding, rule.late, last)
    return compiled.forward(sent, before, matrix, neuron, end, grid, *limits)
