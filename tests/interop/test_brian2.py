"""Brian2 itself against the declared updates, in float64."""

import warnings

import numpy as np
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    try:
        import brian2
    except (ImportError, AttributeError) as error:  # Brian2 2.9.0 does not import beside numpy 2.4
        pytest.skip(f"needs Brian2 and a numpy that it imports beside: {error}", allow_module_level=True)

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("ignore")]
VALUES = {"tau_mem": 0.02, "tau_syn": 0.01, "R": 1.5}
METHODS = ["exact", "exponential_euler", "euler", "rk2", "rk4"]
NEVER = {"threshold": "u > 1e9", "reset": ""}
EQUATIONS = """
du/dt = (R * current - u) / tau_mem : 1
dcurrent/dt = -current / tau_syn : 1
"""


def run(method, inputs, values=VALUES, **threshold):
    brian2.start_scope()
    brian2.prefs.codegen.target = "numpy"
    brian2.defaultclock.dt = 1 * brian2.ms
    second = brian2.second
    space = {"tau_mem": values["tau_mem"] * second, "tau_syn": values["tau_syn"] * second, "R": values["R"]}
    group = brian2.NeuronGroup(1, EQUATIONS, method=method, namespace=space, **(threshold or NEVER))
    steps = np.flatnonzero(inputs)
    source = brian2.SpikeGeneratorGroup(1, np.zeros(steps.size, int), steps * brian2.ms)
    weights = brian2.TimedArray(inputs, dt=1 * brian2.ms)
    synapses = brian2.Synapses(
        source, group, on_pre="current_post += weights(t)", namespace={"weights": weights}
    )
    synapses.connect()
    monitor = brian2.StateMonitor(group, "u", record=True)
    spikes = brian2.SpikeMonitor(group)
    network = brian2.Network(group, source, synapses, monitor, spikes)
    network.run((len(inputs) + 1) * brian2.ms)
    fired = np.zeros(len(inputs) + 1)
    fired[np.rint(np.asarray(spikes.t / brian2.ms)).astype(int)] = 1
    # the state after step n is what the monitor reads at the start of the next
    return np.asarray(monitor.u[0])[1:], fired[:-1]


@pytest.mark.parametrize("method", METHODS)
def test_below_threshold(method, inputs, equals_declaration):
    voltage, _ = run(method, inputs)
    equals_declaration(f"brian2.{method}", VALUES, 1e-3, inputs, voltage)


@pytest.mark.parametrize("method", ["heun", "milstein"])
def test_methods_for_noise_are_forward_euler_without_it(method, inputs, equals_declaration):
    voltage, _ = run(method, inputs)
    equals_declaration("brian2.euler", VALUES, 1e-3, inputs, voltage)


@pytest.mark.parametrize(("statement", "reset"), [("u = 0", "to_value"), ("u -= 0.3", "subtract")])
def test_resets_in_the_step_of_the_spike(statement, reset, excitation, equals_declaration):
    voltage, spikes = run("exact", excitation, threshold="u > 0.3", reset=statement)
    equals_declaration(
        "brian2.exact", VALUES, 1e-3, excitation, voltage, spikes, v_threshold=0.3, reset=reset
    )
