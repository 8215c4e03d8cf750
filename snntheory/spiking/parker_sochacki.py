"""Parker-Sochacki integration with threshold: the power series of each piece of a step, its order and its root."""

from __future__ import annotations

from dataclasses import asdict
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from .. import _check
from .._version import __version__
from ..linear import schemes
from ..neuron import CubaLIF
from ..traces import make_traces
from .events import MAX_SPIKES, SpikeLimitReached
from .placement import peak_within, polynomial_crossing
from .rounding import grid_index

Floats = NDArray[np.float64]
POINTS = ("events", "grid")
MAX_ORDER = 200


class PowerSeries(NamedTuple):
    """Coefficients of ``u(t) = sum_k u_k t**k`` and ``i(t) = sum_k i_k t**k``, shapes (order + 1, ...)."""

    u: Floats
    i: Floats

    @property
    def order(self) -> int:
        """The highest power."""
        return len(self.u) - 1

    def at(self, t: ArrayLike) -> tuple[Floats, Floats]:
        """Voltage and current at time ``t`` after the start."""
        t = np.asarray(t, dtype=np.float64)
        u, i = np.zeros_like(t), np.zeros_like(t)
        for u_k, i_k in zip(self.u[::-1], self.i[::-1], strict=True):
            u, i = u * t + u_k, i * t + i_k
        return u, i


def power_series(
    neuron: CubaLIF,
    u: float,
    i: float,
    order: int | None = None,
    *,
    span: float | None = None,
    tolerance: float | None = None,
    constant_current: float = 0.0,
) -> PowerSeries:
    """The power series of the solution from a state, of a given order or as long as a tolerance asks for.

    Definition::

        u_{k+1} = (-u_k + r (i_k + constant_current [k = 0])) / ((k + 1) tau_mem),
        i_{k+1} = -i_k / ((k + 1) tau_syn)

    Parameters
    ----------
    neuron : CubaLIF
    u, i : float
        State at the start.
    order : int, optional
        At least 1. Give either this, or ``span`` and ``tolerance``.
    span, tolerance : float, optional
        The series then ends with the first term after which all others together stay below ``tolerance`` (in the unit
        of ``u``; for ``r i`` too) up to the time ``span`` (seconds)::

            |term_k| rho / (1 - rho) <= tolerance,    rho = span max(2/tau_mem, 1/tau_syn) / (k + 2) < 1

        where ``|term_k|`` is the larger of ``|u_k|`` and ``r |i_k|``, times ``span**k``. It is a proven bound, because
        each term is the one before times a matrix of that norm; the size of the next term alone is not.
    constant_current : float

    Returns
    -------
    PowerSeries

    Raises
    ------
    ValueError
        Neither or both of order and tolerance; a span so long that 200 terms do not reach the tolerance.

    References
    ----------
    Parker and Sochacki (1996); Stewart and Bair (2009), who stop at the first small term.
    """
    if (order is None) == (tolerance is None) or (tolerance is None) != (span is None):
        raise ValueError("give either order, or span and tolerance together")
    scale, ratio = 1.0, 0.0
    if tolerance is not None and span is not None:
        tolerance, scale = _check.positive("tolerance", tolerance), _check.positive("span", span, "s")
        ratio = scale * max(2 / neuron.tau_mem, 1 / neuron.tau_syn)
        last = MAX_ORDER
    else:
        last = _check.integer("order", order, minimum=1)
    rest = neuron.r * constant_current
    voltages, currents = [float(u) - rest], [float(i)]
    for k in range(last):
        if tolerance is not None and k:
            rho = ratio / (k + 1)
            term = max(abs(voltages[-1]), neuron.r * abs(currents[-1])) * scale**k
            if rho < 1 and term * rho / (1 - rho) <= tolerance:
                break
        voltages.append((-voltages[-1] + neuron.r * currents[-1]) / ((k + 1) * neuron.tau_mem))
        currents.append(-currents[-1] / ((k + 1) * neuron.tau_syn))
    else:
        if tolerance is not None:
            raise ValueError(
                f"a series of {MAX_ORDER} terms does not reach tolerance = {tolerance:g} within {scale:g} s; "
                "shorten the step to a few time constants"
            )
    voltages[0] += rest
    return PowerSeries(np.array(voltages), np.array(currents))


def split_step(
    neuron: CubaLIF, u: float, i: float, dt: float, fraction: ArrayLike, order: int
) -> tuple[Floats, Floats]:
    """State after one step without input that was cut in two at a fraction of itself, each part with its own series.

    Definition::

        x = R_p(M (1 - f) dt) R_p(M f dt) (u, i),    R_p the Taylor polynomial of exp

    The exact solution does not depend on ``f``. A truncated series does, because ``R_p(a) R_p(b)`` is not
    ``R_p(a + b)``: to leading order the cut moves the result by
    ``(1 - f**(p+1) - (1-f)**(p+1)) (M dt)**(p+1) / (p+1)!``, nearly the whole error of the uncut step.

    Parameters
    ----------
    neuron : CubaLIF
        Its threshold is not used.
    u, i : float
        State at the start.
    dt : float
        Length of the step in seconds.
    fraction : array_like
        From 0 to 1; 0 and 1 are the step without a cut.
    order : int

    Returns
    -------
    (u, i) : ndarray
        The shape of ``fraction``.

    References
    ----------
    Guichard (2024), figure 2.
    """
    fraction, dt = _check.array("fraction", fraction, minimum=0.0), _check.positive("dt", dt, "s")
    if np.any(fraction > 1):
        raise ValueError(f"fraction must lie between 0 and 1, got {fraction.max():g}")
    scheme = schemes.get("parker_sochacki", order)
    result = np.empty((2, fraction.size))
    for k, f in enumerate(fraction.ravel()):
        state = np.array([u, i], dtype=np.float64)
        for part in (f, 1 - f):
            if part > 0:
                state = scheme.numbers(neuron, part * dt)[0] @ state
        result[:, k] = state
    return result[0].reshape(fraction.shape), result[1].reshape(fraction.shape)


def integrate(
    neuron: CubaLIF,
    spike_times: ArrayLike,
    weights: ArrayLike,
    t_max: float,
    dt: float,
    *,
    order: int | None = None,
    tolerance: float | None = None,
    points: str = "events",
    constant_current: float = 0.0,
    v0: float = 0.0,
    i0: float = 0.0,
    max_spikes: int = MAX_SPIKES,
) -> xr.Dataset:
    """Integrate one neuron by power series, spikes at the roots of the series, with a restart at each.

    Parameters
    ----------
    neuron : CubaLIF
    spike_times : array_like, shape (n_spikes,)
        Input spikes in seconds, in ascending order.
    weights : array_like, shape (n_spikes,) or scalar
    t_max, dt : float
        End and time step in seconds.
    order, tolerance : int, float
        One of them: a fixed order, or for each piece of a step as many terms as keep its truncation error below the
        tolerance (see :func:`power_series`).
    points : {"events", "grid"}
        "events": an input within a step cuts it, and a new series starts there (an intermediate point). "grid": an
        input acts at the first grid point at or after it, and a step without a spike is one piece.
    constant_current, v0, i0, max_spikes
        As in :func:`snntheory.spiking.exact_spike_times`.

    Returns
    -------
    xarray.Dataset
        Traces of one trial and neuron, from time 0 on, with ``spike_times``, and ``order`` (time): the highest order
        used in the step that ends there.

    Raises
    ------
    ValueError, TypeError, SpikeLimitReached
        As :func:`snntheory.spiking.simulate`.

    Accuracy
    --------
    With a tolerance and points at the events each piece has an error below the tolerance; spike times follow that
    divided by the slope at the threshold. tests/spiking/test_parker_sochacki.py compares with
    :func:`snntheory.spiking.exact_spike_times`. For speed use :func:`snntheory.spiking.simulate` with the scheme
    "parker_sochacki", which is this with a fixed order and inputs on the grid.
    """
    from .clocked import _trains  # the same checks of times, weights and t_max

    t_max, dt = _check.positive("t_max", t_max, "s"), _check.positive("dt", dt, "s")
    _check.choice("points", points, POINTS)
    times, each, _ = _trains(np.asarray(spike_times), weights, t_max)
    if (order is None) == (tolerance is None):
        raise ValueError("give either order or tolerance")
    if v0 >= neuron.v_threshold and neuron.reset != "none":
        raise ValueError(f"v0 must lie below v_threshold = {neuron.v_threshold:g}, got {v0:g}")
    n_steps = max(1, int(np.ceil(t_max / dt - 1e-9)))
    steps = grid_index(times, dt, "ceil")
    offsets = np.clip(times - (steps - 1) * dt, 0.0, dt)
    offsets[(points == "grid") | (offsets > (1 - 1e-9) * dt)] = dt
    inputs: list[list[tuple[float, float]]] = [[] for _ in range(n_steps + 1)]
    for step, offset, weight in zip(steps, offsets, each, strict=True):
        inputs[step].append((float(offset), float(weight)))

    piece = _Piece(neuron, order, tolerance, constant_current)
    u, i = _check.number("v0", v0), _check.number("i0", i0)
    i += sum(weight for _, weight in inputs[0]) / neuron.tau_syn
    voltage, current, used = np.empty((3, n_steps + 1))
    voltage[0], current[0], used[0] = u, i, 0
    spikes: list[float] = []
    counts = np.zeros(n_steps + 1, dtype=np.int64)
    for n in range(1, n_steps + 1):
        piece.highest, start = 0, 0.0
        for offset, weight in [*inputs[n], (dt, 0.0)]:
            if offset > start:
                u, i, found = piece(u, i, offset - start, max_spikes - len(spikes))
                spikes += [(n - 1) * dt + (start + each) for each in found]
                counts[n] += len(found)
                start = offset
            i += weight / neuron.tau_syn
        voltage[n], current[n], used[n] = u, i, piece.highest
        if len(spikes) > max_spikes:
            raise SpikeLimitReached(
                f"the neuron fired more than max_spikes={max_spikes} times before t={n * dt:g} s; "
                "lower the weights or the current, shorten t_max, or raise max_spikes"
            )
    attributes = {
        **asdict(neuron),
        "scheme": "parker_sochacki",
        **({"order": order} if tolerance is None else {"tolerance": float(tolerance)}),
        "points": points,
        "spike_placement": "series",
        "reset_at": "spike",
        "input": "dirac",
        "constant_current": float(constant_current),
        "source": f"snntheory {__version__}",
    }
    traces = make_traces(
        voltage,
        dt,
        dims=("time",),
        current=current,
        spikes=counts,
        phase="after the step's input, after resets at the spikes within the step",
        attrs=attributes,
    )
    padded = np.array(spikes or [np.nan])[None, None]
    return traces.assign(
        spike_times=(("trial", "neuron", "spike"), padded, {"units": "s"}), order=("time", used.astype(int))
    )


class _Piece:
    """Integrates a piece of a step that has no input inside; remembers the highest order that it used."""

    def __init__(
        self, neuron: CubaLIF, order: int | None, tolerance: float | None, constant_current: float
    ) -> None:
        self.neuron, self.order, self.tolerance = neuron, order, tolerance
        self.current, self.rest = constant_current, neuron.r * constant_current
        self.highest = 0

    def series(self, u: float, i: float, span: float) -> PowerSeries:
        """Of the order asked for."""
        if self.tolerance is None:
            result = power_series(self.neuron, u, i, self.order, constant_current=self.current)
        else:
            result = power_series(
                self.neuron, u, i, span=span, tolerance=self.tolerance, constant_current=self.current
            )
        self.highest = max(self.highest, result.order)
        return result

    def __call__(self, u: float, i: float, span: float, room: int) -> tuple[float, float, list[float]]:
        """State at the end, and the offsets of the spikes from the start; stops above ``room`` spikes."""
        neuron, threshold = self.neuron, self.neuron.v_threshold
        found: list[float] = []
        start = 0.0
        while True:
            left = span - start
            series = self.series(u, i, left)
            end_u, end_i = (float(x) for x in series.at(left))
            last = left
            if u >= threshold and neuron.reset == "none":
                return end_u, end_i, found
            if end_u < threshold:
                last = peak_within(u - self.rest, i, neuron.tau_mem, neuron.tau_syn, neuron.r, left)
                if last < 0 or float(series.at(last)[0]) < threshold:
                    return end_u, end_i, found
            coefficients = series.u.copy()
            coefficients[0] -= threshold
            offset = polynomial_crossing(coefficients, last)
            found.append(start + offset)
            if neuron.reset == "none":
                return end_u, end_i, found
            i = float(series.at(offset)[1])
            u = 0.0 if neuron.reset == "subtract" else neuron.v_reset
            start += offset
            if start >= span or len(found) > room:
                return u, i, found
