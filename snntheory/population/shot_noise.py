"""Firing rate without the diffusion limit: delta synapses with exponentially distributed amplitudes."""

from __future__ import annotations

import numpy as np
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from .. import _check
from .rates import checked


def shot_noise_rate(
    rate_excitatory: float,
    amplitude_excitatory: float,
    v_reset: float,
    v_threshold: float,
    tau_mem: float,
    tau_ref: float = 0.0,
    rate_inhibitory: float = 0.0,
    amplitude_inhibitory: float = 0.0,
) -> float:
    """Firing rate with delta synapses whose jumps of the voltage are exponentially distributed: no diffusion limit.

    Definition, with mean jumps ``a_e > 0`` and ``a_i < 0`` at rates ``R_e`` and ``R_i``::

        1/rate = tau_ref + tau_mem integral_0^{1/a_e} ds/s (1 - a_e s)^{tau_mem R_e} (1 - a_i s)^{tau_mem R_i}
                           [exp(s v_threshold) / (1 - a_e s) - exp(s v_reset)]

    Parameters
    ----------
    rate_excitatory, rate_inhibitory : float
        Hertz; the excitatory one above zero.
    amplitude_excitatory, amplitude_inhibitory : float
        Mean jumps in the unit of the voltage: above zero, and at most zero.
    v_reset, v_threshold : float
    tau_mem, tau_ref : float
        Seconds.

    Returns
    -------
    float
        Hertz.

    Raises
    ------
    ValueError
        An argument is out of its range, or the integral does not converge to 1e-8.

    References
    ----------
    Richardson and Swarbrick, Phys. Rev. Lett. 105:178102 (2010), equation (10).
    """
    rate_e = _check.positive("rate_excitatory", rate_excitatory, "Hz")
    a = _check.positive("amplitude_excitatory", amplitude_excitatory)
    rate_i = _check.number("rate_inhibitory", rate_inhibitory, "Hz", minimum=0.0)
    a_i = _check.number("amplitude_inhibitory", amplitude_inhibitory)
    if a_i > 0:
        raise ValueError(f"amplitude_inhibitory must be at most 0, got {a_i:g}")
    given = checked(0.0, 1.0, v_reset, v_threshold, tau_mem, tau_ref)
    low, high = float(given[2]), float(given[3])
    tau_mem, tau_ref = given[4:]
    power, span = tau_mem * rate_e, high - low

    def exponent(s: float) -> float:
        """Logarithm of (1 - a s)^(power - 1) (1 - a_i s)^(tau_mem rate_i) exp(s v_threshold): it has one maximum."""
        return (power - 1) * np.log1p(-a * s) + tau_mem * rate_i * np.log1p(-a_i * s) + s * high

    def bracket(s: float) -> float:
        """The rest of the integrand, between 0 and v_threshold - v_reset + a."""
        fall = np.exp(-s * span)
        return (-np.expm1(-s * span) / s if s else span) + a * fall

    if power < 2:  # an integrable pole or a kink at the end: left to the rule that knows it
        peak = 0.0
        value, error = quad(
            lambda s: np.exp(exponent(s) - (power - 1) * np.log1p(-a * s)) * bracket(s) if s < 1 / a else 0.0,
            0,
            1 / a,
            weight="alg",
            wvar=(0, power - 1),
            epsabs=0,
            epsrel=1e-11,
            limit=500,
        )
        value, error = (
            value * a ** (power - 1),
            error * a ** (power - 1),
        )  # the weight is (1/a - s)^(power - 1)
    else:
        top = minimize_scalar(lambda s: -exponent(s), bounds=(0, 1 / a), method="bounded").x
        peak, inside = exponent(top), np.linspace(0, 1, 9)[1:-1]
        value, error = quad(
            lambda s: np.exp(exponent(s) - peak) * bracket(s),
            0,
            1 / a,
            points=sorted({top, *(top * inside), *(top + (1 / a - top) * inside)}),
            epsabs=0,
            epsrel=1e-11,
            limit=500,
        )
    if not error <= 1e-8 * abs(value):
        raise ValueError(
            f"the integral did not converge (relative error {error / abs(value):.1g}) for "
            f"rate_excitatory={rate_e:g} Hz, amplitude_excitatory={a:g}; use siegert"
        )
    return float(np.exp(-peak) / (np.exp(-peak) * tau_ref + tau_mem * value))
