"""An answer restricted to what a framework that steps a clock can run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from .. import _check
from ..linear import frameworks
from .answer import Part, Recommendation
from .recommendation import recommend

RUNS = {
    "scheme": ("impulse_invariance",),
    "placement": ("grid",),
    "network": ("none",),
    "gradient": ("surrogate, width 0.1", "surrogate, width 0.3", "surrogate, width 1"),
    "clocked": ("impulse_invariance",),
    "budget": ("fast sigmoid", "fast sigmoid, counts", "straight through"),
}
"""Names of the choices that a clocked framework has, for the neuron that it is (:meth:`Framework.neuron_of`)."""


def recommend_framework(name: str, values: Mapping[str, float], dt: float, **options: Any) -> Recommendation:
    """Advice for a framework's own parameters, with the choices that the framework can run.

    Parameters
    ----------
    name : str
        Of :func:`snntheory.linear.frameworks.names`.
    values : mapping of str to float
        The framework's own parameters.
    dt : float
        Seconds that one step stands for.
    **options
        Of :func:`snntheory.advice.recommend`.

    Raises
    ------
    ValueError, TypeError
        As :meth:`snntheory.linear.frameworks.Framework.neuron_of` and :func:`recommend`.

    Assumptions
    -----------
    The neuron is the one whose exact response passes through the framework's samples, so below threshold nothing is
    lost; whether it is the neuron that was meant is a question for ``parameters_for``.
    """
    framework = frameworks.get(_check.choice("framework", name, frameworks.names()))
    if not values:
        wanted = ",".join(f"{each}=..." for each in framework.parameters)
        raise ValueError(f"values must be given: all parameters of {name}, {wanted}; got none")
    neuron, _ = framework.neuron_of(values, dt)
    found = recommend(neuron, dt, **options)
    kept = tuple(_restricted(part, name) for part in found.parts)
    return replace(found, parts=kept, reaching=partial(_reach, found))


def _restricted(part: Part, name: str) -> Part:
    choices = tuple(each for each in part.choices if each.name in RUNS.get(part.kind, ()))
    if choices or not part.choices:
        return replace(part, choices=choices)
    return replace(
        part, choices=(), evidence=None, note=f"{name} steps a clock and has none of these choices"
    )


def _reach(found: Recommendation) -> dict[str, dict[str, Any]]:
    runs = {
        kind: {name: each for name, each in row.items() if name in RUNS.get(kind, ())}
        for kind, row in found.reach.items()
    }
    return {kind: row for kind, row in runs.items() if row}
