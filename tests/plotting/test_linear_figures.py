"""Figures of the linear neuron: what is drawn is what the theory says, and bad input is named."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from snntheory import CubaLIF, discretize, linear, plotting
from snntheory.plotting.discretisation import SCHEME_COLOURS

NEURON = CubaLIF(0.020, 0.010)
SCHEMES = [(name, None) for name in linear.schemes.names()[:-1]] + [("parker_sochacki", 2)]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def line(ax, gid):
    (found,) = (item for item in ax.lines if item.get_gid() == gid)
    return found


def dots(ax):
    points = [np.ravel(item.get_data()) for item in ax.lines if np.size(item.get_xdata()) == 1]
    return sorted(points, key=lambda point: point[0])


def texts(ax):
    return " ".join(item.get_text() for item in ax.texts)


def test_kernel_figure_marks_the_peak():
    fig, ax = plotting.kernel_figure({"a": NEURON, "b": CubaLIF(0.02, 0.02)})
    # by hand: tau ln 2 and R / (4 tau_syn); tau and R / (tau e)
    np.testing.assert_allclose(dots(ax), [[20 * np.log(2), 25], [20, 50 / np.e]], rtol=1e-12)
    assert ax.get_xlabel().endswith("(ms)") and "a" in texts(ax)


def test_step_figure_rises_to_one_and_marks_the_half():
    fig, ax = plotting.step_figure({"a": NEURON, "b": CubaLIF(0.02, 0.02)}, t_max=0.2, rate=500.0)
    train = line(ax, "train").get_ydata()
    t, u = next(
        item for item in ax.lines if item.get_gid() is None and np.size(item.get_xdata()) > 1
    ).get_data()
    # by hand for tau_mem = 2 tau_syn: (1 - y)^2 with y = exp(-t / tau_mem), half at y = 1 - sqrt(1/2)
    np.testing.assert_allclose(u, (1 - np.exp(-t / 20)) ** 2, atol=1e-12)
    np.testing.assert_allclose(
        dots(ax)[0], [-20 * np.log(1 - np.sqrt(0.5)), 0.5], rtol=1e-4
    )  # drawn every 0.13 ms
    np.testing.assert_allclose(train, u, atol=0.06)  # a spike of weight 1/500 jumps by 25/500 at most
    assert "a" in texts(ax) and len(dots(ax)) == 2
    assert len(dots(plotting.step_figure(NEURON, t_max=0.01)[1])) == 0


def test_voltage_figure_draws_the_sum():
    fig, ax = plotting.voltage_figure(NEURON, [0.01, 0.03], [0.02, -0.01], 0.1, v0=0.2)
    t, u = line(ax, "voltage").get_data()
    expected = 0.2 * np.exp(-t / 20)
    for spike, weight in ((10, 0.02), (30, -0.01)):
        after = np.maximum(t - spike, 0)
        expected += weight * 100 * (np.exp(-after / 20) - np.exp(-after / 10))
    np.testing.assert_allclose(u, expected, atol=1e-14)  # rounding of numbers of order one
    assert "initial state" in texts(ax)
    assert "initial state" not in texts(plotting.voltage_figure(NEURON, [0.01], 0.02, 0.1)[1])


def test_bode_figure_has_the_corners_and_the_quarter_turn():
    fig, (gain, phase) = plotting.bode_figure(CubaLIF(0.020, 0.005, r=2.0))
    natural = 1 / (2 * np.pi * 0.010)
    np.testing.assert_allclose(phase.lines[-1].get_data(), [[natural], [-90]])
    np.testing.assert_allclose(gain.lines[-1].get_data(), [[natural], [2.0 * 0.010 / 0.025]])
    assert "7.96 Hz" in texts(gain) and "31.8 Hz" in texts(gain)


def test_cancellation_figure_draws_every_error():
    gap = np.logspace(-1, -6, 12)
    fig, ax = plotting.cancellation_figure(gap, {"a": 1e-16 / gap, "b": np.zeros(12)})
    drawn = [item.get_ydata() for item in ax.lines if np.size(item.get_ydata()) == 12]
    np.testing.assert_allclose(drawn[0], 1e-16 / gap)
    assert np.all(drawn[1] > 0)  # zeros are shown on the logarithmic axis, at its lower edge
    assert "a" in texts(ax) and "b" in texts(ax)


def test_psp_fit_figure_uses_milliseconds():
    fig, ax = plotting.psp_fit_figure([0.0, 0.001], [1.0, 2.0], [1.5, 1.5])
    assert ax.lines[0].get_xdata().tolist() == [0.0, 1.0]


def test_hidden_time_constants_lie_on_their_curves():
    model = discretize(NEURON, 0.004, "forward_euler")
    fig, ax = plotting.hidden_time_constant_figure([model])
    expected = sorted([(0.2, -0.2 / np.log(0.8)), (0.4, -0.4 / np.log(0.6))])
    np.testing.assert_allclose(dots(ax), expected, rtol=1e-12)
    solid, dotted = (item for item in ax.lines if np.size(item.get_xdata()) > 100)
    x = solid.get_xdata()
    assert np.all(np.isnan(solid.get_ydata()[x > 1])) and np.all(np.isnan(dotted.get_ydata()[x < 1]))


@pytest.mark.filterwarnings(
    "ignore::snntheory.linear.discrete.UnstableStep"
)  # 24 ms: poles outside, on purpose
def test_pole_figure_has_every_pole_once():
    models = [discretize(NEURON, dt, *scheme) for scheme in SCHEMES for dt in (0.001, 0.024)]
    fig, ax = plotting.pole_figure(models)
    drawn = [x for x, _ in dots(ax)]
    np.testing.assert_allclose(drawn, np.sort(np.concatenate([model.poles for model in models])))
    left, right = ax.get_xlim()
    assert left < min(drawn) and right > max(drawn)
    assert len(ax.get_yticklabels()) == len(SCHEMES)


def test_decay_figure_is_the_power_of_the_pole():
    fig, axes = plotting.decay_figure([discretize(NEURON, 0.015, "forward_euler")], 0.06)
    np.testing.assert_allclose(axes[0].lines[-1].get_ydata(), (-0.5) ** np.arange(5))


def test_response_figure_of_one_scheme_is_coloured_by_time_step():
    models = [discretize(NEURON, dt, "backward_euler") for dt in (0.001, 0.008)]
    fig, (gain, phase) = plotting.response_figure(models)
    for dt, item in zip((0.001, 0.008), gain.lines[1:], strict=True):
        assert item.get_color() == plotting.colour_for_dt(dt)
        f, drawn = item.get_data()
        assert f.max() < 0.5 / dt
        lag = np.exp(-2j * np.pi * f * dt)
        expected = dt**2 / (0.020 + dt) / (0.010 + dt)
        expected /= np.abs((1 - lag * 0.020 / (0.020 + dt)) * (1 - lag * 0.010 / (0.010 + dt)))
        np.testing.assert_allclose(drawn, expected, rtol=1e-9)  # 1 - lag * pole loses digits at low f
    assert "8 ms" in texts(gain) and not phase.texts


def test_response_figure_of_several_schemes_is_coloured_by_scheme():
    fig, (gain, phase) = plotting.response_figure([discretize(NEURON, 0.004, *s) for s in SCHEMES])
    colours = [item.get_color() for item in gain.lines[1:]]
    assert colours == [SCHEME_COLOURS[name] for name, _ in SCHEMES] and len(set(colours)) == len(SCHEMES)
    assert "bilinear" in texts(gain) and "bilinear" in texts(phase)


def test_response_figure_wants_one_neuron():
    with pytest.raises(ValueError, match="one neuron"):
        plotting.response_figure(
            [discretize(NEURON, 0.001, "zoh"), discretize(CubaLIF(0.02, 0.02), 0.001, "zoh")]
        )


def test_order_figure_draws_each_scheme_in_each_panel():
    dt = np.array([0.001, 0.002, 0.004])
    errors = np.outer(np.arange(1, len(SCHEMES) + 1), dt)
    fig, axes = plotting.order_figure(dt, SCHEMES, {"left": errors, "right": 2 * errors})
    for ax, factor in zip(axes, (1, 2), strict=True):
        for row, item in enumerate(ax.lines[: len(SCHEMES)]):
            np.testing.assert_allclose(item.get_data(), [dt * 1e3, factor * errors[row]])
    assert "slope 2" in texts(axes[0])
    assert [text.get_text() for text in axes[1].get_legend().get_texts()][-1] == "Parker-Sochacki order 2"


def test_order_figure_names_a_wrong_shape():
    with pytest.raises(ValueError, match=rf"one row per scheme.*\({len(SCHEMES)}, 2\), got \(2, 2\)"):
        plotting.order_figure([0.001, 0.002], SCHEMES, {"a": np.ones((2, 2))})
    with pytest.raises(ValueError, match="errors is empty"):
        plotting.order_figure([0.001, 0.002], SCHEMES, {})


@pytest.mark.parametrize("figure", ["hidden_time_constant_figure", "pole_figure", "response_figure"])
def test_models_are_checked(figure):
    with pytest.raises(ValueError, match="models is empty"):
        getattr(plotting, figure)([])
    with pytest.raises(TypeError, match="what discretize returns, got CubaLIF"):
        getattr(plotting, figure)([NEURON])


def test_other_bad_input():
    with pytest.raises(ValueError, match="neurons is empty"):
        plotting.kernel_figure({})
    with pytest.raises(ValueError, match="t_max must be above 0"):
        plotting.kernel_figure(NEURON, t_max=0.0)
    with pytest.raises(ValueError, match="t_max must be above 0"):
        plotting.decay_figure([discretize(NEURON, 0.001, "zoh")], -1.0)
    with pytest.raises(ValueError, match="spike_times must be at least 0"):
        plotting.voltage_figure(NEURON, [-0.1], [1.0], 0.1)


def test_every_scheme_has_its_own_colour():
    assert set(SCHEME_COLOURS) == set(linear.schemes.names())
    assert len(set(SCHEME_COLOURS.values())) == len(SCHEME_COLOURS)
