"""Figures of the gradient's path through the reset: its phases, the loss with and without it, its growth."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import ArrayLike

from .. import _check
from .style import GRID, PALETTE, THEORY, axes_of, format_dt, label_lines

_PHASES = {
    "A": "A: difference of the traces",
    "B": "B: carried to the spikes",
    "C": "C: times the pseudo-derivative",
    "D": "D: through time and the reset",
}


def gradient_phases_figure(phases: xr.Dataset) -> tuple[Figure, np.ndarray]:
    """The four phases of the gradient of one neuron, all iterations overlaid, and the trains that it learned.

    Parameters
    ----------
    phases : xarray.Dataset
        From :func:`snntheory.experiments.reset_term.phases`.

    Returns
    -------
    (Figure, array of five Axes)
    """
    fig, axes = plt.subplots(5, 1, sharex=True, figsize=(6.4, 6.8), height_ratios=(1, 1, 1, 1, 1.1))
    steps = np.arange(phases.sizes["step"])
    n = phases.sizes["iteration"]
    for ax, (name, title) in zip(axes[:4], _PHASES.items(), strict=True):
        values = phases[name].values
        for k in range(n):
            ax.plot(steps, values[k], color=PALETTE[0], lw=0.5, alpha=0.15)
        ax.plot(steps, values[-1], color=PALETTE[1], lw=1.2)
        ax.axhline(0, color=GRID, lw=0.8, zorder=0)
        ax.set_title(title, loc="left", fontsize=9, color="#222222", pad=2)
    fired = np.argwhere(phases["spikes"].values > 0)
    axes[4].plot(fired[:, 1], fired[:, 0], "|", color=PALETTE[0], ms=2.5, mew=0.8)
    for step in np.flatnonzero(phases["target"].values > 0):
        axes[4].axvline(step, color=PALETTE[1], lw=5, alpha=0.3, zorder=0)
    axes[4].set(xlabel="step", ylabel="iteration", xlim=(0, steps[-1]), ylim=(0, n))
    return fig, axes


def loss_curves_figure(curves: xr.Dataset, columns: int = 3) -> tuple[Figure, np.ndarray]:
    """Mean loss against iteration, a panel for each learning rate, with bands of one standard error.

    Parameters
    ----------
    curves : xarray.Dataset
        From :func:`snntheory.experiments.reset_term.curves`.
    columns : int

    Returns
    -------
    (Figure, array of Axes, one for each learning rate)
    """
    rates = curves["learning_rate"].values
    columns = min(_check.integer("columns", columns, minimum=1), rates.size)
    rows = -(-rates.size // columns)
    fig, axes = plt.subplots(
        rows, columns, sharex=True, sharey=True, squeeze=False, figsize=(7.2, 0.6 + 2.1 * rows)
    )
    for ax, rate in zip(axes.flat, rates, strict=False):
        for k, path in enumerate(curves["reset_gradient"].values):
            loss = (
                curves["loss"]
                .sel(learning_rate=rate, reset_gradient=path)
                .transpose("iteration", "repeat")
                .values
            )
            mean, error = loss.mean(1), loss.std(1, ddof=1) / np.sqrt(loss.shape[1])
            along = np.arange(mean.size)
            ax.plot(along, mean, color=PALETTE[k], label=str(path))
            ax.fill_between(along, mean - error, mean + error, color=PALETTE[k], alpha=0.25, lw=0)
        ax.annotate(
            f"rate {rate:g}", (0.97, 0.93), xycoords="axes fraction", ha="right", va="top", fontsize=9
        )
        ax.set_yscale("log")
        ax.grid(True, axis="y", color=GRID, lw=0.6)
    for ax in list(axes.flat)[rates.size :]:
        ax.set_visible(False)
    axes[0, 0].legend(loc="lower left")
    fig.supxlabel("iteration", fontsize=10)
    fig.supylabel("loss", fontsize=10)
    return fig, np.asarray(list(axes.flat)[: rates.size])


def growth_figure(
    time_steps: ArrayLike, rates: Mapping[str, ArrayLike], linear: float = 100.0, ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Rate at which a gradient grows backwards in time, against the time step; dashed, the law ``c/dt``.

    Parameters
    ----------
    time_steps : array_like, shape (n,)
        Seconds.
    rates : mapping of label to array_like, shape (n,)
        In 1/s; above zero the gradient grows. The dashed line has the constant of the shortest step; none is drawn for
        a rate that hardly changes.
    linear : float
        The axis is linear between plus and minus this rate and logarithmic beyond.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    steps = _check.array("time_steps", time_steps, ndim=1)
    order = np.argsort(steps)
    steps = steps[order]
    fig, ax = axes_of(ax)
    ax.set_xscale("log")
    ax.set_yscale("symlog", linthresh=_check.positive("linear", linear, "1/s"))
    ends = []
    for k, (label, values) in enumerate(rates.items()):
        rate, colour = _check.array(f"rates[{label!r}]", values, ndim=1)[order], PALETTE[k % len(PALETTE)]
        ax.plot(steps, rate, "o-", color=colour, ms=4, lw=1.2)
        if abs(rate[0]) > 1.5 * abs(rate[-1]):
            ax.plot(steps, rate[0] * steps[0] / steps, color=THEORY, lw=0.8, ls="--", zorder=1)
        ends.append((float(steps[-1]), float(rate[-1]), label, colour))
    ax.axhline(0, color=THEORY, lw=0.8)
    ax.set(xlabel="time step", ylabel="growth of the gradient (1/s)", xlim=(steps[0] / 1.2, steps[-1] * 4))
    ax.xaxis.set_major_locator(FixedLocator(steps.tolist()))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_dt(value)))
    ax.grid(True, axis="y", color=GRID, lw=0.6)
    label_lines(ax, ends)
    return fig, ax
