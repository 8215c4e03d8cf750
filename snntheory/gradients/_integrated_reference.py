"""The readable backend of the method ``integrated``: the forward map once, on numbers that carry their derivatives.

With plain floats :func:`neuron_spikes` gives spike times; with :class:`Dual` numbers it gives, along the same lines,
the derivative of every spike time of the map that was run. Roots of polynomials are differentiated by the implicit
function theorem, everything else by the rules of calculus.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..neuron import CubaLIF
from ..spiking.placement import cubic_crossing, peak_within, polynomial_crossing
from ..spiking.rounding import grid_index
from .exact import Trains, events

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rule:
    """One forward map. See :mod:`snntheory.gradients.integrated` for the words.

    Attributes
    ----------
    neuron : CubaLIF
    dt : float
        Time step in seconds.
    n_steps : int
    t_max : float
        Spikes after it, in the last step, are not given.
    order : int
    placement : {"linear", "cubic", "series"}
    restart : bool
        Reset at the spike and integrate the rest of the step from there; otherwise reset at the grid point.
    cut : bool
        An input cuts its step; otherwise it acts at the grid point at or after it.
    extremum : bool
        Look for crossings in pieces whose end lies below the threshold, too.
    max_spikes : int
    """

    neuron: CubaLIF
    dt: float
    n_steps: int
    t_max: float
    order: int
    placement: str
    restart: bool
    cut: bool
    extremum: bool
    max_spikes: int

    def steps(self, times: Floats) -> tuple[NDArray[np.int64], Floats]:
        """The step of each input, and the moment at which it acts: on the grid if it is closer than 1e-9 steps."""
        steps = grid_index(times, self.dt, "ceil")
        start = (steps - 1) * self.dt
        near = (times - start > (1 - 1e-9) * self.dt) | (steps == 0)
        return steps, np.where(near | (not self.cut), steps * self.dt, times)


class Dual:
    """A number and its derivatives with respect to the inputs' weights and times."""

    __array_ufunc__ = None
    __slots__ = ("slope", "value")

    def __init__(self, value: float, slope: Floats) -> None:
        self.value, self.slope = value, slope

    def __add__(self, other: Any) -> Dual:
        value, slope = parts(other)
        return Dual(self.value + value, self.slope + slope)

    def __mul__(self, other: Any) -> Dual:
        value, slope = parts(other)
        return Dual(self.value * value, self.slope * value + slope * self.value)

    def __truediv__(self, other: Any) -> Dual:
        value, slope = parts(other)
        return Dual(self.value / value, (self.slope - slope * (self.value / value)) / value)

    def __rtruediv__(self, other: float) -> Dual:
        return Dual(other / self.value, -other / self.value**2 * self.slope)

    def __neg__(self) -> Dual:
        return Dual(-self.value, -self.slope)

    def __sub__(self, other: Any) -> Dual:
        return self + (-other)

    def __rsub__(self, other: Any) -> Dual:
        return -self + other

    __radd__, __rmul__ = __add__, __mul__


def parts(number: Any) -> tuple[float, Any]:
    """Value and derivatives; those of a float are 0."""
    return (number.value, number.slope) if isinstance(number, Dual) else (number, 0.0)


def _value(number: Any) -> float:
    return number.value if isinstance(number, Dual) else number


def _through(function: Any, derivative: Any, number: Any) -> Any:
    """A function of one number, with its derivative."""
    value, slope = parts(number)
    return Dual(function(value), derivative(value) * slope) if isinstance(number, Dual) else function(number)


def advance(rule: Rule, u: Any, i: Any, span: Any) -> tuple[Any, Any]:
    """The state after ``span`` seconds without input: the power series of the solution, cut after ``order`` terms."""
    neuron = rule.neuron
    term_u, term_i = u, i
    for k in range(1, rule.order + 1):
        term_u = (term_i * neuron.r - term_u) * span / (k * neuron.tau_mem)
        term_i = -term_i * span / (k * neuron.tau_syn)
        u, i = u + term_u, i + term_i
    return u, i


def crossing(rule: Rule, u: Any, i: Any, end_u: Any, end_i: Any, span: Any) -> Any:
    """Offset of the crossing from a state below the threshold to one above it."""
    neuron = rule.neuron
    threshold = neuron.v_threshold
    if _value(u) >= threshold:
        return 0.0
    if rule.placement == "linear":
        return span * (threshold - u) / (end_u - u)
    if rule.placement == "series":
        powers = _series(rule, u, i)
        powers[0] = powers[0] - threshold
        return _root(
            powers, polynomial_crossing(np.array([_value(each) for each in powers]), float(_value(span)))
        )
    slope = (i * neuron.r - u) * span / neuron.tau_mem
    end_slope = (end_i * neuron.r - end_u) * span / neuron.tau_mem
    rise = end_u - u
    powers = [
        u - threshold,
        slope,
        3.0 * rise - 2.0 * slope - end_slope,
        slope + end_slope - 2.0 * rise,
    ]
    root = cubic_crossing(_value(powers[0]), _value(end_u) - threshold, _value(slope), _value(end_slope), 1.0)
    return span * _root(powers, root)


def _series(rule: Rule, u: Any, i: Any) -> list[Any]:
    neuron, powers = rule.neuron, [u]
    for k in range(rule.order):
        powers.append((i * neuron.r - powers[-1]) / ((k + 1) * neuron.tau_mem))
        i = -i / ((k + 1) * neuron.tau_syn)
    return powers


def _root(powers: list[Any], root: float) -> Any:
    """The root of a polynomial with the derivatives that the implicit function theorem gives it."""
    if not any(isinstance(each, Dual) for each in powers):
        return root
    moved = sum(parts(each)[1] * root**k for k, each in enumerate(powers))
    steep = sum(k * _value(each) * root ** (k - 1) for k, each in enumerate(powers) if k)
    return Dual(root, -moved / steep)


def peak(rule: Rule, u: Any, i: Any, span: Any) -> tuple[Any, Any, Any] | None:
    """Where within ``span`` the exact voltage is largest, and the state there; None if that is below threshold."""
    neuron = rule.neuron
    where = peak_within(_value(u), _value(i), neuron.tau_mem, neuron.tau_syn, neuron.r, _value(span))
    if where < 0:
        return None
    q = neuron.tau_syn * (1.0 - u / (i * neuron.r))
    gap = 1 / neuron.tau_syn - 1 / neuron.tau_mem
    moment = (
        q * 1.0
        if gap == 0
        else _through(lambda x: -math.log1p(-gap * x) / gap, lambda x: 1 / (1 - gap * x), q)
    )
    left = _through(math.exp, math.exp, -moment / neuron.tau_syn) * i
    return (left * neuron.r, left, moment) if _value(left) * neuron.r >= neuron.v_threshold else None


def neuron_spikes(rule: Rule, steps: NDArray[np.int64], times: Any, weights: Any) -> list[Any]:
    """Spike times of one neuron, floats or duals as its inputs are; NaN after them where the state has overflown."""
    neuron, dt = rule.neuron, rule.dt
    threshold, after = neuron.v_threshold, neuron.v_reset if neuron.reset == "to_value" else 0.0
    arriving: list[list[int]] = [[] for _ in range(rule.n_steps + 1)]
    for each, step in enumerate(steps):
        arriving[step].append(each)
    u, i, spikes = 0.0, 0.0, []  # type: Any, Any, list[Any]
    for n in range(rule.n_steps + 1):
        start: Any = max(n - 1, 0) * dt
        fired = False
        for each in [*(arriving[n] if rule.cut else []), -1]:
            stop = times[each] if each >= 0 else n * dt
            while True:
                span = stop - start
                end_u, end_i = advance(rule, u, i, span)
                armed = neuron.reset != "none" or _value(u) < threshold
                to = None
                if armed and (rule.restart or not fired):
                    if _value(end_u) >= threshold:
                        to = end_u, end_i, span
                    elif rule.extremum and _value(u) < threshold:
                        to = peak(rule, u, i, span)
                if to is None:
                    break
                offset = crossing(rule, u, i, *to)
                fired = True
                if _value(start + offset) <= rule.t_max:
                    spikes.append(start + offset)
                if len(spikes) > rule.max_spikes:
                    return spikes
                if not rule.restart:
                    break
                _, i = advance(rule, 0.0, i, offset)
                u, start = after, start + offset
            u, i, start = end_u, end_i, stop
            if each >= 0:
                i = i + weights[each] / neuron.tau_syn
        if fired and not rule.restart and neuron.reset != "none":
            u = u - threshold if neuron.reset == "subtract" else after
        if not rule.cut:
            for each in arriving[n]:
                i = i + weights[each] / neuron.tau_syn
    if not math.isfinite(_value(u)):
        spikes.append(math.nan)
    return spikes


def layer_spikes(rule: Rule, senders: Trains, weights: Floats) -> Trains:
    """Spike times of every neuron of a layer; one more than ``max_spikes`` of a neuron that fires too often."""
    times, index = events(senders)
    steps, moments = rule.steps(times)
    return [
        np.array(neuron_spikes(rule, steps, moments.tolist(), weights[index, n].tolist()), dtype=np.float64)
        for n in range(weights.shape[1])
    ]


def layer_gradient(rule: Rule, senders: Trains, weights: Floats, arriving: Trains) -> tuple[Floats, Trains]:
    """``(dL/dweights, [dL/dtimes of each sender])`` from the derivatives with respect to the layer's spikes."""
    times, index = events(senders)
    steps, moments = rule.steps(times)
    size = times.size
    unit = np.eye(2 * size)
    own_times = [
        Dual(t, unit[size + k] if rule.cut else np.zeros(2 * size)) for k, t in enumerate(moments.tolist())
    ]
    gradient, late = np.zeros_like(weights), np.zeros(size)
    for n, received in enumerate(arriving):
        own_weights = [Dual(w, unit[k]) for k, w in enumerate(weights[index, n].tolist())]
        for spike, factor in zip(
            neuron_spikes(rule, steps, own_times, own_weights), received.tolist(), strict=False
        ):
            slope = factor * np.broadcast_to(parts(spike)[1], 2 * size)
            np.add.at(gradient[:, n], index, slope[:size])
            late += slope[size:]
    return gradient, [late[index == n] for n in range(len(senders))]
