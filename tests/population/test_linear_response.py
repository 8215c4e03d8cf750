"""The response of the rate: at frequency zero, to a step in time, and for short synapses."""

from dataclasses import replace

import numpy as np
import pytest

from snntheory import CubaLIF
from snntheory.population import (
    Diffusion,
    Jumps,
    evolve,
    linear_response,
    plane,
    siegert,
    stationary,
)

NEURON = CubaLIF(0.020, 0.005, v_threshold=20.0, v_reset=0.0, reset="to_value")
DRIVE = Diffusion(NEURON, 15.0, 5.0)


@pytest.mark.parametrize("parameter", ["mu", "sigma"])
@pytest.mark.parametrize("tau_ref", [0.0, 0.004])
def test_at_frequency_zero_it_is_the_derivative(parameter, tau_ref):
    cells = plane(DRIVE, 60, 20, tau_ref)
    h = 1e-3
    rates = [
        stationary(cells.driven_by(replace(DRIVE, **{parameter: getattr(DRIVE, parameter) + sign * h}))).rate
        for sign in (-1, 1)
    ]
    derivative = (rates[1] - rates[0]) / (2 * h)
    slow = linear_response(stationary(cells), [0.0, 1e-4], parameter)
    np.testing.assert_allclose(slow, derivative, rtol=1e-5)  # h^2, and the frequency over the slowest mode


@pytest.mark.parametrize("tau_ref", [0.0, 0.004])
def test_it_is_the_transform_of_the_answer_to_a_small_step(tau_ref):
    cells = plane(DRIVE, 60, 20, tau_ref)
    start, dt = stationary(cells), 0.0005
    run = evolve(cells.driven_by(replace(DRIVE, mu=15.001)), start, 0.6, dt)
    answer = (run.rate - start.rate) / 0.001  # the response to a unit step of mu
    omega = np.array([20.0, 100.0, 400.0])
    rest = answer[-1]
    wave = np.exp(-1j * omega[:, None] * run.time)
    transformed = np.trapezoid((answer - rest) * wave, run.time) + rest / (1j * omega)
    # trapezoids: (omega dt)^2/12 = 0.3 % at the highest, and the corner at time 0, where the slope jumps
    np.testing.assert_allclose(1j * omega * transformed, linear_response(start, omega), rtol=0.01, atol=0.008)


def test_short_synapse_is_the_slope_of_siegerts_formula():
    short = CubaLIF(0.020, 0.00003, v_threshold=20.0, v_reset=0.0, reset="to_value")
    slopes = [
        linear_response(stationary(plane(Diffusion(short, 15.0, 5.0), n, n // 4)), 0.0).real
        for n in (150, 300)
    ]
    expected = (siegert(15.01, 5, 0, 20, 0.02) - siegert(14.99, 5, 0, 20, 0.02)) / 0.02
    # the synapse's shift of the boundaries, 4 % of sigma, takes some percent away
    assert (4 * slopes[1] - slopes[0]) / 3 == pytest.approx(expected, rel=0.06)


def test_fast_modulation_is_not_followed():
    response = np.abs(linear_response(stationary(plane(DRIVE, 60, 20)), [1.0, 100.0, 1000.0]))
    assert response[0] > response[1] > 5 * response[2]


def test_rates_of_finite_weights():
    drive = Jumps.of(NEURON, 450.0, 1 / 30)
    cells = plane(drive, 60, 30)
    rates = [stationary(cells.driven_by(Jumps.of(NEURON, 450.0 * f, 1 / 30))).rate for f in (0.999, 1.001)]
    slope = linear_response(stationary(cells), 0.0, "rate").real
    assert slope == pytest.approx((rates[1] - rates[0]) / 0.002, rel=1e-4)


def test_bad_input():
    density = stationary(plane(DRIVE, 60, 20))
    with pytest.raises(ValueError, match="parameter must be one of 'mu', 'sigma'"):
        linear_response(density, 1.0, "rate")
    with pytest.raises(ValueError, match="omega must be at least 0"):
        linear_response(density, -1.0)
