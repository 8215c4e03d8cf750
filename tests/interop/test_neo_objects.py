"""Neo's objects and NIX files as traces: what Neo says is taken over, what it does not say is refused or asked for."""

import h5py
import numpy as np
import pytest
import xarray as xr

from snntheory import make_traces
from snntheory.interop import from_neo, from_nix, to_neo, to_nix

neo = pytest.importorskip("neo")
pq = pytest.importorskip("quantities")
pytestmark = pytest.mark.interop


def signal(shape=(50, 2), unit="mV", seed=0, rate=10_000, start=0.0, name="vm"):
    values = np.random.default_rng(seed).standard_normal(shape)
    return neo.AnalogSignal(values, units=unit, sampling_rate=rate * pq.Hz, t_start=start * pq.s, name=name)


def block(*segments):
    out = neo.Block()
    for signals in segments:
        segment = neo.Segment()
        segment.analogsignals.extend(signals)
        out.segments.append(segment)
    return out


def example(unit="mV", dtype=np.float64, **attrs):
    rng = np.random.default_rng(1)
    shape = (2, 3, 40)
    traces = make_traces(
        rng.standard_normal(shape).astype(dtype),
        3e-4,
        t0=0.25,
        current=rng.standard_normal(shape),
        spikes=rng.integers(0, 3, shape).astype(np.uint8),
        value_unit=unit,
        current_unit="1" if unit == "1" else "pA",
        phase="before reset",
        attrs={"tau_mem": 0.02, "layers": [3, 4], "name": "taken", "nothing": None} | attrs,
    )
    return traces.assign_coords(label=("trial", ["x", "y"]))


@pytest.mark.parametrize("unit", ["mV", "V", "1"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_there_and_back(unit, dtype):
    traces = example(unit, dtype)
    made = to_neo(traces)
    assert len(made.segments) == 2 and made.segments[0].analogsignals[0].shape == (40, 3)
    again = from_neo(made)
    xr.testing.assert_identical(again, traces)
    assert {name: v.dtype for name, v in again.variables.items()} == {
        n: v.dtype for n, v in traces.variables.items()
    }


def test_there_and_back_through_a_nix_file(tmp_path):
    pytest.importorskip("nixio")
    traces = example()
    path = to_nix(traces, tmp_path / "v.nix")
    xr.testing.assert_identical(from_nix(path), traces)
    assert [p.name for p in tmp_path.iterdir()] == ["v.nix"]
    with pytest.raises(ValueError, match="no block 3"):
        from_nix(path, block=3)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"v\.nix is truncated or damaged"):
        from_nix(path)
    with pytest.raises(FileNotFoundError, match="no file"):
        from_nix(tmp_path / "w.nix")


def test_a_unit_that_takes_for_ever_to_compute(tmp_path):
    pytest.importorskip("nixio")
    path = to_nix(example(), tmp_path / "v.nix")
    with h5py.File(path, "r+") as file:
        arrays = next(iter(file["data"].values()))["data_arrays"]
        next(iter(arrays.values())).attrs["unit"] = "9**9**9**9"
    with pytest.raises(ValueError, match=r"v\.nix has the unit '9\*\*9\*\*9\*\*9'"):
        from_nix(path)


def test_what_neo_shows():
    made = to_neo(example())
    first, trains = made.segments[1].analogsignals[0], made.segments[1].spiketrains
    assert str(first.dimensionality) == "mV"
    np.testing.assert_allclose(first.times.rescale("s").magnitude, 0.25 + 3e-4 * np.arange(40), rtol=1e-12)
    assert [len(train) for train in trains] == example()["spikes"].values[1].sum(-1).tolist()
    assert made.annotations["tau_mem"] == 0.02


def test_a_changed_block_is_not_taken_for_the_old_traces():
    made = to_neo(example())
    for segment in made.segments:
        segment.analogsignals[0] = segment.analogsignals[0][::2].rescale("V")
        segment.analogsignals[0].sampling_rate = segment.analogsignals[0].sampling_rate / 2
    traces = from_neo(made.segments[0].analogsignals[0])
    assert traces.attrs["dt"] == pytest.approx(6e-4, rel=1e-12) and traces.attrs["value_unit"] == "V"


def test_units_rate_and_trials_are_taken_over():
    one, two = signal(seed=1, start=2.0), signal(seed=2, start=5.0)
    traces = from_neo(block([one], [two]))
    assert traces["voltage"].shape == (2, 2, 50)
    assert (traces.attrs["dt"], traces.attrs["value_unit"], traces.attrs["t0"]) == (1e-4, "mV", 0.0)
    assert traces["trial_start"].values.tolist() == [2.0, 5.0]
    assert np.array_equal(traces["voltage"].values[1], two.magnitude.T)
    assert from_neo(one).attrs["t0"] == 2.0 and "trial_start" not in from_neo(one).coords
    xr.testing.assert_equal(from_neo([one, two])["voltage"], traces["voltage"])


def test_mixed_units_are_converted_where_they_are_of_one_kind():
    millivolts = signal((50, 1), "mV", seed=1)
    volts = signal((50, 1), "V", seed=2, name="second")
    drive = signal((50, 1), "nA", seed=3, name="drive")
    traces = from_neo(block([millivolts, volts, drive]))
    assert traces["voltage"].shape == (1, 2, 50) and traces.attrs["value_unit"] == "mV"
    np.testing.assert_allclose(traces["voltage"].values[0, 1], 1000 * volts.magnitude[:, 0], rtol=1e-15)
    assert traces["current"].attrs["units"] == "nA"
    assert np.array_equal(traces["current"].values[0, 1], drive.magnitude[:, 0])
    assert from_neo(block([millivolts, volts]), voltage="second").attrs["value_unit"] == "V"
    odd = neo.AnalogSignal(
        np.ones((9, 1)), units=pq.UnitQuantity("gain", 100 * pq.uV), sampling_rate=1 * pq.kHz
    )
    assert np.all(from_neo(odd)["voltage"].values == pytest.approx(1e-4, rel=1e-12))
    with pytest.raises(ValueError, match="mixes units: mV and 1|mixes units: mV and dimensionless"):
        from_neo([millivolts, signal((50, 1), "dimensionless")])


def test_irregular_signals_are_refused_or_resampled_by_name():
    times = np.array([0.0, 1.0, 2.5, 3.0, 4.0])
    irregular = neo.IrregularlySampledSignal(
        times * pq.ms, 2 * times[:, None] + 1, units="mV", time_units="ms"
    )
    with pytest.raises(ValueError, match="not sampled uniformly.*resample='linear'"):
        from_neo(irregular)
    with pytest.raises(ValueError, match="needs the new step dt"):
        from_neo(irregular, resample="linear")
    traces = from_neo(irregular, dt=5e-4, resample="linear")
    np.testing.assert_allclose(traces["voltage"].values[0, 0], 2 * 0.5 * np.arange(9) + 1, rtol=1e-12)
    even = neo.IrregularlySampledSignal(np.arange(5) * pq.ms, np.ones((5, 1)), units="mV", time_units="ms")
    assert from_neo(even).attrs["dt"] == 1e-3


def test_spikes_count_in_the_step_that_ends_at_or_after_them():
    recorded = signal((50, 1))
    trial = block([recorded])
    train = neo.SpikeTrain([0.0, 1.0e-4, 1.1e-4, 2.0e-4] * pq.s, t_stop=1.0 * pq.s)
    trial.segments[0].spiketrains.append(train)
    assert from_neo(trial, spikes=True)["spikes"].values[0, 0, :4].tolist() == [1, 1, 2, 0]
    assert "spikes" not in from_neo(trial)
    with pytest.raises(ValueError, match="outside"):
        late = block([recorded])
        late.segments[0].spiketrains.append(neo.SpikeTrain([0.9] * pq.s, t_stop=1.0 * pq.s))
        from_neo(late, spikes=True)
    with pytest.raises(ValueError, match="0 spike trains for 1 neurons"):
        from_neo(block([recorded]), spikes=True)


@pytest.mark.parametrize(
    ("recording", "words"),
    [
        (lambda: block(), "no segment"),
        (lambda: block([]), "no voltage"),
        (lambda: block([signal(unit="pA")]), "no voltage.*'vm' in pA"),
        (lambda: block([signal()], [signal((40, 2))]), "differ in their number of samples"),
        (lambda: block([signal()], [signal(rate=5000)]), "has the step 0.0001 s and 'vm' 0.0002 s"),
        (lambda: block([signal(), signal(start=1.0)]), "starts at 0 s, 'vm' at 1 s"),
        (lambda: signal((0, 1)), "no voltage"),
    ],
)
def test_what_is_refused(recording, words):
    with pytest.raises(ValueError, match=words):
        from_neo(recording())


def test_other_objects_are_no_recordings():
    with pytest.raises(TypeError, match="neo Block"):
        from_neo(np.zeros(5))
    with pytest.raises(ValueError, match="no voltage 'x'"):
        from_neo(signal(), voltage="x")
    traces = example()
    traces["spike_times"] = xr.DataArray([0.1], dims="spike")
    with pytest.raises(ValueError, match="not spike_times"):
        to_neo(traces)
    with pytest.raises(ValueError, match="which Neo does not know"):
        to_neo(make_traces(np.zeros((1, 1, 4)), 1e-3, value_unit="furlong per fortnight"))


def test_without_neo(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "neo", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'snntheory\[electrophysiology\]'"):
        from_neo(signal())
