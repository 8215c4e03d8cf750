"""Advice for several time steps, side by side."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from .. import _check, artefacts
from ..neuron import CubaLIF
from .answer import PARTS, Recommendation
from .parts import MEASURES
from .recommendation import records, with_records

VARYING = tuple(kind for kind in PARTS if kind != "budget")
"""Parts that were measured at several steps."""


def costs(
    neuron: CubaLIF,
    steps: ArrayLike,
    *,
    tolerance: float = 0.05,
    spikes: float | None = None,
    width: float | None = None,
    folder: str | os.PathLike[str] = artefacts.FOLDER,
    seed: int = 0,
) -> xr.Dataset:
    """Losses of every choice against the time step; of the parts in :data:`VARYING`.

    Parameters
    ----------
    neuron : CubaLIF
    steps : array_like, shape (n,)
        Time steps in seconds.
    tolerance, spikes, width, folder, seed
        As in :func:`recommend`.

    Returns
    -------
    xarray.Dataset
        ``loss`` (choice, dt): in the measure of its part, infinite where a choice does not work, NaN where nothing was
        measured. Coordinates ``kind``, ``name`` and ``measure`` of a choice, ``dt`` in seconds, ``step``: ``dt`` over
        the shorter time constant. Attributes: ``tolerance``, and ``evidence_KIND`` or, without any, ``note_KIND``.

    Raises
    ------
    ValueError, TypeError
        As :func:`recommend`; or ``steps`` is empty.
    """
    steps = _check.array("steps", steps, ndim=1)
    if not len(steps):
        raise ValueError("steps must not be empty: name one time step at least")
    at_hand = records(folder)
    found = [with_records(neuron, float(dt), tolerance, at_hand, seed, spikes, width) for dt in steps]
    rows = {(kind, each.name): kind for kind in VARYING for one in found for each in one[kind].choices}
    loss = np.array([[_loss(one, *row) for one in found] for row in rows]).reshape(len(rows), len(found))
    attributes: dict[str, Any] = {"tolerance": found[0].tolerance}
    for kind in VARYING:
        cited = [str(one[kind].evidence) for one in found if one[kind].choices]
        attributes[f"evidence_{kind}" if cited else f"note_{kind}"] = (
            cited[0] if cited else found[0][kind].note
        )
    return xr.Dataset(
        {"loss": (("choice", "dt"), loss)},
        {
            "kind": ("choice", [kind for kind, _ in rows]),
            "name": ("choice", [name for _, name in rows]),
            "measure": ("choice", [MEASURES[kind] for kind, _ in rows]),
            "dt": ("dt", steps, {"units": "s"}),
            "step": ("dt", steps / min(neuron.tau_mem, neuron.tau_syn)),
        },
        attributes,
    )


def _loss(one: Recommendation, kind: str, name: str) -> float:
    return next((each.loss for each in one[kind].choices if each.name == name), np.nan)
