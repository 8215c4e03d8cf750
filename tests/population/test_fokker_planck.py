"""The density of (u, i) with threshold: conservation, the current's Gaussian, limits, convergence, simulation."""

import numpy as np
import pytest
from scipy.integrate import quad

from snntheory import CubaLIF, population
from snntheory.population import Diffusion, coloured_rate, free_moments, plane, siegert, stationary_density
from snntheory.population.synaptic_input import current_variance

TAU = 0.020


def neuron(tau_syn, **changes):
    return CubaLIF(TAU, tau_syn, **(dict(v_threshold=20.0, v_reset=0.0, reset="to_value") | changes))


@pytest.fixture(scope="module")
def coarse():
    return stationary_density(neuron(0.005), 15.0, 5.0, 150, 40)


def test_probability_is_conserved(coarse):
    operator = coarse.grid.operator
    assert np.abs(np.asarray(operator.sum(axis=0))).max() < 1e-12 * np.abs(operator.diagonal()).max()
    areas = np.diff(coarse.grid.u_faces)[:, None] * np.diff(coarse.grid.i_faces)[None, :]
    assert np.sum(coarse.density * areas) == pytest.approx(1, rel=1e-12)
    residual = operator @ (coarse.density * areas).ravel()
    assert np.abs(residual).max() < 1e-9 * coarse.rate


def test_current_is_the_sampled_gaussian_in_spite_of_the_reset(coarse):
    variance = current_variance(coarse.grid.neuron, 5.0)
    expected = np.exp(-((coarse.i - 15.0) ** 2) / (2 * variance))
    expected /= expected.sum() * (coarse.i[1] - coarse.i[0])
    np.testing.assert_allclose(coarse.current_density, expected, atol=1e-12 * expected.max())
    # the noise that Poisson input of the same sigma has: sigma^2 = r^2 w^2 rate / tau_mem
    _, covariance = free_moments(coarse.grid.neuron, 25 * TAU / 0.1**2, 0.1)
    assert covariance[1, 1] == pytest.approx(variance, rel=1e-12)


def test_two_ways_to_the_rate_agree():
    fine = stationary_density(neuron(0.005), 15.0, 5.0, 300, 40)
    gaps = [
        abs(d.rate_by_balance / d.rate - 1)
        for d in (stationary_density(neuron(0.005), 15.0, 5.0, 150, 40), fine)
    ]
    assert (
        gaps[1] < gaps[0] < 2e-4
    )  # of the order of the square of a cell over the span: (20/100)^2 / 20^2 ...


def extrapolated(tau_syn, mu, sigma, coarse=(150, 40)):
    rates = [
        stationary_density(neuron(tau_syn), mu, sigma, k * coarse[0], k * coarse[1]).rate for k in (1, 2)
    ]
    return (4 * rates[1] - rates[0]) / 3


@pytest.mark.parametrize(("tau_syn", "tolerance"), [(0.00003, 4e-3), (0.00012, 5e-3)])
def test_short_synapse_is_the_coloured_rate(tau_syn, tolerance):
    # the neglected term of the expansion is of the order of tau_syn/tau_mem, with a factor of a few
    assert extrapolated(tau_syn, 15.0, 5.0) == pytest.approx(
        float(coloured_rate(15.0, 5.0, 0.0, 20.0, TAU, tau_syn=tau_syn)), rel=tolerance
    )


def test_slow_synapse_tends_to_the_adiabatic_average():
    mu, spread = 18.0, 4.0  # mean and standard deviation of r i

    def slow(i):
        weight = np.exp(-((i - mu) ** 2) / (2 * spread**2)) / (spread * np.sqrt(2 * np.pi))
        return weight / (TAU * np.log(i / (i - 20)))

    expected = quad(slow, 20, mu + 10 * spread, limit=300)[0]
    excess = [
        stationary_density(neuron(tau_syn), mu, spread * np.sqrt(2 * tau_syn / TAU), 300, 120).rate / expected
        - 1
        for tau_syn in (2.0, 20.0, 200.0)
    ]
    # the logarithm's steep rise above threshold is smoothed over the time in which i moves: a root of tau_mem/tau_syn
    assert excess[0] > excess[1] > excess[2] and abs(excess[2]) < 5e-3 and excess[0] < 0.04


@pytest.mark.slow
@pytest.mark.parametrize("tau_syn", [0.00012, 0.001, 0.005, 0.02])
def test_two_grids_extrapolate_to_a_finer_pair(tau_syn):
    assert extrapolated(tau_syn, 15.0, 5.0) == pytest.approx(
        extrapolated(tau_syn, 15.0, 5.0, (300, 80)), rel=1.5e-3
    )


def test_errors_fall_with_the_cells():
    reference = extrapolated(0.005, 15.0, 5.0)
    errors = [
        abs(stationary_density(neuron(0.005), 15.0, 5.0, n, n // 4).rate / reference - 1)
        for n in (80, 160, 320)
    ]
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert np.all(orders > 1.5)  # second order inside, less where the boundary condition changes its kind


def test_simulation_agrees():
    # Gaussian current propagated exactly; the voltage too, but the threshold is looked at every 20 us
    rng = np.random.default_rng(7)
    n, tau_syn, dt, steps, settle = 4000, 0.005, 2e-5, 15_000, 3000
    spread = np.sqrt(current_variance(neuron(tau_syn), 5.0))
    decay, noise = np.exp(-dt / tau_syn), spread * np.sqrt(-np.expm1(-2 * dt / tau_syn))
    i, v, spikes = 15 + spread * rng.standard_normal(n), rng.uniform(0, 15, n), 0
    for step in range(steps):
        v += dt / TAU * (i - v)
        i = 15 + (i - 15) * decay + noise * rng.standard_normal(n)
        fired = v >= 20
        v[fired] = 0.0
        spikes += fired.sum() * (step >= settle)
    measured = spikes / (n * (steps - settle) * dt)
    # about 3200 spikes: 1.8 %, with intervals a little more regular than Poisson
    assert measured == pytest.approx(extrapolated(tau_syn, 15.0, 5.0), rel=0.06)


def test_refractory_time():
    short = neuron(0.0002)
    free = stationary_density(short, 25.0, 5.0, 150, 60)
    held = stationary_density(short, 25.0, 5.0, 150, 60, tau_ref=0.005)
    # a synapse much faster than the pause: intervals are longer by the pause, and a little more, because i has fallen
    # back to its mean when the neuron returns: the reset's share of the shift by colour, 2 % of the span here
    longer = 1 / (1 / free.rate + 0.005)
    assert 0.975 * longer < held.rate < longer
    areas = np.diff(held.grid.u_faces)[:, None] * np.diff(held.grid.i_faces)[None, :]
    assert np.sum(held.density * areas) == pytest.approx(1 - held.rate * 0.005, rel=1e-10)


def test_subtraction_is_a_reset_to_zero_and_r_scales_the_current(coarse):
    subtract = stationary_density(neuron(0.005, reset="subtract", v_reset=7.0), 15.0, 5.0, 150, 40)
    assert subtract.rate == coarse.rate
    scaled = stationary_density(neuron(0.005, r=3.0), 15.0, 5.0, 150, 40)
    assert scaled.rate == pytest.approx(coarse.rate, rel=1e-10)
    np.testing.assert_allclose(scaled.i * 3, coarse.i, rtol=1e-13)


def test_density_is_where_it_should_be(coarse):
    assert coarse.u[-1] < 20 < coarse.grid.u_faces[-1] + 1e-9
    assert 0.0 in coarse.grid.u_faces
    assert coarse.negative_mass < 1e-4
    mean = np.sum(coarse.voltage_density * coarse.u * np.diff(coarse.grid.u_faces))
    assert mean < 15.0  # the resets pull it below the free mean
    assert float(siegert(15, 5, 0, 20, TAU)) > coarse.rate  # a synapse takes rate away


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stationary_density(neuron(0.005), 15.0, 0.0), "sigma must be above 0"),
        (lambda: stationary_density(neuron(0.005, reset="none"), 15.0, 5.0), "must have a reset"),
        (lambda: stationary_density(neuron(0.005), 15.0, 5.0, n_u=5), "n_u must be at least 20"),
        (lambda: stationary_density(neuron(0.005), 15.0, 5.0, 100, 20, reach=1.5), "take a larger reach"),
        (lambda: stationary_density(neuron(0.005), np.nan, 5.0), "mu must be finite"),
        (lambda: plane(Diffusion(neuron(0.005), 15.0, 5.0), tau_ref=-1.0), "tau_ref must be at least 0"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_public_names():
    assert population.stationary_density is stationary_density
