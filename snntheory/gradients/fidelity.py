"""How well a gradient method stands in for the exact gradient: direction and size against the time step.

A method's gradient ``g`` of one sample is compared with the exact, event-driven gradient ``g*`` of the same weights::

    cosine      <g, g*> / (|g| |g*|)        1: the same direction; above 0: a small step along -g lowers the loss
    norm_ratio  |g| / |g*|                  1: the same size

for each layer and for all layers together, of single samples and of their mean (the batch gradient).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from .. import _check
from ..neuron import CubaLIF
from .methods import EXACT, METHODS, Loss, weight_gradient

Floats = NDArray[np.float64]
Progress = Callable[[int, int], None]


def cosine(gradient: ArrayLike, exact: ArrayLike) -> float:
    """Cosine of the angle between two gradients of one shape; NaN where either is zero."""
    a, b = (_check.array(name, x).ravel() for name, x in (("gradient", gradient), ("exact", exact)))
    if a.shape != b.shape:
        raise ValueError(f"gradient must have the shape of exact, {b.shape}, got {a.shape}")
    scales = [float(np.abs(x).max(initial=0.0)) for x in (a, b)]
    if 0.0 in scales:
        return float("nan")
    a, b = a / scales[0], b / scales[1]  # so that squares neither overflow nor vanish
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def norm_ratio(gradient: ArrayLike, exact: ArrayLike) -> float:
    """Norm of a gradient over that of the exact one; NaN where the exact one is zero."""
    a, b = (np.linalg.norm(_check.array(name, x)) for name, x in (("gradient", gradient), ("exact", exact)))
    return float(a / b) if b else float("nan")


def fidelity(
    neuron: CubaLIF | Sequence[CubaLIF],
    inputs: Sequence[Sequence[ArrayLike]],
    weights: Sequence[ArrayLike],
    losses: Sequence[Loss],
    methods: Mapping[str, Mapping[str, Any]],
    time_steps: ArrayLike,
    *,
    t_max: float,
    with_gradients: bool = False,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Cosine and norm ratio to the exact gradient for every method and time step.

    Parameters
    ----------
    neuron, weights, t_max
        As for :func:`weight_gradient`.
    inputs : sequence of sequence of array_like
        For each sample the spike times of each input neuron, in seconds.
    losses : sequence of callable
        One for each sample; for ``"surrogate"`` it needs ``on_grid``.
    methods : mapping
        A label to the arguments of :func:`weight_gradient` other than ``dt``: ``{"timing, clamp 8":
        {"method": "timing", "clamp": 8.0}}``.
    time_steps : array_like, shape (n,)
        In seconds.
    with_gradients : bool
        Whether to return the mean gradients themselves.
    progress : callable, optional
        Called with (gradients computed, gradients in all).

    Returns
    -------
    xarray.Dataset
        ``cosine`` and ``norm_ratio`` (method, dt, layer) of the mean gradient over the samples, ``sample_cosine``
        and ``sample_norm_ratio`` (method, dt, layer, sample). ``layer`` runs over ``"1"``, ``"2"``, ... and ``"all"``.
        ``loss`` (method, dt) is the mean loss of the method's own forward pass, ``exact_loss`` that of exact spikes;
        ``spike_ratio`` (method, dt) its spikes over the exact ones, all layers together, and ``same_first`` the share
        of samples in which the same output fires first, or none in both. A sample whose exact gradient is zero has
        NaN. ``with_gradients`` adds ``gradient`` (method, dt, weight) and ``exact_gradient`` (weight), means over the
        samples, all layers one after the other.

    Raises
    ------
    ValueError, TypeError
        No sample, as many losses as not samples, a method without a name in :data:`METHODS`, and what
        :func:`weight_gradient` refuses.
    """
    steps = _check.array("time_steps", time_steps, ndim=1)
    if len(inputs) == 0 or len(losses) != len(inputs):
        raise ValueError(
            f"losses must be one for each of {len(inputs)} samples (at least one), got {len(losses)}"
        )
    for label, options in methods.items():
        _check.choice(f"methods[{label!r}]['method']", options.get("method"), METHODS)
    n_layers = len(weights)
    layers = [*(str(n + 1) for n in range(n_layers)), "all"]
    total, done = len(inputs) * (1 + len(methods) * steps.size), 0

    def gradients(**options: Any) -> tuple[list[list[Floats]], float, float, NDArray[np.intp]]:
        nonlocal done
        found, firsts, value, spikes = [], [], 0.0, 0.0
        for sample, loss in zip(inputs, losses, strict=True):
            result = weight_gradient(neuron, sample, weights, loss, t_max=t_max, **options)
            found.append([*result, np.concatenate([part.ravel() for part in result])])
            value += result.value / len(inputs)
            spikes += sum(train.size for layer in result.spike_times for train in layer)
            times = [train.min(initial=np.inf) for train in result.spike_times[-1]]
            firsts.append(np.argmin(times) if np.min(times) < np.inf else -1)
            done += 1
            if progress is not None:
                progress(done, total)
        return found, value, spikes, np.array(firsts)

    exact, exact_loss, exact_spikes, exact_firsts = gradients(method="adjoint")
    shape = (len(methods), steps.size, len(layers))
    mean = {name: np.full(shape, np.nan) for name in ("cosine", "norm_ratio")}
    each = {name: np.full((*shape, len(inputs)), np.nan) for name in mean}
    values, spike_ratio, same_first = np.full((3, *shape[:2]), np.nan)
    whole = np.mean([sample[-1] for sample in exact], axis=0)
    kept = np.zeros((*shape[:2], whole.size if with_gradients else 0))
    for m, options in enumerate(methods.values()):
        for k, dt in enumerate(steps):
            timed = dict(options) if options["method"] in EXACT else {**options, "dt": float(dt)}
            found, values[m, k], spikes, firsts = gradients(**timed)
            spike_ratio[m, k] = spikes / exact_spikes if exact_spikes else np.nan
            same_first[m, k] = np.mean(firsts == exact_firsts)
            if with_gradients:
                kept[m, k] = np.mean([sample[-1] for sample in found], axis=0)
            for n in range(len(layers)):
                ours, theirs = ([sample[n] for sample in part] for part in (found, exact))
                for name, measure in (("cosine", cosine), ("norm_ratio", norm_ratio)):
                    mean[name][m, k, n] = measure(np.mean(ours, axis=0), np.mean(theirs, axis=0))
                    each[name][m, k, n] = [measure(a, b) for a, b in zip(ours, theirs, strict=True)]
    dims = ("method", "dt", "layer")
    result = xr.Dataset(
        {name: (dims, part) for name, part in mean.items()}
        | {f"sample_{name}": ((*dims, "sample"), part) for name, part in each.items()}
        | {"loss": (dims[:2], values), "exact_loss": ((), exact_loss)}
        | {"spike_ratio": (dims[:2], spike_ratio), "same_first": (dims[:2], same_first)},
        coords={"method": list(methods), "dt": ("dt", steps, {"units": "s"}), "layer": layers},
    )
    if with_gradients:
        result = result.assign(gradient=((*dims[:2], "weight"), kept), exact_gradient=("weight", whole))
    return result


def descent_limit(cosines: xr.DataArray, least: float = 0.0) -> xr.DataArray:
    """Largest time step up to which a method keeps a direction of descent, at it and at every smaller one.

    Parameters
    ----------
    cosines : xarray.DataArray with a dimension ``dt``
        Of :func:`fidelity`, for any methods and layers.
    least : float
        The cosine must be above it: zero for a descent direction; nearer one for a better one.

    Returns
    -------
    xarray.DataArray
        Without ``dt``, in seconds; NaN where not even the smallest step does.
    """
    if "dt" not in cosines.dims:
        raise ValueError(
            f"cosines must have the dimension dt, got {cosines.dims}; pass what fidelity returned"
        )
    ordered = cosines.sortby("dt")
    kept = (ordered > _check.number("least", least)).cumprod("dt")
    limit = (kept * ordered["dt"]).max("dt")
    return limit.where(limit > 0)
