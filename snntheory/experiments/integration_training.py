"""Training of numerically integrated networks: the second part of the experiment on the order of integration."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from .. import _files
from ..training import evaluate, fit
from .integration_tasks import TASKS, task_of
from .provenance import Report

if TYPE_CHECKING:
    from .integration_order import Settings

ESTIMATORS = ("adjusted", "piggyback")


def train(settings: Settings, name: str, seed: int, options: dict[str, Any]) -> dict[str, Any]:
    """Train one network; ``options`` as :meth:`snntheory.training.EventNetwork.variant` takes them, none: exact.

    Returns
    -------
    dict
        ``accuracy`` on the test samples after each epoch, ``training_accuracy`` in it; ``hidden_spikes`` a sample at
        the end; ``seconds`` of processor time an epoch of these samples; ``as_exact``, the accuracy of the trained
        weights in the exact network. All NaN where the training fails.
    """
    place, at = settings.training_tasks.index(name), TASKS.index(name)
    task = task_of(name, settings.hidden[at], seed)
    n, epochs = settings.training_samples[place], settings.training_epochs[place]
    network = task.network.variant(**options)
    images, labels = (each[:n] for each in task.train)
    clock: list[float] = []
    try:
        history = fit(
            network,
            images,
            labels,
            encoder=task.encoder,
            loss=task.loss,
            epochs=epochs,
            batch_size=settings.batch_size[at],
            learning_rate=settings.learning_rate[at],
            seed=seed,
            validation=task.test,
            after_step=lambda epoch, step: clock.append(time.process_time()),
        )
    except (FloatingPointError, ValueError):
        lost = float("nan")
        return {"accuracy": [lost] * epochs, "training_accuracy": [lost] * epochs, "hidden_spikes": lost,
                "seconds": lost, "as_exact": lost}  # fmt: skip
    end = evaluate(network, *task.test, encoder=task.encoder, loss=task.loss)
    exact = network.variant(method="adjoint", options={})
    return {
        "accuracy": [each["validation_accuracy"] for each in history],
        "training_accuracy": [each["accuracy"] for each in history],
        "hidden_spikes": end.spikes[0],
        "seconds": float(np.median(np.diff(clock))) * np.ceil(n / settings.batch_size[at]),
        "as_exact": evaluate(exact, *task.test, encoder=task.encoder, loss=task.loss).accuracy,
    }


def trainings(settings: Settings, name: str) -> dict[tuple[str, int, int], dict[str, Any]]:
    """Every training of a task but the exact one: ``(estimator, order, number of steps)`` to its options."""
    place = settings.training_tasks.index(name)
    t_max = task_of(name, settings.hidden[TASKS.index(name)]).network.t_max
    return {
        (estimator, order, n): {
            "method": "integrated",
            "options": {"dt": t_max / n, "order": order, "estimator": estimator, "spike_placement": "linear"},
        }
        for estimator in ESTIMATORS
        for order in settings.training_orders[place]
        for n in settings.training_steps[place]
    }


def run_trainings(
    settings: Settings, folder: Path, report: Report, progress: bool
) -> tuple[xr.Dataset, dict[str, float]]:
    """All trainings, and the numbers to quote; each is kept in ``folder`` when it is done.

    Returns
    -------
    xarray.Dataset
        What :func:`train` returns, of dimensions (task, estimator, order, step, seed) and for accuracies (epoch); the
        same of the exact networks as ``exact_...`` (task, seed). NaN where tasks differ in orders or length.
    dict of str to float
    """
    parts, headline = [], {}
    for place, name in enumerate(settings.training_tasks):
        steps, seeds = settings.training_steps[place], range(settings.training_seeds[place])
        cases = trainings(settings, name)
        exact = [_kept(folder, settings, name, seed, "exact", {}, report) for seed in seeds]
        found = {
            case: [
                _kept(folder, settings, name, seed, " ".join(map(str, case)), options, report)
                for seed in seeds
            ]
            for case, options in cases.items()
        }
        shape = (len(ESTIMATORS), len(settings.training_orders[place]), len(steps), len(seeds))
        sizes = ("estimator", "order", "step", "seed")
        task = task_of(name, settings.hidden[TASKS.index(name)])
        dt = task.network.t_max / np.array(steps)
        both = xr.Dataset(
            {
                key: ((*sizes, "epoch")[: 4 + values.ndim - 2], values.reshape(*shape, *values.shape[2:]))
                for key in exact[0]
                for values in [np.array([[each[key] for each in rows] for rows in found.values()])]
            }
            | {
                f"exact_{key}": (
                    ("seed", "epoch")[: np.ndim(exact[0][key]) + 1],
                    [each[key] for each in exact],
                )
                for key in exact[0]
            },
            coords={
                "estimator": list(ESTIMATORS),
                "order": list(settings.training_orders[place]),
                "seed": list(seeds),
                "epoch": np.arange(1, settings.training_epochs[place] + 1),
                "dt": ("step", dt),
                "dt_over_tau_syn": ("step", dt / task.network.neurons[0].tau_syn),
            },
        )
        parts.append(both.astype("float32"))
        headline[f"{name}: exact accuracy"] = float(both["exact_accuracy"].isel(epoch=-1).mean())
    together = xr.concat(parts, "task", join="outer", coords="different", compat="equals", fill_value=np.nan)
    return together.assign_coords(task=list(settings.training_tasks)), headline


def _kept(
    folder: Path,
    settings: Settings,
    name: str,
    seed: int,
    label: str,
    options: dict[str, Any],
    report: Report,
) -> dict[str, Any]:
    """What :func:`train` returns, from its file if it has been there before."""
    file = folder / f"training-{name}-{label}-{seed}.json".replace(" ", "-")
    if not file.exists():
        result = train(settings, name, seed, options)
        with _files.replacing(file) as temporary:
            temporary.write_text(json.dumps(result), encoding="utf-8")
        report(f"training of {name}, {label}, seed {seed}: accuracy {result['accuracy'][-1]:.3f}")
    kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return kept
