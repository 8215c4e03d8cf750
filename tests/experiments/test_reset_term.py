"""Source 004's single neuron: the gradient by its equations, and its claim about learning rates."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from snntheory.experiments.reset_term import (
    Settings,
    _model,
    _run,
    curves,
    layer_step,
    losses,
    phases,
    problem,
    through_time,
    trace_kernel,
)
from snntheory.gradients.surrogate import pseudo_derivative


def test_trace_kernel_is_the_recursion_of_equation_2():
    settings = Settings(steps=30)
    spikes = (np.random.default_rng(0).random(30) < 0.3).astype(float)
    trace, a = [], 0.0
    for spike in spikes:
        a = a * (1 - 1 / settings.tau_syn) + spike / settings.tau_syn
        trace.append(a)
    np.testing.assert_allclose(trace_kernel(settings).numpy() @ spikes, trace, rtol=1e-14)


@pytest.mark.parametrize("reset", ["to_value", "subtract"])
def test_voltages_are_those_of_equations_1_to_3(reset):
    settings = Settings(repeats=3, reset=reset)
    inputs, _, weights = problem(settings)
    output, voltage = _run(inputs, 3 * weights, layer_step(settings, "kept"))
    trace = np.zeros((3, settings.inputs))
    u, s = np.zeros(3), np.zeros(3)
    for n in range(settings.steps):
        kept = u * (1 - s) if reset == "to_value" else u - s  # the threshold is one
        u = (1 - 1 / settings.tau_mem) * kept + (3 * weights.numpy() * trace).sum(1)
        s = (u >= 1).astype(float)
        trace = (1 - 1 / settings.tau_syn) * trace + inputs[:, n].numpy() / settings.tau_syn
        np.testing.assert_allclose(voltage[n].numpy(), u, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(output[n].numpy(), s)
    assert output.sum() > 10


@pytest.mark.parametrize("reset", ["to_value", "subtract"])
def test_the_four_phases_give_the_gradient_of_autograd(reset):
    """dL/dw is the gradient on the voltages times the trace that the weight passes on to each."""
    settings = Settings(repeats=1, reset=reset)
    inputs, targets, weights = problem(settings)
    weights = (2 * weights).requires_grad_()
    kernel = trace_kernel(settings)
    output, voltage = _run(inputs, weights, layer_step(settings, "kept"))
    error = kernel @ (output - targets)
    (wanted,) = torch.autograd.grad(0.5 * error.square().sum(), weights)
    own = (kernel.T @ error) * pseudo_derivative(voltage - 1, settings.shape, settings.width)
    whole = through_time(
        own.detach().numpy()[:, 0], voltage.detach().numpy()[:, 0], _model(settings), settings
    )
    trace = np.zeros((settings.steps, settings.inputs))
    for n in range(1, settings.steps):  # an input is seen by the voltage one step later
        trace[n] = (1 - 1 / settings.tau_syn) * trace[n - 1] + inputs[0, n - 1].numpy() / settings.tau_syn
    np.testing.assert_allclose(whole @ trace, wanted[0].numpy(), rtol=1e-11, atol=1e-13)


def test_phases_are_those_of_a_training_that_learns():
    found = phases(replace(Settings(), iterations=200), learning_rate=0.02)
    distance = np.abs(found.spikes - found.target).sum("step")
    assert float(distance[-1]) < float(distance[0])
    np.testing.assert_allclose(found.A[0], _trace_difference(found), atol=1e-12)


def _trace_difference(found):
    return trace_kernel(Settings()).numpy() @ (found.spikes[0] - found.target).values


def test_the_term_helps_at_large_learning_rates_and_not_at_small_ones():
    """The source's claim, paired over 60 problems: three standard errors of the mean difference."""
    dataset = curves(replace(Settings(), repeats=60, learning_rates=(0.002, 0.05)))
    last = dataset.loss.isel(iteration=-1)
    gain = last.sel(reset_gradient="detached") - last.sel(reset_gradient="kept")
    error = gain.std("repeat") / np.sqrt(gain.sizes["repeat"])
    in_errors = (gain.mean("repeat") / error).values
    assert in_errors[1] > 3 and in_errors[0] < 3, in_errors


def test_optimisers_step_as_they_should():
    """One iteration: gradient descent by the gradient, Adam by the rate times its sign."""
    settings = Settings(repeats=3, iterations=1)
    inputs, targets, first = problem(settings)
    step, kernel = layer_step(settings, "kept"), trace_kernel(settings)

    def loss(weights):
        return 0.5 * (kernel @ _run(inputs, weights, step)[0] - kernel @ targets).square().sum(0)

    weights = first.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(weights).sum(), weights)
    for optimiser, moved in (("gradient_descent", gradient), ("adam", gradient.sign())):
        found = losses(replace(settings, optimiser=optimiser), 0.02, "kept")
        np.testing.assert_allclose(found[0], loss(first).numpy(), rtol=1e-12)
        np.testing.assert_allclose(found[1], loss(first - 0.02 * moved).numpy(), rtol=1e-5)  # Adam's epsilon


def test_same_problem_for_every_path_and_bad_input():
    settings = Settings(repeats=4, iterations=0)
    np.testing.assert_array_equal(losses(settings, 0.01, "kept"), losses(settings, 0.01, "detached"))
    with pytest.raises(ValueError, match="reset_gradient"):
        losses(settings, 0.01, "cut")
    with pytest.raises(ValueError, match="learning_rate"):
        losses(settings, 0.0, "kept")
    with pytest.raises(ValueError, match="optimiser"):
        losses(replace(settings, optimiser="sgd"), 0.1, "kept")
