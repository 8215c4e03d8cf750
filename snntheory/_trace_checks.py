"""What makes arrays traces: named axes, counted spikes, finite values, a uniform time in seconds."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import xarray as xr

from ._trace_units import factor

DIMS = ("trial", "neuron", "time")
LONG_STEP = 0.1
LONG_CONSTANT = 1.0


def warn_of_milliseconds(dt: float, constants: dict[str, float]) -> None:
    """Warn of a time step of 0.1 s or more, and of time constants of 1 s or more: no neuron is that slow.

    Parameters
    ----------
    dt : float, seconds
    constants : dict of str to float, seconds
        By their names, such as "tau_mem".
    """
    limits = {"dt": (dt, LONG_STEP)} | {name: (value, LONG_CONSTANT) for name, value in constants.items()}
    for name, (value, limit) in limits.items():
        if value >= limit:
            warnings.warn(
                f"{name} = {value:g} s is long for a neuron; did you mean milliseconds? Times are in seconds here: "
                f"{name} = {value / 1000:g}",
                stacklevel=3,
            )


def time_step(time: np.ndarray, dt: float | None = None) -> float:
    """The step of a uniform time axis, in seconds.

    Parameters
    ----------
    time : array (n,), seconds
    dt : float, seconds, optional
        The step that the axis must have; without it, it is read off the axis (which then needs two samples).

    Returns
    -------
    float, seconds
        ``dt`` if given; else the mean step, rounded to 12 digits where the axis is uniform with that too.

    Raises
    ------
    ValueError
        If a sample lies further than 1e-6 dt (and than rounding explains) from its place on the grid.
    """
    time = np.asarray(time)
    if time.ndim != 1 or time.dtype.kind not in "fiu" or not np.all(np.isfinite(time)):
        raise ValueError(f"time must be a 1-D axis of finite seconds, got shape {time.shape}, {time.dtype}")
    if dt is None:
        if time.size < 2:
            raise ValueError("the time step cannot be read off a single sample; give dt in seconds")
        mean = float(time[-1] - time[0]) / (time.size - 1)
        if mean <= 0:
            raise ValueError(f"time must increase, but it goes from {time[0]:g} to {time[-1]:g} s")
        rounded = float(f"{mean:.12g}")
        return rounded if _worst_deviation(time, rounded)[0] <= 1.0 else time_step(time, mean)
    worst, place = _worst_deviation(time, dt)
    if not worst <= 1.0:  # a NaN is not uniform either
        raise ValueError(
            f"time is {not_uniform(time, dt, place)} (allowed: 1e-6 dt). Resample to a uniform grid, with "
            f"snntheory.traces.resample(traces, dt={dt:g}, kind='linear'), or, after taking every k-th sample, "
            "set traces.attrs['dt'] to the new step"
        )
    return dt


def not_uniform(time: np.ndarray, dt: float, place: int | None = None) -> str:
    """That an axis is not uniform, and where it lies furthest from the grid of step ``dt`` (or at ``place``)."""
    place = _worst_deviation(time, dt)[1] if place is None else place
    expected = float(time[0]) + dt * place
    return (
        f"not uniform with a step of {dt:g} s: sample {place} lies at {float(time[place]):.9g} s instead of "
        f"{expected:.9g} s"
    )


def check_dims(dims: Sequence[str]) -> tuple[str, ...]:
    """``dims`` as a tuple that names each axis once and has the time among them."""
    names = (dims,) if isinstance(dims, str) else tuple(dims)
    unknown = [name for name in names if name not in DIMS]
    plural = {f"{name}s": name for name in DIMS}
    if any(name in plural for name in unknown):
        meant = ",".join(plural.get(name, name) for name in names)
        raise ValueError(f"dims are named in the singular: {meant}; got {','.join(names)}")
    if unknown or len(set(names)) != len(names) or "time" not in names:
        raise ValueError(
            f"dims must name each axis once with 'trial', 'neuron' or 'time', 'time' among them; got {names}"
        )
    return names


def check_units(traces: xr.Dataset) -> None:
    """Refuse a voltage that says another unit than the traces do."""
    said = traces.attrs.get("value_unit")
    own = traces["voltage"].attrs.get("units")
    if own is not None and said is not None and factor(str(own), str(said)) != 1:
        raise ValueError(
            f"traces mix units: the voltage is in {own!r} and value_unit is {said!r}; make both the same, with "
            f"traces.assign_attrs(value_unit={own!r}) or traces['voltage'].attrs['units'] = {said!r}"
        )


def check_signal(name: str, signal: xr.DataArray, check_values: bool, order: Sequence[str] = DIMS) -> None:
    """Refuse a signal that is none; ``order``: of the axes as the caller has them, for the remedy."""
    if signal.dims != DIMS:
        raise ValueError(
            f"{name} must have the dimensions {DIMS}, got {signal.dims}; "
            "use make_traces(array, dt, dims=...) or traces.transpose('trial', 'neuron', 'time')"
        )
    empty = [dim for dim in DIMS if signal.sizes[dim] == 0]
    if empty:
        raise ValueError(f"{name} is empty along {empty[0]}; traces need at least one trial, neuron and time")
    kind = signal.dtype.kind
    if kind == "c":
        raise ValueError(
            f"{name} must be real, got {signal.dtype}; save its real or imaginary part or its modulus"
        )
    if kind not in "biuf" or signal.dtype.itemsize > 8:
        raise ValueError(f"{name} must be real numbers of at most 64 bits, got {signal.dtype}")
    if name == "spikes":
        if kind not in "bui":
            raise ValueError(
                f"spikes must be counts (bool or integers), got {signal.dtype}; count them in each step "
                "(whole numbers of another type: .astype('uint8'))"
            )
        if check_values and kind == "i" and int(signal.min()) < 0:
            raise ValueError(f"spikes must be counts of at least 0, got {int(signal.min())}")
    elif check_values and kind == "f":
        check_finite(name, signal, order)


def check_finite(name: str, signal: xr.DataArray, order: Sequence[str] = DIMS) -> None:
    """Refuse NaN and infinity in ``signal``, saying where the first one is and how to cut an array of that order."""
    bad = np.logical_not(np.isfinite(signal))
    count = int(bad.sum())
    if count == 0:
        return
    if count == signal.size:
        what = "NaN" if bool(np.isnan(signal).all()) else "NaN or infinity"
        raise ValueError(f"{name}: every value is {what}; was the right array taken, and exported whole?")
    first = np.unravel_index(int(np.argmax(np.asarray(bad))), bad.shape)
    place = ", ".join(f"{dim} {index}" for dim, index in zip(signal.dims, first, strict=True))
    before = list(order).index("time")
    cut = "..., :stop" if before == len(order) - 1 else ", ".join([":"] * before + [":stop"])
    raise ValueError(
        f"{name} holds NaN or infinity: {count} value(s), the first at {place}. Before labelling the array, cut it, "
        f"for example values[{cut}], or fill the gaps; if it was simulated, look for a divergence (dt too large)"
    )


def _worst_deviation(time: np.ndarray, dt: float) -> tuple[float, int]:
    """Largest distance of a sample from its place on the grid, in units of what is allowed, and where."""
    deviation = np.abs(time - time[0] - dt * np.arange(time.size))
    rounding = 4 * np.spacing(np.max(np.abs(time))) if time.dtype.kind == "f" else 0.0
    place = int(np.argmax(deviation))
    return float(deviation[place] / (1e-6 * dt + rounding)), place
