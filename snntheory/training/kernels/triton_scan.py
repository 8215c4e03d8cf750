"""The GPU backend: one program a block of neurons, their states in registers, one fused loop over time each way."""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch.autograd.function import once_differentiable

from ...gradients._triton_device import check_device
from ...gradients.surrogate import SURROGATES, pseudo_derivative
from .step import LayerStep

_RESETS = {"none": 0, "subtract": 1, "to_value": 2}
_BLOCK = 128
"""Neurons a program: small layers still give every processor of a GPU something to do."""


@triton.jit
def _forward(
    drive,
    spikes,
    voltage,
    current,
    constants,
    n_steps,
    n_neurons,
    RESET: tl.constexpr,
    WITH_CURRENT: tl.constexpr,
    BLOCK: tl.constexpr,
):
    lane = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = lane < n_neurons
    # read from memory: a number among the arguments would be rounded to float32
    a_uu, a_ui, a_ii = tl.load(constants), tl.load(constants + 1), tl.load(constants + 2)
    b_u, b_i = tl.load(constants + 3), tl.load(constants + 4)
    c_u, c_i = tl.load(constants + 5), tl.load(constants + 6)
    threshold, v_reset = tl.load(constants + 7), tl.load(constants + 8)
    place = lane.to(tl.int64)
    u = tl.zeros((BLOCK,), dtype=drive.dtype.element_ty)
    i = u
    before = u
    for _ in range(n_steps):
        now = tl.load(drive + place, mask=inside, other=0.0)
        v = a_uu * u + a_ui * i + b_u * now + c_u * before
        i = a_ii * i + b_i * now + c_i * before
        before = now
        s = (v >= threshold).to(v.dtype)
        tl.store(voltage + place, v, mask=inside)
        tl.store(spikes + place, s, mask=inside)
        if WITH_CURRENT:
            tl.store(current + place, i, mask=inside)
        if RESET == 1:
            u = v - threshold * s
        elif RESET == 2:
            u = tl.where(v >= threshold, v_reset, v)
        else:
            u = v
        place += n_neurons


@triton.jit
def _pseudo_derivative(x, inverse, height, SHAPE: tl.constexpr):
    """As :func:`snntheory.gradients.pseudo_derivative`, with its value ``height`` at zero and one over its width."""
    scaled = tl.abs(x) * inverse
    if SHAPE == 0:
        decay = tl.exp(-scaled)
        result = 4 * height * decay / ((1 + decay) * (1 + decay))
    elif SHAPE == 1:
        result = height / ((1 + scaled) * (1 + scaled))
    elif SHAPE == 2:
        result = height / (1 + scaled * scaled)
    elif SHAPE == 3:
        result = height * tl.maximum(1 - scaled, 0)
    elif SHAPE == 4:
        result = tl.where(scaled < 1, height, 0)
    else:
        result = tl.zeros_like(x) + height
    return result


@triton.jit
def _backward(
    voltage,
    grad_spikes,
    grad_voltage,
    grad_drive,
    constants,
    n_steps,
    n_neurons,
    RESET: tl.constexpr,
    SHAPE: tl.constexpr,
    DETACH: tl.constexpr,
    FROM_SPIKES: tl.constexpr,
    FROM_VOLTAGE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    lane = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = lane < n_neurons
    a_uu, a_ui, a_ii = tl.load(constants), tl.load(constants + 1), tl.load(constants + 2)
    b_u, b_i = tl.load(constants + 3), tl.load(constants + 4)
    c_u, c_i = tl.load(constants + 5), tl.load(constants + 6)
    threshold, v_reset = tl.load(constants + 7), tl.load(constants + 8)
    inverse, height = tl.load(constants + 9), tl.load(constants + 10)
    place = lane + (tl.zeros((BLOCK,), dtype=tl.int64) + n_steps - 1) * n_neurons
    next_v = tl.zeros((BLOCK,), dtype=voltage.dtype.element_ty)  # dL/dv_{n+1}
    next_i = next_v  # dL/di_{n+1}
    for _ in range(n_steps):
        v = tl.load(voltage + place, mask=inside, other=0.0)
        g_s = tl.zeros_like(v)
        g_v = tl.zeros_like(v)
        if FROM_SPIKES:
            g_s += tl.load(grad_spikes + place, mask=inside, other=0.0)
        if FROM_VOLTAGE:
            g_v += tl.load(grad_voltage + place, mask=inside, other=0.0)
        g_p = a_uu * next_v
        if RESET == 1:
            if not DETACH:
                g_s -= threshold * g_p
            g_v += g_p
        elif RESET == 2:
            if not DETACH:
                g_s += (v_reset - v) * g_p
            g_v += tl.where(v >= threshold, 0.0, g_p)
        else:
            g_v += g_p
        g_v += g_s * _pseudo_derivative(v - threshold, inverse, height, SHAPE)
        g_i = a_ui * next_v + a_ii * next_i
        tl.store(grad_drive + place, b_u * g_v + b_i * g_i + c_u * next_v + c_i * next_i, mask=inside)
        next_v = g_v
        next_i = g_i
        place -= n_neurons


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, drive: torch.Tensor, step: LayerStep, with_current: bool) -> Any:
        drive = drive.detach().contiguous()
        spikes, voltage = torch.empty_like(drive), torch.empty_like(drive)
        current = torch.empty_like(drive) if with_current else None
        ctx.constants = torch.tensor(
            [
                *step.propagator,
                *step.kick,
                *step.kick_previous,
                step.threshold,
                step.v_reset,
                1 / step.width,
                float(pseudo_derivative(torch.zeros((), dtype=torch.float64), step.surrogate, step.width)),
            ],
            dtype=drive.dtype,
            device=drive.device,
        )
        ctx.step, n_neurons = step, drive[0].numel()
        _forward[(triton.cdiv(n_neurons, _BLOCK),)](
            drive,
            spikes,
            voltage,
            voltage if current is None else current,
            ctx.constants,
            drive.shape[0],
            n_neurons,
            RESET=_RESETS[step.reset],
            WITH_CURRENT=with_current,
            BLOCK=_BLOCK,
            enable_fp_fusion=True,
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
        grad_drive, n_neurons, step = torch.empty_like(voltage), voltage[0].numel(), ctx.step
        _backward[(triton.cdiv(n_neurons, _BLOCK),)](
            voltage,
            voltage if grad_spikes is None else grad_spikes.contiguous(),
            voltage if grad_voltage is None else grad_voltage.contiguous(),
            grad_drive,
            ctx.constants,
            voltage.shape[0],
            n_neurons,
            RESET=_RESETS[step.reset],
            SHAPE=SURROGATES.index(step.surrogate),
            DETACH=step.detach_reset,
            FROM_SPIKES=grad_spikes is not None,
            FROM_VOLTAGE=grad_voltage is not None,
            BLOCK=_BLOCK,
            enable_fp_fusion=True,
        )
        return grad_drive, None, None


def scan(
    drive: torch.Tensor, step: LayerStep, with_current: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """See :func:`snntheory.training.kernels.scan`."""
    check_device("drive", drive.device)
    return _Scan.apply(drive, step, with_current)
