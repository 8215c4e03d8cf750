"""Source 000 (Hu 2024), equation (40): its two estimators of a weight's gradient, in training.

An error of the voltage reaches a weight through the scheme ("discrete") or through the potential of continuous time,
taken at the steps ("continuous"); errors reach the layer below through the scheme in both. With the exact scheme the
two are one. The third row, "(38) as printed", is the discrete estimator with the source's derivative of the current by
a spike time, which leaves out its jump and so turns the sign; see :mod:`snntheory.gradients.timing`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from .. import _check
from ..gradients import _grid
from ..gradients.timing import ESTIMATORS, Crossings, direct_term
from ..linear import discretize
from ..training import CountCrossEntropy, Network, datasets, evaluate
from ..training.feed_forward import weight_unit
from ..training.inputs import as_inputs, as_labels
from ..training.trainer import generator
from .step_size_accuracy import Settings, learning_rate_of, network_and_encoder

Floats = NDArray[np.float64]
NAME = "step-size-estimators"
METHODS = {"discrete": ("discrete", "tssl_bp"), "continuous": ("continuous", "tssl_bp")}
METHODS["(38) as printed"] = ("discrete", "hu")
CONDITION = "scheme"


def batch_gradient(
    network: Network,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    loss: Any,
    *,
    estimator: str = "discrete",
    direct: str = "tssl_bp",
    clamp: float | None = None,
) -> tuple[list[Floats], float]:
    """Gradient through spike times of a batch's mean loss by canonical weights, with either estimator.

    Definition: :func:`snntheory.gradients.timing.network_gradient`, for a batch.

    Parameters
    ----------
    network : Network
        With ``input="dirac"``.
    inputs : torch.Tensor, shape (n_steps, batch, n_inputs)
    labels : torch.Tensor, shape (batch,)
    loss : a loss of spikes, as for :func:`snntheory.training.fit`
    estimator, direct, clamp
        As there.

    Returns
    -------
    gradients : list of ndarray, shape (n_in, n_out)
    value : float

    Accuracy: equal to ``network_gradient`` sample by sample, and with the discrete estimator to the trainer's own
    gradient; tests/experiments/test_step_size_estimators.py.
    """
    _check.choice("estimator", estimator, ESTIMATORS)
    if network.input != "dirac":
        raise ValueError(f"network must have input='dirac', got {network.input!r}")
    states = network.states(inputs)
    last = states[-1].spikes.clone().requires_grad_()
    value = loss(last, labels, network.dt)
    value.backward()
    n_steps, batch = inputs.shape[:2]
    given = np.zeros(last.shape) if last.grad is None else last.grad.numpy().astype(float)
    error = direct_term(given.reshape(n_steps, -1), direct, network.dt / network.neurons[-1].tau_syn)
    senders = [inputs, *(state.spikes for state in states[:-1])]
    gradients: list[Floats] = []
    parts = zip(states, senders, network.models, network.neurons, network.weights(), strict=True)
    for state, sender, model, neuron, matrix in reversed(list(parts)):
        weights, sent = matrix.numpy().astype(float), sender.numpy().astype(float)
        layer = _flat_layer(model, weights, state)
        crossings, keep = Crossings.of(layer, clamp), _grid.kept(layer)
        by_drive, entering = _grid.reverse_scan(model, keep, crossings.slope, error, crossings.own)
        by_weight = by_drive
        if estimator == "continuous":
            exact = discretize(neuron, model.dt, "impulse_invariance")
            by_weight, _ = _grid.reverse_scan(exact, keep, np.ones_like(keep), entering, np.zeros_like(keep))
        shape = (n_steps * batch, -1)
        gradients.insert(0, sent.reshape(shape).T @ by_weight.reshape(shape))
        back = (by_drive.reshape(shape) @ weights.T).reshape(n_steps, -1)
        error = direct_term(back, direct, model.dt / neuron.tau_syn)
    return gradients, value.item()


def _flat_layer(model: Any, weights: Floats, state: Any) -> _grid.Layer:
    """A batch's states as one layer of batch times neurons independent neurons."""
    voltage, current, spikes = (
        part.numpy().astype(float).reshape(len(part), -1)
        for part in (state.voltage, state.current, state.spikes)
    )
    neuron = model.neuron
    after = voltage - neuron.v_threshold * spikes
    if neuron.reset == "to_value":
        after = np.where(spikes == 1, neuron.v_reset, voltage)
    before = np.vstack([np.zeros_like(after[:1]), after[:-1]])
    return _grid.Layer(model, weights, np.empty((len(voltage), 0)), before, voltage, current, spikes)


def study(
    settings: Settings, checkpoints: Path, report: Callable[[str], None] = lambda text: None
) -> tuple[xr.Dataset, dict[str, float]]:
    """Train with each estimator at several steps; compare their first gradients.

    Returns
    -------
    xarray.Dataset
        ``accuracy`` (estimator, dt, seed) on test digits; ``course`` (..., batch) the loss of every training batch;
        ``cosine`` and ``norm_ratio`` (dt, seed) of the continuous estimator's first gradient to the discrete one's, all
        weights together.
    headline : dict of str to float
    """
    steps, seeds = settings.estimator_time_steps, settings.seeds
    n_batches = -(-settings.estimator_train // settings.batch_size) * settings.estimator_epochs
    accuracy = np.full((len(METHODS), len(steps), len(seeds)), np.nan)
    course = np.full((*accuracy.shape, n_batches), np.nan)
    cosine, ratio = np.full((2, *accuracy.shape[1:]), np.nan)
    for k, dt in enumerate(steps):
        for s, seed in enumerate(seeds):
            first = {}
            for m, name in enumerate(METHODS):
                accuracy[m, k, s], course[m, k, s], first[name] = train(settings, name, dt, seed)
            a, b = first["discrete"], first["continuous"]
            cosine[k, s] = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
            ratio[k, s] = np.linalg.norm(b) / np.linalg.norm(a)
        report(f"estimators, {dt:g} s: cosine of the first gradients {cosine[k].mean():.3f}")
    dims = ("estimator", "dt", "seed")
    table = xr.Dataset(
        {
            "accuracy": (dims, accuracy),
            "course": ((*dims, "batch"), course),
            "cosine": (dims[1:], cosine),
            "norm_ratio": (dims[1:], ratio),
        },
        coords={
            "estimator": list(METHODS),
            "dt": ("dt", list(steps), {"units": "s"}),
            "seed": list(seeds),
            "batch": np.arange(1, n_batches + 1),
        },
    )
    found = table["accuracy"].mean(["seed", "dt"])
    return table, {name: float(found.sel(estimator=name)) for name in METHODS}


def train(settings: Settings, method: str, dt: float, seed: int) -> tuple[float, Floats, Floats]:
    """One training with Adam: test accuracy, the loss of every batch, and the first gradient, flattened."""
    estimator, direct = METHODS[_check.choice("method", method, METHODS)]
    network, encoder = network_and_encoder(replace(settings, direct=direct), CONDITION, dt, "timing", seed)
    loss, unit = CountCrossEntropy(settings.temperature), weight_unit(settings.neuron)
    images, labels = (part[: settings.estimator_train] for part in datasets.mnist_subset("train"))
    pixels, goals = as_inputs(images), as_labels(labels, len(labels), 10)
    adam = torch.optim.Adam(network.parameters(), lr=learning_rate_of(settings, CONDITION))
    course: list[float] = []
    first: Floats | None = None
    for epoch in range(settings.estimator_epochs):
        order = np.random.default_rng([seed, epoch]).permutation(len(images))
        for step in range(0, len(order), settings.batch_size):
            chosen = torch.from_numpy(order[step : step + settings.batch_size])
            given = network.encode(encoder, pixels[chosen], generator(torch.device("cpu"), seed, epoch, step))
            gradients, value = batch_gradient(
                network, given, goals[chosen], loss, estimator=estimator, direct=direct, clamp=settings.clamp
            )
            course.append(value)
            if first is None:
                first = np.concatenate([part.ravel() for part in gradients])
            for own, gradient in zip(network.parameters(), gradients, strict=True):
                own.grad = torch.from_numpy((gradient * unit).astype(np.float32))
            adam.step()
    test = tuple(part[: settings.n_test] for part in datasets.mnist_subset("test"))
    result = evaluate(network, *test, encoder=encoder, loss=loss, seed=seed)
    return result.accuracy, np.array(course), np.zeros(1) if first is None else first
