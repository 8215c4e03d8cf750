"""Comparison of spike trains: against brute force, numerical integration, and Elephant where it is installed."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from snntheory import CubaLIF
from snntheory.spiking import exact_spike_times, simulate
from snntheory.spiking.compare import (
    compare_trains,
    spike_train,
    van_rossum_distance,
    victor_purpura_distance,
)

times = st.lists(st.floats(0, 1), max_size=4).map(sorted)


def test_every_category_by_hand():
    reference = [0.010, 0.0212, 0.0218, 0.040, 0.050, 0.070]
    other = [0.010, 0.022, 0.041, 0.060, 0.0703]
    found = compare_trains(reference, other, window=0.002, dt=0.001, tolerance=1e-6)
    assert found.counts == {"matched": 1, "shifted": 3, "missed": 1, "merged": 1, "extra": 1}
    np.testing.assert_allclose(
        found.merged, [0.0212]
    )  # both lie in (21, 22] ms, the nearer one keeps the spike
    np.testing.assert_allclose(found.missed, [0.050])
    np.testing.assert_allclose(found.extra, [0.060])
    np.testing.assert_allclose(found.shifts, [0, 0.0002, 0.001, 0.0003], atol=1e-15)
    assert found.mean_shift == pytest.approx(0.0015 / 4)
    assert found.rms_shift == pytest.approx(np.sqrt((0.04 + 1 + 0.09) / 4) * 1e-3)
    without = compare_trains(reference, other, window=0.002)
    assert without.counts["merged"] == 0 and without.counts["missed"] == 2


def test_greedy_pairing_would_lose_a_pair():
    # the nearest pair first, (1.0, 1.1), leaves 0 and 2 alone; all can be paired
    found = compare_trains([0.0, 1.0], [0.9, 1.9], window=1.0)
    assert found.pairs.tolist() == [[0, 0], [1, 1]]


@settings(max_examples=150)
@given(a=times, b=times, window=st.floats(0, 0.6))
def test_pairing_is_the_best_of_all(a, b, window):
    found = compare_trains(a, b, window)
    distances = np.abs(found.shifts)
    assert np.all(distances <= window * (1 + 1e-9))
    best = (0, 0.0)
    for size in range(1, min(len(a), len(b)) + 1):
        for rows in combinations(a, size):
            for columns in combinations(b, size):
                shift = np.abs(np.subtract(rows, columns))
                if np.all(shift <= window):
                    best = min(best, (-size, shift.sum()))
    assert -best[0] == len(found.pairs)
    assert distances.sum() == pytest.approx(best[1], abs=1e-9)
    assert len(found.pairs) + len(found.missed) == len(a) and len(found.pairs) + len(found.extra) == len(b)


@given(a=times, b=times, tau=st.floats(0.01, 1))
def test_van_rossum_is_its_double_sum(a, b, tau):
    t, s = np.array(a + b), np.array([1.0] * len(a) + [-1.0] * len(b))
    total = 0.5 * np.sum(np.outer(s, s) * np.exp(-np.abs(t[:, None] - t) / tau))
    # squares: a distance of 0 is found to the root of rounding only
    assert van_rossum_distance(a, b, tau) ** 2 == pytest.approx(total, abs=1e-12)


def test_van_rossum_is_its_integral():
    a, b, tau = np.array([0.1, 0.15, 0.4]), np.array([0.12, 0.38, 0.5, 0.6]), 0.05

    def square(t):
        f = sum(np.exp(-(t - x) / tau) for x in a if t > x) - sum(np.exp(-(t - x) / tau) for x in b if t > x)
        return f * f / tau

    edges = np.sort(np.r_[0, a, b, 0.6 + 20 * tau])
    integral = sum(
        quad(square, left, right, epsabs=1e-13)[0] for left, right in zip(edges, edges[1:], strict=False)
    )
    assert van_rossum_distance(a, b, tau) == pytest.approx(np.sqrt(integral), rel=1e-9)  # the tail: exp(-40)


def test_van_rossum_limits():
    assert van_rossum_distance([0.3], [], 0.1) == pytest.approx(np.sqrt(0.5))
    assert van_rossum_distance([0.0], [100.0], 0.1) == pytest.approx(1.0)
    assert van_rossum_distance([0.1, 0.2], [0.1, 0.2], 0.1) == 0.0
    assert van_rossum_distance([], [], 0.1) == 0.0


def _victor_purpura_plain(a, b, cost):
    table = np.zeros((len(a) + 1, len(b) + 1))
    table[:, 0], table[0] = np.arange(len(a) + 1), np.arange(len(b) + 1)
    for k, x in enumerate(a, 1):
        for j, y in enumerate(b, 1):
            table[k, j] = min(
                table[k - 1, j] + 1, table[k, j - 1] + 1, table[k - 1, j - 1] + cost * abs(x - y)
            )
    return table[-1, -1]


@given(a=times, b=times, cost=st.floats(0, 50))
def test_victor_purpura_is_its_recursion(a, b, cost):
    assert victor_purpura_distance(a, b, cost) == pytest.approx(_victor_purpura_plain(a, b, cost), abs=1e-12)


def test_victor_purpura_limits():
    assert victor_purpura_distance([0.1, 0.2, 0.3], [0.15], 0.0) == 2  # the difference of the counts
    assert victor_purpura_distance([0.1, 0.2, 0.3], [0.15], 1e9) == 4  # no spike is worth moving
    assert victor_purpura_distance([0.3, 0.1], [0.1, 0.32], 10.0) == pytest.approx(0.2)
    assert victor_purpura_distance([], [], 1.0) == 0


@given(a=times, b=times, c=times)
def test_both_are_metrics(a, b, c):
    for distance in (
        lambda x, y: van_rossum_distance(x, y, 0.1),
        lambda x, y: victor_purpura_distance(x, y, 10.0),
    ):
        assert distance(a, b) == pytest.approx(distance(b, a), abs=1e-7)
        assert distance(a, c) <= distance(a, b) + distance(b, c) + 1e-7  # the root of rounding


@pytest.mark.interop
def test_elephant_agrees():
    pytest.importorskip("elephant")
    neo, quantities = pytest.importorskip("neo"), pytest.importorskip("quantities")
    from elephant.spike_train_dissimilarity import van_rossum_distance as theirs_van_rossum
    from elephant.spike_train_dissimilarity import victor_purpura_distance as theirs_victor_purpura

    random = np.random.default_rng(1)
    for n, m in ((20, 25), (1, 0), (50, 3)):
        a, b = np.sort(random.uniform(0, 1, n)), np.sort(random.uniform(0, 1, m))
        trains = [neo.SpikeTrain(x * quantities.s, t_stop=1.0 * quantities.s) for x in (a, b)]
        theirs = theirs_van_rossum(trains, time_constant=0.05 * quantities.s)[0, 1]
        assert np.sqrt(2) * van_rossum_distance(a, b, 0.05) == pytest.approx(theirs, rel=1e-9)
        theirs = theirs_victor_purpura(trains, cost_factor=30.0 * quantities.Hz)[0, 1]
        assert victor_purpura_distance(a, b, 30.0) == pytest.approx(theirs, rel=1e-9)


def test_rounded_up_output_moves_by_half_a_step_on_average():
    """The displacement law on output spikes of the exact neuron: only the communication is rounded."""
    neuron = CubaLIF(0.02, 0.005)
    random = np.random.default_rng(2)
    exact = exact_spike_times(neuron, np.sort(random.uniform(0, 60, 12000)), 0.012, 60.0)
    moved = np.ceil(exact / 0.002) * 0.002
    shifts = compare_trains(exact, moved, window=0.002).shifts
    n = len(shifts)
    assert n > 3000
    # uniform phases: the standard error of the mean is dt/sqrt(12 n); five of them
    assert shifts.mean() == pytest.approx(0.001, abs=5 * 0.002 / np.sqrt(12 * n))
    assert np.sqrt((shifts**2).mean()) == pytest.approx(0.002 / np.sqrt(3), rel=0.03)


def test_a_simulation_compared_with_the_exact_train():
    neuron = CubaLIF(0.02, 0.01)
    spikes, weights = [0.001, 0.002, 0.010], [0.05, 0.05, 0.06]
    exact = exact_spike_times(neuron, spikes, weights, 0.05)
    grid = spike_train(simulate(neuron, spikes, weights, 0.05, 1e-3, "impulse_invariance"))
    found = compare_trains(exact, grid, window=2e-3, dt=1e-3)
    assert found.counts == {"matched": 0, "shifted": 6, "missed": 0, "merged": 0, "extra": 0}
    assert found.shifts[0] == pytest.approx(
        1e-3 - exact[0] % 1e-3
    )  # before the first reset only the rounding acts


def test_bad_input_is_named():
    with pytest.raises(
        ValueError, match=r"reference must be in ascending order; use numpy.sort\(reference\)"
    ):
        compare_trains([0.2, 0.1], [], 0.1)
    with pytest.raises(ValueError, match="window must be at least 0"):
        compare_trains([], [], -1.0)
    with pytest.raises(ValueError, match="tau must be above 0"):
        van_rossum_distance([], [], 0.0)
    with pytest.raises(ValueError, match="cost must be at least 0"):
        victor_purpura_distance([], [], -1.0)
    with pytest.raises(ValueError, match="finite"):
        victor_purpura_distance([np.nan], [], 1.0)
    import xarray as xr

    with pytest.raises(ValueError, match="holds no spike_times"):
        spike_train(xr.Dataset())
