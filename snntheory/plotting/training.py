"""Figures of trained networks: recorded voltages, accuracy against the time step, the factor of the reset path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import ArrayLike

from .style import GRID, PALETTE, THEORY, axes_of, format_dt


def recording_figure(
    traces: xr.Dataset, trial: int = 0, neurons: Sequence[int] = (0, 1, 2)
) -> tuple[Figure, np.ndarray]:
    """Recorded voltages of one trial, one neuron a row, with threshold and spikes.

    Parameters
    ----------
    traces : xarray.Dataset
        Traces with ``voltage``; ``spikes`` and the attribute ``v_threshold`` are drawn where they are there.
    trial : int
        Position of the trial.
    neurons : sequence of int
        Positions of the neurons.

    Returns
    -------
    (Figure, array of Axes)
    """
    fig, axes = plt.subplots(
        len(neurons), 1, sharex=True, squeeze=False, figsize=(6.4, 1.0 + 1.3 * len(neurons))
    )
    time_ms = 1e3 * traces["time"].values
    for row, (ax, neuron) in enumerate(zip(axes[:, 0], neurons, strict=True)):
        at = {"trial": trial, "neuron": neuron}
        voltage = traces["voltage"].isel(at).values
        colour = PALETTE[row % len(PALETTE)]
        if "v_threshold" in traces.attrs:
            ax.axhline(traces.attrs["v_threshold"], color="#777777", lw=0.8, ls=(0, (4, 2)), zorder=0)
        ax.plot(time_ms, voltage, color=colour, lw=1.1)
        if "spikes" in traces:
            fired = traces["spikes"].isel(at).values > 0
            ax.plot(time_ms[fired], voltage[fired], ".", color=THEORY, ms=4)
        ax.set_xlim(time_ms[0], time_ms[-1])
        unit = int(traces["unit"].values[neuron]) if "unit" in traces.coords else neuron
        ax.annotate(
            f"neuron {unit}",
            (1.0, 0.5),
            xytext=(6, 0),
            xycoords="axes fraction",
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=colour,
            annotation_clip=False,
        )
    axes[-1, 0].set_xlabel("time (ms)")
    fig.supylabel("voltage", fontsize=10)
    return fig, axes[:, 0]


def accuracy_figure(
    accuracies: Mapping[str, Mapping[float, float]], n_samples: int, ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Test accuracy against the time step, with two binomial standard errors.

    Parameters
    ----------
    accuracies : mapping of label to mapping of dt (seconds) to accuracy (0 .. 1)
        One line a label.
    n_samples : int
        Test samples, for the standard error ``sqrt(p (1 - p) / n)``.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    fig, ax = axes_of(ax)
    ticks: set[float] = set()
    for number, (label, by_dt) in enumerate(accuracies.items()):
        dts = np.array(sorted(by_dt))
        accuracy = np.array([by_dt[dt] for dt in dts])
        error = 2 * np.sqrt(accuracy * (1 - accuracy) / n_samples)
        colour = PALETTE[number % len(PALETTE)]
        ax.errorbar(dts, 100 * accuracy, 100 * error, color=colour, marker="o", ms=4, capsize=2.5)
        ax.annotate(
            label,
            (dts[-1], 100 * accuracy[-1]),
            xytext=(7, 0),
            textcoords="offset points",
            color=colour,
            va="center",
        )
        ticks |= set(dts.tolist())
    ax.set(xscale="log", xlabel="time step", ylabel="test accuracy (%)")
    ax.xaxis.set_major_locator(FixedLocator(sorted(ticks)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_dt(value)))
    ax.grid(True, axis="y", color=GRID, lw=0.6)
    ax.set_xlim(right=max(ticks) * 2.2)
    return fig, ax


def reset_factor_figure(
    distance: ArrayLike, factors: Mapping[str, ArrayLike], ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Factor by which one step multiplies the gradient of the voltage, against the distance to the threshold.

    Parameters
    ----------
    distance : array_like, shape (n,)
        ``v - v_threshold``.
    factors : mapping of label to array_like, shape (n,)
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    fig, ax = axes_of(ax)
    x = np.asarray(distance)
    ax.axhspan(-1, 1, color="#F0F0F0", lw=0)
    for number, (label, values) in enumerate(factors.items()):
        ax.plot(x, np.asarray(values), color=PALETTE[number % len(PALETTE)], label=label)
    ax.axvline(0, color="#777777", lw=0.8, ls=(0, (4, 2)))
    ax.set(xlabel="voltage above threshold", ylabel="factor per step")
    ax.set_xlim(x.min(), x.max())
    ax.legend(loc="lower right")
    return fig, ax
