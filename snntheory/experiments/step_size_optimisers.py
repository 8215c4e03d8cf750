"""Source 000 (Hu 2024), figure 4: Adam against L-BFGS on one batch, and why a line search finds nothing.

One batch of digits with one set of input spikes is fitted again and again, as the source did. The loss is a function of
spike counts, so it is constant between weights at which a spike appears or vanishes: its derivative is zero wherever it
exists, and what the optimisers are given is a substitute for it. L-BFGS needs two things of a gradient: that the loss
falls along it as fast as it says (the line search), and that its change ``y`` along a step ``s`` is the curvature
(``s . y > 0``). Both are measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from .. import _check
from ..training import CountCrossEntropy, Network, datasets
from ..training.inputs import as_inputs, as_labels
from ..training.trainer import generator
from .step_size_accuracy import GRADIENTS, Settings, learning_rate_of, network_and_encoder

Floats = NDArray[np.float64]
NAME = "step-size-optimisers"
OPTIMISERS = ("Adam", "L-BFGS", "L-BFGS, line search")
CONDITION = "all"


def batch(settings: Settings, dt: float, gradient: str) -> tuple[Network, Any, torch.Tensor, torch.Tensor]:
    """An untrained network of the source, its loss, and one batch of input spikes with labels."""
    # the start of the timing gradient for both: the outputs must fire, or the loss does not depend on the weights
    start = replace(settings, gain=settings.gain[1:] * 2, output_mean=settings.output_mean[1:] * 2)
    network, encoder = network_and_encoder(start, CONDITION, dt, gradient, settings.seeds[0])
    images, labels = (part[: settings.batch_size] for part in datasets.mnist_subset("train"))
    given = network.encode(encoder, as_inputs(images), generator(torch.device("cpu"), settings.seeds[0]))
    return network, CountCrossEntropy(settings.temperature), given, as_labels(labels, len(images), 10)


def fit_batch(
    network: Network,
    loss: Any,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    optimiser: str,
    evaluations: int,
    learning_rate: float,
) -> dict[str, Floats]:
    """Minimise the loss of one batch; every evaluation of loss and gradient counts, those of a line search too.

    Parameters
    ----------
    network : Network
        Trained in place.
    loss : as for :func:`snntheory.training.fit`
    inputs : torch.Tensor, shape (n_steps, batch, n_inputs)
    labels : torch.Tensor, shape (batch,)
    optimiser : {"Adam", "L-BFGS", "L-BFGS, line search"}
        L-BFGS with steps of length one in its own metric, as torch has it by default, or by strong Wolfe conditions.
    evaluations : int
    learning_rate : float
        Adam's. L-BFGS has none.

    Returns
    -------
    dict of ndarray
        ``loss`` and ``accuracy`` (evaluations,) of the weights reached so far, NaN after a loss or gradient that is not
        finite; ``step`` (iterations,) the length of each step relative to the weights, and ``curvature`` (iterations,)
        the cosine of ``s`` and ``y``.
    """
    _check.choice("optimiser", optimiser, OPTIMISERS)
    evaluations = _check.integer("evaluations", evaluations, minimum=1)
    made: torch.optim.Optimizer
    if optimiser == "Adam":
        made = torch.optim.Adam(network.parameters(), lr=learning_rate)
    else:
        search = "strong_wolfe" if "line search" in optimiser else None
        made = torch.optim.LBFGS(network.parameters(), max_iter=1, line_search_fn=search)
    seen: list[tuple[float, float]] = []  # of the weights that are kept, not of those a line search tries
    states: list[tuple[Floats, Floats]] = []
    first = False

    def closure() -> float:
        nonlocal first
        made.zero_grad()
        judged = network.judge(loss, inputs, labels)
        if judged.value.requires_grad:
            judged.value.backward()
        value = judged.value.item()
        seen.append(
            (value, float((judged.decided == labels).double().mean())) if first or not seen else seen[-1]
        )
        if first:
            states.append((_flat(network, "data"), _flat(network, "grad")))
            first = False
        return value

    while len(seen) < evaluations:
        first = True
        made.step(closure)
        if not (math.isfinite(seen[-1][0]) and all(np.isfinite(part).all() for part in states[-1])):
            break
    values = np.full((2, evaluations), np.nan)
    kept = np.array(seen[:evaluations]).T
    values[:, : kept.shape[1]] = kept
    moves = [(b[0] - a[0], b[1] - a[1], a[0]) for a, b in zip(states[:-1], states[1:], strict=True)]
    return {
        "loss": values[0],
        "accuracy": values[1],
        "step": np.array([np.linalg.norm(s) / np.linalg.norm(w) for s, _, w in moves]),
        "curvature": np.array([_cosine(s, y) for s, y, _ in moves]),
    }


def loss_line(
    network: Network, loss: Any, inputs: torch.Tensor, labels: torch.Tensor, lengths: Floats
) -> tuple[Floats, Floats]:
    """The loss along the gradient's downhill direction, and what the gradient says it should be.

    Parameters
    ----------
    network, loss, inputs, labels : as for :func:`fit_batch`
    lengths : ndarray, shape (n,)
        Of the steps, relative to the norm of all weights.

    Returns
    -------
    actual, said : ndarray, shape (n,)
    """
    network.zero_grad()
    start = network.judge(loss, inputs, labels).value
    if start.requires_grad:
        start.backward()
    weights, gradient = _flat(network, "data"), _flat(network, "grad")
    size, slope = float(np.linalg.norm(weights)), float(np.linalg.norm(gradient))
    direction = -gradient / slope if slope else np.zeros_like(gradient)
    actual = np.empty(len(lengths))
    for n, length in enumerate(lengths):
        _set_flat(network, weights + length * size * direction)
        with torch.no_grad():
            actual[n] = network.judge(loss, inputs, labels).value.item()
    _set_flat(network, weights)
    return actual, start.item() - np.asarray(lengths) * size * slope


def study(
    settings: Settings, checkpoints: Path, report: Callable[[str], None] = lambda text: None
) -> tuple[xr.Dataset, dict[str, float]]:
    """Fit a batch by every optimiser, gradient and time step; walk along the first gradient.

    Returns
    -------
    xarray.Dataset
        ``loss`` and ``accuracy`` (gradient, optimiser, dt, evaluation); ``longest_step``, ``wrong_curvature``
        (gradient, optimiser, dt): the share of steps with ``s . y <= 0``, and ``iterations``; ``along`` and ``said``
        (gradient, dt, length).
    headline : dict of str to float
    """
    steps = settings.batch_time_steps
    shape = (len(GRADIENTS), len(OPTIMISERS), len(steps))
    values = np.full((2, *shape, settings.batch_evaluations), np.nan)
    longest, wrong, iterations = np.full((3, *shape), np.nan)
    lengths = np.concatenate([[0.0], np.geomspace(1e-7, 1.0, settings.line_points - 1)])
    along, said = np.zeros((2, len(GRADIENTS), len(steps), lengths.size))
    for g, gradient in enumerate(GRADIENTS):
        for k, dt in enumerate(steps):
            network, loss, given, labels = batch(settings, dt, gradient)
            along[g, k], said[g, k] = loss_line(network, loss, given, labels, lengths)
            start = network.weights()
            for o, optimiser in enumerate(OPTIMISERS):
                network.set_weights(start)
                rate = learning_rate_of(settings, CONDITION)
                found = fit_batch(network, loss, given, labels, optimiser, settings.batch_evaluations, rate)
                key = (g, o, k)
                values[0][key], values[1][key] = found["loss"], found["accuracy"]
                iterations[key] = found["step"].size
                if found["step"].size:
                    longest[key] = found["step"].max()
                    moved = found["curvature"][found["step"] > 0]
                    wrong[key] = np.mean(moved <= 0) if moved.size else np.nan
                report(
                    f"{gradient}, {optimiser}, {dt:g} s: loss {found['loss'][0]:.3f} to {found['loss'][-1]:.3f}"
                )
    dims = ("gradient", "optimiser", "dt")
    table = xr.Dataset(
        {
            "loss": ((*dims, "evaluation"), values[0]),
            "accuracy": ((*dims, "evaluation"), values[1]),
            "longest_step": (dims, longest),
            "wrong_curvature": (dims, wrong),
            "iterations": (dims, iterations),
            "along": (("gradient", "dt", "length"), along),
            "said": (("gradient", "dt", "length"), said),
        },
        coords={
            "gradient": list(GRADIENTS),
            "optimiser": list(OPTIMISERS),
            "dt": ("dt", list(steps), {"units": "s"}),
            "evaluation": np.arange(1, settings.batch_evaluations + 1),
            "length": lengths,
        },
    )
    last = table["loss"].isel(dt=-1, evaluation=-1)
    return table, {
        f"{gradient}, {optimiser}": float(last.sel(gradient=gradient, optimiser=optimiser))
        for gradient in GRADIENTS
        for optimiser in OPTIMISERS
    }


def _flat(network: Network, name: str) -> Floats:
    parts = [getattr(each, name) for each in network.parameters()]
    zeros = [torch.zeros_like(each) for each in network.parameters()]
    chosen = [zero if part is None else part for part, zero in zip(parts, zeros, strict=True)]
    return np.concatenate([part.detach().numpy().ravel().astype(np.float64) for part in chosen])


def _set_flat(network: Network, values: Floats) -> None:
    with torch.no_grad():
        start = 0
        for each in network.parameters():
            part = values[start : start + each.numel()].reshape(each.shape)
            each.copy_(torch.from_numpy(part))
            start += each.numel()


def _cosine(a: Floats, b: Floats) -> float:
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size else 0.0
