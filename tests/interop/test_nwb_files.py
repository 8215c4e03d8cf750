"""NWB files written by pynwb, read by h5py alone: units, rates and sweeps are taken over, the rest is refused."""

import datetime
import shutil

import h5py
import numpy as np
import pytest

from snntheory.interop import from_nwb

pynwb = pytest.importorskip("pynwb")
pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("ignore")]
RATE, N = 20_000.0, 60


def sweep(number):
    """Integers as an amplifier stores them."""
    return np.random.default_rng(number).integers(-3000, 3000, N).astype(np.int16)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Three sweeps of current clamp with their stimuli, one irregular series and one of voltage clamp."""
    path = tmp_path_factory.mktemp("nwb") / "cell.nwb"
    start = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)  # noqa: UP017
    file = pynwb.NWBFile(session_description="steps", identifier="cell 7", session_start_time=start)
    device = file.create_device(name="amplifier")
    electrode = file.create_icephys_electrode(name="pipette", description="patch", device=device)
    for number in range(3):
        common = {"electrode": electrode, "rate": RATE, "starting_time": 2.0 * (3 - number)}
        file.add_acquisition(
            pynwb.icephys.CurrentClampSeries(
                name=f"sweep_{number}",
                data=sweep(number),
                conversion=1e-5,
                offset=-0.01,
                bridge_balance=1.5e7,
                gain=float(number),
                **common,
            )
        )
        file.add_stimulus(
            pynwb.icephys.CurrentClampStimulusSeries(
                name=f"step_{number}", data=np.full(N, 10.0 * number), conversion=1e-12, gain=1.0, **common
            )
        )
    file.add_acquisition(
        pynwb.icephys.CurrentClampSeries(
            name="jittered",
            data=np.linspace(0, 1, 5),
            electrode=electrode,
            timestamps=[0.0, 1e-3, 2.5e-3, 3e-3, 4e-3],
            gain=1.0,
        )
    )
    file.add_acquisition(
        pynwb.icephys.VoltageClampSeries(
            name="clamped", data=np.ones(9), electrode=electrode, rate=1e3, gain=1.0
        )
    )
    with pynwb.NWBHDF5IO(path, "w") as io:
        io.write(file)
    return path


SWEEPS = [f"sweep_{number}" for number in range(3)]


def test_sweeps_become_trials(written):
    traces = from_nwb(written, SWEEPS, stimulus=[f"step_{n}" for n in range(3)])
    assert traces["voltage"].shape == (3, 1, N)
    assert (traces.attrs["dt"], traces.attrs["value_unit"], traces.attrs["t0"]) == (5e-5, "volts", 0.0)
    for number in range(3):
        expected = sweep(number) * 1e-5 - 0.01
        np.testing.assert_allclose(traces["voltage"].values[number, 0], expected, rtol=1e-12)
        np.testing.assert_allclose(traces["current"].values[number, 0], 1e-11 * number, rtol=1e-12)
    assert traces["current"].attrs["units"] == "amperes"
    assert traces["trial_start"].values.tolist() == [6.0, 4.0, 2.0]
    assert traces["series"].values.tolist() == SWEEPS
    assert traces.attrs["nwb_identifier"] == "cell 7" and traces.attrs["nwb_session_start_time"].startswith(
        "2024"
    )
    assert traces.attrs["bridge_balance"] == pytest.approx(1.5e7, rel=1e-6)  # pynwb stores single precision
    assert "gain" not in traces.attrs  # differs from sweep to sweep


def test_pynwb_reads_the_same_values(written):
    traces = from_nwb(written, "acquisition/sweep_1")
    with pynwb.NWBHDF5IO(written, "r") as io:
        series = io.read().acquisition["sweep_1"]
        np.testing.assert_array_equal(traces["voltage"].values[0, 0], series.get_data_in_units())
        assert (traces.attrs["dt"], traces.attrs["t0"]) == (1 / series.rate, series.starting_time)


def test_without_names_every_current_clamp_series_is_taken(written):
    with pytest.raises(ValueError, match="'acquisition/jittered' is not sampled uniformly"):
        from_nwb(written)


def test_sweeps_are_sorted_by_their_start(written, tmp_path):
    path = tmp_path / "cell.nwb"
    shutil.copy(written, path)
    with h5py.File(path, "r+") as file:
        del file["acquisition/jittered"]
    traces = from_nwb(path)
    assert traces["trial_start"].values.tolist() == [2.0, 4.0, 6.0]
    assert traces["series"].values.tolist() == SWEEPS[::-1]


def test_irregular_series_are_resampled_by_name(written):
    traces = from_nwb(written, "jittered", dt=5e-4, resample="linear")
    assert traces.sizes["time"] == 9 and traces.attrs["dt"] == 5e-4
    assert traces["voltage"].values[0, 0, 5] == pytest.approx(0.5, rel=1e-12)  # the sample at 2.5 ms
    with pytest.raises(ValueError, match="needs the new step"):
        from_nwb(written, "jittered", resample="linear")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("clamped", r"'amperes' \(VoltageClampSeries\), and the voltage must be in volts"),
        ("sweep_9", "'sweep_9' is not there.*'acquisition/sweep_0' \\(CurrentClampSeries\\)"),
        (["sweep_0", "jittered"], "not sampled uniformly"),
        ([], "no series is named"),
    ],
)
def test_series_that_do_not_fit(written, names, words):
    with pytest.raises(ValueError, match=words):
        from_nwb(written, names)
    with pytest.raises(ValueError, match="stimulus must be in amperes"):
        from_nwb(written, "sweep_0", stimulus="sweep_1")
    with pytest.raises(ValueError, match="1 sweeps of voltage and 2 of current"):
        from_nwb(written, "sweep_0", stimulus=["step_0", "step_1"])


def _replace(file, name, value):
    attrs = dict(file[name].attrs)
    del file[name]
    file[name] = value
    file[name].attrs.update(attrs)


BREAKS = {
    "no data": (lambda f: f.pop("acquisition/sweep_1/data"), "no data of one or two axes"),
    "empty data": (lambda f: _replace(f, "acquisition/sweep_1/data", np.zeros(0)), "no data"),
    "three axes": (lambda f: _replace(f, "acquisition/sweep_1/data", np.zeros((2, 2, 2))), "no data"),
    "text": (lambda f: _replace(f, "acquisition/sweep_1/data", "text"), "no data"),
    "no unit": (lambda f: f["acquisition/sweep_1/data"].attrs.pop("unit"), "no unit"),
    "no start": (lambda f: f.pop("acquisition/sweep_1/starting_time"), "neither a starting_time"),
    "no rate": (lambda f: f["acquisition/sweep_1/starting_time"].attrs.pop("rate"), "rate 0.0 Hz"),
    "negative rate": (
        lambda f: f["acquisition/sweep_1/starting_time"].attrs.__setitem__("rate", -1.0),
        "rate -1.0 Hz",
    ),
    "rate of text": (
        lambda f: f["acquisition/sweep_1/starting_time"].attrs.__setitem__("rate", "fast"),
        "'fast'",
    ),
    "nan conversion": (
        lambda f: f["acquisition/sweep_1/data"].attrs.__setitem__("conversion", np.nan),
        "conversion nan",
    ),
    "no type": (lambda f: f["acquisition/sweep_1"].attrs.pop("neurodata_type"), "not there"),
    "no version": (lambda f: f.attrs.pop("nwb_version"), "not an NWB 2 file"),
    "shorter": (lambda f: _replace(f, "acquisition/sweep_1/data", np.zeros(7)), "number of samples"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_broken_groups(written, tmp_path, name):
    change, words = BREAKS[name]
    path = tmp_path / "cell.nwb"
    shutil.copy(written, path)
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(ValueError, match=words) as error:
        from_nwb(path, ["sweep_0", "sweep_1"])
    assert "cell.nwb" in str(error.value)


def test_other_files_are_never_opened(written, tmp_path):
    path = tmp_path / "cell.nwb"
    shutil.copy(written, path)
    with h5py.File(path, "r+") as file:
        del file["acquisition/sweep_1/data"]
        file["acquisition/sweep_1/data"] = h5py.ExternalLink(str(written), "acquisition/sweep_1/data")
        file["acquisition/linked"] = h5py.ExternalLink(str(written), "acquisition/sweep_1")
    assert from_nwb(path, "sweep_0").sizes["trial"] == 1
    with pytest.raises(ValueError, match="'acquisition/sweep_1' has its data in another file"):
        from_nwb(path, "sweep_1")
    with pytest.raises(ValueError, match="'linked' is in another file"):
        from_nwb(path, "linked")


def test_no_nwb_file(written, tmp_path):
    with pytest.raises(FileNotFoundError, match="no file"):
        from_nwb(tmp_path / "absent.nwb")
    (tmp_path / "text.nwb").write_text("not HDF5")
    with pytest.raises(ValueError, match="not an HDF5 file"):
        from_nwb(tmp_path / "text.nwb")
    content = written.read_bytes()
    (tmp_path / "cut.nwb").write_bytes(content[: len(content) // 3])
    with pytest.raises(ValueError, match="cut.nwb is truncated"):
        from_nwb(tmp_path / "cut.nwb")
