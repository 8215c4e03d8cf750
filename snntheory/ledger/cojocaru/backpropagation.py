"""Equations (10) to (13): loss, derivatives of a spike time, and errors sent back through spikes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from ..checking import conditional, holds, identical, misprint
from ..entry import Entry, Finding, Verdict
from ..event_driven import central_difference
from .closed_form import SOURCE, TAU_SYN, Crossing, crossings, derivatives

Number = Any
Matrix = list[list[Number]]

_a, _b, _c, _tau = sp.symbols("a b c tau", positive=True)
_x = sp.sqrt(_b**2 - 4 * _a * _c)
_time = _tau * sp.log(2 * _a / (_b + _x))
THETA, T_MAX = "0.2", "0.3"


@dataclass(frozen=True)
class Sample:
    """A network of two layers: input times, weights ``[layer][sender][receiver]``, wanted output times."""

    times: list[Number]
    weights: list[Matrix]
    target: Number


def sample(seed: int) -> Sample:
    """Three inputs, three hidden neurons, two outputs, several spikes a neuron, weights of both signs."""
    rng = np.random.default_rng(seed)
    times = [mpmath.mpf(float(t)) for t in rng.uniform(0, 0.1, 3)]
    shapes, low, high = [(3, 3), (3, 2)], (-1.0, -0.5), (5.0, 4.0)
    weights = [
        [[mpmath.mpf(float(w)) for w in row] for row in rng.uniform(lower, upper, shape)]
        for shape, lower, upper in zip(shapes, low, high, strict=True)
    ]
    return Sample(times, weights, mpmath.mpf("0.15"))


def layer(trains: list[list[Number]], weights: Matrix) -> list[list[Crossing]]:
    """Spikes of each receiver for the spike trains of the senders."""
    return [
        crossings(
            [(t, weights[i][j]) for i, train in enumerate(trains) for t in train],
            mpmath.mpf(THETA),
            mpmath.mpf(T_MAX),
        )
        for j in range(len(weights[0]))
    ]


def forward(network: Sample) -> list[list[list[Crossing]]]:
    """Spikes of both layers."""
    hidden = layer([[t] for t in network.times], network.weights[0])
    return [hidden, layer([[spike.t for spike in train] for train in hidden], network.weights[1])]


def loss(network: Sample) -> Number:
    """Half the squared distance of all output spikes to the wanted time: a smooth function of the times."""
    return sum((spike.t - network.target) ** 2 for train in forward(network)[1] for spike in train) / 2


def weight_derivative(crossing: Crossing, train: list[Number]) -> Number:
    """Equation (12): ``sum_z (f exp(t_z/tau_s) - h exp(t_z/tau))`` over the sender's earlier spikes."""
    tau = 2 * mpmath.mpf(TAU_SYN)
    f, h = derivatives(crossing, mpmath.mpf(THETA))
    return sum(
        (f * mpmath.exp(2 * t / tau) - h * mpmath.exp(t / tau) for t in train if t < crossing.t),
        mpmath.mpf(0),
    )


def arrival_derivative(crossing: Crossing, t: Number, weight: Number) -> Number:
    """Derivative of a spike time with respect to the time ``t`` of one input spike."""
    tau = 2 * mpmath.mpf(TAU_SYN)
    if t >= crossing.t:
        return mpmath.mpf(0)
    f, h = derivatives(crossing, mpmath.mpf(THETA))
    return weight * (f * mpmath.exp(2 * t / tau) * 2 / tau - h * mpmath.exp(t / tau) / tau)


def own_derivative(crossing: Crossing, t: Number) -> Number:
    """Derivative of a spike time with respect to the time ``t`` of an earlier spike of the same neuron."""
    tau = 2 * mpmath.mpf(TAU_SYN)
    return mpmath.mpf(THETA) / tau * mpmath.exp(t / tau) / crossing.x


def backward(network: Sample, intra_neuron: bool = True) -> list[Matrix]:
    """Equations (11) and (13): gradient of :func:`loss` with respect to all weights."""
    trains = forward(network)
    senders = [[[t] for t in network.times], [[spike.t for spike in train] for train in trains[0]]]
    errors = [[[mpmath.mpf(0) for _ in train] for train in spikes] for spikes in trains]
    errors[1] = [[spike.t - network.target for spike in train] for train in trains[1]]
    gradient = []
    for depth in (1, 0):
        for train, own in zip(trains[depth], errors[depth], strict=True):
            for k in reversed(range(len(train))):
                later = range(k + 1, len(train)) if intra_neuron else ()
                own[k] += sum((own[z] * own_derivative(train[z], train[k].t) for z in later), mpmath.mpf(0))
        gradient.append(
            [
                [
                    sum(
                        (e * weight_derivative(s, sent) for e, s in zip(own, train, strict=True)),
                        mpmath.mpf(0),
                    )
                    for own, train in zip(errors[depth], trains[depth], strict=True)
                ]
                for sent in senders[depth]
            ]
        )
        if depth == 1:
            for i, train in enumerate(trains[0]):
                for k, spike in enumerate(train):
                    errors[0][i][k] = sum(
                        e * arrival_derivative(s, spike.t, network.weights[1][i][j])
                        for j, receiver in enumerate(trains[1])
                        for e, s in zip(errors[1][j], receiver, strict=True)
                    )
    return gradient[::-1]


def finite_differences(network: Sample) -> list[Matrix]:
    """Central differences of :func:`loss` with respect to all weights."""

    def change(depth: int, i: int, j: int, value: Number) -> Number:
        weights = [[list(row) for row in matrix] for matrix in network.weights]
        weights[depth][i][j] = value
        return loss(Sample(network.times, weights, network.target))

    return [
        [
            [central_difference(partial(change, depth, i, j), row[j], 1e-10) for j in range(len(row))]
            for i, row in enumerate(matrix)
        ]
        for depth, matrix in enumerate(network.weights)
    ]


def disagreement(measured: list[Matrix], expected: list[Matrix]) -> float:
    """Largest difference relative to the largest entry."""
    pairs = [
        (a, b)
        for rows, others in zip(measured, expected, strict=True)
        for row, other in zip(rows, others, strict=True)
        for a, b in zip(row, other, strict=True)
    ]
    return float(max(abs(a - b) for a, b in pairs) / max(abs(b) for _, b in pairs))


def count_loss() -> Finding:
    """The loss counts spikes: its derivative with respect to a weight is 0 except where a spike is born or dies."""
    with mpmath.workdps(30):
        network = sample(4)
        counts = lambda n: [len(train) for train in forward(n)[1]]  # noqa: E731
        squared = lambda n: sum((3 - count) ** 2 for count in counts(n)) / mpmath.mpf(2)  # noqa: E731
        value = squared(network)
        n, y = sp.symbols("n_1:3"), 3
        formula = sum((y - count) ** 2 for count in n) / sp.Integer(2)
        same = formula.subs(dict(zip(n, counts(network), strict=True))) == sp.nsimplify(float(value))
        slopes = []
        for depth, matrix in enumerate(network.weights):
            for i, row in enumerate(matrix):
                for j in range(len(row)):

                    def moved(w: Number, d: int = depth, i: int = i, j: int = j) -> Number:
                        weights = [[list(r) for r in m] for m in network.weights]
                        weights[d][i][j] = w
                        return squared(Sample(network.times, weights, network.target))

                    slopes.append(abs(central_difference(moved, row[j], 1e-10)))
    return conditional(
        in_general=max(slopes) > 0,
        under_condition=bool(same) and max(slopes) == 0,
        evidence=f"counts {counts(network)}: loss {float(value):.1f}; its central differences with respect "
        f"to all {len(slopes)} weights "
        f"are {float(max(slopes)):.0f}",
    )


def weight_gradient() -> Finding:
    """(11) with the full error of (13), against central differences of the closed-form forward pass."""
    with mpmath.workdps(30):
        errors, spikes = [], 0
        for seed in (4, 9):
            network = sample(seed)
            spikes += sum(len(train) for trains in forward(network) for train in trains)
            errors.append(disagreement(backward(network), finite_differences(network)))
    return holds(
        max(errors) < 1e-14,
        f"2 networks 3-3-2, {spikes} spikes: largest difference from central differences {max(errors):.0e}",
    )


def spike_time_by_weight() -> Finding:
    """(12) is the derivative with the neuron's earlier spikes held: -(du/dw)/(du/dt) at the crossing."""
    t, t1, t2, w, theta = sp.symbols("t t_1 t_2 w vartheta", positive=True)
    kernel = lambda s: _tau * (sp.exp(-s / _tau) - sp.exp(-2 * s / _tau))  # noqa: E731
    e = sp.exp(-t / _tau)
    slope = _tau * sp.diff(_b * e - _a * e**2, t)
    implicit = -(kernel(t - t1) + kernel(t - t2)) / slope
    x = 2 * _a * e - _b  # from (8): E = (b + x) / 2a
    threshold = {_c: _b * e - _a * e**2}
    f = (_tau / _a * (1 + _c / x / e)).subs(threshold)
    h = _tau / x
    printed = f * (sp.exp(2 * t1 / _tau) + sp.exp(2 * t2 / _tau)) - h * (
        sp.exp(t1 / _tau) + sp.exp(t2 / _tau)
    )
    symbolic = identical(implicit, printed)
    with mpmath.workdps(30):
        arrivals = [(mpmath.mpf("0.01"), mpmath.mpf(6)), (mpmath.mpf("0.04"), mpmath.mpf(2))]
        first = lambda weight: crossings([(arrivals[0][0], weight), arrivals[1]], mpmath.mpf(THETA), 1)[0].t  # noqa: E731
        measured = central_difference(first, arrivals[0][1])
        formula = weight_derivative(crossings(arrivals, mpmath.mpf(THETA), 1)[0], [arrivals[0][0]])
        error = float(abs(formula / measured - 1))
    return holds(
        symbolic and error < 1e-15,
        f"equals -(du/dw)/(du/dt) identically for two spikes; central difference of a first spike within "
        f"{error:.0e}",
    )


def derivative_by_a() -> Finding:
    """dt/da of (8)."""
    printed = _tau / _a * (1 + _c / _x * sp.exp(_time / _tau))
    return holds(
        identical(sp.diff(_time, _a), printed), "equals the derivative of (8) with respect to a, identically"
    )


def derivative_by_b() -> Finding:
    """dt/db of (8)."""
    derivative = sp.diff(_time, _b)
    return misprint(
        identical(derivative, _tau / _x),
        identical(derivative, -_tau / _x),
        "the derivative of (8) with respect to b is -tau/x, identically; (12) already subtracts h",
    )


def spike_errors() -> Finding:
    """(13) with both kinds of error, and without the error within a neuron."""
    with mpmath.workdps(30):
        network = sample(4)
        expected = finite_differences(network)
        both = disagreement(backward(network), expected)
        without = disagreement(backward(network, intra_neuron=False), expected)
    return holds(
        both < 1e-14 < without,
        f"difference from central differences {both:.0e} with the direct derivatives of all later spikes of "
        "the neuron, "
        f"{without:.2f} without the error within the neuron",
    )


def output_error() -> Finding:
    """dL/dn of (10), and the direction in which the printed sign moves a count."""
    y, n = sp.symbols("y n")
    derivative = sp.diff((y - n) ** 2 / 2, n)
    with mpmath.workdps(30):
        arrivals = [(mpmath.mpf("0.01"), mpmath.mpf(4)), (mpmath.mpf("0.03"), mpmath.mpf(2))]
        theta, end = mpmath.mpf(THETA), mpmath.mpf(T_MAX)
        before = crossings(arrivals, theta, end)
        counts = {}
        for sign in (1, -1):  # y - n with y one above the count, then n - y
            gradient = sign * sum(weight_derivative(s, [arrivals[0][0]]) for s in before)
            step = 30 * gradient
            counts[sign] = len(crossings([(arrivals[0][0], arrivals[0][1] - step), arrivals[1]], theta, end))
    moves = counts[1] > len(before) > counts[-1]
    return misprint(
        identical(derivative, y - n),
        identical(derivative, n - y) and moves,
        f"dL/dn is n - y; as the error of spike times, y - n moves the count from {len(before)} to "
        f"{counts[1]} where more are wanted, "
        f"n - y to {counts[-1]}: the sign stands for dn/dt = -1, which is assumed",
    )


ENTRIES: tuple[Entry, ...] = (
    Entry(
        SOURCE,
        "(10)",
        "Loss of spike counts",
        r"\mathcal{L} = \frac{1}{2} \sum_j \left(y_j - n_j\right)^2",
        Verdict.CONDITION,
        count_loss,
        r"\frac{\partial \mathcal{L}}{\partial w} = 0 \text{ for almost every } w",
        "Its exact gradient is zero; what is sent back is the derivative of spike times with an assumed "
        "effect on counts.",
    ),
    Entry(
        SOURCE,
        "(11)",
        "Gradient of a weight",
        r"\frac{\partial \mathcal{L}}{\partial w_{ij}} = \sum_k \delta_k^{(j)}\,\frac{\partial "
        r"t_k^{(j)}}{\partial w_{ij}}",
        Verdict.HOLDS,
        weight_gradient,
    ),
    Entry(
        SOURCE,
        "(12)",
        "Spike time by weight",
        r"\frac{\partial t_k}{\partial w_i} = \sum_{t_z < t_k} \left(f_k\,e^{t_z/\tau_s} - "
        r"h_k\,e^{t_z/\tau}\right)",
        Verdict.HOLDS,
        spike_time_by_weight,
    ),
    Entry(
        SOURCE,
        "text, section 2.3 (f)",
        "Spike time by the sum a",
        r"f_k = \frac{\partial t_k}{\partial a_k} = \frac{\tau}{a_k}\left(1 + "
        r"\frac{c}{x_k}\,e^{t_k/\tau}\right)",
        Verdict.HOLDS,
        derivative_by_a,
    ),
    Entry(
        SOURCE,
        "text, section 2.3 (h)",
        "Spike time by the sum b",
        r"h_k = \frac{\partial t_k}{\partial b_k} = \frac{\tau}{x_k}",
        Verdict.MISPRINT,
        derivative_by_b,
        r"h_k = -\frac{\partial t_k}{\partial b_k} = \frac{\tau}{x_k}",
        "Whoever inserts the derivative as defined into (12) gets the wrong sign in its second term.",
    ),
    Entry(
        SOURCE,
        "(13)",
        "Error of a spike",
        r"\delta_k^{(l,j)} = \sum_{i,z} \delta_z^{(l+1,i)}\,\frac{\partial t_z^{(l+1,i)}}{\partial "
        r"t_k^{(l,j)}} + "
        r"\sum_{z > k} \delta_z^{(l,j)}\,\frac{\partial t_z^{(l,j)}}{\partial t_k^{(l,j)}}",
        Verdict.HOLDS,
        spike_errors,
        consequence="The derivatives are the direct ones, other spikes held: total derivatives would count "
        "paths twice.",
    ),
    Entry(
        SOURCE,
        "text, section 2.3 (output)",
        "Error of the output",
        r"\phi_k^{(o,j)} = \frac{\partial \mathcal{L}}{\partial n_j} = y_j - n_j",
        Verdict.MISPRINT,
        output_error,
        r"\frac{\partial \mathcal{L}}{\partial n_j} = n_j - y_j, \qquad "
        r"\phi_k^{(o,j)} := \frac{\partial \mathcal{L}}{\partial n_j}\,\frac{\partial n_j}{\partial t_k} "
        r"\text{ with } \frac{\partial n_j}{\partial t_k} := -1",
        "With the derivative as named, training would lower counts that should rise. The factor -1 is a rule "
        "of thumb, not a derivative.",
    ),
)
