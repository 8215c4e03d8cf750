"""Why does source 002 (Cojocaru 2024) stop learning at a time step of 8 ms? Its candidate causes, one at a time.

The network of :mod:`snntheory.experiments.time_step_sweep` is trained as published and with one thing changed::

    "carried"       a late crossing is sent in the first free step, instead of being dropped
    "clean"         the derivatives of the network that was run, instead of the published mixture
    "off lattice"   inputs moved by a third of the spacing of the pixels' times, so that none lies on the grid and is
                    moved by a full step (half of it would put some of them there at 10 ms)
    "low target"    10 spikes for the true class, instead of 15
    "all three"     carried, clean, and a time on the grid stays where it is

What dropping does is seen in one neuron: :func:`sent_against_drive`. A neuron whose next crossing falls into the time
in which it is blind stays above its threshold, and sends nothing more until its voltage has fallen again. Its count
then falls with rising drive, and the gradient, which takes a stronger drive for more spikes, points the wrong way.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from .. import _check, artefacts
from ..gradients.straight_through_layer import Rule, send, sent_layer
from ..neuron import CubaLIF
from ..spiking.events import MAX_SPIKES
from ..training import EventNetwork
from ..training.trainer import as_inputs
from . import time_step_sweep as sweep
from .provenance import Report

Floats = NDArray[np.float64]
NAME = "collapse"
CHANGES: dict[str, dict[str, Any]] = {
    "as published": {},
    "carried": {"late": "carry"},
    "clean": {"estimator": "clean"},
    "off lattice": {"shift": sweep.LATTICE / 3},
    "low target": {"target": 10.0},
    "all three": {"late": "carry", "estimator": "clean", "rounding": "ceil"},
}
"""Condition to what it changes in :class:`snntheory.experiments.time_step_sweep.Training`."""


@dataclass(frozen=True)
class Settings:
    """The trainings are those of ``sweep`` but for the time step; ``conditions`` are names in :data:`CHANGES`."""

    sweep: sweep.Settings = field(default_factory=sweep.Settings)
    time_steps: tuple[float, ...] = (0.010,)
    conditions: tuple[str, ...] = tuple(CHANGES)
    seeds: tuple[int, ...] = (0, 1, 2)
    sample: int = 0
    """Of the test set, for the rasters, which are those of the first seed."""

    def quick(self) -> Settings:
        """A miniature of seconds; its numbers are not the published ones."""
        return replace(
            self,
            sweep=self.sweep.quick(),
            time_steps=(0.010,),
            conditions=("as published", "carried"),
            seeds=(0,),
        )

    def full(self) -> Settings:
        """With the trainings of the source's size."""
        return replace(self, sweep=self.sweep.full())


def trainings(settings: Settings, seed: int = 0) -> dict[tuple[str, float], sweep.Training]:
    """(condition, time step) to training; the first one is the network in continuous time."""
    found = {("continuous", 0.0): sweep.Training(0.0, seed)}
    for dt in settings.time_steps:
        for name in settings.conditions:
            changes = CHANGES[_check.choice("condition", name, CHANGES)]
            found[name, dt] = replace(sweep.Training(dt, seed), **changes)
    return found


def sent_against_drive(
    neuron: CubaLIF,
    drives: Any,
    dt: float,
    late: str,
    *,
    t_max: float = sweep.T_MAX,
    arrivals: Any = None,
) -> NDArray[np.int64]:
    """Spikes that a neuron sends within the window, against the strength of its input.

    Parameters
    ----------
    neuron : CubaLIF
    drives : array_like, shape (n,)
        Summed canonical weight of the input in thresholds times ``tau_mem / r``.
    dt : float
        Time step in seconds.
    late : {"carry", "drop"}
    t_max : float
        Window in seconds.
    arrivals : array_like, optional
        Times of the input spikes, of equal weights; by default one a millisecond in the first half of the window.

    Returns
    -------
    ndarray of int64, shape (n,)
    """
    strengths = _check.array("drives", drives, ndim=1)
    times = np.arange(0, t_max / 2, 1e-3) if arrivals is None else _check.array("arrivals", arrivals, ndim=1)
    unit = neuron.v_threshold * neuron.tau_mem / neuron.r
    weights = np.tile(strengths * unit / len(times), (len(times), 1))
    rule = Rule(t_max, dt, "next", late)
    given = send(torch.from_numpy(times[None, :, None].astype(np.float64)), rule)
    sent = sent_layer(given, torch.from_numpy(weights), neuron, rule, max_spikes=1, limit=MAX_SPIKES)
    counts: NDArray[np.int64] = sent.counts[0].numpy()
    return counts


def width_of_drive(
    arrivals: Any, weights: Any, t_max: float = sweep.T_MAX, tau_syn: float = sweep.TAU_SYN
) -> float:
    """How long a drive lasts, in seconds: its integral over its peak; a neuron safely sends up to this over ``dt``.

    Definition::

        W = int_0^t_max max(i, 0) dt / max i,     i(t) = sum_k w_k e^{-(t - t_k)/tau_syn}, t > t_k

    Where intervals between crossings are short against ``tau_mem``, they are ``tau_mem theta / (r i)`` long. If the
    shortest, at the peak, is one step, then no two crossings fall into a step, and there are ``W / dt`` of them.

    Parameters
    ----------
    arrivals, weights : array_like, shape (n,)
        Times in seconds and weights of the spikes that arrive.
    t_max, tau_syn : float
        Seconds.

    Raises
    ------
    ValueError
        The drive is nowhere positive.
    """
    times, given = _check.array("arrivals", arrivals, ndim=1), _check.array("weights", weights, ndim=1)
    fine = np.linspace(0, t_max, 2001)
    age = fine[:, None] - times
    drive = np.where(age > 0, np.exp(-np.maximum(age, 0) / tau_syn), 0.0) @ given
    if drive.max() <= 0:
        raise ValueError(
            "weights must make a drive that is somewhere positive, got none; is the output silent?"
        )
    return float(np.trapezoid(np.maximum(drive, 0), fine) / drive.max())


@torch.no_grad()
def raster(network: EventNetwork, training: sweep.Training, image: Any) -> xr.Dataset:
    """All spikes of one image: when each neuron crossed, and when it sent.

    Returns
    -------
    xarray.Dataset
        ``crossing`` and ``sent`` in seconds (spike), with coordinates ``layer`` (1: first hidden) and ``neuron``.
    """
    times = training.encoder().times(as_inputs(np.asarray(image)[None]))
    crossings, sent = [], []
    if training.dt:
        rule = Rule(sweep.T_MAX, training.dt, training.rounding, training.late, training.estimator)
        layer = send(times, rule)
        for weights, neuron, room in zip(network.weights(), network.neurons, network.max_spikes, strict=True):
            layer = sent_layer(layer, weights.double(), neuron, rule, max_spikes=room, limit=MAX_SPIKES)
            crossings.append(layer.crossings[0].numpy())
            sent.append(layer.times[0].numpy())
    else:
        sent = crossings = [part[0].numpy() for part in network(times)]
    places = [np.argwhere(np.isfinite(part)) for part in sent]
    return xr.Dataset(
        {
            name: (
                "spike",
                np.concatenate([part[tuple(at.T)] for part, at in zip(parts, places, strict=True)]),
            )
            for name, parts in (("crossing", crossings), ("sent", sent))
        },
        {
            "layer": ("spike", np.repeat(np.arange(1, len(places) + 1), [len(at) for at in places])),
            "neuron": ("spike", np.concatenate([at[:, 0] for at in places])),
        },
    )


def recorded_raster(data: xr.Dataset, condition: str) -> xr.Dataset:
    """The :func:`raster` of a condition in the artefact ``collapse``."""
    key = condition.replace(" ", "_")
    known = [str(name)[len("sent_") :] for name in data.data_vars if str(name).startswith("sent_")]
    _check.choice("condition", key, known)
    names = {f"{name}_{key}": name for name in ("crossing", "sent", "layer", "neuron", "spike")}
    found = data[[old for old in names if old in data.variables]].rename(names)
    return found.drop_vars([name for name in found.variables if name not in names.values()])


def arrivals_at(spikes: xr.Dataset, weights: Any, output: int) -> tuple[Floats, Floats]:
    """Times and weights of the spikes that reach an output.

    Parameters
    ----------
    spikes : xarray.Dataset
        Of :func:`raster`.
    weights : array_like, shape (n_hidden, n_outputs)
        Of the output layer.
    output : int
    """
    last = spikes["layer"].values.max() - 1
    mine = spikes["layer"].values == last
    order = np.argsort(spikes["sent"].values[mine], kind="stable")
    senders = spikes["neuron"].values[mine][order]
    given: Floats = np.asarray(weights, np.float64)[senders, output]
    return spikes["sent"].values[mine][order].astype(np.float64), given


def true_counts(settings: Settings, network: EventNetwork, training: sweep.Training) -> Floats:
    """Mean spikes of the true class's output in checked test samples: as trained, and with late crossings carried."""
    images, labels = (part[: settings.sweep.n_check] for part in sweep.samples(settings.sweep, "test"))
    times = training.encoder().times(as_inputs(images))
    found = []
    for late in (training.late, "carry"):
        options = network.options | ({"late": late} if training.dt else {})
        with torch.no_grad():
            spikes = network.variant(options=options)(times)[-1]
        found.append(
            float(
                spikes[torch.arange(len(labels)), torch.from_numpy(labels)].isfinite().sum(1).double().mean()
            )
        )
    return np.array(found)


def run(
    settings: Settings,
    folder: Path,
    checkpoints: Path,
    command: str,
    report: Report = lambda text: None,
    progress: bool = False,
) -> list[Path]:
    """Train a network a condition, time step and seed and write the artefact ``collapse``; goes on where it was killed.

    Returns
    -------
    list of Path
        Of the artefact: what :func:`snntheory.experiments.time_step_sweep.measure` finds, by ``case`` and ``seed``,
        with coordinates ``condition`` and ``dt``; ``true_count`` (case, seed, late). Of the first seed, rasters and
        output weights of the continuous network, of the published one and of the first one with another condition, at
        the largest time step (suffixes).
    """
    sources = artefacts.begin(checkpoints, NAME)
    started = time.monotonic()
    by_seed: list[xr.Dataset] = []
    extra: dict[str, Any] = {}
    image, label = (part[settings.sample] for part in sweep.samples(settings.sweep, "test"))
    for seed in settings.seeds:
        found = []
        for (name, dt), training in trainings(settings, seed).items():
            each = sweep.measure(settings.sweep, training, checkpoints, progress)
            network, _ = sweep.train(settings.sweep, training, checkpoints)
            each["true_count"] = ("late", true_counts(settings, network, training))
            found.append(each.assign_coords(condition=name))
            accuracy = 100 * float(each["test_accuracy"])
            report(f"{name}, {1e3 * dt:g} ms, seed {seed}: test accuracy {accuracy:.1f} %")
            if seed == settings.seeds[0] and (name, dt) in _shown(settings):
                extra |= _seen_inside(network, training, image, name)
        by_seed.append(xr.concat(found, "case", join="exact").drop_vars("seed"))
    data = xr.concat(by_seed, "seed", join="exact", data_vars="all").transpose("case", "seed", ...)
    data = data.assign_coords(seed=list(settings.seeds), late=["as trained", "carry"]).assign(extra)
    data.attrs["label"] = int(label)
    means = data["test_accuracy"].mean("seed").values
    headline = {
        f"test accuracy {name} at {1e3 * dt:g} ms": float(value)
        for (name, dt), value in zip(trainings(settings), means, strict=True)
    }
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


def _seen_inside(network: EventNetwork, training: sweep.Training, image: Any, name: str) -> dict[str, Any]:
    """The raster of an image and the output weights, named after the condition."""
    key = name.replace(" ", "_")
    spikes = raster(network, training, image)
    found: dict[str, Any] = {
        f"{part}_{key}": values.astype(np.float32 if values.dtype == np.float64 else values.dtype)
        for part, values in spikes.rename(spike=f"spike_{key}").variables.items()
    }
    weights = network.weights()[-1].numpy() / sweep.TAU_SYN
    return found | {f"weights_{key}": xr.DataArray(weights.astype(np.float32), dims=("hidden", "output"))}


def _shown(settings: Settings) -> list[tuple[str, float]]:
    dt = max(settings.time_steps)
    return [("continuous", 0.0), *((name, dt) for name in settings.conditions[:2])]
