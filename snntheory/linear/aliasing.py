"""Images: what sampling adds to the frequency response."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check
from ..neuron import CubaLIF
from .continuous import frequency_response


def aliased_response(neuron: CubaLIF, omega: ArrayLike, dt: float, images: int) -> NDArray[np.complex128]:
    """Frequency response of the sampled neuron as a finite sum of images of the continuous one.

    Definition::

        sum_{k=-K..K} H(j (omega + 2 pi k / dt))

    For K to infinity this is ``dt`` times the frequency response of ``"impulse_invariance"``, which holds the sum in
    closed form; the missing images are below ``2 r dt**2 / (4 pi**2 tau_mem tau_syn K)``.

    Parameters
    ----------
    neuron : CubaLIF
    omega : array_like
        Angular frequency in rad/s, any shape; the bound holds for ``|omega| <= pi/dt``.
    dt : float
        Sampling interval in seconds, above zero.
    images : int
        ``K``, at least 0: how many images on either side. 0 is the continuous response itself.

    Returns
    -------
    ndarray of complex
        The shape of ``omega``.

    Raises
    ------
    ValueError, TypeError
        An argument is out of its range.

    References
    ----------
    Oppenheim and Schafer, Discrete-Time Signal Processing, section 4.2.
    """
    omega = _check.array("omega", omega)
    shift = 2 * np.pi / _check.positive("dt", dt, "s")
    total = np.zeros(omega.shape, dtype=np.complex128)
    for k in range(_check.integer("images", images, minimum=0), 0, -1):  # the smallest first
        total += frequency_response(neuron, omega + k * shift) + frequency_response(neuron, omega - k * shift)
    return total + frequency_response(neuron, omega)
