"""Exact events, spikes sent on a grid: frozen roundings, an independent program in mpmath, the limit of short steps."""

import mpmath
import numpy as np
import pytest

from snntheory import CubaLIF
from snntheory.gradients import adjoint, straight_through, weight_gradient
from snntheory.ledger.cojocaru import backpropagation as ledger
from snntheory.ledger.cojocaru.closed_form import TAU_SYN as TEXT
from snntheory.ledger.cojocaru.closed_form import crossings
from snntheory.spiking import exact_network, exact_spike_times, grid_index

T_MAX, DT = 0.05, 1e-3
TAU_SYN = float(TEXT)
QUADRATIC = CubaLIF(0.020, 0.010)
NEURONS = {
    "quadratic": QUADRATIC,
    "any": CubaLIF(0.020, 0.0063, r=1.4, v_threshold=0.8),
    "to value": CubaLIF(0.020, 0.0063, v_reset=-0.3, reset="to_value"),
    "none": CubaLIF(0.015, 0.005, reset="none"),
}


def sample(seed):
    """Inputs and weights: one to three spikes a neuron, mostly at good slopes."""
    rng = np.random.default_rng(seed)
    inputs = [np.sort(rng.uniform(0, 0.03, 3)) for _ in range(5)]
    return inputs, [0.0079 * rng.uniform(0.3, 1.0, (5, 4)), 0.0263 * rng.uniform(-0.2, 1.0, (4, 3))]


class Linear:
    """``sum factor t`` over the output spikes: its derivative does not depend on where the grid puts them."""

    def __init__(self, seed=0):
        self.factors = np.random.default_rng(seed).normal(size=(8, 500))

    def __call__(self, outputs):
        given = [f[: t.size] for f, t in zip(self.factors, outputs, strict=False)]
        return sum(float(f @ t) for f, t in zip(given, outputs, strict=True)), given


def flat(parts):
    return np.concatenate([part.ravel() for part in parts])


def gradient(neuron, inputs, weights, loss, t_max=T_MAX, dt=DT, **options):
    return weight_gradient(neuron, inputs, weights, loss, "straight_through", t_max=t_max, dt=dt, **options)


@pytest.mark.parametrize("rounding", ["ceil", "nearest", "next"])
@pytest.mark.parametrize("name", NEURONS)
def test_clean_is_the_gradient_with_roundings_held(name, rounding):
    """Central differences of the network in which every spike keeps the shift that the grid gave it."""
    neuron, compared = NEURONS[name], 0
    for seed in range(4):
        inputs, weights = sample(seed)
        loss = Linear(seed)
        found = gradient(neuron, inputs, weights, loss, rounding=rounding)
        given = [grid_index(t, DT, rounding) * DT for t in inputs]
        hidden = exact_network(neuron, given, weights[:1], T_MAX)[0]
        sent = [straight_through.sent_steps(t, DT, rounding) * DT for t in hidden]
        shifts = [a - b for a, b in zip(sent, hidden, strict=True)]
        if any((t > T_MAX).any() for t in sent):
            continue

        def value(moved, given=given, shifts=shifts, loss=loss):
            first = exact_network(neuron, given, moved[:1], T_MAX)[0]
            if [t.size for t in first] != [t.size for t in shifts]:
                return np.nan, None
            times = [t + shift for t, shift in zip(first, shifts, strict=True)]
            last = exact_network(neuron, times, moved[1:], T_MAX)[0]
            last = [t[straight_through.sent_steps(t, DT, rounding) <= 50] for t in last]
            return loss(last)[0], [t.size for t in last]

        for layer, entry in ((0, (1, 2)), (1, (2, 0)), (0, (4, 0))):
            values = []
            for step in (2e-5, 1e-5):
                pair = []
                for sign in (1, -1):
                    moved = [part.copy() for part in weights]
                    moved[layer][entry] *= 1 + sign * step
                    pair.append(value(moved))
                if pair[0][1] != pair[1][1]:
                    values.append(np.nan)
                    continue
                values.append((pair[0][0] - pair[1][0]) / (2 * step * weights[layer][entry]))
            size = np.abs(found[layer]).max()
            if not np.isfinite(values).all() or abs(values[0] - values[1]) > 1e-4 * size:
                continue  # a spike comes or goes, or grazes
            compared += 1
            expected = (4 * values[1] - values[0]) / 3
            assert found[layer][entry] == pytest.approx(expected, abs=1e-6 * size)
    assert compared >= 6


def test_one_layer_with_inputs_on_the_grid_is_the_exact_gradient():
    inputs, weights = sample(1)
    inputs = [np.rint(t / DT) * DT for t in inputs]
    exact = weight_gradient(QUADRATIC, inputs, weights[:1], Linear(), "adjoint", t_max=T_MAX)
    for estimator in straight_through.ESTIMATORS:  # nothing that is rounded enters either of them
        found = gradient(QUADRATIC, inputs, weights[:1], Linear(), estimator=estimator)
        np.testing.assert_allclose(found[0], exact[0], rtol=0, atol=1e-9 * np.abs(exact[0]).max())


def ledger_gradient(network, dt):
    """The published estimator for (14), by the ledger's functions in mpmath: their own crossings, f, h, a, x."""
    step = mpmath.mpf(dt)

    def rounded(train):
        return [t + step - mpmath.fmod(t, step) for t in train]

    inputs = [[t] for t in network.times]
    hidden = ledger.layer([rounded(t) for t in inputs], network.weights[0])
    raw = [[spike.t for spike in train] for train in hidden]
    output = ledger.layer([rounded(t) for t in raw], network.weights[1])
    errors = [[rounded([spike.t])[0] for spike in train] for train in output]  # of sum t~^2 / 2
    trains, senders, gradients = [hidden, output], [inputs, raw], []
    for depth in (1, 0):
        for train, own in zip(trains[depth], errors, strict=True):
            for k in reversed(range(len(train))):
                own[k] += sum(
                    own[z] * ledger.own_derivative(train[z], train[k].t) for z in range(k + 1, len(train))
                )
        gradients.insert(0, [
            [
                sum(e * ledger.weight_derivative(s, sender) for e, s in zip(own, train, strict=True))
                for own, train in zip(errors, trains[depth], strict=True)
            ]
            for sender in senders[depth]
        ])  # fmt: skip
        errors = [
            [
                sum(
                    e * ledger.arrival_derivative(s, t, network.weights[depth][i][j])
                    for j, (own, train) in enumerate(zip(errors, trains[depth], strict=True))
                    for e, s in zip(own, train, strict=True)
                )
                for t in sender
            ]
            for i, sender in enumerate(senders[depth])
        ]
    return [np.array(part, dtype=float) for part in gradients]


@pytest.mark.parametrize("seed", [4, 9])
def test_published_is_the_mixture_of_the_source(seed):
    """Against another program: mpmath, absolute times, the source's own weights and closed form."""
    tau, dt, t_max = 2 * TAU_SYN, 0.004, float(ledger.T_MAX)
    neuron = CubaLIF(tau, TAU_SYN, r=tau, v_threshold=float(ledger.THETA))
    with mpmath.workdps(30):
        network = ledger.sample(seed)
        expected = ledger_gradient(network, dt)
        raw = [[spike.t for spike in train] for train in ledger.forward(network)[0]]
    assert sum(map(len, raw)) > 4
    weights = [np.array(part, dtype=float) * TAU_SYN for part in network.weights]
    inputs = [[float(t)] for t in network.times]

    def half_square(outputs):
        return sum(float(t @ t) / 2 for t in outputs), outputs

    results = {}
    for estimator in straight_through.ESTIMATORS:
        found = gradient(
            neuron, inputs, weights, half_square, t_max, dt, rounding="next", estimator=estimator
        )
        results[estimator] = [part * TAU_SYN for part in found]
    count = {
        late: gradient(neuron, inputs, weights, half_square, t_max, dt, late=late)
        for late in ("carry", "drop")
    }
    assert count["carry"].diagnostics == count["drop"].diagnostics  # nothing is late here
    for a, b in zip(results["published"], expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-9 * np.abs(b).max())
    assert np.abs(flat(results["clean"]) - flat(expected)).max() > 1e-3 * np.abs(flat(expected)).max()


@pytest.mark.parametrize(
    ("name", "estimator"), [("quadratic", "clean"), ("quadratic", "published"), ("to value", "clean")]
)
@pytest.mark.parametrize("rounding", ["ceil", "nearest"])
def test_first_order_convergence_to_the_exact_gradient(name, estimator, rounding):
    neuron, steps = NEURONS[name], np.array([2.5e-4, 6e-5, 1.5e-5, 4e-6])
    errors = []
    for seed in range(8):
        inputs, weights = sample(seed)
        exact = flat(weight_gradient(neuron, inputs, weights, Linear(seed), "adjoint", t_max=T_MAX))
        row = [
            flat(
                gradient(neuron, inputs, weights, Linear(seed), dt=dt, rounding=rounding, estimator=estimator)
            )
            for dt in steps
        ]
        errors.append([np.linalg.norm(each - exact) / np.linalg.norm(exact) for each in row])
    median = np.median(errors, 0)
    order = np.polyfit(np.log(steps), np.log(median), 1)[0]
    # 1, up to the scatter of the spikes' phases: a factor of 2 at either end of a range of 60 is 0.17
    assert order == pytest.approx(1, abs=0.2)
    assert median[-1] < 5e-3


def test_carry_sends_every_crossing_once_a_step():
    neuron, inputs, weights = NEURONS["any"], [[0.0013]], [np.array([[0.6]])]
    found = gradient(neuron, inputs, weights, Linear(), dt=2e-3)
    crossings = exact_network(neuron, [[0.002]], weights, T_MAX)[0][0]
    steps = np.rint(found.spike_times[0][0] / 2e-3).astype(int)
    own = grid_index(crossings, 2e-3)
    expected, last = [], -1  # by hand: the first free step
    for step in own:
        last = max(step, last + 1)
        expected.append(last)
    assert len(set(own)) < len(own)
    np.testing.assert_array_equal(steps, [step for step in expected if step <= 25])
    assert found.diagnostics["late"] == np.sum(expected != own) > 0
    assert found.diagnostics["lost"] == len(own) - len(steps) > 0


@pytest.mark.parametrize("dt", [0.0005, 0.005, 0.01])
def test_drop_is_the_search_from_the_rounded_time(dt):
    """The ledger's program for one strong input: it looks for a crossing only after the rounded time of the last."""
    tau = 2 * TAU_SYN
    neuron = CubaLIF(tau, TAU_SYN, r=tau, v_threshold=0.2)
    with mpmath.workdps(20):
        expected = [
            float(s.t)
            for s in crossings(
                [(mpmath.mpf(0), mpmath.mpf(60))], mpmath.mpf("0.2"), mpmath.mpf("0.2"), mpmath.mpf(dt)
            )
        ]
        every = crossings([(mpmath.mpf(0), mpmath.mpf(60))], mpmath.mpf("0.2"), mpmath.mpf("0.2"))
    found, dropped = straight_through.dropping(
        neuron, np.array([0.0]), np.array([60 * TAU_SYN]), 0.2, dt, "next"
    )
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert (dropped > 0) == (dt > 0.0005) == (len(found) < len(every))


@pytest.mark.parametrize("name", NEURONS)
@pytest.mark.parametrize("rounding", ["ceil", "nearest", "next"])
def test_without_late_crossings_dropping_is_the_exact_neuron(name, rounding):
    rng, neuron = np.random.default_rng(5), NEURONS[name]
    for _ in range(20):
        times = np.sort(rng.uniform(0, 0.04, 12))
        times[3] = times[2]  # two arrivals at once
        weights = 0.02 * rng.normal(0.5, 0.5, 12)
        exact = exact_spike_times(neuron, times, weights, T_MAX)
        found, dropped = straight_through.dropping(neuron, times, weights, T_MAX, 1e-9, rounding)
        assert dropped == 0
        np.testing.assert_allclose(found, exact, rtol=0, atol=1e-13)


LATE_SECOND = (np.array([0.0, 0.070]), np.array([0.08, 0.1]), 0.12, 0.012, "ceil")
"""Arrivals, weights, window, step: the second crossing comes in the step of the first."""


def test_a_dropped_crossing_resets_nothing():
    """Above threshold the neuron waits until it has fallen below: the next spike needs a new crossing."""
    exact = exact_spike_times(QUADRATIC, *LATE_SECOND[:3])
    found, dropped = straight_through.dropping(QUADRATIC, *LATE_SECOND)
    assert exact[0] < exact[1] < 0.012 < 0.070 < found[1]
    assert dropped == 2 and found[0] == pytest.approx(exact[0], abs=1e-15)
    # not reset, the voltage is higher when the next input comes: it crosses earlier than the exact neuron
    assert found[1] < exact[2]


def test_gradient_with_dropped_crossings_is_that_of_what_was_run():
    """The adjoint at the crossings that are left, against central differences of :func:`dropping`."""
    times, weights, *rest = LATE_SECOND
    found, _ = straight_through.dropping(QUADRATIC, *LATE_SECOND)
    factors = np.arange(1.0, found.size + 1)
    to_weights, _ = adjoint.spike_gradients(QUADRATIC, times, weights, found, factors)
    for n in range(2):
        values = []
        for sign in (1, -1):
            moved = weights.copy()
            moved[n] += sign * 1e-6
            values.append(factors @ straight_through.dropping(QUADRATIC, times, moved, *rest)[0])
        assert to_weights[n] == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-6)


def test_duplicate_inputs_in_one_step_add_up():
    neuron = NEURONS["any"]
    weights = [np.array([[0.03, 0.01], [0.02, 0.04]]), np.array([[0.03], [0.03]])]
    several = gradient(neuron, [[0.0011, 0.0014, 0.0019], [0.0012]], weights, Linear())
    at_once = gradient(neuron, [[0.002, 0.002, 0.002], [0.002]], weights, Linear())
    assert several.value == at_once.value and np.abs(flat(several)).max() > 0
    np.testing.assert_allclose(flat(several), flat(at_once), rtol=1e-12)


@pytest.mark.parametrize("late", straight_through.LATE)
def test_degenerate_networks(late):
    inputs, weights = sample(0)
    for given in ([[]] * 5, [[0.0]] * 5, [[T_MAX]] * 5, inputs):
        for dt in (DT, 0.02, 0.05):  # as long as the membrane's time constant, and the whole window
            found = gradient(QUADRATIC, given, weights, Linear(), dt=dt, late=late)
            assert [part.shape for part in found] == [(5, 4), (4, 3)]
            assert all(np.isfinite(part).all() for part in found)
    silent = gradient(QUADRATIC, inputs, [-weights[0], weights[1]], Linear(), late=late)
    assert silent.diagnostics["silent"] == 7 and not flat(silent).any()


def test_spikes_sent_after_the_window_are_lost():
    inputs, weights = sample(0)
    found = gradient(QUADRATIC, inputs, weights, Linear(), dt=0.02)  # the last step ends at 40 ms
    crossings = exact_network(QUADRATIC, [grid_index(t, 0.02) * 0.02 for t in inputs], weights[:1], T_MAX)[0]
    assert any((t > 0.04).any() for t in crossings)
    assert found.diagnostics["lost"] > 0
    assert max(t.max(initial=0.0) for t in found.spike_times[0]) <= 0.04 + 1e-12


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(rounding="floor"), "rounding must be one of"),
        (dict(late="lose"), "late must be one of"),
        (dict(estimator="dirty"), "estimator must be one of"),
        (dict(estimator="published", neuron=NEURONS["any"]), "'published' needs tau_mem = 2 tau_syn.*'clean'"),
        (dict(dt=0.1), "t_max must be at least one step"),
        (dict(dt=0.0), "dt must be above 0"),
        (dict(input_times=[[0.002, 0.001]] + [[]] * 4), "sorted"),
        (dict(input_times=[[0.001]]), "one row a sender, 1"),
        (dict(input_times=[[0.06]] + [[]] * 4), "t_max must not lie before the last input spike at 0.06 s"),
    ],
)  # fmt: skip
def test_bad_input(changes, message):
    inputs, weights = sample(0)
    given = dict(neuron=QUADRATIC, input_times=inputs, weights=weights, loss=Linear(), t_max=T_MAX, dt=DT)
    with pytest.raises(ValueError, match=message):
        weight_gradient(**(given | changes), method="straight_through")
