"""Figures of the error below threshold: against the step, against its bounds, and what rounding adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import ArrayLike

from .. import _check
from ..linear import schemes as registry
from .discretisation import SCHEME_COLOURS
from .style import GRID, PALETTE, THEORY, axes_of, label_lines, plain_number

_FLOOR = 1e-18


def convergence_figure(
    dt: ArrayLike,
    schemes: Sequence[tuple[str, int | None]],
    errors: ArrayLike,
    predicted: ArrayLike | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Measured error against the step (dots) on the leading term that theory predicts (lines).

    Parameters
    ----------
    dt : array_like, shape (n_dt,)
        Time steps in seconds.
    schemes : sequence of (name, order)
        As ``snntheory.discretize`` takes them.
    errors : array_like, shape (n_schemes, n_dt)
        Errors of the voltage; signs are dropped, zeros are drawn at the lower edge.
    predicted : array_like, shape (n_schemes, n_dt), optional
        Leading terms; rows of zeros have no line.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    dt = _check.array("dt", dt, ndim=1, minimum=0.0)
    declared = [registry.get(name, order) for name, order in schemes]
    rows = _rows("errors", errors, len(declared), dt.size)
    lines = (
        np.zeros_like(rows) if predicted is None else _rows("predicted", predicted, len(declared), dt.size)
    )
    fig, ax = axes_of(ax)
    if ax.get_figure() is fig and len(fig.axes) == 1:
        fig.set_size_inches(6.8, 5.0)
    ends = []
    for scheme, row, line in zip(declared, rows, lines, strict=True):
        colour = SCHEME_COLOURS[scheme.name]
        if np.any(line):
            ax.plot(dt * 1e3, np.abs(line), color=colour, lw=1.0)
        ax.plot(dt * 1e3, np.maximum(np.abs(row), _FLOOR), "o", ms=3.5, color=colour)
        last = int(np.argmax(dt))
        ends.append((dt[last] * 1e3, max(abs(row[last]), _FLOOR), scheme.title, colour))
    ax.set(xscale="log", yscale="log", xlabel=r"time step $\Delta t$ (ms)", ylabel="error of the voltage")
    ax.set_ylim(bottom=_FLOOR / 3)
    ax.xaxis.set_major_formatter(FuncFormatter(plain_number))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.yaxis.set_major_locator(LogLocator(numticks=10))
    ax.grid(True, which="major", color=GRID, lw=0.5)
    label_lines(ax, ends, size=8.5)
    return fig, ax


def error_bound_figure(
    time: ArrayLike, panels: Mapping[str, Mapping[str, ArrayLike]], measured: str = "measured"
) -> tuple[Figure, np.ndarray]:
    """Measured error and its bounds against time, on a logarithmic axis.

    Parameters
    ----------
    time : array_like, shape (n,)
        Seconds.
    panels : mapping of str to (mapping of label to array_like, shape (n,))
        What is written above each panel, and its curves; signs are dropped.
    measured : str
        Label of the curve that is drawn in black.

    Returns
    -------
    (Figure, array of Axes)
    """
    time = _check.array("time", time, ndim=1)
    if not panels:
        raise ValueError("panels is empty; give at least one, for example {'': {'measured': error}}")
    fig, grid = plt.subplots(1, len(panels), sharey=True, squeeze=False, figsize=(6.8, 4.0))
    labels = list(dict.fromkeys(label for curves in panels.values() for label in curves if label != measured))
    colour = {label: PALETTE[k % len(PALETTE)] for k, label in enumerate(labels)} | {measured: THEORY}
    lowest, highest = np.inf, 0.0
    for ax, (title, curves) in zip(grid[0], panels.items(), strict=True):
        for label, values in curves.items():
            curve = np.abs(np.asarray(values, dtype=np.float64))
            if curve.shape != time.shape:
                raise ValueError(
                    f"panels[{title!r}][{label!r}] must have the shape of time, {time.shape}, got {curve.shape}"
                )
            shown = np.where((curve > 0) & np.isfinite(curve), curve, np.nan)
            ax.plot(time * 1e3, shown, color=colour[label], lw=1.8 if label == measured else 1.3, label=label)
            if label == measured:
                lowest = min(lowest, float(np.nanpercentile(shown, 5)))
                highest = max(highest, float(np.nanmax(shown)))
        ax.text(0.0, 1.02, title, transform=ax.transAxes, va="bottom", fontsize=9.5)
        ax.set(yscale="log", xlabel="time (ms)", xlim=(0, time.max() * 1e3))
        ax.grid(True, which="major", color=GRID, lw=0.5)
    if highest:
        grid[0, 0].set_ylim(lowest / 5, highest * 1e6)
    grid[0, 0].set_ylabel("error of the voltage and its bounds")
    handles = {line.get_label(): line for ax in grid[0] for line in ax.lines}
    fig.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=len(handles), fontsize=8.5)
    return fig, grid[0]


def rounding_figure(
    dt: ArrayLike,
    panels: Mapping[str, Mapping[str, ArrayLike]],
    theory: Mapping[str, ArrayLike] | None = None,
) -> tuple[Figure, np.ndarray]:
    """Error by rounding against the step, one panel for each read-out.

    Parameters
    ----------
    dt : array_like, shape (n_dt,)
        Time steps in seconds.
    panels : mapping of str to (mapping of label to array_like, shape (n_dt,) or shorter)
        What is written above each panel, and its errors, for the first of the steps where they are fewer; signs are
        dropped, zeros are drawn at the lower edge.
    theory : mapping of str to array_like, shape (n_dt,) or shorter, optional
        A predicted size for the panel of that name, drawn as a black line.

    Returns
    -------
    (Figure, array of Axes)
    """
    dt = _check.array("dt", dt, ndim=1, minimum=0.0)
    if not panels:
        raise ValueError("panels is empty; give at least one, for example {'': {'product': drift}}")
    fig, grid = plt.subplots(1, len(panels), sharey=True, squeeze=False, figsize=(6.8, 3.8))
    marks = ("o", "s", "D")
    for ax, (title, curves) in zip(grid[0], panels.items(), strict=True):
        if theory and title in theory:
            line = _first(f"theory[{title!r}]", theory[title], dt.size)
            ax.plot(dt[: line.size] * 1e3, line, color=THEORY, lw=1.0, label="theory")
        for k, (label, values) in enumerate(curves.items()):
            size = np.maximum(_first(f"panels[{title!r}][{label!r}]", values, dt.size), 1e-16)
            ax.plot(
                dt[: size.size] * 1e3, size, marks[k % 3], ms=4, color=PALETTE[(1, 0, 2)[k % 3]], label=label
            )
        ax.text(0.0, 1.02, title, transform=ax.transAxes, va="bottom", fontsize=9.5)
        ax.set(xscale="log", yscale="log", xlabel=r"time step $\Delta t$ (ms)")
        ax.xaxis.set_major_formatter(FuncFormatter(plain_number))
        ax.grid(True, which="major", color=GRID, lw=0.5)
        ax.legend(loc="upper right", fontsize=8.5)
    grid[0, 0].set_ylabel("error by rounding")
    return fig, grid[0]


def _first(name: str, value: ArrayLike, most: int) -> np.ndarray:
    array = np.abs(_check.array(name, value, ndim=1))
    if array.size > most:
        raise ValueError(f"{name} must have at most one value per time step, {most}, got {array.size}")
    return array


def _rows(name: str, value: ArrayLike, rows: int, columns: int) -> np.ndarray:
    array = _check.array(name, value, ndim=2)
    if array.shape != (rows, columns):
        raise ValueError(
            f"{name} must have one row per scheme and one column per time step, ({rows}, {columns}), got {array.shape}"
        )
    return array
