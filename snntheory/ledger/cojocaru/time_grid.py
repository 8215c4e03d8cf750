"""Equations (14) to (16): spike times rounded up to a grid, and what that does to timing, counts and gradients."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import mpmath
import numpy as np
import sympy as sp

from ... import linear
from ...neuron import CubaLIF
from ..checking import conditional, holds
from ..entry import Entry, Finding, Verdict
from ..event_driven import central_difference
from .closed_form import SOURCE, TAU_SYN, crossings, derivatives

WINDOW, INPUT_END, TARGET = Fraction(2, 10), Fraction(1, 10), 15
"""Simulated time in s, time of the latest input in s, wanted spikes of the true class: section 4.1."""


def rounded(t: Fraction, dt: Fraction) -> Fraction:
    """Equation (14) in exact arithmetic."""
    return t + dt - t % dt


def on_the_grid() -> Finding:
    """A multiple of dt, never earlier, but not the first one: a multiple of dt moves on by a whole step."""
    rng = np.random.default_rng(1)
    dt = Fraction(1, 1000)
    general = [Fraction(int(n), 1_000_003) for n in rng.integers(1, 200_000, 1000)]
    multiples = [k * dt for k in range(100)]
    allowed = all(rounded(t, dt) % dt == 0 and rounded(t, dt) >= t for t in [*general, *multiples])
    first = all(rounded(t, dt) == ceil(t / dt) * dt for t in general)
    moved = {rounded(t, dt) - t for t in multiples}
    return conditional(
        in_general=allowed and first and moved == {0},
        under_condition=allowed and first and moved == {dt},
        evidence=f"1000 times off the grid go to the first multiple after them; {len(multiples)} multiples "
        "of dt all move by "
        f"{float(max(moved) / dt):.0f} step, and would again: the function is not its own repetition",
    )


def late_share(times: np.ndarray, dt: np.float32) -> float:
    """Share of float32 ``times`` k dt that (14), computed in float32, moves to (k + 1) dt."""
    moved = times + dt - np.fmod(times, dt)
    steps = [np.round(x.astype(np.float64) / float(dt)) for x in (times, moved)]
    return float(np.mean(steps[1] > steps[0]))


def pixel_lattice() -> Finding:
    """Input times 0.1 s (1 - p/255): which of them are multiples of dt, and what float32 makes of them."""
    levels = np.arange(1, 256)
    exact = [INPUT_END * (1 - Fraction(int(p), 255)) for p in levels]
    resonant, step = INPUT_END / 255, Fraction(5, 1000)
    on_grid = [sum(t % dt == 0 for t in exact) for dt in (resonant, step)]
    one = np.float32(1)
    single = np.float32(0.1) * (one - levels.astype(np.float32) / np.float32(255))
    stored = (0.1 * (1 - levels / 255)).astype(np.float32)
    late = [100 * late_share(times, np.float32(0.1 / 255)) for times in (single, stored)]
    return conditional(
        in_general=on_grid == [0, 0],
        under_condition=on_grid[0] == 255
        and all(25 < share < 75 for share in late)
        and rounded(exact[-1], step) == step,
        evidence=f"of 255 levels {on_grid[0]} are multiples of 0.1/255 s and {on_grid[1]} of 5 ms; at dt = "
        "0.1/255 s float32 moves "
        f"{late[0]:.0f} % of them a step further than the rest ({late[1]:.0f} % if the times are computed in "
        "float64)",
    )


def displacement() -> Finding:
    """Mean and root mean square of the shift for a uniform phase, and of real spike times."""
    t, dt = sp.symbols("t Delta_t", positive=True)
    mean = sp.integrate((dt - t) / dt, (t, 0, dt))
    rms = sp.sqrt(sp.integrate((dt - t) ** 2 / dt, (t, 0, dt)))
    theory = sp.simplify(mean - dt / 2) == 0 and sp.simplify(rms - dt / sp.sqrt(3)) == 0
    rng = np.random.default_rng(2)
    measured = []
    with mpmath.workdps(16):
        found = [
            s.t
            for _ in range(60)
            for s in crossings(
                [
                    (float(x), float(w))
                    for x, w in zip(rng.uniform(0, 0.1, 10), rng.uniform(-1, 3, 10), strict=True)
                ],
                mpmath.mpf("0.2"),
                mpmath.mpf("0.2"),
            )
        ]
        for step in (0.002, 0.004, 0.008):
            shift = np.array([float(step - mpmath.fmod(x, step)) for x in found]) / step
            measured.append((shift.mean(), np.sqrt(np.mean(shift**2))))
    tolerance = 4 * np.sqrt(1 / 12 / len(found))  # four standard errors of the mean of a uniform phase
    close = all(abs(m - 0.5) < tolerance and abs(r - 3**-0.5) < tolerance for m, r in measured)
    return holds(
        theory and close,
        f"mean dt/2, RMS dt/sqrt(3) = 0.577 dt; {len(found)} spikes at 2, 4, 8 ms: "
        + ", ".join(f"{m:.3f} and {r:.3f} dt" for m, r in measured),
    )


def derivative_of_rounding() -> Finding:
    """The derivative of (14) is 0; its average over a step is 1."""
    dt = Fraction(1, 1000)
    points = [Fraction(k + 1, 7919) for k in range(40)]  # a prime: never a multiple of dt
    h = Fraction(1, 10**9)
    local = {(rounded(t + h, dt) - rounded(t - h, dt)) / (2 * h) for t in points}
    average = {(rounded(t + dt, dt) - rounded(t, dt)) / dt for t in points}
    return conditional(
        in_general=local == {1},
        under_condition=local == {0} and average == {1},
        evidence="at 40 points off the grid the derivative is 0 and the difference quotient over one step is "
        "exactly 1: "
        "1 is the derivative of the mean over the grid's phase",
    )


def sensitivity(dt: float) -> dict[str, float]:
    """Relative errors of dt_k/dt_z for a neuron that receives rounded spikes, by the times put into the formula.

    The reference is the central difference of the neuron's first spike with respect to the time of one arrival.
    """
    with mpmath.workdps(30):
        step, theta, tau = mpmath.mpf(dt), mpmath.mpf("0.2"), 2 * mpmath.mpf(TAU_SYN)
        exact = [mpmath.mpf(x) for x in ("0.0111", "0.0237", "0.0302")]
        weights = [mpmath.mpf(w) for w in ("4", "-1.5", "3")]
        arrivals = [t + step - mpmath.fmod(t, step) for t in exact]

        def first(t: mpmath.mpf) -> mpmath.mpf:
            return crossings([(t, weights[0]), *zip(arrivals[1:], weights[1:], strict=True)], theta, 1)[0]

        spike = first(arrivals[0])
        measured = central_difference(lambda t: first(t).t, arrivals[0])
        result = {}
        for name, times in (("rounded", arrivals), ("not rounded", exact)):
            before = [(t, w) for t, w, seen in zip(times, weights, arrivals, strict=True) if seen < spike.t]
            a = sum(w * mpmath.exp(2 * t / tau) for t, w in before)
            b = sum(w * mpmath.exp(t / tau) for t, w in before)
            x = mpmath.sqrt(b**2 - 4 * a * theta / tau)
            f, h = derivatives(type(spike)(spike.t, a, b, x), theta)
            t, w = times[0], weights[0]
            formula = w * (f * mpmath.exp(2 * t / tau) * 2 / tau - h * mpmath.exp(t / tau) / tau)
            result[name] = float(abs(formula / measured - 1))
        return result


def straight_through_chain() -> Finding:
    """(16) follows from (15) when both sides are taken at the times that the receiver sees."""
    errors = sensitivity(0.005)
    return conditional(
        in_general=errors["rounded"] < 1e-15 and errors["not rounded"] < 1e-15,
        under_condition=errors["rounded"] < 1e-15,
        evidence=f"derivative of the receiver's spike with respect to an arrival, dt = 5 ms: error "
        f"{errors['rounded']:.0e} at the "
        f"rounded arrivals, {errors['not rounded']:.0e} with times that are not rounded",
    )


def undiscretised_backward() -> Finding:
    """Formulas fed with unrounded arrival times differentiate a network that was not run."""
    errors = {dt: sensitivity(dt) for dt in (0.001, 0.002, 0.005, 0.01)}
    wrong = [errors[dt]["not rounded"] for dt in errors]
    right = max(e["rounded"] for e in errors.values())
    return conditional(
        in_general=max(wrong) < 1e-10,
        under_condition=right < 1e-15 and min(wrong) > 1e-4,
        evidence="error of a derivative with unrounded arrivals: "
        + ", ".join(f"{100 * e:.0f} % at {1e3 * dt:g} ms" for dt, e in zip(errors, wrong, strict=True))
        + f"; with the arrivals as received {right:.0e}",
    )


def one_spike_a_step() -> Finding:
    """The reset acts at the exact crossing: several spikes of one neuron can get the same grid time."""
    rows, apart = [], True
    with mpmath.workdps(20):
        drive = [(mpmath.mpf("0.001"), mpmath.mpf(60))], mpmath.mpf("0.2"), mpmath.mpf("0.2")
        train = [s.t for s in crossings(*drive)]
        gap = min(b - a for a, b in zip(train, train[1:], strict=False))
        for dt in (0.0005, 0.005, 0.01):
            distinct = len({int(mpmath.floor(t / dt)) for t in train})
            rows.append((dt, distinct, len(crossings(*drive, search_from=mpmath.mpf(dt)))))
            apart = apart and (distinct == len(train) or gap < dt)
    return conditional(
        in_general=all(distinct == len(train) for _, distinct, _ in rows),
        under_condition=apart and rows[0][1:] == (len(train), len(train)) and gap > 0.0005,
        evidence=f"{len(train)} crossings, the closest {float(1e3 * gap):.1f} ms apart: "
        + ", ".join(f"{distinct} grid times at {1e3 * dt:g} ms" for dt, distinct, _ in rows)
        + f"; a search that goes on from the rounded time finds {', '.join(str(found) for *_, found in rows)}",
    )


def capacity() -> Finding:
    """Grid times in the window: a neuron that sends one spike a step cannot send fifteen beyond a largest dt."""
    largest = WINDOW / TARGET
    fits = lambda dt: floor(WINDOW / dt) >= TARGET  # noqa: E731
    steps = [Fraction(n, 10_000) for n in range(5, 160)]
    limit = max(dt for dt in steps if all(fits(other) for other in steps if other <= dt))
    latest = {dt: WINDOW - (TARGET - 1) * dt for dt in (Fraction(9, 1000), Fraction(1, 100))}
    return conditional(
        in_general=all(fits(dt) for dt in steps),
        under_condition=abs(limit - largest) < Fraction(1, 10_000),
        evidence=f"15 grid times fit into 0.2 s up to dt = {float(1e3 * largest):.1f} ms; the first must "
        "come by "
        + " and ".join(f"{float(1e3 * t):.0f} ms at {float(1e3 * dt):.0f} ms" for dt, t in latest.items())
        + ", with inputs until 100 ms",
    )


def lost_at_the_end() -> Finding:
    """A spike is lost when (14) moves it out of the window: the share is (T mod dt)/T, which does not grow with dt."""
    lost = {}
    for ms in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10):
        dt = Fraction(ms, 1000)
        times = [WINDOW * Fraction(2 * k + 1, 4000) for k in range(2000)]
        lost[ms] = Fraction(sum(rounded(t, dt) > WINDOW for t in times), len(times))
    predicted = all(
        abs(share - WINDOW % Fraction(ms, 1000) / WINDOW) <= Fraction(1, 2000) for ms, share in lost.items()
    )
    shares = list(lost.values())
    grows = all(a <= b for a, b in zip(shares, shares[1:], strict=False))
    bounded = all(share <= Fraction(ms, 1000) / WINDOW for ms, share in lost.items())
    return conditional(
        in_general=grows,
        under_condition=predicted and bounded,
        evidence="uniform times lost by one rounding: "
        + ", ".join(f"{100 * float(lost[ms]):.0f} % at {ms} ms" for ms in (3, 5, 7, 8, 9, 10))
        + "; only the bound dt/T grows",
    )


def no_instability() -> Finding:
    """The largest step is far below every limit of linear stability: the errors are errors of timing."""
    neuron = CubaLIF(tau_mem=0.26, tau_syn=0.13, r=0.26)
    limit = linear.discretize(neuron, 0.01, "forward_euler").max_stable_dt
    ratio = 0.01 / 0.13
    pole = max(abs(linear.discretize(neuron, 0.01, "forward_euler").poles))
    return conditional(
        in_general=0.01 > limit,
        under_condition=ratio < 0.077 and pole < 1,
        evidence=f"dt/tau_s = {ratio:.3f} at 10 ms; forward Euler, the least stable scheme, would allow "
        f"{1e3 * limit:.0f} ms; "
        "spike times are in closed form at any dt",
    )


ENTRIES: tuple[Entry, ...] = (
    Entry(
        SOURCE,
        "text, section 3.1",
        "On the grid and never early",
        r"\tilde t_k \equiv 0 \pmod{\Delta t}, \qquad \tilde t_k \geq t_k",
        Verdict.HOLDS,
        lambda: holds(
            all(
                rounded(t, dt) % dt == 0 and 0 <= rounded(t, dt) - t <= dt
                for dt in (Fraction(1, 2000), Fraction(3, 1000), Fraction(1, 100))
                for t in (Fraction(k, 7919) for k in range(1000))
            ),
            "3000 rational times: multiples of dt, between 0 and dt late",
        ),
    ),
    Entry(
        SOURCE,
        "(14)",
        "Rounding to the grid",
        r"\tilde t = t + \Delta t - \left(t \bmod \Delta t\right)",
        Verdict.CONDITION,
        on_the_grid,
        r"\tilde t = \Delta t \left\lceil \frac{t}{\Delta t} \right\rceil",
        "A time that is on the grid already moves on by a whole step; the ceiling leaves it where it is.",
    ),
    Entry(
        SOURCE,
        "text, section 4.1 (lattice)",
        "Input times meet the grid",
        r"t = 0.1\,\mathrm{s}\left(1 - \frac{p}{255}\right), \qquad p \in \{1, \dots, 255\}",
        Verdict.CONDITION,
        pixel_lattice,
        r"\frac{t}{\Delta t} \notin \mathbb{Z}",
        "Grey levels lie on a lattice of 0.1/255 s: at steps that share multiples with it, rounding of "
        "float32 decides about a whole step.",
    ),
    Entry(
        SOURCE,
        "text, section 5 (displacement)",
        "Displacement grows with the step",
        r"\mathrm{E}\left[\tilde t - t\right] = \frac{\Delta t}{2}, \qquad "
        r"\sqrt{\mathrm{E}\left[(\tilde t - t)^2\right]} = \frac{\Delta t}{\sqrt 3}",
        Verdict.HOLDS,
        displacement,
    ),
    Entry(
        SOURCE,
        "(15)",
        "Straight-through derivative",
        r"\frac{\partial \tilde t}{\partial t} \approx 1",
        Verdict.CONDITION,
        derivative_of_rounding,
        r"\frac{\partial \tilde t}{\partial t} = 0 \text{ off the grid}, \qquad "
        r"\frac{\tilde t(t + \Delta t) - \tilde t(t)}{\Delta t} = 1",
        "The gradient is that of a network whose grid has a random phase, not that of the network which is "
        "run.",
    ),
    Entry(
        SOURCE,
        "(16)",
        "Error of a rounded spike",
        r"\frac{\partial \mathcal{L}}{\partial t_k} \approx \frac{\partial \mathcal{L}}{\partial \tilde t_k}",
        Verdict.CONDITION,
        straight_through_chain,
        r"\frac{\partial \mathcal{L}}{\partial \tilde t_k} \text{ evaluated at } \tilde t_z \text{ of all "
        r"arrivals}",
        "The right side must be evaluated at the rounded arrivals; otherwise the approximation (15) is not "
        "the only one made.",
    ),
    Entry(
        SOURCE,
        "text, section 3.2 (backward pass)",
        "Unrounded times in the backward pass",
        r"\frac{\partial t_k}{\partial t_z} = w\left(\frac{f_k}{\tau_s}\,e^{t_z/\tau_s} - "
        r"\frac{h_k}{\tau}\,e^{t_z/\tau}\right) "
        r"\text{ at the unrounded } t_z",
        Verdict.CONDITION,
        undiscretised_backward,
        r"t_k \text{ unrounded}, \quad t_z \to \tilde t_z \text{ for arrivals}",
        "Right for a neuron's own crossing and reset; wrong for arrivals, where the sums a and b no longer "
        "fit the spike time.",
    ),
    Entry(
        SOURCE,
        "text, section 3.2 (forward pass)",
        "Only communication is rounded",
        r"t_k \mapsto \tilde t_k \text{ for each crossing, reset at } t_k",
        Verdict.CONDITION,
        one_spike_a_step,
        r"t_{k+1} - t_k \geq \Delta t",
        "Two crossings within a step get one grid time: hardware that sends one spike a step loses the "
        "others, and the gradient does not know.",
    ),
    Entry(
        SOURCE,
        "text, section 4.2 (target)",
        "Fifteen spikes in the window",
        r"y = 15 \text{ spikes within } T = 0.2\,\mathrm{s} \text{ at every } \Delta t",
        Verdict.CONDITION,
        capacity,
        r"\Delta t \leq \frac{T - t_1}{y - 1}, \qquad \Delta t \leq \frac{T}{y} = 13.3\,\mathrm{ms}",
        "Above that step, and below it for neurons that start late, the target cannot be reached: accuracy is lost "
        "there whatever the gradient.",
    ),
    Entry(
        SOURCE,
        "text, section 5 (end of window)",
        "Spikes lost at the end",
        r"\Delta t_1 < \Delta t_2 \Rightarrow \text{ more spikes lost at } \Delta t_2",
        Verdict.CONDITION,
        lost_at_the_end,
        r"\Pr\left[\tilde t > T\right] = \frac{T \bmod \Delta t}{T} \leq \frac{\Delta t}{T}",
        "One rounding loses nothing at 5, 8 or 10 ms, which divide the window, and a hundredth at 3 and 9 "
        "ms.",
    ),
    Entry(
        SOURCE,
        "text, section 6 (numerical errors)",
        "Large steps bring numerical errors",
        r"\frac{\Delta t}{\tau_s} \leq 0.077",
        Verdict.CONDITION,
        no_instability,
        r"\Delta t \ll 2\min(\tau, \tau_s) = 260\,\mathrm{ms}",
        "The errors are displaced spikes and their gradients; no recursion of this study is near "
        "instability.",
    ),
)
