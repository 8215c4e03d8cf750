"""Figures of exact gradients: the moved crossing, the adjoint state, a loss with its jumps, XOR on spike times."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from .. import _check
from ..gradients import adjoint
from ..linear import response
from ..neuron import CubaLIF
from ..spiking import exact_spike_times, reconstruct
from .style import GRID, PALETTE, THEORY, axes_of


def moved_crossing_figure(
    neuron: CubaLIF, weight: float, change: float, ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """First crossing of a neuron after one input at time zero, for two weights: the voltage rises, the spike moves.

    Parameters
    ----------
    neuron : CubaLIF
    weight, change : float
        The input's weight, and what is added to it (above zero); both weights must fire.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)

    Raises
    ------
    ValueError
        The smaller weight does not fire.
    """
    change = _check.positive("change", change)
    found = [exact_spike_times(neuron, [0.0], [w], 10 * neuron.tau_mem) for w in (weight, weight + change)]
    if not all(train.size for train in found):
        raise ValueError(f"weight must make the neuron fire, {weight:g} does not; take a larger one")
    late, early = (float(train[0]) for train in found)
    fig, ax = axes_of(ax)
    t = np.linspace(0, late * 1.25, 400)
    for w, name, colour in (
        (weight, "$w$", PALETTE[0]),
        (weight + change, "$w + \\delta w$", PALETTE[1]),
    ):
        u = response(neuron, t, [0.0], [w])
        ax.plot(t * 1e3, u, color=colour)
        ax.annotate(
            name, (t[-1] * 1e3, u[-1]), xytext=(5, 0), textcoords="offset points", color=colour, va="center"
        )
    theta = neuron.v_threshold
    above = float(response(neuron, [late], [0.0], [weight + change])[0])
    ax.axhline(theta, color=THEORY, lw=0.8, ls="--")
    ax.plot([1e3 * late] * 2, [theta, above], color=THEORY, lw=1.4)
    ax.plot([1e3 * early, 1e3 * late], [theta, theta], color=THEORY, lw=2.6)
    ax.annotate(
        "$\\delta u$",
        (1e3 * late, (theta + above) / 2),
        xytext=(5, -2),
        textcoords="offset points",
        va="center",
    )
    ax.annotate(
        "$\\delta f$",
        (1e3 * early, theta),
        xytext=(-3, 4),
        textcoords="offset points",
        ha="right",
    )
    ax.set(xlabel="time (ms)", ylabel="voltage", xlim=(0, 1.32e3 * late), ylim=(0, 1.25 * above))
    return fig, ax


def adjoint_figure(
    neuron: CubaLIF, times: ArrayLike, weights: ArrayLike, arriving: ArrayLike, t_max: float
) -> tuple[Figure, np.ndarray]:
    """Voltage of a neuron, and below it what a small input spike at each moment would do to the loss.

    The lower curve is ``lambda_i/tau_syn``, drawn without its equations: the derivative of the loss with respect to the
    weight, zero, of one more input at that moment.

    Parameters
    ----------
    neuron : CubaLIF
    times, weights : array_like, shape (n_inputs,)
        Sorted input spikes in seconds, canonical weights.
    arriving : array_like, shape (n_spikes,)
        Derivative of the loss with respect to each output spike.
    t_max : float
        Seconds.

    Returns
    -------
    (Figure, array of two Axes)
    """
    t, w = _check.array("times", times, ndim=1), _check.array("weights", weights, ndim=1)
    spikes = exact_spike_times(neuron, t, w, t_max)
    given = _check.array("arriving", arriving, ndim=1)
    if given.shape != spikes.shape:
        raise ValueError(f"arriving must have one value a spike, {spikes.size}, got {given.size}")
    # the kinks of both curves lie at events: probes just before and just after each
    probes = np.concatenate([np.linspace(0, t_max, 1500), *(spikes + d for d in (-1e-9, 1e-9))])
    both = np.concatenate([t, probes])
    order = np.argsort(both, kind="stable")
    gradient = adjoint.spike_gradients(
        neuron, both[order], np.concatenate([w, np.zeros(probes.size)])[order], spikes, given
    )[0]
    values = np.empty_like(gradient)
    values[order] = gradient
    fig, axes = plt.subplots(2, 1, sharex=True, figsize=(6.4, 4.6))
    fine = np.sort(probes)
    u, _ = reconstruct(neuron, fine, t, w, spikes)
    axes[0].plot(1e3 * fine, u, color=PALETTE[0])
    axes[0].axhline(neuron.v_threshold, color=THEORY, lw=0.8, ls="--")
    axes[0].plot(1e3 * spikes, np.full(spikes.size, neuron.v_threshold), "o", color=THEORY, ms=4)
    axes[0].plot(1e3 * t, np.full(t.size, u.min() - 0.08), "|", color=THEORY, ms=9)
    axes[0].set_ylabel("voltage")
    rank = np.argsort(probes)
    axes[1].plot(1e3 * probes[rank], values[t.size :][rank], color=PALETTE[1])
    axes[1].plot(1e3 * t, values[: t.size], "o", color=THEORY, ms=5)
    for spike in spikes:
        for ax in axes:
            ax.axvline(1e3 * spike, color=GRID, lw=0.8, zorder=0)
    axes[1].axhline(0, color=GRID, lw=0.8, zorder=0)
    axes[1].set(xlabel="time (ms)", ylabel="$\\lambda_i / \\tau_s$  (s per weight)", xlim=(0, 1e3 * t_max))
    return fig, axes


def loss_line_figure(
    weights: ArrayLike,
    losses: ArrayLike,
    counts: ArrayLike,
    at: ArrayLike,
    values: ArrayLike,
    slopes: ArrayLike,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """A loss along one weight, broken where the number of spikes changes, with the tangents that a gradient gives.

    Parameters
    ----------
    weights, losses : array_like, shape (n,)
        The weight, and the loss there.
    counts : array_like of int, shape (n,)
        Spikes of the network at each weight; a new colour where it changes.
    at, values, slopes : array_like, shape (m,)
        Where tangents are drawn, the loss and its derivative there.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    x, y = _check.array("weights", weights, ndim=1), _check.array("losses", losses, ndim=1)
    n = np.asarray(counts)
    fig, ax = axes_of(ax)
    breaks = np.flatnonzero(np.diff(n)) + 1
    for part in np.split(np.arange(x.size), breaks):
        ax.plot(x[part], y[part], color=PALETTE[0])
    for k in breaks:
        ax.plot([(x[k - 1] + x[k]) / 2] * 2, [y[k - 1], y[k]], color=PALETTE[0], lw=0.7, ls=":")
    reach = 0.04 * (x[-1] - x[0])
    for place, value, slope in zip(np.asarray(at), np.asarray(values), np.asarray(slopes), strict=True):
        ax.plot(
            [place - reach, place + reach],
            [value - slope * reach, value + slope * reach],
            color=PALETTE[1],
            lw=2.2,
        )
        ax.plot(place, value, "o", color=THEORY, ms=4, zorder=4)
    ax.set(xlabel="weight", ylabel="loss", xlim=(x[0], x[-1]))
    return fig, ax


def solved_figure(steps: ArrayLike, times: ArrayLike, labels: Sequence[int]) -> tuple[Figure, np.ndarray]:
    """Steps to a solution, and the first output spikes of one network before and after it was trained.

    Parameters
    ----------
    steps : array_like of int, shape (n_networks,)
        -1 where a network was not solved: not drawn.
    times : array_like, shape (2, n_patterns, 2)
        First spikes of two outputs in seconds, before and after.
    labels : sequence of int
        The output that should be first, for each pattern.

    Returns
    -------
    (Figure, array of two Axes)
    """
    n, first = np.asarray(steps), np.asarray(times, dtype=float)
    if first.ndim != 3 or first.shape[0] != 2 or first.shape[2] != 2:
        raise ValueError(f"times must have the shape (2, n_patterns, 2), got {first.shape}")
    fig, axes = plt.subplots(1, 2, figsize=(7.2, 3.4), width_ratios=(1, 1.1))
    axes[0].hist(n[n >= 0], bins=20, color=PALETTE[0], edgecolor="white", lw=0.5)
    axes[0].set(xlabel="steps to a solution", ylabel="networks")
    lead = first[:, np.arange(len(labels)), 1 - np.asarray(labels)] - first[:, np.arange(len(labels)), labels]
    for stage, name in enumerate(("before", "after")):
        for k, value in enumerate(lead[stage]):
            axes[1].plot(
                [0, value],
                [k + 0.16 * (1 - 2 * stage)] * 2,
                color=PALETTE[stage],
                lw=5,
                solid_capstyle="butt",
            )
        axes[1].plot([], [], color=PALETTE[stage], lw=5, label=name)
    axes[1].axvline(0, color=THEORY, lw=0.8)
    axes[1].set_xscale("symlog", linthresh=0.02, linscale=0.6)
    axes[1].set(xlabel="lead of the right output (s)", ylabel="pattern", yticks=range(len(labels)))
    axes[1].legend(loc="best")
    return fig, axes
