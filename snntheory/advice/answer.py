"""What the advice consists of: choices with their losses, a part for each kind of choice, all parts of a time step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .. import _check
from ..neuron import CubaLIF
from .evidence import Evidence

PARTS = ("scheme", "placement", "network", "gradient", "clocked", "late", "budget")
"""Kinds of choices, in the order in which they are shown."""


@dataclass(frozen=True)
class Choice:
    """One choice and what it loses at this time step.

    Attributes
    ----------
    name : str
    loss : float
        In the measure of its part; infinite where it does not work at all.
    details : dict of str to float
        What else was found.
    """

    name: str
    loss: float
    details: dict[str, Any]


@dataclass(frozen=True)
class Part:
    """All choices of one kind, the best first, and what their losses stand on.

    Attributes
    ----------
    kind : str
        One of :data:`PARTS`.
    measure : str
        What a loss is.
    choices : tuple of Choice
        Empty where nothing was measured.
    evidence : Evidence or None
    note : str
        Why there are no choices; or what must be known to read them.
    unlike : str
        Which ratios of time constants were recorded, if the neuron's is far from them; else empty.
    """

    kind: str
    measure: str
    choices: tuple[Choice, ...]
    evidence: Evidence | None
    note: str = ""
    unlike: str = ""

    def kept(self, tolerance: float) -> tuple[Choice, ...]:
        """Choices that lose at most ``tolerance``."""
        return tuple(each for each in self.choices if each.loss <= tolerance)


@dataclass(frozen=True)
class Recommendation:
    """What a time step costs a neuron, and which choice keeps it; made by :func:`recommend`.

    Printed, it is a table with one line a part; :meth:`listing` has all choices.

    Attributes
    ----------
    neuron : CubaLIF
    dt : float
        Seconds.
    tolerance : float
        A loss up to here counts as kept.
    parts : tuple of Part
    reaching : callable, optional
        What finds :attr:`reach`.
    """

    neuron: CubaLIF
    dt: float
    tolerance: float
    parts: tuple[Part, ...]
    reaching: Callable[[], dict[str, dict[str, Any]]] | None = field(default=None, repr=False, compare=False)

    @cached_property
    def reach(self) -> dict[str, dict[str, Any]]:
        """By part and choice, up to which step the best and the usual choice keep it: ``dt`` in seconds, ``end``.

        Computed when it is first asked for (:func:`snntheory.advice.reach.reaches`), which takes a second.
        """
        return self.reaching() if self.reaching else {}

    def __getitem__(self, kind: str) -> Part:
        """A part by its kind."""
        _check.choice("kind", kind, PARTS)
        return next(part for part in self.parts if part.kind == kind)

    def best(self, kind: str) -> Choice | None:
        """The choice of a kind that loses least; None where nothing was measured."""
        choices = self[kind].choices
        return choices[0] if choices else None

    def advice(self) -> dict[str, str]:
        """One sentence for each part: the choice that keeps most, what it loses, and the evidence."""
        from .wording import sentence

        return {part.kind: sentence(part, self.tolerance) for part in self.parts}

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "neuron": {
                name: getattr(self.neuron, name) for name in ("tau_mem", "tau_syn", "r", "v_threshold")
            },
            "dt": self.dt,
            "dt_over_shorter_tau": steps(self.neuron, self.dt),
            "tolerance": self.tolerance,
            "advice": self.advice(),
            "parts": {
                part.kind: {
                    "measure": part.measure,
                    "evidence": part.evidence.to_dict() if part.evidence else None,
                    "note": part.note,
                    "unlike": part.unlike,
                    "kept_up_to": {
                        name: each._asdict() for name, each in self.reach.get(part.kind, {}).items()
                    },
                    "choices": [
                        {
                            "name": each.name,
                            "loss": each.loss if math.isfinite(each.loss) else None,
                            **each.details,
                        }
                        for each in part.choices
                    ],
                }
                for part in self.parts
            },
        }

    def listing(self) -> str:
        """Every choice with its loss, and the evidence, as text."""
        from .wording import listing

        return listing(self)

    def __str__(self) -> str:
        from .wording import table

        return table(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from .wording import html

        return html(self)


def steps(neuron: CubaLIF, dt: float) -> float:
    """The step over the shorter time constant."""
    return dt / min(neuron.tau_mem, neuron.tau_syn)
