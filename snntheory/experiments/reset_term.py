"""Source 004 (Yang 2020), section 4: one neuron trained with and without the gradient's path through the reset.

Fifty inputs that spike at random drive one neuron for 100 steps; it learns a random target train by gradient descent on
the van Rossum distance. The source gives its settings in table 1 but neither the threshold (here 1), nor the initial
weights (here uniform within ``1/sqrt(inputs)``, PyTorch's default for a linear layer), nor the learning rates of its
figure 3 beside "0.005" and "larger".

The neuron is forward Euler with a step of one (``r = tau_mem``), the trace of the loss that of its equation (2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
import xarray as xr

from .. import _check
from ..gradients.reset import reset_factor
from ..gradients.surrogate import RESET_GRADIENTS, pseudo_derivative
from ..linear import DiscreteNeuron, discretize
from ..neuron import CubaLIF
from ..training.kernels import LayerStep, scan

STEP = 1e-3
"""Seconds that stand for one step of the source; only ratios to it enter."""


@dataclass(frozen=True)
class Settings:
    """Table 1 of the source, and what it leaves open; time constants in steps."""

    inputs: int = 50
    steps: int = 100
    input_probability: float = 1 / 10
    target_probability: float = 1 / 20
    tau_mem: float = 6.0
    tau_syn: float = 2.0
    width: float = 0.3
    shape: str = "sigmoid"
    reset: Literal["subtract", "to_value", "none"] = "to_value"
    optimiser: Literal["gradient_descent", "adam"] = "gradient_descent"
    learning_rates: tuple[float, ...] = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)
    iterations: int = 200
    repeats: int = 100
    seed: int = 0

    def quick(self) -> Settings:
        """Fewer repeats and iterations; its numbers are not the published ones."""
        return replace(self, iterations=60, repeats=20)


def layer_step(settings: Settings, reset_gradient: str) -> LayerStep:
    """The source's neuron as one step of a layer."""
    detached = _check.choice("reset_gradient", reset_gradient, RESET_GRADIENTS) == "detached"
    return LayerStep.of(_model(settings), settings.shape, settings.width, detached)


def trace_kernel(settings: Settings) -> torch.Tensor:
    """Equation (2) as a matrix: ``a = K s``, lower triangular, shape (steps, steps)."""
    lag = torch.arange(settings.steps)[:, None] - torch.arange(settings.steps)
    decay = (1 - 1 / settings.tau_syn) ** lag.clamp(min=0).double()
    return torch.where(lag >= 0, decay / settings.tau_syn, 0.0)


def problem(settings: Settings) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Input spikes (repeats, steps, inputs), targets (steps, repeats) and first weights (repeats, inputs)."""
    rng = np.random.default_rng(settings.seed)
    shape = (settings.repeats, settings.steps, settings.inputs)
    spikes = rng.random(shape) < settings.input_probability
    targets = rng.random((settings.steps, settings.repeats)) < settings.target_probability
    weights = rng.uniform(-1, 1, (settings.repeats, settings.inputs)) / np.sqrt(settings.inputs)
    return torch.tensor(spikes).double(), torch.tensor(targets).double(), torch.tensor(weights)


def losses(settings: Settings, learning_rate: float, reset_gradient: str) -> np.ndarray:
    """Loss of every repeat before each iteration and after the last, shape (iterations + 1, repeats).

    Each weight is updated by its own gradient, with Adam too, so that the repeats do not know of each other.
    """
    rate = _check.positive("learning_rate", learning_rate)
    inputs, targets, weights = problem(settings)
    step, kernel = layer_step(settings, reset_gradient), trace_kernel(settings)
    wanted = kernel @ targets
    _check.choice("optimiser", settings.optimiser, ("gradient_descent", "adam"))
    weights.requires_grad_()
    kind = torch.optim.Adam if settings.optimiser == "adam" else torch.optim.SGD
    optimiser = kind([weights], lr=rate)
    found = []
    for _ in range(settings.iterations + 1):
        output, _ = _run(inputs, weights, step)
        each = 0.5 * (kernel @ output - wanted).square().sum(0)
        found.append(each.detach().numpy().copy())
        optimiser.zero_grad()
        each.sum().backward()
        optimiser.step()
    return np.array(found)


def curves(settings: Settings) -> xr.Dataset:
    """Loss against iteration for every learning rate, with the path through the reset kept and detached.

    Returns
    -------
    xarray.Dataset
        ``loss`` (learning_rate, reset_gradient, iteration, repeat); all repeats start from the same weights, inputs and
        targets for every learning rate and path, so that differences are paired.
    """
    values = [[losses(settings, rate, path) for path in RESET_GRADIENTS] for rate in settings.learning_rates]
    return xr.Dataset(
        {"loss": (("learning_rate", "reset_gradient", "iteration", "repeat"), np.array(values))},
        coords={"learning_rate": list(settings.learning_rates), "reset_gradient": list(RESET_GRADIENTS)},
    )


def phases(settings: Settings, learning_rate: float = 0.005, repeat: int = 0) -> xr.Dataset:
    """The four phases of the gradient in the source's figure 2, for one repeat over all iterations.

    Returns
    -------
    xarray.Dataset
        Dimensions (iteration, step): ``A`` the difference of the filtered trains, ``B`` that difference carried to the
        spikes (``K^T A``), ``C`` times the pseudo-derivative, ``D`` the whole gradient on the voltage, through time and
        the reset; ``voltage`` and ``spikes``; ``target`` (step).
    """
    one = slice(repeat, repeat + 1)
    inputs, targets, weights = problem(settings)
    inputs, targets, weights = inputs[one], targets[:, one], weights[one].requires_grad_()
    step, kernel, model = layer_step(settings, "kept"), trace_kernel(settings), _model(settings)
    found: dict[str, list[np.ndarray]] = {name: [] for name in ("A", "B", "C", "D", "voltage", "spikes")}
    for _ in range(settings.iterations):
        output, voltage = _run(inputs, weights, step)
        error = kernel @ (output - targets)
        to_spikes = kernel.T @ error
        slope = pseudo_derivative(voltage - step.threshold, settings.shape, settings.width)
        parts = (error, to_spikes, to_spikes * slope, None, voltage, output)
        for name, part in zip(found, parts, strict=True):
            if part is not None:
                found[name].append(part.detach().numpy()[:, 0].copy())
        found["D"].append(through_time(found["C"][-1], found["voltage"][-1], model, settings))
        (gradient,) = torch.autograd.grad(0.5 * error.square().sum(), weights)
        weights.data -= learning_rate * gradient
    dataset = xr.Dataset({name: (("iteration", "step"), np.array(part)) for name, part in found.items()})
    return dataset.assign(target=("step", targets[:, 0].numpy()))


def through_time(
    gradient: np.ndarray, voltage: np.ndarray, model: DiscreteNeuron, settings: Settings
) -> np.ndarray:
    """Equation (7): what arrives at each step from that step and all later ones, shape (steps,)."""
    factor = reset_factor(voltage, model, settings.shape, settings.width)
    whole = gradient.copy()
    for n in range(len(whole) - 2, -1, -1):
        whole[n] += factor[n] * whole[n + 1]
    return whole


def _model(settings: Settings) -> DiscreteNeuron:
    neuron = CubaLIF(
        settings.tau_mem * STEP, settings.tau_syn * STEP, r=settings.tau_mem, reset=settings.reset
    )
    return discretize(neuron, STEP, "forward_euler")


def _run(inputs: torch.Tensor, weights: torch.Tensor, step: LayerStep) -> tuple[torch.Tensor, torch.Tensor]:
    """Spikes and voltages of all repeats, shape (steps, repeats)."""
    drive = torch.einsum("rti,ri->tr", inputs, weights)[:, None] * STEP  # a weight is an area
    spikes, voltage, _ = scan(drive, step)
    return spikes[:, 0], voltage[:, 0]
