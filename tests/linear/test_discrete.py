"""The discrete neuron: increments, zeros, phase and group delay, exchange with other libraries, extreme steps."""

import time
import warnings

import mpmath
import numpy as np
import pytest
import scipy.signal
import sympy

from snntheory import CubaLIF, discretize, linear
from snntheory.linear import UnstableStep, discretize_many, schemes, symbolic

ALL = [(name, None) for name in schemes.names() if name != "parker_sochacki"]
ALL += [("parker_sochacki", order) for order in (1, 2, 3, 6, 12)]
NEURON = CubaLIF(0.020, 0.008, r=1.4)
Z, D, M, S, R = symbolic.z, symbolic.delta_t, symbolic.tau_mem, symbolic.tau_syn, symbolic.resistance
MAPPED = [choice for choice in ALL if schemes.get(*choice).frequency_map is not None]


@pytest.mark.parametrize(("name", "order"), ALL)
def test_zeros_and_poles_are_the_transfer_function(name, order):
    model = discretize(NEURON, 1e-3, name, order)
    z = np.array([0.3 + 0.4j, -1.7, 2j])
    factored = np.prod(z[:, None] - model.zeros, axis=1) / np.prod(z[:, None] - model.poles, axis=1)
    leading = next(part for part in model.numerator if part != 0)
    np.testing.assert_allclose(model.transfer_function(z), leading * factored, rtol=1e-13)


@pytest.mark.parametrize(("name", "order"), ALL)
def test_delay_is_when_the_first_voltage_changes(name, order):
    model = discretize(NEURON, 1e-3, name, order)
    voltage = model.simulate([1.0, 0.0, 0.0])[0]
    assert np.flatnonzero(voltage)[0] == model.delay


def test_zeros_of_the_schemes():
    expected = {
        "forward_euler": [0],
        "backward_euler": [0, 0],
        "semi_implicit": [0, 0],
        "bilinear": [-1, -1],
    }
    for name, zeros in expected.items():
        assert discretize(NEURON, 1e-3, name).zeros.tolist() == zeros
    held = discretize(NEURON, 1e-3, "zoh").zeros
    assert held.shape == (1,) and -1 < held[0] < -0.9  # the sampling zero of relative degree two tends to -1


@pytest.mark.parametrize(("name", "order"), MAPPED)
def test_frequency_map_is_a_substitution(name, order):
    scheme = schemes.get(name, order)
    continuous = symbolic.transfer_function().subs(symbolic.s, scheme.frequency_map)
    assert sympy.simplify(D * scheme.transfer_function() - Z**scheme.lead * continuous) == 0
    model = discretize(NEURON, 1e-3, name, order)
    omega = np.array([10.0, 400.0, 2500.0])
    s = model.warped(omega)
    at = 1.4 / ((1 + 0.020 * s) * (1 + 0.008 * s))
    np.testing.assert_allclose(
        1e-3 * model.frequency_response(omega), np.exp(1j * omega * 1e-3 * scheme.lead) * at, rtol=1e-12
    )
    if name == "bilinear":  # on the imaginary axis, at Tustin's frequency
        np.testing.assert_allclose(s, 2j / 1e-3 * np.tan(omega * 1e-3 / 2), rtol=1e-12, atol=1e-9)


def test_sampling_schemes_have_images_instead():
    with pytest.raises(ValueError, match="aliased_response"):
        discretize(NEURON, 1e-3, "impulse_invariance").warped(100.0)


def test_images_add_up_to_impulse_invariance():
    omega = np.linspace(-np.pi, np.pi, 9) / 1e-3
    sampled = 1e-3 * discretize(NEURON, 1e-3, "impulse_invariance").frequency_response(omega)
    for images in (10, 1000):
        missing = np.abs(linear.aliased_response(NEURON, omega, 1e-3, images) - sampled)
        bound = 2 * 1.4 * 1e-6 / (4 * np.pi**2 * 0.020 * 0.008 * images)
        assert bound / 3 < missing.max() < bound
    np.testing.assert_array_equal(
        linear.aliased_response(NEURON, omega, 1e-3, 0), linear.frequency_response(NEURON, omega)
    )
    with pytest.raises(ValueError, match="images must be at least 0"):
        linear.aliased_response(NEURON, omega, 1e-3, -1)


@pytest.mark.parametrize(("name", "order"), ALL)
def test_phase_is_the_angle_and_group_delay_its_slope(name, order):
    model = discretize(NEURON, 1e-3, name, order)
    omega = np.linspace(-3000.0, 3000.0, 13)
    turn = np.exp(1j * model.phase(omega))
    response = model.frequency_response(omega)
    np.testing.assert_allclose(turn, response / np.abs(response), atol=1e-12)
    fine = np.linspace(0, 3000.0, 3001)
    assert np.abs(np.diff(model.phase(fine))).max() < 0.1 and model.phase(0.0) == 0.0
    h = 1e-2
    slope = (model.phase(omega - h) - model.phase(omega + h)) / (2 * h)
    # the third derivative of the phase is about tau^3: h^2 tau^3 / 6, and the difference of angles rounds at 1e-15/h
    np.testing.assert_allclose(model.group_delay(omega), slope, atol=1e-9)


def test_group_delay_at_zero_is_the_centre_of_the_response():
    for name, order in ALL:
        model = discretize(NEURON, 1e-3, name, order)
        impulse = np.zeros(1500)
        impulse[0] = 1.0
        voltage = model.simulate(impulse)[0]
        centre = (voltage @ np.arange(1500)) / voltage.sum() * 1e-3
        assert model.group_delay(0.0) == pytest.approx(centre, rel=1e-10)
    fine = discretize(NEURON, 1e-9, "impulse_invariance")
    assert fine.group_delay(0.0) == pytest.approx(0.028, rel=1e-7)


@pytest.mark.parametrize(("name", "order"), ALL)
def test_scipy_simulates_the_same_neuron(name, order):
    model = discretize(NEURON, 1e-3, name, order)
    inputs = np.random.default_rng(3).poisson(0.1, 200) * 0.02
    system = model.to_scipy()
    assert system.dt == 1e-3
    _, voltage, _ = scipy.signal.dlsim(system, inputs)
    np.testing.assert_allclose(voltage[:, 0], model.simulate(inputs)[0], rtol=1e-11, atol=1e-13)


def test_scipy_samples_the_kernel_times_dt():
    b, a = [1.4], np.polymul([0.020, 1], [0.008, 1])
    numerator, denominator, _ = scipy.signal.cont2discrete((b, a), 1e-3, method="impulse")
    _, scaled = scipy.signal.freqz(numerator.ravel(), denominator, worN=[0.01, 0.5, 2.0])
    ours = discretize(NEURON, 1e-3, "scaled_impulse").frequency_response(np.array([0.01, 0.5, 2.0]) / 1e-3)
    np.testing.assert_allclose(scaled, ours, rtol=1e-8)  # scipy goes through a matrix exponential
    numerator, denominator, _ = scipy.signal.cont2discrete((b, a), 1e-3, method="bilinear")
    _, tustin = scipy.signal.freqz(numerator.ravel(), denominator, worN=[0.01, 0.5, 2.0])
    ours = discretize(NEURON, 1e-3, "bilinear").frequency_response(np.array([0.01, 0.5, 2.0]) / 1e-3)
    np.testing.assert_allclose(
        tustin, 1e-3 * ours, rtol=1e-8
    )  # there a signal's value is an input, here a weight


@pytest.mark.interop
@pytest.mark.filterwarnings("default")  # of the other library
def test_control_simulates_the_same_neuron():
    control = pytest.importorskip("control", reason="needs python-control")
    model = discretize(NEURON, 1e-3, "zoh")
    omega = np.array([1.0, 80.0, 900.0])
    system = model.to_control()
    np.testing.assert_allclose(
        control.frequency_response(system, omega).frdata.ravel(), model.frequency_response(omega), rtol=1e-11
    )
    voltage = model.simulate(np.eye(1, 50)[0])[0]
    _, impulse = control.impulse_response(system, T=np.arange(50) * 1e-3)
    np.testing.assert_allclose(1e-3 * np.ravel(impulse), voltage, rtol=1e-11, atol=1e-14)


def test_control_missing_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "control", None)
    with pytest.raises(ImportError, match="pip install control"):
        discretize(NEURON, 1e-3, "zoh").to_control()


@pytest.mark.parametrize("dt", [1e-300, 1e-17, 1e-12, 1e3])
def test_extreme_steps(dt):
    for name in ("backward_euler", "bilinear", "impulse_invariance", "zoh", "exponential_euler"):
        model = discretize(NEURON, dt, name)
        assert model.is_stable
        taus = model.effective_time_constants
        assert np.all(taus >= 0)  # the exact decay over 1000 s is below the least float64
        if dt < 1e-9:
            np.testing.assert_allclose(taus, [0.020, 0.008], rtol=1e-9)
            assert model.area == pytest.approx(1.4, rel=1e-9)
    if dt < 1:
        assert discretize(NEURON, dt, "forward_euler").is_stable


def test_effective_time_constants_in_50_digits():
    for name, order, dt in (
        ("forward_euler", None, 1e-10),
        ("bilinear", None, 1e-9),
        ("parker_sochacki", 3, 1e-9),
    ):
        exact = schemes.get(name, order).propagator
        taus = discretize(NEURON, dt, name, order).effective_time_constants
        for pole, tau in zip((exact[0, 0], exact[1, 1]), taus, strict=True):
            digits = {s: sympy.Float(v, 60) for s, v in ((D, dt), (M, 0.020), (S, 0.008), (R, 1.4))}
            with mpmath.workdps(60):
                expected = -mpmath.mpf(dt) / mpmath.log(mpmath.mpf(pole.subs(digits)))
            assert tau == pytest.approx(float(expected), rel=2e-15)


def test_delta_operator_keeps_what_the_propagator_rounds_away():
    dt = 1e-14
    model = discretize(CubaLIF(0.010, 0.002), dt, "delta")
    assert model.increment[1, 1] == pytest.approx(np.expm1(-5e-12), rel=1e-15)
    assert (
        abs((model.A[1, 1] - 1) / model.increment[1, 1] - 1) > 1e-8
    )  # A is a multiple of 2^-53, the rest 5e-12
    # Phi = (A - I)/dt tends to the system matrix
    np.testing.assert_allclose(
        model.increment / dt, [[-100.0, 100.0], [0.0, -500.0]], rtol=1e-11
    )  # up to dt/tau


def test_delta_operator_simulates_impulse_invariance():
    inputs = np.random.default_rng(4).poisson(0.1, 300) * 0.02
    by_increments, by_product = (
        discretize(NEURON, 1e-3, name).simulate(inputs, 0.2, 0.1) for name in ("delta", "impulse_invariance")
    )
    np.testing.assert_allclose(by_increments, by_product, rtol=1e-13)


def test_unstable_step_warns_with_its_limit_and_computes():
    with pytest.warns(
        UnstableStep, match=r"dt=0\.02 s is not below the stability limit 0\.016 s of forward Euler"
    ):
        model = discretize(NEURON, 0.020, "forward_euler")
    assert not model.is_stable and model.area == np.inf
    assert model.effective_time_constants[1] < 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        many = discretize_many(0.020, 0.008, [1e-3, 0.020], "forward_euler")
    assert many.is_stable.tolist() == [True, False]


def test_pole_at_zero_and_on_the_circle():
    assert discretize(CubaLIF(0.020, 0.008), 0.008, "forward_euler").effective_time_constants[1] == 0.0
    with pytest.warns(UnstableStep):
        model = discretize(CubaLIF(0.020, 0.008), 0.016, "forward_euler")
    assert model.effective_time_constants[1] == np.inf and not model.is_stable


@pytest.mark.parametrize(("name", "order"), ALL)
def test_many_equal_one_by_one(name, order):
    rng = np.random.default_rng(5)
    tau_mem, tau_syn, dt = 10.0 ** rng.uniform(-3, -1, (3, 4, 5))
    dt *= 0.1
    r = rng.uniform(0.5, 2.0, 5)
    many = discretize_many(tau_mem, tau_syn, dt, name, r, order)
    assert many.A.shape == (4, 5, 2, 2) and many.b.shape == many.poles.shape == (4, 5, 2)
    for row, column in np.ndindex(4, 5):
        neuron = CubaLIF(tau_mem[row, column], tau_syn[row, column], r[column])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnstableStep)
            one = discretize(neuron, dt[row, column], name, order)
        for field in ("A", "b", "b_previous", "increment", "poles", "effective_time_constants", "is_stable"):
            # numpy's exponential of an array may differ from that of a number in the last place
            np.testing.assert_allclose(getattr(many, field)[row, column], getattr(one, field), rtol=1e-14)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(tau_mem=[0.02, 0.0]), "tau_mem must be above 0"),
        (dict(dt=-1e-3), "dt must be above 0"),
        (dict(dt=[1e-3, np.nan]), "dt must be finite"),
        (dict(tau_mem=[1.0, 2.0], dt=[1e-3, 1e-3, 1e-3]), "broadcast"),
        (dict(scheme="euler"), "scheme must be one of"),
    ],
)
def test_bad_input_of_many(arguments, message):
    with pytest.raises(ValueError, match=message):
        discretize_many(**(dict(tau_mem=0.02, tau_syn=0.01, dt=1e-3, scheme="forward_euler") | arguments))


def test_complex_time_constants_are_refused():
    with pytest.raises(TypeError, match="tau_mem"):
        discretize_many(0.02 + 1j, 0.01, 1e-3, "forward_euler")
    with pytest.raises(TypeError, match="dt"):
        discretize(NEURON, 1e-3 + 0j, "forward_euler")


def test_repr_says_what_the_neuron_has_become():
    assert repr(discretize(CubaLIF(0.020, 0.010), 1e-3, "forward_euler")) == (
        "DiscreteNeuron(forward Euler, dt=1 ms: poles 0.95 (membrane) and 0.9 (synapse), effective time constants "
        "19.4957 and 9.49122 ms for 20 and 10 ms, stable)"
    )


def test_blocks_of_the_frequency_response_join():
    model = discretize(NEURON, 1e-3, "bilinear")
    omega = np.linspace(-3000, 3000, 10_001)
    response = model.frequency_response(omega)
    # numpy evaluates the sine of an array and of a number by different code
    np.testing.assert_allclose(
        response[::777], [model.frequency_response(w) for w in omega[::777]], rtol=1e-13
    )
    assert model.frequency_response(np.empty((0, 3))).shape == (0, 3)
    np.testing.assert_array_equal(model.frequency_response(omega.reshape(73, 137)), response.reshape(73, 137))


def test_transfer_function_refuses_what_is_no_number():
    model = discretize(NEURON, 1e-3, "zoh")
    with pytest.raises(ValueError, match="z must be finite"):
        model.transfer_function([1j, np.nan])
    with pytest.raises(TypeError, match="z must be an array of numbers"):
        model.transfer_function("one")


@pytest.mark.parametrize("order", [2, 4, 6])
def test_positive_poles_do_not_keep_the_sign_of_a_driven_voltage(order):
    neuron = CubaLIF(1.0, 1.0)
    free_of_it = schemes.parker_sochacki.positivity_limit(order - 1)  # of R_{p-1}, whose mean A_ui is
    for ratio, sign in ((0.999, 1), (1.001, -1)):
        model = discretize(neuron, ratio * float(free_of_it), "parker_sochacki", order)
        assert model.dt < model.max_monotone_dt and np.all(model.poles > 0)
        voltage, current = model.simulate([1.0] + [0.0] * 50)
        assert np.all(current > 0) and np.all(sign * voltage[1:] > 0)
        assert np.sign(model.area) == sign
    assert model.phase(0.0) == pytest.approx(np.pi)


def test_driven_voltages_keep_their_sign_below_the_other_limits():
    rng = np.random.default_rng(11)
    for name, order in ALL:
        if order in (2, 6, 12):
            continue
        for tau_mem, tau_syn in 10.0 ** rng.uniform(-1, 1, (5, 2)):
            limit = discretize(CubaLIF(tau_mem, tau_syn), 1e-3, name, order).max_monotone_dt
            model = discretize(CubaLIF(tau_mem, tau_syn), min(0.999 * limit, 5.0), name, order)
            assert model.A[0, 1] > 0


def test_a_high_order_is_quick():
    start = time.process_time()
    model = discretize(NEURON, 1e-3, "parker_sochacki", 40)
    exact = discretize(NEURON, 1e-3, "impulse_invariance")
    assert model.area == pytest.approx(exact.area, rel=1e-13)
    assert time.process_time() - start < 20  # takes 2 s; a minute when the numerator was factored


def test_models_can_be_compared_and_be_keys():
    one, same, other = (discretize(NEURON, dt, "zoh") for dt in (1e-3, 1e-3, 2e-3))
    assert one == same and one != other and len({one, same, other}) == 2
    assert one != discretize(NEURON, 1e-3, "bilinear")
    many = discretize_many(0.02, 0.01, [1e-3, 2e-3], "zoh")
    assert many == many and many != discretize_many(0.02, 0.01, [1e-3, 2e-3], "zoh")  # arrays: by identity
