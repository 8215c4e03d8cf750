"""The fast CPU backend: one fused loop over time for a block of neurons whose state stays in the cache."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
import torch
from torch.autograd.function import once_differentiable

from ...gradients.surrogate import SURROGATES
from .step import LayerStep

_RESETS = {"none": 0, "subtract": 1, "to_value": 2}
_BLOCK = 512
"""Neurons a block: their states and rows of a few arrays fit the first-level cache."""

_compile: Any = numba.njit(cache=True, fastmath={"contract"}, error_model="numpy", nogil=True)
_compile_parallel: Any = numba.njit(
    cache=True, fastmath={"contract"}, error_model="numpy", nogil=True, parallel=True
)


@_compile
def _fill_pseudo_derivative(voltage, threshold, shape, inverse, height, out):
    """``out[k]`` = pseudo-derivative at ``voltage[k]``; the shapes stand outside the loops so that these vectorise.

    ``inverse`` is ``1 / width`` and ``height`` the factor of the shape in :data:`_HEIGHTS`, both in the
    dtype of the voltage, so that nothing is promoted to float64.
    """
    one = height / height
    if shape == 0:
        for k in range(out.size):
            decay = math.exp(-abs(voltage[k] - threshold) * inverse)
            out[k] = decay * height / ((one + decay) * (one + decay))
    elif shape == 1:
        for k in range(out.size):
            base = one + abs(voltage[k] - threshold) * inverse
            out[k] = height / (base * base)
    elif shape == 2:
        for k in range(out.size):
            scaled = (voltage[k] - threshold) * inverse
            out[k] = height / (one + scaled * scaled)
    elif shape == 3:
        for k in range(out.size):
            out[k] = height * max(one - abs(voltage[k] - threshold) * inverse, one - one)
    elif shape == 4:
        for k in range(out.size):
            out[k] = height if abs(voltage[k] - threshold) * inverse < one else one - one
    else:
        for k in range(out.size):
            out[k] = height


_HEIGHTS = {
    "sigmoid": lambda width: 1 / width,
    "fast_sigmoid": lambda width: 1 / (2 * width),
    "arctan": lambda width: 1 / (math.pi * width),
    "triangle": lambda width: 1 / width,
    "boxcar": lambda width: 1 / (2 * width),
    "straight_through": lambda width: 1.0,
}


@_compile_parallel
def _forward(drive, a, b, c, threshold, reset, v_reset, spikes, voltage, current):
    n_steps, n_neurons = drive.shape
    keep_current = current.shape[0] == n_steps
    for block in numba.prange((n_neurons + _BLOCK - 1) // _BLOCK):
        first = block * _BLOCK
        last = min(first + _BLOCK, n_neurons)
        u = np.zeros(last - first, drive.dtype)
        i = np.zeros(last - first, drive.dtype)
        before = np.zeros(last - first, drive.dtype)
        zero, one = drive.dtype.type(0), drive.dtype.type(1)
        for n in range(n_steps):
            now, v, s = drive[n, first:last], voltage[n, first:last], spikes[n, first:last]
            for k in range(last - first):
                v[k] = a[0] * u[k] + a[1] * i[k] + b[0] * now[k] + c[0] * before[k]
                i[k] = a[2] * i[k] + b[1] * now[k] + c[1] * before[k]
                before[k] = now[k]
                s[k] = one if v[k] >= threshold else zero
            if reset == 1:
                for k in range(last - first):
                    u[k] = v[k] - threshold * s[k]
            elif reset == 2:
                for k in range(last - first):
                    u[k] = v_reset if v[k] >= threshold else v[k]
            else:
                for k in range(last - first):
                    u[k] = v[k]
            if keep_current:
                current[n, first:last] = i


@_compile_parallel
def _backward(
    voltage,
    grad_spikes,
    grad_voltage,
    a,
    b,
    c,
    threshold,
    reset,
    v_reset,
    shape,
    inverse,
    height,
    detach,
    grad_drive,
):
    n_steps, n_neurons = voltage.shape
    from_spikes = grad_spikes.shape[0] == n_steps
    from_voltage = grad_voltage.shape[0] == n_steps
    for block in numba.prange((n_neurons + _BLOCK - 1) // _BLOCK):
        first = block * _BLOCK
        last = min(first + _BLOCK, n_neurons)
        size = last - first
        zero = voltage.dtype.type(0)
        next_v = np.zeros(size, voltage.dtype)  # dL/dv_{n+1}
        next_i = np.zeros(size, voltage.dtype)  # dL/di_{n+1}
        slope = np.empty(size, voltage.dtype)
        g_s = np.zeros(size, voltage.dtype)
        g_v = np.zeros(size, voltage.dtype)
        for step in range(n_steps):
            n = n_steps - 1 - step
            v, out = voltage[n, first:last], grad_drive[n, first:last]
            _fill_pseudo_derivative(v, threshold, shape, inverse, height, slope)
            if from_spikes:
                g_s[:] = grad_spikes[n, first:last]
            else:
                g_s[:] = zero
            if from_voltage:
                g_v[:] = grad_voltage[n, first:last]
            else:
                g_v[:] = zero
            if reset == 1:
                for k in range(size):
                    g_p = a[0] * next_v[k]
                    g_s[k] -= zero if detach else threshold * g_p
                    g_v[k] += g_p + g_s[k] * slope[k]
            elif reset == 2:
                for k in range(size):
                    g_p = a[0] * next_v[k]
                    g_s[k] += zero if detach else (v_reset - v[k]) * g_p
                    g_v[k] += (zero if v[k] >= threshold else g_p) + g_s[k] * slope[k]
            else:
                for k in range(size):
                    g_v[k] += a[0] * next_v[k] + g_s[k] * slope[k]
            for k in range(size):
                g_i = a[1] * next_v[k] + a[2] * next_i[k]
                out[k] = b[0] * g_v[k] + b[1] * g_i + c[0] * next_v[k] + c[1] * next_i[k]
                next_v[k] = g_v[k]
                next_i[k] = g_i


def _flat(tensor: torch.Tensor | None, n_steps: int, dtype: torch.dtype) -> np.ndarray:
    """The tensor as an array of shape (n_steps, batch * n_neurons); an empty one stands for None."""
    if tensor is None:
        return torch.empty((0, 0), dtype=dtype).numpy()
    return tensor.detach().contiguous().view(n_steps, -1).numpy()


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, drive: torch.Tensor, step: LayerStep, with_current: bool) -> Any:
        n_steps = drive.shape[0]
        array = _flat(drive, n_steps, drive.dtype)
        kind = array.dtype.type
        spikes, voltage = (torch.empty(drive.shape, dtype=drive.dtype) for _ in range(2))
        current = torch.empty(drive.shape, dtype=drive.dtype) if with_current else None
        ctx.numbers = (
            np.array(step.propagator, array.dtype),
            np.array(step.kick, array.dtype),
            np.array(step.kick_previous, array.dtype),
            kind(step.threshold),
            _RESETS[step.reset],
            kind(step.v_reset),
        )
        ctx.shape = (
            SURROGATES.index(step.surrogate),
            kind(1 / step.width),
            kind(_HEIGHTS[step.surrogate](step.width)),
            step.detach_reset,
        )
        _forward(
            array,
            *ctx.numbers,
            _flat(spikes, n_steps, drive.dtype),
            _flat(voltage, n_steps, drive.dtype),
            _flat(current, n_steps, drive.dtype),
        )
        ctx.save_for_backward(voltage)
        ctx.set_materialize_grads(False)
        if current is not None:
            ctx.mark_non_differentiable(current)
        return spikes, voltage, current

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_spikes: Any, grad_voltage: Any, grad_current: Any) -> tuple[Any, None, None]:
        (voltage,) = ctx.saved_tensors
        n_steps, dtype = voltage.shape[0], voltage.dtype
        grad_drive = torch.empty_like(voltage)
        _backward(
            _flat(voltage, n_steps, dtype),
            _flat(grad_spikes, n_steps, dtype),
            _flat(grad_voltage, n_steps, dtype),
            *ctx.numbers,
            *ctx.shape,
            _flat(grad_drive, n_steps, dtype),
        )
        return grad_drive, None, None


def scan(
    drive: torch.Tensor, step: LayerStep, with_current: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """See :func:`snntheory.training.kernels.scan`."""
    return _Scan.apply(drive, step, with_current)
