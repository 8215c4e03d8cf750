"""One layer over all time steps with gradients through its spike times: :mod:`snntheory.gradients.timing` in batches.

The forward pass is that of :func:`snntheory.training.kernels.scan`. Backwards, with ``g`` the derivative of the loss
with respect to a quantity of step ``n`` and ``dL/ds_n`` what autograd hands over::

    g_v[n] = dL/dv_n + dp_n/dv_n g_p[n] + slope[n] (direct[n] + own[n] g_p[n]),     g_p[n] = A_uu g_v[n+1]
    slope[n] = s_n min(1 / (v_n - p_{n-1}), clamp), 0 where the voltage does not rise
    direct   = dL/ds_n  |  -(dt/tau_syn) dL/ds_n  |  dL/ds_n - dL/ds_{n+1}          tssl_bp | hu | shift

One reverse scan: memory of steps times batch times neurons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ... import _check
from ...gradients.timing import DIRECT, refuse
from ...linear import DiscreteNeuron
from ...neuron import CubaLIF
from .step import LayerStep

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class TimingRule:
    """What the backward pass of :func:`timing_scan` needs besides the layer's step; made by :meth:`of`.

    Attributes
    ----------
    steps_per_membrane, steps_per_synapse : float
        ``dt / tau_mem`` of the layer and ``dt / tau_syn`` of its receivers in the next layer.
    r : float
    clamp : float
        Largest slope in spikes per unit of voltage; may be infinite.
    direct : {"tssl_bp", "hu", "shift"}
    steps_per_own_synapse : float
        ``dt / tau_syn`` of the layer itself, for the spikes that it sends to itself.
    """

    steps_per_membrane: float
    steps_per_synapse: float
    r: float
    clamp: float
    direct: str
    steps_per_own_synapse: float = 0.0

    @classmethod
    def of(
        cls,
        model: DiscreteNeuron,
        clamp: float | None = None,
        direct: str = "tssl_bp",
        receiver: CubaLIF | None = None,
    ) -> TimingRule:
        """For a discrete neuron; ``receiver`` is the neuron of the next layer where that is another one.

        Raises
        ------
        ValueError
            The neuron has no reset, the clamp is not positive, ``direct`` is unknown.
        """
        refuse(model.neuron)
        return cls(
            model.dt / model.neuron.tau_mem,
            model.dt / (receiver or model.neuron).tau_syn,
            model.neuron.r,
            float("inf") if clamp is None else _check.positive("clamp", clamp),
            _check.choice("direct", direct, DIRECT),
            model.dt / model.neuron.tau_syn,
        )


def timing_scan(
    drive: torch.Tensor,
    step: LayerStep,
    rule: TimingRule,
    backend: str = "auto",
    with_current: bool = False,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Run one layer over all its time steps; differentiable through its spike times.

    Parameters
    ----------
    drive : torch.Tensor, shape (n_steps, batch, n_neurons), float32 or float64
        Summed weights ``S_n`` of the input spikes of each step.
    step : LayerStep
        With a reset. Its surrogate is not used; ``detach_reset`` cuts the path through the neuron's own later spikes.
    rule : TimingRule
    backend : str
        As for :func:`snntheory.training.kernels.scan`, which runs the forward pass; the backward pass is compiled on a
        CPU with numba and otherwise a loop of torch operations.
    with_current : bool
        Also return the current (not differentiable).

    Returns
    -------
    spikes, voltage, current
        As :func:`snntheory.training.kernels.scan`. The estimator of the weights' gradient is "discrete", which for the
        scheme ``"impulse_invariance"`` is the "continuous" one too: a drive has one error, for weights and senders.

    Raises
    ------
    TypeError, ValueError
        As :func:`snntheory.training.kernels.scan`; the layer has no reset.

    Accuracy: the backends agree with each other and with ``gradients.timing``; tests/training/test_timing_kernel.py.
    """
    if step.reset == "none":
        raise ValueError("timing_scan needs a layer with reset='subtract' or 'to_value', got 'none'")
    from .reference_timing import TimingScan

    return TimingScan.apply(drive, step, rule, backend, with_current)
