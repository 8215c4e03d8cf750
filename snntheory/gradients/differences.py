"""Central differences of a method's own forward pass: the check that shares no formula with any gradient.

Differences with the steps ``h, h/2, h/4, ...`` of one weight are extrapolated (Richardson)::

    D(h) = (L(w + h) - L(w - h)) / 2h = dL/dw + c_2 h^2 + c_4 h^4 + ...
    R(k) = (4^k R'(k - 1) - R(k - 1)) / (4^k - 1),   R' with half the step

They hold while the same spikes exist on both sides. Entries where a spike appears, vanishes or passes another within
the step are found and set aside.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check
from ..neuron import CubaLIF
from ..spiking.rounding import grid_index
from .exact import Trains
from .methods import METHODS, Gradients, Loss, check_options, loss_gradients

Floats = NDArray[np.float64]
Entry = tuple[int, int, int]


class Differences(Gradients):
    """As :class:`Gradients`, by differences: NaN for entries not asked for or set aside.

    Attributes
    ----------
    doubt : list of ndarray
        Of the shapes of the weights: by how much the last step of the extrapolation moved each entry.
    diagnostics : dict of str to int
        ``compared``: entries that have a value; ``changed``: entries set aside because the spikes changed within the
        step; ``silent``: neurons without a spike.
    """

    def __init__(self, *arguments: Any, doubt: list[Floats]) -> None:
        super().__init__(*arguments)
        self.doubt = doubt


def central_differences(
    neuron: CubaLIF | Sequence[CubaLIF],
    input_times: Sequence[ArrayLike],
    weights: Sequence[ArrayLike],
    loss: Loss,
    method: str = "implicit",
    *,
    t_max: float,
    step: float = 2e-4,
    levels: int = 3,
    entries: Iterable[Entry] | None = None,
    **options: Any,
) -> Differences:
    """Gradient of a loss of spike times by central differences of a method's forward pass.

    Parameters
    ----------
    neuron, input_times, weights, loss, method, t_max
        As for :func:`weight_gradient`; the loss's own derivatives are not used.
    step : float
        Largest step, as a share of the largest weight (in size) of the layer.
    levels : int
        Steps ``step, step/2, ...`` to extrapolate from; the error is of the order ``step**(2 levels)``.
    entries : iterable of (layer, row, column), optional
        Weights to be moved; all of them by default, which takes ``2 levels`` forward passes each.
    **options
        Of the method.

    Returns
    -------
    Differences

    Raises
    ------
    ValueError, TypeError
        A method without spike times (its gradient is not the derivative of its forward pass), an entry that does not
        exist, or what :func:`weight_gradient` refuses.

    Accuracy: about 1e-10 of the largest entry where ``doubt`` says so; tests/gradients/test_agreement.py.
    """
    module = METHODS[_check.choice("method", method, METHODS)]
    if hasattr(module, "network_gradient"):
        raise ValueError(
            f"method {method!r} works on the spikes of a grid: its loss is a staircase, whose differences say nothing "
            "about a pseudo-derivative; take a method of spike times"
        )
    check_options(method, module, options)
    step, levels = _check.positive("step", step), _check.integer("levels", levels, minimum=1)
    matrices = [
        _check.array(f"weights[{n}]", part, ndim=2).astype(np.float64) for n, part in enumerate(weights)
    ]
    neurons = [neuron] * len(matrices) if isinstance(neuron, CubaLIF) else list(neuron)
    if len(neurons) != len(matrices) or not matrices:
        raise ValueError(
            f"neuron must be one CubaLIF or one for each of the {len(matrices)} layers, got {len(neurons)}"
        )
    for each in neurons:
        module.refuse(each)
    inputs = [_check.array(f"input_times[{n}]", times, ndim=1) for n, times in enumerate(input_times)]

    def forward(first: int) -> list[Trains]:
        """All layers, those before ``first`` as they were."""
        layers = known[: first + 1]
        for each, matrix in zip(neurons[first:], matrices[first:], strict=True):
            layers.append(module.layer_spikes(each, layers[-1], matrix, t_max, **options))
        return layers

    known: list[Trains] = [inputs]
    known = forward(0)
    value, _ = loss_gradients(loss, known[-1])
    dt = options.get("dt")
    unmoved = _pattern(known, dt)
    result, doubt = ([np.full(part.shape, np.nan) for part in matrices] for _ in range(2))
    changed = compared = 0
    for layer, row, column in _entries(entries, matrices):
        matrix, kept = matrices[layer], matrices[layer][row, column]
        largest = step * (np.abs(matrix).max() or 1.0)
        same, slopes = True, []
        for level in range(levels):
            h, values = largest / 2**level, []
            for sign in (1, -1):
                matrix[row, column] = kept + sign * h
                moved = forward(layer)
                same = same and _equal(_pattern(moved, dt), unmoved)
                values.append(_check.number("the value of loss", loss(moved[-1])[0]))
            slopes.append((values[0] - values[1]) / (2 * h))
        matrix[row, column] = kept
        if not same:
            changed += 1
            continue
        compared += 1
        result[layer][row, column], doubt[layer][row, column] = _extrapolated(slopes)
    silent = sum(train.size == 0 for part in known[1:] for train in part)
    diagnostics = {"compared": compared, "changed": changed, "silent": silent}
    return Differences(result, value, known[1:], diagnostics, doubt=doubt)


def _entries(entries: Iterable[Entry] | None, matrices: list[Floats]) -> list[Entry]:
    everything = [(n, *place) for n, part in enumerate(matrices) for place in np.ndindex(part.shape)]
    if entries is None:
        return everything
    chosen = [tuple(int(x) for x in each) for each in entries]
    wrong = [each for each in chosen if each not in set(everything)]
    if wrong:
        shapes = [part.shape for part in matrices]
        raise ValueError(f"entries must be (layer, row, column) within {shapes}, got {wrong[0]}")
    return chosen  # type: ignore[return-value]


def _extrapolated(slopes: list[float]) -> tuple[float, float]:
    """The last entry of Richardson's triangle, and its distance from the best of the column before."""
    before = slopes[-1]
    for k in range(1, len(slopes)):
        before = slopes[-1]
        slopes = [(4**k * fine - coarse) / (4**k - 1) for coarse, fine in pairwise(slopes)]
    return slopes[-1], abs(slopes[-1] - before)


def _pattern(layers: list[Trains], dt: float | None) -> list[NDArray[Any]]:
    """What must not change: numbers of spikes, the order of senders and receivers and, on a grid, their steps."""
    counts = [np.array([train.size for train in part]) for part in layers]
    times = [np.concatenate([*part, np.empty(0)]) for part in layers]
    if dt is None:
        order = [np.searchsorted(np.sort(a), b) for a, b in pairwise(times)]
        return counts + order
    order = [np.argsort(np.concatenate(pair), kind="stable") for pair in pairwise(times)]
    return counts + order + [grid_index(part, dt) for part in times]


def _equal(a: list[NDArray[Any]], b: list[NDArray[Any]]) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
