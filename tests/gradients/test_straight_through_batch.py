"""The compiled straight-through layers against the reference, which goes neuron by neuron and spike by spike."""

import numpy as np
import pytest
import torch

from snntheory import CubaLIF
from snntheory.gradients import weight_gradient
from snntheory.gradients._numba_straight_through import _grid_index
from snntheory.gradients.layers import spike_time_layer
from snntheory.gradients.straight_through_layer import Rule, send, sent_layer
from snntheory.spiking import SpikeLimitReached, grid_index
from snntheory.spiking.rounding import ROUNDING
from snntheory.training import EventNetwork, SpikeCount
from snntheory.training.initial import Uniform

T_MAX, ROOM = 0.062, 40
QUADRATIC = CubaLIF(0.020, 0.010, r=1.3, v_threshold=0.7)
NEURONS = {
    "quadratic": QUADRATIC,
    "any": CubaLIF(0.020, 0.0063),
    "equal": CubaLIF(0.012, 0.012),
    "to value": CubaLIF(0.020, 0.007, v_reset=-0.3, reset="to_value"),
    "no reset": CubaLIF(0.015, 0.005, reset="none"),
}


def draw(neuron, seed=0):
    """Three samples of four inputs, some silent, and weights of both signs for many spikes, some of them late."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0, 0.045, (3, 4, 3)), axis=2)
    times[:, 1, 1:], times[0, 2] = np.inf, np.inf
    unit = neuron.v_threshold * neuron.tau_mem / neuron.r
    return times, [unit * rng.uniform(-0.3, 1.5, shape) for shape in ((4, 6), (6, 3))]


def linear(outputs):
    slopes = [1 - 0.1 * np.arange(part.size) for part in outputs]
    return sum(float(a @ b) for a, b in zip(slopes, outputs, strict=True)), slopes


def compiled(times, matrices, neuron, rule, room=ROOM):
    weights = [torch.tensor(part, requires_grad=True) for part in matrices]
    layer = send(torch.from_numpy(times), rule)
    for each in weights:
        layer = sent_layer(layer, each, neuron, rule, max_spikes=room, limit=10_000)
    layer.times.backward((1 - 0.1 * torch.arange(room, dtype=torch.float64)).expand_as(layer.times))
    return layer, [each.grad.numpy() for each in weights]


def reference(times, matrices, neuron, dt, **options):
    found = [
        weight_gradient(
            neuron,
            [row[np.isfinite(row)] for row in padded],
            matrices,
            linear,
            "straight_through",
            t_max=T_MAX,
            dt=dt,
            **options,
        )
        for padded in times
    ]
    return found, [sum(parts) for parts in zip(*found, strict=True)]


@pytest.mark.parametrize("rounding", ROUNDING)
@pytest.mark.parametrize("late", ["carry", "drop"])
@pytest.mark.parametrize(
    ("name", "estimator"), [(name, "clean") for name in NEURONS] + [("quadratic", "published")]
)
def test_two_layers_are_the_reference(name, estimator, late, rounding):
    neuron, n_late = NEURONS[name], 0
    for dt in (0.4e-3, 2e-3, 5e-3):
        times, matrices = draw(neuron)
        options = {"rounding": rounding, "late": late, "estimator": estimator}
        layer, gradients = compiled(times, matrices, neuron, Rule(T_MAX, dt, **options))
        found, expected = reference(times, matrices, neuron, dt, **options)
        for sample, each in enumerate(found):
            n_late += each.diagnostics["late"]
            for j, train in enumerate(each.spike_times[-1]):
                row = layer.times[sample, j].detach().numpy()
                np.testing.assert_allclose(row[np.isfinite(row)], train, rtol=1e-13)
                assert layer.counts[sample, j] == train.size
        for part, goal in zip(gradients, expected, strict=True):
            # additions in another order, over spikes that differ by the solver's last bits
            np.testing.assert_allclose(part, goal, rtol=0, atol=1e-10 * np.abs(goal).max())
    if neuron.reset != "none":
        assert n_late > 0


def test_the_published_estimator_is_another_one():
    times, matrices = draw(QUADRATIC)
    both = [
        compiled(times, matrices, QUADRATIC, Rule(T_MAX, 5e-3, estimator=name))[1][0]
        for name in ("clean", "published")
    ]
    assert np.abs(both[0] - both[1]).max() > 0.1 * np.abs(both[0]).max()


def test_a_neuron_that_stays_above_the_threshold_falls_silent():
    """A strong input: with "drop" the voltage crosses while the neuron is blind, and stays above for the window."""
    times = np.array([[[0.0, 0.001]]])
    matrix = [np.array([[40 * QUADRATIC.v_threshold * QUADRATIC.tau_mem / QUADRATIC.r]])]
    counts = {
        late: int(compiled(times, matrix, QUADRATIC, Rule(T_MAX, 5e-3, late=late))[0].counts)
        for late in ("carry", "drop")
    }
    assert counts["carry"] == 12  # in every step, the last one at 60 ms
    assert counts["drop"] == 1


def test_spikes_without_room_reset_and_are_not_heard():
    times, matrices = draw(QUADRATIC)
    for late in ("carry", "drop"):
        rule = Rule(T_MAX, 2e-3, late=late)
        whole, _ = compiled(times, matrices[:1], QUADRATIC, rule)
        cut, _ = compiled(times, matrices[:1], QUADRATIC, rule, room=3)
        assert torch.equal(cut.times, whole.times[..., :3])
        assert torch.equal(cut.counts, whole.counts) and cut.counts.max() > 3


def test_the_step_of_a_time_is_that_of_the_array_function():
    """Also on the grid, a rounding beside it, and where a step is so small that 1e-9 of it is below the spacing."""
    rng = np.random.default_rng(0)
    for dt in (1e-3, 0.1 / 255, 1e-11):
        times = np.concatenate(
            [rng.uniform(0, 0.1, 500), np.arange(500) * dt, np.nextafter(np.arange(500) * dt, 1)]
        )
        for place, rounding in enumerate(ROUNDING):
            expected = grid_index(times, dt, rounding)
            assert [_grid_index(t, dt, place) for t in times] == expected.tolist()


@pytest.mark.parametrize("options", [{}, {"late": "drop"}, {"rounding": "next", "estimator": "published"}])
def test_a_network_on_a_grid_is_its_layers(options):
    """Same spikes as layer by layer; for an option that layers by themselves do not have, the reference's gradient."""
    network = EventNetwork(
        (4, 6, 3),
        QUADRATIC,
        T_MAX,
        method="straight_through",
        dt=2e-3,
        max_spikes=ROOM,
        unit="jump",
        **options,
    )
    times, matrices = draw(QUADRATIC)
    network.set_weights(matrices)
    layers = network(torch.from_numpy(times))
    layers[-1].backward((1 - 0.1 * torch.arange(ROOM, dtype=torch.float64)).expand_as(layers[-1]))
    _, expected = reference(times, matrices, QUADRATIC, 2e-3, **options)
    for each, goal in zip(network.parameters(), expected, strict=True):
        np.testing.assert_allclose(
            each.grad.numpy(),
            goal * QUADRATIC.tau_syn,
            rtol=0,
            atol=1e-10 * QUADRATIC.tau_syn * np.abs(goal).max(),
        )
    if "estimator" not in options:
        layer = torch.from_numpy(times)
        for matrix in matrices:
            layer = spike_time_layer(
                layer,
                torch.from_numpy(matrix),
                QUADRATIC,
                T_MAX,
                max_spikes=ROOM,
                method="straight_through",
                dt=2e-3,
                **options,
            )
        assert torch.equal(layer, layers[-1])


def test_a_network_refuses_what_does_not_hold():
    network = EventNetwork(
        (4, 3), NEURONS["any"], T_MAX, method="straight_through", dt=1e-3, estimator="published"
    )
    with pytest.raises(ValueError, match="use estimator='clean'"):
        network(torch.full((1, 4, 1), 0.01, dtype=torch.float64))
    network = EventNetwork(
        (4, 3), QUADRATIC, T_MAX, method="straight_through", dt=1e-3, max_spikes=2, initial=Uniform(1.0, 1.0)
    )
    with pytest.raises(SpikeLimitReached, match="fired more than 2 times"):
        network(torch.full((1, 4, 1), 0.01, dtype=torch.float64))
    with pytest.raises(ValueError, match="t_max must not lie before the last spike"):
        network(torch.full((1, 4, 1), 0.07, dtype=torch.float64))
    with pytest.raises(ValueError, match="dt"):
        sent_layer(
            send(torch.zeros(1, 1, 1), Rule(T_MAX, 1e-3)),
            torch.ones(1, 1, dtype=torch.float64),
            QUADRATIC,
            Rule(T_MAX, -1e-3),
            max_spikes=3,
            limit=5,
        )


def test_it_trains():
    network = EventNetwork((4, 5, 2), QUADRATIC, T_MAX, method="straight_through", dt=5e-3, max_spikes=ROOM)
    times, _ = draw(QUADRATIC)
    network.set_weights([QUADRATIC.tau_mem * np.full((4, 5), 0.6), QUADRATIC.tau_mem * np.full((5, 2), 0.3)])
    judged = network.judge(SpikeCount(3.0, 1.0), torch.from_numpy(times), torch.tensor([0, 1, 1]))
    judged.value.backward()
    assert all(each.grad.abs().max() > 0 for each in network.parameters())
