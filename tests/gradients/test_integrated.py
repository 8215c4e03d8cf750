"""Integrated spikes: the forward map against the simulations, its gradient against differences of that map."""

import itertools

import numpy as np
import pytest

from snntheory import CubaLIF
from snntheory.gradients import integrated, weight_gradient
from snntheory.gradients.differences import central_differences
from snntheory.spiking import SpikeLimitReached, compare, parker_sochacki, simulate

NEURONS = {
    reset: CubaLIF(0.020, 0.0083, v_reset=-0.2, reset=reset) for reset in ("subtract", "to_value", "none")
}
PLACEMENTS = ("linear", "cubic", "series")
RESETS = ("spike", "grid")
BACKENDS = ("reference", "numba")
DT = 0.0037  # no input lies on this grid
T_MAX = 0.074


def draw(rng, sizes, strength=1.0):
    """Input trains and weights with which most neurons fire more than once."""
    inputs = [np.sort(rng.uniform(0, 0.05, 4)) for _ in range(sizes[0])]
    weights = [
        strength * 0.0283 * rng.normal(0.9, 0.8, (a, b)) / np.sqrt(a)
        for a, b in zip(sizes, sizes[1:], strict=False)
    ]
    return inputs, weights


def smooth_loss(outputs):
    """Another factor for every spike."""
    factors = [np.cos(1.0 + n + np.arange(times.size)) for n, times in enumerate(outputs)]
    value = sum(float(f @ np.sin(40 * t)) for f, t in zip(factors, outputs, strict=True))
    return value, [40 * f * np.cos(40 * t) for f, t in zip(factors, outputs, strict=True)]


def flat(parts):
    return np.concatenate([np.ravel(part) for part in parts])


@pytest.mark.parametrize("reset", NEURONS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_forward_on_the_grid_is_the_simulation(reset, backend):
    neuron, rng, fired = NEURONS[reset], np.random.default_rng(1), 0
    for placement, reset_at, detect, order in itertools.product(
        PLACEMENTS, RESETS, ("endpoint", "extremum"), (1, 2, 5)
    ):
        inputs, (weights,) = draw(rng, (6, 1), 1.4)
        times = np.concatenate(inputs)
        rise = np.argsort(times)
        each = np.repeat(weights[:, 0], 4)[rise]
        data = simulate(
            neuron, times[rise], each, T_MAX, DT, "parker_sochacki", order, placement, reset_at, detect=detect
        )
        found = integrated.layer_spikes(
            neuron, inputs, weights, T_MAX, dt=DT, order=order, spike_placement=placement, reset_at=reset_at,
            points="grid", detect=detect, backend=backend,
        )[0]  # fmt: skip
        fired += found.size
        # the same arithmetic in another order: some units in the last place, over a slope that is not grazing
        np.testing.assert_allclose(found, compare.spike_train(data), rtol=1e-12)
    assert fired > (30 if reset == "none" else 60)


@pytest.mark.parametrize("reset", NEURONS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_forward_with_inputs_as_points_is_the_piecewise_series(reset, backend):
    neuron, rng, fired = NEURONS[reset], np.random.default_rng(2), 0
    for order in (1, 2, 3, 5, 8):
        inputs, (weights,) = draw(rng, (6, 1), 1.4)
        times = np.concatenate(inputs)
        rise = np.argsort(times)
        data = parker_sochacki.integrate(
            neuron, times[rise], np.repeat(weights[:, 0], 4)[rise], T_MAX, DT, order=order
        )
        found = integrated.layer_spikes(
            neuron, inputs, weights, T_MAX, dt=DT, order=order, spike_placement="series", detect="extremum",
            backend=backend,
        )[0]  # fmt: skip
        fired += found.size
        np.testing.assert_allclose(found, compare.spike_train(data), rtol=1e-12)
    assert fired > (4 if reset == "none" else 20)


@pytest.mark.parametrize("reset", NEURONS)
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_adjusted_is_the_derivative_of_its_own_forward_map(reset, placement):
    neuron, rng = NEURONS[reset], np.random.default_rng(3)
    compared = set_aside = several = 0
    for order, reset_at, points in itertools.product((1, 2, 3, 4, 5), RESETS, ("events", "grid")):
        inputs, weights = draw(rng, (4, 4, 3))
        options = dict(dt=DT, order=order, spike_placement=placement, reset_at=reset_at, points=points)
        gradient = weight_gradient(neuron, inputs, weights, smooth_loss, "integrated", t_max=T_MAX, **options)
        several += any(times.size > 1 for part in gradient.spike_times for times in part)
        entries = [(n, int(rng.integers(4)), int(rng.integers((4, 3)[n]))) for n in (0, 0, 1)]
        differences = central_differences(
            neuron, inputs, weights, smooth_loss, "integrated", t_max=T_MAX, entries=entries, **options
        )
        size = np.abs(flat(gradient)).max(initial=0.0)
        error, doubt = np.abs(flat(gradient) - flat(differences)), flat(differences.doubt)
        clear = np.isfinite(error) & (doubt < 1e-8 * size)
        assert np.all(error[clear] <= 1e-8 * size)
        compared += np.count_nonzero(clear)
        set_aside += len(set(entries)) - np.count_nonzero(clear)
    assert compared >= 45 and set_aside <= 9 and several >= (4 if reset == "none" else 12)


@pytest.mark.parametrize("detect", ["endpoint", "extremum"])
@pytest.mark.parametrize("reset", NEURONS)
def test_derivatives_by_input_times(reset, detect):
    """One layer, differences of each input time; the other times stay in their order and in their steps."""
    neuron, rng, step, compared = NEURONS[reset], np.random.default_rng(5), 1e-6, 0
    for placement, reset_at, order in itertools.product(PLACEMENTS, RESETS, (1, 2, 5)):
        inputs, (weights,) = draw(rng, (5, 3), 1.3)
        options = dict(dt=DT, order=order, spike_placement=placement, reset_at=reset_at, detect=detect)
        spikes = integrated.layer_spikes(neuron, inputs, weights, T_MAX, **options)
        value, arriving = smooth_loss(spikes)
        _, late = integrated.layer_gradient(neuron, inputs, weights, spikes, arriving, T_MAX, **options)
        size = np.abs(flat(late)).max(initial=0.0)
        for n, k in ((0, 0), (1, 2), (2, 1), (4, 3)):
            pairs = []
            for h in (step, step / 2):
                values = []
                for sign in (1, -1):
                    moved = [times.copy() for times in inputs]
                    moved[n][k] += sign * h
                    there = integrated.layer_spikes(neuron, moved, weights, T_MAX, **options)
                    values.append(smooth_loss(there)[0])
                    same = [a.size == b.size for a, b in zip(spikes, there, strict=True)]
                pairs.append((values[0] - values[1]) / (2 * h))
            if all(same) and abs(pairs[0] - pairs[1]) < 1e-6 * size:  # no spike passes a point
                compared += 1
                # rounding: 1e-16 over a step of 1e-6 s, in units of a slope of 40/s or more
                assert late[n][k] == pytest.approx((4 * pairs[1] - pairs[0]) / 3, abs=1e-8 * size)
    assert compared >= 50


def test_euler_spike_by_hand():
    """The first step from a current w/tau_syn: u(dt) = dt r w/(tau_mem tau_syn), so s = theta tau_mem tau_syn/(r w)."""
    neuron = CubaLIF(0.02, 0.005, r=2.0, v_threshold=0.7)
    weight = 0.05
    expected = 0.7 * 0.02 * 0.005 / (2.0 * weight)
    for backend in BACKENDS:
        spikes = integrated.layer_spikes(
            neuron, [np.array([0.0])], np.array([[weight]]), 0.004, dt=0.004, backend=backend
        )
        assert spikes[0][0] == pytest.approx(expected, rel=1e-14)
        gradient, _ = integrated.layer_gradient(
            neuron, [np.array([0.0])], np.array([[weight]]), spikes, [np.eye(spikes[0].size)[0]], 0.004, dt=0.004,
            backend=backend,
        )  # fmt: skip
        assert gradient[0, 0] == pytest.approx(-expected / weight, rel=1e-13)


@pytest.mark.parametrize("reset", NEURONS)
def test_backends_agree(reset):
    """Forward derivatives of dual numbers against the compiled sweep backwards; inputs on the grid too."""
    neuron, rng = NEURONS[reset], np.random.default_rng(7)
    variants = itertools.product(PLACEMENTS, RESETS, ("events", "grid"), ("endpoint", "extremum"), (1, 4))
    for n, (placement, reset_at, points, detect, order) in enumerate(variants):
        inputs, (weights,) = draw(rng, (4, 3), 2.0)
        if n % 2:
            inputs = [np.round(2 * times / DT) * DT / 2 for times in inputs]
        options = dict(
            dt=DT, order=order, spike_placement=placement, reset_at=reset_at, points=points, detect=detect
        )
        results = []
        for backend in BACKENDS:
            spikes = integrated.layer_spikes(neuron, inputs, weights, T_MAX, backend=backend, **options)
            arriving = smooth_loss(spikes)[1]
            gradient, late = integrated.layer_gradient(
                neuron, inputs, weights, spikes, arriving, T_MAX, backend=backend, **options
            )
            results.append([flat(spikes), flat([gradient, *late])])
        np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-12)
        scale = np.abs(results[0][1]).max(initial=0.0)
        assert scale > 0
        np.testing.assert_allclose(results[0][1], results[1][1], atol=1e-10 * scale)


@pytest.fixture(scope="module")
def excited():
    """Networks of positive weights, whose spikes are no close calls, with their exact gradients."""
    neuron, found = NEURONS["subtract"], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        inputs = [np.sort(rng.uniform(0, 0.05, 4)) for _ in range(5)]
        weights = [0.0283 * rng.uniform(0.2, 0.9, (a, b)) / np.sqrt(a) for a, b in ((5, 4), (4, 3))]
        exact = flat(weight_gradient(neuron, inputs, weights, smooth_loss, "adjoint", t_max=T_MAX))
        found.append((inputs, weights, exact))
    return found


@pytest.mark.parametrize(
    ("order", "placement", "adjusted", "piggyback"),
    [(1, "linear", 1, 1), (8, "linear", 1, 2), (8, "cubic", 3, 4), (2, "series", 2, 2), (3, "series", 3, 3)],
)
def test_order_of_both_estimators_towards_the_exact_gradient(excited, order, placement, adjusted, piggyback):
    """The error of an interpolated time changes with its place in the step: its derivative has one power of dt less.

    Interpolation alone moves a spike by O(dt**q), q = 2 (linear), 4 (cubic), p + 1 (series); the sum of all steps by
    O(dt**p). So the adjusted gradient has the order min(p, q - 1), the exact formulas at the same times min(p, q).
    """
    steps = np.array([4, 2, 1]) * (2e-5 if order == 1 else 2.5e-4)
    for estimator, expected in (("adjusted", adjusted), ("piggyback", piggyback)):
        errors = []
        for dt in steps:
            each = [
                np.linalg.norm(
                    flat(
                        weight_gradient(
                            NEURONS["subtract"], inputs, weights, smooth_loss, "integrated", t_max=T_MAX,
                            dt=float(dt), order=order, spike_placement=placement, estimator=estimator,
                        )
                    )
                    - exact
                )
                / np.linalg.norm(exact)
                for inputs, weights, exact in excited
            ]  # fmt: skip
            errors.append(np.median(each))
        # the median of 20 networks, each with errors that depend on how its spikes fall into the steps
        assert np.polyfit(np.log(steps), np.log(errors), 1)[0] == pytest.approx(expected, abs=0.35)


def test_piggyback_is_not_the_derivative():
    """Source 001's point: at a coarse step the exact formulas at Euler's spike times miss the map's own derivative."""
    neuron, rng = NEURONS["subtract"], np.random.default_rng(13)
    inputs, weights = draw(rng, (5, 4, 3))
    results = [
        flat(
            weight_gradient(
                neuron, inputs, weights, smooth_loss, "integrated", t_max=T_MAX, dt=DT, estimator=estimator
            )
        )
        for estimator in ("adjusted", "piggyback")
    ]
    assert np.linalg.norm(results[0] - results[1]) > 0.05 * np.linalg.norm(results[0])


def test_inputs_moved_to_the_grid_teach_the_layers_before_nothing():
    neuron, rng = NEURONS["subtract"], np.random.default_rng(17)
    inputs, weights = draw(rng, (5, 4, 3))
    options = dict(t_max=T_MAX, dt=DT, points="grid")
    adjusted = weight_gradient(neuron, inputs, weights, smooth_loss, "integrated", **options)
    piggyback = weight_gradient(
        neuron, inputs, weights, smooth_loss, "integrated", estimator="piggyback", **options
    )
    assert not adjusted[0].any() and adjusted[1].any()
    assert piggyback[0].any()


@pytest.mark.parametrize("backend", BACKENDS)
def test_many_spikes_in_one_step(backend):
    """One step over the whole window, series of order 40: practically the exact neuron, with all its spikes."""
    neuron = CubaLIF(0.02, 0.01)
    inputs, weights = [np.array([0.0, 0.002])], np.array([[0.6]])
    options = dict(dt=0.02, order=40, spike_placement="series", backend=backend)
    spikes = integrated.layer_spikes(neuron, inputs, weights, 0.02, **options)
    from snntheory.gradients import adjoint

    exact = adjoint.layer_spikes(neuron, inputs, weights, 0.02)
    assert exact[0].size > 20
    np.testing.assert_allclose(spikes[0], exact[0], rtol=1e-10)
    arriving = [np.linspace(-1, 1, exact[0].size)]
    found = integrated.layer_gradient(neuron, inputs, weights, spikes, arriving, 0.02, **options)
    expected = adjoint.layer_gradient(neuron, inputs, weights, exact, arriving, 0.02)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-8)
    np.testing.assert_allclose(found[1][0], expected[1][0], rtol=1e-8)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (dict(dt=None), TypeError, "dt must be a real number"),
        (dict(dt=0.0), ValueError, "dt must be above 0"),
        (dict(order=0), ValueError, "order must be at least 1"),
        (dict(order=1.5), TypeError, "order must be an integer"),
        (dict(spike_placement="grid"), ValueError, "spike_placement must be one of"),
        (dict(reset_at="next_step"), ValueError, "reset_at must be one of"),
        (dict(points="nearest"), ValueError, "points must be one of"),
        (dict(detect="both"), ValueError, "detect must be one of"),
        (dict(estimator="naive"), ValueError, "estimator must be one of"),
        (dict(backend="cuda"), ValueError, "backend must be one of"),
        (dict(scheme="zoh"), TypeError, "has no option 'scheme'"),
        (
            dict(neuron=CubaLIF(0.02, 0.01, v_threshold=0.0, v_reset=-1.0, reset="to_value")),
            ValueError,
            "from rest",
        ),
        (dict(t_max=0.0005), ValueError, "t_max must not lie before the last input"),
        (
            dict(neuron=CubaLIF(0.02, 0.001, reset="none"), dt=0.9, t_max=90.0, order=3),
            ValueError,
            "grows without",
        ),
        (dict(weights=[np.array([[9.0]])], max_spikes=3), SpikeLimitReached, "more than max_spikes=3"),
    ],
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_bad_input(backend, changes, error, message):
    given = dict(
        neuron=CubaLIF(0.02, 0.001),
        input_times=[np.array([0.001])],
        weights=[np.array([[0.05]])],
        loss=smooth_loss,
        method="integrated",
        t_max=0.05,
        dt=0.0005,
        backend=backend,
    )
    with pytest.raises(error, match=message):
        weight_gradient(**(given | changes))


def test_the_step_is_asked_for():
    with pytest.raises(TypeError, match="needs the option dt"):
        weight_gradient(
            CubaLIF(0.02, 0.01), [[0.001]], [np.ones((1, 1))], smooth_loss, "integrated", t_max=0.05
        )


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("reset", NEURONS)
def test_a_maximum_within_a_step(reset, placement):
    """The voltage rises over the threshold and is below it again at the end: seen, placed and differentiated."""
    neuron = CubaLIF(0.004, 0.003, v_reset=-0.2, reset=reset)
    inputs, weights = [np.array([0.0, 0.003])], np.array([[0.0062]])
    options = dict(dt=0.009, order=6, spike_placement=placement, detect="extremum")
    results = []
    for backend in BACKENDS:
        spikes = integrated.layer_spikes(neuron, inputs, weights, 0.018, backend=backend, **options)
        assert spikes[0].size == 1 and 0.003 < spikes[0][0] < 0.009
        back = integrated.layer_gradient(
            neuron, inputs, weights, spikes, [np.ones(1)], 0.018, backend=backend, **options
        )
        results.append([back[0][0, 0], *back[1][0]])
    np.testing.assert_allclose(*results, rtol=1e-11)

    def first(weight, time):
        there = integrated.layer_spikes(
            neuron, [np.array([0.0, time])], np.array([[weight]]), 0.018, **options
        )
        return there[0][0]

    for found, step, along in ((results[0][0], 1e-6, (1, 0)), (results[0][2], 1e-7, (0, 1))):
        pairs = [
            (
                first(0.0062 + along[0] * h, 0.003 + along[1] * h)
                - first(0.0062 - along[0] * h, 0.003 - along[1] * h)
            )
            / (2 * h)
            for h in (step, step / 2)
        ]
        assert found == pytest.approx((4 * pairs[1] - pairs[0]) / 3, rel=1e-7)  # rounding: 1e-18 s over 1e-7
    unseen = integrated.layer_spikes(neuron, inputs, weights, 0.018, **(options | dict(detect="endpoint")))
    assert unseen[0].size == 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_spike_after_the_end(backend):
    """The grid goes on to the first point after t_max, its spikes do not; the gradient is that of the spikes given."""
    neuron, inputs, weights = NEURONS["subtract"], [np.array([0.0, 0.004])], np.array([[0.2]])
    options = dict(dt=0.01, order=8, spike_placement="series", backend=backend)
    longer = integrated.layer_spikes(neuron, inputs, weights, 0.02, **options)
    end = 0.5 * (longer[0][-1] + longer[0][-2])
    spikes = integrated.layer_spikes(neuron, inputs, weights, end, **options)
    assert 0.01 < end < 0.02
    np.testing.assert_array_equal(spikes[0], longer[0][:-1])
    arriving = np.cos(np.arange(longer[0].size))
    arriving[-1] = 0.0
    expected = integrated.layer_gradient(neuron, inputs, weights, longer, [arriving], 0.02, **options)
    found = integrated.layer_gradient(neuron, inputs, weights, spikes, [arriving[:-1]], end, **options)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-13)
    np.testing.assert_allclose(found[1][0], expected[1][0], rtol=1e-13)
