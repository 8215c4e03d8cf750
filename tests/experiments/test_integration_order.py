"""The experiment on the order of integration: in miniature, interrupted, and what its parts must say."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from snntheory import artefacts
from snntheory.experiments import integration_order as experiment
from snntheory.experiments import integration_training as training
from snntheory.experiments.integration_tasks import TASKS, input_times, task_of
from snntheory.spiking import SpikeLimitReached

QUICK = replace(
    experiment.Settings().quick(),
    n_train=(100,) * 4,
    integrators=("order 1", "impulse_invariance"),
    training_orders=((4,), (1, 4)),
    training_samples=(100, 100),
)


@pytest.mark.parametrize("name", TASKS)
def test_tasks_are_read_by_their_network(name):
    task = task_of(name, 7)
    times = input_times(task, 3)
    assert times.shape == (3, task.network.sizes[0], 1)
    assert np.max(times[np.isfinite(times)]) <= task.network.t_max
    assert len(task.network(torch.from_numpy(times))) == 2
    if name == "thresholded":
        assert np.all(times[np.isfinite(times)] == 0)


def test_yin_yang_is_that_of_the_source_in_another_unit_of_time():
    """Scaled times, the same voltages: spikes of both differ by the factor alone, to rounding and a Newton step."""
    from snntheory.experiments.gradient_fidelity import Settings
    from snntheory.experiments.gradient_fidelity import task_of as original

    mine = task_of("yin-yang", 12)
    theirs = original(replace(Settings(), hidden=(12, 12)), "yin-yang")
    for a, b in zip(mine.network.parameters(), theirs.network.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    times = input_times(mine, 4)
    with torch.no_grad():
        found, expected = (
            mine.network(torch.from_numpy(times)),
            theirs.network(torch.from_numpy(times / 0.01)),
        )
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a.numpy(), 0.01 * b.numpy()[..., :30], rtol=1e-9)


def test_a_fine_step_with_all_events_gives_the_exact_answers(tmp_path):
    task = experiment.trained(QUICK, "digits", tmp_path)
    found = experiment.transfer(QUICK, task, "order 6", (100,)).squeeze("step")
    best = found.sel(interpolation="series, inputs too")
    assert float(best["agreement"]) == 1.0 and float(best["unpaired"]) == 0.0
    assert float(best["rms_shift"]) < 1e-9  # of tau_syn: (1/65)^7/7! of a voltage
    assert float(best["hidden_spikes"]) == pytest.approx(
        experiment.exact_results(QUICK, task)["exact_hidden_spikes"], rel=1e-12
    )
    on_grid = found.sel(interpolation="none")
    assert 0 < float(on_grid["mean_shift"]) < 0.05  # up to two steps of tau_syn/65


@pytest.mark.parametrize(
    "error", [ValueError("the state grows without bound"), SpikeLimitReached("too many")]
)
def test_a_state_without_bound_is_a_gap_not_an_end(error, monkeypatch):
    def explodes(*_):
        raise error

    monkeypatch.setattr(experiment, "run_network", explodes)
    found = experiment.transfer(replace(QUICK, compared=1), task_of("yin-yang", 3), "order 6", (5,))
    assert all(np.isnan(each).all() for each in found.values())


def test_any_other_error_ends_it(monkeypatch):
    def fails(*_):
        raise ValueError("weights must be finer")

    monkeypatch.setattr(experiment, "run_network", fails)
    with pytest.raises(ValueError, match="finer"):
        experiment.transfer(QUICK, task_of("yin-yang", 3), "order 6", (5,))


def test_training_of_a_fine_high_order_network_is_that_of_the_exact_one():
    """At tau_syn/50 and order 4 on roots of the series both gradients are the exact one: the same weights follow."""
    exact = training.train(QUICK, "yin-yang", 0, {})
    options = {"dt": 0.0002, "order": 4, "spike_placement": "series"}
    for estimator in training.ESTIMATORS:
        chosen = {"method": "integrated", "options": options | {"estimator": estimator}}
        found = training.train(QUICK, "yin-yang", 0, chosen)
        assert found["hidden_spikes"] == pytest.approx(exact["hidden_spikes"], rel=2e-3)
        assert found["accuracy"][-1] == pytest.approx(exact["accuracy"][-1], abs=0.01)
        assert found["as_exact"] == pytest.approx(found["accuracy"][-1], abs=0.01)
        assert found["seconds"] > 0


def test_a_training_that_fails_is_a_gap(monkeypatch):
    def fails(*_, **__):
        raise FloatingPointError("the loss is no longer finite")

    monkeypatch.setattr(training, "fit", fails)
    found = training.train(QUICK, "yin-yang", 0, {})
    assert np.isnan(found["accuracy"]).all() and np.isnan(found["seconds"])


def test_run_goes_on_where_it_was_and_refuses_other_settings(tmp_path, monkeypatch):
    state = tmp_path / "state"
    real, calls = training.train, []

    def killed(*arguments):
        calls.append(arguments[1:3])
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(training, "train", killed)
    with pytest.raises(KeyboardInterrupt):
        experiment.run(QUICK, tmp_path, state, "command")
    transfers = artefacts.load("integration-order", tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in state.glob("*.nc")}
    assert len(before) == len(TASKS) * 2
    said = []
    experiment.run(QUICK, tmp_path, state, "command", report=said.append)
    assert {path.name: path.stat().st_mtime_ns for path in state.glob("*.nc")} == before
    cases = [1 + len(training.trainings(QUICK, name)) for name in QUICK.training_tasks]
    assert cases == [3, 5] and len(calls) == 1 + sum(cases)  # one of them was lost
    assert artefacts.load("integration-order", tmp_path).identical(transfers)
    found = artefacts.load("integration-order-training", tmp_path)
    assert dict(found["accuracy"].sizes) == {
        "task": 2,
        "estimator": 2,
        "order": 2,
        "step": 1,
        "seed": 1,
        "epoch": 1,
    }
    missing = found["accuracy"].isnull().any(["estimator", "step", "seed", "epoch"])
    assert missing.sel(order=1).values.tolist() == [True, False] and not missing.sel(order=4).any()
    assert np.isfinite(found["exact_seconds"]).all()
    assert transfers["dt"].sel(task="digits").values == pytest.approx([0.01, 0.04])
    with pytest.raises(ValueError, match="other sources or settings"):
        experiment.run(replace(QUICK, n_test=10), tmp_path, state, "command")
