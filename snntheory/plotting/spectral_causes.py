"""Figure of source 000's figure 5 taken apart: periodograms of each condition over their expectation."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from .._check import choice
from .style import GRID, THEORY, colour_for_dt, format_dt, plain_number

TITLES = {
    "none": "sampling alone",
    "window": "window of fifty steps",
    "drive": "the source's drive",
    "scheme": "backward Euler",
    "all": "all three",
}


def causes_figure(
    found: xr.Dataset, of: str = "single", voltage: str = "resets added back", axis: str = "hertz"
) -> tuple[Figure, np.ndarray]:
    """Measured periodograms as points, expected ones as lines; a panel a condition, a colour a time step.

    Parameters
    ----------
    found : Dataset
        Of :func:`snntheory.experiments.spectral_causes.spectra`, or its artefact "spectral-causes".
    of : {"single", "average"}
        Single voltages, or the voltage averaged over the batch.
    voltage : {"resets added back", "recorded"}
        The expectation is that of the first.
    axis : {"hertz", "cycles"}
        "hertz": density per hertz over hertz. "cycles": over cycles per step, the density divided by ``dt``, which is
        what an analysis sees that does not know the time step.

    Returns
    -------
    (Figure, array of 5 Axes)
        In the order of the conditions.

    Raises
    ------
    TypeError, ValueError
        Another Dataset; an unknown choice.
    """
    if not isinstance(found, xr.Dataset) or not {"measured", "expected", "frequency"} <= set(found):
        raise TypeError(f"found must be the Dataset of spectral_causes.spectra, got {type(found).__name__}")
    choice("axis", axis, ("hertz", "cycles"))
    choice("of", of, [str(name) for name in found["of"].values])
    choice("voltage", voltage, [str(name) for name in found["voltage"].values])
    fig, grid = plt.subplots(2, 3, sharex=True, sharey=True, figsize=(8.0, 5.4))
    axes, corner = grid.ravel()[:5], grid.ravel()[5]
    part = found.sel(of=of, voltage=voltage)
    for ax, condition in zip(axes, found["condition"].values, strict=True):
        for dt in (float(each) for each in found["dt"].values):
            one = part.sel(condition=condition, dt=dt).dropna("band", subset=["measured", "frequency"])
            unit = dt if axis == "cycles" else 1.0
            f, colour = one["frequency"].values * unit, colour_for_dt(dt)
            ax.plot(f, one["measured"].values / unit, ".", ms=4.5, color=colour, gid=f"measured {dt:g}")
            ax.plot(f, one["expected"].values / unit, color=colour, lw=1.0, gid=f"expected {dt:g}")
        ax.set(xscale="log", yscale="log")
        ax.set_title(TITLES.get(str(condition), str(condition)), fontsize=10)
        ax.grid(True, which="major", color=GRID, lw=0.6)
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0,)))  # the panels are narrow
        ax.xaxis.set_major_formatter(FuncFormatter(plain_number))
        ax.xaxis.set_minor_formatter(NullFormatter())
    axes[2].tick_params(labelbottom=True)  # nothing below it
    label = "cycles per step" if axis == "cycles" else "frequency (Hz)"
    for ax in axes[2:]:
        ax.set_xlabel(label)
    for ax in grid[:, 0]:
        ax.set_ylabel("density per cycle" if axis == "cycles" else "density (1/Hz)")
    marks = [Line2D([], [], color=colour_for_dt(float(dt)), lw=2) for dt in found["dt"].values]
    names = [format_dt(float(dt)) for dt in found["dt"].values]
    points = Line2D([], [], ls="", marker=".", color=THEORY)
    lines = [Line2D([], [], color=THEORY, lw=1.0)] if bool(part["expected"].notnull().any()) else []
    corner.axis("off")
    kinds = ["measured", "expected"][: 1 + len(lines)]
    corner.legend([*marks, points, *lines], [*names, *kinds], loc="center")
    return fig, axes
