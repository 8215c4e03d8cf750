"""Traces in memory: the schema, its labels, and one clear error for each way to break it."""

import dask.array
import numpy as np
import pytest
import xarray as xr

from snntheory.traces import DIMS, make_traces, time_step, validate_traces


def voltage(shape=(2, 3, 16), seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def test_time_axis_is_computed_from_integers():
    traces = make_traces(voltage((1, 1, 10_001)), dt=1e-4, t0=0.5)
    # Adding 1e-4 ten thousand times is off by 1e-13; n dt is within one rounding of the decimal number.
    assert traces["time"].values[10_000] == 1.5
    assert traces["time"].values[3] == 0.5 + 3e-4


def test_labels():
    traces = make_traces(
        voltage(), 1e-3, value_unit="mV", phase="after input, before reset", attrs={"layer": 2}
    )
    assert traces["voltage"].dims == DIMS
    expected = {
        "schema": "snntheory-traces/1",
        "dt": 1e-3,
        "t0": 0.0,
        "time_unit": "s",
        "value_unit": "mV",
        "phase": "after input, before reset",
        "layer": 2,
    }
    assert traces.attrs == expected
    assert traces["voltage"].attrs["units"] == "mV" and traces["time"].attrs["units"] == "s"
    assert make_traces(voltage(), 1e-3).attrs["phase"] == "unknown"


def test_order_of_axes():
    recorded = voltage((16, 2, 3))  # (T, B, N) as snnTorch, Norse and SpikingJelly record
    traces = make_traces(recorded, 1e-3, dims=("time", "trial", "neuron"))
    assert traces["voltage"].shape == (2, 3, 16)
    assert traces["voltage"].values[1, 2, 5] == recorded[5, 1, 2]


@pytest.mark.parametrize("dims", [("time",), ("neuron", "time"), ("time", "trial")])
def test_missing_dimensions_get_length_one(dims):
    traces = make_traces(voltage((4,) * len(dims)), 1e-3, dims=dims)
    assert traces["voltage"].dims == DIMS
    assert {dim: traces.sizes[dim] for dim in DIMS} == {dim: 4 if dim in dims else 1 for dim in DIMS}


def test_spikes_in_floating_point_become_counts():
    traces = make_traces(voltage(), 1e-3, spikes=np.eye(16)[:6].reshape(2, 3, 16), current=voltage(seed=1))
    assert traces["spikes"].dtype == np.uint8 and int(traces["spikes"].sum()) == 6


def test_dask_stays_lazy():
    traces = make_traces(dask.array.zeros((2, 3, 16), chunks=(1, 3, 16)), 1e-3)
    assert traces["voltage"].chunks is not None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dims": ("batch", "neuron", "time")}, "'trial', 'neuron' or 'time'"),
        ({"dims": ("time", "neuron", "time")}, "once"),
        ({"dims": ("trial", "neuron")}, "'time' among them"),
        ({"dims": ("neuron", "time")}, "3 axes"),
        ({"dt": 0.0}, "dt must be above 0"),
        ({"dt": -1e-3}, "dt must be above 0"),
        ({"dt": np.nan}, "dt must be finite"),
        ({"t0": np.inf}, "t0 must be finite"),
        ({"current": voltage((2, 3, 15))}, "shape of voltage"),
        ({"spikes": np.full((2, 3, 16), 0.5)}, "spikes must be counts"),
        ({"spikes": np.full((2, 3, 16), -1)}, "at least 0"),
        ({"voltage": voltage() + 1j}, "must be real"),
        ({"voltage": voltage((2, 3, 0))}, "empty along time"),
        ({"voltage": np.full((2, 3, 16), "a")}, "real numbers"),
        ({"attrs": {"dt": 1.0}}, "the schema sets it"),
    ],
)
def test_bad_arguments(change, words):
    with pytest.raises(ValueError, match=words):
        make_traces(**({"voltage": voltage(), "dt": 1e-3} | change))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dt": "1 ms"}, "dt must be a real number"),
        ({"attrs": {"neuron": object()}}, "'neuron' must be str"),
        ({"attrs": {3: "x"}}, "must be text"),
    ],
)
def test_bad_types(change, words):
    with pytest.raises(TypeError, match=words):
        make_traces(**({"voltage": voltage(), "dt": 1e-3} | change))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["voltage", "current"])
def test_nan_is_refused_with_its_place(bad, name):
    signals = {"voltage": voltage(), "current": voltage(seed=1)}
    signals[name][1, 2, 7:9] = bad
    with pytest.raises(
        ValueError,
        match=rf"{name} holds NaN or infinity: 2 .*trial 1, neuron 2, time 7.*values\[\.\.\., :stop\]",
    ):
        make_traces(**signals, dt=1e-3)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (lambda t: t.drop_vars("voltage"), "no voltage"),
        (lambda t: t.drop_attrs(), "attribute schema"),
        (lambda t: t.assign_attrs(schema="snntheory-traces/9"), "attribute schema"),
        (lambda t: t.assign_attrs(dt=None), "lack the attribute dt"),
        (lambda t: t.assign_attrs(dt=-1.0), r"attrs\['dt'\] must be above 0"),
        (lambda t: t.drop_vars("time"), "lack the time coordinate"),
        (lambda t: t.transpose("time", "trial", "neuron"), "must have the dimensions"),
        (lambda t: t.isel(trial=0), "must have the dimensions"),
        (lambda t: t.isel(neuron=slice(0)), "empty along neuron"),
        (lambda t: t.isel(time=slice(None, None, 2)), "set traces.attrs"),
        (lambda t: t.assign_coords(time=t["time"] ** 1.001), "not uniform"),
    ],
)
def test_validate_says_what_is_wrong(how, words):
    with pytest.raises(ValueError, match=words):
        validate_traces(how(make_traces(voltage(), 1e-3)))


def test_validate_wants_a_dataset():
    with pytest.raises(TypeError, match="make_traces"):
        validate_traces(voltage())


def test_a_slice_in_time_is_still_valid():
    traces = make_traces(voltage(), 1e-3)
    assert validate_traces(traces.sel(time=slice(0.004, 0.010))).sizes["time"] == 7


def test_uniform_to_a_millionth_of_a_step():
    time = 1e-3 * np.arange(100)
    for shift, accepted in ((0.5e-9, True), (2e-9, False)):  # 1e-6 dt is 1e-9 s
        moved = time.copy()
        moved[50] += shift
        if accepted:
            assert time_step(moved) == 1e-3
        else:
            with pytest.raises(ValueError, match="sample 50"):
                time_step(moved)


def test_step_is_read_without_rounding_dust():
    # (t[-1] - t[0]) / (n - 1) alone gives 0.00010000000000000002 and the like.
    for dt in (1e-4, 3e-4, 0.7e-3, 1 / 3):
        assert time_step(dt * np.arange(1001)) == pytest.approx(dt, rel=1e-11)
        assert time_step(1e-4 * np.arange(7, 1001)) == 1e-4
    with pytest.raises(ValueError, match="single sample"):
        time_step(np.array([0.0]))
    with pytest.raises(ValueError, match="must increase"):
        time_step(np.array([0.0, -0.1]))


def test_single_precision_times_are_judged_by_their_own_rounding():
    time = (1e-3 * np.arange(2000)).astype(np.float32)
    assert time_step(time, 1e-3) == 1e-3


def test_extra_coordinates_and_ragged_spike_times_are_allowed():
    traces = make_traces(voltage(), 1e-3).assign_coords(label=("trial", [3, 7]))
    traces["spike_times"] = xr.DataArray([0.001, 0.0025], dims="spike")
    assert validate_traces(traces) is traces
    traces["spike_times"] = xr.DataArray(["a", "b"], dims="spike")
    with pytest.raises(ValueError, match="spike_times must be numbers"):
        validate_traces(traces)


@pytest.mark.parametrize(
    ("dt", "attrs"), [(0.1, {}), (1.0, {}), (1e-3, {"tau_mem": 20.0}), (1e-3, {"tau_syn": 1})]
)
def test_milliseconds_given_as_seconds_are_warned_of(dt, attrs):
    with pytest.warns(UserWarning, match="did you mean milliseconds"):
        traces = make_traces(voltage(), dt, attrs=attrs)
    assert traces.attrs["dt"] == dt  # said, not changed
    make_traces(voltage(), 0.099, attrs={"tau_mem": 0.99})
