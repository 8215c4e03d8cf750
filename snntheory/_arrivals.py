"""How random input spikes arrive on a grid of time steps: as counts, or at most one a step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ARRIVALS = ("poisson", "bernoulli")


def count_variance(mean: NDArray[np.float64], arrivals: str) -> NDArray[np.float64]:
    """Variance of the number of spikes in a step, for its mean.

    Definition::

        q          "poisson": any number of spikes
        q (1 - q)  "bernoulli": at most one

    Parameters
    ----------
    mean : ndarray
        Mean number of spikes in a step; at most 1 for ``"bernoulli"``.
    arrivals : {"poisson", "bernoulli"}

    Returns
    -------
    ndarray, shape of ``mean``
    """
    return mean * (1 - mean) if arrivals == "bernoulli" else mean


def count_cumulants(mean: NDArray[np.float64], arrivals: str) -> tuple[NDArray[np.float64], ...]:
    """First four cumulants of the number of spikes in a step, each of the shape of ``mean``.

    Definition::

        q, q, q, q                                                   "poisson"
        q, q (1 - q), q (1 - q)(1 - 2 q), q (1 - q)(1 - 6 q (1 - q))  "bernoulli"
    """
    if arrivals != "bernoulli":
        return mean, mean, mean, mean
    variance = mean * (1 - mean)
    return mean, variance, variance * (1 - 2 * mean), variance * (1 - 6 * variance)
