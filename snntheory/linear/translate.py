"""From one time step to another: the time constants and weights that keep the response below threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _check
from ..neuron import CubaLIF
from .discrete import discretize
from .effective import effective_response, nominal_time_constant


@dataclass(frozen=True, eq=False)
class Translation:
    """A network's parameters for another time step; made by :func:`translate`.

    Attributes
    ----------
    neuron : CubaLIF
        With the time constants to write into the scheme at the new step.
    weights : ndarray or list of ndarray
        In the form in which they were given, times ``gain``.
    gain : float
        New weight over old weight.
    delay : float
        Seconds by which responses become later than they were.
    """

    neuron: CubaLIF
    weights: Any
    gain: float
    delay: float


def translate(
    neuron: CubaLIF,
    weights: ArrayLike | Sequence[ArrayLike],
    dt_from: float,
    dt_to: float,
    scheme: str,
    order: int | None = None,
) -> Translation:
    """Time constants and weights with which the response below threshold stays when the time step changes.

    A network trained at ``dt_from`` has learned with the kernel that its grid really had
    (:func:`effective_response`). The new parameters give the same kernel at ``dt_to``, exactly, but for a delay that
    is returned.

    Parameters
    ----------
    neuron : CubaLIF
        As written into the scheme at ``dt_from``.
    weights : array_like, or list or tuple of arrays (one per layer)
        Canonical weights.
    dt_from, dt_to : float
        Time steps in seconds, above zero.
    scheme, order
        As in :func:`snntheory.discretize`; the same at both steps.

    Returns
    -------
    Translation

    Raises
    ------
    TypeError, ValueError
        The neuron at ``dt_from`` has a pole at or below 0 or is unstable (it is no decay that another step could
        have), the scheme cannot decay as fast at ``dt_to``, or an argument is out of its range.

    Assumptions: the response below threshold is kept. Spikes still fall on the new grid, and a reset acts there.

    Examples
    --------
    >>> new = translate(CubaLIF(0.020, 0.010), [1.0, 2.0], 0.004, 0.001, "forward_euler")
    >>> round(new.neuron.tau_mem, 6), round(new.neuron.tau_syn, 6)
    (0.018431, 0.008338)
    """
    dt_to = _check.positive("dt_to", dt_to, "s")
    dt_from = _check.positive("dt_from", dt_from, "s")
    old = effective_response(discretize(neuron, dt_from, scheme, order))
    tau_mem, tau_syn = (
        nominal_time_constant(tau, dt_to, scheme, order) for tau in (old.tau_mem, old.tau_syn)
    )
    translated = replace(neuron, tau_mem=tau_mem, tau_syn=tau_syn)
    new = effective_response(discretize(translated, dt_to, scheme, order))
    gain = old.gain / new.gain
    scaled: Any
    if isinstance(weights, (list, tuple)) and any(np.ndim(part) > 0 for part in weights):
        scaled = [gain * _check.array(f"weights[{k}]", part) for k, part in enumerate(weights)]
    else:
        scaled = gain * _check.array("weights", weights)
    return Translation(translated, scaled, gain, new.delay - old.delay)
