"""Exact gradients by the adjoint method (EventProp): backwards from event to event, for any time constants and reset.

Only the spike times and the current at each spike are kept. With ``lambda = dL/d(u, i)`` of a neuron::

    between events     lambda_u decays with tau_mem;  lambda_i' = lambda_i/tau_syn - r/tau_mem lambda_u  (backwards)
    at its own spike   lambda_u <- (u'_after lambda_u - dL/df) / u'_before
    at an input of w   dL/dw += lambda_i/tau_syn,   dL/dt += w (lambda_i/tau_syn - r lambda_u/tau_mem) / tau_syn

A spike of a sender collects ``dL/dt`` from all receivers before the sender's own pass.

References: Wunderlich and Pehle, Scientific Reports 11:12829 (2021), table 1; theirs has ``i += w``, a canonical weight
of ``w tau_syn``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..linear import coupling
from ..neuron import CubaLIF
from .exact import by_neuron, layer_spikes

Floats = NDArray[np.float64]

__all__ = ["layer_gradient", "layer_spikes", "refuse", "spike_gradients"]


def refuse(neuron: CubaLIF) -> None:
    """Nothing is refused: any time constants, any reset."""


def spike_gradients(
    neuron: CubaLIF, times: Floats, weights: Floats, spikes: Floats, arriving: Floats
) -> tuple[Floats, Floats]:
    """Gradients with respect to one neuron's inputs, in one sweep backwards; see :mod:`closed_form`'s for shapes."""
    tau_mem, tau_syn, r, theta = neuron.tau_mem, neuron.tau_syn, neuron.r, neuron.v_threshold
    to_weights, to_times = np.zeros_like(times), np.zeros_like(times)
    current = (
        np.array([weights[times < f] @ np.exp((times[times < f] - f) / tau_syn) for f in spikes]) / tau_syn
    )
    after = {"subtract": 0.0, "to_value": neuron.v_reset, "none": theta}[neuron.reset]
    along_u = along_i = 0.0
    now = max(times[-1:].max(initial=0.0), spikes[-1:].max(initial=0.0))
    # at equal times the input acts after the spike, so it is met first on the way back
    events = sorted(
        [(t, 1, n) for n, t in enumerate(times)] + [(f, 0, k) for k, f in enumerate(spikes)], reverse=True
    )
    for t, is_input, n in events:
        gap = now - t
        along_i = along_i * np.exp(-gap / tau_syn) + along_u * float(coupling(neuron, gap))
        along_u, now = along_u * np.exp(-gap / tau_mem), t
        if is_input:
            to_weights[n] = along_i / tau_syn
            to_times[n] = weights[n] / tau_syn * (along_i / tau_syn - r * along_u / tau_mem)
        else:
            rise, fall = (r * current[n] - theta) / tau_mem, (r * current[n] - after) / tau_mem
            along_u = (fall * along_u - arriving[n]) / rise
    return to_weights, to_times


layer_gradient = by_neuron(spike_gradients)
