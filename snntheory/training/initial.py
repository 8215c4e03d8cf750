"""Distributions of initial weights, in the unit in which a network learns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _check


@dataclass(frozen=True)
class FanIn:
    """Normal with mean 0 and standard deviation ``gain / sqrt(n_in)``."""

    gain: float = 1.0

    def __post_init__(self) -> None:
        _check.positive("gain", self.gain)

    def draw(self, rng: np.random.Generator, n_in: int, n_out: int) -> NDArray[np.float64]:
        """Weights of shape (n_in, n_out)."""
        return rng.normal(0, self.gain * n_in**-0.5, (n_in, n_out))


@dataclass(frozen=True)
class Normal:
    """Normal, whatever the number of inputs.

    Lee, Haghighatshoar and Karbasi (2023) draw the hidden weights from N(1.5, 0.8), those of the output from N(2, 0.1).
    """

    mean: float
    std: float

    def __post_init__(self) -> None:
        _check.number("mean", self.mean)
        _check.number("std", self.std, minimum=0.0)

    def draw(self, rng: np.random.Generator, n_in: int, n_out: int) -> NDArray[np.float64]:
        """Weights of shape (n_in, n_out)."""
        return rng.normal(self.mean, self.std, (n_in, n_out))


@dataclass(frozen=True)
class Uniform:
    """Uniform between ``low`` and ``high`` (BATS and Cojocaru 2024: -1 to 1)."""

    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        low, high = _check.number("low", self.low), _check.number("high", self.high)
        if low > high:
            raise ValueError(f"low must be at most high, got low={low:g}, high={high:g}")

    def draw(self, rng: np.random.Generator, n_in: int, n_out: int) -> NDArray[np.float64]:
        """Weights of shape (n_in, n_out)."""
        return rng.uniform(self.low, self.high, (n_in, n_out))


Initial = FanIn | Normal | Uniform
INITIAL: dict[str, type[Initial]] = {"fan_in": FanIn, "normal": Normal, "uniform": Uniform}


def of_layers(initial: Initial | Sequence[Initial], n_layers: int) -> tuple[Initial, ...]:
    """One distribution a layer.

    Raises
    ------
    TypeError, ValueError
        What is given is no distribution, or not as many as layers.
    """
    each = (initial,) * n_layers if isinstance(initial, Initial) else tuple(initial)
    if len(each) != n_layers:
        raise ValueError(
            f"initial must be one distribution or one for each of {n_layers} layers, got {len(each)}"
        )
    strange = [one for one in each if not isinstance(one, Initial)]
    if strange:
        raise TypeError(f"initial must be FanIn, Normal or Uniform, got {strange[0]!r}")
    return each


def settings(initial: Initial) -> dict[str, Any]:
    """The distribution as plain values (for files)."""
    return {"name": next(k for k, kind in INITIAL.items() if isinstance(initial, kind)), **asdict(initial)}


def from_settings(values: dict[str, Any]) -> Initial:
    """The distribution of :func:`settings`."""
    rest = dict(values)
    return INITIAL[_check.choice("initial", rest.pop("name"), INITIAL)](**rest)
