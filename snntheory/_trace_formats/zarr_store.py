"""Traces as a Zarr folder, or as such a folder in a .zarr.zip archive: chunks that many processes read at once."""

from __future__ import annotations

import os
import secrets
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .. import _files
from .common import Recording, damaged, decoded, encoded, finished, with_attrs
from .limits import check_size, nbytes
from .zarr_metadata import Node, nodes

_METADATA = (".zgroup", ".zarray", "zarr.json")


@dataclass(frozen=True)
class ZarrArray:
    """An array in a Zarr store, opened for each read: it can be sent to other processes."""

    path: Path
    name: str
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dtype: np.dtype
    stored: int

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getitem__(self, key: Any) -> np.ndarray:
        zarr = _zarr(self.path)
        try:
            with _store(self.path) as store:
                return np.asarray(zarr.open_array(store=store, path=self.name, mode="r")[key])
        except Exception as error:  # codecs raise what they like
            raise damaged(self.path, error) from error

    def read(self) -> np.ndarray:
        """All of it, if it fits into memory."""
        check_size(self.path, self.name, nbytes(self.shape, self.dtype.itemsize), self.stored)
        return self[()]


def read_zarr(path: Path, lazy: bool) -> xr.Dataset | Recording:
    """Traces, or the arrays of a store from elsewhere by their paths in it."""
    _zarr(path)
    found = nodes(path)
    for name, node in found.items():
        if node.shape is not None:
            check_size(path, name, nbytes(node.shape, node.itemsize), node.stored, lazy=lazy)
            check_size(path, f"a chunk of {name}", nbytes(node.chunks, node.itemsize), node.stored)
    if "schema" in found[""].attrs:
        return _read_own(path, lazy)
    return _recording(path, found)


def _read_own(path: Path, lazy: bool) -> xr.Dataset:
    try:
        with _store(path) as store:
            dataset = xr.open_zarr(
                store, consolidated=False, decode_times=False, chunks="auto" if lazy else None
            )
            if not lazy:
                dataset.load()
            dataset = with_attrs(dataset.drop_encoding(), decoded)
    except Exception as error:  # codecs and stores raise what they like
        raise damaged(path, error) from error
    return finished(path, dataset)


def _recording(path: Path, found: dict[str, Node]) -> Recording:
    arrays, dims = {}, {}
    for name, node in found.items():
        if node.shape and node.dtype is not None and node.dtype.kind in "biufc":
            arrays[name] = ZarrArray(path, name, node.shape, node.chunks, node.dtype, node.stored)
            if node.dims and set(node.dims) <= {"trial", "neuron", "time"}:
                dims[name] = node.dims
    if not arrays:
        raise ValueError(f"{path} holds no array of numbers; record or export it again")
    return Recording(arrays, dims, attributes={name: node.attrs for name, node in found.items()})


def write_zarr(traces: xr.Dataset, path: Path) -> None:
    """Every variable of the traces, in Zarr format 2, which Zarr libraries of every age and language read."""
    _zarr(path)
    out = with_attrs(traces.drop_encoding(), lambda attrs: encoded(attrs, finite=True))
    encoding = {name: {"_FillValue": None} for name, variable in out.variables.items()}
    folder = path.suffix != ".zip"
    if folder and path.exists() and not is_store(path):
        raise ValueError(f"{path} is there and is no Zarr store; choose another name")
    with _replacing_folder(path) if folder else nullcontext(_beside(path)) as temporary:
        try:
            out.to_zarr(temporary, mode="w", zarr_format=2, consolidated=False, encoding=encoding)
            if not folder:
                with _files.replacing(path) as packed:
                    _pack(temporary, packed)
        finally:
            if not folder:
                shutil.rmtree(temporary, ignore_errors=True)


def is_store(path: Path) -> bool:
    """Whether the folder ``path`` holds a Zarr group or array."""
    return path.is_dir() and any((path / name).is_file() for name in _METADATA)


@contextmanager
def _replacing_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside ``path`` that takes its name when the block ends without an error."""
    temporary = _beside(path)
    old = temporary.with_name(temporary.name + ".old")
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                with open(file, "rb+") as stream:
                    os.fsync(stream.fileno())
        if path.exists():
            os.replace(path, old)
        os.replace(temporary, path)
    except OSError as error:
        if old.exists() and not path.exists():
            os.replace(old, path)
        reason = error.strerror or str(error)
        raise type(error)(
            f"cannot write {path}: {reason}; check the folder, its permissions and the space"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _beside(path: Path) -> Path:
    if not path.parent.is_dir():
        kind = NotADirectoryError if path.parent.exists() else FileNotFoundError
        raise kind(f"cannot write {path}: there is no folder {path.parent}; create it first")
    return path.parent / f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.zarr"


def _pack(folder: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                packed.write(file, file.relative_to(folder).as_posix())


def _store(path: Path) -> Any:
    """Context of what zarr reads from: the folder's name, or the archive, closed afterwards."""
    if path.is_dir():
        return nullcontext(str(path))
    from zarr.storage import ZipStore

    return ZipStore(path, mode="r", read_only=True)


def _zarr(path: Path) -> Any:
    try:
        import zarr
    except ImportError as error:
        raise ModuleNotFoundError(
            f"{path}: .zarr needs zarr: pip install 'snntheory[cluster]'; or use .nc"
        ) from error
    return zarr
