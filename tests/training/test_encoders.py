"""Encoders: the right number of steps, the right statistics, the right step for every spike."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from snntheory.training import Constant, Latency, Poisson
from snntheory.training.encoders import from_settings, n_steps, settings


def random(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("dt", ["0.0001", "0.0005", "0.001", "0.002", "0.004", "0.008", "0.01"])
@pytest.mark.parametrize("window", ["0.1", "0.2", "0.3", "0.4", "0.6", "0.7", "1", "2.4"])
def test_number_of_steps_has_no_accident_of_floats(window, dt):
    exact = math.ceil(Fraction(window) / Fraction(dt))
    assert n_steps(float(window), float(dt)) == exact


def test_number_of_steps_where_the_quotient_of_floats_lies_above_a_whole_number():
    for window, dt, expected in [(0.07, 0.01, 7), (0.56, 0.01, 56), (1.11, 0.005, 222)]:
        assert math.ceil(window / dt) == expected + 1  # the accident
        assert n_steps(window, dt) == expected


def test_number_of_steps_rounds_up_and_is_at_least_one():
    assert n_steps(0.101, 0.002) == 51
    with pytest.raises(ValueError, match="window must be at least dt = 0.002 s, got 0.001 s"):
        n_steps(0.001, 0.002)
    assert n_steps(50 * 0.0007, 0.0007) == 50


@pytest.mark.parametrize("arrivals", ["bernoulli", "poisson"])
def test_poisson_mean_and_variance(arrivals):
    rate, dt, images = 200.0, 0.002, torch.tensor([[0.0, 0.3, 1.0]]).repeat(40, 1)
    spikes = Poisson(window=2.0, max_rate=rate, arrivals=arrivals)(images, dt, random())
    assert spikes.shape == (1000, 40, 3) and spikes.dtype == torch.float32
    counts = spikes.double().reshape(-1, 3)
    n = len(counts)
    for column, p in enumerate([0.0, 0.3 * rate * dt, rate * dt]):
        variance = p * (1 - p) if arrivals == "bernoulli" else p
        fourth = variance * (1 + 3 * variance)  # at least the fourth central moment of both laws
        mean_error = abs(counts[:, column].mean().item() - p)
        variance_error = abs(counts[:, column].var().item() - variance)
        assert mean_error <= 5 * math.sqrt(variance / n)  # five standard errors
        assert variance_error <= 5 * math.sqrt(fourth / n)
    assert counts.max() == 1 if arrivals == "bernoulli" else counts.max() > 1


def test_neither_steps_nor_inputs_are_correlated():
    spikes = Poisson(window=4.0, max_rate=250.0)(torch.full((2, 2), 1.0), 0.002, random()).double()
    signals = [spikes[:-1, 0, 0], spikes[1:, 0, 0], spikes[:-1, 0, 1], spikes[:-1, 1, 0]]
    correlation = np.corrcoef(torch.stack(signals).numpy())
    # five standard errors of a correlation of 1999 samples
    assert np.abs(correlation - np.eye(4)).max() < 5 / math.sqrt(1999)


def test_bernoulli_refuses_more_than_one_spike_a_step():
    encoder, image = Poisson(max_rate=300.0), torch.ones(1, 1)
    assert encoder(image, 1 / 300, random()).min() == 1  # exactly one a step is allowed, and certain
    with pytest.raises(ValueError, match=r"max_rate \* dt must be at most 1.*arrivals='poisson'"):
        encoder(image, 0.004, random())
    counts = Poisson(window=400.0, max_rate=300.0, arrivals="poisson")(image, 0.02, random())
    assert counts.mean().item() == pytest.approx(6, abs=5 * math.sqrt(6 / 20_000))  # five standard errors


def test_probability_per_step_does_not_know_the_time_step():
    encoder = Poisson(window=0.1, probability_per_step=True)
    image = torch.tensor([[0.0, 0.4, 1.0]]).repeat(500, 1)
    fine, coarse = (encoder(image, dt, random()).double().mean((0, 1)) for dt in (0.001, 0.01))
    for mean, n in ((fine, 50_000), (coarse, 5_000)):
        assert mean[0] == 0 and mean[2] == 1
        assert mean[1].item() == pytest.approx(0.4, abs=5 * math.sqrt(0.24 / n))  # five standard errors
    assert encoder.mean_count(0.001) == encoder.mean_count(7.0) == 1
    with pytest.raises(ValueError, match="needs arrivals='bernoulli'"):
        Poisson(probability_per_step=True, arrivals="poisson")


@pytest.mark.parametrize("arrivals", ["bernoulli", "poisson"])
def test_the_generator_decides_everything(arrivals):
    encoder, image = Poisson(arrivals=arrivals), torch.full((3, 5), 0.6)
    torch.manual_seed(0)
    first = encoder(image, 0.002, random(7))
    torch.manual_seed(1)
    assert torch.equal(first, encoder(image, 0.002, random(7)))
    assert not torch.equal(first, encoder(image, 0.002, random(8)))


def expected_step(rounding, position):
    """Step of a spike at ``position`` steps, in exact arithmetic."""
    step = {
        "ceil": math.ceil(position),
        "nearest": round(position),
        "next": math.floor(position) + 1,
    }[rounding]
    return max(1, step)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rounding", ["ceil", "nearest", "next"])
@pytest.mark.parametrize("steps_to_last", [5, 50, 100, 200, 255, 510, 1000])
def test_latency_of_every_grey_level_is_the_exact_one(steps_to_last, rounding, dtype):
    # 255 grey levels on 255, 510 ... steps all lie on the grid: there rounding of floats could decide
    levels = torch.arange(256, dtype=dtype) / 255
    encoder = Latency(window=0.2, last=0.1, rounding=rounding)
    spikes = encoder(levels[None], 0.1 / steps_to_last, random())
    assert spikes.sum(0)[0].tolist() == [0] + [1] * 255  # black is silent, all others fire once
    steps = spikes.argmax(0)[0].tolist()
    for level in range(1, 256):
        position = (1 - Fraction(level, 255)) * steps_to_last
        assert steps[level] + 1 == expected_step(rounding, position), level


def test_roundings_between_and_on_the_grid():
    images = torch.tensor([[1.0, 0.75, 0.5, 0.46, 0.44]], dtype=torch.float64)  # 0, 2.5, 5, 5.4, 5.6 steps
    expected = {"ceil": [1, 3, 5, 6, 6], "nearest": [1, 2, 5, 5, 6], "next": [1, 3, 6, 6, 6]}
    for rounding, steps in expected.items():
        spikes = Latency(window=0.02, last=0.01, rounding=rounding)(images, 0.001, random())
        assert (spikes.argmax(0)[0] + 1).tolist() == steps, rounding


def test_a_spike_past_the_window_is_lost():
    images = torch.tensor([[1.0, 1e-9, 0.0]], dtype=torch.float64)  # the second at the last moment
    kept = Latency(window=0.01, last=0.01, rounding="ceil")(images, 0.001, random())
    assert kept.shape[0] == 10 and kept.sum(0)[0].tolist() == [1, 1, 0] and kept[9, 0, 1] == 1
    lost = Latency(window=0.01, last=0.01, rounding="next")(torch.tensor([[1.0, 1e-12]]), 0.001, random())
    assert lost.sum(0)[0].tolist() == [1, 0]


def test_latency_takes_batches_apart_and_uses_no_random_numbers():
    images = torch.rand(4, 9, generator=random())
    together = Latency()(images, 0.001, random(1))
    one_by_one = torch.cat([Latency()(image[None], 0.001, random(2)) for image in images], dim=1)
    assert torch.equal(together, one_by_one)


@pytest.mark.parametrize(
    "encoder",
    [
        Poisson(0.3, 50.0, "poisson"),
        Poisson(0.3, probability_per_step=True),
        Latency(0.3, 0.2, "next"),
        Constant(0.3, 50.0),
    ],
)
def test_settings_make_the_same_encoder(encoder):
    assert from_settings(settings(encoder)) == encoder


def test_constant_input_is_the_mean_of_the_rate_code():
    images = torch.rand(3, 8, generator=random())
    given = Constant(0.02, 40.0)(images, 0.002, random())
    assert given.shape == (10, 3, 8) and given.stride(0) == 0
    counts = Poisson(40.0, 40.0, "poisson")(images, 0.002, random(7))
    error = torch.sqrt(images * 40 * 0.002 / len(counts))
    assert ((counts.mean(0) - given[4]).abs() < 5 * error).all()  # five standard errors
    with pytest.raises(ValueError, match="Constant input has no spike times"):
        Constant().times(images)


@pytest.mark.parametrize("encoder", [Poisson(), Latency(), Constant()])
def test_wrong_images(encoder):
    for bad in (torch.tensor([[float("nan")]]), torch.tensor([[1.01]]), torch.tensor([[-0.01]])):
        with pytest.raises(ValueError, match=r"images must lie in \[0, 1\]"):
            encoder(bad, 0.001, random())
    with pytest.raises(ValueError, match="flatten them first"):
        encoder(torch.zeros(2, 28, 28), 0.001, random())


def test_wrong_arguments():
    for make in (Poisson, Latency, Constant):
        for window in (0.0, -1.0, math.nan, math.inf):
            with pytest.raises(ValueError, match="window must be"):
                make(window=window)
        with pytest.raises(TypeError, match="window must be a real number"):
            make(window="0.1")
    with pytest.raises(ValueError, match="max_rate must be above 0 Hz"):
        Poisson(max_rate=0.0)
    with pytest.raises(ValueError, match="arrivals must be one of.*did you mean 'poisson'"):
        Poisson(arrivals="poison")
    with pytest.raises(ValueError, match="last must be at most window"):
        Latency(window=0.1, last=0.11)
    with pytest.raises(ValueError, match="rounding must be one of"):
        Latency(rounding="floor")
    with pytest.raises(ValueError, match="encoder must be one of"):
        from_settings({"name": "rank_order"})
