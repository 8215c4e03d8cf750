"""The proof by induction of section 7.1, equations (12) to (15), and the example of section 7.3."""

from __future__ import annotations

from functools import partial

import mpmath
import sympy as sp

from ..checking import holds, identical, misprint
from ..entry import Entry, Finding, Verdict
from ..event_driven import Membrane, Number, Spike, central_difference, spikes, voltage
from .forward_propagation import SOURCE, Network, membrane, time_jacobian
from .model import single

_t, _f, _alpha, _beta, _theta, _g = sp.symbols("t f alpha beta theta g", positive=True)


def membrane_response() -> Finding:
    """Sign in the exponent of the impulse response of the membrane."""
    forms = [sp.exp(sign * _beta * (_t - _f)) for sign in (1, -1)]
    solve = [identical(sp.diff(form, _t), -_beta * form) for form in forms]
    at_one = [float(form.subs({_t: 2, _f: 1, _beta: 1})) for form in forms]
    return misprint(
        solve[0],
        solve[1],
        f"only the second solves h' = -beta h; one time constant after a spike {at_one[0]:.2f} as printed, "
        f"{at_one[1]:.2f} decaying",
    )


def current_at(
    cell: Membrane, weights: dict[tuple[int, int], float], events: list[Spike], t: Number
) -> Number:
    """Weighted synaptic current of neuron 0 from the firing times of its senders."""
    return sum(
        (
            weights.get((e.neuron, 0), 0) * mpmath.exp(-cell.alpha * (t - e.time))
            for e in events
            if e.time < t and e.neuron < 0
        ),
        mpmath.mpf(0),
    )


def current_of_senders() -> Finding:
    """The inner sum over firing times: of the neuron itself, or of the sender."""
    with mpmath.workdps(25):
        cell, weights, inputs, fired = single(0)
        events = [*inputs, *fired]
        t = mpmath.mpf("5.5")
        v = partial(voltage, cell, weights, events, 0)
        exact = central_difference(v, t) + cell.beta * v(t)  # I = V' + beta V
        senders = current_at(cell, weights, inputs, t)
        own = sum(
            (
                w * mpmath.exp(-cell.alpha * (t - e.time))
                for w in weights.values()
                for e in fired
                if e.time < t
            ),
            mpmath.mpf(0),
        )
    return misprint(
        abs(float(own - exact)) < 1e-12,
        abs(float(senders - exact)) < 1e-12,
        f"V' + beta V = {float(exact):.4f} at t = 5.5; sum over the neuron's own firing times "
        f"{float(own):.4f}, over those of the "
        f"senders {float(senders):.4f}",
    )


def initial_condition() -> Finding:
    """Part (a): the state after the drop decays."""
    v = sp.Symbol("v", positive=True)
    response = (v - _theta) * sp.exp(-_beta * (_t - _f))
    parts = v * sp.exp(-_beta * (_t - _f)) - _theta * sp.exp(-_beta * (_t - _f))
    solves = identical(sp.diff(response, _t), -_beta * response) and response.subs(_t, _f) == v - _theta
    return holds(solves and identical(response, parts), "solves V' = -beta V from V(f) - theta, identically")


def driven_response() -> Finding:
    """Part (b): the response to the current from a firing time on, as a difference of convolutions."""
    s = sp.Symbol("s", positive=True)
    antiderivative = sp.exp(-_alpha * (s - _g)) * sp.exp(-_beta * (_t - s)) / (_beta - _alpha)
    integrand = sp.exp(-_alpha * (s - _g)) * sp.exp(-_beta * (_t - s))
    primitive = identical(sp.diff(antiderivative, s), integrand)
    between = lambda low, high: antiderivative.subs(s, high) - antiderivative.subs(s, low)  # noqa: E731
    full, before = between(_g, _t), between(_g, _f)
    at_f = full.subs(_t, _f)
    chain = identical(between(_f, _t), full - before) and identical(before, at_f * sp.exp(-_beta * (_t - _f)))
    return holds(
        primitive and chain,
        "one arrival at g before f: each line of the chain equals the integral from f to t, identically",
    )


def factored_decay() -> Finding:
    """The decay since an earlier spike, written with a growing and a decaying factor."""
    f_l = sp.Symbol("f_l", positive=True)
    same = identical(sp.exp(-_beta * (_f - f_l)), sp.exp(_beta * (_t - _f)) * sp.exp(-_beta * (_t - f_l)))
    return holds(same, "the growing factor exp(beta (t - f)) is right in this place, identically")


def induction(number: str) -> Finding:
    """(12)-(13), (14)-(15) and the closing sum, with the firing times of a neuron, at times up to the next spike."""
    worst = mpmath.mpf(0)
    with mpmath.workdps(25):
        cell, weights, inputs, fired = single(1)
        convolved = partial(voltage, cell, weights, inputs, 0)
        for k, spike in enumerate(fired):
            following = fired[k + 1].time if k + 1 < len(fired) else mpmath.mpf(8)
            t = spike.time + (following - spike.time) * 3 / 4
            at_spike = cell.theta * mpmath.exp(-cell.beta * (t - spike.time))  # V(f_k) is theta
            resets = cell.theta * sum((cell.decay(t - e.time) for e in fired[:k]), mpmath.mpf(0))
            if number == "(12)":
                left = convolved(spike.time) * mpmath.exp(-cell.beta * (t - spike.time))
                right = at_spike + resets
            else:
                points = sorted({spike.time, t, *(s.time for s in inputs if spike.time < s.time < t)})
                driven = mpmath.quad(partial(driven_at, cell, weights, inputs, t), points, maxdegree=5)
                left = driven
                right = convolved(t) - at_spike - resets
                if number == "sum":
                    left = at_spike - cell.theta * cell.decay(t - spike.time) + driven
                    right = voltage(cell, weights, [*inputs, *fired], 0, t)
            worst = max(worst, abs(left - right))
    return holds(
        bool(worst < 1e-18),
        f"three quarters into {len(fired)} intervals between spikes: within {float(worst):.0e}",
    )


def driven_at(
    cell: Membrane, weights: dict[tuple[int, int], float], events: list[Spike], t: Number, x: Number
) -> Number:
    """Integrand of part (b): the current at ``x`` and its decay until ``t``."""
    return current_at(cell, weights, events, x) * mpmath.exp(-cell.beta * (t - x))


def chain() -> tuple[Network, dict[str, Number]]:
    """Three neurons in a row that fire 3, 2 and 1 times, and their firing times by neuron and number, as ``"1,2"``."""
    weights = {(-1, 0): mpmath.mpf("3.8"), (0, 1): mpmath.mpf("2.8"), (1, 2): mpmath.mpf("2.7")}
    inputs = [Spike(mpmath.mpf(t), -1) for t in ("0", "1.2")]
    network = Network(membrane(), weights, inputs, mpmath.mpf("1.6"))
    times: dict[str, Number] = {}
    for spike in network.fire():
        number = 1 + sum(name.startswith(f"{spike.neuron + 1},") for name in times)
        times[f"{spike.neuron + 1},{number}"] = spike.time
    return network, times


def example_equations() -> Finding:
    """The last three of the six equations, with the printed labels and with the right ones."""
    with mpmath.workdps(25):
        network, f = chain()
        cell, theta = network.membrane, network.membrane.theta
        h, decay, w2, w3 = cell.kernel, cell.decay, network.weights[0, 1], network.weights[1, 2]
        first = [f["1,1"], f["1,2"], f["1,3"]]
        printed = [
            w2 * h(f["2,2"] - first[0]),
            w2 * sum(h(f["2,2"] - t) for t in first) - theta * decay(f["2,2"] - first[0]),
            w3 * (h(f["3,1"] - first[0]) + h(f["3,1"] - first[1])),
        ]
        corrected = [
            w2 * h(f["2,1"] - first[0]),
            w2 * sum(h(f["2,2"] - t) for t in first) - theta * decay(f["2,2"] - f["2,1"]),
            w3 * (h(f["3,1"] - f["2,1"]) + h(f["3,1"] - f["2,2"])),
        ]
        wrong, right = ([float(v - theta) for v in forms] for forms in (printed, corrected))
    return misprint(
        max(map(abs, wrong)) < 1e-15,
        max(map(abs, right)) < 1e-15,
        f"chain with 3, 2, 1 spikes: residuals {', '.join(f'{r:+.2f}' for r in wrong)} as printed, "
        f"{max(map(abs, right)):.0e} corrected",
    )


def first_equations() -> Finding:
    """The first three equations and the printed firing times of the text."""
    with mpmath.workdps(25):
        network, f = chain()
        cell, w1 = network.membrane, network.weights[-1, 0]
        residuals = []
        for number in (1, 2, 3):
            t = f[f"1,{number}"]
            v = w1 * sum(cell.kernel(t - s.time) for s in network.inputs)
            v -= cell.theta * sum((cell.decay(t - f[f"1,{m}"]) for m in range(1, number)), mpmath.mpf(0))
            residuals.append(abs(float(v - cell.theta)))
    return holds(
        max(residuals) < 1e-18, f"residuals of the three spikes of neuron 1 at most {max(residuals):.0e}"
    )


def jacobian_pattern() -> Finding:
    """Which derivatives of the example are not zero, rows and columns sorted by layer."""
    printed = ["x.....", "xx....", "xxx...", "x..x..", "xxxxx.", "...xxx"]
    with mpmath.workdps(25):
        network, _ = chain()
        fired = spikes(network.membrane, network.weights, network.inputs, network.t_max)
        by_time = time_jacobian(network, fired)
        order = sorted(range(len(fired)), key=lambda k: (fired[k].neuron, fired[k].time))
        found = ["".join("x" if by_time[r, c] != 0 else "." for c in order) for r in order]
        diagonal = [float(by_time[k, k]) for k in range(len(fired))]
    return holds(
        found == printed and min(diagonal) > 0,
        f"pattern {' '.join(found)}; smallest entry on the diagonal {min(diagonal):.2f}",
    )


ENTRIES: tuple[Entry, ...] = (
    Entry(
        SOURCE,
        "text, section 7.1 (membrane)",
        "Impulse response of the membrane",
        r"h(t - f_1) = e^{\beta (t - f_1)}\,\Theta(t - f_1)",
        Verdict.MISPRINT,
        membrane_response,
        r"h(t - f_1) = e^{-\beta (t - f_1)}\,\Theta(t - f_1)",
        "As printed a reset grows without bound.",
    ),
    Entry(
        SOURCE,
        "text, section 7.1 (current)",
        "Current from the senders",
        r"I_i(t) = \sum_j w_{ji} \sum_{g \in F_i} e^{-\alpha (t - g)}",
        Verdict.MISPRINT,
        current_of_senders,
        r"I_i(t) = \sum_j w_{ji} \sum_{g \in F_j} e^{-\alpha (t - g)}",
        "The inner sum would run over the neuron's own firing times; the last lines of the proof repeat it "
        "twice.",
    ),
    Entry(
        SOURCE,
        "text, section 7.1 (a)",
        "Decay from the state after the drop",
        r"V^{(a)}(t) = V(f_k)\,e^{-\beta (t - f_k)} - \theta\,e^{-\beta (t - f_k)}",
        Verdict.HOLDS,
        initial_condition,
    ),
    Entry(
        SOURCE,
        "text, section 7.1 (b)",
        "Response to the current after the drop",
        r"V^{(b)}(t) = (I \star h)(t) - (I \star h)(f_k)\,e^{-\beta (t - f_k)}",
        Verdict.HOLDS,
        driven_response,
    ),
    Entry(
        SOURCE,
        "text, section 7.1 (hypothesis)",
        "Earlier resets, factored",
        r"e^{-\beta (f_k - f_l)} = e^{\beta (t - f_k)}\,e^{-\beta (t - f_l)}",
        Verdict.HOLDS,
        factored_decay,
    ),
    Entry(
        SOURCE,
        "(12), (13)",
        "Convolution at a spike",
        r"(I \star h)(f_k)\,e^{-\beta (t - f_k)} = V(f_k)\,e^{-\beta (t - f_k)} + \theta \sum_{l < k} h(t - "
        r"f_l)",
        Verdict.HOLDS,
        partial(induction, "(12)"),
    ),
    Entry(
        SOURCE,
        "(14), (15)",
        "Response to the current, by induction",
        r"V^{(b)}(t) = (I \star h)(t) - V(f_k)\,e^{-\beta (t - f_k)} - \theta \sum_{l < k} h(t - f_l)",
        Verdict.HOLDS,
        partial(induction, "(14)"),
    ),
    Entry(
        SOURCE,
        "text, section 7.1 (sum)",
        "Superposition closes the induction",
        r"V^{(a)}(t) + V^{(b)}(t) = (I \star h)(t) - \theta \sum_{l \leq k} h(t - f_l)",
        Verdict.HOLDS,
        partial(induction, "sum"),
    ),
    Entry(
        SOURCE,
        "text, section 7.3 (first neuron)",
        "Equations of the first neuron",
        r"w_1 \sum_x h\left(f_1^{(n)} - x\right) - \theta \sum_{m < n} e^{-\beta \left(f_1^{(n)} - "
        r"f_1^{(m)}\right)} = \theta",
        Verdict.HOLDS,
        first_equations,
        consequence="The text writes the neuron below and the number above; the equations write the number "
        "below and the neuron above.",
    ),
    Entry(
        SOURCE,
        "text, section 7.3 (second and third neuron)",
        "Equations of the second and third neuron",
        r"w_2\,h\left(f_2^{(2)} - f_1^{(1)}\right) = \theta, \quad w_2 \sum_n h\left(f_2^{(2)} - "
        r"f_1^{(n)}\right) - "
        r"\theta\,e^{-\beta \left(f_2^{(2)} - f_1^{(1)}\right)} = \theta, \quad "
        r"w_3 \sum_{n \leq 2} h\left(f_3^{(1)} - f_1^{(n)}\right) = \theta",
        Verdict.MISPRINT,
        example_equations,
        r"w_2\,h\left(f_2^{(1)} - f_1^{(1)}\right) = \theta, \quad w_2 \sum_n h\left(f_2^{(2)} - "
        r"f_1^{(n)}\right) - "
        r"\theta\,e^{-\beta \left(f_2^{(2)} - f_2^{(1)}\right)} = \theta, \quad "
        r"w_3 \sum_{n \leq 2} h\left(f_3^{(1)} - f_2^{(n)}\right) = \theta",
        "Two equations for one time and none for two others: the system as printed cannot be solved.",
    ),
    Entry(
        SOURCE,
        "text, section 7.3 (Jacobian)",
        "Pattern of the Jacobian",
        r"L \text{ lower triangular, sorted by layer}, \qquad L_{kk} > 0",
        Verdict.HOLDS,
        jacobian_pattern,
    ),
)
