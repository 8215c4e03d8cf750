"""Theory below threshold, simulation with threshold, and a recording: their spectra in one labelled table."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from .. import _check
from ._tapers import welch
from .psd import psd
from .resets import neuron_of, without_resets
from .theory import expected_power, theory_psd

KINDS = (
    "recorded",
    "recorded, resets added back",
    "simulated with threshold",
    "simulated, resets added back",
    "theory of the scheme",
    "theory in continuous time",
)


def compare_spectra(
    traces: xr.Dataset,
    onset: float = 0.0,
    segment: float | None = None,
    rng: np.random.Generator | int | None = 0,
) -> xr.Dataset:
    """Spectra of a recording beside those of its theory and of a simulation, by one and the same estimator.

    Definition
        Welch's densities, averaged over trials and neurons, in six kinds: as recorded; recorded with the resets added
        back; a simulation with threshold of the same neuron, scheme and step, whose input is Gaussian and white with
        each trace's recorded mean and power; the same with its resets added back; and what Welch's method gives on
        average for the sub-threshold theory, of the scheme and of continuous time. Nothing is fitted.

    Parameters
    ----------
    traces : xarray.Dataset
        A recording of the trainer or simulator: ``voltage``, ``spikes``, ``drive_mean`` and ``drive_power``
        (trial, neuron), attributes with neuron, scheme, ``dt`` and phase.
    onset : float
        Seconds to leave out at the start, after the resets have been added back.
    segment : float, optional
        Welch's segment in seconds; an eighth of what is left by default, with overlaps.
    rng : numpy.random.Generator or int
        Generator or seed of the simulation's input.

    Returns
    -------
    Dataset
        ``density`` (kind, frequency), its ratio to the scheme's theory ``ratio``, ``rate`` (kind) in hertz (NaN for
        theories) and ``degrees_of_freedom`` of one trace. ``.density.to_pandas()`` prints it as a table.

    Raises
    ------
    ValueError
        The traces lack what is needed, or are shorter than the onset.

    Assumptions
    -----------
    Input to every neuron that is white; a deeper layer's is not, which is what the table then shows. The simulation's
    input has no spikes: differences at high frequency between it and a recording with few strong ones are theirs.
    """
    from ..spiking import simulate_inputs

    for name in ("voltage", "spikes", "drive_mean", "drive_power"):
        if name not in traces:
            raise ValueError(f"traces must hold {name!r}, got {sorted(map(str, traces.data_vars))}")
    neuron = neuron_of(traces)
    dt = _check.positive("traces.attrs['dt']", traces.attrs.get("dt", 0.0), "s")
    if "scheme" not in traces.attrs:
        raise ValueError("traces must have the attribute scheme, the name of their discretisation")
    scheme, order = str(traces.attrs["scheme"]), traces.attrs.get("order")
    onset = _check.number("onset", onset, "s", minimum=0.0)
    skip = round(onset / dt)
    traces = traces.transpose("trial", "neuron", "time", ...)
    shape = tuple(traces.sizes[name] for name in ("trial", "neuron", "time"))
    if shape[2] - skip < 16:
        raise ValueError(f"onset leaves {shape[2] - skip} samples of {shape[2]}, at least 16 are needed")
    mean, power = (
        traces[name].transpose("trial", "neuron").values[..., None] for name in ("drive_mean", "drive_power")
    )
    noise = np.random.default_rng(rng).standard_normal(shape)
    simulated = simulate_inputs(neuron, mean * dt + np.sqrt(power * dt) * noise, dt, scheme, order)
    simulated = simulated.isel(time=slice(1, None))
    plan = welch(shape[2] - skip, dt, segment=segment)
    voltages = (
        traces["voltage"],
        without_resets(traces),
        simulated["voltage"],
        without_resets(simulated),
    )
    rows = []
    for voltage in voltages:
        kept = voltage.isel(time=slice(skip, None)).drop_vars("time", errors="ignore").assign_attrs(dt=dt)
        rows.append(psd(kept, segment_samples=plan.size).mean(["trial", "neuron"]).values)
    whole = float(np.mean(power))
    rows.append(expected_power(lambda f: theory_psd(neuron, whole, 1.0, f, dt, scheme, order), plan))
    rows.append(expected_power(lambda f: theory_psd(neuron, whole, 1.0, f), plan))
    rates: list[Any] = [
        float(each["spikes"].isel(time=slice(skip, None)).mean()) / dt for each in (traces, simulated)
    ]
    coords = {"kind": list(KINDS), "frequency": ("frequency", plan.frequency, {"units": "Hz"})}
    density = xr.DataArray(np.array(rows), dims=("kind", "frequency"), coords=coords)
    out = xr.Dataset(
        {"density": density, "ratio": density / density.sel(kind="theory of the scheme", drop=True)}
    )
    out["rate"] = ("kind", [rates[0], np.nan, rates[1], np.nan, np.nan, np.nan], {"units": "Hz"})
    return out.assign_attrs(
        degrees_of_freedom=plan.degrees_of_freedom, dt=dt, scheme=scheme, traces=shape[0] * shape[1]
    )
