"""Several quantities against one time step: an interactive figure in one piece of HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import ArrayLike

from ... import _check
from ..style import PALETTE, THEORY, format_dt, plain_number
from .fragment import fragment, svg_text, unique_name


@dataclass(frozen=True)
class Curve:
    """One quantity against the time step.

    Attributes
    ----------
    label : str
    dt : tuple of float
        Seconds, ascending.
    values : tuple of float
    colour : str
    """

    label: str
    dt: tuple[float, ...]
    values: tuple[float, ...]
    colour: str


@dataclass(frozen=True)
class StepPanel:
    """One panel of an overview; made by :func:`step_panel`.

    Attributes
    ----------
    title : str
        With the unit.
    curves : tuple of Curve
    low, high : float
        Range of the axis.
    exact : float or None
        The value without a time step, drawn dashed.
    logarithmic : bool
    """

    title: str
    curves: tuple[Curve, ...]
    low: float
    high: float
    exact: float | None
    logarithmic: bool


def step_panel(
    title: str,
    curves: dict[str, tuple[ArrayLike, ArrayLike]],
    exact: float | None = None,
    logarithmic: bool = False,
    limits: tuple[float, float] | None = None,
    colours: Sequence[str] = PALETTE,
) -> StepPanel:
    """One panel: each curve is ``label: (dt, values)``.

    Parameters
    ----------
    title : str
        What is drawn, with its unit.
    curves : dict of str to (array_like, array_like)
        Time steps in seconds, ascending, and values; at most as many as ``colours``.
    exact : float, optional
        The value without a time step.
    logarithmic : bool
    limits : (float, float), optional
        Of the axis; default: a little more than the values.
    colours : sequence of str

    Returns
    -------
    StepPanel

    Raises
    ------
    ValueError, TypeError
        No curves or more than colours; steps that do not ascend; values that are not finite, or not positive on a
        logarithmic axis.
    """
    if not 0 < len(curves) <= len(colours):
        raise ValueError(f"curves must be 1 to {len(colours)}, got {len(curves)}; give more colours")
    made = []
    for (label, (dt, values)), colour in zip(curves.items(), colours, strict=False):
        steps, heights = _check.array("dt", dt, ndim=1), _check.array("values", values, ndim=1)
        if steps.size == 0 or steps.shape != heights.shape or np.any(np.diff(steps) <= 0) or steps[0] <= 0:
            raise ValueError(
                f"dt of {label!r} must be positive, ascending, and one for each value, got {steps} and "
                f"{heights.size} values"
            )
        made.append(Curve(label, tuple(steps.tolist()), tuple(heights.tolist()), colour))
    every = [value for curve in made for value in curve.values] + ([] if exact is None else [exact])
    low, high = (min(every), max(every)) if limits is None else limits
    if logarithmic and low <= 0:
        raise ValueError(f"values must be positive on a logarithmic axis, got {low:g}")
    if limits is None:
        margin = 0.06 * (high - low or 1.0)
        low, high = (low / 1.2, high * 1.2) if logarithmic else (low - margin, high + margin)
    return StepPanel(title, tuple(made), low, high, exact, logarithmic)


@dataclass(frozen=True)
class Overview:
    """The figure that :func:`overview` returns; a notebook shows it by itself.

    Attributes
    ----------
    panels : tuple of StepPanel
    dt : float
        The step at which it starts, in seconds.
    """

    panels: tuple[StepPanel, ...]
    dt: float

    @cached_property
    def still(self) -> str:
        """All panels as an SVG file's text."""
        rows = -(-len(self.panels) // 3)
        return svg_text((8.4, 3.1 * rows), lambda fig: _draw(fig, self.panels))

    @property
    def html(self) -> str:
        """The figure as a fragment of HTML, in which nothing is fetched."""
        return fragment(
            "overview",
            self._data(),
            ("figure.css", "panels.js", "overview.js"),
            self.still,
            self._alternative(),
        )

    def _data(self) -> dict[str, Any]:
        panels = [asdict(panel) for panel in self.panels]
        for panel in panels:
            for curve in panel["curves"]:
                curve["values"] = [float(f"{value:.5g}") for value in curve["values"]]
        steps = sorted({dt for panel in self.panels for curve in panel.curves for dt in curve.dt} | {self.dt})
        return {
            "uid": unique_name("overview", [panels, self.dt]),
            "dt": self.dt,
            "steps": steps,
            "panels": panels,
        }

    def _alternative(self) -> str:
        titles = "; ".join(
            f"{panel.title} ({', '.join(curve.label for curve in panel.curves)})" for panel in self.panels
        )
        first, last = self._data()["steps"][0], self._data()["steps"][-1]
        return f"Against time steps from {format_dt(first)} to {format_dt(last)}: {titles}."

    def _repr_html_(self) -> str:
        return self.html

    def _repr_svg_(self) -> str:
        return self.still


def overview_figure(panels: Sequence[StepPanel]) -> tuple[Figure, np.ndarray]:
    """The panels of an overview as a still figure.

    Parameters
    ----------
    panels : sequence of StepPanel

    Returns
    -------
    (Figure, array of Axes)
    """
    fig = plt.figure(figsize=(8.4, 3.1 * -(-len(panels) // 3)))
    return fig, _draw(fig, panels)


def _draw(fig: Figure, panels: Sequence[StepPanel]) -> np.ndarray:
    columns = min(3, len(panels))
    axes = np.atleast_1d(fig.subplots(-(-len(panels) // columns), columns)).ravel()
    every = [1e3 * dt for panel in panels for curve in panel.curves for dt in curve.dt]
    ends = (min(every) / 1.15, max(every) * 1.15)
    for ax, panel in zip(axes, panels, strict=False):
        if panel.exact is not None:
            ax.axhline(panel.exact, color=THEORY, lw=1.0, ls=(0, (4, 2)))
        ax.set_yscale("log" if panel.logarithmic else "linear")
        for curve in panel.curves:
            steps = [1e3 * dt for dt in curve.dt]
            ax.plot(
                steps,
                curve.values,
                color=curve.colour,
                label=curve.label,
                marker="o" if len(steps) < 12 else None,
                ms=3,
            )
        ax.set(xscale="log", xlabel="time step (ms)", ylim=(panel.low, panel.high), xlim=ends)
        ax.set_title(panel.title, fontsize=8.5, loc="left")  # in place of an axis label, which would not fit
        for axis, logarithmic in ((ax.xaxis, True), (ax.yaxis, panel.logarithmic)):
            if logarithmic:
                axis.set_major_locator(LogLocator(subs=(1, 2, 5) if axis is ax.yaxis else (1,)))
                axis.set_major_formatter(FuncFormatter(plain_number))
                axis.set_minor_formatter(NullFormatter())
        ax.legend(fontsize=7, handlelength=1.2, loc="upper left", bbox_to_anchor=(-0.08, -0.24))
    for ax in axes[len(panels) :]:
        ax.remove()
    return axes[: len(panels)]


def overview(panels: Sequence[StepPanel], dt: float = 0.001) -> Overview:
    """Interactive figure: what a time step does to several quantities, read at once with one slider.

    Parameters
    ----------
    panels : sequence of StepPanel
        Of :func:`step_panel`; at most 9.
    dt : float
        The step at which the slider starts, in seconds.

    Returns
    -------
    Overview
        With ``html`` and ``still`` (SVG).

    Raises
    ------
    TypeError, ValueError
        No panels or more than 9; ``dt`` not positive.

    Accuracy: between the computed steps the readouts are linear in the logarithm of the step;
    tests/book/test_figures_in_browser.py compares them with `numpy.interp`.
    """
    panels = tuple(panels)
    if not 0 < len(panels) <= 9 or not all(isinstance(panel, StepPanel) for panel in panels):
        raise ValueError(f"panels must be 1 to 9 results of step_panel, got {len(panels)}")
    return Overview(panels, _check.positive("dt", dt, "s"))
