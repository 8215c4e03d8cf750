"""A density of (u, i) in time as a film with a slider: HTML and JavaScript in one piece, without a library."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from functools import cached_property

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import rc_context

from ...population import Evolution
from ..population import evolution_figure
from ..style import use_style
from .fragment import fragment, unique_name

_DECADES = 3.0
_MOST = 400_000


@dataclass(frozen=True)
class DensityFilm:
    """The figure that :func:`density_film` returns; a notebook shows it by itself.

    Attributes
    ----------
    run : Evolution
    stationary_rate : float
        Hertz.
    """

    run: Evolution
    stationary_rate: float

    @cached_property
    def still(self) -> str:
        """The voltage's densities and the rate as an SVG file's text."""
        with rc_context():
            use_style()
            plt.rcParams["svg.hashsalt"] = "snntheory"
            fig, _ = evolution_figure(self.run, self.stationary_rate)
            out = io.StringIO()
            fig.savefig(out, format="svg", metadata={"Date": None})
            plt.close(fig)
        return out.getvalue()

    @property
    def html(self) -> str:
        """The figure as a fragment of HTML, in which nothing is fetched."""
        return fragment("film", self._data(), ("film.css", "film.js"), self.still, self._alternative())

    def _data(self) -> dict:
        run = self.run
        grid, top = (
            run.grid,
            np.median(run.density.max(axis=(1, 2))),
        )  # the needle at the start would hide the rest
        with np.errstate(divide="ignore"):
            level = np.log10(np.maximum(run.density, 1e-300) / top) / _DECADES + 1
        frames = np.round(255 * np.clip(level, 0, 1)).astype(np.uint8)
        seen = np.flatnonzero(frames.any(axis=(0, 1)))
        low, high = seen[0], seen[-1] + 1
        pixels = frames.transpose(0, 2, 1)[:, low:high][:, ::-1]  # rows from the top: high currents first
        packed = base64.b64encode(np.ascontiguousarray(pixels).tobytes()).decode()
        return {
            "uid": unique_name("film", packed),
            "width": grid.shape[0],
            "height": int(high - low),
            "frames": packed,
            "times": [round(1e3 * t, 6) for t in run.saved_time.tolist()],
            "u": [float(f"{x:.6g}") for x in grid.u_faces],
            "i": [float(grid.i_faces[low]), float(grid.i_faces[high])],
            "first": grid.first,
            "threshold": grid.neuron.v_threshold / grid.neuron.r,
            "rateTimes": [round(1e3 * t, 4) for t in run.time.tolist()],
            "rates": [float(f"{x:.4g}") for x in run.rate],
            "fired": [float(f"{np.interp(t, run.time, run.fired):.4g}") for t in run.saved_time],
            "stationary": self.stationary_rate,
            "alternative": self._alternative(),
        }

    def _alternative(self) -> str:
        run = self.run
        return (
            f"The density of voltage and current between 0 and {1e3 * run.time[-1]:g} ms: it starts as a point, "
            f"spreads towards the threshold and re-enters at the reset; below, the rate, up to {run.rate.max():.3g} Hz."
        )

    def _repr_html_(self) -> str:
        return self.html

    def _repr_svg_(self) -> str:
        return self.still


def density_film(run: Evolution, stationary_rate: float) -> DensityFilm:
    """A film of a density on its way to the threshold, with a slider for the time.

    Put the object last in a notebook cell, or write its ``html`` into a page.

    Parameters
    ----------
    run : Evolution
        Of :func:`snntheory.population.evolve`, with saved densities: some forty are enough.
    stationary_rate : float
        Hertz: a dashed line below the rate.

    Returns
    -------
    DensityFilm

    Raises
    ------
    TypeError, ValueError
        ``run`` is no Evolution, holds fewer than three densities, or is too large for a page.
    """
    if not isinstance(run, Evolution):
        raise TypeError(f"run must be what evolve returns, got {type(run).__name__}")
    if len(run.saved_time) < 3:
        raise ValueError(
            f"run must hold at least 3 densities, got {len(run.saved_time)}; give evolve save_every"
        )
    if run.density.size > _MOST:
        raise ValueError(
            f"run holds {run.density.size} numbers, at most {_MOST} fit a page; take fewer cells or a larger save_every"
        )
    return DensityFilm(run, float(stationary_rate))
