"""Pseudo-derivatives are the densities and derivatives that their table says."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from snntheory.gradients import SURROGATES, pseudo_derivative

DENSITIES = [name for name in SURROGATES if name != "straight_through"]
# functions of x/T whose slope is the pseudo-derivative
PRIMITIVES = {
    "sigmoid": torch.sigmoid,
    "fast_sigmoid": lambda y: y / (2 * (1 + y.abs())),
    "arctan": lambda y: y.atan() / math.pi,
    "triangle": lambda y: torch.where(y.abs() < 1, y - y * y.abs() / 2, y.sign() / 2),
    "boxcar": lambda y: y.clamp(-1, 1) / 2,
    "straight_through": lambda y: y,
}


def value(x, shape, width):
    return pseudo_derivative(torch.tensor(x, dtype=torch.float64), shape, width).numpy()


@pytest.mark.parametrize("shape", DENSITIES)
@pytest.mark.parametrize("width", [0.3, 1.0, 2.5])
def test_area_is_one(shape, width):
    # half of the axis, mapped to (0, 1) so that the heavy tails are whole; broken at |x| = width
    def integrand(s):
        x = width * s / (1 - s)
        return float(value(x, shape, width)) * width / (1 - s) ** 2

    area = 2 * (quad(integrand, 0, 0.5)[0] + quad(integrand, 0.5, 1)[0])
    assert area == pytest.approx(1, abs=1e-8)  # the quadrature's own estimate of its error


@pytest.mark.parametrize("width", [0.3, 2.0])
def test_value_at_the_threshold(width):
    expected = {
        "sigmoid": 1 / (4 * width),
        "fast_sigmoid": 1 / (2 * width),
        "arctan": 1 / (math.pi * width),
        "triangle": 1 / width,
        "boxcar": 1 / (2 * width),
        "straight_through": 1.0,
    }
    for shape in SURROGATES:
        assert float(value(0.0, shape, width)) == pytest.approx(expected[shape], rel=1e-15), shape


@pytest.mark.parametrize("shape", SURROGATES)
def test_symmetric_and_falling(shape):
    x = np.linspace(0, 5, 101)
    right, left = value(x, shape, 0.7), value(-x, shape, 0.7)
    np.testing.assert_array_equal(left, right)
    assert np.all(np.diff(right) <= 0)
    assert np.all(right >= 0)


@pytest.mark.parametrize("shape", SURROGATES)
def test_it_is_the_slope_of_its_primitive(shape):
    width = 0.4
    x = torch.linspace(-1.9, 1.9, 38, dtype=torch.float64).requires_grad_()  # 0 and the kinks lie between
    (slope,) = torch.autograd.grad(
        PRIMITIVES[shape](x / width).sum() * (width if shape == "straight_through" else 1), x
    )
    np.testing.assert_allclose(value(x.detach().numpy(), shape, width), slope.numpy(), rtol=1e-12, atol=1e-15)


def test_far_from_the_threshold_nothing_overflows():
    for shape in SURROGATES:
        far = pseudo_derivative(torch.tensor([-1e30, 1e30, -torch.inf, torch.inf]), shape, 0.3)
        assert torch.isfinite(far).all(), shape


def test_shape_and_dtype_are_kept():
    x = torch.zeros(2, 3, 4, dtype=torch.float32)
    for shape in SURROGATES:
        y = pseudo_derivative(x, shape, 0.5)
        assert y.shape == x.shape and y.dtype == x.dtype


def test_errors():
    x = torch.zeros(1)
    with pytest.raises(ValueError, match="shape must be one of 'sigmoid'.*did you mean 'arctan'"):
        pseudo_derivative(x, "arctang", 0.5)
    for width in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="width must be"):
            pseudo_derivative(x, "sigmoid", width)
    with pytest.raises(TypeError, match="width must be a real number"):
        pseudo_derivative(x, "sigmoid", "0.5")
