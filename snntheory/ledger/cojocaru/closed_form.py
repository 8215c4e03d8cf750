"""The closed form of the source, for ``tau = 2 tau_syn``: spike times, and the derivatives of a spike time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import mpmath

from ..event_driven import Membrane

Number = Any

SOURCE = "cojocaru"
TAU_SYN = "0.13"
"""Seconds: the source's value for every layer of every experiment."""


def membrane(theta: Any) -> Membrane:
    """The source's neuron with ``tau_syn`` of its experiments and ``tau = 2 tau_syn``."""
    tau_syn = mpmath.mpf(TAU_SYN)
    return Membrane(1 / tau_syn, 1 / (2 * tau_syn), mpmath.mpf(theta))


@dataclass(frozen=True)
class Crossing:
    """Spike time ``t`` of equation (8), with the sums ``a``, ``b`` and the root ``x`` it was computed from."""

    t: Number
    a: Number
    b: Number
    x: Number


@dataclass
class Sums:
    """Running sums ``a``, ``b`` of one neuron."""

    theta: Number
    tau: Number
    a: Number = field(default_factory=lambda: mpmath.mpf(0))
    b: Number = field(default_factory=lambda: mpmath.mpf(0))

    @property
    def c(self) -> Number:
        return self.theta / self.tau

    def receive(self, t: Number, weight: Number) -> None:
        """Count an input spike."""
        self.a += weight * mpmath.exp(2 * t / self.tau)
        self.b += weight * mpmath.exp(t / self.tau)

    def reset(self, t: Number) -> None:
        """Count the neuron's own spike."""
        self.b -= self.c * mpmath.exp(t / self.tau)

    def candidate(self) -> Crossing | None:
        """Equation (8) with the sums as they are; nothing where it is not a real number."""
        square = self.b**2 - 4 * self.a * self.c
        if square < 0:
            return None
        x = mpmath.sqrt(square)
        if self.b + x == 0 or 2 * self.a / (self.b + x) <= 0:
            return None
        return Crossing(self.tau * mpmath.log(2 * self.a / (self.b + x)), self.a, self.b, x)


def crossings(
    arrivals: Iterable[tuple[Number, Number]], theta: Number, t_max: Number, search_from: Number | None = None
) -> list[Crossing]:
    """Spikes of one neuron: (8) after each event, kept when it falls before the next.

    Parameters
    ----------
    arrivals : iterable of (time, weight)
    theta, t_max : number
        Threshold; end of the simulation in seconds.
    search_from : number, optional
        A time step: look for the next spike only after the rounded time (14) of the last one, as a program does
        that keeps nothing but rounded times. By default after the crossing itself.
    """
    ordered = sorted(arrivals)
    sums = Sums(theta, 2 * mpmath.mpf(TAU_SYN))
    found: list[Crossing] = []
    for index, (last, weight) in enumerate(ordered):
        sums.receive(last, weight)
        following = ordered[index + 1][0] if index + 1 < len(ordered) else t_max
        while (new := sums.candidate()) is not None and last < new.t <= following:
            found.append(new)
            sums.reset(new.t)
            last = new.t
            if search_from is not None:
                last += search_from - mpmath.fmod(new.t, search_from)
    return found


def derivatives(crossing: Crossing, theta: Number) -> tuple[Number, Number]:
    """``f = dt/da`` and ``h = -dt/db`` of a crossing."""
    tau = 2 * mpmath.mpf(TAU_SYN)
    c = theta / tau
    f = tau / crossing.a * (1 + c / crossing.x * mpmath.exp(crossing.t / tau))
    return f, tau / crossing.x
