"""NWB 2 files of intracellular recordings: current-clamp series as traces, one trial a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .._trace_formats.hdf5 import FileArray, look
from .._trace_units import parse
from .sweeps import Sweep, as_traces, regular, step_of_rate

VOLTAGE_SERIES = ("CurrentClampSeries", "IZeroClampSeries")
_SETTINGS = ("bias_current", "bridge_balance", "capacitance_compensation", "gain")
_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def from_nwb(
    path: str | Path,
    series: str | Sequence[str] | None = None,
    stimulus: str | Sequence[str] | None = None,
    *,
    dt: float | None = None,
    resample: str | None = None,
    phase: str = "unknown",
) -> xr.Dataset:
    """Traces from the patch-clamp series of an NWB 2 file (HDF5).

    Definition
        A value is ``data * conversion + offset`` in the series' ``unit``; the step is one over its ``rate``.

    Parameters
    ----------
    path : str or Path
    series : str or sequence of str, optional
        Names of the series that hold the voltage ("sweep_3" or "acquisition/sweep_3"), one trial each. By default
        every CurrentClampSeries and IZeroClampSeries of the file in the order of their starts.
    stimulus : str or sequence of str, optional
        Names of the series that hold the injected current, one a sweep.
    dt, resample : optional
        For series with irregular ``timestamps``: the new step, and the kind of `snntheory.traces.resample`.
    phase : str
        As in `make_traces`.

    Returns
    -------
    xarray.Dataset
        With the coordinate ``series``, and ``trial_start`` where sweeps start at different times (time then counts
        from each start); the file's identifier, session start and the amplifier's settings as attributes.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is damaged or no NWB file, a series is missing, incomplete, irregular, in another file that is
        linked to, or not in volts (the stimulus: amperes), or if sweeps differ in length or rate.

    Notes
    -----
    Read with h5py alone: no class or specification that the file brings along is built. NWB files kept as Zarr are
    not read.
    """
    path = Path(path)
    found = _checked(path)
    names = _names(path, found, series)
    voltages = [_sweep(path, found, name, "V", dt, resample) for name in names]
    if series is None:
        order = sorted(range(len(names)), key=lambda index: voltages[index].start)
        names, voltages = [names[index] for index in order], [voltages[index] for index in order]
    stimuli = [] if stimulus is None else _names(path, found, stimulus)
    currents = [_sweep(path, found, name, "A", dt, resample) for name in stimuli]
    traces = as_traces(str(path), voltages, currents, phase, _attributes(path, found, names))
    return traces.assign_coords(series=("trial", np.array([name.rpartition("/")[2] for name in names])))


def _checked(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    with open(path, "rb") as stream:
        if stream.read(8) != _SIGNATURE:
            raise ValueError(f"{path} is not an HDF5 file, or it is damaged; NWB files in Zarr are not read")
    found = look(path)
    if "nwb_version" not in found["groups"][""]:
        raise ValueError(
            f"{path} is not an NWB 2 file: it lacks nwb_version; for other HDF5 files use load_traces"
        )
    return found


def _names(path: Path, found: dict[str, Any], asked: str | Sequence[str] | None) -> list[str]:
    """Paths of the series in the file."""
    known = {
        name: attrs["neurodata_type"]
        for name, attrs in found["groups"].items()
        if str(attrs.get("neurodata_type", "")).endswith("Series")
    }
    if asked is None:
        chosen = [name for name, kind in known.items() if kind in VOLTAGE_SERIES]
        if not chosen:
            raise ValueError(
                f"{path} holds no {' or '.join(VOLTAGE_SERIES)}, but {_list(known)}; name the series of the voltage"
            )
        return chosen
    chosen = []
    for name in (asked,) if isinstance(asked, str) else tuple(asked):
        fitting = [full for full in known if full == name or full.rpartition("/")[2] == name]
        if len(fitting) != 1:
            linked = [full for full in found["elsewhere"] if full.split("/")[-1] == name or full == name]
            reason = "is in another file, which is never opened" if linked else "is not there or not unique"
            raise ValueError(f"{path}: the series {name!r} {reason}; there are {_list(known)}")
        chosen += fitting
    if not chosen:
        raise ValueError(f"{path}: no series is named; there are {_list(known)}")
    return chosen


def _list(known: dict[str, str]) -> str:
    names = [f"{name!r} ({kind})" for name, kind in known.items()]
    return (
        ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    ) or "no series"


def _sweep(
    path: Path, found: dict[str, Any], name: str, base: str, dt: float | None, resample: str | None
) -> Sweep:
    data = _array(path, found, f"{name}/data")
    if data is None or data.ndim not in (1, 2) or 0 in data.shape or data.dtype.kind not in "iuf":
        linked = f"{name}/data" in found["elsewhere"]
        raise ValueError(
            f"{path}: {name!r} has "
            + ("its data in another file, which is never opened" if linked else "no data of one or two axes")
            + "; export it again with its data"
        )
    attrs = found["arrays"][f"{name}/data"]["attrs"]
    unit = str(attrs.get("unit", ""))
    if (parse(unit) or ("",))[0] != base:
        raise ValueError(
            f"{path}: {name!r} is in {unit or 'no unit'!r} ({found['groups'][name].get('neurodata_type')}), and "
            f"{'the voltage' if base == 'V' else 'the stimulus'} must be in {'volts' if base == 'V' else 'amperes'}; "
            "name another series"
        )
    conversion, offset = (
        _finite(path, name, key, attrs, value) for key, value in (("conversion", 1), ("offset", 0))
    )
    values = data.read()
    if conversion != 1 or offset != 0 or values.dtype.kind != "f":
        values = values * conversion + offset
    values = values.reshape(len(values), -1)
    start = _array(path, found, f"{name}/starting_time")
    times = _array(path, found, f"{name}/timestamps")
    if start is not None and start.shape == ():
        rate = _finite(path, name, "rate", found["arrays"][f"{name}/starting_time"]["attrs"], 0)
        first = float(start.read())
        if not rate > 0 or not np.isfinite(first):
            raise ValueError(
                f"{path}: {name!r} has the rate {rate} Hz and starts at {first} s; correct the file"
            )
        sweep = Sweep(name, values, unit, first, step_of_rate(rate))
    elif times is not None and times.ndim == 1 and times.dtype.kind in "iuf":
        sweep = Sweep(name, values, unit, 0.0, None, times.read())
    else:
        raise ValueError(
            f"{path}: {name!r} has neither a starting_time with its rate nor timestamps; export it again"
        )
    return regular(str(path), sweep, dt, resample)


def _finite(path: Path, name: str, key: str, attrs: dict[str, Any], default: float) -> float:
    value = attrs.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise ValueError(f"{path}: {name!r} has the {key} {value!r}, which is no number; correct the file")
    return float(value)


def _array(path: Path, found: dict[str, Any], name: str) -> FileArray | None:
    entry = found["arrays"].get(name)
    if entry is None or not entry["numeric"]:
        return None
    return FileArray(
        path, entry["path"], tuple(entry["shape"]), np.dtype(entry["dtype"]), path.stat().st_size
    )


def _attributes(path: Path, found: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """What describes all of the sweeps."""
    kept: dict[str, Any] = {"source_format": f"NWB {found['groups']['']['nwb_version']}"}
    for key in ("identifier", "session_description", "session_start_time"):
        text = found["texts"].get(key)
        if text:
            kept["nwb_" + key] = text
    for key in _SETTINGS:
        values = [_array(path, found, f"{name}/{key}") for name in names]
        numbers = {float(value.read()) for value in values if value is not None and value.shape == ()}
        if len(numbers) == 1 and None not in values and np.isfinite(min(numbers)):
            kept[key] = numbers.pop()
    return kept
