"""The readable backend: a Python loop over time, differentiated by torch's autograd; any device."""

from __future__ import annotations

from typing import Any

import torch

from ...gradients.surrogate import pseudo_derivative
from .step import LayerStep


class Spike(torch.autograd.Function):
    """A step function whose derivative is a pseudo-derivative."""

    @staticmethod
    def forward(ctx: Any, distance: torch.Tensor, surrogate: str, width: float) -> torch.Tensor:
        ctx.save_for_backward(distance)
        ctx.shape = (surrogate, width)
        return (distance >= 0).to(distance.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (distance,) = ctx.saved_tensors
        return gradient * pseudo_derivative(distance, *ctx.shape), None, None


def scan(
    drive: torch.Tensor, step: LayerStep, with_current: bool, recurrent: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """See :func:`snntheory.training.kernels.scan`, and ``recurrent_scan`` for the layer that hears itself."""
    a_uu, a_ui, a_ii = step.propagator
    after_reset = current = before = torch.zeros_like(drive[0])
    spikes: list[torch.Tensor] = []
    voltages, currents = [], []
    for now in drive:
        if recurrent is not None and spikes:
            now = now + spikes[-1] @ recurrent
        voltage = a_uu * after_reset + a_ui * current + step.kick[0] * now + step.kick_previous[0] * before
        current = a_ii * current + step.kick[1] * now + step.kick_previous[1] * before
        spike = Spike.apply(voltage - step.threshold, step.surrogate, step.width)
        acting = spike.detach() if step.detach_reset else spike
        if step.reset == "subtract":
            after_reset = voltage - step.threshold * acting
        elif step.reset == "to_value":
            after_reset = voltage * (1 - acting) + step.v_reset * acting
        else:
            after_reset = voltage
        before = now
        spikes.append(spike)
        voltages.append(voltage)
        currents.append(current)
    return (
        torch.stack(spikes),
        torch.stack(voltages),
        torch.stack(currents).detach() if with_current else None,
    )
