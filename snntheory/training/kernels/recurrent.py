"""One layer that hears itself, over all time steps: a spike sent in step ``n`` acts in step ``n + 1``.

The equations are those of :func:`snntheory.training.kernels.scan` with ``S_n + V^T s_{n-1}`` in the place of ``S_n``.
Backwards, with ``g`` the derivative of the loss with respect to a quantity of step ``n``::

    g_v[n] = dL/dv_n + keep[n] g_p[n] + slope[n] (e[n] + own[n] g_p[n]),     g_p[n] = A_uu g_v[n+1]
    e[n]   = dL/ds_n + V g_S[n+1]
    dL/dV  = sum_n s_{n-1} g_S[n]^T

``slope`` is the pseudo-derivative, ``own`` what a spike takes off the voltage; with a :class:`TimingRule` both are
those of :mod:`snntheory.training.kernels.timing`, and so is the reading of ``e``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.function import once_differentiable

from ... import _check
from ...gradients.surrogate import pseudo_derivative
from . import BACKENDS, numba_is_installed, reference
from .reference_timing import crossings, direct_term
from .step import LayerStep

if TYPE_CHECKING:
    from .timing import TimingRule


def recurrent_scan(
    drive: torch.Tensor,
    weights: torch.Tensor,
    step: LayerStep,
    rule: TimingRule | None = None,
    backend: str = "auto",
    with_current: bool = False,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Run a recurrent layer over all its time steps; differentiable.

    Parameters
    ----------
    drive : torch.Tensor, shape (n_steps, batch, n_neurons)
        Summed weights of the spikes from elsewhere.
    weights : torch.Tensor, shape (n_neurons, n_neurons)
        ``V``, from row to column; the diagonal is a neuron's connection to itself.
    step : LayerStep
    rule : TimingRule, optional
        Gradients through spike times instead of a pseudo-derivative.
    backend : {"auto", "reference", "numba", "triton"}
        ``"auto"`` is numba on a CPU where it is installed. On a GPU, and for ``"triton"``, the reference: a Python loop
        of torch operations.
    with_current : bool
        Also return the current (not differentiable).

    Returns
    -------
    spikes, voltage, current
        As :func:`snntheory.training.kernels.scan`.

    Raises
    ------
    ValueError
        The shapes do not fit, the backend is unknown, a rule is given for a layer without reset.

    Accuracy: the backends agree in float64; with a rule the gradient is that of two layers in sequence where ``V``
    leads from one half of the neurons to the other; tests/training/test_recurrent.py.
    """
    _check.choice("backend", backend, BACKENDS)
    n = drive.shape[-1]
    if drive.ndim != 3 or tuple(weights.shape) != (n, n):
        raise ValueError(
            f"drive must have shape (n_steps, batch, n) and weights (n, n), got {tuple(drive.shape)} and "
            f"{tuple(weights.shape)}"
        )
    if rule is not None and step.reset == "none":
        raise ValueError("a rule needs a layer with reset='subtract' or 'to_value', got 'none'")
    compiled = backend in ("auto", "numba") and drive.device.type == "cpu" and numba_is_installed()
    if rule is None and not compiled:
        return reference.scan(drive, step, with_current, weights)
    found: tuple[torch.Tensor, torch.Tensor, torch.Tensor | None] = _RecurrentScan.apply(
        drive, weights, step, rule, compiled, with_current
    )
    return found


class _RecurrentScan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, drive: Any, weights: Any, step: LayerStep, rule: Any, compiled: bool, with_current: bool
    ) -> Any:
        need_current = with_current or (rule is not None and step.reset == "to_value")
        if compiled:
            from .numba_recurrent import forward as run
        else:
            run = reference_forward
        spikes, voltage, current = run(drive, weights, step, need_current)
        ctx.save_for_backward(weights, spikes, voltage, *([] if current is None else [current]))
        ctx.given = step, rule, compiled
        ctx.set_materialize_grads(False)
        if not with_current:
            return spikes, voltage, None
        ctx.mark_non_differentiable(current)
        return spikes, voltage, current

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_spikes: Any, by_voltage: Any, by_current: Any) -> Any:
        step, rule, compiled = ctx.given
        weights, spikes, voltage, current = (*ctx.saved_tensors, None)[:4]
        if rule is None:
            keep, own, slope = _surrogate(voltage, spikes, step)
        else:
            keep, own, slope = crossings(voltage, current, step, rule)
        zero = torch.zeros_like(voltage)
        direct = zero
        if by_spikes is not None:
            direct = by_spikes if rule is None else direct_term(by_spikes, rule)
        given = zero if by_voltage is None else by_voltage
        if compiled:
            from .numba_recurrent import reverse as run
        else:
            run = reference_reverse
        by_drive = run(keep, own, slope, direct, given, weights, step, rule)
        senders, receivers = spikes[:-1].flatten(0, 1), by_drive[1:].flatten(0, 1)
        return by_drive, senders.t() @ receivers, None, None, None, None


def _surrogate(
    voltage: torch.Tensor, spikes: torch.Tensor, step: LayerStep
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """``keep``, ``own`` and ``slope`` of a pseudo-derivative."""
    slope = pseudo_derivative(voltage - step.threshold, step.surrogate, step.width)
    keep, own = torch.ones_like(voltage), torch.zeros_like(voltage)
    if step.reset == "to_value":
        keep = 1 - spikes
    if not step.detach_reset:
        if step.reset == "subtract":
            own = torch.full_like(voltage, -step.threshold)
        elif step.reset == "to_value":
            own = step.v_reset - voltage
    return keep, own, slope


def reference_forward(
    drive: torch.Tensor, weights: torch.Tensor, step: LayerStep, with_current: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """The readable loop, without its graph."""
    return reference.scan(drive.detach(), step, with_current, weights.detach())


def reading(received: torch.Tensor, later: torch.Tensor, rule: TimingRule | None) -> torch.Tensor:
    """What the layer's own receivers say of a spike: ``received`` in this step, ``later`` in the next one."""
    if rule is None or rule.direct == "tssl_bp":
        return received
    return -rule.steps_per_own_synapse * received if rule.direct == "hu" else received - later


def reference_reverse(
    keep: torch.Tensor,
    own: torch.Tensor,
    slope: torch.Tensor,
    direct: torch.Tensor,
    given: torch.Tensor,
    weights: torch.Tensor,
    step: LayerStep,
    rule: TimingRule | None,
) -> torch.Tensor:
    """Derivative of the loss with respect to the drive: the recursion of this module, step by step."""
    a_uu, a_ui, a_ii = step.propagator
    (b_u, b_i), (c_u, c_i) = step.kick, step.kick_previous
    result, back = torch.empty_like(keep), weights.t().contiguous()
    next_v = next_i = later = torch.zeros_like(keep[0])
    for n in range(len(keep) - 1, -1, -1):
        received = result[n + 1] @ back if n + 1 < len(keep) else torch.zeros_like(later)
        error = direct[n] + reading(received, later, rule)
        g_p, g_i = a_uu * next_v, a_ui * next_v + a_ii * next_i
        g_v = given[n] + keep[n] * g_p + slope[n] * (error + own[n] * g_p)
        result[n] = b_u * g_v + b_i * g_i + c_u * next_v + c_i * next_i
        next_v, next_i, later = g_v, g_i, received
    return result
