"""Figures of how far the step can go: regions of stability, and limits against the order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import sympy
from matplotlib import colors, patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, MultipleLocator
from numpy.typing import ArrayLike

from .. import _check
from ..linear import schemes as registry
from ..linear import stability
from .discretisation import SCHEME_COLOURS
from .style import GRID, PALETTE, THEORY, axes_of

Choice = tuple[str, int | None]
_HALO = [patheffects.withStroke(linewidth=2.5, foreground="white")]


def stability_region_figure(
    panels: Mapping[str, Sequence[Choice]],
    real: tuple[float, float] = (-7.0, 3.0),
    imaginary: float = 5.0,
    columns: int = 3,
) -> tuple[Figure, np.ndarray]:
    """Regions of the plane of ``z = lambda dt`` in which a scheme is stable, that is ``|R(z)| < 1``.

    A panel with one scheme is shaded where it is stable; a panel with several shows their boundaries. The decays of the
    neuron lie on the negative real axis (black); a dot on it marks the limit of stability, a ring that of monotony.

    Parameters
    ----------
    panels : mapping of str to sequence of (name, order)
        What is written above each panel, and the schemes as ``snntheory.discretize`` takes them.
    real : (float, float)
        Ends of the real axis.
    imaginary : float
        End of the imaginary axis.
    columns : int

    Returns
    -------
    (Figure, array of Axes)
    """
    if not panels:
        raise ValueError("panels is empty; give at least one, for example {'bilinear': [('bilinear', None)]}")
    columns = min(_check.integer("columns", columns, minimum=1), len(panels))
    rows = -(-len(panels) // columns)
    height = 2 * imaginary / (real[1] - real[0]) * 6.0 / columns
    fig, grid = plt.subplots(
        rows, columns, sharex=True, sharey=True, squeeze=False, figsize=(6.8, rows * (height + 0.3) + 0.3)
    )
    x, y = np.linspace(*real, 401), np.linspace(-imaginary, imaginary, 401)
    plane = x + 1j * y[:, None]
    axes = grid.ravel()
    for ax, (title, choices) in zip(axes, panels.items(), strict=False):
        if not choices:
            raise ValueError(f"panels[{title!r}] is empty; give at least one (name, order)")
        ax.axvline(0, color=GRID, lw=0.8)
        ax.plot([real[0], 0], [0, 0], color=THEORY, lw=1.2)
        for k, (name, order) in enumerate(choices):
            size = np.abs(stability.amplification_factor(name, plane, order))
            colour = SCHEME_COLOURS[name] if len(choices) == 1 else PALETTE[k % len(PALETTE)]
            if len(choices) == 1:
                ax.contourf(x, y, size, levels=[0, 1], colors=[colors.to_rgba(colour, 0.25)])
            ax.contour(x, y, size, levels=[1], colors=[colour], linewidths=1.3)
            _limits_on_the_axis(ax, name, order, colour, labelled=len(choices) > 1)
        ax.text(0.0, 1.02, title, transform=ax.transAxes, va="bottom", fontsize=9.5)
        ax.set(xlim=real, ylim=(-imaginary, imaginary))
        ax.set_aspect("equal")
        ax.xaxis.set_major_locator(MultipleLocator(2))
        ax.yaxis.set_major_locator(MultipleLocator(2))
    for ax in axes[len(panels) :]:
        ax.set_visible(False)
    for ax in grid[-1]:
        ax.set_xlabel(r"Re $\lambda\,\Delta t$")
    for ax in grid[:, 0]:
        ax.set_ylabel(r"Im $\lambda\,\Delta t$")
    return fig, axes[: len(panels)]


def _limits_on_the_axis(ax: Axes, name: str, order: int | None, colour: str, labelled: bool) -> None:
    stable = stability.prove_stability(name, order).limit_x
    monotone = stability.prove_monotonicity(name, order).limit_x
    if monotone not in (stable, sympy.oo) and not labelled:
        ax.plot(-float(monotone), 0, "o", ms=5, mfc="white", color=colour, zorder=4)
    if stable != sympy.oo:
        ax.plot(-float(stable), 0, "o", ms=5, color=colour, zorder=4)
        if labelled:
            ax.annotate(
                str(order) if order is not None else registry.get(name).title,
                (-float(stable), 0),
                xytext=(-2, 5),
                textcoords="offset points",
                ha="right",
                fontsize=8.5,
                color=colour,
                path_effects=_HALO,
            )


def stability_limit_figure(orders: ArrayLike = range(1, 13), ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Longest stable and longest monotone step of Parker-Sochacki against its order, in time constants.

    The grey line has the slope ``1/e`` that the limit tends to.

    Parameters
    ----------
    orders : array_like of int
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    chosen = [_check.integer("orders", int(p), minimum=1) for p in _check.array("orders", orders, ndim=1)]
    name = "parker_sochacki"
    stable = [float(stability.prove_stability(name, p).limit_x) for p in chosen]
    monotone = [float(stability.prove_monotonicity(name, p).limit_x) for p in chosen]
    fig, ax = axes_of(ax)
    colour = SCHEME_COLOURS[name]
    ends = np.array([min(chosen), max(chosen)])
    ax.plot(
        ends,
        stable[int(np.argmax(chosen))] + (ends - ends[1]) / np.e,
        color="#999999",
        lw=1.0,
        ls=(0, (4, 2)),
    )
    ax.annotate(
        "slope $1/e$",
        (ends[0], stable[int(np.argmax(chosen))] + (ends[0] - ends[1]) / np.e),
        xytext=(4, 10),
        textcoords="offset points",
        fontsize=8.5,
        color="#666666",
        rotation=20,
    )
    ax.vlines(chosen, monotone, stable, color=colour, lw=0.8, alpha=0.5)
    ax.plot(chosen, stable, "o", color=colour, ms=6, label="stable below")
    ax.plot(
        chosen, monotone, "o", color=colour, mfc="white", ms=6, label="no negative pole below", gid="monotone"
    )
    both = [k for k in range(len(chosen)) if stable[k] == monotone[k]]
    ax.plot([chosen[k] for k in both], [stable[k] for k in both], "o", color=colour, ms=6)
    ax.set(xlabel="order $p$", ylabel=r"limit of $\Delta t/\tau_{\min}$", xlim=(ends[0] - 0.6, ends[1] + 0.6))
    ax.set_ylim(bottom=0)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=13))
    ax.grid(True, axis="y", color=GRID, lw=0.5)
    ax.legend(loc="upper left")
    return fig, ax
