"""Losses on spike times and voltages: by hand, by finite differences, and as the limit of those on a grid."""

import math

import numpy as np
import pytest
import torch

from snntheory import CubaLIF
from snntheory.gradients import weight_gradient
from snntheory.spiking import van_rossum_distance
from snntheory.training import (
    CountCrossEntropy,
    FirstSpike,
    MaxVoltage,
    MeanVoltage,
    Network,
    SpikeCount,
    VanRossum,
    evaluate,
    fit,
)
from snntheory.training.encoders import Latency
from snntheory.training.losses import decide, decide_times, for_sample, from_settings, settings
from snntheory.training.van_rossum import decaying_sum

TARGETS = VanRossum(0.02, (((0.01, 0.05), (), (0.03,)), ((0.002,), (0.06, 0.07), ())))
ON_TIMES = [SpikeCount(2.0, 1.0), CountCrossEntropy(2.0), FirstSpike(0.02, 0.05, 0.1), TARGETS]
T_MAX = 0.1


def names(loss):
    return type(loss).__name__


def trains(seed=0, batch=4, n=3, room=5, rate=0.5):
    """Sorted times padded with inf, off the grid; the first output of the first sample is silent."""
    rng = np.random.default_rng(seed)
    times = np.where(rng.random((batch, n, room)) < rate, rng.uniform(0, T_MAX, (batch, n, room)), np.inf)
    times[0, 0] = np.inf
    return torch.from_numpy(np.sort(times, 2))


LABELS = torch.tensor([0, 1, 1, 0])


def test_first_spike_by_hand():
    times = torch.tensor([[[0.02, 0.03], [0.05, math.inf]], [[math.inf, math.inf], [0.04, math.inf]]])
    loss = FirstSpike(tau_0=0.01, tau_1=0.1, gamma=0.2, silent_after=0.05)
    one = math.log(1 + math.exp((0.02 - 0.05) / 0.01)) + 0.2 * math.expm1(0.02 / 0.1)
    # the silent label counts as firing 0.05 s after the window of 0.1 s
    two = math.log(1 + math.exp((0.15 - 0.04) / 0.01)) + 0.2 * math.expm1(0.15 / 0.1)
    value = loss.on_times(times.double(), torch.tensor([0, 0]), 0.1).item()
    assert value == pytest.approx((one + two) / 2, rel=1e-7)  # the times are float32 first


def test_a_silent_output_has_no_gradient_and_may_push_the_others_later():
    push, ignore = (FirstSpike(0.02, 0.05, 0.1, silent_label=name) for name in ("push", "ignore"))
    times, same = trains().requires_grad_(), trains().requires_grad_()
    value = push.on_times(times, LABELS, T_MAX)
    value.backward()
    assert torch.equal(ignore.on_times(same, LABELS, T_MAX), value)
    ignore.on_times(same, LABELS, T_MAX).backward()
    assert (same.grad[0] == 0).all() and torch.equal(
        same.grad[1:], times.grad[1:]
    )  # sample 0's label is silent
    gradient = times.grad
    assert (gradient[0, 0] == 0).all() and (gradient[..., 1:] == 0).all()  # silent; only first spikes count
    others = times.detach()[0, 1:, 0].isfinite()
    assert others.any() and (gradient[0, 1:, 0][others] < 0).all()  # the loss falls where they fire later
    nothing = torch.full((2, 3, 1), math.inf, dtype=torch.float64).requires_grad_()
    value = FirstSpike(0.02, 0.05, 0.0).on_times(nothing, torch.tensor([0, 1]), T_MAX)
    value.backward()
    assert value.item() == pytest.approx(math.log(3)) and (nothing.grad == 0).all()
    empty = torch.zeros((2, 3, 0), dtype=torch.float64)
    assert FirstSpike().on_times(empty, torch.tensor([0, 1]), T_MAX) > 0


@pytest.mark.parametrize("loss", [FirstSpike(0.02, 0.05, 0.1, 0.01, "push"), TARGETS], ids=names)
def test_gradient_by_times_is_that_of_finite_differences(loss):
    times = trains()
    fired = times.isfinite()

    def of(moved):
        return loss.on_times(torch.where(fired, times.masked_scatter(fired, moved), times), LABELS, T_MAX)

    # times of 0.01-0.1 s: a step of 1e-7 s leaves eight digits; van Rossum has kinks only where spikes coincide
    given = times[fired].requires_grad_()
    assert torch.autograd.gradcheck(of, (given,), eps=1e-7, atol=1e-6, rtol=1e-5)


def test_gradient_of_a_count_is_the_stated_assumption():
    times = trains().requires_grad_()
    SpikeCount(2.0, 1.0).on_times(times, LABELS, T_MAX).backward()
    counts = times.detach().isfinite().sum(2)
    for sample, label in enumerate(LABELS.tolist()):
        for j in range(3):
            target = 2.0 if j == label else 1.0
            # dL/dt = (n - target) dn/dt with dn/dt = -1 per second, for every spike alike; mean over 4 samples
            expected = np.where(times.detach()[sample, j].isfinite(), (target - counts[sample, j]) / 4, 0)
            np.testing.assert_allclose(times.grad[sample, j], expected, rtol=1e-14)


@pytest.mark.parametrize("loss", ON_TIMES, ids=names)
def test_a_grid_gives_what_its_step_ends_give(loss):
    rng, dt, n_steps = np.random.default_rng(1), 0.002, 50
    spikes = torch.from_numpy((rng.random((n_steps, 4, 3)) < 0.06).astype(np.float64))
    spikes[:, 0, 0] = 0
    padded = np.full((4, 3, n_steps), np.inf)
    for sample in range(4):
        for j in range(3):
            fired = (np.flatnonzero(spikes[:, sample, j]) + 1) * dt
            padded[sample, j, : fired.size] = fired
    times = torch.from_numpy(padded)
    on_times = loss if not isinstance(loss, FirstSpike) else FirstSpike(0.02, 0.05, 0.1, silent_after=dt)
    # the same numbers by other sums: rounding. On a grid silence counts as one step past the window
    torch.testing.assert_close(
        loss(spikes, LABELS, dt), on_times.on_times(times, LABELS, n_steps * dt), rtol=1e-12, atol=0
    )
    assert torch.equal(loss.decide(spikes, dt), loss.decide_times(times))


@pytest.mark.parametrize("by", ["count", "first"])
def test_decisions_of_times_are_those_of_the_grid(by):
    rng = np.random.default_rng(2)
    spikes = torch.from_numpy((rng.random((12, 400, 4)) < 0.12).astype(np.float64))
    padded = torch.full((400, 4, 12), math.inf, dtype=torch.float64)
    for n in range(12):  # unsorted places do not matter to sort()
        padded[..., n][spikes[n] > 0] = n + 1.0
    assert torch.equal(decide_times(padded.sort(2).values, by), decide(spikes, 1.0, by))
    nobody = torch.full((1, 3, 2), math.inf)
    assert decide_times(nobody, by).tolist() == [0] == decide_times(nobody[..., :0], by).tolist()


def test_van_rossum_is_half_the_squared_distance():
    times = trains(seed=3)
    expected = 0.0
    for sample, label in enumerate(LABELS.tolist()):
        for j in range(3):
            own = times[sample, j][times[sample, j].isfinite()].numpy()
            expected += 0.5 * van_rossum_distance(own, TARGETS.targets[label][j], TARGETS.tau) ** 2 / 4
    assert TARGETS.on_times(times, LABELS, T_MAX).item() == pytest.approx(expected, rel=1e-12)
    # a train that is the target's has no distance, and the nearest label is its own
    exact = torch.tensor([[[0.01, 0.05], [math.inf] * 2, [0.03, math.inf]]], dtype=torch.float64)
    assert TARGETS.on_times(exact, torch.tensor([0]), T_MAX).item() == pytest.approx(0, abs=1e-15)
    other = torch.tensor([[[0.002, math.inf], [0.06, 0.08], [math.inf] * 2]], dtype=torch.float64)
    assert TARGETS.decide_times(torch.cat([exact, other])).tolist() == [0, 1]


def test_van_rossum_on_a_grid_by_finite_differences():
    spikes = torch.rand((9, 2, 3), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([1, 0])
    # a quadratic form in the spikes
    assert torch.autograd.gradcheck(lambda s: TARGETS(s, labels, 0.004), (spikes.requires_grad_(),))


@pytest.mark.parametrize("n", [1, 2, 7, 64, 65])
def test_decaying_sum_is_the_recursion(n):
    given = torch.rand((n, 2), dtype=torch.float64, generator=torch.Generator().manual_seed(n))
    expected, before = [], torch.zeros(2, dtype=torch.float64)
    for row in given:
        before = row + 0.9 * before
        expected.append(before)
    torch.testing.assert_close(decaying_sum(given, 0.9), torch.stack(expected), rtol=1e-13, atol=0)


@pytest.mark.parametrize("loss", [MaxVoltage(0.3), MeanVoltage(0.3)], ids=names)
def test_voltage_losses(loss):
    voltage = torch.rand((6, 2, 3), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([2, 0])
    read = voltage.numpy().max(0) if isinstance(loss, MaxVoltage) else voltage.numpy().mean(0)
    p = np.exp(read / 0.3) / np.exp(read / 0.3).sum(1, keepdims=True)
    expected = -np.log(p[[0, 1], [2, 0]]).mean()
    assert loss.on_voltage(voltage, labels, 0.001).item() == pytest.approx(expected, rel=1e-12)
    assert loss.decide_voltage(voltage).tolist() == read.argmax(1).tolist()
    given = (voltage.requires_grad_(),)
    assert torch.autograd.gradcheck(lambda v: loss.on_voltage(v, labels, 0.001), given)


@pytest.mark.parametrize("loss", [MaxVoltage(0.2), MeanVoltage(0.2)], ids=names)
def test_a_network_learns_from_the_voltage_of_its_outputs(small, loss):
    images, labels, _ = small
    neurons = [CubaLIF(0.02, 0.01), CubaLIF(0.02, 0.01, reset="none")]
    network = Network((images.shape[1], 12, 3), neurons, 0.004, gain=3.0)
    options = {"encoder": Latency(0.06, 0.02), "loss": loss}
    history = fit(network, images, labels, epochs=25, batch_size=10, learning_rate=0.02, **options)
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]
    assert evaluate(network, images, labels, **options).accuracy > 0.75  # chance is 1/3 +- 0.07


@pytest.mark.parametrize("loss", ON_TIMES, ids=names)
def test_for_sample_is_the_loss_of_one_sample(loss):
    sample = for_sample(loss, 1, T_MAX)
    outputs = [np.array([0.01, 0.04]), np.array([]), np.array([0.03])]
    value, gradients = sample(outputs)
    padded = torch.tensor([[[0.01, 0.04], [math.inf] * 2, [0.03, math.inf]]], dtype=torch.float64)
    padded.requires_grad_()
    expected = loss.on_times(padded, torch.tensor([1]), T_MAX)
    expected.backward()
    assert value == expected.item() and [part.shape for part in gradients] == [(2,), (0,), (1,)]
    np.testing.assert_array_equal(np.concatenate(gradients), padded.grad[padded.detach().isfinite()].numpy())
    spikes = (np.random.default_rng(0).random((20, 3)) < 0.2).astype(float)
    value, by_spike = sample.on_grid(spikes, 0.005)
    step = 1e-6  # the losses are smooth in the spikes; central differences leave 1e-9 of values near 1
    for n, j in ((0, 0), (7, 1), (19, 2)):
        up, down = spikes.copy(), spikes.copy()
        up[n, j] += step
        down[n, j] -= step
        difference = (sample.on_grid(up, 0.005)[0] - sample.on_grid(down, 0.005)[0]) / (2 * step)
        assert by_spike[n, j] == pytest.approx(difference, abs=1e-7)


def test_for_sample_serves_weight_gradient():
    neuron, rng = CubaLIF(0.02, 0.01), np.random.default_rng(0)
    inputs = [np.sort(rng.uniform(0, 0.05, 3)) for _ in range(4)]
    weights = [rng.uniform(0.01, 0.05, (4, 5)), rng.uniform(0.01, 0.05, (5, 3))]
    loss = for_sample(FirstSpike(0.01, 0.05, 0.1), 2, T_MAX)
    found = weight_gradient(neuron, inputs, weights, loss, "adjoint", t_max=T_MAX)
    step, index = 1e-7, (1, 2)
    values = []
    for sign in (1, -1):
        moved = [part.copy() for part in weights]
        moved[0][index] += sign * step
        values.append(weight_gradient(neuron, inputs, moved, loss, "adjoint", t_max=T_MAX).value)
    # central differences of a loss near 1 with steps of 1e-7: about 1e-8 of noise, gradients of order 1 to 10
    assert found[0][index] != 0
    assert found[0][index] == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-5)


@pytest.mark.parametrize("loss", [*ON_TIMES, MaxVoltage(0.5), MeanVoltage()], ids=names)
def test_settings_make_the_same_loss(loss):
    assert from_settings(settings(loss)) == loss


def test_wrong_arguments():
    loss, good = FirstSpike(), trains()
    for entry, match in ((math.nan, "got nan"), (-0.1, "got -0.1"), (0.2, "0 .. t_max = 0.1 s")):
        bad = good.clone()
        bad[1, 1, 0] = entry
        with pytest.raises(ValueError, match=match):
            loss.on_times(bad, LABELS, T_MAX)
    with pytest.raises(ValueError, match=r"times must have shape \(batch, n_classes, n_spikes\)"):
        loss.on_times(good[0], LABELS, T_MAX)
    with pytest.raises(TypeError, match="times must be a floating torch.Tensor"):
        loss.on_times(good.numpy(), LABELS, T_MAX)
    with pytest.raises(ValueError, match="t_max must be above 0 s"):
        loss.on_times(good, LABELS, 0.0)
    with pytest.raises(ValueError, match="silent_after must be at least 0"):
        FirstSpike(silent_after=-1.0)
    with pytest.raises(ValueError, match="silent_label must be one of"):
        FirstSpike(silent_label="drop")
    with pytest.raises(ValueError, match="targets must have one entry a label"):
        VanRossum(0.01, (((0.1,),), ((0.1,), ())))
    with pytest.raises(ValueError, match="tau must be above 0"):
        VanRossum(0.0, (((0.1,),),))
    with pytest.raises(ValueError, match="targets is for|targets are for 3 outputs, there are 2"):
        TARGETS.on_times(good[:, :2], LABELS, T_MAX)
    with pytest.raises(ValueError, match="labels below 2, got label 2"):
        TARGETS.on_times(good, torch.tensor([0, 1, 2, 0]), T_MAX)
    with pytest.raises(ValueError, match="is a loss of voltages"):
        for_sample(MeanVoltage(), 0, T_MAX)([np.array([0.1])])
    with pytest.raises(ValueError, match="is a loss of voltages"):
        for_sample(MaxVoltage(), 0, T_MAX).on_grid(np.zeros((3, 2)), 0.001)
    with pytest.raises(ValueError, match="label must be at least 0"):
        for_sample(loss, -1, T_MAX)
