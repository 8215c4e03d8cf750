"""Resets whose spikes are not given are seen and said; voltages without are not taken for such."""

import warnings

import numpy as np
import pytest
import xarray as xr

from snntheory import CubaLIF, artefacts, discretize, make_traces
from snntheory.cli.report import numbers
from snntheory.spectral import identify, without_resets
from snntheory.spectral._reset_signs import count_resets

DT = 1e-3


def euler(drive, steps=4000, seed=0, reset="to_value", after=True, threshold=1.0):
    """A loop of forward Euler, 20 and 10 ms at 1 ms, constant drive and Poisson input: voltage and spikes."""
    kicks = 0.2 * np.random.default_rng(seed).poisson(0.1, steps)
    v, i, spikes, voltage = 0.0, 0.0, 0, np.empty(steps)
    for n in range(steps):
        i += DT / 0.010 * (drive - i) + kicks[n]
        v += DT / 0.020 * (i - v)
        voltage[n] = v
        if v >= threshold:
            v, spikes = (0.0 if reset == "to_value" else v - threshold), spikes + 1
            voltage[n] = v if after else voltage[n]
    return voltage, spikes


@pytest.mark.parametrize("drive", [0.5, 0.7, 0.9, 3.0])
@pytest.mark.parametrize("reset", ["to_value", "subtract"])
@pytest.mark.parametrize("after", [True, False])
def test_every_reset_is_counted(drive, reset, after):
    voltage, spikes = euler(drive, seed=3, reset=reset, after=after)
    assert spikes > 0
    # of a voltage before the reset, one at the very last step is not in the record yet
    assert spikes - 1 <= count_resets(voltage[None]) <= spikes


def test_no_reset_below_threshold_whatever_the_seed():
    rows = np.stack([euler(0.7, 2000, seed, threshold=np.inf)[0] for seed in range(40)])
    assert count_resets(rows) == 0
    assert sum(count_resets(row[None]) > 0 for row in rows) == 0


@pytest.mark.parametrize("scheme", ["backward_euler", "bilinear", "impulse_invariance", "zoh"])
@pytest.mark.parametrize("tau_syn", [0.010, 0.001])
@pytest.mark.parametrize("kind", ["gaussian", "excitation", "inhibition", "both"])
def test_input_of_any_sign_is_no_reset(scheme, tau_syn, kind):
    """Hundred neurons below threshold; single strong inhibitory spikes step down too, but not from the top alone."""
    rng, shape = np.random.default_rng(5), (100, 1500)
    inputs = {
        "gaussian": rng.standard_normal(shape),
        "excitation": 1.0 * rng.poisson(0.1, shape),
        "inhibition": -1.0 * rng.poisson(0.01, shape),
        "both": rng.poisson(0.05, shape) - 3.0 * rng.poisson(0.02, shape),
    }[kind]
    rows = discretize(CubaLIF(0.020, tau_syn), DT, scheme).simulate(inputs)[0]
    assert count_resets(rows) == 0
    # each alone: one in a thousand by the p-value, several times that where steps down come in groups
    assert sum(count_resets(row[None]) > 0 for row in rows) <= 3


@pytest.mark.parametrize(
    "name", ["hidden-physical-0.5ms", "hidden-physical-1ms", "hidden-physical-2ms", "hidden-physical-8ms"]
)
@pytest.mark.parametrize("skip", [0.0, 0.1])
def test_recorded_layers_with_and_without_their_resets(name, skip):
    layer = artefacts.load(name)
    first = round(skip / layer.attrs["dt"])

    def rows(values):
        return values.values.reshape(-1, values.sizes["time"])[:, first:]

    free, spikes = rows(without_resets(layer)), rows(layer["spikes"])
    assert count_resets(free) == 0
    assert not any(count_resets(row[None]) for row in free)
    if "8ms" in name:  # steps so long that the input alone crosses the threshold in one
        return
    firing = spikes.sum(axis=1) > 0
    seen = [count_resets(row[None]) > 0 for row in rows(layer["voltage"])[firing]]
    assert np.mean(seen) > (0.99 if "2ms" not in name else 0.6)
    assert count_resets(rows(layer["voltage"])) > (0.99 if "2ms" not in name else 0.3) * spikes.sum()


def test_identify_warns_and_says_so():
    voltage, spikes = euler(0.7, seed=3)
    traces = make_traces(voltage, DT, ("time",))
    with pytest.warns(UserWarning, match=rf"looks reset {spikes} times.*--spikes"):
        found = identify(traces)
    assert found.resets_seen == spikes
    assert f"looks reset {spikes} times" in repr(found) and "not of the membrane" in repr(found)
    with pytest.warns(UserWarning, match="looks reset"):
        analysis = numbers.analyse(traces)
    assert "looks reset" in numbers.summary(analysis)["time constants (95 %)"]
    below = make_traces(euler(0.7, seed=3, threshold=np.inf)[0], DT, ("time",))
    assert identify(below).resets_seen == 0  # warnings are errors here
    assert identify(below.assign_attrs(reset="none")).resets_seen == 0


def test_given_spikes_or_no_reset_are_not_asked_again():
    layer = artefacts.load("hidden-physical-1ms").isel(neuron=[0], trial=slice(4))
    assert layer["spikes"].sum() > 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert identify(layer).resets_seen == 0
        assert identify(layer["voltage"].assign_attrs(dt=DT), reset="none").resets_seen == 0
    with pytest.warns(UserWarning, match="looks reset"):
        identify(layer["voltage"].assign_attrs(dt=DT))


def test_where_two_poles_do_not_fit_no_interval_is_printed():
    """A neuron that fires in every third step: its time constants were printed to four digits once."""
    voltage, _ = euler(10.0, seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = identify(make_traces(voltage, DT, ("time",)))
        said = numbers.summary(numbers.analyse(make_traces(voltage, DT, ("time",))))
    assert found.misfit_p_value < 0.01 and "two poles do not fit" in found.doubt()
    assert "not identified" in repr(found) and " to " not in repr(found).split("time constants: ")[1]
    assert said["time constants (95 %)"] == f"not identified: {found.doubt()}"


def test_no_doubt_where_nominal_constants_alone_exclude_the_schemes():
    model = discretize(CubaLIF(0.020, 0.010), DT, "backward_euler")
    rows = model.simulate(np.random.default_rng(2).standard_normal((4, 2000)))[0][:, 200:]
    traces = xr.DataArray(rows, dims=("trial", "time"), attrs={"dt": DT})
    found = identify(traces, neuron=CubaLIF(0.5, 0.3))
    assert not found.explained_by() and found.doubt() == "" and " to " in repr(found)


def test_white_noise_has_no_time_constants():
    """A constant of weeks, with an interval, once: the noise of the measurement explains all of it."""
    values = np.random.default_rng(0).standard_normal((4, 1000))
    found = identify(make_traces(values, DT, ("trial", "time")))
    assert found.doubt() and "not identified" in repr(found)


@pytest.mark.parametrize("values", [np.arange(500.0), np.tile([0.0, 1.0], 200)])
def test_what_is_no_voltage_gives_no_interval_and_no_bare_warning(values):
    found = identify(make_traces(values, DT, ("time",)))  # warnings are errors here
    assert found.doubt() and "not identified" in repr(found)
