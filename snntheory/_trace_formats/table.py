"""Traces as a table of numbers: one row a time, one column a neuron (and trial, and signal)."""

from __future__ import annotations

import io
import json
import re
import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import xarray as xr

from .. import _files
from .._trace_units import convert, parse, seconds
from .common import SCHEMA, SIGNALS, Recording, damaged, flatten, unflatten
from .limits import check_size

_TIME = re.compile(r"(?:times?|t)\s*(?:[\[(_ /]{1,2}\s*([a-zµμ]+)\s*[\])]?)?", re.IGNORECASE)
_UNIT = re.compile(r"[^\[(]*[\[(] *([^\])]{1,20}?) *[\])]")  # as in "soma (mV)"
_INDICES = (
    "i",
    "n",
    "id",
    "index",
    "indices",
    "neuron",
    "neuron_index",
    "neuron_id",
    "unit",
    "sender",
    "senders",
)
_LONGEST = 200  # characters of a column's name that are looked at


def read_csv(path: Path, lazy: bool) -> xr.Dataset | Recording:
    """A table written by `write_csv`, or any table of numbers with or without a line of column names."""
    # lines, cells and numbers of a text take about eight times its size
    check_size(path, "the table", 8 * path.stat().st_size, 8 * path.stat().st_size)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a text file; export a table of numbers as UTF-8 text") from error
    comments: list[str] = []
    lines: list[str] = []
    for line in text.splitlines():
        (comments if line.startswith("#") else lines).append(line)
    lines = [line for line in lines if line.strip()]
    if not lines:
        raise ValueError(f"{path} holds no numbers; export it again")
    if comments and comments[0].startswith("# snntheory-traces/"):
        return _read_own(path, text, comments, lines)

    delimiter = next((mark for mark in ",;\t" if mark in lines[0]), None)
    header = [cell.strip().strip('"') for cell in lines[0].split(delimiter)]
    named = not all(_is_number(cell) for cell in header)
    table = _table(path, lines[1:] if named else lines, delimiter)
    if not named and comments:  # numpy.savetxt(..., header=...) makes a comment of the names
        said = [cell.strip().strip('"') for cell in comments[-1].lstrip("# ").split(delimiter)]
        if len(said) == table.shape[1] and any(_short_match(_TIME, cell) for cell in said):
            header, named = said, True
    if named and len(header) != table.shape[1]:
        raise ValueError(
            f"{path} names {len(header)} columns but has {table.shape[1]}; correct the first line"
        )
    if not named:
        _check_no_time(path, table)
    titles = {index: _short_match(_TIME, cell) for index, cell in enumerate(header)} if named else {}
    times = {index: seconds((found[1] or "s").lower()) for index, found in titles.items() if found}
    strange = [header[index] for index, unit in times.items() if unit is None]
    if strange:
        raise ValueError(
            f"{path}: column {strange[0]!r} looks like a time in another unit than s, ms, us, ns; convert or rename it"
        )
    if len(times) > 1:
        raise ValueError(f"{path} has {len(times)} columns of time; keep one")
    named_columns = [cell for index, cell in enumerate(header) if index not in times]
    attributes = {"voltage": _unit(path, named_columns)} if named else {}
    if not times:
        _warn_of_spikes(path, table, header if named else None)
        neurons = np.array(header) if named else None
        return Recording({"voltage": table}, neurons=neurons, attributes=attributes)
    if table.shape[1] == 1:
        raise ValueError(
            f"{path} has a column of times and no other; add one column per neuron; if these are spikes, "
            "give the voltage, and the spikes as counts in each step"
        )
    ((column, unit),) = times.items()
    if len(named_columns) == 1 and named_columns[0].lower() in _INDICES:
        raise ValueError(
            f"{path}: these look like spikes, a time and a neuron in each row (columns {', '.join(header)}); give the "
            "voltage, and the spikes as counts in each step, of its shape"
        )
    _check_one_row_a_time(path, table[:, column], header[column], named_columns)
    return Recording(
        {"voltage": np.delete(table, column, axis=1)},
        {"voltage": ("time", "neuron")},
        time=convert(table[:, column], unit or Fraction(1)),
        neurons=np.array(named_columns),
        attributes=attributes,
    )


def _check_no_time(path: Path, table: np.ndarray) -> None:
    """Refuse a table without names whose first column alone rises in even steps."""
    if len(table) < 4 or table.shape[1] < 2 or not np.all(np.isfinite(table)):
        return
    change = np.diff(table, axis=0)
    steps = change.mean(axis=0)
    even = (steps > 0) & (np.ptp(change, axis=0) <= 1e-2 * np.abs(steps))  # times are printed rounded
    if even[0] and not even[1:].any():
        raise ValueError(
            f"{path}: column 0 looks like a time (step {steps[0]:g}): name it in a header line with its "
            f"unit, for example '{','.join(['time (ms)'] + [f'v{n}' for n in range(min(table.shape[1] - 1, 3))])}"
            f"{',...' if table.shape[1] > 4 else ''}'"
        )


def _check_one_row_a_time(path: Path, time: np.ndarray, title: str, names: list[str]) -> None:
    """Refuse a table with a row for each neuron and time, as the recorders of NEST write it."""
    senders = [name for name in names if name.lower() in _INDICES]
    if len(senders) == 1 and np.unique(time).size < time.size:
        value = next(name for name in names if name not in senders)
        raise ValueError(
            f"{path} has a row for each neuron and time, the neurons in column {senders[0]!r}; make a column of each: "
            f"pandas.read_csv(path).pivot(index={title!r}, columns={senders[0]!r}, values={value!r}).to_csv(new)"
        )


def _warn_of_spikes(path: Path, table: np.ndarray, names: list[str] | None) -> None:
    """Warn of a column that rises throughout in steps without order: times of spikes, not a voltage."""
    if len(table) < 8 or table.shape[1] > 2:
        return
    for column, values in enumerate(table.T):
        steps = np.diff(values)
        turns = np.mean(
            np.diff(np.sign(np.diff(steps))) != 0
        )  # 2/3 where steps are independent, 0 on a smooth rise
        if values[0] >= 0 and steps.min() >= 0 and steps.max() > 0 and turns > 1 / 3:
            title = f"{column}" if names is None else repr(names[column])
            warnings.warn(
                f"{path}: column {title} rises throughout in uneven steps, like times of spikes; give the voltage, and "
                "the spikes as counts in each step, of its shape",
                stacklevel=5,
            )
            return


def _unit(path: Path, names: list[str]) -> dict[str, str]:
    """The unit that the names of the columns say in brackets, if it is one of voltage or current."""
    found = {cell: _short_match(_UNIT, cell) for cell in names}
    known = {cell: match[1] for cell, match in found.items() if match and _is_unit(match[1])}
    if len(set(known.values())) > 1 or (known and len(known) < len(found)):
        first = next(iter(known))
        other = next(cell for cell in names if known.get(cell) != known[first])
        raise ValueError(
            f"{path} mixes units: column {first!r} is in {known[first]} and {other!r} in "
            f"{known.get(other, 'an unknown unit')}; bring all columns to one unit"
        )
    return {"units": next(iter(known.values()))} if known else {}


def _short_match(pattern: re.Pattern[str], cell: str) -> re.Match[str] | None:
    """No match for long text, for which a pattern may take time that grows with its square."""
    return pattern.fullmatch(cell) if len(cell) <= _LONGEST else None


def _is_unit(text: str) -> bool:
    known = parse(text)
    return known is not None and known[0] in ("V", "A") and text != "A"  # "cell (A)" is a name


def write_csv(traces: xr.Dataset, path: Path) -> None:
    """Two comment lines (schema, labels as JSON), a line of column names, one row a time step."""
    others = [str(name) for name in traces.data_vars if name not in SIGNALS]
    if others:
        raise ValueError(
            f"{path}: .csv holds {', '.join(SIGNALS)}, not {', '.join(others)}; save as .nc or .npz"
        )
    labels, arrays = flatten(traces, inline=lambda name, _: name not in (*SIGNALS, "time"))
    names, columns = ["time"], [arrays["time"].tolist()]
    for signal in (name for name in SIGNALS if name in arrays):
        values = arrays[signal].astype(np.uint8) if arrays[signal].dtype.kind == "b" else arrays[signal]
        if (
            values.dtype.kind in "iu"
            and values.size
            and max(abs(int(values.min())), abs(int(values.max()))) > 2**53
        ):
            raise ValueError(
                f"{path}: .csv holds integers up to 2**53 and {signal} has larger ones; save as .nc"
            )
        for trial, neuron in np.ndindex(values.shape[:2]):
            names.append(f"{signal}[{trial};{neuron}]")
            columns.append(values[trial, neuron].tolist())
    with _files.replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as stream:
        stream.write(f"# {SCHEMA}\n# {json.dumps(labels)}\n{','.join(names)}\n")
        stream.writelines(",".join(map(repr, row)) + "\n" for row in zip(*columns, strict=True))


def _read_own(path: Path, text: str, comments: list[str], lines: list[str]) -> xr.Dataset:
    try:
        labels = json.loads(comments[1][1:])
        shapes = {
            name: entry["shape"] for name, entry in labels["variables"].items() if "values" not in entry
        }
        n_time = shapes["time"][0]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise damaged(path, error) from error
    table = _table(path, lines[1:], ",")
    header = lines[0].split(",")
    if len(table) != n_time or len(header) != table.shape[1] or not text.endswith("\n"):
        raise ValueError(f"{path} is truncated: {len(table)} of {n_time} rows; copy or export it again")
    arrays = {"time": table[:, 0]}
    for signal, shape in shapes.items():
        if signal != "time":
            chosen = [index for index, name in enumerate(header) if name.startswith(f"{signal}[")]
            if len(chosen) * n_time != np.prod(shape):
                raise ValueError(f"{path}: columns of {signal} are missing; copy or export it again")
            arrays[signal] = np.ascontiguousarray(table[:, chosen].T)
    return unflatten(path, labels, arrays)


def _table(path: Path, lines: list[str], delimiter: str | None) -> np.ndarray:
    if not lines:
        raise ValueError(f"{path} names columns but holds no numbers; export it again")
    try:
        return np.loadtxt(io.StringIO("\n".join(lines)), delimiter=delimiter, ndmin=2)
    except ValueError as error:
        raise ValueError(
            f"{path} is not a table of numbers, or it is truncated ({error}); every row needs one number per column"
            f"{_hint(lines, delimiter)}"
        ) from error


def _hint(lines: list[str], delimiter: str | None) -> str:
    """What is often behind a cell that is no number."""
    strange = next((cell for line in lines for cell in line.split(delimiter) if not _is_number(cell)), "0")
    if re.fullmatch(r"\s*[+-]?\d*,\d+(?:[eE][+-]?\d+)?\s*", strange[:_LONGEST]):
        return "; write numbers with a decimal point, not a comma"
    if not strange.strip():
        return "; leave rows with empty cells out"
    if not any(_is_number(cell) for cell in lines[0].split(delimiter)):
        return "; names and units belong into one line, such as 'time (ms),soma (mV)'"
    return ""


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
