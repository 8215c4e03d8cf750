"""Checks of arguments: every message names the argument, the value and the remedy."""

from __future__ import annotations

import math
from collections.abc import Iterable
from difflib import get_close_matches
from numbers import Real
from typing import Any

import numpy as np


def number(
    name: str, value: Any, unit: str = "", *, minimum: float = -math.inf, strict: bool = False
) -> float:
    """``value`` as a finite float of at least ``minimum`` (above it when ``strict``)."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a real number, got {value!r} ({type(value).__name__})")
    result = float(value)
    if not math.isfinite(result):
        raise ValueError(f"{name} must be finite, got {result}")
    if result < minimum or (strict and result == minimum):
        bound = f"{'above' if strict else 'at least'} {minimum:g}{' ' + unit if unit else ''}"
        raise ValueError(f"{name} must be {bound}, got {result:g}")
    return result


def positive(name: str, value: Any, unit: str = "") -> float:
    """``value`` as a finite float above zero."""
    return number(name, value, unit, minimum=0.0, strict=True)


def probability(name: str, value: Any) -> float:
    """``value`` as a float strictly between 0 and 1, such as the level of an interval or a test."""
    result = number(name, value)
    if not 0 < result < 1:
        raise ValueError(f"{name} must lie between 0 and 1, got {result:g}; 0.95 is usual")
    return result


def integer(name: str, value: Any, *, minimum: int) -> int:
    """``value`` as an int of at least ``minimum``."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be an integer, got {value!r} ({type(value).__name__})")
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {value}")
    return int(value)


def choice(name: str, value: Any, allowed: Iterable[str]) -> str:
    """``value`` when it is one of ``allowed``; otherwise an error that lists them and the nearest."""
    allowed = tuple(allowed)
    if value in allowed:
        return str(value)
    near = get_close_matches(str(value), allowed, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}; got {value!r}{hint}")


def array(name: str, value: Any, *, ndim: int | None = None, minimum: float = -math.inf) -> np.ndarray:
    """``value`` as a finite float64 array, of ``ndim`` dimensions when given; booleans count as 0 and 1."""
    try:
        given = np.asarray(value)  # not yet float64: that would drop imaginary parts and read text as numbers
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"{name} must be an array of real numbers, got {type(value).__name__}: {error}"
        ) from None
    if given.dtype.kind == "O":
        strange = [repr(item) for item in given.ravel() if not isinstance(item, Real)][:1]
    else:
        strange = [] if given.dtype.kind in "biuf" else [f"values of type {given.dtype}"]
    if strange:
        raise TypeError(
            f"{name} must be an array of real numbers, got {strange[0]}; "
            "convert it first, for example with .real or .astype(float)"
        )
    result = given.astype(np.float64, copy=False)
    if ndim is not None and result.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimension(s), got shape {result.shape}")
    if not np.all(np.isfinite(result)):
        raise ValueError(
            f"{name} must be finite, got NaN or infinity at index {np.argwhere(~np.isfinite(result))[0].tolist()}"
        )
    if result.size and result.min() < minimum:
        raise ValueError(f"{name} must be at least {minimum:g}, got {result.min():g}")
    return result


def complex_array(name: str, value: Any) -> np.ndarray:
    """``value`` as a finite complex128 array."""
    given = np.asarray(value)
    if given.dtype.kind not in "biufc":
        raise TypeError(f"{name} must be an array of numbers, got values of type {given.dtype}")
    if not np.all(np.isfinite(given)):
        raise ValueError(
            f"{name} must be finite, got NaN or infinity at index {np.argwhere(~np.isfinite(given))[0].tolist()}"
        )
    return given.astype(np.complex128, copy=False)
