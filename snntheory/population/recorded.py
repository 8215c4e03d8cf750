"""The joint density of voltage and current of a recorded neuron, measured and predicted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from .. import _check
from ..linear import DiscreteNeuron, discretize
from .fokker_planck import StationaryDensity
from .prediction import drive_of, neuron_of, predicted_density

Floats = NDArray[np.float64]
_BEFORE = ("before reset", "before the reset")
_MOMENTS = ("mean_u", "mean_i", "sd_u", "sd_i", "correlation")


def recorded_state(traces: xr.Dataset) -> xr.Dataset:
    """Voltage after the reset and synaptic current of a recording that holds voltages and spikes only.

    Definition
    ----------
    The recorded voltage ``u_n`` is that of ``x_n = A x'_{n-1} + b S_n``, and ``u'_n`` is what the reset leaves of it.
    Where the voltage sees the current of its own step (backward and semi-implicit Euler: ``b_u / b_i = A_ui / A_ii``),
    and where it sees that of the step before (``b_u = 0``), the unknown input drops out::

        i_n     = (u_n - A_uu u'_{n-1}) A_ii / A_ui
        i_{n-1} = (u_n - A_uu u'_{n-1}) / A_ui

    Parameters
    ----------
    traces : xarray.Dataset
        ``voltage`` before the reset and ``spikes``; attributes: the neuron, ``dt``, ``scheme``, ``phase``. The reset
        has to act in the step of the crossing.

    Returns
    -------
    xarray.Dataset
        ``voltage`` (after the reset) and ``current``, one time step shorter: the first step has no voltage before it,
        or the last one none behind it.

    Raises
    ------
    ValueError
        Spikes or attributes are missing, the phase is another one, the reset acts elsewhere, or the scheme spreads
        one input over both equations in another way, so that two unknowns remain in each step.

    Accuracy
    --------
    Exact but for the rounding of the voltages, which is multiplied by about ``2 tau_mem / (r dt)``: some ``1e-5`` for
    voltages near 1 in single precision at a step of 1 ms. tests/population/test_recorded.py.
    """
    neuron = neuron_of(traces)
    if "spikes" not in traces:
        raise ValueError("traces must hold spikes: the reset is undone with them; record them too")
    phase = str(traces.attrs.get("phase", "unknown")).lower()
    if not any(words in phase for words in _BEFORE):
        raise ValueError(
            f"phase={phase!r} must say 'before reset': the current follows from voltages before it; "
            'set traces.attrs["phase"] if that is what they are'
        )
    where = traces.attrs.get("reset_at", "grid")
    if where != "grid":
        raise ValueError(f"reset_at={where!r} must be 'grid': other resets act inside or after the step")
    if np.any(np.asarray(traces.attrs.get("constant_current", 0.0)) != 0):
        raise ValueError(
            "constant_current must be 0: with one the voltages alone do not tell the synaptic current"
        )
    if "scheme" not in traces.attrs:
        raise ValueError("traces must have the attribute 'scheme' to say which update was recorded")
    if traces.sizes["time"] < 2:
        raise ValueError(f"traces must have at least 2 time steps, got {traces.sizes['time']}")
    model = discretize(neuron, float(traces.attrs["dt"]), traces.attrs["scheme"], traces.attrs.get("order"))
    own_step, factor = _recovery(model)
    ordered = traces[["voltage", "spikes"]].transpose("trial", "neuron", "time")
    before = np.asarray(ordered["voltage"].values, dtype=np.float64)
    fired = np.asarray(ordered["spikes"].values) > 0
    after = before.copy()
    if neuron.reset == "subtract":
        after -= neuron.v_threshold * fired
    elif neuron.reset == "to_value":
        after[fired] = neuron.v_reset
    current = factor * (before[..., 1:] - model.A[0, 0] * after[..., :-1])
    kept = slice(1, None) if own_step else slice(None, -1)
    rest = traces.drop_vars(["voltage", "spikes"]).isel(time=kept)
    dims = ("trial", "neuron", "time")
    state = rest.assign(voltage=(dims, after[..., kept]), current=(dims, current))
    return state.assign_attrs(phase="after input, after reset")


def _recovery(model: DiscreteNeuron) -> tuple[bool, float]:
    """Whether the voltage sees the current of its own step, and the factor from its change to that current."""
    smeared = bool(np.any(model.b_previous != 0))
    b_u, b_i = model.b
    a_ui, a_ii = model.A[0, 1], model.A[1, 1]
    if not smeared and b_u == 0 and a_ui != 0:
        return False, 1 / a_ui
    if not smeared and a_ui != 0 and a_ii != 0 and np.isclose(b_u * a_ii, a_ui * b_i, rtol=1e-12, atol=0.0):
        return True, a_ii / a_ui
    raise ValueError(
        f"scheme={model.scheme.name!r} must be one whose voltage sees either the whole current of its own step or "
        "that of the step before, as backward_euler, semi_implicit, forward_euler or impulse_invariance do: "
        "otherwise voltages alone do not tell current from input; record the current itself"
    )


def compare_density(
    traces: xr.Dataset,
    trials: Sequence[int] | NDArray[np.int64],
    neuron: int,
    *,
    onset: float = 0.1,
    n_bins: tuple[int, int] = (16, 12),
    n_u: int = 150,
    n_i: int = 60,
) -> xr.Dataset:
    """Measured joint density of voltage and current of one recorded neuron beside the predicted one.

    Definition
    ----------
    Bins are uniform: along ``i`` within three standard deviations, along ``u`` from the predicted quantile of 0.002 to
    the threshold; what lies beyond counts in the outermost bin. With masses ``m`` and ``p`` the distance is the total
    variation ``sum |m - p| / 2``. ``sampling`` is what sampling alone contributes to it: half the distance between
    halves of the trials (their difference has twice the standard deviation of the whole's mean), over ``trials // 2``
    ways to halve them.

    Parameters
    ----------
    traces : xarray.Dataset
        As :func:`recorded_state` wants it, with ``drive_mean`` and ``drive_power``.
    trials : sequence of int
        Repeats of one input, at least 4.
    neuron : int
        Position along the dimension ``neuron``.
    onset : float
        Seconds at the beginning that are left out.
    n_bins : (int, int)
        Along ``u`` and ``i``.
    n_u, n_i : int
        Cells of the predicted density.

    Returns
    -------
    xarray.Dataset
        ``measured`` and ``predicted`` masses over ``(u, i)`` (bin centres); ``moment_measured``,
        ``moment_predicted`` over ``moment`` (means, standard deviations, correlation), ``moment_error`` the standard
        error of the measured ones over trials; scalars ``distance`` and ``sampling``; attributes ``mu``, ``sigma``.

    Raises
    ------
    ValueError
        As :func:`recorded_state`; fewer than 4 trials, trials of different input, an input without noise, or
        ``onset`` not shorter than the recording.

    Assumptions: as :func:`snntheory.population.predict_recording`. The prediction is that of continuous time.
    """
    if "drive_mean" not in traces or "drive_power" not in traces:
        raise ValueError(
            "traces must hold drive_mean and drive_power; record writes them for input at constant rates"
        )
    onset = _check.number("onset", onset, "s", minimum=0.0)
    bins = tuple(_check.integer("n_bins", n, minimum=2) for n in n_bins)
    chosen = traces.isel(trial=np.asarray(trials, dtype=np.int64), neuron=[neuron])
    if chosen.sizes["trial"] < 4:
        raise ValueError(f"trials must be at least 4, to halve them, got {chosen.sizes['trial']}")
    drive = drive_of(chosen, neuron_of(traces))
    mu, sigma = (float(part.mean()) for part in drive)
    if any(np.ptp(part) > 1e-6 * (1 + np.abs(part).max()) for part in drive):
        raise ValueError("trials must have one input in common: give those of one sample")
    if sigma == 0:
        raise ValueError("trials must have a noisy input, got drive_power=0: its density is a needle")
    state = recorded_state(chosen).sel(time=slice(onset, None))
    if state.sizes["time"] < 2:
        raise ValueError(f"onset={onset:g} s must be shorter than the recording")
    u, i = (state[name].values[:, 0] for name in ("voltage", "current"))
    density = predicted_density(neuron_of(traces), mu, sigma, n_u, n_i)
    edges = _edges(density, bins)
    each = np.stack([_masses(a, b, edges) for a, b in zip(u, i, strict=True)])
    measured, predicted = each.mean(axis=0), _rebinned(density, edges)
    moments = np.array([_moments(a, b) for a, b in zip(u, i, strict=True)])
    labels = {name: (edge[1:] + edge[:-1]) / 2 for name, edge in zip("ui", edges, strict=True)}
    return xr.Dataset(
        {
            "measured": (("u", "i"), measured),
            "predicted": (("u", "i"), predicted),
            "moment_measured": ("moment", _moments(u.ravel(), i.ravel())),
            "moment_predicted": ("moment", _density_moments(density)),
            "moment_error": ("moment", moments.std(axis=0, ddof=1) / np.sqrt(len(moments))),
            "distance": ((), _distance(measured, predicted)),
            "sampling": ((), _sampling(each)),
            "u_edges": ("u_edge", edges[0]),
            "i_edges": ("i_edge", edges[1]),
        },
        coords=labels | {"moment": list(_MOMENTS)},
        attrs={"mu": mu, "sigma": sigma, "rate": density.rate, "dt": traces.attrs["dt"]},
    )


def _edges(density: StationaryDensity, bins: tuple[int, ...]) -> tuple[Floats, Floats]:
    g = density.grid
    below = np.concatenate([[0.0], np.cumsum(density.masses.sum(axis=1))])
    lowest = g.u_faces[np.searchsorted(below, 0.002, side="right") - 1]
    spread = 3 * np.sqrt(g.drive.variance)
    i = np.linspace(g.drive.mean - spread, g.drive.mean + spread, bins[1] + 1)
    return np.linspace(lowest, g.u_faces[-1], bins[0] + 1), i


def _masses(u: Floats, i: Floats, edges: tuple[Floats, Floats]) -> Floats:
    """Shares of the samples in the bins; the outermost ones are open."""
    inside = [
        np.clip(np.searchsorted(edge, x, side="right") - 1, 0, edge.size - 2)
        for x, edge in zip((u, i), edges, strict=True)
    ]
    shape = edges[0].size - 1, edges[1].size - 1
    counts = np.bincount(np.ravel_multi_index(inside, shape), minlength=shape[0] * shape[1])
    return counts.reshape(shape) / u.size


def _rebinned(density: StationaryDensity, edges: tuple[Floats, Floats]) -> Floats:
    """Masses of the predicted density in the bins; it is uniform within its cells."""
    g = density.grid
    shares = []
    for edge, faces in zip(edges, (g.u_faces, g.i_faces), strict=True):
        limits = edge.copy()
        limits[0], limits[-1] = min(edge[0], faces[0]), max(edge[-1], faces[-1])
        overlap = np.minimum(limits[1:, None], faces[1:]) - np.maximum(limits[:-1, None], faces[:-1])
        shares.append(np.maximum(overlap, 0.0) / np.diff(faces))
    return np.asarray(shares[0] @ density.masses @ shares[1].T)


def _moments(u: Floats, i: Floats) -> list[float]:
    return [u.mean(), i.mean(), u.std(), i.std(), float(np.corrcoef(u, i)[0, 1])]


def _density_moments(density: StationaryDensity) -> list[float]:
    m, u, i = density.masses, density.u, density.i
    mean_u, mean_i = float(u @ m.sum(axis=1)), float(m.sum(axis=0) @ i)
    sd_u = np.sqrt((u - mean_u) ** 2 @ m.sum(axis=1))
    sd_i = np.sqrt(m.sum(axis=0) @ (i - mean_i) ** 2)
    return [mean_u, mean_i, sd_u, sd_i, float((u - mean_u) @ m @ (i - mean_i) / (sd_u * sd_i))]


def _distance(a: Floats, b: Floats) -> float:
    """Total variation."""
    return 0.5 * float(np.abs(a - b).sum())


def _sampling(each: Floats) -> float:
    """Half the mean distance between halves of the trials."""
    half = len(each) // 2
    turned = [np.roll(each[: 2 * half], k, axis=0) for k in range(half)]
    return 0.5 * float(np.mean([_distance(t[:half].mean(axis=0), t[half:].mean(axis=0)) for t in turned]))
