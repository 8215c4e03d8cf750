"""Sweeps, recorded one after the other, as the trials of one set of traces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from .._resample import resample as on_grid
from .._trace_checks import time_step
from .._trace_units import convert, factor
from ..traces import make_traces


@dataclass(frozen=True)
class Sweep:
    """One signal: ``values`` (time, channel) in ``unit``, and either a step ``dt`` from ``start`` or ``times``."""

    name: str
    values: np.ndarray
    unit: str
    start: float
    dt: float | None
    times: np.ndarray | None = None


def regular(where: str, sweep: Sweep, dt: float | None, resample: str | None) -> Sweep:
    """The sweep with a uniform step: its own, or resampled when that is asked for.

    Raises
    ------
    ValueError
        If its times are not uniform and ``resample`` is not given, or there is only one of them.
    """
    if sweep.dt is not None:
        if dt is not None and abs(dt - sweep.dt) > 1e-9 * sweep.dt and resample is None:
            raise ValueError(
                f"{where}: {sweep.name!r} has the step dt = {sweep.dt:g} s, not {dt:g} s; leave dt out, or resample "
                f"what is returned with snntheory.traces.resample(traces, dt={dt:g})"
            )
        return sweep
    times = np.asarray(sweep.times, dtype=np.float64)
    if times.shape != (len(sweep.values),):
        raise ValueError(f"{where}: {sweep.name!r} has {times.size} times for {len(sweep.values)} samples")
    if resample is None:
        try:
            return Sweep(sweep.name, sweep.values, sweep.unit, float(times[0]), time_step(times, dt))
        except (ValueError, IndexError) as error:
            raise ValueError(
                f"{where}: {sweep.name!r} is not sampled uniformly ({error}); pass dt= and resample='linear'"
            ) from None
    if dt is None:
        raise ValueError(f"{where}: resample={resample!r} needs the new step dt in seconds")
    irregular = xr.Dataset({"voltage": (("time", "channel"), sweep.values)}, coords={"time": times})
    even = on_grid(irregular.transpose("channel", "time"), dt, kind=resample)
    return Sweep(sweep.name, even["voltage"].values.T, sweep.unit, float(times[0]), dt)


def side_by_side(where: str, sweeps: Sequence[Sweep]) -> Sweep:
    """Signals recorded at the same time, as channels of one, in the unit of the first."""
    first = sweeps[0]
    values = []
    for sweep in sweeps:
        ratio = factor(sweep.unit, first.unit)
        if ratio is None:
            raise ValueError(
                f"{where} mixes units: {first.name!r} is in {first.unit}, {sweep.name!r} in {sweep.unit}; choose one"
            )
        values.append(convert(sweep.values, ratio))
    _same_grid(where, sweeps, starts=True)
    return Sweep(first.name, np.concatenate(values, axis=1), first.unit, first.start, first.dt)


def as_traces(
    where: str,
    voltages: Sequence[Sweep],
    currents: Sequence[Sweep],
    phase: str,
    attrs: Mapping[str, Any],
    spikes: Any = None,
) -> xr.Dataset:
    """One trial a sweep; starts that differ are kept as the coordinate ``trial_start``, and time then starts at 0."""
    _same_grid(where, voltages)
    unit = voltages[0].unit
    for sweep in voltages:
        if factor(sweep.unit, unit) is None:
            raise ValueError(f"{where} mixes units: {unit} and {sweep.unit}; choose sweeps of one kind")
    starts = np.array([sweep.start for sweep in voltages])
    together = bool(np.all(starts == starts[0]))
    current, current_unit = None, None
    if currents:
        if len(currents) != len(voltages):
            raise ValueError(
                f"{where} has {len(voltages)} sweeps of voltage and {len(currents)} of current; name as many of each"
            )
        current_unit = currents[0].unit
        for sweep, other in zip(currents, voltages, strict=True):
            _same_grid(where, (other, sweep))
        current = _stack(currents, current_unit)
        if current.shape[1] == 1:
            current = np.broadcast_to(
                current, (len(voltages), voltages[0].values.shape[1], current.shape[-1])
            )
    traces = make_traces(
        _stack(voltages, unit),
        float(voltages[0].dt or 0.0),
        t0=float(starts[0]) if together else 0.0,
        current=current,
        spikes=spikes,
        value_unit=unit,
        phase=phase,
        attrs=attrs,
        current_unit=current_unit,
    )
    return traces if together else traces.assign_coords(trial_start=("trial", starts, {"units": "s"}))


def _stack(sweeps: Sequence[Sweep], unit: str) -> np.ndarray:
    ratios = [factor(sweep.unit, unit) for sweep in sweeps]
    return np.stack([convert(s.values, r).T for s, r in zip(sweeps, ratios, strict=True) if r is not None])


def _same_grid(where: str, sweeps: Sequence[Sweep], starts: bool = False) -> None:
    first = sweeps[0]
    for sweep in sweeps[1:]:
        if len(sweep.values) != len(first.values):
            lengths = ", ".join(f"{s.name!r}: {len(s.values)}" for s in sweeps[:12])
            raise ValueError(
                f"{where}: sweeps differ in their number of samples ({lengths}); choose those alike"
            )
        if abs((sweep.dt or 0) - (first.dt or 0)) > 1e-9 * (first.dt or 0):
            raise ValueError(
                f"{where}: {first.name!r} has the step {first.dt:g} s and {sweep.name!r} {sweep.dt:g} s; choose those "
                "alike, or pass dt= and resample='linear'"
            )
        if starts and abs(sweep.start - first.start) > 1e-6 * (first.dt or 0):
            raise ValueError(
                f"{where}: {first.name!r} starts at {first.start:g} s, {sweep.name!r} at {sweep.start:g} s"
            )
        if (
            starts is False
            and sweep.values.shape[1] != first.values.shape[1]
            and 1
            not in (
                sweep.values.shape[1],
                first.values.shape[1],
            )
        ):
            raise ValueError(f"{where}: {first.name!r} and {sweep.name!r} differ in their number of channels")


def step_of_rate(rate: float) -> float:
    """1/rate, as the decimal number it stands for where there is one of 12 digits."""
    step = 1.0 / rate
    rounded = float(f"{step:.12g}")
    return rounded if abs(1.0 / rounded - rate) <= 4 * np.spacing(rate) else step
