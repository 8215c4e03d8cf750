"""Resets added back give the voltage of a neuron that has none."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from snntheory import CubaLIF, make_traces
from snntheory.linear.schemes import names
from snntheory.spectral import theory_psd, without_resets
from snntheory.spectral.resets import expected_without_resets, neuron_of
from snntheory.spiking import simulate_inputs

NEURONS = [
    CubaLIF(0.020, 0.010, v_threshold=0.5),
    CubaLIF(0.020, 0.010, v_threshold=0.5, v_reset=-0.4, reset="to_value"),
]
SCHEMES = [("impulse_invariance",), ("bilinear",), ("zoh",), ("parker_sochacki", 2)]


def recording(neuron, scheme=("impulse_invariance",)):
    """A recording, and that of the same network without resets."""
    from snntheory.training import Network, Poisson, record

    images = np.random.default_rng(0).random((3, 20))
    network = Network((20, 6), neuron, 0.002, *scheme, gain=0.5)
    linear = network.variant(neuron=replace(neuron, reset="none"))
    return tuple(record(each, images, encoder=Poisson(0.2, 200.0)) for each in (network, linear))


@pytest.mark.parametrize("neuron", NEURONS, ids=lambda neuron: neuron.reset)
@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme[0])
def test_it_is_the_recording_without_resets(neuron, scheme):
    with_resets, linear = recording(neuron, scheme)
    assert with_resets["spikes"].sum() > 20
    restored = without_resets(with_resets)
    expected = linear["voltage"]
    scale = float(np.abs(expected).max())
    assert float(np.abs(with_resets["voltage"] - expected).max()) > 0.3 * scale  # the resets do matter
    assert float(np.abs(restored - expected).max()) < 2e-5 * scale  # 100 steps of float32, 6e-8 each
    assert restored.dtype == np.float64 and restored.dims == ("trial", "neuron", "time")
    for name in ("time", "sample", "unit"):
        np.testing.assert_array_equal(restored[name], expected[name])


def test_by_hand():
    # membrane pole a = exp(-dt/tau_mem); spikes in steps 1 and 3 take away 1 each, which then decays
    neuron, dt = CubaLIF(0.02, 0.01), 0.004
    voltage, spikes = np.array([1.2, 0.1, 1.1, 0.0, 0.0]), np.array([1, 0, 1, 0, 0])
    traces = make_traces(voltage, dt, ("time",), spikes=spikes, phase="before reset")
    a = np.exp(-dt / 0.02)
    expected = voltage + np.array([0, a, a**2, a**3 + a, a**4 + a**2])
    restored = without_resets(traces, neuron, "impulse_invariance")
    np.testing.assert_allclose(restored[0, 0], expected, rtol=1e-14)
    to_value = replace(neuron, reset="to_value", v_reset=-0.5)
    gone = np.array([0, a * 1.7, a**2 * 1.7, a**3 * 1.7 + a * 1.6, a**4 * 1.7 + a**2 * 1.6])
    restored = without_resets(traces, to_value, "impulse_invariance")
    np.testing.assert_allclose(restored[0, 0], voltage + gone, rtol=1e-14)


def test_nothing_is_added_where_nothing_was_taken():
    _, linear = recording(NEURONS[0])
    xr.testing.assert_identical(without_resets(linear), linear["voltage"].astype("float64"))


def test_order_of_the_axes_does_not_matter():
    traces, _ = recording(NEURONS[1])
    turned = without_resets(traces.transpose("time", "neuron", "trial"))
    assert turned.dims == ("time", "neuron", "trial")
    xr.testing.assert_allclose(
        turned.transpose(*without_resets(traces).dims), without_resets(traces), rtol=1e-14
    )


def test_the_attributes_name_the_neuron():
    for neuron in NEURONS:
        assert neuron_of(recording(neuron)[0]) == neuron
    traces, _ = recording(NEURONS[0])
    with pytest.raises(ValueError, match="no attribute tau_mem, reset; pass neuron="):
        neuron_of(lacking(traces, "tau_mem", "reset"))
    several = traces.assign_attrs(tau_mem="[0.02, 0.03]")
    with pytest.raises(ValueError, match="layers with different neurons; select one layer"):
        neuron_of(several)


def lacking(traces, *names):
    """The traces without some of their attributes."""
    bare = traces.copy()
    bare.attrs = {key: value for key, value in traces.attrs.items() if key not in names}
    return bare


def test_what_is_missing_is_named():
    traces, _ = recording(NEURONS[0])
    for name in ("voltage", "spikes"):
        with pytest.raises(ValueError, match=f"traces must hold '{name}'"):
            without_resets(traces.drop_vars(name))
    with pytest.raises(ValueError, match="must have the attribute dt"):
        without_resets(lacking(traces, "dt"))
    with pytest.raises(ValueError, match="do not name their scheme; pass scheme="):
        without_resets(lacking(traces, "scheme"))
    with pytest.raises(ValueError, match="no attribute tau_syn"):
        without_resets(lacking(traces, "tau_syn"))
    given = without_resets(lacking(traces, "tau_syn", "scheme"), NEURONS[0], "impulse_invariance")
    xr.testing.assert_identical(given, without_resets(traces))
    with pytest.raises(ValueError, match="phase must say .* got 'at noon'; .*phase='before reset'"):
        without_resets(traces.assign_attrs(phase="at noon"))
    to_value, _ = recording(NEURONS[1])
    bare = to_value.drop_vars("current").assign_attrs(phase="after the reset")
    with pytest.raises(ValueError, match="the overshoot is lost"):
        without_resets(bare)
    with pytest.raises(ValueError, match="lost must be one of 'refuse', 'threshold'"):
        without_resets(bare, lost="zero")


@pytest.mark.parametrize("phase", ["after reset", "after the step's input, after the reset"])
def test_voltages_taken_after_a_reset_that_subtracts(phase):
    before, _ = recording(NEURONS[0])
    left = before["voltage"].astype("float64") - NEURONS[0].v_threshold * before["spikes"]
    after = before.assign(voltage=left).assign_attrs(phase=phase)
    # one subtraction and one addition of a double: twice its rounding
    np.testing.assert_allclose(without_resets(after), without_resets(before), rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    "scheme", [(name,) for name in names() if name != "parker_sochacki"] + [("parker_sochacki", 2)]
)
def test_voltages_taken_after_a_reset_to_a_value_come_back_with_the_current(scheme):
    weight = 3.0 if scheme[0] == "scaled_impulse" else 0.006  # that scheme's kick is dt smaller
    inputs = np.random.default_rng(1).poisson(0.4, (2, 3, 400)) * weight
    runs = {
        sample: simulate_inputs(NEURONS[1], inputs, 0.002, *scheme, sample=sample)
        for sample in ("before_reset", "after_reset")
    }
    before, after = runs["before_reset"], runs["after_reset"]
    assert int(before["spikes"].sum()) > 60
    linear = without_resets(before)
    assert float(abs(before["voltage"] - after["voltage"]).max()) > 0.3
    # one step of the update, recomputed from its parts: a few roundings of a number near 1
    np.testing.assert_allclose(without_resets(after), linear, rtol=0, atol=1e-13)
    # without the current the overshoots are gone: the voltage comes out too low, after the first spike only
    guessed = without_resets(after.drop_vars("current"), lost="threshold")
    assert float((linear - guessed).max()) > 0.005 and float((linear - guessed).min()) > -1e-13


def test_the_theory_is_that_of_the_recording():
    traces, _ = recording(NEURONS[0])
    frequency = np.array([5.0, 50.0, 250.0])
    power = float(traces["drive_power"].mean())
    expected = theory_psd(NEURONS[0], power, 1.0, frequency, 0.002, "impulse_invariance")
    np.testing.assert_allclose(expected_without_resets(traces, frequency), expected, rtol=1e-14)
    np.testing.assert_allclose(expected_without_resets(traces, frequency, 1.0), expected / power, rtol=1e-14)
