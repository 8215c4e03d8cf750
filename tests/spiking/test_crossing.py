"""The first crossing from a state: against fifty digits, at contact, at every corner of its case analysis."""

import math

import digits
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mpf

from snntheory import CubaLIF
from snntheory.spiking import first_crossing
from snntheory.spiking.crossing import crossing_time, factors

numba_layer = pytest.importorskip("snntheory.spiking.numba_layer", reason="numba is not installed")
SEARCHES = {"reference": crossing_time, "numba": numba_layer.crossing_time}
RATIOS = [2.0, 0.5, 1.0, 1.3, 2.0000001, 0.9999999, 1e3, 1e-3]


def exact(u, d, duration, threshold, tau_mem, tau_syn):
    with mpmath.workdps(digits.DIGITS):
        s = digits.first_crossing(*map(mpf, (u, d, duration, threshold, tau_mem, tau_syn)))
        return math.inf if s is None else float(s)


def peak(u, d, tau_mem, tau_syn):
    """Time and height of the maximum, fifty digits."""
    with mpmath.workdps(digits.DIGITS):
        u, d, m, s = map(mpf, (u, d, tau_mem, tau_syn))
        gap, q = (m - s) / m, (d - u) / d
        when = s * q if gap == 0 else -s * mpmath.log(1 - q * gap) / gap
        return float(when), float(d * mpmath.exp(-when / s))


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("name", SEARCHES)
def test_random_states_against_fifty_digits(name, ratio):
    rng = np.random.default_rng(1)
    found = 0
    for _ in range(150):
        u, d = rng.uniform(-3, 0.99), rng.normal(4, 6) * max(1.0, ratio / 2)
        threshold, duration = rng.choice([1.0, -0.5, 0.0]), 10 ** rng.uniform(-2, 1.5)
        if u >= threshold:
            continue
        ours = SEARCHES[name](u, d, duration, True, threshold, ratio, 1.0)
        true = exact(u, d, duration, threshold, ratio, 1.0)
        assert (ours == math.inf) == (true == math.inf), (u, d, duration, threshold)
        if true < math.inf:
            found += 1
            # rounding of u (size |u| + |d| + 1) over its slope; random states seldom graze, so the slope is not tiny
            mem, _, c = factors(true, ratio, 1.0)
            slope = abs(d * math.exp(-true) - threshold) / ratio
            assert abs(ours - true) <= 4e-16 * (true + (abs(u) + abs(d) * c + 1) / slope)
    assert found > 10


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("name", SEARCHES)
def test_next_to_contact(name, ratio):
    u, d = 0.1, 30.0
    when, top = peak(u, d, ratio, 1.0)
    for margin in (1e-2, 1e-6, 1e-10, 1e-13):
        assert SEARCHES[name](u, d, 100 * ratio, True, top * (1 + margin), ratio, 1.0) == math.inf
        threshold = top * (1 - margin)
        ours = SEARCHES[name](u, d, 100 * ratio, True, threshold, ratio, 1.0)
        true = exact(u, d, 100 * ratio, threshold, ratio, 1.0)
        # u = top (1 - (s - s*)^2 / (2 tau_mem tau_syn)): a rounding of u moves s by that over sqrt(margin)
        slow = math.sqrt(ratio)
        assert abs(ours - true) <= 1e-15 * slow * (d / top) / math.sqrt(margin) + 1e-15 * true
        assert ours <= when


@pytest.mark.parametrize("name", SEARCHES)
def test_exact_contact_is_a_spike(name):
    # tau_mem = 2 tau_syn from u = 0: the maximum is d / 4, at tau_mem ln 2, without any rounding
    assert SEARCHES[name](0.0, 4.0, 1.0, True, 1.0, 0.02, 0.01) == pytest.approx(
        0.02 * math.log(2), rel=1e-15
    )
    assert SEARCHES[name](0.0, np.nextafter(4.0, 0), 1.0, True, 1.0, 0.02, 0.01) == math.inf


@pytest.mark.parametrize("name", SEARCHES)
def test_the_end_of_the_interval_belongs_to_it(name):
    # with u = 3 z - 4 z^2 ... choose the state whose crossing is at y = 1/2: exact numbers throughout
    full = SEARCHES[name](0.0, 6.0, 10.0, True, 1.0, 2.0, 1.0)
    assert SEARCHES[name](0.0, 6.0, np.nextafter(full, 9) + 1e-15, True, 1.0, 2.0, 1.0) == full
    assert SEARCHES[name](0.0, 6.0, full - 1e-14, True, 1.0, 2.0, 1.0) == math.inf


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("special", [2.0, 0.5, 1.0])
def test_closed_forms_are_the_limits_of_the_search(name, special):
    for u, d in [(0.0, 8.0), (-2.0, 9.0), (0.9, 5.0)]:
        closed = SEARCHES[name](u, d, 50.0, True, 1.0, special, 1.0)
        searched = SEARCHES[name](u, d, 50.0, True, 1.0, special * (1 + 1e-14), 1.0)
        assert closed == pytest.approx(searched, rel=1e-12)  # a change of 1e-14 in tau, some roundings


@pytest.mark.parametrize("name", SEARCHES)
def test_a_threshold_of_zero(name):
    search = SEARCHES[name]
    # u e^{-s/2} + d (e^{-s/2} - e^{-s}) = 0 at e^{-s/2} = (u + d) / d
    assert search(-1.0, 2.0, 9.0, True, 0.0, 2.0, 1.0) == pytest.approx(2 * math.log(2), rel=1e-15)
    assert search(-1.0, 2.0, 1.0, True, 0.0, 2.0, 1.0) == math.inf
    assert (
        search(-1.0, 0.5, 1e9, True, 0.0, 2.0, 1.0) == math.inf
    )  # tends to 0 from below, underflows, never arrives
    assert search(-1.0, 0.5, 1e9, True, 0.0, 1.0, 1.0) == 2.0  # equal time constants: the current wins


@pytest.mark.parametrize("name", SEARCHES)
def test_a_negative_threshold_is_crossed_on_the_way_back_to_rest(name):
    search = SEARCHES[name]
    assert search(-1.0, 0.0, 9.0, True, -0.5, 1.0, 3.0) == pytest.approx(math.log(2), rel=1e-15)
    # falls first to its minimum, then rises: armed or not, it has been below
    for armed in (True, False):
        u = -0.6 if armed else -0.4
        s = search(u, -6.0, 50.0, armed, -0.5, 2.0, 1.0)
        when, _ = peak(u, -6.0, 2.0, 1.0)
        y = math.exp(-s / 2)
        assert s > when and (u - 6.0) * y + 6.0 * y * y == pytest.approx(-0.5, rel=1e-13)
    assert search(-0.4, -0.45, 50.0, False, -0.5, 2.0, 1.0) == math.inf  # its minimum stays above


@pytest.mark.parametrize("name", SEARCHES)
def test_a_neuron_that_has_not_been_below_does_not_fire(name):
    search = SEARCHES[name]
    assert search(1.0, 9.0, 50.0, False, 1.0, 2.0, 1.0) == math.inf
    assert search(2.0, 0.0, 50.0, False, 1.0, 2.0, 1.0) == math.inf
    assert search(1.0, 9.0, 50.0, True, 1.0, 2.0, 1.0) == 0.0


@given(
    st.floats(-5, 0.999),
    st.floats(-50, 50),
    st.floats(1e-3, 1e3),
    st.floats(1e-6, 1e6),
)
def test_backends_find_the_same(u, d, duration, ratio):
    a, b = (search(u, d, duration, True, 1.0, ratio, 1.0) for search in SEARCHES.values())
    if math.inf in (a, b) and a != b:  # only where the maximum, or the end, is the threshold up to rounding
        mem, _, c = factors(min(a, b), ratio, 1.0)
        assert abs(u * mem + d * c - 1.0) < 1e-14 * (1 + abs(u) + abs(d))
    elif a < math.inf:
        mem, syn, c = factors(a, ratio, 1.0)
        # both lie where u differs from the threshold by its rounding
        noise = 1e-15 * (1 + abs(u) + abs(d) * c)
        slope = (d * syn - 1.0) / ratio
        assert abs(b - a) <= 1e-14 * a or abs(b - a) * abs(slope) <= 8 * noise or slope * ratio < 1e-6


def test_public_form():
    neuron = CubaLIF(0.020, 0.010, r=2.0)
    assert first_crossing(neuron, 0.0, 1.0, 1.0) is None
    assert first_crossing(neuron, 0.0, 2.0, 1.0) == pytest.approx(0.020 * math.log(2), rel=1e-15)
    with pytest.raises(ValueError, match="duration must be at least 0"):
        first_crossing(neuron, 0.0, 2.0, -1.0)
    with pytest.raises(ValueError, match="voltage must be finite"):
        first_crossing(neuron, math.nan, 2.0, 1.0)
