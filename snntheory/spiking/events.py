"""Exact spike times: from event to event, without a time step, for any time constants and resets.

Between two inputs the voltage is a sum of two exponentials with at most one extremum
(:mod:`snntheory.spiking.crossing`); the state is carried from event to event, so that only short differences of times
enter and a window may be as long as it likes.

The rules, for cases that a simulation on a grid decides by accident:

- Inputs at the same time act together. An input acts on the current at once and on the voltage after it, so an input
  at the very moment of a crossing does not change that spike. Moments are the same if they are the same float.
- A maximum that touches the threshold is a spike.
- A neuron at or above its threshold (at the start, or after a spike that resets nothing) fires only after it has
  been below.
- Spikes at ``t_max`` count.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check
from ..neuron import CubaLIF
from . import layer
from .layer import LayerConstants, LimitError
from .spike_batch import SpikeBatch, sorted_times

BACKENDS = ("auto", "numba", "reference")
MAX_SPIKES = 100_000


class SpikeLimitReached(ValueError):
    """A neuron fired more than ``max_spikes`` times before ``t_max``: nothing is returned, nothing is cut off."""


def _backend(name: str) -> Any:
    _check.choice("backend", name, BACKENDS)
    present = find_spec("numba") is not None
    if name == "numba" and not present:
        raise ModuleNotFoundError(
            "backend 'numba' needs numba: pip install 'snntheory[train]'; or use backend='reference'",
            name="numba",
        )
    if name == "reference" or not present:
        return layer
    from . import numba_layer

    return numba_layer


def _end(t_max: float, last_input: float) -> float:
    t_max = _check.number("t_max", t_max, "s", minimum=0.0)
    if t_max < last_input:
        raise ValueError(
            f"t_max must not lie before the last input spike at {last_input:g} s, got {t_max:g} s; "
            "raise t_max or drop the later inputs"
        )
    return t_max


def _matrix(name: str, value: ArrayLike, n_in: int, n_out: int | None, gain: float) -> NDArray[np.float64]:
    weights = _check.array(name, value, ndim=2)
    if weights.shape[0] != n_in or (n_out is not None and weights.shape[1] != n_out):
        wanted = f"({n_in}, {'n_out' if n_out is None else n_out})"
        raise ValueError(f"{name} must have shape {wanted}, one row a sender; got {weights.shape}")
    largest = 1e300 / (gain * max(n_in, 1))
    if weights.size and np.abs(weights).max() > largest:
        raise ValueError(
            f"{name} must be at most {largest:.1e} in size, got {np.abs(weights).max():g}: the current overflows"
        )
    return weights


def exact_spike_times(
    neuron: CubaLIF,
    spike_times: ArrayLike,
    weights: ArrayLike,
    t_max: float,
    *,
    v0: float = 0.0,
    i0: float = 0.0,
    constant_current: float = 0.0,
    max_spikes: int = MAX_SPIKES,
    backend: str = "auto",
) -> NDArray[np.float64]:
    """Spike times of one neuron, to the rounding of float64.

    Definition::

        tau_mem u' = -u + r (i + constant_current),    i jumps by weights[n] / tau_syn at spike_times[n];
        a spike whenever u reaches v_threshold from below, followed by the neuron's reset

    Parameters
    ----------
    neuron : CubaLIF
    spike_times : array_like, shape (n_spikes,)
        Times of the input spikes in seconds, sorted, not negative. Equal times act together.
    weights : array_like, shape (n_spikes,) or scalar
        Weight of each input spike.
    t_max : float
        End of the window in seconds, not before the last input.
    v0, i0 : float
        Voltage and synaptic current at time 0, just before any spike at 0.
    constant_current : float
        A current that is always there, in the unit of ``i``.
    max_spikes : int
        More spikes than this are an error, not a shorter answer.
    backend : {"auto", "numba", "reference"}
        ``"auto"`` is the compiled one where numba is installed, otherwise the readable one, some hundred times slower.

    Returns
    -------
    ndarray of float64, shape (n_output_spikes,)
        Seconds, in rising order.

    Raises
    ------
    ValueError, TypeError
        Times are unsorted, negative or not finite, ``t_max`` lies before the last input, shapes do not fit.
    SpikeLimitReached
        More than ``max_spikes`` spikes.

    Accuracy: tests/spiking/test_events.py compares with 50 digits (a few units in the last place, over windows of ten
    thousand time constants too); tests/spiking/test_certified.py proves with intervals, for thousands of random
    trains, that no crossing is lost or invented. Where the voltage only just reaches the threshold a spike time is
    as badly conditioned as the problem is: its error grows with the inverse of the relative slope there.

    References
    ----------
    Lee et al. (2023), algorithm 1, with the two corrections that it needs (the decay of B at a spike, and a search that
    goes on until no crossing is left before the next input); Cojocaru (2024), equation (8), for tau_mem = 2 tau_syn.
    """
    times = sorted_times("spike_times", spike_times)
    each = _check.array("weights", weights)
    if each.ndim > 1 or (each.ndim == 1 and each.shape != times.shape):
        raise ValueError(
            f"weights must be a scalar or have one entry per spike: weights has shape {each.shape}, "
            f"spike_times {times.shape}"
        )
    column = np.broadcast_to(each, times.shape).reshape(-1, 1)
    constants = LayerConstants.of(
        neuron,
        _check.number("v0", v0),
        _check.number("i0", i0),
        _check.number("constant_current", constant_current),
    )
    spikes = SpikeBatch.trusted(times, np.arange(len(times)), np.array([0, len(times)]), len(times))
    end = _end(t_max, times[-1] if len(times) else 0.0)
    limit = _check.integer("max_spikes", max_spikes, minimum=0)
    column = _matrix("weights", column, len(times), 1, constants.gain)
    try:
        return _backend(backend).feed_forward(spikes, column, constants, end, limit).times
    except LimitError:
        raise _limit_reached(limit, end, "the neuron") from None


def _limit_reached(limit: int, t_max: float, who: str) -> SpikeLimitReached:
    return SpikeLimitReached(
        f"{who} fired more than max_spikes={limit} times before t_max={t_max:g} s; "
        "lower the weights or the current, shorten t_max, or raise max_spikes"
    )


def exact_batch(
    neurons: CubaLIF | Sequence[CubaLIF],
    inputs: SpikeBatch,
    weights: Sequence[ArrayLike],
    t_max: float,
    recurrent: Sequence[ArrayLike | None] | None = None,
    *,
    max_spikes: int = MAX_SPIKES,
    backend: str = "auto",
) -> list[SpikeBatch]:
    """Spikes of every layer of a network, for a batch of samples.

    Every neuron starts at rest. Spikes travel without delay.

    Parameters
    ----------
    neurons : CubaLIF, or one per layer
    inputs : SpikeBatch
        Input spikes; ``SpikeBatch.from_lists`` makes one.
    weights : sequence of array_like, shapes (n_in, n_out)
        One matrix per layer, canonical weights.
    t_max : float
        End of the window in seconds.
    recurrent : sequence of (array_like of shape (n_out, n_out), or None), optional
        Weights within each layer, ``[from, to]``; the diagonal is what a neuron does to itself besides its reset.
    max_spikes : int
        Bound on the spikes of each neuron in each sample.
    backend : {"auto", "numba", "reference"}

    Returns
    -------
    list of SpikeBatch
        One per layer, the input not among them.

    Raises
    ------
    ValueError, TypeError
        As :func:`exact_spike_times`; matrices do not fit.
    SpikeLimitReached
        Names layer, sample and neuron.

    Accuracy: tests/spiking/test_network.py compares both backends, a layer with single neurons, and a recurrent
    layer with the fixed point of its own spikes.

    References
    ----------
    Lee et al. (2023), section 4.2; Bacho and Chu (2023) for batches without recurrence.
    """
    if not isinstance(inputs, SpikeBatch):
        raise TypeError(
            f"inputs must be a SpikeBatch, got {type(inputs).__name__}; SpikeBatch.from_lists makes one from lists"
        )
    if isinstance(weights, np.ndarray) and weights.ndim == 2:
        raise TypeError("weights must be a list with one matrix per layer, got one matrix; write [weights]")
    kinds = [neurons] * len(weights) if isinstance(neurons, CubaLIF) else list(neurons)
    loops: list[ArrayLike | None] = [None] * len(weights) if recurrent is None else list(recurrent)
    for name, entries in (("neurons", len(kinds)), ("recurrent", len(loops))):
        if entries != len(weights):
            raise ValueError(f"{name} has {entries} entries for {len(weights)} layers of weights")
    strange = [each for each in kinds if not isinstance(each, CubaLIF)]
    if strange:
        raise TypeError(f"neurons must be a CubaLIF or one per layer, got {strange[0]!r}")
    end = _end(t_max, inputs.times.max(initial=0.0))
    limit = _check.integer("max_spikes", max_spikes, minimum=0)
    run = _backend(backend)
    layers: list[SpikeBatch] = []
    before = inputs
    for k, (neuron, given, loop) in enumerate(zip(kinds, weights, loops, strict=True)):
        constants = LayerConstants.of(neuron)
        matrix = _matrix(f"weights[{k}]", given, before.n_neurons, None, constants.gain)
        try:
            if loop is None:
                before = run.feed_forward(before, matrix, constants, end, limit)
            else:
                among = _matrix(f"recurrent[{k}]", loop, matrix.shape[1], matrix.shape[1], constants.gain)
                before = run.recurrent(before, matrix, among, constants, end, limit)
        except LimitError as error:
            who = f"neuron {error.neuron} of layer {k} in sample {error.sample}"
            raise _limit_reached(limit, end, who) from None
        layers.append(before)
    return layers


def exact_network(
    neurons: CubaLIF | Sequence[CubaLIF],
    input_times: Sequence[ArrayLike],
    weights: Sequence[ArrayLike],
    t_max: float,
    recurrent: Sequence[ArrayLike | None] | None = None,
    *,
    max_spikes: int = MAX_SPIKES,
    backend: str = "auto",
) -> list[list[NDArray[np.float64]]]:
    """Spike times of every neuron of a network, for one sample: :func:`exact_batch` with lists of arrays.

    Parameters
    ----------
    input_times : sequence of array_like
        One sorted 1-D array per input neuron, seconds.
    neurons, weights, t_max, recurrent, max_spikes, backend
        As in :func:`exact_batch`.

    Returns
    -------
    list of lists of ndarray
        ``[layer][neuron]``, 1-D arrays of times in seconds; the input not among the layers.
    """
    inputs = SpikeBatch.from_lists([list(input_times)])
    layers = exact_batch(neurons, inputs, weights, t_max, recurrent, max_spikes=max_spikes, backend=backend)
    return [each.to_lists()[0] for each in layers]
