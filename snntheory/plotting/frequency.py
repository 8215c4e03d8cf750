"""Figures of what a grid does to frequencies: images, warping, group delay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from ..linear import DiscreteNeuron, aliased_response, discretize, frequency_response
from ..neuron import CubaLIF
from .discretisation import SCHEME_COLOURS, _models
from .style import GRID, THEORY, axes_of, label_lines, plain_number

_DASHED = (0, (5, 2))
_PALE = ("#BBBBBB", "#999999", "#777777", "#555555")


def aliasing_figure(
    neuron: CubaLIF, dt: float, images: Sequence[int] = (1, 3), ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Gain of the exact scheme as the sum of the continuous response and its images around ``2 pi k / dt``.

    Parameters
    ----------
    neuron : CubaLIF
    dt : float
        Time step in seconds.
    images : sequence of int
        One grey curve for each: the modulus of the sum with so many images on either side.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
        In units of the Nyquist frequency, from a fiftieth of it to 1.
    """
    model = discretize(neuron, dt, "impulse_invariance")
    share = np.geomspace(0.02, 1.0, 400)
    omega = share * np.pi / dt
    true = np.abs(frequency_response(neuron, omega))
    first = np.abs(frequency_response(neuron, omega - 2 * np.pi / dt))
    exact = dt * np.abs(model.frequency_response(omega))
    fig, ax = axes_of(ax)
    ends = []
    ax.plot(share, exact, color=SCHEME_COLOURS[model.scheme.name], lw=2.4, gid="grid")
    ends.append((1.0, float(exact[-1]), "all images: the grid", SCHEME_COLOURS[model.scheme.name]))
    for k, colour in zip(images, np.resize(_PALE, len(images)), strict=True):
        total = np.abs(aliased_response(neuron, omega, dt, k))
        ax.plot(share, total, color=colour, lw=1.1, gid=f"{k} images")
        ends.append((1.0, float(total[-1]), f"{k} on either side", colour))
    ax.plot(share, true, color=THEORY, ls=_DASHED, lw=1.3, gid="continuous")
    ax.plot(share, first, color=THEORY, ls=":", lw=1.3, gid="first image")
    ends.append((1.0, float(true[-1]), "$|H|$", THEORY))
    ax.annotate(
        "first image",
        (share[200], first[200]),
        xytext=(0, -4),
        textcoords="offset points",
        va="top",
        fontsize=9,
        color=THEORY,
    )
    ax.set(xscale="log", yscale="log", xlabel="frequency over Nyquist's", ylabel="gain")
    ax.set_xlim(share[0], 1.0)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(plain_number))
    ax.grid(True, which="major", color=GRID, lw=0.5)
    label_lines(ax, ends)
    return fig, ax


def warping_figure(models: Sequence[DiscreteNeuron], ax: Axes | None = None) -> tuple[Figure, Axes]:
    """At which frequency a scheme reads the continuous neuron, against the frequency on the grid.

    Parameters
    ----------
    models : sequence of DiscreteNeuron
        Of schemes with a frequency map; the modulus of the point ``s`` where it reads is drawn. Both axes are in units
        of the Nyquist frequency, so the time step does not matter.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    models = _models(models)
    share = np.linspace(0.0, 0.999, 500)
    fig, ax = axes_of(ax)
    ax.plot([0, 1], [0, 1], color=THEORY, ls=_DASHED, lw=1.3)
    ends = [(1.0, 1.0, "no warping", THEORY)]
    for model in models:
        nyquist = np.pi / model.dt
        read = np.abs(model.warped(share * nyquist)) / nyquist
        colour = SCHEME_COLOURS[model.scheme.name]
        ax.plot(share, read, color=colour)
        shown = np.flatnonzero(read <= 2.0)[-1]
        ends.append((float(share[shown]), float(read[shown]), model.scheme.title, colour))
    ax.set(xlabel="frequency over Nyquist's", ylabel="read at, over Nyquist's")
    ax.set(xlim=(0, 1), ylim=(0, 2))
    ax.grid(True, which="major", color=GRID, lw=0.5)
    label_lines(ax, [(1.0, y, label, colour) for _, y, label, colour in ends])
    return fig, ax


def group_delay_figure(models: Sequence[DiscreteNeuron]) -> tuple[Figure, np.ndarray]:
    """Phase and group delay on the grid beside those of the neuron in continuous time.

    Parameters
    ----------
    models : sequence of DiscreteNeuron
        Of one neuron and one time step; schemes that share a curve may be left out.

    Returns
    -------
    (Figure, array of two Axes)
        Above the phase in degrees, below the group delay in milliseconds, up to the Nyquist frequency.
    """
    models = _models(models)
    neuron, dt = models[0].neuron, models[0].dt
    if any(model.neuron != neuron or model.dt != dt for model in models):
        raise ValueError(
            "models must be of one neuron and one dt: the response in continuous time is drawn with them"
        )
    low = 0.1 / (2 * np.pi * max(neuron.tau_mem, neuron.tau_syn))
    f = np.geomspace(low, 0.499 / dt, 500)
    omega = 2 * np.pi * f
    fig, axes = plt.subplots(2, 1, sharex=True, figsize=(6.4, 6.0))
    phase, delay = axes
    taus = np.array([[neuron.tau_mem], [neuron.tau_syn]])
    exact = (-np.arctan(omega * taus).sum(axis=0), (taus / (1 + (omega * taus) ** 2)).sum(axis=0))
    lines: list[tuple[Any, ...]] = [(exact[0], exact[1], "continuous", THEORY, _DASHED)]
    for model in models:
        colour = SCHEME_COLOURS[model.scheme.name]
        lines.append((model.phase(omega), model.group_delay(omega), model.scheme.title, colour, "-"))
    for turn, late, label, colour, style in lines:
        phase.plot(f, np.degrees(turn), color=colour, ls=style, lw=1.3 if label == "continuous" else 1.6)
        delay.plot(f, late * 1e3, color=colour, ls=style, lw=1.3 if label == "continuous" else 1.6)
    phase.set(xscale="log", ylabel="phase (degrees)")
    phase.set_yticks(np.arange(-360, 91, 90))
    drawn = np.degrees(np.concatenate([turn for turn, *_ in lines]))
    phase.set_ylim(drawn.min() - 15, max(drawn.max(), 0.0) + 15)
    delay.set(xlabel="frequency (Hz)", ylabel="group delay (ms)", xlim=(f[0], f[-1]))
    delay.xaxis.set_major_formatter(FuncFormatter(plain_number))
    for k, ax in enumerate(axes):
        ax.grid(True, which="major", color=GRID, lw=0.5)
        scale = np.degrees(1.0) if k == 0 else 1e3
        label_lines(ax, [(f[-1], float(line[k][-1]) * scale, line[2], line[3]) for line in lines])
    return fig, axes
