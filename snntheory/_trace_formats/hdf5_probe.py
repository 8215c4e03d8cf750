"""What an HDF5 file holds, found out by a process of its own: libhdf5 may hang or crash on a damaged file.

Run as ``python -P hdf5_probe.py FILE``; prints one line of JSON. Imports nothing of this package, so that it starts
fast. Links out of the file are listed and never followed; every attribute and every small array is read once.
"""

from __future__ import annotations

import json
import posixpath
import sys
from contextlib import suppress
from typing import Any

import h5py
import numpy as np

MEMORY = 4 * 2**30  # bytes that this process may ask for
BUDGET = 2**28  # bytes of arrays that are read to see whether they can be
PIECE = 2**26  # bytes of the largest piece that is read
OBJECTS = 20_000
DEPTH = 32


def describe(path: str) -> dict[str, Any]:
    """Groups, arrays and their attributes, and what lies in other files."""
    found: dict[str, Any] = {"groups": {}, "arrays": {}, "elsewhere": {}, "texts": {}}
    soft: dict[str, str] = {}
    with h5py.File(path, "r") as file:
        found["groups"][""] = _attributes(file)
        _walk(file, "", found, soft, {h5py.h5o.get_info(file["/"].id).addr}, [BUDGET])
    for name, target in soft.items():  # resolved by name alone: a path could lead through another file
        target = posixpath.normpath(posixpath.join("/" + posixpath.dirname(name), target)).lstrip("/")
        if target in found["arrays"]:
            found["arrays"][name] = found["arrays"][target]
        elif target in found["groups"]:
            found["groups"].setdefault(name, found["groups"][target])
    return found


def _walk(group: h5py.Group, prefix: str, found: dict, soft: dict, seen: set[int], budget: list[int]) -> None:
    for key in group:
        name = f"{prefix}{key}"
        if len(found["arrays"]) + len(found["groups"]) > OBJECTS or name.count("/") > DEPTH:
            raise ValueError(f"more than {OBJECTS} objects, or groups nested more than {DEPTH} deep")
        link = group.get(key, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            found["elsewhere"][name] = f"a link to {link.filename}"
            continue
        if isinstance(link, h5py.SoftLink):
            soft[name] = link.path
            continue
        item = group[key]
        address = h5py.h5o.get_info(item.id).addr
        if isinstance(item, h5py.Group):
            if address not in seen:  # a group may hold itself
                found["groups"][name] = _attributes(item)
                _walk(item, name + "/", found, soft, seen | {address}, budget)
        elif isinstance(item, h5py.Dataset):
            if item.is_virtual or item.external:
                found["elsewhere"][name] = "a virtual array" if item.is_virtual else "an array stored"
            elif item.shape is not None:
                found["arrays"][name] = _array(item, budget)
                if item.shape == () and h5py.check_string_dtype(item.dtype):
                    found["texts"][name] = item.asstr(errors="replace")[()][:1000]


def _array(item: h5py.Dataset, budget: list[int]) -> dict[str, Any]:
    return {
        "path": item.name,
        "shape": [int(n) for n in item.shape],
        "dtype": item.dtype.str,
        "numeric": item.dtype.kind in "biufc",
        "chunks": None if item.chunks is None else [int(n) for n in item.chunks],
        "dims": _dims(item),
        "attrs": _attributes(item),
        "stored": int(item.id.get_storage_size()),
        "read": _read(item, budget),
    }


def _read(item: h5py.Dataset, budget: list[int]) -> bool:
    """Read all of an array that is small enough, so that what cannot be read fails here."""
    piece = int(np.prod(item.chunks or item.shape, dtype=object)) * item.dtype.itemsize
    whole = int(np.prod(item.shape, dtype=object)) * item.dtype.itemsize
    if piece > PIECE or whole > budget[0]:
        return False
    budget[0] -= whole
    if item.chunks and whole:
        for place in item.iter_chunks():
            item[place]
    else:
        item[()]
    return True


def _dims(item: h5py.Dataset) -> list[str] | None:
    """Names of the axes, from labels or dimension scales, where every axis has one."""
    names = []
    for dimension in item.dims:
        scales = [str(scale.name).rpartition("/")[2] for scale in dimension.values()]
        names.append(dimension.label or (scales[0] if scales else ""))
    if not names and len(item.shape) == 1 and item.is_scale:
        names = [item.name.rpartition("/")[2]]
    return names if names and all(names) else None


def _attributes(item: Any) -> dict[str, Any]:
    found = {}
    for key in item.attrs:
        try:
            value = item.attrs[key]
        except (OSError, TypeError, ValueError, RuntimeError):
            continue  # of a type that numpy has no form for
        if isinstance(value, np.ndarray) and value.size == 1:
            value = value.reshape(-1)[0]
        if isinstance(value, np.ndarray | np.generic):
            value = value.tolist() if value.dtype.kind in "biufSUO" and value.size <= 1000 else None
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if isinstance(value, str | bool | int | float) or (
            isinstance(value, list) and all(isinstance(entry, str | bool | int | float) for entry in value)
        ):
            found[str(key)] = value
    return found


def main(path: str) -> None:
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        answer = describe(path)
    except Exception as error:  # whatever it is, this file cannot be read
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1])
