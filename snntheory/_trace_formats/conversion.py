"""What a file says and what its reader says besides, brought together as traces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from ..traces import check_dims, make_traces, time_step
from .common import Recording


def completed(
    path: Path,
    traces: xr.Dataset,
    dims: Sequence[str] | None,
    dt: float | None,
    t0: float,
    value_unit: str | None,
    phase: str | None,
    variable: str | None,
) -> xr.Dataset:
    """Traces that describe themselves: what the caller says besides must not contradict them."""
    own = traces.attrs
    if dims is not None and set(check_dims(dims)) - set(traces.dims):
        raise ValueError(f"{path} has the dimensions {tuple(traces.dims)}, not {tuple(dims)}; leave dims out")
    if variable not in (None, "voltage"):
        raise ValueError(
            f"{path} describes itself and its voltage is 'voltage', not {variable!r}; leave variable out"
        )
    given = {"dt": dt, "t0": t0 or None, "value_unit": value_unit, "phase": phase}
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


def labelled(
    path: Path,
    recording: Recording,
    dims: Sequence[str] | None,
    dt: float | None,
    t0: float,
    value_unit: str | None,
    phase: str | None,
    variable: str | None,
) -> xr.Dataset:
    """Arrays from elsewhere: the caller says what the file does not."""
    arrays = recording.arrays
    name = variable
    if name is None:
        name = next(iter(arrays)) if len(arrays) == 1 else "voltage"
    if name not in arrays:
        asked = f"no array {variable!r}" if variable is not None else "several arrays"
        raise ValueError(
            f"{path} holds {asked}: {', '.join(map(repr, arrays))}; say which is the voltage, "
            f"for example load_traces(path, variable={next(iter(arrays))!r}, ...)"
        )
    values = arrays[name]
    known = recording.dims.get(name)
    axes = known if known is not None else dims
    step = dt if dt is not None else recording.dt
    if step is None and recording.time is not None:
        try:
            step = time_step(recording.time)
        except ValueError as error:
            raise ValueError(f"{path}: {error}. If the times are only printed coarsely, give dt") from None
    if axes is None or step is None:
        needs = [] if axes is not None else ["the order of its axes (dims)"]
        needs += [] if step is not None else ["its time step in seconds (dt)"]
        example = {1: ("time",), 2: ("neuron", "time")}.get(np.ndim(values), ("time", "trial", "neuron"))
        raise ValueError(
            f"{path} does not say {' and '.join(needs)}; its array has the shape {np.shape(values)}. "
            f"For example: load_traces({path.name!r}, dims={example}, dt=0.001)"
        )
    if known is not None and dims is not None and tuple(dims) != known:
        raise ValueError(f"{path} has the dimensions {known}, not {tuple(dims)}; leave dims out")
    if recording.time is not None:
        time = recording.time
        if time.ndim != 1 or not time.size or time.dtype.kind not in "iuf" or not np.all(np.isfinite(time)):
            raise ValueError(
                f"{path}: its time column must hold one finite number of seconds a row; correct it"
            )
        t0 = float(time[0])
        deviation = np.abs(time - t0 - step * np.arange(time.size))
        if not deviation.max() <= 0.01 * step:  # room for times printed with few digits; NaN is refused
            raise ValueError(f"{path}: its time column does not have the step dt = {step:g} s; leave dt out")
    companions = {
        other: arrays[other]
        for other in ("current", "spikes")
        if name == "voltage" and other in arrays and np.shape(arrays[other]) == np.shape(values)
    }
    try:
        traces = make_traces(
            values,
            step,
            axes,
            t0,
            value_unit="1" if value_unit is None else value_unit,
            phase="unknown" if phase is None else phase,
            **companions,
        )
    except (ValueError, TypeError) as error:
        raise type(error)(f"{path}: {error}") from None
    return traces.assign_coords(neuron=recording.neurons) if recording.neurons is not None else traces
