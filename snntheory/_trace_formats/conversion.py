"""What a file says and what its reader says besides, brought together as traces."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .._resample import resample
from .._trace_checks import check_dims, not_uniform, time_step
from .._trace_units import convert, factor, seconds
from ..traces import make_traces
from .common import SIGNALS, Recording, scalar
from .hdf5 import FileArray
from .limits import check_size, nbytes
from .zarr_store import ZarrArray

_TIMES = ("time", "times", "t", "Time")
_CONVERT = "convert what it returns with snntheory.traces.convert_units(traces, {unit!r})"
_RESAMPLE = "resample what it returns with snntheory.traces.resample(traces, dt={dt})"
# said in traces of ours by arguments and by the schema
FILE_LABELS = {
    "dt",
    "t0",
    "schema",
    "phase",
    "units",
    "unit",
    "value_unit",
    "time_unit",
    "time_units",
    "dt_unit",
    "dt_units",
}


@dataclass(frozen=True)
class Said:
    """What the caller says about a file; the arguments of `load_traces`."""

    dims: Sequence[str] | None = None
    dt: float | None = None
    variable: str | None = None
    spikes: str | None = None
    time: str | None = None
    t0: float = 0.0
    value_unit: str | None = None
    phase: str | None = None
    resample: str | None = None


def completed(path: Path, traces: xr.Dataset, said: Said) -> xr.Dataset:
    """Traces that describe themselves: what the caller says besides must not contradict them."""
    own = traces.attrs
    if said.dims is not None and set(check_dims(said.dims)) - set(traces.dims):
        raise ValueError(
            f"{path} has the dimensions {tuple(traces.dims)}, not {tuple(said.dims)}; leave dims out"
        )
    for role, name, right in (
        ("variable", said.variable, "voltage"),
        ("spikes", said.spikes, "spikes"),
        ("time", said.time, "time"),
    ):
        if name not in (None, right):
            raise ValueError(
                f"{path} describes itself and its {right} is {right!r}, not {name!r}; leave {role} out"
            )
    given = {"dt": said.dt, "t0": said.t0 or None, "value_unit": said.value_unit, "phase": said.phase}
    for key, value in given.items():
        if value is None or value == own.get(key):
            continue
        if key == "phase" and own.get(key) == "unknown":
            traces = traces.assign_attrs(phase=str(value))
            continue
        remedy = {"value_unit": _CONVERT.format(unit=value), "dt": _RESAMPLE.format(dt=value)}.get(
            key, "correct the file"
        )
        raise ValueError(f"{path} says {key} = {own.get(key)!r}, not {value!r}; leave {key} out, or {remedy}")
    if said.resample is not None:
        raise ValueError(
            f"{path} has a uniform time; leave resample out, or {_RESAMPLE.format(dt=own.get('dt'))}"
        )
    return traces


def labelled(path: Path, recording: Recording, said: Said, lazy: bool = False) -> xr.Dataset:
    """Arrays from elsewhere: the caller says what the file does not."""
    arrays = recording.arrays
    name = _voltage(path, arrays, said)
    about = recording.about(name)
    known = recording.dims.get(name)
    if known is not None and said.dims is not None and tuple(said.dims) != known:
        raise ValueError(f"{path} has the dimensions {known}, not {tuple(said.dims)}; leave dims out")
    axes = known if known is not None else said.dims
    time_name, time = _times(path, recording, said, name, axes)
    if time is not None:
        _check_times(path, time)
    irregular = said.resample is not None and time is not None
    recorded = recording.dt if recording.dt is not None else _recorded_step(path, about)
    step = (said.dt or recorded) if irregular else _step(path, recorded, time, said.dt)
    if axes is None or step is None:
        raise ValueError(_question(path, arrays[name], axes, step))
    companions = _companions(path, recording, said, name)
    used = {name, time_name, *companions.values()}
    unused = [
        other
        for other in arrays
        if other not in used and not isinstance(arrays[other], FileArray | ZarrArray)
    ]
    if unused:
        warnings.warn(
            f"{path}: {', '.join(map(repr, unused))} left out; name spikes and times with spikes= and time=",
            stacklevel=4,
        )
    signals = {signal: _values(arrays[other], lazy) for signal, other in companions.items()}
    try:
        traces = make_traces(
            _values(arrays[name], lazy),
            step,
            axes,
            (said.t0 or scalar(about.get("t0")) or 0.0) if time is None else float(time[0]),
            value_unit=_unit(path, about, said.value_unit) or "1",
            current_unit=_unit(path, recording.about(companions["current"]), None)
            if "current" in companions
            else None,
            phase=str(about.get("phase", "unknown")) if said.phase is None else said.phase,
            attrs={key: value for key, value in about.items() if key not in FILE_LABELS and _is_plain(value)},
            **signals,
        )
    except (ValueError, TypeError) as error:
        raise type(error)(f"{path}: {error}") from None
    if time is not None and time.size != traces.sizes["time"]:
        raise ValueError(
            f"{path} has {time.size} times for {traces.sizes['time']} samples; correct dims or time"
        )
    if irregular:
        traces = resample(traces.assign_coords(time=("time", time)), step, kind=str(said.resample))
    elif said.resample is not None:
        raise ValueError(f"{path} has no times, so that nothing says how to resample; leave resample out")
    return traces.assign_coords(neuron=recording.neurons) if recording.neurons is not None else traces


def _values(values: Any, lazy: bool) -> Any:
    """An array of a file, read now or in dask's blocks of at most ``array.chunk-size`` bytes."""
    if not isinstance(values, FileArray | ZarrArray):
        return values
    if not lazy:
        return values.read()
    from dask.array import from_array

    check_size(
        values.path, values.name, nbytes(values.shape, values.dtype.itemsize), values.stored, lazy=True
    )
    return from_array(values)


def _recorded_step(path: Path, about: Mapping[str, Any]) -> float | None:
    """The attribute ``dt`` in seconds, or in the unit that the attributes say."""
    step = scalar(about.get("dt"))
    if step is None:
        return None
    unit = next(
        (about[key] for key in ("dt_unit", "dt_units", "time_unit", "time_units") if key in about), "s"
    )
    ratio = seconds(str(unit))
    if ratio is None:
        raise ValueError(f"{path}: its dt has the unit {unit!r}; convert it to seconds first")
    return convert(step, ratio)


def _unit(path: Path, about: Mapping[str, Any], asked: str | None) -> str | None:
    """The unit in the file, which the caller's must not contradict, or the caller's."""
    own = next((str(about[key]) for key in ("units", "unit", "value_unit") if about.get(key)), None)
    if own is None or asked is None or factor(own, asked) == 1:
        return asked or own
    if factor(own, asked) is None:
        raise ValueError(
            f"{path} has the unit {own!r}, not {asked!r}; leave value_unit out, or correct the file"
        )
    raise ValueError(
        f"{path} has the unit {own!r}, not {asked!r}; leave value_unit out, and {_CONVERT.format(unit=asked)}"
    )


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | bool | int | float | list)


def _voltage(path: Path, arrays: Mapping[str, Any], said: Said) -> str:
    """The name of the voltage: asked for, or the only candidate."""
    name = said.variable
    if name is None:
        taken = {said.spikes, said.time}
        candidates = [o for o in arrays if o not in taken and _last(o) not in _TIMES] or list(arrays)
        named = [other for other in candidates if _last(other) == "voltage"]
        name = (
            (named if len(named) == 1 else candidates)[0] if 1 in (len(named), len(candidates)) else "voltage"
        )
    elif name not in arrays:
        named = [other for other in arrays if _last(other) == name]
        if len(named) == 1:
            return named[0]
    for role, other in (("variable", said.variable), ("spikes", said.spikes), ("time", said.time)):
        if other is not None and other not in arrays:
            raise ValueError(f"{path} holds no array {other!r}, but {_list(arrays)}; correct {role}")
    if name not in arrays:
        raise ValueError(
            f"{path} holds several arrays: {_list(arrays)}; say which is the voltage, "
            f"for example load_traces(path, variable={next(iter(arrays))!r}, ...)"
        )
    return name


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _list(arrays: Mapping[str, Any]) -> str:
    names = [repr(name) for name in arrays]
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def _times(
    path: Path, recording: Recording, said: Said, voltage: str, axes: Sequence[str] | None
) -> tuple[str | None, np.ndarray | None]:
    """Name and values of the times of the samples, if the file has them."""
    if said.time is not None:
        return said.time, _in_seconds(path, recording, said.time)
    if recording.time is not None:
        return None, recording.time
    shape = np.shape(recording.arrays[voltage])
    lengths = (
        set(shape) if axes is None else {n for n, axis in zip(shape, axes, strict=False) if axis == "time"}
    )
    for name in filter(None, (recording.beside(voltage, time) for time in _TIMES)):
        if name != voltage and np.ndim(recording.arrays[name]) == 1:
            if np.shape(recording.arrays[name])[0] in lengths:
                return name, _in_seconds(path, recording, name)
    return None, None


def _in_seconds(path: Path, recording: Recording, name: str) -> np.ndarray:
    values = np.asarray(_values(recording.arrays[name], lazy=False))
    unit = recording.attributes.get(name, {}).get("units") or recording.attributes.get(name, {}).get(
        "unit", "s"
    )
    ratio = seconds(str(unit))
    if ratio is None:
        raise ValueError(f"{path}: {name!r} has the unit {unit!r}; convert it to seconds first")
    return convert(values, ratio) if values.dtype.kind in "iuf" else values


def _check_times(path: Path, time: np.ndarray) -> None:
    if time.ndim != 1 or not time.size or time.dtype.kind not in "iuf" or not np.all(np.isfinite(time)):
        raise ValueError(f"{path}: its time must hold one finite number of seconds a sample; correct it")


def _step(path: Path, recorded: float | None, time: np.ndarray | None, given: float | None) -> float | None:
    """The time step: that of the file, of its times, or the caller's; no two of them may differ."""
    if recorded is not None and given is not None and abs(given - recorded) > 1e-9 * abs(recorded):
        raise ValueError(
            f"{path} says dt = {recorded:g} s, not {given:g} s; leave dt out, or correct the file"
        )
    step = recorded if recorded is not None else given
    if time is None:
        return step
    if step is None:
        try:
            return time_step(time)
        except ValueError as error:
            mean = (time[-1] - time[0]) / max(time.size - 1, 1)
            printed = _resolution(time)
            if mean > 0 and printed and _deviation(time, mean) <= printed:
                raise ValueError(
                    f"{path}: its times are not uniform. If they are rounded to {printed:g} s, give the exact step, "
                    f"about dt={mean:.9g}; if samples are missing, resample them: load_traces(path, dt={mean:.3g}, "
                    "resample='linear')"
                ) from None
            if not mean > 0:
                raise ValueError(f"{path}: {error}") from None
            raise ValueError(
                f"{path}: its times are {not_uniform(time, mean)}; correct them, or resample the traces to a uniform "
                f"grid: load_traces(path, dt={mean:.3g}, resample='linear')"
            ) from None
    if not _deviation(time, step) <= _allowed(time, step):
        mean = (time[-1] - time[0]) / max(time.size - 1, 1)
        raise ValueError(
            f"{path}: its times do not have the step dt = {step:g} s, their mean step is {mean:.6g} s; "
            "leave dt out, or correct it"
        )
    return step


def _deviation(time: np.ndarray, step: float) -> float:
    return float(np.max(np.abs(time - time[0] - step * np.arange(time.size))))


def _allowed(time: np.ndarray, step: float) -> float:
    """How far times may lie from the grid: 1e-6 of a step, or what rounding does to a step that they cannot show."""
    printed = _resolution(time)
    whole = printed and step > 0.5 * printed and abs(step / printed - round(step / printed)) < 1e-6
    rounding = 4 * np.spacing(np.max(np.abs(time))) if time.dtype.kind == "f" else 0.0
    return max(1e-6 * step + float(rounding), 0.0 if whole else 1.5 * printed)


def _resolution(time: np.ndarray) -> float:
    """The power of ten that the times are whole multiples of, as they were printed; 0 below a nanosecond."""
    for digits in range(9):
        scaled = time * 10.0**digits
        if np.all(np.abs(scaled - np.rint(scaled)) <= 1e-6):
            return float(10.0**-digits)
    return 0.0


def _question(path: Path, values: Any, axes: Sequence[str] | None, step: float | None) -> str:
    shape = np.shape(values)
    needs = [] if axes is not None else ["the order of its axes (dims)"]
    needs += [] if step is not None else ["its time step in seconds (dt)"]
    if not 1 <= len(shape) <= 3:
        return f"{path}: traces have one to three axes, its array has the shape {shape}; save a part of it"
    rest = iter({1: (), 2: ("neuron",), 3: ("trial", "neuron")}[len(shape)])
    longest = int(np.argmax(shape))
    example = axes or tuple("time" if axis == longest else next(rest) for axis in range(len(shape)))
    return (
        f"{path} does not say {' and '.join(needs)}; its array has the shape {shape}. "
        f"For example: load_traces({path.name!r}, dims={tuple(example)}, dt={step or 0.001:g})"
    )


def _companions(path: Path, recording: Recording, said: Said, voltage: str) -> dict[str, str]:
    """Names in the file of the other signals beside the voltage."""
    arrays = recording.arrays
    shape = np.shape(arrays[voltage])
    found = {}
    for signal in SIGNALS:
        asked = said.spikes if signal == "spikes" else None
        name = asked or recording.beside(voltage, signal)
        if name is None or name == voltage or (_last(voltage) != "voltage" and not asked):
            continue
        if np.shape(arrays[name]) == shape:
            found[signal] = name
        elif asked:
            raise ValueError(
                f"{path}: spikes must have the shape of the voltage, {shape}; {name!r} has {np.shape(arrays[name])}"
            )
    return found
