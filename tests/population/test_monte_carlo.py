"""Event-driven rates, and chains beside them with the same spikes."""

import numpy as np
import pytest

from snntheory import CubaLIF, discretize
from snntheory.population import chain_rate, event_driven_rate, free_moments, rate_bias

NEURON = CubaLIF(0.020, 0.005, v_threshold=20.0, v_reset=0.0, reset="to_value")
WEIGHT, RATE = 1 / 30, 450.0  # mu = 15, sigma = 5
SCHEMES = ("impulse_invariance", "forward_euler", "backward_euler", "exponential_euler")


@pytest.fixture(scope="module")
def found():
    models = [discretize(NEURON, 0.001, name) for name in SCHEMES]
    return rate_bias(models, NEURON, RATE, WEIGHT, n_neurons=60, t_max=50.0, rng=np.random.default_rng(1))


def test_the_exact_rate(found):
    # two grids of the density with finite weights, extrapolated: 3.60 Hz (test_jumps)
    assert found.exact.rate == pytest.approx(3.60, abs=4 * found.exact.standard_error)
    assert found.exact.standard_error < 0.05
    np.testing.assert_allclose(found.rate - found.exact.rate, found.bias, rtol=1e-12)


def test_the_scheme_decides_more_than_the_noise(found):
    bias, error = (
        dict(zip(SCHEMES, found.bias, strict=True)),
        dict(zip(SCHEMES, found.standard_error, strict=True)),
    )
    assert (
        abs(bias["impulse_invariance"]) < 0.08
    )  # the threshold is looked at every step: of the order of dt/tau_syn
    assert bias["forward_euler"] > 10 * error["forward_euler"]
    assert bias["backward_euler"] < -10 * error["backward_euler"]
    # the kick of exponential Euler is too large by dt/2 tau_syn: 10 % more drive doubles the rate
    assert 1.8 < found.rate[3] / found.exact.rate < 2.1
    # the same inputs take most of the scatter away
    assert error["impulse_invariance"] < found.exact.standard_error / 3


def test_with_the_gain_put_right_exponential_euler_is_exact_again(found):
    model = discretize(NEURON, 0.001, "exponential_euler")
    exact = discretize(NEURON, 0.001, "impulse_invariance")
    gain = exact.area / model.area
    put_right = rate_bias(
        [model, exact],
        NEURON,
        RATE,
        WEIGHT,
        gains=[gain, 1.0],
        n_neurons=20,
        t_max=20.0,
        rng=np.random.default_rng(2),
    )
    # the same response but for a whole step: the same spikes, one step earlier
    assert put_right.rate[0] == pytest.approx(put_right.rate[1], rel=0.005)


def test_own_inputs_give_the_same_rate(found):
    for k, name in enumerate(SCHEMES[:2]):
        alone = chain_rate(
            discretize(NEURON, 0.001, name),
            RATE,
            WEIGHT,
            n_neurons=400,
            t_max=5.0,
            rng=np.random.default_rng(3),
        )
        scatter = np.hypot(alone.standard_error, found.exact.standard_error)
        assert alone.rate == pytest.approx(found.rate[k], abs=4 * scatter)


def test_samples_below_a_high_threshold_have_the_free_moments():
    high = CubaLIF(0.020, 0.005, v_threshold=1e3, v_reset=0.0, reset="to_value")
    sample = event_driven_rate(
        high, RATE, WEIGHT, n_neurons=2000, t_max=0.01, settle=0.3, rng=np.random.default_rng(4)
    )
    mean, covariance = free_moments(high, RATE, WEIGHT)
    measured = np.cov(sample.voltage, sample.current)
    assert sample.rate == 0
    assert sample.voltage.mean() == pytest.approx(mean[0], abs=4 * np.sqrt(covariance[0, 0] / 2000))
    # relative scatter of a variance: sqrt(2/n) = 3 %, a little more for a skewed one
    np.testing.assert_allclose(measured, covariance, rtol=0.15)


def test_bad_input():
    with pytest.raises(ValueError, match="n_neurons must be at least 2"):
        event_driven_rate(NEURON, 1.0, 1.0, n_neurons=1, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="rate must be at least 0"):
        event_driven_rate(NEURON, -1.0, 1.0, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="must have a reset"):
        none = CubaLIF(0.02, 0.01, reset="none")
        rate_bias([discretize(none, 0.001, "zoh")], none, 1.0, 1.0, rng=np.random.default_rng(0))
