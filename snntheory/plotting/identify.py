"""Figures of identification: what was found beside what each scheme would mean, and its error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .spectra import _plain_ticks
from .style import GRID, PALETTE, THEORY, axes_of, label_lines

if TYPE_CHECKING:
    from ..neuron import CubaLIF
    from ..spectral import Identification


def candidates_figure(
    found: Identification, nominal: CubaLIF | None = None, ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Time constants that each scheme must have been given to show the identified poles.

    Parameters
    ----------
    found : Identification
    nominal : CubaLIF, optional
        Its time constants are drawn as lines.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
        Filled marks: not ruled out. Bands: the intervals of the effective time constants.
    """
    fig, ax = axes_of(ax)
    rows = [each for each in found.candidates if np.isfinite(each.tau_slow + each.tau_fast)]
    if not rows:
        raise ValueError(
            "no scheme has a neuron with these poles: there is nothing to draw (a complex pair?)"
        )
    names = [each.scheme.replace("_", " ") + (f" {each.order}" if each.order else "") for each in rows]
    for k, (low, high) in enumerate(1e3 * found.intervals):
        ax.axvspan(low, high, color=PALETTE[k], alpha=0.15, lw=0)
    if nominal is not None:
        for tau in (nominal.tau_mem, nominal.tau_syn):
            ax.axvline(1e3 * tau, color=THEORY, lw=1.0, ls=(0, (4, 2)))
    for y, each in enumerate(rows):
        for k, tau in enumerate((each.tau_slow, each.tau_fast)):
            face = PALETTE[k] if each.explains else "white"
            ax.plot(1e3 * tau, y, "o", ms=6, color=PALETTE[k], mfc=face)
    ax.set_yticks(range(len(rows)), names)
    ax.invert_yaxis()
    ax.set(xscale="log", xlabel="time constant (ms)")
    ax.set_xlim(
        1e3 * found.intervals.min() / 3, 1e3 * found.intervals.max() * 3
    )  # what lies beyond is ruled out
    _plain_ticks(ax.xaxis)
    ax.grid(True, axis="y", color=GRID, lw=0.6)
    return fig, ax


def identification_error_figure(study: xr.Dataset) -> tuple[Figure, np.ndarray]:
    """Spread (lines) and bias (dots) of identified time constants against the length of the record.

    Parameters
    ----------
    study : Dataset (pole, length, noise)
        From :func:`snntheory.spectral.identification_study`.

    Returns
    -------
    (Figure, array of two Axes)
        The slow and the fast time constant; one colour a level of noise.
    """
    if not isinstance(study, xr.Dataset) or "spread" not in study:
        raise TypeError("study must be the Dataset of identification_study")
    fig, axes = plt.subplots(1, 2, sharey=True, figsize=(7.2, 3.6))
    seconds = study["length"].values * study.attrs["dt"]
    for ax, pole in zip(axes, study["pole"].values, strict=True):
        ends = []
        for k, noise in enumerate(study["noise"].values):
            part, colour = study.sel(pole=pole, noise=noise), PALETTE[k % len(PALETTE)]
            spread = 100 * part["spread"].values
            ax.plot(seconds, spread, "-", color=colour)
            ax.plot(seconds, 100 * np.abs(part["bias"].values), "o", ms=4, color=colour, mfc="white")
            ends.append((seconds[-1], spread[-1], f"{100 * noise:g} %", colour))
        tau = 1e3 * float(study["truth"].sel(pole=pole))
        ax.set(xscale="log", yscale="log", xlabel="length of the record (s)")
        ax.annotate(f"{pole}, {tau:.3g} ms", (0.97, 0.97), xycoords="axes fraction", ha="right", va="top")
        _plain_ticks(ax.xaxis)
        _plain_ticks(ax.yaxis)
        ax.grid(True, which="major", color=GRID, lw=0.6)
        label_lines(ax, ends)
    axes[0].set_ylabel("error of the time constant (%)")
    return fig, axes


def comparison_figure(table: xr.Dataset, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Recorded, simulated and theoretical densities over one another.

    Parameters
    ----------
    table : Dataset (kind, frequency)
        From :func:`snntheory.spectral.compare_spectra`.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
        Wide pale lines are recorded, coloured thin ones simulated, black ones theory (dashed: continuous time).
    """
    if not isinstance(table, xr.Dataset) or "kind" not in table.dims:
        raise TypeError("table must be the Dataset of compare_spectra")
    fig, ax = axes_of(ax)
    part = table["density"].isel(frequency=slice(1, None))
    f = part["frequency"].values
    looks = {
        "recorded": dict(color=PALETTE[0], lw=3.5, alpha=0.4),
        "recorded, resets added back": dict(color=PALETTE[1], lw=3.5, alpha=0.4),
        "simulated with threshold": dict(color=PALETTE[0], lw=1.1),
        "simulated, resets added back": dict(color=PALETTE[1], lw=1.1),
        "theory of the scheme": dict(color=THEORY, lw=1.1),
        "theory in continuous time": dict(color=THEORY, lw=1.1, ls=(0, (4, 2))),
    }
    for kind, look in looks.items():
        ax.plot(f, part.sel(kind=kind).values, label=kind, **look)  # type: ignore[arg-type]
    ax.set(xscale="log", yscale="log", xlabel="frequency (Hz)", ylabel="power spectral density (1/Hz)")
    _plain_ticks(ax.xaxis)
    ax.grid(True, which="major", color=GRID, lw=0.6)
    ax.legend(loc="lower left", fontsize=8)
    return fig, ax
