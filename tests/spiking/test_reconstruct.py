"""Voltage and current from spikes: the sum of kernels, an ODE solver, the values on both sides of an event."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from snntheory import CubaLIF
from snntheory.linear import response
from snntheory.spiking import exact_spike_times, merge_inputs, reconstruct

TIMES, WEIGHTS = np.array([0.005, 0.012, 0.012, 0.040]), np.array([0.06, 0.05, -0.01, 0.07])


@pytest.mark.parametrize("tau_syn", [0.010, 0.020, 0.031])
def test_soft_reset_is_the_sum_of_kernels(tau_syn):
    neuron = CubaLIF(0.020, tau_syn, r=1.5)
    spikes = exact_spike_times(neuron, TIMES, WEIGHTS, 0.1, v0=0.2, i0=0.5)
    assert len(spikes) > 2
    t = np.linspace(0, 0.1, 301)
    u, i = reconstruct(neuron, t, TIMES, WEIGHTS, spikes, v0=0.2, i0=0.5)
    kernels = response(neuron, t, TIMES, WEIGHTS, v0=0.2, i0=0.5)
    for spike in spikes:
        kernels -= np.where(t >= spike, np.exp(-(t - spike) / neuron.tau_mem), 0.0)
    np.testing.assert_allclose(u, kernels, atol=1e-14)  # a dozen terms of size ten
    current = 0.5 * np.exp(-t / tau_syn)
    for time, weight in zip(TIMES, WEIGHTS, strict=True):
        current += np.where(t >= time, weight / tau_syn * np.exp(-(t - time) / tau_syn), 0.0)
    np.testing.assert_allclose(i, current, atol=1e-14)


def test_hard_reset_and_constant_current_solve_the_differential_equation():
    neuron = CubaLIF(0.020, 0.013, r=1.5, v_reset=-0.4, reset="to_value")
    given = dict(v0=0.1, i0=-0.2, constant_current=0.5)
    spikes = exact_spike_times(neuron, TIMES, WEIGHTS, 0.1, **given)
    assert len(spikes) > 1

    def slope(t, x):
        return [(-x[0] + neuron.r * (x[1] + 0.5)) / neuron.tau_mem, -x[1] / neuron.tau_syn]

    events = sorted([(t, w) for t, w in zip(TIMES, WEIGHTS, strict=True)] + [(t, None) for t in spikes])
    state, now = np.array([0.1, -0.2]), 0.0
    for time, weight in [*events, (0.1, 0.0)]:
        if time > now:
            state = solve_ivp(slope, (now, time), state, rtol=1e-11, atol=1e-13).y[:, -1]
        u, i = reconstruct(neuron, time, TIMES, WEIGHTS, spikes, side="before", **given)
        if weight is None or weight == WEIGHTS[0]:  # the others share their time with another input
            assert (float(u), float(i)) == pytest.approx(tuple(state), abs=1e-8)  # the solver's error
        now = time
        state = np.array([-0.4, state[1]]) if weight is None else state + [0.0, weight / neuron.tau_syn]
    assert len(events) > 5


@pytest.mark.parametrize("reset", ["subtract", "to_value", "none"])
def test_both_sides_of_an_event(reset):
    neuron = CubaLIF(0.020, 0.010, v_reset=-0.4, reset=reset)
    (spike,) = exact_spike_times(neuron, [0.0], [0.06], 0.1)
    before, after = (
        reconstruct(neuron, [0.0, spike], [0.0], [0.06], [spike], side=side) for side in ("before", "after")
    )
    landed = {"subtract": 0.0, "to_value": -0.4, "none": 1.0}[reset]
    np.testing.assert_allclose(before[0], [0.0, 1.0], atol=1e-14)
    np.testing.assert_allclose(after[0], [0.0, landed], atol=1e-14)
    assert before[1][0] == 0.0 and after[1][0] == 0.06 / 0.010
    assert before[1][1] == after[1][1]  # the current is never reset


def test_any_shape_and_order():
    neuron = CubaLIF(0.020, 0.010)
    u, i = reconstruct(neuron, [[0.03, 0.01], [0.0, 0.02]], [0.005], 0.03, [])
    flat, _ = reconstruct(neuron, [0.0, 0.01, 0.02, 0.03], [0.005], 0.03, [])
    assert u.shape == i.shape == (2, 2)
    assert u.ravel().tolist() == flat[[3, 1, 0, 2]].tolist()


def test_merging():
    times, weights = merge_inputs([[0.1, 0.3], [], [0.2, 0.3]], [1.0, 2.0, 3.0])
    assert times.tolist() == [0.1, 0.2, 0.3, 0.3] and weights.tolist() == [1.0, 3.0, 1.0, 3.0]
    with pytest.raises(ValueError, match="weights has 2 entries for 1 senders"):
        merge_inputs([[0.1]], [1.0, 2.0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(t=[-1.0]), "t must be at least 0"),
        (dict(weights=[1.0, 2.0]), "one entry per spike"),
        (dict(output_times=[0.2, 0.1]), "output_times must be sorted"),
        (dict(side="left"), "side must be one of 'before', 'after'"),
    ],
)
def test_bad_input(change, message):
    arguments = dict(t=[0.1], spike_times=[0.1], weights=[1.0], output_times=[]) | change
    with pytest.raises(ValueError, match=message):
        reconstruct(CubaLIF(0.02, 0.01), **arguments)
