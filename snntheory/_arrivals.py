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
