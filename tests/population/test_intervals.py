"""Intervals: their mean is one over the rate; limits of CV; density and moments agree."""

import numpy as np
import pytest

from snntheory import CubaLIF
from snntheory.population import (
    cv,
    interval_density,
    interval_moments,
    re_entry_masses,
    stationary_density,
)


def neuron(tau_syn):
    return CubaLIF(0.020, tau_syn, v_threshold=20.0, v_reset=0.0, reset="to_value")


@pytest.mark.parametrize("tau_ref", [0.0, 0.004])
def test_mean_interval_is_one_over_the_rate(tau_ref):
    density = stationary_density(neuron(0.005), 15.0, 5.0, 100, 30, tau_ref)
    assert re_entry_masses(density).sum() == pytest.approx(1, rel=1e-10)
    assert interval_moments(density)[0] == pytest.approx(1 / density.rate, rel=1e-9)


def test_density_and_moments_agree():
    density = stationary_density(neuron(0.005), 25.0, 5.0, 100, 30, 0.002)
    found = interval_density(density, 0.6, 0.0005)
    assert found.interval[0] == 0.002
    np.testing.assert_allclose(
        -np.gradient(found.survival, found.interval)[20:], found.density[20:], rtol=0.02, atol=0.05
    )
    mean, spread = interval_moments(density)
    weight = found.density / found.density.sum()
    measured = weight @ found.interval
    # trapezoids of a smooth density over 0.5 ms
    assert measured == pytest.approx(mean, rel=1e-3)
    assert np.sqrt(weight @ (found.interval - measured) ** 2) / measured == pytest.approx(spread, rel=3e-3)
    assert found.survival[-1] < 1e-6
    assert found.hazard[-1] == pytest.approx(found.hazard[-50], rel=1e-3)  # the slowest mode alone


def test_short_synapse_has_the_cv_of_white_noise():
    found = [
        interval_moments(stationary_density(neuron(0.00003), 15.0, 5.0, n, n // 4))[1] for n in (150, 300)
    ]
    assert (4 * found[1] - found[0]) / 3 == pytest.approx(cv(15, 5, 0, 20, 0.02), rel=0.02)


def test_rare_spikes_are_poisson_and_strong_drive_is_a_clock():
    rare = stationary_density(neuron(0.0005), 10.0, 5.0, 100, 30)
    assert interval_moments(rare)[1] == pytest.approx(1, abs=0.05)
    clock = stationary_density(neuron(0.0005), 60.0, 2.0, 200, 30)
    # numerical spreading of the cells adds a little
    assert interval_moments(clock)[1] < 0.1
