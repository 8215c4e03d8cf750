"""Up to which time step a choice keeps its part: the best one and the usual one of an answer."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..neuron import CubaLIF
from . import computed, parts, trained
from .answer import Part, steps
from .evidence import Recorded

STEPS = (0.01, 0.02, 0.04, 0.07, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
"""Tried, over the shorter time constant; the step that was asked about comes to them."""
USUAL = {
    "scheme": "forward_euler",
    "placement": "grid",
    "network": "none",
    "gradient": "surrogate, width 0.3",
    "clocked": "backward_euler",
    "late": "late crossings dropped",
    "budget": "fast sigmoid",
}
"""What is often done; shown beside the best."""
MOST_STEPS = 20_000
"""Steps at which a simulation of one neuron would have more than this are not tried."""
At = Callable[[float], Part]


class Reach(NamedTuple):
    """Steps at which a choice keeps its part.

    From the finest up to ``dt`` in seconds, or, where the finest one loses, from ``first`` up to it; none if 0.
    ``end`` says that no coarser step is known.
    """

    dt: float
    end: bool
    first: float = 0.0


def kept_up_to(steps: ArrayLike, losses: ArrayLike, tolerance: float) -> float:
    """The largest step up to which no measured loss is above a tolerance.

    Parameters
    ----------
    steps : array_like, shape (n,)
        Rising.
    losses : array_like, shape (n,)
        NaN where nothing was measured, infinite where the choice does not work.
    tolerance : float

    Returns
    -------
    float
        A measured one of ``steps``; 0 if the finest measured one loses more, or none was measured.
    """
    places, values = np.asarray(steps, float), np.asarray(losses, float)
    lost = np.flatnonzero(values > tolerance)
    before = np.arange(len(values)) < (lost[0] if len(lost) else len(values))
    return float(np.max(places, where=before & ~np.isnan(values), initial=0.0))


def reach(steps: Sequence[float], losses: Sequence[float], tolerance: float) -> Reach:
    """:func:`kept_up_to`; where the finest step loses, of the steps that keep it the longest run."""
    known = [(step, loss) for step, loss in zip(steps, losses, strict=True) if not math.isnan(loss)]
    if not known:
        return Reach(0.0, False)
    first, last = 0.0, kept_up_to(steps, losses, tolerance)
    if not last:
        runs = [list(run) for keeps, run in groupby(known, lambda each: each[1] <= tolerance) if keeps]
        longest = max(runs, key=len, default=[(0.0, 0.0)])
        first, last = longest[0][0], longest[-1][0]
    return Reach(float(last), bool(last == known[-1][0]), float(first))


def reaches(
    neuron: CubaLIF,
    dt: float,
    tolerance: float,
    found: Sequence[Part],
    records: Mapping[str, Recorded | None],
    seed: int,
    spikes: float | None,
    width: float | None,
) -> dict[str, dict[str, Reach]]:
    """For each part the best choice and the usual one, where they were measured at some step of :data:`STEPS`.

    Where nothing was measured at ``dt``, the best is the one that reaches farthest. Event-driven trainings are asked
    for as many spikes at every step as at ``dt``; the equal budget has one step and is left out.
    """
    tau = min(neuron.tau_mem, neuron.tau_syn)
    tried = sorted({each * tau for each in STEPS if abs(each * tau / dt - 1) > 1e-6} | {dt})
    best = {part.kind: part.choices[0].name for part in found if part.choices}
    out: dict[str, dict[str, Reach]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of steps that only the comparison needs
        for kind, at in _computed(neuron, seed, best, tolerance).items():
            out[kind] = _along(tried, at, kind, best.get(kind), tolerance)
        for kind in ("network", "gradient", "clocked"):
            read = partial(_read, neuron, kind, records)
            out[kind] = _along(tried, read, kind, best.get(kind), tolerance)
    out["late"] = _late(neuron, dt, tolerance, records, spikes, width)
    return {kind: named for kind, named in out.items() if named}


def _read(neuron: CubaLIF, kind: str, records: Mapping[str, Recorded | None], dt: float) -> Part:
    part: Part = getattr(parts, kind)(steps(neuron, dt), records)
    return part


def _computed(neuron: CubaLIF, seed: int, best: Mapping[str, str], tolerance: float) -> dict[str, At]:
    """The two parts that are computed, with the best and the usual choice only; a placement until it loses."""
    slow = max(neuron.tau_mem, neuron.tau_syn)
    still = {USUAL["placement"], best.get("placement", "")}

    def scheme(dt: float) -> Part:
        if 12 * slow / dt > MOST_STEPS:
            return Part("scheme", "", (), None)
        return parts.scheme(neuron, dt, {USUAL["scheme"], best["scheme"]})

    def placement(dt: float) -> Part:
        if computed.DURATION * slow / dt > MOST_STEPS or not still:
            return Part("placement", "", (), None)
        found = parts.placement(neuron, dt, seed, still)
        still.difference_update([each.name for each in found.choices if each.loss > tolerance])
        return found

    found: dict[str, At] = {"scheme": scheme}
    return found | ({"placement": placement} if "placement" in best else {})


def _along(tried: Sequence[float], at: At, kind: str, best: str | None, tolerance: float) -> dict[str, Reach]:
    rows = [at(dt).choices for dt in tried]
    found = {
        name: reach(
            tried, [next((one.loss for one in row if one.name == name), math.nan) for row in rows], tolerance
        )
        for name in dict.fromkeys(each.name for row in rows for each in row)
    }
    best = best or max(found, key=lambda name: found[name].dt, default=None)
    return {name: found[name] for name in dict.fromkeys((best, USUAL[kind])) if name in found}


def _late(
    neuron: CubaLIF,
    dt: float,
    tolerance: float,
    records: Mapping[str, Recorded | None],
    spikes: float | None,
    width: float | None,
) -> dict[str, Reach]:
    curves = trained.late_curves([records[name] for name in trained.LATE])
    width = neuron.tau_syn if width is None else width
    asked = trained.compared_demand(curves) * width / dt if spikes is None else spikes
    if not asked >= 1 - 1e-9:  # or NaN
        return {}
    out = {}
    for rule, label in (("carry", "late crossings carried"), ("drop", "late crossings dropped")):
        mine = [each for each in curves if each.rule == rule]
        if mine:
            demand = trained.safe_demand(curves, rule, tolerance)
            end = demand >= max(each.demand[-1] for each in mine) - 1e-9
            out[label] = Reach(float(demand * width / asked), bool(end))
    return out
