"""Source 002 (Cojocaru 2024) on Fashion-MNIST: two hidden layers, where the published networks stop learning at 5 ms.

As :mod:`snntheory.experiments.time_step_sweep`, each time step with late crossings dropped, as published, and carried.
The images are fetched by :func:`snntheory.training.datasets.load`, or found through ``SNNTHEORY_DATA``.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import xarray as xr

from .. import artefacts
from . import time_step_sweep as sweep
from .provenance import Report

NAME = "time-step-fashion"


@dataclass(frozen=True)
class Settings:
    """What was recorded: the network of the source and all 60,000 images, twice.

    The source's batches of 5 make 12,000 steps an epoch; here are 3,000 of batches of 20, at four times its rate.
    ``trainings`` are pairs of a time step in seconds (0: continuous) and what is done with late crossings.
    """

    sweep: sweep.Settings = field(
        default_factory=lambda: replace(
            sweep.Settings().fashion(),
            n_train=60_000,
            n_test=10_000,
            learning_rate=2e-3,
            epochs=2,
            checks=5,
        )
    )
    trainings: tuple[tuple[float, str], ...] = (
        (0.0, "drop"),
        (0.003, "drop"),
        (0.005, "drop"),
        (0.009, "drop"),
        (0.009, "carry"),
    )
    seed: int = 0

    def quick(self) -> Settings:
        """A miniature of seconds, with the digits of the package."""
        small = replace(self.sweep.quick(), data="mnist-subset")
        return replace(self, sweep=small, trainings=((0.0, "drop"), (0.009, "carry")))

    def full(self) -> Settings:
        """The source's table 1: batches of 5, ten epochs."""
        source = replace(sweep.Settings().full().fashion(), batch_size=5)
        return replace(self, sweep=source)


def trainings(settings: Settings) -> list[sweep.Training]:
    """One training a pair."""
    return [sweep.Training(dt, settings.seed, late=late) for dt, late in settings.trainings]


def run(
    settings: Settings,
    folder: Path,
    checkpoints: Path,
    command: str,
    report: Report = lambda text: None,
    progress: bool = False,
) -> list[Path]:
    """Train a network a pair and write the artefact ``time-step-fashion``; a killed run goes on after its last epoch.

    Returns
    -------
    list of Path
        Of the artefact: what :func:`snntheory.experiments.time_step_sweep.measure` finds, by ``run``, with the
        coordinates ``dt`` and ``late``.
    """
    sources, started = artefacts.begin(checkpoints, NAME), time.monotonic()
    found, headline = [], {}
    for training in trainings(settings):
        found.append(sweep.measure(settings.sweep, training, checkpoints, progress))
        accuracy = float(found[-1]["test_accuracy"])
        headline[f"test accuracy at {1e3 * training.dt:g} ms, {training.late}"] = accuracy
        report(f"{training.label}: test accuracy {100 * accuracy:.1f} %")
    data = xr.concat(found, "run", join="exact")
    data = data.assign_coords(late=("run", [each.late for each in trainings(settings)]))
    return [
        artefacts.save(
            NAME,
            data,
            command=command,
            settings=asdict(settings),
            wall_seconds=max(time.monotonic() - started, float(data["seconds"].sum())),
            headline=headline,
            sources=sources,
            folder=folder,
        )
    ]
