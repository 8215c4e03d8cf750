"""A batched layer of the method ``integrated`` for :mod:`snntheory.gradients.layers`: both estimators, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from . import _integrated_numba, _numba_adjoint
from .integrated import rule_of


def run(times: torch.Tensor, weights: torch.Tensor, settings: Any) -> Any:
    """Padded spike times, counts, and the way back; called as the other backends of a layer are."""
    neuron, t_max, room, limit, _, options = settings
    chosen = {name: value for name, value in options.items() if name not in ("backend", "max_spikes")}
    rule = rule_of(neuron, t_max, **chosen)
    matrix = np.ascontiguousarray(weights.numpy(), dtype=np.float64)
    padded, counts, kept = _integrated_numba.forward(times.contiguous().numpy(), matrix, rule, room, limit)
    shape, dtype = (times.shape[0], times.shape[1], times.shape[2]), times.dtype
    if np.isnan(padded).any():
        raise ValueError(
            f"the state grows without bound: dt = {rule.dt:g} s is too long for order {rule.order}; shorten it"
        )

    def back(arriving: torch.Tensor, want_times: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
        given = arriving.contiguous().numpy()
        if chosen.get("estimator") == "piggyback":
            spikes = _exact_formulas_at(padded, kept)
            to_weights, to_times = _numba_adjoint.backward(spikes, matrix, neuron, given, shape, want_times)
        else:
            to_weights, to_times = _integrated_numba.backward(kept, matrix, rule, given, shape, want_times)
        return (
            torch.from_numpy(to_weights).to(dtype),
            None if to_times is None else torch.from_numpy(to_times).to(dtype),
        )

    return torch.from_numpy(padded).to(dtype), torch.from_numpy(counts), back


def _exact_formulas_at(padded: Any, kept: _integrated_numba.Inputs) -> _numba_adjoint.Spikes:
    """Numerical spikes in the form that the adjoint sweep takes."""
    outputs, slots = _numba_adjoint.events(padded)
    sample = np.repeat(np.arange(len(outputs)), np.diff(outputs.starts))
    return _numba_adjoint.Spikes(
        kept.spikes, kept.slots, outputs, sample * (padded.shape[1] * padded.shape[2]) + slots
    )
