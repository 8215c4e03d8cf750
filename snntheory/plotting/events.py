"""Figures of exact spikes: the voltage with its extrema, latency against weight, long windows, causes of a spike."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from .. import _check
from ..linear import kernel, peak_time
from ..neuron import CubaLIF
from ..spiking import CausalityGraph, exact_spike_times, reconstruct
from ..spiking.crossing import extremum_time
from .style import GRID, PALETTE, THEORY, axes_of, label_lines


def spike_train_figure(
    neuron: CubaLIF,
    spike_times: ArrayLike,
    weights: ArrayLike,
    t_max: float,
    ceiling: float | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Voltage and drive of a neuron that fires: a dot at each spike, a circle at each extremum in between.

    Parameters
    ----------
    neuron : CubaLIF
    spike_times, weights : array_like, shape (n_spikes,)
        Input spikes in seconds, sorted; ticks at the bottom.
    t_max : float
        End of the time axis in seconds.
    ceiling : float, optional
        Upper end of the voltage axis; default: 2.4 thresholds.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    times = _check.array("spike_times", spike_times, ndim=1)
    spikes = exact_spike_times(neuron, times, weights, t_max)
    events = np.unique(np.concatenate([[0.0], times, spikes, [t_max]]))
    fig, ax = axes_of(ax)
    top = 2.4 * neuron.v_threshold if ceiling is None else _check.number("ceiling", ceiling)
    voltage: list[np.ndarray] = []
    drive: list[np.ndarray] = []
    along: list[np.ndarray] = []
    for start, end in zip(events[:-1], events[1:], strict=True):
        inside = np.linspace(start, end, 60)
        u, i = reconstruct(neuron, inside, times, weights, spikes)
        u_end, i_end = reconstruct(neuron, end, times, weights, spikes, side="before")
        u[-1], i[-1] = u_end, i_end
        voltage, drive, along = [*voltage, u], [*drive, neuron.r * i], [*along, inside]
        turn = extremum_time(float(u[0]), float(neuron.r * i[0]), neuron.tau_mem, neuron.tau_syn)
        if 0 < turn < end - start:
            height, _ = reconstruct(neuron, start + turn, times, weights, spikes)
            ax.plot(
                (start + turn) * 1e3,
                height,
                "o",
                color="white",
                mec=PALETTE[0],
                ms=6,
                gid="extremum",
                zorder=4,
            )
    x = np.concatenate(along) * 1e3
    flow = np.concatenate(drive)
    breaks = np.flatnonzero(np.diff(x, prepend=-1.0) == 0)  # where one piece ends and the next begins
    ax.plot(
        np.insert(x, breaks, np.nan), np.insert(flow, breaks, np.nan), color=PALETTE[1], lw=1.1, gid="drive"
    )
    ax.plot(x, np.concatenate(voltage), color=PALETTE[0], gid="voltage")
    ax.axhline(neuron.v_threshold, color=THEORY, lw=0.8, ls="--")
    ax.plot(
        spikes * 1e3,
        np.full(len(spikes), neuron.v_threshold),
        "o",
        color=THEORY,
        ms=4,
        gid="spikes",
        zorder=5,
    )
    low = min(0.0, float(np.min(np.concatenate(voltage))))
    bottom = low - 0.12 * (top - low)
    ax.vlines(times * 1e3, bottom, bottom + 0.05 * (top - low), color=THEORY, lw=1.0)
    ax.set_ylim(bottom, top)
    ax.set_xlim(0, t_max * 1e3)
    ax.set(xlabel="time (ms)", ylabel="voltage")
    ax.annotate(
        "threshold",
        (1.0, neuron.v_threshold),
        xycoords=("axes fraction", "data"),
        xytext=(-2, 3),
        textcoords="offset points",
        ha="right",
        fontsize=9,
    )
    high = np.flatnonzero(flow >= 0.75 * top)
    if high.size:
        place = (x[high[-1]], flow[high[-1]])
        ax.annotate("$R\\,i$", place, xytext=(6, 0), textcoords="offset points", color=PALETTE[1])
    return fig, ax


def latency_figure(
    neurons: Mapping[str, CubaLIF], largest: float = 3.0, ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Time of the first spike after one input, against its weight; dashed, the square root next to contact.

    Definition, with the peak time ``t*`` of the response and the weight ``w*`` whose response just reaches the
    threshold::

        t = t* - sqrt(2 tau_mem tau_syn (1 - w*/w)),    w close to w*

    Parameters
    ----------
    neurons : mapping of label to CubaLIF
    largest : float
        Largest weight, in units of ``w*``.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    if not neurons:
        raise ValueError("neurons is empty; give at least one CubaLIF with a label")
    largest = _check.number("largest", largest, minimum=1.0, strict=True)
    fig, ax = axes_of(ax)
    ratio = 1 + (largest - 1) * np.linspace(0, 1, 200) ** 3
    ratio[0] = 1 + 1e-9
    ends = []
    for k, (label, neuron) in enumerate(neurons.items()):
        colour, peak = PALETTE[k % len(PALETTE)], peak_time(neuron)
        contact = neuron.v_threshold / float(kernel(neuron, peak))
        latency = [exact_spike_times(neuron, [0.0], contact * x, 2 * peak)[0] for x in ratio]
        near = peak - np.sqrt(2 * neuron.tau_mem * neuron.tau_syn * (1 - 1 / ratio))
        ax.plot(ratio, np.array(latency) * 1e3, color=colour, gid=label)
        close = ratio < 1.15
        ax.plot(ratio[close], near[close] * 1e3, color=THEORY, lw=1.0, ls="--", zorder=4)
        ax.plot(1.0, peak * 1e3, "o", color=colour, ms=5, clip_on=False, zorder=5)
        ends.append((largest, latency[-1] * 1e3, label, colour))
    ax.set_xlim(0.9, largest)
    ax.set_ylim(bottom=0)
    ax.axvspan(0.9, 1.0, color=GRID, lw=0)
    ax.annotate(
        "silent", (0.975, 0.5), xycoords=("data", "axes fraction"), rotation=90, va="center", ha="center"
    )
    ax.set(xlabel="weight / weight that just reaches the threshold", ylabel="latency (ms)")
    label_lines(ax, ends)
    return fig, ax


def window_error_figure(
    start: ArrayLike, errors: Mapping[str, ArrayLike], ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Error of a spike's time against where in a long window it lies; a line ends where a method gives no number.

    Parameters
    ----------
    start : array_like, shape (n,)
        Seconds, above 0.
    errors : mapping of label to array_like, shape (n,)
        Absolute errors in seconds; 0 is drawn at the lower end.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    start = _check.array("start", start, ndim=1, minimum=0.0)
    fig, ax = axes_of(ax)
    floor = 1e-18
    ends = []
    for k, (label, error) in enumerate(errors.items()):
        error = np.asarray(error, dtype=np.float64)
        if error.shape != start.shape:
            raise ValueError(f"errors[{label!r}] has shape {error.shape}, start {start.shape}")
        shown = np.where(error == 0, floor, error)
        finite = np.flatnonzero(np.isfinite(shown))
        ax.plot(start, shown, color=PALETTE[k % len(PALETTE)], gid=label)
        if finite.size:
            last, colour = finite[-1], PALETTE[k % len(PALETTE)]
            if last == len(start) - 1:
                ends.append((start[last], shown[last], label, colour))
                continue
            ax.plot(start[last], shown[last], "x", color=colour, ms=7, mew=1.6)
            where = (start[last], shown[last])
            beyond = [np.asarray(each)[last:] / shown[last] for name, each in errors.items() if name != label]
            busy = any(
                np.any((each > 0.03) & (each < 30)) for each in beyond
            )  # another line passes to the right
            offset, side = ((6, 36), "right") if busy else ((8, 0), "left")
            ax.annotate(
                label,
                where,
                xytext=offset,
                textcoords="offset points",
                ha=side,
                va="center",
                color=colour,
                fontsize=9,
            )
    ax.plot(start, np.spacing(start) / 2, color=THEORY, lw=0.9, ls="--", gid="spacing")
    ends.append((start[-1], np.spacing(start[-1]) / 2, "half a unit in the\nlast place of $t$", THEORY))
    ax.set(xscale="log", yscale="log", xlabel="start of the train (s)", ylabel="error of the spike time (s)")
    label_lines(ax, ends, gap=2.4)
    return fig, ax


def causality_figure(
    graph: CausalityGraph, node: int | None = None, ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Spikes of a network, one row a neuron, and the edges that lead to one spike (or all of them).

    Parameters
    ----------
    graph : CausalityGraph
    node : int, optional
        The spike whose direct causes are drawn in colour and whose other ancestors in grey; default: all edges.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    fig, ax = axes_of(ax)
    rows = sorted(set(zip(graph.layers.tolist(), graph.neurons.tolist(), strict=True)))
    place = {row: k + row[0] for k, row in enumerate(rows)}  # a gap between layers
    y = np.array([place[row] for row in zip(graph.layers.tolist(), graph.neurons.tolist(), strict=True)])
    x = graph.times * 1e3
    direct, further = graph.edges, graph.edges[:0]
    if node is not None:
        node = _check.integer("node", node, minimum=0)
        if node >= len(x):
            raise ValueError(f"node must be below the number of spikes, {len(x)}; got {node}")
        direct = graph.edges[graph.edges[:, 1] == node]
        reached = np.zeros(len(x), bool)
        reached[direct[:, 0]] = True
        for cause, effect in graph.edges[::-1]:  # sorted by effect: later effects come first
            reached[cause] |= reached[effect]
        further = graph.edges[reached[graph.edges[:, 1]]]
    for edges, colour, width in ((further, "#BBBBBB", 0.7), (direct, PALETTE[0], 1.1)):
        for cause, effect in edges:
            ax.annotate(
                "",
                (x[effect], y[effect]),
                (x[cause], y[cause]),
                arrowprops={
                    "arrowstyle": "-",
                    "color": colour,
                    "lw": width,
                    "connectionstyle": f"arc3,rad={0.25 if y[cause] == y[effect] else 0.0}",
                    "shrinkA": 3,
                    "shrinkB": 3,
                },
                zorder=1,
            )
    ax.plot(x, y, "|", color=THEORY, ms=11, mew=1.6, gid="spikes")
    if node is not None:
        ax.plot(x[node], y[node], "o", color="white", mec=PALETTE[1], mew=1.6, ms=9, gid="effect", zorder=5)
    names = [f"input {n + 1}" if layer == 0 else f"layer {layer}, neuron {n + 1}" for layer, n in rows]
    ax.set_yticks([place[row] for row in rows], names)
    ax.set_ylim(-0.7, max(place.values(), default=0) + 0.7)
    ax.set_xlabel("time (ms)")
    ax.tick_params(axis="y", length=0)
    plt.setp(ax.spines["left"], visible=False)
    return fig, ax
