"""Which scheme a pair of poles and a numerator may come from, and the neuron that it would then be."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import chi2

from ..linear import DiscreteNeuron, UnstableStep, discretize, nominal_time_constant, schemes
from ..neuron import CubaLIF

CONTINUOUS = "continuous"
"""Not a scheme: the neuron in continuous time, its spikes anywhere, its voltage seen every ``dt``."""
_PULSE = {"bilinear": "bilinear", "zoh": "zoh", CONTINUOUS: "sampled"}


@dataclass(frozen=True)
class Candidate:
    """One scheme as an explanation of identified poles.

    Attributes
    ----------
    scheme, order
        A name of :func:`snntheory.linear.schemes.names`, or "continuous".
    tau_slow, tau_fast : float
        Time constants in seconds that must be written into the scheme to have these poles; NaN where it cannot have
        them. Which is the membrane's is another question: see :attr:`Identification.membrane`.
    r : float
        Membrane resistance that the gain then means, for canonical weights; NaN without input. A scheme whose gain
        depends on which pole is the membrane's takes the slow one unless the resets tell.
    log_likelihood : float
        From voltage alone: of the scheme's kind of numerator with its own best poles. With input: NaN.
    p_value : float
        With input: of the numerator found, were it this scheme's. From voltage alone: NaN.
    nominal_p_value : float
        Of poles (and with input: gain, delay) found, were they those of the nominal neuron in this scheme.
    explains : bool
        Whether the scheme's numerator is not ruled out, there is such a neuron, and it agrees with the nominal one.
    """

    scheme: str
    order: int | None
    tau_slow: float
    tau_fast: float
    r: float
    log_likelihood: float
    p_value: float
    nominal_p_value: float
    explains: bool


def family_of(scheme: str) -> str:
    """The numerator that a scheme's voltages show, delay and gain aside: "all_pole", "bilinear", "zoh" or "sampled"."""
    return _PULSE.get(scheme, "all_pole")


def chosen(wanted: Iterable[Any] | None, with_input: bool) -> list[tuple[str, int | None]]:
    """Pairs (scheme, order); all schemes, Parker-Sochacki up to order 4, when none are named.

    Raises
    ------
    ValueError
        An unknown scheme, an order missing or too many, or "continuous" together with an input on the grid.
    """
    if wanted is None:
        plain = [(name, None) for name in schemes.names() if name != "parker_sochacki"]
        every: list[tuple[str, int | None]] = [*plain, *(("parker_sochacki", order) for order in (2, 3, 4))]
        return every if with_input else [*every, (CONTINUOUS, None)]
    if isinstance(wanted, str):
        raise TypeError(f"schemes must be a list of names, got {wanted!r}; write [{wanted!r}]")
    pairs = [(item, None) if isinstance(item, str) else tuple(item) for item in wanted]
    if not pairs:
        raise ValueError("schemes must name at least one scheme, got none; leave it out for all")
    for name, order in pairs:
        if name == CONTINUOUS and with_input:
            raise ValueError(
                "schemes must not name 'continuous' where the input is given: that is on a grid, so is the neuron"
            )
        if name != CONTINUOUS:
            schemes.get(name, order)
    return pairs


def time_constant_from_pole(pole: float, dt: float, scheme: str, order: int | None = None) -> float:
    """The time constant that gives a scheme this pole, the longest there is; NaN where none does.

    Parameters
    ----------
    pole : float
        Between -1 and 1.
    dt : float, seconds
    scheme, order
        As in :func:`snntheory.discretize`, or "continuous".

    Returns
    -------
    float, seconds
    """
    if not 0 < abs(pole) < 1:
        return float("nan")
    if scheme == CONTINUOUS:
        return -dt / np.log(pole) if pole > 0 else float("nan")
    if pole > 0:
        try:
            return nominal_time_constant(-dt / np.log(pole), dt, scheme, order)
        except ValueError:
            return float("nan")
    declaration = schemes.get(scheme, order)

    def excess(steps: Any) -> NDArray[np.float64]:
        return np.asarray(declaration.coefficients(1.0, 1.0, 1.0, steps).a_uu) - pole

    limit = min(declaration.limit(declaration.stability_limit, CubaLIF(1.0, 1.0)), 1e9)
    trial = np.geomspace(0.5, limit, 4000)
    below = np.flatnonzero(excess(trial) <= 0)
    if not below.size:
        return float("nan")
    return dt / brentq(
        lambda x: float(excess(x)), trial[below[0] - 1], trial[below[0]], xtol=1e-300, rtol=1e-14
    )


def neuron_for(
    poles: NDArray[np.complex128], dt: float, scheme: str, order: int | None
) -> tuple[float, float]:
    """Time constants (slow, fast) in seconds for a pair of poles; NaN for a complex pair, which no neuron has."""
    if np.any(np.abs(poles.imag) > 0):
        return float("nan"), float("nan")
    first, second = (time_constant_from_pole(float(pole), dt, scheme, order) for pole in poles.real)
    return first, second


def discrete(
    slow: float, fast: float, dt: float, scheme: str, order: int | None, membrane: str
) -> DiscreteNeuron | None:
    """The scheme's neuron with these time constants and r = 1, or None."""
    if not (np.isfinite(slow) and np.isfinite(fast)):
        return None
    taus = (fast, slow) if membrane == "fast" else (slow, fast)
    return stable(CubaLIF(*taus), dt, scheme, order)


def stable(neuron: CubaLIF, dt: float, scheme: str, order: int | None) -> DiscreteNeuron | None:
    """``discretize``, without a warning, None where it is not stable."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnstableStep)
        model = discretize(neuron, dt, scheme, order)
    return model if model.is_stable else None


def nominal_images(neuron: CubaLIF, dt: float, scheme: str, order: int | None) -> NDArray[np.float64] | None:
    """``ln (1 - p)/(1 + p)`` of the membrane's and the synapse's pole of the nominal neuron; None where unstable."""
    if scheme == CONTINUOUS:
        return np.log(np.tanh(dt / 2 / np.array([neuron.tau_mem, neuron.tau_syn])))
    model = stable(neuron, dt, scheme, order)
    if model is None:
        return None
    change = np.diag(model.increment)
    return np.log(-change / (2 + change))


def shape_test(
    numerator: NDArray[np.float64], covariance: NDArray[np.float64], shape: NDArray[np.float64]
) -> tuple[float, float]:
    """Gain of the best multiple of ``shape``, and the p-value (chi-square, two degrees) of what it leaves over."""
    inverse = np.linalg.inv(covariance + np.eye(3) * (1e-8 * np.abs(numerator).max()) ** 2)
    gain = float(shape @ inverse @ numerator / (shape @ inverse @ shape))
    left = numerator - gain * shape
    return gain, float(chi2.sf(left @ inverse @ left, 2))


def joint_test(
    found: NDArray[np.float64], covariance: NDArray[np.float64], expected: NDArray[np.float64]
) -> float:
    """p-value (chi-square) of a vector of estimates, were ``expected`` true; digits beyond 1e-8 do not count."""
    scale = np.concatenate(
        [np.ones(2), np.full(found.size - 2, np.abs(found[2:]).max() if found.size > 2 else 1.0)]
    )
    inverse = np.linalg.inv(covariance + np.diag((1e-8 * scale) ** 2))
    left = found - expected
    return float(chi2.sf(left @ inverse @ left, found.size))


def check_nominal(neuron: Any) -> CubaLIF | None:
    """The nominal neuron, or None."""
    if neuron is not None and not isinstance(neuron, CubaLIF):
        raise TypeError(f"neuron must be a CubaLIF, got {type(neuron).__name__}")
    return neuron


__all__ = ["CONTINUOUS", "Candidate", "family_of", "time_constant_from_pole"]
