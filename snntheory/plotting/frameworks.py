"""Figures of what frameworks integrate: their responses to one spike, and what the time step does to them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from numpy.typing import ArrayLike

from .. import _check
from ..linear import kernel, peak_time
from ..linear.frameworks import Framework, overview
from ..neuron import CubaLIF
from .style import GRID, PALETTE, THEORY, label_lines, plain_number

_MARKERS = "os^Dv<>P"


def framework_psp_figure(
    frameworks: Sequence[Framework], neuron: CubaLIF, dt: float, recipe: str = "usual"
) -> tuple[Figure, np.ndarray]:
    """Response to one spike of canonical weight 1 in each framework, and its error, both in units of the true peak.

    Frameworks whose samples agree to a thousandth of the peak share a colour and a line of the legend. Those that
    cannot be this neuron at this step (a shift by no bits, an unstable update) are left out and named above the figure.

    Parameters
    ----------
    frameworks : sequence of Framework
    neuron : CubaLIF
    dt : float
        Time step in seconds.
    recipe : {"usual", "exact"}
        What was typed; see :meth:`snntheory.linear.frameworks.Framework.parameters_for`.

    Returns
    -------
    (Figure, array of two Axes)

    Raises
    ------
    ValueError
        No framework can be this neuron at this step.
    """
    dt = _check.positive("dt", dt, "s")
    n = np.arange(int(5 * peak_time(neuron) / dt) + 2)
    fine = np.linspace(0, n[-1] * dt, 600)
    peak = float(kernel(neuron, peak_time(neuron)))
    groups: list[tuple[np.ndarray, list[str]]] = []
    left_out: list[str] = []
    for framework in frameworks:
        try:
            gain = framework.parameters_for(neuron, dt, recipe).weight_gain
        except ValueError:
            left_out.append(framework.title)
            continue
        response = gain * framework.discretize(neuron, dt, recipe).simulate(n == 0)[0] / peak
        for samples, titles in groups:
            if np.abs(samples - response).max() < 1e-3:
                titles.append(framework.title)
                break
        else:
            groups.append((response, [framework.title]))
    if not groups:
        raise ValueError(
            f"none of {', '.join(left_out) or 'no frameworks'} can be this neuron at dt={dt:g} s; choose a smaller dt"
        )
    fig, axes = plt.subplots(2, 1, sharex=True, figsize=(6.4, 6.6), height_ratios=(3, 2))
    _name_left_out(axes[0], left_out, f"cannot be this neuron at {1e3 * dt:g} ms")
    axes[0].plot(1e3 * fine, kernel(neuron, fine) / peak, color=THEORY, lw=1.2, label="continuous time")
    exact = kernel(neuron, n * dt) / peak
    axes[1].axhline(0, color=THEORY, lw=1.2)
    for number, (samples, titles) in enumerate(groups):
        look = {
            "color": PALETTE[number % len(PALETTE)],
            "marker": _MARKERS[number % len(_MARKERS)],
            "ms": 4.5,
        }
        axes[0].plot(1e3 * n * dt, samples, ls="", label=_wrapped(titles), **look)
        axes[1].plot(1e3 * n * dt, samples - exact, lw=0.9, **look)
    axes[0].set_ylabel("voltage / true peak")
    axes[0].legend(loc="upper right")
    axes[1].set(xlabel="time after the spike (ms)", ylabel="error / true peak")
    axes[1].set_xlim(-0.4e3 * dt, 1e3 * n[-1] * dt)
    axes[1].grid(True, axis="y", color=GRID, lw=0.5)
    return fig, axes


def framework_step_figure(
    frameworks: Sequence[Framework], neuron: CubaLIF, dt: ArrayLike | None = None
) -> tuple[Figure, np.ndarray]:
    """Area after a spike of weight 1, and the membrane's time constant, against the time step, as usually typed.

    Frameworks with equal curves share one line, in the colour of the first. A curve ends where the framework refuses
    the step or is unstable; a framework that does so at every step is named above the figure.

    Parameters
    ----------
    frameworks : sequence of Framework
    neuron : CubaLIF
    dt : array_like, shape (n,), optional
        Time steps in seconds, increasing.

    Returns
    -------
    (Figure, array of two Axes)
    """
    shortest = min(neuron.tau_mem, neuron.tau_syn)
    steps = (
        np.geomspace(shortest / 1000, 0.99 * shortest, 151) if dt is None else _check.array("dt", dt, ndim=1)
    )
    fig, axes = plt.subplots(2, 1, sharex=True, figsize=(6.4, 6.8))
    table = np.array([[_quantities(framework, neuron, step) for step in steps] for framework in frameworks])
    possible = np.isfinite(table).any(axis=(1, 2))
    left_out = [framework.title for framework, is_so in zip(frameworks, possible, strict=True) if not is_so]
    frameworks = [framework for framework, is_so in zip(frameworks, possible, strict=True) if is_so]
    table = table[possible]
    _name_left_out(axes[0], left_out, "cannot be this neuron at these steps")
    colours = {
        framework.title: (*PALETTE, "#777777")[k % (len(PALETTE) + 1)]
        for k, framework in enumerate(frameworks)
    }
    for column, ax in enumerate(axes):
        groups: list[tuple[np.ndarray, list[str]]] = []  # curves and the titles that share them
        for framework, curve in zip(frameworks, table[:, :, column], strict=True):
            for values, titles in groups:
                if np.allclose(values, curve, rtol=2e-3, equal_nan=True):
                    titles.append(framework.title)
                    break
            else:
                groups.append((curve, [framework.title]))
        ends = []
        for curve, titles in groups:
            colour = colours[titles[0]]
            ax.plot(1e3 * steps, curve, color=colour, lw=1.3)
            last = np.flatnonzero(np.isfinite(curve))[-1]
            ends.append((1e3 * steps[-1], float(curve[last]), _wrapped(titles), colour))
        ax.set(xscale="log")
        ax.set_xlim(1e3 * steps[0], 1e3 * steps[-1])
        ax.grid(True, color=GRID, lw=0.5)
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.xaxis.set_major_formatter(FuncFormatter(plain_number))
        if ax is axes[0]:
            ax.set(yscale="log", ylabel="area of a spike of weight 1 (s)")
        else:
            ax.set_ylabel(r"membrane, hidden over intended, $\tau'/\tau$")
        label_lines(ax, ends, size=8, gap=2.5 if any("\n" in label for _, _, label, _ in ends) else 1.25)
    axes[1].set_xlabel("time step (ms)")
    return fig, axes


def _name_left_out(ax: Axes, titles: list[str], why: str) -> None:
    """Name above an axis the frameworks that are not drawn; nothing where all are."""
    if titles:
        lines = textwrap.wrap(f"Left out: {', '.join(titles)} ({why})", 80, break_on_hyphens=False)
        ax.set_title("\n".join(lines), fontsize="small", loc="left")


def _quantities(framework: Framework, neuron: CubaLIF, dt: float) -> tuple[float, float]:
    """Area, and hidden over intended membrane time constant; NaN where the framework cannot."""
    rows = overview([framework], neuron, float(dt))
    return (rows[0].area, rows[0].tau_mem / neuron.tau_mem) if rows else (float("nan"), float("nan"))


def _wrapped(titles: list[str]) -> str:
    """Titles in lines of moderate length."""
    whole = ", ".join(title.replace(" ", "\xa0") for title in titles)
    return "\n".join(textwrap.wrap(whole, 40, break_on_hyphens=False, break_long_words=False))
