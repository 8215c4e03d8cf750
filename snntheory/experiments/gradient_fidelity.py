"""Which gradient method still points the right way at which time step?

Two tasks, each with a network of two layers, each trained with exact gradients and looked at three times (initial,
middle, trained): Yin-Yang with the constants of source 003 (Lee et al. 2023), and latency-coded digits with
``tau_mem = 2 tau_syn``. At the same weights every method computes the gradient of the same loss, the cross-entropy of
first output spikes, at time steps from a two hundredth to four tenths of ``tau_syn``, and is compared with the exact
gradient: :func:`snntheory.gradients.fidelity.fidelity`.

Each method has a forward pass of its own, so that two things come together: spikes that move, vanish or appear, and
what the method makes of the spikes that it has. The share of samples in which the same output fires first tells how much
of the first there is.

Each surrogate is computed with every width of :data:`WIDTHS`, so that a figure may show the best for each time step.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

from .. import _check, _files, artefacts, conventions
from ..gradients.fidelity import fidelity
from ..neuron import CubaLIF
from ..spiking import exact_network
from ..training import EventNetwork, FirstSpike, Latency, datasets, fit
from ..training.initial import FanIn, Normal
from ..training.sample_loss import SampleLoss, for_sample

NAME = "gradient-fidelity"
TASKS = ("yin-yang", "digits")
STAGES = ("initial", "middle", "trained")
WIDTHS = (0.1, 0.3, 1.0)

METHODS: dict[str, dict[str, Any]] = {
    "integrated, order 1, linear": {"method": "integrated", "order": 1, "spike_placement": "linear"},
    "integrated, order 4, cubic": {"method": "integrated", "order": 4, "spike_placement": "cubic"},
    "piggyback, order 4, cubic": {
        "method": "integrated",
        "order": 4,
        "spike_placement": "cubic",
        "estimator": "piggyback",
    },
    "straight through, carried": {"method": "straight_through"},
    "straight through, dropped": {"method": "straight_through", "late": "drop"},
    "timing, backward Euler": {"method": "timing"},
    "timing, whole derivative, backward Euler": {"method": "timing", "direct": "shift"},
    "timing, whole derivative, exact decay": {
        "method": "timing",
        "direct": "shift",
        "scheme": "impulse_invariance",
    },
} | {
    f"surrogate, {title}, width {width:g}": {"method": "surrogate", "scheme": scheme, "width": width}
    for title, scheme in (
        ("exact decay", "impulse_invariance"),
        ("backward Euler", "backward_euler"),
        ("forward Euler", "forward_euler"),
    )
    for width in WIDTHS
}
"""Label to the arguments of :func:`snntheory.gradients.weight_gradient`, without ``dt``."""


@dataclass(frozen=True)
class Settings:
    """All settings of the experiment, in one place; ``steps`` are time steps over ``tau_syn``."""

    tasks: tuple[str, ...] = TASKS
    steps: tuple[float, ...] = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
    samples: int = 12
    hidden: tuple[int, int] = (40, 60)
    epochs: tuple[int, int] = (2, 20)
    n_train: tuple[int, int] = (3000, 2000)
    batch_size: int = 100
    learning_rate: float = 2e-3
    descent_step: float = 1e-4
    seed: int = 0

    def quick(self) -> Settings:
        """A miniature of seconds; its numbers are not the published ones."""
        return replace(self, steps=(0.05, 0.4), samples=2, hidden=(10, 10), epochs=(1, 2), n_train=(300, 200))


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
    """The untrained network of a task; the seconds of source 003's are its unit of time."""
    hidden = settings.hidden[TASKS.index(_check.choice("task", name, TASKS))]
    if name == "yin-yang":
        neuron, _ = conventions.get("fp").to_neuron({"alpha": 0.999, "beta": 1.0, "threshold": 1.0})
        network = EventNetwork(
            (5, hidden, 3),
            neuron,
            4.0,
            initial=(Normal(1.5, 0.8), Normal(2.0, 0.3)),
            unit="jump",
            max_spikes=100,
            overflow="drop",
            seed=settings.seed,
        )
        encoder = Latency(window=2.0, first=0.15, last=2.0, zero_is_silent=False, bias=(0.9,))
        (x, y), (test_x, test_y) = (datasets.yin_yang(split) for split in ("train", "test"))
        return Task(network, encoder, 1 - x, y, 1 - test_x, test_y, FirstSpike(0.2, 1.0, 0.005))
    network = EventNetwork(
        (784, hidden, 10),
        CubaLIF(0.020, 0.010),
        0.1,
        initial=(FanIn(2.0), FanIn(2.0)),
        max_spikes=100,
        overflow="drop",
        seed=settings.seed,
    )
    parts = (datasets.mnist_subset("train"), datasets.mnist_subset("test"))
    return Task(network, Latency(window=0.1, last=0.05), *parts[0], *parts[1], FirstSpike(0.005, 0.05, 0.01))


def trained(
    settings: Settings, name: str, folder: Path, progress: bool = False
) -> dict[str, list[np.ndarray]]:
    """Canonical weights of a task's network at every stage; the training goes on where it was killed."""
    task = task_of(settings, name)
    place = TASKS.index(name)
    n = settings.n_train[place]
    found = {"initial": [w.numpy().astype(float) for w in task.network.weights()]}
    for stage, epochs in zip(STAGES[1:], settings.epochs, strict=True):
        fit(
            task.network,
            task.images[:n],
            task.labels[:n],
            encoder=task.encoder,
            loss=task.loss,
            epochs=epochs,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            seed=settings.seed,
            checkpoint=folder / f"{name}.pt",
            resume=stage == "trained" or (folder / f"{name}-{stage}.npz").exists(),
            progress=progress,
        )
        file = folder / f"{name}-{stage}.npz"
        if not file.exists():
            with _files.replacing(file) as temporary, temporary.open("wb") as stream:
                np.savez(stream, *(w.numpy().astype(float) for w in task.network.weights()))
        with np.load(file, allow_pickle=False) as stored:
            found[stage] = [stored[key] for key in stored.files]
    return found


def samples_of(settings: Settings, task: Task) -> tuple[list[list[np.ndarray]], list[SampleLoss]]:
    """Input times and losses of the first test samples."""
    chosen = task.test_images[: settings.samples].reshape(settings.samples, -1)
    scaled = chosen / 255.0 if chosen.dtype == np.uint8 else chosen
    times = task.encoder.times(torch.as_tensor(scaled, dtype=torch.float32)).double().numpy()
    inputs = [[train[np.isfinite(train)] for train in sample] for sample in times]
    labels = task.test_labels[: settings.samples]
    return inputs, [for_sample(task.loss, int(label), task.network.t_max) for label in labels]


def run(
    settings: Settings,
    folder: Path,
    checkpoints: Path,
    command: str,
    report: Callable[[str], None] = lambda text: None,
    progress: bool = False,
) -> list[Path]:
    """Train, compare and write one artefact; every finished (task, stage, method) is kept in ``checkpoints``.

    Raises
    ------
    ValueError
        ``checkpoints`` holds the results of other sources or settings.
    """
    started, sources = time.monotonic(), artefacts.current_sources()
    checkpoints.mkdir(parents=True, exist_ok=True)
    said = json.dumps({"sources": sources.digest, "settings": asdict(settings)})
    made_by = checkpoints / f"{NAME}.json"
    if made_by.exists() and made_by.read_text(encoding="utf-8") != said:
        raise ValueError(
            f"{checkpoints} holds results of other sources or settings; remove it to begin again"
        )
    with _files.replacing(made_by) as temporary:
        temporary.write_text(said, encoding="utf-8")
    parts = []
    for name in settings.tasks:
        task, stages = task_of(settings, name), trained(settings, name, checkpoints, progress)
        for stage in STAGES:
            rows = [
                _part(settings, name, stage, task, stages[stage], label, checkpoints) for label in METHODS
            ]
            both = xr.concat(rows, "method", coords="minimal", compat="override")
            parts.append(both.expand_dims(task=[name], stage=[stage]))
            best = both["cosine"].sel(layer="all").max("dt").max()
            report(f"{name}, {stage}: largest cosine {float(best):.3f}")
    found = xr.combine_by_coords(parts, combine_attrs="drop_conflicts")
    found = found.drop_vars([each for each in found.data_vars if str(each).startswith("sample_norm")])
    headline = {
        f"{name}: cosine of {label} at {step:g} tau_syn": float(
            found["cosine"].sel(task=name, stage="trained", method=label, layer="all", step=step)
        )
        for name in settings.tasks
        for label in ("integrated, order 4, cubic", "straight through, carried", "timing, backward Euler")
        for step in settings.steps[-2:]
    }
    path = artefacts.save(
        NAME,
        found.astype("float32"),
        command=command,
        settings={k: list(v) if isinstance(v, tuple) else v for k, v in asdict(settings).items()},
        wall_seconds=time.monotonic() - started,
        headline=headline,
        sources=sources,
        folder=folder,
    )
    return [path]


def _part(
    settings: Settings, name: str, stage: str, task: Task, weights: list[np.ndarray], label: str, folder: Path
) -> xr.Dataset:
    file = folder / f"{name}-{stage}-{''.join(c if c.isalnum() else '-' for c in label)}.nc"
    if not file.exists():
        found = compare(settings, task, weights, {label: METHODS[label]})
        with _files.replacing(file) as temporary:
            found.to_netcdf(temporary, engine="h5netcdf")
    with xr.open_dataset(file, engine="h5netcdf") as stored:
        return stored.load()


def compare(
    settings: Settings, task: Task, weights: list[np.ndarray], methods: dict[str, dict[str, Any]]
) -> xr.Dataset:
    """Fidelity of methods at given weights, against ``step`` = ``dt / tau_syn``, and whether they lead downhill.

    Returns
    -------
    xarray.Dataset
        As :func:`snntheory.gradients.fidelity.fidelity`, with ``step`` in the place of ``dt``.
    """
    neurons, t_max = task.network.neurons, task.network.t_max
    inputs, losses = samples_of(settings, task)
    # whole steps in the window, so that no spike on a grid lies behind its end
    time_steps = t_max / np.ceil(t_max / (np.array(settings.steps) * neurons[0].tau_syn) - 1e-9)
    found = fidelity(list(neurons), inputs, weights, losses, methods, time_steps, t_max=t_max)
    return found.assign_coords(step=("dt", list(settings.steps))).swap_dims(dt="step").drop_vars("dt")


def exact_loss(
    task: Task, inputs: list[list[np.ndarray]], losses: list[SampleLoss], weights: list[np.ndarray]
) -> float:
    """Mean loss of the exact network over samples."""
    neurons, t_max = list(task.network.neurons), task.network.t_max
    layers = [exact_network(neurons, sample, weights, t_max)[-1] for sample in inputs]
    return float(np.mean([loss(out)[0] for loss, out in zip(losses, layers, strict=True)]))
