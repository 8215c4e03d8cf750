"""Figures of populations: moments, rates, densities of (u, i), their evolution and response, a trained layer."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import ArrayLike

from .. import _check
from ..linear import UnstableStep, discretize
from ..neuron import CubaLIF
from ..population import (
    Evolution,
    StationaryDensity,
    coloured_rate,
    discrete_moments,
    free_moments,
    grid_rate,
    siegert,
)
from .discretisation import SCHEME_COLOURS
from .style import PALETTE, THEORY, axes_of, format_dt, label_lines, plain_number

_HIGHEST = 4.0  # variance over the exact one: beyond it a scheme is about to be unstable
_GUIDE: dict[str, Any] = {"color": "#777777", "lw": 0.9, "ls": (0, (2, 2))}


def moments_figure(
    neuron: CubaLIF,
    rate: float,
    weight: float,
    steps: ArrayLike,
    schemes: Sequence[str],
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Variance of the free voltage in the chain of each scheme, relative to continuous time, against the time step.

    Parameters
    ----------
    neuron : CubaLIF
    rate, weight : float
        Poisson input in hertz, and its canonical weight.
    steps : array_like
        Time steps in seconds, ascending. A curve ends before the steps at which its scheme is unstable.
    schemes : sequence of str
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    fig, ax = axes_of(ax)
    dt = _check.array("steps", steps, ndim=1)
    exact = free_moments(neuron, rate, weight)[1][0, 0]
    ends = []
    for name in schemes:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnstableStep)
            models = [discretize(neuron, h, name) for h in dt]
        stable = [model for model in models if model.is_stable]
        ratio = np.array([discrete_moments(model, rate, weight)[1][0, 0] for model in stable]) / exact
        ax.plot(1e3 * dt[: len(stable)], ratio, color=SCHEME_COLOURS[name])
        shown = np.flatnonzero(ratio <= _HIGHEST)
        if shown.size:
            at = shown[-1]
            ends.append((1e3 * dt[at], ratio[at], models[0].scheme.title, SCHEME_COLOURS[name]))
    ax.set_ylim(top=min(ax.get_ylim()[1], _HIGHEST))
    ax.axhline(1, **_GUIDE)
    ax.set(
        xlabel="time step (ms)", ylabel="variance of the voltage, chain over exact", xlim=(0, dt[-1] * 1e3)
    )
    label_lines(ax, ends)
    return fig, ax


def rate_curves_figure(
    neuron: CubaLIF,
    sigma: float,
    mu: ArrayLike,
    dt: float,
    points: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Firing rate against the mean input: white noise, with a synapse, and on a time grid.

    Parameters
    ----------
    neuron : CubaLIF
    sigma : float
    mu : array_like
        Ascending.
    dt : float
        Seconds, of the time grid.
    points : mapping of str to (mu, rate), optional
        Other results, drawn as dots with a legend.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    fig, ax = axes_of(ax)
    mu = _check.array("mu", mu, ndim=1)
    ends = (neuron.v_reset, neuron.v_threshold, neuron.tau_mem)
    curves = {
        "white noise": siegert(mu, sigma, *ends),
        f"synapse of {format_dt(neuron.tau_syn)}": coloured_rate(mu, sigma, *ends, tau_syn=neuron.tau_syn),
        f"white noise, grid of {format_dt(dt)}": grid_rate(mu, sigma, *ends, dt=dt),
    }
    for (name, curve), colour in zip(curves.items(), (THEORY, PALETTE[0], PALETTE[1]), strict=True):
        ax.plot(mu, curve, color=colour, label=name)
    for (name, (x, y)), marker in zip((points or {}).items(), "os^v", strict=False):
        ax.plot(x, y, marker, mfc="white", ms=5, color="#444444", label=name)
    ax.axvline(neuron.v_threshold, **_GUIDE)
    ax.set(xlabel="mean free voltage", ylabel="rate (Hz)", xlim=(mu[0], mu[-1]), ylim=(0, None))
    ax.legend(loc="upper left")
    return fig, ax


def two_laws_figure(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike | None]], ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Share of the rate that a time grid loses, against the time step, with guides of slope one half and one.

    Parameters
    ----------
    curves : mapping of str to (dt in seconds, loss, standard error or None)
        Losses relative to the rate in continuous time. The first curve carries the guide of slope one half, the last
        one that of slope one.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    fig, ax = axes_of(ax)
    labels = []
    for k, (name, (steps, loss, error)) in enumerate(curves.items()):
        dt, lost = np.asarray(steps, dtype=float), np.asarray(loss, dtype=float)
        colour = (THEORY, *PALETTE)[k % 7]
        if error is None:
            ax.plot(dt * 1e3, 100 * lost, color=colour)
        else:
            ax.errorbar(dt * 1e3, 100 * lost, 200 * np.asarray(error), fmt="o", ms=4, lw=1, color=colour)
            ax.plot(dt * 1e3, 100 * lost, color=colour, lw=0.8)
        if k in (0, len(curves) - 1):
            power = 0.5 if k == 0 else 1.0
            ax.plot(dt * 1e3, 70 * lost[-1] * (dt / dt[-1]) ** power, **_GUIDE)
        labels.append((dt[-1] * 1e3, 100 * float(lost[-1]), name, colour))
    ax.set(xscale="log", yscale="log", xlabel="time step (ms)", ylabel="lost rate (%)")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(plain_number))
    label_lines(ax, labels)
    return fig, ax


def scheme_rates_figure(
    names: Sequence[str],
    rates: ArrayLike,
    errors: ArrayLike,
    exact: float,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Rates of several updates as dots beside the exact one.

    Parameters
    ----------
    names : sequence of str
        From top to bottom.
    rates, errors : array_like
        Hertz; the errors are drawn twice their size to either side.
    exact : float
        Hertz: a vertical line.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    if ax is None:
        fig, ax = plt.subplots(figsize=(6.4, 0.9 + 0.27 * len(names)))
    else:
        fig, ax = axes_of(ax)
    rates, errors = np.asarray(rates, dtype=float), np.asarray(errors, dtype=float)
    row = np.arange(len(names))[::-1]
    ax.axvline(exact, color=THEORY, lw=1.1, ls=(0, (4, 2)))
    ax.hlines(row, exact, rates, color="#BBBBBB", lw=1.2)
    ax.errorbar(rates, row, xerr=2 * errors, fmt="o", ms=6, color=PALETTE[0])
    ax.set_yticks(row, names)
    ax.set(xlabel="rate (Hz)", ylim=(-0.6, len(names) - 0.4))
    return fig, ax


def density_figure(density: StationaryDensity) -> tuple[Figure, np.ndarray]:
    """The joint density of voltage and current, with both marginals.

    Parameters
    ----------
    density : StationaryDensity

    Returns
    -------
    (Figure, array of 3 Axes)
        Joint density (colour, logarithmic), density of the voltage above it, of the current beside it.
    """
    fig, grid = plt.subplots(
        2, 2, figsize=(6.4, 5.0), sharex="col", sharey="row",
        gridspec_kw={"width_ratios": (4, 1), "height_ratios": (1, 3)},
    )  # fmt: skip
    (above, corner), (joint, beside) = grid
    corner.set_visible(False)
    cells, neuron = density.grid, density.grid.neuron
    top = density.density.max()
    shown = np.clip(density.density.T, 1e-4 * top, None)
    image = joint.pcolormesh(cells.u_faces, cells.i_faces, shown, norm=LogNorm(1e-4 * top, top), cmap="Blues")
    image.set_rasterized(True)
    joint.axhline(neuron.v_threshold / neuron.r, **_GUIDE)
    joint.axvline(cells.u_faces[cells.first], **_GUIDE)
    joint.set(xlabel="voltage $u$", ylabel="current $i$")
    ends = cells.u_faces[-1], neuron.v_threshold / neuron.r
    joint.annotate(
        r"$R\,i = $ threshold",
        (cells.u_faces[0], ends[1]),
        xytext=(4, 3),
        textcoords="offset points",
        fontsize=8.5,
    )
    spread = np.sqrt(cells.drive.variance)
    joint.set_ylim(
        max(cells.drive.mean - 4.5 * spread, cells.i_faces[0]),
        min(cells.drive.mean + 4.5 * spread, cells.i_faces[-1]),
    )
    low = cells.u_faces[cells.first], joint.get_ylim()[0]
    joint.annotate("reset", low, xytext=(4, 4), textcoords="offset points", fontsize=8.5)
    above.plot(density.u, density.voltage_density, color=PALETTE[0])
    above.set(ylabel="density", ylim=(0, None))
    beside.plot(density.current_density, density.i, color=PALETTE[0])
    beside.set(xlabel="density", xlim=(0, None))
    return fig, np.array([joint, above, beside])


def voltage_densities_figure(
    densities: Mapping[str, tuple[ArrayLike, ArrayLike]], v_threshold: float, ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Densities of the voltage of several cases.

    Parameters
    ----------
    densities : mapping of str to (voltage, density)
    v_threshold : float
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    fig, ax = axes_of(ax)
    for k, (name, (u, density)) in enumerate(densities.items()):
        ax.plot(u, density, color=(THEORY, *PALETTE)[k % 7], label=name)
    ax.axvline(v_threshold, **_GUIDE)
    ax.set(xlabel="voltage", ylabel="density", ylim=(0, None))
    ax.legend(loc="upper left")
    return fig, ax


def evolution_figure(
    run: Evolution, stationary_rate: float, counts: tuple[ArrayLike, ArrayLike] | None = None
) -> tuple[Figure, np.ndarray]:
    """A density in time: the voltage's density at the saved times, and the rate.

    Parameters
    ----------
    run : Evolution
        With saved densities.
    stationary_rate : float
        Hertz: a dashed line.
    counts : (time, rate), optional
        A simulation's rate in bins, drawn in grey.

    Returns
    -------
    (Figure, array of 2 Axes)
    """
    fig, axes = plt.subplots(2, 1, figsize=(6.4, 5.2), gridspec_kw={"height_ratios": (3, 2)})
    width = np.diff(run.grid.i_faces)[0]
    later = run.saved_time > 0  # a start from one state is a needle
    shades = plt.get_cmap("viridis")(np.linspace(0.0, 0.88, int(later.sum())))
    for at, density, shade in zip(run.saved_time[later], run.density[later], shades, strict=True):
        axes[0].plot(run.grid.u, density.sum(axis=1) * width, color=shade, label=f"{at * 1e3:.3g} ms")
    axes[0].axvline(run.grid.u_faces[-1], **_GUIDE)
    axes[0].set(xlabel="voltage", ylabel="density")
    axes[0].set_ylim(0, None)
    axes[0].legend(ncols=2)
    if counts is not None:
        axes[1].plot(np.asarray(counts[0]) * 1e3, counts[1], color="#AAAAAA", lw=1.0, drawstyle="steps-mid")
    axes[1].axhline(stationary_rate, color=THEORY, lw=1.1, ls=(0, (4, 2)))
    axes[1].plot(run.time * 1e3, run.rate, color=PALETTE[0])
    axes[1].set(xlabel="time (ms)", ylabel="rate (Hz)", xlim=(0, run.time[-1] * 1e3), ylim=(0, None))
    return fig, axes


def response_to_modulation_figure(
    frequency: ArrayLike, responses: Mapping[str, ArrayLike]
) -> tuple[Figure, np.ndarray]:
    """Gain and phase of the rate's response to a modulated input, against frequency.

    Parameters
    ----------
    frequency : array_like
        Hertz.
    responses : mapping of str to array of complex
        Hertz per unit of the modulation.

    Returns
    -------
    (Figure, array of 2 Axes)
    """
    fig, axes = plt.subplots(2, 1, sharex=True, figsize=(6.4, 4.6))
    for k, (name, response) in enumerate(responses.items()):
        colour, value = PALETTE[k % len(PALETTE)], np.asarray(response)
        axes[0].plot(frequency, np.abs(value), color=colour, label=name)
        axes[1].plot(frequency, np.degrees(np.unwrap(np.angle(value))), color=colour)
    axes[0].set(yscale="log", xscale="log", ylabel="gain (Hz per unit)")
    axes[1].set(xlabel="frequency (Hz)", ylabel="phase (degrees)")
    for axis in (axes[0].yaxis, axes[1].xaxis):
        axis.set_major_formatter(FuncFormatter(plain_number))
    axes[0].legend()
    return fig, axes


def prediction_figure(prediction: xr.Dataset, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Predicted against measured rates of a recorded layer.

    Parameters
    ----------
    prediction : xarray.Dataset
        Of :func:`snntheory.population.predict_recording`.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    if ax is None:
        fig, ax = plt.subplots(figsize=(4.8, 4.4))
    else:
        fig, ax = axes_of(ax)
    busy = prediction.where(prediction["measured"] > 0, drop=True)
    ends = np.array([0.1, 1.5 * float(busy["measured"].max())])
    ax.plot(ends, ends, **_GUIDE)
    error = 2 * busy["standard_error"].values
    measured = busy["measured"].values
    below = np.minimum(error, 0.9 * measured)
    ax.errorbar(busy["chain"], measured, [below, error], fmt="o", ms=5, lw=1, color=PALETTE[0])
    ax.set(
        xscale="log",
        yscale="log",
        xlim=ends,
        ylim=ends,
        xlabel="predicted rate (Hz)",
        ylabel="measured rate (Hz)",
    )
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(plain_number))
    ax.set_aspect("equal")
    return fig, ax
