"""Figures of spikes on a grid: where they are placed, how their times converge, what is hidden, moved or cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from numpy.typing import ArrayLike

from .. import _check
from ..linear import response
from ..neuron import CubaLIF
from ..spiking import displacement, spike_train
from ..spiking.parker_sochacki import split_step
from .style import GRID, PALETTE, THEORY, axes_of, colour_for_dt, format_dt, label_lines, plain_number


def spike_placement_figure(
    runs: Mapping[str, xr.Dataset], reference: xr.Dataset
) -> tuple[Figure, np.ndarray]:
    """Voltages of clocked runs over a reference, with the spikes of each above it; one panel a run.

    Parameters
    ----------
    runs : mapping of str to Dataset
        What :func:`snntheory.spiking.simulate` returns; the key is written into the panel.
    reference : Dataset
        The same, with a step so fine that it passes for continuous time.

    Returns
    -------
    (Figure, array of Axes)
    """
    if not runs:
        raise ValueError("runs is empty; give at least one, for example {'grid': simulate(...)}")
    fig, grid = plt.subplots(
        len(runs), 1, sharex=True, sharey=True, figsize=(6.6, 1.9 * len(runs) + 0.5), squeeze=False
    )
    threshold = float(reference.attrs["v_threshold"])
    t, u = reference["time"].values * 1e3, reference["voltage"].values[0, 0]
    top = max(float(run["voltage"].max()) for run in (*runs.values(), reference))
    unit = max(top, threshold) / 1.5
    marks = max(top, threshold) + 0.12 * unit
    for ax, (label, run), colour in zip(grid[:, 0], runs.items(), PALETTE, strict=False):
        ax.axhline(threshold, color="#888888", lw=0.8, ls=(0, (4, 2)))
        ax.plot(t, u, color=THEORY, lw=1.0)
        ax.plot(run["time"] * 1e3, run["voltage"].values[0, 0], "o-", ms=3.5, lw=1.0, color=colour)
        for train, height, shade in ((spike_train(reference), 0.14, THEORY), (spike_train(run), 0.0, colour)):
            ax.vlines(
                train * 1e3,
                marks + height * unit,
                marks + (height + 0.11) * unit,
                color=shade,
                lw=1.4,
            )
        ax.text(0.0, 1.01, label, transform=ax.transAxes, ha="left", va="bottom", fontsize=9, color=colour)
        ax.set_ylabel("voltage $u$")
    grid[-1, 0].set_xlabel("time (ms)")
    grid[0, 0].set_xlim(0, float(t[-1]))
    grid[0, 0].set_ylim(top=marks + 0.3 * unit)
    return fig, grid[:, 0]


def spike_order_figure(
    study: xr.Dataset, labels: Mapping[str, str], slopes: Sequence[int] = (1, 2, 4), ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Error of spike times against the time step, for chosen methods of an order study.

    Parameters
    ----------
    study : Dataset
        What :func:`snntheory.spiking.order_study` returns.
    labels : mapping of str to str
        Label of a method in the study (``Method.label``) to the words beside its line.
    slopes : sequence of int
        Grey lines to compare with.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    known = study["variant"].values.tolist()
    for label in labels:
        _check.choice("labels", label, known)
    fig, ax = axes_of(ax)
    dt = study["dt"].values * 1e3
    ends = []
    for (label, words), colour, mark in zip(labels.items(), PALETTE * 3, "osD^v<>ph" * 3, strict=False):
        error = study["error"].sel(variant=label).values * 1e3
        shown = np.where(error > 1e-13, error, np.nan)
        ax.plot(dt, shown, marker=mark, ms=4, lw=1.3, color=colour)
        last = np.flatnonzero(np.isfinite(shown))
        if last.size:
            ends.append((dt[0], shown[0], words, colour))
    ax.set(
        xscale="log",
        yscale="log",
        xlabel=r"time step $\Delta t$ (ms)",
        ylabel="largest error of a spike time (ms)",
    )
    ax.minorticks_off()
    ax.set_xticks(np.sort(dt), [f"{step:.3g}" for step in np.sort(dt)])
    ax.grid(True, which="major", color=GRID, lw=0.5)
    bottom = ax.get_ylim()[0]
    for slope in slopes:
        x = np.array([dt.min(), dt.min() * 4])
        line = bottom * 3 * (x / x[0]) ** slope
        ax.plot(x, line, color="#888888", lw=0.9, ls=(0, (4, 2)))
        ax.annotate(
            f"slope {slope}",
            (x[1], line[1]),
            xytext=(3, 0),
            textcoords="offset points",
            fontsize=8,
            color="#666666",
        )
    ax.set_xlim(dt.min() / 1.1, dt.max() * 1.1)
    label_lines(ax, ends)
    return fig, ax


def locking_figure(
    current: ArrayLike, rates: Mapping[float, ArrayLike], exact: ArrayLike
) -> tuple[Figure, np.ndarray]:
    """Rate of a neuron under constant current on grids of several steps, and its difference to the exact rate.

    Parameters
    ----------
    current : array_like, shape (n,)
    rates : mapping of float to array_like, shape (n,)
        Time step in seconds to rates in hertz.
    exact : array_like, shape (n,)
        Rates in continuous time.

    Returns
    -------
    (Figure, array of two Axes)
    """
    x, exact = _check.array("current", current, ndim=1), _check.array("exact", exact, ndim=1)
    fig, axes = plt.subplots(2, 1, sharex=True, figsize=(6.4, 5.0), height_ratios=(3, 2))
    axes[0].plot(x, exact, color=THEORY, lw=1.2)
    axes[1].axhline(0, color=THEORY, lw=1.0)
    ends = []
    for dt, rate in rates.items():
        values, colour = _check.array("rates", rate, ndim=1), colour_for_dt(dt)
        axes[0].plot(x, values, color=colour, lw=1.2)
        axes[1].plot(x, values - exact, color=colour, lw=1.0)
        ends.append((x[-1], values[-1], format_dt(dt), colour))
    axes[0].set_ylabel("rate (Hz)")
    axes[1].set(xlabel="constant current", ylabel="rate - exact (Hz)", xlim=(x[0], x[-1]))
    label_lines(axes[0], [*ends, (x[-1], exact[-1], "exact", THEORY)])
    for ax in axes:
        ax.grid(True, which="major", color=GRID, lw=0.5)
    return fig, axes


def hidden_spikes_figure(found: xr.Dataset, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Share of spikes that no grid point shows, against the time step, with the square law through the coarsest.

    Parameters
    ----------
    found : Dataset
        What :func:`snntheory.spiking.hidden_spikes` returns.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    fig, ax = axes_of(ax)
    dt, share = found["dt"].values * 1e3, (found["hidden"] / found["spikes"]).values
    counts = np.maximum(found["hidden"].values, 1)
    good = found["hidden"].values > 0
    ax.errorbar(
        dt[good],
        share[good],
        yerr=(share / np.sqrt(counts))[good],
        fmt="o",
        color=PALETTE[0],
        ms=5,
        capsize=2,
        lw=1.0,
    )
    line = np.geomspace(dt.min(), dt.max(), 50)
    ax.plot(line, share[0] * (line / dt[0]) ** 2, color="#888888", lw=1.0, ls=(0, (4, 2)), gid="square law")
    ax.annotate(
        r"$\propto \Delta t^2$",
        (line[25], share[0] * (line[25] / dt[0]) ** 2),
        xytext=(8, -10),
        textcoords="offset points",
        fontsize=9,
        color="#666666",
    )
    ax.set(xscale="log", yscale="log", xlabel=r"time step $\Delta t$ (ms)", ylabel="share of hidden spikes")
    ax.minorticks_off()
    ax.set_xticks(np.sort(dt), [f"{step:.3g}" for step in np.sort(dt)])
    ax.grid(True, which="major", color=GRID, lw=0.5)
    return fig, ax


def displacement_figure(
    times: ArrayLike, steps: ArrayLike, lattice: float, marked: Sequence[tuple[int, int]] = ()
) -> tuple[Figure, Axes]:
    """Mean displacement of times on a lattice, in units of the step, against the step.

    Parameters
    ----------
    times : array_like, shape (n,)
        Seconds.
    steps : array_like, shape (n_dt,)
        Time steps in seconds.
    lattice : float
        Seconds; the axis above counts in it.
    marked : sequence of (p, q)
        Steps ``lattice p / q`` to name.

    Returns
    -------
    (Figure, Axes)
    """
    dts = np.sort(_check.array("steps", steps, ndim=1))
    fig, ax = plt.subplots(figsize=(6.6, 3.9))
    ax.axhline(0.5, color=THEORY, lw=0.9, ls=(0, (4, 2)))
    for rounding, colour in (("next", PALETTE[1]), ("ceil", PALETTE[0])):
        mean = np.array([displacement(times, dt, rounding).mean() / dt for dt in dts])
        ax.plot(dts * 1e3, mean, color=colour, lw=0.9, label=f'"{rounding}"')
        for p, q in marked:
            dt = lattice * p / q
            value = displacement(times, dt, rounding).mean() / dt
            ax.plot(dt * 1e3, value, "o", ms=4, color=colour)
            if rounding == "next":
                text = f"{p}" if q == 1 else f"{p}/{q}"
                ax.annotate(
                    text,
                    (dt * 1e3, value),
                    xytext=(0, 5),
                    textcoords="offset points",
                    ha="center",
                    fontsize=8,
                )
    ax.set(xscale="log", xlabel=r"time step $\Delta t$ (ms)", ylabel=r"mean displacement / $\Delta t$")
    ax.set_xlim(dts[0] * 1e3, dts[-1] * 1e3)
    ax.set_ylim(-0.04, 1.1)
    ax.xaxis.set_major_formatter(FuncFormatter(plain_number))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.legend(loc="lower right")
    ax.grid(True, which="major", color=GRID, lw=0.5)
    return fig, ax


def cut_step_figure(
    neuron: CubaLIF,
    u: float,
    i: float,
    dt: float,
    order: int,
    fractions: Sequence[float] = (0.0, 0.1, 0.25, 0.5),
    n_steps: int = 4,
) -> tuple[Figure, np.ndarray]:
    """A free neuron integrated by power series whose steps are cut at different places, and what the cut changes.

    Left: voltages at the grid points, and the exact solution. Right: voltage after one step against the place of the
    cut, for the order given and its neighbours.

    Parameters
    ----------
    neuron : CubaLIF
        Its threshold is not used.
    u, i : float
        State at time 0.
    dt : float
        Time step in seconds.
    order : int
        Order of the series, at least 2.
    fractions : sequence of float
        Places of the cut; 0 is none. A cut at ``f`` and one at ``1 - f`` give the same.
    n_steps : int

    Returns
    -------
    (Figure, array of two Axes)
    """
    order = _check.integer("order", order, minimum=2)
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.0, 3.6))
    t = np.linspace(0, n_steps * dt, 400)
    left.plot(t * 1e3, response(neuron, t, [], [], v0=u, i0=i), color=THEORY, lw=1.2, label="exact")
    for fraction, colour in zip(fractions, PALETTE, strict=False):
        states = [(u, i)]
        for _ in range(n_steps):
            after = split_step(neuron, *states[-1], dt, [fraction], order)
            states.append((float(after[0][0]), float(after[1][0])))
        label = "uncut" if fraction == 0 else f"cut at {fraction:g} $\\Delta t$"
        left.plot(
            np.arange(n_steps + 1) * dt * 1e3,
            [state[0] for state in states],
            "o-",
            color=colour,
            ms=4,
            lw=1.0,
            label=label,
        )
    left.set(xlabel="time (ms)", ylabel="voltage $u$")
    left.legend(fontsize=8)
    places = np.linspace(0, 1, 201)
    exact = float(response(neuron, dt, [], [], v0=u, i0=i))
    right.axhline(exact, color=THEORY, lw=1.2)
    ends = [(1.0, exact, "exact", THEORY)]
    for p, colour in zip((order - 1, order, order + 1), PALETTE[3:], strict=False):
        values = split_step(neuron, u, i, dt, places, p)[0]
        right.plot(places, values, color=colour, lw=1.4)
        ends.append((1.0, float(values[-1]), f"order {p}", colour))
    right.set(xlabel=r"place of the cut ($\Delta t$)", ylabel="voltage after one step", xlim=(0, 1))
    label_lines(right, ends)
    for ax in (left, right):
        ax.grid(True, which="major", color=GRID, lw=0.5)
    return fig, np.array([left, right])
