"""Which choices no other beats in both accuracy and spikes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _check


def pareto_front(accuracy: Any, spikes: Any) -> NDArray[np.int64]:
    """Places of the points that no other point beats in both: higher accuracy and fewer spikes, by rising spikes.

    Parameters
    ----------
    accuracy, spikes : array_like, shape (n,)
        Finite, in any unit.

    Returns
    -------
    ndarray of int64
        Places in the arrays; of equal points the first.

    Raises
    ------
    ValueError, TypeError
        Not one-dimensional, not finite, or not as many of one as of the other.
    """
    high, few = _check.array("accuracy", accuracy, ndim=1), _check.array("spikes", spikes, ndim=1)
    if high.shape != few.shape:
        raise ValueError(f"accuracy and spikes must be as many, got {high.size} and {few.size}")
    best, front = -np.inf, []
    for place in np.lexsort((-high, few)):
        if high[place] > best:
            best = high[place]
            front.append(int(place))
    return np.array(front, np.int64)
