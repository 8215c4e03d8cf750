"""Figures of what two signals share: transfer functions with their intervals over theory, coherence, band powers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from ..linear import DiscreteNeuron
from .style import GRID, PALETTE, THEORY, axes_of, colour_for_dt, format_dt, label_lines, plain_number

Response = DiscreteNeuron | Callable[[np.ndarray], np.ndarray]


def transfer_function_figure(
    estimate: xr.Dataset, theory: Response | Mapping[str, Response] | None = None
) -> tuple[Figure, np.ndarray]:
    """Gain and phase as estimated, with their intervals shaded, and what theory says as thin dark lines.

    Parameters
    ----------
    estimate : Dataset (frequency), as from `transfer_function`; other dimensions of length 1 are dropped
        Frequencies above 0 are drawn. Where the phase is unknown it has no dot.
    theory : DiscreteNeuron, function of hertz to complex, or mapping of label to such, optional

    Returns
    -------
    (Figure, array of two Axes)
        Above the gain on logarithmic axes, below the phase in degrees, each within half a turn of the first theory
        where there is one.
    """
    estimate = _alone(estimate, ("response", "gain_lower", "phase_upper"), "transfer_function")
    named = {} if theory is None else dict(theory) if isinstance(theory, Mapping) else {"theory": theory}
    f = estimate["frequency"].values
    fine = np.geomspace(f[0], f[-1], 600)
    known = (estimate["phase_upper"] - estimate["phase"]).values < np.pi
    fig, axes = plt.subplots(2, 1, sharex=True, figsize=(6.4, 5.6), height_ratios=[1.3, 1])
    upper, lower = axes
    colour = PALETTE[0]
    gain = {name: estimate[name].values for name in ("gain", "gain_lower", "gain_upper")}
    lowest = [float(np.abs(_values(response, fine)).min()) for response in named.values()]
    # an interval that reaches 0 is drawn to the edge
    floor = 0.3 * min([float(np.nanquantile(gain["gain"], 0.05)), *lowest])
    upper.fill_between(
        f, np.maximum(gain["gain_lower"], floor), gain["gain_upper"], color=colour, alpha=0.25, lw=0
    )
    upper.plot(f, gain["gain"], ".", color=colour, ms=3, gid="gain")
    phase = estimate["phase"].values
    if named:
        phase = phase + 2 * np.pi * np.round((_angle(next(iter(named.values())), f) - phase) / (2 * np.pi))
    half = np.degrees((estimate["phase_upper"] - estimate["phase"]).values)
    degrees = np.degrees(phase)
    lower.fill_between(
        f, degrees - half, degrees + half, where=known.tolist(), color=colour, alpha=0.25, lw=0
    )
    lower.plot(f[known], degrees[known], ".", color=colour, ms=3, gid="phase")
    ends: tuple[list[Any], list[Any]] = ([], [])
    for k, (label, response) in enumerate(named.items()):
        dark = THEORY if k == 0 else PALETTE[k % len(PALETTE)]
        curves = (np.abs(_values(response, fine)), np.degrees(_angle(response, fine)))
        for ax, curve, labels in zip(axes, curves, ends, strict=True):
            ax.plot(fine, curve, color=dark, lw=1.1, gid=f"theory {label}")
            labels.append((fine[-1], float(curve[-1]), label, dark))
    unit = str(estimate["gain"].attrs.get("units", "1"))
    upper.set(xscale="log", yscale="log", ylabel="gain" if unit == "1" else f"gain ({unit})")
    upper.set_ylim(bottom=floor)
    lower.set(xlabel="frequency (Hz)", ylabel="phase (degrees)", xlim=(f[0], f[-1]))
    drawn = np.concatenate([line.get_ydata() for line in lower.lines[1:]]) if named else degrees[known]
    if drawn.size:
        lower.set_ylim(float(drawn.min()) - 60, float(drawn.max()) + 60)
    for ax, labels in zip(axes, ends, strict=True):
        ax.grid(True, which="major", color=GRID, lw=0.5)
        ax.xaxis.set_major_formatter(FuncFormatter(plain_number))
        ax.xaxis.set_minor_formatter(NullFormatter())
        label_lines(ax, labels)
    return fig, axes


def coherence_figure(estimate: xr.Dataset, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Magnitude-squared coherence with its interval, and the level that unrelated signals stay below.

    Parameters
    ----------
    estimate : Dataset (frequency), as from `coherence`; other dimensions of length 1 are dropped
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    estimate = _alone(estimate, ("coherence", "coherence_lower", "significance_level"), "coherence")
    f = estimate["frequency"].values
    fig, ax = axes_of(ax)
    ax.fill_between(
        f,
        estimate["coherence_lower"].values,
        estimate["coherence_upper"].values,
        color=PALETTE[0],
        alpha=0.25,
        lw=0,
    )
    ax.plot(f, estimate["coherence"].values, color=PALETTE[0], lw=1.2, gid="coherence")
    level = estimate["significance_level"].values
    inner = (
        slice(None, -1) if level[-1] > level[0] * (1 + 1e-9) else slice(None)
    )  # f_N has a level of its own
    ax.plot(f[inner], level[inner], color=THEORY, lw=1.0, ls=(0, (5, 2)), gid="chance")
    ax.set(xscale="log", xlabel="frequency (Hz)", ylabel="coherence", xlim=(f[0], f[-1]), ylim=(0, 1))
    ax.xaxis.set_major_formatter(FuncFormatter(plain_number))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.grid(True, which="major", color=GRID, lw=0.5)
    share = f"{100 * estimate.attrs.get('confidence', 0.95):g} % of chance"
    label_lines(ax, [(f[-1], float(level[0]), share, THEORY)])
    return fig, ax


def band_power_figure(powers: Mapping[Any, xr.DataArray], ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Power in bands of frequency against what the recordings differ in; one line a band.

    Parameters
    ----------
    powers : mapping of label to DataArray (..., band), as from `band_power`
        The mean over the leading dimensions is drawn. Labels that are floats are time steps in seconds and make a
        logarithmic axis in milliseconds; others stand side by side. The same bands in each, at least one label.
    ax : Axes, optional

    Returns
    -------
    (Figure, Axes)
    """
    if not isinstance(powers, Mapping) or not powers:
        raise ValueError("powers must map labels to band powers, and hold at least one")
    for label, power in powers.items():
        if not isinstance(power, xr.DataArray) or "band" not in power.dims:
            raise TypeError(f"powers[{label!r}] must be a DataArray with bands, as band_power returns it")
    first = next(iter(powers.values()))
    bands = [str(band) for band in first["band"].values]
    for label, power in powers.items():
        if [str(band) for band in power["band"].values] != bands:
            raise ValueError(
                f"powers[{label!r}] has other bands than {bands}: {power['band'].values.tolist()}"
            )
    steps = all(isinstance(label, float) for label in powers)
    order = sorted(powers) if steps else list(powers)
    place = [1e3 * float(label) for label in order] if steps else list(range(len(order)))
    fig, ax = axes_of(ax)
    ends = []
    for k, band in enumerate(bands):
        height = [
            float(powers[label].mean([d for d in powers[label].dims if d != "band"]).isel(band=k))
            for label in order
        ]
        colour = PALETTE[k % len(PALETTE)]
        ax.plot(place, height, color=colour, lw=1.0, gid=f"band {band}")
        marks = [colour_for_dt(label) for label in order] if steps else [colour] * len(order)
        ax.scatter(place, height, color=marks, s=30, zorder=3)
        ends.append((place[-1], height[-1], band, colour))
    unit = str(first.attrs.get("units", "1")).replace("(", "").replace(")", "").replace("^2", "²")
    name = str(first.attrs.get("long_name", "power in the band"))
    ax.set(yscale="log", ylabel=name if unit in ("", "1") else f"{name} ({unit})")
    if steps:
        ax.set(xscale="log", xlabel="time step")
        ax.set_xticks(place, [format_dt(label) for label in order])
        ax.xaxis.set_minor_locator(NullLocator())
    else:
        ax.set_xticks(place, [str(label) for label in order])
        ax.set_xlim(-0.5, len(order) - 0.5)
    ax.grid(True, which="major", axis="y", color=GRID, lw=0.5)
    label_lines(ax, ends)
    return fig, ax


def _alone(estimate: Any, needed: tuple[str, ...], source: str) -> xr.Dataset:
    if not isinstance(estimate, xr.Dataset) or any(name not in estimate for name in needed):
        raise TypeError(f"estimate must be a Dataset as {source} returns it, got {type(estimate).__name__}")
    longer = [str(d) for d in estimate.dims if d != "frequency" and estimate.sizes[d] > 1]
    if longer:
        raise ValueError(
            f"estimate has several entries along {', '.join(longer)}; select one with .isel, or pool them"
        )
    estimate = estimate.squeeze([d for d in estimate.dims if d != "frequency"])
    return estimate.isel(frequency=estimate["frequency"].values > 0)


def _values(response: Response, frequency: np.ndarray) -> np.ndarray:
    if isinstance(response, DiscreteNeuron):
        return response.frequency_response(2 * np.pi * frequency)
    if not callable(response):
        raise TypeError(
            f"theory must be a DiscreteNeuron or a function of hertz, got {type(response).__name__}"
        )
    return np.asarray(response(frequency), dtype=np.complex128)


def _angle(response: Response, frequency: np.ndarray) -> np.ndarray:
    if isinstance(response, DiscreteNeuron):
        return response.phase(2 * np.pi * frequency)
    return np.asarray(np.unwrap(np.angle(_values(response, frequency))))
