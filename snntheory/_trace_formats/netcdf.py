"""Traces as NetCDF4 (an HDF5 file): readable with xarray, h5py, MATLAB and anything that knows HDF5."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from .. import _files
from .common import Recording, check_schema, damaged, plain, scalar, texts


def read_nc(path: Path, lazy: bool) -> xr.Dataset | Recording:
    """Traces, or the arrays of a NetCDF file from elsewhere."""
    with open(path, "rb") as stream:
        engine = "scipy" if stream.read(3) == b"CDF" else "h5netcdf"
    try:
        # Times stay numbers of seconds: decoding would turn "seconds" into nanosecond timedeltas.
        dataset = xr.open_dataset(path, engine=engine, decode_times=False, chunks={} if lazy else None)
        if not lazy:
            with dataset:
                dataset.load()
        dataset = _with_attrs(dataset.drop_encoding(), _decoded)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        raise damaged(path, error) from error
    if "schema" in dataset.attrs:
        check_schema(path, dataset.attrs["schema"])
        return dataset.assign_coords(
            {n: _as_text(c) for n, c in dataset.coords.items() if c.dtype.kind in "OT"}
        )
    time = None
    if "time" in dataset.coords:
        time = dataset["time"].values
        unit = dataset["time"].attrs.get("units", "s")
        if unit not in ("s", "sec", "second", "seconds", "1", ""):
            raise ValueError(f"{path}: its time has the unit {unit!r}; convert it to seconds first")
    names = {"trial", "neuron", "time"}
    dims = {str(n): tuple(map(str, v.dims)) for n, v in dataset.data_vars.items() if set(v.dims) <= names}
    arrays = {str(name): variable.data for name, variable in dataset.data_vars.items() if variable.ndim}
    if not arrays:
        raise ValueError(f"{path} holds no array; record or export it again")
    return Recording(arrays, dims, dt=scalar(dataset.attrs.get("dt")), time=time)


def _as_text(coordinate: xr.DataArray) -> xr.DataArray:
    return coordinate.copy(data=texts(coordinate.values))


def write_nc(traces: xr.Dataset, path: Path) -> None:
    """Every variable of the traces, in plain NetCDF4."""
    out = _with_attrs(traces.drop_encoding(), _encoded)
    # No fill values (there is no NaN); spikes are mostly zeros and shrink at no cost.
    encoding: dict[Any, dict[str, Any]] = {
        n: {"_FillValue": None} for n, v in out.variables.items() if v.dtype.kind == "f"
    }
    if "spikes" in out:
        encoding["spikes"] = {"zlib": True, "complevel": 1}
    with _files.replacing(path) as temporary:
        out.to_netcdf(temporary, engine="h5netcdf", encoding=encoding)


def _with_attrs(dataset: xr.Dataset, change: Callable[[Mapping[Any, Any]], dict[str, Any]]) -> xr.Dataset:
    out = dataset.copy()
    out.attrs = change(out.attrs)
    for variable in out.variables.values():
        variable.attrs = change(variable.attrs)
    return out


def _encoded(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """NetCDF holds text and numbers; the rest travels as JSON text, listed in ``json_attributes``."""
    native = {}
    as_json = []
    for key, value in attrs.items():
        value = plain(key, value)
        if isinstance(value, bool) or not isinstance(value, str | int | float) or _too_long(value):
            as_json.append(key)
            value = json.dumps(value)
        native[key] = value
    return native | ({"json_attributes": json.dumps(as_json)} if as_json else {})


def _too_long(value: Any) -> bool:
    return isinstance(value, int) and not -(2**63) <= value < 2**63


def _decoded(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    as_json = json.loads(attrs.get("json_attributes", "[]"))
    out = {}
    for key, value in attrs.items():
        if key != "json_attributes":
            out[key] = json.loads(value) if key in as_json else getattr(value, "tolist", lambda v=value: v)()
    return out
