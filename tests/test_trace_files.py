"""Traces in files: what is written comes back unchanged; what is broken gives one clear error."""

import io
import json
import pickle

import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snntheory import load_traces, make_traces, save_traces
from snntheory._trace_formats import hdf5, netcdf
from snntheory._trace_formats.hdf5_probe import describe

SUFFIXES = (".nc", ".npz", ".npy", ".csv", ".pt", ".h5", ".zarr", ".zarr.zip")
FILES = tuple(suffix for suffix in SUFFIXES if suffix != ".zarr")  # not folders
ATTRS = {
    "tau_mem": 0.02,
    "layers": [784, 400, 10],
    "none": [],
    "scheme": "forward_euler",
    "trained": True,
    "seed": 7,
    "huge": 2**80,
    "text": 'überschwellig, "quoted"\nsecond line',
    "empty": "",
    "nothing": None,
    "limit": float("inf"),
    "nested": {"a": [1, 2.5]},
}


def example(suffix=".nc", dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    shape = (2, 3, 16)
    others = {}
    if suffix != ".npy":
        others = {"current": rng.standard_normal(shape), "spikes": rng.integers(0, 3, shape).astype(np.uint8)}
    traces = make_traces(
        rng.standard_normal(shape).astype(dtype) / 3,
        1e-3,
        t0=0.25,
        value_unit="mV",
        phase="before reset",
        attrs=ATTRS,
        **others,
    )
    return traces.assign_coords(label=("trial", [3, 7]), neuron=["a", "b", "ü"])


def same(left, right):
    """Values, types, dimensions, coordinates and attributes, bit by bit."""
    xr.testing.assert_identical(left, right)
    assert set(left.coords) == set(right.coords)
    for name in left.variables:
        assert left[name].dtype == right[name].dtype, name
        assert left[name].values.tobytes() == right[name].values.tobytes(), name
    assert {k: type(v) for k, v in left.attrs.items()} == {k: type(v) for k, v in right.attrs.items()}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_round_trip(tmp_path, suffix, dtype):
    traces = example(suffix, dtype)
    path = save_traces(traces, tmp_path / f"v{suffix}")
    assert path == tmp_path / f"v{suffix}"
    same(load_traces(path), traces)
    kept = {f"v{suffix}"} | ({"v.npy.json"} if suffix == ".npy" else set())
    assert {p.name for p in tmp_path.iterdir()} == kept  # no temporary file stays


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_round_trip_of_a_slice_in_time(tmp_path, suffix):
    traces = example(suffix).isel(time=slice(3, 14))
    again = load_traces(save_traces(traces, tmp_path / f"v{suffix}"))
    assert again.attrs["t0"] == traces["time"].values[0]
    same(again, traces.assign_attrs(t0=again.attrs["t0"]))


doubles = st.floats(allow_nan=False, allow_infinity=False, width=64) | st.sampled_from(
    [5e-324, -0.0, 1.7976931348623157e308]
)
texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",)), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=6,
)
taken = {"schema", "dt", "t0", "time_unit", "value_unit", "phase", "tau_mem", "tau_syn", "json_attributes"}
names = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,12}", fullmatch=True).filter(lambda name: name not in taken)


@pytest.fixture
def one_process(monkeypatch):
    """HDF5 files looked through here, which is faster; test_trace_safety.py looks through them as users do."""
    for module in (hdf5, netcdf):
        monkeypatch.setattr(module, "look", lambda path: describe(str(path)))


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(doubles, min_size=2, max_size=6),
    st.dictionaries(names, values, max_size=3),
    st.integers(1, 10**7),
    st.integers(-(10**6), 10**6),
)
def test_every_value_attribute_and_time_survives(
    tmp_path, one_process, suffix, voltages, attrs, microseconds, first
):
    dt = microseconds * 1e-9
    traces = make_traces(np.array(voltages), dt, dims=("time",), t0=first * dt, attrs=attrs)
    again = load_traces(save_traces(traces, tmp_path / f"h{suffix}"))
    same(again, traces)
    assert again["time"].values.tolist() == [first * dt + dt * n for n in range(len(voltages))]


@pytest.mark.parametrize("suffix", [".nc", ".npz", ".pt", ".h5", ".zarr"])
def test_ragged_spike_times_and_bool_spikes(tmp_path, suffix):
    traces = make_traces(np.zeros((1, 1, 8)), 1e-3, spikes=np.arange(8).reshape(1, 1, 8) > 5)
    for times in ([0.006, 0.007], []):
        traces["spike_times"] = xr.DataArray(np.array(times, dtype=float), dims="spike")
        same(load_traces(save_traces(traces, tmp_path / f"s{suffix}")), traces)
        traces = traces.drop_vars("spike_times")


def test_netcdf_is_plain_hdf5(tmp_path):
    traces = example()
    save_traces(traces, tmp_path / "v.nc")
    with h5py.File(tmp_path / "v.nc") as file:
        assert np.array_equal(file["voltage"][...], traces["voltage"].values)
        assert file.attrs["dt"][0] == 1e-3 and file.attrs["value_unit"] == "mV"
        assert json.loads(file.attrs["layers"]) == [784, 400, 10]
        assert file["time"].attrs["units"] == "s"
    with xr.open_dataset(tmp_path / "v.nc", engine="h5netcdf") as opened:
        assert opened["time"].dtype == np.float64  # seconds must not turn into timedelta64


@pytest.mark.parametrize("suffix", [".nc", ".npy", ".h5", ".zarr", ".zarr.zip"])
def test_chunks_open_lazily(tmp_path, suffix):
    traces = example(suffix)
    lazy = load_traces(save_traces(traces, tmp_path / f"v{suffix}"), chunks={"trial": 1})
    assert lazy["voltage"].chunks == ((1, 1), (3,), (16,))
    same(lazy.load(), traces)


def test_lazy_traces_are_saved(tmp_path):
    traces = example()
    same(load_traces(save_traces(traces.chunk(trial=1), tmp_path / "v.nc")), traces)


# What the caller says against what the file says ------------------------------------------------------------


def test_arguments_must_not_contradict_the_file(tmp_path):
    path = save_traces(example(), tmp_path / "v.nc")
    same(load_traces(path, dims=("trial", "neuron", "time"), dt=1e-3, t0=0.25, value_unit="mV"), example())
    for wrong in ({"dt": 2e-3}, {"value_unit": "V"}, {"phase": "elsewhere"}, {"t0": 1.0}):
        with pytest.raises(ValueError, match=f"says {next(iter(wrong))} ="):
            load_traces(path, **wrong)
    with pytest.raises(ValueError, match="leave variable out"):
        load_traces(path, variable="u")
    path = save_traces(example().assign_attrs(phase="unknown"), tmp_path / "v.nc")
    assert load_traces(path, phase="after reset").attrs["phase"] == "after reset"


def test_newer_schema(tmp_path):
    path = save_traces(example(), tmp_path / "v.nc")
    with h5py.File(path, "r+") as file:
        file.attrs["schema"] = "snntheory-traces/2"
    with pytest.raises(ValueError, match="snntheory-traces/2.*update"):
        load_traces(path)


# Broken files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", FILES)
@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_truncated(tmp_path, suffix, kept):
    path = save_traces(example(suffix), tmp_path / f"v{suffix}")
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(ValueError, match=rf"v{suffix}"):
        load_traces(path)


class Harmful:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was executed",))


@pytest.mark.parametrize("suffix", FILES)
def test_pickles_are_never_executed(tmp_path, suffix):
    path = tmp_path / f"v{suffix}"
    path.write_bytes(pickle.dumps(Harmful()))
    with pytest.raises(ValueError, match="pickle|never"):
        load_traces(path, dims=("time",), dt=1e-3)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".pt"])
def test_objects_inside_arrays_are_never_executed(tmp_path, suffix):
    path = tmp_path / f"v{suffix}"
    if suffix == ".npy":
        np.save(path, np.array([Harmful()], dtype=object), allow_pickle=True)
    elif suffix == ".npz":
        np.savez(path, v=np.array([Harmful()], dtype=object))
    else:
        pytest.importorskip("torch").save({"v": Harmful()}, path)
    with pytest.raises(ValueError, match="never"):
        load_traces(path, dims=("time",), dt=1e-3)


@pytest.mark.parametrize("suffix", FILES)
def test_file_of_another_type(tmp_path, suffix):
    stream = io.BytesIO()
    stream.write(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    (tmp_path / f"v{suffix}").write_bytes(stream.getvalue())
    with pytest.raises(ValueError, match="not a"):
        load_traces(tmp_path / f"v{suffix}", dims=("time",), dt=1e-3)


def test_missing_unknown_and_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file"):
        load_traces(tmp_path / "v.nc")
    for name in ("v.mat", "v"):
        with pytest.raises(ValueError, match=r"\.nc, \.npz"):
            load_traces(tmp_path / name)
        with pytest.raises(ValueError, match=r"\.nc, \.npz"):
            save_traces(example(), tmp_path / name)
    (tmp_path / "d.nc").mkdir()
    with pytest.raises(ValueError, match="is a folder"):
        load_traces(tmp_path / "d.nc")


def test_labels_beside_another_array(tmp_path):
    path = save_traces(example(".npy"), tmp_path / "v.npy")
    np.save(path, np.load(path) + 1)
    with pytest.raises(ValueError, match="another array"):
        load_traces(path)


@pytest.mark.parametrize("labels", ['{"schema": "snntheory-traces/1"}', "[]", "{}", '"text"'])
def test_damaged_labels(tmp_path, labels):
    path = tmp_path / "v.npz"
    np.savez(path, snntheory_traces=np.array(labels), voltage=np.zeros(3))
    with pytest.raises(ValueError, match="labels are damaged"):
        load_traces(path)


@pytest.mark.parametrize("content", [b"[]", b"{}", b"3", b"\xff\xfe\x00binary", b"", b"[" * 100_000])
def test_labels_beside_an_array_that_are_none(tmp_path, content):
    path = save_traces(example(".npy"), tmp_path / "v.npy")
    (tmp_path / "v.npy.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"v\.npy\.json is truncated or damaged"):
        load_traces(path)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("attrs", "t0"), None),
        (("attrs", "dt"), "fast"),
        (("attrs",), []),
        (("variables",), None),
        (("variables", "time"), 5),
        (("variables", "voltage", "shape"), [5]),
        (("variables", "trial"), {"dims": ["trial"], "dtype": "<f8", "values": ["x"]}),
    ],
)
def test_labels_beside_an_array_with_a_damaged_entry(tmp_path, place, value):
    path = save_traces(example(".npy"), tmp_path / "v.npy")
    labels = json.loads((tmp_path / "v.npy.json").read_text())
    entry = labels
    for key in place[:-1]:
        entry = entry[key]
    entry[place[-1]] = value
    (tmp_path / "v.npy.json").write_text(json.dumps(labels))
    with pytest.raises(ValueError, match=r"v\.npy\.json.* damaged"):
        load_traces(path)


def test_labels_beside_an_array_without_t0(tmp_path):
    path = save_traces(example(".npy"), tmp_path / "v.npy")
    labels = json.loads((tmp_path / "v.npy.json").read_text())
    del labels["attrs"]["t0"]
    (tmp_path / "v.npy.json").write_text(json.dumps(labels))
    with pytest.raises(ValueError, match=r"v\.npy\.json is truncated or damaged.*t0"):
        load_traces(path)


@pytest.mark.parametrize("kind", ["number", "text", "list", "sparse"])
def test_a_tensor_file_of_ours_with_something_else_in_it(tmp_path, kind):
    torch = pytest.importorskip("torch")
    path = save_traces(example(".pt"), tmp_path / "v.pt")
    content = torch.load(path, weights_only=True)
    voltage = content["voltage"]
    content["voltage"] = {
        "number": 3,
        "text": "voltage",
        "list": [voltage],
        "sparse": voltage.to_sparse(),
    }[kind]
    torch.save(content, path)
    with pytest.raises(ValueError, match="'voltage' must be a dense tensor"):
        load_traces(path)


def test_time_in_a_table_of_ours_must_be_numbers(tmp_path):
    path = save_traces(example(".csv"), tmp_path / "v.csv")
    path.write_text(path.read_text().replace("\n0.25,", "\nnan,"))
    with pytest.raises(ValueError, match="time must be a 1-D axis of finite seconds"):
        load_traces(path)


# Writing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_folder_that_cannot_be_written_to(tmp_path, suffix):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OSError, match=f"cannot write .*file/v{suffix}"):
        save_traces(example(suffix), tmp_path / "file" / f"v{suffix}")
    with pytest.raises(FileNotFoundError, match="create it first"):
        save_traces(example(suffix), tmp_path / "absent" / f"v{suffix}")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failed_write_leaves_the_old_file(tmp_path, suffix, monkeypatch):
    path = save_traces(example(suffix), tmp_path / f"v{suffix}")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_traces(example(suffix, seed=1), path)
    same(load_traces(path), example(suffix))
    assert not [p for p in tmp_path.iterdir() if p.name.endswith(".tmp")]


def test_overwrite_must_be_wanted(tmp_path):
    path = save_traces(example(), tmp_path / "v.nc")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        save_traces(example(seed=1), path, overwrite=False)
    same(load_traces(path), example())


def test_formats_refuse_what_they_cannot_hold(tmp_path):
    with pytest.raises(ValueError, match="holds the voltage alone, not current, spikes"):
        save_traces(example(".nc"), tmp_path / "v.npy")
    traces = example(".nc")
    traces["weights"] = xr.DataArray(np.ones(3), dims="w")
    with pytest.raises(ValueError, match="not weights"):
        save_traces(traces, tmp_path / "v.csv")
    traces = make_traces(np.full((1, 1, 4), 2**60), 1e-3)
    with pytest.raises(ValueError, match=r"2\*\*53"):
        save_traces(traces, tmp_path / "v.csv")
    assert list(tmp_path.iterdir()) == []


def test_invalid_traces_are_not_written(tmp_path):
    traces = example()
    traces["voltage"][0, 0, 3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        save_traces(traces, tmp_path / "v.nc")
    assert list(tmp_path.iterdir()) == []
