"""What is lost at a time step in recorded networks: by spike placement, by gradient method.

Each function reads one artefact at ``dt / tau_syn``, between the steps that were measured and never beyond them.
"""

from __future__ import annotations

import math
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import xarray as xr

from .evidence import NotMeasured, Recorded, between

FIDELITY, TRANSFER = "gradient-fidelity", "integration-order"
"""Artefacts, by the experiments that record them."""


class GradientLoss(NamedTuple):
    """Cosine of a method's gradient with the exact one, in the task where it is smallest, and by task."""

    method: str
    cosine: float
    by_task: dict[str, float]


class TransferLoss(NamedTuple):
    """What a trained network loses when it is run on a grid: the largest loss of accuracy, and by task.

    ``shift`` is the largest root mean square of the shifts of hidden spikes over ``tau_syn``, ``spikes`` the relative
    change of their number that is largest in modulus.
    """

    placement: str
    accuracy_loss: float
    shift: float
    spikes: float
    by_task: dict[str, float]


def gradient_losses(measured: Recorded, x: float, stage: str = "trained") -> list[GradientLoss]:
    """Every gradient method at ``x = dt / tau_syn``, by falling cosine.

    Raises
    ------
    NotMeasured
        ``x`` is outside the recorded steps.
    """
    data = measured.data
    cosine = data["cosine"].sel(stage=stage, layer="all").transpose("step", "method", "task")
    at_x = between(x, data["step"].values, cosine.values)
    tasks = [str(each) for each in data["task"].values]
    found = [
        GradientLoss(str(method), float(np.min(row)), dict(zip(tasks, map(float, row), strict=True)))
        for method, row in zip(data["method"].values, at_x, strict=True)
    ]
    return sorted(found, key=lambda each: -_or_below(each.cosine))


INTEGRATORS = ("impulse_invariance", "order 6")
"""Of the transferred networks: the exact propagator; where it does not go with an interpolation, this power series."""


def transfer_losses(
    measured: Recorded, x: float, integrators: tuple[str, ...] = INTEGRATORS
) -> list[TransferLoss]:
    """Every interpolation at ``x = dt / tau_syn``, by rising loss, each with the first integrator that it goes with.

    Raises
    ------
    NotMeasured
        ``x`` is outside the recorded steps of more than half of the tasks.
    """
    data = measured.data
    names = ("accuracy", "rms_shift", "hidden_spikes")
    inside: dict[str, np.ndarray] = {}
    for task in map(str, data["task"].values):
        part = data.sel(task=task)
        columns = [
            part[name]
            .transpose("step", "interpolation", "integrator")
            .sel(integrator=list(integrators))
            .values
            for name in names
        ]
        with suppress(NotMeasured):
            inside[task] = between(x, part["dt_over_tau_syn"].values, np.stack(columns, axis=-1))
    if 2 * len(inside) < data.sizes["task"]:  # the worst of a few says little
        ratio = data["dt_over_tau_syn"].values
        raise NotMeasured(
            f"dt/tau_syn = {x:.3g} was measured in {len(inside)} of {data.sizes['task']} tasks: recorded are "
            f"{ratio.min():.3g} to {ratio.max():.3g}, not all in each; no value is guessed beyond them"
        )
    found = []
    for row, interpolation in enumerate(map(str, data["interpolation"].values)):
        for column, integrator in enumerate(integrators):
            values = {task: each[row, column] for task, each in inside.items()}
            if not any(np.isnan(each[0]) for each in values.values()):
                label = interpolation if not column else f"{interpolation} ({integrator})"
                found.append(_transfer_loss(data, label, values))
                break  # otherwise the combination does not exist, or its state grows without bound
    # accuracies are of few samples: those that lose nothing are told apart by the number of their spikes
    return sorted(found, key=lambda each: (max(0.0, round(each.accuracy_loss, 6)), abs(each.spikes)))


def _transfer_loss(data: xr.Dataset, label: str, values: dict[str, np.ndarray]) -> TransferLoss:
    exact = {task: data.sel(task=task) for task in values}
    lost = {task: float(exact[task]["exact_accuracy"]) - float(each[0]) for task, each in values.items()}
    more = [float(each[2]) / float(exact[task]["exact_hidden_spikes"]) - 1 for task, each in values.items()]
    shifts = [float(each[1]) for each in values.values() if not np.isnan(each[1])]
    return TransferLoss(label, max(lost.values()), max(shifts, default=math.nan), max(more, key=abs), lost)


def _or_below(value: float) -> float:
    return -math.inf if math.isnan(value) else value
