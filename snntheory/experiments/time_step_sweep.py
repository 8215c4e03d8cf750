"""Source 002 (Cojocaru 2024): time step against accuracy, sparsity and latency, where spikes travel on a grid.

784-800-10 neurons with the constants of BATS, an image's pixels as latencies within 0.1 s, a window of 0.2 s, counts of
15 and 3 spikes as targets. The network is event-driven; what its neurons send lies on multiples of the time step
(:mod:`snntheory.gradients.straight_through`). ``time step 0`` is the network in continuous time.

Recorded are the accuracy, loss and spikes of a test set on the way, and the **latency**: the share of the target that
the true class's output has reached at a time, its mean over samples. The published numbers stand beside ours in the
artefact.
"""

from __future__ import annotations

import csv
import json
import time
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from .. import _check, _files, artefacts
from ..neuron import CubaLIF
from ..training import EventNetwork, Latency, SpikeCount, datasets, evaluate, fit
from ..training.initial import Uniform
from ..training.trainer import as_inputs
from .provenance import Report, plain

Floats = NDArray[np.float64]
NAME = "time-step-sweep"
TAU_SYN, TAU_MEM = 0.13, 0.26
LAST_INPUT, T_MAX = 0.1, 0.2
TARGET_FALSE = 3.0
LATTICE = LAST_INPUT / 255
"""Spacing of the input times: one a brightness."""


@dataclass(frozen=True)
class Settings:
    """What was recorded: the network of the source, the digits of the package, three epochs.

    ``time_steps`` in seconds, 0 is continuous time; ``checks`` evaluations on ``n_check`` test samples an epoch.
    """

    data: str = "mnist-subset"
    hidden: tuple[int, ...] = (800,)
    thresholds: tuple[float, ...] = (0.2, 1.3)
    rooms: tuple[int, ...] = (30, 30)
    time_steps: tuple[float, ...] = (0.0, 0.001, 0.004, 0.006, 0.007, 0.008, 0.010, 0.015)
    seeds: tuple[int, ...] = (0, 1, 2)
    n_train: int = 8000
    n_test: int = 2000
    batch_size: int = 20
    learning_rate: float = 3e-3
    halve_after: int = 0
    epochs: int = 3
    checks: int = 4
    n_check: int = 250

    def quick(self) -> Settings:
        """A miniature of seconds; its numbers are not the published ones.

        Fewer hidden neurons drive lower thresholds behind them.
        """
        return replace(
            self,
            hidden=tuple(40 for _ in self.hidden),
            thresholds=(self.thresholds[0], *(each / 4 for each in self.thresholds[1:])),
            time_steps=(0.0, 0.010),
            seeds=(0,),
            n_train=200,
            n_test=100,
            epochs=1,
            checks=2,
            n_check=50,
            learning_rate=2e-2,
        )

    def full(self) -> Settings:
        """The source's table 1 for MNIST: 60,000 images, batches of 50, ten epochs, five runs."""
        steps = (0.0, 0.0005, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.007, 0.008, 0.009, 0.010, 0.015)
        return replace(
            self,
            data="mnist",
            time_steps=steps,
            seeds=(0, 1, 2, 3, 4),
            n_train=60_000,
            n_test=10_000,
            batch_size=50,
            epochs=10,
            checks=10,
            n_check=1000,
        )

    def fashion(self) -> Settings:
        """The source's table 1 for Fashion-MNIST, with two hidden layers; for :meth:`full` as well as for less."""
        return replace(
            self,
            data="fashion-mnist",
            hidden=(400, 400),
            thresholds=(0.13, 0.45, 0.7),
            rooms=(5, 5, 20),
            time_steps=(0.0, 0.003, 0.005, 0.009),
            learning_rate=5e-4,
            halve_after=10,
        )


@dataclass(frozen=True)
class Training:
    """One network: its time step in seconds (0: none), its seed, and how its spikes get onto the grid.

    ``shift`` moves all inputs, in seconds: by half of ``LATTICE`` no input lies on the grid. ``target`` is the count of
    the true class.
    """

    dt: float
    seed: int = 0
    rounding: str = "next"
    late: str = "drop"
    estimator: str = "published"
    shift: float = 0.0
    target: float = 15.0

    @property
    def label(self) -> str:
        """For the name of a file."""
        rule = f"-{self.rounding}-{self.late}-{self.estimator}" if self.dt else ""
        moved = f"-shift{1e6 * self.shift:.0f}us" if self.shift else ""
        aim = f"-target{self.target:g}" if self.target != 15 else ""
        return f"{1e3 * self.dt:g}ms{rule}{moved}{aim}-{self.seed}"

    def encoder(self) -> Latency:
        """Pixels to times; black ones are silent."""
        return Latency(window=T_MAX, first=self.shift, last=LAST_INPUT + self.shift)

    def loss(self) -> SpikeCount:
        """Half the squared distance to the target counts."""
        return SpikeCount(self.target, TARGET_FALSE)


def make_network(settings: Settings, training: Training) -> EventNetwork:
    """The untrained network; weights do not depend on the time step."""
    grid: dict[str, Any] = {}
    if training.dt:
        grid = {"method": "straight_through", "dt": training.dt, "rounding": training.rounding}
        grid |= {"late": training.late, "estimator": training.estimator}
    return EventNetwork(
        (784, *settings.hidden, 10),
        [CubaLIF(TAU_MEM, TAU_SYN, r=TAU_MEM, v_threshold=each) for each in settings.thresholds],
        T_MAX,
        max_spikes=settings.rooms,
        overflow="drop",
        initial=Uniform(),
        unit="jump",
        seed=training.seed,
        **grid,
    )


def samples(settings: Settings, split: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images and labels; the downloaded sets as by :func:`snntheory.training.datasets.load`."""
    if settings.data == "mnist-subset":
        images, labels = datasets.mnist_subset(split)
    else:
        images, labels = datasets.load(settings.data, split)
    n = settings.n_train if split == "train" else settings.n_test
    return images[:n], labels[:n]


def train(
    settings: Settings, training: Training, folder: Path, progress: bool = False
) -> tuple[EventNetwork, dict[str, list[float]]]:
    """Train one network, or go on with it; returns it and what the checks on the test set found.

    Returns
    -------
    (EventNetwork, dict)
        Lists with one entry a check: ``samples_seen``, ``accuracy``, ``loss``, ``output_spikes``, ``hidden_spikes``
        (of all hidden layers) and the loss of the training batches of the epoch, ``training_loss`` (one an epoch).
    """
    network, file = make_network(settings, training), folder / f"{training.label}-checks.json"
    images, labels = samples(settings, "train")
    test = tuple(part[: settings.n_check] for part in samples(settings, "test"))
    n_batches = -(-len(images) // settings.batch_size)
    marks = {round(n_batches * (k + 1) / settings.checks) for k in range(settings.checks)}
    checks: dict[str, dict[str, float]] = json.loads(file.read_text()) if file.exists() else {}

    def check(epoch: int, step: int) -> None:
        seen = (epoch - 1) * len(images) + min(step * settings.batch_size, len(images))
        if step not in marks or str(seen) in checks:
            return
        found = evaluate(network, *test, encoder=training.encoder(), loss=training.loss())
        checks[str(seen)] = {
            "samples_seen": seen,
            "accuracy": found.accuracy,
            "loss": found.loss,
            "hidden_spikes": sum(found.spikes[:-1]),
            "output_spikes": found.spikes[-1],
        }
        with _files.replacing(file) as temporary:
            temporary.write_text(json.dumps(checks), encoding="utf-8")

    halving = 0.5 ** (1 / settings.halve_after) if settings.halve_after else 1.0
    history = fit(
        network,
        images,
        labels,
        encoder=training.encoder(),
        loss=training.loss(),
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        decay=halving,
        seed=training.seed,
        checkpoint=folder / f"{training.label}.pt",
        checkpoint_every=1e9,  # after an epoch only: its last check is then on the disk
        resume=True,
        progress=progress,
        after_step=check,
    )
    rows = sorted(checks.values(), key=lambda row: row["samples_seen"])
    curves = {name: [row[name] for row in rows] for name in rows[0]}
    curves["training_loss"] = [entry["loss"] for entry in history]
    curves["seconds"] = [entry["seconds"] for entry in history]
    return network, curves


@torch.no_grad()
def latency(settings: Settings, network: EventNetwork, training: Training, times: Floats) -> Floats:
    """Spikes of the true class up to each of ``times`` over the target, mean over the test samples that are checked."""
    images, labels = (part[: settings.n_check] for part in samples(settings, "test"))
    total = np.zeros(len(times))
    for part, goal in zip(np.array_split(images, 5), np.array_split(labels, 5), strict=True):
        spikes = network(training.encoder().times(as_inputs(part)))[-1].numpy()
        own = spikes[np.arange(len(goal)), goal]
        total += (own[..., None] <= times).sum((0, 1))
    share: Floats = total / (training.target * len(labels))
    return share


def published() -> xr.Dataset:
    """The source's own test results, means and standard deviations over its runs.

    Returns
    -------
    xarray.Dataset
        ``accuracy`` (0 .. 1), ``loss``, ``hidden_spikes``, ``output_spikes``, each with ``.._std``, and ``runs``, by
        ``row``, with coordinates ``data``, ``dt`` (seconds, 0: continuous) and ``epoch``.

    References
    ----------
    Raw logs of the experiments in the repository of Cojocaru (2024), condensed.
    """
    file = resources.files(__package__) / "data" / "cojocaru_2024.csv"
    with file.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(line for line in stream if not line.startswith("#")))
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    coords = {"data": ("row", columns.pop("data"))}
    coords |= {name: ("row", columns.pop(name).astype(float)) for name in ("dt", "epoch")}
    return xr.Dataset({name: ("row", part.astype(float)) for name, part in columns.items()}, coords)


def run(
    settings: Settings,
    folder: Path,
    checkpoints: Path,
    command: str,
    report: Report = lambda text: None,
    progress: bool = False,
    name: str = NAME,
) -> list[Path]:
    """Train a network a time step and seed and write the artefact ``name``; a killed run goes on after its last epoch.

    Returns
    -------
    list of Path
        Of the artefact: what :func:`measure` finds, by ``run``, with the coordinates ``dt`` and ``seed``.
    """
    sources = artefacts.begin(checkpoints, name)
    started = time.monotonic()
    found = []
    for seed in settings.seeds:
        for dt in settings.time_steps:
            training = Training(_check.number("dt", dt, "s", minimum=0.0), seed)
            found.append(measure(settings, training, checkpoints, progress))
            report(f"{training.label}: test accuracy {100 * float(found[-1]['test_accuracy']):.1f} %")
    data = xr.concat(found, "run", join="exact")
    first = settings.seeds[0]
    headline = {
        f"test accuracy at {1e3 * dt:g} ms": float(data["test_accuracy"].sel(run=data.dt == dt).mean())
        for dt in settings.time_steps
    }
    headline["hidden spikes in continuous time"] = float(
        data["hidden_spikes"]
        .isel(check=-1)
        .sel(run=(data.dt == settings.time_steps[0]) & (data.seed == first))
        .item()
    )
    return [
        artefacts.save(
            name,
            data,
            command=command,
            settings=plain(settings),
            wall_seconds=max(time.monotonic() - started, float(data["seconds"].sum())),
            headline=headline,
            sources=sources,
            folder=folder,
        )
    ]


def measure(settings: Settings, training: Training, checkpoints: Path, progress: bool = False) -> xr.Dataset:
    """One training as a dataset with the coordinates ``dt`` and ``seed``; kept in ``checkpoints``.

    Other time steps and seeds may be added to a folder; every other setting must be as it was.

    Returns
    -------
    xarray.Dataset
        ``accuracy``, ``loss``, ``hidden_spikes``, ``output_spikes`` of the checked test samples (check);
        ``training_loss``, ``seconds`` (epoch); ``test_accuracy``, ``test_hidden_spikes``, ``test_output_spikes`` of all
        test samples; ``latency`` (time).

    Raises
    ------
    ValueError
        ``checkpoints`` holds this training with other settings.
    """
    file = checkpoints / f"{training.label}.nc"
    made_with = json.dumps(plain(replace(settings, time_steps=(), seeds=())), sort_keys=True)
    if not file.exists():
        network, curves = train(settings, training, checkpoints, progress)
        whole = evaluate(
            network, *samples(settings, "test"), encoder=training.encoder(), loss=training.loss()
        )
        times = np.linspace(0, T_MAX, 101)
        seen = curves.pop("samples_seen")
        by_epoch = {key: curves.pop(key) for key in ("training_loss", "seconds")}
        data = xr.Dataset(
            {
                **{key: ("check", np.array(part)) for key, part in curves.items()},
                **{key: ("epoch", np.array(part)) for key, part in by_epoch.items()},
                "test_accuracy": whole.accuracy,
                "test_hidden_spikes": sum(whole.spikes[:-1]),
                "test_output_spikes": whole.spikes[-1],
                "latency": ("time", latency(settings, network, training, times)),
            },
            {
                "dt": training.dt,
                "seed": training.seed,
                "check": np.array(seen),
                "epoch": np.arange(1, len(by_epoch["seconds"]) + 1),
                "time": times,
            },
            {"settings": made_with},
        )
        with _files.replacing(file) as temporary:
            data.to_netcdf(temporary, engine="h5netcdf")
    with xr.open_dataset(file, engine="h5netcdf") as stored:
        found = stored.load().drop_encoding()
    if found.attrs.pop("settings") != made_with:
        raise ValueError(
            f"{checkpoints} holds {training.label} with other settings; remove it to begin again"
        )
    return found
