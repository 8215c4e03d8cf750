"""The straight-through layer for batches, and a training with it: against weight_gradient, sample by sample."""

import numpy as np
import pytest
import torch

from snntheory import CubaLIF
from snntheory.gradients import weight_gradient
from snntheory.gradients.layers import spike_time_layer
from snntheory.training import EventNetwork, SpikeCount

T_MAX, DT, ROOM = 0.06, 2e-3, 40  # at most one spike a step
NEURON = CubaLIF(0.020, 0.0063)


def draw(seed=0):
    """Two samples of four inputs with three spikes, some missing, and weights for several spikes, some of them late."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0, 0.04, (2, 4, 3)), axis=2)
    times[:, 1, 1:] = np.inf
    weights = [NEURON.tau_mem * rng.uniform(0.2, 1.2, shape) for shape in ((4, 5), (5, 2))]
    return times, weights


def linear(outputs):
    """A derivative of its own for each spike, whose value is 1 for the first one and falls by a tenth a spike."""
    slopes = [1 - 0.1 * np.arange(part.size) for part in outputs]
    return sum(float(a @ b) for a, b in zip(slopes, outputs, strict=True)), slopes


def run(times, matrices, dtype, **options):
    weights = [torch.tensor(part, dtype=dtype, requires_grad=True) for part in matrices]
    layer = torch.tensor(times, dtype=dtype)
    for each in weights:
        layer = spike_time_layer(
            layer, each, NEURON, T_MAX, max_spikes=ROOM, method="straight_through", dt=DT, **options
        )
    slopes = (1 - 0.1 * torch.arange(ROOM, dtype=dtype)).expand_as(layer)
    layer.backward(slopes)
    return layer.detach().double().numpy(), [each.grad.double().numpy() for each in weights]


@pytest.mark.parametrize("late", ["carry", "drop"])
@pytest.mark.parametrize("rounding", ["ceil", "nearest"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_two_layers_are_weight_gradient(late, rounding, dtype):
    times, matrices = draw()
    # the same numbers in both precisions
    times, *matrices = (part.astype(np.float32).astype(np.float64) for part in (times, *matrices))
    options = {"late": late, "rounding": rounding}
    layer, found = run(times, matrices, dtype, **options)
    expected, n_late = [np.zeros_like(part) for part in matrices], 0
    for padded, rows in zip(times, layer, strict=True):
        inputs = [row[np.isfinite(row)] for row in padded]
        each = weight_gradient(
            NEURON, inputs, matrices, linear, "straight_through", t_max=T_MAX, dt=DT, **options
        )
        n_late += each.diagnostics["late"]
        for train, row in zip(each.spike_times[-1], rows, strict=True):
            assert train.size > 3
            np.testing.assert_allclose(row[np.isfinite(row)], train, rtol=2e-7)  # float32's rounding
        expected = [total + part for total, part in zip(expected, each, strict=True)]
    assert n_late > 0
    tolerance = (
        1e-10 if dtype == torch.float64 else 1e-5
    )  # additions in another order; float32 between layers
    for part, goal in zip(found, expected, strict=True):
        np.testing.assert_allclose(part, goal, rtol=0, atol=tolerance * np.abs(goal).max())


def test_a_network_trains_with_it():
    """Every layer learns, and the settings keep the time step."""
    times, matrices = draw()
    network = EventNetwork((4, 5, 2), NEURON, T_MAX, method="straight_through", dt=DT)
    network.set_weights(matrices)
    judged = network.judge(SpikeCount(3.0, 1.0), torch.from_numpy(times), torch.tensor([0, 1]))
    judged.value.backward()
    assert all(each.grad.abs().max() > 0 for each in network.parameters())
    assert network.settings()["options"] == {"dt": DT}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rounding": "next"}, ValueError, "'ceil' or 'nearest', got 'next'; use weight_gradient"),
        ({"estimator": "published"}, ValueError, "'clean', got 'published'; use weight_gradient"),
        ({"late": "lose"}, ValueError, "late must be one of"),
        ({"step": 1}, TypeError, "no option 'step'"),
    ],
)
def test_bad_input(options, error, message):
    with pytest.raises(error, match=message):
        run(*draw(), torch.float64, **options)


def test_an_event_network_checks_its_options():
    with pytest.raises(TypeError, match="needs the option dt"):
        EventNetwork((4, 2), NEURON, T_MAX, method="straight_through")
    with pytest.raises(TypeError, match="'adjoint' has no option 'dt'"):
        EventNetwork((4, 2), NEURON, T_MAX, dt=DT)
