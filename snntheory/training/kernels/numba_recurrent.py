"""The fast CPU backend of :func:`recurrent_scan`: sparse recurrent spikes forwards, one fused step backwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
import numpy as np
import torch

from .numba_cpu import _RESETS
from .step import LayerStep

if TYPE_CHECKING:
    from .timing import TimingRule

_compile_parallel: Any = numba.njit(
    cache=True, fastmath={"contract"}, error_model="numpy", nogil=True, parallel=True
)
_compile: Any = numba.njit(cache=True, fastmath={"contract"}, error_model="numpy", nogil=True)


@_compile_parallel
def _forward(drive, weights, a, b, c, threshold, reset, v_reset, spikes, voltage, current):
    n_steps, batch, n_neurons = drive.shape
    keep_current = current.shape[0] == n_steps
    for sample in numba.prange(batch):
        u, i, before, now = np.zeros((4, n_neurons), drive.dtype)
        fired, n_fired = np.empty(n_neurons, np.int64), 0
        zero, one = drive.dtype.type(0), drive.dtype.type(1)
        for n in range(n_steps):
            now[:] = drive[n, sample]
            for each in range(n_fired):  # the spikes of the step before: few, so their rows are added
                row = weights[fired[each]]
                for k in range(n_neurons):
                    now[k] += row[k]
            v, s = voltage[n, sample], spikes[n, sample]
            for k in range(n_neurons):
                v[k] = a[0] * u[k] + a[1] * i[k] + b[0] * now[k] + c[0] * before[k]
                i[k] = a[2] * i[k] + b[1] * now[k] + c[1] * before[k]
                before[k] = now[k]
                s[k] = one if v[k] >= threshold else zero
                u[k] = v[k]
            n_fired = 0
            for k in range(n_neurons):
                if s[k] > zero:
                    fired[n_fired] = k
                    n_fired += 1
                    if reset == 1:
                        u[k] = v[k] - threshold
                    elif reset == 2:
                        u[k] = v_reset
            if keep_current:
                current[n, sample] = i


@_compile
def _reverse(keep, own, slope, direct, given, received, later, a, b, c, factor, shift, next_v, next_i, out):
    for k in range(out.size):
        error = direct[k] + factor * received[k] - shift * later[k]
        g_p, g_i = a[0] * next_v[k], a[1] * next_v[k] + a[2] * next_i[k]
        g_v = given[k] + keep[k] * g_p + slope[k] * (error + own[k] * g_p)
        out[k] = b[0] * g_v + b[1] * g_i + c[0] * next_v[k] + c[1] * next_i[k]
        next_v[k], next_i[k] = g_v, g_i


def forward(
    drive: torch.Tensor, weights: torch.Tensor, step: LayerStep, with_current: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """As :func:`snntheory.training.kernels.recurrent.reference_forward`."""
    given, matrix = (each.detach().contiguous().numpy() for each in (drive, weights))
    spikes, voltage = (torch.empty(drive.shape, dtype=drive.dtype) for _ in range(2))
    current = torch.empty(drive.shape if with_current else (0, 0, 0), dtype=drive.dtype)
    kind = given.dtype.type
    _forward(
        given, matrix, *_numbers(step, given.dtype), kind(step.threshold), _RESETS[step.reset], kind(step.v_reset),
        spikes.numpy(), voltage.numpy(), current.numpy(),
    )  # fmt: skip
    return spikes, voltage, current if with_current else None


def reverse(
    keep: torch.Tensor,
    own: torch.Tensor,
    slope: torch.Tensor,
    direct: torch.Tensor,
    given: torch.Tensor,
    weights: torch.Tensor,
    step: LayerStep,
    rule: TimingRule | None,
) -> torch.Tensor:
    """As :func:`snntheory.training.kernels.recurrent.reference_reverse`."""
    n_steps, batch, n = keep.shape
    arrays = [each.contiguous().view(n_steps, -1).numpy() for each in (keep, own, slope, direct, given)]
    result, back = torch.empty_like(keep), weights.t().contiguous()
    flat = result.view(n_steps, -1).numpy()
    kind = flat.dtype.type
    factor, shift = kind(1), kind(0)
    if rule is not None:
        factor = kind(-rule.steps_per_own_synapse if rule.direct == "hu" else 1)
        shift = kind(rule.direct == "shift")
    numbers = _numbers(step, flat.dtype)
    received, later = (torch.zeros((batch, n), dtype=keep.dtype) for _ in range(2))
    next_v, next_i = np.zeros((2, batch * n), flat.dtype)
    for t in range(n_steps - 1, -1, -1):
        if t + 1 < n_steps:
            received, later = later, received
            torch.mm(result[t + 1], back, out=received)
        _reverse(
            *(each[t] for each in arrays), received.view(-1).numpy(), later.view(-1).numpy(),
            *numbers, factor, shift, next_v, next_i, flat[t],
        )  # fmt: skip
    return result


def _numbers(step: LayerStep, dtype: Any) -> tuple[np.ndarray, ...]:
    return tuple(np.array(part, dtype) for part in (step.propagator, step.kick, step.kick_previous))
