"""Figures of a training that collapses at a large time step: rounding, what dropping does, rasters, weights, causes."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from ..spiking.rounding import ROUNDING, grid_index
from .style import GRID, PALETTE, THEORY, axes_of, colour_for_dt, format_dt, label_lines


def sent_times_figure(dt: float, steps: int = 4, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """When a spike is sent, against when the neuron crossed, for the three rules of rounding.

    Parameters
    ----------
    dt : float
        Seconds.
    steps : int
        Steps that are shown.
    ax : Axes, optional
    """
    fig, ax = axes_of(ax)
    ax.plot([0, 1e3 * steps * dt], [0, 1e3 * steps * dt], color="#777777", lw=0.8, ls=(0, (4, 2)))
    inside = np.linspace(0, steps * dt, 200 * steps + 1)
    for number, rule in enumerate(ROUNDING):
        index = grid_index(inside, dt, rule)
        jumps = np.flatnonzero(np.diff(index)) + 1
        for part in np.split(np.arange(inside.size), jumps):
            ax.plot(
                1e3 * inside[part],
                1e3 * index[part] * dt + (number - 1) * 0.02e3 * dt,
                color=PALETTE[number],
                lw=2,
                label=rule if part[0] == 0 else None,
            )
        on_grid = np.arange(steps + 1) * dt
        ax.plot(
            1e3 * on_grid,
            1e3 * grid_index(on_grid, dt, rule) * dt + (number - 1) * 0.02e3 * dt,
            "o",
            color=PALETTE[number],
            ms=5,
        )
    ax.set(xlabel="crossing (ms)", ylabel="sent (ms)")
    ax.legend(loc="upper left", title="rule")
    return fig, ax


def count_against_drive_figure(
    drives: ArrayLike,
    counts: Mapping[str, ArrayLike],
    target: float | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Spikes that a neuron sends, against the strength of its input.

    Parameters
    ----------
    drives : array_like, shape (n,)
    counts : mapping of label to array_like, shape (n,)
    target : float, optional
        A count to compare with.
    ax : Axes, optional
    """
    fig, ax = axes_of(ax)
    x, ends = np.asarray(drives, float), []
    for number, (label, values) in enumerate(counts.items()):
        y, colour = np.asarray(values, float), PALETTE[number % len(PALETTE)]
        ax.plot(x, y, color=colour, lw=1.5, drawstyle="steps-mid")
        ends.append((x[-1], y[-1], label, colour))
    if target is not None:
        ax.axhline(target, color="#777777", lw=0.8, ls=(0, (4, 2)), zorder=0)
        ax.annotate(
            f"target {target:g}", (x[0], target), xytext=(3, 3), textcoords="offset points", fontsize=8
        )
    ax.set(xlabel="summed input (thresholds)", ylabel="spikes sent", xlim=(x[0], x[-1]))
    ax.set_ylim(0, None)
    label_lines(ax, ends)
    return fig, ax


def sent_raster_figure(
    spikes: xr.Dataset, label: int, dt: float | None = None, hidden: int = 100
) -> tuple[Figure, np.ndarray]:
    """Spikes of one image: hidden neurons above, outputs below, crossings and what was sent.

    Parameters
    ----------
    spikes : xarray.Dataset
        ``crossing`` and ``sent`` in seconds, ``layer`` and ``neuron``, as of
        :func:`snntheory.experiments.collapse.raster`.
    label : int
        The true class, marked.
    dt : float, optional
        Time step, whose grid is drawn behind the outputs.
    hidden : int
        How many neurons of each hidden layer are shown.

    Returns
    -------
    (Figure, array of Axes)
    """
    layers = np.unique(spikes["layer"].values)
    fig, axes = plt.subplots(
        len(layers), 1, sharex=True, squeeze=False, figsize=(6.4, 1.9 * len(layers) + 0.8)
    )
    for ax, layer in zip(axes[:, 0], layers, strict=True):
        last = layer == layers[-1]
        mine = (spikes["layer"].values == layer) & (last | (spikes["neuron"].values < hidden))
        row = spikes["neuron"].values[mine]
        size = 24 if last else 12
        ax.scatter(1e3 * spikes["sent"].values[mine], row, s=size, marker="|", color=PALETTE[0], label="sent")
        ax.scatter(
            1e3 * spikes["crossing"].values[mine], row, s=size / 3, color=PALETTE[1], label="crossing", lw=0
        )
        ax.set_ylabel(
            "output" if last else f"hidden neuron, layer {layer}" if len(layers) > 2 else "hidden neuron"
        )
        if last:
            ax.axhline(label, color=THEORY, lw=0.7, ls=(0, (2, 2)), zorder=0)
            ax.set_yticks(range(10))
            ax.annotate(
                "true class",
                (1.0, label),
                xytext=(4, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
            if dt:
                for place in np.arange(0, 0.2 + dt / 2, dt):
                    ax.axvline(1e3 * place, color=GRID, lw=0.5, zorder=0)
    axes[-1, 0].set_xlabel("time (ms)")
    axes[0, 0].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, fontsize=8, borderaxespad=0.2)
    return fig, axes[:, 0]


def weight_maps_figure(weights: Mapping[str, ArrayLike]) -> tuple[Figure, np.ndarray]:
    """Weights of a layer as maps, senders by receivers, one a network, on one scale of colours.

    Parameters
    ----------
    weights : mapping of label to array_like, shape (n_senders, n_receivers)

    Returns
    -------
    (Figure, array of Axes)
    """
    parts = {label: np.asarray(part, float) for label, part in weights.items()}
    top = max(float(np.quantile(np.abs(part), 0.99)) for part in parts.values())
    fig, axes = plt.subplots(len(parts), 1, sharex=True, squeeze=False, figsize=(6.4, 1.3 * len(parts) + 0.6))
    for ax, (label, part) in zip(axes[:, 0], parts.items(), strict=True):
        image = ax.imshow(part.T, aspect="auto", cmap="RdBu_r", vmin=-top, vmax=top, interpolation="none")
        ax.set_ylabel(label, fontsize=9)
        ax.set_yticks([0, part.shape[1] - 1])
    axes[-1, 0].set_xlabel("hidden neuron")
    fig.colorbar(image, ax=list(axes[:, 0]), label="weight", shrink=0.8)
    return fig, axes[:, 0]


def collapse_causes_figure(cases: xr.Dataset, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Test accuracy of each condition, one mark a time step and seed; the line is the network in continuous time.

    Parameters
    ----------
    cases : xarray.Dataset
        ``test_accuracy`` (case) or (case, seed) with coordinates ``condition`` and ``dt``; the case with ``dt`` 0 is
        the line, its seeds a band.
    ax : Axes, optional
    """
    fig, ax = axes_of(ax)
    dts = cases["dt"].values
    accuracy = 100 * np.atleast_2d(cases["test_accuracy"].values.T).T
    conditions = list(dict.fromkeys(cases["condition"].values[dts > 0].tolist()))
    steps = np.unique(dts[dts > 0])
    for number, dt in enumerate(steps):
        mine = np.flatnonzero(dts == dt)
        rows = np.array([conditions.index(str(cases["condition"].values[k])) for k in mine])
        rows = rows + 0.16 * (number - (len(steps) - 1) / 2)
        colour = colour_for_dt(float(dt))
        ax.plot(accuracy[mine].mean(1), rows, "|", color=colour, ms=15, mew=2)
        ax.plot(accuracy[mine], rows, "o", color=colour, ms=6, alpha=0.7, mew=0)
        ax.plot([], [], "o", color=colour, ms=6, label=format_dt(float(dt)))
    if (dts == 0).any():
        own = accuracy[dts == 0][0]
        ax.axvspan(own.min(), own.max(), color=GRID, zorder=0)
        ax.axvline(own.mean(), color=THEORY, lw=0.9, ls=(0, (4, 2)), zorder=0)
        ax.annotate(
            "continuous time",
            (own.mean(), 1.0),
            xytext=(-3, 3),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="right",
            fontsize=8,
        )
    ax.set_yticks(range(len(conditions)), conditions)
    ax.invert_yaxis()
    ax.grid(True, color=GRID, lw=0.6)
    ax.set(xlabel="test accuracy (%)", xlim=(0, 102))
    ax.legend(loc="lower left", title="time step")
    return fig, ax
