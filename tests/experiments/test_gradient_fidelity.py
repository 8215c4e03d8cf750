"""Gradient methods against the exact one on trained networks: descent by definition, the experiment in miniature."""

from dataclasses import replace

import numpy as np
import pytest

from snntheory import artefacts
from snntheory.experiments import gradient_fidelity as experiment
from snntheory.gradients import weight_gradient

TINY = replace(
    experiment.Settings().quick(), steps=(0.4,), samples=2, hidden=(6, 6), epochs=(1, 2), n_train=(100, 50)
)
EXACT_DECAY = {"method": "timing", "direct": "shift", "scheme": "impulse_invariance"}


@pytest.fixture(scope="module")
def task():
    return experiment.task_of(replace(TINY, hidden=(12, 12)), "yin-yang")


@pytest.fixture(scope="module")
def weights(task):
    return [part.numpy().astype(float) for part in task.network.weights()]


def test_exact_loss_is_that_of_the_gradient(task, weights):
    inputs, losses = experiment.samples_of(TINY, task)
    found = [
        weight_gradient(list(task.network.neurons), x, weights, loss, t_max=task.network.t_max).value
        for x, loss in zip(inputs, losses, strict=True)
    ]
    assert experiment.exact_loss(task, inputs, losses, weights) == pytest.approx(np.mean(found), rel=1e-12)


def test_descent_of_a_small_step_is_the_cosine(task, weights):
    """To first order in the step; the second order is the step times a curvature, and 1e-5 of the weights is small."""
    settings = replace(TINY, steps=(0.05, 0.8), descent_step=1e-5)
    methods = {"whole": EXACT_DECAY, "printed": {"method": "timing", "direct": "hu"}}
    found = experiment.compare(settings, task, weights, methods)
    np.testing.assert_allclose(found["descent"], found["cosine"].sel(layer="all"), atol=0.02)
    assert float(found["descent"].sel({"method": "whole", "step": 0.05})) > 0.9
    assert list(found["step"].values) == [0.05, 0.8] and "gradient" not in found


def test_a_large_step_is_no_longer_the_cosine(task, weights):
    found = experiment.compare(replace(TINY, descent_step=0.3), task, weights, {"whole": EXACT_DECAY})
    assert abs(float(found["descent"][0, 0] - found["cosine"].sel(layer="all")[0, 0])) > 0.02


def test_equation_38_points_away_and_the_whole_derivative_does_not(task, weights):
    """Source 000, (38): without the jump of the current at the spike the sign is wrong; with it the limit is exact."""
    labels = ("timing, as printed", "timing, as TSSL-BP", "timing, whole derivative")
    chosen = {label: experiment.METHODS[label] for label in labels}
    found = experiment.compare(replace(TINY, steps=(0.005, 0.01)), task, weights, chosen)
    cosine, ratio = (found[name].sel(layer="1") for name in ("cosine", "norm_ratio"))
    printed, program, whole = (cosine.sel({"method": label}).values for label in labels)
    assert np.all(printed < 0) and np.all(program > 0) and whole[0] > 0.95
    sizes = ratio.sel({"method": labels[1]}).values
    assert sizes[0] / sizes[1] == pytest.approx(2, rel=0.1)  # tau_syn/dt too large


def test_images_become_the_encoders_times(task):
    inputs, losses = experiment.samples_of(TINY, task)
    first = [float(train[0]) for train in inputs[0]]
    features = 1 - task.test_images[0]
    np.testing.assert_allclose(first[:-1], 0.15 + 1.85 * features, rtol=1e-6)  # float32 images
    assert first[-1] == 0.9 and len(inputs) == len(losses) == 2


def test_run_goes_on_where_it_was_and_refuses_other_settings(tmp_path, monkeypatch):
    monkeypatch.setattr(
        experiment,
        "METHODS",
        {
            label: experiment.METHODS[label]
            for label in ("timing, as TSSL-BP", "straight through, carried", "surrogate, width 0.3")
        },
    )
    lines, settings = [], replace(TINY, tasks=("yin-yang",))
    experiment.run(settings, tmp_path, tmp_path / "state", "test", report=lines.append)
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "state").glob("*.nc")}
    first = artefacts.load(experiment.NAME, tmp_path)
    experiment.run(settings, tmp_path, tmp_path / "state", "test", report=lines.append)
    assert kept == {path.name: path.stat().st_mtime_ns for path in (tmp_path / "state").glob("*.nc")}
    assert first.identical(artefacts.load(experiment.NAME, tmp_path))
    assert dict(first["cosine"].sizes) == {"task": 1, "stage": 3, "method": 3, "step": 1, "layer": 3}
    assert list(first["method"].values) == list(experiment.METHODS)
    assert first["exact_loss"].dims == ("task", "stage")
    assert lines[:3] == lines[3:] and lines[0].startswith("yin-yang, initial")
    with pytest.raises(ValueError, match="other sources or settings"):
        experiment.run(replace(settings, seed=1), tmp_path, tmp_path / "state", "test")


def test_digits_have_gradients_before_any_training():
    """Enough neurons fire: the exact gradient of every layer is there, and straight through a tiny step is close."""
    digits = experiment.task_of(replace(TINY, hidden=(10, 20)), "digits")
    first = [part.numpy().astype(float) for part in digits.network.weights()]
    settings, label = replace(TINY, steps=(1e-4,)), "straight through, carried"
    found = experiment.compare(settings, digits, first, {label: experiment.METHODS[label]})
    np.testing.assert_allclose(found["cosine"][0, 0], 1, atol=0.01)


def test_an_unknown_task_is_named():
    with pytest.raises(ValueError, match="task"):
        experiment.task_of(TINY, "letters")
