"""The theoretical spectrum: against sums of aliases, the textbook form, variances and simulation."""

import numpy as np
import pytest
import xarray as xr
from scipy.linalg import solve_discrete_lyapunov

from snntheory import CubaLIF, discretize
from snntheory.spectral import expected_welch, psd, theory_psd

NEURON = CubaLIF(0.020, 0.005, r=1.3)
SCHEMES = [
    (name, None) for name in ("forward_euler", "backward_euler", "bilinear", "impulse_invariance", "zoh")
]
SCHEMES += [("parker_sochacki", 3)]


def lorentz_sum(a, f, dt):
    return dt * (1 - a**2) / (1 + a**2 - 2 * a * np.cos(2 * np.pi * f * dt))


def test_continuous_spectrum_integrates_to_campbells_variance():
    f = np.concatenate([np.linspace(0, 10, 20_001), np.geomspace(10, 1e5, 200_001)[1:]])
    variance = 2 * np.trapezoid(theory_psd(NEURON, 300.0, 0.02, f), f)
    assert variance == pytest.approx(1.3**2 * 0.02**2 * 300 / (2 * 0.025), rel=1e-6)  # grid of the integral


@pytest.mark.parametrize("dt", [1e-4, 1e-3, 0.02, 0.5])
def test_sampled_spectrum_is_the_textbook_form(dt):
    f = np.linspace(0, 0.5 / dt, 7)
    m, s = NEURON.tau_mem, NEURON.tau_syn
    scale = 1.3**2 * 0.02**2 * 300 / (2 * (m**2 - s**2))
    textbook = scale * (m * lorentz_sum(np.exp(-dt / m), f, dt) - s * lorentz_sum(np.exp(-dt / s), f, dt))
    # the textbook form subtracts terms 1e4 times larger at dt = 0.1 ms and Nyquist
    np.testing.assert_allclose(theory_psd(NEURON, 300.0, 0.02, f, dt=dt), textbook, rtol=1e-8)


def test_sampled_spectrum_is_the_sum_of_its_aliases():
    dt, f = 1e-3, np.linspace(0, 500, 6)
    aliases = sum(theory_psd(NEURON, 300.0, 0.02, f + k / dt) for k in range(-200, 201))
    np.testing.assert_allclose(theory_psd(NEURON, 300.0, 0.02, f, dt=dt), aliases, rtol=1e-6)  # tail ~ 200^-3


def test_sampling_doubles_the_spectrum_at_nyquist():
    neuron = CubaLIF(0.020, 0.005)
    ratio = theory_psd(neuron, 1.0, 1.0, 500.0, dt=1e-3) / theory_psd(neuron, 1.0, 1.0, 500.0)
    assert ratio == pytest.approx(2.0, abs=0.05)  # the two nearest aliases are equal there


@pytest.mark.parametrize("tau_syn", [0.020, 0.020 * (1 + 1e-12), 0.060])
def test_sampled_spectrum_for_any_ratio(tau_syn):
    neuron, dt = CubaLIF(0.020, tau_syn), 1e-3
    f = np.array([0.0, 100.0, 500.0])
    aliases = sum(theory_psd(neuron, 1.0, 1.0, f + k / dt) for k in range(-200, 201))
    np.testing.assert_allclose(theory_psd(neuron, 1.0, 1.0, f, dt=dt), aliases, rtol=1e-6)


@pytest.mark.parametrize(("scheme", "order"), SCHEMES)
def test_chain_spectrum_integrates_to_the_lyapunov_variance(scheme, order):
    dt, rate, weight = 1e-3, 300.0, 0.02
    model = discretize(NEURON, dt, scheme, order)
    f = (np.arange(20_000) + 0.5) / 20_000 * 0.5 / dt
    integral = 2 * np.mean(theory_psd(NEURON, rate, weight, f, dt, scheme, order)) * 0.5 / dt
    # with the previous input in the state, smearing schemes have a Lyapunov equation too
    a = np.zeros((3, 3))
    a[:2, :2], a[:2, 2] = model.A, model.b_previous
    b = np.array([*model.b, 1.0])[:, None]
    variance = solve_discrete_lyapunov(a, b @ b.T * rate * dt * weight**2)[0, 0]
    assert integral == pytest.approx(variance, rel=1e-9)


@pytest.mark.parametrize("arrivals", ["poisson", "bernoulli"])
def test_chain_spectrum_is_that_of_a_simulation(arrivals):
    dt, rng = 2e-3, np.random.default_rng(1)
    rates, weights = np.array([200.0, 100.0]), np.array([0.01, -0.02])
    shape = (2000, 256, 2)
    counts = rng.poisson(rates * dt, shape) if arrivals == "poisson" else rng.random(shape) < rates * dt
    voltage = discretize(NEURON, dt, "backward_euler").simulate(counts @ weights)[0][:, -128:]
    voltage = voltage - (counts @ weights).mean() / dt * NEURON.r
    power = np.abs(np.fft.rfft(voltage * np.hanning(128), axis=1)) ** 2
    measured = power.mean(0) * dt / np.sum(np.hanning(128) ** 2)
    f = np.fft.rfftfreq(128, dt)
    expected = theory_psd(NEURON, rates, weights, f, dt, "backward_euler", arrivals=arrivals)
    # 2000 periodograms: each bin is good to 1/sqrt(2000) = 2.2 %; four of those, and the window's leakage
    np.testing.assert_allclose(measured[3:], expected[3:], rtol=0.12)
    assert np.mean(measured[3:] / expected[3:]) == pytest.approx(1, abs=0.02)


def test_expected_welch_of_white_noise_is_white_but_for_the_removed_mean():
    flat = expected_welch(lambda f: np.full_like(f, 2.0), 1e-3, 64, detrend=False)
    np.testing.assert_allclose(flat, 2.0, rtol=1e-12)
    removed = expected_welch(lambda f: np.full_like(f, 2.0), 1e-3, 64, window="boxcar")
    np.testing.assert_allclose(removed[1:], 2.0, rtol=1e-12)
    assert removed[0] == pytest.approx(0.0, abs=1e-12)


def test_expected_welch_is_what_welch_gives_on_average():
    dt, n = 2e-3, 128
    voltage = discretize(NEURON, dt, "backward_euler").simulate(
        np.random.default_rng(2).poisson(0.4, (4000, n + 200)).astype(float)
    )[0][:, 200:]
    measured = psd(xr.DataArray(voltage, dims=("trial", "time"), attrs={"dt": dt}), segment_samples=n).mean(
        "trial"
    )
    expected = expected_welch(lambda f: theory_psd(NEURON, 200.0, 1.0, f, dt, "backward_euler"), dt, n)
    # 4000 estimates, each good to 1.6 %: four of those; the smooth theory is off by 10 % and more in the first bins
    np.testing.assert_allclose(measured, expected, rtol=0.065)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(rate=-1.0, weight=1.0, frequency=1.0), "rate must be at least 0"),
        (dict(rate=[1.0, 2.0], weight=[1.0, 2.0, 3.0], frequency=1.0), "rate and weight must fit"),
        (dict(rate=np.ones((2, 2)), weight=1.0, frequency=1.0), "one-dimensional"),
        (dict(rate=1.0, weight=1.0, frequency=1.0, scheme="zoh"), "dt must be given"),
        (dict(rate=1.0, weight=1.0, frequency=501.0, dt=1e-3), "must not exceed"),
        (dict(rate=1.0, weight=1.0, frequency=np.nan), "frequency must be finite"),
        (dict(rate=1.0, weight=1.0, frequency=1.0, dt=1e-3, arrivals="bernoulli"), "needs a scheme"),
        (dict(rate=1e4, weight=1.0, frequency=1.0, dt=1e-3, scheme="zoh", arrivals="bernoulli"), "at most 1"),
        (dict(rate=1.0, weight=1.0, frequency=1.0, dt=0.1, scheme="forward_euler"), "unstable"),
        (dict(rate=1.0, weight=1.0, frequency=1.0, order=3), "needs scheme"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        theory_psd(NEURON, **arguments)
