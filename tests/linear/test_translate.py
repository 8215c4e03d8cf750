"""The kernel that a grid really has, and the parameters that keep it at another time step."""

import numpy as np
import pytest

from snntheory import CubaLIF, discretize, linear
from snntheory.linear import effective_response, nominal_time_constant, schemes, translate

ALL = [(name, None) for name in schemes.names() if name != "parker_sochacki"]
ALL += [("parker_sochacki", order) for order in (1, 2, 3, 4, 12)]


def psp(model, steps):
    spike = np.zeros(steps)
    spike[0] = 1.0
    return model.simulate(spike)[0]


@pytest.mark.parametrize(("name", "order"), ALL)
@pytest.mark.parametrize(
    ("tau_mem", "tau_syn"),
    [(0.020, 0.010), (0.010, 0.010), (0.010, 0.010 * (1 + 1e-9)), (0.020, 0.0011), (0.004, 0.02)],
)
def test_every_response_is_a_scaled_delayed_kernel(name, order, tau_mem, tau_syn):
    model = discretize(CubaLIF(tau_mem, tau_syn, r=1.3), 1e-3, name, order)
    effective = effective_response(model)
    n = np.arange(60)
    held = CubaLIF(effective.tau_mem, effective.tau_syn, r=1.3)
    kernel = effective.gain * linear.kernel(held, n * 1e-3 - effective.delay)
    voltage = psp(model, 60)
    # the last input coefficient is that of step 2; the simulation rounds some dozen times
    np.testing.assert_allclose(voltage[2:], kernel[2:], rtol=0, atol=1e-13 * voltage.max() * 10)


def test_exact_schemes_are_the_neuron_itself():
    for name in ("impulse_invariance", "delta"):
        effective = effective_response(discretize(CubaLIF(0.020, 0.005), 1e-3, name))
        assert effective.tau_mem == pytest.approx(0.020, rel=1e-14)
        assert effective.gain == pytest.approx(1, rel=1e-13) and effective.delay == 0
    half = effective_response(discretize(CubaLIF(0.020, 0.005), 1e-6, "zoh"))
    assert half.delay == pytest.approx(0.5e-6, rel=1e-4)  # a pulse of one step that starts with the spike


@pytest.mark.parametrize(("name", "order"), ALL)
@pytest.mark.parametrize("ratio", [1e-9, 1e-3, 0.1, 0.5])
def test_nominal_time_constant_undoes_the_effective_one(name, order, ratio):
    dt = 1e-3
    nominal = nominal_time_constant(dt / ratio, dt, name, order)
    effective = discretize(CubaLIF(nominal, nominal), dt, name, order).effective_time_constants
    np.testing.assert_allclose(effective, dt / ratio, rtol=1e-13)


def test_nominal_time_constants_known_in_closed_form():
    x = 0.7
    assert nominal_time_constant(1.0, x, "forward_euler") == pytest.approx(x / -np.expm1(-x), rel=1e-14)
    assert nominal_time_constant(1.0, x, "backward_euler") == pytest.approx(x / np.expm1(x), rel=1e-14)
    assert nominal_time_constant(1.0, x, "bilinear") == pytest.approx(x / 2 / np.tanh(x / 2), rel=1e-14)
    assert nominal_time_constant(1.0, 30.0, "backward_euler") == pytest.approx(30 / np.expm1(30.0), rel=1e-13)


def test_a_decay_that_the_scheme_does_not_have():
    with pytest.raises(ValueError, match="order 2 .* take a smaller dt"):  # its pole is never below 1/2
        nominal_time_constant(1.0, 0.75, "parker_sochacki", 2)


@pytest.mark.parametrize(("name", "order"), ALL)
@pytest.mark.parametrize("dt_to", [5e-4, 1e-3, 2e-3])
def test_translated_network_has_the_same_response(name, order, dt_to):
    neuron, dt_from = CubaLIF(0.020, 0.010, r=0.8, v_threshold=0.5), 2e-3
    new = translate(neuron, 3.0, dt_from, dt_to, name, order)
    assert (new.neuron.r, new.neuron.v_threshold) == (0.8, 0.5)
    old_gain, new_model = (
        effective_response(discretize(neuron, dt_from, name, order)),
        discretize(new.neuron, dt_to, name, order),
    )
    stride = round(dt_from / dt_to)
    shift = new.delay / dt_to  # in new steps; the new response at t + delay is the old one at t
    t = np.arange(3, 40) * dt_from
    at = t / dt_to + shift
    effective = effective_response(new_model)
    held = CubaLIF(effective.tau_mem, effective.tau_syn, r=0.8)
    expected = 3.0 * psp(discretize(neuron, dt_from, name, order), 40)[3:]
    later = float(new.weights) * effective.gain * linear.kernel(held, at * dt_to - effective.delay)
    np.testing.assert_allclose(later, expected, rtol=1e-11)
    if new.delay == 0:  # sample by sample, with the simulation itself
        voltage = float(new.weights) * psp(new_model, 40 * stride)
        np.testing.assert_allclose(voltage[3 * stride :: stride], expected, rtol=1e-11)
    if dt_to == dt_from:
        assert new.gain == pytest.approx(1, rel=1e-12) and new.delay == pytest.approx(0, abs=1e-15)
    assert old_gain.gain / effective.gain == new.gain


def test_forward_euler_is_translated_sample_by_sample():
    assert translate(CubaLIF(0.020, 0.010), 1.0, 2e-3, 1e-3, "forward_euler").delay == 0


def test_weights_keep_their_form():
    arguments = (CubaLIF(0.02, 0.01), 2e-3, 1e-3, "forward_euler")
    layers = [np.ones((3, 2)), np.ones(4)]
    new = translate(arguments[0], layers, *arguments[1:])
    assert [part.shape for part in new.weights] == [(3, 2), (4,)]
    np.testing.assert_array_equal(new.weights[0], new.gain)
    np.testing.assert_array_equal(layers[0], 1.0)
    assert translate(arguments[0], [1.0, 2.0], *arguments[1:]).weights.shape == (2,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(dt_from=0.015), "dt must be below 0.01 s for this neuron"),
        (dict(dt_to=0.0), "dt_to must be above 0"),
        (dict(weights=[np.array([1.0, np.nan])]), r"weights\[0\] must be finite"),
        (dict(scheme="euler"), "scheme must be one of"),
    ],
)
def test_bad_input(arguments, message):
    given = dict(neuron=CubaLIF(0.02, 0.01), weights=1.0, dt_from=2e-3, dt_to=1e-3, scheme="forward_euler")
    with pytest.raises(ValueError, match=message):
        translate(**(given | arguments))
