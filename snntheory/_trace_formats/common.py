"""What every format of traces shares: labels as JSON, the errors."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

SCHEMA = "snntheory-traces/1"
SIGNALS = ("voltage", "current", "spikes")
_TYPE = re.compile(r"[<>|=]?([biuf]\d{1,2}|U\d{1,4})")  # of arrays in files with labels
LABELS = "snntheory_traces"  # key of the JSON text that describes the arrays beside it


@dataclass
class Recording:
    """Arrays of a file that does not follow the schema, with the little that it says about them."""

    arrays: Mapping[str, Any]  # of numpy, or with shape, dtype, slicing and read(), not yet in memory
    dims: dict[str, tuple[str, ...]] = field(default_factory=dict)
    dt: float | None = None
    time: np.ndarray | None = None
    neurons: np.ndarray | None = None
    attributes: Mapping[str, Mapping[str, Any]] = field(
        default_factory=dict
    )  # of arrays and groups; "" the file

    def about(self, name: str) -> dict[str, Any]:
        """Attributes of an array, of the groups that it lies in and of the file, the nearest first."""
        parts = name.split("/")
        places = ["", *("/".join(parts[: n + 1]) for n in range(len(parts)))]
        merged: dict[str, Any] = {}
        for place in places:
            merged |= self.attributes.get(place, {})
        return merged

    def beside(self, name: str, other: str) -> str | None:
        """The name of the array ``other`` in the group of the array ``name``, or else of the file."""
        sibling = name.rpartition("/")[0] + "/" + other
        return next((found for found in (sibling, other) if found in self.arrays), None)


def plain(key: Any, value: Any) -> Any:
    """An attribute as str, int, float, bool, None, list or dict, so that every format can hold it."""
    if not isinstance(key, str):
        raise TypeError(f"names of attributes must be text, got {key!r}")
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [plain(key, item) for item in value]
    if isinstance(value, Mapping):
        return {plain_key: plain(plain_key, item) for plain_key, item in value.items()}
    raise TypeError(
        f"attribute {key!r} must be str, int, float, bool, None, list or dict, got {type(value).__name__}; "
        "store str(...) of it or leave it out"
    )


def flatten(
    traces: xr.Dataset, inline: Callable[[str, xr.Variable], bool]
) -> tuple[dict, dict[str, np.ndarray]]:
    """Labels as JSON-ready dict, and the arrays; those for which ``inline`` holds are put into the labels."""
    labels: dict[str, Any] = {"schema": SCHEMA, "attrs": traces.attrs, "variables": {}}
    arrays = {}
    for name, variable in traces.variables.items():
        values = texts(np.asarray(variable.values))
        if values.dtype.kind not in "biufU":
            raise ValueError(
                f"{name} is of type {values.dtype}, which only .nc may hold; drop it or save as .nc"
            )
        entry = {
            "dims": list(variable.dims),
            "shape": list(values.shape),
            "dtype": values.dtype.str,
            "attrs": {key: plain(key, value) for key, value in variable.attrs.items()},
            "coordinate": name in traces.coords,
        }
        if inline(str(name), variable):
            entry["values"] = values.ravel().tolist()
        else:
            arrays[str(name)] = values
        labels["variables"][str(name)] = entry
    return labels, arrays


def unflatten(path: Path, labels: Any, arrays: Mapping[str, Any]) -> xr.Dataset:
    """The Dataset that `flatten` took apart."""
    if not isinstance(labels, dict) or "schema" not in labels:
        raise ValueError(f"{path}: its labels are damaged (they name no schema); export it again")
    check_schema(path, labels["schema"])
    try:
        variables = {}
        for name, entry in labels["variables"].items():
            if not _TYPE.fullmatch(entry["dtype"]):
                raise ValueError(f"{name} is of type {entry['dtype'][:20]!r}")
            values = (
                arrays[name] if "values" not in entry else np.array(entry["values"], dtype=entry["dtype"])
            )
            values = (
                values if hasattr(values, "dask") else np.asarray(values).astype(entry["dtype"], copy=False)
            )
            variables[name] = xr.Variable(entry["dims"], values.reshape(entry["shape"]), entry["attrs"])
        coords = {
            name: variables.pop(name) for name in list(variables) if labels["variables"][name]["coordinate"]
        }
        return xr.Dataset(variables, coords=coords, attrs=labels["attrs"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{path}: its labels are damaged ({error!r}); export it again") from error


def check_schema(path: Path, schema: Any) -> None:
    """Refuse traces of a schema that this version does not know."""
    if schema != SCHEMA:
        raise ValueError(
            f"{path} follows the schema {schema!r}, this version reads {SCHEMA!r}; update snntheory"
        )


def damaged(path: Path, error: BaseException) -> ValueError:
    """The error of a file that starts like its type but cannot be read."""
    return ValueError(f"{path} is truncated or damaged and cannot be read ({error}); copy or export it again")


def with_attrs(dataset: xr.Dataset, change: Callable[[Mapping[Any, Any]], dict[str, Any]]) -> xr.Dataset:
    """The dataset with the attributes of it and of all its variables changed."""
    out = dataset.copy()
    out.attrs = change(out.attrs)
    for variable in out.variables.values():
        variable.attrs = change(variable.attrs)
    return out


def encoded(attrs: Mapping[Any, Any], finite: bool = False) -> dict[str, Any]:
    """NetCDF holds text and numbers; the rest travels as JSON text, listed in ``json_attributes``.

    With ``finite`` also infinity, which JSON proper does not know.
    """
    native = {}
    as_json = []
    for key, value in attrs.items():
        value = plain(key, value)
        if (
            isinstance(value, bool)
            or not isinstance(value, str | int | float)
            or _too_long(value)
            or (finite and isinstance(value, float) and not math.isfinite(value))
        ):
            as_json.append(key)
            value = json.dumps(value)
        native[key] = value
    return native | ({"json_attributes": json.dumps(as_json)} if as_json else {})


def _too_long(value: Any) -> bool:
    return isinstance(value, int) and not -(2**63) <= value < 2**63


def decoded(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """What `encoded` made of the attributes, undone."""
    as_json = json.loads(attrs.get("json_attributes", "[]"))
    out = {}
    for key, value in attrs.items():
        if key != "json_attributes":
            out[key] = json.loads(value) if key in as_json else getattr(value, "tolist", lambda v=value: v)()
    return out


def finished(path: Path, dataset: xr.Dataset) -> xr.Dataset:
    """Traces of a labelled file, of a schema that is known, text as text."""
    check_schema(path, dataset.attrs["schema"])
    return dataset.assign_coords(
        {n: c.copy(data=texts(c.values)) for n, c in dataset.coords.items() if c.dtype.kind in "OT"}
    )


def texts(values: np.ndarray) -> np.ndarray:
    """Text kept as Python objects, as fixed-width text; anything else unchanged."""
    if values.dtype.kind in "OT" and all(isinstance(item, str) for item in values.ravel()):
        return values.astype(np.str_)
    return values


def parse_json(path: Path, text: str | bytes) -> Any:
    """JSON text out of the file ``path``."""
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:  # undecodable bytes are a ValueError
        raise damaged(path, error) from error


def scalar(value: Any) -> float | None:
    """``value`` as float if it is a number, else None."""
    return float(value) if isinstance(value, int | float) else None
