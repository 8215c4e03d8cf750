"""Times on a grid: rules, sums, and the laws of displacement, by hand and with exact fractions."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snntheory.spiking.rounding import (
    ROUNDING,
    displacement,
    grid_index,
    grid_inputs,
    lattice_displacement,
    phases,
)


def test_rules_by_hand():
    times = [0.0, 0.2, 0.5, 0.9, 1.0, 1.1]
    assert grid_index(times, 1.0, "ceil").tolist() == [0, 1, 1, 1, 1, 2]
    assert grid_index(times, 1.0, "nearest").tolist() == [0, 0, 1, 1, 1, 1]
    assert grid_index(times, 1.0, "next").tolist() == [1, 1, 1, 1, 2, 2]


@given(n=st.integers(0, 10**7), dt=st.floats(1e-6, 1.0))
def test_products_n_dt_lie_on_the_grid(n, dt):
    assert grid_index(n * dt, dt, "ceil") == n == grid_index(n * dt, dt, "nearest")
    assert grid_index(n * dt, dt, "next") == n + 1


def test_naive_rounding_would_fail_here():
    # the case the tolerance is for: 0.0009/0.0003 is above 3 in floating point
    times = np.arange(1000) * 0.0003
    assert np.any(np.ceil(times / 0.0003) != np.arange(1000))
    np.testing.assert_array_equal(grid_index(times, 0.0003), np.arange(1000))


@given(t=st.floats(0, 10), dt=st.floats(1e-4, 1.0))
def test_displacement_lies_within_its_bounds(t, dt):
    tolerance = 2e-9 * dt + 4e-15  # of the grid, and of rounding 10 s
    assert -tolerance <= displacement(t, dt, "ceil") < dt + tolerance
    assert -tolerance < displacement(t, dt, "next") <= dt + tolerance
    assert abs(displacement(t, dt, "nearest")) <= dt / 2 + tolerance


@pytest.mark.parametrize(
    ("rounding", "mean", "rms"),
    [("ceil", 1 / 2, 3**-0.5), ("next", 1 / 2, 3**-0.5), ("nearest", 0, 12**-0.5)],
)
def test_laws_for_uniform_phases(rounding, mean, rms):
    # equidistant phases instead of random ones: midpoint sums, exact to 1/n and better
    moved = displacement((np.arange(20_000) + 0.5) / 20_000 + 3, 1.0, rounding)
    assert moved.mean() == pytest.approx(mean, abs=1e-9)
    assert np.sqrt((moved**2).mean()) == pytest.approx(rms, abs=1e-8)


@pytest.mark.parametrize("rounding", ROUNDING)
@pytest.mark.parametrize(("p", "q"), [(1, 1), (1, 3), (2, 1), (3, 2), (4, 1), (5, 3), (51, 20), (102, 5)])
def test_lattice_law_is_the_average_over_one_period(rounding, p, q):
    lattice = 0.1 / 255
    dt = lattice * p / q
    # by definition, with exact fractions: k lattice / dt = k q / p, over one period of p lattice points
    moved = []
    for k in range(p):
        x = Fraction(k * q, p)
        floor = x.numerator // x.denominator
        n = {
            "ceil": floor if x == floor else floor + 1,
            "next": floor + 1,
            "nearest": (2 * x + 1) // 2,
        }[rounding]
        moved.append(n - x)
    mean = sum(moved) / p
    rms = float(sum(m * m for m in moved) / p) ** 0.5
    assert phases(lattice, dt) == p
    got = lattice_displacement(lattice, dt, rounding)
    np.testing.assert_allclose(got, [float(mean) * dt, rms * dt], rtol=1e-12, atol=1e-18)
    # the closed forms of the docstring
    if rounding != "nearest":
        sign = -1 if rounding == "ceil" else 1
        assert float(mean) == pytest.approx((p + sign) / (2 * p), rel=1e-12)
    # and the function on the times themselves
    times = lattice * np.arange(7 * p)
    np.testing.assert_allclose(displacement(times, dt, rounding).mean(), got[0], rtol=1e-6, atol=1e-8 * dt)


def test_resonance_at_the_lattice_itself():
    lattice = 0.1 / 255
    assert lattice_displacement(lattice, lattice, "ceil") == (0.0, 0.0)
    np.testing.assert_allclose(lattice_displacement(lattice, lattice, "next"), lattice)


def test_irrational_ratio_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match="practically uniform"):
        lattice_displacement(1.0, np.sqrt(2))


def test_inputs_are_summed_by_step_and_late_ones_left_out():
    sums = grid_inputs([0.0, 0.3, 1.0, 1.2, 2.9], [1.0, 2.0, 4.0, 8.0, 16.0], 1.0, 2)
    assert sums.tolist() == [1.0, 6.0, 8.0]
    delayed = grid_inputs([0.0, 0.3, 1.0, 1.2, 2.9], [1.0, 2.0, 4.0, 8.0, 16.0], 1.0, 4, delay=1)
    assert delayed.tolist() == [0.0, 1.0, 6.0, 8.0, 16.0]
    assert grid_inputs([], 1.0, 1.0, 3).tolist() == [0.0] * 4


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="rounding must be one of .*did you mean 'nearest'"):
        grid_index([0.1], 1.0, "nearst")
    with pytest.raises(ValueError, match="dt must be above 0"):
        grid_index([0.1], 0.0)
    with pytest.raises(ValueError, match="one entry per spike"):
        grid_inputs([0.1, 0.2], [1.0], 1.0, 3)
