"""Order study: how fast spike times converge with the step, for schemes, placements and resets; what no grid shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from .. import _check
from ..linear import schemes
from ..neuron import CubaLIF
from ._clocked_rule import EXACT, POWER_SERIES
from .clocked import simulate, simulate_inputs
from .compare import spike_train
from .events import exact_spike_times
from .placement import PLACEMENTS
from .rounding import ON_GRID

ROUNDING_FLOOR = 1e-12
"""Errors below this share of the window are rounding and say nothing about the order."""


_FIELDS = ("scheme", "scheme_order", "spike_placement", "reset_at")


class Method(NamedTuple):
    """One way to put spikes on a grid: a scheme, where its spikes are placed, and where it resets."""

    scheme: str
    order: int | None = None
    spike_placement: str = "grid"
    reset_at: str = "grid"

    @property
    def label(self) -> str:
        """For example "impulse_invariance, cubic, spike"."""
        scheme = self.scheme if self.order is None else f"{self.scheme} {self.order}"
        return f"{scheme}, {self.spike_placement}, {self.reset_at}"

    @property
    def expected_order(self) -> float:
        """What theory says of spike times with inputs on the grid: the smallest of three orders.

        The scheme's; that of the placement (1 on the grid, 2 linear, 4 cubic, p of a series, infinite for the series of
        an exact scheme); and 1 without a restart, where the order is a bound that single steps do not keep.
        """
        scheme = float(schemes.get(self.scheme, self.order).order)
        placement = {"grid": 1.0, "linear": 2.0, "cubic": 4.0, "series": np.inf}[self.spike_placement]
        restart = self.reset_at == "spike" and self.spike_placement != "grid"
        return min(scheme, placement, np.inf if restart else 1.0)


def all_methods(orders: Sequence[int] = (1, 2, 3, 4, 5)) -> list[Method]:
    """Every scheme, with every placement that it knows, with and without restart.

    ``orders`` are those of Parker-Sochacki. Left out is the scheme that is fed with current densities
    (``"scaled_impulse"``: with spikes it does not converge).
    """
    found = []
    for name in schemes.names():
        if name == "scaled_impulse":
            continue
        for order in orders if name == "parker_sochacki" else (None,):
            for placement in PLACEMENTS:
                if placement == "series" and name not in POWER_SERIES + EXACT:
                    continue
                for reset_at in ("grid",) if placement == "grid" else ("grid", "spike"):
                    found.append(Method(name, order, placement, reset_at))
    return found


def order_study(
    neuron: CubaLIF,
    steps: ArrayLike,
    methods: Sequence[Method | tuple],
    t_max: float,
    *,
    spike_times: ArrayLike = (),
    weights: ArrayLike = 0.0,
    constant_current: float = 0.0,
    i0: float = 0.0,
    n_spikes: int | None = None,
) -> xr.Dataset:
    """Errors of spike times against the exact ones, for several steps and methods, and the observed order.

    Parameters
    ----------
    neuron : CubaLIF
    steps : array_like, shape (n_dt,)
        Time steps in seconds.
    methods : sequence of Method
        Or of tuples (scheme, order, spike_placement, reset_at).
    t_max : float
        End in seconds.
    spike_times, weights : array_like, shape (n_spikes,)
        Input spikes; their times must be multiples of every step, so that their rounding does not hide the order.
    constant_current, i0 : float
        As in :func:`snntheory.spiking.exact_spike_times`.
    n_spikes : int, optional
        Compare the first so many output spikes; all by default. A run with fewer has no error (NaN).

    Returns
    -------
    xarray.Dataset
        ``error`` (variant, dt): largest difference of corresponding spike times in seconds; ``order`` (variant): slope
        of ``log error`` against ``log dt`` by least squares, over errors above rounding; ``local_order`` (variant,
        pair): from each step to the next; ``expected_order`` (variant). The coordinate ``variant`` holds the labels
        of the methods (``method`` is a keyword of xarray's ``sel``).

    Raises
    ------
    ValueError
        An input lies off the grid of a step, or the exact neuron fires fewer than ``n_spikes`` times.
    """
    dts = np.sort(_check.array("steps", steps, ndim=1))[::-1]
    if dts.size < 2 or dts[-1] <= 0:
        raise ValueError(f"steps must be at least two positive numbers of seconds, got {dts.tolist()}")
    inputs = _check.array("spike_times", np.asarray(spike_times, dtype=float), ndim=1, minimum=0.0)
    for dt in dts:
        ratio = inputs / dt
        if np.any(np.abs(ratio - np.rint(ratio)) > ON_GRID * np.maximum(1, ratio)):
            raise ValueError(
                f"spike_times must be multiples of every step, which they are not of {dt:g} s; choose steps that "
                "divide the lattice of the inputs, or round the inputs with grid_index first"
            )
    exact = exact_spike_times(
        neuron, inputs, weights, t_max, i0=i0, constant_current=constant_current, max_spikes=10**6
    )
    wanted = exact.size if n_spikes is None else _check.integer("n_spikes", n_spikes, minimum=1)
    if exact.size < max(1, wanted):
        raise ValueError(
            f"the exact neuron fires {exact.size} times before t_max, but {max(1, wanted)} spikes are to be compared; "
            "raise t_max, the weights or the current"
        )
    chosen = [Method(*method) for method in methods]
    error = np.full((len(chosen), dts.size), np.nan)
    for row, method in enumerate(chosen):
        for column, dt in enumerate(dts):
            found = spike_train(
                simulate(
                    neuron, inputs, weights, t_max, dt, *method,
                    constant_current=constant_current, i0=i0, record="spikes",
                )
            )  # fmt: skip
            if found.size >= wanted:
                error[row, column] = np.abs(found[:wanted] - exact[:wanted]).max()
    good = error > ROUNDING_FLOOR * t_max
    with np.errstate(divide="ignore", invalid="ignore"):
        local = np.diff(np.log(error), axis=1) / np.diff(np.log(dts))
    local[~(good[:, 1:] & good[:, :-1])] = np.nan
    slopes = [
        np.polyfit(np.log(dts[keep]), np.log(line[keep]), 1)[0] if keep.sum() > 1 else np.nan
        for line, keep in zip(error, good, strict=True)
    ]
    return xr.Dataset(
        {
            "error": (("variant", "dt"), error, {"units": "s"}),
            "order": ("variant", slopes),
            "local_order": (("variant", "pair"), local),
            "expected_order": ("variant", [method.expected_order for method in chosen]),
        },
        coords={
            "variant": [method.label for method in chosen],
            "dt": ("dt", dts, {"units": "s"}),
            **{
                name: ("variant", ["" if each is None else str(each) for each in values])
                for name, values in zip(_FIELDS, zip(*chosen, strict=True), strict=True)
            },
        },
        attrs={"n_spikes": int(wanted), "t_max": float(t_max)},
    )


def hidden_spikes(
    neuron: CubaLIF,
    inputs: ArrayLike,
    dt: float,
    factors: Sequence[int] = (1, 2, 4, 8),
    constant_current: ArrayLike = 0.0,
) -> xr.Dataset:
    """Spikes that rise over the threshold and fall back within one step: no grid point shows them.

    The inputs lie on the lattice of ``dt``. The same inputs are simulated with the steps ``dt / factor``, by the exact
    propagator with restart, once looking at the ends of the steps only and once at the extremum within each.

    Definition
    ----------
    A peak of height ``h`` above the threshold and curvature ``-c`` is above it for ``2 sqrt(2 h / c)``. If peaks near
    the threshold have the density ``q`` per unit of height, and no preferred phase, a grid of ``dt`` does not show
    ``q c dt**2 / 24`` of them: their number falls with the square of the step.

    Parameters
    ----------
    neuron : CubaLIF
    inputs : array_like, shape (trial, neuron, step)
        Summed weights of each step of ``dt``.
    dt : float
        The coarsest step in seconds.
    factors : sequence of int
        Each step is ``dt / factor``.
    constant_current : array_like
        As in :func:`snntheory.spiking.simulate_inputs`.

    Returns
    -------
    xarray.Dataset
        ``spikes``, ``hidden`` and ``seen`` (dt): all spikes found with the extremum; those of them that no grid point
        shows; and those of a simulation that looks at grid points only, whose later course a missed reset changes.
    """
    inputs = _check.array("inputs", inputs, ndim=3)
    dt = _check.positive("dt", dt, "s")
    counts = np.zeros((3, len(factors)), dtype=np.int64)
    for column, factor in enumerate(factors):
        factor = _check.integer("factors", factor, minimum=1)
        fine = np.zeros((*inputs.shape[:2], inputs.shape[2] * factor))
        fine[..., factor - 1 :: factor] = inputs
        for row, detect in enumerate(("extremum", "endpoint")):
            run = simulate_inputs(
                neuron, fine, dt / factor, "impulse_invariance", None, "series", "spike",
                detect=detect, record="spikes", constant_current=constant_current,
            )  # fmt: skip
            counts[2 * row, column] = run["spike_count"].sum()
            counts[1, column] += int(run["hidden_spikes"].sum())
    steps = dt / np.asarray(factors)
    return xr.Dataset(
        {name: ("dt", row) for name, row in zip(("spikes", "hidden", "seen"), counts, strict=True)},
        coords={"dt": ("dt", steps, {"units": "s"})},
    )
