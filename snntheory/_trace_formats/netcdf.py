"""Traces as NetCDF4 (an HDF5 file): readable with xarray, h5py, MATLAB and anything that knows HDF5."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .. import _files
from .._trace_units import convert, seconds
from .common import Recording, damaged, decoded, encoded, finished, with_attrs
from .hdf5 import check_links, look, recording
from .limits import check_size, nbytes

IN_MEMORY = 2**28
_TIMES = ("time", "times", "t", "Time")


def read_nc(path: Path, lazy: bool) -> xr.Dataset | Recording:
    """Traces, or the arrays of a NetCDF file from elsewhere."""
    with open(path, "rb") as stream:
        classic = stream.read(3) == b"CDF"
    if classic:
        return read_opened(path, lazy, "scipy")
    found = look(path)
    check_links(path, found)
    stored = path.stat().st_size
    for name, entry in found["arrays"].items():
        size = nbytes(entry["shape"], np.dtype(entry["dtype"]).itemsize)
        check_size(path, name, size, stored, lazy=lazy)
    if any("/" in name for name in found["arrays"]) and not any("/" not in n for n in found["arrays"]):
        return recording(path, found)
    return read_opened(path, lazy, "h5netcdf")


def read_opened(path: Path, lazy: bool, engine: str) -> xr.Dataset | Recording:
    """A file that was looked at, through xarray."""
    try:
        # Times stay numbers of seconds: decoding would turn "seconds" into nanosecond timedeltas.
        dataset = xr.open_dataset(path, engine=engine, decode_times=False, chunks="auto" if lazy else None)
        if not lazy:
            with dataset:
                dataset.load()
        dataset = with_attrs(dataset.drop_encoding(), decoded)
    except Exception as error:  # scipy and h5netcdf raise many types on damaged files
        raise damaged(path, error) from error
    if "schema" in dataset.attrs:
        return finished(path, dataset)
    time = None
    named = next((n for n in _TIMES if n in dataset.coords and dataset[n].ndim == 1), None)
    if named is not None:
        unit = dataset[named].attrs.get("units", "s")
        ratio = seconds(unit)
        if ratio is None:
            raise ValueError(f"{path}: its {named} has the unit {unit!r}; convert it to seconds first")
        time = convert(dataset[named].values, ratio)
    names = {"trial", "neuron", "time"}
    dims = {str(n): tuple(map(str, v.dims)) for n, v in dataset.data_vars.items() if set(v.dims) <= names}
    arrays = {str(name): variable.data for name, variable in dataset.data_vars.items() if variable.ndim}
    if not arrays:
        raise ValueError(f"{path} holds no array; record or export it again")
    attributes = {"": dataset.attrs} | {name: dataset[name].attrs for name in arrays}
    return Recording(arrays, dims, time=time, attributes=attributes)


def write_nc(traces: xr.Dataset, path: Path) -> None:
    """Every variable of the traces, in plain NetCDF4."""
    out = with_attrs(traces.drop_encoding(), encoded)
    # No fill values (there is no NaN); spikes are mostly zeros and shrink at no cost.
    encoding: dict[Any, dict[str, Any]] = {
        n: {"_FillValue": None} for n, v in out.variables.items() if v.dtype.kind == "f"
    }
    if "spikes" in out:
        encoding["spikes"] = {"zlib": True, "complevel": 1}
    with _files.replacing(path) as temporary:
        to_netcdf(out, temporary, encoding)


def to_netcdf(data: xr.Dataset, path: Path, encoding: Any = None) -> None:
    """Write NetCDF4, up to 256 MiB through memory: a full disk then is an OSError, while HDF5 ends the process."""
    if data.nbytes <= IN_MEMORY:
        path.write_bytes(data.to_netcdf(engine="h5netcdf", encoding=encoding))
    else:
        data.to_netcdf(path, engine="h5netcdf", encoding=encoding)
