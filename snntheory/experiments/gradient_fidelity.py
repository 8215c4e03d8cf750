"""Which gradient method still points the right way at which time step?

Two tasks, each with a network of two layers, each trained with exact gradients and looked at three times (initial,
middle, trained): Yin-Yang with the constants of source 003 (Lee et al. 2023), and latency-coded digits with
``tau_mem = 2 tau_syn``. At the same weights every method computes the gradient of the same loss, the cross-entropy of
first output spikes, at time steps from a hundredth to eight tenths of ``tau_syn``, and is compared with the exact
gradient: :func:`snntheory.gradients.fidelity.fidelity`.

Each method has a forward pass of its own, so that two things come together: spikes that move, vanish or appear, and
what the method makes of the spikes that it has. The share of samples in which the same output fires first tells how
much of the first there is.

``descent`` asks the exact network itself: all weights take one step of a given relative length along a method's
gradient and, for comparison, along the exact one::

    descent = (L(w) - L(w - h g/|g|)) / (L(w) - L(w - h g*/|g*|)),     h = Settings.descent_step |w|

For small steps it is the cosine; below zero the method's step makes the loss larger.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from .. import _check, _files, artefacts
from ..gradients.fidelity import fidelity
from ..neuron import CubaLIF
from ..spiking import exact_network
from ..training import EventNetwork, FirstSpike, Latency, datasets, fit
from ..training.initial import FanIn, Normal
from ..training.sample_loss import SampleLoss, for_sample
from .exact_gradients import Cell
from .provenance import Report, plain

Floats = NDArray[np.float64]
NAME = "gradient-fidelity"
TASKS = ("yin-yang", "digits")
STAGES = ("initial", "middle", "trained")

_INTEGRATED = {"method": "integrated", "spike_placement": "linear"}
_TIMING = {"method": "timing", "scheme": "backward_euler"}
_SURROGATE = {"method": "surrogate", "scheme": "impulse_invariance", "width": 0.3}
METHODS: dict[str, dict[str, Any]] = {
    "integrated, order 1": _INTEGRATED | {"order": 1},
    "integrated, order 2": _INTEGRATED | {"order": 2},
    "integrated, order 2, piggyback": _INTEGRATED | {"order": 2, "estimator": "piggyback"},
    "integrated, order 4, cubic": _INTEGRATED | {"order": 4, "spike_placement": "cubic"},
    "straight through, carried": {"method": "straight_through"},
    "straight through, dropped": {"method": "straight_through", "late": "drop"},
    "timing, as printed": _TIMING | {"direct": "hu"},
    "timing, as TSSL-BP": _TIMING | {"direct": "tssl_bp"},
    "timing, whole derivative": _TIMING | {"direct": "shift"},
    "timing, whole derivative, exact decay": _TIMING | {"direct": "shift", "scheme": "impulse_invariance"},
    "surrogate, width 0.1": _SURROGATE | {"width": 0.1},
    "surrogate, width 0.3": _SURROGATE,
    "surrogate, width 1": _SURROGATE | {"width": 1.0},
    "surrogate, width 0.3, backward Euler": _SURROGATE | {"scheme": "backward_euler"},
    "surrogate, width 0.3, forward Euler": _SURROGATE | {"scheme": "forward_euler"},
}
"""Label to the arguments of :func:`snntheory.gradients.weight_gradient`, without ``dt``."""


@dataclass(frozen=True)
class Settings:
    """All settings of the experiment, in one place; ``steps`` are time steps over ``tau_syn``.

    Pairs are for Yin-Yang and for the digits; ``epochs`` those after which a training counts as middle and trained.
    """

    tasks: tuple[str, ...] = TASKS
    steps: tuple[float, ...] = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
    samples: int = 6
    hidden: tuple[int, int] = (40, 40)
    epochs: tuple[int, int] = (3, 15)
    n_train: tuple[int, int] = (3000, 2000)
    batch_size: tuple[int, int] = (100, 50)
    learning_rate: tuple[float, float] = (2e-3, 1e-3)
    gamma: tuple[float, float] = (0.005, 5.0)
    descent_step: float = 1e-3
    seed: int = 0

    def quick(self) -> Settings:
        """A miniature of seconds; its numbers are not the published ones."""
        return replace(self, steps=(0.1, 0.8), samples=2, hidden=(10, 10), epochs=(1, 2), n_train=(300, 200))


@dataclass(frozen=True)
class Task:
    """A network, its data and its loss."""

    network: EventNetwork
    encoder: Latency
    images: np.ndarray
    labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    loss: FirstSpike


def task_of(settings: Settings, name: str) -> Task:
    """The untrained network of a task with its data; the constants of Yin-Yang are those of source 003."""
    place = TASKS.index(_check.choice("task", name, TASKS))
    hidden, gamma = settings.hidden[place], settings.gamma[place]
    if name == "yin-yang":
        network = EventNetwork(
            (5, hidden, 3),
            Cell(alpha=0.999, beta=1.0).neuron(),
            4.0,
            initial=(Normal(1.5, 0.8), Normal(2.0, 0.3)),
            unit="jump",
            max_spikes=100,
            overflow="drop",
            seed=settings.seed,
        )
        encoder = Latency(window=2.0, first=0.15, last=2.0, zero_is_silent=False, bias=(0.9,))
        (x, y), (test_x, test_y) = (datasets.yin_yang(split) for split in ("train", "test"))
        return Task(network, encoder, 1 - x, y, 1 - test_x, test_y, FirstSpike(0.2, 1.0, gamma))
    network = EventNetwork(
        (784, hidden, 10),
        CubaLIF(0.020, 0.010),
        0.1,
        initial=(FanIn(4.0), Normal(0.15, 0.2)),
        max_spikes=100,
        overflow="drop",
        seed=settings.seed,
    )
    parts = (datasets.mnist_subset("train"), datasets.mnist_subset("test"))
    return Task(network, Latency(window=0.1, last=0.05), *parts[0], *parts[1], FirstSpike(0.001, 0.05, gamma))


def trained(settings: Settings, name: str, folder: Path, progress: bool = False) -> dict[str, list[Floats]]:
    """Canonical weights of a task's network at every stage; the training goes on where it was killed."""
    task, place = task_of(settings, name), TASKS.index(name)
    n = settings.n_train[place]
    found = {"initial": [w.numpy().astype(float) for w in task.network.weights()]}
    for stage, epochs in zip(STAGES[1:], settings.epochs, strict=True):
        file = folder / f"{name}-{stage}.npz"
        if not file.exists():
            fit(
                task.network,
                task.images[:n],
                task.labels[:n],
                encoder=task.encoder,
                loss=task.loss,
                epochs=epochs,
                batch_size=settings.batch_size[place],
                learning_rate=settings.learning_rate[place],
                seed=settings.seed,
                checkpoint=folder / f"{name}.pt",
                resume=True,
                progress=progress,
            )
            with _files.replacing(file) as temporary, temporary.open("wb") as stream:
                np.savez(stream, *(w.numpy().astype(float) for w in task.network.weights()))
        with np.load(file, allow_pickle=False) as stored:
            found[stage] = [stored[key] for key in stored.files]
    return found


def samples_of(settings: Settings, task: Task) -> tuple[list[list[Floats]], list[SampleLoss]]:
    """Input times and losses of the first test samples."""
    chosen = task.test_images[: settings.samples].reshape(settings.samples, -1)
    scaled = chosen / 255.0 if chosen.dtype == np.uint8 else chosen
    times = task.encoder.times(torch.as_tensor(scaled, dtype=torch.float32)).numpy()
    inputs = [[train[np.isfinite(train)] for train in sample] for sample in times]
    labels = task.test_labels[: settings.samples]
    return inputs, [for_sample(task.loss, int(label), task.network.t_max) for label in labels]


def run(
    settings: Settings,
    folder: Path,
    checkpoints: Path,
    command: str,
    report: Report = lambda text: None,
    progress: bool = False,
) -> list[Path]:
    """Train, compare and write one artefact; every finished (task, stage, method) is kept in ``checkpoints``.

    Raises
    ------
    ValueError
        ``checkpoints`` holds the results of other sources or settings.
    """
    started, sources = time.monotonic(), artefacts.begin(checkpoints, NAME, settings)
    parts = []
    for name in settings.tasks:
        task, stages = task_of(settings, name), trained(settings, name, checkpoints, progress)
        for stage in STAGES:
            rows = [
                _part(settings, name, stage, task, stages[stage], label, checkpoints) for label in METHODS
            ]
            both = xr.concat(
                rows, "method", data_vars="minimal", coords="minimal", compat="override", join="exact"
            )
            parts.append(both.expand_dims(task=[name], stage=[stage]))
            coarse = both["cosine"].sel(layer="all").isel(step=-1)
            report(
                f"{name}, {stage}: cosine at the largest step {float(coarse.min()):.2f} to {coarse.max():.2f}"
            )
    found: Any = xr.combine_by_coords(
        parts, join="outer", compat="no_conflicts", combine_attrs="drop_conflicts"
    )
    trained_all = found["cosine"].sel(stage="trained", layer="all")
    headline = {
        f"{name}: cosine of {label} at {step:g} tau_syn": float(
            trained_all.sel({"task": name, "method": label, "step": step})
        )
        for name in settings.tasks
        for label in ("straight through, carried", "timing, as TSSL-BP", "surrogate, width 0.3")
        for step in (settings.steps[0], settings.steps[-1])
    }
    path = artefacts.save(
        NAME,
        found.astype("float32").drop_encoding(),  # that of the first part would cut longer labels
        command=command,
        settings=plain(settings),
        wall_seconds=time.monotonic() - started,
        headline=headline,
        sources=sources,
        folder=folder,
    )
    return [path]


def _part(
    settings: Settings, name: str, stage: str, task: Task, weights: list[Floats], label: str, folder: Path
) -> xr.Dataset:
    file = folder / f"{name}-{stage}-{''.join(c if c.isalnum() else '-' for c in label)}.nc"
    if not file.exists():
        found = compare(settings, task, weights, {label: METHODS[label]})
        with _files.replacing(file) as temporary:
            found.to_netcdf(temporary, engine="h5netcdf")
    with xr.open_dataset(file, engine="h5netcdf") as stored:
        return stored.load()


def compare(
    settings: Settings, task: Task, weights: list[Floats], methods: dict[str, dict[str, Any]]
) -> xr.Dataset:
    """Fidelity of methods at given weights, against ``step`` = ``dt / tau_syn``, and whether they lead downhill.

    Returns
    -------
    xarray.Dataset
        As :func:`snntheory.gradients.fidelity.fidelity`, with ``step`` in the place of ``dt``, and ``descent`` (method,
        step); NaN where the method's gradient is zero.
    """
    neurons, t_max = list(task.network.neurons), task.network.t_max
    inputs, losses = samples_of(settings, task)
    # whole steps in the window, so that no spike on a grid lies behind its end
    time_steps = t_max / np.ceil(t_max / (np.array(settings.steps) * neurons[0].tau_syn) - 1e-9)
    found = fidelity(neurons, inputs, weights, losses, methods, time_steps, t_max=t_max, with_gradients=True)
    length = settings.descent_step * np.linalg.norm(np.concatenate([part.ravel() for part in weights]))

    def gain(direction: Floats) -> float:
        """By how much one step lowers the exact loss."""
        norm = np.linalg.norm(direction)
        if not norm:
            return float("nan")
        ends = np.cumsum([part.size for part in weights])[:-1]
        moves = np.split(direction * (length / norm), ends)
        moved = [part - move.reshape(part.shape) for part, move in zip(weights, moves, strict=True)]
        return float(found["exact_loss"]) - exact_loss(task, inputs, losses, moved)

    best = gain(found["exact_gradient"].values)
    descent = [[gain(each) / best for each in part] for part in found["gradient"].values]
    return (
        found.drop_vars(["gradient", "exact_gradient"])
        .assign(descent=(("method", "dt"), descent))
        .assign_coords(step=("dt", list(settings.steps)))
        .swap_dims(dt="step")
        .drop_vars("dt")
    )


def exact_loss(
    task: Task, inputs: list[list[Floats]], losses: list[SampleLoss], weights: list[Floats]
) -> float:
    """Mean loss of the exact network over samples."""
    neurons, t_max = list(task.network.neurons), task.network.t_max
    outputs = [exact_network(neurons, sample, weights, t_max)[-1] for sample in inputs]
    return float(np.mean([loss(output)[0] for loss, output in zip(losses, outputs, strict=True)]))
