"""Networks of exact spikes run on a grid: both engines agree, limits, what interpolation cannot change."""

import numpy as np
import pytest

from snntheory import CubaLIF
from snntheory.experiments import weight_transfer as transfer
from snntheory.spiking import exact_network

NEURONS = (CubaLIF(0.020, 0.010), CubaLIF(0.020, 0.010, v_threshold=1.2))
T_MAX, ROOM = 0.1, (40, 40)


@pytest.fixture(scope="module")
def network():
    rng = np.random.default_rng(5)
    times = rng.uniform(0, 0.05, (6, 20, 1))
    times[rng.random((6, 20)) < 0.3] = np.inf
    times[0, 0] = 0.0  # a spike at the very start acts in step 0
    weights = [rng.normal(0.010, 0.010, (20, 8)), rng.normal(0.005, 0.005, (8, 3))]
    return times, weights


def run(network, integrator, interpolation, n_steps):
    return transfer.run_network(*network, NEURONS, T_MAX, T_MAX / n_steps, integrator, interpolation, ROOM)


def on_grid_inputs(network, n_steps):
    times, weights = network
    return np.ceil(times / (T_MAX / n_steps) - 1e-9) * (T_MAX / n_steps), weights


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("placement", ["linear", "cubic", "series"])
def test_both_engines_agree_where_all_inputs_are_on_the_grid(network, order, placement):
    """One layer: there "inputs too" cuts nothing. Rounding of times that are sums of other parts: 1e-12 s."""
    given, weights = on_grid_inputs(network, 25)
    grid, events = (
        transfer.run_layer(given, weights[0], NEURONS[0], T_MAX, T_MAX / 25, f"order {order}", label, 40)
        for label in (placement, f"{placement}, inputs too")
    )
    np.testing.assert_array_equal(grid[1], events[1])
    np.testing.assert_allclose(grid[0], events[0], atol=1e-12)
    assert grid[1].sum() > 20


@pytest.mark.parametrize("label", ["series, inputs too", "cubic, inputs too"])
def test_high_order_with_all_events_is_the_exact_network(network, label):
    """Order 6 at dt = tau_syn/20: (1/20)^7/7! = 2e-13 of a voltage a step; a cubic leaves (1/20)^4 of a step."""
    layers = run(network, "order 6", label, 200)
    tolerance = 1e-9 if "series" in label else 1e-7
    for sample in range(2):
        inputs = [each[np.isfinite(each)] for each in network[0][sample]]
        exact = exact_network(list(NEURONS), inputs, network[1], T_MAX)
        for layer, (times, counts) in zip(exact, layers, strict=True):
            for train, row, count in zip(layer, times[sample], counts[sample], strict=True):
                assert count == train.size
                np.testing.assert_allclose(row[:count], train, atol=tolerance)


def test_without_restart_interpolation_changes_no_answer(network):
    """A spike acts at the next grid point and its reset at the same one: where within the step it lay is not used."""
    for integrator in ("order 2", "backward_euler"):
        none, linear = (
            run(network, integrator, label, 25) for label in ("none", "linear, reset on the grid")
        )
        for a, b in zip(none, linear, strict=True):
            np.testing.assert_array_equal(a[1], b[1])
            fired = np.isfinite(a[0])
            earlier = a[0][fired] - b[0][fired]
            assert np.all(earlier >= 0) and np.max(earlier) <= T_MAX / 25 * (1 + 1e-9)


def test_a_restart_allows_several_spikes_a_step_and_keeps_below_threshold(network):
    times, weights = network[0], [4 * network[1][0], network[1][1]]
    capacity, free = (run((times, weights), "order 4", label, 5)[0][1].max() for label in ("none", "series"))
    assert capacity <= 6 < free  # grid points 0 .. 5
    high, low = (
        transfer.largest_voltage(times, weights[0], NEURONS[0], T_MAX, T_MAX / 5, "order 4", label)
        for label in ("none", "series")
    )
    assert high > 2 and low <= 1


def test_first_order_in_the_step_with_inputs_on_the_grid(network):
    """All spikes are moved by up to a step, whatever the order: the mean shift falls with the step."""
    exact = run(network, "order 6", "series, inputs too", 400)[0][0].reshape(-1, 40)
    shifts = []
    for n_steps in (100, 200, 400):
        found = run(network, "order 6", "series", n_steps)[0][0].reshape(-1, 40)
        shifts.append(transfer.time_errors(exact, found, 0.005)["rms"])
    assert 1.5 < shifts[0] / shifts[1] < 2.7 and 1.5 < shifts[1] / shifts[2] < 2.7


def test_a_step_beyond_the_stability_limit_is_run_without_a_warning(network):
    layers = run(network, "order 1", "none", 4)
    assert len(layers) == 2


@pytest.mark.parametrize("order", [1, 2, 4])
def test_effective_step(order):
    """Without events it is the step; for Poisson events of rate q and a coarse grid ((p + 1)!)^(1/p) / q.

    200,000 pieces: the mean of h^(p+1) has a relative error of sqrt((2p+2)!/(p+1)!^2 / n), at most 3.5 %.
    """
    from math import factorial

    assert transfer.effective_step([], 0.02, 0.1, order) == pytest.approx(0.02)
    assert transfer.effective_step([np.inf, 0.05], 0.1, 0.1, order) == pytest.approx(0.05)
    rate, window = 1000.0, 200.0
    events = np.random.default_rng(0).uniform(0, window, int(rate * window))
    expected = factorial(order + 1) ** (1 / order) / rate
    assert transfer.effective_step(events, window, window, order) == pytest.approx(expected, rel=0.03)
    assert transfer.effective_step(events, 0.0005, window, order) < 0.0005


def test_errors_of_times():
    a = np.array([[0.01, 0.02, np.inf], [np.inf] * 3, [0.05, np.inf, np.inf]])
    b = np.array([[0.011, 0.021, 0.09], [0.03, np.inf, np.inf], [np.inf] * 3])
    found = transfer.time_errors(a, b, 0.005)
    assert found["rms"] == pytest.approx(0.001) and found["mean"] == pytest.approx(0.001)
    assert found["unpaired"] == pytest.approx(3 / 3)
    silent = transfer.time_errors(a[1:2], a[1:2], 0.005)
    assert np.isnan(silent["rms"]) and silent["unpaired"] == 0


def test_what_does_not_exist_is_refused(network):
    assert transfer.possible("impulse_invariance", "series") and transfer.possible(
        "order 3", "cubic, inputs too"
    )
    assert not transfer.possible("bilinear", "series") and not transfer.possible("zoh", "linear, inputs too")
    with pytest.raises(ValueError, match="does not go with"):
        run(network, "bilinear", "series", 10)
