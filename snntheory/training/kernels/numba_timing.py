"""The fast CPU backward pass of :func:`timing_scan`: one fused loop over time for a block of neurons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
import numpy as np
import torch

from .step import LayerStep

if TYPE_CHECKING:
    from .timing import TimingRule

_BLOCK = 512
"""Neurons a block: their states and rows of a few arrays fit the first-level cache."""
_DIRECT = {"tssl_bp": 0, "hu": 1, "shift": 2}

_compile_parallel: Any = numba.njit(
    cache=True, fastmath={"contract"}, error_model="numpy", nogil=True, parallel=True
)


@_compile_parallel
def _backward(
    voltage, current, by_spikes, by_voltage, a, b, c, threshold, v_reset, own_scale, r, clamp, factor, direct, out
):  # fmt: skip
    n_steps, n_neurons = voltage.shape
    to_value = current.shape[0] == n_steps
    from_spikes, from_voltage = by_spikes.shape[0] == n_steps, by_voltage.shape[0] == n_steps
    for block in numba.prange((n_neurons + _BLOCK - 1) // _BLOCK):
        first = block * _BLOCK
        last = min(first + _BLOCK, n_neurons)
        size = last - first
        zero, one = voltage.dtype.type(0), voltage.dtype.type(1)
        next_v = np.zeros(size, voltage.dtype)  # dL/dv_{n+1}
        next_i = np.zeros(size, voltage.dtype)  # dL/di_{n+1}
        error = np.zeros(size, voltage.dtype)
        for back in range(n_steps):
            n = n_steps - 1 - back
            v, result = voltage[n, first:last], out[n, first:last]
            if from_spikes:
                given = by_spikes[n, first:last]
                if direct == 0:
                    error[:] = given
                elif direct == 1:
                    for k in range(size):
                        error[k] = -factor * given[k]
                elif back > 0:
                    following = by_spikes[n + 1, first:last]
                    for k in range(size):
                        error[k] = given[k] - following[k]
            for k in range(size):
                g_p, g_i = a[0] * next_v[k], a[1] * next_v[k] + a[2] * next_i[k]
                g_v = g_p
                if v[k] >= threshold:
                    start = zero
                    if n > 0:
                        start = voltage[n - 1, first + k]
                        if start >= threshold:
                            start = v_reset if to_value else start - threshold
                    rise = v[k] - start
                    own = own_scale * threshold
                    if to_value:
                        own = own_scale * (r * current[n, first + k] - v_reset)
                        g_v = zero
                    if rise > zero:
                        g_v += min(one / rise, clamp) * (error[k] + own * g_p)
                if from_voltage:
                    g_v += by_voltage[n, first + k]
                result[k] = b[0] * g_v + b[1] * g_i + c[0] * next_v[k] + c[1] * next_i[k]
                next_v[k], next_i[k] = g_v, g_i


def backward(
    voltage: torch.Tensor,
    current: torch.Tensor | None,
    by_spikes: torch.Tensor | None,
    by_voltage: torch.Tensor | None,
    step: LayerStep,
    rule: TimingRule,
) -> torch.Tensor:
    """As :func:`snntheory.training.kernels.reference_timing.backward`."""
    n_steps = len(voltage)
    result = torch.empty_like(voltage)

    def flat(tensor: torch.Tensor | None) -> np.ndarray:
        if tensor is None:
            return torch.empty((0, 0), dtype=voltage.dtype).numpy()
        return tensor.detach().contiguous().view(n_steps, -1).numpy()

    kind = flat(voltage).dtype.type
    _backward(
        flat(voltage), flat(current), flat(by_spikes), flat(by_voltage),
        *(np.array(part, kind) for part in (step.propagator, step.kick, step.kick_previous)),
        kind(step.threshold), kind(step.v_reset),
        kind(0.0 if step.detach_reset else rule.steps_per_membrane), kind(rule.r), kind(rule.clamp),
        kind(rule.steps_per_synapse), _DIRECT[rule.direct], flat(result),
    )  # fmt: skip
    return result
