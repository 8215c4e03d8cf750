"""Source 000 (Hu 2024), figures 2 and 4: does a smaller time step train better, and what of the step is it?

The source trains with fifty steps whatever the time step. Its window, its input's rate per second, the area of its
kicks ``w dt / tau_syn`` and its integration all change with the step. Here they are told apart: neighbours in
``none``, ``scheme``, ``all, fixed window``, ``all``, ``all, Dirac kicks`` differ in one of them.

=====================  ==================  ==================================  ==============
condition              window              input, and kick of every synapse    scheme
=====================  ==================  ==================================  ==============
``none``               fixed, in seconds   Poisson in hertz, area ``w``        exact
``window``             fifty steps         Poisson in hertz, area ``w``        exact
``scheme``             fixed, in seconds   Poisson in hertz, area ``w``        backward Euler
``all``                fifty steps         a chance a step, area ``w dt``      backward Euler
``all, fixed window``  fixed, in seconds   a chance a step, area ``w dt``      backward Euler
``all, Dirac kicks``   fifty steps         a chance a step, area ``w``         backward Euler
=====================  ==================  ==================================  ==============

At ``reference_dt`` they agree in all but the scheme and the variance of the input: there a kick has the same area, a
pixel the same rate and the window the same length. The source prints the kick of ``all`` in its equations (13) and
(14), and that of ``all, Dirac kicks`` follows from its equation (4); which of the two its program has cannot be known
from the text, nor can its time steps, its layers, its loss and its learning rate.

What the two optimisers do to one batch is in :mod:`.step_size_optimisers`, the source's two estimators of the gradient
in :mod:`.step_size_estimators`; :func:`run` records all three.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from .. import _check, _files, artefacts
from ..neuron import CubaLIF
from ..training import CountCrossEntropy, Network, Poisson, datasets, evaluate, fit
from ..training.feed_forward import weight_unit
from .provenance import Report, plain

NAME = "step-size-accuracy"
GRADIENTS = ("surrogate", "timing")


@dataclass(frozen=True)
class Condition:
    """What a condition does as the source does it."""

    fifty_steps: bool = False
    chance_per_step: bool = False
    sampled_kicks: bool = False
    backward_euler: bool = False


CONDITIONS = {
    "none": Condition(),
    "window": Condition(fifty_steps=True),
    "scheme": Condition(backward_euler=True),
    "all": Condition(True, True, True, True),
    "all, fixed window": Condition(False, True, True, True),
    "all, Dirac kicks": Condition(True, True, False, True),
}


@dataclass(frozen=True)
class Settings:
    """All settings, in one place; times in seconds.

    ``gain`` multiplies the standard deviation of Kaiming's weights, ``output_mean`` is the mean of the output's weights
    in that standard deviation, each one number for each of :data:`GRADIENTS`: from Kaiming's own, 1 and 0, no output
    fires, and a gradient through spike times never finds one. ``learning_rate`` is Adam's for weights in the unit of
    the source. ``timing_conditions`` are trained with the gradient through spike times too.
    The fields from ``batch_time_steps`` on are those of the optimisers and the estimators.
    """

    neuron: CubaLIF = field(
        default_factory=lambda: CubaLIF(
            tau_mem=0.8, tau_syn=0.6, r=1.2, v_threshold=1.5, v_reset=1.0, reset="to_value"
        )
    )
    time_steps: tuple[float, ...] = (0.02, 0.04, 0.08, 0.16, 0.32)
    reference_dt: float = 0.08
    steps: int = 50
    hidden: int = 100
    gain: tuple[float, float] = (1.0, 5.0)
    output_mean: tuple[float, float] = (0.0, 0.3)
    temperature: float = 5.0
    learning_rate: float = 0.01
    epochs: int = 4
    batch_size: int = 50
    n_train: int = 1000
    n_test: int = 1000
    seeds: tuple[int, ...] = (0, 1, 2)
    timing_conditions: tuple[str, ...] = ("all", "all, Dirac kicks")
    clamp: float = 1e4
    direct: str = "tssl_bp"
    batch_time_steps: tuple[float, ...] = (0.04, 0.08, 0.32)
    batch_evaluations: int = 60
    line_points: int = 40
    estimator_time_steps: tuple[float, ...] = (0.08, 0.16, 0.32)
    estimator_epochs: int = 3
    estimator_train: int = 300

    def quick(self) -> Settings:
        """Two time steps, few digits, one seed: its numbers are not the published ones."""
        return replace(
            self,
            time_steps=(0.08, 0.32),
            hidden=20,
            epochs=2,
            n_train=150,
            n_test=100,
            seeds=(0,),
            timing_conditions=("all",),
            batch_time_steps=(0.32,),
            batch_evaluations=12,
            line_points=12,
            estimator_time_steps=(0.32,),
            estimator_epochs=1,
            estimator_train=100,
        )

    def full(self) -> Settings:
        """All shipped digits, a layer of 400, five seeds: hours."""
        return replace(
            self, hidden=400, n_train=8000, n_test=2000, seeds=(0, 1, 2, 3, 4), learning_rate=0.001
        )


def run(
    settings: Settings,
    folder: Path,
    checkpoints: Path,
    command: str,
    report: Report = lambda text: None,
    progress: bool = False,
) -> list[Path]:
    """Record the optimisers, the estimators and the trainings; a killed run goes on from ``checkpoints``.

    Raises
    ------
    ValueError
        The work in ``checkpoints`` was begun with other sources or settings.
    """
    from . import step_size_estimators, step_size_optimisers

    sources = artefacts.begin(checkpoints, NAME, settings)
    written = []
    parts: tuple[tuple[str, Callable[..., tuple[xr.Dataset, dict[str, float]]]], ...] = (
        (step_size_optimisers.NAME, step_size_optimisers.study),
        (step_size_estimators.NAME, step_size_estimators.study),
        (NAME, sweep),
    )
    for name, study in parts:
        path = folder / f"{name}.nc"
        if path.exists() and (checkpoints / f"{name}-done.txt").exists():
            written.append(path)
            continue
        started = time.monotonic()
        found, headline = study(settings, checkpoints, report)
        written.append(
            artefacts.save(
                name,
                found,
                command=command,
                settings=plain(settings),
                wall_seconds=max(time.monotonic() - started, headline.get("training_seconds", 0.0)),
                headline=headline,
                sources=sources,
                folder=folder,
            )
        )
        with _files.replacing(checkpoints / f"{name}-done.txt") as temporary:
            temporary.write_text(name, encoding="utf-8")
        report(f"{name}: " + ", ".join(f"{key} {value:.3g}" for key, value in headline.items()))
    return written


def network_and_encoder(
    settings: Settings, condition: str, dt: float, gradient: str = "surrogate", seed: int = 0
) -> tuple[Network, Poisson]:
    """The untrained network of a condition, with Kaiming's normal weights times the gain, and its encoder.

    The weights are those of the source at ``reference_dt``, whatever the condition: a kick of area ``w reference_dt``
    where it does not change with the step, and ``w dt`` where it does.
    """
    chosen = CONDITIONS[_check.choice("condition", condition, CONDITIONS)]
    which = GRADIENTS.index(_check.choice("gradient", gradient, GRADIENTS))
    network = Network(
        (784, settings.hidden, 10),
        settings.neuron,
        dt,
        "backward_euler" if chosen.backward_euler else "impulse_invariance",
        input="sampled" if chosen.sampled_kicks else "dirac",
        gradient=gradient,
        clamp=settings.clamp if gradient == "timing" else None,
        direct=settings.direct if gradient == "timing" else "tssl_bp",
        seed=seed,
    )
    rng, unit = np.random.default_rng(seed), area_of_weight(settings, condition)
    drawn: list[NDArray[np.float64]] = []
    for n_in, n_out in zip(network.sizes[:-1], network.sizes[1:], strict=True):
        mean = settings.output_mean[which] if len(drawn) == 1 else 0.0
        scale = unit * settings.gain[which] * (2 / n_in) ** 0.5
        drawn.append(scale * rng.normal(mean, 1.0, (n_in, n_out)))
    network.set_weights(drawn)
    window = settings.steps * (dt if chosen.fifty_steps else settings.reference_dt)
    if chosen.chance_per_step:
        return network, Poisson(window=window, probability_per_step=True)
    return network, Poisson(window=window, max_rate=1 / settings.reference_dt, arrivals="poisson")


def area_of_weight(settings: Settings, condition: str) -> float:
    """Canonical weight of a weight of one in the unit of the source: a sample's height, or an area."""
    return 1.0 if CONDITIONS[condition].sampled_kicks else settings.reference_dt


def learning_rate_of(settings: Settings, condition: str) -> float:
    """Adam's learning rate in the network's own unit, so that a step is the same in the unit of the source."""
    kind = "sampled" if CONDITIONS[condition].sampled_kicks else "dirac"
    return settings.learning_rate * area_of_weight(settings, condition) / weight_unit(settings.neuron, kind)


def train(settings: Settings, condition: str, dt: float, gradient: str, seed: int) -> dict[str, Any]:
    """One training: test accuracy, its course, and spikes before and after, as plain values."""
    network, encoder = network_and_encoder(settings, condition, dt, gradient, seed)
    loss = CountCrossEntropy(settings.temperature)
    images, labels = (part[: settings.n_train] for part in datasets.mnist_subset("train"))
    test = tuple(part[: settings.n_test] for part in datasets.mnist_subset("test"))
    before = evaluate(network, test[0][:100], test[1][:100], encoder=encoder, loss=loss, seed=seed)
    history = fit(
        network,
        images,
        labels,
        encoder=encoder,
        loss=loss,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=learning_rate_of(settings, condition),
        seed=seed,
    )
    after = evaluate(network, *test, encoder=encoder, loss=loss, seed=seed)
    sizes = np.array(network.sizes[1:])
    return {
        "accuracy": after.accuracy,
        "course": [entry["accuracy"] for entry in history],
        "loss": [entry["loss"] for entry in history],
        "spikes_before": (np.array(before.spikes) / sizes).tolist(),
        "spikes": (np.array(after.spikes) / sizes).tolist(),
        "window": encoder.window,
        "seconds": sum(entry["seconds"] for entry in history),
    }


def sweep(
    settings: Settings, checkpoints: Path, report: Report = lambda text: None
) -> tuple[xr.Dataset, dict[str, float]]:
    """Train every condition, time step and seed; what ``checkpoints`` holds of it is not trained again.

    Returns
    -------
    xarray.Dataset
        ``accuracy`` (gradient, condition, dt, seed) on test digits; ``course`` and ``loss`` (..., epoch) of the
        training batches as they were seen; ``spikes_before`` and ``spikes`` (..., layer) a neuron and sample;
        ``window`` (condition, dt). NaN where a condition was not trained with a gradient.
    headline : dict of str to float
    """
    checkpoints.mkdir(parents=True, exist_ok=True)
    shape = (len(GRADIENTS), len(CONDITIONS), len(settings.time_steps), len(settings.seeds))
    accuracy = np.full(shape, np.nan)
    course, loss = np.full((2, *shape, settings.epochs), np.nan)
    before, spikes = np.full((2, *shape, 2), np.nan)
    window, seconds = np.full(shape[1:3], np.nan), 0.0
    for g, gradient in enumerate(GRADIENTS):
        for c, condition in enumerate(CONDITIONS):
            if gradient == "timing" and condition not in settings.timing_conditions:
                continue
            for k, dt in enumerate(settings.time_steps):
                for s, seed in enumerate(settings.seeds):
                    key = (g, c, k, s)
                    found = _kept(
                        checkpoints / f"{NAME}-{'-'.join(map(str, key))}.json",
                        partial(train, settings, condition, dt, gradient, seed),
                    )
                    accuracy[key], course[key], loss[key] = found["accuracy"], found["course"], found["loss"]
                    before[key], spikes[key] = found["spikes_before"], found["spikes"]
                    window[c, k] = found["window"]
                    seconds += found["seconds"]
                shown = " ".join(f"{100 * value:.1f}" for value in accuracy[g, c, k])
                report(f"{gradient}, {condition}, {dt:g} s: test accuracy {shown} %")
    dims = ("gradient", "condition", "dt", "seed")
    table = xr.Dataset(
        {
            "accuracy": (dims, accuracy),
            "course": ((*dims, "epoch"), course),
            "loss": ((*dims, "epoch"), loss),
            "spikes_before": ((*dims, "layer"), before),
            "spikes": ((*dims, "layer"), spikes),
            "window": (("condition", "dt"), window, {"units": "s"}),
        },
        coords={
            "gradient": list(GRADIENTS),
            "condition": list(CONDITIONS),
            "dt": ("dt", list(settings.time_steps), {"units": "s"}),
            "seed": list(settings.seeds),
            "epoch": np.arange(1, settings.epochs + 1),
            "layer": ["hidden", "output"],
        },
    )
    mean = table["accuracy"].sel(gradient="surrogate").mean("seed")
    headline = {"training_seconds": seconds}
    for condition in ("none", "all", "all, Dirac kicks"):
        for end in (0, -1):
            headline[f"{condition}, {settings.time_steps[end]:g} s"] = float(
                mean.sel(condition=condition)[end]
            )
    return table, headline


def _kept(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a file holds, or what ``make`` gives, which then is kept in the file."""
    if path.exists():
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    made = make()
    with _files.replacing(path) as temporary:
        temporary.write_text(json.dumps(made), encoding="utf-8")
    return made
