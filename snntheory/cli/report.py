"""What ``snntheory analyse`` tells about a recording: a summary, figures, spectra."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import xarray as xr

from .. import _check, _files
from ..spectral import cwt, psd
from ..spectral.resets import expected_without_resets, without_resets

FREE = "resets added back"
SHORT = 64


def write_report(
    traces: xr.Dataset,
    folder: Path,
    method: str = "welch",
    skip: float = 0.0,
    trial: int = 0,
    neuron: int = 0,
) -> dict[str, str]:
    """Write psd.png, scalogram.png and psd.nc to ``folder`` and return the summary, quantity by quantity.

    Where the recording knows its spikes, neuron, scheme and the power of its input, the figure also shows the
    voltage with the resets added back and the theory for it.

    Raises
    ------
    ValueError
        ``trial``, ``neuron`` or ``skip`` lie outside the recording, it is too short for a spectrum, or constant.

    Warns
    -----
    UserWarning
        Some traces are constant, or there are so few samples that the spectrum is a rough one.
    """
    for name, value in (("trial", trial), ("neuron", neuron)):
        if not 0 <= value < traces.sizes[name]:
            raise ValueError(f"{name} must lie in 0 .. {traces.sizes[name] - 1}, got {value}")
    dt = float(traces.attrs["dt"])
    first = round(_check.number("skip", skip, "s", minimum=0.0) / dt)
    if first >= traces.sizes["time"]:
        raise ValueError(
            f"skip must be shorter than the recording, {traces.sizes['time'] * dt:g} s, got {skip:g} s"
        )
    after = {"time": slice(first, None)}
    voltage = traces["voltage"].isel(after).assign_attrs(traces["voltage"].attrs, dt=dt)
    _check_varies(voltage)
    spectra, theory = {"voltage": psd(voltage, method=method)}, None
    frequency = spectra["voltage"]["frequency"].values
    if {"drive_power", "spikes"} <= set(traces.data_vars) and "scheme" in traces.attrs:
        # the resets before the cut still act behind it, so they are added back first
        free = without_resets(traces).isel(after).assign_attrs(dt=dt)
        spectra[FREE] = psd(free, method=method)
        theory = {FREE: expected_without_resets(traces, frequency)}
    scalogram = cwt(voltage.isel(trial=trial, neuron=neuron), norm="l1")
    _write(folder, spectra, theory, scalogram)
    return _summary(traces, voltage, spectra["voltage"])


def _check_varies(voltage: xr.DataArray) -> None:
    """Refuse a recording that is constant; warn of traces that are, and of a record that is short."""
    constant = (voltage.max("time") == voltage.min("time")).values
    if constant.all():
        raise ValueError(
            f"every trace of the voltage is constant, the first at {float(voltage.values.flat[0]):g}: there is no "
            "spectrum to draw; was the right array taken?"
        )
    if constant.any():
        warnings.warn(f"{constant.sum()} of {constant.size} traces are constant, with no power", stacklevel=3)
    if voltage.sizes["time"] < SHORT:
        warnings.warn(
            f"{voltage.sizes['time']} samples are few: the spectrum is rough, and most of the scalogram is "
            "disturbed by the ends of the record",
            stacklevel=3,
        )


def _summary(traces: xr.Dataset, voltage: xr.DataArray, spectrum: xr.DataArray) -> dict[str, str]:
    dt = traces.attrs["dt"]
    half = _median_frequency(spectrum.mean(["trial", "neuron"]), dt)
    summary = {
        "trials x neurons x steps": f"{voltage.sizes['trial']} x {voltage.sizes['neuron']} x {voltage.sizes['time']}",
        "time step": f"{dt:g} s (Nyquist frequency {0.5 / dt:g} Hz)",
        "voltage, mean": f"{float(voltage.mean()):.4g}",
        "voltage, standard deviation": f"{float(voltage.std()):.4g}",
        "half of the power lies below": f"{half:.4g} Hz",
        "spectrum": _precision(spectrum),
        "taken": str(traces.attrs["phase"]),
    }
    if "spikes" in traces:
        spikes = traces["spikes"].isel(time=slice(-voltage.sizes["time"], None))
        summary["firing rate, mean"] = f"{float(spikes.mean()) / dt:.4g} Hz"
    return summary


def _precision(spectrum: xr.DataArray) -> str:
    frequency = spectrum["frequency"].values
    return (
        f"{spectrum.attrs['averages']} {'segments' if spectrum.attrs['method'] == 'welch' else 'tapers'} a trace, "
        f"every {frequency[1]:.4g} Hz"
    )


def _median_frequency(spectrum: xr.DataArray, dt: float) -> float:
    """The frequency below which half of a two-sided density lies, its halves at -f and f put together."""
    frequency = spectrum["frequency"].values
    twice = (frequency > 0) & (frequency < 0.5 / dt - 0.25 * frequency[1])  # as in variance_from_psd
    cumulative = np.cumsum(spectrum.values * np.where(twice, 2.0, 1.0))
    return float(frequency[int(np.searchsorted(cumulative, cumulative[-1] / 2))])


def _write(
    folder: Path,
    spectra: dict[str, xr.DataArray],
    theory: dict[str, np.ndarray] | None,
    scalogram: xr.DataArray,
) -> None:
    import matplotlib

    matplotlib.use("agg")
    from ..plotting import psd_figure, scalogram_figure, use_style

    use_style()
    folder.mkdir(parents=True, exist_ok=True)
    for name, (figure, _) in (
        ("psd.png", psd_figure(spectra, theory=theory, band=len(spectra) == 1)),
        ("scalogram.png", scalogram_figure(scalogram)),
    ):
        with _files.replacing(folder / name) as temporary:
            figure.savefig(temporary)
    with _files.replacing(folder / "psd.nc") as temporary:
        spectra["voltage"].mean("trial").to_dataset(name="psd").to_netcdf(temporary, engine="h5netcdf")
