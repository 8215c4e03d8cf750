"""The numbers of a report: spectra, bands, rates, each neuron's own; and what they warn of."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ... import _check
from ..._trace_units import DIMENSIONLESS
from ...spectral import Identification, band_power, cwt, global_wavelet_spectrum, identify, low_high, psd
from ...spectral.resets import expected_without_resets, without_resets

FREE = "resets added back"
SHORT, FEWEST = 64, 8
CONFIDENCE = 0.95
SHOWN = 100_000  # samples of a scalogram: it holds hundreds of complex numbers for each


@dataclass(frozen=True)
class Analysis:
    """Everything that the report shows of a recording."""

    traces: xr.Dataset
    voltage: xr.DataArray
    spectra: dict[str, xr.DataArray]
    """``voltage`` and where possible ``resets added back``, each (trial, neuron, frequency)."""
    theory: dict[str, np.ndarray] | None
    interval: xr.Dataset
    """Of the scalogram's trace: ``psd`` and the ends of its confidence interval, (frequency,)."""
    bands: xr.DataArray
    """Variance in the bands "low" and "high", (neuron, band), mean over trials."""
    scalogram: xr.DataArray
    """Of the chosen trace, of a long one its first `SHOWN` samples."""
    wavelet: xr.DataArray
    """Global wavelet spectrum of what the scalogram shows, (frequency,)."""
    identified: Identification | str
    """The two poles of the scalogram's neuron from all its trials, or why there are none."""


def analyse(
    traces: xr.Dataset, method: str = "welch", skip: float = 0.0, trial: int = 0, neuron: int = 0
) -> Analysis:
    """Analyse a recording; where it knows its spikes, neuron, scheme and the power of its input, theory is added.

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
    dt, first = float(traces.attrs["dt"]), first_sample(traces, skip)
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
    chosen = voltage.isel(trial=trial, neuron=neuron)
    interval = psd(chosen, method=method, confidence=CONFIDENCE)
    part = _shown(chosen, dt)
    transform = cwt(part, norm="l1")
    bands = band_power(spectra["voltage"], low_high(0.5 / dt)).mean("trial")
    wavelet = global_wavelet_spectrum(cwt(part))
    spiky = looks_like_spikes(voltage)
    identified: Identification | str
    if spiky:
        warnings.warn(
            f"these look like spikes ({spiky}); give the voltage, and spikes by --spikes", stacklevel=2
        )
        identified = f"these look like spikes ({spiky}), not like a voltage"
    else:
        identified = _identified(traces.isel(neuron=[neuron]), first * dt)
    return Analysis(traces, voltage, spectra, theory, interval, bands, transform, wavelet, identified)


def _shown(voltage: xr.DataArray, dt: float) -> xr.DataArray:
    """What the scalogram shows of a trace; warns where that is not all."""
    samples = voltage.sizes["time"]
    if samples > SHOWN:
        warnings.warn(
            f"the scalogram shows {SHOWN * dt:g} s of {samples * dt:g} s, from the start; for a later part give --skip",
            stacklevel=3,
        )
    return voltage.isel(time=slice(SHOWN))


def _identified(traces: xr.Dataset, onset: float) -> Identification | str:
    """Poles from voltage alone; spikes are left out where nothing says what a reset does."""
    spiking = "spikes" in traces and bool((traces["spikes"] != 0).any())
    if spiking and not {"reset", "v_threshold"} <= set(traces.attrs):
        return "the neuron fires, and the file does not say what a spike does to its voltage (reset, v_threshold)"
    try:
        return identify(traces, onset=onset)
    except ValueError as error:
        return str(error)


def first_sample(traces: xr.Dataset, skip: float) -> int:
    """Index of the first sample after ``skip`` seconds."""
    dt = float(traces.attrs["dt"])
    first = round(_check.number("skip", skip, "s", minimum=0.0) / dt)
    if first >= traces.sizes["time"]:
        raise ValueError(
            f"skip must be shorter than the recording, {traces.sizes['time'] * dt:g} s, got {skip:g} s"
        )
    return first


def _check_varies(voltage: xr.DataArray) -> None:
    """Refuse a recording that is constant; warn of traces that are, and of a record that is short."""
    _check_length(voltage)
    constant = (voltage.max("time") == voltage.min("time")).values
    if constant.all():
        raise ValueError(
            f"every trace of the voltage is constant, the first at {float(voltage.values.flat[0]):g}: there is no "
            "spectrum to draw; was the right array taken?"
        )
    if constant.any():
        warnings.warn(f"{constant.sum()} of {constant.size} traces are constant, with no power", stacklevel=3)


def _check_length(voltage: xr.DataArray) -> None:
    """Refuse fewer samples than a spectrum needs, warn of few; ask where another axis is much the longer one."""
    samples = voltage.sizes["time"]
    longest = max(("trial", "neuron"), key=lambda dim: voltage.sizes[dim])
    said = f"time has {samples} sample{'s' * (samples > 1)}"
    swapped = voltage.sizes[longest] > max(4 * samples, 16)
    hint = f"{said} and {longest} {voltage.sizes[longest]}: are dims swapped?"
    if samples < FEWEST:
        raise ValueError(hint if swapped else f"{said}, at least {FEWEST} are needed: record or ask for more")
    if samples < SHORT:
        warnings.warn(
            f"{samples} samples are few: the spectrum is rough, and most of the scalogram is disturbed by the ends of "
            f"the record{'; ' * swapped}{hint * swapped}",
            stacklevel=4,
        )


def looks_like_spikes(voltage: xr.DataArray) -> str:
    """What makes the values look like spikes: 0 and 1 alone, or times that rise in every trace; or nothing."""
    values = voltage.values
    if not ((values != 0) & (values != 1)).any():
        return "0 and 1"
    change = np.diff(values, axis=-1)
    rises = bool((change >= 0).all() and (change > 0).any(axis=-1).all() and (values >= 0).all())
    return "times, they rise throughout" if rises else ""


def summary(found: Analysis) -> dict[str, str]:
    """The recording in a few lines, quantity by quantity."""
    traces, voltage, spectrum = found.traces, found.voltage, found.spectra["voltage"]
    dt, unit = traces.attrs["dt"], unit_of(traces)
    unit = unit and f" {unit}"
    half = median_frequency(spectrum.mean(["trial", "neuron"]), dt)
    low = float(found.bands.sel(band="low").mean() / found.bands.sum("band").mean())
    lines = {
        "trials x neurons x steps": f"{voltage.sizes['trial']} x {voltage.sizes['neuron']} x {voltage.sizes['time']}",
        "time step": f"{dt:g} s (Nyquist frequency {0.5 / dt:g} Hz)",
        "voltage, mean": f"{float(voltage.mean()):.4g}{unit}",
        "voltage, standard deviation": f"{float(voltage.std()):.4g}{unit}",
        "half of the power lies below": f"{half:.4g} Hz",
        f"variance below {0.25 / dt:g} Hz": f"{100 * low:.4g} %",
        "spectrum": _precision(spectrum),
        "phase in the step": _phase(str(traces.attrs["phase"])),
    }
    rates = firing_rates(found)
    if rates is not None:
        lines["firing rate, mean"] = f"{rates.mean():.4g} Hz"
    if found.theory is not None:
        ratio = found.spectra[FREE].mean(["trial", "neuron"]).values / found.theory[FREE]
        lines["resets added back, over theory"] = f"{float(ratio[1:].mean()):.4g}"
    if isinstance(found.identified, str):
        lines["time constants"] = f"not identified: {found.identified}"
    else:
        lines["time constants (95 %)"] = time_constants(found.identified)
    return lines


def _phase(phase: str) -> str:
    return "unknown: the file does not say whether before or after a reset" if phase == "unknown" else phase


def time_constants(found: Identification) -> str:
    """Both with their intervals; only why not, where two poles do not explain the voltage."""
    if found.doubt():
        return f"not identified: {found.doubt()}"
    each = zip(found.time_constants, found.intervals, strict=True)
    said = "; ".join(f"{1e3 * tau:.4g} ms ({1e3 * low:.4g} to {1e3 * high:.4g})" for tau, (low, high) in each)
    return f"{said}; not the membrane's: the voltage looks reset" if found.resets_seen else said


def unit_of(traces: xr.Dataset) -> str:
    """Unit of the voltage; empty where it has none."""
    unit = str(traces["voltage"].attrs.get("units", traces.attrs.get("value_unit", "1")))
    return "" if unit in DIMENSIONLESS else unit


def identification(found: Analysis) -> dict[str, Any]:
    """What was identified, as plain values; ``refused`` where nothing was."""
    said = found.identified
    if isinstance(said, str):
        return {"refused": said}
    return {
        "uses": said.uses,
        "time_constants_s": said.time_constants.tolist(),
        "intervals_s": said.intervals.tolist(),
        "level": said.level,
        "poles": said.kind,
        "membrane": said.membrane,
        "misfit_p_value": said.misfit_p_value,
        "doubt": said.doubt(),
        "resets_seen": said.resets_seen,
        "explained_by": [
            each.scheme if each.order is None else f"{each.scheme} (order {each.order})"
            for each in said.candidates
            if each.explains
        ],
        "ruled_out": sum(not each.explains for each in said.candidates),
    }


def firing_rates(found: Analysis) -> np.ndarray | None:
    """Of each neuron in hertz, over the part analysed; None where no spikes were recorded."""
    if "spikes" not in found.traces:
        return None
    spikes = found.traces["spikes"].isel(time=slice(-found.voltage.sizes["time"], None))
    return np.asarray(spikes.mean(["trial", "time"]).values / found.traces.attrs["dt"])


def neurons(found: Analysis) -> dict[str, list[float]]:
    """A table with one row a neuron."""
    dt, spectrum = found.traces.attrs["dt"], found.spectra["voltage"].mean("trial")
    rows = {
        "neuron": [float(n) for n in range(spectrum.sizes["neuron"])],
        "mean": found.voltage.mean(["trial", "time"]).values.tolist(),
        "standard_deviation": found.voltage.std(["trial", "time"]).values.tolist(),
        "half_of_the_power_below_Hz": [
            median_frequency(spectrum.isel(neuron=n), dt) for n in range(spectrum.sizes["neuron"])
        ],
        "variance_low": found.bands.sel(band="low").values.tolist(),
        "variance_high": found.bands.sel(band="high").values.tolist(),
    }
    rates = firing_rates(found)
    return rows if rates is None else rows | {"firing_rate_Hz": rates.tolist()}


def table(found: Analysis) -> dict[str, list[float]]:
    """Mean spectra against frequency, with the theory where there is one."""
    columns = {"frequency_Hz": found.spectra["voltage"]["frequency"].values.tolist()}
    for name, each in found.spectra.items():
        columns[name.replace(" ", "_")] = each.mean(["trial", "neuron"]).values.tolist()
    for part in ("", "_lower", "_upper"):
        columns[f"one_trace{part}"] = found.interval[f"psd{part}"].values.tolist()
    for name, density in (found.theory or {}).items():
        columns[f"theory_of_{name.replace(' ', '_')}"] = density.tolist()
    return columns


def _precision(spectrum: xr.DataArray) -> str:
    frequency = spectrum["frequency"].values
    return (
        f"{spectrum.attrs['averages']} {'tapers' if spectrum.attrs['method'] == 'multitaper' else 'segments'} a trace, "
        f"every {frequency[1]:.4g} Hz"
    )


def median_frequency(spectrum: xr.DataArray, dt: float) -> float:
    """The frequency below which half of a two-sided density lies, its halves at -f and f put together."""
    frequency = spectrum["frequency"].values
    twice = (frequency > 0) & (frequency < 0.5 / dt - 0.25 * frequency[1])  # as in variance_from_psd
    cumulative = np.cumsum(spectrum.values * np.where(twice, 2.0, 1.0))
    return float(frequency[int(np.searchsorted(cumulative, cumulative[-1] / 2))])
