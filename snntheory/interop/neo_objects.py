"""Neo's objects, and NIX files through them, as traces and back."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .. import _files
from .._check import positive
from .._trace_formats.common import LABELS, SIGNALS, damaged, flatten, plain, unflatten
from .._trace_formats.hdf5 import check_links, look
from .._trace_units import parse
from ..traces import validate_traces
from .sweeps import Sweep, as_traces, regular, side_by_side, step_of_rate

_POWER = re.compile(r"[\d.)]\s*(\*\*|\^)")  # a number to a power


def from_neo(
    recording: Any,
    voltage: str | None = None,
    current: str | None = None,
    *,
    spikes: bool = False,
    dt: float | None = None,
    resample: str | None = None,
    phase: str = "unknown",
) -> xr.Dataset:
    """Traces from Neo's objects: a segment is a trial, a channel is a neuron.

    Parameters
    ----------
    recording : neo.Block, Segment, AnalogSignal, IrregularlySampledSignal, or a list of these (trials)
    voltage, current : str, optional
        Names of the signals. By default every signal in volts (or without a unit if none is) is a voltage, side by
        side in the unit of the first, and those in amperes are the current if they have as many channels, or one.
    spikes : bool
        Also take the spike trains, which must be one a neuron, as counts per step.
    dt, resample : optional
        For irregularly sampled signals: the new step, and the kind of `snntheory.traces.resample`.
    phase : str
        As in `make_traces`.

    Returns
    -------
    xarray.Dataset
        With the coordinate ``trial_start`` where segments start at different times (time then counts from each
        start). What `to_neo` made comes back with all its labels.

    Raises
    ------
    ModuleNotFoundError
        Without neo.
    TypeError, ValueError
        If this is none of Neo's objects, holds no voltage, is irregular, or segments differ in length or step.
    """
    _neo()
    own = _own(recording)
    if own is not None:
        return own
    where = f"the {type(recording).__name__}"
    voltages, currents, counts = [], [], []
    for signals, trains in _trials(recording):
        found = [regular(where, _sweep(signal), dt, resample) for signal in signals]
        chosen = _chosen(where, found, voltage, "V")
        voltages.append(side_by_side(where, chosen))
        driving = [sweep for sweep in found if not any(sweep is other for other in chosen)]
        driving = _chosen(where, driving, current, "A") if current or any(map(_is_current, driving)) else []
        if driving:
            currents.append(side_by_side(where, driving))
        if spikes:
            counts.append(_counts(where, trains, voltages[-1]))
    fitting = current is not None or (
        len(currents) == len(voltages)
        and all(c.values.shape[1] in (1, v.values.shape[1]) for c, v in zip(currents, voltages, strict=True))
    )
    counted = np.stack(counts) if spikes else None
    attrs = {"source_format": "Neo"} | _annotations(recording)
    return as_traces(where, voltages, currents if fitting else [], phase, attrs, counted)


def to_neo(traces: xr.Dataset) -> Any:
    """A ``neo.Block`` with a segment for each trial: analogue signals, and spike trains where spikes are counted.

    Parameters
    ----------
    traces : xarray.Dataset

    Returns
    -------
    neo.Block
        Attributes of the traces are annotations of the block; `from_neo` gives the same traces back.

    Raises
    ------
    ModuleNotFoundError
        Without neo.
    ValueError
        If the traces are not valid or have further variables, or their unit is unknown to ``quantities``.
    """
    neo, units = _neo()
    validate_traces(traces)
    signals = [name for name in SIGNALS if name in traces]
    others = [str(name) for name in traces.data_vars if name not in signals]
    if others:
        raise ValueError(f"Neo's block holds {', '.join(SIGNALS)}, not {', '.join(others)}; drop them first")
    step, start = traces.attrs["dt"], float(traces["time"].values[0])
    attrs = {key: plain(key, value) for key, value in traces.attrs.items()} | {"t0": start}
    traces = traces.assign_attrs(attrs)
    labels, _ = flatten(traces, inline=lambda name, _: name not in (*signals, "time") or not _on_grid(traces))
    for name in signals:
        labels["variables"][name].pop("values", None)
    shown = {key: value for key, value in attrs.items() if isinstance(value, str | int | float)}
    block = neo.Block(name="snntheory", **{LABELS: json.dumps(labels)}, **_names_of_ours(shown))
    grid = {"sampling_period": step * units.s, "t_start": start * units.s}
    for trial in range(traces.sizes["trial"]):
        segment = neo.Segment(name=f"trial {trial}", index=trial)
        for name in signals[: 2 if "current" in signals else 1]:
            unit = str(traces[name].attrs.get("units", traces.attrs["value_unit"]))
            quantity = _quantity(units, name, unit)
            values = np.array(traces[name].values[trial].T)
            values = values if values.dtype.kind == "f" else values.astype(np.float64)
            segment.analogsignals.append(neo.AnalogSignal(values, units=quantity, name=name, **grid))
        if "spikes" in traces:
            time = traces["time"].values
            for neuron in range(traces.sizes["neuron"]):
                times = np.repeat(time, traces["spikes"].values[trial, neuron].astype(int))
                stop = max(float(time[-1]), start) + step
                train = neo.SpikeTrain(
                    times * units.s, t_start=(start - step) * units.s, t_stop=stop * units.s
                )
                segment.spiketrains.append(train)
        block.segments.append(segment)
    return block


def from_nix(path: str | Path, block: int | str = 0, **options: Any) -> xr.Dataset:
    """Traces from a block of a NIX file, with the options of `from_neo`.

    Parameters
    ----------
    path : str or Path
    block : int or str
        Number or name of the block.
    **options
        Of `from_neo`.

    Raises
    ------
    FileNotFoundError, ModuleNotFoundError, ValueError
        Without the file, without neo or nixio, if the file is damaged or holds no such block.
    """
    path = Path(path)
    neo, _ = _neo()
    _nixio()
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    found = look(path)
    check_links(path, found)
    _check_units(path, found)
    try:
        reader = neo.io.NixIO(str(path), mode="ro")
        try:
            blocks = reader.read_all_blocks()
        finally:
            reader.close()
    except Exception as error:  # nixio raises many types on damaged files
        raise damaged(path, error) from error
    named = {str(found.name): found for found in blocks}
    if isinstance(block, str) and block in named:
        chosen = named[block]
    elif isinstance(block, int) and 0 <= block < len(blocks):
        chosen = blocks[block]
    else:
        raise ValueError(f"{path} has no block {block!r}, but {len(blocks)}: {', '.join(map(repr, named))}")
    try:
        return from_neo(chosen, **options)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def to_nix(traces: xr.Dataset, path: str | Path) -> Path:
    """Write traces to a NIX file, all of it or nothing; `from_nix` gives them back."""
    neo, _ = _neo()
    _nixio()
    path = Path(path)
    block = to_neo(traces)
    with _files.replacing(path) as temporary:
        writer = neo.io.NixIO(str(temporary), mode="ow")
        try:
            writer.write_block(block)
        finally:
            writer.close()
    return path


def _neo() -> tuple[Any, Any]:
    try:
        import neo
        import quantities
    except ImportError as error:
        raise ModuleNotFoundError("this needs neo: pip install 'snntheory[electrophysiology]'") from error
    return neo, quantities


def _quantity(units: Any, name: str, unit: str) -> Any:
    """The unit for Neo; its own parser evaluates what it is given, so that it gets only what is known here."""
    known = parse(unit)
    prefixes = {3: "k", 0: "", -3: "m", -6: "u", -9: "n", -12: "p", -15: "f"}
    if known is None or known[0] == "s":
        raise ValueError(f"{name} has the unit {unit!r}, which Neo does not know; use V, mV, A, pA or '1'")
    return units.dimensionless if known[0] == "1" else prefixes[known[1]] + known[0]


def _check_units(path: Path, found: dict[str, Any]) -> None:
    """Refuse units such as 9**9**9, which the parser of Neo's units would compute for ever."""
    for attrs in (*found["groups"].values(), *(entry["attrs"] for entry in found["arrays"].values())):
        for key, value in attrs.items():
            if "unit" in key and isinstance(value, str) and (len(value) > 60 or _POWER.search(value)):
                raise ValueError(f"{path} has the unit {value[:60]!r}, which is none; correct the file")


def _nixio() -> None:
    try:
        import nixio  # noqa: F401
    except ImportError as error:
        raise ModuleNotFoundError(
            "NIX files need nixio: pip install 'snntheory[electrophysiology]'"
        ) from error


def _trials(recording: Any) -> list[tuple[list[Any], list[Any]]]:
    """Signals and spike trains of each trial."""
    if isinstance(recording, list | tuple):
        trials = [trial for item in recording for trial in _trials(item)]
    elif hasattr(recording, "segments"):
        trials = [trial for segment in recording.segments for trial in _trials(segment)]
    elif hasattr(recording, "analogsignals"):
        signals = [*recording.analogsignals, *recording.irregularlysampledsignals]
        trials = [(signals, list(recording.spiketrains))]
    elif hasattr(recording, "dimensionality") and np.ndim(recording) == 2:
        trials = [([recording], [])]
    else:
        raise TypeError(
            "recording must be a neo Block, Segment, AnalogSignal or IrregularlySampledSignal, or a list of these, "
            f"got {type(recording).__name__}"
        )
    if not trials:
        raise ValueError(f"the {type(recording).__name__} holds no segment; give one with signals")
    return trials


def _sweep(signal: Any) -> Sweep:
    signal = signal.load() if hasattr(signal, "load") else signal
    unit = str(signal.dimensionality)
    if parse(unit) is None:  # a unit such as 100 uV
        for base in ("V", "A"):
            try:
                signal, unit = signal.rescale(base), base
                break
            except ValueError:
                continue
    name = str(signal.name or "a signal")
    start = float(signal.t_start.rescale("s"))
    if hasattr(signal, "sampling_rate"):
        step = step_of_rate(
            positive(f"the sampling rate of {name}", float(signal.sampling_rate.rescale("Hz")))
        )
        return Sweep(name, np.asarray(signal.magnitude), unit, start, step)
    return Sweep(
        name, np.asarray(signal.magnitude), unit, start, None, np.asarray(signal.times.rescale("s").magnitude)
    )


def _is_current(sweep: Sweep) -> bool:
    return (parse(sweep.unit) or ("",))[0] == "A"


def _chosen(where: str, sweeps: list[Sweep], name: str | None, base: str) -> list[Sweep]:
    known = ", ".join(f"{sweep.name!r} in {sweep.unit}" for sweep in sweeps) or "none"
    if name is not None:
        found = [sweep for sweep in sweeps if sweep.name == name]
    else:
        found = [sweep for sweep in sweeps if (parse(sweep.unit) or ("",))[0] == base]
        if not found and base == "V":
            found = [sweep for sweep in sweeps if (parse(sweep.unit) or ("",))[0] == "1"]
    if not found or min(map(len, (sweep.values for sweep in found))) == 0:
        role = "voltage" if base == "V" else "current"
        raise ValueError(
            f"{where} has no {role} {name or ''!r} in a segment; its signals: {known}; name one with {role}="
        )
    return found


def _counts(where: str, trains: list[Any], voltage: Sweep) -> np.ndarray:
    """Counts per step: a spike belongs to the step that ends at the sample at or after it."""
    n_time, n_neuron = voltage.values.shape
    if len(trains) != n_neuron:
        raise ValueError(f"{where} has {len(trains)} spike trains for {n_neuron} neurons; pass spikes=False")
    counts = np.zeros((n_neuron, n_time), dtype=np.int64)
    for neuron, train in enumerate(trains):
        times = np.asarray(train.rescale("s").magnitude, dtype=np.float64)
        steps = np.ceil((times - voltage.start) / float(voltage.dt or 1) - 1e-6).astype(np.int64)
        if steps.size and (steps.min() < 0 or steps.max() >= n_time):
            raise ValueError(
                f"{where} has spikes outside the time of its voltage; cut the trains, or pass spikes=False"
            )
        np.add.at(counts[neuron], steps, 1)
    return counts.astype(np.uint8) if counts.max(initial=0) < 256 else counts


def _on_grid(traces: xr.Dataset) -> bool:
    grid = traces.attrs["t0"] + traces.attrs["dt"] * np.arange(traces.sizes["time"])
    return bool(np.array_equal(traces["time"].values, grid))


def _names_of_ours(attrs: dict[str, Any]) -> dict[str, Any]:
    """Annotations must not bear the names of a block's own arguments."""
    taken = {"name", "description", "file_origin", "file_datetime", "rec_datetime", "index", LABELS}
    return {
        key: value for key, value in attrs.items() if key.isidentifier() and key not in taken and value != ""
    }


def _annotations(recording: Any) -> dict[str, Any]:
    from .._trace_formats.conversion import FILE_LABELS

    kept = {}
    for key, value in dict(getattr(recording, "annotations", {}) or {}).items():
        value = value.tolist() if isinstance(value, np.generic) else value
        if isinstance(value, str | bool | int | float) and key not in FILE_LABELS and key != LABELS:
            kept[str(key)] = value
    return kept


def _own(recording: Any) -> xr.Dataset | None:
    """The traces that `to_neo` made this block of, unless it was changed since."""
    text = (getattr(recording, "annotations", None) or {}).get(LABELS)
    if not isinstance(text, str):
        return None
    try:
        labels = json.loads(text)
        attrs, variables = labels["attrs"], labels["variables"]
        shape = tuple(variables["voltage"]["shape"])
        arrays: dict[str, Any] = {"time": attrs["t0"] + attrs["dt"] * np.arange(shape[-1])}
        for name in (name for name in ("voltage", "current") if name in variables):
            found = [[s for s in segment.analogsignals if s.name == name] for segment in recording.segments]
            arrays[name] = np.stack([np.asarray(signals[0].magnitude).T for signals in found])
            unit = variables[name]["attrs"].get("units", "1")
            for (signal, *_), stored in zip(found, arrays[name], strict=True):
                same = stored.shape == shape[1:] and parse(str(signal.dimensionality)) == parse(unit)
                dt, start = float(signal.sampling_period.rescale("s")), float(signal.t_start.rescale("s"))
                if (
                    not same
                    or abs(dt - attrs["dt"]) > 1e-9 * attrs["dt"]
                    or abs(start - attrs["t0"]) > 1e-6 * dt
                ):
                    return None
        if "spikes" in variables:
            grid = Sweep("voltage", arrays["voltage"][0].T, "1", attrs["t0"], attrs["dt"])
            arrays["spikes"] = np.stack(
                [_counts("the Block", s.spiketrains, grid) for s in recording.segments]
            )
        return validate_traces(unflatten(Path("the Block"), labels, arrays))
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, RecursionError):
        return None
