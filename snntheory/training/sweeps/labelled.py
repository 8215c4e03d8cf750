"""Results of runs as one labelled data set."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from .runs import Record

Index = tuple[int, ...]


def dataset(axes: Mapping[str, Sequence[Any]], records: Mapping[Index, Record]) -> xr.Dataset:
    """Results over the axes; what is missing is NaN, and ``state`` and ``error`` say why.

    Parameters
    ----------
    axes : mapping of str to sequence
        Names and values of the axes.
    records : mapping of index to record
        What is known of the run at each index of the axes.
    """
    shape = tuple(len(values) for values in axes.values())
    state, error = np.full(shape, "missing", object), np.full(shape, "", object)
    data: dict[str, tuple[tuple[str, ...], np.ndarray]] = {
        "state": (tuple(axes), state),
        "error": (tuple(axes), error),
        "seconds": (tuple(axes), np.full(shape, np.nan)),
    }
    longest = _longest(records)
    for index, record in records.items():
        state[index], error[index] = record["state"], record["error"]
        data["seconds"][1][index] = record["seconds"]
        for name, value in record["results"].items():
            if not isinstance(value, dict):
                _room(data, name, tuple(axes), shape)[index] = np.nan if value is None else value
                continue
            dimension, values = next(iter(value.items()))
            room = _room(data, name, (*axes, dimension), (*shape, longest[dimension]))
            room[index][: len(values)] = [np.nan if each is None else each for each in values]
    coordinates: dict[str, Any] = {name: _labels(values) for name, values in axes.items()}
    coordinates |= {name: np.arange(1, size + 1) for name, size in longest.items()}
    for name in ("state", "error"):
        data[name] = (data[name][0], data[name][1].astype(str))
    return xr.Dataset(data, coordinates)


def _longest(records: Mapping[Index, Record]) -> dict[str, int]:
    longest: dict[str, int] = {}
    for record in records.values():
        for value in record["results"].values():
            if isinstance(value, dict):
                for dimension, values in value.items():
                    longest[dimension] = max(longest.get(dimension, 0), len(values))
    return longest


def _room(data: dict[str, Any], name: str, dims: tuple[str, ...], shape: tuple[int, ...]) -> np.ndarray:
    if name not in data:
        data[name] = (dims, np.full(shape, np.nan))
    found: np.ndarray = data[name][1]
    return found


def _labels(values: Sequence[Any]) -> list[Any]:
    """Numbers as they are; if there is anything else among them, all as text."""
    if all(isinstance(each, int | float) and not isinstance(each, bool) for each in values):
        return list(values)
    return [each if isinstance(each, str) else json.dumps(each) for each in values]
