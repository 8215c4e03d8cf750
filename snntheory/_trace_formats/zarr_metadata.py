"""What a Zarr store says about itself, checked before the library opens it: a codec of its may run code."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .common import damaged, parse_json
from .limits import check_size

# None of them runs code from the file ("pickle" does).
CODECS = {
    "blosc", "zstd", "gzip", "zlib", "lz4", "delta", "shuffle", "crc32", "crc32c", "adler32", "fletcher32",
    "fixedscaleoffset", "bitround", "packbits", "astype", "quantize", "bytes", "transpose", "vlen-utf8",
    "sharding_indexed", "endian",
}  # fmt: skip
_TYPES = {
    "bool": "?",
    "float16": "f2",
    "float32": "f4",
    "float64": "f8",
    "complex64": "c8",
    "complex128": "c16",
}
_TYPES |= {f"{kind}int{8 * n}": f"{kind[:1] or 'i'}{n}" for kind in ("", "u") for n in (1, 2, 4, 8)}


@dataclass
class Node:
    """A group (``shape`` None) or an array of a store."""

    attrs: dict[str, Any]
    shape: tuple[int, ...] | None = None
    chunks: tuple[int, ...] = ()
    dtype: np.dtype | None = None
    itemsize: int = 0
    dims: tuple[str, ...] | None = None
    stored: int = 0
    largest: int = field(default=0, repr=False)


def nodes(path: Path) -> dict[str, Node]:
    """Groups and arrays by their paths in the store; the root is "".

    Raises
    ------
    ValueError
        If metadata are damaged, name a codec that is not known to be harmless, or a link leaves the folder.
    """
    with _Files(path) as files:
        found: dict[str, Node] = {}
        for key in sorted(files.sizes):
            folder, _, name = key.rpartition("/")
            if name in (".zgroup", ".zarray", "zarr.json") and folder not in found:
                try:
                    found[folder] = _node(path, files, folder, name)
                except (KeyError, TypeError, AttributeError, OverflowError, ValueError) as error:
                    if str(path) in str(error):
                        raise
                    raise damaged(path, error) from error
        if "" not in found:
            raise ValueError(f"{path} is not a Zarr store, or it is damaged; rename it or export it again")
        total = sum(files.sizes.values())
    for name, node in found.items():
        if node.shape is None:
            continue
        node.stored = total
        inside = [
            n
            for key, n in files.sizes.items()
            if key.startswith(name + "/" if name else "") and "zarr" not in key
        ]
        chunk = node.itemsize * int(np.prod(node.chunks, dtype=object))
        if node.itemsize and max(inside, default=0) > 2 * chunk + 2**16 and node.largest == 0:
            raise damaged(path, ValueError(f"a stored chunk of {name!r} is larger than the chunk itself"))
    return found


class _Files:
    """Names, sizes and contents of the files of a store, in a folder or an archive."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._archive: zipfile.ZipFile | None = None

    def __enter__(self) -> _Files:
        if self._path.is_dir():
            self.sizes = dict(_listing(self._path))
            return self
        try:
            self._archive = zipfile.ZipFile(self._path)
            self.sizes = {info.filename: info.file_size for info in self._archive.infolist()}
        except (zipfile.BadZipFile, OSError, ValueError, RuntimeError) as error:
            raise damaged(self._path, error) from error
        stored = self._path.stat().st_size
        check_size(self._path, "its largest member", max(self.sizes.values(), default=0), stored)
        return self

    def __exit__(self, *_: object) -> None:
        if self._archive is not None:
            self._archive.close()

    def json(self, key: str) -> Any:
        if key not in self.sizes:
            return {}
        if self.sizes[key] > 2**24:
            raise damaged(self._path, ValueError(f"{key} has more than 16 MiB"))
        try:
            content = self._archive.read(key) if self._archive else (self._path / key).read_bytes()
        except Exception as error:  # zipfile raises many types on damaged archives
            raise damaged(self._path, error) from error
        return parse_json(self._path, content)


def _listing(path: Path) -> Iterator[tuple[str, int]]:
    for folder, folders, names in os.walk(path):
        for name in (*folders, *names):
            place = Path(folder, name)
            if place.is_symlink():
                raise ValueError(
                    f"{path}: {name!r} is a link to another place, and other files are never opened; copy the store "
                    "with its contents, for example with cp -rL"
                )
            if name in names:
                yield place.relative_to(path).as_posix(), place.stat().st_size


def _node(path: Path, files: _Files, folder: str, name: str) -> Node:
    prefix = folder + "/" if folder else ""
    meta = files.json(prefix + name)
    if name == "zarr.json":
        attrs = dict(meta.get("attributes") or {})
        if meta["node_type"] == "group":
            return Node(attrs)
        dtype = _TYPES.get(meta["data_type"]) if isinstance(meta["data_type"], str) else None
        chunks = meta["chunk_grid"]["configuration"]["chunk_shape"]
        if meta.get("storage_transformers"):
            raise ValueError(f"{path}: {folder!r} has storage transformers, which are not known here")
        sharded = _check_codecs(path, folder, meta["codecs"])
        names = meta.get("dimension_names")
    else:
        attrs = dict(files.json(prefix + ".zattrs"))
        if name == ".zgroup":
            return Node(attrs)
        dtype, chunks, names = meta["dtype"], meta["chunks"], attrs.get("_ARRAY_DIMENSIONS")
        dtype = dtype if isinstance(dtype, str) and re.fullmatch(r"[<>|]?[biufcUSO]\d*", dtype) else None
        given = [meta.get("compressor"), *(meta.get("filters") or [])]
        sharded = _check_codecs(path, folder, [codec for codec in given if codec is not None])
    kind = None if dtype is None else np.dtype(dtype)
    return Node(
        attrs,
        shape=_lengths(meta["shape"], 0),
        chunks=_lengths(chunks, 1),
        dtype=kind,
        itemsize=0 if kind is None else kind.itemsize,
        dims=tuple(map(str, names)) if names and None not in names else None,
        largest=int(sharded),
    )


def _lengths(values: Any, least: int) -> tuple[int, ...]:
    if not all(isinstance(n, int) and not isinstance(n, bool) and least <= n < 2**62 for n in values):
        raise TypeError(f"lengths must be integers of at least {least}, got {values}")
    return tuple(values)


def _check_codecs(path: Path, array: str, codecs: list[dict]) -> bool:
    """Refuse codecs that are not on the list; whether the array is sharded."""
    sharded = False
    name_of: Callable[[dict], Any] = lambda codec: codec.get("id", codec.get("name"))  # noqa: E731
    for codec in codecs:
        name = str(codec if isinstance(codec, str) else name_of(codec)).removeprefix("numcodecs.")
        if name not in CODECS:
            raise ValueError(
                f"{path}: {array!r} is stored with the codec {name!r}, which could run code when opened or is not "
                "known here; save it again with one of blosc, zstd, gzip, lz4"
            )
        inner = {} if isinstance(codec, str) else codec.get("configuration") or {}
        if name == "sharding_indexed":
            sharded = True
            _check_codecs(path, array, [*inner.get("codecs", ()), *inner.get("index_codecs", ())])
    return sharded
