"""File formats of traces: what is read is only ever data, what is written appears whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import xarray as xr

from .common import Recording, plain

_HDF, _CLASSIC, _ZIP, _NPY, _PICKLE = b"\x89HDF\r\n\x1a\n", b"CDF", b"PK", b"\x93NUMPY", b"\x80"
_MAGIC = {".nc": (_HDF, _CLASSIC), ".npz": (_ZIP,), ".npy": (_NPY,), ".pt": (_ZIP, _PICKLE), ".csv": ()}
_KINDS = {".nc": "NetCDF", ".npz": "NumPy archive", ".npy": "NumPy array", ".pt": "PyTorch", ".csv": "CSV"}


def check_suffix(path: Path) -> str:
    """The format's suffix, or an error that lists the known ones."""
    suffix = path.suffix.lower()
    if suffix not in _MAGIC:
        raise ValueError(f"{path}: the suffix must be one of {', '.join(_MAGIC)}; got {path.suffix!r}")
    return suffix


def read(path: Path, lazy: bool = False) -> xr.Dataset | Recording:
    """A Dataset from a file that describes itself, a Recording from any other."""
    suffix = check_suffix(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    if path.is_dir():
        raise ValueError(f"{path} is a folder; name a file in it")
    with open(path, "rb") as stream:
        start = stream.read(8)
    if not start:
        raise ValueError(f"{path} is empty (0 bytes); record or export it again")
    if start.startswith(_PICKLE) and suffix != ".pt":
        raise ValueError(
            f"{path} is a Python pickle, which can run code when opened and is never loaded; "
            "open it where it was made and save the bare array, for example with numpy.save"
        )
    if _MAGIC[suffix] and not start.startswith(_MAGIC[suffix]):
        raise ValueError(
            f"{path} is not a {_KINDS[suffix]} file, or it is damaged; rename it or export it again"
        )
    from .arrays import read_npy, read_npz, read_pt
    from .netcdf import read_nc
    from .table import read_csv

    readers: dict[str, Callable[..., xr.Dataset | Recording]] = {
        ".nc": read_nc,
        ".npz": read_npz,
        ".npy": read_npy,
        ".pt": read_pt,
        ".csv": read_csv,
    }
    return readers[suffix](path, lazy)


def write(traces: xr.Dataset, path: Path) -> None:
    """Write valid traces; the file appears under its name only when it is complete."""
    from .arrays import write_npy, write_npz, write_pt
    from .netcdf import write_nc
    from .table import write_csv

    writers: dict[str, Callable[[xr.Dataset, Path], None]] = {
        ".nc": write_nc,
        ".npz": write_npz,
        ".npy": write_npy,
        ".pt": write_pt,
        ".csv": write_csv,
    }
    traces = traces.assign_attrs({key: plain(key, value) for key, value in traces.attrs.items()})
    writers[check_suffix(path)](traces, path)
