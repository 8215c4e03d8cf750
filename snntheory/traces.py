"""Traces: recorded voltages, currents and spikes as one labelled, checked ``xarray.Dataset``.

Definition (schema ``snntheory-traces/1``)
    ``voltage``, and where recorded ``current`` and ``spikes`` (counts), each of dimensions
    ``(trial, neuron, time)``; a coordinate ``time`` = t0 + dt n in seconds, computed from the integers n;
    attributes ``schema``, ``dt``, ``t0``, ``time_unit`` ("s"), ``value_unit``, ``phase`` (where in the step
    the values were taken, for example "after input, before reset") and any further plain ones: neuron
    parameters, scheme, layer, provenance. Ragged spike times may ride along as ``spike_times`` with a
    dimension of their own.

It stays a plain ``xarray.Dataset``: slice, plot, chunk and store it with the tools you know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from . import _trace_formats as formats
from ._check import number, positive
from ._resample import resample
from ._trace_checks import DIMS, check_dims, check_signal, check_units, time_step, warn_of_milliseconds
from ._trace_formats.common import SCHEMA, SIGNALS, plain
from ._trace_units import convert, factor

__all__ = [
    "convert_units",
    "is_lazy",
    "load_traces",
    "make_traces",
    "resample",
    "save_traces",
    "validate_traces",
]

_TIMES_OF_SPIKES = (
    "; of times of spikes, np.histogram(times, t0 + dt * (np.arange(n_steps + 1) - 0.5))[0] makes counts"
)
RESERVED = ("schema", "dt", "t0", "time_unit", "value_unit", "phase")


def make_traces(
    voltage: Any,
    dt: float,
    dims: Sequence[str] = DIMS,
    t0: float = 0.0,
    current: Any = None,
    spikes: Any = None,
    value_unit: str = "1",
    phase: str = "unknown",
    attrs: Mapping[str, Any] | None = None,
    current_unit: str | None = None,
) -> xr.Dataset:
    """Label arrays as traces.

    Parameters
    ----------
    voltage : array, one axis per entry of ``dims``, in ``value_unit``
        NumPy, dask (kept lazy) or anything ``numpy.asarray`` takes.
    dt : float, seconds
    dims : sequence of "trial", "neuron", "time"
        The order of the array's axes; missing ones are added with length 1. A recording of snnTorch, Norse
        or SpikingJelly, shape (T, B, N), has ``dims=("time", "trial", "neuron")``.
    t0 : float, seconds
        Time of the first sample.
    current, spikes : arrays of the voltage's shape, optional
        Spikes are counts per step; 0.0 and 1.0 in floating point are stored as uint8.
    value_unit : str
        Unit of the voltage, "1" when dimensionless; of the current too unless ``current_unit`` is given.
    phase : str
        Where in the step the values were taken; free text. :func:`snntheory.spectral.without_resets` looks for
        "before reset" or "after reset" in it ("before the reset", "after the reset"), and asks otherwise.
    attrs : mapping of str to str, int, float, bool, None, list or dict, optional
        For example the neuron: ``tau_mem``, ``tau_syn`` (seconds), ``r``, ``v_threshold``, ``v_reset``, ``reset``.
    current_unit : str, optional
        Kept as ``traces["current"].attrs["units"]``.

    Returns
    -------
    xarray.Dataset, dimensions (trial, neuron, time), time in seconds

    Raises
    ------
    ValueError, TypeError
        For unknown dimensions, a shape that does not fit them, NaN, or a time step that is not positive.

    Warns
    -----
    UserWarning
        For a time step of 0.1 s or more, or ``tau_mem`` or ``tau_syn`` of 1 s or more: milliseconds?
    """
    names = check_dims(dims)
    step, start = positive("dt", dt, "seconds"), number("t0", t0, "seconds")
    further = {} if attrs is None else {key: plain(key, value) for key, value in dict(attrs).items()}
    taken = [key for key in further if key in RESERVED]
    if taken:
        raise ValueError(
            f"attrs must not hold {taken[0]!r}: the schema sets it; use the argument of that name"
        )

    given = {"voltage": voltage, "current": current, "spikes": None if spikes is None else _counts(spikes)}
    variables = {name: _labelled(name, data, names) for name, data in given.items() if data is not None}
    for name, variable in variables.items():
        if variable.shape != variables["voltage"].shape:
            raise ValueError(
                f"{name} must have the shape of voltage {variables['voltage'].shape} "
                f"(trial, neuron, time), got {variable.shape}{_TIMES_OF_SPIKES if name == 'spikes' else ''}"
            )
        if name != "spikes":
            asked = current_unit if name == "current" else None
            variable.attrs["units"] = str(value_unit if asked is None else asked)
    n_time = variables["voltage"].shape[-1]
    time = xr.Variable("time", start + step * np.arange(n_time), {"units": "s"})
    labels = {
        "schema": SCHEMA,
        "dt": step,
        "t0": start,
        "time_unit": "s",
        "value_unit": str(value_unit),
        "phase": str(phase),
    }
    slow = ("tau_mem", "tau_syn")  # text where layers differ
    constants = {key: further[key] for key in slow if isinstance(further.get(key), int | float)}
    warn_of_milliseconds(step, constants)
    dataset = xr.Dataset(variables, coords={"time": time}, attrs=labels | further)
    return _validated(dataset, not is_lazy(dataset), names)


def validate_traces(traces: xr.Dataset, *, check_values: bool = True) -> xr.Dataset:
    """Return ``traces`` unchanged if they follow the schema; otherwise say what does not, and the remedy.

    Parameters
    ----------
    traces : xarray.Dataset
    check_values : bool
        Also read every value and refuse NaN and infinity (for lazy traces this reads the whole file).

    Raises
    ------
    TypeError
        If ``traces`` is not a Dataset.
    ValueError
        For missing or wrong dimensions, empty axes, complex or non-numeric values, NaN or infinity, a
        missing or non-positive ``dt``, a time coordinate that is not uniform to 1e-6 dt, a voltage in another
        unit than ``value_unit``.
    """
    return _validated(traces, check_values, DIMS)


def _validated(traces: xr.Dataset, check_values: bool, order: Sequence[str]) -> xr.Dataset:
    """`validate_traces`, whose remedies cut an array with axes in the given order."""
    if not isinstance(traces, xr.Dataset):
        raise TypeError(
            f"traces must be an xarray.Dataset, got {type(traces).__name__}; build it with make_traces"
        )
    if "voltage" not in traces.data_vars:
        raise ValueError(
            f"traces hold no voltage, only {list(traces.data_vars)}; build them with make_traces"
        )
    if traces.attrs.get("schema") != SCHEMA:
        raise ValueError(
            f"traces must have the attribute schema = {SCHEMA!r}, got {traces.attrs.get('schema')!r}; "
            "build them with make_traces(voltage, dt)"
        )
    for name in SIGNALS:
        if name in traces:
            check_signal(name, traces[name], check_values, order)
    check_units(traces)
    if "spike_times" in traces and traces["spike_times"].dtype.kind not in "fiu":
        raise ValueError(f"spike_times must be numbers in seconds, got {traces['spike_times'].dtype}")
    if traces.attrs.get("dt") is None:
        raise ValueError("traces lack the attribute dt (seconds); add it: traces.assign_attrs(dt=0.001)")
    step = positive("traces.attrs['dt']", traces.attrs["dt"], "seconds")
    if "time" not in traces.coords:
        raise ValueError("traces lack the time coordinate; build them with make_traces(voltage, dt)")
    time_step(traces["time"].values, step)
    return traces


def load_traces(
    path: str | Path,
    dims: Sequence[str] | None = None,
    dt: float | None = None,
    *,
    variable: str | None = None,
    spikes: str | None = None,
    time: str | None = None,
    t0: float = 0.0,
    value_unit: str | None = None,
    phase: str | None = None,
    chunks: Any = None,
    resample: str | None = None,
) -> xr.Dataset:
    """Read traces from a .nc, .h5, .zarr, .npz, .npy, .csv or .pt file; nothing in the file is ever executed.

    Files written by `save_traces` describe themselves. Of any other file the order of the axes and the time
    step are asked for, never guessed.

    Parameters
    ----------
    path : str or Path
        NetCDF, HDF5 (.h5, .hdf5: any, its arrays by their paths such as "run/voltage"), Zarr (.zarr folder or
        .zarr.zip archive), NumPy archive or array, table of numbers (rows are times if it has a column ``time``
        or ``t``, in seconds or with its unit as in ``time (ms)``; every other column is then a neuron), or
        PyTorch file (tensor, dict of tensors, or list of one tensor per step, which counts as a leading axis).
    dims : sequence of "trial", "neuron", "time", optional
        Order of the array's axes, for example ("time", "trial", "neuron") for a recording of snnTorch, Norse
        or SpikingJelly. Missing ones get length 1.
    dt : float, seconds, optional
        Must not contradict a ``dt`` or a time in the file.
    variable : str, optional
        Which array of a file that holds several is the voltage: its path, or its name where that is unique.
    spikes, time : str, optional
        Which other arrays are the spikes (counts, of the voltage's shape) and the times of the samples. By
        default ``spikes`` and ``current`` beside ``voltage``, and ``time``, ``times`` or ``t``.
    t0 : float, seconds
        Time of the first sample, where the file does not say.
    value_unit, phase : str, optional
        As in `make_traces`. A unit in the file (attributes ``units`` or ``unit``, column "soma (mV)") is taken over;
        times in ms or us become seconds.
    chunks : int, dict or "auto", optional
        Open lazily with dask (.nc, .h5, .zarr and .npy are then read in blocks of at most dask's
        ``array.chunk-size``, 128 MiB unless set, or of one chunk of the file where that is larger; values are
        checked where they are used instead of here).
    resample : str, optional
        For times that are not uniform: the ``kind`` of `resample`, to the step ``dt``.

    Returns
    -------
    xarray.Dataset, dimensions (trial, neuron, time)

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is empty, truncated, damaged, pickled or of another type than its suffix says; if it declares
        more than fits into memory or than it can hold; if the array is in another file that it links to; if dims
        or dt are needed and not given, or contradict the file; if the traces are not valid.
    ImportError
        For a .pt file without PyTorch, a .zarr without zarr, for ``chunks`` without dask.

    Warns
    -----
    UserWarning
        For arrays in the file that are not used, and for times that look like milliseconds.

    Notes
    -----
    HDF5 files (.nc, .h5) are first looked through by a second process, as damaged ones can hang or crash the HDF5
    library; that takes about 0.2 s a file.
    """
    from ._trace_formats import conversion

    path = Path(path)
    if chunks is not None and find_spec("dask") is None:
        raise ImportError("chunks needs dask: pip install 'snntheory[cluster]'; or leave chunks out")
    content = formats.read(path, lazy=chunks is not None)
    said = conversion.Said(dims, dt, variable, spikes, time, t0, value_unit, phase, resample)
    if isinstance(content, xr.Dataset):
        traces = conversion.completed(path, content, said)
    else:
        traces = conversion.labelled(path, content, said, lazy=chunks is not None)
    if chunks is not None and not (is_lazy(traces) and chunks in ("auto", {})):
        traces = traces.chunk(chunks)
    try:
        return validate_traces(traces, check_values=not is_lazy(traces))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def save_traces(traces: xr.Dataset, path: str | Path, overwrite: bool = True) -> Path:
    """Write traces to a .nc, .h5, .zarr, .zarr.zip, .npz, .npy, .csv or .pt file, all of it or nothing.

    The file is written under a temporary name in the same folder and then renamed. `load_traces` gives back
    the same values, types, dimensions, coordinates and attributes. .nc and .h5 are both NetCDF4, which xarray,
    h5py and every NetCDF library (MATLAB's ``ncread``) open; .zarr is a folder (Zarr format 2) that xarray
    opens. .npy holds the voltage alone and .csv the three signals; both keep labels beside the numbers
    (``NAME.npy.json``; comment lines). The attribute ``t0`` is brought in line with the time coordinate, so a
    slice in time may be saved as it is.

    Parameters
    ----------
    traces : xarray.Dataset
    path : str or Path
    overwrite : bool
        Replace an existing file.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If the traces are not valid, the suffix is not known, or the format cannot hold one of the variables.
    FileExistsError
        If the file exists and ``overwrite`` is False.
    OSError
        FileNotFoundError, NotADirectoryError, PermissionError ... when the folder cannot be written to.
    """
    path = Path(path)
    formats.check_suffix(path)
    validate_traces(traces)
    if not overwrite and path.exists():
        raise FileExistsError(f"{path} exists; choose another name or pass overwrite=True")
    start = float(traces["time"].values[0])
    if abs(start - traces.attrs.get("t0", np.inf)) > 1e-6 * traces.attrs["dt"]:
        traces = traces.assign_attrs(t0=start)
    formats.write(traces, path)
    return path


def convert_units(
    traces: xr.Dataset, value_unit: str | None = None, current_unit: str | None = None
) -> xr.Dataset:
    """Traces with the voltage, or the current, in another unit of the same kind.

    Parameters
    ----------
    traces : xarray.Dataset
    value_unit, current_unit : str, optional
        Such as "mV" and "pA"; what is left out stays.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    ValueError
        If the unit measures something else, or is not known, or there is no current.
    """
    out = traces.copy()
    for name, unit in (("voltage", value_unit), ("current", current_unit)):
        if unit is None:
            continue
        if name not in traces:
            raise ValueError(f"traces hold no {name}; leave {name.replace('voltage', 'value')}_unit out")
        old = str(traces[name].attrs.get("units", traces.attrs.get("value_unit")))
        ratio = factor(old, unit)
        if ratio is None:
            raise ValueError(
                f"{name} is in {old!r} and cannot be converted to {unit!r}; known are V, A and s with the prefixes "
                "k, m, u, n, p, f, and their names"
            )
        out[name] = traces[name].copy(data=convert(traces[name].data, ratio)).assign_attrs(units=unit)
        if name == "voltage":
            out.attrs["value_unit"] = unit
    return out


def is_lazy(data: xr.Dataset | xr.DataArray) -> bool:
    """Whether any of the data is held by dask rather than in memory."""
    variables = [data] if isinstance(data, xr.DataArray) else list(data.data_vars.values())
    return any(variable.chunks is not None for variable in variables)


def _labelled(name: str, data: Any, dims: tuple[str, ...]) -> xr.Variable:
    if not hasattr(data, "dask"):
        try:
            data = np.asarray(data)
        except (TypeError, ValueError, RuntimeError) as error:
            raise TypeError(
                f"{name} must be an array of real numbers, got {type(data).__name__}: {error}"
            ) from None
    if data.ndim != len(dims):
        raise ValueError(
            f"{name} has {data.ndim} axes, shape {data.shape}, but dims names {len(dims)}: {dims}"
            f"{_TIMES_OF_SPIKES if name == 'spikes' else ''}"
        )
    missing = tuple(dim for dim in DIMS if dim not in dims)
    variable = xr.Variable(dims, data)
    return variable.set_dims(missing + dims).transpose(*DIMS) if missing else variable.transpose(*DIMS)


def _counts(spikes: Any) -> Any:
    """Spikes that a library kept as 0.0 and 1.0, as integers; anything else unchanged (and refused later)."""
    if hasattr(spikes, "dask"):
        return spikes
    values = np.asarray(spikes)
    if values.dtype.kind != "f" or values.size == 0 or not np.array_equal(values, np.rint(values)):
        return values
    return values.astype(np.uint8 if 0 <= values.min() and values.max() < 256 else np.int64)
