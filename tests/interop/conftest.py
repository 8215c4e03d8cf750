"""Inputs that every library is driven with, and the comparison."""

import numpy as np
import pytest

from snntheory.linear import frameworks

N_STEPS = 200


@pytest.fixture(params=["one spike", "spike train"])
def inputs(request):
    """``S_n`` in a library's weights: one spike in step 3, or a random train with weights of both signs."""
    train = np.zeros(N_STEPS)
    train[3] = 1.0
    if request.param == "spike train":
        rng = np.random.default_rng(5)
        train = (rng.random(N_STEPS) < 0.3) * rng.normal(0.4, 0.6, N_STEPS)
    return train


@pytest.fixture
def excitation():
    """Weights large enough that every library crosses a threshold of 1 many times."""
    rng = np.random.default_rng(6)
    return (rng.random(N_STEPS) < 0.3) * rng.uniform(0.2, 1.2, N_STEPS)


@pytest.fixture
def equals_declaration():
    """Check of a library's voltage (and spikes) against the declared update, step by step."""

    def check(name, values, dt, inputs, voltage, spikes=None, atol=1e-12, **threshold):
        if spikes is None:
            threshold = {"reset": "none"}
        expected = frameworks.simulate(frameworks.get(name), values, dt, inputs, **threshold)
        scale = np.abs(expected[0]).max()
        np.testing.assert_allclose(voltage, expected[0], rtol=0, atol=atol * scale)
        if spikes is not None:
            assert spikes.sum() >= 5, "the input must make the neuron fire"
            np.testing.assert_array_equal(spikes, expected[2])

    return check
