"""Files made or damaged to do harm: one ValueError with the file's name each; no crash, no hang, no execution."""

import io
import json
import pickle
import shutil
import struct
import time
import zipfile

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snntheory import load_traces, make_traces, save_traces
from snntheory._trace_formats import hdf5, limits
from snntheory._trace_formats.hdf5_probe import describe

ASK = {"dims": ("time",), "dt": 1e-3}
quickly = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


def example(suffix):
    rng = np.random.default_rng(0)
    shape = (2, 3, 16)
    others = {} if suffix == ".npy" else {"spikes": rng.integers(0, 3, shape).astype(np.uint8)}
    traces = make_traces(
        rng.standard_normal(shape), 1e-3, attrs={"layers": [3, 4], "tau_mem": 0.02}, **others
    )
    return traces.assign_coords(neuron=["a", "b", "ü"])


# Mutated files ----------------------------------------------------------------------------------------------


@st.composite
def damage(draw):
    """Bytes to change, as (place as a fraction, new value or bit to flip), and how much of the file is kept."""
    place = st.floats(0, 1, exclude_max=True, width=32)
    changes = draw(st.lists(st.tuples(place, st.integers(0, 255), st.booleans()), max_size=6))
    return changes, draw(st.one_of(st.just(1.0), st.floats(0, 1, width=32)))


def mutated(content, changes, kept):
    data = bytearray(content)
    for place, value, flip in changes:
        index = int(place * len(data))
        data[index] = data[index] ^ (1 << value % 8) if flip else value
    return bytes(data[: int(round(kept * len(data)))])


def loads_or_refuses(path):
    started = time.monotonic()
    try:
        load_traces(path)
    except ValueError as error:
        assert path.name in str(error)
    assert time.monotonic() - started < 30


@pytest.mark.filterwarnings("ignore")  # a damaged label may look like milliseconds
@pytest.mark.parametrize("suffix", [".npz", ".npy", ".csv", ".pt", ".zarr.zip"])
@quickly
@given(damage())
def test_damaged_files(tmp_path, suffix, how):
    if suffix == ".pt":
        pytest.importorskip("torch")
    original, path = tmp_path / f"original{suffix}", tmp_path / f"v{suffix}"
    if not original.exists():
        save_traces(example(suffix), original)
        save_traces(example(suffix), path)
    path.write_bytes(mutated(original.read_bytes(), *how))
    loads_or_refuses(path)


@pytest.mark.filterwarnings("ignore")
@quickly
@given(damage(), st.integers(0, 10**6))
def test_damaged_zarr_folders(tmp_path, how, which):
    original, path = tmp_path / "original.zarr", tmp_path / "v.zarr"
    if not original.exists():
        save_traces(example(".zarr"), original)
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(original, path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    file = files[which % len(files)]
    file.write_bytes(mutated(file.read_bytes(), *how))
    loads_or_refuses(path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", [".nc", ".h5"])
@pytest.mark.parametrize("seed", range(8))
def test_damaged_hdf5(tmp_path, suffix, seed):
    path = save_traces(example(suffix), tmp_path / f"v{suffix}")
    rng = np.random.default_rng(seed)
    changes = [(rng.random(), int(rng.integers(256)), bool(rng.integers(2))) for _ in range(4)]
    path.write_bytes(mutated(path.read_bytes(), changes, 1.0 if seed % 2 else rng.random()))
    loads_or_refuses(path)


def test_hdf5_that_never_ends_is_given_up(tmp_path, monkeypatch):
    # A free-space object of size 0 in a global heap: libhdf5 2.0 looks for its end for ever.
    path = save_traces(example(".nc"), tmp_path / "v.nc")
    data = bytearray(path.read_bytes())
    heaps = [index for index in range(len(data) - 4) if data[index : index + 4] == b"GCOL"]
    for heap in heaps:
        data[heap + 16 : heap + 32] = bytes(16)
    path.write_bytes(data)
    monkeypatch.setattr(hdf5, "SECONDS", 3.0)
    with pytest.raises(ValueError, match=r"v\.nc is truncated or damaged"):
        load_traces(path)


def test_a_crash_of_the_hdf5_library_is_an_error_like_any_other(tmp_path, monkeypatch):
    path = save_traces(example(".nc"), tmp_path / "v.nc")
    crash = tmp_path / "hdf5_probe.py"
    crash.write_text("import os\nos.abort()\n")
    monkeypatch.setattr(hdf5, "__file__", str(tmp_path / "hdf5.py"))
    with pytest.raises(ValueError, match="damaged.*ends with signal 6"):
        load_traces(path)


# Declared sizes ---------------------------------------------------------------------------------------------


def header(shape, descr="<f8"):
    text = str({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def fill(path, shape):
    """A file of a few kilobytes that declares an array of this shape."""
    if path.suffix == ".npy":
        path.write_bytes(header(shape) + bytes(80))
    elif path.suffix == ".npz":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("voltage.npy", header(shape) + bytes(80))
    elif path.suffix in (".h5", ".nc"):
        with h5py.File(path, "w") as file:
            file.create_dataset("voltage", shape=shape, dtype="f8", chunks=(1,) * (len(shape) - 1) + (100,))
    elif path.suffix == ".zarr":
        pytest.importorskip("zarr").create_array(
            store=path, name="voltage", shape=shape, chunks=100, dtype="f8"
        )
    else:
        torch = pytest.importorskip("torch")
        torch.save({"voltage": torch.zeros(1, dtype=torch.float64).expand(shape)}, path)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".h5", ".nc", ".zarr", ".pt"])
@pytest.mark.parametrize("length", [10**9, 10**14])
def test_a_declared_size_is_checked_before_memory_is_asked_for(tmp_path, suffix, length):
    path = tmp_path / f"v{suffix}"
    fill(path, (length,))
    with pytest.raises(ValueError, match=rf"v{suffix}.*(declares|truncated)"):
        load_traces(path, **ASK)
    if suffix in (".npy", ".h5", ".nc", ".zarr"):
        with pytest.raises(ValueError, match=rf"v{suffix}.*(declares|truncated)"):
            load_traces(path, **ASK, chunks="auto")


@pytest.mark.parametrize("shape", [(2**62, 2**62), (-5,), (2**63 - 1,)])
def test_sizes_that_overflow(tmp_path, shape):
    for suffix in (".npy", ".npz"):
        path = tmp_path / f"v{suffix}"
        fill(path, shape)
        with pytest.raises(ValueError, match=f"v{suffix}"):
            load_traces(path, dims=("neuron", "time")[-len(shape) :], dt=1e-3)


def test_an_archive_that_unpacks_to_much_more_than_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "HARMLESS", 10**6)
    monkeypatch.setattr(limits, "RATIO", 100)
    for name, member in (("v.npz", "voltage.npy"), ("v.pt", "archive/data/0"), ("v.zarr.zip", "voltage/0")):
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(member, header((10**6,)) + bytes(8 * 10**6))
        with pytest.raises(ValueError, match=f"{name}: .*declares 8 MB in a file of"):
            load_traces(tmp_path / name, **ASK)


def test_more_than_the_free_memory(tmp_path, monkeypatch):
    path = tmp_path / "v.npy"
    np.save(path, np.zeros(1000))
    monkeypatch.setattr(limits, "available_memory", lambda: 4000.0)
    with pytest.raises(ValueError, match=r"v\.npy: its array holds 8 kB and 4 kB .*chunks='auto'"):
        load_traces(path, **ASK)
    assert load_traces(path, **ASK, chunks="auto").sizes["time"] == 1000


def test_free_memory_is_known():
    assert 2**20 < limits.available_memory() < 2**60


def test_one_tensor_listed_many_times(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(limits, "HARMLESS", 10**6)
    one = torch.zeros(1000)
    torch.save([one] * 10_000, tmp_path / "v.pt")
    monkeypatch.setattr(limits, "RATIO", 100)
    with pytest.raises(ValueError, match=r"v\.pt: .*declares 40 MB"):
        load_traces(tmp_path / "v.pt", dims=("time", "neuron"), dt=1e-3)


@pytest.mark.parametrize("dtype", ["<U100000000", "|V100000000", "|O", "M8[s]", "<c16"])
def test_types_in_labels(tmp_path, dtype):
    path = save_traces(example(".npz"), tmp_path / "v.npz")
    with np.load(path) as archive:
        arrays = dict(archive)
    labels = json.loads(str(arrays["snntheory_traces"]))
    labels["variables"]["neuron"]["dtype"] = dtype
    np.savez(path, **(arrays | {"snntheory_traces": np.array(json.dumps(labels))}))
    with pytest.raises(ValueError, match=r"v\.npz: its labels are damaged.*is of type"):
        load_traces(path)


# Code -------------------------------------------------------------------------------------------------------


class Harmful:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was executed",))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("version", [2, 3])
def test_a_codec_that_runs_code(tmp_path, version):
    zarr = pytest.importorskip("zarr")
    path = tmp_path / "v.zarr"
    made = zarr.create_array(
        store=path, name="voltage", shape=(4,), chunks=(4,), dtype="f8", zarr_format=version
    )
    made[:] = 1.0
    file = path / "voltage" / (".zarray" if version == 2 else "zarr.json")
    meta = json.loads(file.read_text())
    if version == 2:
        meta |= {"compressor": None, "filters": [{"id": "pickle", "protocol": 5}]}
        (path / "voltage" / "0").write_bytes(pickle.dumps(Harmful()))
    else:
        meta["codecs"] = [*meta["codecs"], {"name": "numcodecs.pickle", "configuration": {}}]
    file.write_text(json.dumps(meta))
    with pytest.raises(ValueError, match=r"v\.zarr: 'voltage' is stored with the codec 'pickle'"):
        load_traces(path, **ASK)


@pytest.mark.filterwarnings("ignore")
def test_a_codec_that_runs_code_in_traces_of_ours(tmp_path):
    path = save_traces(example(".zarr"), tmp_path / "v.zarr")
    file = path / "voltage" / ".zarray"
    file.write_text(
        json.dumps(json.loads(file.read_text()) | {"compressor": None, "filters": [{"id": "pickle"}]})
    )
    chunk = next(p for p in (path / "voltage").iterdir() if p.name[0].isdigit())
    chunk.write_bytes(pickle.dumps(Harmful()))
    with pytest.raises(ValueError, match="codec 'pickle'"):
        load_traces(path)


# Other files ------------------------------------------------------------------------------------------------


@pytest.fixture
def linking(tmp_path):
    """A file with arrays of its own, and with four ways into another one."""
    secret, path = tmp_path / "secret.h5", tmp_path / "v.h5"
    with h5py.File(secret, "w") as file:
        file["x"] = np.arange(8.0)
    (tmp_path / "raw").write_bytes(np.arange(8.0).tobytes())
    with h5py.File(path, "w") as file:
        file["run/voltage"] = np.arange(8.0)
        file["run/soft"] = h5py.SoftLink("/run/voltage")
        file["run/external"] = h5py.ExternalLink(str(secret), "x")
        file["run/group"] = h5py.ExternalLink(str(secret), "/")
        file["run/through"] = h5py.SoftLink("/run/group/x")
        layout = h5py.VirtualLayout(shape=(8,), dtype="f8")
        layout[:] = h5py.VirtualSource(str(secret), "x", shape=(8,))
        file.create_virtual_dataset("run/virtual", layout)
        file.create_dataset("run/raw", (8,), "f8", external=[(str(tmp_path / "raw"), 0, 64)])
        file["run/loop"] = file["run"]
        file["run/endless"] = h5py.SoftLink("/run/endless")
        file["run/reference"] = np.array([file["run/voltage"].ref], dtype=h5py.ref_dtype)
        file["run/region"] = np.array([file["run/voltage"].regionref[:4]], dtype=h5py.regionref_dtype)
    return path


def test_links_out_of_an_hdf5_file_are_listed_and_not_followed(linking):
    found = describe(str(linking))
    assert set(found["elsewhere"]) == {"run/external", "run/group", "run/virtual", "run/raw"}
    assert {name for name, entry in found["arrays"].items() if entry["numeric"]} == {
        "run/voltage",
        "run/soft",
    }


def test_arrays_of_the_file_itself_are_read(linking):
    for name in ("voltage", "run/voltage", "soft"):
        traces = load_traces(linking, **ASK, variable=name)
        assert traces["voltage"].values[0, 0].tolist() == list(range(8))
    for name in ("run/external", "run/virtual", "run/raw", "run/through", "run/endless", "run/reference"):
        with pytest.raises(ValueError, match=f"v.h5 .*'{name}'"):
            load_traces(linking, **ASK, variable=name)


def test_netcdf_with_links_is_refused(linking):
    path = linking.rename(linking.with_suffix(".nc"))
    with pytest.raises(ValueError, match="v.nc: 'run/external' is a link to .*secret.h5, and other files"):
        load_traces(path, **ASK, variable="run/voltage")


def test_a_link_out_of_a_zarr_folder_is_refused(tmp_path):
    path = save_traces(example(".zarr"), tmp_path / "v.zarr")
    (path / "voltage" / "outside").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="'outside' is a link to another place"):
        load_traces(path)


def test_groups_nested_too_deep(tmp_path):
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["/".join(["g"] * 100) + "/voltage"] = np.zeros(4)
    with pytest.raises(ValueError, match="v.h5 .*nested more than 32 deep"):
        load_traces(tmp_path / "v.h5", **ASK)


# Tables -----------------------------------------------------------------------------------------------------


def test_a_million_columns(tmp_path):
    count = 10**6
    (tmp_path / "v.csv").write_text((",".join(["1"] * count) + "\n") * 2)
    started = time.monotonic()
    with pytest.raises(ValueError, match=r"v\.csv does not say .*\(2, 1000000\)"):
        load_traces(tmp_path / "v.csv")
    assert load_traces(tmp_path / "v.csv", dims=("time", "neuron"), dt=1e-3).sizes["neuron"] == count
    assert time.monotonic() - started < 60


def test_a_name_that_takes_a_pattern_long_to_refuse(tmp_path):
    cells = ["t" + " " * 100_000 + "!", "v" + "(" * 100_000]
    (tmp_path / "v.csv").write_text(",".join(cells) + "\n1,2\n3,4\n")
    started = time.monotonic()
    assert load_traces(tmp_path / "v.csv", dims=("time", "neuron"), dt=1e-3).sizes["neuron"] == 2
    assert time.monotonic() - started < 10


def test_nested_labels_in_a_table(tmp_path):
    path = save_traces(example(".csv"), tmp_path / "v.csv")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], "# " + "[" * 200_000 + "\n", *lines[2:]]))
    with pytest.raises(ValueError, match=r"v\.csv is truncated or damaged"):
        load_traces(path)


@pytest.mark.parametrize("suffix", [".nc", ".h5", ".npz", ".npy", ".pt", ".csv", ".zarr.zip"])
def test_zero_length(tmp_path, suffix):
    (tmp_path / f"v{suffix}").write_bytes(b"")
    with pytest.raises(ValueError, match=rf"v{suffix} is empty"):
        load_traces(tmp_path / f"v{suffix}")


def test_stream_is_not_left_open(tmp_path):
    stream = io.BytesIO(b"PK\x03\x04 no archive")
    (tmp_path / "v.npz").write_bytes(stream.getvalue())
    with pytest.raises(ValueError, match="damaged"):
        load_traces(tmp_path / "v.npz")  # a stream left open would be a ResourceWarning, hence an error here
