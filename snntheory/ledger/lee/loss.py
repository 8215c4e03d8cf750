"""Equations (6) to (8), the loss of section 5.3, and what the gradient of a weight is made of."""

from __future__ import annotations

import mpmath
import sympy as sp

from ..checking import conditional, difference, holds, misprint
from ..entry import Entry, Finding, Verdict
from ..event_driven import Membrane, Number, Spike, central_difference, integrate, voltage
from .forward_propagation import (
    SOURCE,
    Edge,
    Network,
    feed_forward,
    firing_time_derivatives,
    membrane,
    reverse_gradient,
    weight_jacobian,
)

TARGET, PENALTY = "3.5", "0.01"


def time_loss(network: Network, weights: dict[Edge, Number]) -> Number:
    """A loss of firing times and weights: squared distance of output spikes to 3.5, and a penalty on the weights."""
    outputs = [s.time for s in network.fire(weights) if s.neuron >= 3]
    distance = sum((t - mpmath.mpf(TARGET)) ** 2 for t in outputs) / 2
    return distance + mpmath.mpf(PENALTY) / 2 * sum(w**2 for w in weights.values())


def loss_by_time(fired: list[Spike]) -> list[Number]:
    """Its partial derivative with respect to each firing time."""
    return [s.time - mpmath.mpf(TARGET) if s.neuron >= 3 else mpmath.mpf(0) for s in fired]


def regression() -> tuple[Membrane, Number, Number]:
    """Membrane, weight and target of a linear output neuron that receives one spike."""
    return membrane(), mpmath.mpf(2), mpmath.mpf("0.3")


def integral_loss(g: Number) -> Number:
    """Integral of ``(V_o - target)**2`` over (0, 5) for a spike at ``g``, split at the kink."""
    cell, weight, target = regression()
    return mpmath.quad(lambda t: (weight * cell.kernel(t - g) - target) ** 2, [0, g, 5])


def generic_loss() -> Finding:
    """The derivative of (6) by a firing time is the integral of the derivative."""
    with mpmath.workdps(20):
        cell, weight, target = regression()
        g = mpmath.mpf("1.3")
        inside = mpmath.quad(
            lambda t: 2 * (weight * cell.kernel(t - g) - target) * (-weight * cell.kernel_slope(t - g)),
            [0, g, 5],
        )
        measured = central_difference(integral_loss, g, 1e-6)
        error = float(abs(inside / measured - 1))
        step = mpmath.mpf("1e-10")
        at_spike = float(weight * cell.kernel(step)), float(weight * cell.kernel_slope(step))
    continuous = abs(at_spike[0]) < 1e-9 and abs(at_spike[1] - 2) < 1e-8
    return holds(
        error < 1e-10 and continuous,
        f"integral of the derivative within {error:.0e} of a central difference; the potential is continuous "
        "at a spike, its slope jumps "
        f"by {at_spike[1]:.2f} = w",
    )


def output_potential() -> Finding:
    """Superposition for an output neuron without threshold, driven by spikes of a network."""
    with mpmath.workdps(20):
        network = feed_forward(2)
        hidden = [s for s in network.fire() if s.neuron < 3]
        quiet = Membrane(network.membrane.alpha, network.membrane.beta, mpmath.mpf(10**6))
        times = [1.0, 2.5, 4.0, 6.0]
        model = [float(voltage(quiet, network.weights, hidden, 3, mpmath.mpf(t))) for t in times]
        _, solved = integrate(
            quiet, [(float(s.time), float(network.weights[s.neuron, 3])) for s in hidden], times
        )
    error = difference(model, solved)
    return holds(
        error < 1e-9,
        f"{len(hidden)} hidden spikes, output without threshold: within {error:.0e} of a general solver",
    )


def chain_rule() -> Finding:
    """(8) with both terms, against central differences of the whole loss."""
    with mpmath.workdps(30):
        network = feed_forward(2)
        fired = network.fire()
        derivatives, _ = firing_time_derivatives(network, fired)
        by_time = loss_by_time(fired)
        errors = []
        for with_direct in (True, False):
            worst, size = mpmath.mpf(0), mpmath.mpf(0)
            for edge, weight in network.weights.items():
                total = sum(a * b for a, b in zip(by_time, derivatives[edge], strict=True))
                total += mpmath.mpf(PENALTY) * weight if with_direct else 0
                measured = central_difference(
                    lambda w, e=edge: time_loss(network, {**network.weights, e: w}),  # type: ignore[misc]
                    weight,
                    1e-10,
                )
                worst, size = max(worst, abs(total - measured)), max(size, abs(measured))
            errors.append(float(worst / size))
    return holds(
        errors[0] < 1e-14 < errors[1],
        f"squared distances of output spikes and a penalty on weights: within {errors[0]:.0e} of central "
        f"differences ({errors[1]:.0e} "
        "without the second term)",
    )


def yin_yang_regulariser() -> Finding:
    """Sign with which the regulariser acts on the spike of the right class."""
    f, other, tau0, tau1, gamma = sp.symbols("f g tau_0 tau_1 gamma", positive=True)
    cross = sp.log(sp.exp(-f / tau0) / (sp.exp(-f / tau0) + 2 * sp.exp(-other / tau0)))
    printed = -(cross + gamma * (sp.exp(f / tau1) - 1))
    corrected = -cross + gamma * (sp.exp(f / tau1) - 1)
    table = {tau0: sp.Rational(1, 5), tau1: 1, gamma: sp.Rational(1, 200), other: 2}
    pushes = []
    for form in (printed, corrected):
        part = sp.diff(form, f) - sp.diff(-cross, f)
        pushes.append(float(part.subs(table).subs(f, 1)))
    # once the classes are apart the first term is flat and the regulariser decides
    total = [float(sp.diff(form, f).subs(table).subs(f, sp.Rational(1, 2))) for form in (printed, corrected)]
    return misprint(
        pushes[0] > 0,
        pushes[1] > 0,
        f"dL/df of the regulariser at f = 1 with the constants of Table 3: {pushes[0]:.4f} as printed (a "
        "later spike lowers the loss), "
        f"{pushes[1]:+.4f} with the other sign; of the whole loss, classes 1.5 apart, {total[0]:+.4f} and "
        f"{total[1]:+.4f}",
    )


def average_of_kernels() -> Finding:
    """The gradient of a weight as a weighted sum of kernels at the spikes of its receiver."""
    with mpmath.workdps(30):
        network = feed_forward(2)
        fired = network.fire()
        gradient, multiplier = reverse_gradient(network, fired, loss_by_time(fired))
        forward, _ = firing_time_derivatives(network, fired)
        kernels = weight_jacobian(network, fired)
        worst = mpmath.mpf(0)
        for edge, values in forward.items():
            direct = sum(a * b for a, b in zip(loss_by_time(fired), values, strict=True))
            total = -sum(m * y for m, y in zip(multiplier, kernels[edge], strict=True))
            worst = max(worst, abs(total - direct), abs(gradient[edge] - direct))
        shares = [float(m) for m, s in zip(multiplier, fired, strict=True) if s.neuron == 3]
    mean_like = min(shares) >= 0 and abs(sum(shares) - 1) < 1e-9
    return conditional(
        in_general=mean_like,
        under_condition=bool(worst < 1e-20),
        evidence=f"sum of kernels within {float(worst):.0e} of forward propagation; the factors of one "
        "output neuron run from "
        f"{min(shares):.1f} to {max(shares):.1f} and add up to {sum(shares):.1f}: a weighted sum, not an "
        "average",
    )


ENTRIES: tuple[Entry, ...] = (
    Entry(
        SOURCE,
        "(6)",
        "Loss of times and potentials",
        r"\mathcal{L} = \ell_F(\mathbf{F}; W) + \int_0^T \ell_V\left(V_o(t), \mathbf{F}; W\right) "
        r"\mathrm{d}t, \qquad "
        r"\frac{\partial}{\partial g} \int_0^T \ell_V\,\mathrm{d}t = \int_0^T \frac{\partial "
        r"\ell_V}{\partial V_o}\,"
        r"\frac{\partial V_o}{\partial g}\,\mathrm{d}t",
        Verdict.HOLDS,
        generic_loss,
        consequence="In the proof of Theorem 3 the first integral lacks its dt, and the potential is "
        "continuous, not only bounded, at spikes.",
    ),
    Entry(
        SOURCE,
        "(7)",
        "Potential of the output",
        r"V_o(t) = \sum_j w_{jo} \sum_{g \in F_j} h(t - g)",
        Verdict.HOLDS,
        output_potential,
        consequence="For an output neuron without threshold, which the source assumes wherever the potential "
        "enters the loss.",
    ),
    Entry(
        SOURCE,
        "(8)",
        "Chain rule",
        r"\frac{\partial \mathcal{L}}{\partial W} = \mathcal{L}_1\,\frac{\partial \mathbf{F}}{\partial W} + "
        r"\mathcal{L}_2",
        Verdict.HOLDS,
        chain_rule,
    ),
    Entry(
        SOURCE,
        "text, section 1 (Hebbian)",
        "Gradient as an average of kernels",
        r"\frac{\partial \mathcal{L}}{\partial w_{ji}} \approx \text{average of } y_{ji}(f) \text{ over } f "
        r"\in F_i",
        Verdict.CONDITION,
        average_of_kernels,
        r"\frac{\partial \mathcal{L}}{\partial w_{ji}} = -\sum_{f \in F_i} \lambda_f\,y_{ji}(f), \qquad "
        r"L^{\mathsf T} \lambda = \frac{\partial \mathcal{L}}{\partial \mathbf{F}}",
        "The factors have both signs and any size: activity of the sender alone does not tell the direction "
        "of the change.",
    ),
    Entry(
        SOURCE,
        "text, section 5.3 (loss)",
        "Loss with a regulariser for early spikes",
        r"\mathcal{L} = -\frac{1}{N} \sum_i \left[\log \frac{e^{-f_{i,l}/\tau_0}}{\sum_j "
        r"e^{-f_{i,j}/\tau_0}} + "
        r"\gamma\left(e^{f_{i,l}/\tau_1} - 1\right)\right]",
        Verdict.MISPRINT,
        yin_yang_regulariser,
        r"\mathcal{L} = \frac{1}{N} \sum_i \left[-\log \frac{e^{-f_{i,l}/\tau_0}}{\sum_j "
        r"e^{-f_{i,j}/\tau_0}} + "
        r"\gamma\left(e^{f_{i,l}/\tau_1} - 1\right)\right]",
        "As printed the second term rewards late spikes of the right class, although it is said to encourage "
        "early ones.",
    ),
)
