"""What a number stands on: a calculation made at once, or a recorded artefact with its digest."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from .. import artefacts


class NotMeasured(ValueError):
    """A time step outside those that were recorded; the message says which were."""


@dataclass(frozen=True)
class Evidence:
    """The source of a number.

    Attributes
    ----------
    source : str
        ``"computed"``, ``"artefact NAME"`` or ``"artefacts NAME, NAME"``.
    quantity : str
        The function that computed it, or the variable of the artefact with its selection.
    digest : str
        First digits of the artefact's SHA-256; empty where computed.
    """

    source: str
    quantity: str
    digest: str = ""

    def __str__(self) -> str:
        return f"{self.source}: {self.quantity}" + (f" [{self.digest}]" if self.digest else "")

    def to_dict(self) -> dict[str, str]:
        """As plain values."""
        return asdict(self)


def together(found: Sequence[Evidence]) -> Evidence:
    """Several artefacts with the same quantity as one piece of evidence, digests in the order of the names."""
    names = ", ".join(each.source.removeprefix("artefact ") for each in found)
    lead = "artefacts" if len(found) > 1 else "artefact"
    return Evidence(f"{lead} {names}", found[0].quantity, ", ".join(each.digest for each in found))


@dataclass(frozen=True)
class Recorded:
    """An artefact, verified, and where it comes from."""

    name: str
    data: xr.Dataset
    digest: str
    settings: dict[str, Any]

    def evidence(self, quantity: str) -> Evidence:
        """Of one of its variables."""
        return Evidence(f"artefact {self.name}", quantity, self.digest[:12])


def recorded(name: str, folder: str | os.PathLike[str] = artefacts.FOLDER) -> Recorded | None:
    """An artefact by its name, its digest checked; None where it is not recorded.

    Raises
    ------
    ArtefactError
        It is there and damaged.
    """
    if name not in artefacts.names(folder):
        return None
    facts = artefacts.provenance(name, folder)
    return Recorded(name, artefacts.load(name, folder), facts["sha256"], facts.get("settings", {}))


def between(x: float, at: ArrayLike, values: ArrayLike, what: str = "dt/tau_syn") -> np.ndarray:
    """Values at ``x``, on straight lines over ``log x`` between measured neighbours; never beyond them.

    Parameters
    ----------
    x : float
    at : array_like, shape (n,)
        Where it was measured; above zero, in any order.
    values : array_like, shape (n, ...)
        NaN where a measurement failed: then there is no value next to it.

    Returns
    -------
    ndarray, shape (...)

    Raises
    ------
    NotMeasured
        ``x`` lies outside ``at``.
    """
    order = np.argsort(at)
    places, rows = np.asarray(at, float)[order], np.asarray(values, float)[order]
    tolerance = 1e-6 * x  # recorded steps are quotients
    if not places[0] - tolerance <= x <= places[-1] + tolerance:
        raise NotMeasured(
            f"{what} = {x:.3g} was not measured: recorded are {places[0]:.3g} to {places[-1]:.3g}; no value is "
            "guessed beyond them"
        )
    x = min(max(x, places[0]), places[-1])
    right = min(max(int(np.searchsorted(places, x)), 1), len(places) - 1)
    share = math.log(x / places[right - 1]) / math.log(places[right] / places[right - 1])
    if share < 1e-6 or share > 1 - 1e-6:  # on a measured one: its neighbours do not matter
        return rows[right - 1 if share < 0.5 else right]
    return (1 - share) * rows[right - 1] + share * rows[right]


def plain(value: Any) -> Any:
    """A number without NumPy's type; None in place of NaN."""
    number = float(value)
    return None if math.isnan(number) else number
