"""The style of every figure: white ground, colour-blind-safe colours, the same colour for the same time step."""

from __future__ import annotations

import math
from typing import Any

import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib import colormaps, colors, patheffects, rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .._check import positive

# Okabe & Ito's palette without its yellow (too faint on white), black kept for theory.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
THEORY = "#111111"
GRID = "#D9D9D9"

# Time steps from 2^-13 s (122 µs) to 2^-6 s (16 ms) run from blue to orange; the pale end of the map is cut off.
_COARSEST, _FINEST = -6.0, -13.0
_PALEST = 0.68


def use_style() -> None:
    """Set matplotlib's defaults for every figure that follows; the figures of this package need no more."""
    rcParams.update(
        {
            "figure.figsize": (6.4, 4.0),
            "figure.dpi": 110,
            "figure.facecolor": "white",
            "figure.constrained_layout.use": True,
            "savefig.facecolor": "white",
            "savefig.dpi": 200,
            "axes.facecolor": "white",
            "axes.edgecolor": "#444444",
            "axes.linewidth": 0.8,
            "axes.labelcolor": "#222222",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": cycler(color=PALETTE),
            "axes.axisbelow": True,
            "axes.grid": False,
            "grid.color": GRID,
            "grid.linewidth": 0.6,
            "font.family": "sans-serif",
            "font.sans-serif": ["DejaVu Sans"],
            "font.size": 10,
            "axes.labelsize": 10,
            "xtick.labelsize": 9,
            "ytick.labelsize": 9,
            "xtick.color": "#444444",
            "ytick.color": "#444444",
            "xtick.labelcolor": "#222222",
            "ytick.labelcolor": "#222222",
            "legend.frameon": False,
            "legend.fontsize": 9,
            "lines.linewidth": 1.6,
            "mathtext.fontset": "dejavusans",
            "hatch.linewidth": 0.6,
        }
    )


def colour_for_dt(dt: float) -> str:
    """The colour of a time step, the same in every figure: blue is fine, orange is coarse.

    Parameters
    ----------
    dt : float, seconds
        Steps below 122 µs or above 16 ms take the colour of that end.

    Returns
    -------
    str, "#rrggbb"
    """
    place = (math.log2(positive("dt", dt, "seconds")) - _FINEST) / (_COARSEST - _FINEST)
    return str(colors.to_hex(colormaps["plasma"](_PALEST * min(max(place, 0.0), 1.0))))


def format_dt(dt: float) -> str:
    """A time step in words: "0.5 ms", "62.5 µs", "1 s"."""
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "µs")):
        if dt * factor >= (0.1 if unit == "ms" else 1.0) * (1 - 1e-9) or unit == "µs":
            break
    return f"{dt * factor:.4g} {unit}"


def plain_number(value: float, _: Any = None) -> str:
    """A tick of a logarithmic axis as "0.1", "10", "1000" instead of a power of ten."""
    return f"{value:g}"


def axes_of(ax: Axes | None) -> tuple[Figure, Axes]:
    """Figure and axes to draw into: those of ``ax``, or new ones."""
    if ax is None:
        return plt.subplots()
    figure = ax.figure
    return (figure if isinstance(figure, Figure) else figure.figure), ax


def label_lines(
    ax: Axes, ends: list[tuple[float, float, str, str]], size: float = 9.0, gap: float = 1.25, **text: Any
) -> None:
    """Write labels at the right ends of lines, moved apart vertically where they would touch.

    Parameters
    ----------
    ax : Axes
        With its final limits.
    ends : list of (x, y, label, colour), in data coordinates
    size : float, points
    gap : float
        Least distance between labels in units of ``size``.
    """
    figure = ax.get_figure(root=True)
    if not ends or figure is None:  # an Axes that was removed has no figure
        return
    to_points = 72.0 / figure.dpi
    figure.draw_without_rendering()
    placed = sorted(
        ((*ax.transData.transform((x, y)), label, colour) for x, y, label, colour in ends), key=_height
    )
    step = gap * size / to_points
    heights = [float(item[1]) for item in placed]
    for _ in range(200):  # push apart pair by pair: keeps each group centred on its lines
        moved = False
        for k in range(len(heights) - 1):
            overlap = step - (heights[k + 1] - heights[k])
            if overlap > 1e-6:
                heights[k] -= overlap / 2
                heights[k + 1] += overlap / 2
                moved = True
        if not moved:
            break
    halo = [patheffects.withStroke(linewidth=2.5, foreground="white")]
    for (x, y, label, colour), height in zip(placed, heights, strict=True):
        anchor = tuple(ax.transData.inverted().transform((x, y)))
        ax.annotate(
            label,
            anchor,
            xytext=(5, (height - y) * to_points),
            textcoords="offset points",
            va="center",
            fontsize=size,
            color=colour,
            path_effects=halo,
            annotation_clip=False,
            **text,
        )


def _height(item: tuple) -> float:
    return float(item[1])
