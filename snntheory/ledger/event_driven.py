"""Exact spike times of a small network to any number of digits, as the reference for formulas of gradients.

All neurons share one kernel; between events a voltage is a sum of two exponentials, so a crossing is found by
Newton's method on a concave function. This is a reference for a few dozen spikes, not a simulator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
from scipy.integrate import solve_ivp

Number = Any
"""A real number of mpmath: it has the digits of the surrounding ``mpmath.workdps``."""

Weights = Mapping[tuple[int, int], Number]
"""``{(sender, receiver): weight}``; negative senders are inputs, neurons count from 0."""


@dataclass(frozen=True)
class Membrane:
    """``V' = -beta V + I``, ``I' = -alpha I`` with ``I += w`` at an input spike and ``V -= theta`` at a crossing.

    In the notation of :class:`snntheory.CubaLIF`: ``tau_mem = r = 1 / beta``, ``tau_syn = 1 / alpha``, and the
    canonical weight is ``w / alpha``.

    Parameters
    ----------
    alpha, beta, theta : number
        Rates in 1/s, different and positive; threshold, positive.
    """

    alpha: Number
    beta: Number
    theta: Number

    def kernel(self, t: Number) -> Number:
        """Voltage at ``t`` after one spike of weight 1 at 0."""
        if t <= 0:
            return mpmath.mpf(0)
        return (mpmath.exp(-self.alpha * t) - mpmath.exp(-self.beta * t)) / (self.beta - self.alpha)

    def kernel_slope(self, t: Number) -> Number:
        """Derivative of :meth:`kernel`."""
        if t <= 0:
            return mpmath.mpf(0)
        rising, falling = self.beta * mpmath.exp(-self.beta * t), self.alpha * mpmath.exp(-self.alpha * t)
        return (rising - falling) / (self.beta - self.alpha)

    def decay(self, t: Number) -> Number:
        """What is left at ``t`` of a drop of 1 at 0."""
        return mpmath.exp(-self.beta * t) if t > 0 else mpmath.mpf(0)


@dataclass(frozen=True)
class Spike:
    """A crossing of ``neuron`` at ``time``."""

    time: Number
    neuron: int


@dataclass
class _State:
    """``V(t) = a exp(-alpha (t - origin)) + b exp(-beta (t - origin))`` until the next event; ``crossing`` follows."""

    membrane: Membrane
    origin: Number
    a: Number
    b: Number
    crossing: Number = mpmath.inf

    def move(self, t: Number) -> None:
        elapsed = t - self.origin
        self.a *= mpmath.exp(-self.membrane.alpha * elapsed)
        self.b *= mpmath.exp(-self.membrane.beta * elapsed)
        self.origin = t

    def receive(self, t: Number, weight: Number) -> None:
        self.move(t)
        part = weight / (self.membrane.beta - self.membrane.alpha)
        self.a, self.b = self.a + part, self.b - part
        self.crossing = t + first_crossing(self.membrane, self.a, self.b)

    def drop(self, t: Number) -> None:
        self.move(t)
        self.b -= self.membrane.theta
        self.crossing = t + first_crossing(self.membrane, self.a, self.b)


def first_crossing(membrane: Membrane, a: Number, b: Number) -> Number:
    """Smallest ``t > 0`` at which ``a exp(-alpha t) + b exp(-beta t)`` reaches the threshold from below, or infinity.

    The sum has at most one extremum. Where it rises from below the threshold it is concave up to its maximum, so
    Newton's method from 0 approaches the root from the left and cannot miss it.
    """
    alpha, beta, theta = membrane.alpha, membrane.beta, membrane.theta
    if -alpha * a - beta * b <= 0 or a == 0:
        return mpmath.inf
    ratio = -beta * b / (alpha * a)
    if ratio <= 0:
        return mpmath.inf  # rises towards zero for ever
    peak = mpmath.log(ratio) / (beta - alpha)
    if a * mpmath.exp(-alpha * peak) + b * mpmath.exp(-beta * peak) < theta:
        return mpmath.inf
    t = mpmath.mpf(0)
    tolerance = mpmath.ldexp(peak, 4 - mpmath.mp.prec)
    for _ in range(10 * mpmath.mp.prec):
        fast, slow = a * mpmath.exp(-alpha * t), b * mpmath.exp(-beta * t)
        step = (theta - fast - slow) / (-alpha * fast - beta * slow)
        if step <= tolerance:
            return t
        t += step
    return t


def spikes(membrane: Membrane, weights: Weights, inputs: Iterable[Spike], t_max: Number) -> list[Spike]:
    """All crossings up to ``t_max``, in order of time.

    Parameters
    ----------
    membrane : Membrane
    weights : mapping
        ``{(sender, receiver): weight}``; feed-forward or recurrent, without delays.
    inputs : iterable of Spike
        Spikes of the inputs, whose numbers are negative.
    t_max : number
        End of the simulation in seconds.
    """
    receivers: dict[int, list[tuple[int, Number]]] = {}
    for (sender, receiver), weight in weights.items():
        receivers.setdefault(sender, []).append((receiver, mpmath.mpf(weight)))
    zero = mpmath.mpf(0)
    states = {receiver: _State(membrane, zero, zero, zero) for _, receiver in sorted(weights)}
    waiting = sorted(inputs, key=lambda spike: spike.time, reverse=True)
    fired: list[Spike] = []
    while True:
        neuron = min(states, key=lambda n: states[n].crossing)
        t = states[neuron].crossing
        if waiting and waiting[-1].time <= t:
            event = waiting.pop()
        elif t <= t_max:
            states[neuron].drop(t)
            event = Spike(t, neuron)
            fired.append(event)
        else:
            return fired
        for receiver, weight in receivers.get(event.neuron, []):
            states[receiver].receive(event.time, weight)


def voltage(membrane: Membrane, weights: Weights, events: Iterable[Spike], neuron: int, t: Number) -> Number:
    """Voltage just before ``t``: the sum of the responses to all earlier events, inputs and crossings of any neuron."""
    total = mpmath.mpf(0)
    for event in events:
        if event.time < t:
            total += weights.get((event.neuron, neuron), 0) * membrane.kernel(t - event.time)
            if event.neuron == neuron:
                total -= membrane.theta * membrane.decay(t - event.time)
    return total


def central_difference(f: Callable[[Number], Number], x: Number, step: float = 1e-9) -> Number:
    """``(f(x + h) - f(x - h)) / 2h``: error ``h**2`` from truncation and ``10**-digits / h`` from rounding."""
    h = mpmath.mpf(step)
    return (f(x + h) - f(x - h)) / (2 * h)


def integrate(
    membrane: Membrane, arrivals: Iterable[tuple[float, float]], times: Iterable[float]
) -> tuple[list[float], list[float]]:
    """One neuron by a general solver of differential equations in float64, with the threshold as an event.

    Parameters
    ----------
    membrane : Membrane
    arrivals : iterable of (time, weight)
        Input spikes, in any order.
    times : iterable of float
        Times in s at which the voltage is asked for, ascending; the last ends the simulation.

    Returns
    -------
    crossings, voltages : lists of float
        Accurate to about 1e-10 of the threshold: the solver's relative tolerance is 1e-12.
    """
    alpha, beta, theta = (float(value) for value in (membrane.alpha, membrane.beta, membrane.theta))

    def slope(t: float, x: np.ndarray) -> list[float]:
        return [-beta * x[0] + x[1], -alpha * x[1]]

    def threshold(t: float, x: np.ndarray) -> float:
        return x[0] - theta

    threshold.terminal, threshold.direction = True, 1.0  # type: ignore[attr-defined]
    times = [float(t) for t in times]
    events = [(float(t), float(w)) for t, w in arrivals] + [(t, 0.0) for t in times]
    now, state, crossings, voltages = 0.0, np.zeros(2), [], []
    for t, weight in sorted(events):
        while t > now:
            solution = solve_ivp(
                slope, (now, t), state, method="DOP853", rtol=1e-12, atol=1e-14, events=threshold
            )
            now, state = float(solution.t[-1]), solution.y[:, -1].copy()
            if solution.status == 1:
                crossings.append(now)
                state[0] -= theta
        state[1] += weight
        if weight == 0.0:
            voltages.append(float(state[0]))
    return crossings, voltages
