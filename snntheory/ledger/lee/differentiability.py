"""Theorems 2 and 4 to 6, equations (9) and (10): firing times as functions of the weights."""

from __future__ import annotations

from functools import partial

import mpmath
import sympy as sp

from ..checking import conditional, holds, misprint
from ..entry import Entry, Finding, Verdict
from ..event_driven import Number, Spike, central_difference, spikes, voltage
from .forward_propagation import (
    SOURCE,
    Network,
    disagreement,
    feed_forward,
    firing_time_derivatives,
    measured_derivatives,
    membrane,
    recurrent,
    time_jacobian,
    weight_jacobian,
)
from .model import single


def grazing(excess: Number) -> tuple[Network, Number]:
    """One neuron and one input whose weight is ``1 + excess`` times the smallest that makes it fire; that weight."""
    cell = membrane()
    peak = mpmath.log(cell.alpha / cell.beta) / (cell.alpha - cell.beta)
    smallest = cell.theta / cell.kernel(peak)
    network = Network(cell, {(-1, 0): smallest * (1 + excess)}, [Spike(mpmath.mpf(0), -1)], peak + 1)
    return network, smallest


def moved(network: Network, fired: list[Spike], index: int, t: Number) -> list[Spike]:
    """All events, the firing time ``index`` replaced by ``t``."""
    return [*network.inputs, *fired[:index], Spike(t, fired[index].neuron), *fired[index + 1 :]]


def measured_jacobian(network: Network, fired: list[Spike]) -> mpmath.matrix:
    """All F x F derivatives of ``V_i(f) - theta`` by central differences, above the diagonal too."""
    cell, weights = network.membrane, network.weights
    jacobian = mpmath.zeros(len(fired))
    for row, spike in enumerate(fired):
        for column in range(len(fired)):

            def potential(
                t: Number, row: int = row, column: int = column, neuron: int = spike.neuron
            ) -> Number:
                at = t if column == row else fired[row].time
                return voltage(cell, weights, moved(network, fired, column, t), neuron, at)

            jacobian[row, column] = central_difference(potential, fired[column].time, 1e-10)
    return jacobian


def assumption() -> Finding:
    """The matrix that must not be singular: its product with phi is zero on the whole zero set."""
    x, y = sp.symbols("x y", real=True)
    phi = x**2 + y**2 - 1
    point = {x: sp.Rational(3, 5), y: sp.Rational(4, 5)}
    printed = (sp.diff(phi, y) * phi).subs(point)
    corrected = sp.diff(phi, y).subs(point)
    psi = sp.sqrt(1 - x**2)
    exists = sp.simplify(phi.subs(y, psi)) == 0
    return misprint(
        bool(printed != 0),
        bool(exists and corrected != 0),
        f"circle at (3/5, 4/5): the derivative times phi is {printed}, the derivative alone {corrected}; y = "
        "sqrt(1 - x^2) exists",
    )


def continuously_differentiable() -> Finding:
    """A differentiable function with slope 1 at 0 that has no inverse near 0: the derivative must be continuous."""
    y = sp.Symbol("y", positive=True)
    phi = y + 2 * y**2 * sp.sin(1 / y)
    slope_at_zero = sp.limit(phi / y, y, 0)
    slope = sp.diff(phi, y)
    signs = [
        {sp.sign(sp.simplify(slope.subs(y, 1 / (k * sp.pi)))) for k in (n, n + 1)}
        for n in (10, 1000, 100_000)
    ]
    changes = all(found == {1, -1} for found in signs)
    smooth = sp.Symbol("x") + y + y**3
    return conditional(
        in_general=not changes,
        under_condition=slope_at_zero == 1 and changes and bool(sp.diff(smooth, y) > 0),
        evidence="phi = y + 2 y^2 sin(1/y) - x: derivative 1 at 0, but of both signs within 1e-1, 1e-3 and "
        "1e-5 of 0, so x does "
        "not determine y; with a continuous derivative the theorem holds",
    )


def firing_equation() -> Finding:
    """The residual is zero at every spike; it is zero at other times too."""
    with mpmath.workdps(25):
        cell, weights, inputs, fired = single(0)
        events = [*inputs, *fired]
        residuals = [voltage(cell, weights, events, 0, s.time) - cell.theta for s in fired]
        alone, _ = grazing(mpmath.mpf("0.2"))
        first = alone.fire()[0].time
        free = partial(voltage, cell, alone.weights, alone.inputs, 0)
        other = mpmath.findroot(lambda t: free(t) - cell.theta, (first + mpmath.mpf("0.5"), first + 3))
        slopes = [float(central_difference(free, t)) for t in (first, other)]
    largest = max(abs(float(r)) for r in residuals)
    return conditional(
        in_general=largest < 1e-20 and slopes[1] > 0,
        under_condition=largest < 1e-20 and slopes[0] > 0 > slopes[1],
        evidence=f"V - theta is {largest:.0e} at {len(fired)} spikes (V itself is theta); without reset the "
        "equation is also solved "
        f"{float(other - first):.2f} after a spike, with slope {slopes[1]:.2f}",
    )


def causality() -> Finding:
    """Which half of the Jacobian vanishes."""
    with mpmath.workdps(30):
        network = feed_forward(3)
        fired = network.fire()
        jacobian = measured_jacobian(network, fired)
        n = len(fired)
        below = [abs(jacobian[r, c]) for r in range(n) for c in range(r)]
        above = [abs(jacobian[r, c]) for r in range(n) for c in range(r + 1, n)]
        error = max(abs(a - b) for a, b in zip(jacobian, time_jacobian(network, fired), strict=True))
    return misprint(
        max(below) == 0,
        max(above) == 0 and error < 1e-15,
        f"{n} spikes of a network 3-3-2, central differences: {sum(b > 0 for b in below)} of {len(below)} "
        "entries with g < f are not 0, "
        f"all {len(above)} with g > f are 0",
    )


def positive_diagonal() -> Finding:
    """The slope at threshold, as the weight approaches the smallest one that makes the neuron fire."""
    with mpmath.workdps(30):
        slopes, sensitivities = [], []
        for exponent in (4, 6, 8):
            network, _ = grazing(mpmath.mpf(10) ** -exponent)
            fired = network.fire()
            slopes.append(time_jacobian(network, fired)[0, 0])
            sensitivities.append(firing_time_derivatives(network, fired)[0][-1, 0][0])
        cell, smallest = network.membrane, grazing(mpmath.mpf(0))[1]
        touch = smallest * cell.kernel_slope(mpmath.log(cell.alpha / cell.beta) / (cell.alpha - cell.beta))
        ratios = [float(a / b) for a, b in zip(slopes, slopes[1:], strict=False)]
    root = all(
        abs(ratio - 10) < 0.5 for ratio in ratios
    )  # slope ~ sqrt(excess): 10 for a hundredth of the excess, near it
    return conditional(
        in_general=bool(abs(touch) > 1e-20),
        under_condition=min(slopes) > 0 and root,
        evidence=f"weight 1e-4, 1e-6, 1e-8 above the smallest that fires: slope "
        f"{', '.join(f'{float(s):.1e}' for s in slopes)}, "
        f"df/dw {', '.join(f'{float(s):.0f}' for s in sensitivities)}; at that weight the slope is "
        f"{abs(float(touch)):.0e}",
    )


def permutation() -> Finding:
    """Determinants of permutation matrices."""
    matrices = [
        sp.Matrix(3, 3, lambda i, j, p=p: int(p[i] == j))
        for p in ([0, 1, 2], [1, 0, 2], [1, 2, 0], [2, 1, 0])
    ]
    determinants = [m.det() for m in matrices]
    return misprint(
        all(d == 1 for d in determinants),
        all(d**2 == 1 and (m.T * m) == sp.eye(3) for d, m in zip(determinants, matrices, strict=True)),
        f"four permutations of 3: determinants {', '.join(map(str, determinants))}; the product with that of "
        "the transpose is 1",
    )


def local_functions() -> Finding:
    """Firing times are functions of the weights only as long as their number stays."""
    with mpmath.workdps(30):
        network, smallest = grazing(mpmath.mpf("0.2"))
        formula = firing_time_derivatives(network, network.fire())[0]
        error = disagreement(formula, measured_derivatives(network))
        counts = [
            len(spikes(network.membrane, {(-1, 0): smallest * (1 + e)}, network.inputs, network.t_max))
            for e in (mpmath.mpf("-1e-12"), mpmath.mpf("1e-12"))
        ]
    return conditional(
        in_general=counts[0] == counts[1],
        under_condition=counts == [0, 1] and error < 1e-15,
        evidence=f"{counts[0]} and {counts[1]} spikes at weights 1e-12 below and above the smallest that "
        "fires; away from it the "
        f"derivative exists, within {error:.0e} of a central difference",
    )


def linear_system() -> Finding:
    """(10) in a network of two layers against central differences of the forward pass."""
    with mpmath.workdps(30):
        rows = []
        for seed in (2, 3):
            network = feed_forward(seed)
            fired = network.fire()
            formula, _ = firing_time_derivatives(network, fired)
            rows.append((len(fired), disagreement(formula, measured_derivatives(network))))
    return holds(
        max(error for _, error in rows) < 1e-14,
        f"networks 3-3-2 with {' and '.join(str(n) for n, _ in rows)} spikes, 15 weights: within "
        f"{max(e for _, e in rows):.0e} of "
        "central differences",
    )


def recurrent_networks() -> Finding:
    """(10) where neurons excite and inhibit each other."""
    with mpmath.workdps(30):
        network = recurrent(1)
        fired = network.fire()
        formula, _ = firing_time_derivatives(network, fired)
        error = disagreement(formula, measured_derivatives(network))
    return holds(
        error < 1e-14,
        f"3 neurons connected both ways, {len(fired)} spikes, {len(network.weights)} weights: within "
        f"{error:.0e} of central differences",
    )


def kernels_at_spikes() -> Finding:
    """The derivative of the residual by a weight, all firing times held."""
    with mpmath.workdps(30):
        network = feed_forward(3)
        fired = network.fire()
        events = [*network.inputs, *fired]
        formula, worst = weight_jacobian(network, fired), 0.0
        for edge, values in formula.items():
            for spike, value in zip(fired, values, strict=True):

                def potential(w: Number, edge: tuple[int, int] = edge, spike: Spike = spike) -> Number:
                    return voltage(
                        network.membrane, {**network.weights, edge: w}, events, spike.neuron, spike.time
                    )

                measured = central_difference(potential, network.weights[edge], 1e-10)
                worst = max(worst, float(abs(measured - value)))
    return holds(
        worst < 1e-15,
        f"{len(fired)} spikes by {len(formula)} weights: within {worst:.0e} of central differences",
    )


def coinciding_spikes() -> Finding:
    """An arrival at the very moment of a crossing: derivatives from the left and from the right differ."""
    with mpmath.workdps(30):
        cell = membrane()
        weights = {(-1, 0): mpmath.mpf(4), (-2, 0): mpmath.mpf(3)}
        early = Spike(mpmath.mpf(0), -1)
        first = spikes(cell, weights, [early], mpmath.mpf(3))[0].time
        h = mpmath.mpf("1e-12")
        crossing = lambda t: spikes(cell, weights, [early, Spike(t, -2)], mpmath.mpf(3))[0].time  # noqa: E731
        left, right = (first - crossing(first - h)) / h, (crossing(first + h) - first) / h
        slope = weights[-1, 0] * cell.kernel_slope(first)
        predicted = weights[-2, 0] / (slope + weights[-2, 0])  # implicit, with slope 1 of the kernel at 0+
    return conditional(
        in_general=bool(abs(left - right) < 1e-9),
        under_condition=bool(right == 0 and abs(left - predicted) < 1e-9),
        evidence=f"derivative of the crossing with respect to the arrival: {float(left):.4f} from the left "
        "(predicted "
        f"{float(predicted):.4f}), {float(right):.0f} from the right",
    )


ENTRIES: tuple[Entry, ...] = (
    Entry(
        SOURCE,
        "Theorem 2 (assumption)",
        "The matrix that must not be singular",
        r"\det\left(\frac{\partial \phi}{\partial y}\,\phi(x_0, y_0)\right) \neq 0",
        Verdict.MISPRINT,
        assumption,
        r"\det \frac{\partial \phi}{\partial y}(x_0, y_0) \neq 0",
        "As printed the assumption is never met: phi is zero on its zero set. Theorem 7 repeats it.",
    ),
    Entry(
        SOURCE,
        "Theorem 2",
        "Implicit function theorem",
        r"\phi \text{ differentiable}, \; \det \partial_y \phi \neq 0 \;\Rightarrow\; "
        r"\frac{\partial \psi}{\partial x} = -\left(\frac{\partial \phi}{\partial y}\right)^{-1} "
        r"\frac{\partial \phi}{\partial x}",
        Verdict.CONDITION,
        continuously_differentiable,
        r"\phi \in C^1",
        "Sums of the source's kernels are continuously differentiable between events, so its use is right "
        "there.",
    ),
    Entry(
        SOURCE,
        "(9)",
        "Equation of a firing time",
        r"\sum_j w_{ji}\,y_{ji}(f) - \theta \sum_{m < f} e^{-\beta (f - m)} - \theta = 0",
        Verdict.CONDITION,
        firing_equation,
        r"V_i(f) - \theta = 0, \qquad \dot V_i(f^-) > 0, \qquad f \text{ the first such time}",
        "The left side is the residual, not the potential; solvers must reject roots at which the potential "
        "falls.",
    ),
    Entry(
        SOURCE,
        "Theorem 4 (proof)",
        "Causality",
        r"\frac{\partial V_f}{\partial g} = 0 \quad \text{for all } g < f",
        Verdict.MISPRINT,
        causality,
        r"\frac{\partial V_f}{\partial g} = 0 \quad \text{for all } g > f",
        "As printed no spike could depend on an earlier one, and the matrix would be upper triangular.",
    ),
    Entry(
        SOURCE,
        "Theorem 4",
        "Positive diagonal",
        r"L_{kk} = \dot V(f_k^-) > 0",
        Verdict.CONDITION,
        positive_diagonal,
        r"w \neq w_{\mathrm{graze}}; \qquad L_{kk} \propto \sqrt{w - w_{\mathrm{graze}}}",
        "Zero where the potential only touches the threshold; before that, derivatives grow without bound.",
    ),
    Entry(
        SOURCE,
        "Theorem 5 (proof)",
        "Determinant of a permutation",
        r"\det P = 1 \text{ for any permutation matrix } P",
        Verdict.MISPRINT,
        permutation,
        r"\det P = \pm 1, \qquad \det P^{\mathsf T} \det P = 1",
        "Harmless: only the product enters.",
    ),
    Entry(
        SOURCE,
        "Theorem 5",
        "Firing times as functions of weights",
        r"\mathbf{F} = \mathbf{F}(W) \text{ differentiable}",
        Verdict.CONDITION,
        local_functions,
        r"\text{locally, at a constant number of spikes}",
        "Spikes appear and disappear where the potential grazes: no gradient announces it.",
    ),
    Entry(
        SOURCE,
        "(10)",
        "Linear system of the derivatives",
        r"L\,\frac{\partial \mathbf{F}}{\partial W} = -\frac{\partial \mathbf{V}}{\partial W}",
        Verdict.HOLDS,
        linear_system,
    ),
    Entry(
        SOURCE,
        "Remark 4",
        "Recurrent networks",
        r"L\,\frac{\partial \mathbf{F}}{\partial W} = -\frac{\partial \mathbf{V}}{\partial W} \text{ with "
        r"recurrent weights}",
        Verdict.HOLDS,
        recurrent_networks,
    ),
    Entry(
        SOURCE,
        "Remark 5",
        "Kernels at firing times",
        r"\frac{\partial V_f}{\partial w_{ji}} = y_{ji}(f), \qquad \frac{\partial V_f}{\partial w_{kl}} = 0 "
        r"\text{ for } l \neq i",
        Verdict.HOLDS,
        kernels_at_spikes,
    ),
    Entry(
        SOURCE,
        "Theorem 6",
        "Gradients exist",
        r"\frac{\partial \mathcal{L}}{\partial W} \text{ exists}",
        Verdict.CONDITION,
        coinciding_spikes,
        r"f \neq g \text{ for a crossing } f \text{ and an arrival } g, \quad \dot V(f^-) > 0",
        "Where an arrival coincides with a crossing the derivative jumps: the kernel starts with slope 1. On "
        "a grid that is the rule.",
    ),
)
