"""Source 003 (Lee, Haghighatshoar and Karbasi 2023), section 5.1: XOR of early and late spikes, many times.

A 2-4-2 network is trained, one full batch of the four patterns a step, until the right output fires first for all
four. Table 1 gives the earliness term a weight of gamma = 0.2; the text speaks of a cross-entropy of first spike times
alone. Both are run.
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
from ..gradients.layers import spike_time_layer
from ..spiking import exact_network, merge_inputs, reconstruct
from ..training import FirstSpike
from ..training.initial import Normal
from .exact_gradients import Cell
from .provenance import Report, plain

PATTERNS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
"""0: an early spike, 1: a late one."""
LABELS = np.array([0, 1, 1, 0])


@dataclass(frozen=True)
class Settings:
    """Table 1 of the source; ``gammas`` are the weights of the earliness term that are tried."""

    cell: Cell = Cell(alpha=1.0, beta=0.99)
    early: float = 0.0
    late: float = 2.0
    t_max: float = 6.0
    hidden: int = 4
    initial_hidden: Normal = Normal(3.0, 1.0)
    initial_output: Normal = Normal(2.0, 0.1)
    tau_0: float = 0.1
    tau_1: float = 1.0
    gammas: tuple[float, ...] = (0.0, 0.2)
    learning_rate: float = 0.1
    initialisations: int = 1000
    max_steps: int = 300
    at_once: int = 50
    seed: int = 0

    def quick(self) -> Settings:
        """The same experiment in seconds, from fewer initial weights."""
        return replace(self, initialisations=40, at_once=20, max_steps=60)


def run(
    settings: Settings,
    folder: Path,
    checkpoints: Path,
    command: str,
    report: Report = lambda text: None,
    progress: bool = False,
) -> list[Path]:
    """Train every initialisation with every gamma and write the artefact ``xor``.

    Parameters
    ----------
    settings : Settings
    folder, checkpoints : Path
        Where the artefact goes; where the digest of the sources is kept (a run of a minute keeps no state).
    command : str
        What to type to do it again, for the provenance.
    report : callable
        Called with one line a gamma.
    progress : bool
        Not used: each gamma is one line.

    Returns
    -------
    list of Path
        Of the artefact: ``steps`` (gamma, initialisation), -1 where ``max_steps`` did not do; ``times`` of the outputs
        (stage, pattern, output) and their voltages at the first pattern (stage, output, time), before and after the
        training of the first initialisation.
    """
    sources = artefacts.begin(checkpoints, "xor")
    started = time.monotonic()
    steps, headline = [], {}
    for gamma in settings.gammas:
        parts = [
            train(settings, gamma, first)[0] for first in range(0, settings.initialisations, settings.at_once)
        ]
        steps.append(np.concatenate(parts))
        found = steps[-1][steps[-1] >= 0]
        headline[f"mean_steps_gamma_{gamma:g}"] = float(found.mean()) if found.size else float("nan")
        headline[f"max_steps_gamma_{gamma:g}"] = float(found.max(initial=0))
        headline[f"failed_gamma_{gamma:g}"] = float((steps[-1] < 0).sum())
        report(
            f"gamma {gamma:g}: {found.size} of {settings.initialisations} solved, after {found.mean():.2f} steps "
            f"on average, {found.max(initial=0)} at most"
        )
    times, voltage, at = _traces(settings)
    data = xr.Dataset(
        {
            "steps": (("gamma", "initialisation"), np.array(steps, dtype=np.int16)),
            "times": (("stage", "pattern", "output"), times),
            "output_voltage": (("stage", "output", "time"), voltage.astype(np.float32)),
        },
        coords={"gamma": list(settings.gammas), "time": at, "stage": ["before", "after"]},
    )
    return [
        artefacts.save(
            "xor",
            data,
            command=command,
            settings=plain(settings),
            wall_seconds=time.monotonic() - started,
            headline=headline,
            sources=sources,
            folder=folder,
        )
    ]


def initial_weights(settings: Settings, index: int) -> list[NDArray[np.float64]]:
    """Weights of one initialisation, in the source's unit: shapes (2, hidden) and (hidden, 2)."""
    rng = np.random.default_rng([settings.seed, index])
    return [
        settings.initial_hidden.draw(rng, 2, settings.hidden),
        settings.initial_output.draw(rng, settings.hidden, 2),
    ]


def input_times(settings: Settings) -> NDArray[np.float64]:
    """Input spikes, shape (pattern, input)."""
    return np.where(PATTERNS == 1, settings.late, settings.early)


def train(
    settings: Settings, gamma: float, first: int
) -> tuple[NDArray[np.int64], list[NDArray[np.float64]]]:
    """Train ``at_once`` networks side by side, as blocks of one large one.

    They share nothing: the weights between blocks are zero and stay so, the loss is the sum of theirs, and Adam goes
    weight by weight.

    Parameters
    ----------
    settings : Settings
    gamma : float
        Weight of the earliness term.
    first : int
        Number of the first initialisation.

    Returns
    -------
    steps : ndarray of int, shape (n,)
        Updates until the four patterns were right for the first time; -1 where ``max_steps`` were not enough.
    weights : list of ndarray, shapes (n, 2, hidden) and (n, hidden, 2)
        At that moment, in the source's unit.
    """
    neuron, loss = settings.cell.neuron(), FirstSpike(settings.tau_0, settings.tau_1, gamma)
    n = min(settings.at_once, settings.initialisations - first)
    drawn = zip(*(initial_weights(settings, first + k) for k in range(n)), strict=True)
    weights = [torch.from_numpy(np.stack(part)).requires_grad_() for part in drawn]
    optimiser = torch.optim.Adam(weights, lr=settings.learning_rate)
    given = torch.from_numpy(np.tile(input_times(settings), n))[..., None]  # (pattern, 2 n, 1)
    labels = torch.from_numpy(np.repeat(LABELS, n))
    steps, kept = np.full(n, -1), [part.detach().numpy().copy() for part in weights]
    for step in range(settings.max_steps + 1):
        times = given
        for part, cell, room in zip(weights, (neuron, replace(neuron, reset="none")), (30, 1), strict=True):
            matrix = torch.block_diag(*part) * neuron.tau_syn
            times = spike_time_layer(times, matrix, cell, settings.t_max, max_spikes=room, overflow="drop")
        answers = times.reshape(4 * n, 2, 1)
        right = loss.decide_times(answers) == labels
        fired = answers.isfinite().all(2).all(1)
        solved = (right & fired).reshape(4, n).all(0).numpy() & (steps < 0)
        steps[solved] = step
        for store, part in zip(kept, weights, strict=True):
            store[solved] = part.detach().numpy()[solved]
        if (steps >= 0).all() or step == settings.max_steps:
            break
        optimiser.zero_grad()
        (n * loss.on_times(answers, labels, settings.t_max)).backward()
        optimiser.step()
    return steps, kept


def _traces(settings: Settings) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """First output spikes of all patterns and output voltages at the first, before and after a training."""
    neuron, at = settings.cell.neuron(), np.linspace(0, 1.0, 401)
    single = replace(settings, at_once=1)
    before = initial_weights(settings, 0)
    after = [part[0] for part in train(single, settings.gammas[0], 0)[1]]
    times, voltage = np.full((2, 4, 2), np.nan), np.empty((2, 2, at.size))
    for stage, weights in enumerate((before, after)):
        canonical = [part * neuron.tau_syn for part in weights]
        for pattern, spikes in enumerate(input_times(settings)):
            hidden, output = exact_network(neuron, [[t] for t in spikes], canonical, settings.t_max)
            times[stage, pattern] = [train[0] if train.size else np.nan for train in output]
            if pattern == 0:
                for k in range(2):
                    arrivals = merge_inputs(hidden, canonical[1][:, k])
                    voltage[stage, k] = reconstruct(neuron, at, *arrivals, output[k])[0]
    return times, voltage, at
