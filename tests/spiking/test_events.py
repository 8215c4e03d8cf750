"""Exact spike times of one neuron: fifty digits, closed forms, named rules, bad input."""

import math
from importlib.util import find_spec

import digits
import numpy as np
import pytest

from snntheory import CubaLIF
from snntheory.spiking import SpikeLimitReached, exact_spike_times, reconstruct

BACKENDS = ["reference", "numba"]
RATIOS = [2.0, 0.5, 1.0, 1.37, 1 + 1e-9, 300.0, 0.01]


@pytest.fixture(params=BACKENDS)
def backend(request):
    if request.param == "numba":
        pytest.importorskip("numba")
    return request.param


def installed():
    return BACKENDS if find_spec("numba") else BACKENDS[:1]


def random_train(ratio, rng, n=12, duration=8.0):
    """In units of the membrane time constant; a few output spikes."""
    neuron = CubaLIF(1.0, 1.0 / ratio, r=1.25, v_reset=-0.3, reset=rng.choice(["subtract", "to_value"]))
    times = np.sort(rng.uniform(0, duration, n))
    return neuron, times, rng.normal(0.5, 1.0, n) * max(1.0, 0.5 / ratio)


@pytest.mark.parametrize("ratio", RATIOS)
def test_random_trains_against_fifty_digits(ratio):
    rng = np.random.default_rng(5)
    n_spikes = 0
    for _ in range(10):
        neuron, times, weights = random_train(ratio, rng)
        state = dict(v0=rng.uniform(-1, 0.9), i0=rng.normal())
        true = digits.spike_times(neuron, times, weights, 9.0, **state)
        found = [
            exact_spike_times(neuron, times, weights, 9.0, backend=name, **state) for name in installed()
        ]
        assert all(len(ours) == len(true) for ours in found)
        if not true:
            continue
        n_spikes, ours = n_spikes + len(true), found[0]
        before, current = reconstruct(neuron, ours, times, weights, ours, side="before", **state)
        slope = (neuron.r * current - before) / neuron.tau_mem
        # a rounding of the terms of u (a few units), divided by the slope; a spike hands its error on to the next
        # ones, enlarged by the ratio of the slopes: 50 roundings cover that in these trains
        for ours in found:
            error = max(abs(float(t - o)) for t, o in zip(true, ours, strict=True))
            assert error < 50 * 2.2e-16 * (9 + 1 / slope.min())
    assert n_spikes > 10


@pytest.mark.parametrize("ratio", [2.0, 1.37])
def test_a_window_of_ten_thousand_time_constants(ratio):
    rng = np.random.default_rng(6)
    neuron = CubaLIF(1.0, 1.0 / ratio, reset="subtract")
    times = np.sort(rng.uniform(0, 1e4, 60)).repeat(3) + np.tile([0.0, 0.3, 0.4], 60)
    times = np.sort(times)
    weights = rng.uniform(1.0, 3.0, 180)
    true = digits.spike_times(neuron, times, weights, 1e4 + 10)
    for name in installed():
        ours = exact_spike_times(neuron, times, weights, 1e4 + 10, backend=name)
        assert len(ours) == len(true) > 200 and ours[-1] > 9_000
        error = np.array([abs(float(t - o)) for t, o in zip(true, ours, strict=True)])
        assert np.all(error <= 1e-13 + np.spacing(ours))  # the time's own last digit, and nothing that grows
        assert np.all(error <= 1e-12 * np.maximum(ours, 1.0))


@pytest.mark.parametrize("reset", ["subtract", "to_value", "none"])
@pytest.mark.parametrize("ratio", RATIOS)
def test_backends_agree(ratio, reset):
    pytest.importorskip("numba")
    rng = np.random.default_rng(7)
    n_spikes = 0
    for _ in range(20):
        threshold = 0.8 if reset == "subtract" else rng.choice([0.8, 0.0, -0.4])
        neuron = CubaLIF(1.0, 1 / ratio, 1.25, threshold, v_reset=threshold - 0.7, reset=reset)
        times = np.sort(np.round(rng.uniform(0, 8, 25), 1))  # several at one time
        weights = rng.normal(0.5, 2.0, 25) * max(1.0, 0.5 / ratio)
        state = dict(v0=rng.normal(), i0=rng.normal(), constant_current=rng.choice([0.0, 0.5]))
        a, b = (exact_spike_times(neuron, times, weights, 9.0, backend=name, **state) for name in BACKENDS)
        n_spikes += len(a)
        # both are right to rounding; 1e-10 leaves room for spikes that only just happen
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-10)
    assert n_spikes > 10


def test_constant_current_fires_at_the_intervals_of_the_textbook(backend):
    # u = I (1 - e^{-t/tau}) from 0 to 1 and again
    neuron, current = CubaLIF(0.020, 0.005), 1.6
    period = 0.020 * math.log(current / (current - 1))
    ours = exact_spike_times(neuron, [], [], 1.0, constant_current=current, backend=backend)
    np.testing.assert_allclose(
        ours, period * np.arange(1, len(ours) + 1), rtol=1e-13
    )  # sums of some 50 intervals
    assert len(ours) == int(1.0 / period)
    assert len(exact_spike_times(neuron, [], [], 1.0, constant_current=1.0, backend=backend)) == 0


def test_the_parabola_by_hand(backend):
    # tau_mem = 2 tau_syn: u = (w / tau_syn)(y - y^2), y = e^{-t/tau_mem}; w = 0.06: 6 y^2 - 6 y + 1 = 0
    neuron = CubaLIF(0.020, 0.010, reset="none")
    ours = exact_spike_times(neuron, [0.1], [0.06], 1.0, backend=backend)
    y = (6 + math.sqrt(12)) / 12
    assert ours == pytest.approx([0.1 - 0.020 * math.log(y)], rel=1e-15)


def test_contact_fires_and_a_little_less_does_not(backend):
    neuron = CubaLIF(0.020, 0.010)
    kick = dict(i0=4.0, backend=backend)
    assert exact_spike_times(neuron, [], [], 1.0, **kick) == pytest.approx([0.020 * math.log(2)], rel=1e-15)
    kick["i0"] = np.nextafter(4.0, 0)
    assert len(exact_spike_times(neuron, [], [], 1.0, **kick)) == 0


def test_several_spikes_between_two_inputs(backend):
    neuron = CubaLIF(0.020, 0.010)
    ours = exact_spike_times(neuron, [0.0, 0.5], [0.3, 0.0], 0.6, backend=backend)
    assert len(ours) > 5 and np.all(np.diff(ours) > 0)
    u, _ = reconstruct(neuron, ours, [0.0], [0.3], ours, side="before")
    np.testing.assert_allclose(u, 1.0, atol=2e-15 * 30)  # u is a difference of terms up to 30


def test_simultaneous_inputs_act_together(backend):
    neuron = CubaLIF(0.020, 0.010)
    together = exact_spike_times(neuron, [0.01, 0.01, 0.01], [0.05, 0.04, -0.03], 0.1, backend=backend)
    one = exact_spike_times(neuron, [0.01], [0.06], 0.1, backend=backend)
    np.testing.assert_allclose(together, one, rtol=1e-15)
    assert len(one) == 1


@pytest.mark.parametrize("weight", [-5.0, 5.0])
def test_an_input_at_the_crossing_does_not_move_it(weight, backend):
    neuron = CubaLIF(0.020, 0.010)
    alone = exact_spike_times(neuron, [0.0], [0.06], 0.1, backend=backend)
    both = exact_spike_times(neuron, [0.0, alone[0]], [0.06, weight], 0.1, backend=backend)
    assert both[0] == pytest.approx(alone[0], rel=2e-16)
    before = exact_spike_times(neuron, [0.0, alone[0] * (1 - 1e-12)], [0.06, weight], 0.1, backend=backend)
    assert (len(before) == 0) == (weight < 0)  # an inhibition only just earlier prevents it
    assert (len(both) == 1) == (weight < 0)


@pytest.mark.parametrize("reset", ["subtract", "to_value", "none"])
@pytest.mark.parametrize("ratio", RATIOS)
def test_inputs_at_all_the_crossings_of_a_train_move_none_of_them(ratio, reset, backend):
    rng = np.random.default_rng(9)
    n_spikes = 0
    for shift in (0.0, 50.0):  # later, a time has fewer digits behind the point
        neuron = CubaLIF(1.0, 1 / ratio, 1.25, v_reset=-0.3, reset=reset)
        times, weights = (
            shift + np.sort(rng.uniform(0, 8, 20)),
            rng.uniform(0.2, 1.5, 20) * max(1.0, 0.5 / ratio),
        )
        spikes = exact_spike_times(neuron, times, weights, shift + 9, backend=backend)
        n_spikes += len(spikes)
        for spike in spikes:
            order = np.argsort(np.append(times, spike), kind="stable")
            both = np.append(times, spike)[order], np.append(weights, -50.0 * max(1.0, 0.5 / ratio))[order]
            again = exact_spike_times(neuron, *both, shift + 9, backend=backend)
            until = spikes[spikes <= spike]
            np.testing.assert_allclose(again[: len(until)], until, rtol=1e-14)
            assert np.all(
                again[len(until) :] > spike + 0.3
            )  # and the inhibition prevents what would have followed
    assert n_spikes >= 2


def test_the_window_is_closed(backend):
    neuron = CubaLIF(0.020, 0.010)
    (t,) = exact_spike_times(neuron, [0.0], [0.06], 1.0, backend=backend)
    assert len(exact_spike_times(neuron, [0.0], [0.06], np.nextafter(t, 1), backend=backend)) == 1
    assert len(exact_spike_times(neuron, [0.0], [0.06], t * (1 - 1e-14), backend=backend)) == 0


def test_silence(backend):
    neuron = CubaLIF(0.020, 0.010)
    for times, weights in ([], []), ([0.1], [0.0]), ([0.1, 0.2], [-1.0, 0.01]):
        ours = exact_spike_times(neuron, times, weights, 1.0, backend=backend)
        assert ours.shape == (0,) and ours.dtype == np.float64
    assert exact_spike_times(neuron, [0.0], [9.0], 0.0, backend=backend).shape == (0,)


def test_a_start_above_the_threshold_is_no_spike(backend):
    neuron = CubaLIF(0.020, 0.010)
    assert len(exact_spike_times(neuron, [], [], 1.0, v0=1.5, backend=backend)) == 0
    later = exact_spike_times(neuron, [0.5], [0.06], 1.0, v0=1.5, backend=backend)
    assert len(later) == 1 and later[0] > 0.5


def test_without_reset_every_upward_crossing_counts_once(backend):
    neuron = CubaLIF(0.020, 0.010, reset="none")
    ours = exact_spike_times(neuron, [0.0, 0.005, 0.3], [0.1, 0.1, 0.1], 1.0, backend=backend)
    assert len(ours) == 2 and ours[1] > 0.3


def test_a_neuron_at_rest_below_a_negative_threshold(backend):
    # released from -1, it rises to 0 and passes -1/2 at ln 2; rest itself is above the threshold, so once
    neuron = CubaLIF(1.0, 0.3, v_threshold=-0.5, v_reset=-1.0, reset="to_value")
    ours = exact_spike_times(neuron, [], [], 3.5, v0=-1.0, backend=backend)
    np.testing.assert_allclose(
        ours, math.log(2) * np.arange(1, 6), rtol=1e-14
    )  # reset to -1, again and again


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(spike_times=[0.2, 0.1]), "spike_times must be sorted: entry 1 is 0.1 s"),
        (dict(spike_times=[-0.1, 0.1]), "spike_times must be at least 0"),
        (dict(spike_times=[0.1, np.nan]), "spike_times must be finite"),
        (dict(weights=[1.0, np.nan]), "weights must be finite"),
        (dict(weights=[1.0]), "weights must be a scalar or have one entry per spike"),
        (dict(weights=[1e307, 1.0]), "overflows"),
        (dict(t_max=0.15), "t_max must not lie before the last input spike at 0.2 s, got 0.15 s"),
        (dict(t_max=np.inf), "t_max must be finite"),
        (dict(v0=np.nan), "v0 must be finite"),
        (dict(max_spikes=-1), "max_spikes must be at least 0"),
        (dict(backend="cuda"), "backend must be one of"),
    ],
)
def test_bad_input(change, message):
    arguments = dict(spike_times=[0.1, 0.2], weights=[1.0, 1.0], t_max=1.0) | change
    with pytest.raises(ValueError, match=message):
        exact_spike_times(CubaLIF(0.02, 0.01), **arguments)


def test_soft_reset_of_a_threshold_at_rest_is_refused_by_the_neuron():
    with pytest.raises(ValueError, match="v_threshold must be above 0 when the reset subtracts it"):
        CubaLIF(0.02, 0.01, v_threshold=0.0, reset="subtract")


def test_the_limit_is_reported_and_exact(backend):
    neuron = CubaLIF(0.020, 0.010)
    full = exact_spike_times(neuron, [0.0], [1.0], 1.0, backend=backend)
    same = exact_spike_times(neuron, [0.0], [1.0], 1.0, max_spikes=len(full), backend=backend)
    assert np.array_equal(full, same)
    with pytest.raises(
        SpikeLimitReached, match=f"more than max_spikes={len(full) - 1} times before t_max=1 s"
    ):
        exact_spike_times(neuron, [0.0], [1.0], 1.0, max_spikes=len(full) - 1, backend=backend)


def test_runaway_ends_at_the_limit(backend):
    with pytest.raises(SpikeLimitReached):
        exact_spike_times(CubaLIF(0.02, 0.01), [0.0], [1e200], 1.0, max_spikes=1000, backend=backend)


def test_without_numba_the_reference_runs(monkeypatch):
    from snntheory.spiking import events

    monkeypatch.setattr(events, "find_spec", lambda name: None)
    assert len(exact_spike_times(CubaLIF(0.02, 0.01), [0.0], [0.06], 1.0)) == 1
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'snntheory\[train\]'"):
        exact_spike_times(CubaLIF(0.02, 0.01), [0.0], [0.06], 1.0, backend="numba")
