"""Figures of significance: a spectrum or wavelet power over its background."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .spectra import _plain_ticks
from .style import GRID, PALETTE, THEORY, axes_of, label_lines


def significance_figure(
    result: xr.Dataset, ax: Axes | None = None, ylabel: str | None = None
) -> tuple[Figure, Axes]:
    """A spectrum over the background's expectation and threshold, what is significant marked.

    Parameters
    ----------
    result : Dataset (frequency,)
        Of one trace, from :func:`snntheory.spectral.spectrum_significance`, or with ``kind="global"`` from
        :func:`snntheory.spectral.wavelet_significance`. The threshold drawn is that of a single frequency; what is
        marked has passed the correction as well.
    ax : Axes, optional
    ylabel : str, optional

    Returns
    -------
    (Figure, Axes)
    """
    if not isinstance(result, xr.Dataset) or "p_value" not in result:
        raise TypeError("result must be the Dataset of spectrum_significance or wavelet_significance")
    if set(result["ratio"].dims) != {"frequency"}:
        raise ValueError(
            f"result must be of one trace with dimension frequency, got {result['ratio'].dims}; select with isel"
        )
    fig, ax = axes_of(ax)
    keep = np.isfinite(result["ratio"].values) & (result["frequency"].values > 0)
    part = result.isel(frequency=keep)
    f, expected = part["frequency"].values, part["expected"].values
    measured, marked = part["ratio"].values * expected, part["significant"].values
    level = 100 * float(result.attrs["level"])
    ax.plot(f, measured, color=PALETTE[0], lw=1.4)
    ax.plot(f, expected, color=THEORY, lw=1.1)
    ax.plot(f, part["threshold"].values, color=THEORY, lw=0.9, ls=(0, (4, 2)))
    ax.plot(f[marked], measured[marked], "o", color=PALETTE[1], ms=4, gid="significant")
    ax.set(xscale="log", yscale="log", xlabel="frequency (Hz)", ylabel=ylabel or "power spectral density")
    ax.grid(True, which="major", color=GRID, lw=0.6)
    ax.margins(x=0.02)
    _plain_ticks(ax.xaxis)
    ends = [
        (f[-1], expected[-1], "background", THEORY),
        (f[-1], part["threshold"].values[-1], f"{level:g} %", THEORY),
        (f[-1], measured[-1], "trace", PALETTE[0]),
    ]
    label_lines(ax, ends)
    return fig, ax


def false_positive_figure(
    rates: xr.DataArray, level: float, runs: int, ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Measured shares of false positives beside the nominal one, with its binomial error.

    Parameters
    ----------
    rates : DataArray (name, frequency)
        Share of null runs that were significant, one line a name.
    level : float
        Of the test: ``1 - level`` is nominal.
    runs : int
        Number of runs, for the band of two standard errors.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    fig, ax = axes_of(ax)
    nominal = 1 - level
    error = 2 * np.sqrt(nominal * level / runs)
    f = rates["frequency"].values
    ax.axhspan(100 * max(nominal - error, 0), 100 * (nominal + error), color=GRID, lw=0, alpha=0.7)
    ax.axhline(100 * nominal, color=THEORY, lw=1.0)
    ends = []
    names = rates["name"].values
    for k, name in enumerate(names):
        line = 100 * rates.sel(name=name).values
        colour = PALETTE[k % len(PALETTE)]
        ax.plot(f, line, "o-", ms=3.5, lw=1.2, color=colour)
        ends.append((f[-1], line[-1], str(name), colour))
    ax.set(xscale="log", xlabel="frequency (Hz)", ylabel="false positives (%)")
    ax.set_ylim(bottom=0)
    _plain_ticks(ax.xaxis)
    label_lines(ax, ends)
    return fig, ax
