"""NEST itself against the declared update, in float64."""

import warnings

import numpy as np
import pytest

from snntheory import CubaLIF
from snntheory.linear import frameworks, kernel

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    nest = pytest.importorskip("nest", reason="needs nest-simulator (extra interop)", exc_type=ImportError)

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("ignore")]
NAME = "nest.iaf_psc_exp"
TYPED = {"C_m": 250.0, "tau_m": 20.0, "tau_syn_ex": 10.0}


def run(inputs, values=TYPED, dt_ms=1.0, **threshold):
    """Voltage after each step; the spikes of step n are sent at (n - 1) dt over a delay of one step."""
    nest.ResetKernel()
    nest.resolution = dt_ms
    rest = {"E_L": 0.0, "V_m": 0.0, "V_reset": 0.0, "V_th": 1e9, "t_ref": 0.0, "I_e": 0.0, **threshold}
    neuron = nest.Create("iaf_psc_exp", params={**values, "tau_syn_in": values["tau_syn_ex"], **rest})
    steps = np.flatnonzero(inputs)
    for sign in (1, -1):
        chosen = steps[np.sign(inputs[steps]) == sign]
        if sign == -1 and chosen.size:
            raise ValueError("iaf_psc_exp sends negative weights to another synapse: drive it with one sign")
        generator = nest.Create(
            "spike_generator",
            params={"spike_times": (chosen + 1) * dt_ms, "spike_weights": inputs[chosen]},
        )
        nest.Connect(generator, neuron, syn_spec={"weight": 1.0, "delay": dt_ms})
    meter = nest.Create("multimeter", params={"record_from": ["V_m", "I_syn_ex"], "interval": dt_ms})
    recorder = nest.Create("spike_recorder")
    nest.Connect(meter, neuron)
    nest.Connect(neuron, recorder)
    nest.Simulate((len(inputs) + 3) * dt_ms)
    spikes = np.zeros(len(inputs))
    # a spike of step n is at time (n + 2) dt: one step for the generator's first time, one for the delay
    at = np.rint(recorder.events["times"] / dt_ms).astype(int) - 2
    spikes[at[at < len(inputs)]] = 1
    return meter.events["V_m"][1 : len(inputs) + 1], spikes


def test_below_threshold(inputs, equals_declaration):
    inputs = np.abs(inputs)
    voltage, _ = run(inputs)
    equals_declaration(NAME, TYPED, 1e-3, inputs, voltage)


def test_equal_time_constants(inputs, equals_declaration):
    inputs, values = np.abs(inputs), {**TYPED, "tau_syn_ex": 20.0}
    voltage, _ = run(inputs, values)
    equals_declaration(NAME, values, 1e-3, inputs, voltage)


def test_reset(excitation, equals_declaration):
    voltage, spikes = run(1000 * excitation, V_th=15.0, V_reset=-2.0)
    limits = {"v_threshold": 15.0, "v_reset": -2.0}
    equals_declaration(NAME, TYPED, 1e-3, 1000 * excitation, voltage, spikes, **limits)


def test_our_settings_give_the_exact_potential():
    neuron, dt = CubaLIF(0.020, 0.010, r=1.5), 5e-4
    typed = frameworks.get(NAME).parameters_for(neuron, dt)
    voltage, _ = run(np.r_[typed.weight_gain, np.zeros(99)], typed.values, dt_ms=0.5)
    expected = kernel(neuron, np.arange(100) * dt)
    np.testing.assert_allclose(voltage, expected, rtol=0, atol=1e-13 * expected.max())
