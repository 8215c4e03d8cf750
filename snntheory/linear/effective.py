"""The neuron that a grid really holds: its time constants, gain and delay, and the way back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from .. import _check
from . import schemes
from .continuous import mean_decay
from .discrete import DiscreteNeuron
from .poles import log_modulus


@dataclass(frozen=True)
class EffectiveResponse:
    """The continuous response that a discrete neuron follows; made by :func:`effective_response`.

    Attributes
    ----------
    tau_mem, tau_syn : float
        Effective time constants in seconds.
    gain : float
        Height relative to the kernel of a neuron with these time constants and the same ``r``.
    delay : float
        Seconds by which it is late; negative when the response is ahead.
    """

    tau_mem: float
    tau_syn: float
    gain: float
    delay: float


def effective_response(model: DiscreteNeuron) -> EffectiveResponse:
    """Gain, delay and time constants of the kernel that the response to one spike follows, exactly.

    Definition::

        u_n = gain h(n dt - delay)

    where ``h`` is the kernel with the effective time constants; for every ``n`` from the scheme's last input
    coefficient on. A spike excites both poles, so ``u_n = c_m p_m**n - c_s p_s**n``; a scaled and delayed kernel has
    two constants to match ``c_m`` and ``c_s`` with, so no scheme can do anything else to the response below threshold.

    Parameters
    ----------
    model : DiscreteNeuron

    Returns
    -------
    EffectiveResponse

    Raises
    ------
    ValueError
        A pole is not between 0 and 1: the response alternates or grows, and no kernel does that.

    Accuracy: relative error of ``gain`` and error of ``delay / dt`` below 1e-12, equal time constants included.
    """
    if not model.is_stable or np.any(model.poles <= 0):
        raise ValueError(
            f"{model.scheme.title} with dt={model.dt:g} s has poles {model.poles[0]:g} and {model.poles[1]:g}; only "
            f"poles between 0 and 1 follow a kernel: dt must be below {model.max_monotone_dt:g} s for this neuron"
        )
    tau_mem, tau_syn = model.effective_time_constants
    slow, fast = max(tau_mem, tau_syn), min(tau_mem, tau_syn)
    n = model.numerator
    lead = 1 - np.arange(3)  # u_n = sum_k n_k e_(n + 1 - k) with e_n = (p_m**n - p_s**n) / (p_m - p_s)
    near, far = -model.dt / slow, -model.dt / fast  # logarithms of the poles
    if (
        near - far < 1
    ):  # the mean slope of ln c between the poles, where a quotient of differences would cancel
        nodes, weights = np.polynomial.legendre.leggauss(20)
        powers = n * np.exp(np.multiply.outer(near + (far - near) * (1 + nodes) / 2, lead))
        ahead = float(weights / 2 @ (powers @ lead / powers.sum(axis=1)))
    else:
        excited = [np.sum(n * np.exp(log * lead)) for log in (near, far)]
        ahead = float(np.log(excited[0] / excited[1]) / (near - far))
    height = np.sum(n * np.exp(near * (lead - ahead)))
    spread = model.dt * np.exp(near) * mean_decay(near - far) / (slow * fast)  # (p_m - p_s) / (slow - fast)
    return EffectiveResponse(
        float(tau_mem), float(tau_syn), float(height / (model.neuron.r * spread)), 0.0 - ahead * model.dt
    )


def nominal_time_constant(tau: float, dt: float, scheme: str, order: int | None = None) -> float:
    """The time constant to write into a scheme so that the grid decays with ``tau``.

    Definition::

        |pole(dt / nominal)| = exp(-dt / tau),    pole > 0

    It undoes :attr:`DiscreteNeuron.effective_time_constants`; forward Euler: ``dt / (1 - exp(-dt/tau))``.

    Parameters
    ----------
    tau : float
        Wanted time constant in seconds, above zero.
    dt : float
        Time step in seconds, above zero.
    scheme, order
        As in :func:`snntheory.discretize`.

    Returns
    -------
    float
        Seconds.

    Raises
    ------
    ValueError
        The scheme cannot decay so fast with a positive pole (Parker-Sochacki of even order never falls below the
        minimum of its polynomial), or an argument is out of its range.

    Accuracy: relative error below 1e-13 while the wanted pole is above 1e-10; tested by the round trip.
    """
    tau, dt = _check.positive("tau", tau, "s"), _check.positive("dt", dt, "s")
    declaration = schemes.get(scheme, order)
    wanted = -dt / tau

    def excess(steps: ArrayLike) -> NDArray[np.float64]:
        c = declaration.coefficients(1.0, 1.0, 1.0, steps)
        return np.where(c.a_uu > 0, log_modulus(c.increment_uu, c.a_uu), -1e3) - wanted

    # a pole 1 - x + ..., between exp(-x) and 1/(1 + x) or below: its logarithm passes the wanted one in this range
    trial = dt / tau * np.geomspace(1e-3, 1.0, 400)
    trial = np.concatenate([trial, np.geomspace(dt / tau, 2 * np.expm1(min(dt / tau, 690.0)), 400)[1:]])
    below = np.flatnonzero(excess(trial) <= 0)
    if not below.size:
        raise ValueError(
            f"{declaration.title} with dt={dt:g} s has no positive pole as small as exp(-dt/tau) = "
            f"{np.exp(wanted):g} for tau={tau:g} s; take a smaller dt or another scheme"
        )
    last = below[0]
    steps = brentq(lambda x: float(excess(x)), trial[last - 1], trial[last], xtol=1e-300, rtol=1e-15)
    return dt / steps
