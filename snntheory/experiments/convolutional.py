"""Source 004 (Yang 2020), tables 2 and 3: convolutional networks, with and without the path through the reset.

The source gives the networks, the numbers of steps and the test accuracies, and no more. Ours: the neuron of its
table 1 (time constants of 6 and 2 steps, forward Euler, sigmoid of width 0.3, reset to zero); pooling that averages the
spikes of the layer before; pixels as a constant current, with N-MNIST events as counts; cross-entropy of spike counts;
Adam, its learning rate, the initial weights and the number of epochs. ``Settings()`` is the MNIST network of the source
on a part of the digits that ship with the package, for a few epochs; :meth:`Settings.full` has all three networks and
whole data sets.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

from .. import artefacts
from ..gradients.surrogate import RESET_GRADIENTS
from ..neuron import CubaLIF
from ..training import (
    Constant,
    Conv,
    CountCrossEntropy,
    Dense,
    Events,
    Network,
    Pool,
    datasets,
    evaluate,
    fit,
)
from ..training.connections import Layer
from ..training.inputs import as_labelled
from ..training.trainer import generator
from .provenance import Report, plain


@dataclass(frozen=True)
class Task:
    """A row of the source's table 3, with the data that it is run on."""

    dataset: str
    network: str
    """As the source writes it; the output layer is behind it."""
    shape: tuple[int, int, int]
    steps: int
    padding: int = 0
    """Of the convolutions; the source does not say."""
    seconds: float = 0.030
    """Length of an input; of images it does not matter."""
    n_train: int | None = None
    n_test: int | None = None
    """None: all."""
    published: tuple[float, float] = (np.nan, np.nan)
    """Test accuracy with the reset term and without, table 2."""


MNIST = Task("mnist", "15C5-P2-40C5-P2-300", (1, 28, 28), 30, published=(0.9949, 0.9950))
N_MNIST = Task("n-mnist", "12C5-P2-64C5-P2", (2, 34, 34), 5, seconds=0.3, published=(0.9929, 0.9928))
CIFAR_10 = Task(
    "cifar-10", "96C3-256C3-P2-384C3-P2-384C3-256C3-1024-1024", (3, 32, 32), 5, 1, published=(0.8896, 0.8898)
)  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """What the source gives (tasks, width, time constants in steps), and what we chose."""

    tasks: tuple[Task, ...] = (replace(MNIST, dataset="mnist-subset", n_train=1000, n_test=1000),)
    tau_mem: float = 6.0
    tau_syn: float = 2.0
    width: float = 0.3
    gain: float = 0.5
    temperature: float = 3.0
    learning_rate: float = 3e-3
    decay: float = 0.7
    batch_size: int = 25
    epochs: int = 2
    seeds: tuple[int, ...] = (0, 1, 2)
    device: str = "cpu"

    def quick(self) -> Settings:
        """A small network on few digits, to see that it runs; its numbers are not the published ones."""
        small = Task("mnist-subset", "4C5-P4-20", (1, 28, 28), 10, n_train=200, n_test=100)
        return replace(self, tasks=(small,), gain=2.0, epochs=2, seeds=(0,))

    def full(self) -> Settings:
        """The source's three networks on whole data sets; a GPU is used where there is one."""
        device = "cuda" if torch.cuda.is_available() else "cpu"
        tasks = (MNIST, N_MNIST, CIFAR_10)
        return replace(self, tasks=tasks, batch_size=50, epochs=50, decay=0.95, device=device)


def layers_of(text: str, n_classes: int, padding: int = 0) -> list[Layer]:
    """The layers of a notation such as ``"15C5-P2-40C5-P2-300"``, and an output layer.

    Raises
    ------
    ValueError
        A part is neither ``15C5`` (maps and side), ``P2`` nor a number.
    """
    found: list[Layer] = []
    for part in text.split("-"):
        match = re.fullmatch(r"(\d+)C(\d+)|P(\d+)|(\d+)", part)
        if match is None:
            raise ValueError(f"network must be parts such as 15C5, P2 and 300 with '-' between, got {part!r}")
        maps, side, pool, neurons = match.groups()
        if maps:
            found.append(Conv(int(maps), int(side), padding=padding))
        else:
            found.append(Pool(int(pool)) if pool else Dense(int(neurons)))
    return [*found, Dense(n_classes)]


def network(settings: Settings, task: Task, reset_gradient: str, seed: int, n_classes: int = 10) -> Network:
    """The network of a task, with or without the path through the reset; the same weights for one seed."""
    dt = task.seconds / task.steps
    neuron = CubaLIF(settings.tau_mem * dt, settings.tau_syn * dt, r=settings.tau_mem, reset="to_value")
    return Network(
        task.shape,
        neuron,
        dt,
        "forward_euler",
        layers=layers_of(task.network, n_classes, task.padding),
        surrogate="sigmoid",
        width=settings.width,
        reset_gradient=reset_gradient,
        gain=settings.gain,
        seed=seed,
    )


def samples(task: Task, split: str) -> tuple[Any, Any, Any]:
    """Images, labels and encoder of one split; of recorded events, what :class:`Events` finds them by."""
    n = task.n_train if split == "train" else task.n_test
    found = datasets.load(task.dataset, split)
    if isinstance(found, datasets.EventSamples):
        return found.references()[:n], found.labels[:n], Events(found, task.seconds)
    images, labels = found
    return images[:n], labels[:n], Constant(task.seconds, task.steps / task.seconds)


def first_gradients(settings: Settings, task: Task, seed: int) -> np.ndarray:
    """What the path changes before any training: cosine and ratio of the norms (kept to detached), by layer."""
    images, labels, encoder = samples(replace(task, n_train=settings.batch_size), "train")
    found = []
    for path in RESET_GRADIENTS:
        made = network(settings, task, path, seed)
        inputs, classes = as_labelled(made, images, labels, encoder)
        given = made.encode(encoder, inputs, generator(torch.device("cpu"), seed))
        made.judge(CountCrossEntropy(settings.temperature), given, classes).value.backward()
        found.append([each.grad.double().flatten() for each in made.parameters()])  # type: ignore[union-attr]
    kept, cut = (np.array([[float(each.norm()) for each in part]]) for part in found)
    products = np.array([[float(a @ b) for a, b in zip(*found, strict=True)]])
    with np.errstate(invalid="ignore", divide="ignore"):  # NaN where no gradient arrives
        return np.concatenate([products / (kept * cut), kept / cut])


def train(
    settings: Settings, task: Task, reset_gradient: str, seed: int, checkpoint: Path, progress: bool = False
) -> dict[str, Any]:
    """Train one network and test it."""
    made = network(settings, task, reset_gradient, seed)
    images, labels, encoder = samples(task, "train")
    loss = CountCrossEntropy(settings.temperature)
    history = fit(
        made,
        images,
        labels,
        encoder=encoder,
        loss=loss,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        decay=settings.decay,
        seed=seed,
        device=settings.device,
        checkpoint=checkpoint,
        resume=True,
        progress=progress,
    )
    images, labels, encoder = samples(task, "test")
    tested = evaluate(made, images, labels, encoder=encoder, loss=loss, batch_size=50, device=settings.device)
    return {
        "loss": [entry["loss"] for entry in history],
        "accuracy": [entry["accuracy"] for entry in history],
        "seconds": sum(entry["seconds"] for entry in history),
        "test_accuracy": tested.accuracy,
        "n_test": tested.n_samples,
        "spikes": tested.spikes,
    }


def run(
    settings: Settings,
    folder: Path,
    checkpoints: Path,
    command: str,
    report: Report = lambda text: None,
    progress: bool = False,
) -> list[Path]:
    """Train every network of every task with the path kept and detached; one artefact a task.

    Parameters
    ----------
    settings : Settings
    folder, checkpoints : Path
        Where the artefacts go; where unfinished trainings are kept.
    command : str
        What to type to do it again, for the provenance.
    report : callable
        Called with one line a training.
    progress : bool
        Show a progress bar of each training.

    Returns
    -------
    list of Path
        Artefacts ``convolutional`` (MNIST) and ``convolutional-DATASET``: ``loss``, ``accuracy`` (reset_gradient, seed,
        epoch); ``test_accuracy``, ``seconds`` (reset_gradient, seed); ``spikes`` (reset_gradient, seed, layer);
        ``cosine``, ``norm_ratio`` (seed, layer) of the first gradients; ``published`` (reset_gradient).
    """
    sources = artefacts.begin(checkpoints, "convolutional")
    paths = []
    for task in settings.tasks:
        started = time.monotonic()
        rows: list[list[dict[str, Any]]] = []
        for path in RESET_GRADIENTS:
            rows.append([])
            for seed in settings.seeds:
                found = train(
                    settings, task, path, seed, checkpoints / f"{task.dataset}-{path}-{seed}.pt", progress
                )
                rows[-1].append(found)
                report(
                    f"{task.dataset}, reset {path}, seed {seed}: test accuracy {100 * found['test_accuracy']:.2f} %"
                )
        first = np.array([first_gradients(settings, task, seed) for seed in settings.seeds])
        paths.append(
            artefacts.save(
                "convolutional" if "mnist" == task.dataset.split("-")[0] else f"convolutional-{task.dataset}",
                _dataset(settings, task, rows, first),
                command=command,
                settings=plain(replace(settings, tasks=(task,))),
                wall_seconds=time.monotonic() - started,
                headline={
                    f"mean_test_accuracy_{path}": float(np.mean([each["test_accuracy"] for each in row]))
                    for path, row in zip(RESET_GRADIENTS, rows, strict=True)
                },
                sources=sources,
                folder=folder,
            )
        )
    return paths


def _dataset(settings: Settings, task: Task, rows: list[Any], first: np.ndarray) -> xr.Dataset:
    def values(name: str) -> np.ndarray:
        return np.array([[each[name] for each in row] for row in rows], np.float32)

    each, paths = ("reset_gradient", "seed"), list(RESET_GRADIENTS)
    return xr.Dataset(
        {
            "loss": ((*each, "epoch"), values("loss")),
            "accuracy": ((*each, "epoch"), values("accuracy")),
            "test_accuracy": (each, values("test_accuracy")),
            "seconds": (each, values("seconds")),
            "spikes": ((*each, "layer"), values("spikes")),
            "cosine": (("seed", "layer"), first[:, 0]),
            "norm_ratio": (("seed", "layer"), first[:, 1]),
            "published": ("reset_gradient", list(task.published)),
        },
        coords={
            "reset_gradient": paths,
            "seed": list(settings.seeds),
            "epoch": np.arange(1, settings.epochs + 1),
            "layer": [name for name in task.network.split("-") if name[0] != "P"] + ["output"],
        },
        attrs={"dataset": task.dataset, "network": task.network, "n_test": rows[0][0]["n_test"]},
    )
