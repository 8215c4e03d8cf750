"""Adam and L-BFGS on one batch: bookkeeping against a quadratic, and what a loss of counts does to a line search."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import nn

from snntheory.experiments import step_size_optimisers as experiment
from snntheory.experiments.step_size_accuracy import Settings

SETTINGS = replace(Settings(), hidden=20, batch_size=20, batch_evaluations=15)


@dataclass
class _Answer:
    value: torch.Tensor
    decided: torch.Tensor


class _Quadratic(nn.Module):
    """``1/2 w' D w`` with a condition number of a hundred; everything is right once the loss is below 1e-3."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(20))
        self.d = torch.logspace(-1, 1, 20)

    def judge(self, loss, inputs, labels):
        value = 0.5 * (self.d * self.w**2).sum()
        return _Answer(value, labels if value < 1e-3 else labels + 1)


@pytest.fixture(scope="module")
def walked():
    network, loss, given, labels = experiment.batch(SETTINGS, 0.32, "surrogate")
    lengths = np.concatenate([[0.0], np.geomspace(1e-7, 1.0, 40)])
    return lengths, *experiment.loss_line(network, loss, given, labels, lengths)


@pytest.mark.parametrize("optimiser", experiment.OPTIMISERS)
def test_a_quadratic_is_minimised_and_every_evaluation_counts(optimiser):
    labels = torch.zeros(3, dtype=torch.int64)
    found = experiment.fit_batch(_Quadratic(), None, torch.zeros(1), labels, optimiser, 60, 0.1)
    assert found["loss"].shape == (60,) and found["loss"][0] == pytest.approx(
        0.5 * float(_Quadratic().d.sum())
    )
    assert found["loss"][-1] < 1e-2 * found["loss"][0]
    if "line search" in optimiser:  # what it tries is not what it keeps
        assert np.all(np.diff(found["loss"]) <= 0) and np.any(np.diff(found["loss"]) == 0)
    if optimiser != "Adam":
        assert found["loss"][-1] < 1e-4 and found["accuracy"][-1] == 1
    assert found["step"].size <= 59 and np.all(found["curvature"][found["step"] > 1e-6] > 0)


def test_nan_ends_it():
    class Broken(_Quadratic):
        def judge(self, loss, inputs, labels):
            answer = super().judge(loss, inputs, labels)
            if answer.value < 30:
                answer.value = answer.value * float("nan")
            return answer

    labels = torch.zeros(3, dtype=torch.int64)
    found = experiment.fit_batch(Broken(), None, torch.zeros(1), labels, "L-BFGS", 30, 0.1)
    assert found["loss"].shape == (30,) and np.isnan(found["loss"][-5:]).all()


def test_the_loss_is_a_staircase(walked):
    """No change at all over the first orders of magnitude: the loss has derivative zero, the gradient has not."""
    lengths, actual, said = walked
    assert np.all(actual[lengths < 1e-6] == actual[0])
    assert said[1] < said[0] and np.all(np.diff(said) < 0)
    assert len(set(actual.tolist())) > 5  # and far away it does change


def test_the_walk_leaves_the_weights_as_they_were():
    network, loss, given, labels = experiment.batch(SETTINGS, 0.32, "timing")
    before = [part.clone() for part in network.weights()]
    experiment.loss_line(network, loss, given, labels, np.array([0.0, 0.1]))
    for a, b in zip(before, network.weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_optimisers_start_from_the_same_weights_and_batch():
    found, headline = experiment.study(
        replace(SETTINGS, batch_time_steps=(0.32,), line_points=6, batch_evaluations=6), None
    )
    first = found["loss"].isel(evaluation=0, dt=0)
    for gradient in experiment.GRADIENTS:
        assert len(set(first.sel(gradient=gradient).values.tolist())) == 1
    assert set(headline) == {f"{g}, {o}" for g in experiment.GRADIENTS for o in experiment.OPTIMISERS}


def test_unknown_optimiser():
    with pytest.raises(ValueError, match="optimiser"):
        experiment.fit_batch(_Quadratic(), None, torch.zeros(1), torch.zeros(1), "SGD", 1, 0.1)
