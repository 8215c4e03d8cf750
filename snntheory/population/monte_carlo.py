"""Event-driven simulation of many neurons with Poisson input, exact to rounding: the check on every density and rate.

The same input spikes, moved to a grid, also drive the chains of several schemes, so that their rates are compared
neuron by neuron and most of the scatter cancels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check
from ..linear import DiscreteNeuron
from ..neuron import CubaLIF
from ..spiking import exact_spike_times, reconstruct
from .markov import RateEstimate, ResetRule, estimate, mean_current, run_chain
from .moments import inputs

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RateBias:
    """Rates of chains beside the exact one, for the same input spikes; made by :func:`rate_bias`.

    Attributes
    ----------
    exact : RateEstimate
    rate : ndarray, shape (n_models,)
        Hertz.
    bias, standard_error : ndarray, shape (n_models,)
        Rate minus the exact one, and the error of this difference, in hertz.
    """

    exact: RateEstimate
    rate: Floats
    bias: Floats
    standard_error: Floats


def event_driven_rate(
    neuron: CubaLIF,
    rate: ArrayLike,
    weight: ArrayLike,
    *,
    n_neurons: int = 200,
    t_max: float = 10.0,
    settle: float = 0.5,
    rng: np.random.Generator,
) -> RateEstimate:
    """Firing rate and samples of (u, i) by exact simulation, without a time step and without refractory time.

    Parameters
    ----------
    neuron : CubaLIF
    rate, weight : array_like
        Of each independent Poisson input: hertz, and canonical weight.
    n_neurons : int
        Independent neurons, at least 2.
    t_max, settle : float
        Seconds for which spikes are counted, and before that.
    rng : numpy.random.Generator

    Returns
    -------
    RateEstimate

    Raises
    ------
    ValueError, TypeError
        An argument is out of its range.
    """
    return rate_bias([], neuron, rate, weight, n_neurons=n_neurons, t_max=t_max, settle=settle, rng=rng).exact


def rate_bias(
    models: Sequence[DiscreteNeuron],
    neuron: CubaLIF,
    rate: ArrayLike,
    weight: ArrayLike,
    *,
    gains: ArrayLike = 1.0,
    reset_steps: Sequence[str] | str = "same",
    drops_input: Sequence[bool] | bool = False,
    n_neurons: int = 200,
    t_max: float = 10.0,
    settle: float = 0.5,
    rng: np.random.Generator,
    backend: str = "auto",
) -> RateBias:
    """Firing rates of chains against the exact one, all with the same input spikes.

    A spike acts in the first step that does not end before it.

    Parameters
    ----------
    models : sequence of DiscreteNeuron
        Of one neuron, with any time steps and schemes.
    neuron : CubaLIF
    rate, weight : array_like
        Of each independent Poisson input: hertz, and canonical weight.
    gains : array_like, shape (n_models,) or scalar
        A model's weights over canonical ones.
    reset_steps, drops_input
        Of each model, or one for all: as :class:`snntheory.population.ResetRule`.
    n_neurons, t_max, settle, rng
        As in :func:`event_driven_rate`.
    backend : {"auto", "numba", "reference"}
        Of the chains.

    Returns
    -------
    RateBias

    Raises
    ------
    ValueError, TypeError
        An argument is out of its range, or a model is unstable.
    """
    rates, weights = inputs(rate, weight)
    n = _check.integer("n_neurons", n_neurons, minimum=2)
    t_max, settle = _check.positive("t_max", t_max, "s"), _check.number("settle", settle, "s", minimum=0.0)
    unstable = [model.dt for model in models if not model.is_stable]
    if unstable:
        raise ValueError(f"models must be stable; that with dt={unstable[0]:g} s is not")
    size = len(models)
    gain = np.broadcast_to(_check.array("gains", gains), size)
    steps = [reset_steps] * size if isinstance(reset_steps, str) else list(reset_steps)
    drops = [drops_input] * size if isinstance(drops_input, bool) else list(drops_input)
    rules = [
        ResetRule.of(model.neuron, model.dt, 0.0, step, drop)
        for model, step, drop in zip(models, steps, drops, strict=True)
    ]
    end, mean = settle + t_max, float(rates @ weights)
    exact, final = np.empty(n, dtype=np.int64), np.empty((2, n))
    counts = np.empty((size, n), dtype=np.int64)
    for row in range(n):
        each = rng.poisson(rates * end)
        times = rng.uniform(0, end, each.sum())
        order = np.argsort(times)
        times, sizes = times[order], np.repeat(weights, each)[order]
        spikes = exact_spike_times(neuron, times, sizes, end, i0=mean)
        exact[row] = np.sum(spikes > settle)
        u, i = reconstruct(neuron, end, times, sizes, spikes, i0=mean)
        final[:, row] = float(u), float(i)
        for k, (model, rule) in enumerate(zip(models, rules, strict=True)):
            counts[k, row] = _chain_counts(
                model, rule, times, gain[k] * sizes, settle, end, gain[k] * mean, backend
            )
    difference = (counts - exact) / t_max
    error = difference.std(axis=1, ddof=1) / np.sqrt(n)
    return RateBias(
        estimate(exact, t_max, *final), counts.mean(axis=1) / t_max, difference.mean(axis=1), error
    )


def _chain_counts(
    model: DiscreteNeuron,
    rule: ResetRule,
    times: Floats,
    sizes: Floats,
    settle: float,
    end: float,
    mean: float,
    backend: str,
) -> int:
    last = int(np.ceil(end / model.dt - 1e-9))
    step = np.clip(np.ceil(times / model.dt).astype(np.int64), 1, last)
    now = np.bincount(step - 1, sizes, last)
    u, i = model.b[0] * now, model.b[1] * now
    if model.b_previous.any():
        previous = np.concatenate([[0.0], now[:-1]])
        u, i = u + model.b_previous[0] * previous, i + model.b_previous[1] * previous
    state = np.zeros(1), np.full(1, mean_current(model, mean)), np.zeros(1, dtype=np.int64)
    split = int(np.ceil(settle / model.dt - 1e-9))
    for part in (slice(0, split), slice(split, None)):
        count = run_chain(model.A, u[None, part], i[None, part], rule, *state, backend)
    return int(count[0])
