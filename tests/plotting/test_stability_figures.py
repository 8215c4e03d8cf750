"""Figures of stability and error: what is drawn is what the theory says, and bad input is named."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from snntheory import plotting
from snntheory.plotting.discretisation import SCHEME_COLOURS


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def boundary(ax, k=0):
    """Vertices of the k-th contour of |R| = 1, as complex numbers."""
    contours = [item for item in ax.collections if not item.get_fill() and len(item.get_paths())]
    points = np.concatenate([path.vertices for path in contours[k].get_paths()])
    return points[:, 0] + 1j * points[:, 1]


def drawn_dots(ax):
    return sorted(float(item.get_xdata()[0]) for item in ax.lines if np.size(item.get_xdata()) == 1)


def test_regions_of_the_euler_schemes_are_circles():
    panels = {"a": [("forward_euler", None)], "b": [("backward_euler", None)], "c": [("bilinear", None)]}
    fig, axes = plotting.stability_region_figure(panels)
    spacing = 10 / 400  # of the grid on which the contour is interpolated
    np.testing.assert_allclose(np.abs(boundary(axes[0]) + 1), 1, atol=spacing**2)
    np.testing.assert_allclose(np.abs(boundary(axes[1]) - 1), 1, atol=spacing**2)
    np.testing.assert_allclose(boundary(axes[2]).real, 0, atol=1e-12)
    assert [drawn_dots(ax) for ax in axes] == [[-2, -1], [], [-2]]


def test_regions_of_several_orders_share_a_panel():
    fig, axes = plotting.stability_region_figure({"all": [("parker_sochacki", p) for p in (1, 3, 4)]})
    np.testing.assert_allclose(drawn_dots(axes[0]), [-2.785294, -2.512745, -2], atol=1e-6)
    assert [text.get_text() for text in axes[0].texts] == ["1", "3", "4", "all"]
    z = boundary(axes[0], 1)
    np.testing.assert_allclose(np.abs(1 + z + z**2 / 2 + z**3 / 6), 1, atol=5e-3)


def test_limits_against_the_order():
    fig, ax = plotting.stability_limit_figure([1, 2, 3])
    stable, monotone = (item for item in ax.lines if np.size(item.get_xdata()) == 3)
    np.testing.assert_allclose(stable.get_ydata(), [2, 2, 2.5127453266], rtol=1e-9)
    np.testing.assert_allclose(monotone.get_ydata(), [1, 2, 1.5960716380], rtol=1e-9)
    (line,) = (item for item in ax.lines if item.get_linestyle() == "--")
    assert np.diff(line.get_ydata())[0] / np.diff(line.get_xdata())[0] == pytest.approx(1 / np.e)


def test_convergence_figure_draws_errors_and_predictions():
    dt = np.array([0.001, 0.002])
    schemes = [("forward_euler", None), ("impulse_invariance", None)]
    fig, ax = plotting.convergence_figure(dt, schemes, [[-1e-3, 2e-3], [0, 0]], [[1e-3, 2e-3], [0, 0]])
    line, dots, exact = ax.lines
    np.testing.assert_allclose(line.get_data(), [[1, 2], [1e-3, 2e-3]])
    np.testing.assert_allclose(dots.get_ydata(), [1e-3, 2e-3])
    assert np.all(exact.get_ydata() > 0)  # zeros are shown at the lower edge
    assert dots.get_color() == SCHEME_COLOURS["forward_euler"]


def test_error_bound_figure_draws_every_curve_and_leaves_out_infinity():
    t = np.array([0.001, 0.002, 0.003])
    curves = {"measured": [0.0, -1e-3, 2e-3], "bound": [1e-3, 1e-2, np.inf]}
    fig, axes = plotting.error_bound_figure(t, {"left": curves, "right": curves})
    for ax in axes:
        measured, bound = ax.lines
        np.testing.assert_allclose(measured.get_data(), [[1, 2, 3], [np.nan, 1e-3, 2e-3]])
        np.testing.assert_allclose(bound.get_ydata(), [1e-3, 1e-2, np.nan])
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["measured", "bound"]


def test_rounding_figure_draws_the_theory_where_there_is_one():
    dt = np.array([0.001, 0.0005])
    panels = {"soon": {"product": [1e-13, -2e-13]}, "late": {"product": [0.0, 1e-12]}}
    fig, (soon, late) = plotting.rounding_figure(dt, panels, {"late": [1e-12, 2e-12]})
    np.testing.assert_allclose(soon.lines[0].get_data(), [[1, 0.5], [1e-13, 2e-13]])
    np.testing.assert_allclose(late.lines[0].get_ydata(), [1e-12, 2e-12])
    np.testing.assert_allclose(late.lines[1].get_ydata(), [1e-16, 1e-12])
    fig, (ax,) = plotting.rounding_figure(dt, {"": {"product": [1e-13]}})
    np.testing.assert_allclose(ax.lines[0].get_data(), [[1], [1e-13]])


def test_bad_input_is_named():
    for figure in (plotting.stability_region_figure, lambda p: plotting.error_bound_figure([0.1], p)):
        with pytest.raises(ValueError, match="panels is empty"):
            figure({})
    with pytest.raises(ValueError, match=r"panels\['a'\] is empty"):
        plotting.stability_region_figure({"a": []})
    with pytest.raises(ValueError, match=r"one row per scheme.*\(1, 2\), got \(1, 1\)"):
        plotting.convergence_figure([0.1, 0.2], [("bilinear", None)], [[1.0]])
    with pytest.raises(ValueError, match=r"panels\['a'\]\['b'\] must have the shape of time"):
        plotting.error_bound_figure([0.1, 0.2], {"a": {"b": [1.0]}})
    with pytest.raises(ValueError, match="panels is empty"):
        plotting.rounding_figure([0.1], {})
    with pytest.raises(
        ValueError, match=r"panels\[''\]\['a'\] must have at most one value per time step, 1, got 2"
    ):
        plotting.rounding_figure([0.1], {"": {"a": [1.0, 2.0]}})
    with pytest.raises(ValueError, match="orders must be at least 1"):
        plotting.stability_limit_figure([0, 1])
