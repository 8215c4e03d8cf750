"""Figures of networks trained at different time steps: learning curves, latency, accuracy against spikes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import ArrayLike

from .. import _check
from .style import GRID, PALETTE, THEORY, axes_of, colour_for_dt, format_dt, label_lines

QUANTITIES = {
    "accuracy": ("test accuracy (%)", 100.0),
    "loss": ("test loss", 1.0),
    "hidden_spikes": ("hidden spikes a sample", 1.0),
    "output_spikes": ("output spikes a sample", 1.0),
}


def name_of_dt(dt: float) -> str:
    """A time step in words; 0 is "continuous"."""
    return format_dt(dt) if dt else "continuous"


def colour_of_dt(dt: float) -> str:
    """That of :func:`snntheory.plotting.colour_for_dt`; black for continuous time."""
    return colour_for_dt(dt) if dt else THEORY


def learning_curves_figure(
    runs: xr.Dataset, quantity: str = "accuracy", ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """A quantity of the test samples against the samples seen in training, one line a time step.

    Parameters
    ----------
    runs : xarray.Dataset
        ``quantity`` (run, check) with the coordinates ``dt`` (seconds, 0 continuous) and ``check``; seeds are averaged.
    quantity : {"accuracy", "loss", "hidden_spikes", "output_spikes"}
    ax : Axes, optional
    """
    label, factor = QUANTITIES[_check.choice("quantity", quantity, QUANTITIES)]
    fig, ax = axes_of(ax)
    ends = []
    seen = runs["check"].values
    for dt in np.unique(runs["dt"].values):
        values = factor * runs[quantity].sel(run=runs["dt"] == dt).mean("run").values
        ax.plot(seen, values, color=colour_of_dt(dt), marker="o", ms=3)
        ends.append((seen[-1], values[-1], name_of_dt(dt), colour_of_dt(dt)))
    ax.set(xlabel="training samples seen", ylabel=label, xlim=(0, seen[-1] * 1.02))
    ax.grid(True, axis="y", color=GRID, lw=0.6)
    label_lines(ax, ends)
    return fig, ax


def step_accuracy_figure(
    lines: Mapping[str, tuple[ArrayLike, ArrayLike]], ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Test accuracy against the time step, one line an experiment; continuous time stands at the left.

    Parameters
    ----------
    lines : mapping of label to (time steps in seconds, accuracies 0 .. 1)
        A time step of 0 is continuous time.
    ax : Axes, optional
    """
    fig, ax = axes_of(ax)
    all_steps = np.unique(np.concatenate([np.asarray(dts, float) for dts, _ in lines.values()]))
    finest = all_steps[all_steps > 0].min()
    place_of_zero = finest / 2.2
    ends = []
    for number, (label, (dts, accuracy)) in enumerate(lines.items()):
        x, y = np.asarray(dts, float), 100 * np.asarray(accuracy, float)
        order, colour = np.argsort(x), PALETTE[number % len(PALETTE)]
        x, y = x[order], y[order]
        ax.plot(x[x > 0], y[x > 0], color=colour, marker="o", ms=4)
        ax.plot(np.full((x == 0).sum(), place_of_zero), y[x == 0], color=colour, marker="o", ms=4, ls="")
        ends.append((x[-1], y[-1], label, colour))
    shown: list[float] = []
    for tick in all_steps[all_steps > 0].tolist():
        if not shown or tick > 1.35 * shown[-1]:
            shown.append(tick)
    names = {place_of_zero: "cont."} | {tick: f"{1e3 * tick:g}" for tick in shown}
    ax.set(xscale="log", xlabel="time step (ms)", ylabel="test accuracy (%)", ylim=(0, 102))
    ax.set_xlim(place_of_zero / 1.3, all_steps[-1] * 1.1)
    ax.xaxis.set_major_locator(FixedLocator(list(names)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: names.get(value, "")))
    ax.axvline(place_of_zero * 1.4, color=GRID, lw=0.8)
    ax.grid(True, axis="y", color=GRID, lw=0.6)
    label_lines(ax, ends)
    return fig, ax


def confidence_figure(runs: xr.Dataset, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Share of the target count that the true class has reached, against time, one line a time step.

    Parameters
    ----------
    runs : xarray.Dataset
        ``latency`` (run, time) with the coordinates ``dt`` and ``time`` in seconds; seeds are averaged.
    ax : Axes, optional
    """
    fig, ax = axes_of(ax)
    time_ms, ends = 1e3 * runs["time"].values, []
    for dt in np.unique(runs["dt"].values):
        share = 100 * runs["latency"].sel(run=runs["dt"] == dt).mean("run").values
        ax.plot(time_ms, share, color=colour_of_dt(dt), lw=1.3)
        ends.append((time_ms[-1], share[-1], name_of_dt(dt), colour_of_dt(dt)))
    ax.axhline(100, color="#777777", lw=0.8, ls=(0, (4, 2)), zorder=0)
    ax.set(xlabel="time (ms)", ylabel="spikes of the true class (% of target)", xlim=(0, time_ms[-1]))
    ax.set_ylim(0, None)
    label_lines(ax, ends)
    return fig, ax


def pareto_figure(
    accuracy: ArrayLike, spikes: ArrayLike, dts: ArrayLike, ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Accuracy against spikes a sample, and the front of the points that no other beats in both.

    Parameters
    ----------
    accuracy, spikes, dts : array_like, shape (n,)
        0 .. 1; spikes of all layers; time steps in seconds, 0 continuous.
    ax : Axes, optional
    """
    from ..advice import pareto_front

    fig, ax = axes_of(ax)
    y, x, steps = 100 * np.asarray(accuracy, float), np.asarray(spikes, float), np.asarray(dts, float)
    front = pareto_front(y, x)
    corners_x, corners_y = np.append(x[front], x.max() * 1.03), np.append(y[front], y[front[-1]])
    ax.step(corners_x, corners_y, where="post", color=PALETTE[1], lw=1.2)
    for each_x, each_y, dt in zip(x, y, steps, strict=True):
        ax.plot(each_x, each_y, "o", color=colour_of_dt(dt), ms=6)
    placed: list[tuple[float, float]] = []
    for place in np.argsort(-y):
        near = sum(
            abs(x[place] - a) < 0.12 * np.ptp(x) and abs(y[place] - b) < 0.05 * np.ptp(y) for a, b in placed
        )
        placed.append((x[place], y[place]))
        ax.annotate(
            name_of_dt(steps[place]),
            (x[place], y[place]),
            xytext=(6, -11 * near - 3),
            textcoords="offset points",
            fontsize=8,
            color=colour_of_dt(steps[place]),
        )
    ax.set(xlabel="spikes a sample, hidden and output", ylabel="test accuracy (%)")
    ax.set_xlim(right=x.max() + 0.15 * max(np.ptp(x), 1e-9))
    ax.grid(True, color=GRID, lw=0.6)
    return fig, ax
