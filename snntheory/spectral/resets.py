"""Adding the resets back: what the voltage would have been without threshold, from a trace and its spikes."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from .. import _check
from ..neuron import CubaLIF

LOST = ("refuse", "threshold")
_NEURON = ("tau_mem", "tau_syn", "r", "v_threshold", "v_reset", "reset")


def neuron_of(traces: xr.Dataset) -> CubaLIF:
    """The neuron that the attributes of a recording name.

    Raises
    ------
    ValueError
        An attribute is missing, or the recorded layers have different neurons.
    """
    missing = [name for name in _NEURON if name not in traces.attrs]
    if missing:
        raise ValueError(
            f"traces do not name their neuron: no attribute {', '.join(missing)}; pass neuron=CubaLIF(...)"
        )
    values = {name: traces.attrs[name] for name in _NEURON}
    if isinstance(values["tau_mem"], str):
        raise ValueError(
            "traces hold layers with different neurons; select one layer and pass neuron=CubaLIF(...)"
        )
    return CubaLIF(**values)


def without_resets(
    traces: xr.Dataset,
    neuron: CubaLIF | None = None,
    scheme: str | None = None,
    order: int | None = None,
    lost: str = "refuse",
) -> xr.DataArray:
    """Voltage with every reset added back: the neuron's linear response to its input.

    Definition, with ``d_n`` what the reset of step n took away (``v_threshold``, or ``v_n - v_reset``) and
    ``a`` the scheme's membrane pole::

        u_n = v_n + c_n,    c_n = a (c_{n-1} + d_{n-1})

    Parameters
    ----------
    traces : xarray.Dataset
        With ``spikes`` and with ``voltage``. The attribute ``phase`` says, in the words "before reset" or "after
        reset", where the voltage was taken. From a voltage after the reset, the one before it is::

            v_n + v_threshold spikes_n                                          reset "subtract"
            A_uu v_{n-1} + A_ui i_{n-1} + (b_u / b_i) (i_n - A_ii i_{n-1})      reset "to_value", with ``current``

        the second because the current is never reset, and every scheme kicks voltage and current in one proportion.
    neuron, scheme, order
        What the trace was made with; taken from the attributes when left out.
    lost : {"refuse", "threshold"}
        What to do with a voltage taken after a reset to a value without ``current``: the overshoot over the
        threshold is lost. "threshold" takes it as zero, which leaves ``u`` too low after every spike.

    Returns
    -------
    xarray.DataArray
        Dimensions and coordinates of the voltage.

    Raises
    ------
    ValueError
        Spikes, neuron, scheme or ``dt`` are not known, the phase does not say where the voltage was taken, or the
        voltage before the reset is lost.

    Assumptions
    -----------
    The reset acts in the step of the crossing, on the voltage alone.

    Accuracy
    --------
    Equal to a recording of the same network with ``reset="none"`` up to the rounding of its float32
    (tests/spectral/test_resets.py).
    """
    from scipy.signal import lfilter

    from ..linear import discretize

    for name in ("voltage", "spikes"):
        if name not in traces:
            raise ValueError(
                f"traces must hold {name!r}, got {sorted(map(str, traces.data_vars))}; build them with "
                "make_traces(voltage, dt, spikes=...)"
            )
    if "dt" not in traces.attrs:
        raise ValueError("traces must have the attribute dt, the time step in seconds")
    _check.choice("lost", lost, LOST)
    neuron = neuron_of(traces) if neuron is None else neuron
    if scheme is None:
        if "scheme" not in traces.attrs:
            raise ValueError(
                "traces do not name their scheme; pass scheme=..., for example 'impulse_invariance'"
            )
        scheme, order = traces.attrs["scheme"], cast("int | None", traces.attrs.get("order"))
    voltage = traces["voltage"].astype("float64")
    before = _is_before(str(traces.attrs.get("phase", "unknown")))
    if neuron.reset == "none":
        return voltage
    model = discretize(neuron, _check.positive("dt", traces.attrs["dt"], "s"), scheme, order)
    spikes = traces["spikes"].transpose(*voltage.dims)
    axis = voltage.get_axis_num("time")
    rows, counts = (np.moveaxis(each.values, axis, -1) for each in (voltage, spikes))
    if not before and neuron.reset == "to_value" and "current" in traces:
        current = traces["current"].astype("float64").transpose(*voltage.dims).values
        rows, before = _propagated(model, rows, np.moveaxis(current, axis, -1), counts), True
    kick = neuron.reset, neuron.v_threshold, neuron.v_reset
    rows, drop = _before_and_drop(rows, counts, before, *kick, lost)
    pole = float(model.A[0, 0])
    linear = rows + lfilter([0.0, pole], [1.0, -pole], drop, axis=-1)
    return voltage.copy(data=np.moveaxis(linear, -1, axis))


def drops(
    rows: NDArray[np.float64],
    counts: NDArray[np.float64],
    phase: str,
    reset: Any,
    v_threshold: Any,
    v_reset: Any,
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Voltages before the reset, and what each reset took away; None where nothing was taken.

    Parameters
    ----------
    rows, counts : arrays (trace, time)
        Voltages and spikes.
    phase : str
    reset, v_threshold, v_reset
        None where not known.

    Raises
    ------
    ValueError
        There are spikes, and the phase, the kind of reset or its size is not known.
    """
    if reset == "none" or not counts.any():
        return rows, None
    if reset is None:
        raise ValueError(
            "traces hold spikes, and what a spike does is not known: give reset='subtract' with v_threshold, "
            "reset='to_value' with v_reset, or reset='none'"
        )
    _check.choice("reset", reset, ("subtract", "to_value", "none"))
    needed = "v_threshold" if reset == "subtract" else "v_reset"
    size = {"v_threshold": v_threshold, "v_reset": v_reset}
    if size[needed] is None:
        raise ValueError(f"{needed} must be given with reset={reset!r}")
    size[needed] = _check.number(needed, size[needed])
    return _before_and_drop(
        rows, counts, _is_before(phase), reset, size["v_threshold"], size["v_reset"], "refuse"
    )


def _is_before(phase: str) -> bool:
    """Whether the voltage was taken before the reset; an error where the phase does not say."""
    before = "before the reset" in phase or "before reset" in phase
    if not before and "after the reset" not in phase and "after reset" not in phase:
        raise ValueError(
            f"phase must say whether the voltage was taken before or after the reset, got {phase!r}; say it: "
            "load_traces(..., phase='before reset') or traces.attrs['phase'] = 'after reset'"
        )
    return before


def _before_and_drop(
    voltage: NDArray[np.float64],
    spikes: NDArray[Any],
    before: bool,
    reset: str,
    v_threshold: float,
    v_reset: float,
    lost: str,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if reset == "subtract":
        return voltage if before else voltage + v_threshold * spikes, v_threshold * spikes
    if not before:
        if lost == "refuse":
            raise ValueError(
                "phase must be before the reset where the reset sets a value, got after it: the overshoot is lost; "
                "record the voltage before the reset, or the current as well; without_resets(lost='threshold') goes "
                "on without the overshoot"
            )
        voltage = np.where(spikes > 0, v_threshold, voltage)
    return voltage, (spikes > 0) * (voltage - v_reset)


def _propagated(
    model: Any, voltage: NDArray[np.float64], current: NDArray[np.float64], spikes: NDArray[Any]
) -> NDArray[np.float64]:
    """Voltages (..., time) with those of the spiking steps taken before the reset, from the step before."""
    kicked = model.b if np.any(model.b) else model.b_previous
    kick = current[..., 1:] - model.A[1, 1] * current[..., :-1]
    step = (
        model.A[0, 0] * voltage[..., :-1] + model.A[0, 1] * current[..., :-1] + kicked[0] / kicked[1] * kick
    )
    restored = voltage.copy()
    restored[..., 1:] = np.where(spikes[..., 1:] > 0, step, voltage[..., 1:])
    if np.any(spikes[..., 0]):
        raise ValueError(
            "the first sample must not be a spike: the voltage before its reset is not in the record"
        )
    return restored


def expected_without_resets(
    traces: xr.Dataset, frequency: ArrayLike, power: float | None = None
) -> NDArray[np.float64]:
    """The spectrum that :func:`without_resets` must have: that of the recording's neuron, time step and scheme.

    Parameters
    ----------
    traces : xarray.Dataset
        A recording that names its neuron, scheme and ``dt``.
    frequency : array_like, hertz
    power : float, optional
        Noise power ``P`` of the input in hertz times weight squared; by default the mean of ``drive_power`` over
        trials and neurons (the spectrum is linear in it, so that of the mean is the mean).

    Returns
    -------
    ndarray of float64, shape of ``frequency``
        As :func:`snntheory.spectral.theory_psd`.
    """
    from .theory import theory_psd

    if power is None:
        power = float(traces["drive_power"].mean())
    attrs = traces.attrs
    return theory_psd(
        neuron_of(traces), power, 1.0, frequency, attrs["dt"], attrs["scheme"], attrs.get("order")
    )
