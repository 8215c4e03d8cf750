"""First spikes in one pass: those of the layers bit for bit, their gradient to rounding, whatever the windows."""

import numpy as np
import pytest
import torch

from snntheory import CubaLIF
from snntheory.gradients.first_spikes import first_spikes
from snntheory.gradients.layers import spike_time_layer
from snntheory.spiking.events import SpikeLimitReached
from snntheory.training import EventNetwork, FirstSpike
from snntheory.training.initial import Normal

T_MAX = 4.0
CELLS = {
    "equal": (1.0, 1.0, "subtract", 0.0),
    "twice": (2.0, 1.0, "to_value", 0.3),
    "slow synapse": (0.7, 1.1, "subtract", 0.0),
}


def problem(cell, seed=0, batch=40, n_hidden=30, silent=0.2):
    """Spikes of 5 inputs, some with two, some with none; weights of which some outputs stay silent."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0, 2.5, (batch, 5, 2)), axis=2)
    times[:, 1:, 1] = np.inf
    times[rng.uniform(size=(batch, 5)) < 0.1] = np.inf
    tau_mem, tau_syn, reset, after = CELLS[cell]
    hidden = CubaLIF(tau_mem, tau_syn, reset=reset, v_reset=after)
    output = CubaLIF(tau_mem, tau_syn, reset="none")
    w1 = torch.from_numpy(rng.normal(1.2, 1.0, (5, n_hidden)) * tau_syn).requires_grad_()
    w2 = torch.from_numpy(rng.normal(0.1, 0.3, (n_hidden, 3)) * tau_syn).requires_grad_()
    return torch.from_numpy(times), (w1, w2), (hidden, output)


def by_layers(times, weights, neurons, most):
    hidden = spike_time_layer(times, weights[0], neurons[0], T_MAX, max_spikes=most, overflow="drop")
    output = spike_time_layer(hidden, weights[1], neurons[1], T_MAX, max_spikes=1, overflow="drop")
    return output[..., 0], hidden.isfinite().sum(2)


def gradients(first, weights, arriving):
    fired = first.isfinite()
    return torch.autograd.grad((first * arriving).masked_fill(~fired, 0.0).sum(), weights)


@pytest.mark.parametrize("most", [1, 3, 20])
@pytest.mark.parametrize("cell", CELLS)
def test_they_are_those_of_the_layers(cell, most):
    times, weights, neurons = problem(cell)
    arriving = torch.from_numpy(np.random.default_rng(1).normal(size=(len(times), 3)))
    expected, sent = by_layers(times, weights, neurons, most)
    assert 0.02 < expected.isinf().double().mean() < 0.98  # some are silent, some are not
    first, counts = first_spikes(times, weights, neurons, (T_MAX,), max_spikes=most, count=True)
    assert torch.equal(first, expected) and torch.equal(counts, sent)
    for got, want in zip(
        gradients(first, weights, arriving), gradients(expected, weights, arriving), strict=True
    ):
        # the sums of 40 samples in another order: rounding of the largest terms
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12 * float(want.abs().max()))


@pytest.mark.parametrize("cell", CELLS)
def test_windows_change_nothing_but_rounding(cell):
    times, weights, neurons = problem(cell, seed=2)
    whole, _ = first_spikes(times, weights, neurons, (T_MAX,), max_spikes=20)
    parts, none = first_spikes(times, weights, neurons, (0.9, 1.7, T_MAX), max_spikes=20)
    # the end of the window is part of the bracket in which a crossing is looked for
    torch.testing.assert_close(parts, whole, rtol=1e-13, atol=0)
    assert none.numel() == 0


def test_a_network_judges_the_same_in_one_pass_and_layer_by_layer():
    cell = CubaLIF(1.0, 1.0)
    neurons = [cell, CubaLIF(1.0, 1.0, reset="none")]
    made = [
        EventNetwork(
            (5, 30, 3),
            neurons,
            T_MAX,
            max_spikes=(12, 1),
            overflow="drop",
            initial=[Normal(1.2, 1.0), Normal(0.1, 0.3)],
            unit="jump",
            looks=(0.9, 1.7),
            bump=0.5,
            seed=4,
        )
        for _ in range(2)
    ]
    times = problem("equal", seed=3)[0]
    labels = torch.from_numpy(np.random.default_rng(0).integers(0, 3, len(times)))
    made[1]._in_one_pass = lambda inputs: False
    assert made[0]._in_one_pass(times) and not made[0]._in_one_pass(times.requires_grad_())
    loss = FirstSpike(0.2, 1.0, 0.005)
    judged = [each.judge(loss, times.detach(), labels) for each in made]
    assert judged[0].layers[0].eq(0).any(), "no silent output: the bump is not tried"
    assert torch.equal(judged[0].value, judged[1].value) and torch.equal(judged[0].decided, judged[1].decided)
    assert torch.equal(judged[0].layers[0], judged[1].layers[0])
    for each in judged:
        each.value.backward()
    for a, b in zip(made[0].parameters(), made[1].parameters(), strict=True):
        # the sums of 40 samples in another order
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-9, atol=1e-12)


def test_silence_has_no_gradient():
    times, weights, neurons = problem("equal")
    weak = [(0.01 * each).detach().requires_grad_() for each in weights]
    first, _ = first_spikes(times, weak, neurons, (T_MAX,), max_spikes=5)
    assert first.isinf().all()
    for each in torch.autograd.grad(first.masked_fill(first.isinf(), 0.0).sum(), weak, allow_unused=True):
        assert each is None or not each.any()


def test_bad_input_is_refused():
    times, weights, neurons = problem("equal", batch=3)
    with pytest.raises(ValueError, match="reset='none'"):
        first_spikes(times, weights, neurons[:1] * 2, (T_MAX,), max_spikes=5)
    with pytest.raises(ValueError, match="must not lie before the last spike"):
        first_spikes(times, weights, neurons, (0.5,), max_spikes=5)
    with pytest.raises(ValueError, match="times must rise"):
        first_spikes(-times, weights, neurons, (T_MAX,), max_spikes=5)
    with pytest.raises(ValueError, match=r"weights\[1\] must be finite"):
        first_spikes(times, (weights[0], weights[1] * np.nan), neurons, (T_MAX,), max_spikes=5)
    with pytest.raises(ValueError, match="max_spikes"):
        first_spikes(times, weights, neurons, (T_MAX,), max_spikes=0)


def test_a_neuron_that_never_stops_is_an_error():
    times, weights, neurons = problem("equal", batch=3)
    with pytest.raises(SpikeLimitReached, match="fired more than 100000 times"):
        first_spikes(times, (weights[0] * 1e7, weights[1]), neurons, (T_MAX,), max_spikes=5)
