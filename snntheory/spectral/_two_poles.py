"""Two poles inside the unit circle: coordinates without bounds, their time constants and confidence intervals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

Floats = NDArray[np.float64]
"""A pair of poles is written as ``(ln P, ln Q)`` with ``s^2 + P s + Q`` the polynomial of the poles' images under
``s = (z - 1)/(z + 1)``. Both stable real pairs and stable complex pairs are exactly the pairs ``P, Q > 0``, the double
pole ``P^2 = 4 Q`` lies inside, and nothing cancels for poles close to 1."""
ROUNDING = 1e-8
"""Of a coordinate: what a fit without noise leaves of a double pole is often a complex pair this close to it."""


def from_increments(alpha: float, beta: float) -> Floats:
    """Coordinates of the roots of ``(z - 1)^2 + alpha (z - 1) + beta``, moved into the stable region if need be."""
    below = 4 - 2 * alpha + beta
    p, q = (2 * (alpha - beta) / below, beta / below) if below > 0 else (1.0, 0.25)
    return np.log([max(p, 1e-8), max(q, 1e-12)])


def from_images(logarithms: Floats) -> Floats:
    """Coordinates of two real poles ``p`` given by ``ln (1 - p)/(1 + p)``."""
    return np.array([np.logaddexp(logarithms[0], logarithms[1]), logarithms[0] + logarithms[1]])


def poles(coordinates: Floats) -> NDArray[np.complex128]:
    """The pair of poles, shape (..., 2), the slower (larger in modulus) first."""
    p, q = np.exp(coordinates[..., 0]), np.exp(coordinates[..., 1])
    root = np.sqrt(p**2 / 4 - q + 0j)
    large = p / 2 + root  # the other image is Q over this one: no difference of equal numbers
    images = np.stack([q / large, large], axis=-1)
    pair = (1 - images) / (1 + images)
    order = np.argsort(-np.abs(pair), axis=-1, kind="stable")
    return np.take_along_axis(pair, order, axis=-1)


def time_constants(coordinates: Floats) -> Floats:
    """``-1 / ln|pole|`` in steps, shape (..., 2), the slower first."""
    p, q = np.exp(coordinates[..., 0]), np.exp(coordinates[..., 1])
    root = np.sqrt(p**2 / 4 - q + 0j)
    large = p / 2 + root
    decays = []
    for image in (q / large, large):
        # ln|(1 - c)/(1 + c)| = -atanh(2 Re c / (1 + |c|^2))
        decays.append(np.arctanh(np.minimum(2 * image.real / (1 + np.abs(image) ** 2), 1 - 1e-16)))
    return 1 / np.sort(np.stack(decays, axis=-1), axis=-1)


def denominator(coordinates: Floats, cos_half: Floats, sin_half: Floats) -> Floats:
    """``|(1 - p_1/z)(1 - p_2/z)|^2`` at ``z = exp(j w)``, from ``cos(w/2)`` and ``sin(w/2)``."""
    p, q = np.exp(coordinates)
    scale = (4 / (1 + p + q)) ** 2
    return scale * ((q * cos_half**2 - sin_half**2) ** 2 + (p * sin_half * cos_half) ** 2)


def is_real(coordinates: Floats) -> NDArray[np.bool_]:
    """Whether the pair is real (a double pole included), shape (...)."""
    return 2 * coordinates[..., 0] >= np.log(4) + coordinates[..., 1]


def ellipse(centre: Floats, covariance: Floats, level: float) -> Floats:
    """Points of the disc whose shadow on any axis is the ``level`` interval of that axis, shape (n, 2)."""
    values, vectors = np.linalg.eigh(covariance)
    axes = vectors * np.sqrt(np.maximum(values, 0.0) * chi2.ppf(level, 1))
    angle = np.linspace(0, 2 * np.pi, 73)
    rim = np.stack([np.cos(angle), np.sin(angle)])
    disc = np.concatenate([radius * rim for radius in np.linspace(0, 1, 11)], axis=1)
    return centre + (axes @ disc).T


def intervals(centre: Floats, covariance: Floats, level: float) -> Floats:
    """Intervals of the two time constants in steps, shape (2, 2): slow and fast, low and high.

    The range over the ellipse of confidence. To first order it is the delta method's; it stays right at the double
    pole, where the time constants are not differentiable.
    """
    taus = time_constants(ellipse(centre, covariance, level))
    return np.stack([taus.min(axis=0), taus.max(axis=0)], axis=-1)


def kind(centre: Floats, covariance: Floats, level: float) -> str:
    """ "real", "complex", or "double" where the confidence region holds both sides of the double pole."""
    real = is_real(ellipse(centre, covariance + ROUNDING**2 * np.eye(2), level))
    return "real" if real.all() else "double" if real.any() else "complex"


def poles_of_a_neuron(centre: Floats, covariance: Floats, level: float) -> NDArray[np.complex128]:
    """The pair of poles, shape (2,); the double pole with its ``Q`` for a complex pair that may as well be one."""
    if is_real(centre) or kind(centre, covariance, level) == "complex":
        return poles(centre)
    image = np.exp(centre[1] / 2)
    return np.full(2, (1 - image) / (1 + image), dtype=np.complex128)
