"""What is lost at a time step by scheme and by spike placement, computed at once for the neuron that is asked about."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np

from ..linear import discretize, kernel, schemes
from ..linear.continuous import peak_time
from ..linear.discrete import UnstableStep
from ..linear.effective import effective_response
from ..linear.error import global_error
from ..neuron import CubaLIF
from ..spiking import compare_trains, exact_spike_times, simulate

ORDERS = (2, 3, 4)
"""Of Parker-Sochacki; its first order is forward Euler."""
PLACEMENTS: dict[str, dict[str, Any]] = {
    "grid": {"spike_placement": "grid", "reset_at": "grid"},
    "linear": {"spike_placement": "linear", "reset_at": "spike"},
    "cubic": {"spike_placement": "cubic", "reset_at": "spike"},
    "cubic, extrema": {"spike_placement": "cubic", "reset_at": "spike", "detect": "extremum"},
    "series": {"spike_placement": "series", "reset_at": "spike"},
    "series, extrema": {"spike_placement": "series", "reset_at": "spike", "detect": "extremum"},
}
"""Label to arguments of :func:`snntheory.spiking.simulate`; with extrema, crossings within a step are seen too."""
DURATION = 40
"""Of a run of that neuron, over its longer time constant."""
TRIALS = 8
"""Random inputs of the neuron whose output spikes are compared."""
_MOST_STEPS = 200_000


class SchemeLoss(NamedTuple):
    """What a scheme does to the response to one spike.

    ``psp_error`` is the largest difference over the height of the response, a delay of the scheme included. The
    response on the grid is a kernel with the time constants ``tau_mem``, ``tau_syn``, high by ``gain`` and late by
    ``delay`` (:func:`snntheory.linear.effective.effective_response`); NaN where it alternates.
    """

    scheme: str
    order: int | None
    stable: bool
    monotone: bool
    psp_error: float
    tau_mem: float
    tau_syn: float
    gain: float
    delay: float

    @property
    def label(self) -> str:
        """Name, with the order where there is one."""
        return label(self.scheme, self.order)


def label(scheme: str, order: int | None) -> str:
    """A scheme with its order, if it has one."""
    return scheme if order is None else f"{scheme}, order {order}"


class PlacementLoss(NamedTuple):
    """What a placement does to one neuron's output spikes: shifts over ``tau_syn``, and the share without a partner."""

    placement: str
    shift: float
    unpaired: float


def scheme_losses(neuron: CubaLIF, dt: float, only: Collection[str] | None = None) -> list[SchemeLoss]:
    """Every scheme of the package at this time step, in the order of :func:`snntheory.linear.schemes.names`.

    Left out is ``"scaled_impulse"``, which takes current densities and no spikes; and what is not in ``only``, labels.

    Raises
    ------
    ValueError
        ``dt`` is so short beside the time constants that a response has more than 200,000 steps.
    """
    duration = peak_time(neuron) + 5 * max(neuron.tau_mem, neuron.tau_syn)
    n_steps = math.ceil(duration / dt) + 1
    if n_steps > _MOST_STEPS:
        raise ValueError(
            f"dt must be at least {duration / _MOST_STEPS:.1g} s for this neuron, got {dt:g} s; nothing of what is "
            "measured here is lost at such a step"
        )
    inputs = np.zeros(n_steps)
    inputs[0] = 1.0
    height = abs(float(kernel(neuron, peak_time(neuron))))
    found = []
    for name in schemes.names():
        if name == "scaled_impulse":
            continue
        for order in ORDERS if name == "parker_sochacki" else (None,):
            if only is None or label(name, order) in only:
                found.append(_scheme_loss(neuron, dt, name, order, inputs, height))
    return found


def _scheme_loss(
    neuron: CubaLIF, dt: float, name: str, order: int | None, inputs: np.ndarray, height: float
) -> SchemeLoss:
    with warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):
        warnings.simplefilter("ignore", UnstableStep)  # that is one of the answers
        model = discretize(neuron, dt, name, order)
        error = math.inf
        if model.is_stable:
            error = float(np.abs(global_error(neuron, dt, name, inputs, order=order)[:, 0]).max()) / height
    monotone = bool(model.is_stable and np.all(model.poles > 0))
    held = (math.nan,) * 4
    if monotone:
        response = effective_response(model)
        held = (response.tau_mem, response.tau_syn, response.gain, response.delay)
    return SchemeLoss(name, order, model.is_stable, monotone, error, *held)


def drive(neuron: CubaLIF, dt: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, float]:
    """Random input on the grid that makes the neuron fire every few membrane time constants.

    Returns
    -------
    spike_times : ndarray
        Seconds, multiples of ``dt``.
    weights : ndarray
    t_max : float
        :data:`DURATION` of the longer time constant; a whole number of steps.

    Notes
    -----
    Poisson arrivals, ten in a membrane time constant, with a mean voltage of one and a half thresholds.
    """
    rng = np.random.default_rng(seed)
    slow = max(neuron.tau_mem, neuron.tau_syn)
    n_steps = math.ceil(DURATION * slow / dt)
    rate = 10 / neuron.tau_mem
    counts = rng.poisson(rate * dt, n_steps)
    weight = 1.5 * neuron.v_threshold / (neuron.r * rate)
    steps = np.flatnonzero(counts)
    return (steps + 1) * dt, counts[steps] * weight, (n_steps + 1) * dt


def placement_losses(
    neuron: CubaLIF,
    dt: float,
    scheme: str = "impulse_invariance",
    order: int | None = None,
    seed: int = 0,
    only: Collection[str] | None = None,
) -> list[PlacementLoss]:
    """Output spikes of one neuron by placement, against the exact ones for the same input on the grid.

    Parameters
    ----------
    neuron : CubaLIF
    dt : float
        Seconds.
    scheme, order
        What integrates between spikes.
    seed : int
        Of the inputs, :data:`TRIALS` of :func:`drive`.
    only : collection of str, optional
        Of :data:`PLACEMENTS`; default: all.

    Returns
    -------
    list of PlacementLoss
        Shifts are root mean squares over pairs at most half a ``tau_syn`` or a step apart; unpaired are missed, merged
        and extra spikes over the number in both trains. Both NaN where the neuron does not fire.
    """
    wanted = {name: each for name, each in PLACEMENTS.items() if only is None or name in only}
    shifts: dict[str, list[np.ndarray]] = {name: [] for name in wanted}
    lost, total = dict.fromkeys(wanted, 0), dict.fromkeys(wanted, 0)
    n_exact = 0
    for trial in range(TRIALS):
        times, weights, t_max = drive(neuron, dt, TRIALS * seed + trial)
        exact = exact_spike_times(neuron, times, weights, t_max)
        n_exact += len(exact)
        for name, chosen in wanted.items():
            traces = simulate(neuron, times, weights, t_max, dt, scheme, order, **chosen)
            train = traces["spike_times"].values.ravel()
            train = train[np.isfinite(train)]
            pairs = compare_trains(exact, train, max(neuron.tau_syn / 2, dt), dt)
            total[name] += len(exact) + len(train)
            shifts[name].append(pairs.shifts)
            lost[name] += len(pairs.missed) + len(pairs.merged) + len(pairs.extra)
    found = []
    for name, parts in shifts.items():
        moved = np.concatenate(parts) / neuron.tau_syn
        rms = float(np.sqrt(np.mean(moved**2))) if len(moved) else math.nan
        found.append(PlacementLoss(name, rms, lost[name] / total[name] if n_exact else math.nan))
    return found
