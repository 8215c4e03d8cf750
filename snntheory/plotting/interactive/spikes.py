"""A spike train on a grid beside the exact one: an interactive figure in one piece of HTML."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from ... import _check
from ...linear import discretize, schemes
from ...neuron import CubaLIF
from ...spiking import compare_trains, exact_spike_times, simulate
from ..discretisation import SCHEME_COLOURS
from ..style import THEORY, format_dt
from .atlas import slider_values
from .fragment import fragment, svg_text, unique_name
from .javascript import equations

_FACTORS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.6, 1.8, 2.0)
_MOST = 2000


@dataclass(frozen=True)
class SpikePlay:
    """The figure that :func:`spike_play` returns; a notebook shows it by itself.

    Attributes
    ----------
    neuron : CubaLIF
    spike_times, weights : ndarray
        Of the input.
    t_max, dt, window : float
        Seconds.
    scheme : str
    """

    neuron: CubaLIF
    spike_times: NDArray[np.float64]
    weights: NDArray[np.float64]
    t_max: float
    dt: float
    scheme: str
    window: float

    @cached_property
    def still(self) -> str:
        """The starting setting as an SVG file's text."""
        return svg_text((7.2, 4.2), self._draw)

    @property
    def html(self) -> str:
        """The figure as a fragment of HTML, in which nothing is fetched."""
        names = ("figure.css", "decays.js", "panels.js", "spikes.js")
        return fragment("spikes", self._data(), names, self.still, self._alternative(), equations())

    def _data(self) -> dict[str, Any]:
        neuron = self.neuron
        initial = {"dt": self.dt, "scheme": self.scheme, "factor": 1.0}
        longest = min(neuron.tau_mem, neuron.tau_syn)
        inputs = [list(pair) for pair in zip(self.spike_times.tolist(), self.weights.tolist(), strict=True)]
        return {
            "uid": unique_name("spikes", [asdict(neuron), initial, inputs, self.t_max, self.window]),
            "initial": initial,
            "tauMem": neuron.tau_mem,
            "tauSyn": neuron.tau_syn,
            "r": neuron.r,
            "threshold": neuron.v_threshold,
            "inputs": inputs,
            "tMax": self.t_max,
            "window": self.window,
            "steps": slider_values(
                min(self.dt, max(longest / 200, self.t_max / 5000)), max(longest / 2, self.dt), self.dt
            ),
            "factors": list(_FACTORS),
            "schemes": [
                {"name": name, "title": schemes.get(name).title, "colour": SCHEME_COLOURS[name]}
                for name in schemes.names()
                if name != "parker_sochacki"
            ],
        }

    @cached_property
    def _trains(self) -> tuple[NDArray[np.float64], Any]:
        task = (self.neuron, self.spike_times, self.weights)
        return exact_spike_times(*task, self.t_max), simulate(*task, self.t_max, self.dt, self.scheme)

    def _alternative(self) -> str:
        exact, run = self._trains
        grid = run["spike_times"].values.ravel()
        found = compare_trains(exact, grid[np.isfinite(grid)], self.window)
        return (
            f"A voltage on a grid of {format_dt(self.dt)} and its spikes beside the exact ones: {exact.size} exact, "
            f"{int(np.isfinite(grid).sum())} on the grid, {exact.size - len(found.pairs)} of the exact ones without a "
            "partner."
        )

    def _draw(self, fig: Figure) -> None:
        exact, run = self._trains
        fine = min(self.dt / 5, min(self.neuron.tau_mem, self.neuron.tau_syn) / 50)
        reference = simulate(
            self.neuron, self.spike_times, self.weights, self.t_max, fine, "impulse_invariance",
            spike_placement="cubic", reset_at="spike",
        )  # fmt: skip
        axes = fig.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        colour = SCHEME_COLOURS[self.scheme]
        axes[0].axhline(self.neuron.v_threshold, color="#888888", lw=0.8, ls=":")
        time = run["time"].values * 1e3
        axes[0].plot(time, run["voltage"].values.ravel(), ".-", color=colour, lw=0.9, ms=4)
        axes[0].plot(
            reference["time"].values * 1e3,
            reference["voltage"].values.ravel(),
            color=THEORY,
            lw=1.0,
            ls=(0, (4, 2)),
        )
        axes[0].set(ylabel="voltage")
        grid = run["spike_times"].values.ravel()
        axes[1].vlines(exact * 1e3, 0.6, 1, color=THEORY)
        axes[1].vlines(grid[np.isfinite(grid)] * 1e3, 0, 0.4, color=colour)
        axes[1].set(xlabel="time (ms)", yticks=[0.2, 0.8], yticklabels=["on the grid", "exact"])

    def _repr_html_(self) -> str:
        return self.html

    def _repr_svg_(self) -> str:
        return self.still


def spike_play(
    neuron: CubaLIF,
    spike_times: ArrayLike,
    weights: ArrayLike,
    t_max: float,
    dt: float = 0.001,
    scheme: str = "backward_euler",
    window: float = 0.005,
) -> SpikePlay:
    """Interactive figure: the spikes that a time step and a scheme make of an input, beside the exact ones.

    Sliders for the time step and the size of the input's weights, and a choice of schemes; voltage, spike trains, and
    the share of missed spikes against the time step. Put the object last in a notebook cell, or write its ``html``
    into a page.

    Parameters
    ----------
    neuron : CubaLIF
        With the reset "subtract".
    spike_times : array_like, shape (n_spikes,)
        Of the input, in seconds, ascending, at most 2000.
    weights : scalar or array_like, shape (n_spikes,)
    t_max, dt : float
        End and time step in seconds.
    scheme : str
        One of :func:`snntheory.linear.schemes.names`, without "parker_sochacki".
    window : float
        Largest distance of partners in seconds.

    Returns
    -------
    SpikePlay
        With ``html`` and ``still`` (SVG).

    Raises
    ------
    TypeError, ValueError
        As :func:`snntheory.spiking.simulate`; another reset; too many input spikes or steps.

    Accuracy: the script's spikes are compared with `exact_spike_times` (to 1e-12 s) and `simulate` (the same steps),
    its pairs with `compare_trains`, in tests/book/test_figures_in_browser.py.
    """
    if not isinstance(neuron, CubaLIF) or neuron.reset != "subtract":
        raise ValueError(f"neuron must be a CubaLIF with reset='subtract', got {neuron!r}")
    names = tuple(name for name in schemes.names() if name != "parker_sochacki")
    _check.choice("scheme", scheme, names)
    times = _check.array("spike_times", spike_times, ndim=1)
    t_max, window = _check.positive("t_max", t_max, "s"), _check.positive("window", window, "s")
    if times.size > _MOST:
        raise ValueError(f"spike_times must hold at most {_MOST} spikes for a page, got {times.size}")
    if t_max / _check.positive("dt", dt, "s") > 20_000:
        raise ValueError(f"t_max / dt must be at most 20000 for a page, got {t_max / dt:g}; shorten t_max")
    play = SpikePlay(
        neuron,
        times,
        np.broadcast_to(_check.array("weights", weights), times.shape).copy(),
        t_max,
        float(discretize(neuron, dt, scheme).dt),
        scheme,
        window,
    )
    _ = play._trains  # what simulate refuses is refused here, not when a page is made
    return play
