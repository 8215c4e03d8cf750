"""No crossing is lost and none is invented: a proof by interval arithmetic for thousands of random trains.

The proof uses neither the extremum nor any root finding of the code under test. Given the claimed spike times, the
voltage with resets at those times is enclosed on small boxes of time; it is shown that it stays below the threshold
everywhere but within ``EPSILON`` before each claimed spike, and that it has reached the threshold ``EPSILON`` after it.
"""

import mpmath
import numpy as np
import pytest
from intervals import Interval, exp, where, wider

from snntheory import CubaLIF
from snntheory.spiking import exact_spike_times

EPSILON = 1e-9
"""In units of the membrane time constant; the sharper accuracy of the times is test_events.py's subject."""

N_INPUTS, DURATION = 12, 8.0
RATIOS = [2.0, 0.5, 1.0, 1.37, 20.0, 0.05]


def trains(ratio, reset, n, seed):
    """``n`` random trains in units of tau_mem, about two output spikes each, and the spike times claimed for them."""
    rng = np.random.default_rng(seed)
    neuron = CubaLIF(1.0, 1.0 / ratio, r=1.25, v_threshold=1.0, v_reset=-0.3, reset=reset)
    times = np.sort(rng.uniform(0, DURATION, (n, N_INPUTS)), axis=1)
    weights = rng.normal(0.5, 1.0, (n, N_INPUTS)) * max(1.0, 0.5 / ratio)
    claimed = [exact_spike_times(neuron, t, w, DURATION) for t, w in zip(times, weights, strict=True)]
    return neuron, times, weights, claimed


def decay(s: Interval, neuron):
    """Both exponentials and the coupling at times ``s``: enclosures, wide where ``s`` is."""
    slow, fast = exp(-s / neuron.tau_mem), exp(-s / neuron.tau_syn)
    if neuron.tau_mem == neuron.tau_syn:
        return slow, fast, slow * s / neuron.tau_mem
    gap = wider(*[np.float64(1.0 / (neuron.tau_mem / neuron.tau_syn - 1.0))] * 2, by=4)
    return slow, fast, (slow - fast) * gap


def segments(neuron, times, weights, claimed):
    """State just after every event as intervals, the length of what follows, and whether a spike ends it."""
    n = len(times)
    most = max(map(len, claimed))
    spikes = np.full((n, most), np.inf)
    for k, each in enumerate(claimed):
        spikes[k, : len(each)] = each
    when = np.concatenate([spikes, times, np.full((n, 1), DURATION)], axis=1)
    kick = np.concatenate([np.zeros((n, most)), weights, np.zeros((n, 1))], axis=1)
    fires = np.arange(when.shape[1]) < most
    order = np.argsort(when, axis=1, kind="stable")
    when, kick = np.take_along_axis(when, order, 1), np.take_along_axis(kick, order, 1)
    fires = np.broadcast_to(fires, when.shape)
    fires = np.take_along_axis(fires, order, 1)
    u, d, now = Interval.of(np.zeros(n)), Interval.of(np.zeros(n)), np.zeros(n)
    found = []
    for event in range(when.shape[1]):
        real = np.isfinite(when[:, event])
        length = wider(*[np.where(real, when[:, event] - now, 0.0)] * 2)
        length = Interval(np.maximum(length.low, 0), length.high)
        fired = fires[:, event] & real
        found.append((u, d, length, fired, real))
        slow, fast, cross = decay(length, neuron)
        u, d = u * slow + d * cross, d * fast
        after = (
            u - neuron.v_threshold if neuron.reset == "subtract" else Interval.of(neuron.v_reset + 0 * now)
        )
        u = where(fired, after, u)
        step = Interval.of(kick[:, event]) * neuron.r / neuron.tau_syn
        d = d + step
        now = np.where(real, when[:, event], now)
    joined = [np.concatenate([pick(each) for each in found]) for pick in PICKS]
    keep = joined[-1] & (joined[5] > 0)
    u_low, u_high, d_low, d_high, l_low, l_high, fired, _ = (each[keep] for each in joined)
    return Interval(u_low, u_high), Interval(d_low, d_high), Interval(l_low, l_high), fired


PICKS = [
    lambda e: e[0].low,
    lambda e: e[0].high,
    lambda e: e[1].low,
    lambda e: e[1].high,
    lambda e: e[2].low,
    lambda e: e[2].high,
    lambda e: e[3],
    lambda e: e[4],
]


def voltage(u, d, s, neuron):
    slow, fast, cross = decay(s, neuron)
    return u * slow + d * cross, d * fast


def certify(neuron, times, weights, claimed):
    """(number of segments, lost: above the threshold without a spike, invented: not yet there, undecided)."""
    u, d, length, fired = segments(neuron, times, weights, claimed)
    threshold = neuron.v_threshold
    late, _ = voltage(u, d, Interval(length.low + EPSILON, length.high + EPSILON), neuron)
    invented = int(np.sum(fired & ~(late.low >= threshold)))

    end = np.where(fired, np.maximum(length.low - EPSILON, 0.0), length.high)
    which = np.arange(len(end))
    left, right = np.zeros(len(end)), end
    lost = np.zeros(len(end), bool)
    for _ in range(60):
        if not which.size:
            break
        u_here, d_here = u[which], d[which]
        at_left, _ = voltage(u_here, d_here, Interval.of(left), neuron)
        at_right, _ = voltage(u_here, d_here, Interval.of(right), neuron)
        over, drive = voltage(u_here, d_here, Interval(left, right), neuron)
        slope = drive - over
        below = over.high < threshold
        below |= (slope.low > 0) & (at_right.high < threshold)
        below |= (slope.high < 0) & (at_left.high < threshold)
        # the mean value theorem, from the left end
        below |= (
            at_left.high + np.maximum(slope.high, 0) / neuron.tau_mem * (right - left) * (1 + 1e-15)
            < threshold
        )
        lost[which[(at_left.low >= threshold) | (at_right.low >= threshold)]] = True
        open_ = ~below & ~lost[which]
        which, left, right = which[open_], left[open_], right[open_]
        middle = (left + right) / 2
        which = np.concatenate([which, which])
        left, right = np.concatenate([left, middle]), np.concatenate([middle, right])
    return len(end), int(lost.sum()), invented, len(np.unique(which))


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("reset", ["subtract", "to_value"])
def test_hundreds_of_random_trains(reset, ratio):
    check(*trains(ratio, reset, 60, seed=3))


@pytest.mark.slow
@pytest.mark.parametrize("reset", ["subtract", "to_value"])
def test_thousands_of_random_trains(reset):
    for ratio in RATIOS:
        check(*trains(ratio, reset, 500, seed=4))


def check(neuron, times, weights, claimed):
    n_segments, lost, invented, undecided = certify(neuron, times, weights, claimed)
    assert sum(map(len, claimed)) > len(claimed) and n_segments >= len(claimed) * (N_INPUTS + 1)
    assert (lost, invented, undecided) == (0, 0, 0)


def test_the_proof_fails_when_the_spikes_are_wrong():
    neuron, times, weights, claimed = trains(1.37, "subtract", 50, seed=3)
    rng = np.random.default_rng(0)
    dropped = [np.delete(each, rng.integers(len(each))) if len(each) else each for each in claimed]
    assert certify(neuron, times, weights, dropped)[1] > 20
    added = [np.sort(np.append(each, rng.uniform(0, DURATION))) for each in claimed]
    assert certify(neuron, times, weights, added)[2] > 40
    later = [each + 3e-9 for each in claimed]
    assert certify(neuron, times, weights, later)[1] > 20
    earlier = [each - 3e-9 for each in claimed]
    assert certify(neuron, times, weights, earlier)[2] > 20


def test_exponential_is_as_accurate_as_the_intervals_assume():
    x = -np.random.default_rng(0).uniform(0, 160, 2000)
    with mpmath.workdps(40):
        for value, ours in zip(x, np.exp(x), strict=True):
            assert (
                np.nextafter(ours, 0) <= mpmath.exp(value) <= np.nextafter(ours, 1)
            )  # one unit; assumed: four
