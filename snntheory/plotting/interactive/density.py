"""The density of (u, i) against drive, noise and synapse: an interactive figure in one piece of HTML."""

from __future__ import annotations

import base64
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ... import _check
from ...neuron import CubaLIF
from ...population import StationaryDensity, coloured_rate, siegert, stationary_density
from ...population.rates import OutsideValidity
from ..style import PALETTE, THEORY, format_dt
from .fragment import fragment, svg_text, unique_name

_DECADES = 3.0
_WIDTH, _HEIGHT = 60, 40
_MOST = 150


@dataclass(frozen=True)
class DensityPlay:
    """The figure that :func:`density_play` returns; a notebook shows it by itself.

    Attributes
    ----------
    neuron : CubaLIF
    mus, sigmas, taus : tuple of float
        Settings of the sliders; ``taus`` in seconds.
    results : tuple of StationaryDensity
        In the order of the settings, ``mus`` running fastest and ``taus`` slowest.
    """

    neuron: CubaLIF
    mus: tuple[float, ...]
    sigmas: tuple[float, ...]
    taus: tuple[float, ...]
    results: tuple[StationaryDensity, ...]

    @cached_property
    def still(self) -> str:
        """Voltage densities and rates of the middle setting as an SVG file's text."""
        return svg_text((7.2, 3.2), self._draw)

    @property
    def html(self) -> str:
        """The figure as a fragment of HTML, in which nothing is fetched."""
        names = ("figure.css", "panels.js", "density.js")
        return fragment("density", self._data(), names, self.still, self._alternative())

    @property
    def _settings(self) -> list[tuple[float, float, float]]:
        return [(mu, sigma, tau) for tau in self.taus for sigma in self.sigmas for mu in self.mus]

    @cached_property
    def _window(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Ranges of u and i that hold 99.8 % of each density's own marginal."""
        low = min(_quantile(r.u, r.density.sum(axis=1), 0.001) for r in self.results)
        bottom = min(_quantile(r.i, r.density.sum(axis=0), 0.001) for r in self.results)
        top = max(_quantile(r.i, r.density.sum(axis=0), 0.999) for r in self.results)
        return (min(low, self.neuron.v_reset), self.neuron.v_threshold), (bottom, top)

    def _picture(self, result: StationaryDensity) -> NDArray[np.float64]:
        """The density on the window's pixels, shape (height, width), high currents first."""
        (u0, u1), (i0, i1) = self._window
        u = u0 + (np.arange(_WIDTH) + 0.5) * (u1 - u0) / _WIDTH
        i = i0 + (np.arange(_HEIGHT) + 0.5) * (i1 - i0) / _HEIGHT
        along = np.array([np.interp(u, result.u, column, left=0.0) for column in result.density.T])
        both = np.array([np.interp(i, result.i, row, left=0.0, right=0.0) for row in along.T])
        return both.T[::-1]

    def _data(self) -> dict[str, Any]:
        neuron, settings = self.neuron, []
        levels = []
        for (mu, sigma, tau), result in zip(self._settings, self.results, strict=True):
            picture = self._picture(result)
            with np.errstate(divide="ignore"):
                level = 1 + np.log10(np.maximum(picture, 1e-300) / picture.max()) / _DECADES
            levels.append(np.round(255 * np.clip(level, 0, 1)).astype(np.uint8))
            ends = (mu, sigma, neuron.v_reset, neuron.v_threshold, neuron.tau_mem)
            (u0, u1), _ = self._window
            u = u0 + (np.arange(_WIDTH) + 0.5) * (u1 - u0) / _WIDTH
            marginal = np.interp(u, result.u, _marginal(result), left=0.0)
            settings.append(
                {
                    "mu": mu,
                    "sigma": sigma,
                    "tau": tau,
                    "rate": float(f"{result.rate:.5g}"),
                    "white": float(f"{float(siegert(*ends)):.5g}"),
                    "shifted": float(f"{_shifted(ends, tau):.5g}"),
                    "marginal": [float(f"{value:.4g}") for value in marginal],
                }
            )
        window = self._window
        return {
            "uid": unique_name("density", settings),
            "initial": dict(zip(("mu", "sigma", "tau"), self._middle, strict=True)),
            "mus": list(self.mus),
            "sigmas": list(self.sigmas),
            "taus": list(self.taus),
            "tauMem": neuron.tau_mem,
            "threshold": neuron.v_threshold,
            "reset": neuron.v_reset,
            "u": list(window[0]),
            "i": [float(f"{value:.5g}") for value in window[1]],
            "width": _WIDTH,
            "height": _HEIGHT,
            "settings": settings,
            "frames": base64.b64encode(np.array(levels).tobytes()).decode(),
        }

    @property
    def _middle(self) -> tuple[float, float, float]:
        middle = [values[len(values) // 2] for values in (self.mus, self.sigmas, self.taus)]
        return middle[0], middle[1], middle[2]

    def _draw(self, fig: Figure) -> None:
        left, right = fig.subplots(1, 2)
        mu, sigma, _ = self._middle
        found = dict(zip(self._settings, self.results, strict=True))
        ends = (self.neuron.v_reset, self.neuron.v_threshold, self.neuron.tau_mem)
        for tau, colour in zip(self.taus, PALETTE * len(self.taus), strict=False):
            result = found[mu, sigma, tau]
            left.plot(result.u, _marginal(result), color=colour, label=f"synapse {format_dt(tau)}")
            rates = [found[each, sigma, tau].rate for each in self.mus]
            right.plot(self.mus, rates, "o-", ms=3, color=colour)
        fine = np.linspace(self.mus[0], self.mus[-1], 60)
        right.plot(fine, [float(siegert(each, sigma, *ends)) for each in fine], color=THEORY, ls=(0, (4, 2)))
        left.set(xlabel="voltage", ylabel="density")
        left.legend()
        right.set(xlabel="mean drive", ylabel="rate (Hz); dashed: white noise", ylim=(0, None))

    def _alternative(self) -> str:
        mu, sigma, _ = self._middle
        found = dict(zip(self._settings, self.results, strict=True))
        rates = ", ".join(f"{found[mu, sigma, tau].rate:.3g} Hz for {format_dt(tau)}" for tau in self.taus)
        return (
            f"The stationary density of the voltage and the rate against the mean drive for {len(self.taus)} synaptic "
            f"time constants at noise {sigma:g}; at drive {mu:g}: {rates}."
        )

    def _repr_html_(self) -> str:
        return self.html

    def _repr_svg_(self) -> str:
        return self.still


def _marginal(result: StationaryDensity) -> NDArray[np.float64]:
    """Density of the voltage that integrates to one."""
    marginal = result.density.sum(axis=1)
    return marginal / np.trapezoid(marginal, result.u)


def _shifted(ends: tuple[float, float, float, float, float], tau: float) -> float:
    with (
        warnings.catch_warnings()
    ):  # the figure says where the correction holds, and shows how it fails beyond
        warnings.simplefilter("ignore", OutsideValidity)
        return float(coloured_rate(*ends, tau_syn=tau))


def _quantile(places: NDArray[np.float64], weights: NDArray[np.float64], share: float) -> float:
    summed = np.cumsum(weights)
    return float(np.interp(share * summed[-1], summed, places))


def density_play(
    neuron: CubaLIF,
    mus: Sequence[float],
    sigmas: Sequence[float],
    taus: Sequence[float],
    n_u: int = 120,
    n_i: int = 32,
) -> DensityPlay:
    """Interactive figure: the stationary density and the rate against drive, noise and synaptic time constant.

    Sliders over the settings; the density of (u, i), that of the voltage, and the rate with the two closed forms beside
    it. Every combination is solved when the figure is made. Put the object last in a notebook cell, or write its
    ``html`` into a page.

    Parameters
    ----------
    neuron : CubaLIF
        Its reset is "to_value"; its ``tau_syn`` is replaced by each of ``taus``.
    mus, sigmas : sequence of float
        As in :func:`snntheory.population.siegert`; ascending.
    taus : sequence of float
        Seconds; ascending. At most 150 combinations.
    n_u, n_i : int
        As in :func:`snntheory.population.stationary_density`; the defaults take about 0.05 s a combination.

    Returns
    -------
    DensityPlay
        With ``html``, ``still`` (SVG) and ``results``.

    Raises
    ------
    TypeError, ValueError
        As :func:`snntheory.population.stationary_density`; values that do not ascend; too many combinations.

    Accuracy: with the default cells the rate is within 2 % of that of `stationary_density` with its own defaults;
    tests/plotting/test_play_figures.py.
    """
    settings = {}
    for name, values in (("mus", mus), ("sigmas", sigmas), ("taus", taus)):
        array = _check.array(name, values, ndim=1)
        if array.size < 2 or np.any(np.diff(array) <= 0):
            raise ValueError(f"{name} must hold at least 2 ascending values, got {list(values)}")
        settings[name] = tuple(array.tolist())
    count = int(np.prod([len(values) for values in settings.values()]))
    if count > _MOST:
        raise ValueError(f"at most {_MOST} combinations fit a page, got {count}; take fewer values")
    results = tuple(
        stationary_density(replace(neuron, tau_syn=tau), mu, sigma, n_u, n_i)
        for tau in settings["taus"]
        for sigma in settings["sigmas"]
        for mu in settings["mus"]
    )
    return DensityPlay(neuron, settings["mus"], settings["sigmas"], settings["taus"], results)
