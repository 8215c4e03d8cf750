"""Traces as NumPy archives and arrays and as PyTorch tensors, all without pickled objects."""

from __future__ import annotations

import io
import json
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .. import _files
from .common import LABELS, Recording, damaged, flatten, parse_json, scalar, unflatten

# what numpy and zipfile raise on damaged bytes: RuntimeError for a method or version they do not know
_DAMAGE = (ValueError, OSError, EOFError, MemoryError, RuntimeError, tokenize.TokenError)


def read_npz(path: Path, lazy: bool) -> xr.Dataset | Recording:
    """Traces, or the arrays of an archive from elsewhere."""
    try:
        # opened here: numpy leaves the file open when the archive is damaged
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (*_DAMAGE, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise _unreadable_numpy(path, error) from error
    if LABELS in arrays:
        return unflatten(path, parse_json(path, str(arrays.pop(LABELS))), arrays)
    return _bare(path, arrays)


def write_npz(traces: xr.Dataset, path: Path) -> None:
    """Every variable as an array of the archive."""
    labels, arrays = flatten(traces, inline=lambda name, variable: False)
    with _files.replacing(path) as temporary, open(temporary, "wb") as stream:
        np.savez(stream, **{LABELS: np.array(json.dumps(labels))}, **arrays)  # type: ignore[arg-type]


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def read_npy(path: Path, lazy: bool) -> xr.Dataset | Recording:
    """An array, with its labels when they lie beside it."""
    try:
        values: Any = np.load(path, allow_pickle=False, mmap_mode="r" if lazy else None)
    except _DAMAGE as error:
        raise _unreadable_numpy(path, error) from error
    if lazy:
        from dask.array import from_array

        values = from_array(values)
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


def read_pt(path: Path, lazy: bool) -> xr.Dataset | Recording:
    """Traces, or the tensors of a file from elsewhere."""
    torch = _torch(path)
    try:
        # files of torch before 1.6 are no archives and have no checksums
        broken = _files.damaged_member(path) if zipfile.is_zipfile(path) else None
        if broken is not None:
            raise ValueError(f"{broken} is damaged")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many types; all mean that this file cannot be read safely
        raise ValueError(
            f"{path} cannot be read as bare tensors: it is truncated, damaged, or holds Python objects, which are "
            "never loaded. Save again with torch.save(tensor, path) or a dict of tensors"
        ) from error
    if isinstance(content, dict) and LABELS in content:
        arrays = {name: _dense(path, name, value) for name, value in content.items() if name != LABELS}
        return unflatten(path, parse_json(path, content[LABELS]), arrays)
    entries = content if isinstance(content, dict) else {"voltage": content}
    arrays = {}
    for name, value in entries.items():
        if isinstance(value, list | tuple) and value and all(torch.is_tensor(item) for item in value):
            if len({item.shape for item in value}) > 1:
                raise ValueError(
                    f"{path}: the tensors of the list {name!r} differ in shape; give one per time step"
                )
            value = torch.stack(list(value))
        if torch.is_tensor(value):
            arrays[str(name)] = _dense(path, name, value)
        elif name == "dt" and scalar(value) is not None:
            arrays["dt"] = np.asarray(value)
    return _bare(path, arrays)


def write_pt(traces: xr.Dataset, path: Path) -> None:
    """Every variable as a tensor of one dict."""
    torch = _torch(path)
    labels, arrays = flatten(traces, inline=lambda name, variable: variable.dtype.kind not in "biuf")
    native = {name: np.array(values, dtype=values.dtype.newbyteorder("=")) for name, values in arrays.items()}
    stream = io.BytesIO()
    torch.save({LABELS: json.dumps(labels)} | {n: torch.from_numpy(v) for n, v in native.items()}, stream)
    with _files.replacing(path) as temporary:
        temporary.write_bytes(stream.getbuffer())


def _torch(path: Path) -> Any:
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            f"{path}: .pt files need PyTorch: pip install 'snntheory[train]'; or use .npz"
        ) from error
    return torch


def _dense(path: Path, name: Any, value: Any) -> np.ndarray:
    """A tensor as an array; anything else, and tensors that numpy has no form for, refused."""
    try:
        value = value.detach()
        return (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()
    except (AttributeError, TypeError, RuntimeError) as error:
        kind = f"{value.layout}, {value.dtype}" if hasattr(value, "layout") else type(value).__name__
        raise ValueError(
            f"{path}: {name!r} must be a dense tensor of real numbers, got {kind}; convert it and save again"
        ) from error


def _bare(path: Path, arrays: dict[str, np.ndarray]) -> Recording:
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
