"""Power series with threshold: against the exact event-driven times, the certified tolerance, the cut step."""

from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snntheory import CubaLIF, linear, validate_traces
from snntheory.spiking import SpikeLimitReached, exact_spike_times, simulate
from snntheory.spiking.parker_sochacki import integrate, power_series, split_step

NEURON = CubaLIF(0.020, 0.010)
RANDOM = np.random.default_rng(4)
TIMES = np.sort(RANDOM.uniform(0, 0.1, 40))
WEIGHTS = RANDOM.uniform(0.005, 0.03, 40)


def spikes_of(traces):
    times = traces["spike_times"].values[0, 0]
    return times[~np.isnan(times)]


def test_series_by_hand():
    # u = 1, i = 2, r = 3, tau_mem = 2, tau_syn = 1: u1 = (-1 + 6)/2, i1 = -2; u2 = (-2.5 - 6)/4, i2 = 1
    series = power_series(CubaLIF(2.0, 1.0, r=3.0), 1.0, 2.0, 2)
    np.testing.assert_allclose(series.u, [1, 2.5, -2.125])
    np.testing.assert_allclose(series.i, [2, -2, 1])
    u, i = series.at(0.5)
    assert (float(u), float(i)) == (1 + 1.25 - 2.125 / 4, 2 - 1 + 0.25)


def test_constant_current_enters_the_first_coefficient_only():
    with_current = power_series(CubaLIF(2.0, 1.0, r=3.0), 1.0, 2.0, 2, constant_current=0.5)
    # u1 = (-1 + 3 (2 + 1/2))/2 = 3.25, u2 = (-3.25 - 6)/4
    np.testing.assert_allclose(with_current.u, [1, 3.25, -2.3125])


@settings(max_examples=60)
@given(
    u=st.floats(-2, 2),
    i=st.floats(-3, 3),
    tau_syn=st.floats(1e-3, 0.1),
    span=st.floats(1e-4, 0.02),
    digits=st.integers(3, 12),
)
def test_tolerance_bounds_the_error(u, i, tau_syn, span, digits):
    neuron = CubaLIF(0.02, tau_syn, r=1.4)
    series = power_series(neuron, u, i, span=span, tolerance=10.0**-digits)
    t = np.linspace(0, span, 7)
    exact = linear.response(neuron, t, [], [], v0=u, i0=i)
    # rounding of an alternating series: eps times its largest term, exp(x) at most
    rounding = 1e-15 * np.exp(span * max(2 / 0.02, 1 / tau_syn)) * (abs(u) + 1.4 * abs(i))
    assert np.abs(series.at(t)[0] - exact).max() <= 10.0**-digits + rounding


def test_tolerance_is_not_wasteful():
    series = power_series(NEURON, 0.5, 1.0, span=1e-3, tolerance=1e-12)
    shorter = power_series(NEURON, 0.5, 1.0, series.order - 2)
    error = abs(float(shorter.at(1e-3)[0]) - linear.response(NEURON, 1e-3, [], [], v0=0.5, i0=1.0))
    assert error > 1e-12  # two terms fewer would not have been enough


@pytest.mark.parametrize("reset", ["subtract", "to_value", "none"])
@pytest.mark.parametrize("taus", [(0.02, 0.01), (0.015, 0.015), (0.005, 0.02)])
def test_adaptive_order_reproduces_the_exact_times(reset, taus):
    neuron = CubaLIF(*taus, r=1.2, v_reset=-0.3, reset=reset)
    exact = exact_spike_times(neuron, TIMES, WEIGHTS, 0.12, constant_current=0.2)
    got = integrate(neuron, TIMES, WEIGHTS, 0.12, 1e-3, tolerance=1e-15, constant_current=0.2)
    assert exact.size >= (1 if reset == "none" else 10)
    np.testing.assert_allclose(spikes_of(got), exact, atol=1e-13)  # 1e-15 a piece, 160 pieces, over the slope
    validate_traces(got)


def test_a_looser_tolerance_costs_less_and_keeps_its_promise():
    exact = exact_spike_times(NEURON, TIMES, WEIGHTS, 0.12)
    work = []
    for tolerance, bound in ((1e-4, 1e-4), (1e-8, 1e-8), (1e-12, 1e-12)):
        got = integrate(NEURON, TIMES, WEIGHTS, 0.12, 2e-3, tolerance=tolerance)
        np.testing.assert_allclose(
            spikes_of(got), exact, atol=bound
        )  # du of 1e-4 over a slope of 20/s, some pieces
        work.append(int(got["order"].sum()))
    assert work[0] < work[1] < work[2]


def test_points_at_the_events_against_points_on_the_grid():
    exact = exact_spike_times(NEURON, TIMES, WEIGHTS, 0.12)
    at_events = integrate(NEURON, TIMES, WEIGHTS, 0.12, 1e-3, order=10)
    on_grid = integrate(NEURON, TIMES, WEIGHTS, 0.12, 1e-3, order=10, points="grid")
    np.testing.assert_allclose(spikes_of(at_events), exact, atol=1e-12)
    moved = exact_spike_times(NEURON, np.ceil(TIMES / 1e-3) * 1e-3, WEIGHTS, 0.12)
    np.testing.assert_allclose(spikes_of(on_grid), moved, atol=1e-12)
    assert np.abs(moved - exact).max() > 1e-4  # half a step: the rounding, not the order, is what is left


def test_a_spike_that_rises_and_falls_within_a_step_is_found():
    neuron = CubaLIF(0.02, 0.01, reset="to_value", v_reset=-10.0)
    weight = (
        0.04 * 1.004
    )  # the peak of the kernel is r w / (4 tau_syn) at tau_mem ln 2: 0.4 % above the threshold
    got = integrate(neuron, [0.0], weight, 0.055, 0.0055, tolerance=1e-12)
    assert simulate(neuron, [0.0], weight, 0.055, 0.0055, "impulse_invariance")["spike_count"].sum() == 0
    x = (1 + np.sqrt(1 - 4 / (100 * weight))) / 2  # exact: 100 w x (1 - x) = 1 with x = exp(-t/tau_mem)
    np.testing.assert_allclose(spikes_of(got), [-0.02 * np.log(x)], atol=1e-10)  # the slope there is small


@pytest.mark.parametrize("order", [1, 3, 6])
def test_on_the_grid_it_is_the_clocked_scheme(order):
    slow = integrate(NEURON, TIMES, WEIGHTS, 0.12, 1e-3, order=order, points="grid")
    fast = simulate(
        NEURON, TIMES, WEIGHTS, 0.12, 1e-3, "parker_sochacki", order, "series", "spike", detect="extremum"
    )
    np.testing.assert_allclose(spikes_of(slow), spikes_of(fast), atol=1e-13)
    np.testing.assert_allclose(slow["voltage"], fast["voltage"], atol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 5, 8])
def test_a_cut_moves_a_truncated_series_by_the_leading_term(order):
    dt = 0.02 * 0.03  # x = 0.03, 0.06: the next order is 5 % of the leading one
    fraction = np.array([0.0, 0.1, 0.25, 0.5, 0.9, 1.0])
    matrix = np.array([[-50.0, 50.0], [0.0, -100.0]]) * dt
    x = np.array([0.8, -0.9])
    got = np.array(split_step(NEURON, *x, dt, fraction, order)) - np.array(
        split_step(NEURON, *x, dt, [0.0], order)
    )
    leading = np.linalg.matrix_power(matrix, order + 1) @ x / factorial(order + 1)
    share = 1 - fraction ** (order + 1) - (1 - fraction) ** (order + 1)
    if order < 8:
        np.testing.assert_allclose(got, np.outer(leading, share), rtol=0.2, atol=3e-16)
    else:  # 1e-17: below rounding, where the cut makes no difference any more
        assert np.abs(got).max() < 1e-15
    assert (got[:, 0] == 0).all() and (got[:, -1] == 0).all()


def test_the_exact_solution_does_not_mind_the_cut():
    whole, cut = split_step(NEURON, 0.8, 0.9, 0.002, [0.0, 0.37], 20)[0]
    assert whole == pytest.approx(cut, abs=1e-15)
    assert cut == pytest.approx(float(linear.response(NEURON, 0.002, [], [], v0=0.8, i0=0.9)), abs=1e-15)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tolerance": 1e-6, "order": 3}, "either order or tolerance"),
        ({"order": None}, "either order or tolerance"),
        ({"points": "inputs"}, "points must be one of"),
        ({"spike_times": [0.02, 0.01]}, "ascending"),
        ({"weights": [0.1, np.nan]}, "finite"),
        ({"t_max": 0.01}, "t_max must not lie before"),
        ({"v0": 2.0}, "v0 must lie below"),
        ({"constant_current": 1e9, "max_spikes": 5}, "more than max_spikes=5"),
    ],
)
def test_bad_input_is_named(change, message):
    arguments = dict(spike_times=[0.01, 0.02], weights=[0.1, 0.1], t_max=0.1, dt=1e-3, order=3)
    with pytest.raises(ValueError, match=message):
        integrate(NEURON, **(arguments | change))


def test_limits_of_the_series_are_named():
    with pytest.raises(ValueError, match="does not reach tolerance"):
        power_series(NEURON, 0.0, 1.0, span=10.0, tolerance=1e-6)
    with pytest.raises(ValueError, match="either order, or span and tolerance"):
        power_series(NEURON, 0.0, 1.0, 3, span=0.1)
    with pytest.raises(ValueError, match="between 0 and 1"):
        split_step(NEURON, 0.0, 1.0, 1e-3, [1.5], 3)
    assert issubclass(SpikeLimitReached, ValueError)
