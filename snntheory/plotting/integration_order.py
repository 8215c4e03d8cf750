"""Figures of the order of integration: transferred weights, and networks that were trained while integrated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from .style import GRID, PALETTE, THEORY, label_lines, plain_number

_COLOURS = {
    "order 1": PALETTE[0],
    "order 2": PALETTE[1],
    "order 3": PALETTE[5],
    "order 4": PALETTE[2],
    "backward_euler": PALETTE[3],
    "impulse_invariance": PALETTE[4],
    "bilinear": PALETTE[5],
}
_SHARES = ("accuracy", "agreement")
_DASHES: dict[str, Any] = {"adjusted": "-", "piggyback": (0, (3, 1.5))}


def weight_transfer_figure(
    found: xr.Dataset,
    integrators: Sequence[str],
    interpolations: Sequence[str],
    tasks: Sequence[str],
    measure: str = "accuracy",
) -> tuple[Figure, np.ndarray]:
    """What becomes of trained weights that are run with a time step: a row an interpolation, a column a task.

    Parameters
    ----------
    found : xarray.Dataset
        The artefact ``integration-order``: ``measure`` (task, integrator, interpolation, step), ``dt_over_tau_syn``
        (task, step), and ``exact_accuracy`` or ``exact_hidden_spikes`` (task) for a dashed line.
    integrators, interpolations, tasks : sequence of str
        What is shown; combinations that do not exist leave no line.
    measure : str
        ``"accuracy"`` and ``"agreement"`` are drawn in per cent.

    Returns
    -------
    (Figure, array of Axes)
    """
    shape = (len(interpolations), len(tasks))
    fig, axes = plt.subplots(
        *shape, sharex="col", sharey=True if measure in _SHARES else "col", squeeze=False,
        figsize=(1.4 + 2.7 * shape[1], 0.6 + 1.6 * shape[0]),
    )  # fmt: skip
    scale = 100.0 if measure in _SHARES else 1.0
    for row, interpolation in enumerate(interpolations):
        for column, task in enumerate(tasks):
            ax, chosen = axes[row, column], found.sel(task=task)
            exact = f"exact_{measure}"
            if exact in chosen:
                ax.axhline(scale * float(chosen[exact]), color=THEORY, lw=0.9, ls=(0, (4, 2)), zorder=0)
            ends = []
            for integrator in integrators:
                values = chosen[measure].sel(integrator=integrator, interpolation=interpolation)
                x, y = chosen["dt_over_tau_syn"].values, scale * values.values
                if not np.isfinite(y).any():
                    continue
                colour = _COLOURS.get(integrator, "#777777")
                ax.plot(x, y, color=colour, marker="o", ms=3, lw=1.3)
                last = np.flatnonzero(np.isfinite(y))[np.argmax(x[np.isfinite(y)])]
                ends.append((float(x[last]), float(y[last]), integrator.replace("_", " "), colour))
            ax.set_xscale("log")
            ax.grid(True, axis="y", color=GRID, lw=0.6)
            _plain_log(ax)
            if column == shape[1] - 1:
                label_lines(ax, ends, size=8)
            if row == 0:
                ax.annotate(task, (0.5, 1.04), xycoords="axes fraction", ha="center", fontsize=10)
        axes[row, 0].set_ylabel(interpolation.replace(", ", ",\n"))
    words = {"accuracy": "test accuracy (%)", "agreement": "answers of the exact network (%)"}
    fig.supylabel(words.get(measure, measure.replace("_", " ")), fontsize=10)
    fig.supxlabel(r"time step / $\tau_s$ of the hidden layer", fontsize=10)
    return fig, axes


def trained_orders_figure(found: xr.Dataset, task: str) -> tuple[Figure, np.ndarray]:
    """Hidden spikes (solid) and seconds an epoch (dashed) of trained networks; one panel an estimator of the gradient.

    Parameters
    ----------
    found : xarray.Dataset
        The artefact ``integration-order-training``.
    task : str

    Returns
    -------
    (Figure, array of Axes)
        The axes of the spikes; those of the seconds are twins.
    """
    chosen = found.sel(task=task)
    estimators = found["estimator"].values
    fig, axes = plt.subplots(1, len(estimators), sharey=True, squeeze=False, figsize=(7.4, 3.3))
    x = chosen["dt_over_tau_syn"].values
    top = 1.15 * float(chosen["seconds"].mean("seed").max())
    for ax, estimator in zip(axes[0], estimators, strict=True):
        twin, ends = ax.twinx(), []
        for order in found["order"].values:
            one = chosen.sel(estimator=estimator, order=order).mean("seed")
            if not np.isfinite(one["hidden_spikes"]).any():  # an order that this task was not trained with
                continue
            colour = _COLOURS.get(f"order {order}", "#777777")
            ax.plot(x, one["hidden_spikes"], color=colour, marker="o", ms=4)
            twin.plot(x, one["seconds"], color=colour, ls=(0, (3, 1.5)), lw=1.2)
            ends.append((float(x[-1]), float(one["hidden_spikes"][-1]), f"order {order}", colour))
        ax.axhline(float(chosen["exact_hidden_spikes"].mean()), color=THEORY, lw=0.9, ls=":", zorder=0)
        ax.set(xscale="log", xlabel=r"time step / $\tau_s$")
        _plain_log(ax)
        twin.set_ylim(0, top)
        twin.spines["right"].set_visible(True)
        ax.annotate(str(estimator), (0.5, 1.03), xycoords="axes fraction", ha="center", fontsize=10)
        ax.set_xlim(right=float(x.max()) * 3.2)
        label_lines(ax, ends, size=8)
        if ax is axes[0, -1]:
            twin.set_ylabel("seconds an epoch (dashed)")
        else:
            twin.set_yticklabels([])
    axes[0, 0].set_ylabel("hidden spikes a sample (solid)")
    return fig, axes[0]


def trained_accuracy_figure(found: xr.Dataset, task: str, step: int = -1) -> tuple[Figure, np.ndarray]:
    """Accuracy of networks trained while integrated: at the end against the time step, and on the way there.

    Parameters
    ----------
    found : xarray.Dataset
        The artefact ``integration-order-training``.
    task : str
    step : int
        Position of the time step whose epochs are shown.

    Returns
    -------
    (Figure, array of Axes)
    """
    chosen = found.sel(task=task).dropna("epoch", how="all", subset=["exact_accuracy"]).mean("seed")
    fig, axes = plt.subplots(1, 2, sharey=True, figsize=(7.4, 3.3))
    x, ends = chosen["dt_over_tau_syn"].values, []
    exact = 100 * chosen["exact_accuracy"]
    axes[0].axhline(float(exact[-1]), color=THEORY, lw=0.9, ls=":", zorder=0)
    axes[1].plot(chosen["epoch"], exact, color=THEORY, lw=1.0, ls=":")
    for order in found["order"].values:
        colour = _COLOURS.get(f"order {order}", "#777777")
        for estimator in found["estimator"].values:
            one = 100 * chosen["accuracy"].sel(order=order, estimator=estimator)
            if not np.isfinite(one).any():
                continue
            axes[0].plot(x, one.isel(epoch=-1), color=colour, ls=_DASHES[str(estimator)], marker="o", ms=3.5)
            axes[1].plot(chosen["epoch"], one.isel(step=step), color=colour, ls=_DASHES[str(estimator)])
            if estimator == "adjusted":
                ends.append((float(x[-1]), float(one.isel(epoch=-1)[-1]), f"order {order}", colour))
    axes[0].set(xscale="log", xlabel=r"time step / $\tau_s$", ylabel="test accuracy (%)")
    axes[0].set_xlim(right=float(x.max()) * 3.2)
    _plain_log(axes[0])
    label_lines(axes[0], ends, size=8)
    axes[1].xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[1].set_xlabel(rf"epoch, at {x[step]:.2g} $\tau_s$")
    for estimator, dashes in _DASHES.items():
        axes[1].plot([], [], color="#777777", ls=dashes, label=estimator)
    axes[1].plot([], [], color=THEORY, ls=":", label="exact")
    axes[1].legend(loc="lower right")
    for ax in axes:
        ax.grid(True, axis="y", color=GRID, lw=0.6)
    return fig, axes


def _plain_log(ax: Axes) -> None:
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter(FuncFormatter(plain_number))
    ax.xaxis.set_minor_locator(NullLocator())
