"""A trained network of exact spikes, run again with its weights on a grid of time steps: integrator x interpolation.

Every layer turns padded spike times into padded spike times, so that all combinations are compared in one form. What
may differ::

    integrator      "order p": the power series of the solution cut after p terms (Parker-Sochacki; 1 is forward
                    Euler), or a scheme of the package by its name
    interpolation   what is done about spikes that fall between grid points, see INTERPOLATIONS

With ``points="grid"`` a spike reaches the next layer at the first grid point at or after it. With ``"events"`` it
reaches it at its own time, and cuts the step there: each part is a step of its own.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from .. import _check
from ..gradients.layers import spike_time_layer
from ..neuron import CubaLIF
from ..spiking import compare_trains, grid_index
from ..spiking.clocked import simulate_inputs

Floats = NDArray[np.float64]

ORDERS = (1, 2, 3, 4, 5, 6)
SCHEMES = (
    "backward_euler",
    "bilinear",
    "exponential_euler",
    "impulse_invariance",
    "semi_implicit",
    "zoh",
)
INTEGRATORS = {f"order {p}": ("parker_sochacki", p) for p in ORDERS} | {
    name: (name, None) for name in SCHEMES
}
"""Label to scheme and order."""

INTERPOLATIONS: dict[str, dict[str, str]] = {
    "none": {"spike_placement": "grid", "reset_at": "grid", "points": "grid"},
    "linear, reset on the grid": {"spike_placement": "linear", "reset_at": "grid", "points": "grid"},
    "linear": {"spike_placement": "linear", "reset_at": "spike", "points": "grid"},
    "cubic": {"spike_placement": "cubic", "reset_at": "spike", "points": "grid"},
    "series": {"spike_placement": "series", "reset_at": "spike", "points": "grid"},
    "linear, inputs too": {"spike_placement": "linear", "reset_at": "spike", "points": "events"},
    "cubic, inputs too": {"spike_placement": "cubic", "reset_at": "spike", "points": "events"},
    "series, inputs too": {"spike_placement": "series", "reset_at": "spike", "points": "events"},
}
"""Label to where a spike lies, where it resets its neuron, and where it acts on the next one."""

_ROWS = 20_000_000
"""Voltages that a part of a batch may have; its input currents take eight bytes each."""


def possible(integrator: str, interpolation: str) -> bool:
    """Whether this combination exists: a root of the series needs one, a cut step a scheme of any length.

    The exact propagator with steps cut at inputs and roots of the series is the network of exact spikes itself.
    """
    _check.choice("integrator", integrator, INTEGRATORS)
    chosen = INTERPOLATIONS[_check.choice("interpolation", interpolation, INTERPOLATIONS)]
    series, exact = integrator.startswith("order"), integrator == "impulse_invariance"
    if chosen["points"] == "events":
        return series
    return chosen["spike_placement"] != "series" or series or exact


def run_layer(
    times: Floats,
    weights: Floats,
    neuron: CubaLIF,
    t_max: float,
    dt: float,
    integrator: str,
    interpolation: str,
    max_spikes: int,
) -> tuple[Floats, NDArray[np.int64]]:
    """Spike times of a layer for a batch of samples.

    Parameters
    ----------
    times : ndarray, shape (batch, n_in, k)
        Seconds, rising, filled up with infinity.
    weights : ndarray, shape (n_in, n_out)
        Canonical.
    neuron : CubaLIF
    t_max, dt : float
        Window and time step in seconds; a whole number of steps.
    integrator, interpolation : str
        Of :data:`INTEGRATORS` and :data:`INTERPOLATIONS`, where :func:`possible`.
    max_spikes : int
        First spikes of a neuron that are handed on, as by :func:`snntheory.gradients.layers.spike_time_layer` with
        ``overflow="drop"``.

    Returns
    -------
    times : ndarray, shape (batch, n_out, max_spikes)
    counts : ndarray of int64, shape (batch, n_out)
        With the spikes that are not handed on.

    Raises
    ------
    ValueError
        The combination does not exist, or the state grows without bound.

    Accuracy: both ways give the same spikes on a grid for the power series; tests/experiments/test_weight_transfer.py.
    """
    if not possible(integrator, interpolation):
        raise ValueError(
            f"interpolation {interpolation!r} does not go with integrator {integrator!r}; take 'none', 'linear' or "
            "'cubic', or an order"
        )
    chosen = INTERPOLATIONS[interpolation]
    if chosen["points"] == "events":
        found, counts = spike_time_layer(
            torch.from_numpy(np.ascontiguousarray(times)),
            torch.from_numpy(np.ascontiguousarray(weights)),
            neuron,
            t_max,
            max_spikes=max_spikes,
            method="integrated",
            overflow="drop",
            with_counts=True,
            dt=dt,
            order=INTEGRATORS[integrator][1],
            **chosen,
        )
        return found.numpy(), counts.numpy()
    n_steps = round(_check.positive("t_max", t_max, "s") / _check.positive("dt", dt, "s"))
    size = max(1, _ROWS // ((n_steps + 1) * weights.shape[1]))
    parts = [
        _on_grid(times[k : k + size], weights, neuron, n_steps, dt, integrator, interpolation, max_spikes)
        for k in range(0, len(times), size)
    ]
    return np.concatenate([part for part, _ in parts]), np.concatenate([count for _, count in parts])


def summed_inputs(times: Floats, weights: Floats, n_steps: int, dt: float) -> Floats:
    """Summed weights of the input spikes of steps 0 .. ``n_steps``, shape (batch, n_out, n_steps + 1)."""
    sample, sender, _ = np.nonzero(np.isfinite(times))
    step = grid_index(times[np.isfinite(times)], dt)
    inside = step <= n_steps
    rows, points = sample[inside] * (n_steps + 1) + step[inside], len(times) * (n_steps + 1)
    spikes = csr_array((np.ones(inside.sum()), (rows, sender[inside])), shape=(points, times.shape[1]))
    sums: Floats = (spikes @ weights).reshape(len(times), n_steps + 1, -1).transpose(0, 2, 1)
    return sums


def _on_grid(
    times: Floats,
    weights: Floats,
    neuron: CubaLIF,
    n_steps: int,
    dt: float,
    integrator: str,
    interpolation: str,
    max_spikes: int,
) -> tuple[Floats, NDArray[np.int64]]:
    sums = summed_inputs(times, weights, n_steps, dt)
    found = _simulate(neuron, sums, dt, integrator, interpolation, "spikes")
    counts, late = found["spike_count"].values, found["spike_times"].values[:, :, :max_spikes]
    result = np.full((*counts.shape, max_spikes), np.inf)
    result[:, :, : late.shape[2]] = np.where(np.isnan(late), np.inf, np.clip(late - dt, 0.0, n_steps * dt))
    return result, counts


def _simulate(
    neuron: CubaLIF, sums: Floats, dt: float, integrator: str, interpolation: str, record: str
) -> xr.Dataset:
    """From the state of rest; the first input acts at ``dt``, so that everything is one step later there."""
    chosen, (scheme, order) = INTERPOLATIONS[interpolation], INTEGRATORS[integrator]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # what long and unstable steps do is the question
        return simulate_inputs(
            neuron, sums, dt, scheme, order, chosen["spike_placement"], chosen["reset_at"], record=record
        )


def run_network(
    times: Floats,
    weights: Sequence[Floats],
    neurons: Sequence[CubaLIF],
    t_max: float,
    dt: float,
    integrator: str,
    interpolation: str,
    max_spikes: Sequence[int],
) -> list[tuple[Floats, NDArray[np.int64]]]:
    """:func:`run_layer` for every layer of a feed-forward network; one number of ``max_spikes`` a layer."""
    layers = []
    for matrix, neuron, room in zip(weights, neurons, max_spikes, strict=True):
        times, counts = run_layer(
            times, np.asarray(matrix, np.float64), neuron, t_max, dt, integrator, interpolation, room
        )
        layers.append((times, counts))
    return layers


def largest_voltage(
    times: Floats,
    weights: Floats,
    neuron: CubaLIF,
    t_max: float,
    dt: float,
    integrator: str,
    interpolation: str,
) -> float:
    """Largest voltage at the grid points of a layer, before a reset there, in units of the threshold.

    NaN where the points are the events: no grid point is above the threshold there, by construction.
    """
    if INTERPOLATIONS[interpolation]["points"] == "events":
        return float("nan")
    sums = summed_inputs(times, weights, round(t_max / dt), dt)
    found = _simulate(neuron, sums, dt, integrator, interpolation, "traces")
    return float(found["voltage"].max()) / neuron.v_threshold


def effective_step(times: ArrayLike, dt: float, t_max: float, order: int = 1) -> float:
    """The uniform step whose local errors sum up to those of a grid that events cut.

    Definition::

        (sum_k h_k**(order + 1) / t_max)**(1 / order),    h_k the pieces between neighbours among n dt and the events

    Parameters
    ----------
    times : array_like
        Of the events in seconds, any shape and order; what is not finite is no event.
    dt, t_max : float
        Time step and window in seconds.
    order : int
        Of the integration.

    Returns
    -------
    float
        Seconds; ``dt`` without events in a window of whole steps, and never more.
    """
    dt, t_max = _check.positive("dt", dt, "s"), _check.positive("t_max", t_max, "s")
    order, events = _check.integer("order", order, minimum=1), np.ravel(np.asarray(times, np.float64))
    points = np.concatenate(
        [np.arange(np.ceil(t_max / dt - 1e-9)) * dt, events[np.isfinite(events)], [0, t_max]]
    )
    pieces = np.diff(np.unique(np.clip(points, 0.0, t_max)))
    return float((np.sum(pieces ** (order + 1)) / t_max) ** (1 / order))


def time_errors(reference: Floats, other: Floats, window: float) -> dict[str, float]:
    """What became of the spikes of many trains: both of shape (trains, k), seconds, filled up with infinity.

    Pairs as :func:`snntheory.spiking.compare_trains` makes them, at most ``window`` apart.

    Returns
    -------
    dict
        ``rms`` and ``mean``: shift of the paired spikes in seconds (NaN without pairs); ``unpaired``: spikes of either
        without a partner, over the number of spikes of the reference.
    """
    shifts: list[Floats] = []
    alone = total = 0
    for a, b in zip(reference, other, strict=True):
        a, b = a[np.isfinite(a)], b[np.isfinite(b)]
        total += a.size
        if a.size and b.size:
            found = compare_trains(a, b, window)
            shifts.append(found.shifts)
            alone += a.size + b.size - 2 * len(found.shifts)
        else:
            alone += a.size + b.size
    moved = np.concatenate(shifts) if shifts else np.empty(0)
    return {
        "rms": float(np.sqrt(np.mean(moved**2))) if moved.size else float("nan"),
        "mean": float(np.mean(moved)) if moved.size else float("nan"),
        "unpaired": alone / max(total, 1),
    }
