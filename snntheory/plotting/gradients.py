"""Figures of gradient methods: direction and size against the exact gradient, and a first backward pass."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from .. import _check
from .style import GRID, PALETTE, THEORY, format_dt, label_lines, plain_number

_DASHES = ("-", (0, (4, 1.5)), (0, (1.2, 1.2)))


def fidelity_figure(
    found: xr.Dataset, methods: Mapping[str, str] | None = None, panels: str | None = None
) -> tuple[Figure, np.ndarray]:
    """Cosine and norm ratio to the exact gradient against the time step, one line a method.

    Parameters
    ----------
    found : xarray.Dataset
        Of :func:`snntheory.gradients.fidelity.fidelity`, or with ``step``, the time step over ``tau_syn``, in the place
        of ``dt``: ``cosine`` and ``norm_ratio`` of the dimensions ``method``, the time step and ``panels`` (and others
        of length one).
    methods : mapping of str to str, optional
        Methods to draw, with their names in the legend; default: all.
    panels : str, optional
        A dimension whose values have a column each.

    Returns
    -------
    (Figure, array of Axes, shape (2, n_panels))
    """
    shown = {str(label): str(label) for label in found["method"].values} if methods is None else dict(methods)
    for label in shown:
        _check.choice("methods", label, [str(each) for each in found["method"].values])
    against = "step" if "step" in found.dims else "dt"
    steps = found[against].values
    columns = [None] if panels is None else list(found[panels].values)
    fig, axes = plt.subplots(
        2, len(columns), sharex=True, sharey="row", squeeze=False, figsize=(max(6.4, 2.7 * len(columns)), 5.6)
    )
    for column, value in enumerate(columns):
        part = found if value is None else found.sel({panels: value})
        for k, (label, title) in enumerate(shown.items()):
            look = {
                "color": PALETTE[k % len(PALETTE)],
                "ls": _DASHES[(k // len(PALETTE)) % len(_DASHES)],
                "marker": "o",
                "ms": 3,
                "lw": 1.4,
            }
            for ax, name in zip(axes[:, column], ("cosine", "norm_ratio"), strict=True):
                values = part[name].sel({"method": label}).squeeze(drop=True)
                ax.plot(steps, values.values, label=title, **look)
        if value is not None:
            axes[0, column].annotate(
                str(value), (0.5, 1.02), xycoords="axes fraction", ha="center", va="bottom"
            )
    for ax, line in ((ax, line) for row, line in zip(axes, (0.0, 1.0), strict=True) for ax in row):
        ax.axhline(line, color=THEORY, lw=0.8, zorder=0)
        ax.grid(True, axis="y", color=GRID, lw=0.5)
        ax.set_xscale("log")
    low = float(np.nanmin(found["cosine"].sel({"method": list(shown)})))
    axes[0, 0].set(ylabel="cosine", ylim=(min(-0.05, low - 0.05), 1.05))
    axes[1, 0].set(yscale="log", ylabel="norm / exact norm")
    axes[1, 0].yaxis.set_major_formatter(FuncFormatter(plain_number))
    for ax in axes[1]:
        _label_steps(ax, steps, against)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=3 if len(columns) > 1 else 2)
    return fig, axes


def _label_steps(ax: Axes, steps: np.ndarray, against: str) -> None:
    if against == "step":
        ax.set_xlabel(r"time step $/\,\tau_s$")
        ax.xaxis.set_major_formatter(FuncFormatter(plain_number))
        return
    ax.set_xlabel("time step")
    ax.xaxis.set_major_locator(FixedLocator(list(steps)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_dt(value)))


def first_gradient_figure(found: xr.Dataset, protocol: str = "physical") -> tuple[Figure, np.ndarray]:
    """Size of the weight gradients of a first backward pass, and the law of ``1/rise`` behind its outliers.

    Left: quantiles of the size of the hidden layer's weight gradients against the time step, both protocols. Right: the
    share of spikes with ``1/rise`` beyond a slope, in units of ``1/dt``, and a line of the slope -2.

    Parameters
    ----------
    found : xarray.Dataset
        Of :func:`snntheory.experiments.first_gradient.study`.
    protocol : str
        Whose spikes are shown on the right.

    Returns
    -------
    (Figure, array of two Axes)
    """
    fig, axes = plt.subplots(1, 2, figsize=(8.6, 3.9))
    ends = []
    for k, each in enumerate(found["protocol"].values):
        sizes = found["gradient"].sel(protocol=each, layer="hidden")
        for n, probability in enumerate((0.5, 0.99)):
            values = sizes.sel(probability=probability).values
            axes[0].plot(found["dt"], values, color=PALETTE[k], ls=_DASHES[1 - n], marker="o", ms=3)
            seen = np.flatnonzero(np.isfinite(values))
            if seen.size:
                place = found["dt"].values[seen[-1]], float(values[seen[-1]])
                ends.append((*place, f"{each}, {'median' if n == 0 else '99 %'}", PALETTE[k]))
    axes[0].set(xscale="log", yscale="log", ylabel="size of a hidden weight's gradient")
    axes[0].set_xlim(right=float(found["dt"].max()) * 3.5)
    _label_steps(axes[0], found["dt"].values, "dt")
    label_lines(axes[0], ends, size=8)
    shades = colormaps["plasma"](np.linspace(0, 0.75, found.sizes["dt"]))
    for dt, shade in zip(found["dt"].values, shades, strict=True):
        beyond = found["beyond"].sel(protocol=protocol, dt=dt)
        there = beyond.values > 0
        scaled = beyond["slope"].values[there] * dt
        axes[1].plot(scaled, beyond.values[there], color=shade, label=format_dt(dt))
    guide = np.array([0.8, 16.0])
    axes[1].plot(guide, 0.4 * guide**-2.0, color=THEORY, lw=1, ls=_DASHES[1], label="slope $-2$")
    axes[1].set(
        xscale="log",
        yscale="log",
        xlabel=r"$s\,\Delta t$ (seconds per unit of voltage)",
        ylabel=r"$P(1/\mathrm{rise} > s)$",
    )
    axes[1].legend(loc="lower left", fontsize=8)
    return fig, axes
