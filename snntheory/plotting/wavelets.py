"""Figures of wavelets: scalograms with cone and ridge, coherence in time and frequency, multiresolution analysis."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from ..spectral import cone_of_influence, outside_cone
from ..spectral.wavelet_families import wavelet_of
from .spectra import _plain_ticks
from .style import PALETTE, THEORY, axes_of

MOST_COLUMNS = 1600
MOST_ARROWS = (24, 12)


def scalogram_figure(
    transform: xr.DataArray,
    ax: Axes | None = None,
    cmap: str = "viridis",
    decades: float | None = None,
    vmax: float | None = None,
    ridge: xr.Dataset | None = None,
) -> tuple[Figure, Axes]:
    """Modulus of a wavelet transform over time and frequency; what the record's ends disturb is veiled.

    Parameters
    ----------
    transform : DataArray (frequency, time), as from `cwt`; other dimensions of length 1 are dropped
        The amplitude |W| is drawn for norm "l1", the power |W|² for "l2". Records of more than 1600 samples
        are averaged over neighbouring ones.
    ax : Axes, optional
    cmap : str
    decades : float, optional
        Colours on a logarithmic scale over this many powers of ten; shows the weak fast part of a steep
        spectrum. Linear from 0 without it.
    vmax : float, optional
        Upper limit of the colours, for figures that are to be compared; default: the largest value that is
        free of the record's ends.
    ridge : Dataset, optional
        As from `snntheory.spectral.ridge`: its frequencies are drawn as lines, where they are free of the ends.

    Returns
    -------
    (Figure, Axes)
    """
    if not isinstance(transform, xr.DataArray) or not {"frequency", "time"} <= set(transform.dims):
        raise TypeError("transform must be a DataArray with frequency and time, as cwt returns it")
    longer = [str(d) for d in transform.dims if d not in ("frequency", "time") and transform.sizes[d] > 1]
    if longer:
        raise ValueError(f"transform has several entries along {', '.join(longer)}; select one with .isel")
    transform = transform.squeeze([d for d in transform.dims if d not in ("frequency", "time")])
    transform = transform.transpose("frequency", "time").sortby("frequency")
    amplitude = transform.attrs.get("norm") == "l1"
    shown = np.abs(transform.values) ** (1 if amplitude else 2)
    time, frequency = transform["time"].values, transform["frequency"].values
    if frequency.size < 2 or time.size < 2:
        raise ValueError("a scalogram needs at least two frequencies and two times")
    block = -(-time.size // MOST_COLUMNS)
    starts = np.arange(0, time.size, block)
    counts = np.diff(np.append(starts, time.size))
    shown = np.add.reduceat(shown, starts, axis=1) / counts
    centres = np.add.reduceat(time, starts) / counts
    centres[[0, -1]] = time[[0, -1]]  # the picture spans the record

    free = outside_cone(transform).values if "record_start" in transform.attrs else np.ones((1, 1), bool)
    free = np.broadcast_to(free, transform.shape)[:, starts]
    highest = float(shown[free].max() if free.any() else shown.max()) or 1.0
    top = highest if vmax is None else vmax
    norm = Normalize(0.0, top) if decades is None else LogNorm(top / 10.0**decades, top)
    fig, ax = axes_of(ax)
    floor = np.maximum(shown, top / 10.0**decades) if decades is not None else shown
    mesh = ax.pcolormesh(centres, frequency, floor, cmap=cmap, norm=norm, shading="gouraud", rasterized=True)
    ax.set(yscale="log", xlabel="time (s)", ylabel="frequency (Hz)")
    ax.set_xlim(time[0], time[-1])
    ax.set_ylim(frequency[0], frequency[-1])
    _plain_ticks(ax.yaxis)
    if "record_start" in transform.attrs:
        _shade_cone(ax, transform, frequency)
    if ridge is not None:
        _draw_ridge(ax, ridge)
    unit = str(transform.attrs.get("units", "1"))
    quantity = r"amplitude $|W|$" if amplitude else r"power $|W|^2$"
    label = quantity if unit == "1" else f"{quantity} ({unit})" if amplitude else f"{quantity} ({unit}²)"
    above, below = (
        bool(shown.max() > top * (1 + 1e-9)),
        decades is not None and bool(shown.min() < top / 10.0**decades),
    )
    extend = {(True, True): "both", (True, False): "max", (False, True): "min", (False, False): "neither"}[
        above, below
    ]
    bar = fig.colorbar(mesh, ax=ax, pad=0.02, extend=extend)
    bar.set_label(label)
    bar.outline.set_linewidth(0.6)
    return fig, ax


def wavelet_coherence_figure(
    coherence: xr.Dataset, ax: Axes | None = None, cmap: str = "viridis", arrows: bool = True
) -> tuple[Figure, Axes]:
    """Wavelet coherence over time and frequency, its significance level as a contour, phases as arrows.

    Parameters
    ----------
    coherence : Dataset, as from `snntheory.spectral.wavelet_coherence`, of one pair of traces
        With ``level``, a black contour surrounds what exceeds it.
    ax : Axes, optional
    cmap : str
    arrows : bool
        Phases where the coherence exceeds its level, or 0.5 without one: to the right in phase, upwards x
        leads by a quarter of a cycle.

    Returns
    -------
    (Figure, Axes)
    """
    if not isinstance(coherence, xr.Dataset) or "coherence" not in coherence:
        raise TypeError("coherence must be a Dataset as wavelet_coherence returns it")
    lead = [d for d in coherence["coherence"].dims if d not in ("frequency", "time")]
    longer = [str(d) for d in lead if coherence.sizes[d] > 1]
    if longer:
        raise ValueError(f"coherence has several entries along {', '.join(longer)}; select one with .isel")
    one = coherence.squeeze(lead).sortby("frequency")
    value = one["coherence"].transpose("frequency", "time")
    if value.sizes["frequency"] < 2 or value.sizes["time"] < 2:
        raise ValueError("a figure of coherence needs at least two frequencies and two times")
    block = -(-value.sizes["time"] // MOST_COLUMNS)
    shown = value.isel(time=slice(None, None, block))
    time, frequency = shown["time"].values, shown["frequency"].values
    fig, ax = axes_of(ax)
    mesh = ax.pcolormesh(
        time, frequency, shown.values, cmap=cmap, vmin=0.0, vmax=1.0, shading="gouraud", rasterized=True
    )
    level = one["level"].values[:, None] if "level" in one else np.full((frequency.size, 1), 0.5)
    excess = shown.values - level
    if "level" in one and np.nanmin(excess) < 0 < np.nanmax(excess):
        ax.contour(time, frequency, excess, levels=[0.0], colors=THEORY, linewidths=1.1)
    ax.set(yscale="log", xlabel="time (s)", ylabel="frequency (Hz)")
    ax.set_xlim(time[0], time[-1])
    ax.set_ylim(frequency[0], frequency[-1])
    _plain_ticks(ax.yaxis)
    _shade_cone(ax, one.assign_attrs(one.attrs), frequency)
    if arrows:
        phase = one["phase"].transpose("frequency", "time").isel(time=slice(None, None, block)).values
        free = one["outside_cone"].transpose("frequency", "time").isel(time=slice(None, None, block)).values
        columns = np.unique(np.linspace(0, time.size - 1, MOST_ARROWS[0] + 2).astype(int)[1:-1])
        rows = np.unique(np.linspace(0, frequency.size - 1, MOST_ARROWS[1] + 2).astype(int)[1:-1])
        i, j = (each.ravel() for each in np.meshgrid(rows, columns, indexing="ij"))
        keep = (excess[i, j] > 0) & free[i, j]
        i, j = i[keep], j[keep]
        ax.quiver(
            time[j], frequency[i], np.cos(phase[i, j]), np.sin(phase[i, j]),
            pivot="mid", scale=36, width=0.0028, headwidth=4.5, color="#FFFFFF", edgecolor=THEORY, linewidth=0.4,
        )  # fmt: skip
    bar = fig.colorbar(mesh, ax=ax, pad=0.02)
    bar.set_label("squared wavelet coherence")
    bar.outline.set_linewidth(0.6)
    return fig, ax


def multiresolution_figure(
    components: xr.DataArray, shared: bool = True, colour: str | None = None
) -> tuple[Figure, np.ndarray]:
    """The components of a multiresolution analysis below one another, and above them their sum, the trace.

    Parameters
    ----------
    components : DataArray (component, time), as from `snntheory.spectral.multiresolution`
        Other dimensions of length 1 are dropped. What the ends have a part in is pale.
    shared : bool
        One scale for all components; each its own otherwise.
    colour : str, optional

    Returns
    -------
    (Figure, array of Axes)
    """
    if not isinstance(components, xr.DataArray) or not {"component", "time"} <= set(components.dims):
        raise TypeError(
            "components must be a DataArray with component and time, as multiresolution returns it"
        )
    longer = [str(d) for d in components.dims if d not in ("component", "time") and components.sizes[d] > 1]
    if longer:
        raise ValueError(f"components have several entries along {', '.join(longer)}; select one with .isel")
    components = components.squeeze([d for d in components.dims if d not in ("component", "time")])
    components = components.transpose("component", "time")
    count, time = components.sizes["component"], components["time"].values
    colour = colour or PALETTE[0]
    fig, axes = plt.subplots(count + 1, 1, sharex=True, figsize=(6.4, 1.0 + 0.72 * (count + 1)))
    axes[0].plot(time, components.sum("component").values, color=THEORY, lw=1.0, gid="sum")
    unit = str(components.attrs.get("units", "1"))
    notes = ["sum"]
    for ax, part in zip(axes[1:], components, strict=True):
        values, edge = part.values, part["boundary"].values
        ax.plot(time, values, color=colour, lw=0.9, alpha=0.3, gid="with ends")
        ax.plot(time, np.where(edge, np.nan, values), color=colour, lw=0.9, gid="free of ends")
        notes.append(f"{float(part['low']):.4g} to {float(part['high']):.4g} Hz")
    if shared:
        details = components.values[1:]
        height = 1.1 * float(np.abs(details).max()) or 1.0
        for ax in axes[2:]:
            ax.set_ylim(-height, height)
    for ax, note in zip(axes, notes, strict=True):
        ax.annotate(note, (1.01, 0.5), xycoords="axes fraction", va="center", fontsize=9, color="#222222")
        ax.locator_params(axis="y", nbins=3)
        ax.spines["bottom"].set_visible(ax is axes[-1])
        ax.tick_params(axis="x", length=3 if ax is axes[-1] else 0)
    axes[-1].set(xlabel="time (s)", xlim=(time[0], time[-1]))
    fig.supylabel("value" if unit == "1" else f"value ({unit})", fontsize=10)
    return fig, axes


def _draw_ridge(ax: Axes, ridge: Any) -> None:
    """Lines with a dark rim, so that they are seen on every colour of the map."""
    if not isinstance(ridge, xr.Dataset) or "frequency" not in ridge:
        raise TypeError("ridge must be a Dataset as snntheory.spectral.ridge returns it")
    one = ridge.squeeze(
        [d for d in ridge["frequency"].dims if d not in ("ridge", "time") and ridge.sizes[d] == 1]
    )
    if not set(one["frequency"].dims) <= {"ridge", "time"}:
        raise ValueError(f"ridge has several entries along {one['frequency'].dims}; select one with .isel")
    lines = one["frequency"].where(one["outside_cone"])
    rim = [patheffects.withStroke(linewidth=2.6, foreground=THEORY)]
    for line in np.atleast_2d(lines.transpose(..., "time").values):
        ax.plot(one["time"].values, line, color="white", lw=1.3, path_effects=rim, gid="ridge")


def _shade_cone(ax: Axes, transform: Any, frequency: np.ndarray) -> None:
    """Two veiled wedges from the ends of the record inwards, as wide as the cone of influence."""
    start, stop = transform.attrs["record_start"], transform.attrs["record_stop"]
    grid = np.geomspace(frequency[0], frequency[-1], 300)
    cone = cone_of_influence(grid, norm=transform.attrs["norm"], wavelet=wavelet_of(transform.attrs))
    middle = 0.5 * (start + stop)
    low, high = ax.get_xlim()
    for outer, inner in ((low, np.minimum(start + cone, middle)), (high, np.maximum(stop - cone, middle))):
        ax.fill_betweenx(grid, outer, inner, facecolor="white", alpha=0.72, lw=0)
        ax.plot(inner, grid, color="#222222", lw=0.9)
    ax.set_xlim(low, high)
