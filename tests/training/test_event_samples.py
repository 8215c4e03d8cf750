"""Samples of events: what becomes of them on a grid and as times, and networks that learn from them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from snntheory import CubaLIF
from snntheory.training import (
    CountCrossEntropy,
    EventNetwork,
    Events,
    Network,
    checkpoint,
    datasets,
    evaluate,
    fit,
    load_network,
)
from snntheory.training import encoders as all_encoders
from snntheory.training.trainer import generator

EVENTS = [
    (np.array([0.0, 0.001, 0.0011, 0.004, 0.009]), np.array([2, 0, 0, 0, 1])),
    (np.array([]), np.array([], np.int64)),
    (np.array([0.003, 0.002]), np.array([1, 1])),
]


@pytest.fixture
def samples():
    return datasets.EventSamples.from_lists(EVENTS, [1, 0, 2], (3,))


def test_counts_on_a_grid(samples):
    # steps end at 1, 2, 3, 4, 5 ms; an event on an end belongs to the step that ends there, one at 0 to the first
    counts = samples.counts([0, 1, 2], 0.001, 5)
    assert counts.shape == (5, 3, 3) and counts.dtype == np.float32
    assert np.argwhere(counts).tolist() == [[0, 0, 0], [0, 0, 2], [1, 0, 0], [1, 2, 1], [2, 2, 1], [3, 0, 0]]
    assert counts.max() == 1 and samples.counts([0], 0.01, 1)[0].tolist() == [[3, 1, 1]]
    # a grid of the events' own ticks loses none, whatever the rounding of the times
    ticks = np.arange(1, 500)
    for dt in (1e-3, 1 / 3e3, 7e-5):
        even = datasets.EventSamples.from_lists([(ticks * dt, np.zeros(499, int))], [0], (1,))
        np.testing.assert_array_equal(even.counts([0], dt, 499)[:, 0, 0], 1)


def test_padded_times(samples):
    times = samples.padded_times([0, 1, 2], 0.008)
    assert times.shape == (3, 3, 3)
    inf = np.inf
    np.testing.assert_array_equal(times[0], [[0.001, 0.0011, 0.004], [inf] * 3, [0.0, inf, inf]])
    assert np.isinf(times[1]).all()
    np.testing.assert_array_equal(times[2, 1], [0.002, 0.003, inf])
    assert samples.padded_times([1], 1.0).shape == (1, 3, 1)


def test_selections_and_references(samples):
    assert len(samples) == 3 and samples.n_inputs == 3 and "3 samples" in repr(samples)
    fewer = samples[[2, 0]]
    assert fewer.labels.tolist() == [2, 1] and fewer[0][0].tolist() == [0.002, 0.003]
    assert samples[:2].labels.tolist() == [1, 0] and samples[-1][2] == 2
    references = fewer.references()
    assert (
        references.shape == (2, 1)
        and references.dtype == np.float32
        and 0 <= references.min() <= references.max() < 1
    )
    assert samples.of_references(references).tolist() == [2, 0]
    assert fewer.of_references(references[::-1]).tolist() == [1, 0]
    with pytest.raises(ValueError, match=r"references\(\) of the samples that the encoder has"):
        fewer.of_references(samples.references())
    assert len({samples.digest(), fewer.digest(), samples[[0, 2]].digest()}) == 3
    other = datasets.EventSamples.from_lists(EVENTS[::-1], [1, 0, 2], (3,))
    assert other.digest() != samples.digest()
    last = np.array([2**24 - 2, 2**24 - 1])  # the most that a float32 tells apart
    many = datasets.EventSamples(samples._read, [0], (3,), chosen=last)
    assert many.of_references(many.references()[::-1]).tolist() == [1, 0]


def test_events_that_cannot_be():
    make = datasets.EventSamples.from_lists
    one = (np.array([0.1]), np.array([0]))
    for events, labels, message in (
        ([one], [0, 1], "labels must be 1 integers"),
        ([one], [0.5], "labels must be 1 integers"),
        ([(np.array([0.1, 0.2]), np.array([0]))], [0], "sample 0 has 2 times and 1 addresses"),
        ([one, (np.array([-0.1]), np.array([0]))], [0, 1], "sample 1 has a time that is negative"),
        ([(np.array([0.1]), np.array([3]))], [0], r"sample 0 has an address outside 0 \.\. 2"),
        ([(np.array([0.1]), np.array([0.5]))], [0], "addresses of type float64"),
    ):
        with pytest.raises(ValueError, match=message):
            make(events, labels, (3,))


@pytest.fixture
def separable():
    """60 samples of 12 inputs in which class c fires inputs 4c .. 4c + 3."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    events = [(rng.random(30) * 0.05, rng.integers(0, 4, 30) + 4 * c) for c in labels]
    return datasets.EventSamples.from_lists(events, labels, (12,))


def test_networks_learn_from_events(separable, tmp_path):
    encoder, neuron = Events(separable, 0.05), CubaLIF(0.020, 0.010)
    network, loss = Network([12, 20, 3], neuron, 0.002, seed=1), CountCrossEntropy(1.0)
    path = tmp_path / "model.pt"
    settings = {"encoder": encoder, "loss": loss, "batch_size": 20, "learning_rate": 1e-2, "checkpoint": path}
    fit(network, separable.references(), separable.labels, epochs=10, **settings)
    part = separable[10:40]
    result = evaluate(network, part.references(), part.labels, encoder=encoder, loss=loss)
    assert result.accuracy == 1.0  # the classes share no input
    loaded, without, _ = load_network(path)
    with pytest.raises(ValueError, match=r"give encoder=Events\(samples, window=0.05\)"):
        evaluate(loaded, part.references(), part.labels, encoder=without, loss=loss)
    again = evaluate(
        loaded, part.references(), part.labels, encoder=replace(without, samples=part), loss=loss
    )
    assert again == result
    # a training goes on with the same samples only
    other = Events(separable[::-1], 0.05)
    with pytest.raises(checkpoint.CheckpointError, match="encoder"):
        fit(
            network,
            separable.references(),
            separable.labels,
            epochs=11,
            resume=True,
            **settings | {"encoder": other},
        )


def test_events_drive_both_kinds_of_network_alike(separable):
    encoder, neuron = Events(separable[:4], 0.05), CubaLIF(0.020, 0.010, reset="none")
    images = torch.from_numpy(separable[:4].references())
    on_grid, in_time = Network([12, 5], neuron, 1e-4, seed=1), EventNetwork([12, 5], neuron, 0.06, seed=1)
    random = generator(torch.device("cpu"), 0)
    counts = on_grid.encode(encoder, images, random)
    times = in_time.encode(encoder, images, random)
    np.testing.assert_array_equal(counts.sum(0), times.isfinite().sum(-1))
    assert encoder.extra_inputs == 11 and counts.shape == (500, 4, 12)
    first = torch.where(counts.cumsum(0) > 0, 0, 1).sum(0) + 1  # the step in which an input first fires
    finite = times[..., 0].isfinite()
    np.testing.assert_array_equal(first[finite], torch.ceil(times[..., 0][finite] / 1e-4))


def test_encoder_of_events():
    with pytest.raises(TypeError, match="samples must be EventSamples, got ndarray"):
        Events(np.zeros(3))
    with pytest.raises(ValueError, match="window must be above 0"):
        Events(None, 0.0)
    assert all_encoders.from_settings({"name": "events", "window": 0.1, "samples": "ab"}) == Events(None, 0.1)
