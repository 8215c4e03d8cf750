"""Layers of exact spikes for a batch of samples: spike times in, spike times out, differentiable by torch.

Times are padded: ``(batch, n_neurons, k)``, rising along the last dimension and filled up with infinity. A padded
place has no gradient, and what arrives there on the way back is not read, not even a NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.autograd.function import once_differentiable

from .. import _check
from ..neuron import CubaLIF
from ..spiking.events import MAX_SPIKES, SpikeLimitReached
from ..spiking.layer import LimitError
from .methods import METHODS, check_options

BACKENDS = ("auto", "reference", "numba", "triton")
FAST = {"numba": ("adjoint", "integrated", "straight_through"), "triton": ("adjoint",)}
"""Methods of the backends that are fast."""
OVERFLOW = ("raise", "drop")

Floats = NDArray[np.float64]
Backward = Callable[[torch.Tensor, bool], tuple[torch.Tensor, torch.Tensor | None]]
"""``(gradient of the padded output, whether the times' is wanted) -> (gradient of the weights, of the times)``."""


class Settings(NamedTuple):
    """What a backend is told besides times and weights."""

    neuron: CubaLIF
    t_max: float
    max_spikes: int
    limit: int
    """Number of spikes of a neuron above which LimitError is raised."""
    method: str
    options: dict[str, Any]


def spike_time_layer(
    times: torch.Tensor,
    weights: torch.Tensor,
    neuron: CubaLIF,
    t_max: float,
    *,
    max_spikes: int,
    method: str = "adjoint",
    backend: str = "auto",
    overflow: str = "raise",
    with_counts: bool = False,
    **options: Any,
) -> Any:
    """Spike times of a layer for a batch of samples; differentiable with respect to weights and input times.

    Parameters
    ----------
    times : torch.Tensor, shape (batch, n_in, k_in), float32 or float64
        Spike times of every input neuron in seconds, rising, filled up with ``inf``; none after ``t_max``.
    weights : torch.Tensor, shape (n_in, n_out), of the dtype and device of ``times``
        Canonical weights.
    neuron : CubaLIF
    t_max : float
        End of the window in seconds.
    max_spikes : int
        Room for the spikes of a neuron in the result.
    method : str
        A method of :data:`snntheory.gradients.METHODS` that works on spike times.
    backend : {"auto", "reference", "numba", "triton"}
        ``"reference"`` takes any method, sample by sample, on the CPU. ``"numba"`` (CPU) has ``"adjoint"``,
        ``"integrated"`` and ``"straight_through"``, ``"triton"`` (GPU) has ``"adjoint"``. ``"auto"`` is the fast one
        of the device where it is installed and has the method.
    overflow : {"raise", "drop"}
        What is done where a neuron fires more than ``max_spikes`` times. ``"drop"`` keeps its first ones: the neuron
        goes on to fire and to be reset, and nobody hears of it, as with the spike buffers of Bacho and Chu (2023). The
        kept spikes and their gradient are those of a layer with more room.
    with_counts : bool
        Also return how often each neuron fired, the dropped spikes among them.
    **options
        Of the method; see its module.

    Returns
    -------
    times : torch.Tensor, shape (batch, n_out, max_spikes)
        In the dtype of the input, seconds, filled up with ``inf``. A silent neuron's are all ``inf`` and its weights
        have gradient zero.
    counts : torch.Tensor of int64, shape (batch, n_out)
        With ``with_counts`` only.

    Raises
    ------
    TypeError, ValueError
        Shapes, dtypes or devices do not fit, times are not sorted or lie after ``t_max``, the backend does not have the
        method, the method does not hold for the neuron.
    SpikeLimitReached
        With ``overflow="raise"``, more spikes than ``max_spikes``; with ``"drop"``, more than 100,000 of one neuron.

    Assumptions
    -----------
    As for :func:`snntheory.gradients.weight_gradient`; nothing is clipped at a spike that barely reaches the threshold.
    On the CPU everything is computed in float64, also where times and weights are float32: only what goes in and comes
    out is rounded. It differentiates once.

    Accuracy: equal to :func:`snntheory.gradients.weight_gradient` to 1e-10 on random batches, and to finite
    differences; tests/gradients/test_layers.py.

    References
    ----------
    Wunderlich and Pehle (2021); Bacho and Chu (2023) for the spike buffers.
    """
    t_max = _check.number("t_max", t_max, "s", minimum=0.0)
    room = _check.integer("max_spikes", max_spikes, minimum=1)
    _check.choice("overflow", overflow, OVERFLOW)
    module = METHODS[_check.choice("method", method, METHODS)]
    if not hasattr(module, "layer_gradient"):
        on_times = [name for name, each in METHODS.items() if hasattr(each, "layer_gradient")]
        raise ValueError(
            f"method must work on spike times, {', '.join(map(repr, on_times))}; got {method!r}, which works on the "
            "trains of a grid: use snntheory.training.network"
        )
    check_options(method, module, options)
    _check_tensors(times, weights)
    module.refuse(neuron)
    with limited(t_max, room, overflow) as limit:
        settings = Settings(neuron, t_max, room, limit, method, options)
        result, counts = _Layer.apply(times, weights, _backend(backend, method, times.device), settings)
    return (result, counts) if with_counts else result


@contextmanager
def limited(t_max: float, max_spikes: int, overflow: str) -> Iterator[int]:
    """The number of spikes above which a kernel raises LimitError, which leaves as SpikeLimitReached."""
    limit = max_spikes if overflow == "raise" else MAX_SPIKES
    try:
        yield limit
    except LimitError as error:
        raise SpikeLimitReached(
            f"neuron {error.neuron} in sample {error.sample} fired more than {limit} times before t_max={t_max:g} s; "
            "lower the weights, raise max_spikes, or keep the first spikes with overflow='drop'"
        ) from None


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, times: Any, weights: Any, run: Any, settings: Settings) -> Any:
        result, counts, ctx.back = run(times.detach(), weights.detach(), settings)
        ctx.mark_non_differentiable(counts)
        ctx.set_materialize_grads(False)
        return result, counts

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, arriving: torch.Tensor | None, _: Any) -> tuple[Any, ...]:
        if arriving is None:
            return None, None, None, None
        to_weights, to_times = ctx.back(arriving, ctx.needs_input_grad[0])
        return to_times, to_weights, None, None


def _numba(times: torch.Tensor, weights: torch.Tensor, settings: Settings) -> Any:
    from . import _numba_adjoint

    neuron, t_max, room, limit, _, _ = settings

    def matrix() -> Floats:  # made twice rather than kept
        return np.ascontiguousarray(weights.numpy(), dtype=np.float64)

    padded, counts, kept = _numba_adjoint.forward(
        times.contiguous().numpy(), matrix(), neuron, t_max, room, limit
    )
    shape, dtype = (times.shape[0], times.shape[1], times.shape[2]), times.dtype

    def back(arriving: torch.Tensor, want_times: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
        given = arriving.contiguous().numpy()
        to_weights, to_times = _numba_adjoint.backward(kept, matrix(), neuron, given, shape, want_times)
        return (
            torch.from_numpy(to_weights).to(dtype),
            None if to_times is None else torch.from_numpy(to_times).to(dtype),
        )

    return torch.from_numpy(padded).to(dtype), torch.from_numpy(counts), back


def _reference(times: torch.Tensor, weights: torch.Tensor, settings: Settings) -> Any:
    neuron, t_max, room, limit, method, options = settings
    module, device, dtype = METHODS[method], times.device, times.dtype
    matrix = weights.to("cpu", torch.float64).numpy()
    given = times.to("cpu", torch.float64).numpy()
    result = np.full((len(given), matrix.shape[1], room), np.inf)
    counts = np.zeros(result.shape[:2], np.int64)
    end = t_max * (1 + torch.finfo(dtype).eps)  # a spike at t_max, rounded to float32
    batch = []
    for sample, padded in enumerate(given):
        _check_trains(sample, padded, end)
        senders = [np.minimum(row[row != np.inf], t_max) for row in padded]
        spikes = module.layer_spikes(neuron, senders, matrix, t_max, **options)
        counts[sample] = [train.size for train in spikes]
        if counts[sample].max(initial=0) > limit:
            raise LimitError(sample, int(np.argmax(counts[sample] > limit)))
        for j, train in enumerate(spikes):
            result[sample, j, : train.size] = train[:room]
        batch.append((senders, spikes))

    def back(arriving: torch.Tensor, want_times: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
        to_weights, to_times = np.zeros_like(matrix), np.zeros_like(given)
        for sample, (senders, spikes) in enumerate(batch):
            rows = arriving[sample].to("cpu", torch.float64).numpy()
            each = [
                np.concatenate([row[: train.size], np.zeros(max(train.size - room, 0))])
                for row, train in zip(rows, spikes, strict=True)
            ]
            part, late = module.layer_gradient(neuron, senders, matrix, spikes, each, t_max, **options)
            to_weights += part
            for n, train in enumerate(late):
                to_times[sample, n, : train.size] = train
        moved = torch.from_numpy(to_times).to(device, dtype) if want_times else None
        return torch.from_numpy(to_weights).to(device, dtype), moved

    return torch.from_numpy(result).to(device, dtype), torch.from_numpy(counts).to(device), back


def fast(name: str, method: str, device: torch.device) -> str:
    """The name of a backend, where it is ``"auto"`` that of the fastest one there is."""
    if _check.choice("backend", name, BACKENDS) != "auto":
        return name
    best = "triton" if device.type == "cuda" else "numba"
    return best if method in FAST[best] and find_spec(best) is not None else "reference"


def _backend(name: str, method: str, device: torch.device) -> Any:
    name = fast(name, method, device)
    if name == "reference":
        return _reference
    if method not in FAST[name]:
        raise ValueError(f"backend {name!r} has {_listed(FAST[name])} only, got {method!r}; use 'reference'")
    if find_spec(name) is None:
        extra = {"numba": "train", "triton": "gpu"}[name]
        raise ModuleNotFoundError(
            f"backend {name!r} needs {name}: pip install 'snntheory[{extra}]'; or use backend='reference'",
            name=name,
        )
    if name == "numba":
        if device.type != "cpu":
            raise ValueError(f"backend 'numba' runs on the CPU, times is on {device}; use backend='auto'")
        if method == "integrated":
            from . import _integrated_layer

            return _integrated_layer.run
        if method == "straight_through":
            from . import straight_through_layer

            return straight_through_layer.run
        return _numba
    from ._triton_adjoint import run

    return run


def _listed(names: tuple[str, ...]) -> str:
    *most, last = map(repr, names)
    return f"{', '.join(most)} and {last}" if most else last


def _check_tensors(times: Any, weights: Any) -> None:
    for name, each, wanted in (
        ("times", times, "(batch, n_in, k_in)"),
        ("weights", weights, "(n_in, n_out)"),
    ):
        if str(getattr(each, "dtype", None)) not in ("torch.float32", "torch.float64"):
            kind = getattr(each, "dtype", type(each).__name__)
            raise TypeError(f"{name} must be a torch.Tensor of float32 or float64, got {kind}")
        if each.ndim != wanted.count(",") + 1:
            raise ValueError(f"{name} must have shape {wanted}, got {tuple(each.shape)}")
    if times.dtype != weights.dtype or times.device != weights.device:
        raise TypeError(
            f"times and weights must share dtype and device, got {times.dtype} on {times.device} and "
            f"{weights.dtype} on {weights.device}; convert with .to(...)"
        )
    if times.shape[1] != weights.shape[0]:
        raise ValueError(
            f"weights must have one row for each of the {times.shape[1]} input neurons, got {tuple(weights.shape)}"
        )
    if not bool(torch.isfinite(weights).all()):
        raise ValueError("weights must be finite, got NaN or infinity; is the learning rate too high?")


def _check_trains(sample: int, padded: Floats, end: float) -> None:
    before = np.concatenate([np.zeros((len(padded), 1)), padded], axis=1)[:, :-1]
    wrong = np.argwhere(~(padded >= before))
    if wrong.size:
        j, k = wrong[0]
        raise ValueError(
            "times must rise along the last dimension from 0 on, filled up with inf; "
            f"entry [{sample}, {j}, {k}] is {padded[j, k]:g} s"
        )
    last = np.max(padded, initial=0.0, where=np.isfinite(padded))
    if last > end:
        raise ValueError(f"t_max must not lie before the last spike at {last:g} s, got {end:g} s")
