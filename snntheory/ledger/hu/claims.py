"""What the text of sections 3 to 6 says without a numbered equation."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from ..checking import conditional, holds
from ..entry import Entry, Finding, Verdict

SOURCE = "hu"
_MEM, _SYN, _R, _THRESHOLD = 0.8, 0.6, 1.2, 1.5  # the source's neuron, in seconds


def _number_of_steps() -> Finding:
    lengths = [(n, dt) for dt in (0.1, 0.01, 0.001, 0.05, 0.2) for n in range(1, 200)]
    wrong = [(n, dt) for n, dt in lengths if math.floor(float(Fraction(str(dt)) * n) / dt) != n]
    exact = [(n, dt) for n, dt in lengths if math.floor(Fraction(str(dt)) * n / Fraction(str(dt))) != n]
    nearest = [(n, dt) for n, dt in lengths if round(float(Fraction(str(dt)) * n) / dt) != n]
    example = next(iter(wrong), (0, 0.0))
    return conditional(
        not wrong and not exact,
        not exact and not nearest,
        f"{len(wrong)} of {len(lengths)} windows of n steps come out one step short in float64, for example "
        f"n = {example[0]} at dt = {example[1]:g} s; {len(exact)} in exact arithmetic, "
        f"{len(nearest)} rounded to nearest",
    )


def _explosion() -> Finding:
    def factor(voltage: float, current: float) -> float:
        slope = (_R * current - voltage) / _MEM
        return math.inf if slope == 0 else abs(1 / slope)

    near_zero = factor(1e-6, 1e-6)
    grazing = factor(_THRESHOLD, _THRESHOLD / _R * (1 + 1e-6))
    return conditional(
        near_zero > 1e5 > grazing,
        near_zero > 1e5 and grazing > 1e5,
        f"|dt/du| = {near_zero:.0g} at u = i = 1e-6, where no spike can be; {grazing:.0g} at a spike whose current is "
        f"1e-6 above theta/R = {_THRESHOLD / _R:g}",
    )


def _not_monotone() -> Finding:
    # two crossings of the threshold: an early one that grazes, a later steep one; currents at the crossings
    early, late, end = 0.1, 0.3, 0.8

    def influence(time: float, current: float) -> float:
        return math.exp(-(end - time) / _SYN) / _SYN**2 / abs((_R * current - _THRESHOLD) / _MEM)

    grazing, steep = influence(early, 1.3), influence(late, 4.0)
    same = influence(early, 4.0)
    return holds(
        grazing > steep > same,
        f"on the current at {end:g} s: spike at {early:g} s with slope 0.08, {grazing:.1f}; at {late:g} s with slope "
        f"4.1, {steep:.2f}; at {early:g} s with that slope, {same:.2f}",
    )


def _limit_of_decay() -> Finding:
    window, steps = 5 * _SYN, np.array([1e-1, 1e-3, 1e-5, 1e-6])
    factors = np.exp(-steps / _SYN)
    counts = np.round(window / steps)
    # the product of so many factors, each rounded to float64
    products = factors**counts
    worst = float(np.abs(products / math.exp(-5.0) - 1).max())
    approaches = bool(np.all(np.diff(1 - factors) < 0) and 1 - factors[-1] < 1e-5)
    vanishing_or_exploding = worst > 1e-6
    return conditional(
        approaches and vanishing_or_exploding,
        approaches,
        f"factor of a step {factors[0]:.4f} to {factors[-1]:.7f}; the product over five time constants stays "
        f"exp(-5) to {worst:.0g} with up to {counts[-1]:.0f} factors",
    )


ENTRIES = (
    Entry(
        SOURCE,
        "text, section 3.1",
        "number of steps",
        r"\left\lfloor (t_{\text{post}} - t_{\text{pre}})/\Delta t \right\rfloor",
        Verdict.CONDITION,
        _number_of_steps,
        r"\text{exact arithmetic, or rounding to the nearest integer}",
        "In floating point a window of whole steps loses its last step at many time steps.",
    ),
    Entry(
        SOURCE,
        "text, section 4.2",
        "where the timing factor explodes",
        r"\left(\dot u\right)^{-1} \to \infty\ \text{as}\ u, i \to 0",
        Verdict.CONDITION,
        _explosion,
        r"\left(\dot u\right)^{-1} = \frac{\tau_m}{Ri - u} \to \infty\ \text{on}\ u = Ri,\quad"
        r" \text{at a spike:}\ i \to \vartheta/R",
        "Gradients explode at spikes that graze the threshold; silent neurons do no harm.",
    ),
    Entry(
        SOURCE,
        "text, section 5, order",
        "an earlier spike can have the larger effect",
        r"t_m < t_n \not\Rightarrow \frac{\partial i_k}{\partial u_m} < \frac{\partial i_k}{\partial u_n}",
        Verdict.HOLDS,
        _not_monotone,
    ),
    Entry(
        SOURCE,
        "text, section 5, small steps",
        "a numerical issue at small steps",
        r"\lim_{\Delta t \to 0}\frac{\partial i(t + \Delta t)}{\partial i(t)} = 1\ \text{harms learning}",
        Verdict.CONDITION,
        _limit_of_decay,
        r"\left(e^{-\Delta t/\tau_s}\right)^{T/\Delta t} = e^{-T/\tau_s}",
        "The limit is right and harmless: the number of factors grows as the factors approach one.",
    ),
)
