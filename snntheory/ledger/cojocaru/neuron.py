"""Equations (1) to (9): the neuron, its kernels, and the spike time in closed form."""

from __future__ import annotations

from functools import partial

import mpmath
import numpy as np
import sympy as sp
from scipy.integrate import solve_ivp

from ... import linear
from ...neuron import CubaLIF
from ..checking import conditional, difference, holds, identical, misprint
from ..entry import Entry, Finding, Verdict
from ..event_driven import Membrane, Spike, central_difference, first_crossing, integrate, spikes, voltage
from .closed_form import SOURCE, Sums, crossings, membrane

_t, _tau, _tau_s, _w, _theta = sp.symbols("t tau tau_s w vartheta", positive=True)
_epsilon = _tau * _tau_s / (_tau - _tau_s) * (sp.exp(-_t / _tau) - sp.exp(-_t / _tau_s))
_eta = _theta * sp.exp(-_t / _tau)


def example(seed: int, n_inputs: int = 6) -> tuple[Membrane, list[Spike], dict[tuple[int, int], float]]:
    """One neuron, ``n_inputs`` inputs of one spike each within 0.1 s, weights of both signs."""
    rng = np.random.default_rng(seed)
    inputs = [Spike(mpmath.mpf(float(t)), -1 - i) for i, t in enumerate(rng.uniform(0, 0.1, n_inputs))]
    weights = {(-1 - i, 0): float(w) for i, w in enumerate(rng.uniform(-2, 6, n_inputs))}
    return membrane("0.2"), inputs, weights


def reset_term() -> Finding:
    """A Dirac delta of the voltage, mollified, holds the voltage below threshold; one of the time drops it by theta."""
    tau, tau_s, theta, drive = 0.26, 0.13, 0.2, 5.0
    neuron = Membrane(1 / tau_s, 1 / tau, theta)
    with mpmath.workdps(20):
        crossing = float(
            first_crossing(neuron, drive / (1 / tau - 1 / tau_s), -drive / (1 / tau - 1 / tau_s))
        )
        t_end = crossing + 0.02
        event = [Spike(mpmath.mpf(0), -1), Spike(mpmath.mpf(crossing), 0)]
        exact = float(voltage(neuron, {(-1, 0): drive}, event, 0, mpmath.mpf(t_end)))
    gaussian = lambda x, width: np.exp(-((x / width) ** 2) / 2) / (width * np.sqrt(2 * np.pi))  # noqa: E731
    drift = lambda t, u: -u / tau + drive * np.exp(-t / tau_s)  # noqa: E731
    ends = []
    for width in (1e-2, 1e-3):
        solution = solve_ivp(
            lambda t, u, s=width * theta: drift(t, u) - theta * gaussian(u - theta, s),
            (0.0, t_end),
            [0.0],
            method="Radau",
            rtol=1e-8,
            atol=1e-10,
        )
        ends.append(float(solution.y[0, -1]) / theta)
    in_time = solve_ivp(
        lambda t, u: drift(t, u) - theta * gaussian(t - crossing, 1e-5),
        (0.0, t_end),
        [0.0],
        max_step=2e-5,
        method="RK45",
        rtol=1e-9,
        atol=1e-11,
    )
    corrected = float(in_time.y[0, -1])
    return misprint(
        printed=abs(ends[-1] * theta - exact) < 0.1 * theta,
        corrected=abs(corrected - exact) < 1e-3 * theta,
        evidence=f"20 ms after the crossing u is {ends[0]:.3f} and {ends[1]:.3f} thresholds for a delta of "
        "the voltage of width "
        f"1 % and 0.1 %: it sticks; for a delta of the time {corrected / theta:.3f}, exactly "
        f"{exact / theta:.3f}",
    )


def synaptic_current() -> Finding:
    """The current jumps by w and decays; in canonical units that is a weight w tau_s and r = tau."""
    current = _w * sp.exp(-_t / _tau_s)
    solves = identical(sp.diff(current, _t), -current / _tau_s) and current.subs(_t, 0) == _w
    neuron = CubaLIF(tau_mem=0.26, tau_syn=0.13, r=0.26)
    t = np.linspace(0.01, 0.5, 30)
    canonical = linear.kernel(neuron, t) * (1.7 * 0.13)
    solution = solve_ivp(
        lambda t, x: [-x[0] / 0.26 + x[1], -x[1] / 0.13],
        (0, 0.5),
        [0.0, 1.7],
        t_eval=t,
        rtol=1e-11,
        atol=1e-13,
    )
    error = difference(canonical, solution.y[0])
    return holds(
        solves and error < 1e-8,
        f"jump w, decay tau_s; kernel of the canonical neuron (r = tau, weight w tau_s) within {error:.0e}",
    )


def delta_function() -> Finding:
    """Boxes of area 1 and 2 have the same pointwise limit, so the printed values do not fix the jump of g."""
    n, x = sp.symbols("n x", positive=True)
    areas, limits = [], []
    for factor in (1, 2):
        areas.append(sp.integrate(factor * n, (x, -1 / (2 * n), 1 / (2 * n))))
        away = sp.Piecewise((factor * n, sp.Rational(1, 3) < 1 / (2 * n)), (0, True))
        limits.append((sp.limit(factor * n, n, sp.oo), sp.limit(away.subs(n, 1 / x), x, 0)))
    same_values = limits[0] == limits[1] == (sp.oo, 0)
    return conditional(
        in_general=areas[0] == areas[1],
        under_condition=same_values and areas[0] == 1,
        evidence=f"boxes n and 2n wide 1/n: both tend to the printed values, with areas {areas[0]} and "
        f"{areas[1]}; "
        "the unit area stated below (3) decides",
    )


def spike_response_model() -> Finding:
    """Sum of kernels against a general solver with reset."""
    errors, counts = [], 0
    with mpmath.workdps(20):
        for seed in range(3):
            neuron, inputs, weights = example(seed)
            fired = spikes(neuron, weights, inputs, mpmath.mpf("0.3"))
            times = np.linspace(0.013, 0.3, 40)
            arrivals = [(s.time, weights[s.neuron, 0]) for s in inputs]
            found, voltages = integrate(neuron, arrivals, times)
            model = [float(voltage(neuron, weights, [*inputs, *fired], 0, mpmath.mpf(t))) for t in times]
            same = len(found) == len(fired)
            errors.append(difference(voltages, model) if same else np.inf)
            counts += len(fired)
    return holds(
        max(errors) < 1e-8, f"{counts} spikes, largest difference from a general solver {max(errors):.0e}"
    )


def psp_kernel() -> Finding:
    """The kernel solves (1) and (2) from rest; for tau = tau_s it reads 0/0 and its limit is t exp(-t/tau)."""
    solves = identical(sp.diff(_epsilon, _t) + _epsilon / _tau, sp.exp(-_t / _tau_s))
    rest = _epsilon.subs(_t, 0) == 0
    printed_at_equal = _epsilon.subs(_tau_s, _tau)
    limit = sp.limit(_epsilon, _tau_s, _tau)
    return conditional(
        in_general=bool(printed_at_equal.is_finite),
        under_condition=solves and rest and identical(limit, _t * sp.exp(-_t / _tau)),
        evidence=f"solves (1), (2) from rest for a jump of 1; at tau = tau_s it reads {printed_at_equal}, "
        f"the limit is {limit}",
    )


def refractory_kernel() -> Finding:
    """The response to a drop of theta."""
    solves = identical(sp.diff(_eta, _t), -_eta / _tau) and _eta.subs(_t, 0) == _theta
    return holds(solves, "solves (1) without input from u = theta")


def heaviside_at_zero() -> Finding:
    """The value at 0 does not matter for epsilon, but a spike must not be reset by itself."""
    with mpmath.workdps(20):
        neuron, inputs, weights = example(0)
        fired = spikes(neuron, weights, inputs, mpmath.mpf("0.3"))
        before = [voltage(neuron, weights, [*inputs, *fired], 0, s.time) for s in fired]
        with_zero = max(abs(float(u / neuron.theta - 1)) for u in before)
        with_one = max(abs(float((u - neuron.theta) / neuron.theta)) for u in before)
    indifferent = _epsilon.subs(_t, 0) == 0
    return holds(
        indifferent and with_zero < 1e-15 and with_one < 1e-15,
        f"with 0 at 0, u = theta at all {len(fired)} spikes within {with_zero:.0e}; with 1 at 0 each spike "
        "would "
        "count in its own equation and u would be 0 there; epsilon(0) = 0 for either value",
    )


def polynomial() -> Finding:
    """u = theta, divided by tau, with two inputs and one earlier spike of the neuron."""
    t1, t2, w1, w2, t0 = sp.symbols("t_1 t_2 w_1 w_2 t_0", positive=True)
    kernel = lambda s: _epsilon.subs(_tau_s, _tau / 2).subs(_t, s)  # noqa: E731
    u = w1 * kernel(_t - t1) + w2 * kernel(_t - t2) - _eta.subs(_t, _t - t0)
    a = w1 * sp.exp(t1 / (_tau / 2)) + w2 * sp.exp(t2 / (_tau / 2))
    b = w1 * sp.exp(t1 / _tau) + w2 * sp.exp(t2 / _tau) - _theta / _tau * sp.exp(t0 / _tau)
    e = sp.exp(-_t / _tau)
    at_half = identical((u - _theta) / _tau, -a * e**2 + b * e - _theta / _tau)
    return holds(at_half, "u(t) - theta is tau times the polynomial, identically in two inputs and a reset")


def spike_time() -> Finding:
    """(8) after each event against Newton's method on the voltage."""
    agree = early = late = undefined = missed = 0
    largest = 0.0
    with mpmath.workdps(30):
        for seed in range(12):
            neuron, inputs, weights = example(seed, 8)
            fired = spikes(neuron, weights, inputs, mpmath.mpf("0.3"))
            events = sorted([*inputs, *fired], key=lambda s: s.time)
            sums = Sums(neuron.theta, 1 / neuron.beta)
            for index, event in enumerate(events):
                if event.neuron < 0:
                    sums.receive(event.time, weights[event.neuron, 0])
                else:
                    sums.reset(event.time)
                following = events[index + 1] if index + 1 < len(events) else Spike(mpmath.mpf("0.3"), -1)
                root = sums.candidate()
                if root is None:
                    undefined += 1
                    missed += following.neuron == 0
                elif root.t <= event.time:
                    early += 1
                    missed += following.neuron == 0
                elif root.t > following.time + mpmath.mpf("1e-25"):
                    late += 1
                    missed += following.neuron == 0
                else:
                    agree += 1
                    missed += following.neuron != 0
                    largest = max(largest, float(abs(root.t - following.time)))
    return conditional(
        in_general=early + late == 0,
        under_condition=missed == 0 and largest < 1e-24,
        evidence=f"{agree} spikes agree within {largest:.0e} s; {late} roots lie after the next input, "
        f"{early} before the last "
        f"event, {undefined} are not real: none of these is a spike",
    )


def slope_error() -> float:
    """Largest relative difference of x exp(-t/tau) from a central difference of the voltage, in an example."""
    with mpmath.workdps(30):
        neuron, inputs, weights = example(0)
        arrivals = [(s.time, weights[s.neuron, 0]) for s in inputs]
        worst = 0.0
        for root in crossings(arrivals, neuron.theta, mpmath.mpf("0.3")):
            before = [s for s in inputs if s.time < root.t]
            own = [
                Spike(s.t, 0) for s in crossings(arrivals, neuron.theta, mpmath.mpf("0.3")) if s.t < root.t
            ]
            slope = central_difference(partial(voltage, neuron, weights, [*before, *own], 0), root.t)
            worst = max(worst, float(abs(root.x * mpmath.exp(-root.t * neuron.beta) / slope - 1)))
    return worst


def discriminant() -> Finding:
    """x is the slope of the voltage at the crossing, up to a factor; it is real where u reaches the threshold."""
    a, b = sp.symbols("a b", positive=True)
    u = _tau * (b * sp.exp(-_t / _tau) - a * sp.exp(-2 * _t / _tau))
    top = _tau * sp.log(2 * a / b)
    peak = sp.simplify(u.subs(_t, top))
    square = b**2 - 4 * a * _theta / _tau
    is_peak = identical(sp.diff(u, _t).subs(_t, top))
    excess = identical(square, 4 * a / _tau * (peak - _theta))
    error = slope_error()
    return conditional(
        in_general=bool(square.subs({a: 1, b: 1, _theta: 1, _tau: 1}) >= 0),
        under_condition=is_peak and excess and error < 1e-15,
        evidence=f"x^2 = 4a/tau (max u - theta) with max u = {peak}; x exp(-t/tau) is du/dt at the crossing "
        f"within {error:.0e}",
    )


ENTRIES: tuple[Entry, ...] = (
    Entry(
        SOURCE,
        "(1)",
        "Membrane with soft reset",
        r"\dot u = -\frac{u}{\tau} + g - \vartheta\,\delta\left(u - \vartheta\right)",
        Verdict.MISPRINT,
        reset_term,
        r"\dot u = -\frac{u}{\tau} + g - \vartheta \sum_k \delta\left(t - t_k\right), \qquad u(t_k^-) = "
        r"\vartheta",
        "Read literally, the term is an infinite barrier just below the threshold: the voltage sticks there "
        "and is never reset.",
    ),
    Entry(
        SOURCE,
        "(2)",
        "Synaptic current",
        r"\dot g = -\frac{g}{\tau_s} + \sum_i w_i \sum_z \delta\left(t - t_z^{(i)}\right)",
        Verdict.HOLDS,
        synaptic_current,
        consequence="The current jumps by w, not by w over tau_s: divide weights by tau_s on the way from "
        "the canonical neuron.",
    ),
    Entry(
        SOURCE,
        "(3)",
        "Dirac delta by its values",
        r"\delta(0) = +\infty, \qquad \delta(x) = 0 \text{ for } x \neq 0",
        Verdict.CONDITION,
        delta_function,
        r"\int_{-\infty}^{\infty} \delta(x)\,\mathrm{d}x = 1",
        "The values alone leave the jump of the current open; the unit area, stated after (3), is the "
        "definition.",
    ),
    Entry(
        SOURCE,
        "(4)",
        "Spike response model",
        r"u(t) = \sum_i w_i \sum_z \epsilon\left(t - t_z^{(i)}\right) - \sum_k \eta\left(t - t_k\right)",
        Verdict.HOLDS,
        spike_response_model,
    ),
    Entry(
        SOURCE,
        "(5)",
        "Post-synaptic kernel",
        r"\epsilon(t) = \Theta(t)\,\frac{\tau\tau_s}{\tau - \tau_s}\left(e^{-t/\tau} - e^{-t/\tau_s}\right)",
        Verdict.CONDITION,
        psp_kernel,
        r"\tau \neq \tau_s; \qquad \lim_{\tau_s \to \tau} \epsilon(t) = \Theta(t)\,t\,e^{-t/\tau}",
        "Division by zero for equal time constants, loss of digits for neighbouring ones.",
    ),
    Entry(
        SOURCE,
        "(6)",
        "Refractory kernel",
        r"\eta(t) = \Theta(t)\,\vartheta\,e^{-t/\tau}",
        Verdict.HOLDS,
        refractory_kernel,
    ),
    Entry(
        SOURCE,
        "(7)",
        "Heaviside function, 0 at 0",
        r"\Theta(x) = 1 \text{ for } x > 0, \qquad \Theta(x) = 0 \text{ for } x \leq 0",
        Verdict.HOLDS,
        heaviside_at_zero,
        consequence="With 1 at 0 each spike would enter the sum b of its own equation.",
    ),
    Entry(
        SOURCE,
        "text, section 2.2",
        "Polynomial of a spike time",
        r"0 = -a_k E^2 + b_k E - c, \quad E = e^{-t_k/\tau}, \quad a_k = \sum_{t_z < t_k} w_z "
        r"e^{t_z/\tau_s}, \quad "
        r"b_k = \sum_{t_z < t_k} w_z e^{t_z/\tau} - \frac{\vartheta}{\tau} \sum_{m < k} e^{t_m/\tau}, \quad "
        r"c = \frac{\vartheta}{\tau}, \qquad \tau = 2\tau_s",
        Verdict.HOLDS,
        polynomial,
    ),
    Entry(
        SOURCE,
        "(8)",
        "Spike time in closed form",
        r"t_k = \tau \ln\frac{2 a_k}{b_k + x_k}",
        Verdict.CONDITION,
        spike_time,
        r"t_{\mathrm{last}} < t_k \leq t_{\mathrm{next}}, \qquad a_k > 0, \quad b_k^2 \geq 4 a_k c",
        "The sums depend on which inputs precede the spike: a root outside the interval between the last and "
        "the next event is no spike.",
    ),
    Entry(
        SOURCE,
        "(9)",
        "Discriminant",
        r"x_k = \sqrt{b_k^2 - 4 a_k c}",
        Verdict.CONDITION,
        discriminant,
        r"x_k = e^{t_k/\tau}\,\dot u(t_k^-), \qquad x_k \in \mathbb{R} \iff \max u = \frac{\tau b_k^2}{4 "
        r"a_k} \geq \vartheta",
        "x is the slope at threshold: every derivative of a spike time divides by it and grows without bound "
        "where the voltage grazes.",
    ),
)
