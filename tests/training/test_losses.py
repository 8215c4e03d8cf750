"""Losses and decisions against slow loops, hand-made numbers and finite differences."""

import math

import numpy as np
import pytest
import torch

from snntheory.training import CountCrossEntropy, FirstSpike, SpikeCount
from snntheory.training.losses import decide, first_spike_times, from_settings, settings

LOSSES = [SpikeCount(5.0, 1.0), CountCrossEntropy(2.0), FirstSpike(0.003, 0.02, 0.1)]


def raster(shape, probability, seed=0):
    return torch.from_numpy((np.random.default_rng(seed).random(shape) < probability).astype(np.float64))


@pytest.mark.parametrize("probability", [0.0, 0.02, 0.3, 1.0])
def test_first_spike_times_are_those_of_a_loop(probability):
    spikes, dt = raster((30, 6, 5), probability), 0.004
    found = first_spike_times(spikes, dt)
    for sample in range(6):
        for neuron in range(5):
            fired = [n for n in range(30) if spikes[n, sample, neuron]]
            # step n ends at n dt; a silent neuron gets one step past the end
            expected = (fired[0] + 1) * dt if fired else 31 * dt
            assert found[sample, neuron].item() == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_gradient_is_that_of_finite_differences(loss):
    # spikes as real numbers: inside [0, 1], and at 0 and 1 themselves, where the training uses it
    labels = torch.tensor([2, 0])
    smooth = torch.rand((7, 2, 3), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    binary = raster((7, 2, 3), 0.3)
    binary[:, 0, 1] = 0  # one silent neuron
    for spikes in (smooth, binary):
        # the losses are smooth, so central differences are as good as gradcheck's tolerance of 1e-5
        assert torch.autograd.gradcheck(lambda s: loss(s, labels, 0.001), (spikes.requires_grad_(),))


def test_spike_count_by_hand():
    spikes = torch.zeros(10, 2, 3)
    spikes[:4, 0, 0], spikes[:1, 0, 1], spikes[:10, 1, 2] = 1, 1, 1  # counts (4, 1, 0) and (0, 0, 10)
    # 1/2 ((4-5)^2 + (1-2)^2 + (0-2)^2) = 3 and 1/2 ((0-2)^2 + (0-2)^2 + (10-5)^2) = 16.5
    value = SpikeCount(target_true=5.0, target_false=2.0)(spikes, torch.tensor([0, 2]), 0.001)
    assert value.item() == pytest.approx((3 + 16.5) / 2, rel=1e-7)  # float32
    assert (SpikeCount().target_true, SpikeCount().target_false) == (15.0, 3.0)  # source 002


def test_cross_entropy_by_hand():
    spikes = torch.zeros(4, 1, 2, dtype=torch.float64)
    spikes[:3, 0, 0], spikes[:1, 0, 1] = 1, 1  # counts 3 and 1: log-odds 2 / temperature
    for temperature in (0.5, 1.0, 4.0):
        value = CountCrossEntropy(temperature)(spikes, torch.tensor([0]), 0.001).item()
        assert value == pytest.approx(math.log(1 + math.exp(-2 / temperature)), rel=1e-12)


def test_first_spike_loss_by_hand():
    spikes = torch.zeros(5, 1, 2, dtype=torch.float64)
    spikes[1, 0, 0] = 1  # at 2 ms; the other neuron is silent: 6 ms
    for label, own, other in ((0, 0.002, 0.006), (1, 0.006, 0.002)):
        value = FirstSpike(tau_0=0.004, tau_1=0.01, gamma=0.2)(spikes, torch.tensor([label]), 0.001).item()
        expected = math.log(1 + math.exp((own - other) / 0.004)) + 0.2 * (math.exp(own / 0.01) - 1)
        assert value == pytest.approx(expected, rel=1e-12)


def test_the_loss_is_a_mean_over_the_batch():
    spikes, labels = raster((6, 5, 3), 0.3), torch.tensor([0, 1, 2, 0, 1])
    for loss in LOSSES:
        each = [loss(spikes[:, k : k + 1], labels[k : k + 1], 0.001).item() for k in range(5)]
        assert loss(spikes, labels, 0.001).item() == pytest.approx(np.mean(each), rel=1e-12)


@pytest.mark.parametrize("by", ["count", "first"])
@pytest.mark.parametrize("probability", [0.02, 0.2, 0.6])
def test_decisions_are_those_of_a_sorted_list(by, probability):
    spikes = raster((12, 200, 4), probability, seed=1)
    found = decide(spikes, 0.001, by).tolist()
    ties = 0
    for sample in range(200):
        keys = []
        for neuron in range(4):
            train = spikes[:, sample, neuron].tolist()
            first = train.index(1.0) if 1.0 in train else 12
            count = sum(train)
            keys.append((count, -first) if by == "count" else (-first, count))
        best = max(keys)
        ties += keys.count(best) > 1 or sum(key[0] == best[0] for key in keys) > 1
        assert found[sample] == keys.index(best)  # index(): the lower one of equals
    assert ties > 10  # so that the tie rules were used


def test_ties_by_hand():
    spikes = torch.zeros(4, 1, 3)
    assert decide(spikes, 0.001, "count").tolist() == [0]  # all silent: the lower index
    spikes[2:4, 0, 0] = 1
    spikes[1, 0, 1] = spikes[3, 0, 1] = 1
    spikes[1, 0, 2] = 1
    assert decide(spikes, 0.001, "count").tolist() == [1]  # two each for 0 and 1; 1 was first
    assert decide(spikes, 0.001, "first").tolist() == [1]  # 1 and 2 at once; 1 has more spikes
    with pytest.raises(ValueError, match="by must be one of 'count', 'first'"):
        decide(spikes, 0.001, "rank")


def test_ties_in_a_long_window():
    spikes = torch.zeros(9000, 1, 2)  # counts times steps leave the integers of float32
    spikes[1000:8000, 0, 0] = 1
    spikes[999:7999, 0, 1] = 1
    assert decide(spikes, 0.001, "count").tolist() == [1]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_settings_make_the_same_loss(loss):
    assert from_settings(settings(loss)) == loss
    assert loss.decides_by == ("first" if isinstance(loss, FirstSpike) else "count")


def test_wrong_arguments():
    for value in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="temperature must be"):
            CountCrossEntropy(value)
        with pytest.raises(ValueError, match="tau_0 must be"):
            FirstSpike(tau_0=value)
        with pytest.raises(ValueError, match="tau_1 must be"):
            FirstSpike(tau_1=value)
    with pytest.raises(ValueError, match="gamma must be at least 0"):
        FirstSpike(gamma=-0.1)
    with pytest.raises(ValueError, match="loss must be one of"):
        from_settings({"name": "hinge"})
