"""What is lost at a time step in recorded networks: by spike placement, by gradient method.

Each function reads one artefact at ``dt / tau_syn``, between the steps that were measured and never beyond them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

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


def transfer_losses(
    measured: Recorded, x: float, integrator: str = "impulse_invariance"
) -> list[TransferLoss]:
    """Every interpolation with one integrator at ``x = dt / tau_syn``, by rising loss; what has no value is left out.

    Raises
    ------
    NotMeasured
        ``x`` is outside the recorded steps of every task.
    """
    data = measured.data.sel(integrator=integrator)
    tasks = [str(each) for each in data["task"].values]
    inside: dict[str, np.ndarray] = {}
    problem = None
    for task in tasks:
        part = data.sel(task=task)
        columns = np.stack(
            [
                float(part["exact_accuracy"]) - part["accuracy"].transpose("step", "interpolation").values,
                part["rms_shift"].transpose("step", "interpolation").values,
                part["hidden_spikes"].transpose("step", "interpolation").values
                / float(part["exact_hidden_spikes"])
                - 1,
            ],
            axis=-1,
        )
        try:
            inside[task] = between(x, part["dt_over_tau_syn"].values, columns)
        except NotMeasured as error:
            problem = error
    if not inside:
        raise problem or NotMeasured(f"artefact {measured.name} holds no task")
    found = []
    for row, label in enumerate(map(str, data["interpolation"].values)):
        values = {task: each[row] for task, each in inside.items() if not np.isnan(each[row][0])}
        if len(values) < len(inside):  # a combination that does not exist, or whose state grows without bound
            continue
        stacked = np.array(list(values.values()))
        change = stacked[np.argmax(np.abs(stacked[:, 2])), 2]
        found.append(
            TransferLoss(
                label,
                float(stacked[:, 0].max()),
                float(np.nanmax(stacked[:, 1])) if not np.isnan(stacked[:, 1]).all() else math.nan,
                float(change),
                {task: float(each[0]) for task, each in values.items()},
            )
        )
    return sorted(found, key=lambda each: each.accuracy_loss)


def _or_below(value: float) -> float:
    return -math.inf if math.isnan(value) else value
