"""The event-driven reference in any number of digits: against other methods, and what it must refuse to see."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from snntheory import CubaLIF, linear
from snntheory.ledger.event_driven import (
    Membrane,
    Spike,
    central_difference,
    first_crossing,
    integrate,
    spikes,
    voltage,
)
from snntheory.spiking import exact_spike_times

CELL = Membrane(mpmath.mpf(1) / mpmath.mpf("0.13"), mpmath.mpf(1) / mpmath.mpf("0.26"), mpmath.mpf("0.2"))


@settings(max_examples=150, deadline=None)
@given(st.floats(-3, 3), st.floats(-3, 3), st.sampled_from([(2.0, 1.0), (1.0, 2.0), (1.0, 0.9)]))
def test_first_crossing_is_the_first_one(a, b, rates):
    """A scan of 4000 points and a bracketing root finder, for any two exponentials that start below threshold."""
    if a + b >= 0.95:
        a, b = a - (a + b), b
    alpha, beta = rates
    t = np.linspace(0, 20, 4001)
    v = a * np.exp(-alpha * t) + b * np.exp(-beta * t)
    found = float(first_crossing(Membrane(alpha, beta, 1.0), mpmath.mpf(a), mpmath.mpf(b)))
    above = np.flatnonzero(v >= 1.0)
    if len(above) == 0:
        assert found == np.inf or v.max() > 1 - 1e-4  # a maximum between two points of the scan
        return
    low, high = t[above[0] - 1], t[above[0]]
    root = brentq(lambda x: a * np.exp(-alpha * x) + b * np.exp(-beta * x) - 1, low, high, xtol=1e-13)
    # where the sum grazes 1, rounding by 1e-16 moves the root by 1e-8
    assert found == pytest.approx(root, abs=1e-7)


def test_no_crossing_after_the_maximum_or_towards_zero():
    assert first_crossing(Membrane(1.0, 2.0, 1.0), mpmath.mpf(-1), mpmath.mpf("0.5")) == mpmath.inf
    assert first_crossing(Membrane(2.0, 1.0, 1.0), mpmath.mpf(1), mpmath.mpf("-3")) == mpmath.inf
    assert first_crossing(CELL, mpmath.mpf(0), mpmath.mpf("0.1")) == mpmath.inf


@pytest.mark.parametrize("seed", range(4))
def test_one_neuron_against_a_general_solver(seed):
    rng = np.random.default_rng(seed)
    arrivals = list(zip(rng.uniform(0, 0.2, 12), rng.uniform(-3, 6, 12), strict=True))
    times = np.linspace(0.01, 0.4, 20)
    crossings, voltages = integrate(CELL, arrivals, times)
    with mpmath.workdps(25):
        weights = {(-1 - i, 0): w for i, (_, w) in enumerate(arrivals)}
        inputs = [Spike(mpmath.mpf(float(t)), -1 - i) for i, (t, _) in enumerate(arrivals)]
        fired = spikes(CELL, weights, inputs, mpmath.mpf("0.4"))
        exact = [float(voltage(CELL, weights, [*inputs, *fired], 0, mpmath.mpf(float(t)))) for t in times]
    assert len(fired) > 5
    np.testing.assert_allclose(crossings, [float(s.time) for s in fired], rtol=0, atol=1e-10)
    np.testing.assert_allclose(voltages, exact, rtol=0, atol=1e-10)


def test_a_neuron_hears_the_crossings_of_another():
    """A pair with feedback: each neuron against the solver that is driven by the other's spikes."""
    weights = {(-1, 0): 9.0, (0, 1): 7.0, (1, 0): -0.5}
    with mpmath.workdps(20):
        fired = spikes(CELL, weights, [Spike(mpmath.mpf("0.01"), -1)], mpmath.mpf("0.3"))
    trains = [[float(s.time) for s in fired if s.neuron == n] for n in (0, 1)]
    assert min(map(len, trains)) >= 3
    second, _ = integrate(CELL, [(t, 7.0) for t in trains[0]], [0.3])
    first, _ = integrate(CELL, [(0.01, 9.0), *((t, -0.5) for t in trains[1])], [0.3])
    np.testing.assert_allclose(second, trains[1], atol=1e-10)
    np.testing.assert_allclose(first, trains[0], atol=1e-10)


def test_package_finds_the_same_spikes_in_float64():
    rng = np.random.default_rng(9)
    times, weights = np.sort(rng.uniform(0, 0.2, 15)), rng.uniform(-2, 5, 15)
    neuron = CubaLIF(tau_mem=0.26, tau_syn=0.13, r=0.26, v_threshold=0.2)
    found = exact_spike_times(neuron, times, weights * 0.13, 0.4)
    with mpmath.workdps(25):
        inputs = [Spike(mpmath.mpf(float(t)), -1 - i) for i, t in enumerate(times)]
        fired = spikes(
            CELL, {(-1 - i, 0): float(w) for i, w in enumerate(weights)}, inputs, mpmath.mpf("0.4")
        )
    assert len(fired) > 10
    np.testing.assert_allclose(
        found, [float(s.time) for s in fired], rtol=0, atol=1e-13
    )  # float64 over 30 events


def test_digits_are_those_of_the_context():
    runs = []
    for digits in (20, 40):
        with mpmath.workdps(digits):
            cell = Membrane(mpmath.mpf(1) / 3, mpmath.mpf(1) / 7, mpmath.mpf(1) / 9)
            weights = {(-1, 0): mpmath.mpf(2) / 3}
            runs.append(spikes(cell, weights, [Spike(mpmath.mpf(1) / 11, -1)], mpmath.mpf(9)))
    with mpmath.workdps(50):
        gaps = [abs(a.time - b.time) for a, b in zip(*runs, strict=True)]
        assert len(gaps) > 5
        assert 1e-25 < max(gaps) < 1e-17  # the shorter run is right to its own digits, not more


def test_kernel_and_its_slope_are_those_of_the_canonical_neuron():
    neuron = CubaLIF(tau_mem=0.26, tau_syn=0.13, r=0.26)
    t = np.linspace(-0.1, 0.5, 40)
    kernel = [float(CELL.kernel(mpmath.mpf(float(x)))) for x in t]
    np.testing.assert_allclose(kernel, linear.kernel(neuron, t) * 0.13, rtol=1e-13, atol=1e-16)
    with mpmath.workdps(30):
        at = mpmath.mpf("0.07")
        assert float(CELL.kernel_slope(at) / central_difference(CELL.kernel, at) - 1) == pytest.approx(
            0, abs=1e-15
        )


def test_central_difference_has_an_error_of_second_order():
    with mpmath.workdps(40):
        errors = [abs(central_difference(mpmath.exp, mpmath.mpf(0), h) - 1) for h in (1e-4, 1e-5)]
    assert float(errors[0] / errors[1]) == pytest.approx(100, rel=1e-6)
