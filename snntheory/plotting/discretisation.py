"""Figures of what a time step does to the neuron below threshold: poles, time constants, filters, errors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MultipleLocator, NullFormatter
from numpy.typing import ArrayLike

from .. import _check
from ..linear import DiscreteNeuron, frequency_response
from ..linear import schemes as registry
from ..neuron import CubaLIF
from .style import GRID, PALETTE, THEORY, axes_of, colour_for_dt, format_dt, label_lines, plain_number

SCHEME_COLOURS = dict(
    zip(
        ("backward_euler", "forward_euler", "bilinear", "zoh", "impulse_invariance", "parker_sochacki"),
        PALETTE,
        strict=True,
    )
) | {
    # the four that are seldom drawn together with the six above: darker, so that they stay apart from them
    "semi_implicit": "#6A3D9A",
    "exponential_euler": "#8C510A",
    "scaled_impulse": "#7F7F7F",
    "delta": "#7A7A00",
}
"""Name of a scheme to its colour, the same in every figure."""

_DASHES: dict[Any, Any] = defaultdict(lambda: "-.", {1: "-", 2: "-", 3: (0, (5, 1.5)), 4: (0, (1.5, 1))})


def hidden_time_constant_figure(
    models: Sequence[DiscreteNeuron], ratio: ArrayLike | None = None, ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Time constant that the grid really has, relative to the intended one, against ``dt/tau``.

    A pole depends on ``dt/tau`` alone, so one curve per scheme serves both time constants. It is dotted where
    the pole is negative: the modulus still decays, the sign alternates.

    Parameters
    ----------
    models : sequence of DiscreteNeuron
        One curve for each scheme among them; a filled dot for the synapse and an open one for the membrane of
        each model.
    ratio : array_like, shape (n,), optional
        Values of ``dt/tau``.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    models = _models(models)
    x = np.geomspace(0.02, 3.0, 1200) if ratio is None else _check.array("ratio", ratio, ndim=1, minimum=0.0)
    fig, ax = axes_of(ax)
    ax.axhline(1, color=THEORY, lw=0.8)
    ends = []
    for title, group in _by_scheme(models).items():
        colour = SCHEME_COLOURS[group[0].scheme.name]
        pole = np.array([group[0].scheme.numbers(CubaLIF(1.0, 1.0), step)[0][0, 0] for step in x])
        with np.errstate(divide="ignore"):
            tau = -x / np.log(np.abs(pole))
        tau[np.abs(pole) >= 1] = np.nan
        for part, line in ((pole >= 0, "-"), (pole < 0, ":")):
            ax.plot(x, np.where(part, tau, np.nan), color=colour, ls=line)
        for model in group:
            effective = model.effective_time_constants
            for own, hidden, face in zip(
                (model.neuron.tau_mem, model.neuron.tau_syn), effective, ("white", colour), strict=True
            ):
                ax.plot(model.dt / own, hidden / own, "o", ms=4.5, color=colour, mfc=face, zorder=3)
        shown = np.flatnonzero((pole >= 0) & (tau > 0.2))
        ends.append((x[shown[-1]], tau[shown[-1]], title, colour))
    ax.set(
        xscale="log",
        xlabel=r"time step over time constant, $\Delta t/\tau$",
        ylabel=r"hidden over intended, $\tau'/\tau$",
    )
    ax.set_xlim(x.min(), x.max())
    ax.set_ylim(0.2, 2.3)
    ax.xaxis.set_major_formatter(FuncFormatter(plain_number))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.grid(True, which="major", color=GRID, lw=0.5)
    label_lines(ax, [(x.max(), min(y, 2.25), title, colour) for _, y, title, colour in ends])
    return fig, ax


def pole_figure(models: Sequence[DiscreteNeuron]) -> tuple[Figure, Axes]:
    """Both poles of every model on the real axis of the z-plane, one line per scheme, coloured by time step.

    All poles of the neuron are real, so the plane needs no second axis. Grey is outside the unit circle.

    Parameters
    ----------
    models : sequence of DiscreteNeuron

    Returns
    -------
    (Figure, Axes)
    """
    models = _models(models)
    groups = _by_scheme(models)
    poles = np.concatenate([model.poles for model in models])
    left, right = min(-1.15, poles.min() - 0.12), max(1.12, poles.max() + 0.12)
    fig, ax = plt.subplots(figsize=(6.4, 0.6 * len(groups) + 1.5))
    ax.axvspan(left, -1, color="#E6E6E6", lw=0)
    ax.axvspan(1, right, color="#E6E6E6", lw=0)
    ax.axvline(0, color="#999999", lw=0.8)
    for row, group in enumerate(groups.values()):
        ax.axhline(row, color=GRID, lw=0.8)
        for model in group:
            colour = colour_for_dt(model.dt)
            for pole, mark, lift in zip(model.poles, ("o", "s"), (0.17, -0.17), strict=True):
                ax.plot(pole, row + lift, mark, ms=5.5, color=colour, mfc="white" if mark == "o" else colour)
    ax.set_yticks(range(len(groups)), list(groups))
    ax.set(xlim=(left, right), ylim=(len(groups) - 0.4, -0.6), xlabel="pole $z$ (real axis)")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_locator(MultipleLocator(0.5))
    steps = sorted({model.dt for model in models})
    handles = [Line2D([], [], ls="", marker="o", color="#555555", mfc="white", label="membrane")]
    handles += [Line2D([], [], ls="", marker="s", color="#555555", label="synapse")]
    handles += [
        Line2D([], [], ls="", marker="D", ms=5, color=colour_for_dt(dt), label=format_dt(dt)) for dt in steps
    ]
    fig.legend(
        handles=handles, loc="outside upper center", ncols=len(handles), handletextpad=0.1, columnspacing=1.1
    )
    return fig, ax


def decay_figure(models: Sequence[DiscreteNeuron], t_max: float) -> tuple[Figure, np.ndarray]:
    """Free decay of the current from 1 for each model, one panel each, with the true decay behind it.

    Parameters
    ----------
    models : sequence of DiscreteNeuron
    t_max : float
        End of the time axis in seconds.

    Returns
    -------
    (Figure, array of Axes)
    """
    models = _models(models)
    end = _check.positive("t_max", t_max, "s")
    fig, axes = plt.subplots(1, len(models), figsize=(6.4, 2.7), squeeze=False)
    t = np.linspace(0, end, 400)
    for ax, model in zip(axes[0], models, strict=True):
        n = np.arange(int(end / model.dt + 1e-9) + 1)
        current = np.r_[1.0, model.simulate(np.zeros(n.size - 1), i0=1.0)[1]]
        ax.axhline(0, color=GRID, lw=0.8)
        ax.plot(t * 1e3, np.exp(-t / model.neuron.tau_syn), color=THEORY, lw=1.0)
        ax.plot(n * model.dt * 1e3, current, "o-", color=SCHEME_COLOURS[model.scheme.name], ms=4, lw=1.2)
        top = 1.3 * max(1.0, float(np.abs(current).max()))
        ax.set(xlabel="time (ms)", xlim=(-0.02 * end * 1e3, end * 1e3), ylim=(-top, top))
        ax.text(
            0.97,
            0.97,
            f"{model.scheme.title}, $\\Delta t$ = {format_dt(model.dt)}",
            transform=ax.transAxes,
            ha="right",
            va="top",
            fontsize=9,
        )
    axes[0, 0].set_ylabel("current $i_n / i_0$")
    return fig, axes[0]


def response_figure(models: Sequence[DiscreteNeuron]) -> tuple[Figure, np.ndarray]:
    """Gain of ``dt H_d`` beside that of the neuron in continuous time, and the error of its phase.

    Parameters
    ----------
    models : sequence of DiscreteNeuron
        Of one neuron. Coloured by time step when they share a scheme, by scheme otherwise. Each is drawn up
        to its own Nyquist frequency.

    Returns
    -------
    (Figure, array of two Axes)
    """
    models = _models(models)
    neuron = models[0].neuron
    if any(model.neuron != neuron for model in models):
        raise ValueError("models must be of one neuron: its own response is drawn for comparison")
    by_dt = len({model.scheme.title for model in models}) == 1
    low = 0.1 / (2 * np.pi * max(neuron.tau_mem, neuron.tau_syn))
    high = 0.5 / min(model.dt for model in models)
    fig, axes = plt.subplots(2, 1, sharex=True, figsize=(6.4, 6.2), height_ratios=(3, 2))
    gain, phase = axes
    f = np.geomspace(low, high, 600)
    exact = np.abs(frequency_response(neuron, 2 * np.pi * f))
    gain.plot(f, exact, color=THEORY, lw=1.2, ls=(0, (5, 2)))
    phase.axhline(0, color=THEORY, lw=1.0, ls=(0, (5, 2)))
    ends: tuple[list[Any], list[Any]] = ([], [])
    ends_of_gain = [
        model.dt * abs(complex(model.frequency_response(0.999 * np.pi / model.dt))) for model in models
    ]
    floor = max(min(*ends_of_gain, exact[-1]) / 1.6, exact[-1] / 12)
    for model in models:
        colour = colour_for_dt(model.dt) if by_dt else SCHEME_COLOURS[model.scheme.name]
        name = format_dt(model.dt) if by_dt else model.scheme.title
        f = np.r_[
            np.geomspace(low, 0.499 / model.dt, 800), 0.5 / model.dt * np.linspace(0.9981, 0.999999, 20)
        ]
        reference = frequency_response(neuron, 2 * np.pi * f)
        h = model.dt * model.frequency_response(2 * np.pi * f)
        gain.plot(f, np.where(np.abs(h) > floor / 3, np.abs(h), np.nan), color=colour)
        lead = np.degrees(np.unwrap(np.angle(h / reference)))
        phase.plot(f, lead, color=colour)
        ends[0].append((f[-1], max(float(np.abs(h[-1])), floor), name, colour))
        ends[1].append((f[-1], float(lead[-1]), name, colour))
    gain.set(xscale="log", yscale="log", ylabel=r"gain $|\Delta t\,H_d|$ and $|H|$")
    gain.set_ylim(bottom=floor / 1.3)
    phase.set(ylabel="phase error (degrees)", xlabel="frequency (Hz)", xlim=(low, high))
    phase.yaxis.set_major_locator(MultipleLocator(90))
    phase.xaxis.set_major_formatter(FuncFormatter(plain_number))
    gain.yaxis.set_major_formatter(FuncFormatter(plain_number))
    for ax in axes:
        ax.grid(True, which="major", color=GRID, lw=0.5)
    ends[0].append((high, float(exact[-1]), "$H$", THEORY))
    label_lines(gain, ends[0])
    if not by_dt:  # with one scheme the colours are explained above, and the curves end alike
        label_lines(phase, ends[1])
    return fig, axes


def order_figure(
    dt: ArrayLike,
    schemes: Sequence[tuple[str, int | None]],
    errors: Mapping[str, ArrayLike],
    ylabel: str = "rms error of the voltage",
) -> tuple[Figure, np.ndarray]:
    """Error against the time step for several schemes, with grey lines of slope 1, 2 and 4 to compare with.

    Parameters
    ----------
    dt : array_like, shape (n_dt,)
        Time steps in seconds.
    schemes : sequence of (name, order)
        As `snntheory.discretize` takes them.
    errors : mapping of str to array_like, shape (n_schemes, n_dt)
        One panel each; the key is written above it.
    ylabel : str
        Which error it is.

    Returns
    -------
    (Figure, array of Axes)
    """
    dt = _check.array("dt", dt, ndim=1, minimum=0.0)
    declared = [registry.get(name, order) for name, order in schemes]
    panels = {text: _check.array(f"errors[{text!r}]", values, ndim=2) for text, values in errors.items()}
    if not panels:
        raise ValueError("errors is empty; give at least one panel")
    for text, values in panels.items():
        if values.shape != (len(declared), dt.size):
            raise ValueError(
                f"errors[{text!r}] must have one row per scheme and one column per time step, "
                f"({len(declared)}, {dt.size}), got {values.shape}"
            )
    fig, grid = plt.subplots(1, len(panels), sharey=True, figsize=(6.8, 4.2), squeeze=False)
    for ax, (text, values) in zip(grid[0], panels.items(), strict=True):
        for scheme, error in zip(declared, values, strict=True):
            dash = _DASHES[scheme.order if scheme.name == "parker_sochacki" else 2]
            ax.plot(
                dt * 1e3,
                np.maximum(error, 1e-17),
                "o",
                ls=dash,
                ms=3.5,
                lw=1.2,
                color=SCHEME_COLOURS[scheme.name],
                label=scheme.title,
            )
        ax.set(xscale="log", yscale="log", xlabel=r"time step $\Delta t$ (ms)")
        ax.minorticks_off()
        ax.set_xticks(np.sort(dt * 1e3), [f"{step:g}" for step in np.sort(dt * 1e3)])
        ax.grid(True, which="major", color=GRID, lw=0.5)
        ax.text(0.0, 1.02, text, transform=ax.transAxes, va="bottom", fontsize=9.5)
    _slopes(grid[0, 0], dt, next(iter(panels.values())))
    grid[0, -1].legend(loc="lower right", fontsize=8.5)
    grid[0, 0].set_ylabel(ylabel)
    return fig, grid[0]


def _slopes(ax: Axes, dt: np.ndarray, errors: np.ndarray) -> None:
    """A fan of grey lines, below the errors that are above rounding."""
    last = errors[:, int(np.argmax(dt))]
    top = 1e-5 * float(last[last > 1e-12].min(initial=1.0))
    step = np.array([dt.max() / 5, dt.max()])
    for slope in (1, 2, 4):
        line = top * (step / step[1]) ** slope
        ax.plot(step * 1e3, line, color="#888888", lw=0.9, ls=(0, (4, 2)))
        ax.annotate(
            f"slope {slope}",
            (step[0] * 1e3, line[0]),
            xytext=(-3, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=8,
            color="#666666",
        )


def _models(models: Sequence[DiscreteNeuron]) -> list[DiscreteNeuron]:
    models = list(models)
    if not models:
        raise ValueError(
            "models is empty; give at least one, for example discretize(neuron, 0.001, 'bilinear')"
        )
    wrong = [model for model in models if not isinstance(model, DiscreteNeuron)]
    if wrong:
        raise TypeError(f"models must hold what discretize returns, got {type(wrong[0]).__name__}")
    return models


def _by_scheme(models: Sequence[DiscreteNeuron]) -> dict[str, list[DiscreteNeuron]]:
    groups: dict[str, list[DiscreteNeuron]] = {}
    for model in models:
        groups.setdefault(model.scheme.title, []).append(model)
    return groups
