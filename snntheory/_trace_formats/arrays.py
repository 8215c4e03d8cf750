"""Traces as NumPy archives and arrays, without pickled objects."""

from __future__ import annotations

import json
import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
import xarray as xr

from .. import _files
from .common import LABELS, Recording, damaged, flatten, parse_json, unflatten
from .limits import TooLarge, check_size, nbytes

# what numpy and zipfile raise on damaged bytes: RuntimeError for a method or version they do not know
_DAMAGE = (
    ValueError,
    OSError,
    EOFError,
    MemoryError,
    RuntimeError,
    TypeError,
    SyntaxError,
    tokenize.TokenError,
)


def read_npz(path: Path, lazy: bool) -> xr.Dataset | Recording:
    """Traces, or the arrays of an archive from elsewhere."""
    try:
        # opened here: numpy leaves the file open when the archive is damaged
        with open(path, "rb") as stream:
            _check_members(path, stream)
            stream.seek(0)
            with np.load(stream, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
    except TooLarge:
        raise
    except (*_DAMAGE, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise _unreadable_numpy(path, error) from error
    if LABELS in arrays:
        return unflatten(path, parse_json(path, str(arrays.pop(LABELS))), arrays)
    return bare(path, arrays)


def _check_members(path: Path, stream: BinaryIO) -> None:
    """Compare what the arrays of an archive declare with what is there, before numpy asks for the memory."""
    stored = path.stat().st_size
    with zipfile.ZipFile(stream) as archive:
        check_size(path, "all of it", sum(info.file_size for info in archive.infolist()), stored)
        for info in archive.infolist():
            if info.filename.endswith(".npy"):
                with archive.open(info) as member:
                    declared = _declared(member)
                check_size(path, repr(info.filename[:-4]), declared, stored)


def _declared(stream: IO[bytes]) -> int:
    """Bytes of the array that the header of a .npy file declares."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    if min(shape, default=0) < 0:
        raise ValueError(f"the shape {shape} has a negative length")
    return nbytes(shape, dtype.itemsize)


def write_npz(traces: xr.Dataset, path: Path) -> None:
    """Every variable as an array of the archive."""
    labels, arrays = flatten(traces, inline=lambda name, variable: False)
    with _files.replacing(path) as temporary, open(temporary, "wb") as stream:
        np.savez(stream, **{LABELS: np.array(json.dumps(labels))}, **arrays)  # type: ignore[arg-type]


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".json")


@dataclass(frozen=True)
class NumpyFile:
    """The array of a .npy file, opened for each read: it can be sent to other processes."""

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getitem__(self, key: Any) -> np.ndarray:
        return np.array(np.load(self.path, allow_pickle=False, mmap_mode="r")[key])


def read_npy(path: Path, lazy: bool) -> xr.Dataset | Recording:
    """An array, with its labels when they lie beside it."""
    try:
        with open(path, "rb") as stream:
            declared, start = _declared(stream), stream.tell()
        if declared > path.stat().st_size - start:
            raise ValueError(f"it declares {declared} bytes and holds {path.stat().st_size - start}")
        check_size(path, "its array", declared, path.stat().st_size, lazy=lazy)
        values: Any = np.load(path, allow_pickle=False, mmap_mode="r" if lazy else None)
    except TooLarge:
        raise
    except _DAMAGE as error:
        raise _unreadable_numpy(path, error) from error
    if lazy:
        from dask.array import from_array

        values = from_array(NumpyFile(path, values.shape, values.dtype))
    beside = _sidecar(path)
    if not beside.exists():
        return Recording({"voltage": values})
    labels = parse_json(beside, beside.read_bytes())
    try:
        described = labels["shape"] == list(values.shape) and labels["dtype"] == values.dtype.str
        if "values" not in labels["variables"]["time"]:
            time = labels["attrs"]["t0"] + labels["attrs"]["dt"] * np.arange(values.shape[-1])
            arrays = {"voltage": values, "time": time}
        else:
            arrays = {"voltage": values}
    except (KeyError, TypeError, IndexError) as error:
        raise damaged(beside, error) from error
    if not described or (not lazy and labels.get("sha256") != _files.sha256(path)):
        raise ValueError(
            f"{beside} describes another array than {path} holds; delete it and give dims and dt"
        )
    return unflatten(beside, labels, arrays)


def write_npy(traces: xr.Dataset, path: Path) -> None:
    """The voltage, and its labels in a JSON file beside it."""
    others = [str(name) for name in traces.data_vars if name != "voltage"]
    if others:
        raise ValueError(
            f"{path}: .npy holds the voltage alone, not {', '.join(others)}; "
            "save as .nc or .npz, or leave them out with traces[['voltage']]"
        )
    grid = traces.attrs["t0"] + traces.attrs["dt"] * np.arange(traces.sizes["time"])
    on_grid = np.array_equal(traces["time"].values, grid)
    labels, arrays = flatten(traces, lambda name, _: name != "voltage" and not (name == "time" and on_grid))
    values = arrays["voltage"]
    with _files.replacing(path) as temporary:
        with open(temporary, "wb") as stream:
            np.save(stream, values, allow_pickle=False)
        labels |= {"shape": list(values.shape), "dtype": values.dtype.str, "sha256": _files.sha256(temporary)}
        with _files.replacing(_sidecar(path)) as beside:
            beside.write_text(json.dumps(labels), encoding="utf-8")


def bare(path: Path, arrays: dict[str, np.ndarray]) -> Recording:
    dt = float(arrays["dt"]) if "dt" in arrays and np.ndim(arrays["dt"]) == 0 and len(arrays) > 1 else None
    arrays = {name: values for name, values in arrays.items() if np.ndim(values)}
    if not arrays:
        raise ValueError(f"{path} holds no array; record or export it again")
    return Recording(arrays, dt=dt)


def _unreadable_numpy(path: Path, error: BaseException) -> ValueError:
    if "pickle" in str(error) or "Object arrays" in str(error):
        return ValueError(
            f"{path} holds pickled Python objects, which can run code when opened and are never loaded; "
            "save a plain numeric array, for example numpy.save(path, numpy.asarray(values, dtype=float))"
        )
    return damaged(path, error)
