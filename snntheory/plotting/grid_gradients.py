"""Figures of gradients on a grid: the pseudo-derivatives, entries beside the exact ones, the error against the step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import ArrayLike

from .. import _check
from ..gradients import pseudo_derivative
from .style import GRID, PALETTE, THEORY, axes_of, format_dt, label_lines

_MARKERS = {"o": "\N{BLACK CIRCLE}", "s": "\N{BLACK SQUARE}", "D": "\N{BLACK DIAMOND}"}


def pseudo_derivative_figure(
    shapes: Sequence[str], width: float, ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Pseudo-derivatives of one width against the distance to the threshold.

    Parameters
    ----------
    shapes : sequence of str
        Of :data:`snntheory.gradients.SURROGATES`.
    width : float
        In the unit of the voltage.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    fig, ax = axes_of(ax)
    x = np.linspace(-3 * width, 3 * width, 1201)
    for k, shape in enumerate(shapes):
        ax.plot(
            x,
            pseudo_derivative(x, shape, width),
            color=PALETTE[k % len(PALETTE)],
            label=shape.replace("_", " "),
        )
    ax.legend(loc="upper right")
    ax.set(xlabel="distance to the threshold", ylabel="pseudo-derivative", xlim=(x[0], x[-1]))
    ax.set_ylim(bottom=0)
    return fig, ax


def gradient_entries_figure(
    exact: Sequence[ArrayLike], gradients: Mapping[str, Sequence[ArrayLike]]
) -> tuple[Figure, np.ndarray]:
    """Every entry of a gradient against the same entry of the exact one, a panel for each method.

    Parameters
    ----------
    exact : sequence of array_like
        One a layer.
    gradients : mapping of label to sequence of array_like
        Of the same shapes. Each panel is scaled to its own largest entry, which is written into it.

    Returns
    -------
    (Figure, array of Axes)
    """
    columns = min(3, len(gradients))
    rows = -(-len(gradients) // columns)
    fig, axes = plt.subplots(rows, columns, squeeze=False, sharex=True, figsize=(7.2, 0.5 + 2.2 * rows))
    truth = [_check.array(f"exact[{n}]", part).ravel() for n, part in enumerate(exact)]
    reach = 1.1 * max(float(np.abs(part).max(initial=0.0)) for part in truth)
    for ax, (label, layers) in zip(axes.flat, gradients.items(), strict=False):
        found = [np.asarray(part, dtype=float).ravel() for part in layers]
        high = 1.15 * max(reach / 1.1, *(float(np.abs(part).max(initial=0.0)) for part in found))
        ax.plot([-reach, reach], [-reach, reach], color=THEORY, lw=0.8)
        for n, (x, y) in enumerate(zip(truth, found, strict=True)):
            ax.plot(x, y, "o", color=PALETTE[n % len(PALETTE)], ms=3.5, label=f"layer {n + 1}")
        ax.axhline(0, color=GRID, lw=0.8, zorder=0)
        ax.axvline(0, color=GRID, lw=0.8, zorder=0)
        ax.set(xlim=(-reach, reach), ylim=(-high, high))
        ax.set_title(label, loc="left", fontsize=9, color="#222222")
    for ax in list(axes.flat)[len(gradients) :]:
        ax.set_visible(False)
    axes[0, 0].legend(loc="upper left", handletextpad=0.1, borderaxespad=0.1)
    fig.supxlabel("exact gradient", fontsize=10)
    fig.supylabel("gradient of the method", fontsize=10)
    return fig, np.asarray(list(axes.flat)[: len(gradients)])


def gradient_convergence_figure(
    time_steps: ArrayLike, errors: Mapping[str, ArrayLike], ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Relative error of a gradient against the time step, a line for each method.

    Where there are more methods than colours the markers tell them apart, on the lines and behind their names.

    Parameters
    ----------
    time_steps : array_like, shape (n,)
        Seconds.
    errors : mapping of label to array_like, shape (n,)
        Norm of the difference to the exact gradient over the norm of that.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    steps = _check.array("time_steps", time_steps, ndim=1)
    order = np.argsort(steps)
    steps = steps[order]
    if ax is None:
        fig, ax = plt.subplots(figsize=(7.2, 5.2))
    else:
        fig, ax = axes_of(ax)
    ax.set(xscale="log", yscale="log")
    ends = []
    for k, (label, values) in enumerate(errors.items()):
        error = _check.array(f"errors[{label!r}]", values, ndim=1)[order]
        colour, marker = PALETTE[k % len(PALETTE)], list(_MARKERS)[k // len(PALETTE) % 3]
        ax.plot(steps, error, marker=marker, color=colour, ms=4, lw=1.2)
        ends.append((float(steps[-1]), float(error[-1]), f"{label} {_MARKERS[marker]}", colour))
    ax.axhline(1, color=THEORY, lw=0.8, ls="--", zorder=0)
    ax.set(xlabel="time step", ylabel="relative error of the gradient")
    ax.set_xlim(steps[0] / 1.2, steps[-1] * (steps[-1] / steps[0]) ** 0.62)
    ax.xaxis.set_major_locator(FixedLocator(steps.tolist()))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_dt(value)))
    ax.grid(True, axis="y", color=GRID, lw=0.6)
    label_lines(ax, ends)
    return fig, ax
