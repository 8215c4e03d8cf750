"""Source 003 (Lee, Haghighatshoar and Karbasi 2023), section 5.2: Fisher's irises by exact gradients of first spikes.

4-10-3 neurons with the settings of table 2. The source says neither how the samples are divided, nor how many epochs
and samples a step it takes; ours are in :class:`Settings`. Its table gives the earliness term
``gamma (exp(t/tau_1) - 1)`` the constant ``tau_1 = 1`` beside a window of 16: a sample that is answered at the end of
the window weighs ``exp(16)`` times one at the beginning. Both this and ``tau_1 = 16`` are run.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from .. import artefacts
from ..training import EventNetwork, FirstSpike, Latency, datasets, fit
from ..training.initial import Normal
from .exact_gradients import Cell, network
from .provenance import Report, plain


@dataclass(frozen=True)
class Settings:
    """Table 2 of the source; ``t_max``, ``n_test``, ``batch_size``, ``epochs`` and the second ``taus_1`` are ours."""

    cell: Cell = Cell(alpha=1.0, beta=0.9)
    last: float = 16.0
    t_max: float = 24.0
    hidden: int = 10
    max_spikes: int = 60
    initial_hidden: Normal = Normal(3.0, 1.0)
    initial_output: Normal = Normal(2.0, 0.1)
    learning_rate: float = 0.05
    tau_0: float = 1.0
    taus_1: tuple[float, ...] = (1.0, 16.0)
    gamma: float = 0.1
    n_test: int = 30
    batch_size: int = 30
    epochs: int = 60
    seeds: tuple[int, ...] = tuple(range(10))

    def quick(self) -> Settings:
        """The same experiment in seconds: one division of the samples, few epochs."""
        return replace(self, epochs=5, seeds=(0,))


def divided(settings: Settings, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Samples to train and to test on, as many of every species."""
    rng = np.random.default_rng(seed)
    order = np.stack([50 * species + rng.permutation(50) for species in range(3)])
    n = settings.n_test // 3
    return order[:, n:].ravel(), order[:, :n].ravel()


def samples() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Features, each scaled to [0, 1] over all flowers as in the source, and species."""
    features, labels = datasets.iris()
    low, high = features.min(0), features.max(0)
    return (features - low) / (high - low), labels


def encoder(settings: Settings) -> Latency:
    """The source's ``t = T (1 - v)``."""
    return Latency(window=settings.last, last=settings.last, zero_is_silent=False)


def train(
    settings: Settings, tau_1: float, seed: int
) -> tuple[EventNetwork, list[dict[str, float]], NDArray[np.intp]]:
    """Train one network; returns it, its history with the accuracy on the test samples, and those samples' numbers."""
    made = network(
        (4, settings.hidden, 3),
        settings.cell,
        settings.t_max,
        (settings.initial_hidden, settings.initial_output),
        seed,
        max_spikes=settings.max_spikes,
    )
    features, labels = samples()
    chosen, held = divided(settings, seed)
    history = fit(
        made,
        features[chosen],
        labels[chosen],
        encoder=encoder(settings),
        loss=FirstSpike(settings.tau_0, tau_1, settings.gamma),
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        seed=seed,
        validation=(features[held], labels[held]),
    )
    return made, history, held


def run(
    settings: Settings,
    folder: Path,
    checkpoints: Path,
    command: str,
    report: Report = lambda text: None,
    progress: bool = False,
) -> list[Path]:
    """Train every seed with each ``tau_1`` and write the artefact ``iris``.

    Parameters
    ----------
    settings : Settings
    folder, checkpoints : Path
        Where the artefact goes; where the digest of the sources is kept (a run of minutes keeps no state).
    command : str
        What to type to do it again, for the provenance.
    report : callable
        Called with one line a ``tau_1``.
    progress : bool
        Not used.

    Returns
    -------
    list of Path
        Of the artefact: ``loss``, ``accuracy``, ``test_accuracy``, ``silent_outputs`` (tau_1, seed, epoch);
        ``first_times`` (tau_1, stage, sample, output) of the first seed's test samples and their ``label``.
    """
    sources = artefacts.begin(checkpoints, "iris")
    started = time.monotonic()
    names = {"loss": "loss", "accuracy": "accuracy", "test_accuracy": "validation_accuracy"}
    names["silent_outputs"] = "silent_outputs"
    curves = {name: np.empty((len(settings.taus_1), len(settings.seeds), settings.epochs)) for name in names}
    times, headline = [], {}
    held = divided(settings, settings.seeds[0])[1]
    for row, tau_1 in enumerate(settings.taus_1):
        for column, seed in enumerate(settings.seeds):
            made, history, _ = train(settings, tau_1, seed)
            for name, key in names.items():
                curves[name][row, column] = [entry[key] for entry in history]
            if not column:
                untrained = train(replace(settings, epochs=0), tau_1, seed)[0]
                times.append([first_times(settings, each, held) for each in (untrained, made)])
        last, best = curves["test_accuracy"][row, :, -1], curves["test_accuracy"][row].max(1)
        headline[f"mean_test_accuracy_tau_1_{tau_1:g}"] = float(last.mean())
        headline[f"mean_best_test_accuracy_tau_1_{tau_1:g}"] = float(best.mean())
        headline[f"best_test_accuracy_tau_1_{tau_1:g}"] = float(best.max())
        report(
            f"tau_1 {tau_1:g}: test accuracy {100 * last.mean():.1f} % on average over {last.size} divisions, "
            f"{100 * best.max():.1f} % in the best epoch of the best one"
        )
    data = xr.Dataset(
        {
            **{name: (("tau_1", "seed", "epoch"), rows.astype(np.float32)) for name, rows in curves.items()},
            "first_times": (("tau_1", "stage", "sample", "output"), np.array(times, np.float32)),
            "label": ("sample", samples()[1][held]),
        },
        coords={
            "tau_1": list(settings.taus_1),
            "seed": list(settings.seeds),
            "epoch": np.arange(1, settings.epochs + 1),
            "stage": ["before", "after"],
        },
    )
    return [
        artefacts.save(
            "iris",
            data,
            command=command,
            settings=plain(settings),
            wall_seconds=time.monotonic() - started,
            headline=headline,
            sources=sources,
            folder=folder,
        )
    ]


@torch.no_grad()
def first_times(settings: Settings, made: EventNetwork, numbers: NDArray[np.intp]) -> NDArray[np.float64]:
    """First output spikes of some flowers, shape (sample, output); inf for a silent output."""
    given = encoder(settings).times(torch.from_numpy(samples()[0][numbers].astype(np.float32)))
    times: NDArray[np.float64] = made(given)[-1][..., 0].numpy()
    return times
