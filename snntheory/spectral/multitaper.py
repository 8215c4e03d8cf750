"""What several tapers know beyond their mean: where they leak, and how far they scatter."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check

Floats = NDArray[np.float64]
MOST_ROUNDS, TOLERANCE = 100, 1e-8
TINY = np.finfo(np.float64).tiny


def adaptive_weights(
    power: ArrayLike, concentration: ArrayLike, white: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights that make a taper count less where what leaks into it may exceed what belongs there.

    Definition, with ``p_k`` the estimate of taper k, ``l_k`` its concentration and ``s2 dt`` the level ``white``::

        S = sum_k w_k p_k / sum_k w_k,    w_k = l_k b_k^2,    b_k = S / (l_k S + (1 - l_k) s2 dt)

    solved by repetition from the mean of the first two tapers. Degrees of freedom: 2 (sum w_k)^2 / sum w_k^2.

    Parameters
    ----------
    power : array_like, shape (..., k, frequency)
        |J_k|^2, a density.
    concentration : array_like, shape (k,)
        Share of each taper's energy within the bandwidth, between 0 and 1.
    white : array_like, shape (...)
        Variance of the trace times dt: the density of white noise as strong as the trace.

    Returns
    -------
    weights, degrees_of_freedom : ndarray, shapes (..., k, frequency) and (..., frequency)

    Assumptions
    -----------
    What leaks into a taper is bounded by white noise of the trace's variance. The repetition ends when no value
    changes by more than 1e-8 of itself, and after 100 rounds.

    References
    ----------
    Thomson (1982); Percival & Walden (1993), equations 368a, 370a, 370b.
    """
    power = _check.array("power", power, minimum=0.0)
    share = _check.array("concentration", concentration, ndim=1, minimum=0.0)[:, None]
    level = _check.array("white", white, minimum=0.0)[..., None, None]
    if power.ndim < 2 or power.shape[-2] != len(share):
        raise ValueError(f"power must have shape (..., {len(share)}, frequency), got {power.shape}")
    level = np.where(level > 0, level, 1.0)  # a silent trace: any weights give 0
    # one column an estimate; what rounding would leave of an exact zero keeps the quotient below finite
    columns = np.moveaxis(power, -2, 0)
    white_of = np.broadcast_to(level[..., 0, :], columns.shape[1:])
    smallest = TINY**0.25 * white_of
    weights = np.empty(columns.shape)
    estimate = np.maximum(columns[:2].mean(axis=0), smallest)
    active = np.ones(estimate.shape, dtype=bool)  # most need few rounds, some need many
    for _ in range(MOST_ROUNDS):
        before, some = estimate[active], columns[:, active]
        part = share / (share + (1 - share) * white_of[active] / before) ** 2
        part /= part.sum(axis=0)
        better = np.maximum((part * some).sum(axis=0), smallest[active])
        weights[:, active], estimate[active] = part, better
        active[active] = np.abs(better - before) > TOLERANCE * before
        if not active.any():
            break
    return np.moveaxis(weights, 0, -2), 2 / (weights**2).sum(axis=0)


def jackknifed(looks: float, least: int, independent: bool) -> None:
    """Refuse a jackknife of too few looks, or of looks that share samples."""
    if not independent:
        raise ValueError(
            "interval='jackknife' needs segments that do not overlap: overlap=0; or take method='multitaper'"
        )
    if looks < least:
        raise ValueError(
            f"interval='jackknife' needs at least {least} tapers or segments, got {looks:g}; ask for more of them"
        )


def jackknifed_bounds(power: ArrayLike, weights: ArrayLike, confidence: float) -> tuple[Floats, Floats]:
    """Confidence interval of a weighted mean of spectra by leaving out one at a time, on the logarithm.

    Definition, with ``S_(j)`` the mean without the j-th, its own weights ``w_j`` of sum 1, ``q_j = 1 - w_j``, and
    ``m = sum_j q_j ln S_(j) / sum_j q_j``::

        v = sum_j q_j (ln S_(j) - m)^2,    S exp(-+ t sqrt(v)),    1 / sum_j w_j^2 - 1 degrees of freedom of t

    For equal weights this is the usual jackknife, ``(K - 1)/K sum_j (ln S_(j) - mean)^2`` and ``t`` of ``K - 1``; with
    those factors unequal weights give intervals that are too short (0.87 instead of 0.95 at NW = 2.5).

    Parameters
    ----------
    power, weights : array_like, shapes (..., k, frequency), the weights may have fewer leading entries
    confidence : float
        Level of the two-sided interval.

    Returns
    -------
    lower, upper : ndarray, shape (..., frequency)

    Assumptions
    -----------
    The weights are those of all tapers: they are not solved for again with one left out. The logarithm of S is skew,
    the interval is not: where 0.95 is asked for, 0.94 is what seven tapers reach.

    Accuracy
    --------
    tests/spectral/test_confidence.py: measured coverage, uniform and adaptive.

    References
    ----------
    Thomson & Chave (1991).
    """
    from scipy.special import stdtrit

    each, shares = np.asarray(power, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    shares = shares / shares.sum(axis=-2, keepdims=True)
    parts = shares * each
    estimate = parts.sum(axis=-2)
    mean, squares, norm = np.zeros(estimate.shape), np.zeros(estimate.shape), 0.0
    for j in range(each.shape[-2]):
        others = 1 - shares[..., j, :]
        value = np.log(np.maximum(estimate - parts[..., j, :], TINY) / np.maximum(others, TINY))
        norm = norm + others
        step = value - mean
        mean = mean + others / norm * step
        squares = squares + others * step * (value - mean)
    degrees = np.maximum(1 / (shares**2).sum(axis=-2) - 1, 0.5)
    spread = stdtrit(degrees, (1 + confidence) / 2) * np.sqrt(squares)
    with np.errstate(over="ignore"):
        upper = np.where(estimate > 0, np.exp(spread), 0.0) * estimate
    return estimate * np.exp(-spread), upper
