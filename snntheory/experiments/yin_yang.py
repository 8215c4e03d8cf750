"""Source 003 (Lee, Haghighatshoar and Karbasi 2023), section 5.3: Yin-Yang by exact gradients of first spike times.

5-150-3 neurons, 300 epochs of 5,000 samples with the settings of table 3, from ten initial weights.
:mod:`snntheory.experiments.yin_yang_surrogates` trains the same network by surrogate gradients.
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

from .. import artefacts
from ..training import EventNetwork, FirstSpike, Latency, Network, datasets, evaluate, fit
from ..training.initial import Normal
from .exact_gradients import Cell, network
from .provenance import Report, plain

METHODS = ("exact", "surrogate")
PUBLISHED_ACCURACY = (0.950, 0.0083)
"""Mean and standard deviation over ten initialisations."""
PUBLISHED_SECONDS = 3 * 3600.0
""""Approximately 3 hours" on 48 processors."""


@dataclass(frozen=True)
class Settings:
    """Table 3 of the source; ``surrogate_*``, ``looks``, ``max_spikes`` and ``t_max`` are ours."""

    cell: Cell = Cell(alpha=0.999, beta=1.0)
    first: float = 0.15
    last: float = 2.0
    bias: float = 0.9
    t_max: float = 4.0
    looks: tuple[float, ...] = (1.1, 1.6)
    max_spikes: int = 12
    hidden: int = 150
    initial_hidden: Normal = Normal(1.5, 0.8)
    initial_output: Normal = Normal(2.0, 0.1)
    batch_size: int = 150
    epochs: int = 300
    learning_rate: float = 5e-4
    tau_0: float = 0.2
    tau_1: float = 1.0
    gamma: float = 0.005
    seeds: tuple[int, ...] = tuple(range(10))
    n_train: int = 5000
    n_test: int = 1000
    surrogate_steps: int = 100
    surrogate_width: float = 0.5
    surrogate_learning_rate: float = 5e-3
    surrogate_epochs: int = 300
    map_size: int = 80

    def quick(self) -> Settings:
        """The same experiment in seconds: one seed, fewer samples and epochs, a larger learning rate."""
        return replace(
            self,
            epochs=6,
            learning_rate=5e-3,
            seeds=(0,),
            n_train=900,
            n_test=300,
            surrogate_epochs=3,
            map_size=20,
        )


def encoder(settings: Settings) -> Latency:
    """The source's ``t = first + v (last - first)`` and a bias spike; give it ``1 - features``."""
    return Latency(
        window=settings.last,
        last=settings.last,
        first=settings.first,
        zero_is_silent=False,
        bias=(settings.bias,),
    )


def loss(settings: Settings) -> FirstSpike:
    """The source's loss."""
    return FirstSpike(settings.tau_0, settings.tau_1, settings.gamma)


def make_network(settings: Settings, method: str, seed: int) -> EventNetwork | Network:
    """The untrained network; that of ``"surrogate"`` has the same initial weights, on a grid."""
    exact = network(
        (5, settings.hidden, 3),
        settings.cell,
        settings.t_max,
        (settings.initial_hidden, settings.initial_output),
        seed,
        looks=settings.looks,
        max_spikes=settings.max_spikes,
    )
    if method == "exact":
        return exact
    grid = exact.on_grid(settings.last / settings.surrogate_steps)
    return grid.variant(width=settings.surrogate_width)


def samples(split: str, n: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """``1 - features`` and labels: the encoder's strongest spike is the earliest, the source's the smallest value."""
    features, labels = datasets.yin_yang(split)
    return 1 - features[:n], labels[:n]


def train(
    settings: Settings, method: str, seed: int, checkpoint: Path | None = None, progress: bool = False
) -> tuple[EventNetwork | Network, list[dict[str, float]]]:
    """Train one network; returns it and the history of :func:`snntheory.training.fit`."""
    exact = method == "exact"
    made = make_network(settings, method, seed)
    history = fit(
        made,
        *samples("train", settings.n_train),
        encoder=encoder(settings),
        loss=loss(settings),
        epochs=settings.epochs if exact else settings.surrogate_epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate if exact else settings.surrogate_learning_rate,
        seed=seed,
        checkpoint=checkpoint,
        resume=checkpoint is not None,
        progress=progress,
    )
    return made, history


def run(
    settings: Settings,
    folder: Path,
    checkpoints: Path,
    command: str,
    report: Report = lambda text: None,
    progress: bool = False,
) -> list[Path]:
    """Train every seed by exact gradients and write the artefact ``yin-yang``.

    Parameters
    ----------
    settings : Settings
    folder, checkpoints : Path
        Where the artefact goes; where the trainings keep their state. A killed run goes on from there.
    command : str
        What to type to do it again, for the provenance.
    report : callable
        Called with one line a training.
    progress : bool
        Show progress bars.

    Returns
    -------
    list of Path
        Of the artefact: ``loss``, ``accuracy``, ``silent_outputs``, ``seconds`` (seed, epoch); ``test_accuracy`` and
        ``hidden_spikes`` per sample (seed); of the first seed before and after its training (stage) ``first_times``
        (sample, output) of the test samples, and ``map`` (y, x): classes of the points of the square, -1 outside the
        disc, -2 where no output fires; ``label`` (sample).
    """
    sources = artefacts.begin(checkpoints, "yin-yang")
    started = time.monotonic()
    curves: dict[str, list[list[float]]] = {}
    test, hidden = [], []
    stages = [make_network(settings, "exact", settings.seeds[0])]
    for seed in settings.seeds:
        made, history = train(settings, "exact", seed, checkpoints / f"yin-yang-exact-{seed}.pt", progress)
        result = evaluate(
            made,
            *samples("test", settings.n_test),
            encoder=encoder(settings),
            loss=loss(settings),
            batch_size=1000,
        )
        test.append(result.accuracy)
        hidden.append(result.spikes[0])
        for name in ("loss", "accuracy", "silent_outputs", "seconds"):
            curves.setdefault(name, []).append([entry[name] for entry in history])
        report(
            f"exact, seed {seed}: test accuracy {100 * result.accuracy:.1f} %, "
            f"{sum(curves['seconds'][-1]):.0f} s of training"
        )
        if len(stages) == 1:
            stages.append(made)
    seconds = np.sum(curves["seconds"], 1)
    rule = loss(settings), encoder(settings), settings.map_size
    data = xr.Dataset(
        {
            **{name: (("seed", "epoch"), np.array(rows, np.float32)) for name, rows in curves.items()},
            "test_accuracy": ("seed", test),
            "hidden_spikes": ("seed", hidden),
            "first_times": (
                ("stage", "sample", "output"),
                np.array([first_times(settings, each) for each in stages], np.float32),
            ),
            "label": ("sample", samples("test", settings.n_test)[1]),
            "map": (("stage", "y", "x"), np.stack([decision_map(each, *rule) for each in stages])),
        },
        coords={
            "seed": list(settings.seeds),
            "stage": ["before", "after"],
            "epoch": np.arange(1, settings.epochs + 1),
        },
    )
    headline = {
        "mean_test_accuracy": float(np.mean(test)),
        "std_test_accuracy": float(np.std(test, ddof=1)) if len(test) > 1 else 0.0,
        "seconds_a_training": float(seconds.mean()),
    }
    return [
        artefacts.save(
            "yin-yang",
            data,
            command=command,
            settings=plain(settings),
            wall_seconds=max(time.monotonic() - started, float(seconds.sum())),
            headline=headline,
            sources=sources,
            folder=folder,
        )
    ]


@torch.no_grad()
def first_times(settings: Settings, made: Any) -> NDArray[np.float64]:
    """First output spikes of the test samples, shape (sample, output); inf for a silent one."""
    images = torch.from_numpy(samples("test", settings.n_test)[0].astype(np.float32))
    times: NDArray[np.float64] = made(encoder(settings).times(images))[-1][..., 0].numpy()
    return times


@torch.no_grad()
def decision_map(made: Any, loss: Any, encoder: Latency, size: int) -> NDArray[np.int8]:
    """Class of each point of a square grid of ``size`` by ``size`` over [0, 1]^2, rows from y = 0.

    -1 outside the disc, -2 where no output fires. ``loss`` decides.
    """
    axis = (np.arange(size) + 0.5) / size
    x, y = (each.ravel() for each in np.meshgrid(axis, axis))
    images = torch.from_numpy(1 - np.stack([x, y, 1 - x, 1 - y], 1).astype(np.float32))
    found = []
    for part in images.split(1000):
        given = made.encode(encoder, part, torch.Generator())
        judged = made.judge(loss, given, torch.zeros(len(part), dtype=torch.int64))
        silent = (made.counts(judged.layers[-1]) == 0).all(1)
        found.append(judged.decided.masked_fill(silent, -2))
    classes = torch.cat(found).numpy().astype(np.int8)
    classes[(x - 0.5) ** 2 + (y - 0.5) ** 2 > 0.25] = -1
    shaped: NDArray[np.int8] = classes.reshape(size, size)
    return shaped
