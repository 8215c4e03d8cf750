"""Null hypotheses for spectra: white noise, AR(1), and the neuron's own voltage below threshold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from .. import _check
from ..neuron import CubaLIF
from ._signal import signal
from .surrogates import autoregression

KINDS = ("white", "ar1")


@dataclass(frozen=True, eq=False)
class Background:
    """A stationary process of known spectrum, against which peaks are tested.

    Attributes
    ----------
    name : str
    dt : float, seconds
    density : callable
        Of frequencies (array, hertz, up to Nyquist): DataArray (..., frequency), two-sided, aliased as the samples are.
        Leading dimensions are those of the traces where each has its own.
    excess : float, seconds
        Fourth cumulant of the input over its squared variance, per second: 0 where it is Gaussian, ``1 / rate`` for
        Poisson spikes of one weight. Over a time ``T`` it adds ``excess / T`` to the relative variance of a mean power.
    """

    name: str
    dt: float
    density: Callable[[NDArray[np.float64]], xr.DataArray]
    excess: float = 0.0


def white_background(variance: float | xr.DataArray, dt: float) -> Background:
    """White noise: ``S = variance dt``.

    Parameters
    ----------
    variance : float or DataArray
        One for all traces, or one for each, with their dimensions.
    dt : float, seconds
    """
    dt, level = _check.positive("dt", dt, "s"), _positive("variance", variance)
    return Background("white noise", dt, lambda f: level * dt * _ones(f))


def ar1_background(
    coefficient: float | xr.DataArray, variance: float | xr.DataArray, dt: float
) -> Background:
    """Red noise ``x_n = a x_{n-1} + e_n``, whose density integrates to its variance.

    Definition::

        S(f) = variance (1 - a^2) dt / (1 + a^2 - 2 a cos 2 pi f dt)

    Parameters
    ----------
    coefficient : float or DataArray
        ``a``, between -1 and 1.
    variance : float or DataArray
        Of ``x``.
    dt : float, seconds
    """
    dt, level = _check.positive("dt", dt, "s"), _positive("variance", variance)
    a = xr.DataArray(coefficient)
    if not np.all(np.abs(a.values) < 1):
        raise ValueError(f"coefficient must lie between -1 and 1, got {float(abs(a).max()):g}")

    def density(frequency: NDArray[np.float64]) -> xr.DataArray:
        cosine = _ones(frequency) * np.cos(2 * np.pi * frequency * dt)
        return level * dt * (1 - a**2) / (1 + a**2 - 2 * a * cosine)

    return Background("AR(1)", dt, density)


def fitted_background(traces: xr.DataArray | xr.Dataset, kind: str = "ar1") -> Background:
    """White noise or AR(1) with variance and coefficient of each trace.

    Definition::

        a = (n lag + 1) / (n - 4),    lag the lag-one autocorrelation of the trace less its mean
        variance = sample variance / (1 - variance of the mean of n samples over that of one)

    Parameters
    ----------
    traces : DataArray with a dimension "time", or Dataset with "voltage"
    kind : {"ar1", "white"}

    Returns
    -------
    Background

    Raises
    ------
    ValueError, TypeError
        For NaN, a constant trace, fewer than 8 samples.

    Assumptions
    -----------
    The trace is a record of the background. A strong oscillation in it raises the background that it is tested with.

    Accuracy
    --------
    tests/spectral/test_backgrounds.py: both estimates without bias within the error of many runs, up to a = 0.9.

    References
    ----------
    Kendall 1954 and Allen & Smith 1996 for the two biases.
    """
    _check.choice("kind", kind, KINDS)
    values, dt, _ = signal(traces)
    rows = _check.array("traces", values).reshape(-1, values.sizes["time"])
    n = rows.shape[1]
    if n < 8:
        raise ValueError(f"traces must have at least 8 samples in time, got {n}; record more")
    centred = rows - rows.mean(axis=1, keepdims=True)
    sample = (centred**2).mean(axis=1)
    flat = np.flatnonzero(sample <= 1e-24 * (np.abs(rows).max(axis=1) ** 2))
    if flat.size:
        raise ValueError(f"traces must not be constant: trace {flat[0]} is {rows[flat[0], 0]:g} throughout")
    outer = values.isel(time=0, drop=True)
    a = autoregression(centred) if kind == "ar1" else np.zeros(len(rows))
    lag = np.arange(1, n)
    of_mean = (1 + 2 * ((1 - lag / n) * a[:, None] ** lag).sum(axis=1)) / n
    variance = outer.copy(data=(sample / (1 - np.minimum(of_mean, 0.9))).reshape(outer.shape))
    if kind == "white":
        return white_background(variance, dt)
    return ar1_background(outer.copy(data=a.reshape(outer.shape)), variance, dt)


def neuron_background(
    neuron: CubaLIF,
    rate: ArrayLike,
    weight: ArrayLike,
    dt: float,
    scheme: str | None = None,
    order: int | None = None,
    arrivals: str = "poisson",
    shot_noise: bool = True,
) -> Background:
    """The neuron's own voltage below threshold, driven by random spikes, in the time step that it is sampled with.

    Definition: :func:`snntheory.spectral.theory_psd`, the chain of ``scheme``, or the sampled continuous neuron.

    Parameters
    ----------
    neuron, rate, weight, dt, scheme, order, arrivals
        As in :func:`snntheory.spectral.theory_psd`. A recording that knows only its noise power ``P`` gives
        ``rate=P, weight=1, shot_noise=False``.
    shot_noise : bool
        Whether to know that the input are spikes: that widens the tests where there are few of them.

    Returns
    -------
    Background
    """
    from .theory import theory_psd

    def density(frequency: NDArray[np.float64]) -> xr.DataArray:
        return _ones(frequency) * theory_psd(neuron, rate, weight, frequency, dt, scheme, order, arrivals)

    density(np.zeros(1))  # bad arguments are refused here, not in a later use
    step = _check.positive("dt", dt, "s")
    rates, weights = np.broadcast_arrays(np.asarray(rate, dtype=float), np.asarray(weight, dtype=float))
    share = 1 - rates * step if arrivals == "bernoulli" else np.ones_like(rates)  # variance over rate
    fourth = rates * (share * (1 - 6 * rates * step * share) if arrivals == "bernoulli" else 1)
    power = float(np.sum(rates * share * weights**2))
    if power == 0:
        raise ValueError("rate and weight must not be 0 everywhere: a neuron without input has no spectrum")
    excess = float(np.sum(fourth * weights**4)) / power**2 if shot_noise else 0.0
    return Background(f"neuron ({scheme or 'continuous'})", step, density, excess)


def surrogates(background: Background, n: int, count: int, rng: np.random.Generator) -> xr.DataArray:
    """Gaussian records of a background.

    Parameters
    ----------
    background : Background
    n : int
        Samples of each.
    count : int
    rng : numpy.random.Generator

    Returns
    -------
    DataArray (surrogate, ..., time)
        With ``attrs["dt"]``.

    Assumptions
    -----------
    The autocovariance has died out after three records: they are cut from a periodic one four times as long.
    """
    n, count = _check.integer("n", n, minimum=2), _check.integer("count", count, minimum=1)
    period = 4 * n
    frequency = np.asarray(np.fft.rfftfreq(period, background.dt), dtype=np.float64)
    density = background.density(frequency).transpose(..., "frequency")
    outer = density.isel(frequency=0, drop=True)
    modulus = np.sqrt(density.values * period / background.dt / 2)
    shape = (count, *density.shape)
    coefficients = modulus * (rng.standard_normal(shape) + 1j * rng.standard_normal(shape))
    coefficients[..., [0, -1]] = np.sqrt(2) * coefficients[..., [0, -1]].real
    values = np.fft.irfft(coefficients, period)[..., :n]
    coords = {name: each for name, each in outer.coords.items() if set(each.dims) <= set(outer.dims)}
    out = xr.DataArray(values, dims=("surrogate", *outer.dims, "time"), coords=coords)
    return out.assign_attrs(dt=background.dt)


def _ones(frequency: Any) -> xr.DataArray:
    return xr.DataArray(np.ones(np.size(frequency)), dims="frequency")


def _positive(name: str, value: float | xr.DataArray) -> xr.DataArray:
    array = xr.DataArray(value)
    _check.array(name, array.values)
    if not np.all(array.values > 0):
        raise ValueError(f"{name} must be above 0, got {float(array.min()):g}")
    return array
