"""Files that other programs wrote: the order of axes and the step are read or asked for, never guessed."""

import builtins
import re

import numpy as np
import pytest
import xarray as xr

from snntheory import load_traces, make_traces, save_traces


def test_npy_asks_for_dims_and_dt(tmp_path):
    recorded = np.random.default_rng(0).standard_normal((16, 2, 3))
    np.save(tmp_path / "v.npy", recorded)
    with pytest.raises(ValueError, match=r"dims.*and.*dt.*\(16, 2, 3\).*load_traces\('v.npy', dims="):
        load_traces(tmp_path / "v.npy")
    with pytest.raises(ValueError, match="does not say its time step"):
        load_traces(tmp_path / "v.npy", dims=("time", "trial", "neuron"))
    traces = load_traces(
        tmp_path / "v.npy", ("time", "trial", "neuron"), 1e-3, value_unit="mV", phase="x", t0=1.0
    )
    assert np.array_equal(traces["voltage"].values, np.moveaxis(recorded, 0, -1))
    assert (traces.attrs["value_unit"], traces.attrs["phase"], traces.attrs["t0"]) == ("mV", "x", 1.0)


def test_npz_with_several_arrays(tmp_path):
    v = np.random.default_rng(0).standard_normal((3, 16))
    np.savez(tmp_path / "v.npz", mem=v, weights=np.ones((4, 4)), dt=1e-4)
    with pytest.raises(ValueError, match="several arrays: 'mem', 'weights'"):
        load_traces(tmp_path / "v.npz", dims=("neuron", "time"))
    with pytest.raises(ValueError, match="no array 'u'"):
        load_traces(tmp_path / "v.npz", dims=("neuron", "time"), variable="u")
    with pytest.warns(UserWarning, match="'weights' left out"):
        traces = load_traces(tmp_path / "v.npz", dims=("neuron", "time"), variable="mem")
    assert traces.attrs["dt"] == 1e-4 and np.array_equal(traces["voltage"].values[0], v)


def test_npz_brings_current_and_spikes_of_the_same_shape(tmp_path):
    v = np.zeros((3, 16))
    np.savez(tmp_path / "v.npz", voltage=v, spikes=v, current=np.ones(5))
    with pytest.warns(UserWarning, match="'current' left out"):
        traces = load_traces(tmp_path / "v.npz", dims=("neuron", "time"), dt=1e-3)
    assert set(traces.data_vars) == {"voltage", "spikes"}


def test_spikes_and_times_by_their_names(tmp_path):
    rng = np.random.default_rng(1)
    v, spikes, times = rng.random((3, 16)), rng.integers(0, 2, (3, 16)), 0.5 + 2e-3 * np.arange(16)
    np.savez(tmp_path / "v.npz", mem=v, spk=spikes, clock=times, w=1e-3 * np.arange(4))
    options = {"dims": ("neuron", "time"), "variable": "mem"}
    with pytest.warns(UserWarning, match="'w' left out"):
        traces = load_traces(tmp_path / "v.npz", **options, spikes="spk", time="clock")
    assert np.array_equal(traces["spikes"].values[0], spikes)
    assert (traces.attrs["dt"], traces.attrs["t0"]) == (2e-3, 0.5)
    for wrong, words in (
        ({"spikes": "spikes"}, "no array 'spikes'.*correct spikes"),
        ({"spikes": "w"}, "shape of the"),
    ):
        with pytest.raises(ValueError, match=words):
            load_traces(tmp_path / "v.npz", **options, dt=1e-3, **wrong)
    with (
        pytest.raises(ValueError, match="4 times for 16 samples"),
        pytest.warns(UserWarning, match="'clock'"),
    ):
        load_traces(tmp_path / "v.npz", **options, spikes="spk", time="w")


@pytest.mark.parametrize("name", ["time", "times", "t", "Time"])
def test_times_in_an_archive(tmp_path, name):
    np.savez(tmp_path / "v.npz", **{"mem": np.zeros((3, 16)), name: 0.5 + 2e-3 * np.arange(16)})
    traces = load_traces(tmp_path / "v.npz", dims=("neuron", "time"))
    assert (traces.attrs["dt"], traces.attrs["t0"]) == (2e-3, 0.5)
    with pytest.raises(ValueError, match="do not have the step dt = 0.001 s.*mean step is 0.002 s"):
        load_traces(tmp_path / "v.npz", dims=("neuron", "time"), dt=1e-3)


def test_the_step_in_a_file_is_honoured(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"mem": torch.zeros(3, 16), "dt": 2e-3}, tmp_path / "v.pt")
    torch.save({"mem": torch.zeros(3, 16), "dt": torch.tensor(2e-3, dtype=torch.float64)}, tmp_path / "w.pt")
    for path in (tmp_path / "v.pt", tmp_path / "w.pt"):
        assert load_traces(path, dims=("neuron", "time")).attrs["dt"] == 2e-3
        assert load_traces(path, dims=("neuron", "time"), dt=2e-3).attrs["dt"] == 2e-3
        with pytest.raises(ValueError, match="says dt = 0.002 s, not 0.001 s"):
            load_traces(path, dims=("neuron", "time"), dt=1e-3)


@pytest.mark.parametrize(
    ("shape", "example"),
    [
        ((30,), "dims=('time',)"),
        ((30, 3), "dims=('time', 'neuron')"),
        ((3, 30), "dims=('neuron', 'time')"),
        ((2, 30, 3), "dims=('trial', 'time', 'neuron')"),
        ((2, 3, 4, 5), "one to three axes"),
    ],
)
def test_example_in_the_error_fits_the_shape(tmp_path, shape, example):
    np.save(tmp_path / "v.npy", np.zeros(shape))
    with pytest.raises(ValueError, match=re.escape(example)):
        load_traces(tmp_path / "v.npy")


def test_pt_tensor_dict_and_list_of_steps(tmp_path):
    torch = pytest.importorskip("torch")
    steps = [torch.randn(2, 3, requires_grad=True) for _ in range(16)]
    expected = torch.stack(steps).detach().numpy()
    dims = ("time", "trial", "neuron")
    for content, options in (
        (torch.stack(steps), {}),
        (steps, {}),
        ({"mem": steps, "epoch": 3, "dt": 1e-3}, {"variable": "mem"}),
    ):
        torch.save(content, tmp_path / "v.pt")
        traces = load_traces(tmp_path / "v.pt", dims=dims, dt=1e-3, **options)
        assert np.array_equal(traces["voltage"].values, np.moveaxis(expected, 0, -1))
    torch.save(steps[:2] + [torch.zeros(3)], tmp_path / "v.pt")
    with pytest.raises(ValueError, match="differ in shape"):
        load_traces(tmp_path / "v.pt", dims=dims, dt=1e-3)


def test_pt_without_torch(tmp_path, monkeypatch):
    (tmp_path / "v.pt").write_bytes(b"PK\x03\x04")
    real = builtins.__import__
    monkeypatch.setattr(
        builtins,
        "__import__",
        lambda name, *rest: (
            (_ for _ in ()).throw(ImportError(name)) if name == "torch" else real(name, *rest)
        ),
    )
    with pytest.raises(ImportError, match=r"snntheory\[train\]"):
        load_traces(tmp_path / "v.pt")
    with pytest.raises(ImportError, match=r"snntheory\[train\]"):
        save_traces(make_traces(np.zeros((1, 1, 4)), 1e-3), tmp_path / "w.pt")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", " "])
def test_csv_with_a_column_of_times(tmp_path, delimiter):
    rows = [["time", "soma", "dendrite"], [0.5, 1, 2], [0.501, 3, 4], [0.502, 5, 6]]
    (tmp_path / "v.csv").write_text("\n".join(delimiter.join(map(str, row)) for row in rows))
    traces = load_traces(tmp_path / "v.csv")
    assert traces.attrs["dt"] == 1e-3 and traces.attrs["t0"] == 0.5
    assert traces["voltage"].values.tolist() == [[[1, 3, 5], [2, 4, 6]]]
    assert traces["neuron"].values.tolist() == ["soma", "dendrite"]


def test_csv_with_coarsely_printed_times(tmp_path):
    times = [f"{k / 3000:.6f}" for k in range(30)]
    (tmp_path / "v.csv").write_text("t,v\n" + "".join(f"{t},{k}\n" for k, t in enumerate(times)))
    with pytest.raises(ValueError, match="not uniform.*rounded to 1e-06 s.*give the exact step") as error:
        load_traces(tmp_path / "v.csv")
    advised = float(re.search(r"dt=(\S+);", str(error.value))[1])
    assert (
        load_traces(tmp_path / "v.csv", dt=advised).attrs["dt"]
        == advised
        == pytest.approx(1 / 3000, rel=1e-4)
    )
    assert load_traces(tmp_path / "v.csv", dt=1 / 3000).attrs["dt"] == 1 / 3000
    with pytest.raises(ValueError, match="do not have the step dt = 0.001 s"):
        load_traces(tmp_path / "v.csv", dt=1e-3)


def test_a_missing_sample_is_not_taken_for_coarse_printing(tmp_path):
    (tmp_path / "v.csv").write_text("t,v\n" + "".join(f"{k / 1000:.3f},1\n" for k in (0, 1, 2, 4, 5)))
    for options in ({}, {"dt": 1e-3}):
        with pytest.raises(ValueError, match="not uniform|do not have the step"):
            load_traces(tmp_path / "v.csv", **options)


@pytest.mark.parametrize(
    ("name", "factor"),
    [
        ("Time", 1),
        ("times", 1),
        ("T [s]", 1),
        ("time (ms)", 1e3),
        ("t_ms", 1e3),
        ("Time/ms", 1e3),
        ("time [µs]", 1e6),
    ],
)
def test_csv_times_in_their_unit(tmp_path, name, factor):
    (tmp_path / "v.csv").write_text(f"{name},v\n" + "".join(f"{5e-4 * k * factor:g},{k}\n" for k in range(9)))
    traces = load_traces(tmp_path / "v.csv")
    assert traces.attrs["dt"] == 5e-4 and traces["voltage"].values[0, 0].tolist() == list(range(9))


@pytest.mark.parametrize("times", [["nan", "0.001", "0.002"], ["0", "nan", "0.002"], ["0", "0.001", "inf"]])
def test_csv_with_a_time_that_is_no_number(tmp_path, times):
    (tmp_path / "v.csv").write_text("t,v\n" + "".join(f"{t},1\n" for t in times))
    for options in ({}, {"dt": 1e-3}):
        with pytest.raises(ValueError, match="v.csv.*time .*finite"):
            load_traces(tmp_path / "v.csv", **options)


def test_sparse_tensors_are_refused(tmp_path):
    torch = pytest.importorskip("torch")
    spikes = torch.eye(4).to_sparse()
    for content in (spikes, {"spk": spikes}, [spikes, spikes]):
        torch.save(content, tmp_path / "v.pt")
        with pytest.raises(ValueError, match="dense tensor"):
            load_traces(tmp_path / "v.pt", dims=("neuron", "time"), dt=1e-3)


def test_csv_without_times_asks(tmp_path):
    np.savetxt(tmp_path / "v.csv", np.arange(12.0).reshape(4, 3), delimiter=",")
    with pytest.raises(ValueError, match="dims.*dt"):
        load_traces(tmp_path / "v.csv")
    traces = load_traces(tmp_path / "v.csv", dims=("time", "neuron"), dt=1e-3)
    assert traces["voltage"].values[0, 1].tolist() == [1, 4, 7, 10]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time (min),v\n0,1\n1,2\n", "another unit than s,"),
        ("time,t,v\n0,0,1\n1,1,2\n", "2 columns of time"),
        ("time\n0\n1\n", "no other"),
        ("time,v\n0,1\n", "single sample"),
        ("time,v\n0,1\n1,\n", "one number per column"),
        ("time,v\n0,1\n1\n", "one number per column"),
        ("time,v\n", "holds no numbers"),
        ("\n\n", "holds no numbers"),
        ("time,v\n0,1\n0.01,nan\n", "NaN or infinity"),
        (
            "time,v\n0,1\n1,2\n3,3\n",
            "not uniform",
        ),
        (
            "time,v\n0,1\n1,2\n9,3\n",
            r"step of 4\.5 s: sample 1 lies at 1 s instead of 4\.5 s; correct them, or",
        ),
        ("time,v\n2,1\n1,2\n0,3\n", "time must increase"),
    ],
)
def test_bad_tables(tmp_path, text, words):
    (tmp_path / "v.csv").write_text(text)
    with pytest.raises(ValueError, match=words):
        load_traces(tmp_path / "v.csv")


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        ("t,soma (mV),axon (mV)", "mV"),
        ("t,soma [V],axon [V]", "V"),
        ("t,soma,axon", "1"),
        ("t,cell (A),cell (B)", "1"),
        ("t,neuron (1),neuron (2)", "1"),
    ],
)
def test_csv_columns_in_their_unit(tmp_path, header, unit):
    (tmp_path / "v.csv").write_text(header + "\n0,1,2\n0.001,3,4\n")
    traces = load_traces(tmp_path / "v.csv")
    assert traces.attrs["value_unit"] == unit
    assert traces["neuron"].values.tolist() == header.split(",")[1:]


@pytest.mark.parametrize("names", ["soma (mV),axon (V)", "soma (mV),drive (pA)", "soma (mV),other"])
def test_csv_columns_in_several_units(tmp_path, names):
    (tmp_path / "v.csv").write_text(f"t,{names}\n0,1,2\n0.001,3,4\n")
    with pytest.raises(ValueError, match=r"v\.csv mixes units: column 'soma \(mV\)' is in mV and"):
        load_traces(tmp_path / "v.csv")


def test_foreign_netcdf(tmp_path):
    values = np.random.default_rng(0).standard_normal((16, 3))
    dataset = xr.Dataset({"vm": (("time", "neuron"), values)}, coords={"time": 1e-3 * np.arange(16)})
    dataset.to_netcdf(tmp_path / "v.nc", engine="h5netcdf")
    traces = load_traces(tmp_path / "v.nc")
    assert np.array_equal(traces["voltage"].values[0], values.T) and traces.attrs["dt"] == 1e-3
    dataset.rename(neuron="cell").drop_vars("time").to_netcdf(tmp_path / "v.nc", engine="h5netcdf")
    with pytest.raises(ValueError, match="dims.*dt"):
        load_traces(tmp_path / "v.nc")
    assert load_traces(tmp_path / "v.nc", dims=("time", "neuron"), dt=1e-3).sizes["neuron"] == 3
    dataset["time"].attrs["units"] = "days since 1970-01-01"
    dataset.to_netcdf(tmp_path / "v.nc", engine="scipy")  # NetCDF 3
    with pytest.raises(ValueError, match="unit 'days since 1970-01-01'"):
        load_traces(tmp_path / "v.nc")


def test_a_tensor_file_with_a_member_marked_as_a_folder_is_refused(tmp_path):
    # its checksum passes, and torch would return uninitialised memory
    torch = pytest.importorskip("torch")
    path = tmp_path / "v.pt"
    torch.save(torch.zeros(4, 5), path)
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"PK\x01\x02", 0, data.index(b"data/0", data.index(b"PK\x01\x02")))
    data[entry + 38] = 0x10  # the archive's mark of a folder
    path.write_bytes(data)
    with pytest.raises(ValueError, match="damaged"):
        load_traces(path, dims=("neuron", "time"), dt=0.001)
