r"""Gradients through spike times on a grid (TSSL-BP; Hu, 2024), in memory of the order of the time steps.

A spike of step ``k`` moves with the voltage, ``dt_k/du = -1/u'`` with ``u'_k = (v_k - p_{k-1}) / dt`` from the step's
start to its end; what depends on its time moves with it::

    g_v[k] = dp_k/dv_k g_p[k] + slope[k] (direct[k] + own[k] g_p[k]),       g_p[k] = A_uu g_v[k+1]
    slope[k] = s_k min(1 / (v_k - p_{k-1}), clamp), 0 where the voltage does not rise in the step

**The neuron's own later spikes**, the second term of Hu's (38): the reset moves with the spike. ``own``, which is
``-dt dp/dt`` of a reset at an exact crossing, is ``v_threshold dt/tau_mem`` (subtract) or
``(r i_k - v_reset) dt/tau_mem`` (to_value).

**The neurons of the next layer**: ``direct[k]`` stands for ``-dt dL/dt_k`` and has three readings, all made from the
error ``e_k = sum_j w_j g_S,j[k]`` that those neurons send back to a spike of step ``k``::

    "tssl_bp"    e_k                    sign and scale as in the authors' program: -di/dt_k -> i/dt
    "hu"         -(dt/tau_syn) e_k      di/dt_k = i/tau_syn at each later step of (38); the jump of i at t_k is missing
    "shift"      e_k - e_{k+1}          the whole derivative: the spike acts a step later

**An identity.** With "tssl_bp" the term between neurons is that of a surrogate gradient whose pseudo-derivative is
``min(1/(v_k - p_{k-1}), clamp)`` at spikes and 0 elsewhere; "hu" is that times ``-dt/tau_syn``, of opposite sign.
Only "shift" tends to the exact gradient of spike times with ``dt``.

As published, the derivative of every current by every spike is stored: memory of steps squared times neurons
squared. The current's filter is geometric, so a reverse scan gives the same numbers; ``_timing_naive`` keeps the
published form.

References: Hu (2024), equations (37)-(40), with the sum of (39) over errors of the voltage (summed over those of (37),
as printed, each is counted many times); Zhang and Li (2020). TSSL-BP's program also uses a sigmoid's derivative where
a neuron's recent output is low; that is not part of this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .. import _check
from ..linear import discretize
from ..neuron import CubaLIF
from . import _grid

if TYPE_CHECKING:
    from .methods import Gradients, Loss

Floats = NDArray[np.float64]

DIRECT = ("tssl_bp", "hu", "shift")
ESTIMATORS = ("discrete", "continuous")
LOSS_ON = ("times", "grid")


def refuse(neuron: CubaLIF) -> None:
    """Raise ValueError without a reset: above threshold every step has a spike, which no crossing gives a time."""
    if neuron.reset == "none":
        raise ValueError(
            "method 'timing' needs reset='subtract' or 'to_value', got 'none': without a reset the spikes of a grid "
            "are no crossings; use 'surrogate', or 'implicit' for exact spike times"
        )


@dataclass(frozen=True)
class Crossings:
    """What the spikes of a layer do to its voltage: arrays of shape (n_steps, n_neurons), and two counts.

    ``clamped`` counts spikes whose slope was clamped, ``falling`` those of steps in which the voltage did not rise.
    """

    slope: Floats
    own: Floats
    clamped: int
    falling: int

    @classmethod
    def of(cls, layer: _grid.Layer, clamp: float | None) -> Crossings:
        """Of a layer's forward pass."""
        neuron, dt = layer.model.neuron, layer.model.dt
        fired, rise = layer.spikes == 1, layer.voltage - layer.before
        rising = fired & (rise > 0)
        slope = np.divide(1.0, rise, out=np.zeros_like(rise), where=rising)
        over = slope > (np.inf if clamp is None else clamp)
        if neuron.reset == "subtract":
            own = np.full_like(rise, neuron.v_threshold)
        else:
            own = neuron.r * layer.current - neuron.v_reset
        return cls(
            np.where(over, clamp or 0.0, slope),
            own * (dt / neuron.tau_mem),
            int(over.sum()),
            int((fired & ~rising).sum()),
        )


def direct_term(errors: Floats, direct: str, steps_per_synapse: float) -> Floats:
    """``-dt dL/dt_k`` from the errors ``e_k`` that a spike's receivers send back; see the table of this module.

    Parameters
    ----------
    errors : ndarray, shape (n_steps, n_neurons)
    direct : {"tssl_bp", "hu", "shift"}
    steps_per_synapse : float
        ``dt / tau_syn`` of the receivers.
    """
    if direct == "tssl_bp":
        return errors
    if direct == "hu":
        return -steps_per_synapse * errors
    later = np.vstack([errors[1:], errors[-1:]])  # a spike of the last step has no later step to go to
    return errors - later


def network_gradient(
    neurons: list[CubaLIF],
    inputs: list[Floats],
    matrices: list[Floats],
    loss: Loss,
    t_max: float,
    *,
    dt: float,
    scheme: str = "backward_euler",
    order: int | None = None,
    direct: str = "tssl_bp",
    clamp: float | None = None,
    estimator: str = "discrete",
    loss_on: str = "times",
    rounding: str = "ceil",
) -> Gradients:
    """Gradient through the spike times of a network on a grid.

    Definition: the recursion of this module.

    Parameters
    ----------
    neurons, inputs, matrices, t_max
        As :func:`snntheory.gradients.weight_gradient` hands them on.
    loss : callable
        With ``loss_on="times"`` of the output's spike times ``n dt``; with ``"grid"`` it needs ``loss.on_grid`` as
        :func:`snntheory.gradients.surrogate.network_gradient` does, and ``dL/ds_k`` takes the place of ``e_k``.
    dt : float
        Time step in seconds.
    scheme, order
        As in :func:`snntheory.discretize`.
    direct : {"tssl_bp", "hu", "shift"}
    clamp : float, optional
        Largest slope in spikes per unit of voltage: 1e4 in Hu (2024), 8 in Zhang and Li (2020). None: no clamp.
    estimator : {"discrete", "continuous"}
        How an error of the voltage reaches a weight, Hu's (40): through the scheme, or through the post-synaptic
        potential of continuous time, taken at the steps. The two are one for ``"impulse_invariance"``.
    loss_on : {"times", "grid"}
    rounding : {"ceil", "nearest", "next"}
        Of the input times. Several inputs in one step add up.

    Returns
    -------
    Gradients
        ``diagnostics``: ``silent`` neurons; spikes with a ``clamped`` slope; spikes in ``falling`` steps, in which the
        voltage was above threshold before and did not rise: no crossing, slope 0.

    Raises
    ------
    ValueError, TypeError
        The neuron has no reset; an option is out of range; of the loss and of :func:`snntheory.discretize`.

    Assumptions: the voltage rises within a step as on a line; a spike's reset acts at its crossing (the forward pass
    resets at the step's end). Both are errors of the order of ``dt``, for every scheme.

    Accuracy: equal to the published form with all pairs stored to 1e-10; with ``direct="shift"`` its distance from the
    exact gradient falls with ``dt``; tests/gradients/test_timing.py.

    References
    ----------
    Hu (2024), equations (37)-(40); Zhang and Li (2020).
    """
    from .methods import Gradients, loss_gradients

    _check.choice("direct", direct, DIRECT)
    _check.choice("estimator", estimator, ESTIMATORS)
    _check.choice("loss_on", loss_on, LOSS_ON)
    limit = None if clamp is None else _check.positive("clamp", clamp)
    layers = _grid.run(neurons, inputs, matrices, t_max, dt=dt, scheme=scheme, order=order, rounding=rounding)
    last = layers[-1]
    if loss_on == "times":
        value, by_time = loss_gradients(loss, last.times)
        error = np.zeros_like(last.spikes)
        for n, part in enumerate(by_time):
            error[last.spikes[:, n] == 1, n] = -last.model.dt * part
    else:
        value, by_spike = _grid.loss_on_grid(
            loss, last.spikes, last.model.dt, "timing", "give it one, or use loss_on='times'"
        )
        error = direct_term(by_spike, direct, last.model.dt / last.model.neuron.tau_syn)
    gradients: list[Floats] = []
    counted = {"silent": _grid.silent(layers), "clamped": 0, "falling": 0}
    for layer in reversed(layers):
        crossings, keep = Crossings.of(layer, limit), _grid.kept(layer)
        counted["clamped"] += crossings.clamped
        counted["falling"] += crossings.falling
        of_drive, entering = _grid.reverse_scan(layer.model, keep, crossings.slope, error, crossings.own)
        by_weight = of_drive
        if estimator == "continuous":
            exact = discretize(layer.model.neuron, layer.model.dt, "impulse_invariance")
            by_weight, _ = _grid.reverse_scan(exact, keep, np.ones_like(keep), entering, np.zeros_like(keep))
        gradients.insert(0, layer.senders.T @ by_weight)
        steps = layer.model.dt / layer.model.neuron.tau_syn
        error = direct_term(of_drive @ layer.weights.T, direct, steps)
    return Gradients(gradients, value, [layer.times for layer in layers], counted)
