"""The spectrum that the theory predicts for the voltage below threshold."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from .. import _check
from .._arrivals import ARRIVALS, count_variance
from ..linear import UnstableStep, discretize, frequency_response
from ..linear.continuous import kernel
from ..neuron import CubaLIF
from ._tapers import Tapering, _window


def theory_psd(
    neuron: CubaLIF,
    rate: ArrayLike,
    weight: ArrayLike,
    frequency: ArrayLike,
    dt: float | None = None,
    scheme: str | None = None,
    order: int | None = None,
    arrivals: str = "poisson",
) -> NDArray[np.float64]:
    r"""Power spectral density of the voltage below threshold, for random input spikes of constant rates.

    Definition, two-sided, with ``P = sum_j rate_j weight_j**2`` over independent inputs::

        P |H(j 2 pi f)|^2                           dt left out: continuous time
        sum_k S_continuous(f + k / dt)              dt without scheme: the same process, sampled (aliased)
        P dt^2 |H_d(exp(j 2 pi f dt))|^2            dt and scheme: the chain that a computer runs

    with ``H`` of :func:`snntheory.linear.frequency_response` and ``H_d`` of the scheme. In the last case
    spikes arrive on the grid; Bernoulli arrivals (at most one spike an input and step) replace ``rate_j`` in
    ``P`` by ``rate_j (1 - rate_j dt)``.

    Parameters
    ----------
    neuron : CubaLIF
        Its threshold and reset are not used.
    rate : array_like
        Rate of each input in hertz, scalar or one-dimensional, not negative.
    weight : array_like
        Canonical weight of each input, the area of its current pulse, broadcast against ``rate``. A simulator whose
        spike does ``i += w`` has ``weight = w * tau_syn``.
    frequency : array_like
        Frequencies in hertz, any shape; at most ``1 / (2 dt)`` when ``dt`` is given.
    dt : float, optional
        Time step or sampling interval in seconds.
    scheme, order
        As in :func:`snntheory.discretize`; needs ``dt``.
    arrivals : {"poisson", "bernoulli"}
        Of the input on the grid; ``"bernoulli"`` needs a scheme and ``rate * dt <= 1``.

    Returns
    -------
    ndarray of float64, shape of ``frequency``
        Voltage squared per hertz. Integrated over ``-1/(2 dt) .. 1/(2 dt)`` it is the variance of the voltage.
        The mean voltage, a line at ``f = 0``, is not in it.

    Raises
    ------
    ValueError
        Wrong sign or shape, a scheme without ``dt``, a frequency above the Nyquist frequency.

    Assumptions
    -----------
    Stationary independent inputs, no threshold. Resets add a tail that falls as ``1 / f**2``.

    References
    ----------
    Campbell's theorem; Hu (2024), equations (11) and (12) for the two responses.
    """
    rate, weight = _check.array("rate", rate, minimum=0.0), _check.array("weight", weight)
    frequency = _check.array("frequency", frequency)
    _check.choice("arrivals", arrivals, ARRIVALS)
    try:
        rates, weights = np.broadcast_arrays(rate, weight)
    except ValueError:
        raise ValueError(f"rate and weight must fit: shapes {rate.shape} and {weight.shape}") from None
    if rates.ndim > 1:
        raise ValueError(f"rate and weight must be scalars or one-dimensional, got shape {rates.shape}")
    if scheme is not None and dt is None:
        raise ValueError(
            f"dt must be given with scheme={scheme!r}: a scheme has no spectrum without a time step"
        )
    if order is not None and scheme is None:
        raise ValueError(f"order={order!r} needs scheme='parker_sochacki'")
    if arrivals == "bernoulli" and scheme is None:
        raise ValueError("arrivals='bernoulli' needs a scheme: between grid points arrivals are Poisson")
    if dt is None:
        return _power(rates, weights) * np.abs(frequency_response(neuron, 2 * np.pi * frequency)) ** 2
    dt = _check.positive("dt", dt, "s")
    nyquist = 0.5 / dt
    if frequency.size and np.abs(frequency).max() > nyquist * (1 + 1e-9):
        raise ValueError(
            f"frequency must not exceed 1 / (2 dt) = {nyquist:g} Hz, got {np.abs(frequency).max():g}"
        )
    if scheme is None:
        return _power(rates, weights) * _sampled(neuron, frequency, dt)
    if arrivals == "bernoulli" and rates.size and rates.max() * dt > 1:
        raise ValueError(f"rate * dt must be at most 1 with Bernoulli arrivals, got {rates.max() * dt:g}")
    power = float(np.sum(count_variance(rates * dt, arrivals) * weights**2)) / dt
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnstableStep)  # an error, below
        model = discretize(neuron, dt, scheme, order)
    if not model.is_stable:
        raise ValueError(
            f"dt must be below {model.max_stable_dt:g} s: {scheme} is unstable at {dt:g} s and has no spectrum"
        )
    return power * dt**2 * np.abs(model.frequency_response(2 * np.pi * frequency)) ** 2


def expected_welch(
    density: Callable[[NDArray[np.float64]], ArrayLike],
    dt: float,
    segment_samples: int,
    window: str = "hann",
    detrend: bool = True,
) -> xr.DataArray:
    """What Welch's method gives on average for a process of known density: leakage and removed means included.

    Definition, with the window ``w``, the segment's autocovariance matrix ``C`` and ``D`` that takes the mean away::

        E S_k = dt / sum(w^2) * sum_{m,n} e^{-2 pi j k (m - n) / N} (W D C D^T W)_{mn}

    Parameters
    ----------
    density : callable
        Two-sided density of the sampled process at frequencies (array, hertz) up to ``1 / (2 dt)``, for example
        ``lambda f: theory_psd(neuron, rate, weight, f, dt, scheme)``.
    dt : float
        Sampling interval in seconds.
    segment_samples : int
        Length of a segment, at least 2.
    window : str
        Name of a window of ``scipy.signal.get_window``.
    detrend : bool
        Whether the mean of every segment is taken away, as :func:`snntheory.spectral.psd` does by default.

    Returns
    -------
    DataArray (frequency,)
        At the frequencies of :func:`snntheory.spectral.psd`.

    Assumptions
    -----------
    The autocovariance has died out after eight segments.

    References
    ----------
    Percival and Walden (1993), chapter 6.
    """
    dt = _check.positive("dt", dt, "s")
    n = _check.integer("segment_samples", segment_samples, minimum=2)
    taper = _window(window, n)
    plan = Tapering(
        dt, n, n, 1, (taper * np.sqrt(dt / (taper @ taper)))[None], "constant" if detrend else None, 2.0
    )
    expected = expected_power(density, plan)
    return xr.DataArray(expected, coords={"frequency": plan.frequency}, dims=("frequency",))


def expected_power(
    density: Callable[[NDArray[np.float64]], ArrayLike], plan: Tapering
) -> NDArray[np.float64]:
    """The mean of an estimate by any tapers, Welch's or Slepian's, for a process of known density.

    Definition, with taper ``h``, autocovariance ``c``, and ``q_j`` the orthonormal shapes that detrending removes::

        E|J|^2 = sum_m c_m r_m e^{-2 pi j f m dt} - 2 Re sum_j F[h q_j]* F[h C q_j]
                 + sum_jl F[h q_j]* F[h q_l] q_j^T C q_l

    ``r`` the autocorrelation of the taper, averaged over tapers; work grows as ``n log n``.

    Parameters
    ----------
    density : callable
        Of frequencies (array, hertz); may return several densities, shape (..., frequency).
    plan : Tapering

    Returns
    -------
    ndarray, shape (..., frequency)
        At ``plan.frequency``.
    """
    from scipy.linalg import matmul_toeplitz

    n, dt = plan.size, plan.dt
    fine = np.asarray(np.fft.rfftfreq(16 * n, dt), dtype=np.float64)
    covariance = np.fft.irfft(np.asarray(density(fine), dtype=np.float64), 16 * n)[..., :n] / dt
    shared = np.fft.irfft(np.abs(np.fft.rfft(plan.tapers, 2 * n)) ** 2, 2 * n)[:, :n].mean(axis=0)
    folded = covariance * shared
    folded[..., 1:] += folded[..., :0:-1].copy()
    expected = np.fft.rfft(folded).real
    if plan.detrend is None:
        return np.asarray(expected)
    shapes = np.linalg.qr(np.vander(np.linspace(-1, 1, n), 1 if plan.detrend == "constant" else 2, True))[0]
    seen = np.fft.rfft(plan.tapers[:, None] * shapes.T, axis=-1)
    rows, out = covariance.reshape(-1, n), expected.reshape(-1, expected.shape[-1])
    for row, result in zip(rows, out, strict=True):
        moved = matmul_toeplitz(row, shapes)
        cross = np.fft.rfft(plan.tapers[:, None] * moved.T, axis=-1)
        result -= 2 * (seen.conj() * cross).real.sum(axis=1).mean(axis=0)
        result += np.einsum("kjf,jl,klf->kf", seen.conj(), shapes.T @ moved, seen).real.mean(axis=0)
    return np.maximum(expected, 0.0)


def _power(rates: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    return float(np.sum(rates * weights**2))


def _panels(start: float, end: float, width: float) -> NDArray[np.float64]:
    return np.linspace(start, end, int(np.ceil((end - start) / width)) + 1)


def _sampled(neuron: CubaLIF, frequency: NDArray[np.float64], dt: float) -> NDArray[np.float64]:
    """Spectrum of the continuous voltage sampled every ``dt``, for ``P = 1``.

    The samples obey ``x_n = exp(M dt) x_{n-1} + noise`` with the covariance of what arrived within a step.
    Written so, all terms are positive; the difference of two Lorentz sums in the textbook form cancels for
    neighbouring time constants and at high frequencies.
    """
    shortest, longest = sorted((neuron.tau_mem, neuron.tau_syn))
    nodes, node_weights = np.polynomial.legendre.leggauss(20)
    # 20 nodes are exact to rounding over a panel of one time constant, short ones while the faster part is alive;
    # beyond 40 of the longer time constants nothing is left to integrate
    end = min(dt, 40 * longest)
    middle = min(end, 40 * shortest)
    edges = np.unique(np.concatenate([_panels(0.0, middle, shortest), _panels(middle, end, longest)]))
    half = np.diff(edges)[:, None] / 2
    t = (edges[:-1, None] + half * (1 + nodes)).ravel()
    area = (half * node_weights).ravel()
    arrivals = np.stack([kernel(neuron, t), np.exp(-t / neuron.tau_syn) / neuron.tau_syn])
    covariance = (arrivals * area) @ arrivals.T
    propagator = discretize(neuron, dt, "impulse_invariance").A
    z = np.exp(2j * np.pi * frequency * dt)
    from_u = 1 / (1 - propagator[0, 0] / z)
    from_i = from_u * propagator[0, 1] / z / (1 - propagator[1, 1] / z)
    return dt * (
        covariance[0, 0] * np.abs(from_u) ** 2
        + 2 * covariance[0, 1] * (from_u * from_i.conj()).real
        + covariance[1, 1] * np.abs(from_i) ** 2
    )
