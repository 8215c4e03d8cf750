"""Source 002's sweep of time steps: a miniature end to end, going on after a stop, published numbers, Pareto front."""

from dataclasses import replace

import numpy as np
import pytest

from snntheory import artefacts
from snntheory.experiments import time_step_sweep as experiment
from snntheory.experiments.time_step_sweep import Settings, Training
from snntheory.training.trainer import as_inputs

QUICK = Settings().quick()


def test_run_writes_a_verified_artefact(tmp_path, monkeypatch):
    still = artefacts.Sources("0" * 64, None)  # somebody may be at work on the sources
    monkeypatch.setattr(artefacts, "current_sources", lambda: still)
    monkeypatch.setattr(artefacts, "sources_digest", lambda: still.digest)
    lines = []
    for _ in range(2):  # the second finds everything done
        (path,) = experiment.run(QUICK, tmp_path, tmp_path / "state", "a command", lines.append)
    found = artefacts.load("time-step-sweep", tmp_path)
    assert lines[:2] == lines[2:] and len(lines[:2]) == len(QUICK.time_steps) and path.exists()
    assert found["dt"].values.tolist() == [0.0, 0.010]
    assert found["check"].values.tolist() == [100, 200]
    assert (found["latency"].diff("time") >= 0).all() and float(found["latency"].isel(time=0).max()) == 0
    # the check looks at a part of the samples that the test looks at, with the same weights
    assert float(abs(found["hidden_spikes"].isel(check=-1) / found["test_hidden_spikes"] - 1).max()) < 0.2
    with pytest.raises(ValueError, match="other settings; remove it"):
        experiment.run(replace(QUICK, n_train=180), tmp_path, tmp_path / "state", "a command")


def test_a_training_goes_on_after_a_stop(tmp_path):
    settings, training = replace(QUICK, epochs=2), Training(0.010)
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    whole = experiment.measure(settings, training, tmp_path / "whole")
    experiment.train(QUICK, training, tmp_path / "cut")  # one epoch, then killed
    again = experiment.measure(settings, training, tmp_path / "cut")
    assert again.drop_vars("seconds").identical(whole.drop_vars("seconds"))
    assert whole.sizes["check"] == 4


def test_the_source_s_settings():
    """Table 1; the thresholds as in the settings of BATS, which the table prints for MNIST in the other order."""
    full = Settings().full()
    network = experiment.make_network(full, Training(0.008))
    assert network.sizes == (784, 800, 10) and network.options["late"] == "drop"
    assert [each.v_threshold for each in network.neurons] == [0.2, 1.3]
    assert (full.batch_size, full.learning_rate, full.epochs, len(full.seeds)) == (50, 3e-3, 10, 5)
    fashion = experiment.make_network(Settings().full().fashion(), Training(0.0))
    assert fashion.sizes == (784, 400, 400, 10) and fashion.max_spikes == (5, 5, 20)
    weights = [each.numpy() for each in network.weights()]
    same = experiment.make_network(full, Training(0.0))
    assert all((a == b.numpy()).all() for a, b in zip(weights, same.weights(), strict=True))
    assert -experiment.TAU_SYN <= weights[0].min() < -0.99 * experiment.TAU_SYN


def test_labels_tell_trainings_apart():
    each = [
        Training(0.0),
        Training(0.008),
        Training(0.008, late="carry"),
        Training(0.008, shift=experiment.LATTICE / 2),
        Training(0.008, target=10.0),
        Training(0.008, 1),
    ]
    assert len({training.label for training in each}) == len(each)


def test_published_numbers():
    """The text of source 002: MNIST learns up to 7 ms and not at 8, EMNIST is best in continuous time."""
    found = experiment.published()

    def accuracy(data, dt, epoch=10):
        row = (found["data"] == data) & (found["dt"] == dt) & (found["epoch"] == epoch)
        return float(found["accuracy"][row.values].item())

    assert accuracy("mnist", 0.007) > 0.98 and accuracy("mnist", 0.008) < 0.6
    assert accuracy("mnist", 0.008, 1) > 0.8  # it learns at first
    assert accuracy("emnist", 0.0) == pytest.approx(0.849, abs=5e-4)
    assert accuracy("fashion-mnist", 0.003) == pytest.approx(0.878, abs=5e-4)
    assert accuracy("fashion-mnist", 0.009) == pytest.approx(0.1, abs=5e-3)
    assert set(found["runs"].values) <= {1, 2, 3, 5}


def test_latency_counts_the_spikes_of_the_true_class():
    settings = replace(QUICK, n_check=20)
    training = Training(0.010)
    network = experiment.make_network(settings, training)
    network.set_weights([w * 0 + 0.05 for w in network.weights()])  # everybody fires
    share = experiment.latency(settings, network, training, np.array([0.0, 0.1, 0.2]))
    assert share[0] == 0 < share[1] < share[2]
    images, labels = (part[:20] for part in experiment.samples(settings, "test"))
    times = network(training.encoder().times(as_inputs(images)))[-1]
    own = [int(times[k, label].isfinite().sum()) for k, label in enumerate(labels)]
    assert share[2] == pytest.approx(np.mean(own) / 15)
