"""Figures of images, warping and group delay: what is drawn is what the theory says."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from snntheory import CubaLIF, discretize, plotting

NEURON = CubaLIF(0.020, 0.010)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def line(ax, gid):
    (found,) = (item for item in ax.lines if item.get_gid() == gid)
    return found


def test_images_approach_the_grid_and_meet_at_nyquist():
    fig, ax = plotting.aliasing_figure(NEURON, 0.004, images=(1, 300))
    grid, one, many = (line(ax, gid).get_ydata() for gid in ("grid", "1 images", "300 images"))
    true, first = (line(ax, gid).get_ydata() for gid in ("continuous", "first image"))
    # what is missing beyond 300 images: 2 (dt / 2 pi)^2 / (tau_mem tau_syn 300) = 1.4e-5
    np.testing.assert_allclose(many, grid, atol=1.4e-5)
    assert np.abs(one - grid).max() > 1e-3
    np.testing.assert_allclose(first[-1], true[-1], rtol=1e-12)  # the two nearest are each other's mirror
    by_hand = 1 / np.hypot(1, np.pi / 0.2) / np.hypot(1, np.pi / 0.4)  # at pi/dt, dt/tau 0.2 and 0.4
    np.testing.assert_allclose(true[-1], by_hand, rtol=1e-12)


def test_warping_is_the_tangent_and_the_chord():
    models = [discretize(NEURON, 0.002, name) for name in ("bilinear", "forward_euler", "backward_euler")]
    fig, ax = plotting.warping_figure(models)
    diagonal, bilinear, *euler = ax.lines
    share = bilinear.get_xdata()
    half = np.pi * share / 2
    np.testing.assert_allclose(bilinear.get_ydata(), 2 / np.pi * np.tan(half), atol=1e-12, rtol=1e-9)
    for curve in euler:
        np.testing.assert_allclose(curve.get_ydata(), 2 / np.pi * np.sin(half), atol=1e-12)
    assert list(diagonal.get_ydata()) == [0, 1]
    with pytest.raises(ValueError, match="no frequency map"):
        plotting.warping_figure([discretize(NEURON, 0.002, "impulse_invariance")])


def test_group_delay_is_the_slope_of_the_phase_that_is_drawn():
    names = ("forward_euler", "semi_implicit", "backward_euler", "bilinear", "zoh", "impulse_invariance")
    fig, (phase, delay) = plotting.group_delay_figure([discretize(NEURON, 0.004, name) for name in names])
    assert len(phase.lines) == len(delay.lines) == 7
    for turn, late in zip(phase.lines, delay.lines, strict=True):
        f, degrees = turn.get_data()
        slope = -np.gradient(degrees, f) / 360 * 1e3
        # a central difference over a hundredth of the frequency; the hold turns fast beside its zero at the end
        np.testing.assert_allclose(late.get_ydata()[5:-60], slope[5:-60], atol=0.02)
    first = [item.get_ydata()[0] for item in delay.lines]
    # at 0 by hand: 30 ms, minus one and two steps, 0, 0, plus half a step, plus dt^2 (1/tau_m + 1/tau_s) / 12
    # the first frequency is a tenth of the slower corner, where 20 and 10 ms have lost 1 and 0.25 per cent and more
    np.testing.assert_allclose(first, [30, 26, 22, 30, 30, 32, 30.2], atol=0.35)
    moved = delay.lines[1].get_ydata() - delay.lines[2].get_ydata()
    np.testing.assert_allclose(moved, 4.0, atol=1e-9)  # semi-implicit: one step before forward Euler


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="dt must be above 0"):
        plotting.aliasing_figure(NEURON, 0.0)
    with pytest.raises(ValueError, match="models is empty"):
        plotting.warping_figure([])
    mixed = [discretize(NEURON, dt, "bilinear") for dt in (0.001, 0.002)]
    with pytest.raises(ValueError, match="one neuron and one dt"):
        plotting.group_delay_figure(mixed)
