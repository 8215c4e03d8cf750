"""Equations (1) to (5): synapse, kernel, superposition, and the reset as a decaying drop."""

from __future__ import annotations

import mpmath
import numpy as np
import sympy as sp

from ... import linear
from ...neuron import CubaLIF
from ..checking import conditional, difference, holds, identical, misprint
from ..entry import Entry, Finding, Verdict
from ..event_driven import Membrane, Spike, integrate, spikes, voltage
from .forward_propagation import SOURCE, feed_forward, membrane

_t, _f, _alpha, _beta, _theta = sp.symbols("t f alpha beta theta", positive=True)
_kernel = (sp.exp(-_alpha * _t) - sp.exp(-_beta * _t)) / (_beta - _alpha)


def single(seed: int) -> tuple[Membrane, dict[tuple[int, int], float], list[Spike], list[Spike]]:
    """One neuron with five inputs of two spikes each: membrane, weights, inputs and firing times."""
    rng = np.random.default_rng(seed)
    cell = membrane()
    inputs = [Spike(mpmath.mpf(float(t)), -1 - i % 5) for i, t in enumerate(rng.uniform(0, 4, 10))]
    weights = {(-1 - i, 0): float(w) for i, w in enumerate(rng.uniform(-1, 3, 5))}
    return cell, weights, inputs, spikes(cell, weights, inputs, mpmath.mpf(8))


def synaptic_current() -> Finding:
    """The convolution of a decaying exponential with a delta, by integration."""
    s = sp.Symbol("s", real=True)
    shifted = sp.integrate(sp.exp(-_alpha * (_t - s)) * sp.DiracDelta(s - _f), (s, -sp.oo, sp.oo))
    same = identical(shifted, sp.exp(-_alpha * (_t - _f)))
    response = sp.exp(-_alpha * _t)
    solves = identical(sp.diff(response, _t), -_alpha * response) and response.subs(_t, 0) == 1
    return holds(
        same and solves, "convolution with a delta shifts the response; it solves I' = -alpha I from 1"
    )


def joint_kernel() -> Finding:
    """The convolution solves h' = exp(-alpha t) - beta h from 0; what is left of it in float32 near equal rates."""
    solves = identical(sp.diff(_kernel, _t), sp.exp(-_alpha * _t) - _beta * _kernel)
    same = solves and _kernel.subs(_t, 0) == 0
    limit = sp.limit(_kernel, _beta, _alpha)
    losses = []
    for alpha, beta in (("1", "0.9"), ("0.999", "1")):
        a, b = np.float32(alpha), np.float32(beta)
        t = np.linspace(0.1, 2, 50, dtype=np.float32)
        single = (np.exp(-a * t) - np.exp(-b * t)) / (b - a)
        cell = membrane(str(float(a)), str(float(b)))
        losses.append(difference(single, [float(cell.kernel(mpmath.mpf(float(x)))) for x in t]))
    return conditional(
        in_general=bool(_kernel.subs(_beta, _alpha).is_finite),
        under_condition=same and identical(limit, _t * sp.exp(-_alpha * _t)),
        evidence=f"equals the convolution for alpha != beta, limit {limit}; error in float32 {losses[0]:.0e} "
        "with the rates of "
        f"Table 2, {losses[1]:.0e} with those of Table 3",
    )


def superposition() -> Finding:
    """Sum of weighted kernels against the canonical neuron and a general solver."""
    with mpmath.workdps(20):
        cell, weights, inputs, _ = single(0)
        quiet = Membrane(cell.alpha, cell.beta, mpmath.mpf(10**6))
        t = np.linspace(0.1, 8, 40)
        model = [float(voltage(quiet, weights, inputs, 0, mpmath.mpf(x))) for x in t]
        neuron = CubaLIF(tau_mem=1 / 0.9, tau_syn=1.0, r=1 / 0.9)
        canonical = linear.response(
            neuron, t, [float(s.time) for s in inputs], [weights[s.neuron, 0] / 1.0 for s in inputs]
        )
        _, solved = integrate(quiet, [(float(s.time), weights[s.neuron, 0]) for s in inputs], t)
    errors = difference(model, canonical), difference(model, solved)
    return holds(
        max(errors) < 1e-9,
        f"canonical neuron with r = 1/beta, weight w/alpha: within {errors[0]:.0e}; general solver: within "
        f"{errors[1]:.0e}",
    )


def caption() -> Finding:
    """The kernel of Figure 1: a sum of deltas, or of joint responses."""
    with mpmath.workdps(20):
        cell, weights, inputs, _ = single(0)
        quiet = Membrane(cell.alpha, cell.beta, mpmath.mpf(10**6))
        t = mpmath.mpf("5.5")
        exact = integrate(quiet, [(float(s.time), weights[s.neuron, 0]) for s in inputs], [5.5])[1][0]
        smooth = sum(weights[s.neuron, 0] * cell.kernel(t - s.time) for s in inputs)
        deltas = sum(weights[s.neuron, 0] * (mpmath.inf if t == s.time else 0) for s in inputs)
        printed, corrected = (float(abs(value / exact - 1)) for value in (deltas, smooth))
    return misprint(
        printed < 1e-9,
        corrected < 1e-9,
        f"a sum of deltas is 0 between spikes, V there is {float(exact):.3f}; a sum of h gives it within "
        f"{corrected:.0e}",
    )


def reset() -> Finding:
    """At an exact crossing a drop by theta is a reset to zero; between grid points it is not."""
    with mpmath.workdps(25):
        cell, weights, inputs, fired = single(0)
        after = max(
            abs(float(voltage(cell, weights, [*inputs, *fired], 0, s.time) - cell.theta)) for s in fired
        )
        first, dt = fired[0], mpmath.mpf("0.1")
        grid = mpmath.ceil(first.time / dt) * dt
        overshoot = float(voltage(cell, weights, inputs, 0, grid) - cell.theta)
    return conditional(
        in_general=after < 1e-20 and overshoot < 1e-20,
        under_condition=after < 1e-20,
        evidence=f"left of V after {len(fired)} exact crossings: {after:.0e}; at the first point of a grid "
        f"of 0.1: {overshoot:.3f}",
    )


def full_dynamics() -> Finding:
    """(4) with its firing times against a general solver with reset."""
    worst, count = 0.0, 0
    with mpmath.workdps(20):
        for seed in range(3):
            cell, weights, inputs, fired = single(seed)
            t = np.linspace(0.1, 8, 40)
            model = [float(voltage(cell, weights, [*inputs, *fired], 0, mpmath.mpf(x))) for x in t]
            crossings, solved = integrate(cell, [(float(s.time), weights[s.neuron, 0]) for s in inputs], t)
            times = (
                difference(crossings, [float(s.time) for s in fired])
                if len(crossings) == len(fired)
                else np.inf
            )
            worst, count = max(worst, times, difference(solved, model)), count + len(fired)
    return holds(
        worst < 1e-8, f"3 neurons, {count} spikes: times and voltages of a general solver within {worst:.0e}"
    )


def voltage_source() -> Finding:
    """Proof (i): a step in series with the capacitor acts like a drop of the potential."""
    step_response = -_theta * sp.exp(-_beta * (_t - _f))
    # across the capacitor in series with a source s: V = v_c + s, V' = -beta V + s'; s' is 0 after the step
    solves = identical(sp.diff(step_response, _t), -_beta * step_response)
    jump = step_response.subs(_t, _f) == -_theta
    laplace = sp.Symbol("s", positive=True)
    source = -_theta / laplace
    transfer = laplace / (laplace + _beta)
    transform = sp.integrate(-_theta * sp.exp(-_beta * _t) * sp.exp(-laplace * _t), (_t, 0, sp.oo))
    return holds(
        bool(solves and jump and identical(source * transfer, transform)),
        "V' = -beta V + s' for a source s in series: the response to -theta u(t - f) is -theta exp(-beta (t "
        "- f))",
    )


def footnote() -> Finding:
    """Two inputs and a reset as a sum of two exponentials."""
    w1, w2, t1, t2 = sp.symbols("w_1 w_2 t_1 t_2", positive=True)
    h = lambda s: _kernel.subs(_t, s)  # noqa: E731
    total = w1 * h(_t - t1) + w2 * h(_t - t2) - _theta * sp.exp(-_beta * (_t - _f))
    a = (w1 * sp.exp(_alpha * t1) + w2 * sp.exp(_alpha * t2)) / (_beta - _alpha)
    b = (w1 * sp.exp(_beta * t1) + w2 * sp.exp(_beta * t2)) / (_alpha - _beta) - _theta * sp.exp(_beta * _f)
    same = identical(total, a * sp.exp(-_alpha * _t) + b * sp.exp(-_beta * _t))
    equal = _t * sp.exp(-_alpha * _t)
    c, d = sp.symbols("c d")
    points = [equal.subs({_alpha: 1, _t: k}) - (c + d) * sp.exp(-k) for k in (1, 2)]
    representable = bool(sp.solve(points, [c, d]))
    return conditional(
        in_general=same and representable,
        under_condition=same,
        evidence="identical for two inputs and a reset; for equal rates t exp(-alpha t) is needed, which two "
        "exponentials of one rate "
        "cannot give",
    )


def kernel_of_a_sender() -> Finding:
    """Sum of joint responses against a general solver, for a train of spikes with weight 1."""
    with mpmath.workdps(20):
        cell = membrane()
        quiet = Membrane(cell.alpha, cell.beta, mpmath.mpf(10**6))
        train, times = [0.3, 0.9, 1.0, 2.7], [0.5, 1.0, 1.7, 3.0, 6.0]
        model = [float(sum(cell.kernel(mpmath.mpf(t) - mpmath.mpf(f)) for f in train)) for t in times]
        _, solved = integrate(quiet, [(f, 1.0) for f in train], times)
    error = difference(model, solved)
    return holds(error < 1e-9, f"four spikes of weight 1, five times: within {error:.0e} of a general solver")


def in_a_network() -> Finding:
    """Kernels of the hidden neurons and resets of an output neuron, against a general solver."""
    with mpmath.workdps(20):
        network = feed_forward(0)
        fired = network.fire()
        t = mpmath.mpf("4.2")
        v = mpmath.mpf(0)
        for j in range(3):
            y = sum((network.membrane.kernel(t - e.time) for e in fired if e.neuron == j), mpmath.mpf(0))
            v += network.weights[j, 3] * y
        resets = [e for e in fired if e.neuron == 3 and e.time < t]
        v -= sum(network.membrane.theta * network.membrane.decay(t - e.time) for e in resets)
        arrivals = [(float(e.time), float(network.weights[e.neuron, 3])) for e in fired if e.neuron < 3]
        _, solved = integrate(network.membrane, arrivals, [float(t)])
    error = abs(float(v) - solved[0])
    return holds(
        error < 1e-9 and len(resets) > 3,
        f"an output neuron of a network 3-3-2 after {len(resets)} resets: within {error:.0e} of a general "
        "solver",
    )


ENTRIES: tuple[Entry, ...] = (
    Entry(
        SOURCE,
        "(1)",
        "Synaptic current",
        r"I_j(t) = \sum_{f \in F_j} e^{-\alpha (t - f)}\,\Theta(t - f)",
        Verdict.HOLDS,
        synaptic_current,
    ),
    Entry(
        SOURCE,
        "text, section 2.1.3",
        "Reset by the threshold, to zero",
        r"V(f^+) = V(f^-) - \theta = 0",
        Verdict.CONDITION,
        reset,
        r"V(f^-) = \theta \text{ exactly}",
        "On a grid the two resets differ by the overshoot; the source's equations subtract the threshold.",
    ),
    Entry(
        SOURCE,
        "(2)",
        "Joint impulse response",
        r"h(t) = \frac{e^{-\alpha t} - e^{-\beta t}}{\beta - \alpha}\,\Theta(t)",
        Verdict.CONDITION,
        joint_kernel,
        r"\alpha \neq \beta; \qquad \lim_{\beta \to \alpha} h(t) = t\,e^{-\alpha t}\,\Theta(t)",
        "The rates of the source's Tables 1 and 3 differ by 1 and 0.1 per cent: single precision loses two "
        "to four digits there.",
    ),
    Entry(
        SOURCE,
        "text, section 2.2 (kernel)",
        "Kernel of one sender",
        r"y_{ji}(t) = \sum_{f \in F_j} h(t - f)",
        Verdict.HOLDS,
        kernel_of_a_sender,
    ),
    Entry(
        SOURCE,
        "(3)",
        "Superposition before reset",
        r"V_i^{\circ}(t) = \sum_j w_{ji}\,y_{ji}(t)",
        Verdict.HOLDS,
        superposition,
    ),
    Entry(
        SOURCE,
        "Figure 1 (caption)",
        "Smooth kernel",
        r"y_{ji}(t) = \sum_{g \in F_j} \delta(t - g)",
        Verdict.MISPRINT,
        caption,
        r"y_{ji}(t) = \sum_{g \in F_j} h(t - g)",
        "The caption gives the same sum of deltas for the smooth kernel and for the spike train that it "
        "replaces.",
    ),
    Entry(
        SOURCE,
        "(4)",
        "Potential with resets",
        r"V_i(t) = V_i^{\circ}(t) - \theta \sum_{f \in F_i} e^{-\beta (t - f)}\,\Theta(t - f)",
        Verdict.HOLDS,
        full_dynamics,
    ),
    Entry(
        SOURCE,
        "(5)",
        "Potential with resets, in a network",
        r"V_i(t) = \sum_j w_{ji}\,y_{ji}(t) - \theta \sum_{f \in F_i} e^{-\beta (t - f)}\,\Theta(t - f)",
        Verdict.HOLDS,
        in_a_network,
    ),
    Entry(
        SOURCE,
        "Theorem 1, proof (i)",
        "A voltage source for each reset",
        r"-\theta\,\Theta(t - f) \text{ in series} \;\Rightarrow\; -\theta\,e^{-\beta (t - f)}\,\Theta(t - "
        r"f)",
        Verdict.HOLDS,
        voltage_source,
    ),
    Entry(
        SOURCE,
        "footnote 1",
        "Two exponentials between events",
        r"V(t) = A\,e^{-\alpha t} + B\,e^{-\beta t}",
        Verdict.CONDITION,
        footnote,
        r"\alpha \neq \beta; \qquad V(t) = (A + B t)\,e^{-\alpha t} \text{ for } \alpha = \beta",
        "The algorithm built on it needs one common synaptic rate, and a membrane rate that differs from it.",
    ),
)
