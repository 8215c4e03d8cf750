"""The collapse of source 002: what dropping late crossings does to one neuron, and a miniature of the trainings."""

from dataclasses import replace

import numpy as np
import pytest

from snntheory import CubaLIF, artefacts
from snntheory.experiments import collapse as experiment
from snntheory.experiments import time_step_sweep as sweep

OUTPUT = CubaLIF(sweep.TAU_MEM, sweep.TAU_SYN, r=sweep.TAU_MEM, v_threshold=1.3)
DRIVES = np.geomspace(4, 200, 120)


def test_dropping_turns_the_count_against_the_drive():
    """Carried, more drive gives more spikes, up to one a step; dropped, the count rises, and then falls."""
    for dt in (0.008, 0.010):
        carried, dropped = (
            experiment.sent_against_drive(OUTPUT, DRIVES, dt, late) for late in ("carry", "drop")
        )
        assert (np.diff(carried) >= 0).all()
        assert 0.2 / dt - 3 <= carried[-1] <= 0.2 / dt
        peak = dropped.argmax()
        assert dropped[peak:].min() < dropped[peak] / 3
        slow = carried < 0.5 * carried[-1]
        assert (carried[slow] == dropped[slow]).all()  # where the neuron is never late, nothing is dropped


def test_the_target_is_out_of_reach_of_a_dropping_neuron_first():
    """15 spikes fit at 7 ms and not at 11 ms when late crossings are dropped; carried, they fit at 11 ms."""
    best = {
        (dt, late): experiment.sent_against_drive(OUTPUT, DRIVES, dt, late).max()
        for dt in (0.007, 0.011)
        for late in ("carry", "drop")
    }
    assert best[0.007, "drop"] > 15 > best[0.011, "drop"]
    assert best[0.011, "carry"] > 15


def test_the_window_holds_no_more_than_a_spike_a_step():
    counts = experiment.sent_against_drive(OUTPUT, [5000.0], 0.0134, "carry", arrivals=[0.0])
    # 14 steps end within 0.2 s, and "next" moves the input at time zero to the first of them
    assert counts.tolist() == [13]


def test_width_of_a_drive_by_hand():
    """Steady input for a time a, then none: peak 1 - e^{-a/tau}, integral a - tau p + tau p^2 for a window of 2 a."""
    tau, a = sweep.TAU_SYN, 0.1
    peak = 1 - np.exp(-a / tau)
    by_hand = (a - tau * peak + tau * peak**2) / peak
    arrivals = np.linspace(0, a, 4001)
    found = experiment.width_of_drive(arrivals, np.ones(4001))
    assert found == pytest.approx(by_hand, rel=2e-3)  # sums of a step of 0.1 ms
    assert (
        experiment.width_of_drive(arrivals, np.linspace(3, -1, 4001)) < found
    )  # inhibition comes and ends it
    with pytest.raises(ValueError, match="somewhere positive"):
        experiment.width_of_drive([0.0], [-1.0])


def test_what_the_width_promises_is_sent():
    """Up to W / dt spikes, dropping loses none, whatever the phase."""
    arrivals = np.arange(0, 0.1, 1e-3)
    for dt in (0.004, 0.006, 0.008, 0.010):
        safe = experiment.width_of_drive(np.ceil(arrivals / dt + 1e-9) * dt, np.ones(100)) / dt
        carried, dropped = (
            experiment.sent_against_drive(OUTPUT, DRIVES, dt, late) for late in ("carry", "drop")
        )
        few = carried <= 0.9 * safe
        assert few.any() and (carried[few] == dropped[few]).all()


def test_every_condition_changes_one_thing():
    settings = replace(experiment.Settings(), time_steps=(0.008, 0.010))
    found = experiment.trainings(settings)
    assert len(found) == 1 + len(settings.time_steps) * len(experiment.CHANGES)
    base = found["as published", 0.008]
    assert (base.rounding, base.late, base.estimator) == ("next", "drop", "published")
    for name, changes in experiment.CHANGES.items():
        assert found[name, 0.008] == replace(base, **changes)
        assert len(changes) <= 1 or name == "all three"
    with pytest.raises(ValueError, match="condition must be one of"):
        experiment.trainings(replace(settings, conditions=("none",)))


def test_inputs_off_the_lattice_lie_on_no_grid():
    levels = np.arange(256) * sweep.LATTICE + experiment.CHANGES["off lattice"]["shift"]
    for dt in (0.008, 0.010):
        phase = levels / dt
        assert np.abs(phase - phase.round()).min() > 1e-3
    on = np.arange(256) * sweep.LATTICE / 0.008
    assert (np.abs(on - on.round()) < 1e-9).sum() == 3  # 0, 40 and 80 ms are moved a full step


def test_raster_holds_what_the_network_sends():
    settings, training = sweep.Settings().quick(), sweep.Training(0.010)
    network = sweep.make_network(settings, training)
    network.set_weights([w + 0.01 for w in network.weights()])
    image = sweep.samples(settings, "test")[0][3]
    found = experiment.raster(network, training, image)
    delay = (found["sent"] - found["crossing"]).values
    assert found.sizes["spike"] > 20 and delay.min() > 0 and delay.max() <= 0.010 + 1e-12
    sent = found["sent"].values / 0.010
    np.testing.assert_allclose(sent, sent.round(), atol=1e-9)
    pairs = set(zip(found["layer"].values, found["neuron"].values, sent.round(), strict=True))
    assert len(pairs) == found.sizes["spike"]  # one a step
    continuous = sweep.Training(0.0)
    exact = experiment.raster(sweep.make_network(settings, continuous), continuous, image)
    assert (exact["sent"] == exact["crossing"]).all()


def test_run_writes_a_verified_artefact(tmp_path, monkeypatch):
    still = artefacts.Sources("0" * 64, None)  # somebody may be at work on the sources
    monkeypatch.setattr(artefacts, "current_sources", lambda: still)
    monkeypatch.setattr(artefacts, "sources_digest", lambda: still.digest)
    settings, lines = replace(experiment.Settings().quick(), seeds=(0, 1)), []
    for _ in range(2):
        experiment.run(settings, tmp_path, tmp_path / "state", "a command", lines.append)
    assert lines[:6] == lines[6:]
    found = artefacts.load("collapse", tmp_path)
    assert found["condition"].values.tolist() == ["continuous", "as published", "carried"]
    assert found["weights_carried"].shape == (40, 10)
    assert found["test_accuracy"].dims == ("case", "seed") and found["accuracy"].dims == (
        "case",
        "seed",
        "check",
    )
    assert found["dt"].dims == ("case",) and found["seed"].values.tolist() == [0, 1]
    assert (found["true_count"].sel(case=2).diff("late") == 0).all()  # it was trained with carry
    assert (found["test_hidden_spikes"].sel(seed=0) != found["test_hidden_spikes"].sel(seed=1)).all()
    spikes = experiment.recorded_raster(found, "as published")
    assert set(spikes.variables) == {"crossing", "sent", "layer", "neuron"}
    times, weights = experiment.arrivals_at(spikes, found["weights_as_published"], 3)
    assert len(times) == int((spikes["layer"] == 1).sum()) and (np.diff(times) >= 0).all()
    assert set(weights) <= set(found["weights_as_published"].values[:, 3].astype(float))
    with pytest.raises(ValueError, match="condition must be one of"):
        experiment.recorded_raster(found, "clean")
    assert found.attrs["label"] == sweep.samples(settings.sweep, "test")[1][0]
