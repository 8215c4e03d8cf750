"""What a newcomer gives wrongly is named with its remedy: times without a name, spikes, swapped axes, NaN, suffixes."""

import numpy as np
import pytest
import xarray as xr

from snntheory import load_traces, make_traces
from snntheory.cli.report import numbers

DT = 1e-3


def noise(*shape):
    return np.random.default_rng(0).standard_normal(shape)


@pytest.mark.parametrize("step", [0.1, 1.0, 1e-4])
def test_a_first_column_of_times_without_a_name(tmp_path, step):
    table = np.column_stack([step * np.arange(300), noise(300, 2)])
    np.savetxt(tmp_path / "v.csv", table, delimiter=",", fmt="%.6g")
    for options in ({}, {"dims": ("time", "neuron"), "dt": DT}):
        with pytest.raises(
            ValueError, match=rf"column 0 looks like a time \(step {step:g}\).*'time \(ms\),v0,v1'"
        ):
            load_traces(tmp_path / "v.csv", **options)
    np.savetxt(tmp_path / "v.csv", noise(300, 3), delimiter=",")
    assert load_traces(tmp_path / "v.csv", dims=("time", "neuron"), dt=DT).sizes["neuron"] == 3


def test_files_of_spikes(tmp_path):
    (tmp_path / "s.csv").write_text("i,t\n0,0.1\n3,0.15\n1,0.4\n2,0.41\n")
    with pytest.raises(ValueError, match="look like spikes, a time and a neuron in each row"):
        load_traces(tmp_path / "s.csv")
    (tmp_path / "s.csv").write_text("t\n0.1\n0.15\n0.4\n")
    with pytest.raises(ValueError, match="if these are spikes"):
        load_traces(tmp_path / "s.csv")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((noise(4, 500) > 1.5).astype(float), "0 and 1"),
        (np.cumsum(np.abs(noise(4, 500)), axis=1), "times"),
        (np.abs(noise(4, 500)), ""),
        (np.cumsum(noise(4, 500), axis=1), ""),
    ],
)
def test_values_that_look_like_spikes_give_no_time_constants(values, words):
    traces = make_traces(values, DT, ("neuron", "time"))
    assert words in numbers.looks_like_spikes(traces["voltage"])
    if not words:
        assert not numbers.looks_like_spikes(traces["voltage"])
        return
    with pytest.warns(UserWarning, match=f"look like spikes .*{words}.*--spikes"):
        said = numbers.summary(numbers.analyse(traces))
    assert said["time constants"].startswith("not identified: these look like spikes")


def test_swapped_axes_and_single_samples_are_said():
    swapped = make_traces(noise(4, 1000, 5), DT, ("time", "trial", "neuron"))
    with pytest.raises(ValueError, match=r"time has 4 samples and trial 1000: are dims swapped\?"):
        numbers.analyse(swapped)
    with pytest.raises(ValueError, match="time has 1 sample, at least 8"):
        numbers.analyse(make_traces(noise(1, 3), DT, ("time", "neuron")))
    with pytest.warns(UserWarning, match=r"time has 20 samples and neuron 90: are dims swapped"):
        numbers.analyse(make_traces(noise(20, 90), DT, ("time", "neuron")))


@pytest.mark.parametrize(
    ("dims", "cut"),
    [
        (("trial", "neuron", "time"), r"values\[\.\.\., :stop\]"),
        (("trial", "time", "neuron"), r"values\[:, :stop\]"),
        (("time", "trial", "neuron"), r"values\[:stop\]"),
    ],
)
def test_the_remedy_of_nan_cuts_the_time_of_the_users_array(dims, cut):
    values = noise(6, 6, 6)
    values[2, 3, 4] = np.nan
    with pytest.raises(ValueError, match=cut):
        make_traces(values, DT, dims)
    with pytest.raises(ValueError, match="every value is NaN"):
        make_traces(np.full((6, 6), np.nan), DT, ("time", "neuron"))


def test_dims_in_the_plural_and_unknown_suffixes(tmp_path):
    with pytest.raises(ValueError, match="singular: time,trial,neuron; got times,trials,neuron"):
        make_traces(noise(9, 2, 2), DT, ("times", "trials", "neuron"))
    for suffix, words in (
        (".mat", "writematrix"),
        (".txt", r"rename it to \.csv"),
        (".abc", r"\.nwb and \.nix"),
    ):
        with pytest.raises(ValueError, match=words):
            load_traces(tmp_path / f"v{suffix}")


def spike_times():
    return np.sort(np.random.default_rng(1).uniform(0, 2, 60))


@pytest.mark.parametrize("partner", [None, "before", "behind"])
@pytest.mark.parametrize("header", ["", "spike_time"])
def test_times_of_spikes_without_a_name_are_warned_of(tmp_path, partner, header):
    times, index = spike_times(), np.random.default_rng(2).integers(0, 10, 60)
    columns = {None: [times], "before": [index, times], "behind": [times, index]}[partner]
    names = {None: [header], "before": ["k", header], "behind": [header, "k"]}[partner] if header else []
    table = np.column_stack(columns)
    np.savetxt(tmp_path / "s.csv", table, delimiter=",", fmt="%.5f", header=",".join(names), comments="")
    with pytest.warns(UserWarning, match="column .* rises throughout .* times of spikes; give the voltage"):
        load_traces(tmp_path / "s.csv", ("time", "neuron"), DT)


def test_a_voltage_that_rises_smoothly_is_not_taken_for_spikes(tmp_path):
    rise = 1 - np.exp(-np.arange(60) / 20)
    for voltage in (rise, rise**2, noise(60)):  # no warning: the suite makes it an error
        np.savetxt(tmp_path / "v.csv", voltage)
        load_traces(tmp_path / "v.csv", ("time", "neuron"), DT)


def test_a_row_for_each_neuron_and_time(tmp_path):
    pd = pytest.importorskip("pandas")
    voltage = noise(50, 3)
    rows = [f"{n + 1}\t{0.5 * k}\t{float(voltage[k, n])!r}" for k in range(50) for n in range(3)]
    (tmp_path / "nest.csv").write_text("sender\ttime_ms\tV_m\n" + "\n".join(rows))
    with pytest.raises(ValueError, match=r"row for each neuron and time.*pivot\(index='time_ms', columns="):
        load_traces(tmp_path / "nest.csv")
    table = pd.read_csv(tmp_path / "nest.csv", sep="\t")
    table.pivot(index="time_ms", columns="sender", values="V_m").to_csv(tmp_path / "wide.csv")
    traces = load_traces(tmp_path / "wide.csv")
    assert traces.attrs["dt"] == pytest.approx(5e-4, rel=1e-9)  # 0.5 ms, rounding of times alone
    assert np.array_equal(traces["voltage"].values[0], voltage.T)


@pytest.mark.parametrize("mark", ["", "# "])
@pytest.mark.parametrize("name", ["time(ms)", "Time_[ms]", "t (ms)", "time / ms"])
def test_names_of_times_as_others_write_them(tmp_path, name, mark):
    table = np.column_stack([0.5 * np.arange(40), noise(40)])
    np.savetxt(tmp_path / "v.csv", table, delimiter=",", header=f"{name},soma (mV)", comments=mark)
    traces = load_traces(tmp_path / "v.csv")
    assert traces.attrs["dt"] == pytest.approx(5e-4, rel=1e-9)  # rounding of times alone
    assert traces.attrs["value_unit"] == "mV"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time;v\n0,0;0,1\n0,1;0,2\n", "decimal point, not a comma"),
        ("time,v\nms,mV\n0,1\n1,2\n", "belong into one line, such as"),
        ("time,v\n0,1\n1,\n", "leave rows with empty cells out"),
    ],
)
def test_cells_that_are_no_numbers(tmp_path, text, words):
    (tmp_path / "v.csv").write_text(text)
    with pytest.raises(ValueError, match=words):
        load_traces(tmp_path / "v.csv")


def test_times_of_a_netcdf_under_another_name(tmp_path):
    time = ("t", 0.5 * np.arange(40), {"units": "ms"})
    dataset = xr.Dataset({"vm": (("cell", "t"), noise(3, 40))}, coords={"t": time})
    dataset.to_netcdf(tmp_path / "v.nc", engine="h5netcdf")
    assert load_traces(tmp_path / "v.nc", ("neuron", "time")).attrs["dt"] == pytest.approx(5e-4, rel=1e-9)
    with pytest.raises(ValueError, match=r"say the order of its axes \(dims\); .*dt=0\.0005\)"):
        load_traces(tmp_path / "v.nc")


def test_times_of_spikes_become_counts_as_the_remedy_says():
    voltage, times = noise(200), 0.05 + DT * np.array([0, 3, 3, 199])
    for given in (times, times[None, None]):
        with pytest.raises(ValueError, match=r"np\.histogram\(times, t0 \+ dt \* .*\[0\] makes counts"):
            make_traces(voltage, DT, ("time",), t0=0.05, spikes=given)
    counts = np.histogram(times, 0.05 + DT * (np.arange(200 + 1) - 0.5))[0]
    spikes = make_traces(voltage, DT, ("time",), t0=0.05, spikes=counts)["spikes"].values[0, 0]
    assert np.flatnonzero(spikes).tolist() == [0, 3, 199] and spikes[3] == 2
    with pytest.raises(ValueError, match="spikes must be counts .* count them in each step"):
        make_traces(voltage, DT, ("time",), spikes=voltage)
    with pytest.raises(ValueError, match="must have the shape of voltage.*makes counts"):
        make_traces(voltage, DT, ("time",), spikes=counts[:100])
