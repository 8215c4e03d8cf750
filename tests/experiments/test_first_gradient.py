"""Source 000's first backward pass: the same drive in both protocols, the law of the slopes, where it explodes."""

from dataclasses import replace

import numpy as np
import pytest

from snntheory import CubaLIF
from snntheory.experiments import first_gradient as experiment
from snntheory.training import datasets

SMALL = experiment.Settings().quick()


@pytest.fixture(scope="module")
def found():
    return experiment.study(replace(experiment.Settings(), time_steps=(0.04, 0.08, 0.16), batch=3))


def test_a_pixel_fires_as_often_in_both_protocols_at_the_reference():
    """Expected counts are ``steps`` times the intensity; over all pixels of a digit, some thousands of spikes."""
    images, labels = datasets.mnist_subset("train")
    expected = SMALL.steps * images[0].sum() / 255.0
    for protocol in experiment.PROTOCOLS:
        trains, given = experiment.inputs(SMALL, protocol, SMALL.reference_dt)
        total = sum(train.size for train in trains[0])
        assert abs(total - expected) < 5 * np.sqrt(expected) and given[0] == labels[0]  # five deviations
        window = SMALL.steps * SMALL.reference_dt
        assert max(train.max(initial=0) for train in trains[0]) <= window * (1 + 1e-12)


def test_the_window_of_the_source_is_fifty_steps():
    coarse, _ = experiment.inputs(SMALL, "source", 0.32)
    fine, _ = experiment.inputs(SMALL, "source", 0.08)
    np.testing.assert_allclose(np.concatenate(coarse[0]), 4 * np.concatenate(fine[0]), rtol=1e-12)
    physical = [experiment.inputs(SMALL, "physical", dt)[0] for dt in (0.08, 0.32)]
    np.testing.assert_array_equal(*(np.concatenate(each[0]) for each in physical))


def test_gradient_is_by_weights_of_the_source():
    """A network of twice the resistance and half the weights is the same one, and its gradient is twice as large."""
    gradients, _, spikes = experiment.first_backward(SMALL, "source", 0.32)
    assert [part.shape for part in gradients] == [(784, 20), (20, 10)] and spikes[1] > 0
    half = replace(
        SMALL,
        gain=SMALL.gain / 2,
        neuron=CubaLIF(0.8, 0.6, 2.4, v_threshold=1.5, v_reset=1.0, reset="to_value"),
    )
    doubled, _, same = experiment.first_backward(half, "source", 0.32)
    np.testing.assert_allclose(spikes, same)
    for a, b in zip(gradients, doubled, strict=True):
        np.testing.assert_allclose(b, 2 * a, rtol=1e-9, atol=1e-12 * np.abs(b).max())


def test_kaimings_weights_silence_the_output():
    settings = replace(experiment.Settings(), gain=1.0, batch=3)
    for dt in (0.02, 0.32):
        gradients, _, spikes = experiment.first_backward(settings, "source", dt)
        assert spikes[1] == 0 and not any(part.any() for part in gradients)


def test_it_explodes_with_the_window_and_not_with_the_step(found):
    hidden = found["norm"].sel(layer="hidden")
    source, physical = hidden.sel(protocol="source").values, hidden.sel(protocol="physical").values
    assert source[2] > 10 * source[1] >= 0
    assert 1 < physical[0] / physical[2] < 10
    spikes = found["spikes"].sel(layer="hidden")
    assert spikes.sel(protocol="source", dt=0.16) > 3 * spikes.sel(protocol="source", dt=0.04)


def test_slopes_scale_with_the_inverse_step_and_fall_with_the_second_power():
    """A wide layer, so that the tail has a thousand spikes: its exponent to 0.4, quantiles of ``dt/rise`` to 15 %."""
    settings = replace(experiment.Settings(), hidden=300, batch=4)
    seen = {dt: experiment.first_backward(settings, "physical", dt)[1] for dt in (0.02, 0.04)}
    medians = [np.quantile(slopes * dt, (0.25, 0.5, 0.75)) for dt, slopes in seen.items()]
    np.testing.assert_allclose(*medians, rtol=0.15)
    tail = np.sort(seen[0.02])[::-1][:400]
    hill = 1 / np.mean(np.log(tail / tail[-1]))  # Hill's estimator of the exponent, to 5 % with 400 values
    assert abs(hill - 2) < 0.4
    assert np.mean(seen[0.02] > 1e4) < 1e-3 < np.mean(seen[0.02] > 8)  # the two clamps


def test_clamp_of_the_source_changes_nothing_and_that_of_tssl_bp_does():
    norms = {}
    for clamp in (None, 1e4, 8.0):
        gradients, _, _ = experiment.first_backward(replace(SMALL, clamp=clamp), "physical", 0.08)
        norms[clamp] = np.linalg.norm(gradients[0])
    assert norms[1e4] == norms[None] and norms[8.0] < 0.9 * norms[None]


def test_unknown_protocol():
    with pytest.raises(ValueError, match="protocol"):
        experiment.inputs(SMALL, "mine", 0.1)
