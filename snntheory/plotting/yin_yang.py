"""Figures of trainings on first spike times: voltages of XOR, first spikes before and after, predictions, accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from .. import _check
from .style import GRID, PALETTE, THEORY, axes_of, label_lines, plain_number

_SILENT = "#9A9A9A"


def output_voltage_figure(
    time: ArrayLike, voltages: ArrayLike, threshold: float = 1.0
) -> tuple[Figure, np.ndarray]:
    """Voltages of the output neurons for one input, before and after a training.

    Parameters
    ----------
    time : array_like, shape (n_times,)
        Seconds.
    voltages : array_like, shape (2, n_outputs, n_times)
        Before and after.
    threshold : float

    Returns
    -------
    (Figure, array of two Axes)
    """
    t = _check.array("time", time, ndim=1)
    v = _check.array("voltages", voltages, ndim=3)
    if v.shape[0] != 2 or v.shape[2] != t.size:
        raise ValueError(f"voltages must have the shape (2, n_outputs, {t.size}), got {v.shape}")
    fig, axes = plt.subplots(1, 2, sharex=True, sharey=True, figsize=(7.2, 3.2))
    for ax, stage, rows in zip(axes, ("before", "after"), v, strict=True):
        ax.axhline(threshold, color=THEORY, lw=0.8, ls="--", zorder=0)
        for k, row in enumerate(rows):
            ax.plot(t, row, color=PALETTE[k], label=f"output {k}")
        ax.set(title=stage, xlabel="time (s)", xlim=(t[0], t[-1]))
    axes[0].set_ylabel("voltage")
    axes[1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return fig, axes


def first_times_figure(
    times: ArrayLike, labels: ArrayLike, names: Sequence[str] | None = None, bins: int = 40
) -> tuple[Figure, np.ndarray]:
    """Histograms of the first spikes of each output, before and after a training.

    Spikes of an output for samples of its own class are filled, those for other classes are outlined. Silent outputs
    are not drawn.

    Parameters
    ----------
    times : array_like, shape (2, n_samples, n_outputs)
        First spikes in seconds before and after; inf where there is none.
    labels : array_like of int, shape (n_samples,)
    names : sequence of str, optional
        Of the classes.
    bins : int

    Returns
    -------
    (Figure, array of Axes, shape (2, n_outputs))
    """
    first, own = np.asarray(times, float), np.asarray(labels)
    if first.ndim != 3 or first.shape[0] != 2 or first.shape[1] != own.size:
        raise ValueError(f"times must have the shape (2, {own.size}, n_outputs), got {first.shape}")
    n = first.shape[2]
    titles = [f"output {k}" for k in range(n)] if names is None else list(names)
    fig, axes = plt.subplots(2, n, sharex="row", sharey="row", squeeze=False, figsize=(7.4, 4.4))
    for row, stage in enumerate(("before", "after")):
        finite = first[row][np.isfinite(first[row])]
        edges = np.linspace(finite.min(), np.quantile(finite, 0.995), bins + 1)
        for k in range(n):
            ax, colour = axes[row, k], PALETTE[k % len(PALETTE)]
            ax.hist(first[row, own != k, k], bins=edges, histtype="step", color=THEORY, lw=0.9)
            ax.hist(first[row, own == k, k], bins=edges, color=colour, alpha=0.75)
            if row == 0:
                ax.set_title(titles[k], color=colour)
        axes[row, 0].set_ylabel(f"{stage}\nsamples")
    for ax in axes[1]:
        ax.set_xlabel("first spike (s)")
    handles = [
        plt.Rectangle((0, 0), 1, 1, color=_SILENT, alpha=0.75),
        Line2D([], [], color=THEORY, lw=0.9),
    ]
    axes[1, -1].legend(handles, ["own class", "others"], loc="center left", bbox_to_anchor=(1.0, 0.5))
    return fig, axes


def prediction_map_figure(maps: ArrayLike, titles: Sequence[str]) -> tuple[Figure, np.ndarray]:
    """Classes that networks give to the points of the Yin-Yang disc, with the true borders.

    Parameters
    ----------
    maps : array_like of int, shape (n_maps, y, x)
        Classes 0 yin, 1 yang, 2 dot of the points of [0, 1]^2; -1 outside, -2 where no output fires.
    titles : sequence of str

    Returns
    -------
    (Figure, array of Axes)
    """
    classes = np.asarray(maps)
    if classes.ndim != 3 or len(classes) != len(titles):
        raise ValueError(f"maps must have the shape ({len(titles)}, y, x), got {classes.shape}")
    colours = ListedColormap([_SILENT, "white", *PALETTE[:3]])
    norm = BoundaryNorm(np.arange(-2.5, 3), colours.N)
    fig, axes = plt.subplots(
        1, len(classes), squeeze=False, figsize=(2.0 * len(classes) + 0.6, 2.5), layout="constrained"
    )
    for ax, each, title in zip(axes[0], classes, titles, strict=True):
        ax.imshow(
            each,
            origin="lower",
            extent=(0, 1, 0, 1),
            cmap=colours,
            norm=norm,
            interpolation="nearest",
            alpha=0.8,
        )
        for x, y in _borders():
            ax.plot(x, y, color=THEORY, lw=0.9)
        ax.set_title(title, fontsize=10)
        ax.set(xticks=(0, 1), yticks=(0, 1), aspect="equal")
    return fig, axes[0]


def _borders() -> list[tuple[np.ndarray, np.ndarray]]:
    """The disc, its two halves and its two dots."""
    turn, up, down = (np.linspace(0, end, 121) for end in (2 * np.pi, np.pi, -np.pi))
    circles = [((0.5, 0.5), 0.5, turn), ((0.75, 0.5), 0.1, turn), ((0.25, 0.5), 0.1, turn)]
    circles += [((0.25, 0.5), 0.25, down), ((0.75, 0.5), 0.25, up)]
    return [(x + r * np.cos(a), y + r * np.sin(a)) for (x, y), r, a in circles]


def accuracy_curves_figure(
    curves: Mapping[str, ArrayLike],
    reference: tuple[float, float] | None = None,
    log: bool = False,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Accuracy over the epochs: the mean of several trainings and, shaded, the least and the most accurate.

    Parameters
    ----------
    curves : mapping of label to array_like, shape (n_trainings, n_epochs)
        From 0 to 1.
    reference : (mean, standard deviation), optional
        A published accuracy, drawn as a band.
    log : bool
        Draw the error, 1 - accuracy, on a logarithmic axis.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    fig, ax = axes_of(ax)
    ends = []
    for number, (label, rows) in enumerate(curves.items()):
        values = 100 * _check.array(f"curves[{label!r}]", rows, ndim=2)
        values = 100 - values if log else values
        epochs, colour = np.arange(1, values.shape[1] + 1), PALETTE[number % len(PALETTE)]
        ax.fill_between(epochs, values.min(0), values.max(0), color=colour, alpha=0.18, lw=0)
        ax.plot(epochs, values.mean(0), color=colour)
        ends.append((float(epochs[-1]), float(values.mean(0)[-1]), label, colour))
    ax.set(xlabel="epoch", ylabel="error (%)" if log else "accuracy (%)")
    ax.set_xlim(0, max(end[0] for end in ends))
    if log:
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter(plain_number)
    if reference is not None:
        mean, spread = (100 * value for value in reference)
        mean = 100 - mean if log else mean
        ax.axhspan(mean - spread, mean + spread, color=GRID, lw=0, zorder=0)
        place = (0.01, mean + spread)
        ax.annotate("published", place, xycoords=("axes fraction", "data"), va="bottom", size=9)
    ax.grid(True, axis="y", color=GRID, lw=0.6)
    label_lines(ax, ends)
    return fig, ax


def tuned_gradients_figure(found: xr.Dataset) -> tuple[Figure, np.ndarray]:
    """The search for each gradient's learning rate, and the trainings with what it chose.

    Parameters
    ----------
    found : xarray.Dataset
        The artefact ``yin-yang-surrogates``.

    Returns
    -------
    (Figure, array of two Axes)
    """
    fig, axes = plt.subplots(1, 2, figsize=(8.4, 3.6), width_ratios=(1, 1.15))
    markers = "osD^v"
    for row, name in enumerate(found["gradient"].values):
        each, colour = found.sel(gradient=name), PALETTE[row % len(PALETTE)]
        rates, accuracies = each["learning_rate"].values, 100 * each["validation_accuracy"].values
        kinds = list(zip(each["width"].values, each["detached"].values, strict=True))
        for number, kind in enumerate(dict.fromkeys(kinds)):
            part = [k for k, other in enumerate(kinds) if other == kind]
            line = {"color": colour, "marker": markers[row % len(markers)], "ms": 4, "lw": 1.2}
            axes[0].plot(rates[part], accuracies[part], ls="-" if number == 0 else ":", **line)
        best = int(each["chosen"])
        axes[0].plot(rates[best], accuracies[best], "o", ms=10, mfc="none", mec=colour)
    axes[0].set(xscale="log", xlabel="learning rate", ylabel="validation accuracy (%)")
    axes[0].grid(True, axis="y", color=GRID, lw=0.6)
    curves = {str(name): found["accuracy"].sel(gradient=name).values for name in found["gradient"].values}
    accuracy_curves_figure(curves, ax=axes[1])
    axes[1].set_ylabel("training accuracy (%)")
    return fig, axes
