"""The Markov chain (u_n, i_n) that a computer runs, with its threshold: spikes and rates of many neurons at once.

A step of the chain is the linear update of the scheme, then a look at the threshold, then the reset::

    x_n = A x_{n-1} + b S_n + b_previous S_{n-1};    a spike where u_n >= v_threshold
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check
from .._arrivals import ARRIVALS
from ..linear import DiscreteNeuron
from ..neuron import CubaLIF
from .moments import inputs
from .synaptic_input import current_variance

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
BACKENDS = ("auto", "numba", "reference")
RESET_STEPS = ("same", "next")
_BLOCK = 2_000_000


@dataclass(frozen=True)
class RateEstimate:
    """A rate measured on independent neurons.

    Attributes
    ----------
    rate, standard_error : float
        Hertz; the error from the scatter between the neurons.
    counts : ndarray of int64, shape (n_neurons,)
        Spikes of each.
    seconds : float
        Over which each was counted.
    voltage, current : ndarray, shape (n_neurons,)
        At the end, after the reset: independent samples of the stationary density.
    """

    rate: float
    standard_error: float
    counts: Counts
    seconds: float
    voltage: Floats
    current: Floats


def estimate(counts: Counts, seconds: float, voltage: Floats, current: Floats) -> RateEstimate:
    """Mean rate and its standard error."""
    error = counts.std(ddof=1) / np.sqrt(counts.size) / seconds if counts.size > 1 else np.inf
    return RateEstimate(float(counts.mean() / seconds), float(error), counts, seconds, voltage, current)


def mean_current(model: DiscreteNeuron, drive: float) -> float:
    """Mean of ``i`` in the chain for a mean summed weight ``drive`` per second."""
    return float((model.b[1] + model.b_previous[1]) * drive * model.dt / -model.increment[1, 1])


@dataclass(frozen=True)
class ResetRule:
    """What a grid point does with a spike.

    Attributes
    ----------
    kind : {"subtract", "to_value"}
    v_threshold, v_reset : float
    step : {"same", "next"}
        Whether the reset acts in the step of the spike or in the one after it.
    held : int
        Steps for which the voltage then stays at its reset.
    drops_input : bool
        For ``"next"`` and ``"to_value"``: whether the voltage is set after that step's update instead of before.
    """

    kind: str
    v_threshold: float
    v_reset: float
    step: str = "same"
    held: int = 0
    drops_input: bool = False

    @classmethod
    def of(cls, neuron: CubaLIF, dt: float, tau_ref: float, step: str, drops_input: bool) -> ResetRule:
        """The neuron's rule, checked."""
        if neuron.reset == "none":
            raise ValueError("neuron must have a reset, got reset='none': without one no rate is stationary")
        tau_ref = _check.number("tau_ref", tau_ref, "s", minimum=0.0)
        held = round(tau_ref / dt)
        if abs(held * dt - tau_ref) > 1e-9 * max(dt, tau_ref):
            raise ValueError(f"tau_ref={tau_ref:g} s must be a whole number of steps of dt={dt:g} s")
        step = _check.choice("reset_step", step, RESET_STEPS)
        if held and (step == "next" or neuron.reset == "subtract"):
            raise ValueError("tau_ref must be 0 with reset_step='next' or reset='subtract'")
        return cls(neuron.reset, neuron.v_threshold, neuron.v_reset, step, held, drops_input)


def run_chain(
    matrix: Floats,
    kicks_u: Floats,
    kicks_i: Floats,
    rule: ResetRule,
    voltage: Floats,
    current: Floats,
    state: Counts,
    backend: str = "auto",
) -> Counts:
    """Spikes of each neuron over some steps; ``voltage``, ``current`` and ``state`` are carried on in place.

    Parameters
    ----------
    matrix : ndarray, shape (2, 2)
        ``A``.
    kicks_u, kicks_i : ndarrays, shape (n_neurons, n_steps)
        What each step adds after ``A x``.
    rule : ResetRule
    voltage, current, state : ndarrays, shape (n_neurons,)
        ``state``: steps still to be held at the reset, or 1 when a late reset is due.
    backend : {"auto", "numba", "reference"}
        Both give the same numbers.

    Returns
    -------
    ndarray of int64, shape (n_neurons,)
    """
    _check.choice("backend", backend, BACKENDS)
    numbers = (matrix[0, 0], matrix[0, 1], matrix[1, 1], rule.v_threshold, rule.v_reset)
    codes = (rule.kind == "subtract", rule.step == "next", rule.held, rule.drops_input)
    if backend == "numba" and not find_spec("numba"):
        raise ModuleNotFoundError(
            "backend 'numba' needs numba: pip install 'snntheory[train]'; or use backend='reference'",
            name="numba",
        )
    if backend == "reference" or not find_spec("numba"):
        return _reference(kicks_u, kicks_i, voltage, current, state, numbers, codes)
    from ._markov_numba import run

    return np.asarray(run(kicks_u, kicks_i, voltage, current, state, numbers, codes))


def _reference(
    kicks_u: Floats,
    kicks_i: Floats,
    voltage: Floats,
    current: Floats,
    state: Counts,
    numbers: tuple[float, ...],
    codes: tuple[Any, ...],
) -> Counts:
    keep_u, couple, keep_i, threshold, reset = numbers
    subtract, late, held, drops_input = codes
    counts = np.zeros(voltage.size, dtype=np.int64)
    u, i, wait = voltage, current, state
    for n in range(kicks_u.shape[1]):
        due = wait > 0
        if late and not subtract and not drops_input:
            u[due] = reset
        u[:] = keep_u * u + couple * i + kicks_u[:, n]
        i[:] = keep_i * i + kicks_i[:, n]
        if not late:
            u[due] = reset
            wait[due] -= 1
        elif subtract:
            u[due] -= threshold
        elif drops_input:
            u[due] = reset
        fired = (u >= threshold) & ~(due if not late else np.zeros_like(due))
        counts += fired
        if late:
            wait[:] = fired
        else:
            u[fired] = u[fired] - threshold if subtract else reset
            wait[fired] = held
    return counts


def chain_rate(
    model: DiscreteNeuron,
    rate: ArrayLike,
    weight: ArrayLike,
    *,
    n_neurons: int = 1000,
    t_max: float = 10.0,
    settle: float = 0.5,
    rng: np.random.Generator,
    arrivals: str = "poisson",
    tau_ref: float = 0.0,
    reset_step: str = "same",
    drops_input: bool = False,
    backend: str = "auto",
) -> RateEstimate:
    """Firing rate of the chain that a scheme or a framework makes of a neuron, by simulation.

    Parameters
    ----------
    model : DiscreteNeuron
        Of :func:`snntheory.discretize`, or of a framework's ``discretize``.
    rate, weight : array_like
        Of each independent input: hertz, and weight in the model's unit (a framework's ``weight_gain`` times the
        canonical one).
    n_neurons : int
        Independent neurons, at least 2.
    t_max, settle : float
        Seconds for which spikes are counted, and before that.
    rng : numpy.random.Generator
    arrivals : {"poisson", "bernoulli", "gaussian"}
        Spikes of an input in a step: a count, at most one, or (together) the Gaussian of the diffusion limit.
    tau_ref : float
        Refractory time in seconds, a whole number of steps.
    reset_step, drops_input
        As :class:`ResetRule`; a framework's are in its ``reset``.
    backend : {"auto", "numba", "reference"}

    Returns
    -------
    RateEstimate

    Raises
    ------
    TypeError, ValueError
        An argument is out of its range, or the model is unstable.
    """
    rates, weights = inputs(rate, weight)
    _check.choice("arrivals", arrivals, (*ARRIVALS, "gaussian"))
    _stable(model)
    per_step = rates * model.dt
    if arrivals == "bernoulli" and per_step.max() > 1:
        raise ValueError(f"rate * dt must be at most 1 with Bernoulli arrivals, got {per_step.max():g}")
    rule = ResetRule.of(model.neuron, model.dt, tau_ref, reset_step, drops_input)

    def kicks(n: int, steps: int) -> Floats:
        if arrivals == "gaussian":
            spread = np.sqrt(per_step @ weights**2)
            return per_step @ weights + spread * rng.standard_normal((n, steps))
        total = np.zeros((n, steps))
        for mean, size in zip(per_step, weights, strict=True):
            total += size * (
                rng.poisson(mean, (n, steps)) if arrivals == "poisson" else rng.random((n, steps)) < mean
            )
        return total

    return _of_model(model, kicks, float(rates @ weights), rule, n_neurons, t_max, settle, backend)


def _stable(model: DiscreteNeuron) -> None:
    if not model.is_stable:
        raise ValueError(f"model is unstable: dt={model.dt:g} s is not below {model.max_stable_dt:g} s")


def gaussian_chain_rate(
    model: DiscreteNeuron,
    mean: float,
    power: float,
    *,
    n_neurons: int = 1000,
    t_max: float = 10.0,
    settle: float = 0.5,
    rng: np.random.Generator,
    backend: str = "auto",
) -> RateEstimate:
    """As :func:`chain_rate` with Gaussian arrivals, for a ``mean`` and a ``power`` of the drive.

    They are ``sum_j rate_j w_j`` and ``sum_j rate_j w_j**2`` of the inputs.
    """
    _stable(model)
    spread = np.sqrt(_check.number("power", power, minimum=0.0) * model.dt)
    mean = _check.number("mean", mean)
    rule = ResetRule.of(model.neuron, model.dt, 0.0, "same", False)

    def kicks(n: int, steps: int) -> Floats:
        return mean * model.dt + spread * rng.standard_normal((n, steps))

    return _of_model(model, kicks, mean, rule, n_neurons, t_max, settle, backend)


def _of_model(
    model: DiscreteNeuron,
    kicks: Callable[[int, int], Floats],
    drive: float,
    rule: ResetRule,
    n_neurons: int,
    t_max: float,
    settle: float,
    backend: str,
) -> RateEstimate:
    """The chain of a scheme, for random sums of weights ``kicks(n_neurons, steps)`` of mean ``drive`` per second."""

    def blocks(n: int, sizes: list[int]) -> Iterator[tuple[Floats, Floats]]:
        before = np.zeros((n, 1))
        for size in sizes:
            now = kicks(n, size)
            u, i = model.b[0] * now, model.b[1] * now
            if model.b_previous.any():
                previous = np.concatenate([before, now[:, :-1]], axis=1)
                before = now[:, -1:].copy()
                u, i = u + model.b_previous[0] * previous, i + model.b_previous[1] * previous
            yield u, i

    start = mean_current(model, drive)
    return _count(model.A, blocks, rule, model.dt, n_neurons, t_max, settle, start, backend)


def diffusion_chain_rate(
    neuron: CubaLIF,
    mu: float,
    sigma: float,
    dt: float,
    *,
    n_neurons: int = 1000,
    t_max: float = 10.0,
    settle: float = 0.5,
    rng: np.random.Generator,
    tau_ref: float = 0.0,
    backend: str = "auto",
) -> RateEstimate:
    """Firing rate when the exact diffusion of (u, i) is looked at every ``dt`` only, by simulation.

    Between the points (u, i) moves by the exact propagator with the exact Gaussian noise, so that the threshold is the
    only thing that the grid changes.

    Parameters
    ----------
    neuron : CubaLIF
    mu, sigma : float
        As in :func:`snntheory.population.siegert`.
    dt : float
        Seconds between two looks.
    n_neurons, t_max, settle, rng, tau_ref, backend
        As in :func:`chain_rate`.

    Returns
    -------
    RateEstimate
    """
    from ..linear import discretize

    model = discretize(neuron, dt, "impulse_invariance")
    mu, sigma = _check.number("mu", mu), _check.positive("sigma", sigma)
    rule = ResetRule.of(neuron, model.dt, tau_ref, "same", False)
    variance = current_variance(neuron, sigma)
    shared = neuron.r * variance * neuron.tau_syn / (neuron.tau_mem + neuron.tau_syn)
    stationary = np.array([[neuron.r * shared, shared], [shared, variance]])
    noise = stationary - model.A @ stationary @ model.A.T
    # u's own part is of the third order in dt: rounding may make the smallest ones negative
    along_i = np.sqrt(noise[1, 1])
    across, own = noise[0, 1] / along_i, np.sqrt(max(noise[0, 0] - noise[0, 1] ** 2 / noise[1, 1], 0.0))
    rest = np.array([mu, mu / neuron.r]) - model.A @ np.array([mu, mu / neuron.r])

    def blocks(n: int, sizes: list[int]) -> Iterator[tuple[Floats, Floats]]:
        for size in sizes:
            one = rng.standard_normal((n, size))
            yield (
                rest[0] + across * one + own * rng.standard_normal((n, size)),
                rest[1] + along_i * one,
            )

    return _count(model.A, blocks, rule, model.dt, n_neurons, t_max, settle, mu / neuron.r, backend)


def _count(
    matrix: Floats,
    blocks: Callable[[int, list[int]], Iterator[tuple[Floats, Floats]]],
    rule: ResetRule,
    dt: float,
    n_neurons: int,
    t_max: float,
    settle: float,
    mean_current: float,
    backend: str,
) -> RateEstimate:
    n = _check.integer("n_neurons", n_neurons, minimum=2)
    counted = int(np.ceil(_check.positive("t_max", t_max, "s") / dt - 1e-9))
    before = int(np.ceil(_check.number("settle", settle, "s", minimum=0.0) / dt - 1e-9))
    size = max(1, _BLOCK // n)
    sizes = _pieces(before, size) + _pieces(counted, size)
    u, i = np.zeros(n) + (0.0 if rule.kind == "subtract" else rule.v_reset), np.full(n, mean_current)
    state, counts, done = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64), 0
    for kicks_u, kicks_i in blocks(n, sizes):
        spikes = run_chain(matrix, kicks_u, kicks_i, rule, u, i, state, backend)
        counts += spikes if done >= before else 0
        done += kicks_u.shape[1]
    return estimate(counts, counted * dt, u, i)


def _pieces(steps: int, size: int) -> list[int]:
    return [size] * (steps // size) + ([steps % size] if steps % size else [])
