"""Exact gradients: the methods against each other and against central differences of exact spike times."""

import numpy as np
import pytest

from snntheory import CubaLIF
from snntheory.gradients import EXACT as METHODS
from snntheory.gradients import GrazingSpike, weight_gradient
from snntheory.spiking import exact_network

T_MAX = 0.08
EXACT = {
    "quadratic": CubaLIF(0.020, 0.010),
    "scaled": CubaLIF(0.020, 0.010, r=1.7, v_threshold=0.6),
    "any": CubaLIF(0.020, 0.0063),
    "equal": CubaLIF(0.012, 0.012),
    "slow synapse": CubaLIF(0.010, 0.020),
    "to value": CubaLIF(0.020, 0.007, v_reset=-0.3, reset="to_value"),
    "quadratic to value": CubaLIF(0.020, 0.010, v_reset=0.2, reset="to_value"),
    "no reset": CubaLIF(0.015, 0.005, reset="none"),
}


def draw(rng, sizes, neuron):
    """A random network and its input: weights strong enough that most neurons fire more than once."""
    inputs = [np.sort(rng.uniform(0, 0.05, rng.integers(1, 6))) for _ in range(sizes[0])]
    # a slow synapse sums up: weaker, or some neurons fire a thousand times
    unit = (
        neuron.v_threshold
        * (neuron.tau_mem + neuron.tau_syn)
        / neuron.r
        * (0.6 if neuron.tau_syn > neuron.tau_mem else 1)
    )
    weights = [
        unit * rng.normal(0.9, 0.8, (a, b)) / np.sqrt(a) for a, b in zip(sizes, sizes[1:], strict=False)
    ]
    return inputs, weights


def random_loss(seed):
    """A smooth function of all output spike times, another weight for each."""

    def loss(outputs):
        rng = np.random.default_rng(seed)
        factors = [rng.normal(size=2000)[: times.size] for times in outputs]
        value = sum(float(np.sum(f * np.sin(40 * t))) for f, t in zip(factors, outputs, strict=True))
        return value, [40 * f * np.cos(40 * t) for f, t in zip(factors, outputs, strict=True)]

    return loss


def flat(gradient):
    return np.concatenate([part.ravel() for part in gradient])


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("sizes", [(4, 3), (5, 4, 3), (4, 4, 4, 2)])
def test_methods_agree(name, sizes):
    neuron, rng = EXACT[name], np.random.default_rng(len(sizes))
    methods = [m for m in METHODS if m != "closed_form" or name in ("quadratic", "scaled")]
    fired = 0
    for seed in range(7):
        inputs, weights = draw(rng, sizes, neuron)
        loss = random_loss(seed)
        results = [flat(weight_gradient(neuron, inputs, weights, loss, m, t_max=T_MAX)) for m in methods]
        results.append(flat(weight_gradient(neuron, inputs, weights, loss, t_max=T_MAX, mode="forward")))
        scale = np.abs(results[0]).max(initial=0.0)
        fired += scale > 0
        for other in results[1:]:
            np.testing.assert_allclose(other, results[0], rtol=1e-8, atol=1e-10 * scale)
    assert fired >= 3  # the comparison is not one of zeros


def central_difference(neuron, inputs, weights, loss, layer, entry, step):
    """(difference, whether the same spikes exist on both sides)."""
    values, counts = [], []
    for sign in (1, -1):
        moved = [part.copy() for part in weights]
        moved[layer][entry] += sign * step
        spikes = exact_network(neuron, inputs, moved, T_MAX)
        values.append(loss(spikes[-1])[0])
        counts.append([[times.size for times in part] for part in spikes])
    return (values[0] - values[1]) / (2 * step), counts[0] == counts[1]


@pytest.mark.parametrize("name", EXACT)
def test_central_differences(name):
    neuron, rng = EXACT[name], np.random.default_rng(17)
    compared, set_aside, several = 0, 0, 0
    for seed in range(16):
        inputs, weights = draw(rng, (4, 4, 2), neuron)
        loss = random_loss(seed)
        gradient = weight_gradient(neuron, inputs, weights, loss, "adjoint", t_max=T_MAX)
        spikes = exact_network(neuron, inputs, weights, T_MAX)
        several += any(times.size > 1 for part in spikes[1:] for times in part)
        size = np.abs(flat(gradient)).max()
        layer = int(rng.integers(2))
        entry = tuple(rng.integers(weights[layer].shape))
        # the fourth-order formula from two steps; its own two estimates tell how far it can be trusted
        step = 1e-4 * np.abs(weights[layer]).max()
        pairs = [central_difference(neuron, inputs, weights, loss, layer, entry, h) for h in (step, step / 2)]
        if not all(same for _, same in pairs):
            set_aside += 1  # a spike appears or vanishes inside the step
            continue
        coarse, fine = (value for value, _ in pairs)
        expected, doubt = (4 * fine - coarse) / 3, abs(fine - coarse)
        if doubt > 1e-3 * size:
            set_aside += 1  # a grazing spike: the difference itself has not converged
            continue
        compared += 1
        # the extrapolation removes the leading error; what is left is a small part of the difference of the two
        assert gradient[layer][entry] == pytest.approx(expected, abs=1e-6 * size + 0.02 * doubt)
    assert compared >= 10 and set_aside <= 6 and (several >= 8 or neuron.reset == "none")


def test_memory_of_the_origin_does_not_matter():
    """Late windows: shifting all times by 1e3 time constants leaves the gradient of a shifted loss alone."""
    neuron, rng = EXACT["quadratic"], np.random.default_rng(3)
    inputs, weights = draw(rng, (4, 3, 2), neuron)

    def loss(shift):
        return lambda outputs: (0.0, [np.cos(40 * (times - shift)) for times in outputs])

    late = [times + 20.0 for times in inputs]
    for method in METHODS:
        here = flat(weight_gradient(neuron, inputs, weights, loss(0.0), method, t_max=T_MAX))
        there = flat(weight_gradient(neuron, late, weights, loss(20.0), method, t_max=20.0 + T_MAX))
        np.testing.assert_allclose(
            there, here, rtol=1e-9, atol=1e-11 * np.abs(here).max()
        )  # 20 s round to 4e-15 s


def test_silent_networks_have_no_gradient():
    neuron = EXACT["any"]
    zero = [np.zeros((2, 3)), np.zeros((3, 1))]
    for method in ("implicit", "adjoint"):
        gradient = weight_gradient(
            neuron, [[0.001], []], zero, lambda t: (0.0, [np.zeros_like(x) for x in t]), method, t_max=0.05
        )
        assert [part.shape for part in gradient] == [(2, 3), (3, 1)] and not flat(gradient).any()
    empty = weight_gradient(
        neuron, [[], []], zero, lambda t: (0.0, [np.zeros_like(x) for x in t]), t_max=0.05, mode="forward"
    )
    assert not flat(empty).any()


def test_layers_of_different_neurons():
    rng = np.random.default_rng(5)
    neurons = [EXACT["any"], EXACT["to value"]]
    inputs, weights = draw(rng, (4, 4, 3), neurons[0])
    results = [
        flat(weight_gradient(neurons, inputs, weights, random_loss(1), m, t_max=T_MAX))
        for m in ("implicit", "adjoint")
    ]
    assert results[0].any()
    np.testing.assert_allclose(*results, rtol=1e-8, atol=1e-10 * np.abs(results[0]).max())


def test_grazing_spike_is_counted():
    neuron = CubaLIF(0.020, 0.010)
    # the peak of one response is at tau_mem ln 2 and is 1/(4 tau_syn) high: this weight touches the threshold
    with pytest.warns(GrazingSpike, match="1 spike"):
        weight_gradient(
            neuron,
            [[0.001]],
            [np.array([[0.040 * (1 + 1e-9)]])],
            lambda t: (0.0, [np.ones_like(x) for x in t]),
            t_max=0.1,
            slope_floor=1e-3,
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(method="eventprop"), "method must be one of"),
        (dict(method="closed_form", neuron=CubaLIF(0.02, 0.005)), "tau_mem = 2 tau_syn"),
        (dict(method="closed_form", neuron=CubaLIF(0.02, 0.01, reset="to_value")), "needs reset='subtract'"),
        (dict(method="adjoint", mode="forward"), "of method 'implicit' only"),
        (dict(loss=lambda t: 0.0), "loss must return"),
        (dict(loss=lambda t: (0.0, [np.zeros(77) for _ in t])), "one derivative per output spike"),
        (dict(input_times=[[0.002, 0.001]]), "sorted"),
        (dict(weights=[np.array([[np.nan]])]), r"weights\[0\] must be finite"),
    ],
)
def test_bad_input(changes, message):
    given = dict(
        neuron=CubaLIF(0.02, 0.01),
        input_times=[[0.001]],
        weights=[np.array([[0.1]])],
        loss=lambda t: (0.0, [np.ones_like(x) for x in t]),
        t_max=0.05,
    )
    with pytest.raises(ValueError, match=message):
        weight_gradient(**(given | changes))
