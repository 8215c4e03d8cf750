"""The first experiment: its protocols are what they say, and it runs, resumes and is reproducible in miniature."""

from dataclasses import replace

import numpy as np
import pytest

from snntheory import artefacts
from snntheory.experiments import NAMES, time_step_spectra
from snntheory.experiments.time_step_spectra import Settings, artefact_name, network_and_encoder
from snntheory.training import checkpoint as checkpoints
from snntheory.training import encoders

TINY = replace(
    Settings().quick(),
    time_steps=(0.004,),
    hidden=8,
    epochs=1,
    n_train=128,
    n_test=64,
    record_window=0.2,
    record_neurons=3,
    record_batch=5,
)


def test_names():
    assert NAMES[0] == "time-step-spectra"
    assert artefact_name("physical", 0.0005) == "hidden-physical-0.5ms"
    assert artefact_name("source", 0.008) == "hidden-source-8ms"
    with pytest.raises(ValueError, match="protocol must be one of 'physical', 'source'"):
        artefact_name("original", 0.001)


def test_the_protocols_change_what_they_say():
    settings = Settings()
    facts = {}
    for protocol in time_step_spectra.PROTOCOLS:
        for dt in (0.0005, 0.008):
            network, encoder = network_and_encoder(settings, protocol, dt)
            facts[protocol, dt] = (
                encoders.n_steps(encoder.window, network.dt),
                encoder.mean_count(dt) / dt,  # spikes a second at full intensity
                network.input,
            )
    # physical: one window of 0.1 s, 100 Hz and full kicks; source: 50 steps, a spike a step, kicks w dt
    assert facts["physical", 0.0005] == (200, pytest.approx(100), "dirac")
    assert facts["physical", 0.008] == (13, pytest.approx(100), "dirac")
    assert facts["source", 0.0005] == (50, pytest.approx(2000), "sampled")
    assert facts["source", 0.008] == (50, pytest.approx(125), "sampled")


def test_quick_is_smaller():
    full, quick = Settings(), Settings().quick()
    assert len(quick.time_steps) < len(full.time_steps)
    assert quick.n_train * quick.epochs * quick.hidden < 0.02 * full.n_train * full.epochs * full.hidden
    assert (quick.scheme, quick.neuron, quick.window) == (full.scheme, full.neuron, full.window)


def run(tmp_path, report=lambda line: None):
    return time_step_spectra.run(TINY, tmp_path, tmp_path / "state", "snntheory experiment tiny", report)


@pytest.mark.slow
def test_a_miniature_is_recorded_with_its_provenance_and_again_the_same(tmp_path):
    lines = []
    paths = run(tmp_path / "a", lines.append)
    assert [path.stem for path in paths] == ["hidden-physical-4ms", "hidden-source-4ms"]
    assert len(lines) == 2 and "test accuracy" in lines[0]
    first = {path.stem: artefacts.load(path.stem, tmp_path / "a") for path in paths}
    physical, source = first.values()
    assert physical["voltage"].shape == (3 * 2, 3, 50)  # 3 samples twice, 3 neurons, 0.2 s
    assert source["voltage"].shape == (5, 3, 50)  # 5 samples, 50 steps whatever the time step
    assert physical["unit"].values.tolist() == [0, 3, 7]
    assert {"drive_mean", "drive_power", "spikes"} <= set(physical.data_vars)
    assert physical.attrs["scheme"] == "backward_euler" and physical.attrs["protocol"] == "physical"
    facts = artefacts.provenance("hidden-source-4ms", tmp_path / "a")
    assert facts["settings"]["dt"] == 0.004 and facts["settings"]["hidden"] == 8
    assert facts["settings"]["neuron"]["tau_mem"] == 0.020
    assert 0 <= facts["headline"]["test_accuracy"] <= 1 and facts["headline"]["hidden_spikes"] > 0

    trained = {path.name: path.read_bytes() for path in (tmp_path / "a" / "state").iterdir()}
    run(tmp_path / "a")  # what is trained is taken up again
    assert trained == {path.name: path.read_bytes() for path in (tmp_path / "a" / "state").iterdir()}
    run(tmp_path / "b")  # and a fresh run gives the same numbers
    for name, traces in first.items():
        for folder in ("a", "b"):
            again = artefacts.load(name, tmp_path / folder)
            np.testing.assert_array_equal(again["voltage"], traces["voltage"])
            assert again.attrs["weights_sha256"] == traces.attrs["weights_sha256"]


def test_another_training_in_the_same_place_is_refused(tmp_path):
    (tmp_path / "state").mkdir()
    quick = replace(TINY, epochs=0)
    time_step_spectra.train_and_record(quick, "physical", 0.004, tmp_path / "state")
    with pytest.raises(
        checkpoints.CheckpointError, match="belongs to another training: learning_rate was 0.005, now 0.1"
    ):
        time_step_spectra.train_and_record(
            replace(quick, learning_rate=0.1), "physical", 0.004, tmp_path / "state"
        )
