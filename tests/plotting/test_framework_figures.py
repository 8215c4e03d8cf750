"""Figures of frameworks: what is drawn is what the declarations say."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from snntheory import CubaLIF
from snntheory.linear import frameworks, kernel, peak_time
from snntheory.plotting import framework_psp_figure, framework_step_figure

NEURON = CubaLIF(0.020, 0.010)
CHOSEN = [
    frameworks.get(name) for name in ("snntorch.Synaptic", "norse.LIFCell", "tssl_bp", "nest.iaf_psc_exp")
]


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_equal_responses_share_a_mark_and_the_exact_one_has_no_error():
    _, axes = framework_psp_figure(CHOSEN, NEURON, 0.004)
    curve, *marks = axes[0].lines
    assert len(marks) == 3
    labels = [mark.get_label().replace("\xa0", " ") for mark in marks]
    assert labels == ["snnTorch Synaptic", "Norse LIFCell, TSSL-BP", "NEST iaf_psc_exp"]
    assert max(curve.get_ydata()) == pytest.approx(1, abs=1e-4)
    error = axes[1].lines[-1].get_ydata()
    assert np.abs(error).max() < 1e-13
    early = marks[0].get_ydata()[0]  # in the step of the spike: scaled to the area, so nearly the next sample
    assert early == pytest.approx(kernel(NEURON, 0.004) / kernel(NEURON, peak_time(NEURON)), rel=0.01)


def test_curves_against_the_step():
    _, axes = framework_step_figure(CHOSEN[:3], NEURON, dt=[0.001, 0.002, 0.004])
    area, tau = axes[0].lines, axes[1].lines
    a_mem, a_syn = np.exp(-0.05), np.exp(-0.1)
    assert area[0].get_ydata()[0] == pytest.approx(0.001 / ((1 - a_mem) * (1 - a_syn)), rel=1e-12)
    np.testing.assert_allclose(area[1].get_ydata(), 0.010, rtol=1e-12)
    assert len(tau) == 2  # Norse and TSSL-BP share theirs
    np.testing.assert_allclose(tau[1].get_ydata()[2], -0.2 / np.log(0.8), rtol=1e-12)


def test_curve_ends_where_a_framework_refuses_the_step():
    _, axes = framework_step_figure([frameworks.get("tssl_bp")], NEURON, dt=[0.005, 0.012])
    assert np.isnan(axes[0].lines[0].get_ydata()).tolist() == [False, True]


def test_framework_that_cannot_be_the_neuron_is_named_and_left_out():
    """A bit shift has no time constant of about one step: the nearest shift is by no bits."""
    neuron, shifts = CubaLIF(0.0045, 0.0095), frameworks.get("rockpool.LIFTorch(bitshifts)")
    with pytest.raises(ValueError, match="dash_mem"):
        shifts.parameters_for(neuron, 0.004, "usual")
    _, axes = framework_psp_figure([*CHOSEN, shifts], neuron, 0.004)
    without = framework_psp_figure(CHOSEN, neuron, 0.004)[1]
    assert len(axes[0].lines) == len(without[0].lines)
    assert axes[0].get_title("left").startswith(f"Left out: {shifts.title} (cannot")
    assert without[0].get_title("left") == ""
    with pytest.raises(ValueError, match="smaller dt"):
        framework_psp_figure([shifts], neuron, 0.004)
    _, axes = framework_step_figure([CHOSEN[0], shifts], neuron, dt=[0.004, 0.0042])
    assert len(axes[0].lines) == len(axes[1].lines) == 1
    assert shifts.title in axes[0].get_title("left")
