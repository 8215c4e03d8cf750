"""For a neuron and a time step: what is lost by scheme, spike placement, gradient and training, and what keeps it."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from functools import partial

from .. import _check, artefacts
from .._trace_checks import warn_of_milliseconds
from ..neuron import CubaLIF
from . import measured, parts, ratios, trained
from .answer import Recommendation, steps
from .evidence import Recorded, recorded
from .reach import reaches


def recommend(
    neuron: CubaLIF,
    dt: float,
    *,
    tolerance: float = 0.05,
    spikes: float | None = None,
    width: float | None = None,
    folder: str | os.PathLike[str] = artefacts.FOLDER,
    seed: int = 0,
) -> Recommendation:
    """What a time step costs a neuron, by scheme, spike placement, gradient and training, and which choice keeps it.

    Parameters
    ----------
    neuron : CubaLIF
    dt : float
        Time step in seconds.
    tolerance : float
        A loss up to here counts as kept.
    spikes : float, optional
        That a training asks of one neuron within ``width``; by default as many as were recorded with late crossings
        dropped and carried.
    width : float, optional
        How long such a neuron is driven, in seconds: the integral of its drive over its peak
        (:func:`snntheory.advice.trained.drive_width`); by default ``tau_syn``, which is one volley of input.
    folder : path
        Of the artefacts; by default those that ship with the package.
    seed : int
        Of the input that the one neuron is driven with.

    Returns
    -------
    Recommendation
        Seven parts. Computed at once, for this neuron, are ``"scheme"`` and ``"placement"``
        (:func:`snntheory.advice.computed.scheme_losses`, :func:`~snntheory.advice.computed.placement_losses`). Read
        from recorded experiments are, at ``dt / tau_syn``, ``"network"``, ``"gradient"`` and ``"clocked"``
        (:func:`snntheory.advice.measured.transfer_losses`, :func:`~snntheory.advice.measured.gradient_losses`,
        :func:`snntheory.advice.trained.clocked_losses`); at ``spikes dt / width`` ``"late"``
        (:func:`~snntheory.advice.trained.late_losses`); and at its one step ``"budget"``
        (:func:`~snntheory.advice.trained.budget_losses`).

    Raises
    ------
    ValueError, TypeError
        ``dt``, ``tolerance``, ``spikes`` or ``width`` is not positive, or ``dt`` is too short to compute with.

    Assumptions
    -----------
    Recorded networks have time constants of their own, ``tau_syn`` the shorter one; what is carried over is ``dt`` over
    the shorter one. Nothing is extrapolated: beyond the recorded steps a part is empty and says so; ``"budget"`` is
    beyond a factor of two from its step, ``"late"`` where less than one spike is asked for. Where ``tau_mem / tau_syn``
    is far from all recorded ones (:mod:`snntheory.advice.ratios`) the answer says that, and which were recorded.
    """
    dt, tolerance, spikes, width = _checked(neuron, dt, tolerance, spikes, width)
    return with_records(neuron, dt, tolerance, records(folder), seed, spikes, width)


def records(folder: str | os.PathLike[str] = artefacts.FOLDER) -> dict[str, Recorded | None]:
    """The artefacts that :func:`recommend` reads, by name; None for one that is not there."""
    names = (measured.TRANSFER, measured.FIDELITY, trained.CLOCKED, *trained.LATE, trained.BUDGET)
    return {name: recorded(name, folder) for name in names}


def with_records(
    neuron: CubaLIF,
    dt: float,
    tolerance: float,
    at_hand: dict[str, Recorded | None],
    seed: int = 0,
    spikes: float | None = None,
    width: float | None = None,
) -> Recommendation:
    """:func:`recommend` with artefacts that have been read."""
    dt, tolerance, spikes, width = _checked(neuron, dt, tolerance, spikes, width)
    warn_of_milliseconds(dt, {"tau_mem": neuron.tau_mem, "tau_syn": neuron.tau_syn})
    x = steps(neuron, dt)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that has been said, and unstable schemes are an answer
        at_once = parts.scheme(neuron, dt), parts.placement(neuron, dt, seed)
    networks = parts.network(x, at_hand), parts.gradient(x, at_hand)
    training = (
        parts.clocked(x, at_hand),
        parts.late(neuron, dt, tolerance, at_hand, spikes, width),
        parts.budget(x, at_hand),
    )
    found = tuple(
        replace(part, unlike=ratios.unlike(neuron, part.kind)) for part in (*at_once, *networks, *training)
    )
    asked = partial(reaches, neuron, dt, tolerance, found, at_hand, seed, spikes, width)
    return Recommendation(neuron, dt, tolerance, found, asked)


def _checked(
    neuron: CubaLIF, dt: float, tolerance: float, spikes: float | None, width: float | None
) -> tuple[float, float, float | None, float | None]:
    if isinstance(neuron, tuple) and neuron and isinstance(neuron[0], CubaLIF):
        raise TypeError(
            "neuron must be a CubaLIF, got a tuple of a CubaLIF and a weight, as neuron_of gives it; unpack it: "
            "neuron, weight = ....neuron_of(...); recommend(neuron, dt)"
        )
    if not isinstance(neuron, CubaLIF):
        raise TypeError(f"neuron must be a CubaLIF, got {type(neuron).__name__}")
    return (
        _check.positive("dt", dt, "s"),
        _check.positive("tolerance", tolerance),
        None if spikes is None else _check.positive("spikes", spikes),
        None if width is None else _check.positive("width", width, "s"),
    )
