"""Source 000's step-size sweep: what the conditions share and where they differ, and what the kick does to training."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from snntheory.experiments import step_size_accuracy as experiment
from snntheory.training import CountCrossEntropy, datasets, evaluate
from snntheory.training.inputs import as_inputs
from snntheory.training.trainer import generator

SETTINGS = experiment.Settings()
SMALL = SETTINGS.quick()


def _encoded(condition, dt, n=20):
    network, encoder = experiment.network_and_encoder(SMALL, condition, dt)
    images, _ = datasets.mnist_subset("train")
    return network, network.encode(encoder, as_inputs(images[:n]), generator(torch.device("cpu"), 0))


@pytest.mark.parametrize("condition", experiment.CONDITIONS)
def test_at_the_reference_all_conditions_have_the_same_mean_drive(condition):
    """Area of the kicks times spikes: the mean over 20 digits and 20 neurons is that of the intensities.

    A spike count of a digit has a relative deviation of 1.5 % (about 5,000 spikes); weighted by weights of both signs
    the sums are compared to a twentieth of their own spread over neurons.
    """
    network, given = _encoded(condition, SMALL.reference_dt)
    images, _ = datasets.mnist_subset("train")
    pixels = images[:20].reshape(20, -1) / 255.0
    rng = np.random.default_rng(0)
    weights = rng.normal(0, (2 / 784) ** 0.5, (784, SMALL.hidden))
    area = network.dt if network.input == "sampled" else 1.0
    drive = area * (given.sum(0).double() @ network.weights()[0].double()).numpy()
    expected = SMALL.steps * SMALL.reference_dt * pixels @ weights
    assert drive.shape == expected.shape
    assert np.abs(drive - expected).mean() < 0.25 * expected.std()  # noise of the spikes
    assert abs((drive * expected).sum() / (expected**2).sum() - 1) < 0.03


def test_windows_and_schemes():
    for condition, (steps, scheme) in {
        "none": (13, "impulse_invariance"),
        "window": (50, "impulse_invariance"),
        "all": (50, "backward_euler"),
        "all, fixed window": (13, "backward_euler"),
        "all, Dirac kicks": (50, "backward_euler"),
    }.items():
        network, given = _encoded(condition, 0.32, 2)
        assert (len(given), network.scheme) == (steps, scheme)  # 4 s, or fifty steps, of 0.32 s


def test_mean_input_per_second_does_not_change_with_the_step_but_with_dirac_kicks_it_does():
    def current(condition, dt):
        network, given = _encoded(condition, dt)
        area = network.dt if network.input == "sampled" else SMALL.reference_dt
        return float(given.sum()) * area / (len(given) * dt)

    for condition in ("none", "all, fixed window", "all"):
        assert abs(current(condition, 0.32) / current(condition, 0.02) - 1) < 0.03  # 1e4 spikes and more
    ratio = current("all, Dirac kicks", 0.02) / current("all, Dirac kicks", 0.32)
    assert abs(ratio / 16 - 1) < 0.03


def test_a_learning_rate_moves_the_same_area_at_the_reference():
    """The networks' own units differ; a step of Adam, in area of a kick at the reference, is the same."""
    moved = {}
    for condition in experiment.CONDITIONS:
        network, _ = experiment.network_and_encoder(SMALL, condition, SMALL.reference_dt)
        own = next(network.parameters()).detach().numpy()
        area = network.dt if network.input == "sampled" else 1.0
        unit = network.weights()[0].numpy()[0, 0] / own[0, 0] * area
        moved[condition] = experiment.learning_rate_of(SMALL, condition) * unit
    expected = SMALL.learning_rate * SMALL.reference_dt
    np.testing.assert_allclose(list(moved.values()), expected, rtol=1e-5)


def test_from_kaimings_weights_no_output_fires_and_spike_times_give_no_gradient():
    settings = replace(SETTINGS, gain=(1.0, 1.0), output_mean=(0.0, 0.0))
    images, labels = datasets.mnist_subset("train")
    for dt in (0.02, 0.32):
        network, encoder = experiment.network_and_encoder(settings, "all", dt, "timing")
        given = network.encode(encoder, as_inputs(images[:50]), generator(torch.device("cpu"), 0))
        judged = network.judge(CountCrossEntropy(), given, torch.from_numpy(labels[:50]))
        assert float(judged.layers[-1].sum()) == 0
        judged.value.backward()
        assert not any(part.grad.abs().max() > 0 for part in network.parameters())


@pytest.fixture(scope="module")
def drives():
    """Hidden spikes a neuron and second before training, of both readings of the kick, at three steps."""
    images, labels = datasets.mnist_subset("test")
    rates = {}
    for condition in ("all", "all, Dirac kicks"):
        for dt in (0.02, 0.08, 0.32):
            network, encoder = experiment.network_and_encoder(SETTINGS, condition, dt, "timing")
            result = evaluate(network, images[:50], labels[:50], encoder=encoder, loss=CountCrossEntropy())
            rates[condition, dt] = np.array(result.spikes) / network.sizes[1:]
    return rates


def test_the_two_readings_of_the_kick_pull_activity_in_opposite_directions(drives):
    """Spikes a neuron in the fifty steps: with ``w dt`` the fewer the smaller the step, with ``w`` most in between.

    The window of fifty steps of 20 ms is about as long as the response to one spike.
    """
    literal = [drives["all", dt] for dt in (0.02, 0.08, 0.32)]
    dirac = [drives["all, Dirac kicks", dt] for dt in (0.02, 0.08, 0.32)]
    for layer in (0, 1):
        assert literal[0][layer] < literal[1][layer] < literal[2][layer]
        assert dirac[0][layer] < dirac[1][layer] > dirac[2][layer]
    assert dirac[2][0] < 0.2 * dirac[0][0] and literal[0][0] < 0.2 * literal[2][0]
    np.testing.assert_allclose(literal[1], dirac[1], rtol=1e-3)  # one network at the reference, to rounding


def test_quick_run_ends_and_resumes(tmp_path):
    settings = replace(SMALL, n_train=50, n_test=50, epochs=1, hidden=5, batch_evaluations=3, line_points=3)
    settings = replace(settings, estimator_train=50, time_steps=(0.32,))
    (tmp_path / "out").mkdir()
    said = []
    written = experiment.run(settings, tmp_path / "out", tmp_path / "state", "x", report=said.append)
    assert [path.stem for path in written] == [
        "step-size-optimisers",
        "step-size-estimators",
        "step-size-accuracy",
    ]
    before = [path.read_bytes() for path in written]
    one = sorted((tmp_path / "state").glob("step-size-accuracy-0-3-0-0.json"))[0]
    kept = json.loads(one.read_text())
    one.unlink()  # as if the run had been killed before it
    table, _ = experiment.sweep(settings, tmp_path / "state")
    again = json.loads(one.read_text())
    del kept["seconds"], again["seconds"]
    assert again == kept
    assert float(table["accuracy"].sel(gradient="surrogate", condition="all").squeeze()) == kept["accuracy"]
    assert np.isnan(table["accuracy"].sel(gradient="timing", condition="none")).all()
    assert experiment.run(settings, tmp_path / "out", tmp_path / "state", "x") == written
    assert [path.read_bytes() for path in written] == before  # nothing is done twice
    with pytest.raises(ValueError, match="other sources or settings"):
        experiment.run(replace(settings, epochs=2), tmp_path / "out", tmp_path / "state", "x")


def test_unknown_names():
    with pytest.raises(ValueError, match="condition"):
        experiment.network_and_encoder(SMALL, "everything", 0.1)
    with pytest.raises(ValueError, match="gradient"):
        experiment.network_and_encoder(SMALL, "all", 0.1, "exact")
