"""Order study: the observed order of spike times is what theory says, for every scheme, placement and reset."""

import numpy as np
import pytest

from snntheory import CubaLIF
from snntheory.linear import schemes
from snntheory.spiking import exact_spike_times, simulate
from snntheory.spiking.compare import spike_train
from snntheory.spiking.order import Method, all_methods, hidden_spikes, order_study

NEURON = CubaLIF(0.020, 0.010)
STEPS = 1e-3 * 2.0 ** -np.arange(6)


@pytest.fixture(scope="module")
def smooth():
    """Twenty spikes under a constant current and a decaying one: nothing but the scheme and the placement errs."""
    return order_study(NEURON, STEPS, all_methods(), 0.8, constant_current=1.2, i0=1.0, n_spikes=20)


@pytest.fixture(scope="module")
def kicked():
    """The same with 29 input spikes on a lattice of 12 ms, which is a multiple of every step."""
    times = np.arange(1, 30) * 0.012
    weights = np.where(np.arange(29) % 2, 0.0, 0.008)
    return order_study(
        NEURON, STEPS, all_methods(), 0.8, spike_times=times, weights=weights, constant_current=1.2, i0=1.0,
        n_spikes=20,
    )  # fmt: skip


def test_all_schemes_placements_and_resets_are_there():
    methods = all_methods()
    assert {method.scheme for method in methods} == set(schemes.names()) - {"scaled_impulse"}
    assert len(methods) == len(set(methods)) == 4 * 5 + 4 * 7 + 5 * 7  # 3 more with a series of their own
    assert all(np.isfinite(method.expected_order) or method.spike_placement == "series" for method in methods)


def test_with_restart_the_order_is_the_smaller_of_scheme_and_placement(smooth):
    seen = 0
    for method in all_methods():
        if (
            method.reset_at != "spike" or method.scheme == "zoh"
        ):  # zoh smears inputs, and here are none: it is exact
            continue
        row = smooth.sel(variant=method.label)
        expected, observed = float(row["expected_order"]), float(row["order"])
        if np.isinf(expected):
            assert float(row["error"].max()) < 20 * np.spacing(0.8)  # rounding of twenty restarts
        else:
            # the slope at finite steps; phases of the spikes in their steps are random, hence the width for 2 and 4
            assert observed == pytest.approx(expected, abs=0.25), method
        seen += 1
    assert seen == 4 * 2 + 2 * 3 + 3 + 5 * 3


def test_without_restart_it_is_at_most_one_and_erratic(smooth, kicked):
    for study in (smooth, kicked):
        for scheme, order in (("impulse_invariance", None), ("parker_sochacki", 5)):
            for placement in ("grid", "linear", "cubic", "series"):
                row = study.sel(variant=Method(scheme, order, placement, "grid").label)
                assert float(row["order"]) < 1.25
                # erratic: halving the step changes the error by quite different factors, or not at all
                assert np.ptp(row["local_order"].values) > 0.4


def test_placement_without_restart_gains_nothing(smooth):
    finest = {
        placement: float(
            smooth["error"]
            .isel(dt=-1)
            .sel(variant=Method("impulse_invariance", None, placement, "grid").label)
        )
        for placement in ("grid", "linear", "cubic", "series")
    }
    assert finest["cubic"] > 0.3 * finest["grid"]
    assert finest["series"] == pytest.approx(finest["cubic"], rel=1e-3)


def test_inputs_on_the_grid_keep_the_orders(kicked):
    for scheme, order, placement, expected in (
        ("impulse_invariance", None, "linear", 2),
        ("impulse_invariance", None, "cubic", 4),
        ("parker_sochacki", 2, "series", 2),
        ("parker_sochacki", 3, "series", 3),
        ("parker_sochacki", 4, "series", 4),
        ("parker_sochacki", 5, "series", 5),
        ("forward_euler", None, "linear", 1),
        ("backward_euler", None, "linear", 1),
        ("exponential_euler", None, "cubic", 1),
        ("zoh", None, "cubic", 1),
    ):
        observed = float(kicked["order"].sel(variant=Method(scheme, order, placement, "spike").label))
        assert observed == pytest.approx(expected, abs=0.25), (scheme, order, placement)


def test_a_constant_current_locks_the_grid_to_a_whole_number_of_steps():
    """Why the error without restart is erratic: the interval of 21.97 ms becomes 22 ms for steps of 1 .. 1/16 ms."""
    study = order_study(
        NEURON, STEPS[:5], [Method("impulse_invariance")], 0.5, constant_current=1.5, n_spikes=20
    )
    interval = 0.020 * np.log(3)
    np.testing.assert_allclose(study["error"][0], 20 * (0.022 - interval), rtol=1e-9)
    got = spike_train(simulate(NEURON, [], [], 0.5, 1e-3, "impulse_invariance", constant_current=1.5))
    np.testing.assert_allclose(np.diff(got), 0.022, rtol=1e-9)


def test_closed_form_is_the_ruler():
    exact = exact_spike_times(NEURON, [], [], 0.5, constant_current=1.5)
    np.testing.assert_allclose(exact, 0.020 * np.log(3) * np.arange(1, exact.size + 1), rtol=1e-13)


def test_hidden_spikes_fall_with_the_square_of_the_step():
    random = np.random.default_rng(1)
    neuron = CubaLIF(0.02, 0.005)
    inputs = 0.01 * random.poisson(0.8, (1, 120, 1250)) - 0.0048 * random.poisson(1, (1, 120, 1250))
    found = hidden_spikes(neuron, inputs, 8e-3, (1, 2, 4, 8))
    assert np.ptp(found["spikes"].values) == 0  # with the extremum every step finds the same spikes
    hidden = found["hidden"].values
    assert hidden[0] > 500 and hidden[3] > 0
    slope = np.polyfit(np.log(found["dt"][:3]), np.log(hidden[:3]), 1)[0]
    assert slope == pytest.approx(2, abs=0.35)  # counts of about 60 and more: 13 % of one, over two octaves
    assert np.all(found["seen"] < found["spikes"])
    assert np.all(np.diff(found["seen"]) > 0)


def test_one_hidden_spike_is_counted_once():
    # the kernel's peak at tau_mem ln 2 after the input's grid point, 0.4 % above the threshold for 2.5 ms
    neuron = CubaLIF(0.02, 0.01, reset="to_value", v_reset=-10.0)
    inputs = np.zeros((1, 1, 12))
    inputs[0, 0, 0] = 0.04 * 1.004
    found = hidden_spikes(neuron, inputs, 5.5e-3, (1, 8))
    assert found["spikes"].values.tolist() == [1, 1]
    assert found["hidden"].values.tolist() == [1, 0]
    assert found["seen"].values.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": [1e-3]}, "steps must be at least two"),
        ({"steps": [1e-3, -1e-3]}, "steps must be at least two"),
        ({"spike_times": [0.0123], "weights": 0.1}, "multiples of every step, which they are not of 0.001"),
        ({"n_spikes": 1000}, "fires 22 times .* but 1000"),
        ({"constant_current": 0.5}, "fires 0 times"),
    ],
)
def test_bad_input_is_named(change, message):
    arguments = dict(steps=[1e-3, 5e-4], methods=[Method("zoh")], t_max=0.5, constant_current=1.5)
    with pytest.raises(ValueError, match=message):
        order_study(NEURON, **(arguments | change))


def test_a_method_has_a_label():
    assert Method("parker_sochacki", 4, "series", "spike").label == "parker_sochacki 4, series, spike"
