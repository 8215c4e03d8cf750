"""Clocked simulation with threshold: fixed steps, any scheme, and every convention as an option with a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from .. import _check
from .._version import __version__
from ..linear import discretize
from ..neuron import CubaLIF
from ..traces import make_traces
from . import _clocked_reference
from ._clocked_rule import EXACT, KINDS, POWER_SERIES, Floats, Inputs, Rule, Run, kick_of
from .events import MAX_SPIKES, SpikeLimitReached
from .placement import PLACEMENTS
from .rounding import ROUNDING, grid_index

RESET_AT = ("grid", "spike", "next_step")
INPUTS = ("dirac", "sampled")
DETECT = ("endpoint", "extremum")
SAMPLES = ("before_reset", "after_reset")
RECORDS = ("traces", "spikes")
BACKENDS = ("auto", "numba", "reference")


def simulate(
    neuron: CubaLIF,
    spike_times: ArrayLike | Sequence[ArrayLike],
    weights: ArrayLike | Sequence[ArrayLike],
    t_max: float,
    dt: float,
    scheme: str,
    order: int | None = None,
    spike_placement: str = "grid",
    reset_at: str = "grid",
    *,
    rounding: str = "ceil",
    input: str = "dirac",
    delay: int = 0,
    **options: Any,
) -> xr.Dataset:
    """Simulate one neuron, or several with an input train each, with a fixed step.

    Definition
    ----------
    The state at ``n dt`` is that of the scheme, ``x_n = A x_{n-1} + b S_n + b_previous S_{n-1}``. The neuron fires
    in step ``n`` when ``u_n >= v_threshold`` (with ``reset="none"``: and ``u_{n-1}`` lies below). The spike's time
    and the reset then follow the options::

        spike_placement  "grid"       n dt
                         "linear"     where the line through u_{n-1} and u_n crosses
                         "cubic"      where the cubic with the values and slopes at both ends crosses
                         "series"     where the power series of the solution from n - 1 crosses
        reset_at         "grid"       u is reset at n dt, whatever the placement
                         "spike"      u is reset at the spike, and the rest of the step is integrated from there
                         "next_step"  u is reset after it was propagated to (n + 1) dt
        rounding         step of an input: "ceil", "nearest", "next" (see `grid_index`)
        input            "dirac": a weight is an area, the kick is S/tau_syn; "sampled": the kick is S dt/tau_syn
        delay            further steps before an input acts, on top of the scheme's own convention (``.delay``)
        detect           "endpoint": as above; "extremum": also where the voltage rises over the threshold and falls
                         back within a step (from the extremum of the exact solution that starts at n - 1)
        sample           record u "before_reset" or "after_reset" of the grid point

    Parameters
    ----------
    neuron : CubaLIF
    spike_times : array_like, shape (n_spikes,), or a sequence of such arrays, one for each neuron
        Input spikes in seconds, not negative, in ascending order.
    weights : scalar, array_like of the same shape, or a sequence of such arrays
    t_max : float
        End of the simulation in seconds; not before the last input. The last grid point is the first at or after it.
    dt : float
        Time step in seconds.
    scheme : str
        One of :func:`snntheory.linear.schemes.names`.
    order : int, optional
        Order of ``"parker_sochacki"``.
    spike_placement, reset_at, rounding, input, delay
        See above. With ``spike_placement="grid"`` the spike is at the grid point, and so is its reset.
    **options
        Keywords of :func:`simulate_inputs`: ``constant_current``, ``series_order``, ``detect``, ``sample``,
        ``v0``, ``i0``, ``max_spikes``, ``record``, ``backend``.

    Returns
    -------
    xarray.Dataset
        As :func:`simulate_inputs`.

    Raises
    ------
    ValueError, TypeError
        Times are unsorted, negative or not finite, weights do not fit, ``t_max`` lies before the last input, an
        option is unknown; :class:`SpikeLimitReached` when a neuron fires more than ``max_spikes`` times.

    Accuracy
    --------
    Of the spike times, with inputs on the grid: order 1 at best without restart, 2 with "linear", 4 with "cubic",
    p with "series", and never more than the scheme's; tests/spiking/test_order.py. Inputs off the grid are moved
    to it: that costs half a step each, whatever the scheme.
    """
    dt, t_max = _check.positive("dt", dt, "s"), _check.positive("t_max", t_max, "s")
    _check.choice("rounding", rounding, ROUNDING)
    delay = _check.integer("delay", delay, minimum=0)
    times, each, starts = _trains(spike_times, weights, t_max)
    ratio = t_max / dt
    n_steps = max(1, int(np.ceil(ratio - 1e-9 * max(1.0, ratio * 1e-6))))
    steps = grid_index(times, dt, rounding) + delay
    inputs = Inputs(n_steps + 1, np.empty((0, 0)), starts, steps, each)
    return _simulate(
        neuron, inputs, (1, len(starts) - 1), dt, scheme, order, spike_placement, reset_at, input=input,
        labels={"rounding": rounding, "input_delay": delay}, **options,
    )  # fmt: skip


def simulate_inputs(
    neuron: CubaLIF,
    inputs: ArrayLike,
    dt: float,
    scheme: str,
    order: int | None = None,
    spike_placement: str = "grid",
    reset_at: str = "grid",
    *,
    input: str = "dirac",
    series_order: int | None = None,
    constant_current: ArrayLike = 0.0,
    detect: str = "endpoint",
    sample: str = "before_reset",
    v0: float = 0.0,
    i0: float = 0.0,
    max_spikes: int = MAX_SPIKES,
    record: str = "traces",
    backend: str = "auto",
) -> xr.Dataset:
    """Simulate many neurons and trials whose inputs are summed weights on the grid.

    Parameters
    ----------
    neuron : CubaLIF
    inputs : array_like, shape (trial, neuron, step)
        ``S_1, S_2, ...``: the sum of the weights of the input spikes of each step.
    dt, scheme, order, spike_placement, reset_at, input, detect, sample
        As in :func:`simulate`.
    series_order : int, optional
        Order of the series of ``spike_placement="series"``: by default that of the scheme, and 12 for the exact ones.
    constant_current : array_like, broadcast to (trial, neuron)
        A current that is always there, in the unit of ``i``. Every scheme has its steady state without error.
    v0, i0 : float
        State at time 0; ``v0`` below the threshold.
    max_spikes : int
        A neuron that fires more often stops the simulation with an error.
    record : {"traces", "spikes"}
        "spikes" leaves voltage, current and counts away.
    backend : {"auto", "numba", "reference"}
        ``"auto"`` is the compiled one where numba is installed, otherwise the readable one.

    Returns
    -------
    xarray.Dataset
        Traces (see :mod:`snntheory.traces`) ``voltage``, ``current``, ``spikes`` (counts per step) of dimensions
        (trial, neuron, time), from time 0 on; with them, or alone when ``record="spikes"``, ``spike_times``
        (trial, neuron, spike) in seconds, padded with NaN, ``spike_count`` and ``hidden_spikes`` (trial, neuron), the
        number of them that no grid point shows. The attributes hold the neuron and all conventions.

    Raises
    ------
    ValueError, TypeError
        As :func:`simulate`. The traces refuse NaN and infinity: a step beyond the stability limit ends there.
    """
    inputs = _check.array("inputs", inputs, ndim=3)
    if 0 in inputs.shape:
        raise ValueError(f"inputs must have at least one trial, neuron and step, got shape {inputs.shape}")
    trials, neurons, n_steps = inputs.shape
    padded = np.zeros((trials * neurons, n_steps + 1))
    padded[:, 1:] = inputs.reshape(-1, n_steps)
    return _simulate(
        neuron, Inputs.sums(padded), (trials, neurons), dt, scheme, order, spike_placement, reset_at, input=input,
        series_order=series_order, constant_current=constant_current, detect=detect, sample=sample,
        v0=v0, i0=i0, max_spikes=max_spikes, record=record, backend=backend, labels={},
    )  # fmt: skip


def _simulate(
    neuron: CubaLIF,
    inputs: Inputs,
    shape: tuple[int, int],
    dt: float,
    scheme: str,
    order: int | None,
    spike_placement: str,
    reset_at: str,
    *,
    labels: dict[str, Any],
    input: str = "dirac",
    series_order: int | None = None,
    constant_current: ArrayLike = 0.0,
    detect: str = "endpoint",
    sample: str = "before_reset",
    v0: float = 0.0,
    i0: float = 0.0,
    max_spikes: int = MAX_SPIKES,
    record: str = "traces",
    backend: str = "auto",
) -> xr.Dataset:
    """Of inputs ``S_0, S_1, ...`` for each of ``shape`` = (trials, neurons)."""
    model = discretize(neuron, dt, scheme, order)
    for name, value, allowed in (
        ("spike_placement", spike_placement, PLACEMENTS),
        ("reset_at", reset_at, RESET_AT),
        ("input", input, INPUTS),
        ("detect", detect, DETECT),
        ("sample", sample, SAMPLES),
        ("record", record, RECORDS),
        ("backend", backend, BACKENDS),
    ):
        _check.choice(name, value, allowed)
    v0, i0 = _check.number("v0", v0), _check.number("i0", i0)
    if v0 >= neuron.v_threshold and neuron.reset != "none":
        raise ValueError(f"v0 must lie below v_threshold = {neuron.v_threshold:g}, got {v0:g}")
    rule = Rule(
        neuron,
        model,
        kick_of(model),
        spike_placement,
        _series_order(scheme, spike_placement, series_order, model.scheme.order),
        restart=reset_at == "spike" and spike_placement != "grid" and neuron.reset != "none",
        late=reset_at == "next_step",
        extremum=detect == "extremum",
        after_reset=sample == "after_reset",
        max_spikes=_check.integer("max_spikes", max_spikes, minimum=1),
    )
    currents = _check.array("constant_current", constant_current)
    try:
        currents = np.broadcast_to(currents, shape)
    except ValueError:
        raise ValueError(
            f"constant_current must be a scalar or fit (trial, neuron) = {shape}, got shape {currents.shape}"
        ) from None
    if input == "sampled":
        inputs = replace(inputs, dense=inputs.dense * dt, values=inputs.values * dt)
    with np.errstate(over="ignore", invalid="ignore"):  # a diverging run is refused below, with its remedy
        run = _backend(backend, scheme)(
            rule, inputs, np.ascontiguousarray(currents).ravel(), v0, i0, record == "traces"
        )
    _report_limit(run, rule.max_spikes, shape[1])
    attributes = {
        **asdict(neuron),
        "scheme": scheme,
        **({} if order is None else {"order": order}),
        "scheme_delay": model.scheme.delay,
        "spike_placement": spike_placement,
        **({"series_order": rule.series_order} if spike_placement == "series" else {}),
        "reset_at": reset_at,
        "input": input,
        **labels,
        "detect": detect,
        "constant_current": float(currents.flat[0]) if np.ptp(currents) == 0 else currents.tolist(),
        "source": f"snntheory {__version__}",
    }
    return _dataset(run, shape, dt, rule, attributes)


def _trains(spike_times: Any, weights: Any, t_max: float) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Checked times and weights of all neurons, one train after the other, and where each begins (and the end)."""
    several = (isinstance(spike_times, list | tuple) and any(np.ndim(each) for each in spike_times)) or (
        np.ndim(spike_times) == 2
    )
    trains = [np.asarray(each) for each in spike_times] if several else [np.asarray(spike_times)]
    own = (
        list(weights)
        if several and not np.isscalar(weights) and np.ndim(weights[0])
        else [weights] * len(trains)
    )
    if len(own) != len(trains):
        raise ValueError(f"weights must have one array per train: {len(own)} arrays for {len(trains)} trains")
    for train, each in zip(trains, own, strict=True):
        if train.ndim != 1:
            raise ValueError(f"spike_times must have 1 dimension(s) for each neuron, got shape {train.shape}")
        if np.ndim(each) > 1 or (np.ndim(each) == 1 and len(each) != train.size):
            raise ValueError(
                f"weights must be a scalar or have one entry per spike: weights has shape {np.shape(each)}, "
                f"spike_times {train.shape}"
            )
    times = _check.array("spike_times", np.concatenate(trains), minimum=0.0)
    starts = np.cumsum([0, *(train.size for train in trains)])
    if np.isscalar(weights):
        values = np.full(times.size, _check.number("weights", weights))
    else:
        spread = [np.broadcast_to(each, train.shape) for train, each in zip(trains, own, strict=True)]
        values = _check.array("weights", np.concatenate(spread))
    falls = np.flatnonzero(np.diff(times) < 0)
    falls = falls[~np.isin(falls + 1, starts)]
    if falls.size:
        raise ValueError(
            f"spike_times must be in ascending order, got {times[falls[0]]:g} before {times[falls[0] + 1]:g} s; "
            "sort times and weights together, for example with order = numpy.argsort(spike_times)"
        )
    if times.size and times.max() > t_max:
        raise ValueError(
            f"t_max must not lie before the last input, got t_max = {t_max:g} s and an input at {times.max():g} s; "
            "raise t_max or leave out the later inputs"
        )
    return times, values, starts


def _series_order(scheme: str, placement: str, order: int | None, declared: Any) -> int:
    if placement != "series":
        if order is not None:
            raise ValueError(
                f'series_order is for spike_placement="series" only, got series_order={order!r} with '
                f"spike_placement={placement!r}; leave it out"
            )
        return 0
    if scheme not in POWER_SERIES + EXACT:
        raise ValueError(
            f'spike_placement="series" is the root of the power series that the scheme itself follows: it needs one '
            f"of {', '.join(map(repr, POWER_SERIES + EXACT))}; got scheme={scheme!r}, for which 'cubic' fits"
        )
    if order is not None:
        return _check.integer("series_order", order, minimum=1)
    return int(declared) if scheme in POWER_SERIES else 12


def _backend(backend: str, scheme: str) -> Any:
    known, installed = scheme in KINDS, find_spec("numba") is not None
    if backend == "numba" and not installed:
        raise ModuleNotFoundError(
            "backend='numba' needs numba: pip install 'snntheory[train]'; or choose 'reference'", name="numba"
        )
    if backend == "numba" and not known:
        raise ValueError(f"backend='numba' does not know scheme={scheme!r}; choose backend='reference'")
    if backend == "reference" or not (known and installed):
        return _clocked_reference.run
    from . import _clocked_numba

    return _clocked_numba.run


def _report_limit(run: Run, limit: int, neurons: int) -> None:
    if run.count.max() <= limit:
        return
    row = int(np.argmax(run.count))
    last = run.spike_times[row, : run.count[row]]
    raise SpikeLimitReached(
        f"trial {row // neurons}, neuron {row % neurons} fired more than max_spikes = {limit} times, the last at "
        f"{np.nanmax(last):g} s; look for weights or a current that are too large for the time constants, "
        "or raise max_spikes"
    )


def _dataset(
    run: Run, shape: tuple[int, int], dt: float, rule: Rule, attributes: dict[str, Any]
) -> xr.Dataset:
    phase = "after the step's input, "
    if rule.restart:
        phase += "after resets at the spikes within the step"
    elif rule.late:
        phase += "after the reset of the previous step's spike"
    else:
        place = "after" if rule.after_reset else "before"
        phase += f"{place} the reset; the reset acts in the step of the crossing"
    most = max(1, int(run.count.max()))
    extra = {
        "spike_times": (
            ("trial", "neuron", "spike"),
            run.spike_times[:, :most].reshape(*shape, most),
            {"units": "s"},
        ),
        "spike_count": (("trial", "neuron"), run.count.reshape(shape)),
        "hidden_spikes": (("trial", "neuron"), run.hidden.reshape(shape)),
    }
    if run.voltage.size == 0:
        return xr.Dataset(extra, attrs={"dt": dt, "phase": phase, **attributes})
    signals = [signal.reshape(*shape, -1) for signal in (run.voltage, run.current, run.spikes)]
    traces = make_traces(signals[0], dt, current=signals[1], spikes=signals[2], phase=phase, attrs=attributes)
    return traces.assign(extra)
