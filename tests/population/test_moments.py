"""Free moments: against quadrature of the response, a Lyapunov solver, the spectra and simulation."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.linalg import solve_discrete_lyapunov

from snntheory import CubaLIF, discretize, linear, population
from snntheory.linear import schemes
from snntheory.spectral import theory_psd

ALL = [(name, None) for name in schemes.names() if name != "parker_sochacki"]
ALL += [("parker_sochacki", order) for order in (2, 4)]
NEURON = CubaLIF(0.020, 0.005, r=1.3)
RATES, WEIGHTS = np.array([300.0, 500.0]), np.array([0.03, -0.01])


@pytest.mark.parametrize("tau_syn", [0.005, 0.020, 0.020 * (1 + 1e-10), 0.2])
def test_cumulants_are_integrals_of_the_response(tau_syn):
    neuron = CubaLIF(0.020, tau_syn, r=1.3)
    voltage, current = population.free_cumulants(neuron, RATES, WEIGHTS)
    for n in range(1, 5):
        area = quad(
            lambda t, n=n: linear.kernel(neuron, t) ** n, 0, 25 * max(0.02, tau_syn), epsrel=1e-11, limit=400
        )[0]
        assert voltage[n - 1] == pytest.approx(np.sum(RATES * WEIGHTS**n) * area, rel=1e-9)
        area = tau_syn / n / tau_syn**n
        assert current[n - 1] == pytest.approx(np.sum(RATES * WEIGHTS**n) * area, rel=1e-14)


def test_moments_are_the_first_two_cumulants():
    mean, covariance = population.free_moments(NEURON, RATES, WEIGHTS)
    voltage, current = population.free_cumulants(NEURON, RATES, WEIGHTS, order=2)
    np.testing.assert_allclose(mean, [voltage[0], current[0]], rtol=1e-14)
    np.testing.assert_allclose(np.diag(covariance), [voltage[1], current[1]], rtol=1e-14)


def test_autocovariance_is_the_transform_of_the_spectrum():
    for lag in (0.0, 0.003, 0.02):
        half = quad(
            lambda f: theory_psd(NEURON, RATES, WEIGHTS, f),
            0,
            20_000,
            weight="cos",
            wvar=2 * np.pi * lag,
            limit=3000,
        )[0]  # the tail above 20 kHz falls as f^-4: 1e-10 of the variance
        expected = population.free_autocovariance(NEURON, RATES, WEIGHTS, -lag)
        assert 2 * half == pytest.approx(float(expected), rel=1e-6)
    equal = CubaLIF(0.02, 0.02)
    x = 0.01 / 0.02  # the limit of the two exponentials: (1 + x) exp(-x) / (4 tau)
    assert population.free_autocovariance(equal, 1.0, 1.0, 0.01) == pytest.approx(
        (1 + x) * np.exp(-x) / (4 * 0.02), rel=1e-14
    )


def augmented(model):
    """State (u, i, last input): then b_previous is part of the matrix and the textbook equation holds."""
    a = np.zeros((3, 3))
    a[:2, :2], a[:2, 2] = model.A, model.b_previous
    return a, np.append(model.b, 1.0)


@pytest.mark.parametrize(("name", "order"), ALL)
@pytest.mark.parametrize("arrivals", ["poisson", "bernoulli"])
def test_discrete_moments_solve_the_lyapunov_equation(name, order, arrivals):
    model = discretize(NEURON, 1e-3, name, order)
    mean, covariance = population.discrete_moments(model, RATES, WEIGHTS, arrivals)
    a, b = augmented(model)
    q = RATES * 1e-3
    power = np.sum(WEIGHTS**2 * (q * (1 - q) if arrivals == "bernoulli" else q))
    np.testing.assert_allclose(
        covariance, solve_discrete_lyapunov(a, power * np.outer(b, b))[:2, :2], rtol=1e-11
    )
    expected = np.linalg.solve(np.eye(3) - a, b * np.sum(q * WEIGHTS))
    np.testing.assert_allclose(mean, expected[:2], rtol=1e-12)
    before = population.discrete_moments(model, RATES, WEIGHTS, arrivals, phase="before_input")
    np.testing.assert_allclose(mean - before[0], model.b * np.sum(q * WEIGHTS), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(
        covariance - before[1], power * np.outer(model.b, model.b), rtol=1e-11, atol=1e-14 * covariance.max()
    )


@pytest.mark.parametrize(("name", "order"), ALL)
def test_discrete_autocovariance_is_the_transform_of_the_spectrum(name, order):
    model = discretize(NEURON, 1e-3, name, order)
    n = 4096  # the correlation has died out after 4 s
    frequency = np.fft.fftfreq(n, 1e-3)
    spectrum = theory_psd(NEURON, RATES, WEIGHTS, frequency, 1e-3, name, order)
    expected = np.fft.ifft(spectrum).real[:50] / 1e-3
    ours = population.discrete_autocovariance(model, RATES, WEIGHTS, 50)
    np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-12 * expected[0])


@pytest.mark.parametrize(("name", "order"), ALL)
@pytest.mark.parametrize("arrivals", ["poisson", "bernoulli"])
def test_monte_carlo_agrees_within_its_standard_error(name, order, arrivals):
    rng = np.random.default_rng(11)
    model = discretize(NEURON, 2e-3, name, order)
    trials, steps, rate, weight = 4000, 150, 150.0, 0.02
    shape = (trials, steps)
    counts = rng.poisson(rate * 2e-3, shape) if arrivals == "poisson" else rng.random(shape) < rate * 2e-3
    voltage, current = (part[:, -1] for part in model.simulate(weight * counts.astype(float)))
    expected = population.discrete_cumulants(model, rate, weight, arrivals)
    mean, covariance = population.discrete_moments(model, rate, weight, arrivals)
    for x, cumulants, k in ((voltage, expected[0], 0), (current, expected[1], 1)):
        np.testing.assert_allclose(cumulants[:2], [mean[k], covariance[k, k]], rtol=1e-10)
        centred = x - x.mean()
        # a power of x scatters with the variance of that power; four standard errors, twenty tests per hundred thousand
        for n, value in ((1, cumulants[0]), (2, cumulants[1]), (3, cumulants[2])):
            sample = x if n == 1 else centred**n
            assert abs(sample.mean() - value) < 4.5 * sample.std() / np.sqrt(trials)
    product = (voltage - voltage.mean()) * (current - current.mean())
    assert abs(product.mean() - covariance[0, 1]) < 4.5 * product.std() / np.sqrt(trials)


def test_variance_of_the_current_on_a_grid():
    # theory: sampled just after the kick, Var_i 2x/(1 - exp(-2x)); Euler inflates by 1/(1 - dt/(2 tau_syn))
    _, exact = population.free_moments(NEURON, 800.0, 0.02)
    x = 1e-3 / 0.005
    _, sampled = population.discrete_moments(discretize(NEURON, 1e-3, "impulse_invariance"), 800.0, 0.02)
    assert sampled[1, 1] == pytest.approx(exact[1, 1] * 2 * x / -np.expm1(-2 * x), rel=1e-13)
    _, euler = population.discrete_moments(discretize(NEURON, 1e-3, "forward_euler"), 800.0, 0.02)
    assert euler[1, 1] == pytest.approx(exact[1, 1] / (1 - x / 2), rel=1e-13)


def test_short_steps_lose_no_digits():
    _, exact = population.free_moments(NEURON, 800.0, 0.02)
    for name in ("forward_euler", "backward_euler", "bilinear", "impulse_invariance", "zoh"):
        _, fine = population.discrete_moments(discretize(NEURON, 1e-13, name), 800.0, 0.02)
        np.testing.assert_allclose(fine, exact, rtol=1e-10)  # dt/tau_syn is 2e-11


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: population.discrete_moments(m, 2000.0, 0.1, "bernoulli"), "at most 1 with Bernoulli"),
        (lambda m: population.discrete_moments(m, -1.0, 0.1), "rate must be at least 0"),
        (lambda m: population.discrete_moments(m, [1.0, 2.0], [0.1, 0.1, 0.1]), "rate and weight must fit"),
        (lambda m: population.discrete_moments(m, 1.0, 0.1, phase="later"), "phase must be one of"),
        (lambda m: population.discrete_cumulants(m, 1.0, 0.1, order=5), "order must be at most 4"),
        (lambda m: population.free_cumulants(NEURON, 1.0, np.nan), "weight must be finite"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call(discretize(NEURON, 1e-3, "forward_euler"))


@pytest.mark.filterwarnings("ignore::snntheory.linear.UnstableStep")
def test_unstable_chain_has_no_moments():
    with pytest.raises(ValueError, match="no state is stationary"):
        population.discrete_moments(discretize(NEURON, 0.012, "forward_euler"), 100.0, 0.1)
