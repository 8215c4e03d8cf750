"""Figure of a recorded neuron's density of (u, i)."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from .style import PALETTE, THEORY

_SHARES = (0.9, 0.5)


def recorded_density_figure(comparison: xr.Dataset) -> tuple[Figure, np.ndarray]:
    """Measured joint density of voltage and current (colour) under the predicted one (lines), with both marginals.

    Parameters
    ----------
    comparison : xarray.Dataset
        Of :func:`snntheory.population.compare_density`.

    Returns
    -------
    (Figure, array of 3 Axes)
        Joint density, with the lines of equal predicted density that enclose 50 % and 90 %; density of the voltage
        above it, of the current beside it.
    """
    fig, grid = plt.subplots(
        2, 2, figsize=(6.4, 5.0), sharex="col", sharey="row",
        gridspec_kw={"width_ratios": (4, 1), "height_ratios": (1, 3)},
    )  # fmt: skip
    (above, corner), (joint, beside) = grid
    corner.set_visible(False)
    edges = [comparison[f"{name}_edges"].values for name in "ui"]
    widths = [np.diff(edge) for edge in edges]
    areas = widths[0][:, None] * widths[1]
    measured = comparison["measured"].transpose("u", "i").values
    predicted = comparison["predicted"].transpose("u", "i").values
    joint.pcolormesh(*edges, (measured / areas).T, cmap="Blues", vmin=0).set_rasterized(True)
    centres = comparison["u"].values, comparison["i"].values
    levels = _levels(predicted / areas, predicted)
    joint.contour(*centres, (predicted / areas).T, levels=levels, colors=THEORY, linewidths=1.1)
    joint.set(xlabel="voltage $u$ after the reset", ylabel="current $i$")
    joint.set(xlim=edges[0][[0, -1]], ylim=edges[1][[0, -1]])
    marginals = (predicted.sum(axis=1) / widths[0], predicted.sum(axis=0) / widths[1])
    above.stairs(measured.sum(axis=1) / widths[0], edges[0], fill=True, color=PALETTE[0], alpha=0.4)
    above.plot(centres[0], marginals[0], color=THEORY, label="predicted")
    above.set(ylabel="density", ylim=(0, None))
    above.legend(loc="upper left")
    beside.stairs(
        measured.sum(axis=0) / widths[1], edges[1], orientation="horizontal", fill=True, color=PALETTE[0], alpha=0.4
    )  # fmt: skip
    beside.plot(marginals[1], centres[1], color=THEORY)
    beside.set(xlabel="density", xlim=(0, None))
    return fig, np.array([joint, above, beside])


def _levels(density: np.ndarray, masses: np.ndarray) -> list[float]:
    """Densities above which the shares of the mass lie, ascending."""
    order = np.argsort(density, axis=None)[::-1]
    inside = np.cumsum(masses.ravel()[order])
    return sorted({float(density.ravel()[order][np.searchsorted(inside, share)]) for share in _SHARES})
