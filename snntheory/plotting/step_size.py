"""Figures of source 000's training: accuracy against the time step, optimisers on one batch, its two estimators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from .. import _check
from .style import GRID, PALETTE, THEORY, colour_for_dt, format_dt

_MARKS = ("o", "s", "^", "D", "v", "P")
_DASHES = ("-", (0, (4, 1.5)), (0, (1.2, 1.2)))


def step_size_accuracy_figure(
    found: xr.Dataset, panels: Sequence[Mapping[str, str]], gradient: str = "surrogate"
) -> tuple[Figure, np.ndarray]:
    """Test accuracy against the time step: mean over the seeds, and all of them as points.

    Parameters
    ----------
    found : Dataset
        Of :func:`snntheory.experiments.step_size_accuracy.sweep`, or its artefact "step-size-accuracy".
    panels : sequence of mapping of str to str
        Conditions of each panel, with their names in its legend.
    gradient : {"surrogate", "timing"}

    Returns
    -------
    (Figure, array of Axes)

    Raises
    ------
    TypeError, ValueError
        Another Dataset; an unknown condition or gradient.
    """
    part = _table(found, "accuracy")["accuracy"]
    part = part.sel(gradient=_check.choice("gradient", gradient, _names(found, "gradient")))
    for panel in panels:
        for condition in panel:
            _check.choice("panels", condition, _names(found, "condition"))
    fig, axes = plt.subplots(
        1, len(panels), sharey=True, squeeze=False, figsize=(1.2 + 3.5 * len(panels), 3.8)
    )
    steps = found["dt"].values
    order = [condition for panel in panels for condition in panel]
    styles = {name: k for k, name in enumerate(dict.fromkeys(order))}
    for ax, panel in zip(axes[0], panels, strict=True):
        for condition, title in panel.items():
            values, k = 100 * part.sel(condition=condition), styles[condition]
            look = {"color": PALETTE[k % len(PALETTE)], "marker": _MARKS[k % len(_MARKS)]}
            ax.plot(steps, values.mean("seed"), ms=5, label=title, gid=condition, **look)
            for seed in found["seed"].values:
                ax.plot(steps, values.sel(seed=seed), ls="", ms=3, alpha=0.35, mew=0, **look)
        _time_axis(ax, steps)
        ax.legend(loc="best")
    lowest, highest = (100 * float(bound(part.sel(condition=order))) for bound in (np.min, np.max))
    axes[0, 0].set_ylim(10 * np.floor(lowest / 10 - 0.1), 10 * np.ceil(highest / 10 + 0.1))
    axes[0, 0].set_ylabel("test accuracy (%)")
    return fig, axes[0]


def training_course_figure(
    found: xr.Dataset, conditions: Mapping[str, str], gradient: str = "surrogate"
) -> tuple[Figure, np.ndarray]:
    """Accuracy (above) and loss (below) of the training batches by epoch; a column a condition, a colour a time step.

    Parameters
    ----------
    found : Dataset
        As for :func:`step_size_accuracy_figure`.
    conditions : mapping of str to str
        Conditions, with the titles of their columns.
    gradient : {"surrogate", "timing"}

    Returns
    -------
    (Figure, array of Axes, shape (2, n_conditions))
    """
    part = _table(found, "course").sel(
        gradient=_check.choice("gradient", gradient, _names(found, "gradient"))
    )
    n = len(conditions)
    fig, axes = plt.subplots(2, n, sharex=True, sharey="row", squeeze=False, figsize=(1.2 + 3.0 * n, 5.0))
    for column, (condition, title) in enumerate(conditions.items()):
        one = part.sel(condition=_check.choice("conditions", condition, _names(found, "condition")))
        for dt in found["dt"].values:
            mean = one.sel(dt=dt).mean("seed")
            look = {"color": _colour(dt, found), "marker": "o", "ms": 3, "label": format_dt(float(dt))}
            axes[0, column].plot(found["epoch"], 100 * mean["course"], **look)
            axes[1, column].plot(found["epoch"], mean["loss"], **look)
        axes[0, column].set_title(title, fontsize=10)
        axes[1, column].set_xlabel("epoch")
        axes[1, column].xaxis.set_major_locator(FixedLocator(found["epoch"].values.tolist()))
        for ax in axes[:, column]:
            ax.grid(True, axis="y", color=GRID, lw=0.6)
    axes[0, 0].set_ylabel("training accuracy (%)")
    axes[1, 0].set_ylabel("loss")
    axes[0, 0].set_ylim(0, 100)
    fig.legend(
        *axes[0, 0].get_legend_handles_labels(),
        title="time step",
        title_fontsize=9,
        loc="outside right center",
    )
    return fig, axes


def optimisers_figure(found: xr.Dataset) -> tuple[Figure, np.ndarray]:
    """Loss of one batch against the evaluations of loss and gradient; a row a gradient, a column a time step.

    Parameters
    ----------
    found : Dataset
        Of :func:`snntheory.experiments.step_size_optimisers.study`, or its artefact "step-size-optimisers".

    Returns
    -------
    (Figure, array of Axes, shape (n_gradients, n_dt))
    """
    loss = _table(found, "longest_step")["loss"]
    rows, columns = _names(found, "gradient"), found["dt"].values
    fig, axes = plt.subplots(
        len(rows),
        len(columns),
        sharex=True,
        sharey=True,
        squeeze=False,
        figsize=(1.2 + 2.4 * len(columns), 4.8),
    )
    for row, gradient in enumerate(rows):
        for column, dt in enumerate(columns):
            ax = axes[row, column]
            for k, name in enumerate(_names(found, "optimiser")):
                values = loss.sel(gradient=gradient, optimiser=name, dt=dt)
                look = {"color": PALETTE[k % len(PALETTE)], "ls": _DASHES[k % len(_DASHES)]}
                ax.plot(found["evaluation"], values, lw=1.3, label=name, gid=name, **look)
            ax.set_yscale("log")
            ax.grid(True, axis="y", color=GRID, lw=0.6)
            if row == 0:
                ax.set_title(format_dt(float(dt)), fontsize=10)
        axes[row, 0].set_ylabel(f"loss, {gradient}")
    for ax in axes[-1]:
        ax.set_xlabel("evaluations")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3, handlelength=2.6)
    return fig, axes


def loss_staircase_figure(found: xr.Dataset, gradient: str = "surrogate") -> tuple[Figure, np.ndarray]:
    """Loss along the first gradient (steps) and what the gradient says it is (line); a panel a time step.

    Parameters
    ----------
    found : Dataset
        As for :func:`optimisers_figure`.
    gradient : {"surrogate", "timing"}

    Returns
    -------
    (Figure, array of Axes)
    """
    _check.choice("gradient", gradient, _names(_table(found, "along"), "gradient"))
    part, steps = found.sel(gradient=gradient), found["dt"].values
    fig, axes = plt.subplots(1, len(steps), squeeze=False, sharex=True, figsize=(1.2 + 2.4 * len(steps), 3.0))
    length = found["length"].values
    for ax, dt in zip(axes[0], steps, strict=True):
        one = part.sel(dt=dt)
        start = float(one["along"][0])
        ax.plot(length[1:], one["along"][1:] - start, color=PALETTE[0], drawstyle="steps-post", label="loss")
        said = (one["said"] - start).values
        shown = (length > 0) & (said > -3 * max(1e-9, float(abs(one["along"] - start).max())))
        ax.plot(length[shown], said[shown], color=THEORY, lw=1.0, ls=_DASHES[1], label="gradient")
        ax.set(xscale="log", xlabel="step / weights")
        ax.xaxis.set_major_locator(FixedLocator([1e-6, 1e-4, 1e-2, 1.0]))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_title(format_dt(float(dt)), fontsize=10)
        ax.grid(True, axis="y", color=GRID, lw=0.6)
    axes[0, 0].set_ylabel("change of the loss")
    axes[0, 0].legend(loc="lower left")
    return fig, axes[0]


def estimators_figure(found: xr.Dataset) -> tuple[Figure, np.ndarray]:
    """Loss of the training batches with each estimator, its mean over the seeds; a panel a time step.

    Parameters
    ----------
    found : Dataset
        Of :func:`snntheory.experiments.step_size_estimators.study`, or its artefact "step-size-estimators".

    Returns
    -------
    (Figure, array of Axes)
    """
    course, steps = _table(found, "norm_ratio")["course"].mean("seed"), found["dt"].values
    fig, axes = plt.subplots(
        1, len(steps), squeeze=False, sharex=True, sharey=True, figsize=(1.2 + 2.4 * len(steps), 3.2)
    )
    for ax, dt in zip(axes[0], steps, strict=True):
        for k, name in enumerate(_names(found, "estimator")):
            look = {"color": PALETTE[k % len(PALETTE)], "ls": _DASHES[k % len(_DASHES)]}
            ax.plot(found["batch"], course.sel(estimator=name, dt=dt), lw=1.4, label=name, gid=name, **look)
        ax.set_title(format_dt(float(dt)), fontsize=10)
        ax.set_xlabel("batch")
        ax.grid(True, axis="y", color=GRID, lw=0.6)
    axes[0, 0].set_ylabel("loss of the batch")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3, handlelength=2.6)
    return fig, axes[0]


def _table(found: xr.Dataset, needs: str) -> xr.Dataset:
    if not isinstance(found, xr.Dataset) or needs not in found:
        raise TypeError(
            f"found must be a Dataset of the experiment step-size-accuracy with {needs!r}, "
            f"got {type(found).__name__}"
        )
    return found


def _names(found: xr.Dataset, dimension: str) -> list[str]:
    return [str(name) for name in found[dimension].values]


def _colour(dt: float, found: xr.Dataset) -> str:
    """From blue to orange over the steps of this table, which lie beyond those of the book's neuron."""
    return colour_for_dt(float(dt) / float(found["dt"].max()) * 0.016)


def _time_axis(ax: Axes, steps: np.ndarray) -> None:
    ax.set(xscale="log", xlabel="time step")
    ax.xaxis.set_major_locator(FixedLocator(steps.tolist()))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_dt(value).replace(" ms", "")))
    ax.set_xlabel("time step (ms)")
    ax.grid(True, axis="y", color=GRID, lw=0.6)
