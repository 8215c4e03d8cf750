"""Algorithms 1 and 2, and what they cost."""

from __future__ import annotations

import mpmath

from ..checking import conditional, holds, misprint
from ..entry import Entry, Finding, Verdict
from ..event_driven import Number, first_crossing
from .differentiability import measured_jacobian
from .forward_propagation import (
    SOURCE,
    disagreement,
    feed_forward,
    firing_time_derivatives,
    measured_derivatives,
    reverse_gradient,
)
from .model import single

END = "8"


def firing_times(
    seed: int,
    *,
    keep_membrane: bool = True,
    relative_time: bool = True,
    repeat: bool = True,
    before_next_input: bool = True,
) -> list[Number]:
    """Algorithm 1 for one neuron; the switches set to False give its lines as printed."""
    cell, weights, inputs, _ = single(seed)
    ordered = sorted(inputs, key=lambda s: s.time)
    a, b, reference, found = mpmath.mpf(0), mpmath.mpf(0), mpmath.mpf(0), []
    for index, event in enumerate(ordered):
        part = weights[event.neuron, 0] / (cell.beta - cell.alpha)
        a = a * mpmath.exp(-cell.alpha * (event.time - reference)) + part
        b = b * mpmath.exp(-cell.beta * (event.time - reference)) - part
        reference = event.time
        following = ordered[index + 1].time if index + 1 < len(ordered) else mpmath.mpf(END)
        while (elapsed := first_crossing(cell, a, b)) < mpmath.inf:
            t = reference + elapsed if relative_time else elapsed
            if before_next_input and t > following:
                break
            found.append(t)
            a *= mpmath.exp(-cell.alpha * (t - reference))
            decay = mpmath.exp(-cell.beta * (t - reference))
            b = (b * decay if keep_membrane else decay) - cell.theta
            reference = t
            if not repeat or len(found) > 60:
                break
    return found


def matches(seed: int, found: list[Number]) -> bool:
    """Whether the firing times are those of the event-driven reference."""
    _, _, _, fired = single(seed)
    return len(found) == len(fired) and all(
        abs(t - s.time) < 1e-15 for t, s in zip(found, fired, strict=True)
    )


def compared(**printed: bool) -> Finding:
    """Algorithm 1 with one line as printed, and with all lines corrected, for three neurons."""
    with mpmath.workdps(20):
        exact = [len(single(seed)[3]) for seed in range(3)]
        as_printed = [firing_times(seed, **printed) for seed in range(3)]
        wrong = [matches(seed, found) for seed, found in enumerate(as_printed)]
        right = [matches(seed, firing_times(seed)) for seed in range(3)]
        first = [
            next(
                (
                    k
                    for k, (t, s) in enumerate(zip(found, single(seed)[3], strict=False))
                    if abs(t - s.time) > 1e-15
                ),
                min(len(found), exact[seed]),
            )
            for seed, found in enumerate(as_printed)
        ]
    return misprint(
        all(wrong),
        all(right),
        f"three neurons with {', '.join(map(str, exact))} spikes: as printed "
        f"{', '.join(str(len(f)) for f in as_printed)}, right up to "
        f"number {', '.join(map(str, first))}; corrected, all times within 1e-15",
    )


def membrane_after_spike() -> Finding:
    """The line that updates B after a spike."""
    return compared(keep_membrane=False)


def time_origin() -> Finding:
    """The equation that is solved for t."""
    return compared(relative_time=False)


def one_root_per_input() -> Finding:
    """How often the equation is solved between two inputs, and up to when."""
    return compared(repeat=False, before_next_input=False)


def causality_graph() -> Finding:
    """Derivatives with the edges of the queue only, and with the neuron's own earlier spikes."""
    with mpmath.workdps(30):
        network = feed_forward(3)
        fired = network.fire()
        measured = measured_derivatives(network)
        queue, full = (
            disagreement(firing_time_derivatives(network, fired, own_spikes=own)[0], measured)
            for own in (False, True)
        )
    return conditional(
        in_general=queue < 1e-14,
        under_condition=full < 1e-14,
        evidence=f"{len(fired)} spikes, 15 weights: with the input spikes of the queue alone wrong by "
        f"{queue:.2f} of the largest "
        f"derivative, with the neuron's own earlier spikes {full:.0e}",
    )


def same_layer() -> Finding:
    """Entries of the Jacobian between different neurons of one layer, by central differences."""
    with mpmath.workdps(25):
        network = feed_forward(3)
        fired = network.fire()
        jacobian = measured_jacobian(network, fired)
        layers = [s.neuron // 3 for s in fired]  # hidden 0 to 2, output 3 and 4
        pairs = [
            (r, c) for r in range(len(fired)) for c in range(len(fired)) if fired[r].neuron != fired[c].neuron
        ]
        within = [abs(jacobian[r, c]) for r, c in pairs if layers[r] == layers[c]]
        between = [
            abs(jacobian[r, c]) for r, c in pairs if layers[r] > layers[c] and fired[c].time < fired[r].time
        ]
    return holds(
        max(within) == 0 < max(between),
        f"{len(within)} entries between neurons of one layer are 0; the largest between layers is "
        f"{float(max(between)):.1f}",
    )


def operations() -> Finding:
    """Multiplications and divisions of the forward substitution."""
    counts = []
    with mpmath.workdps(15):
        for seed in (2, 3):
            network = feed_forward(seed)
            fired = network.fire()
            _, operations = firing_time_derivatives(network, fired)
            f, w = len(fired), len(network.weights)
            counts.append((f, w, operations, f * (f + 1) // 2 * w))
    return holds(
        all(done == predicted for *_, done, predicted in counts),
        "; ".join(f"F = {f}, W = {w}: {done} = (1 + ... + F) W" for f, w, done, _ in counts),
    )


def memory() -> Finding:
    """A gradient of a loss by backward substitution never holds an F x W matrix."""
    with mpmath.workdps(30):
        network = feed_forward(3)
        fired = network.fire()
        by_time = [s.time for s in fired]
        forward, _ = firing_time_derivatives(network, fired)
        gradient, multiplier = reverse_gradient(network, fired, by_time)
        error = max(
            abs(gradient[edge] - sum(a * b for a, b in zip(by_time, column, strict=True)))
            for edge, column in forward.items()
        )
        stored = len(multiplier) + len(gradient), sum(len(column) for column in forward.values())
    needed = not (error < 1e-20 and stored[0] < stored[1])
    return holds(
        needed,
        f"gradient of a loss, same numbers within {float(error):.0e}: besides L, which both read, "
        f"{stored[0]} = F + W values are kept by backward substitution, {stored[1]} = F W by forward "
        "substitution",
    )


ENTRIES: tuple[Entry, ...] = (
    Entry(
        SOURCE,
        "Algorithm 1 (membrane after a spike)",
        "Update of B",
        r"B \leftarrow e^{-\beta (t - t_{\mathrm{ref}})} - \theta",
        Verdict.MISPRINT,
        membrane_after_spike,
        r"B \leftarrow B\,e^{-\beta (t - t_{\mathrm{ref}})} - \theta",
        "The membrane forgets its state at each spike; every later firing time is wrong.",
    ),
    Entry(
        SOURCE,
        "Algorithm 1 (equation)",
        "Time origin of the equation",
        r"A\,e^{-\alpha t} + B\,e^{-\beta t} = \theta",
        Verdict.MISPRINT,
        time_origin,
        r"A\,e^{-\alpha (t - t_{\mathrm{ref}})} + B\,e^{-\beta (t - t_{\mathrm{ref}})} = \theta",
        "A and B belong to the last event; solved for absolute time, spikes are reported too early by the "
        "time of that event.",
    ),
    Entry(
        SOURCE,
        "Algorithm 1 (loop)",
        "One root for each input",
        r"\text{for each input } f\text{: solve once for } t",
        Verdict.MISPRINT,
        one_root_per_input,
        r"\text{while a rising root } t \leq f_{\mathrm{next}} \text{ exists: report it, reset, solve again}",
        "Further spikes before the next input are lost, and roots that the next input would change are "
        "reported.",
    ),
    Entry(
        SOURCE,
        "Algorithm 2",
        "Forward propagation along the causality graph",
        r"L_{fg} = \frac{\partial V_i(f)}{\partial g} \text{ for } g \text{ in the queue of } f",
        Verdict.CONDITION,
        causality_graph,
        r"g \in \text{queue of } f \;\cup\; \{m \in F_i : m < f\}",
        "Algorithm 1 puts only input spikes into the graph; without the neuron's own earlier spikes the "
        "gradient misses the resets.",
    ),
    Entry(
        SOURCE,
        "Remark 6",
        "Neurons of a layer in parallel",
        r"\frac{\partial V_i(f)}{\partial g} = 0 \quad \text{for } g \in F_j, \; j \neq i \text{ of the same "
        r"layer}",
        Verdict.HOLDS,
        same_layer,
        consequence="In feed-forward networks; with recurrent weights spikes of one layer depend on each "
        "other.",
    ),
    Entry(
        SOURCE,
        "text, section 4.3 (time)",
        "Operations",
        r"(1 + 2 + \dots + F)\,W = O(F^2 W)",
        Verdict.HOLDS,
        operations,
    ),
    Entry(
        SOURCE,
        "text, section 4.3 (memory)",
        "Memory",
        r"O(F\,W) \text{ is always needed for the gradients}",
        Verdict.REFUTED,
        memory,
        r"L^{\mathsf T} \lambda = \frac{\partial \mathcal{L}}{\partial \mathbf{F}}, \qquad "
        r"\frac{\partial \mathcal{L}}{\partial W} = -\lambda^{\mathsf T} \frac{\partial \mathbf{V}}{\partial "
        r"W}: \quad O(F + W)",
        "Only the derivatives of all firing times need F W numbers; the gradient of a loss does not.",
    ),
)
