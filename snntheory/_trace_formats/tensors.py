"""Traces as PyTorch tensors, without pickled objects."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .. import _files
from .arrays import bare
from .common import LABELS, Recording, flatten, parse_json, scalar, unflatten
from .limits import TooLarge, check_size


def read_pt(path: Path, lazy: bool) -> xr.Dataset | Recording:
    """Traces, or the tensors of a file from elsewhere."""
    torch = _torch(path)
    stored = path.stat().st_size
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                check_size(path, "all of it", sum(info.file_size for info in archive.infolist()), stored)
        # files of torch before 1.6 are no archives and have no checksums
        broken = _files.damaged_member(path) if zipfile.is_zipfile(path) else None
        if broken is not None:
            raise ValueError(f"{broken} is damaged")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except TooLarge:
        raise
    except Exception as error:  # torch raises many types; all mean that this file cannot be read safely
        raise ValueError(
            f"{path} cannot be read as bare tensors: it is truncated, damaged, or holds Python objects, which are "
            "never loaded. Save again with torch.save(tensor, path) or a dict of tensors"
        ) from error
    if isinstance(content, dict) and LABELS in content:
        arrays = {
            name: _dense(path, name, value, stored) for name, value in content.items() if name != LABELS
        }
        return unflatten(path, parse_json(path, content[LABELS]), arrays)
    entries = content if isinstance(content, dict) else {"voltage": content}
    arrays = {}
    for name, value in entries.items():
        if isinstance(value, list | tuple) and value and all(torch.is_tensor(item) for item in value):
            if len({item.shape for item in value}) > 1:
                raise ValueError(
                    f"{path}: the tensors of the list {name!r} differ in shape; give one per time step"
                )
            check_size(
                path, repr(name), sum(map(_size, value)), stored
            )  # one tensor may be listed many times
            value = torch.stack(list(value))
        if torch.is_tensor(value):
            arrays[str(name)] = _dense(path, name, value, stored)
        elif name == "dt" and scalar(value) is not None:
            arrays["dt"] = np.asarray(value)
    return bare(path, arrays)


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


def _size(tensor: Any) -> int:
    """Bytes of a tensor when it is written out; its storage may be smaller, with strides of zero."""
    return int(tensor.numel()) * int(tensor.element_size())


def _dense(path: Path, name: Any, value: Any, stored: int) -> np.ndarray:
    """A tensor as an array; anything else, and tensors that numpy has no form for, refused."""
    try:
        check_size(path, repr(name), _size(value), stored)
        value = value.detach()
        return (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()
    except (AttributeError, TypeError, RuntimeError) as error:
        kind = f"{value.layout}, {value.dtype}" if hasattr(value, "layout") else type(value).__name__
        raise ValueError(
            f"{path}: {name!r} must be a dense tensor of real numbers, got {kind}; convert it and save again"
        ) from error
