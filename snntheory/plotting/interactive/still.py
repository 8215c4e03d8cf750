"""The atlas as a still figure: what is shown where scripts do not run."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator

from ...linear import DiscreteNeuron, frequency_response, kernel
from ..discretisation import SCHEME_COLOURS
from ..style import THEORY, format_dt, plain_number
from .fragment import svg_text

_SIZE = (7.2, 5.4)
_DASHED = {"color": THEORY, "lw": 1.1, "ls": (0, (4, 2))}


def atlas_figure(model: DiscreteNeuron) -> tuple[Figure, np.ndarray]:
    """Poles, the response to one spike, gain and phase of one discrete neuron.

    Parameters
    ----------
    model : DiscreteNeuron

    Returns
    -------
    (Figure, array of Axes, shape (2, 2))
        The neuron in continuous time is dashed in each panel.
    """
    if not isinstance(model, DiscreteNeuron):
        raise TypeError(f"model must be what discretize returns, got {type(model).__name__}")
    fig, axes = plt.subplots(2, 2, figsize=_SIZE)
    _draw(axes, model)
    return fig, axes


def _draw(axes: np.ndarray, model: DiscreteNeuron) -> None:
    neuron, dt, colour = model.neuron, model.dt, SCHEME_COLOURS[model.scheme.name]
    _poles(axes[0, 0], model, colour)

    end = 4 * (neuron.tau_mem + neuron.tau_syn)
    n = np.arange(min(int(end / dt) + 1, 20_000))  # beyond that the drawing would take seconds
    t = np.linspace(0, end, 300)
    exact = kernel(neuron, t)
    u = model.simulate(n == 0)[0]
    axes[0, 1].plot(n * dt * 1e3, u, "o-" if n.size <= 120 else "-", color=colour, ms=3, lw=1)
    axes[0, 1].plot(t * 1e3, exact, **_DASHED)
    axes[0, 1].set(xlabel="time after the spike (ms)", ylabel="response to one spike (1/s)")
    top = float(exact.max())  # what leaves this range has grown without bound
    axes[0, 1].set_ylim(1.1 * np.clip(u.min(), -top, 0), 1.12 * np.clip(u.max(), top, 1.7 * top))
    axes[0, 1].set_xlim(0, end * 1e3)

    low = 0.03 / (2 * np.pi * max(neuron.tau_mem, neuron.tau_syn))
    f = np.geomspace(min(low, 0.05 / dt), 0.4999 / dt, 300)
    true = frequency_response(neuron, 2 * np.pi * f)
    axes[1, 0].plot(f, np.abs(true), **_DASHED)
    axes[1, 1].plot(f, np.degrees(np.unwrap(np.angle(true))), **_DASHED)
    if model.is_stable:  # the response of an unstable filter to a wave has no meaning
        h = dt * model.frequency_response(2 * np.pi * f)
        axes[1, 0].plot(f, np.abs(h), color=colour, zorder=1.5)
        axes[1, 1].plot(f, np.degrees(np.unwrap(np.angle(h))), color=colour, zorder=1.5)
    axes[1, 0].set(xscale="log", yscale="log", xlabel="frequency (Hz)", ylabel="gain")
    axes[1, 0].set_ylim(bottom=np.abs(true).min() / 10)
    axes[1, 1].set(xscale="log", xlabel="frequency (Hz)", ylabel="phase (degrees)")
    axes[1, 1].yaxis.set_major_locator(MultipleLocator(90))
    for ax in axes[1]:
        ax.xaxis.set_major_formatter(FuncFormatter(plain_number))


def _poles(ax: Axes, model: DiscreteNeuron, colour: str) -> None:
    angle = np.linspace(0, 2 * np.pi, 120)
    ax.plot(np.cos(angle), np.sin(angle), color="#555555", lw=0.9)
    ax.axhline(0, color="#BBBBBB", lw=0.7, zorder=0)
    ax.plot(np.clip(model.poles, -1.4, 1.4), [0, 0], "x", ms=8, mew=2, color=colour)
    for tau in (model.neuron.tau_mem, model.neuron.tau_syn):
        ax.plot([np.exp(-model.dt / tau)] * 2, [-0.09, 0.09], color=THEORY, lw=1.1)
    ax.set(xlim=(-1.5, 1.5), ylim=(-1.15, 1.15), aspect="equal", xlabel="poles in the z-plane")
    ax.text(0, 1.2, f"{model.scheme.title}, {format_dt(model.dt)}", ha="center", fontsize=9.5)


def still_svg(model: DiscreteNeuron) -> str:
    """:func:`atlas_figure` as the text of an SVG file that is the same at every run."""
    return svg_text(_SIZE, lambda fig: _draw(fig.subplots(2, 2), model))
