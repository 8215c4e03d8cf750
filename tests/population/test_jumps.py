"""Finite weights: moments of the current, two grids against event-driven simulation, the diffusion limit."""

import numpy as np
import pytest

from snntheory import CubaLIF
from snntheory.population import (
    Diffusion,
    Jumps,
    event_driven_rate,
    free_cumulants,
    jump_density,
    plane,
    stationary_density,
)

NEURON = CubaLIF(0.020, 0.005, v_threshold=20.0, v_reset=0.0, reset="to_value")


def weight_and_rate(mu, sigma):
    weight = sigma**2 * 0.020 / mu
    return mu / weight, weight


def test_columns_sum_to_zero_and_the_current_has_campbells_moments():
    rate, weight = weight_and_rate(15.0, 5.0)
    density = jump_density(NEURON, rate, weight, 40, 120)
    operator = density.grid.current_operator.toarray()
    assert np.abs(operator.sum(axis=0)).max() < 1e-12 * np.abs(operator).max()
    _, expected = free_cumulants(NEURON, rate, weight, order=3)
    masses = density.masses.sum(axis=0)
    mean = masses @ density.i
    central = density.i - mean
    # second order in the width of a cell: a jump is 8 cells, the density's scale about two jumps
    assert mean == pytest.approx(expected[0], rel=1e-3)
    assert masses @ central**2 == pytest.approx(expected[1], rel=5e-3)
    assert masses @ central**3 == pytest.approx(expected[2], rel=0.02)
    assert density.current_density.sum() * np.diff(density.grid.i_faces)[0] == pytest.approx(1, rel=1e-12)


def test_two_signs_and_jumps_of_no_whole_number_of_cells():
    drive = Jumps.of(NEURON, [2000.0, 1500.0], [0.02, -0.0123])
    operator = drive.operator(plane(drive, 20, 60).i_faces)
    faces = plane(drive, 20, 60).i_faces
    centres = (faces[1:] + faces[:-1]) / 2
    here = np.abs(centres - drive.mean) < 1.5 * np.sqrt(drive.variance)
    # mean and variance that a jump adds are kept exactly, whatever the cells (the decay has none at its centre)
    drift = (centres @ operator)[here]
    np.testing.assert_allclose(drift, (drive.mean - centres[here]) / 0.005, rtol=1e-9, atol=1e-6)
    density = jump_density(NEURON, [2000.0, 1500.0], [0.02, -0.0123], 40, 80)
    masses = density.masses.sum(axis=0)
    assert masses @ (density.i - masses @ density.i) ** 2 == pytest.approx(drive.variance, rel=0.01)


def test_simulation_agrees_and_diffusion_is_off():
    rate, weight = weight_and_rate(15.0, 5.0)
    coarse, fine = (jump_density(NEURON, rate, weight, n, k).rate for n, k in ((60, 44), (60, 88)))
    extrapolated = (4 * fine - coarse) / 3
    found = event_driven_rate(NEURON, rate, weight, n_neurons=150, t_max=60.0, rng=np.random.default_rng(11))
    assert extrapolated == pytest.approx(found.rate, abs=4 * found.standard_error + 0.02)
    gaussian = stationary_density(NEURON, 15.0, 5.0, 300, 60).rate
    assert (
        gaussian < found.rate - 5 * found.standard_error
    )  # skewness brings spikes that diffusion does not know
    mean = np.mean(found.voltage)
    voltage = density_mean(jump_density(NEURON, rate, weight, 150, 44))
    assert mean == pytest.approx(voltage, abs=4 * np.std(found.voltage) / np.sqrt(150) + 0.05)


def density_mean(density):
    return density.masses.sum(axis=1) @ density.u


def test_small_weights_are_a_diffusion():
    gaps = []
    for size in (
        1.0,
        0.25,
    ):  # excitation and inhibition: their skewness cancels, what is left falls with the weight
        weight = size / 30
        rate = np.array([450.0, 225.0]) / size**2 + np.array([450.0, 0.0]) / size * 0
        extra = 15.0 - (rate @ np.array([1, -1])) * weight
        rate = rate + np.array([extra, -extra]) / (2 * weight)
        drive = Jumps.of(NEURON, rate, [weight, -weight])
        sigma = np.sqrt(drive.variance * 2 * 0.005 / 0.020)
        found = jump_density(NEURON, rate, [weight, -weight], 100, 80).rate
        gaps.append(abs(found / stationary_density(NEURON, 15.0, sigma, 100, 80).rate - 1))
    assert gaps[1] < 0.02 and gaps[1] < gaps[0] + 1e-3


def test_bad_input():
    with pytest.raises(ValueError, match="at least 1 spike in tau_syn"):
        jump_density(NEURON, 100.0, 0.1)
    with pytest.raises(ValueError, match="rate must be at least 0"):
        jump_density(NEURON, -1.0, 0.1)
    with pytest.raises(ValueError, match="inputs of one neuron"):
        plane([Jumps.of(NEURON, 450.0, 0.1), Diffusion(CubaLIF(0.01, 0.01), 1.0, 1.0)])
