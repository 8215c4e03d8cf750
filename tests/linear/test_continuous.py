"""Closed forms below threshold: against SymPy, 50 digits, and an ODE solver."""

import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad, solve_ivp

from snntheory import CubaLIF, linear
from snntheory.linear import symbolic

times = st.floats(1e-9, 5.0)
constants = st.floats(1e-4, 1.0)


def kernel_50_digits(neuron, t):
    with mpmath.workdps(60):
        t, m, s = mpmath.mpf(t), mpmath.mpf(neuron.tau_mem), mpmath.mpf(neuron.tau_syn)
        if m == s:
            return neuron.r * t * mpmath.exp(-t / m) / m**2
        return neuron.r * (mpmath.exp(-t / m) - mpmath.exp(-t / s)) / (m - s)


@given(constants, constants, times)
def test_kernel_to_rounding(tau_mem, tau_syn, t):
    neuron = CubaLIF(tau_mem, tau_syn, r=1.5)
    exact = float(kernel_50_digits(neuron, t))
    assert linear.kernel(neuron, t) == pytest.approx(exact, rel=3e-15, abs=1e-300)  # about ten roundings


@pytest.mark.parametrize("gap", [0.0, 1e-15, 1e-13, 1e-10, 1e-6, 1e-3])
def test_kernel_of_neighbouring_time_constants(gap):
    neuron = CubaLIF(0.020 * (1 + gap), 0.020)
    t = np.linspace(0.001, 0.2, 50)
    exact = [float(kernel_50_digits(neuron, x)) for x in t]
    np.testing.assert_allclose(linear.kernel(neuron, t), exact, rtol=5e-15)  # exp(-10): 10 roundings of x


def test_kernel_before_the_spike_is_zero_and_its_area_is_r():
    neuron = CubaLIF(0.020, 0.005, r=1.7)
    assert np.array_equal(linear.kernel(neuron, [-1.0, 0.0]), [0.0, 0.0])
    assert quad(lambda t: float(linear.kernel(neuron, t)), 0, 0.6, epsabs=0, epsrel=1e-10)[
        0
    ] == pytest.approx(1.7, rel=1e-9)


def test_distant_time_constants_do_not_overflow():
    assert np.all(np.isfinite(linear.kernel(CubaLIF(1.0, 1e-9), np.logspace(-12, 3, 100))))


@pytest.mark.parametrize("tau_syn", [0.005, 0.020, 0.050])
def test_response_solves_the_differential_equation(tau_syn):
    neuron = CubaLIF(0.020, tau_syn, r=1.3)
    spikes, weights, v0, i0 = np.array([0.010, 0.025]), np.array([0.03, -0.02]), 0.2, -0.5
    slope = lambda t, x: [(-x[0] + neuron.r * x[1]) / neuron.tau_mem, -x[1] / neuron.tau_syn]  # noqa: E731
    state, edges = np.array([v0, i0]), [0.0, *spikes, 0.08]
    for start, end, weight in zip(edges[:-1], edges[1:], [*weights, 0.0], strict=True):
        piece = solve_ivp(slope, (start, end), state, rtol=1e-11, atol=1e-13, dense_output=True)
        t = np.linspace(start, end, 7)
        np.testing.assert_allclose(
            linear.response(neuron, t, spikes, weights, v0, i0), piece.sol(t)[0], atol=1e-9
        )  # the solver's dense output is good to about 1e-10
        state = piece.y[:, -1] + [0.0, weight / neuron.tau_syn]


def test_response_is_linear_in_the_weights_and_ignores_order():
    neuron = CubaLIF(0.02, 0.01)
    t = np.linspace(0, 0.1, 30)
    a = linear.response(neuron, t, [0.02, 0.01], [2.0, 1.0])
    b = linear.response(neuron, t, [0.01], 1.0) + 2 * linear.response(neuron, t, [0.02], 1.0)
    np.testing.assert_allclose(a, b, rtol=1e-14, atol=1e-14)


def test_frequency_response_is_the_fourier_transform_of_the_kernel():
    neuron = CubaLIF(0.020, 0.008, r=0.7)
    omega = 70.0
    real = quad(lambda t: float(linear.kernel(neuron, t)), 0, np.inf, weight="cos", wvar=omega)[0]
    imag = -quad(lambda t: float(linear.kernel(neuron, t)), 0, np.inf, weight="sin", wvar=omega)[0]
    assert linear.frequency_response(neuron, omega) == pytest.approx(real + 1j * imag, rel=1e-6)


def test_numbers_equal_the_symbolic_expressions():
    neuron = CubaLIF(0.020, 0.008, r=0.7)
    values = {symbolic.tau_mem: 0.020, symbolic.tau_syn: 0.008, symbolic.resistance: 0.7}
    assert linear.damping_ratio(neuron) == pytest.approx(
        float(symbolic.damping_ratio().subs(values)), rel=1e-14
    )
    assert linear.natural_frequency(neuron) == pytest.approx(
        float(symbolic.natural_frequency().subs(values)), rel=1e-14
    )
    at = complex(symbolic.transfer_function().subs(values).subs(symbolic.s, 40j))
    assert complex(linear.frequency_response(neuron, 40.0)) == pytest.approx(at, rel=1e-14)
    assert linear.peak_time(neuron) == pytest.approx(float(symbolic.peak_time().subs(values)), rel=1e-14)


def test_symbolic_statements_of_the_source():
    m, s, r = symbolic.tau_mem, symbolic.tau_syn, symbolic.resistance
    assert (
        sympy.simplify(symbolic.transfer_function() - r / ((1 + symbolic.s * m) * (1 + symbolic.s * s))) == 0
    )
    assert sympy.simplify(symbolic.damping_ratio() - (m + s) / (2 * sympy.sqrt(m * s))) == 0
    equal = symbolic.equal_time_constants
    x = symbolic.t / m
    assert sympy.simplify(equal(symbolic.kernel()) - r * x * sympy.exp(-x) / m) == 0
    assert sympy.simplify(equal(symbolic.coupling()) - r * x * sympy.exp(-x)) == 0
    assert sympy.simplify(equal(symbolic.step_response()) - r * (1 - (1 + x) * sympy.exp(-x))) == 0
    assert equal(symbolic.peak_time()) == m
    assert equal(symbolic.damping_ratio()) == 1
    assert sympy.simplify(symbolic.second_order_form() - symbolic.transfer_function()) == 0
    assert symbolic.area() == r
    assert sympy.simplify(sympy.diff(symbolic.step_response(), symbolic.t) - symbolic.kernel()) == 0
    assert symbolic.step_response().subs(symbolic.t, 0) == 0
    ratio = sympy.Symbol("a", positive=True)  # tau_mem = e^a tau_syn turns the powers into exponentials
    slope = sympy.diff(symbolic.kernel(), symbolic.t).subs(symbolic.t, symbolic.peak_time())
    assert sympy.simplify(sympy.expand_log(slope.subs(m, s * sympy.exp(ratio)), force=True)) == 0


def test_symbolic_response_is_the_numeric_one():
    neuron = CubaLIF(0.020, 0.008, r=0.7)
    values = {symbolic.tau_mem: 0.020, symbolic.tau_syn: 0.008, symbolic.resistance: 0.7}
    given = {symbolic.v0: 0.3, symbolic.i0: -0.2}
    expression = symbolic.response([0.005, 0.011], [0.02, -0.01]).subs(values).subs(given)
    for at in (0.003, 0.005, 0.008, 0.030):
        expected = linear.response(neuron, at, [0.005, 0.011], [0.02, -0.01], v0=0.3, i0=-0.2)
        assert float(expression.subs(symbolic.t, at)) == pytest.approx(float(expected), rel=1e-13)
    with pytest.raises(ValueError, match="one entry per spike"):
        symbolic.response([0.005], [])


@given(constants, constants, st.floats(1e-9, 10.0))
def test_step_response_to_rounding(tau_mem, tau_syn, t):
    neuron = CubaLIF(tau_mem, tau_syn, r=1.5)
    with mpmath.workdps(60):
        m, s, time = mpmath.mpf(tau_mem), mpmath.mpf(tau_syn), mpmath.mpf(t)
        if m == s:
            exact = 1 - (1 + time / m) * mpmath.exp(-time / m)
        else:
            exact = 1 - (m * mpmath.exp(-time / m) - s * mpmath.exp(-time / s)) / (m - s)
    assert linear.step_response(neuron, t) == pytest.approx(1.5 * float(exact), rel=1e-14, abs=1e-300)


def test_step_response_is_the_integral_of_the_kernel():
    neuron = CubaLIF(0.020, 0.005, r=1.7)
    for end in (0.004, 0.05):
        area = quad(lambda t: float(linear.kernel(neuron, t)), 0, end, epsabs=0, epsrel=1e-12)[0]
        assert linear.step_response(neuron, end) == pytest.approx(area, rel=1e-11)
    assert np.array_equal(linear.step_response(neuron, [-1.0, 0.0]), [0.0, 0.0])
    assert linear.step_response(neuron, 10.0) == 1.7


def test_peak_time_does_not_depend_on_which_constant_is_the_synapse():
    for a, b in ((0.020, 0.005), (1.0, 1e-9), (0.02, 0.02 * (1 + 1e-15))):
        assert linear.peak_time(CubaLIF(a, b)) == linear.peak_time(CubaLIF(b, a))
        assert min(a, b) <= linear.peak_time(CubaLIF(a, b)) <= max(a, b)


def test_equal_time_constants():
    neuron = CubaLIF(0.020, 0.020)
    assert linear.damping_ratio(neuron) == 1.0
    assert linear.peak_time(neuron) == pytest.approx(0.020, rel=1e-15)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(t=[-0.1], spike_times=[0.0], weights=[1.0]), "t must be at least 0"),
        (dict(t=[0.1], spike_times=[-0.1], weights=[1.0]), "spike_times must be at least 0"),
        (dict(t=[0.1], spike_times=[0.1, 0.2], weights=[1.0]), "one entry per spike"),
        (dict(t=[0.1], spike_times=[[0.1]], weights=[1.0]), "spike_times must have 1 dimension"),
        (dict(t=[np.nan], spike_times=[0.1], weights=[1.0]), "t must be finite"),
        (dict(t=[0.1], spike_times=[0.1], weights=[1.0], v0=np.inf), "v0 must be finite"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        linear.response(CubaLIF(0.02, 0.01), **arguments)


def test_no_spikes_is_an_answer():
    assert np.array_equal(linear.response(CubaLIF(0.02, 0.01), [0.0, 1.0], [], []), [0.0, 0.0])
