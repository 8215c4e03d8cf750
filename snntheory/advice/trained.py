"""What is lost by networks that were trained at a time step: by scheme, by late crossings, by gradient at equal effort.

Late crossings carry over by the number of spikes that are *safe*, ``W / dt``: a neuron whose drive lasts ``W`` (its
integral over its peak) sends so many with at most one crossing a step. Recorded losses are read at the **demand**::

    demand = spikes dt / W
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from .evidence import NotMeasured, Recorded, between

Floats = NDArray[np.float64]
CAUSE, SWEEP, FASHION = "collapse", "time-step-sweep", "time-step-fashion"
LATE = (CAUSE, SWEEP, FASHION)
"""Artefacts of event-driven networks whose spikes travel on a grid; the first one has the spikes behind ``W``."""
CLOCKED, BUDGET = "step-size-accuracy", "yin-yang-surrogates"
ASKED, TAU_SYN = 15.0, 0.13
"""Of :data:`LATE`: spikes asked of the output of the true class, and the synaptic time constant in seconds."""
FAR, STEEP = 0.75, 0.05
"""Nothing is said between recorded demands further apart than the first whose losses differ by more than the second."""
RULES = {"as published": "drop", "carried": "carry"}
"""Condition of the artefact ``collapse`` to what was done with late crossings."""
CONDITIONS = {"none": "impulse_invariance", "scheme": "backward_euler"}
"""Condition of the artefact ``step-size-accuracy`` to its scheme; in both the window and the input stay as they are."""


class TrainedLoss(NamedTuple):
    """Accuracy lost against a reference: mean over seeds, worst task; ``spread`` is a standard deviation over seeds."""

    choice: str
    accuracy_loss: float
    spread: float
    n_seeds: int
    by_task: dict[str, float]


class LateCurve(NamedTuple):
    """Losses of one task and rule against the demand; the first one is continuous time, with demand and loss zero."""

    task: str
    rule: str
    demand: Floats
    loss: Floats
    spread: Floats
    n_seeds: int

    def at(self, demand: float) -> tuple[float, float]:
        """Loss and spread on straight lines between recorded demands; NaN beyond them and across a :meth:`cliff`."""
        places = self.demand
        if demand > places[-1] * (1 + 1e-9):
            return math.nan, math.nan
        right = max(int(np.searchsorted(places, demand * (1 - 1e-9))), 1)
        if demand < places[right] * (1 - 1e-9) and self.cliff(right):
            return math.nan, math.nan
        return float(np.interp(demand, places, self.loss)), float(np.interp(demand, places, self.spread))

    def cliff(self, right: int) -> bool:
        """Whether neighbours lie so far apart and differ so much that a straight line between them is a guess."""
        apart, differ = np.diff(self.demand)[right - 1], np.diff(self.loss)[right - 1]
        return bool(apart > FAR and abs(differ) > STEEP)


def drive_width(times: ArrayLike, weights: ArrayLike, t_max: float, tau_syn: float) -> float:
    """Integral of the positive part of a drive over its peak, in seconds.

    Definition::

        W = int_0^t_max max(i, 0) dt / max i,     i(t) = sum_{t_k < t} w_k exp(-(t - t_k)/tau_syn)

    Parameters
    ----------
    times, weights : array_like, shape (n,)
        Of the spikes that arrive, in seconds.
    t_max, tau_syn : float
        Seconds.

    Raises
    ------
    NotMeasured
        The drive is nowhere positive.

    Accuracy
    --------
    Exact: between arrivals the drive decays and keeps its sign. After one arrival, in a long window, it is ``tau_syn``.
    """
    order = np.argsort(times, kind="stable")
    at, given = np.asarray(times, float)[order], np.asarray(weights, float)[order]
    lengths = np.diff(np.append(at, t_max))
    current, peak, area = 0.0, 0.0, 0.0
    for weight, length in zip(given, lengths, strict=True):
        current += weight
        peak = max(peak, current)
        area += max(current, 0.0) * tau_syn * -math.expm1(-length / tau_syn)
        current *= math.exp(-length / tau_syn)
    if not peak > 0:
        raise NotMeasured("the recorded output is driven nowhere, so how long it is driven is not known")
    return float(area / peak)


def recorded_width(found: Recorded) -> float:
    """``W`` of the true class's output in the recorded network in continuous time, in seconds.

    Assumptions
    -----------
    One image stands for all, and for the other tasks of :data:`LATE`, which share time constants, window and target.
    """
    data = found.data
    mine = data["layer_continuous"].values == data["layer_continuous"].values.max() - 1
    senders = data["neuron_continuous"].values[mine]
    weights = data["weights_continuous"].values[senders, int(data.attrs["label"])]
    return drive_width(data["sent_continuous"].values[mine], weights, float(data["time"].max()), TAU_SYN)


def late_curves(at_hand: Sequence[Recorded | None]) -> list[LateCurve]:
    """Every task and rule of :data:`LATE`, in the order of the artefacts; empty without the first one.

    Parameters
    ----------
    at_hand : sequence of Recorded or None
        Some of :data:`LATE`, in this order. Trainings of the same network, rule and seed in two of them count once.
    """
    if not at_hand or at_hand[0] is None:
        return []
    unit = recorded_width(at_hand[0]) / ASKED
    accuracies: dict[str, dict[tuple[str, float, int], float]] = defaultdict(dict)
    tasks: dict[str, str] = {}
    for found in filter(None, at_hand):
        settings = dict(found.settings.get("sweep", found.settings))
        key = json.dumps(
            {k: v for k, v in settings.items() if k not in ("time_steps", "seeds")}, sort_keys=True
        )
        name = str(settings.get("data", found.name))
        tasks[key] = tasks.get(key) or (f"{name} ({found.name})" if name in tasks.values() else name)
        for rule, dt, seed, accuracy in _trainings(found.data):
            accuracies[key][rule, dt, seed] = accuracy
    curves = []
    for key, part in accuracies.items():
        exact = {seed: accuracy for (_, dt, seed), accuracy in part.items() if not dt}
        for rule in ("drop", "carry"):
            losses: dict[float, list[float]] = defaultdict(list)
            for (each, dt, seed), accuracy in part.items():
                if each == rule and dt and seed in exact:
                    losses[dt].append(exact[seed] - accuracy)
            if losses:
                curves.append(_curve(tasks[key], rule, losses, unit))
    return curves


def _trainings(data: xr.Dataset) -> list[tuple[str, float, int, float]]:
    """``(rule, dt, seed, accuracy)`` of every training with a rule in an artefact, whatever its dimensions are."""
    accuracy = data["test_accuracy"]
    rules = accuracy.coords["condition"] if "condition" in data.coords else data.coords.get("late")
    if rules is None or rules.dims == ("late",):  # a dimension of other measurements
        rules = xr.DataArray("drop")
    columns = [rules, data.coords["dt"], data.coords.get("seed", xr.DataArray(0)), accuracy]
    flat = [part.transpose(*accuracy.dims).values.ravel() for part in xr.broadcast(*columns)]
    found = []
    for rule, dt, seed, value in zip(*flat, strict=True):
        known = RULES.get(str(rule), str(rule) if str(rule) in RULES.values() else None)
        if known or not dt:
            found.append((known or "drop", float(dt), int(seed), float(value)))
    return [each for each in found if math.isfinite(each[3])]


def _curve(task: str, rule: str, losses: dict[float, list[float]], unit: float) -> LateCurve:
    steps = sorted(losses)
    n_seeds = min(map(len, losses.values()))
    spread = [float(np.std(losses[dt], ddof=1)) if len(losses[dt]) > 1 else math.nan for dt in steps]
    return LateCurve(
        task,
        rule,
        np.array([0.0, *(dt / unit for dt in steps)]),
        np.array([0.0, *(float(np.mean(losses[dt])) for dt in steps)]),
        np.array([0.0, *spread]) if n_seeds > 1 else np.full(len(steps) + 1, math.nan),
        n_seeds,
    )


def late_losses(curves: Sequence[LateCurve], demand: float) -> list[TrainedLoss]:
    """Late crossings dropped and carried at a demand, the worst of the tasks that were recorded so far.

    Raises
    ------
    NotMeasured
        ``demand`` is above all that were recorded, or within a :meth:`LateCurve.cliff`.
    """
    found = []
    for rule, label in (("carry", "late crossings carried"), ("drop", "late crossings dropped")):
        rows = {each.task: (each, *each.at(demand)) for each in curves if each.rule == rule}
        rows = {task: row for task, row in rows.items() if not math.isnan(row[1])}
        if rows:
            worst, loss, spread = max(rows.values(), key=lambda row: row[1])
            by_task = {task: row[1] for task, row in rows.items()}
            found.append(TrainedLoss(label, loss, spread, worst.n_seeds, by_task))
    if not found:
        places = sorted(
            {f"{x:.2g}": x for each in curves for x in each.demand}.items(), key=lambda each: each[1]
        )
        raise NotMeasured(
            f"spikes dt/W = {demand:.3g} was not measured: recorded are {', '.join(name for name, _ in places)}; "
            "no value is guessed beyond them"
        )
    return found


def compared_demand(curves: Sequence[LateCurve]) -> float:
    """The highest demand at which both rules were recorded in every task that has both."""
    ends: dict[str, dict[str, float]] = defaultdict(dict)
    for each in curves:
        ends[each.task][each.rule] = float(each.demand[-1])
    both = [min(rules.values()) for rules in ends.values() if len(rules) == 2]
    return min(both) if both else max((each.demand[-1] for each in curves), default=math.nan)


def safe_demand(curves: Sequence[LateCurve], rule: str, tolerance: float) -> float:
    """Up to which demand a rule loses at most ``tolerance`` in every task; at most the highest that was recorded.

    Where a task is known to lose more at that demand, and a cliff hides from where on, it is what that task keeps.
    """
    mine = [each for each in curves if each.rule == rule]
    ends = [_first_above(each, tolerance) for each in mine]
    known = [end for end, sure in ends if sure] or [end for end, _ in ends]
    safe = min([*known, max((float(each.demand[-1]) for each in mine), default=math.nan)])
    hidden = [
        end
        for each, (end, sure) in zip(mine, ends, strict=True)
        if not sure and each.demand[np.searchsorted(each.demand, end) + 1] <= safe
    ]
    return min([safe, *hidden])


def _first_above(curve: LateCurve, tolerance: float) -> tuple[float, bool]:
    """Where the loss first rises above ``tolerance``, infinite if it does not; False where that lies in a cliff."""
    above = np.flatnonzero(curve.loss > tolerance)  # never the first one
    if not len(above):
        return math.inf, True
    right = int(above[0])
    if curve.cliff(right):
        return float(curve.demand[right - 1]), False
    ends = curve.loss[right - 1 : right + 1], curve.demand[right - 1 : right + 1]
    return float(np.interp(tolerance, *ends)), True


def clocked_losses(measured: Recorded, x: float) -> list[TrainedLoss]:
    """Clocked networks trained with a surrogate gradient at ``x = dt / tau_syn``, in a window of the same length.

    The reference is the exact propagator at the step at which it learns best.

    Raises
    ------
    NotMeasured
        ``x`` is outside the recorded steps.
    """
    accuracy = measured.data["accuracy"].sel(gradient="surrogate").transpose("condition", "dt", "seed")
    steps = measured.data["dt"].values / measured.settings["neuron"]["tau_syn"]
    reference = float(accuracy.sel(condition="none").mean("seed").max())
    n_seeds = accuracy.sizes["seed"]
    found = []
    for condition, label in CONDITIONS.items():
        if condition in accuracy["condition"].values:
            rows = between(x, steps, accuracy.sel(condition=condition).values)
            found.append(TrainedLoss(label, reference - float(rows.mean()), _spread(rows), n_seeds, {}))
    return sorted(found, key=lambda each: each.accuracy_loss)


class Budget(NamedTuple):
    """Losses of gradients with equally many trials, the accuracy of the best, and the surrogates' ``dt / tau_syn``."""

    losses: list[TrainedLoss]
    best: float
    step: float


def budget_losses(measured: Recorded) -> Budget:
    """Test accuracy lost against the best of the gradients, each tuned with the same number of trial trainings.

    The spread is that of the differences seed by seed, and that of its accuracies for the best one.
    """
    accuracy = measured.data["test_accuracy"].transpose("gradient", "seed")
    best = accuracy.isel(gradient=int(accuracy.mean("seed").argmax("gradient")))
    found = [
        TrainedLoss(
            str(name),
            float((best - row).mean()),
            _spread((best - row).values if name != best["gradient"].item() else row.values),
            accuracy.sizes["seed"],
            {},
        )
        for name, row in zip(accuracy["gradient"].values, accuracy, strict=True)
    ]
    return Budget(
        sorted(found, key=lambda each: each.accuracy_loss),
        float(best.mean()),
        _surrogate_step(measured.settings["task"]),
    )


def _surrogate_step(task: dict[str, Any]) -> float:
    """The step over the shorter time constant; the source's ``alpha`` and ``beta`` are rates."""
    rates = task["cell"]["alpha"], task["cell"]["beta"]
    return float(task["last"] / task["surrogate_steps"] * max(rates))


def _spread(values: Floats) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
