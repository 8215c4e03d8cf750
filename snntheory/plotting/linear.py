"""Figures of the neuron below threshold in continuous time: kernel, step, voltage, frequency response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator
from numpy.typing import ArrayLike

from .. import _check
from ..linear import frequency_response, kernel, natural_frequency, peak_time, response, step_response
from ..neuron import CubaLIF
from .style import GRID, PALETTE, THEORY, axes_of, label_lines, plain_number


def kernel_figure(
    neurons: CubaLIF | Mapping[str, CubaLIF], t_max: float | None = None, ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Post-synaptic potentials of one unit spike at time 0, a dot at each peak.

    Parameters
    ----------
    neurons : CubaLIF, or mapping of label to CubaLIF
        The labels are written at the peaks.
    t_max : float, seconds, optional
        Default: five times the longest time constant.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    named = neurons if isinstance(neurons, Mapping) else {"": neurons}
    if not named:
        raise ValueError("neurons is empty; give at least one CubaLIF")
    longest = max(max(neuron.tau_mem, neuron.tau_syn) for neuron in named.values())
    end = 5 * longest if t_max is None else _check.positive("t_max", t_max, "s")
    t = np.linspace(0, end, 1000)
    fig, ax = axes_of(ax)
    for k, (label, neuron) in enumerate(named.items()):
        colour = PALETTE[k % len(PALETTE)]
        peak = peak_time(neuron)
        ax.plot(t * 1e3, kernel(neuron, t), color=colour)
        height = float(kernel(neuron, peak))
        ax.plot(peak * 1e3, height, "o", color=colour, ms=5)
        ax.annotate(
            label,
            (peak * 1e3, height),
            xytext=(7, 3),
            textcoords="offset points",
            color=colour,
            fontsize=9,
            path_effects=[patheffects.withStroke(linewidth=2.5, foreground="white")],
        )
    ax.set(xlabel="time after the spike (ms)", ylabel="voltage per unit weight (1/s)")
    ax.set_xlim(0, end * 1e3)
    ax.set_ylim(bottom=0)
    return fig, ax


def step_figure(
    neurons: CubaLIF | Mapping[str, CubaLIF],
    t_max: float | None = None,
    rate: float | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Response to a drive that begins at time 0 and stays, a dot at half of the final value.

    Parameters
    ----------
    neurons : CubaLIF, or mapping of label to CubaLIF
    t_max : float, seconds, optional
        Default: six times the longest time constant.
    rate : float, hertz, optional
        With it, a thin line for the first neuron: its voltage under a regular train of this rate with the same drive,
        one spike of weight ``1/rate`` at the middle of each interval.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    named = neurons if isinstance(neurons, Mapping) else {"": neurons}
    if not named:
        raise ValueError("neurons is empty; give at least one CubaLIF")
    longest = max(max(neuron.tau_mem, neuron.tau_syn) for neuron in named.values())
    end = 6 * longest if t_max is None else _check.positive("t_max", t_max, "s")
    t = np.linspace(0, end, 1500)
    fig, ax = axes_of(ax)
    if rate is not None:
        interval = 1 / _check.positive("rate", rate, "Hz")
        spikes = interval * (0.5 + np.arange(int(end / interval + 0.5)))
        driven = response(next(iter(named.values())), t, spikes, interval)
        ax.plot(t * 1e3, driven, color="#777777", lw=0.9, gid="train")
    ends = []
    for k, (label, neuron) in enumerate(named.items()):
        colour = PALETTE[k % len(PALETTE)]
        u = step_response(neuron, t)
        ax.plot(t * 1e3, u, color=colour)
        if u[-1] > neuron.r / 2:
            half = np.interp(neuron.r / 2, u, t)
            ax.plot(half * 1e3, neuron.r / 2, "o", color=colour, ms=5)
        ends.append((end * 1e3, float(u[-1]), label, colour))
    ax.set(xlabel="time since the drive began (ms)", ylabel="voltage per unit drive")
    ax.set_xlim(0, end * 1e3)
    ax.set_ylim(bottom=0)
    ax.grid(True, which="major", color=GRID, lw=0.5)
    label_lines(ax, ends)
    return fig, ax


def voltage_figure(
    neuron: CubaLIF,
    spike_times: ArrayLike,
    weights: ArrayLike,
    t_max: float,
    v0: float = 0.0,
    i0: float = 0.0,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Voltage below threshold as the sum of its parts: the initial state and one response per spike.

    Parameters
    ----------
    neuron : CubaLIF
    spike_times, weights : array_like, shape (n_spikes,)
        Times in seconds.
    t_max : float
        End of the time axis in seconds.
    v0, i0 : float
        State at time 0.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    end = _check.positive("t_max", t_max, "s")
    spike_times = _check.array("spike_times", spike_times, ndim=1, minimum=0.0)
    weights = np.broadcast_to(_check.array("weights", weights), spike_times.shape)
    t = np.linspace(0, end, 1500)
    fig, ax = axes_of(ax)
    ax.axhline(0, color=GRID, lw=0.8)
    start = response(neuron, t, [], [], v0, i0)
    if v0 or i0:
        ax.plot(t * 1e3, start, color="#777777", lw=1.1, ls=(0, (4, 2)), gid="initial state")
    bottom = ax.get_xaxis_transform()
    for spike, weight in zip(spike_times, weights, strict=True):
        part = response(neuron, t, [spike], [weight])
        ax.plot(t[t >= spike] * 1e3, part[t >= spike], color=PALETTE[0 if weight > 0 else 1], lw=1.0)
        ax.plot(
            [spike * 1e3] * 2, [0.0, 0.045], color=PALETTE[0 if weight > 0 else 1], lw=2.2, transform=bottom
        )
    total = response(neuron, t, spike_times, weights, v0, i0)
    ax.plot(t * 1e3, total, color=THEORY, lw=2.0, gid="voltage")
    ax.set(xlabel="time (ms)", ylabel="voltage")
    ax.set_xlim(0, end * 1e3)
    ends = [(end * 1e3, float(total[-1]), "sum", THEORY)]
    if v0 or i0:
        ends.append((end * 1e3, float(start[-1]), "initial state", "#777777"))
    label_lines(ax, ends)
    return fig, ax


def cancellation_figure(
    gap: ArrayLike, errors: Mapping[str, ArrayLike], ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Relative rounding error of formulas for the kernel against the relative gap of the time constants.

    Parameters
    ----------
    gap : array_like, shape (n,)
        ``|tau_mem - tau_syn| / tau_syn``, above zero.
    errors : mapping of label to array_like, shape (n,)
        Relative errors; zeros are drawn at the lower edge.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    gap = _check.array("gap", gap, ndim=1, minimum=0.0)
    floor = 1e-17
    fig, ax = axes_of(ax)
    epsilon = np.finfo(np.float64).eps
    ax.axhline(epsilon, color=GRID, lw=0.8)
    ax.annotate(
        "$2^{-52}$",
        (1.0, epsilon),
        xycoords=("axes fraction", "data"),
        xytext=(3, 0),
        textcoords="offset points",
        va="center",
        fontsize=8.5,
        color="#666666",
    )
    ends = []
    for k, (label, error) in enumerate(errors.items()):
        error = np.maximum(np.abs(_check.array(f"errors[{label!r}]", error, ndim=1)), floor)
        colour = PALETTE[(1, 0, 2, 3, 4, 5)[k % 6]]
        ax.plot(gap, error, "o", ms=3.2, color=colour)
        place = np.argsort(gap)[gap.size // 3]
        near = np.abs(np.log(gap / gap[place])) < np.log(30)
        ends.append((gap[place], error[near].max(), label, colour))
    ax.set(xscale="log", yscale="log", xlabel="relative gap of the time constants", ylabel="relative error")
    for x, y, label, colour in ends:
        ax.annotate(label, (x, y), xytext=(6, 5), textcoords="offset points", color=colour, fontsize=9)
    return fig, ax


def bode_figure(neuron: CubaLIF, frequency: ArrayLike | None = None) -> tuple[Figure, np.ndarray]:
    """Gain and phase of the frequency response, with the corners of both time constants.

    Parameters
    ----------
    neuron : CubaLIF
    frequency : array_like, shape (n,), optional
        In hertz, above zero; default: from a fiftieth of the lower corner to fifty times the higher.

    Returns
    -------
    (Figure, array of two Axes)
    """
    corners = {
        "membrane": 1 / (2 * np.pi * neuron.tau_mem),
        "synapse": 1 / (2 * np.pi * neuron.tau_syn),
    }
    low, high = min(corners.values()), max(corners.values())
    if frequency is None:
        frequency = np.geomspace(low / 50, high * 50, 500)
    f = _check.array("frequency", frequency, ndim=1, minimum=0.0)
    h = frequency_response(neuron, 2 * np.pi * f)
    natural = natural_frequency(neuron) / (2 * np.pi)
    fig, axes = plt.subplots(2, 1, sharex=True, figsize=(6.4, 5.4), height_ratios=(3, 2))
    gain, phase = axes
    gain.plot(f, neuron.r * np.minimum(1, (natural / f) ** 2), color="#999999", lw=1.0, ls=(0, (4, 2)))
    gain.plot(f, np.abs(h), color=PALETTE[0])
    phase.plot(f, np.degrees(np.angle(h)), color=PALETTE[0])
    for name, corner in corners.items():
        first = corner == low
        for ax in axes:
            ax.axvline(corner, color="#888888", lw=0.8, ls=":")
        gain.annotate(
            f"{name}\n{corner:.3g} Hz",
            (corner, 0.02),
            xycoords=("data", "axes fraction"),
            xytext=(-4 if first else 4, 0),
            textcoords="offset points",
            ha="right" if first else "left",
            fontsize=8.5,
            color="#555555",
        )
    at = frequency_response(neuron, 2 * np.pi * natural)
    gain.plot(natural, np.abs(at), "o", color=PALETTE[1], ms=5)
    phase.plot(natural, -90, "o", color=PALETTE[1], ms=5)
    phase.annotate(
        f"natural frequency {natural:.3g} Hz: −90°",
        (natural, -90),
        xytext=(10, 5),
        textcoords="offset points",
        fontsize=9,
        color=PALETTE[1],
    )
    gain.annotate(
        r"asymptotes $R$ and $R\,(f_n/f)^2$",
        (2 * natural, neuron.r / 4),
        xytext=(8, 6),
        textcoords="offset points",
        fontsize=8.5,
        color="#666666",
    )
    gain.set(xscale="log", yscale="log", ylabel=r"gain $|H(j\Omega)|$")
    phase.set(ylabel="phase (degrees)", xlabel=r"frequency $\Omega/2\pi$ (Hz)", ylim=(-185, 5))
    phase.yaxis.set_major_locator(MultipleLocator(45))
    phase.xaxis.set_major_formatter(FuncFormatter(plain_number))
    gain.yaxis.set_major_formatter(FuncFormatter(plain_number))
    for ax in axes:
        ax.grid(True, which="major", color=GRID, lw=0.5)
    return fig, axes


def psp_fit_figure(
    time: ArrayLike, measured: ArrayLike, fitted: ArrayLike, labels: Sequence[str] = ("measured", "fit")
) -> tuple[Figure, Axes]:
    """A measured post-synaptic potential with a fitted one laid over it.

    Parameters
    ----------
    time : array_like, shape (n,)
        Seconds after the spike.
    measured, fitted : array_like, shape (n,)
        Voltage.
    labels : pair of str

    Returns
    -------
    (Figure, Axes)
    """
    time = _check.array("time", time, ndim=1)
    fig, ax = axes_of(None)
    ax.plot(time * 1e3, _check.array("measured", measured, ndim=1), color="#8FB8D9", lw=1.0, label=labels[0])
    ax.plot(time * 1e3, _check.array("fitted", fitted, ndim=1), color=THEORY, lw=1.6, label=labels[1])
    ax.set(xlabel="time after the spike (ms)", ylabel="voltage")
    ax.legend(loc="upper right")
    return fig, ax
