"""How well poles are identified: bias, spread and coverage against the length of the record and the noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from .. import _check
from ..linear import discretize
from ..neuron import CubaLIF
from .identification import identify


def identification_study(
    neuron: CubaLIF,
    dt: float,
    scheme: str,
    lengths: Sequence[int],
    noise_levels: Sequence[float],
    repeats: int = 50,
    rate: float = 400.0,
    with_input: bool = True,
    order: int | None = None,
    level: float = 0.95,
    rng: np.random.Generator | int | None = 0,
) -> xr.Dataset:
    """Simulate, add measurement noise, identify, many times.

    Parameters
    ----------
    neuron, dt, scheme, order
        What is simulated, below threshold.
    lengths : sequence of int
        Samples of a record.
    noise_levels : sequence of float
        Standard deviation of white measurement noise over that of the voltage, not negative.
    repeats : int
    rate : float, hertz
        Of the Poisson input.
    with_input : bool
        Whether `identify` is given the input.
    level : float
        Of the intervals.
    rng : numpy.random.Generator or int

    Returns
    -------
    Dataset (pole, length, noise)
        ``bias`` (of the median) and ``spread`` (half the distance between the quantiles 0.16 and 0.84, one standard
        deviation where errors are Gaussian) of the time constants over the true ones, both without unit,
        ``coverage`` of the intervals, and ``truth`` (pole) in seconds; pole is "slow", "fast".
    """
    generator = np.random.default_rng(rng)
    model = discretize(neuron, dt, scheme, order)
    truth = np.sort(model.effective_time_constants)[::-1]
    repeats = _check.integer("repeats", repeats, minimum=2)
    levels = _check.array("noise_levels", noise_levels, ndim=1, minimum=0.0)
    rate = _check.positive("rate", rate, "Hz")
    onset = int(np.ceil(10 * truth[0] / dt))
    shape = (2, len(lengths), levels.size)
    bias, spread, coverage = np.empty(shape), np.empty(shape), np.empty(shape)
    for j, length in enumerate(lengths):
        n = _check.integer("lengths", length, minimum=50)
        for k, noise in enumerate(levels):
            inputs = generator.poisson(rate * dt, (repeats, onset + n)).astype(np.float64)
            voltage = model.simulate(inputs)[0][:, onset:]
            voltage = voltage + noise * voltage.std() * generator.standard_normal(voltage.shape)
            found, inside = np.empty((repeats, 2)), np.empty((repeats, 2), dtype=bool)
            for m, (row, given) in enumerate(zip(voltage, inputs[:, onset:], strict=True)):
                traces = xr.DataArray(row, dims="time", attrs={"dt": dt})
                asked = "measurement" if noise > 0 or with_input else "none"
                result = identify(
                    traces,
                    given if with_input else None,
                    noise=asked,
                    schemes=[scheme if order is None else (scheme, order)],
                    level=level,
                )
                found[m] = result.time_constants
                low, high = result.intervals.T
                inside[m] = (low <= truth) & (truth <= high)
            quantiles = np.quantile(found / truth, [0.16, 0.5, 0.84], axis=0)
            bias[:, j, k] = quantiles[1] - 1
            spread[:, j, k] = (quantiles[2] - quantiles[0]) / 2
            coverage[:, j, k] = inside.mean(axis=0)
    dims = ("pole", "length", "noise")
    coords = {"pole": ["slow", "fast"], "length": list(lengths), "noise": levels}
    variables = {"bias": (dims, bias), "spread": (dims, spread), "coverage": (dims, coverage)}
    out = xr.Dataset({**variables, "truth": ("pole", truth, {"units": "s"})}, coords=coords)
    uses = "voltage and input" if with_input else "voltage"
    return out.assign_attrs(scheme=scheme, dt=dt, repeats=repeats, level=level, uses=uses)
