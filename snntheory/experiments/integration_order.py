"""Source 001 (Guichard 2024): the order of integration, interpolated spikes, and training through either.

First, weight transfer: networks of exact spikes are trained once and run again by every integrator and interpolation of
:mod:`snntheory.experiments.weight_transfer`, against the time step. Second, training: networks integrated by power
series, every spike interpolated on a line and acting at its own time, learn with the derivative of what they compute
(``"adjusted"``) or with the formulas of the exact network at their spikes (``"piggyback"``).

Four tasks. ``"digits"`` has the constants of BATS (Bacho and Chu 2023), on which the source builds; ``"thresholded"``
is the same with each pixel black or white, so that all input spikes come at once, at time zero. ``"fast digits"`` has
time constants of 20 and 10 ms and is read by first spikes; ``"yin-yang"`` has the constants of Lee et al. (2023). The
poster names neither its time steps, its number of neurons nor its epochs; those here are ours, of smaller networks.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import xarray as xr

from .. import _files, artefacts
from ..spiking.events import SpikeLimitReached
from ..training import evaluate, fit
from .integration_tasks import TASKS, Task, input_times, task_of
from .integration_training import run_trainings
from .provenance import Report, plain
from .weight_transfer import (
    INTEGRATORS,
    INTERPOLATIONS,
    largest_voltage,
    possible,
    run_network,
    time_errors,
)

NAME = "integration-order"
MEASURES = (
    "accuracy",
    "agreement",
    "hidden_spikes",
    "rms_shift",
    "mean_shift",
    "unpaired",
    "largest_voltage",
)


@dataclass(frozen=True)
class Settings:
    """All settings, in one place; where there are four, they are for :data:`TASKS`.

    ``steps`` and ``training_steps`` are numbers of time steps in the window.
    """

    hidden: tuple[int, int, int, int] = (100, 100, 100, 40)
    n_train: tuple[int, int, int, int] = (4000, 4000, 4000, 3000)
    epochs: tuple[int, int, int, int] = (3, 3, 3, 8)
    batch_size: tuple[int, int, int, int] = (50, 50, 25, 50)
    learning_rate: tuple[float, float, float, float] = (1e-2, 1e-2, 3e-3, 5e-3)
    n_test: int = 200
    compared: int = 2
    steps: tuple[tuple[int, ...], ...] = (
        (40, 20, 10, 5, 2),
        (40, 20, 10, 5, 2),
        (50, 25, 10, 5, 3),
        (40, 20, 10, 5, 2),
    )
    integrators: tuple[str, ...] = (
        "order 1",
        "order 2",
        "order 4",
        "order 6",
        "backward_euler",
        "bilinear",
        "exponential_euler",
        "impulse_invariance",
    )
    training_tasks: tuple[str, ...] = ("thresholded", "yin-yang")
    training_steps: tuple[tuple[int, ...], ...] = ((20, 5, 2), (40, 10, 4))
    training_orders: tuple[tuple[int, ...], ...] = ((1, 2, 4), (1, 4))
    training_seeds: tuple[int, ...] = (1, 1)
    training_epochs: tuple[int, ...] = (2, 8)
    training_samples: tuple[int, ...] = (3000, 2000)

    def full(self) -> Settings:
        """Closer to the source: 800 hidden neurons, all digits and integrators, more steps, epochs and seeds."""
        return replace(
            self,
            hidden=(800, 800, 800, 120),
            n_train=(8000, 8000, 8000, 5000),
            epochs=(10, 10, 10, 40),
            n_test=1000,
            compared=5,
            steps=(
                (400, 200, 100, 40, 20, 10, 5, 2),
                (400, 200, 100, 40, 20, 10, 5, 2),
                (200, 100, 50, 25, 10, 5, 3, 2),
                (400, 200, 80, 40, 20, 10, 5, 2),
            ),
            integrators=tuple(INTEGRATORS),
            training_tasks=("digits", "thresholded", "yin-yang"),
            training_steps=((100, 20, 5, 2), (100, 20, 5, 2), (80, 40, 10, 4)),
            training_orders=((1, 2, 3, 4, 5),) * 3,
            training_seeds=(3, 3, 5),
            training_epochs=(10, 10, 40),
            training_samples=(8000, 8000, 5000),
        )

    def quick(self) -> Settings:
        """A miniature of seconds; its numbers are not the recorded ones."""
        return replace(
            self,
            hidden=(10, 10, 10, 10),
            n_train=(200, 200, 200, 200),
            epochs=(1, 1, 1, 1),
            n_test=20,
            compared=2,
            steps=((20, 5), (20, 5), (20, 5), (20, 5)),
            integrators=("order 1", "order 4", "impulse_invariance"),
            training_steps=((5,), (10,)),
            training_orders=((1, 4), (4,)),
            training_seeds=(1, 1),
            training_epochs=(1, 1),
            training_samples=(200, 200),
        )


def trained(settings: Settings, name: str, folder: Path, progress: bool = False) -> Task:
    """A task with its network trained by exact gradients; the training goes on where it was killed."""
    place = TASKS.index(name)
    task = task_of(name, settings.hidden[place])
    n = settings.n_train[place]
    fit(
        task.network,
        task.train[0][:n],
        task.train[1][:n],
        encoder=task.encoder,
        loss=task.loss,
        epochs=settings.epochs[place],
        batch_size=settings.batch_size[place],
        learning_rate=settings.learning_rate[place],
        seed=0,
        checkpoint=folder / f"{name}.pt",
        resume=True,
        progress=progress,
    )
    return task


def transfer(settings: Settings, task: Task, integrator: str, steps: tuple[int, ...]) -> xr.Dataset:
    """The weights of an exact network run by one integrator, with every interpolation and time step.

    Returns
    -------
    xarray.Dataset
        Of dimensions (interpolation, step), NaN where a combination does not exist or its state grows without bound:
        ``accuracy``; ``agreement``, share of samples with the answer of the exact network; ``hidden_spikes`` a sample;
        ``rms_shift`` and ``mean_shift`` of paired hidden spikes in units of the hidden ``tau_syn``, and ``unpaired``
        ones over the exact number (:func:`weight_transfer.time_errors`, pairs at most ``tau_syn / 2`` apart);
        ``largest_voltage`` of the hidden layer at grid points over the threshold.
    """
    network, labels = task.network, task.test[1][: settings.n_test]
    weights = [each.numpy().astype(float) for each in network.weights()]
    times, hidden = input_times(task, settings.n_test), network.neurons[0]
    with torch.no_grad():
        exact = [layer.numpy() for layer in network(torch.from_numpy(times))]
    answers = task.loss.decide_times(torch.from_numpy(exact[-1])).numpy()
    few = slice(0, settings.compared)
    values = np.full((len(MEASURES), len(INTERPOLATIONS), len(steps)), np.nan)
    for row, interpolation in enumerate(INTERPOLATIONS):
        if not possible(integrator, interpolation):
            continue
        for column, n_steps in enumerate(steps):
            chosen = (network.t_max / n_steps, integrator, interpolation)
            try:
                layers = run_network(
                    times, weights, network.neurons, network.t_max, *chosen, network.max_spikes
                )
                highest = largest_voltage(times[few], weights[0], hidden, network.t_max, *chosen)
            except ValueError as error:  # the state grows without bound: so do its spikes, or it is no number
                explosion = isinstance(error, SpikeLimitReached) or "without bound" in str(error)
                if not explosion and "finite" not in str(error):
                    raise
                continue
            found = task.loss.decide_times(torch.from_numpy(layers[-1][0])).numpy()
            trains = [each[few].reshape(-1, each.shape[2]) for each in (exact[0], layers[0][0])]
            shifts = time_errors(trains[0], trains[1], hidden.tau_syn / 2)
            values[:, row, column] = (
                np.mean(found == labels),
                np.mean(found == answers),
                layers[0][1].sum() / len(labels),
                shifts["rms"] / hidden.tau_syn,
                shifts["mean"] / hidden.tau_syn,
                shifts["unpaired"],
                highest,
            )
    return xr.Dataset(
        {name: (("interpolation", "step"), values[k]) for k, name in enumerate(MEASURES)},
        coords={"interpolation": list(INTERPOLATIONS)},
    )


def exact_results(settings: Settings, task: Task) -> dict[str, float]:
    """Accuracy and hidden spikes of the exact network on the same samples."""
    images, labels = (each[: settings.n_test] for each in task.test)
    found = evaluate(task.network, images, labels, encoder=task.encoder, loss=task.loss)
    return {"exact_accuracy": found.accuracy, "exact_hidden_spikes": found.spikes[0]}


def run(
    settings: Settings,
    folder: Path,
    checkpoints: Path,
    command: str,
    report: Report = lambda text: None,
    progress: bool = False,
) -> list[Path]:
    """Both parts, one artefact each: ``integration-order`` and ``integration-order-training``.

    Every finished (task, integrator) and every finished training is kept in ``checkpoints``.

    Raises
    ------
    ValueError
        ``checkpoints`` holds the results of other sources or settings.
    """
    sources = artefacts.begin(checkpoints, NAME, settings)
    written = []
    for name, part in ((NAME, _transfers), (f"{NAME}-training", run_trainings)):
        started = time.monotonic()
        found, headline = part(settings, checkpoints, report, progress)
        written.append(
            artefacts.save(
                name,
                found,
                command=command,
                settings=plain(settings),
                wall_seconds=time.monotonic() - started,
                headline=headline,
                sources=sources,
                folder=folder,
            )
        )
    return written


def _transfers(
    settings: Settings, folder: Path, report: Report, progress: bool
) -> tuple[xr.Dataset, dict[str, float]]:
    parts, headline = [], {}
    for place, name in enumerate(TASKS):
        task, steps = trained(settings, name, folder, progress), settings.steps[place]
        rows = []
        for integrator in settings.integrators:
            file = folder / f"{name}-{integrator}.nc".replace(" ", "-")
            if not file.exists():
                with _files.replacing(file) as temporary:
                    transfer(settings, task, integrator, steps).to_netcdf(temporary, engine="h5netcdf")
            with xr.open_dataset(file, engine="h5netcdf") as stored:
                rows.append(stored.load())
        exact, tau_syn = exact_results(settings, task), task.network.neurons[0].tau_syn
        dt = task.network.t_max / np.array(steps)
        both = xr.concat(rows, "integrator", join="exact").astype("float32").drop_encoding()
        parts.append(
            both.assign(exact).assign_coords(dt=("step", dt), dt_over_tau_syn=("step", dt / tau_syn))
        )
        headline[f"{name}: exact accuracy"] = exact["exact_accuracy"]
        report(f"{name}: exact accuracy {exact['exact_accuracy']:.3f}, transferred {len(rows)} integrators")
    found = xr.concat(parts, "task", join="exact", data_vars="all", coords="different", compat="equals")
    found = found.assign_coords(task=list(TASKS), integrator=list(settings.integrators))
    found["dt"].attrs["units"] = "s"
    return found, headline
