"""Analytic wavelets by their Fourier transforms: Morlet and generalised Morse, and what follows from it.

Every function here takes a wavelet at scale 1 and dimensionless ``x`` = s ω and ``u`` = t / s. The shape
``hat(x)`` has its maximum 1 at `peak` and is zero for x <= 0: all wavelets are analytic.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._check import choice, number

NORMS = ("l2", "l1")
NEGLIGIBLE = 1e-6  # of the envelope's maximum: where a wavelet is held to have ended


@dataclass(frozen=True)
class Morlet:
    """A Gaussian in frequency around ω0, cut to positive frequencies.

    Definition
        ::

            hat(x) ∝ e^{-(x - ω0)²/2}                        (x > 0)
            hat(x) ∝ e^{-(x - ω0)²/2} - e^{-(x² + ω0²)/2}    (corrected: zero at x = 0)

    Parameters
    ----------
    omega0 : float, at least 5; at least 1 when corrected
        Larger resolves frequency better and time worse. Below 5 the plain form has no zero mean (its value
        at zero frequency is 4e-6 of the peak at 5).
    corrected : bool
        Subtract the correction term; at ω0 = 6 it changes 2e-8 of the peak.

    References
        Torrence & Compo 1998, table 1 (plain).
    """

    omega0: float = 6.0
    corrected: bool = False

    def __post_init__(self) -> None:
        number("omega0", self.omega0, minimum=1.0 if self.corrected else 5.0)


@dataclass(frozen=True)
class Morse:
    """The generalised Morse wavelet.

    Definition
        ::

            hat(x) ∝ x^β e^{-x^γ}    (x > 0)

        Its duration grows with P = √(βγ), as the Morlet wavelet's with ω0; γ = 3 is the most symmetric.

    Parameters
    ----------
    beta : float, at least 1
        Decay in time: the envelope falls at least like t^{-(β+1)}.
    gamma : float, at least 1

    References
        Lilly & Olhede 2009, 2012.
    """

    beta: float = 20.0
    gamma: float = 3.0

    def __post_init__(self) -> None:
        number("beta", self.beta, minimum=1.0)
        number("gamma", self.gamma, minimum=1.0)


Wavelet = Morlet | Morse


def as_wavelet(wavelet: str | Wavelet, omega0: float = 6.0) -> Wavelet:
    """A wavelet from "morlet" (with ``omega0``), "morse" (β = 20, γ = 3), or one itself."""
    if isinstance(wavelet, Morlet | Morse):
        return wavelet
    if choice("wavelet", wavelet, ("morlet", "morse")) == "morlet":
        return Morlet(number("omega0", omega0, minimum=5.0))
    return Morse()


def describe(wavelet: Wavelet) -> dict[str, Any]:
    """Plain attributes that name a wavelet; `wavelet_of` reads them."""
    if isinstance(wavelet, Morse):
        return {"wavelet": "morse", "beta": wavelet.beta, "gamma": wavelet.gamma}
    kind = "corrected morlet" if wavelet.corrected else "morlet"
    return {"wavelet": kind, "omega0": wavelet.omega0}


def wavelet_of(attrs: Mapping[Any, Any]) -> Wavelet:
    """The wavelet that the attributes of a transform name."""
    kind = choice("attrs['wavelet']", attrs.get("wavelet"), ("morlet", "corrected morlet", "morse"))
    if kind == "morse":
        return Morse(float(attrs["beta"]), float(attrs["gamma"]))
    return Morlet(float(attrs["omega0"]), kind != "morlet")


def shape(wavelet: Wavelet, x: Any) -> np.ndarray:
    """hat(x): the Fourier transform, maximum 1, zero for x <= 0; array of the shape of ``x``."""
    given = np.asarray(x, dtype=float)
    x = np.where(given > 0, given, 1.0)
    if isinstance(wavelet, Morse):
        beta, gamma = wavelet.beta, wavelet.gamma
        top = peak(wavelet, "l1")
        with np.errstate(over="ignore"):  # x^γ beyond the largest float: e^{-inf} is the right 0
            hat = np.exp(beta * np.log(x / top) - (x**gamma - top**gamma))
    else:
        hat = np.exp(-0.5 * (x - wavelet.omega0) ** 2)
        if wavelet.corrected:
            hat = _corrected(wavelet.omega0, x) / _corrected(wavelet.omega0, peak(wavelet, "l1"))
    return np.where(given > 0, hat, 0.0)


def _corrected(omega0: float, x: Any) -> Any:
    # e^{-(x - ω0)²/2} - e^{-(x² + ω0²)/2} without the cancellation at small x
    return -np.exp(-0.5 * (x - omega0) ** 2) * np.expm1(-omega0 * x)


def peak(wavelet: Wavelet, norm: str) -> float:
    """The x = s ω at which a sinusoid's |W| is largest over scales.

    Definition
        ::

            "l1": argmax hat(x)            "l2": argmax √x hat(x)
            plain Morlet: ω0               (ω0 + √(2 + ω0²)) / 2
            Morse: (β/γ)^{1/γ}             ((β + 1/2)/γ)^{1/γ}
    """
    extra = 0.5 if choice("norm", norm, NORMS) == "l2" else 0.0
    if isinstance(wavelet, Morse):
        return float(((wavelet.beta + extra) / wavelet.gamma) ** (1 / wavelet.gamma))
    omega0 = wavelet.omega0
    plain = 0.5 * (omega0 + math.sqrt(4 * extra + omega0**2))
    if not wavelet.corrected:
        return plain
    from scipy.optimize import brentq

    def slope(x: float) -> float:  # d/dx (log hat + extra log x), times x
        return extra - x * (x - omega0) + omega0 * x / math.expm1(omega0 * x)

    return float(brentq(slope, plain * (1 - 1e-12), plain + 2.0, xtol=1e-15))


def scales_of(wavelet: Wavelet, frequencies: Any, norm: str) -> np.ndarray:
    """The scales in seconds at which sinusoids of these frequencies (hertz) have their ridge."""
    return np.asarray(peak(wavelet, norm) / (2 * math.pi * np.asarray(frequencies, dtype=float)))


def moment(wavelet: Wavelet, power: int, exponent: float = 0.0) -> float:
    """∫ hat(x)^power x^exponent dx over x > 0, by the trapezoidal rule in ln x.

    power 2, exponent 0 is the energy; power 1, exponent -1 the constant of the reconstruction `icwt`; power
    2, exponent -1 the one of the energy identity. For the plain Morlet wavelet, which is not quite zero at
    x = 0, integrals with exponent -1 diverge: they stop at 1e-3 of the peak, where another factor of e adds
    1.5e-8 for ω0 = 6.
    """
    low = math.log(1e-3) if isinstance(wavelet, Morlet) and not wavelet.corrected else -40.0
    y = np.arange(low, math.log(_end(wavelet) / peak(wavelet, "l1")), 1 / (16 * quality(wavelet)))
    x = peak(wavelet, "l1") * np.exp(y)
    return float((shape(wavelet, x) ** power * x ** (exponent + 1)).sum() * (y[1] - y[0]))


def quality(wavelet: Wavelet) -> float:
    """P: √(-hat''/hat) at the peak, times the peak; √(βγ) for Morse, ω0 for the plain Morlet wavelet.

    To leading order hat(x) = e^{-(P (x/peak - 1))²/2}: the relative bandwidth is 1/P, and the envelope in
    time e^{-(u peak/P)²/2}.
    """
    if isinstance(wavelet, Morse):
        return math.sqrt(wavelet.beta * wavelet.gamma)
    if not wavelet.corrected:
        return wavelet.omega0
    x, omega0 = peak(wavelet, "l1"), wavelet.omega0
    curvature = 1 + omega0**2 * math.exp(omega0 * x) / math.expm1(omega0 * x) ** 2
    return x * math.sqrt(curvature)


def envelope(wavelet: Wavelet, u: Any) -> np.ndarray:
    """|ψ(u)| / |ψ(0)| at times ``u`` in units of the scale, by quadrature of the Fourier integral."""
    u = np.asarray(u, dtype=float)
    x, hat = _sampled(wavelet)
    value = np.array([abs(hat @ np.exp(1j * each * x)) for each in u.ravel()])
    return (value / hat.sum()).reshape(u.shape)


def e_folding(wavelet: Wavelet) -> float:
    """The time, in units of the scale, in which the power of an impulse at the record's end falls by e^{-2}.

    Definition
        ::

            the last u with |ψ(u)|² = e^{-2} |ψ(0)|²

        √2 for the plain Morlet wavelet (Torrence & Compo 1998, table 1), computed for the others.
    """
    if isinstance(wavelet, Morlet) and not wavelet.corrected:
        return math.sqrt(2)
    from scipy.optimize import brentq

    def excess(u: float) -> float:
        return float(envelope(wavelet, u)) - math.exp(-1)

    u, decay = _decay(wavelet)
    last = int(np.flatnonzero(decay > math.exp(-1))[-1])
    return float(brentq(excess, u[last], u[last + 1], xtol=1e-13))


def half_width(wavelet: Wavelet, tolerance: float = NEGLIGIBLE) -> float:
    """The time, in units of the scale, beyond which |ψ| stays below ``tolerance`` of its maximum."""
    if isinstance(wavelet, Morlet) and not wavelet.corrected:
        return math.sqrt(-2 * math.log(tolerance))
    u, decay = _decay(wavelet)
    return float(u[min(int(np.flatnonzero(decay > tolerance)[-1]) + 1, u.size - 1)])


def reach(wavelet: Wavelet, scales: np.ndarray, dt: float) -> np.ndarray:
    """Samples that each scale's wavelet extends to either side: array (scale,) of int.

    Its half width; at least 512 where the sampling cuts its transform off at Nyquist, because it then falls
    like 1/t only (beyond, 2 % of the deviation of white noise is left).
    """
    wide = np.ceil(half_width(wavelet) * scales / dt)
    cut = shape(wavelet, math.pi * scales / dt) > NEGLIGIBLE
    return np.where(cut, np.maximum(wide, 512), wide).astype(int)


def _sampled(wavelet: Wavelet) -> tuple[np.ndarray, np.ndarray]:
    """x and hat(x) on a regular grid from 0 to where hat has fallen below rounding."""
    x = np.arange(0.0, _end(wavelet), peak(wavelet, "l1") / 512)
    return x, shape(wavelet, x)


def _end(wavelet: Wavelet) -> float:
    end = peak(wavelet, "l1")
    while shape(wavelet, end) > 1e-17:
        end *= 1.1
    return end


def _decay(wavelet: Wavelet) -> tuple[np.ndarray, np.ndarray]:
    """The largest |ψ(u')| / |ψ(0)| over u' >= u, at u on a regular grid up to 256 periods."""
    x, hat = _sampled(wavelet)
    n = 2 ** math.ceil(math.log2(4 * x.size))
    value = np.abs(np.fft.fft(hat, n))[: n // 2] / hat.sum()
    u = 2 * math.pi / (n * (x[1] - x[0])) * np.arange(n // 2)
    return u, np.maximum.accumulate(value[::-1])[::-1]


def filter_bank(wavelet: Wavelet, frequency: Any, scales: Any, norm: str, dt: float) -> np.ndarray:
    """ψ̂(sω): what the transform at each scale multiplies a trace's Fourier transform with.

    Definition
        ::

            "l1": 2 hat(sω)      "l2": √(2π s / (dt E)) hat(sω),   E = ∫ hat² dx

    Parameters
    ----------
    frequency : array (m,), hertz
    scales : array (n,), seconds
    norm : "l2" or "l1"
    dt : float, seconds

    Returns
    -------
    array (n, m), float64
    """
    frequency, scales = np.asarray(frequency, dtype=float), np.asarray(scales, dtype=float)
    bank = shape(wavelet, 2 * math.pi * scales[:, None] * frequency)
    return np.asarray(bank * level(wavelet, scales, norm, dt)[:, None])


def level(wavelet: Wavelet, scales: np.ndarray, norm: str, dt: float) -> np.ndarray:
    """The maximum of |ψ̂| at each scale: 2 for "l1", √(2π s / (dt E)) for "l2"."""
    if choice("norm", norm, NORMS) == "l1":
        return np.full(np.shape(scales), 2.0)
    return np.sqrt(2 * math.pi * np.asarray(scales) / (dt * moment(wavelet, 2)))
