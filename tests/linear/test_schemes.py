"""Every scheme's declaration is checked in one place: against the theory's table, simulation and 50 digits."""

from contextlib import nullcontext

import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from snntheory import CubaLIF, discretize, linear
from snntheory.linear import UnstableStep, discretize_many, schemes, symbolic
from snntheory.linear.continuous import exp_second_difference
from snntheory.linear.schemes.parker_sochacki import taylor_propagator

M, S, R, D, Z = symbolic.tau_mem, symbolic.tau_syn, symbolic.resistance, symbolic.delta_t, symbolic.z
A_M, A_S = sympy.exp(-D / M), sympy.exp(-D / S)
C = 2 / D * (1 - 1 / Z) / (1 + 1 / Z)
# One spike of step n is S_n: the delay of forward Euler is one step here and two in Hu's (13), which
# calls the same spike S_{n-1}.
TABLE = {
    "forward_euler": R * D / (M * S) / Z / ((1 - (1 - D / M) / Z) * (1 - (1 - D / S) / Z)),
    "backward_euler": R * D / ((M + D) * (S + D)) / ((1 - M / (M + D) / Z) * (1 - S / (S + D) / Z)),
    "bilinear": R / D / ((1 + M * C) * (1 + S * C)),
    "impulse_invariance": R / (M - S) * (1 / (1 - A_M / Z) - 1 / (1 - A_S / Z)),
    "semi_implicit": R * D / (M * S) / ((1 - (1 - D / M) / Z) * (1 - (1 - D / S) / Z)),
    "exponential_euler": R / S * (1 - A_M) / Z / ((1 - A_M / Z) * (1 - A_S / Z)),
    "scaled_impulse": R * D / (M - S) * (1 / (1 - A_M / Z) - 1 / (1 - A_S / Z)),
    "delta": R / (M - S) * (1 / (1 - A_M / Z) - 1 / (1 - A_S / Z)),
    "zoh": R
    / D
    * ((1 - (M * A_M - S * A_S) / (M - S)) / Z + (A_M * A_S - (M * A_S - S * A_M) / (M - S)) / Z**2)
    / ((1 - A_M / Z) * (1 - A_S / Z)),
}
ALL = [(name, None) for name in TABLE] + [("parker_sochacki", order) for order in (1, 2, 3, 4, 7, 12)]


def test_names_and_lookup():
    assert sorted(schemes.names()) == sorted((*TABLE, "parker_sochacki"))
    with pytest.raises(ValueError, match="did you mean 'forward_euler'"):
        schemes.get("forward_eular")
    with pytest.raises(ValueError, match="needs order"):
        schemes.get("parker_sochacki")
    with pytest.raises(ValueError, match="leave it out"):
        schemes.get("bilinear", order=2)
    with pytest.raises(ValueError, match="order must be at least 1"):
        schemes.get("parker_sochacki", 0)
    with pytest.raises(TypeError, match="order must be an integer"):
        schemes.get("parker_sochacki", 2.0)


@pytest.mark.parametrize("name", TABLE)
def test_transfer_function_is_that_of_the_table(name):
    assert sympy.simplify(schemes.get(name).transfer_function() - TABLE[name]) == 0


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_parker_sochacki_is_the_taylor_polynomial_of_the_matrix(order):
    declared = schemes.get("parker_sochacki", order).propagator
    assert (declared - taylor_propagator(order)).applyfunc(sympy.expand) == sympy.zeros(2, 2)


def test_parker_sochacki_of_order_one_is_forward_euler():
    neuron = CubaLIF(0.02, 0.01, r=1.5)
    a, b = discretize(neuron, 1e-3, "parker_sochacki", 1), discretize(neuron, 1e-3, "forward_euler")
    np.testing.assert_allclose(a.A, b.A, rtol=1e-15)
    np.testing.assert_array_equal(a.b, b.b)


def test_impulse_invariance_is_the_matrix_exponential():
    declared = schemes.get("impulse_invariance").propagator
    assert sympy.simplify(declared.diff(D) - symbolic.system_matrix * declared) == sympy.zeros(2, 2)
    assert sympy.simplify(declared.subs(D, 0)) == sympy.eye(2)


@pytest.mark.parametrize(("name", "order"), ALL)
@pytest.mark.parametrize(
    ("tau_mem", "tau_syn"), [(0.02, 0.01), (0.01, 0.03), (0.02, 0.02 * (1 + 1e-9)), (1.0, 1e-5)]
)
@pytest.mark.parametrize("dt", [1e-14, 1e-6, 1e-3, 0.007, 0.05])
def test_numbers_equal_the_declaration_in_50_digits(name, order, tau_mem, tau_syn, dt):
    neuron = CubaLIF(tau_mem, tau_syn, r=1.3)
    scheme = schemes.get(name, order)
    exact = {
        symbol: sympy.Float(value, 120)  # exp(-x) - 1 and the series cancel up to 60 of them
        for symbol, value in ((D, dt), (M, tau_mem), (S, tau_syn), (R, 1.3))
    }
    model = discretize_many(tau_mem, tau_syn, dt, name, 1.3, order)
    increment = scheme.propagator - sympy.eye(2)
    for number, expression in zip(
        (*scheme.numbers(neuron, dt), model.increment),
        (scheme.propagator, scheme.input, scheme.input_previous, increment),
        strict=True,
    ):
        expected = np.array(expression.subs(exact).evalf(50), dtype=np.float64).reshape(number.shape)
        np.testing.assert_allclose(number, expected, rtol=1e-14, atol=1e-300)


@pytest.mark.parametrize(("name", "order"), ALL)
def test_equal_time_constants_are_the_limit(name, order):
    equal = discretize(CubaLIF(0.02, 0.02), 1e-3, name, order)
    near = discretize(CubaLIF(0.02, 0.02 * (1 + 1e-8)), 1e-3, name, order)
    for a, b in ((equal.A, near.A), (equal.b, near.b), (equal.b_previous, near.b_previous)):
        np.testing.assert_allclose(a, b, rtol=3e-8)  # the gap moves every entry by about itself


@pytest.mark.parametrize(("name", "order"), ALL)
def test_observed_order_is_the_declared_order(name, order):
    neuron = CubaLIF(0.020, 0.008, r=1.2)
    declared = schemes.get(name, order).order
    t_end, spike, steps = 0.064, 0.016, np.array([64, 128, 256])
    t = np.arange(1, 5) * t_end / 4
    exact = linear.response(neuron, t, [spike], [0.05], v0=0.3, i0=0.4)
    errors = []
    for n in steps:
        dt = t_end / n
        inputs = np.zeros(n)
        inputs[round(spike / dt) - 1] = 0.05
        voltage = discretize(neuron, dt, name, order).simulate(inputs, 0.3, 0.4)[0]
        errors.append(np.abs(voltage[n // 4 - 1 :: n // 4] - exact)[1:].max())  # not at the kink of the spike
    if declared == sympy.oo:
        assert max(errors) < 1e-14
    elif max(errors) > 1e-12:  # order 7 is at rounding already
        observed = np.log2(errors[0] / errors[1])
        assert observed == pytest.approx(int(declared), abs=0.15)


@pytest.mark.parametrize(("name", "order"), ALL)
@pytest.mark.parametrize(("tau_mem", "tau_syn"), [(0.02, 0.01), (0.004, 0.03)])
def test_declared_limits_are_those_of_the_simulation(name, order, tau_mem, tau_syn):
    neuron = CubaLIF(tau_mem, tau_syn)
    limits = discretize(neuron, 1e-3, name, order)
    if np.isinf(limits.max_stable_dt):
        assert discretize(neuron, 100.0, name, order).is_stable
    else:
        for factor, stable in ((0.99, True), (1.01, False)):
            with (
                nullcontext() if stable else pytest.warns(UnstableStep, match="not below the stability limit")
            ):
                model = discretize(neuron, factor * limits.max_stable_dt, name, order)
            assert model.is_stable is stable
            final = np.abs(model.simulate(np.zeros(2_000), 1.0, 1.0)[0][-1])
            assert bool(final < 1e-3) == stable
    if np.isinf(limits.max_monotone_dt):
        assert np.all(discretize(neuron, 100.0, name, order).poles >= 0)
    elif limits.max_monotone_dt < limits.max_stable_dt:
        assert np.all(discretize(neuron, 0.999 * limits.max_monotone_dt, name, order).poles > 0)
        assert np.any(discretize(neuron, 1.001 * limits.max_monotone_dt, name, order).poles < 0)


def test_parker_sochacki_limits_of_the_literature():
    known = {1: 2, 2: 2, 3: 2.51275, 4: 2.78529, 5: 3.21705, 6: 3.55344, 8: 4.31363, 10: 5.06952}
    for order, limit in known.items():
        assert discretize(CubaLIF(1.0, 1.0), 0.1, "parker_sochacki", order).max_stable_dt == pytest.approx(
            limit, abs=1e-5
        )
    for order, limit in {3: 1.5961, 5: 2.1806, 7: 2.7590}.items():
        assert discretize(CubaLIF(1.0, 1.0), 0.1, "parker_sochacki", order).max_monotone_dt == pytest.approx(
            limit, abs=1e-4
        )


@pytest.mark.parametrize(("name", "order"), ALL)
def test_area(name, order):
    neuron = CubaLIF(0.020, 0.008, r=1.4)
    dt = 1e-3
    expected = 1.4
    squared = dt**2 / (neuron.tau_mem * neuron.tau_syn)
    if name in ("impulse_invariance", "delta", "scaled_impulse") or (order or 0) >= 3:
        expected *= 1 - squared / 12
    elif order == 2:
        expected *= 1 - squared / 4
    elif name == "exponential_euler":  # the current's mean over a step, held from its start: x/(1 - exp(-x))
        expected *= (dt / neuron.tau_syn) / -np.expm1(-dt / neuron.tau_syn)
    if name == "scaled_impulse":
        expected *= dt
    model = discretize(neuron, dt, name, order)
    inputs = np.zeros(2000)
    inputs[0] = 1.0
    assert model.area == pytest.approx(expected, rel=3 * squared**1.5)  # the next term of the expansion
    assert model.simulate(inputs)[0].sum() * dt == pytest.approx(model.area, rel=1e-10)


@pytest.mark.parametrize(("name", "order"), ALL)
def test_transfer_function_is_the_z_transform_of_the_simulation(name, order):
    model = discretize(CubaLIF(0.020, 0.008, r=1.4), 1e-3, name, order)
    inputs = np.zeros(3000)
    inputs[0] = 1.0
    omega = np.array([0.0, 50.0, 900.0, np.pi / 1e-3])
    z = np.exp(1j * omega * model.dt)
    series = model.simulate(inputs)[0] @ (z[None, :] ** -np.arange(3000)[:, None])
    np.testing.assert_allclose(
        model.frequency_response(omega), series, rtol=1e-9, atol=1e-10
    )  # bilinear: 0 at Nyquist
    expression = sympy.lambdify((Z, D, M, S, R), model.symbolic_transfer_function())
    np.testing.assert_allclose(expression(z, 1e-3, 0.020, 0.008, 1.4), series, rtol=1e-9, atol=1e-10)


@given(st.floats(0, 1e3), st.floats(0, 1e3))
def test_second_difference_of_exp(x, y):
    with mpmath.workdps(700):  # enough digits for the quotient of differences of 1e-300
        a, b = mpmath.mpf(x), mpmath.mpf(y) * (1 + mpmath.mpf(10) ** -340) + mpmath.mpf(10) ** -330
        a += mpmath.mpf(10) ** -335
        first = [(mpmath.exp(-c) - 1) / -c for c in (a, b)]
        exact = (first[0] - first[1]) / (b - a)
    assert exp_second_difference(x, y) == pytest.approx(float(exact), rel=3e-15)


def test_transfer_function_refuses_zero_and_poles():
    model = discretize(CubaLIF(0.02, 0.01), 1e-3, "forward_euler")
    for z in (0.0, model.poles[0]):
        with pytest.raises(ValueError, match="neither 0 nor a pole"):
            model.transfer_function(z)


@pytest.mark.parametrize("dt", [0.0, -1e-3, np.nan, np.inf])
def test_time_step_must_be_positive(dt):
    with pytest.raises(ValueError, match="dt must be"):
        discretize(CubaLIF(0.02, 0.01), dt, "forward_euler")


def test_discretize_wants_a_neuron():
    with pytest.raises(TypeError, match="neuron must be a CubaLIF"):
        discretize(0.02, 1e-3, "forward_euler")


def test_simulate_refuses_nan_and_scalars():
    model = discretize(CubaLIF(0.02, 0.01), 1e-3, "forward_euler")
    with pytest.raises(ValueError, match="inputs must be finite"):
        model.simulate([0.0, np.nan])
    with pytest.raises(ValueError, match="time axis"):
        model.simulate(1.0)


def test_effective_time_constants_of_forward_euler():
    for ratio, expected in ((0.1, 0.949), (0.5, 0.721)):
        model = discretize(CubaLIF(1.0, 1.0), ratio, "forward_euler")
        assert model.effective_time_constants[0] == pytest.approx(expected, abs=5e-4)
    exact = discretize(CubaLIF(0.02, 0.01), 1e-3, "impulse_invariance")
    np.testing.assert_allclose(exact.effective_time_constants, [0.02, 0.01], rtol=1e-13)
