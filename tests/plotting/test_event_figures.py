"""Figures of exact spikes: what is drawn is what was computed, and bad input is named."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from snntheory import CubaLIF, plotting
from snntheory.spiking import causality_graph, exact_spike_times

NEURON = CubaLIF(0.020, 0.010)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def lines(ax, gid):
    return [item for item in ax.lines if item.get_gid() == gid]


def test_train_figure_marks_spikes_and_turns():
    times, weights = [0.005, 0.030], [0.06, 0.03]
    fig, ax = plotting.spike_train_figure(NEURON, times, weights, 0.1)
    (spikes,) = lines(ax, "spikes")
    np.testing.assert_allclose(spikes.get_xdata(), 1e3 * exact_spike_times(NEURON, times, weights, 0.1))
    (voltage,) = lines(ax, "voltage")
    assert np.max(voltage.get_ydata()) == pytest.approx(1.0, abs=1e-12)
    (drive,) = lines(ax, "drive")
    assert np.nanmax(drive.get_ydata()) == pytest.approx(6.0) and np.isnan(drive.get_ydata()).any()
    turns = lines(ax, "extremum")
    assert turns
    for turn in turns:  # they lie on both curves
        x, y = (float(np.ravel(value)[0]) for value in turn.get_data())
        for curve in (voltage, drive):
            near = np.nanargmin(np.abs(curve.get_xdata() - x))
            assert curve.get_ydata()[near] == pytest.approx(y, abs=0.1)


def test_train_figure_of_silence():
    fig, ax = plotting.spike_train_figure(NEURON, [], [], 0.1, ceiling=2.0)
    assert len(lines(ax, "spikes")[0].get_xdata()) == 0 and ax.get_ylim()[1] == 2.0


def test_latency_figure_begins_at_the_peak():
    fig, ax = plotting.latency_figure({"a": NEURON, "b": CubaLIF(0.02, 0.02)}, largest=2.0)
    assert lines(ax, "a")[0].get_ydata()[0] == pytest.approx(20 * np.log(2), rel=1e-4)
    assert lines(ax, "b")[0].get_ydata()[0] == pytest.approx(20.0, rel=1e-4)
    assert np.all(np.diff(lines(ax, "a")[0].get_ydata()) < 0)
    with pytest.raises(ValueError, match="neurons is empty"):
        plotting.latency_figure({})
    with pytest.raises(ValueError, match="largest must be above 1"):
        plotting.latency_figure({"a": NEURON}, largest=1.0)


def test_window_figure_marks_where_a_method_ends():
    start = np.array([0.1, 1.0, 10.0])
    fig, ax = plotting.window_error_figure(start, {"all": [0.0, 1e-16, 1e-15], "some": [1e-9, 1e-8, np.inf]})
    assert lines(ax, "all")[0].get_ydata()[0] > 0  # zero is drawn at the lower end of a logarithmic axis
    crosses = [item for item in ax.lines if item.get_marker() == "x"]
    assert len(crosses) == 1 and float(np.ravel(crosses[0].get_xdata())[0]) == 1.0
    with pytest.raises(ValueError, match=r"errors\['all'\] has shape \(2,\), start \(3,\)"):
        plotting.window_error_figure(start, {"all": [1.0, 2.0]})


def test_causality_figure_draws_the_edges():
    graph = causality_graph(NEURON, [[[0.01, 0.02]], [[0.015, 0.03]]], [np.ones((1, 1))])
    fig, ax = plotting.causality_figure(graph)
    arrows = [each for each in ax.texts if getattr(each, "arrow_patch", None) is not None]
    assert len(arrows) == len(graph.edges) == 4
    fig, ax = plotting.causality_figure(graph, node=3)
    (effect,) = lines(ax, "effect")
    assert float(np.ravel(effect.get_xdata())[0]) == 30.0
    assert [label.get_text() for label in ax.get_yticklabels()] == ["input 1", "layer 1, neuron 1"]
    with pytest.raises(ValueError, match="node must be below the number of spikes, 4"):
        plotting.causality_figure(graph, node=4)
