"""The gradient's path through the reset: against autograd through one step, and its predicted boundary."""

import numpy as np
import pytest
import torch

from snntheory import CubaLIF, discretize
from snntheory.gradients import SURROGATES
from snntheory.gradients.reset import PEAKS, explosion_width, growth_rate, reset_factor
from snntheory.training.kernels import LayerStep
from snntheory.training.kernels.reference import scan

RNG = np.random.default_rng(1)


def model_of(reset="subtract", v_reset=0.0, dt=1e-3, threshold=1.3):
    neuron = CubaLIF(6e-3, 2e-3, v_threshold=threshold, v_reset=v_reset, reset=reset)
    return discretize(neuron, dt, "forward_euler")


@pytest.mark.parametrize("shape", SURROGATES)
@pytest.mark.parametrize("detached", [False, True])
@pytest.mark.parametrize(("reset", "v_reset"), [("subtract", 0.0), ("to_value", -0.4), ("none", 0.0)])
def test_factor_is_what_autograd_takes_through_one_step(shape, detached, reset, v_reset):
    """Two steps of the readable scan: the kick of the first goes straight into the voltage, dv_2/dv_1 comes back."""
    model = model_of(reset, v_reset)
    wanted = RNG.uniform(-1, 3, 40)
    step = LayerStep.of(model, shape, 0.3, detached)
    # the kick put on the voltage alone: v_1 = drive_1, v_2 = A_uu g(v_1) + drive_2
    step = LayerStep(**{**step.__dict__, "kick": (1.0, 0.0), "kick_previous": (0.0, 0.0)})
    drive = torch.zeros(2, 1, 40, dtype=torch.float64)
    drive[0, 0] = torch.from_numpy(wanted)
    drive.requires_grad_()
    _, voltage, _ = scan(drive, step, False)
    (gradient,) = torch.autograd.grad(voltage[1].sum(), drive)
    factor = reset_factor(wanted, model, shape, 0.3, "detached" if detached else "kept")
    np.testing.assert_allclose(
        factor, gradient[0, 0].numpy(), rtol=1e-13, atol=1e-15
    )  # the same sums, once each


@pytest.mark.parametrize("shape", PEAKS)
def test_boundary_of_explosion(shape):
    """Just below the width some voltage grows, just above none does."""
    model = model_of()
    width = explosion_width(model, shape)
    voltage = np.append(
        np.linspace(-2, 4, 5001), model.neuron.v_threshold
    )  # every shape peaks at the threshold
    assert np.abs(reset_factor(voltage, model, shape, 0.999 * width)).max() > 1
    assert np.abs(reset_factor(voltage, model, shape, 1.001 * width)).max() <= 1


@pytest.mark.parametrize("shape", PEAKS)
def test_peaks_are_those_of_the_pseudo_derivatives(shape):
    model = model_of(threshold=1.0)
    at_threshold = reset_factor(1.0, model, shape, 0.25) / model.A[0, 0]
    assert 1 - at_threshold == pytest.approx(PEAKS[shape] / 0.25, rel=1e-14)


def test_growth_is_the_rate_of_the_product():
    model = model_of()
    voltage = RNG.uniform(0, 2, (3, 50))
    rate = growth_rate(voltage, model, "sigmoid", 0.05)
    product = np.abs(np.prod(reset_factor(voltage, model, "sigmoid", 0.05), axis=-1))
    np.testing.assert_allclose(np.exp(rate * 50 * model.dt), product, rtol=1e-11)  # fifty logarithms and back
    far_below = growth_rate(np.full(9, -1e6), model, "boxcar", 0.1)
    assert far_below == pytest.approx(np.log(model.A[0, 0]) / model.dt, rel=1e-14)


def test_hard_reset_without_its_path_cuts_the_gradient():
    model = model_of("to_value")
    assert growth_rate([0.0, 2.0], model, "sigmoid", 0.3, "detached") == -np.inf
    assert np.isfinite(growth_rate([0.0, 2.0], model, "sigmoid", 0.3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: reset_factor([np.nan], model_of(), "sigmoid", 0.3), "voltage"),
        (lambda: reset_factor([1.0], model_of(), "step", 0.3), "shape"),
        (lambda: reset_factor([1.0], model_of(), "sigmoid", 0.0), "width"),
        (lambda: reset_factor([1.0], model_of(), "sigmoid", 0.3, "cut"), "reset_gradient"),
        (lambda: explosion_width(model_of("to_value"), "sigmoid"), "subtract"),
        (lambda: explosion_width(model_of(), "straight_through"), "shape"),
        (lambda: explosion_width(discretize(CubaLIF(6e-3, 2e-3), 0.02, "bilinear"), "sigmoid"), "smaller dt"),
        (lambda: growth_rate([], model_of(), "sigmoid", 0.3), "at least one"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
