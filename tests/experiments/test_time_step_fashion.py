"""The sweep on Fashion-MNIST: its sizes, and a miniature with the digits of the package."""

from snntheory import artefacts
from snntheory.experiments import time_step_fashion as experiment
from snntheory.experiments import time_step_sweep as sweep

SETTINGS = experiment.Settings()


def test_the_source_s_settings():
    full = SETTINGS.full().sweep
    network = sweep.make_network(full, sweep.Training(0.003))
    assert network.sizes == (784, 400, 400, 10) and network.max_spikes == (5, 5, 20)
    assert [each.v_threshold for each in network.neurons] == [0.13, 0.45, 0.7]
    assert (full.data, full.n_train, full.batch_size) == ("fashion-mnist", 60_000, 5)
    assert (full.learning_rate, full.halve_after, full.epochs) == (5e-4, 10, 10)


def test_what_was_recorded_is_a_quarter_wide():
    """A hidden spike then counts as much, in thresholds of the layer behind it."""
    wide, narrow = (
        sweep.make_network(each.sweep, sweep.Training(0.0)) for each in (SETTINGS.full(), SETTINGS)
    )
    for n, m, a, b in zip(
        wide.sizes[1:], narrow.sizes[1:], wide.neurons[1:], narrow.neurons[1:], strict=False
    ):
        assert a.v_threshold / n == b.v_threshold / m
    assert wide.neurons[0] == narrow.neurons[0]


def test_run_writes_a_verified_artefact(tmp_path, monkeypatch):
    still = artefacts.Sources("0" * 64, None)  # somebody may be at work on the sources
    monkeypatch.setattr(artefacts, "current_sources", lambda: still)
    monkeypatch.setattr(artefacts, "sources_digest", lambda: still.digest)
    settings, lines = SETTINGS.quick(), []
    for _ in range(2):
        experiment.run(settings, tmp_path, tmp_path / "state", "a command", lines.append)
    assert lines[:2] == lines[2:]
    found = artefacts.load("time-step-fashion", tmp_path)
    assert found["late"].values.tolist() == ["drop", "carry"]
    assert found["dt"].values.tolist() == [0.0, 0.009]
    assert found["test_hidden_spikes"].min() > 0
