"""Rates: against 40 digits, each other, and known limits."""

import warnings

import mpmath
import numpy as np
import pytest
from scipy.integrate import cumulative_simpson, quad, simpson
from scipy.special import erfcx

from snntheory import CubaLIF, population
from snntheory.population import OutsideValidity, coloured_rate, cv, grid_rate, shot_noise_rate, siegert
from snntheory.population.rates import ALPHA, BETA

TAU = 0.020


def siegert_40_digits(mu, sigma, v_reset, v_threshold, tau_mem, tau_ref=0.0):
    with mpmath.workdps(40):
        a, b = ((mpmath.mpf(v) - mpmath.mpf(mu)) / mpmath.mpf(sigma) for v in (v_reset, v_threshold))
        # panels that double away from zero: the integrand is 1/(sqrt(pi) |x|) to the left, a Gaussian to the right
        inside = [s * mpmath.mpf(2) ** k for s in (-1, 1) for k in range(-2, 12)]
        edges = [a, *sorted(x for x in inside if a < x < b), b]
        area = mpmath.quad(lambda x: mpmath.exp(x * x) * mpmath.erfc(-x), edges)
        return float(1 / (mpmath.mpf(tau_ref) + mpmath.mpf(tau_mem) * mpmath.sqrt(mpmath.pi) * area))


@pytest.mark.parametrize(
    ("mu", "sigma", "v_reset", "v_threshold"),
    [
        (15, 5, 0, 20),  # fluctuations across the threshold
        (25, 5, 0, 20),  # mean above it
        (30, 0.5, 0, 20),  # far above
        (10, 1, 0, 20),  # far below: 1e-41 Hz
        (15, 1, 14, 20),
        (19.999, 0.01, 0, 20),
        (20, 5, 0, 20),
        (15, 5, 19.999, 20),  # a narrow interval
    ],
)
def test_siegert_to_ten_digits(mu, sigma, v_reset, v_threshold):
    exact = siegert_40_digits(mu, sigma, v_reset, v_threshold, TAU, 0.002)
    assert siegert(mu, sigma, v_reset, v_threshold, TAU, 0.002) == pytest.approx(exact, rel=1e-12)


def test_siegert_without_noise_is_the_logarithm():
    exact = 1 / (0.002 + TAU * np.log(30 / 10))
    assert siegert(30.0, 1e-3, 0.0, 20.0, TAU, 0.002) == pytest.approx(
        exact, rel=1e-8
    )  # corrections of sigma^2
    assert siegert(0.0, 0.1, 0.0, 20.0, TAU) == 0.0


def test_siegert_broadcasts():
    mu = np.linspace(5, 30, 7)
    many = siegert(mu[:, None], [4.0, 5.0], 0.0, 20.0, TAU)
    assert many.shape == (7, 2)
    assert many[3, 1] == pytest.approx(float(siegert(mu[3], 5.0, 0.0, 20.0, TAU)), rel=1e-14)
    assert np.all(np.diff(many, axis=0) > 0)


@pytest.mark.parametrize(("mu", "sigma", "tau_ref"), [(15, 5, 0.0), (25, 3, 0.002), (12, 2, 0.001)])
def test_threshold_integration_agrees(mu, sigma, tau_ref):
    rate, v, density = population.threshold_integration(mu, sigma, 0.0, 20.0, TAU, tau_ref)
    assert rate == pytest.approx(float(siegert(mu, sigma, 0.0, 20.0, TAU, tau_ref)), rel=2e-6)
    coarse = population.threshold_integration(mu, sigma, 0.0, 20.0, TAU, tau_ref, n=5000)[0]
    assert abs(coarse - rate) < 1e-4 * rate
    area = (density.sum() - density[0] / 2) * (v[1] - v[0])
    assert area == pytest.approx(1 - rate * tau_ref, rel=1e-12)
    assert density[-1] == 0 and density.min() >= 0


def test_constants_of_the_boundary_layers():
    with mpmath.workdps(20):
        zeta = abs(mpmath.zeta(mpmath.mpf(1) / 2))
        assert ALPHA == pytest.approx(float(mpmath.sqrt(2) * zeta), rel=1e-10)
        assert BETA == pytest.approx(float(zeta / mpmath.sqrt(2 * mpmath.pi)), rel=1e-9)


def test_shifts_of_the_boundaries():
    assert coloured_rate(15, 5, 0, 20, TAU, tau_syn=0.0) == siegert(15, 5, 0, 20, TAU)
    assert grid_rate(15, 5, 0, 20, TAU, dt=0.0) == siegert(15, 5, 0, 20, TAU)
    # the grid loses 18 % at 1 ms, and the loss goes with sqrt(dt)
    white = float(siegert(15, 5, 0, 20, TAU))
    losses = [1 - float(grid_rate(15, 5, 0, 20, TAU, dt=dt)) / white for dt in (1e-3, 1e-5)]
    assert losses[0] == pytest.approx(0.18, abs=0.005) and losses[1] / losses[0] == pytest.approx(
        0.1, rel=0.15
    )
    # moving both boundaries by d is moving mu by -d
    shift = 5 * ALPHA / 2 * np.sqrt(0.05)
    assert coloured_rate(15, 5, 0, 20, TAU, tau_syn=0.001) == pytest.approx(
        float(siegert(15 - shift, 5, 0, 20, TAU)), rel=1e-12
    )


def test_grid_rate_is_that_of_a_simulation():
    # exact propagation of white noise from point to point; 4000 neurons, 4000 steps
    rng = np.random.default_rng(2)
    dt, v = 1e-3, np.zeros(4000)
    decay, noise = np.exp(-dt / TAU), 5 * np.sqrt(-np.expm1(-2 * dt / TAU) / 2)
    spikes, settle, steps = 0, 300, 1500
    for n in range(settle + steps):
        v = 15 + (v - 15) * decay + noise * rng.standard_normal(v.size)
        fired = v >= 20
        spikes += fired.sum() * (n >= settle)
        v[fired] = 0.0
    measured = spikes / (v.size * steps * dt)
    # 40,000 spikes: 0.4 % with CV 0.7; the neglected term is of the order of dt/tau = 5 %, times a small number
    assert measured == pytest.approx(float(grid_rate(15, 5, 0, 20, TAU, dt=dt)), rel=0.02)


def test_outside_validity_is_said():
    with pytest.warns(OutsideValidity, match="tau_syn=0.005"):
        coloured_rate(15, 5, 0, 20, TAU, tau_syn=0.005)
    with pytest.warns(OutsideValidity, match="dt=0.004"):
        grid_rate(15, 5, 0, 20, TAU, dt=0.004)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        coloured_rate(15, 5, 0, 20, TAU, tau_syn=0.001)


def test_cv_by_simpsons_rule():
    for mu, sigma, v_reset, v_threshold in ((18, 5, 7, 20), (15, 5, 0, 20), (30, 4, 0, 20)):
        start, end = (v_reset - mu) / sigma, (v_threshold - mu) / sigma
        y = np.linspace(start, end, 20_001)
        below = quad(lambda t: np.exp(-(t**2)) * erfcx(-t) ** 2, start - 12, start, epsabs=0, epsrel=1e-12)[0]
        inner = cumulative_simpson(np.exp(-(y**2)) * erfcx(-y) ** 2, x=y, initial=0.0) + below
        area = simpson(np.exp(y**2) * inner, x=y)
        exact = np.sqrt(2 * np.pi * area) * float(siegert(mu, sigma, v_reset, v_threshold, TAU)) * TAU
        assert cv(mu, sigma, v_reset, v_threshold, TAU) == pytest.approx(exact, rel=1e-9)


def test_limits_of_cv():
    assert cv(8, 2, 0, 20, TAU) == pytest.approx(1, abs=1e-6)  # a rare escape: exponential intervals
    # above threshold, noise small: an interval's variance is int sigma^2 tau / (mu - v)^3 dv (propagated diffusion)
    mu, sigma = 40.0, 0.1
    interval = TAU * np.log(mu / (mu - 20))
    variance = TAU**2 * sigma**2 / 2 * ((mu - 20) ** -2 - mu**-2)
    assert cv(mu, sigma, 0, 20, TAU) == pytest.approx(np.sqrt(variance) / interval, rel=1e-4)
    assert cv(18, 5, 0, 20, TAU, tau_ref=0.01) < cv(18, 5, 0, 20, TAU)
    with pytest.raises(ValueError, match="25 sigma"):
        cv(0, 0.5, 0, 20, TAU)


def test_shot_noise_tends_to_siegert():
    # jumps of mean a at rate R: drift tau R a, variance rate R <a^2> = 2 a^2 R
    excess = []
    for a in (0.4, 0.2, 0.1):
        rate = 25 / (TAU * a)
        sigma = np.sqrt(2 * a**2 * rate * TAU)
        excess.append(shot_noise_rate(rate, a, 0, 20, TAU) / float(siegert(25, sigma, 0, 20, TAU)) - 1)
    # the diffusion limit neglects the jumps over the threshold: to first order in a
    assert excess[1] / excess[0] == pytest.approx(0.5, abs=0.15) and abs(excess[2]) < 0.012
    strong = shot_noise_rate(1000.0, 0.5, 0.0, 15.0, TAU)
    assert shot_noise_rate(1000.0, 0.5, 0.0, 15.0, TAU, 0.0, 300.0, -0.3) < strong
    assert shot_noise_rate(1000.0, 0.5, 0.0, 15.0, TAU, tau_ref=0.01) == pytest.approx(
        1 / (0.01 + 1 / strong), rel=1e-10
    )


def test_shot_noise_is_that_of_a_simulation():
    rng = np.random.default_rng(6)
    rate, a, theta, seconds = 500.0, 1.5, 15.0, 400.0
    times = np.cumsum(rng.exponential(1 / rate, int(rate * seconds)))
    jumps, decay = rng.exponential(a, times.size), np.exp(-np.diff(times, prepend=0.0) / TAU)
    v, spikes = 0.0, 0
    for jump, keep in zip(jumps, decay, strict=True):
        v = v * keep + jump
        if v >= theta:
            v, spikes = 0.0, spikes + 1
    expected = shot_noise_rate(rate, a, 0.0, theta, TAU)
    assert spikes / times[-1] == pytest.approx(expected, abs=4 * np.sqrt(expected / seconds))  # CV below 1


def test_drive():
    neuron = CubaLIF(0.020, 0.005, r=2.0)
    mu, sigma = population.drive(neuron, [100.0, 200.0], [0.1, -0.02])
    assert mu == pytest.approx(2 * (10 - 4), rel=1e-14)
    assert sigma == pytest.approx(2 * np.sqrt((100 * 0.01 + 200 * 0.0004) / 0.020), rel=1e-14)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((15, 0, 0, 20, TAU), "sigma must be above 0"),
        ((15, 5, 20, 20, TAU), "v_reset must lie below v_threshold"),
        ((15, 5, 0, 20, 0.0), "tau_mem must be above 0"),
        ((15, 5, 0, 20, TAU, -1.0), "tau_ref must be at least 0"),
        ((np.nan, 5, 0, 20, TAU), "mu must be finite"),
        (([1, 2], [1, 2, 3], 0, 20, TAU), "broadcast"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        siegert(*arguments)


def test_bad_shot_noise():
    with pytest.raises(ValueError, match="amplitude_inhibitory must be at most 0"):
        shot_noise_rate(100.0, 0.5, 0, 20, TAU, 0.0, 10.0, 0.3)
    with pytest.raises(ValueError, match="rate_excitatory must be above 0"):
        shot_noise_rate(0.0, 0.5, 0, 20, TAU)
