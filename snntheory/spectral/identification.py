"""The two poles behind a recorded voltage: their time constants, and which scheme and neuron they fit."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import chi2, kstwobign

from .. import _check
from ..neuron import CubaLIF
from . import _response_fit, _whittle, candidates
from . import _two_poles as two
from ._reset_signs import count_resets
from ._signal import signal
from .candidates import Candidate
from .identified import Identification, resets_warning
from .resets import drops, neuron_of

FEWEST = 50
LONGEST = 2**15  # samples of a piece of a record
NOISE = ("auto", "none", "measurement", "process")


def identify(
    traces: xr.DataArray | xr.Dataset,
    input: Any = None,
    *,
    spikes: Any = None,
    neuron: CubaLIF | None = None,
    reset: str | None = None,
    v_threshold: float | None = None,
    v_reset: float | None = None,
    noise: str = "auto",
    schemes: Iterable[Any] | None = None,
    level: float = 0.95,
    onset: float = 0.0,
) -> Identification:
    """Estimate the two poles of a neuron from its voltage, and say which schemes and constants they fit.

    Definition, with ``S`` the summed weights of the input spikes of each step::

        u_n = (p_1 + p_2) u_{n-1} - p_1 p_2 u_{n-2} + n_0 S_n + n_1 S_{n-1} + n_2 S_{n-2} + constant

    With ``input`` given, poles and numerator follow by least squares. From voltage alone, ``S`` is taken as white, and
    Whittle's likelihood of the density ``s^2 |N|^2 / |D|^2`` (plus a flat one, of measurement noise) is maximised for
    each numerator ``N`` that there is: 1, that of the bilinear rule, of the zero-order hold, of a continuous neuron
    that is sampled. A record of more than 32768 samples without spikes is cut into pieces, each with its own mean.

    Parameters
    ----------
    traces : DataArray with a dimension "time", or Dataset with "voltage"
        All traces are taken as recordings of neurons with the same time constants; from voltage alone each may have
        its own mean and strength of input. Select others with ``isel`` first.
    input : array_like of the voltage's shape, or DataArray, optional
        ``S``: sum of the canonical weights of each step's input spikes.
    spikes : array_like of the voltage's shape, or DataArray, optional
        The neuron's own spikes per step; by default ``traces["spikes"]``. Where there are any, their resets are added
        back with the membrane's pole, which this finds as well. The phase must be known as for
        :func:`snntheory.spectral.without_resets`.
    neuron : CubaLIF, optional
        Nominal constants that each scheme is compared with; by default those in the attributes, if they are there.
    reset, v_threshold, v_reset : optional
        What a spike does, where neither ``neuron`` nor the attributes say.
    noise : {"auto", "none", "measurement", "process"}
        "measurement": white noise on the recorded voltage. With input also "process": a further, unknown white input.
        "auto" takes the likelier (BIC).
    schemes : list of names or pairs (name, order), optional
        Candidates; all by default.
    level : float
        Of the confidence intervals, between 0 and 1.
    onset : float, seconds
        Left out at the start, from voltage alone: while the voltage still finds its mean, it is not stationary. Do not
        cut a spiking record with ``isel`` instead: resets before the cut still act behind it, and the time constants
        come out too short.

    Returns
    -------
    Identification

    Raises
    ------
    ValueError, TypeError
        NaN, a constant voltage, fewer than 50 samples a trace, a silent input, shapes that do not fit, spikes whose
        reset is not known.

    Warns
    -----
    UserWarning
        No spikes were given, and the voltage looks reset (`Identification.resets_seen`).

    Assumptions
    -----------
    Two real or complex poles inside the unit circle; from voltage alone, white stationary input. Resets act in the
    step of the crossing on the voltage alone.

    What cannot be told: which time constant is the membrane's (unless there are resets); from voltage alone also
    delay and gain, so that of the schemes only "bilinear", "zoh" and "continuous" can be told from all others. Every
    scheme turns any two time constants into poles one to one, so poles alone never rule a scheme out: each is some
    neuron. Which one is in `Identification.candidates`; the nominal constants decide.

    Accuracy
    --------
    tests/spectral/test_identification.py: noise-free with input, time constants to 1e-8 for every scheme; coverage of
    the intervals. An unknown input (noise "process") in a record of few time constants makes the slow one too short by
    about 4 dt/T of ``1 - pole``, T the record's length, as every autoregression (Kendall 1954).

    References
    ----------
    Whittle 1953; Sykulski et al. 2019 (expected periodogram); Ljung, System Identification (1999), sections 4.2, 7.3.
    """
    values, dt, _ = signal(traces)
    _check.choice("noise", noise, NOISE)
    level = _check.probability("level", level)
    if input is None and noise == "process":
        raise ValueError("noise='process' needs the input: from voltage alone all input is unknown")
    if input is not None and noise == "none":
        raise ValueError("noise='none' is for voltage alone; with input choose 'measurement' or 'process'")
    rows = _rows("traces", values, values)
    nominal = candidates.check_nominal(neuron)
    if nominal is None and isinstance(traces, xr.Dataset) and "tau_mem" in traces.attrs:
        nominal = neuron_of(traces)
    if spikes is None and isinstance(traces, xr.Dataset) and "spikes" in traces:
        spikes = traces["spikes"]
    drop = None
    if spikes is not None:
        kick = {"reset": reset, "v_threshold": v_threshold, "v_reset": v_reset}
        known = {key: getattr(nominal, key, None) if value is None else value for key, value in kick.items()}
        counts = _rows("spikes", spikes, values, constant=True)
        rows, drop = drops(rows, counts, str(traces.attrs.get("phase", "unknown")), **known)
    pairs = candidates.chosen(schemes, input is not None)
    onset = _check.number("onset", onset, "s", minimum=0.0)
    first = round(onset / dt)
    free = spikes is not None or "none" in (reset, getattr(nominal, "reset", None))
    seen = 0 if free else count_resets(rows[:, first:])
    if seen:
        warnings.warn(resets_warning(seen), stacklevel=2)
    if input is None:
        if rows.shape[1] - first < FEWEST:
            raise ValueError(
                f"onset must leave at least {FEWEST} samples of {rows.shape[1]}, got {onset:g} s; record more"
            )
        return replace(_from_voltage(rows, drop, first, dt, noise, pairs, nominal, level), resets_seen=seen)
    if first:
        raise ValueError(
            "onset is for voltage alone: with the input the start of a record says as much as the rest"
        )
    given = _rows("input", input, values, constant=True)
    silent = np.flatnonzero(np.ptp(given, axis=1) == 0)
    if silent.size:
        raise ValueError(
            f"input is silent or constant in trace {silent[0]}, which says nothing about poles; leave that trace out, "
            "or leave input out to use the voltage alone"
        )
    return replace(_from_response(rows, given, drop, dt, noise, pairs, nominal, level), resets_seen=seen)


def _rows(name: str, given: Any, values: xr.DataArray, constant: bool = False) -> NDArray[np.float64]:
    """Array (trace, time) in the order of ``values``."""
    if isinstance(given, xr.DataArray):
        if set(given.dims) != set(values.dims):
            raise ValueError(
                f"{name} must have the dimensions {values.dims} of the voltage, got {given.dims}"
            )
        given = given.transpose(*values.dims).values
    array = _check.array(name, given)
    if array.shape != values.shape:
        raise ValueError(f"{name} must have the shape {values.shape} of the voltage, got {array.shape}")
    rows = array.reshape(-1, array.shape[-1])
    if np.abs(rows).max() > 1e60:  # its squares and their products overflow
        raise ValueError(
            f"{name} must not diverge, got values up to {np.abs(rows).max():.3g}; leave the time after the divergence "
            "out, or integrate with a smaller dt"
        )
    if rows.shape[1] < FEWEST:
        raise ValueError(
            f"{name} must have at least {FEWEST} samples in time, got {rows.shape[1]}; record more"
        )
    if not constant:
        spread = np.ptp(rows, axis=1)
        still = np.flatnonzero(spread <= 1e-12 * np.abs(rows).max(axis=1))
        if still.size:
            raise ValueError(
                f"{name} must not be constant: trace {still[0]} is {rows[still[0], 0]:g} throughout; leave it out "
                "(a silent neuron has no poles to see)"
            )
    return rows


def _from_voltage(
    rows: NDArray[np.float64],
    drop: NDArray[np.float64] | None,
    onset: int,
    dt: float,
    noise: str,
    pairs: list[tuple[str, int | None]],
    nominal: CubaLIF | None,
    level: float,
) -> Identification:
    families = list(dict.fromkeys(candidates.family_of(scheme) for scheme, _ in pairs))
    if drop is None:
        rows, onset = _pieces(rows[:, onset:]), 0
    likelihood = _whittle.Likelihood(rows, drop, onset)
    rows = likelihood.rows
    fits = {}
    for family in families:
        both = [
            _whittle.fit(likelihood, family, with_noise)
            for with_noise in (False, True)
            if noise != ("measurement", "none")[with_noise]
        ]
        fits[family] = max(both, key=lambda each: _penalised(each, rows.size))
    best = max(fits.values(), key=lambda each: _penalised(each, rows.size))
    found = []
    for scheme, order in pairs:
        own = fits[candidates.family_of(scheme)]
        pair = two.poles_of_a_neuron(own.coordinates, own.covariance, level)
        slow, fast = candidates.neuron_for(pair, dt, scheme, order)
        nominal_p = float("nan")
        if nominal is not None:
            images = candidates.nominal_images(nominal, dt, scheme, order)
            nominal_p = 0.0
            if images is not None:
                poles = images if drop is not None else two.from_images(images)
                rise = own.log_likelihood - likelihood(np.append(poles, own.parameters[2:]), own.family)
                nominal_p = float(chi2.sf(max(2 * rise, 0.0) / likelihood.inflation, 2))
        near = _penalised(own, rows.size) > _penalised(best, rows.size) - 5.0
        explains = near and np.isfinite(slow + fast) and not nominal_p < 1 - level
        nan = float("nan")
        found.append(
            Candidate(scheme, order, slow, fast, nan, own.log_likelihood, nan, nominal_p, bool(explains))
        )
    expected = likelihood.expected(best.parameters, best.family)
    ratio = likelihood.observed(best.parameters) / expected / best.scale[:, None]
    return _result(
        best.coordinates,
        best.covariance,
        dt,
        rows.size,
        level,
        uses="voltage" if drop is None else "voltage and resets",
        membrane=best.membrane,
        numerator=None,
        numerator_std=None,
        family=best.family,
        noise=float(np.sqrt(best.noise * np.mean(best.scale))),
        noise_model="measurement" if best.noise > 0 else "none",
        log_likelihood=best.log_likelihood,
        misfit_p_value=flatness(ratio),
        candidates=tuple(found),
    )


def _pieces(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pieces of equal length, at most `LONGEST`, of each row, without silent ones."""
    count = -(-rows.shape[1] // LONGEST)
    if count == 1:
        return rows
    size = rows.shape[1] // count
    pieces = rows[:, : count * size].reshape(-1, size)
    return pieces[np.ptp(pieces, axis=1) > 1e-12 * np.abs(rows).max()]


def _from_response(
    rows: NDArray[np.float64],
    given: NDArray[np.float64],
    drop: NDArray[np.float64] | None,
    dt: float,
    noise: str,
    pairs: list[tuple[str, int | None]],
    nominal: CubaLIF | None,
    level: float,
) -> Identification:
    fit = _response_fit.fit(rows, given, drop, noise)
    coordinates, numerator = fit.parameters[:2], fit.parameters[2:]
    pair = two.poles_of_a_neuron(coordinates, fit.covariance[:2, :2], level)
    found = []
    for scheme, order in pairs:
        slow, fast = candidates.neuron_for(pair, dt, scheme, order)
        model = candidates.discrete(slow, fast, dt, scheme, order, fit.membrane)
        r, p, nominal_p = float("nan"), 0.0, float("nan")
        if model is not None:
            r, p = candidates.shape_test(numerator, fit.covariance[2:, 2:], model.numerator)
        if nominal is not None:
            images = candidates.nominal_images(nominal, dt, scheme, order)
            exact = candidates.stable(nominal, dt, scheme, order)
            nominal_p = 0.0
            if images is not None and exact is not None and _agrees(fit.membrane, nominal):
                whole = np.concatenate([two.from_images(images), exact.numerator])
                nominal_p = candidates.joint_test(fit.parameters, fit.covariance, whole)
        explains = p > 1 - level and r > 0 and not nominal_p < 1 - level
        found.append(Candidate(scheme, order, slow, fast, r, float("nan"), p, nominal_p, bool(explains)))
    residuals = fit.residuals
    exact_fit = np.std(residuals) < 1e-11 * np.std(rows)
    power = np.abs(np.fft.rfft(residuals, axis=1)[:, 1:]) ** 2
    return _result(
        coordinates,
        fit.covariance[:2, :2],
        dt,
        rows.size,
        level,
        uses="voltage and input" if drop is None else "voltage, input and resets",
        membrane=fit.membrane,
        numerator=numerator,
        numerator_std=np.sqrt(np.diag(fit.covariance)[2:]),
        family=None,
        noise=0.0 if exact_fit else float(np.std(residuals)),
        noise_model="none" if exact_fit else fit.noise,
        log_likelihood=residuals.size * (fit.log_likelihood - 0.5 * (1 + np.log(2 * np.pi))),
        misfit_p_value=1.0 if exact_fit else flatness(power / power.mean(axis=1, keepdims=True)),
        candidates=tuple(found),
    )


def _result(
    coordinates: NDArray[np.float64],
    covariance: NDArray[np.float64],
    dt: float,
    n_samples: int,
    level: float,
    **rest: Any,
) -> Identification:
    with np.errstate(all="ignore"):  # of an ellipse without bounds the intervals are not finite
        return Identification(
            dt=dt,
            n_samples=n_samples,
            level=level,
            poles=two.poles(coordinates),
            time_constants=dt * two.time_constants(coordinates),
            intervals=dt * two.intervals(coordinates, covariance, level),
            kind=two.kind(coordinates, covariance, level),
            **rest,
        )


def _penalised(fit: _whittle.Fit, n: int) -> float:
    """Log-likelihood less half of BIC's price of a parameter."""
    return fit.log_likelihood - 0.5 * fit.parameters.size * np.log(n)


def _agrees(membrane: str, neuron: CubaLIF) -> bool:
    """Whether the membrane of the nominal neuron is on the side that the resets tell."""
    gap = neuron.tau_mem - neuron.tau_syn
    return membrane == "unknown" or gap == 0 or (membrane == "slow") == (gap > 0)


def flatness(ratio: NDArray[np.float64]) -> float:
    """p-value of Bartlett's test that periodograms (row, frequency) of expectation one rise evenly when summed."""
    mean = ratio.mean(axis=0)
    steps = np.cumsum(mean) / mean.sum() - np.arange(1, mean.size + 1) / mean.size
    return float(kstwobign.sf(np.abs(steps).max() * np.sqrt(mean.size * len(ratio))))
