"""What a file says and what its reader says besides, brought together as traces."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .._trace_checks import check_dims, time_step
from ..traces import make_traces
from .common import SIGNALS, Recording

_TIMES = ("time", "times", "t", "Time")


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
        raise ValueError(
            f"{path} says {key} = {own.get(key)!r}, not {value!r}; leave {key} out, or correct the file"
        )
    return traces


def labelled(path: Path, recording: Recording, said: Said) -> xr.Dataset:
    """Arrays from elsewhere: the caller says what the file does not."""
    arrays = recording.arrays
    name = _voltage(path, arrays, said)
    values = arrays[name]
    known = recording.dims.get(name)
    if known is not None and said.dims is not None and tuple(said.dims) != known:
        raise ValueError(f"{path} has the dimensions {known}, not {tuple(said.dims)}; leave dims out")
    axes = known if known is not None else said.dims
    time_name, time = _times(path, recording, said, name, axes)
    if time is not None:
        _check_times(path, time)
    step = _step(path, recording.dt, time, said.dt)
    if axes is None or step is None:
        raise ValueError(_question(path, values, axes, step))
    companions = _companions(path, arrays, said, name)
    used = {name, time_name, *(other for other, _ in companions.values())}
    unused = [other for other in arrays if other not in used]
    if unused:
        warnings.warn(
            f"{path}: {', '.join(map(repr, unused))} left out; name spikes and times with spikes= and time=",
            stacklevel=4,
        )
    try:
        traces = make_traces(
            values,
            step,
            axes,
            said.t0 if time is None else float(time[0]),
            value_unit="1" if said.value_unit is None else said.value_unit,
            phase="unknown" if said.phase is None else said.phase,
            **{signal: array for signal, (_, array) in companions.items()},
        )
    except (ValueError, TypeError) as error:
        raise type(error)(f"{path}: {error}") from None
    if time is not None and time.size != traces.sizes["time"]:
        raise ValueError(
            f"{path} has {time.size} times for {traces.sizes['time']} samples; correct dims or time"
        )
    return traces.assign_coords(neuron=recording.neurons) if recording.neurons is not None else traces


def _voltage(path: Path, arrays: Mapping[str, Any], said: Said) -> str:
    """The name of the voltage: asked for, or the only candidate."""
    name = said.variable
    if name is None:
        taken = {said.spikes, said.time}
        candidates = [other for other in arrays if other not in taken and other not in _TIMES] or list(arrays)
        name = candidates[0] if len(candidates) == 1 else "voltage"
    for role, other in (("variable", said.variable), ("spikes", said.spikes), ("time", said.time)):
        if other is not None and other not in arrays:
            raise ValueError(
                f"{path} holds no array {other!r}, but {', '.join(map(repr, arrays))}; correct {role}"
            )
    if name not in arrays:
        raise ValueError(
            f"{path} holds several arrays: {', '.join(map(repr, arrays))}; say which is the voltage, "
            f"for example load_traces(path, variable={next(iter(arrays))!r}, ...)"
        )
    return name


def _times(
    path: Path, recording: Recording, said: Said, voltage: str, axes: Sequence[str] | None
) -> tuple[str | None, np.ndarray | None]:
    """Name and values of the times of the samples, if the file has them."""
    if said.time is not None:
        return said.time, np.asarray(recording.arrays[said.time])
    if recording.time is not None:
        return None, recording.time
    shape = np.shape(recording.arrays[voltage])
    lengths = (
        set(shape) if axes is None else {n for n, axis in zip(shape, axes, strict=False) if axis == "time"}
    )
    for name in _TIMES:
        if name in recording.arrays and name != voltage:
            values = np.asarray(recording.arrays[name])
            if values.ndim == 1 and values.size in lengths:
                return name, values
    return None, None


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
                    f"about dt={mean:.9g}; if samples are missing, resample to a uniform grid"
                ) from None
            raise ValueError(f"{path}: {error}") from None
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
    """How far times may lie from the grid: 0.01 of a step, or what rounding does to a step that they cannot show."""
    printed = _resolution(time)
    whole = printed and step > 0.5 * printed and abs(step / printed - round(step / printed)) < 1e-6
    return max(0.01 * step, 0.0 if whole else 1.5 * printed)


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


def _companions(
    path: Path, arrays: Mapping[str, Any], said: Said, voltage: str
) -> dict[str, tuple[str, Any]]:
    """The other signals beside the voltage: name in the file and values of each."""
    shape = np.shape(arrays[voltage])
    found = {}
    for signal in SIGNALS:
        asked = said.spikes if signal == "spikes" else None
        name = asked or signal
        if name == voltage or name not in arrays or (voltage != "voltage" and not asked):
            continue
        if np.shape(arrays[name]) == shape:
            found[signal] = (name, arrays[name])
        elif asked:
            raise ValueError(
                f"{path}: spikes must have the shape of the voltage, {shape}; {name!r} has {np.shape(arrays[name])}"
            )
    return found
