"""Errors of the schemes: leading terms, bounds above what is measured, and the order that each declares."""

import dataclasses
import warnings

import mpmath
import numpy as np
import pytest
import sympy
from scipy.integrate import quad_vec
from scipy.linalg import expm

from snntheory import CubaLIF
from snntheory.linear import error, norms, schemes, symbolic

FIXED = [(name, None) for name in schemes.names() if name != "parker_sochacki"]
ALL = FIXED + [("parker_sochacki", order) for order in range(1, 13)]
SHORT = FIXED + [("parker_sochacki", order) for order in (1, 2, 3, 5)]
NEURON = CubaLIF(0.020, 0.008, r=1.2)


def declared_order(name, order):
    return float(schemes.get(name, order).order)


def random_neurons(seed, count):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        mem = 10 ** rng.uniform(-3, 0)
        yield CubaLIF(mem, mem * 10 ** rng.uniform(-1, 1), r=10 ** rng.uniform(-1, 1)), rng


# --- order ---


@pytest.mark.parametrize(("name", "order"), ALL)
@pytest.mark.parametrize(("tau_mem", "tau_syn"), [(0.02, 0.008), (0.01, 0.01), (0.005, 0.2)])
def test_observed_order_equals_declared_order(name, order, tau_mem, tau_syn):
    observed = error.observed_order(CubaLIF(tau_mem, tau_syn, r=1.2), name, order)
    declared = declared_order(name, order)
    if declared == np.inf:
        assert observed == np.inf
    else:  # the next term of the error is dt/tau = 1/64 times the first, with a factor of order one
        assert observed == pytest.approx(declared, abs=2 / 64)


def test_observed_order_sees_a_wrong_kick(monkeypatch):
    """A kick of half the size leaves bilinear no order at all."""
    wrong = dataclasses.replace(schemes.get("bilinear"), input=symbolic.no_input)
    monkeypatch.setattr("snntheory.linear.order.schemes.get", lambda name, order=None: wrong)
    assert error.observed_order(NEURON, "bilinear") == pytest.approx(0, abs=2 / 64)


# --- leading terms ---


@pytest.mark.parametrize(("name", "order"), ALL)
def test_power_of_the_local_error_fits_the_order(name, order):
    declared = schemes.get(name, order).order
    local, kick = error.local_truncation_error(name, order), error.kick_error(name, order)
    assert min(local.power - 1, kick.power) == declared


@pytest.mark.parametrize("order", range(1, 7))
def test_local_error_of_a_cut_series_is_its_next_term(order):
    expected = -(symbolic.system_matrix ** (order + 1)) / sympy.factorial(order + 1)
    found = error.local_truncation_error("parker_sochacki", order).coefficient
    assert (found - expected).applyfunc(sympy.simplify).is_zero_matrix


def test_local_errors_by_hand():
    m, b = symbolic.system_matrix, symbolic.input_vector
    # 1/(1 - y) and (1 + y/2)/(1 - y/2) against exp(y), to first order that differs
    by_hand = {"backward_euler": m**2 / 2, "bilinear": m**3 / 12}
    for name, expected in by_hand.items():
        found = error.local_truncation_error(name).coefficient
        assert (found - expected).applyfunc(sympy.simplify).is_zero_matrix
    # backward Euler lets the spike of step n act one step early, the hold half a step late
    kicks = {"backward_euler": m * b, "zoh": -m * b / 2, "bilinear": m**2 * b / 4, "scaled_impulse": -b}
    for name, expected in kicks.items():
        assert (error.kick_error(name).coefficient - expected).applyfunc(sympy.simplify).is_zero_matrix


@pytest.mark.parametrize(("name", "order"), SHORT)
def test_principal_error_is_the_limit_of_the_measured_one(name, order):
    declared = declared_order(name, order)
    v0, i0, weight, t_end = 0.3, 0.4, 0.02, 0.064
    distance = []
    for n in (64, 128):
        dt = t_end / n
        spike = n // 4
        inputs = np.zeros(n)
        inputs[spike - 1] = weight  # at t_end / 4
        measured = error.global_error(NEURON, dt, name, inputs, v0, i0, order)[n // 2 - 1 :: n // 4]
        before = error.principal_error(NEURON, t_end * np.array([0.5, 0.75, 1.0]), name, v0, i0, 0, order)
        after = error.principal_error(NEURON, t_end * np.array([0.25, 0.5, 0.75]), name, 0, 0, weight, order)
        if declared == np.inf:
            assert np.all(before + after == 0) and np.abs(measured).max() < 1e-14
            return
        distance.append(np.abs(measured / dt**declared - before - after).max())
    scale = np.abs(before + after).max()
    # what is left is the next power of dt: half as much for half the step (a quarter where odd powers are missing)
    assert distance[1] < 0.13 * scale
    if declared > 0:
        assert distance[0] / distance[1] == pytest.approx(4 if name == "bilinear" else 2, rel=0.15)


def test_principal_error_of_forward_euler_by_hand():
    """Initial value only, i alone: the error of (1 - x)**n against exp(-n x) is -t/(2 tau**2) exp(-t/tau) dt."""
    t = np.array([0.0, 0.003, 0.05])
    found = error.principal_error(NEURON, t, "forward_euler", 0.0, 2.0)
    np.testing.assert_allclose(found[:, 1], -t / 0.008**2 * np.exp(-t / 0.008), rtol=1e-12, atol=1e-12)


def test_principal_error_solves_its_integral():
    """Another method: quadrature of the integral, for a scheme whose C does not commute with M."""
    m = norms.numerical_system_matrix(NEURON)
    a, b = 1 / NEURON.tau_mem, 1 / NEURON.tau_syn
    c = np.array([[0, NEURON.r * a * b / 2], [0, 0]])
    integral, _ = quad_vec(lambda s: expm(m * (0.03 - s)) @ c @ expm(m * s) @ [0.2, 0.5], 0, 0.03)
    found = error.principal_error(NEURON, 0.03, "exponential_euler", 0.2, 0.5)
    np.testing.assert_allclose(found, integral, rtol=1e-9)


# --- norms ---


def test_norms_against_numpy_and_their_definition():
    for neuron, rng in random_neurons(1, 100):
        m = norms.numerical_system_matrix(neuron)
        assert norms.spectral_norm(neuron) == pytest.approx(np.linalg.norm(m, 2), rel=1e-12)
        scale = 10 ** rng.uniform(-1, 1)
        change = np.diag([1.0, scale])
        scaled = change @ m @ np.linalg.inv(change)
        largest = np.linalg.eigvalsh((scaled + scaled.T) / 2).max()
        size = np.abs(scaled).max()  # eigvalsh is accurate relative to the matrix, not to a small eigenvalue
        assert norms.logarithmic_norm(neuron, scale) == pytest.approx(largest, rel=1e-9, abs=1e-12 * size)
        h = 1e-6 / size
        quotient = (np.linalg.norm(np.eye(2) + h * scaled, 2) - 1) / h
        assert norms.logarithmic_norm(neuron, scale) == pytest.approx(quotient, abs=1e-4 * size)


def test_printed_constant_is_a_valid_bound_and_not_the_constant():
    for neuron, rng in random_neurons(2, 200):
        assert norms.lipschitz_constant(neuron) > norms.spectral_norm(neuron)
        difference = rng.normal(size=2)
        slope = np.linalg.norm(norms.numerical_system_matrix(neuron) @ difference)
        assert slope <= norms.spectral_norm(neuron) * np.linalg.norm(difference) * (1 + 1e-12)


def test_sign_of_the_logarithmic_norm():
    for neuron, _ in random_neurons(3, 200):
        negative = neuron.r**2 < 4 * neuron.tau_mem / neuron.tau_syn
        assert (norms.logarithmic_norm(neuron) < 0) == negative
        smallest = neuron.r / 2 * np.sqrt(neuron.tau_syn / neuron.tau_mem)
        assert (
            norms.logarithmic_norm(neuron, 1.001 * smallest)
            < 0
            < norms.logarithmic_norm(neuron, 0.999 * smallest)
        )
        scale = norms.contracting_scale(neuron)
        assert scale == pytest.approx(2 * smallest)
        # never better than the slowest decay, which a large scale approaches
        slowest = -1 / max(neuron.tau_mem, neuron.tau_syn)
        assert norms.logarithmic_norm(neuron, scale) >= slowest
        assert norms.logarithmic_norm(neuron, 1e9 * scale) == pytest.approx(slowest, rel=1e-6)


def test_logarithmic_norm_bounds_the_flow():
    for neuron, rng in random_neurons(4, 100):
        scale = 10 ** rng.uniform(-1, 1)
        t = neuron.tau_mem * 10 ** rng.uniform(-3, 1)
        change = np.diag([1.0, scale])
        flow = change @ expm(t * norms.numerical_system_matrix(neuron)) @ np.linalg.inv(change)
        assert np.linalg.norm(flow, 2) <= np.exp(norms.logarithmic_norm(neuron, scale) * t) * (1 + 1e-12)


# --- bounds ---


def rates(neuron):
    """Rate and scale of every bound."""
    scale = norms.contracting_scale(neuron)
    return {
        "printed": (norms.lipschitz_constant(neuron), 1.0),
        "spectral": (norms.spectral_norm(neuron), 1.0),
        "logarithmic": (norms.logarithmic_norm(neuron), 1.0),
        "weighted": (norms.logarithmic_norm(neuron, scale), scale),
    }


@pytest.mark.parametrize(("name", "order"), SHORT)
def test_bounds_lie_above_the_measured_error_and_in_their_order(name, order):
    for neuron, rng in random_neurons(5, 12):
        dt = min(neuron.tau_mem, neuron.tau_syn) * 10 ** rng.uniform(-2, 0.2)
        inputs = 0.02 * rng.poisson(0.1, 150)
        v0, i0 = rng.normal(size=2)
        measured = error.global_error(neuron, dt, name, inputs, v0, i0, order)
        bounds = {}
        for label, (rate, scale) in rates(neuron).items():
            bounds[label] = error.error_bound(neuron, dt, name, inputs, v0, i0, order, rate=rate, scale=scale)
            size = np.hypot(measured[:, 0], scale * measured[:, 1])
            assert np.all(size <= bounds[label] * (1 + 1e-9) + 1e-11)  # rounding of 150 steps
        assert np.all(bounds["logarithmic"] <= bounds["spectral"] * (1 + 1e-12))
        assert np.all(bounds["spectral"] <= bounds["printed"] * (1 + 1e-12))


@pytest.mark.parametrize(("name", "order"), SHORT)
def test_global_error_is_the_sum_of_the_local_ones(name, order):
    """``e_n = exp(M dt) e_{n-1} + d_n``, the identity under every bound, spikes included."""
    rng = np.random.default_rng(10)
    dt = 2e-3
    flow = expm(dt * norms.numerical_system_matrix(NEURON))
    measured, local = error._run(NEURON, dt, name, rng.poisson(0.3, 60) * 0.02, 0.3, -0.4, order)
    before = np.vstack([[0.0, 0.0], measured[:-1]])
    np.testing.assert_allclose(
        measured, before @ flow.T + local, atol=1e-14
    )  # rounding of numbers of order one


def test_a_rate_that_is_too_small_bounds_nothing():
    neuron = CubaLIF(0.02, 0.008)
    measured = error.global_error(neuron, 1e-4, "forward_euler", np.zeros(400), 1.0, 0.0)
    low = error.error_bound(neuron, 1e-4, "forward_euler", np.zeros(400), 1.0, 0.0, rate=-2 / 0.008)
    assert np.any(np.abs(measured[:, 0]) > low)


def test_logarithmic_bound_decays_where_the_lipschitz_bound_grows():
    neuron = CubaLIF(0.02, 0.01)
    inputs, dt = np.zeros(2000), 1e-4
    bound = {
        label: error.error_bound(neuron, dt, "forward_euler", inputs, 1.0, 1.0, rate=rate, scale=scale)
        for label, (rate, scale) in rates(neuron).items()
    }
    assert bound["printed"][-1] > 1e8 * bound["printed"][99]  # exp(L (t - t')) with L t = 26 between them
    assert bound["logarithmic"][-1] < bound["logarithmic"].max() / 10
    assert bound["weighted"][-1] < bound["weighted"].max() / 10


def test_euler_bound_is_rigorous_with_a_lipschitz_constant():
    for neuron, rng in random_neurons(6, 40):
        dt = min(neuron.tau_mem, neuron.tau_syn) * 10 ** rng.uniform(-2, 0.5)
        v0, i0 = rng.normal(size=2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some of the steps are unstable, where the bound holds as well
            measured = error.global_error(neuron, dt, "forward_euler", np.zeros(60), v0, i0)
        t = dt * np.arange(1, 61)
        largest = norms.largest_second_derivative(neuron, v0, i0)
        for rate in (norms.spectral_norm(neuron), norms.lipschitz_constant(neuron)):
            bound = norms.euler_bound(t, dt, largest, rate)
            assert np.all(np.linalg.norm(measured, axis=1) <= bound * (1 + 1e-9) + 1e-13)


def test_euler_bound_by_hand():
    t = np.array([0.0, 0.5, 2.0])
    np.testing.assert_allclose(norms.euler_bound(t, 0.1, 3.0, 2.0), 0.075 * (np.exp(2 * t) - 1), rtol=1e-13)
    np.testing.assert_allclose(norms.euler_bound(t, 0.1, 3.0, 0.0), 0.15 * t)
    assert norms.euler_bound(1e3, 0.1, 3.0, -2.0) == pytest.approx(0.075)  # finite for all times
    assert norms.euler_bound(1e6, 0.1, 3.0, 2.0) == np.inf


def test_largest_second_derivative():
    # i alone starts at i0/tau_syn**2 and u'' is bounded by its own start; v0 alone: v0/tau_mem**2
    assert norms.largest_second_derivative(CubaLIF(0.02, 0.01), 1.0, 0.0) == pytest.approx(2500.0)
    # an interior maximum: with a large resistance, from a state whose u'' starts at 0
    neuron = CubaLIF(0.02, 0.01, r=10.0)
    squared = np.linalg.matrix_power(norms.numerical_system_matrix(neuron), 2)
    v0 = -squared[0, 1] / squared[0, 0]
    t = np.linspace(0, 0.04, 401)
    decay_mem, decay_syn = np.exp(-t / 0.02), np.exp(-t / 0.01)
    second = 1e4 * np.array(
        [10 * (decay_mem - decay_syn), decay_syn]
    )  # i''(0) = 1e4, by hand as in (7) of Hu
    dense = np.linalg.norm(second, axis=0)
    assert 0 < dense.argmax() < 400
    # the maximum is flat: a grid of 0.1 ms misses it by less than (0.05 ms / 10 ms)**2
    assert norms.largest_second_derivative(neuron, v0, 1.0) == pytest.approx(dense.max(), rel=3e-5)


# --- measured error ---


def test_global_error_of_forward_euler_by_hand():
    """Powers of 1 - x against exponentials, and a spike that kicks i at the end of its step."""
    neuron, dt = CubaLIF(0.02, 0.01), 0.002
    found = error.global_error(neuron, dt, "forward_euler", [0.0, 0.03, 0.0, 0.0], 1.0, 2.0)
    n = np.arange(1, 5)
    exact_i = 2 * np.exp(-0.2 * n) + np.where(n >= 2, 3 * np.exp(-0.2 * (n - 2)), 0)
    euler_i = 2 * 0.8**n + np.where(n >= 2, 3 * 0.8 ** (n - 2.0), 0)
    np.testing.assert_allclose(found[:, 1], euler_i - exact_i, atol=1e-14)
    assert found[0, 0] == pytest.approx(0.9 + 0.2 - np.exp(-0.1) - 2 * (np.exp(-0.1) - np.exp(-0.2)))


@pytest.mark.parametrize("name", ["impulse_invariance", "delta"])
def test_exact_schemes_have_no_error(name):
    rng = np.random.default_rng(9)
    inputs = 0.02 * rng.poisson(0.1, 500)
    assert (
        np.abs(error.global_error(NEURON, 1e-3, name, inputs, 1.0, 1.0)).max() < 1e-13
    )  # rounding of 500 steps


# --- rounding ---


def test_rounding_of_the_product_form_is_one_rounding_repeated():
    """NEST's accuracy test: 40 mV, 10 ms, steps from 1 ms to 2**-14 ms, read out after 5 ms."""
    steps = 1e-3 * 2.0 ** -np.arange(15)
    drift = error.rounding_drift(0.010, steps, 0.005, "product", 40.0)
    with mpmath.workdps(40):
        roundings = [
            float(mpmath.mpf(float(np.exp(-h / 0.01))) - mpmath.exp(-mpmath.mpf(h / 0.01))) for h in steps
        ]
    expected = -40 * (0.005 / steps) * np.exp(steps / 0.01 - 0.5) * roundings
    # the roundings of u itself, of half a unit in the last place, add up like a random walk: five deviations
    spread = 5 * np.sqrt(0.005 / steps) * np.spacing(16.0) / np.sqrt(12)
    assert np.all(np.abs(drift - expected) <= spread)
    assert 1e-11 < np.abs(drift).max() < 1e-10  # 3.4e-11 in NEST's own table


def test_increment_form_is_accurate_while_u_moves_and_stops_short_at_rest():
    steps = 1e-3 * 2.0 ** -np.arange(15)
    moving = error.rounding_drift(0.010, steps, 0.005, "increment", 40.0)
    assert np.abs(moving).max() < 1e-13  # NEST's tolerance
    # at rest: the increment |p| (u* - u) is lost when it is below half a unit in the last place of u
    steps = steps[4:11]
    resting = error.rounding_drift(0.010, steps, 0.5, "increment", 40.0)
    np.testing.assert_allclose(resting, np.spacing(32.0) / 2 / np.expm1(-steps / 0.010), rtol=0.01)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="dt must divide t_end = 0.005 s, got 0.003 s"):
        error.rounding_drift(0.01, 0.003, 0.005, "product")
    with pytest.raises(ValueError, match="form must be one of 'product', 'increment'"):
        error.rounding_drift(0.01, 0.001, 0.005, "delta")
    with pytest.raises(ValueError, match="scale must be above 0"):
        norms.logarithmic_norm(NEURON, 0.0)
    with pytest.raises(ValueError, match="rate must be finite"):
        error.error_bound(NEURON, 1e-3, "bilinear", [0.0], rate=np.nan)
    with pytest.raises(ValueError, match="inputs must have 1 dimension"):
        error.global_error(NEURON, 1e-3, "bilinear", np.zeros((2, 3)))
    with pytest.raises(ValueError, match="t must be at least 0"):
        error.principal_error(NEURON, -1.0, "bilinear")
    with pytest.raises(ValueError, match="ratio must be above 0"):
        error.observed_order(NEURON, "bilinear", ratio=0.0)


@pytest.mark.parametrize("dt", [0.0, [1e-3, -1e-3]])
def test_rounding_drift_wants_positive_steps(dt):
    with pytest.raises(ValueError, match="dt must be above 0 s everywhere"):
        error.rounding_drift(0.01, dt, 0.005, "product")


def test_no_steps_have_no_errors():
    neuron = CubaLIF(0.02, 0.01)
    assert error.global_error(neuron, 1e-3, "zoh", []).shape == (0, 2)
    assert error.error_bound(neuron, 1e-3, "bilinear", [], rate=0.0).shape == (0,)
