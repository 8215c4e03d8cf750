"""Rate and density of the voltage for white noise, by integration from the threshold: a check on Siegert's formula."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .. import _check
from .rates import checked

Floats = NDArray[np.float64]


def threshold_integration(
    mu: float,
    sigma: float,
    v_reset: float,
    v_threshold: float,
    tau_mem: float,
    tau_ref: float = 0.0,
    n: int = 20_000,
    reach: float = 8.0,
) -> tuple[float, Floats, Floats]:
    """Rate and density of the voltage for white noise, integrated from the threshold downwards.

    The Fokker-Planck equation ``(mu - v) p - (sigma^2/2) dp/dv = tau_mem rate [v > v_reset]`` is solved for ``p/rate``
    from ``p(v_threshold) = 0`` down; the normalisation gives the rate. An independent check on :func:`siegert`.

    Parameters
    ----------
    mu, sigma, v_reset, v_threshold, tau_mem, tau_ref
        As in :func:`siegert`, scalars.
    n : int
        Cells between the lower end and the threshold; the error falls as ``1/n**2``.
    reach : float
        The grid ends ``reach`` standard deviations ``sigma/sqrt(2)`` below the lower of ``mu`` and ``v_reset``.

    Returns
    -------
    rate : float
        Hertz.
    v, density : ndarrays, shape (n + 1,)
        Ascending voltages and the density there; it integrates to ``1 - rate tau_ref``.

    Raises
    ------
    ValueError
        As :func:`siegert`.

    References
    ----------
    Richardson, Phys. Rev. E 76:021919 (2007).
    """
    given = checked(mu, sigma, v_reset, v_threshold, tau_mem, tau_ref)
    mu, sigma, low, high = (float(value) for value in given[:4])
    n = _check.integer("n", n, minimum=2)
    bottom = min(mu, low) - _check.positive("reach", reach) * sigma / np.sqrt(2)
    v = np.linspace(bottom, high, n + 1)
    h = v[1] - v[0]
    # flux through each cell: rate above the reset, none below, a share in the cell that holds it
    flux = tau_mem * np.clip((v[1:] - low) / h, 0.0, 1.0) * 2 / sigma**2
    slope = 2 * (mu - (v[1:] + v[:-1]) / 2) / sigma**2  # dp/dv = slope p - flux, frozen within a cell
    density = np.zeros(n + 1)
    for k in range(n - 1, -1, -1):
        x = slope[k] * h
        density[k] = density[k + 1] * np.exp(-x) + flux[k] * h * (-np.expm1(-x) / x if x else 1.0)
    rate = 1 / (tau_ref + (density.sum() - density[0] / 2) * h)
    return float(rate), v, density * rate
