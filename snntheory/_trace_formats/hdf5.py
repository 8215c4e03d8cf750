"""HDF5 files from anyone: groups walked, links out of the file not followed, arrays read when they are wanted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .common import Recording, damaged
from .limits import check_size, nbytes

SECONDS = 30.0  # for a look into the file; libhdf5 can loop for ever in a damaged one
_INTERNAL = ("CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "DIMENSION_LABELS", "Conventions")


@dataclass(frozen=True)
class FileArray:
    """An array in an HDF5 file, opened for each read: it can be sent to other processes and keeps no file open."""

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    stored: int
    chunks: tuple[int, ...] | None = None

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getitem__(self, key: Any) -> np.ndarray:
        import h5py

        try:
            with h5py.File(self.path, "r") as file:
                return np.asarray(file[self.name][key])
        except (OSError, KeyError, RuntimeError) as error:
            raise damaged(self.path, error) from error

    def read(self) -> np.ndarray:
        """All of it, if it fits into memory."""
        check_size(self.path, self.name, nbytes(self.shape, self.dtype.itemsize), self.stored)
        return self[()]


def look(path: Path) -> dict[str, Any]:
    """What `hdf5_probe.describe` finds in the file, found by a process of its own.

    Raises
    ------
    ValueError
        If the file cannot be read, or if reading it crashes, does not end or asks for too much memory.
    """
    script = Path(__file__).with_name("hdf5_probe.py")
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment = os.environ | one_thread | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(script), str(path)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            env=environment,
        )
    except subprocess.TimeoutExpired as error:
        raise damaged(path, TimeoutError(f"reading it does not end in {SECONDS:g} s")) from error
    try:
        found = json.loads(done.stdout)
    except ValueError as error:
        reason = (
            f"reading it ends with signal {-done.returncode}" if done.returncode < 0 else done.stderr[-300:]
        )
        raise damaged(path, RuntimeError(reason)) from error
    if "error" in found:
        raise damaged(path, ValueError(found["error"]))
    return found


def check_links(path: Path, found: dict[str, Any]) -> None:
    """Refuse a file of which a part lies in other files."""
    if found["elsewhere"]:
        name, kind = next(iter(found["elsewhere"].items()))
        raise ValueError(
            f"{path}: {name!r} is {kind}, and other files are never opened; copy everything into one file, "
            "for example with h5repack"
        )


def read_h5(path: Path, lazy: bool) -> xr.Dataset | Recording:
    """Traces, or the arrays of an HDF5 file from elsewhere, by their paths in it."""
    from .netcdf import read_opened

    found = look(path)
    if "schema" in found["groups"][""]:
        check_links(path, found)
        return read_opened(path, lazy, "h5netcdf")
    return recording(path, found)


def recording(path: Path, found: dict[str, Any]) -> Recording:
    """The arrays of a file from elsewhere, not yet read."""
    stored = path.stat().st_size
    arrays, dims = {}, {}
    for name, entry in found["arrays"].items():
        shape = tuple(entry["shape"])
        if not entry["numeric"] or not shape:
            continue
        chunks = tuple(entry["chunks"]) if entry["chunks"] else None
        arrays[name] = FileArray(path, entry["path"], shape, np.dtype(entry["dtype"]), stored, chunks)
        if entry["dims"] and set(entry["dims"]) <= {"trial", "neuron", "time"}:
            dims[name] = tuple(entry["dims"])
    if not arrays:
        check_links(path, found)
        raise ValueError(f"{path} holds no array of numbers; record or export it again")
    attributes = dict(found["groups"]) | {name: found["arrays"][name]["attrs"] for name in arrays}
    attributes = {
        name: {k: v for k, v in attrs.items() if k not in _INTERNAL and not k.startswith("_")}
        for name, attrs in attributes.items()
    }
    return Recording(arrays, dims, attributes=attributes)


def write_h5(traces: xr.Dataset, path: Path) -> None:
    """The same file as a .nc: NetCDF4 is HDF5."""
    from .netcdf import write_nc

    write_nc(traces, path)
