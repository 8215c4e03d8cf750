"""Source 003 (Lee, Haghighatshoar and Karbasi 2023), figure 5: exact against surrogate gradients, each tuned alike.

The source trains its Yin-Yang network by exact gradients and, with the same hyperparameters, by surrogate gradients.
Its learning rate was searched for by hand with exact gradients. Here each gradient has a search of its own: the same
number of trial trainings, of the same length, from the same weights, chosen by the accuracy on the validation samples.
The chosen ones are then trained longer from several initial weights and tested.

The surrogates run on a grid of a hundredth of the window of the inputs a step, with the loss of first spikes or, as
in the source, with a cross-entropy of spike counts; its cross-entropy of every step is left out.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from .. import artefacts
from ..training import CountCrossEntropy, EventNetwork, Network, evaluate, fit
from . import yin_yang
from .provenance import Report, plain


@dataclass(frozen=True)
class Trial:
    """What may be tuned: the learning rate, and for a surrogate its width and whether the reset passes a gradient."""

    learning_rate: float
    width: float = 0.5
    reset_gradient: str = "kept"


RATES = (3e-3, 1e-2)
TRIALS = {
    "exact": tuple(Trial(rate) for rate in (5e-4, 2e-3, 5e-3, 1e-2)),
    "fast sigmoid": tuple(Trial(rate, width) for width in (0.1, 0.5) for rate in RATES),
    "straight through": tuple(Trial(rate, 1.0, reset) for reset in ("kept", "detached") for rate in RATES),
    "fast sigmoid, counts": tuple(Trial(rate, width) for width in (0.1, 0.5) for rate in RATES),
}
"""Name of a gradient to its trials, as many for each."""


@dataclass(frozen=True)
class Settings:
    """The network is that of ``task``; the searches are ours."""

    task: yin_yang.Settings = yin_yang.Settings()
    trials: dict[str, tuple[Trial, ...]] = field(default_factory=lambda: dict(TRIALS))
    trial_epochs: int = 4
    trial_seed: int = 0
    epochs: int = 30
    seeds: tuple[int, ...] = (0, 1, 2)

    def full(self) -> Settings:
        """The epochs and initial weights of the source, and longer trials."""
        return replace(self, trial_epochs=30, epochs=300, seeds=tuple(range(10)))

    def quick(self) -> Settings:
        """The same experiment in seconds: two trials each, few samples, one epoch."""
        return replace(
            self,
            task=replace(self.task.quick(), n_train=300, n_test=100, hidden=30),
            trials={name: each[:2] for name, each in self.trials.items()},
            trial_epochs=1,
            epochs=2,
            seeds=(0,),
        )


def loss(settings: Settings, gradient: str) -> Any:
    """Of spike counts where the name says so, of first spikes otherwise."""
    return CountCrossEntropy() if gradient.endswith("counts") else yin_yang.loss(settings.task)


def make_network(settings: Settings, gradient: str, trial: Trial, seed: int) -> EventNetwork | Network:
    """The untrained network; the initial weights of a seed are the same for every gradient."""
    if gradient == "exact":
        return yin_yang.make_network(settings.task, "exact", seed)
    grid = yin_yang.make_network(settings.task, "surrogate", seed)
    shape = "straight_through" if gradient.startswith("straight") else "fast_sigmoid"
    made = grid.variant(surrogate=shape, width=trial.width, reset_gradient=trial.reset_gradient)
    # a first spike does not know the reset, a count does
    return made.variant(neuron=settings.task.cell.neuron()) if gradient.endswith("counts") else made


def train(
    settings: Settings, gradient: str, trial: Trial, epochs: int, seed: int, checkpoint: Path
) -> tuple[EventNetwork | Network, list[dict[str, float]]]:
    """Train one network; ``checkpoint`` keeps its state."""
    made = make_network(settings, gradient, trial, seed)
    history = fit(
        made,
        *yin_yang.samples("train", settings.task.n_train),
        encoder=yin_yang.encoder(settings.task),
        loss=loss(settings, gradient),
        epochs=epochs,
        batch_size=settings.task.batch_size,
        learning_rate=trial.learning_rate,
        seed=seed,
        checkpoint=checkpoint,
        resume=True,
    )
    return made, history


def accuracy(settings: Settings, gradient: str, made: EventNetwork | Network, split: str) -> float:
    """Share of the samples of a split that are answered rightly."""
    result = evaluate(
        made,
        *yin_yang.samples(split, settings.task.n_test),
        encoder=yin_yang.encoder(settings.task),
        loss=loss(settings, gradient),
        batch_size=250,
    )
    return result.accuracy


def run(
    settings: Settings,
    folder: Path,
    checkpoints: Path,
    command: str,
    report: Report = lambda text: None,
    progress: bool = False,
) -> list[Path]:
    """Tune every gradient, train it, and write the artefact ``yin-yang-surrogates``.

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
        Not used: each training is one line.

    Returns
    -------
    list of Path
        Of the artefact: ``validation_accuracy``, ``learning_rate``, ``width``, ``detached`` (gradient, trial);
        ``chosen`` (gradient), a trial; ``loss``, ``accuracy``, ``seconds`` (gradient, seed, epoch) and
        ``test_accuracy`` (gradient, seed) of the chosen ones; ``map`` (gradient, y, x) of the first seed.
    """
    sources = artefacts.begin(checkpoints, "yin-yang-surrogates")
    started = time.monotonic()
    gradients, rows = list(settings.trials), list(settings.trials.values())
    if len({len(row) for row in rows}) != 1:
        raise ValueError(f"trials must be as many for every gradient, got {[len(row) for row in rows]}")
    found = np.array(
        [
            [_tried(settings, name, k, checkpoints, report) for k in range(len(settings.trials[name]))]
            for name in gradients
        ]
    )
    chosen = found.argmax(1)
    shape = (len(gradients), len(settings.seeds))
    curves = {name: np.empty((*shape, settings.epochs)) for name in ("loss", "accuracy", "seconds")}
    test, maps = np.empty(shape), []
    for row, name in enumerate(gradients):
        trial = settings.trials[name][chosen[row]]
        for column, seed in enumerate(settings.seeds):
            path = checkpoints / f"yin-yang-tuned-{_file(name)}-{seed}.pt"
            made, history = train(settings, name, trial, settings.epochs, seed, path)
            for key, values in curves.items():
                values[row, column] = [entry[key] for entry in history]
            test[row, column] = accuracy(settings, name, made, "test")
            report(f"{name}, seed {seed}: test accuracy {100 * test[row, column]:.1f} %")
            if not column:
                rule = loss(settings, name), yin_yang.encoder(settings.task), settings.task.map_size
                maps.append(yin_yang.decision_map(made, *rule))
    data = xr.Dataset(
        {
            "validation_accuracy": (("gradient", "trial"), found),
            "learning_rate": (("gradient", "trial"), _values(rows, "learning_rate")),
            "width": (("gradient", "trial"), _values(rows, "width")),
            "detached": (("gradient", "trial"), _values(rows, "reset_gradient") == "detached"),
            "chosen": ("gradient", chosen),
            **{k: (("gradient", "seed", "epoch"), v.astype(np.float32)) for k, v in curves.items()},
            "test_accuracy": (("gradient", "seed"), test),
            "map": (("gradient", "y", "x"), np.stack(maps)),
        },
        coords={
            "gradient": gradients,
            "seed": list(settings.seeds),
            "epoch": np.arange(1, settings.epochs + 1),
        },
    )
    headline = {
        f"mean_test_accuracy_{_file(name)}": float(value)
        for name, value in zip(gradients, test.mean(1), strict=True)
    }
    return [
        artefacts.save(
            "yin-yang-surrogates",
            data,
            command=command,
            settings=plain(settings),
            wall_seconds=max(time.monotonic() - started, float(curves["seconds"].sum())),
            headline=headline,
            sources=sources,
            folder=folder,
        )
    ]


def _tried(settings: Settings, name: str, k: int, checkpoints: Path, report: Report) -> float:
    path = checkpoints / f"yin-yang-trial-{_file(name)}-{k}.pt"
    trial = settings.trials[name][k]
    made, _ = train(settings, name, trial, settings.trial_epochs, settings.trial_seed, path)
    found = accuracy(settings, name, made, "validation")
    report(f"{name}, {trial}: validation accuracy {100 * found:.1f} %")
    return found


def _file(name: str) -> str:
    return name.replace(",", "").replace(" ", "_")


def _values(rows: list[tuple[Trial, ...]], name: str) -> NDArray[Any]:
    return np.array([[getattr(trial, name) for trial in row] for row in rows])
