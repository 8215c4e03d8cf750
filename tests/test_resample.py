"""Traces on another grid: what each kind keeps exactly, what folds, and what is refused."""

import numpy as np
import pytest
import xarray as xr

from snntheory.traces import convert_units, make_traces, resample

RNG_TIMES = np.sort(np.random.default_rng(3).uniform(0.0, 0.1, 200))
KINDS = ("previous", "linear", "pchip", "cubic", "polyphase")


def at(time, function, **options):
    """Traces whose coordinate time is irregular."""
    traces = make_traces(function(time)[None, None], 1e-3, **options)
    return traces.assign_coords(time=("time", time))


@pytest.mark.parametrize(
    ("kind", "function", "tolerance"),
    [
        ("previous", lambda t: np.full(t.shape, 3.0), 0.0),
        ("linear", lambda t: 2 - 30 * t, 1e-13),
        ("pchip", lambda t: 2 - 30 * t, 1e-12),
        # not-a-knot splines reproduce cubics; 200 uneven steps make the system's condition number large
        ("cubic", lambda t: 1 + 20 * t - 3e2 * t**2 + 2e3 * t**3, 1e-9),
    ],
)
def test_what_a_kind_keeps_exactly(kind, function, tolerance):
    out = resample(at(RNG_TIMES, function), 7e-4, kind=kind)
    np.testing.assert_allclose(
        out["voltage"].values[0, 0], function(out["time"].values), rtol=0, atol=tolerance
    )
    assert out["time"].values[0] == RNG_TIMES[0]
    assert RNG_TIMES[-1] - 7e-4 < out["time"].values[-1] <= RNG_TIMES[-1]
    assert out.attrs["dt"] == 7e-4 and out.attrs["resampled"].startswith(f"{kind}, from irregular times")


def test_previous_holds_the_sample_before():
    time = np.array([0.0, 1e-3, 2.5e-3, 3e-3])
    out = resample(at(time, lambda t: t * 1e3), 5e-4, kind="previous")
    assert out["voltage"].values[0, 0].tolist() == [0, 0, 1, 1, 1, 2.5, 3]


def test_pchip_does_not_overshoot_where_cubic_does():
    step = at(np.linspace(0, 0.02, 21), lambda t: (t > 0.0101).astype(float))
    assert resample(step, 1e-4, kind="pchip")["voltage"].values.max() == 1.0
    assert resample(step, 1e-4, kind="cubic")["voltage"].values.max() > 1.05


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_grid_changes_nothing(kind):
    values = np.random.default_rng(0).standard_normal((2, 3, 50))
    traces = make_traces(values, 1e-3, t0=0.2)
    out = resample(traces, 1e-3, kind=kind)
    # one rounding of the sum of two products; splines solve a system of condition 4
    np.testing.assert_allclose(out["voltage"].values, values, rtol=0, atol=1e-13)
    assert np.array_equal(out["time"].values, traces["time"].values)


def sine(frequency, dt, n=4000):
    return make_traces(np.sin(2 * np.pi * frequency * dt * np.arange(n))[None, None], dt)


def test_polyphase_keeps_what_is_below_the_new_nyquist_frequency_and_removes_what_is_above():
    # 10 kHz to 1 kHz: Nyquist at 500 Hz. 100 Hz lies in the pass band, 900 Hz would fold to 100 Hz.
    low = resample(sine(100.0, 1e-4), 1e-3, kind="polyphase")["voltage"].values[0, 0, 30:-30]
    n = np.arange(30, 30 + low.size)
    np.testing.assert_allclose(low, np.sin(2 * np.pi * 0.1 * n), atol=2e-3)  # the filter's pass-band ripple
    high = sine(900.0, 1e-4)
    assert np.abs(resample(high, 1e-3, kind="polyphase")["voltage"].values[0, 0, 30:-30]).max() < 2e-3
    with pytest.warns(UserWarning, match="'linear' does not filter: .* above 500 Hz is folded"):
        folded = resample(high, 1e-3, kind="linear")["voltage"].values[0, 0]
    np.testing.assert_allclose(folded, -np.sin(2 * np.pi * 0.1 * np.arange(folded.size)), atol=1e-9)


def test_polyphase_up_and_back():
    traces = sine(100.0, 1e-3, 400)
    up = resample(traces, 4e-4, kind="polyphase")
    assert up.sizes["time"] == 998 and up.attrs["dt"] == 4e-4
    back = resample(up, 1e-3, kind="polyphase")["voltage"].values[0, 0, 40:-40]
    np.testing.assert_allclose(back, traces["voltage"].values[0, 0, 40 : 40 + back.size], atol=5e-3)
    with pytest.raises(ValueError, match="ratio of integers"):
        resample(traces, 1e-3 / np.pi, kind="polyphase")
    with pytest.raises(ValueError, match="not uniform"):
        resample(at(RNG_TIMES, np.sin), 1e-3, kind="polyphase")


@pytest.mark.parametrize("dt", [2.5e-4, 1e-3, 3e-3, 7e-4])
def test_no_spike_is_lost_and_none_comes_too_early(dt):
    spikes = np.random.default_rng(1).integers(0, 3, (2, 3, 400)).astype(np.uint8)
    traces = make_traces(np.zeros(spikes.shape), 1e-3, spikes=spikes)
    out = resample(traces, dt, kind="polyphase" if dt > 1e-3 else "linear")
    assert np.array_equal(out["spikes"].sum("time"), traces["spikes"].sum("time", dtype=int))
    for old in (42, 210, 399):  # the spikes up to a time that both grids have
        new = round(old * 1e-3 / dt)
        if abs(new * dt - old * 1e-3) < 1e-12:
            assert np.array_equal(
                out["spikes"].values[..., : new + 1].sum(-1), spikes[..., : old + 1].sum(-1, dtype=int)
            )


def test_types_labels_and_dask():
    values = np.random.default_rng(0).standard_normal((2, 3, 40)).astype(np.float32)
    traces = make_traces(values, 1e-3, current=values + 1, value_unit="mV", attrs={"tau_mem": 0.02})
    traces = traces.assign_coords(label=("trial", [3, 7]), phase_of=("time", np.arange(40)))
    out = resample(traces, 5e-4, kind="cubic")
    assert out["voltage"].dtype == np.float32 and out["voltage"].attrs["units"] == "mV"
    assert out.attrs["tau_mem"] == 0.02 and set(out.coords) == {"time", "label"}
    lazy = resample(traces.chunk(trial=1, time=7), 5e-4, kind="cubic")
    assert lazy["voltage"].chunks is not None
    xr.testing.assert_equal(lazy.load(), out)


@pytest.mark.parametrize(
    ("time", "options", "words"),
    [
        ([0.0, 1e-3, 2e-3, 0.5], {}, "gap of 0.498 s after sample 2 .*never measured"),
        ([0.0, 1e-3, 1e-3, 2e-3], {}, "time must increase, but sample 2"),
        ([0.0, 2e-3, 1e-3, 3e-3], {}, "time must increase, but sample 2"),
        ([0.0, np.nan, 2e-3], {}, "two finite numbers"),
        ([0.0], {}, "two finite numbers"),
        ([0.0, 1e-3], {"dt": 0.01}, "gives 1 times"),
        ([0.0, 1e-3], {"dt": 1e-18}, "which fit into memory"),
        ([0.0, 1e-3], {"kind": "spline"}, "kind must be one of 'previous'"),
        ([0.0, 1e-3], {"dt": -1.0}, "dt must be above 0"),
    ],
)
def test_what_is_refused(time, options, words):
    with pytest.raises(ValueError, match=words):
        resample(at(np.array(time), np.zeros_like), **({"dt": 5e-4} | options))


def test_a_gap_is_bridged_when_that_is_said_and_two_samples_are_enough():
    out = resample(at(np.array([0.0, 1e-3, 2e-3, 0.5]), lambda t: 2 * t), 1e-3, max_gap=1.0)
    np.testing.assert_allclose(out["voltage"].values[0, 0], 2 * out["time"].values, atol=1e-15)
    for kind in KINDS:
        assert resample(at(np.array([0.0, 1e-3]), np.zeros_like), 5e-4, kind=kind).sizes["time"] == 3


def test_other_variables_along_time_must_be_dropped_first():
    traces = make_traces(np.zeros((1, 1, 9)), 1e-3)
    traces["drive"] = ("time", np.arange(9.0))
    with pytest.raises(ValueError, match="'drive' has the dimension time"):
        resample(traces, 5e-4)


def test_an_array_is_no_traces():
    with pytest.raises(
        TypeError, match="Dataset with voltage .* got DataArray; label an array with make_traces"
    ):
        resample(make_traces(np.zeros((1, 1, 9)), 1e-3)["voltage"], 5e-4)


# Units ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "factor"),
    [
        ("mV", "V", 1e-3),
        ("V", "mV", 1e3),
        ("volts", "mV", 1e3),
        ("millivolts", "uV", 1e3),
        ("µV", "V", 1e-6),
        ("1", "dimensionless", 1),
    ],
)
def test_units_of_a_kind_are_converted(old, new, factor):
    values = np.array([[[1.0, -3.0, 0.7]]])
    traces = make_traces(values, 1e-3, value_unit=old, current=values, current_unit="nA")
    out = convert_units(traces, new, current_unit="pA")
    np.testing.assert_allclose(out["voltage"].values, values * factor, rtol=2e-16)
    np.testing.assert_allclose(out["current"].values, values * 1e3, rtol=2e-16)
    assert (out.attrs["value_unit"], out["voltage"].attrs["units"], out["current"].attrs["units"]) == (
        new,
        new,
        "pA",
    )
    assert traces.attrs["value_unit"] == old  # the traces given are unchanged


@pytest.mark.parametrize(
    ("old", "new"), [("mV", "pA"), ("1", "mV"), ("mV", "furlong"), ("mV", "ms"), ("MV", "mV")]
)
def test_units_of_another_kind_are_refused(old, new):
    with pytest.raises(ValueError, match=f"is in '{old}' and cannot be converted to '{new}'"):
        convert_units(make_traces(np.zeros((1, 1, 3)), 1e-3, value_unit=old), new)
    with pytest.raises(ValueError, match="no current"):
        convert_units(make_traces(np.zeros((1, 1, 3)), 1e-3), current_unit="pA")


def test_a_voltage_that_contradicts_the_traces():
    traces = make_traces(np.zeros((1, 1, 3)), 1e-3, value_unit="mV")
    traces["voltage"].attrs["units"] = "V"
    from snntheory import validate_traces

    with pytest.raises(ValueError, match="mix units: the voltage is in 'V' and value_unit is 'mV'"):
        validate_traces(traces)
