"""Source 000's two estimators in batches: against the sample-wise gradient and against the trainer's own."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from snntheory.experiments import step_size_estimators as experiment
from snntheory.experiments.step_size_accuracy import Settings, network_and_encoder
from snntheory.gradients.timing import network_gradient
from snntheory.training import CountCrossEntropy, datasets
from snntheory.training.inputs import as_inputs
from snntheory.training.sample_loss import for_sample
from snntheory.training.trainer import generator

SETTINGS = replace(Settings(), hidden=12)
LOSS = CountCrossEntropy(5.0)


def _batch(dt, condition="scheme", direct="tssl_bp", n=4):
    network, encoder = network_and_encoder(replace(SETTINGS, direct=direct), condition, dt, "timing")
    images, labels = datasets.mnist_subset("train")
    given = network.encode(encoder, as_inputs(images[:n]), generator(torch.device("cpu"), 0))
    return network, given, torch.from_numpy(labels[:n])


@pytest.mark.parametrize("estimator", ["discrete", "continuous"])
@pytest.mark.parametrize("direct", ["tssl_bp", "hu"])
def test_is_the_mean_of_the_gradients_of_the_samples(estimator, direct):
    """Voltages are float32 here and float64 there; slopes ``1/rise`` magnify that: 1e-3 of the largest entry."""
    dt = 0.16
    network, given, labels = _batch(dt)
    options = {"estimator": estimator, "direct": direct, "clamp": 1e4}
    found, value = experiment.batch_gradient(network, given, labels, LOSS, **options)
    matrices = [part.numpy().astype(float) for part in network.weights()]
    expected, values = [np.zeros_like(part) for part in matrices], []
    for sample, label in enumerate(labels.tolist()):
        trains = [
            np.repeat(dt * (np.arange(len(column)) + 1), column.astype(int))
            for column in given[:, sample].numpy().T
        ]
        t_max = len(given) * dt
        one = network_gradient(
            list(network.neurons),
            trains,
            matrices,
            for_sample(LOSS, label, t_max),
            t_max,
            dt=dt,
            loss_on="grid",
            rounding="nearest",
            **options,
        )
        values.append(one.value)
        for total, part in zip(expected, one, strict=True):
            total += part / len(labels)
    assert value == pytest.approx(np.mean(values), rel=1e-5)
    for a, b in zip(found, expected, strict=True):
        assert np.abs(b).max() > 0
        np.testing.assert_allclose(a, b, atol=1e-3 * np.abs(b).max())


@pytest.mark.parametrize("direct", ["tssl_bp", "hu"])
def test_discrete_is_what_the_trainer_uses(direct):
    network, given, labels = _batch(0.08, direct=direct)
    found, value = experiment.batch_gradient(network, given, labels, LOSS, direct=direct, clamp=1e4)
    judged = network.judge(LOSS, given, labels)
    judged.value.backward()
    assert value == pytest.approx(judged.value.item(), rel=1e-6)
    for a, own, matrix in zip(found, network.parameters(), network.weights(), strict=True):
        unit = float((matrix / own.detach()).median())
        b = own.grad.numpy() / unit
        np.testing.assert_allclose(a, b, atol=1e-4 * np.abs(b).max())  # float32 there


def test_with_the_exact_scheme_the_two_are_one():
    network, given, labels = _batch(0.08, "none")
    both = [
        experiment.batch_gradient(network, given, labels, LOSS, estimator=name)[0]
        for name in ("discrete", "continuous")
    ]
    for a, b in zip(*both, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12 * np.abs(a).max())


def test_with_backward_euler_they_part_as_the_step_grows():
    apart = []
    for dt in (0.02, 0.32):
        network, given, labels = _batch(dt)
        a, b = (
            experiment.batch_gradient(network, given, labels, LOSS, estimator=name, clamp=1e4)[0][0]
            for name in ("discrete", "continuous")
        )
        apart.append(np.linalg.norm(a - b) / np.linalg.norm(a))
    assert apart[0] < 0.05 and apart[1] > 3 * apart[0]


def test_sampled_kicks_are_refused():
    network, given, labels = _batch(0.16, "all")
    with pytest.raises(ValueError, match="dirac"):
        experiment.batch_gradient(network, given, labels, LOSS)
