"""What theory says of a recorded layer: rates and voltage densities from the statistics of the input alone."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from .. import _check
from ..linear import DiscreteNeuron, discretize
from ..neuron import CubaLIF
from .fokker_planck import StationaryDensity, stationary_density
from .markov import gaussian_chain_rate

Floats = NDArray[np.float64]
_SILENT = 6.0
_NEEDED = ("spikes", "drive_mean", "drive_power")


def neuron_of(traces: xr.Dataset) -> CubaLIF:
    """The neuron that a recording's attributes describe."""
    try:
        return CubaLIF(
            traces.attrs["tau_mem"],
            traces.attrs["tau_syn"],
            **{name: traces.attrs[name] for name in ("r", "v_threshold", "v_reset", "reset")},
        )
    except KeyError as error:
        raise ValueError(f"traces must have the attribute {error} to say which neuron was recorded") from None


def drive_of(traces: xr.Dataset, neuron: CubaLIF) -> tuple[Floats, Floats]:
    """``mu`` and ``sigma`` of every trial and neuron, from ``drive_mean`` and ``drive_power``."""
    mean = np.asarray(traces["drive_mean"].values, dtype=np.float64)
    power = np.asarray(traces["drive_power"].values, dtype=np.float64)
    return neuron.r * mean, neuron.r * np.sqrt(power / neuron.tau_mem)


def predict_recording(
    traces: xr.Dataset,
    *,
    onset: float = 0.1,
    n_u: int = 150,
    n_i: int = 40,
    rng: np.random.Generator,
    n_neurons: int = 200,
    t_max: float = 4.0,
) -> xr.Dataset:
    """Measured rates of a recorded layer beside those that its input's mean and power predict.

    Trials with equal input (the repeats of one sample) are taken together. Nothing is fitted.

    Parameters
    ----------
    traces : xarray.Dataset
        Of :func:`snntheory.training.record` with Poisson input of constant rates: ``spikes`` and the mean and power of
        the drive, ``sum_j rate_j w_j`` and ``sum_j rate_j w_j**2``.
    onset : float
        Seconds at the beginning that are left out: the layer starts from rest.
    n_u, n_i : int
        Cells of the density.
    rng : numpy.random.Generator
        For the simulated chain.
    n_neurons, t_max
        Of the simulated chain, as :func:`snntheory.population.chain_rate`.

    Returns
    -------
    xarray.Dataset
        Over ``condition`` (a sample and a neuron): ``mu``, ``sigma``, ``measured`` and its ``standard_error``,
        ``density`` (the rate in continuous time), ``chain`` and ``chain_error`` (the rate of the recorded scheme and
        time step), all rates in hertz. Where the threshold lies more than six free standard deviations above the mean
        both predictions are 0.

    Raises
    ------
    ValueError
        Variables or attributes are missing, or the recording is not longer than ``onset``.

    Assumptions: independent Poisson inputs at constant rates, many per time constant and each small against the
    threshold (diffusion limit); stationary after ``onset``.
    """
    missing = [name for name in _NEEDED if name not in traces]
    if missing:
        raise ValueError(
            f"traces must hold {', '.join(missing)}; record writes them for input at constant rates"
        )
    neuron = neuron_of(traces)
    onset = _check.number("onset", onset, "s", minimum=0.0)
    late = traces.sel(time=slice(onset, None))
    seconds = late.sizes["time"] * float(traces.attrs["dt"])
    if late.sizes["time"] < 2:
        raise ValueError(
            f"onset={onset:g} s must be shorter than the recording, {float(traces.time[-1]):g} s"
        )
    model = discretize(neuron, float(traces.attrs["dt"]), traces.attrs["scheme"])
    counts = late["spikes"].transpose("trial", "neuron", "time").sum("time").values
    mu, sigma = drive_of(traces.transpose("trial", "neuron", ...), neuron)
    rows = []
    for column in range(counts.shape[1]):
        pairs = np.stack([mu[:, column], sigma[:, column]], axis=1)
        kinds, member = np.unique(pairs.round(9), axis=0, return_inverse=True)
        for k, (mean, noise) in enumerate(kinds):
            each = counts[member.ravel() == k, column] / seconds
            error = each.std(ddof=1) / np.sqrt(each.size) if each.size > 1 else np.nan
            rows.append(
                (column, mean, noise, each.mean(), error)
                + _predicted(neuron, model, mean, noise, n_u, n_i, n_neurons, t_max, rng)
            )
    names = ("neuron", "mu", "sigma", "measured", "standard_error", "density", "chain", "chain_error")
    columns = np.array(rows).T
    result = xr.Dataset({name: ("condition", column) for name, column in zip(names, columns, strict=True)})
    return result.assign(neuron=result["neuron"].astype(int)).assign_attrs(seconds=seconds, dt=model.dt)


def _predicted(
    neuron: CubaLIF,
    model: DiscreteNeuron,
    mu: float,
    sigma: float,
    n_u: int,
    n_i: int,
    n_neurons: int,
    t_max: float,
    rng: np.random.Generator,
) -> tuple[float, float, float]:
    """Rates of density and chain, and the latter's error."""
    if sigma == 0 or silent(neuron, mu, sigma):
        return 0.0, 0.0, 0.0
    density = predicted_density(neuron, mu, sigma, n_u, n_i)
    power = (sigma / neuron.r) ** 2 * neuron.tau_mem
    found = gaussian_chain_rate(
        model, mu / neuron.r, power, n_neurons=n_neurons, t_max=t_max, settle=0.2, rng=rng
    )
    return density.rate, found.rate, found.standard_error


def silent(neuron: CubaLIF, mu: float, sigma: float) -> bool:
    """Whether the threshold lies more than six free standard deviations of the voltage above its mean."""
    free = sigma * np.sqrt(neuron.tau_mem / (2 * (neuron.tau_mem + neuron.tau_syn)))
    return bool(neuron.v_threshold - mu > _SILENT * free)


def predicted_density(
    neuron: CubaLIF, mu: float, sigma: float, n_u: int = 150, n_i: int = 40
) -> StationaryDensity:
    """The stationary density in continuous time, on cells that reach far enough for strong inhibition."""
    return stationary_density(neuron, mu, sigma, n_u, n_i, reach=7.0)
