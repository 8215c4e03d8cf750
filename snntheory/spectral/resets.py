"""Adding the resets back: what the voltage would have been without threshold, from a trace and its spikes."""

from __future__ import annotations

from typing import cast

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from .. import _check
from ..neuron import CubaLIF

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
    traces: xr.Dataset, neuron: CubaLIF | None = None, scheme: str | None = None, order: int | None = None
) -> xr.DataArray:
    """Voltage with every reset added back: the neuron's linear response to its input.

    Definition, with ``d_n`` what the reset of step n took away (``v_threshold``, or ``v_n - v_reset``) and
    ``a`` the scheme's membrane pole::

        u_n = v_n + c_n,    c_n = a (c_{n-1} + d_{n-1})

    Parameters
    ----------
    traces : xarray.Dataset
        With ``spikes`` and with ``voltage`` taken before the reset (the phase of this package's recordings), or
        after a reset that subtracts the threshold: then ``v_n = voltage_n + v_threshold spikes_n``. The attribute
        ``phase`` says which, in the words "before reset" or "after reset".
    neuron, scheme, order
        What the trace was made with; taken from the attributes when left out.

    Returns
    -------
    xarray.DataArray
        Dimensions and coordinates of the voltage.

    Raises
    ------
    ValueError
        Spikes, neuron, scheme or ``dt`` are not known, the phase does not say where the voltage was taken, or it
        was taken after a reset to a value, which has lost the voltage before it.

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
            raise ValueError(f"traces must hold {name!r}, got {sorted(map(str, traces.data_vars))}")
    if "dt" not in traces.attrs:
        raise ValueError("traces must have the attribute dt, the time step in seconds")
    phase = str(traces.attrs.get("phase", "unknown"))
    neuron = neuron_of(traces) if neuron is None else neuron
    before = "before the reset" in phase or "before reset" in phase
    if not before and "after the reset" not in phase and "after reset" not in phase:
        raise ValueError(
            f"phase must say whether the voltage was taken before or after the reset, got {phase!r}; say it: "
            "load_traces(..., phase='before reset') or traces.attrs['phase'] = 'after reset'"
        )
    if not before and neuron.reset == "to_value":
        raise ValueError(
            f"phase must be before the reset where the reset sets a value, got {phase!r}: the overshoot is lost; "
            "record the voltage before the reset"
        )
    if scheme is None:
        if "scheme" not in traces.attrs:
            raise ValueError(
                "traces do not name their scheme; pass scheme=..., for example 'impulse_invariance'"
            )
        scheme, order = traces.attrs["scheme"], cast("int | None", traces.attrs.get("order"))
    model = discretize(neuron, _check.positive("dt", traces.attrs["dt"], "s"), scheme, order)
    voltage = traces["voltage"].astype("float64")
    if neuron.reset == "none":
        return voltage
    if not before:
        voltage = voltage + neuron.v_threshold * traces["spikes"]
    drop = traces["spikes"] * (neuron.v_threshold if neuron.reset == "subtract" else voltage - neuron.v_reset)
    pole = float(model.A[0, 0])
    axis = drop.get_axis_num("time")
    removed = drop.copy(data=lfilter([0.0, pole], [1.0, -pole], drop.values, axis=axis))
    return (
        (voltage + removed.transpose(*voltage.dims)).rename("voltage").assign_attrs(traces["voltage"].attrs)
    )


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
