"""A framework's neuron with its threshold: the linear update and the framework's own rule of reset."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import _check
from .framework import Framework

Floats = NDArray[np.float64]


def simulate(
    framework: Framework,
    values: Mapping[str, float],
    dt: float,
    inputs: ArrayLike,
    v_threshold: float = 1.0,
    v_reset: float = 0.0,
    reset: str | None = None,
) -> tuple[Floats, Floats, Floats]:
    """Voltage, current and spikes of a framework's neuron, step by step as the framework computes them.

    Parameters
    ----------
    framework : Framework
    values : mapping of str to float
        The framework's own parameters by name.
    dt : float
        Seconds that one step stands for.
    inputs : array_like, shape (..., n_steps)
        ``S_n`` in the framework's weights.
    v_threshold, v_reset : float
        Threshold, above 0, and the value after a spike for the reset ``"to_value"``, below the threshold.
    reset : {"subtract", "to_value", "none"}, optional
        The framework's default when left out.

    Returns
    -------
    voltage, current, spikes : ndarray, shape (..., n_steps)
        The voltage as the framework hands it out (see :attr:`Reset.recorded`); the number of spikes of each step.

    Raises
    ------
    TypeError, ValueError
        A parameter is missing or out of range, the framework does not offer that reset, or ``inputs`` has no time
        axis or is not finite.

    Accuracy: equal to the libraries to rounding (tests/interop).
    """
    a, b, before = framework.numbers(values, dt)
    rule = framework.reset
    kind = _check.choice("reset", reset or rule.kinds[0], (*rule.kinds, "none"))
    threshold = _check.positive("v_threshold", v_threshold)
    target = _check.number("v_reset", v_reset)
    if target >= threshold:
        raise ValueError(f"v_reset must lie below v_threshold={threshold:g}, got {target:g}")
    inputs = _check.array("inputs", inputs)
    if inputs.ndim == 0:
        raise ValueError("inputs must have a time axis: shape (..., n_steps), got a scalar")

    def fired(u: Floats) -> Floats:
        above = u >= threshold if rule.comparison == ">=" else u > threshold
        return np.where(above, np.floor(u / threshold) if rule.several else 1.0, 0.0)

    def after(u: Floats, count: Floats) -> Floats:
        if kind == "none":
            return u
        return u - count * threshold if kind == "subtract" else np.where(count > 0, target, u)

    u, i, previous = (np.zeros(inputs.shape[:-1]) for _ in range(3))
    voltage, current, spikes = (np.empty_like(inputs) for _ in range(3))
    for n in range(inputs.shape[-1]):
        now = inputs[..., n]
        late = fired(u) if rule.step == "next" else np.zeros_like(u)
        if kind == "to_value" and not rule.drops_input:
            u = after(u, late)
        u = a[0, 0] * u + a[0, 1] * i + b[0] * now + before[0] * previous
        i = a[1, 1] * i + b[1] * now + before[1] * previous
        if kind == "subtract" or rule.drops_input:
            u = after(u, late)
        count = fired(u)
        voltage[..., n], current[..., n], spikes[..., n], previous = u, i, count, now
        if rule.step == "same":
            u = after(u, count)
            if rule.recorded == "after":
                voltage[..., n] = u
    return voltage, current, spikes
