"""Signs of resets in a voltage whose spikes are not known: single steps down, from the top of what it reaches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, norm, rankdata

CHANCE = 0.01
"""Steps down that a Gaussian row is expected to have beyond the limit."""
SURE = 1e-3
"""Of the p-value that the steps down start anywhere."""
TOP = 0.75
"""Median rank of where they start, 1 the highest: resets start near the threshold, inhibition anywhere."""
FEWEST_UP = 10


def count_resets(rows: NDArray[np.float64]) -> int:
    """How many steps of the rows look like resets; 0 where nothing does.

    Definition
        A candidate is an increment below ``-z`` standard deviations, estimated from the increments upwards
        alone, ``z`` such that a Gaussian row has ``CHANCE`` of them; alone, that is twice as low as those before and
        after it; in a row with hardly any as large upwards. They are resets if the values before them lie at the top:
        were they events at any time, the logarithms of their ranks from above would sum to a chi-squared (Fisher).

    Parameters
    ----------
    rows : array (trace, time)

    Assumptions
    -----------
    A reset takes more than the input gives in one step: none are seen at rates near one spike a step, or where steps
    are so long that the input crosses the threshold in one.

    Accuracy
    --------
    tests/spectral/test_reset_signs.py.
    """
    ranks, sure = [], False
    for row in rows:
        own = _from_above(row)
        if own.size:
            ranks.append(own)
            sure = sure or _at_the_top(own)
    whole = np.concatenate(ranks) if ranks else np.zeros(0)
    return int(whole.size) if sure and _at_the_top(whole) else 0


def _from_above(row: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks in (0, 1), 0 the highest, of the values that the row's single large steps down start from."""
    change = np.diff(row)
    up = change[change > 0]
    if up.size < FEWEST_UP:
        return np.zeros(0)
    deviation = np.quantile(up, 0.995) / norm.isf(0.0025)
    beside = np.minimum(np.append(change[1:], 0.0), np.insert(change[:-1], 0, 0.0))
    at = np.flatnonzero((change < -norm.isf(CHANCE / change.size) * deviation) & (change < 2 * beside))
    if not at.size or at.size <= 5 * np.count_nonzero(change > -0.8 * np.median(change[at])):
        return np.zeros(0)
    return np.asarray(1 - (rankdata(row)[at] - 0.5) / row.size)


def _at_the_top(ranks: NDArray[np.float64]) -> bool:
    p_value = chi2.sf(-2 * np.log(ranks).sum(), 2 * ranks.size)
    return bool(p_value < SURE and np.median(ranks) < 1 - TOP)
