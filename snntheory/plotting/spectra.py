"""Figures of spectra: power spectral densities with theory laid over them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from .style import GRID, PALETTE, THEORY, axes_of, colour_for_dt, format_dt, label_lines, plain_number


def psd_figure(
    spectra: xr.DataArray | Mapping[Any, xr.DataArray],
    theory: Mapping[Any, Any] | xr.DataArray | None = None,
    ax: Axes | None = None,
    band: bool = False,
    xlabel: str = "frequency (Hz)",
    ylabel: str | None = None,
) -> tuple[Figure, Axes]:
    """Power spectral densities on logarithmic axes, measured as wide pale lines, theory as thin dark ones.

    Parameters
    ----------
    spectra : DataArray (..., frequency), or mapping of label to such
        The mean over the leading dimensions is drawn. A label that is a float is a time step in seconds: it
        gives the line its colour (`colour_for_dt`) and its name ("1 ms").
    theory : mapping of label to density, or one density, optional
        A density is a DataArray with a frequency, a pair (frequency, density), or an array at the
        frequencies of the measured one of the same label. A label that is not measured (such as
        "continuous") is drawn in black.
    ax : Axes, optional
    band : bool
        Shade the 5th to 95th percentile over the leading dimensions.
    xlabel, ylabel : str, optional
        Default of ``ylabel``: the density with the unit in its attributes.

    Returns
    -------
    (Figure, Axes)

    Raises
    ------
    TypeError, ValueError
        No spectra, a theory without frequencies, or a spectrum that is zero (that of a constant trace).
    """
    measured = {None: spectra} if isinstance(spectra, xr.DataArray) else dict(spectra)
    if not measured:
        raise ValueError("spectra is empty; give at least one spectrum")
    for label, spectrum in measured.items():
        if not isinstance(spectrum, xr.DataArray) or "frequency" not in spectrum.dims:
            raise TypeError(f"spectra[{label!r}] must be a DataArray with a frequency, as psd returns it")
    expected = theory if isinstance(theory, Mapping) else {} if theory is None else {None: theory}
    fig, ax = axes_of(ax)
    ends = []
    colours = _colours(measured)
    for label, spectrum in measured.items():
        rows = spectrum.transpose(..., "frequency").values.reshape(-1, spectrum.sizes["frequency"])
        f, keep = spectrum["frequency"].values, spectrum["frequency"].values > 0
        mean = rows.mean(axis=0)
        if not np.any(mean[keep] > 0):
            raise ValueError(
                f"spectra[{label!r}] is zero at all frequencies above 0, as that of a constant trace: "
                "there is nothing to draw on logarithmic axes"
            )
        wide: dict[str, Any] = (
            dict(color=colours[label], lw=2.6, alpha=0.55) if expected else dict(color=colours[label])
        )
        ax.plot(f[keep], mean[keep], solid_capstyle="round", gid=f"measured {label}", **wide)
        if band and len(rows) > 1:
            low, high = np.quantile(rows[:, keep], [0.05, 0.95], axis=0)
            ax.fill_between(f[keep], low, high, color=colours[label], alpha=0.15, lw=0)
        ends.append((f[keep][-1], mean[keep][-1], _name(label), colours[label]))
    for label, density in expected.items():
        f, values = _curve(label, density, measured)
        keep = f > 0
        colour = colours.get(label, THEORY)
        dark = THEORY if label is None or label not in colours else _darker(colour)
        ax.plot(
            f[keep],
            values[keep],
            color=dark,
            lw=1.1,
            ls="-" if label in colours else (0, (5, 2)),
            gid=f"theory {label}",
        )
        if label not in colours:
            ends.append((f[keep][-1], values[keep][-1], _name(label), THEORY))
    ax.set(
        xscale="log",
        yscale="log",
        xlabel=xlabel,
        ylabel=ylabel or _density_label(next(iter(measured.values()))),
    )
    ax.grid(True, which="major", color=GRID, lw=0.6)
    _plain_ticks(ax.xaxis)
    if expected:
        kinds: dict[str, list[Line2D]] = {"measured": [], "theory": []}
        for line in ax.get_lines():
            kinds.get(str(line.get_gid()).split()[0], []).append(line)
        ax.legend(
            [tuple(lines) for lines in kinds.values()],
            list(kinds),
            handler_map={tuple: HandlerTuple(ndivide=None, pad=0.0)},
            handlelength=2.0 + 0.5 * len(measured),
            loc="lower left",
        )
    label_lines(ax, [end for end in ends if end[2]])
    return fig, ax


def psd_ratio_figure(
    spectra: Mapping[Any, xr.DataArray], theory: Mapping[Any, Any], ylabel: str | None = None
) -> tuple[Figure, np.ndarray]:
    """`psd_figure`, and below it what is measured divided by its theory.

    Parameters
    ----------
    spectra, theory, ylabel
        As for `psd_figure`; the ratio is drawn for labels that have both, at the frequencies above 0.

    Returns
    -------
    (Figure, array of two Axes)
    """
    fig, (upper, lower) = plt.subplots(2, 1, sharex=True, figsize=(6.4, 5.4), height_ratios=[3, 1.3])
    psd_figure(spectra, theory, ax=upper, xlabel="", ylabel=ylabel)
    colours = _colours(spectra)
    lower.axhline(1.0, color="#777777", lw=0.8, ls=(0, (4, 2)))
    for label in (each for each in spectra if each in theory):
        f, values = _curve(label, theory[label], spectra)
        frequency = spectra[label]["frequency"].values
        mean = spectra[label].transpose(..., "frequency").values.reshape(-1, frequency.size).mean(axis=0)
        keep = frequency > 0
        ratio = mean[keep] / np.exp(
            np.interp(np.log(frequency[keep]), np.log(f[f > 0]), np.log(values[f > 0]))
        )
        lower.plot(frequency[keep], ratio, color=colours[label], lw=1.1, gid=f"ratio {label}")
    lower.set(xlabel="frequency (Hz)", ylabel="measured / theory")
    lower.grid(True, which="major", color=GRID, lw=0.6)
    _plain_ticks(lower.xaxis)
    return fig, np.array([upper, lower])


def _plain_ticks(axis: Axis) -> None:
    """Ticks of a logarithmic axis at 1, 2 and 5 times powers of ten, all written the same way."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(plain_number))
    axis.set_minor_formatter(NullFormatter())


def _colours(measured: Mapping[Any, Any]) -> dict[Any, str]:
    plain = [label for label in measured if not isinstance(label, float)]
    return {
        label: colour_for_dt(label)
        if isinstance(label, float)
        else PALETTE[plain.index(label) % len(PALETTE)]
        for label in measured
    }


def _name(label: Any) -> str:
    return "" if label is None else format_dt(label) if isinstance(label, float) else str(label)


def _curve(label: Any, density: Any, measured: Mapping[Any, xr.DataArray]) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(density, xr.DataArray):
        return density["frequency"].values, density.values
    if isinstance(density, tuple) and len(density) == 2:
        return np.asarray(density[0], dtype=float), np.asarray(density[1], dtype=float)
    values = np.asarray(density, dtype=float)
    if label not in measured or values.shape != (measured[label].sizes["frequency"],):
        raise ValueError(
            f"theory[{label!r}] of shape {values.shape} has no frequencies; give a pair (frequency, density)"
        )
    return measured[label]["frequency"].values, values


def _darker(colour: str) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    r, g, b = to_rgb(colour)
    return 0.55 * r, 0.55 * g, 0.55 * b


def _density_label(spectrum: xr.DataArray) -> str:
    unit = re.sub(r"^\((\w+)\)", r"\1", str(spectrum.attrs.get("units", "1/Hz"))).replace("^2", "²")
    return f"power spectral density ({unit})"
