"""The autograd function of :func:`timing_scan`, and the readable backward pass: a Python loop over time, any device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.function import once_differentiable

from . import numba_is_installed, scan
from .step import LayerStep

if TYPE_CHECKING:
    from .timing import TimingRule


class TimingScan(torch.autograd.Function):
    """See :func:`snntheory.training.kernels.timing.timing_scan`."""

    @staticmethod
    def forward(
        ctx: Any, drive: torch.Tensor, step: LayerStep, rule: TimingRule, backend: str, with_current: bool
    ) -> Any:
        to_value = step.reset == "to_value"  # there the current at a spike says how the reset moves
        spikes, voltage, current = scan(drive, step, backend, with_current or to_value)
        ctx.save_for_backward(voltage, *([current] if to_value else []))
        ctx.given = (step, rule, backend)
        ctx.set_materialize_grads(False)
        if not with_current:
            return spikes, voltage, None
        ctx.mark_non_differentiable(current)
        return spikes, voltage, current

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_spikes: Any, by_voltage: Any, by_current: Any) -> Any:
        step, rule, backend = ctx.given
        voltage, current = (*ctx.saved_tensors, None)[:2]
        compiled = backend in ("auto", "numba") and voltage.device.type == "cpu" and numba_is_installed()
        if compiled:
            from .numba_timing import backward as run
        else:
            run = backward
        return run(voltage, current, by_spikes, by_voltage, step, rule), None, None, None, None


def direct_term(by_spikes: torch.Tensor, rule: TimingRule) -> torch.Tensor:
    """``-dt dL/dt_n`` from ``dL/ds_n``; see :mod:`snntheory.gradients.timing`."""
    if rule.direct == "tssl_bp":
        return by_spikes
    if rule.direct == "hu":
        return -rule.steps_per_synapse * by_spikes
    return by_spikes - torch.cat([by_spikes[1:], by_spikes[-1:]])


def crossings(
    voltage: torch.Tensor, current: Any, step: LayerStep, rule: TimingRule
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """``keep`` = dp_n/dv_n at fixed spikes, ``own`` and ``slope`` of the recursion, each of the voltage's shape.

    ``current`` is None where the reset subtracts.
    """
    fired = voltage >= step.threshold
    zero = torch.zeros_like(voltage)
    if step.reset == "subtract":
        after = voltage - step.threshold * fired.to(voltage.dtype)
        keep = torch.ones_like(voltage)
        own = torch.full_like(voltage, step.threshold * rule.steps_per_membrane)
    else:
        after, keep = torch.where(fired, step.v_reset, voltage), (~fired).to(voltage.dtype)
        own = (rule.r * current - step.v_reset) * rule.steps_per_membrane
    if step.detach_reset:
        own = zero
    rise = voltage - torch.cat([zero[:1], after[:-1]])
    crossing = fired & (rise > 0)
    slope = torch.where(crossing, (1 / torch.where(crossing, rise, 1.0)).clamp(max=rule.clamp), 0.0)
    return keep, own, slope


def backward(
    voltage: torch.Tensor,
    current: Any,
    by_spikes: torch.Tensor | None,
    by_voltage: torch.Tensor | None,
    step: LayerStep,
    rule: TimingRule,
) -> torch.Tensor:
    """Derivative of the loss with respect to the drive, shape (n_steps, batch, n_neurons).

    ``current`` is None where the reset subtracts.
    """
    a_uu, a_ui, a_ii = step.propagator
    (b_u, b_i), (c_u, c_i) = step.kick, step.kick_previous
    zero = torch.zeros_like(voltage)
    keep, own, slope = crossings(voltage, current, step, rule)
    direct = zero if by_spikes is None else direct_term(by_spikes, rule)
    given = zero if by_voltage is None else by_voltage
    result = torch.empty_like(voltage)
    next_v = next_i = zero[0]
    for n in range(len(voltage) - 1, -1, -1):
        g_p, g_i = a_uu * next_v, a_ui * next_v + a_ii * next_i
        g_v = given[n] + keep[n] * g_p + slope[n] * (direct[n] + own[n] * g_p)
        result[n] = b_u * g_v + b_i * g_i + c_u * next_v + c_i * next_i
        next_v, next_i = g_v, g_i
    return result
