"""Exact gradients on hundreds of random networks: three methods and central differences; and what bad input does."""

import numpy as np
import pytest

from snntheory import CubaLIF
from snntheory.gradients import EXACT, weight_gradient
from snntheory.gradients.differences import central_differences

T_MAX = 0.08
NETWORKS = 30  # of each ratio and reset: 360 in all
RATIOS = {"2": 2.0, "1": 1.0, "nearly 1": 1 + 1e-7, "random": None}
RESETS = ("subtract", "to_value", "none")


def draw(rng, ratio, reset):
    """A neuron, input trains and the weights of two or three layers; most neurons fire more than once."""
    tau_syn = rng.uniform(0.005, 0.012)
    tau_mem = tau_syn * (np.exp(rng.uniform(np.log(0.5), np.log(5))) if ratio is None else ratio)
    neuron = CubaLIF(
        tau_mem, tau_syn, r=rng.uniform(0.5, 2), v_threshold=rng.uniform(0.5, 1.5), v_reset=-0.2, reset=reset
    )
    sizes = [(4, 3, 2), (4, 4, 3), (4, 3, 3, 2)][rng.integers(3)]
    inputs = [np.sort(rng.uniform(0, 0.05, rng.integers(1, 6))) for _ in range(sizes[0])]
    # slow synapses sum up, and without a reset it takes more for the output to fire
    unit = neuron.v_threshold * (tau_mem + tau_syn) / neuron.r * (1.5 if reset == "none" else 1.0)
    unit *= np.interp(tau_mem / tau_syn, [0.5, 2.0], [0.6, 1.0])
    weights = [
        unit * rng.normal(0.9, 0.8, (a, b)) / np.sqrt(a) for a, b in zip(sizes, sizes[1:], strict=False)
    ]
    return neuron, inputs, weights


def smooth_loss(outputs):
    """Another factor for every spike."""
    factors = [np.cos(1.0 + n + np.arange(times.size)) for n, times in enumerate(outputs)]
    value = sum(float(f @ np.sin(40 * t)) for f, t in zip(factors, outputs, strict=True))
    return value, [40 * f * np.cos(40 * t) for f, t in zip(factors, outputs, strict=True)]


def flat(parts):
    return np.concatenate([np.ravel(part) for part in parts])


@pytest.mark.slow
@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("ratio", RATIOS)
def test_three_methods_and_differences(ratio, reset):
    rng = np.random.default_rng([list(RATIOS).index(ratio), RESETS.index(reset)])
    methods = [m for m in EXACT if m != "closed_form" or (ratio == "2" and reset == "subtract")]
    live = compared = set_aside = several = 0
    for _ in range(NETWORKS):
        neuron, inputs, weights = draw(rng, RATIOS[ratio], reset)
        results = [weight_gradient(neuron, inputs, weights, smooth_loss, m, t_max=T_MAX) for m in methods]
        results.append(weight_gradient(neuron, inputs, weights, smooth_loss, t_max=T_MAX, mode="forward"))
        first = flat(results[0])
        size = np.abs(first).max()
        live += size > 0
        several += any(times.size > 1 for part in results[0].spike_times for times in part)
        for other in results[1:]:
            np.testing.assert_allclose(flat(other), first, rtol=1e-8, atol=1e-10 * size)
        entries = {(n, *(int(rng.integers(k)) for k in part.shape)) for n, part in enumerate(weights)}
        differences = central_differences(neuron, inputs, weights, smooth_loss, t_max=T_MAX, entries=entries)
        error, doubt = np.abs(first - flat(differences)), flat(differences.doubt)
        # where the last step of the extrapolation moved the difference by more, a spike nearly grazes: set aside too
        clear = np.isfinite(error) & (doubt <= 1e-6 * size)
        assert np.all(error[clear] <= 1e-6 * size)
        compared += np.count_nonzero(clear)
        set_aside += len(entries) - np.count_nonzero(clear)
    assert live >= 0.7 * NETWORKS and several >= (0.15 if reset == "none" else 0.8) * NETWORKS
    assert compared >= 2 * NETWORKS * 0.75 and set_aside <= 0.2 * (compared + set_aside)


def test_differences_see_a_spike_come_and_go():
    """A weight of exactly the critical size: the spike exists above it and not below."""
    neuron = CubaLIF(0.02, 0.01)
    # the peak of one response is at tau_mem ln 2 and 1/(4 tau_syn) high
    weights = [np.array([[0.040 * (1 + 1e-6), 0.09]])]
    found = central_differences(neuron, [[0.001]], weights, smooth_loss, t_max=0.1)
    assert found.diagnostics["changed"] == 1 and found.diagnostics["compared"] == 1
    assert np.isnan(found[0][0, 0]) and np.isnan(found.doubt[0][0, 0])
    expected = weight_gradient(neuron, [[0.001]], weights, smooth_loss, t_max=0.1)
    assert found[0][0, 1] == pytest.approx(expected[0][0, 1], rel=1e-9)


def test_differences_are_of_the_order_of_their_levels():
    neuron, rng = CubaLIF(0.02, 0.01), np.random.default_rng(1)
    inputs, weights = [np.sort(rng.uniform(0, 0.02, 3)) for _ in range(3)], [np.full((3, 1), 0.025)]
    exact = flat(weight_gradient(neuron, inputs, weights, smooth_loss, t_max=T_MAX))
    for levels in (1, 2, 3):
        errors = [
            np.abs(
                flat(
                    central_differences(
                        neuron, inputs, weights, smooth_loss, t_max=T_MAX, step=step, levels=levels
                    )
                )
                - exact
            ).max()
            for step in (2e-2, 1e-2)
        ]
        # the next term of the expansion bends the line a little
        assert np.log2(errors[0] / errors[1]) == pytest.approx(2 * levels, abs=0.3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(method="surrogate"), "staircase"),
        (dict(method="straight_through"), "staircase"),
        (dict(entries=[(0, 1, 0)]), r"entries must be \(layer, row, column\)"),
        (dict(levels=0), "levels must be at least 1"),
        (dict(step=0.0), "step must be above 0"),
        (dict(neuron=[CubaLIF(0.02, 0.01)] * 2), "one for each of the 1 layers"),
        (dict(method="closed_form", neuron=CubaLIF(0.02, 0.005)), "tau_mem = 2 tau_syn"),
        (
            dict(loss=lambda times: (np.nan, [np.zeros_like(t) for t in times])),
            "value of loss must be finite",
        ),
    ],
)
def test_differences_refuse(changes, message):
    given = dict(
        neuron=CubaLIF(0.02, 0.01),
        input_times=[[0.001]],
        weights=[np.array([[0.1]])],
        loss=smooth_loss,
        t_max=0.05,
    )
    with pytest.raises(ValueError, match=message):
        central_differences(**(given | changes))


METHODS = {
    **{name: {} for name in EXACT},
    "adjusted": dict(method="integrated", dt=0.001),
    "piggyback": dict(method="integrated", dt=0.001, estimator="piggyback"),
}


def gradient(name, neuron, inputs, weights, loss=smooth_loss, **options):
    return weight_gradient(
        neuron, inputs, weights, loss, t_max=0.05, **({"method": name} | METHODS[name] | options)
    )


@pytest.mark.parametrize("name", METHODS)
def test_no_output_spike_is_a_gradient_of_zero_with_a_count(name):
    neuron = CubaLIF(0.02, 0.01)
    weights = [np.full((2, 3), 0.2), np.full((3, 2), 1e-4)]
    found = gradient(name, neuron, [[0.001, 0.002], [0.003]], weights)
    assert [part.shape for part in found] == [(2, 3), (3, 2)] and not flat(found).any()
    assert found.diagnostics["silent"] == 2 and all(times.size for times in found.spike_times[0])


@pytest.mark.parametrize("name", METHODS)
def test_a_silent_layer_is_a_gradient_of_zero_with_a_count(name):
    neuron = CubaLIF(0.02, 0.01)
    weights = [np.full((2, 3), -0.2), np.full((3, 2), 0.3)]
    found = gradient(name, neuron, [[0.001], []], weights)
    assert not flat(found).any() and found.diagnostics["silent"] == 5


@pytest.mark.parametrize("name", METHODS)
def test_one_silent_neuron_leaves_the_others_alone(name):
    neuron = CubaLIF(0.02, 0.01)
    weights = [np.array([[0.2, -0.2, 0.15], [0.1, 0.0, 0.2]]), np.full((3, 2), 0.08)]
    found = gradient(name, neuron, [[0.001], [0.003]], weights)
    assert found.diagnostics["silent"] == 1
    assert not found[0][:, 1].any() and not found[1][1].any()
    assert found[0][:, [0, 2]].all() and found[1][[0, 2]].all()


@pytest.mark.parametrize("name", METHODS)
def test_inputs_at_the_same_time_act_together(name):
    """Two senders of weights w, v at one moment are one sender of w + v; a doubled spike is one of 2w."""
    neuron, v, w = CubaLIF(0.02, 0.01), 0.03, 0.05
    times = [0.0012, 0.0071]
    one = gradient(name, neuron, [times], [np.array([[v + w]])])
    two = gradient(name, neuron, [times, times], [np.array([[v], [w]])])
    # the same numbers, added in another order
    np.testing.assert_allclose(two[0], np.repeat(one[0], 2, axis=0), rtol=1e-12)
    single = gradient(name, neuron, [[0.0012]], [np.array([[2 * w]])])
    double = gradient(name, neuron, [[0.0012, 0.0012]], [np.array([[w]])])
    np.testing.assert_allclose(double[0], 2 * single[0], rtol=1e-12)
    assert one[0].all() and single[0].all()


@pytest.mark.parametrize("name", EXACT)
def test_hidden_neurons_that_fire_together(name):
    """Equal hidden neurons fire at the same moments; each carries its share of the gradient of one of the sum."""
    neuron = CubaLIF(0.02, 0.01)
    inputs, column = [[0.001, 0.004], [0.002]], np.array([[0.11], [0.07]])
    one = gradient(name, neuron, inputs, [column, np.array([[0.09]])])
    three = gradient(name, neuron, inputs, [np.repeat(column, 3, axis=1), np.full((3, 1), 0.03)])
    np.testing.assert_allclose(three[0], np.repeat(one[0], 3, axis=1) / 3, rtol=1e-10)
    np.testing.assert_allclose(three[1], np.repeat(one[1], 3, axis=0), rtol=1e-10)
    assert flat(one).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", METHODS)
def test_losses_that_are_not_finite(name, bad):
    neuron, inputs, weights = CubaLIF(0.02, 0.01), [[0.001]], [np.array([[0.1, 0.1]])]
    with pytest.raises(ValueError, match="the value of loss must be finite"):
        gradient(name, neuron, inputs, weights, lambda times: (bad, smooth_loss(times)[1]))

    def steep(times):
        value, slopes = smooth_loss(times)
        slopes[1][0] = bad
        return value, slopes

    with pytest.raises(ValueError, match="loss gradient 1 must be finite"):
        gradient(name, neuron, inputs, weights, steep)


@pytest.mark.parametrize("neuron", [CubaLIF(0.02, 0.009), CubaLIF(0.02, 0.01, reset="none")])
def test_closed_form_names_what_it_covers_and_what_to_take(neuron):
    with pytest.raises(ValueError, match="needs .*; use 'implicit' or 'adjoint'"):
        gradient("closed_form", neuron, [[0.001]], [np.array([[0.1]])])
