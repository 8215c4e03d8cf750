"""Clocked simulation: both backends against each other, against the exact neuron, and every named convention."""

import numpy as np
import pytest

from snntheory import CubaLIF, discretize, linear, load_traces, save_traces, validate_traces
from snntheory.linear import schemes
from snntheory.spiking import SpikeLimitReached, _clocked_numba
from snntheory.spiking._clocked_rule import KINDS, kick_of
from snntheory.spiking.clocked import simulate, simulate_inputs
from snntheory.spiking.placement import (
    cubic_crossing,
    linear_crossing,
    peak_within,
    polynomial_crossing,
    taylor_coefficients,
)
from snntheory.spiking.rounding import grid_inputs

NEURON = CubaLIF(0.020, 0.010)
TIMES, WEIGHTS = [0.001, 0.002, 0.010], [0.05, 0.05, 0.06]
ALL = [(name, 3 if name == "parker_sochacki" else None) for name in schemes.names()]


def spikes_of(traces, neuron=0, trial=0):
    times = traces["spike_times"].values[trial, neuron]
    return times[~np.isnan(times)]


# --- the two backends -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scheme", "order"), ALL)
@pytest.mark.parametrize("reset", ["subtract", "to_value", "none"])
@pytest.mark.parametrize("detect", ["endpoint", "extremum"])
def test_backends_agree(scheme, order, reset, detect):
    random = np.random.default_rng(7)
    neuron = CubaLIF(0.020, 0.004, r=1.3, v_threshold=0.9, v_reset=-0.2, reset=reset)
    inputs = 0.02 * random.poisson(0.4, (1, 3, 80)) * random.choice([1.0, 1.0, -0.5], (1, 3, 80))
    if scheme == "scaled_impulse":
        inputs = inputs * 1000
    total = 0
    for placement in ("grid", "linear", "cubic", "series"):
        if placement == "series" and KINDS[scheme] not in (0, 3):
            continue
        for reset_at in ("grid", "spike", "next_step"):
            options = dict(constant_current=[[0.1, 0.2, 0.4]], detect=detect, v0=0.1, i0=0.2)
            ours, plain = (
                simulate_inputs(
                    neuron, inputs, 1e-3, scheme, order, placement, reset_at, backend=b, **options
                )
                for b in ("numba", "reference")
            )
            for name in ("voltage", "current", "spike_times"):
                # the same operations but for the order of a few; a reset amplifies by 1/slope at most some tens
                np.testing.assert_allclose(ours[name], plain[name], rtol=1e-10, atol=1e-12)
            for name in ("spikes", "spike_count", "hidden_spikes"):
                np.testing.assert_array_equal(ours[name], plain[name])
            np.testing.assert_array_equal(ours["spikes"].sum("time"), ours["spike_count"])
            total += int(ours["spike_count"].sum())
    assert total > 15  # the comparison was about something


@pytest.mark.parametrize(("scheme", "order"), ALL)
@pytest.mark.parametrize("taus", [(0.02, 0.01), (0.01, 0.01), (0.005, 0.03)])
@pytest.mark.parametrize("h", [1e-7, 3e-4, 2e-3])
def test_shorter_steps_of_the_kernel_are_the_schemes(scheme, order, taus, h):
    neuron = CubaLIF(*taus, r=1.7)
    a, b = schemes.get(scheme, order).numbers(neuron, h)[:2]
    got = _clocked_numba.shorter_step(KINDS[scheme], order or 1, h, *taus, neuron.r)
    np.testing.assert_allclose(got[:3], [a[0, 0], a[1, 1], a[0, 1]], rtol=1e-14)
    if kick_of(discretize(neuron, h, scheme, order)) == "within":
        np.testing.assert_allclose(got[3], b[0], rtol=1e-14)


def test_every_scheme_has_a_compiled_step():
    assert set(KINDS) == set(schemes.names())


@pytest.mark.parametrize(("scheme", "order"), ALL)
def test_the_kick_is_what_the_scheme_does(scheme, order):
    """A and the kicks of `kick_of` rebuild A x + b S_n + b_previous S_{n-1}, for two different inputs."""
    model = discretize(NEURON, 1e-3, scheme, order)
    u, i, now, before = 0.3, 0.7, 0.05, 0.02
    expected = model.A @ [u, i] + model.b * now + model.b_previous * before
    k = np.array([0, 1 / NEURON.tau_syn])
    middle = (now + before) / 2
    smear = np.array([NEURON.r, 1.0]) * before / model.dt
    built = {
        "end": model.A @ [u, i] + model.b * now,
        "start": model.A @ ([u, i] + k * now),
        "both": model.A @ ([u, i] + k * middle / 2) + k * middle / 2,
        "smeared": smear + model.A @ ([u, i] - smear),
        "within": model.A @ [u, i] + model.b * now,
    }[kick_of(model)]
    np.testing.assert_allclose(built, expected, rtol=1e-12)
    assert kick_of(model) != "end" or model.b[0] == 0


# --- against theory ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scheme", "order"), ALL)
def test_below_threshold_it_is_the_discrete_neuron(scheme, order):
    random = np.random.default_rng(3)
    neuron = CubaLIF(0.02, 0.01, v_threshold=1e6)
    inputs = random.normal(0, 0.02, (2, 2, 60))
    voltage, current = discretize(neuron, 1e-3, scheme, order).simulate(inputs, 0.3, 0.4)
    got = simulate_inputs(neuron, inputs, 1e-3, scheme, order, v0=0.3, i0=0.4)
    np.testing.assert_allclose(got["voltage"][..., 1:], voltage, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(got["current"][..., 1:], current, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(("scheme", "order"), ALL)
def test_a_drive_has_its_exact_steady_state(scheme, order):
    neuron = CubaLIF(0.02, 0.01, r=2.0, v_threshold=10.0)
    got = simulate_inputs(neuron, np.zeros((1, 2, 2000)), 1e-3, scheme, order, constant_current=[1.0, -3.0])
    np.testing.assert_allclose(got["voltage"][0, :, -1], [2.0, -6.0], rtol=1e-13)


def test_exact_scheme_with_inputs_on_the_grid_is_the_response_up_to_the_first_spike():
    got = simulate(NEURON, TIMES, WEIGHTS, 0.012, 1e-3, "impulse_invariance", reset_at="next_step")
    expected = linear.response(NEURON, got["time"].values, TIMES, WEIGHTS)
    before = got["time"].values <= spikes_of(got)[0]
    np.testing.assert_allclose(got["voltage"][0, 0][before], expected[before], atol=1e-15)
    assert before.sum() == 5


def test_restart_places_spikes_where_the_exact_solution_crosses():
    """By mathematics: between spikes the voltage from the reset is response(), and it is 1 at each spike."""
    got = simulate(NEURON, TIMES, WEIGHTS, 0.05, 5e-4, "impulse_invariance", None, "series", "spike")
    spikes = spikes_of(got)
    assert spikes.size == 6
    for k, spike in enumerate(spikes):
        resets = np.exp(-(spike - spikes[:k]) / NEURON.tau_mem).sum()  # soft reset: a kernel of its own
        u = linear.response(NEURON, spike, TIMES, WEIGHTS) - resets
        assert u == pytest.approx(1.0, abs=1e-12)  # series of order 12 at dt/tau = 0.05: rounding only
    assert float(got["voltage"].max()) <= 1.0  # never above the threshold at a grid point


def test_interpolation_bounds_the_voltage_by_the_threshold_and_the_grid_does_not():
    """A claim of Guichard's figure 1."""
    runs = {
        how: simulate(NEURON, TIMES, WEIGHTS, 0.05, 2e-3, "forward_euler", None, *how)
        for how in (("grid", "grid"), ("linear", "grid"), ("linear", "spike"))
    }
    over = {how: float(run["voltage"].max()) for how, run in runs.items()}
    assert (
        over["grid", "grid"] > 1.1 and over["linear", "grid"] > 1.1
    )  # the reset bounds it, not the placement
    assert over["linear", "spike"] < 1.0


@pytest.mark.parametrize("reset", ["subtract", "to_value"])
def test_constant_drive_has_the_known_interval(reset):
    neuron = CubaLIF(0.02, 0.01, r=2.0, v_reset=-0.5, reset=reset)
    got = simulate_inputs(
        neuron,
        np.zeros((1, 1, 400)),
        5e-4,
        "impulse_invariance",
        None,
        "series",
        "spike",
        constant_current=0.8,
    )
    spikes = spikes_of(got)
    low = 0.0 if reset == "subtract" else -0.5
    first, interval = (0.02 * np.log((1.6 - v) / (1.6 - 1)) for v in (0.0, low))
    np.testing.assert_allclose(spikes, first + interval * np.arange(spikes.size), rtol=1e-13)
    assert spikes.size == int((0.2 - first) / interval) + 1


def test_several_spikes_in_one_step():
    fast = CubaLIF(0.02, 0.01)
    got = simulate_inputs(
        fast, np.zeros((1, 1, 20)), 2e-3, "impulse_invariance", None, "series", "spike", constant_current=50.0
    )
    interval = 0.02 * np.log(50 / 49)
    np.testing.assert_allclose(spikes_of(got), interval * np.arange(1, 1 + spikes_of(got).size), rtol=1e-12)
    assert int(got["spikes"].max()) == 5 and spikes_of(got).size == int(0.04 / interval)
    grid = simulate_inputs(fast, np.zeros((1, 1, 20)), 2e-3, "impulse_invariance", constant_current=50.0)
    assert int(grid["spikes"].max()) == 1  # a grid has room for one a step


# --- conventions ------------------------------------------------------------------------------------------------------


def test_reset_at_the_grid_keeps_the_overshoot_and_to_value_loses_it():
    for reset, expected in (("subtract", 0.35), ("to_value", -0.5)):
        neuron = CubaLIF(0.02, 0.01, v_reset=-0.5, reset=reset)
        # i exact: one step with u_1 = 1.35 before the reset
        model = discretize(neuron, 2e-3, "impulse_invariance")
        i0 = 1.35 / model.A[0, 1]
        kwargs = dict(i0=i0, backend="reference")
        before = simulate_inputs(neuron, np.zeros((1, 1, 3)), 2e-3, "impulse_invariance", **kwargs)
        after = simulate_inputs(
            neuron, np.zeros((1, 1, 3)), 2e-3, "impulse_invariance", sample="after_reset", **kwargs
        )
        assert float(before["voltage"][0, 0, 1]) == pytest.approx(1.35, rel=1e-14)
        assert float(after["voltage"][0, 0, 1]) == pytest.approx(expected, rel=1e-13)
        assert "before the reset" in before.attrs["phase"] and "after the reset" in after.attrs["phase"]


def test_late_reset_is_subtracted_after_the_next_propagation():
    model = discretize(NEURON, 2e-3, "impulse_invariance")
    i0 = 1.35 / model.A[0, 1]
    got = simulate_inputs(
        NEURON, np.zeros((1, 1, 2)), 2e-3, "impulse_invariance", None, "grid", "next_step", i0=i0
    )
    x1 = model.A @ [0.0, i0]
    np.testing.assert_allclose(got["voltage"][0, 0], [0, x1[0], (model.A @ x1)[0] - 1.0], rtol=1e-13)


def test_delay_and_rounding_move_the_input_by_steps():
    plain = simulate(NEURON, [0.002], [0.01], 0.02, 1e-3, "impulse_invariance")["voltage"].values[0, 0]
    delayed = simulate(NEURON, [0.002], [0.01], 0.02, 1e-3, "impulse_invariance", delay=1)
    later = simulate(NEURON, [0.002], [0.01], 0.02, 1e-3, "impulse_invariance", rounding="next")
    for moved in (delayed, later):
        np.testing.assert_array_equal(moved["voltage"].values[0, 0, 1:], plain[:-1])
    assert (delayed.attrs["input_delay"], later.attrs["rounding"]) == (1, "next")


def test_sampled_input_scales_the_kick_by_the_step():
    dirac = simulate(NEURON, [0.002], [0.01], 0.02, 1e-3, "impulse_invariance")["voltage"]
    sampled = simulate(NEURON, [0.002], [0.01], 0.02, 1e-3, "impulse_invariance", input="sampled")["voltage"]
    np.testing.assert_allclose(sampled, 1e-3 * dirac, rtol=1e-14)


def test_no_reset_counts_crossings_from_below():
    neuron = CubaLIF(0.02, 0.01, reset="none")
    got = simulate(neuron, [0.0, 0.1], [0.08, 0.08], 0.2, 1e-3, "impulse_invariance", None, "cubic", "spike")
    u = linear.response(neuron, np.linspace(0, 0.2, 20001), [0.0, 0.1], [0.08, 0.08])
    times = np.linspace(0, 0.2, 20001)[1:][(u[:-1] < 1) & (u[1:] >= 1)]
    np.testing.assert_allclose(spikes_of(got), times, atol=1.1e-5)  # the fine grid's step
    np.testing.assert_allclose(
        got["voltage"][0, 0],
        linear.response(neuron, got["time"].values, [0.0, 0.1], [0.08, 0.08]),
        atol=1e-14,
    )


def test_extremum_finds_what_the_grid_cannot_see():
    # peak of one kernel: r w / (4 tau_syn) at tau_mem ln 2 for tau_mem = 2 tau_syn; 0.4 % above the threshold
    neuron = CubaLIF(0.02, 0.01, reset="to_value", v_reset=-10.0)
    weight, dt = 0.04 * 1.004, 0.0055
    blind = simulate(neuron, [0.0], [weight], 0.055, dt, "impulse_invariance")
    assert int(blind["spike_count"].sum()) == 0
    for placement in ("linear", "cubic", "series"):
        seen = simulate(
            neuron,
            [0.0],
            [weight],
            0.055,
            dt,
            "impulse_invariance",
            None,
            placement,
            "spike",
            detect="extremum",
        )
        assert int(seen["hidden_spikes"].sum()) == 1
        # exact: 100 w x (1 - x) = 1 with x = exp(-t/tau_mem)
        x = (1 + np.sqrt(1 - 4 / (100 * weight))) / 2
        exact = -0.02 * np.log(x)
        error = {"linear": 1e-3, "cubic": 2e-5, "series": 1e-9}[placement]
        assert spikes_of(seen)[0] == pytest.approx(exact, abs=error)
        assert float(seen["voltage"].max()) < 1.0


def test_batch_is_its_neurons_one_by_one():
    random = np.random.default_rng(5)
    trains = [np.sort(random.uniform(0, 0.1, n)) for n in (3, 0, 12)]
    weights = [random.uniform(0.02, 0.05, train.size) for train in trains]
    together = simulate(NEURON, trains, weights, 0.1, 1e-3, "backward_euler", None, "linear", "spike")
    assert dict(together["voltage"].sizes) == {"trial": 1, "neuron": 3, "time": 101}
    for k, (train, weight) in enumerate(zip(trains, weights, strict=True)):
        alone = simulate(NEURON, train, weight, 0.1, 1e-3, "backward_euler", None, "linear", "spike")
        np.testing.assert_array_equal(together["voltage"][0, k], alone["voltage"][0, 0])
        np.testing.assert_array_equal(spikes_of(together, k), spikes_of(alone))


# --- the dataset ------------------------------------------------------------------------------------------------------


def test_traces_follow_the_schema_and_survive_a_file(tmp_path):
    got = simulate(NEURON, TIMES, WEIGHTS, 0.05, 1e-3, "parker_sochacki", 4, "series", "spike")
    validate_traces(got)
    for name in ("tau_mem", "reset", "scheme", "order", "spike_placement", "series_order", "reset_at", "rounding",
                 "input", "input_delay", "detect", "constant_current", "phase", "scheme_delay"):  # fmt: skip
        assert name in got.attrs
    assert got.attrs["series_order"] == 4
    for suffix in (".nc", ".npz"):
        back = load_traces(save_traces(got, tmp_path / f"run{suffix}"))
        assert back.identical(got) or back.equals(got)
    lean = simulate(NEURON, TIMES, WEIGHTS, 0.05, 1e-3, "impulse_invariance", record="spikes")
    assert set(lean) == {"spike_times", "spike_count", "hidden_spikes"}
    np.testing.assert_array_equal(
        spikes_of(lean), spikes_of(simulate(NEURON, TIMES, WEIGHTS, 0.05, 1e-3, "impulse_invariance"))
    )


def test_grid_times_are_integers_times_dt():
    got = simulate(NEURON, TIMES, WEIGHTS, 0.3, 1e-4, "impulse_invariance")
    assert got.sizes["time"] == 3001
    np.testing.assert_array_equal(got["time"], np.arange(3001) * 1e-4)
    steps = np.rint(spikes_of(got) / 1e-4)
    np.testing.assert_array_equal(spikes_of(got), steps * 1e-4)


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spike_times": [0.02, 0.01]}, "ascending order, got 0.02 before 0.01"),
        ({"spike_times": [-0.01, 0.01]}, "spike_times must be at least 0"),
        ({"spike_times": [0.01, np.nan]}, "spike_times must be finite"),
        ({"weights": [0.1, np.nan]}, "weights must be finite"),
        ({"weights": [0.1]}, "one entry per spike"),
        ({"t_max": 0.015}, "t_max must not lie before the last input"),
        ({"dt": 0.0}, "dt must be above 0"),
        ({"spike_placement": "quadratic"}, "spike_placement must be one of"),
        ({"reset_at": "spikes"}, "did you mean 'spike'"),
        ({"rounding": "floor"}, "rounding must be one of"),
        ({"input": "binary"}, "input must be one of"),
        ({"delay": -1}, "delay must be at least 0"),
        ({"v0": 1.0}, "v0 must lie below v_threshold"),
        ({"constant_current": [1.0, 2.0, 3.0]}, "constant_current must be a scalar or fit"),
        ({"series_order": 3}, "leave it out"),
        ({"scheme": "backward_euler", "spike_placement": "series"}, "needs one of"),
        ({"max_spikes": 0}, "max_spikes must be at least 1"),
    ],
)
def test_bad_input_is_named(change, message):
    arguments = dict(
        spike_times=[0.01, 0.02], weights=[0.1, 0.1], t_max=0.1, dt=1e-3, scheme="impulse_invariance"
    )
    with pytest.raises(ValueError, match=message):
        simulate(NEURON, **(arguments | change))


@pytest.mark.parametrize("backend", ["numba", "reference"])
def test_too_many_spikes_are_reported(backend):
    with pytest.raises(
        SpikeLimitReached, match=r"neuron 1 fired more than max_spikes = 20 .* raise max_spikes"
    ):
        simulate_inputs(
            NEURON, np.zeros((1, 2, 1000)), 1e-3, "impulse_invariance", None, "linear", "spike",
            constant_current=[0.0, 1e9], max_spikes=20, backend=backend,
        )  # fmt: skip


def test_divergence_is_refused_with_its_remedy():
    with pytest.warns(linear.UnstableStep), pytest.raises(ValueError, match="dt too large"):
        simulate(CubaLIF(0.02, 0.0001, reset="none"), [0.0], [1.0], 10.0, 5e-3, "forward_euler")


def test_inputs_need_three_axes():
    with pytest.raises(ValueError, match="inputs must have 3 dimension"):
        simulate_inputs(NEURON, np.zeros((3, 5)), 1e-3, "zoh")
    with pytest.raises(ValueError, match="at least one trial"):
        simulate_inputs(NEURON, np.zeros((0, 3, 5)), 1e-3, "zoh")


# --- where in the step ------------------------------------------------------------------------------------------------


def test_crossings_of_known_polynomials():
    assert linear_crossing(-1.0, 3.0, 2.0) == 0.5
    # (x - 0.3)(x^2 + 1) on [0, 1]: one real root
    assert polynomial_crossing(np.array([-0.3, 1.0, -0.3, 1.0]), 1.0) == pytest.approx(0.3, rel=1e-15)
    # the cubic with the same values and slopes is the same polynomial, on a span of 2
    p = np.poly1d([1.0, -0.3, 1.0, -0.3])
    got = cubic_crossing(p(0), p(2), p.deriv()(0), p.deriv()(2), 2.0)
    assert got == pytest.approx(0.3, rel=1e-14)


def test_crossings_against_companion_matrix_roots():
    random = np.random.default_rng(11)
    tried = 0
    while tried < 300:
        coefficients = random.normal(size=random.integers(2, 9))
        coefficients[0] = -abs(coefficients[0])
        if np.polyval(coefficients[::-1], 1.0) < 0:
            continue
        tried += 1
        roots = np.roots(coefficients[::-1])
        found = polynomial_crossing(coefficients, 1.0)
        assert (
            0 <= found <= 1 and np.abs(roots - found).min() < 1e-9
        )  # companion roots: 1e-16 times condition


def test_crossing_at_the_ends():
    assert polynomial_crossing(np.array([0.0, 1.0]), 1.0) == 0.0
    assert polynomial_crossing(np.array([-1.0, 0.5]), 1.0) == 1.0  # a series that ends below: the step's end
    assert linear_crossing(0.5, 1.0, 1.0) == 0.0


def test_taylor_coefficients_are_those_of_the_solution():
    import mpmath

    with mpmath.workdps(40):
        m, s, r, u, i = (mpmath.mpf(x) for x in (0.02, 0.005, 1.5, 0.4, 1.2))
        share = r * i * s / (m - s)

        def solution(t):
            return u * mpmath.exp(-t / m) + share * (mpmath.exp(-t / m) - mpmath.exp(-t / s))

        expected = [float(c) for c in mpmath.taylor(solution, 0, 6)]
    got = np.empty(7)
    taylor_coefficients(0.4, 1.2, 0.02, 0.005, 1.5, 6, got)
    np.testing.assert_allclose(got, expected, rtol=1e-9)  # mpmath differentiates numerically


@pytest.mark.parametrize("taus", [(0.02, 0.01), (0.01, 0.02), (0.02, 0.02), (0.02, 0.02 * (1 + 1e-12))])
def test_peak_is_where_the_slope_is_zero(taus):
    neuron = CubaLIF(*taus, r=2.0)
    t = peak_within(0.3, 0.8, *taus, 2.0, 1.0)
    steps = t + np.array([-1e-6, 0.0, 1e-6])
    u = linear.response(neuron, steps, [], [], v0=0.3, i0=0.8)
    assert u[1] > u[0] and u[1] > u[2]
    assert u[1] == pytest.approx(2.0 * 0.8 * np.exp(-t / taus[1]), rel=1e-12)  # there u = r i
    assert peak_within(0.3, 0.8, *taus, 2.0, 0.9 * t) == -1.0
    assert peak_within(0.3, -0.8, *taus, 2.0, 1.0) == -1.0
    assert peak_within(0.9, 0.3, *taus, 2.0, 1.0) == -1.0


def test_without_numba_the_readable_backend_runs(monkeypatch):
    from snntheory.spiking import clocked

    expected = simulate(NEURON, TIMES, WEIGHTS, 0.05, 1e-3, "zoh")
    monkeypatch.setattr(clocked, "find_spec", lambda name: None)
    got = simulate(NEURON, TIMES, WEIGHTS, 0.05, 1e-3, "zoh")
    np.testing.assert_allclose(got["voltage"], expected["voltage"], atol=1e-13)
    with pytest.raises(ModuleNotFoundError, match="needs numba: pip install"):
        simulate(NEURON, TIMES, WEIGHTS, 0.05, 1e-3, "zoh", backend="numba")


def test_inputs_that_share_a_step_or_come_too_late_are_the_same_in_both_forms():
    # several spikes in a step, one that "next" moves beyond the end, one at time 0
    quiet = CubaLIF(0.02, 0.01, v_threshold=1e6)
    times, weights = [0.0, 0.0101, 0.0102, 0.0109, 0.020], [0.03, 0.01, 0.02, -0.005, 0.5]
    for backend in ("numba", "reference"):
        for rounding, delay in (("ceil", 0), ("next", 0), ("next", 2)):
            got = simulate(
                quiet,
                times,
                weights,
                0.02,
                1e-3,
                "backward_euler",
                rounding=rounding,
                delay=delay,
                backend=backend,
            )
            sums = grid_inputs(times, weights, 1e-3, 20, rounding, delay)
            plain = discretize(quiet, 1e-3, "backward_euler").simulate(sums)[0]
            np.testing.assert_allclose(got["voltage"][0, 0], plain, atol=1e-14)
