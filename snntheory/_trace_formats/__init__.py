"""File formats of traces: what is read is only ever data, what is written appears whole or not at all."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import xarray as xr

from .common import Recording, plain

_HDF, _CLASSIC, _ZIP, _NPY, _PICKLE = b"\x89HDF\r\n\x1a\n", b"CDF", b"PK", b"\x93NUMPY", b"\x80"
# suffix: name, first bytes, module, reader, writer
_FORMATS: dict[str, tuple[str, tuple[bytes, ...], str, str, str]] = {
    ".nc": ("NetCDF", (_HDF, _CLASSIC), "netcdf", "read_nc", "write_nc"),
    ".npz": ("NumPy archive", (_ZIP,), "arrays", "read_npz", "write_npz"),
    ".npy": ("NumPy array", (_NPY,), "arrays", "read_npy", "write_npy"),
    ".pt": ("PyTorch", (_ZIP, _PICKLE), "tensors", "read_pt", "write_pt"),
    ".csv": ("CSV", (), "table", "read_csv", "write_csv"),
    ".h5": ("HDF5", (_HDF,), "hdf5", "read_h5", "write_h5"),
    ".hdf5": ("HDF5", (_HDF,), "hdf5", "read_h5", "write_h5"),
    ".zarr": ("Zarr", (), "zarr_store", "read_zarr", "write_zarr"),
    ".zarr.zip": ("Zarr archive", (_ZIP,), "zarr_store", "read_zarr", "write_zarr"),
}
_ELSEWHERE = {".nwb": "from_nwb", ".nix": "from_nix"}
_TABLE = ": if it is a table of numbers, one row a time, rename it to .csv"
_REMEDIES = dict.fromkeys((".txt", ".dat", ".tsv", ".asc"), _TABLE) | {
    ".mat": ": write the voltage in MATLAB with writematrix(v, 'v.csv'), or read it in Python with scipy.io.loadmat "
    "and save it with numpy.save",
    ".xlsx": ": export the sheet as .csv",
}


def check_suffix(path: Path) -> str:
    """The format's suffix, or an error that lists the known ones."""
    suffix = path.suffix.lower()
    if suffix == ".zip":
        suffix = "".join(path.suffixes[-2:]).lower()
    if suffix in _ELSEWHERE:
        raise ValueError(f"{path}: for {suffix} files use snntheory.interop.{_ELSEWHERE[suffix]}(path)")
    if suffix not in _FORMATS:
        raise ValueError(
            f"{path}: the suffix must be one of {', '.join(_FORMATS)}; got {path.suffix!r}"
            f"{_REMEDIES.get(suffix, '')} (.nwb and .nix: with 'snntheory analyse' or snntheory.interop)"
        )
    return suffix


def read(path: Path, lazy: bool = False) -> xr.Dataset | Recording:
    """A Dataset from a file that describes itself, a Recording from any other."""
    suffix = check_suffix(path)
    name, magic, module, reader, _ = _FORMATS[suffix]
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    if path.is_dir() != (suffix == ".zarr"):
        raise ValueError(
            f"{path} is a folder; name a file in it"
            if path.is_dir()
            else f"{path} is a file, but a .zarr is a folder; an archive of one is a .zarr.zip"
        )
    if suffix != ".zarr":
        _check_start(path, suffix, name, magic)
    return getattr(import_module(f"{__name__}.{module}"), reader)(path, lazy)


def _check_start(path: Path, suffix: str, name: str, magic: tuple[bytes, ...]) -> None:
    """Refuse an empty file, a pickle and a file of another type than its suffix says."""
    with open(path, "rb") as stream:
        start = stream.read(8)
    if not start:
        raise ValueError(f"{path} is empty (0 bytes); record or export it again")
    if start.startswith(_PICKLE) and suffix != ".pt":
        raise ValueError(
            f"{path} is a Python pickle, which can run code when opened and is never loaded; "
            "open it where it was made and save the bare array, for example with numpy.save"
        )
    if magic and not start.startswith(magic):
        raise ValueError(f"{path} is not a {name} file, or it is damaged; rename it or export it again")


def write(traces: xr.Dataset, path: Path) -> None:
    """Write valid traces; the file appears under its name only when it is complete."""
    traces = traces.assign_attrs({key: plain(key, value) for key, value in traces.attrs.items()})
    _, _, module, _, writer = _FORMATS[check_suffix(path)]
    getattr(import_module(f"{__name__}.{module}"), writer)(traces, path)
