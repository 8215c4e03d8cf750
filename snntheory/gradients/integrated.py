"""Gradients of a network integrated step by step (Parker-Sochacki), with spike times interpolated within the step.

The forward pass, for every neuron from rest (forward Euler is order 1)::

    between two points   x(t + h) = sum_{k <= order} (h M)^k x(t) / k!,   M = [[-1/tau_mem, r/tau_mem], [0, -1/tau_syn]]
    points               the grid points n dt, and with points="events" the input spikes
    spike                between two points when u >= v_threshold at the second, at t + s with

        "linear"   s = h (v_threshold - u) / (u_end - u)
        "cubic"    the root of the cubic with the values and slopes at both points
        "series"   the root of the power series itself

    reset_at="spike"     u is reset at the spike, and the rest of the piece is integrated from there
    reset_at="grid"      u is reset at the end of the step; one spike a step at most

With ``points="events"`` an input acts when it comes. With ``points="grid"`` it acts at the first grid point at or after
it, as in :func:`snntheory.spiking.simulate`: spike times then do not depend on input times except by jumps, and the
derivative of that map gives the layers before nothing to learn from.

Two estimators of the gradient::

    "adjusted"    the derivative of the map above: of the truncated series, and of s by its formula or, where it is
                  the root of a polynomial P, by ds = -dP / P'(s)
    "piggyback"   the formulas of the exact network (those of ``adjoint``) at the spike times of the map above

The adjusted derivative is that of spikes that stay in their piece: where a spike passes a point, or two inputs swap,
the map has a kink. Interpolation moves a spike by ``O(dt**q)``, ``q`` = 2 (linear), 4 (cubic), order + 1 (series), by
an amount that depends on its place in the step; a derivative of that has one power of ``dt`` less. Towards the exact
gradient, with ``reset_at="spike"`` and ``points="events"``::

    adjusted   error O(dt**min(order, q - 1)),    piggyback   error O(dt**min(order, q))

The adjusted gradient is the descent direction of the loss that the integrated network has; the piggyback is the better
estimate of the exact network's wherever ``q <= order``.

References: Guichard (2024), "Backpropagating in time-discretized spiking neural networks", a poster without equations:
these are our own.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _check
from ..neuron import CubaLIF
from ..spiking.clocked import BACKENDS, DETECT
from ..spiking.events import MAX_SPIKES, SpikeLimitReached
from ..spiking.parker_sochacki import POINTS
from . import _integrated_reference, adjoint
from ._integrated_reference import Rule
from .exact import Trains

Floats = NDArray[np.float64]

PLACEMENTS = ("linear", "cubic", "series")
RESET_AT = ("spike", "grid")
ESTIMATORS = ("adjusted", "piggyback")

__all__ = ["layer_gradient", "layer_spikes", "refuse"]


def refuse(neuron: CubaLIF) -> None:
    """Raise ValueError where the neuron is above its threshold from the start."""
    if neuron.v_threshold <= 0:
        raise ValueError(
            f"method 'integrated' starts from rest, below the threshold: v_threshold must be above 0, got "
            f"{neuron.v_threshold:g}; add the same constant to v_threshold and v_reset"
        )


def layer_spikes(
    neuron: CubaLIF,
    senders: Trains,
    weights: Floats,
    t_max: float,
    *,
    dt: float,
    order: int = 1,
    spike_placement: str = "linear",
    reset_at: str = "spike",
    points: str = "events",
    detect: str = "endpoint",
    estimator: str = "adjusted",
    max_spikes: int = MAX_SPIKES,
    backend: str = "auto",
) -> Trains:
    """Spike times of every neuron of a layer, integrated with a fixed step.

    Parameters
    ----------
    neuron : CubaLIF
    senders : list of ndarray
        Sorted spike times of each sender in seconds.
    weights : ndarray, shape (n_senders, n_neurons)
    t_max : float
        End in seconds, not before the last input. The grid ends at the first point at or after it; spikes later than
        ``t_max`` are not given.
    dt : float
        Time step in seconds.
    order : int
        Of the power series, at least 1 (forward Euler).
    spike_placement : {"linear", "cubic", "series"}
    reset_at : {"spike", "grid"}
    points : {"events", "grid"}
    detect : {"endpoint", "extremum"}
        "extremum" also finds spikes in pieces whose end lies below the threshold, by the exact solution's maximum.
    estimator : {"adjusted", "piggyback"}
        Used by :func:`layer_gradient` only.
    max_spikes : int
        More spikes of a neuron than this are an error.
    backend : {"auto", "numba", "reference"}
        ``"auto"`` is the compiled one where numba is installed, otherwise the readable one.

    Returns
    -------
    list of ndarray
        Seconds, in rising order.

    Raises
    ------
    ValueError, TypeError
        An option is unknown or out of range, an input comes after ``t_max``, or the state grows without bound (a step
        beyond the stability limit); :class:`snntheory.spiking.SpikeLimitReached`.

    Accuracy: tests/gradients/test_integrated.py compares with :func:`snntheory.spiking.simulate` (``points="grid"``)
    and :func:`snntheory.spiking.parker_sochacki.integrate` (``points="events"``) to rounding.
    """
    rule = rule_of(
        neuron, t_max, dt=dt, order=order, spike_placement=spike_placement, reset_at=reset_at, points=points,
        detect=detect, estimator=estimator, max_spikes=max_spikes,
    )  # fmt: skip
    last = max((float(times[-1]) for times in senders if times.size), default=0.0)
    if last > t_max:
        raise ValueError(
            f"t_max must not lie before the last input, got t_max = {t_max:g} s and an input at {last:g} s; "
            "raise t_max or leave out the later inputs"
        )
    spikes: Trains = _module(backend).layer_spikes(rule, senders, weights)
    for n, train in enumerate(spikes):
        if not np.all(np.isfinite(train)):
            raise ValueError(
                f"the state of neuron {n} grows without bound: dt = {dt:g} s is too long for order {order} with "
                f"tau_mem = {neuron.tau_mem:g} s, tau_syn = {neuron.tau_syn:g} s; shorten dt"
            )
        if train.size > max_spikes:
            raise SpikeLimitReached(
                f"neuron {n} fired more than max_spikes={max_spikes} times before t_max={t_max:g} s; "
                "lower the weights, shorten t_max, or raise max_spikes"
            )
    return spikes


def layer_gradient(
    neuron: CubaLIF,
    senders: Trains,
    weights: Floats,
    spikes: Trains,
    arriving: Trains,
    t_max: float,
    *,
    dt: float,
    order: int = 1,
    spike_placement: str = "linear",
    reset_at: str = "spike",
    points: str = "events",
    detect: str = "endpoint",
    estimator: str = "adjusted",
    max_spikes: int = MAX_SPIKES,
    backend: str = "auto",
) -> tuple[Floats, Trains]:
    """Derivatives with respect to the weights and the senders' spike times; options as in :func:`layer_spikes`.

    Parameters
    ----------
    spikes : list of ndarray
        What :func:`layer_spikes` gave. The adjusted derivative runs the forward map again and needs their number only.
    arriving : list of ndarray
        Derivative of the loss with respect to each of them.

    Returns
    -------
    (to_weights, to_times) : ndarray of the shape of ``weights``, list of ndarray of the shapes of ``senders``
        With ``points="grid"`` and the adjusted estimator ``to_times`` is 0.

    Accuracy: the adjusted gradient equals differences of its own forward map to 1e-8;
    tests/gradients/test_integrated.py.
    """
    if estimator == "piggyback":
        return adjoint.layer_gradient(neuron, senders, weights, spikes, arriving, t_max)
    rule = rule_of(
        neuron, t_max, dt=dt, order=order, spike_placement=spike_placement, reset_at=reset_at, points=points,
        detect=detect, estimator=estimator, max_spikes=max_spikes,
    )  # fmt: skip
    result: tuple[Floats, Trains] = _module(backend).layer_gradient(rule, senders, weights, arriving)
    return result


def rule_of(
    neuron: CubaLIF,
    t_max: float,
    *,
    dt: float,
    order: int = 1,
    spike_placement: str = "linear",
    reset_at: str = "spike",
    points: str = "events",
    detect: str = "endpoint",
    estimator: str = "adjusted",
    max_spikes: int = MAX_SPIKES,
) -> Rule:
    """The options of :func:`layer_spikes`, checked, as the backends take them."""
    for name, value, allowed in (
        ("spike_placement", spike_placement, PLACEMENTS),
        ("reset_at", reset_at, RESET_AT),
        ("points", points, POINTS),
        ("detect", detect, DETECT),
        ("estimator", estimator, ESTIMATORS),
    ):
        _check.choice(name, value, allowed)
    dt, t_max = _check.positive("dt", dt, "s"), _check.positive("t_max", t_max, "s")
    n_steps = max(1, int(np.ceil(t_max / dt * (1 - 1e-12) - 1e-9)))
    return Rule(
        neuron,
        dt,
        n_steps,
        t_max,
        _check.integer("order", order, minimum=1),
        spike_placement,
        restart=reset_at == "spike" and neuron.reset != "none",
        cut=points == "events",
        extremum=detect == "extremum",
        max_spikes=_check.integer("max_spikes", max_spikes, minimum=1),
    )


def _module(backend: str) -> Any:
    _check.choice("backend", backend, BACKENDS)
    installed = find_spec("numba") is not None
    if backend == "numba" and not installed:
        raise ModuleNotFoundError(
            "backend='numba' needs numba: pip install 'snntheory[train]'; or choose 'reference'", name="numba"
        )
    if backend == "reference" or not installed:
        return _integrated_reference
    from . import _integrated_numba

    return _integrated_numba
