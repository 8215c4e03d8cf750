"""Figure of the main answer: what a time step costs by scheme, spike placement, gradient method and training."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from .. import _check
from .style import GRID, PALETTE, THEORY, label_lines, plain_number

_TITLES = {
    "scheme": "response to one spike",
    "placement": "spikes of one neuron",
    "network": "trained network, run on the grid",
    "gradient": "gradient",
    "clocked": "clocked network, trained at the step",
    "late": "event-driven network, trained at the step",
}
_LABELS = {
    "scheme": "largest error / height",
    "placement": "shift / $\\tau_s$ or share lost",
    "network": "accuracy lost",
    "gradient": "1 - cosine",
    "clocked": "accuracy lost",
    "late": "accuracy lost",
}


def time_step_cost_figure(
    found: xr.Dataset, shown: Mapping[str, Mapping[str, str]] | None = None, floor: float = 1e-4
) -> tuple[Figure, np.ndarray]:
    """Losses against the time step, a panel for each kind of choice; the band below the tolerance is what is kept.

    Parameters
    ----------
    found : xarray.Dataset
        Of :func:`snntheory.advice.costs`.
    shown : mapping of str to mapping, optional
        For a kind the names to draw, with their labels; default: all.
    floor : float
        Smaller losses are drawn here.

    Returns
    -------
    (Figure, array of Axes, shape (n_panels,))

    Raises
    ------
    ValueError
        A name is not in ``found``.
    """
    kinds = [kind for kind in _TITLES if kind in found["kind"].values]
    rows = -(-len(kinds) // 2)
    fig, grid = plt.subplots(rows, 2, sharex=True, squeeze=False, figsize=(8.6, 3.3 * rows))
    axes = grid.ravel()
    for spare in axes[len(kinds) :]:
        spare.remove()
    x = found["step"].values
    for ax, kind in zip(axes[: len(kinds)], kinds, strict=True):
        part = found.isel(choice=found["kind"].values == kind)
        names = [str(name) for name in part["name"].values]
        wanted = dict((shown or {}).get(kind) or {name: name for name in names})
        ends = []
        for k, (name, label) in enumerate(wanted.items()):
            _check.choice(kind, name, names)
            values = part["loss"].values[names.index(name)]
            drawn = np.where(np.isinf(values), np.nan, np.maximum(values, floor))
            colour = PALETTE[k % len(PALETTE)]
            ax.plot(x, drawn, color=colour, marker="o", ms=3, lw=1.4)
            last = np.flatnonzero(np.isfinite(drawn))
            if len(last):
                ends.append((x[last[-1]], drawn[last[-1]], label, colour))
        ax.set(xscale="log", yscale="log", ylim=(0.7 * floor, 3.0), ylabel=_LABELS[kind])
        ax.axhspan(0.7 * floor, found.attrs["tolerance"], color=THEORY, alpha=0.06, lw=0)
        ax.grid(True, color=GRID, lw=0.5)
        ax.annotate(_TITLES[kind], (0.02, 1.02), xycoords="axes fraction", va="bottom")
        ax.xaxis.set_major_formatter(FuncFormatter(plain_number))
        label_lines(ax, ends, size=8)
    for ax in axes[max(0, len(kinds) - 2) : len(kinds)]:
        ax.set_xlabel("time step / shorter time constant")
        ax.tick_params(labelbottom=True)
    return fig, axes[: len(kinds)]
